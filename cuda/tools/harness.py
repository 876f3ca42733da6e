"""What tests of kernels and of the emulator share: the driver API through ctypes, and a registry of
cases.

A case is a function that calls `check` any number of times. Each runs in a process of its own,
because the emulator reads its settings when it is loaded, and because a fatal report ends the
process.
"""

import ctypes
import dataclasses
import fcntl
import functools
import hashlib
import importlib.util
import os
import pathlib
import struct
import sys
import threading

import toolchain

OUT_OF_MEMORY = 2
INVALID_CONTEXT = 201
INVALID_PTX = 218
INVALID_HANDLE = 400
ILLEGAL_ADDRESS = 700
CONTEXT_IS_DESTROYED = 709
LAUNCH_FAILED = 719


# --- Cases ----------------------------------------------------------------------------------------


@dataclasses.dataclass
class Case:
    """A registered test: its settings, and how it must end."""

    name: str
    run: object
    env: dict
    dies: str  # the process must abort after a report that matches; empty: it must not
    stderr: str  # something that standard error must match, or empty
    long: bool


CASES = []
# For cases with large kernels and few threads: compiling at -O1 would take longer than running.
FAST_BUILD = {"CUEMU_CFLAGS": "-O0 -ftrivial-auto-var-init=pattern"}


def case(name=None, dies="", stderr="", long=False, **env):
    """Register a test; `env` are settings of the emulator, such as CUEMU_SEED="1"."""

    def register(function):
        CASES.append(Case(name or function.__name__, function, env, dies, stderr, long))
        return function

    return register


def check(name, ok, detail=""):
    """Report one check to the runner."""
    print(
        ("PASS " if ok else "FAIL ") + name + (f": {detail}" if detail and not ok else ""),
        flush=True,
    )


def check_equal(name, got, want):
    """Report whether two values are equal."""
    check(name, got == want, f"got {str(got)[:80]}, want {str(want)[:80]}")


def error_of(action, *args):
    """The CUDA error that an action ends with, or 0."""
    try:
        action(*args)
    except CudaError as e:
        return e.code
    return 0


def in_threads(count, action):
    """Run action(0) to action(count - 1) in threads at once; raise the first exception again."""
    errors = []

    def guarded(i):
        try:
            action(i)
        except Exception as e:  # noqa: BLE001
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- The driver API -------------------------------------------------------------------------------


class CudaError(Exception):
    """A call of the driver API failed."""

    def __init__(self, call, code):
        super().__init__(f"{call}: error {code}")
        self.code = code


@functools.cache
def library():
    """The emulated libcuda, built if need be."""
    spec = importlib.util.spec_from_file_location(
        "emulator_build", toolchain.CUDA / "emulator" / "build.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = module.build()
    os.environ.setdefault("CUEMU_CACHE", str(folder / "modules"))
    return ctypes.CDLL(str(folder / "libcuda.so.1"))


@functools.cache
def test_ptx(name):
    """PTX of a kernel file: from the repository, or, for the emulator's own tests, compiled and
    kept in the cache.
    """
    kept = toolchain.PTX / f"{name}.ptx"
    if kept.exists():
        return kept.read_bytes()
    source = toolchain.CUDA / "emulator" / "tests" / f"{name}.cu"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    cached = toolchain.cache_folder() / "cuemu" / f"{name}-{digest}.ptx"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        fresh = cached.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(toolchain.Nvrtc().ptx(source, arch="compute_80"))
        fresh.rename(cached)
    return cached.read_bytes()


class Cuda:
    """The driver, with the context of device `ordinal` current in this thread."""

    def __init__(self, ordinal=0):
        self.lib = library()
        self.ordinal = ordinal
        self.call("cuInit", 0)
        self.context = ctypes.c_void_p()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), ordinal)
        self.bind()

    def call(self, name, *args):
        """Call a driver function; raise CudaError unless it succeeds."""
        if code := getattr(self.lib, name)(*args):
            raise CudaError(name, code)

    def error(self, name, *args):
        """The error code of a call, 0 if it succeeds."""
        return getattr(self.lib, name)(*args)

    def bind(self):
        """Make this context the current one."""
        self.call("cuCtxSetCurrent", self.context)

    def release(self):
        """Give the primary context back."""
        self.call("cuDevicePrimaryCtxRelease_v2", self.ordinal)

    # Memory.

    def alloc(self, size):
        """Device memory, poisoned."""
        ptr = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(ptr), ctypes.c_size_t(size))
        return ptr

    def free(self, ptr):
        """Free device memory."""
        self.call("cuMemFree_v2", ptr)

    def upload(self, data):
        """Device memory with these bytes."""
        ptr = self.alloc(len(data))
        self.call("cuMemcpyHtoD_v2", ptr, bytes(data), ctypes.c_size_t(len(data)))
        return ptr

    def download(self, ptr, size):
        """Bytes of device memory."""
        buffer = ctypes.create_string_buffer(size)
        self.call("cuMemcpyDtoH_v2", buffer, ptr, ctypes.c_size_t(size))
        return buffer.raw

    def download_words(self, ptr, count, letter="I"):
        """Words of device memory; `letter` is struct's."""
        data = self.download(ptr, count * struct.calcsize("<" + letter))
        return list(struct.unpack(f"<{count}{letter}", data))

    def memory_info(self):
        """Free and total memory in bytes."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    # Modules.

    def load(self, name):
        """The module of a kernel file, by its name without suffix. Of several processes one
        compiles, the others wait.
        """
        ptx = test_ptx(name)
        with open(
            toolchain.cache_folder() / "cuemu" / f"{name}.lock", "w", encoding="ascii"
        ) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self.load_text(ptx)

    def load_text(self, ptx):
        """A module from PTX."""
        module = ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(ptx))
        return module

    def function(self, module, name):
        """A kernel of a module."""
        fn = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(fn), module, name.encode())
        return fn

    def launch_error(self, fn, grid, block, *args, shared=0):
        """Launch and return the error code. Integers are passed as u32."""
        values = [a if hasattr(a, "value") else ctypes.c_uint32(a) for a in args]
        pointers = [ctypes.cast(ctypes.pointer(v), ctypes.c_void_p) for v in values]
        array = (ctypes.c_void_p * len(values))(*pointers)
        size = [*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))]
        return self.error("cuLaunchKernel", fn, *size, shared, None, array, None)

    def launch(self, fn, grid, block, *args, shared=0):
        """Launch; raise CudaError unless it succeeds."""
        if code := self.launch_error(fn, grid, block, *args, shared=shared):
            raise CudaError("cuLaunchKernel", code)


def words(values, letter="I"):
    """Little-endian bytes of integers; `letter` is struct's."""
    return struct.pack(f"<{len(values)}{letter}", *values)


def import_tests():
    """Import every test_*.py, which registers its cases."""
    for folder in (toolchain.CUDA / "emulator" / "tests", toolchain.CUDA / "tests"):
        sys.path.insert(0, str(folder))
        for path in sorted(pathlib.Path(folder).glob("test_*.py")):
            importlib.import_module(path.stem)
