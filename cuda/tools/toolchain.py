"""The CUDA compilers and their inspection tools, from pinned wheels; no driver, GPU or toolkit is
needed.

The wheels are installed on first use into a folder below Lode's cache folder. Nothing is installed
elsewhere, and `pip` checks every hash in requirements.txt.
"""

import ctypes
import dataclasses
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

import constants

HERE = pathlib.Path(__file__).resolve().parent
CUDA = HERE.parent
KERNELS = CUDA / "kernels"
PTX = CUDA / "ptx"
REQUIREMENTS = HERE / "requirements.txt"

# The lowest architecture that the kernels run on; the driver compiles its PTX for whatever card it
# finds.
VIRTUAL_ARCH = "compute_70"
# NVRTC 12.9 writes ISA 8.8, which only recent drivers accept. The kernels use nothing newer than
# 7.0 (driver 450), and `build.py` has ptxas confirm that; driver 525, the oldest that Lode
# supports, accepts up to 8.0.
PTX_VERSION = "7.0"
# What the gates and releases assemble for: Volta, Turing, A100, RTX 30, RTX 40, H100, RTX 50.
ARCHS = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_120")
# cuobjdump 13 cannot read Volta's machine code: for sm_70 only ptxas' own report (registers,
# spills) is available.
DISASSEMBLED = ARCHS[1:]


@dataclasses.dataclass(frozen=True)
class Assembler:
    """A release of ptxas, the part of a driver that makes machine code of PTX."""

    version: str
    program: str  # where its wheel has it
    archs: tuple


# Drivers have the one of their CUDA version: up to 575 it is 12's, from 580 on 13's, which knows
# Volta no more (nor do they).
ASSEMBLERS = (
    Assembler("12.9", "nvidia/cuda_nvcc/bin/ptxas", ARCHS),
    Assembler("13.5", "nvidia/cu13/bin/ptxas", ARCHS[1:]),
)


class ToolError(Exception):
    """A tool is missing, or refused its input."""


def cache_folder():
    """Lode's cache folder, the one that ./x uses."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "lode"


@functools.cache
def site_packages():
    """The folder with the installed wheels; installs them first where they are missing."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    home = cache_folder() / "tools" / f"cuda-toolchain-{wanted}"
    done = home / "complete"
    if not done.exists():
        print(f"installing the CUDA compilers (500 MB) into {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        # Into a folder of its own: a virtual environment needs Debian's package python3-venv.
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        command += ["--require-hashes", "--target", str(home / "site"), "-r", str(REQUIREMENTS)]
        env = dict(os.environ, PIP_ROOT_USER_ACTION="ignore")
        if subprocess.run(command, env=env, check=False).returncode:
            raise ToolError("cannot install the CUDA compilers: " + " ".join(command))
        done.touch()
    return home / "site"


def ptxas(assembler, ptx, arch, cubin):
    """Assemble PTX to machine code; return ptxas' report on registers, stack and spills."""
    tool = site_packages() / assembler.program
    result = subprocess.run(
        [tool, f"-arch={arch}", "-v", str(ptx), "-o", str(cubin)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ToolError(f"ptxas {assembler.version} -arch={arch} {ptx}:\n{result.stderr.strip()}")
    return result.stdout + result.stderr


def sass(cubin):
    """The machine instructions of each kernel in a cubin: a dictionary of lists of opcodes."""
    folder = site_packages() / "nvidia/cu13/bin"
    env = dict(
        os.environ, PATH=f"{folder}:{os.environ.get('PATH', '')}"
    )  # cuobjdump calls nvdisasm
    result = subprocess.run(
        [folder / "cuobjdump", "-sass", str(cubin)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    kernels, current = {}, None
    for line in result.stdout.splitlines():
        if name := re.match(r"\s+Function : (\S+)", line):
            current = kernels.setdefault(name.group(1), [])
        elif code := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\d\s+)?([A-Z][A-Z0-9_.]*)", line):
            current.append(code.group(1))
    if result.returncode or not kernels:
        raise ToolError(f"cuobjdump -sass {cubin}:\n{result.stderr.strip()}")
    return kernels


class Nvrtc:
    """NVIDIA's run-time compiler: CUDA C++ to PTX."""

    def __init__(self):
        found = sorted(site_packages().glob("nvidia/cuda_nvrtc/lib/libnvrtc.so.*"))
        if not found:
            raise ToolError("the NVRTC wheel has no libnvrtc.so")
        self.lib = ctypes.CDLL(str(found[0]))
        self.lib.nvrtcGetErrorString.restype = ctypes.c_char_p

    def _call(self, function, *args):
        if code := getattr(self.lib, "nvrtc" + function)(*args):
            raise ToolError(f"nvrtc{function}: {self.lib.nvrtcGetErrorString(code).decode()}")

    def _output(self, program, what):
        size = ctypes.c_size_t()
        self._call(f"Get{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(max(size.value, 1))
        self._call(f"Get{what}", program, buffer)
        return buffer.raw[: size.value].rstrip(b"\0")

    def ptx(self, source, arch=VIRTUAL_ARCH, defines=(), includes=(KERNELS,)):
        """Compile a file, which may include constants.h; the PTX carries the ISA version
        PTX_VERSION.
        """
        program = ctypes.c_void_p()
        header, name_of_header = (
            ctypes.c_char_p(constants.header().encode()),
            ctypes.c_char_p(b"constants.h"),
        )
        options = [f"--gpu-architecture={arch}", "--std=c++17"]
        options += [f"--include-path={folder}" for folder in includes]
        options += [f"--define-macro={macro}" for macro in defines]
        array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        text, name = pathlib.Path(source).read_bytes(), os.path.basename(source).encode()
        self._call(
            "CreateProgram",
            ctypes.byref(program),
            text,
            name,
            1,
            ctypes.byref(header),
            ctypes.byref(name_of_header),
        )
        failed = self.lib.nvrtcCompileProgram(program, len(options), array)
        log = self._output(program, "ProgramLog").decode(errors="replace").strip()
        image = b"" if failed else self._output(program, "PTX")
        self._call("DestroyProgram", ctypes.byref(program))
        if failed:
            raise ToolError(f"{source} does not compile:\n{log}")
        if log:
            print(log, file=sys.stderr)
        return re.sub(
            rb"^\.version .*$", b".version " + PTX_VERSION.encode(), image, count=1, flags=re.M
        )
