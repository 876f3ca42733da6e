#!/usr/bin/env python3
"""Compile cuda/kernels/*.cu to the PTX that the repository keeps in cuda/ptx/.

usage: build.py            compile, and write what changed
       build.py --check    compile, and fail if the repository's PTX differs
       build.py --cubin D  also assemble machine code for every architecture into folder D

NVRTC's output is the same byte for byte from run to run. ptxas must accept each file for every architecture.
"""

import argparse
import pathlib
import sys
import tempfile

import toolchain


def kernels():
    """The translation units, in a fixed order."""
    return sorted(toolchain.KERNELS.glob("*.cu"))


def compile_all(check):
    """Compile each kernel file; return the names of those whose PTX differs from the repository's."""
    nvrtc, differing = toolchain.Nvrtc(), []
    toolchain.PTX.mkdir(exist_ok=True)
    for source in kernels():
        ptx, target = nvrtc.ptx(source), toolchain.PTX / (source.stem + ".ptx")
        if not target.exists() or target.read_bytes() != ptx:
            differing.append(target.name)
            if not check:
                target.write_bytes(ptx)
    stale = {p.stem for p in toolchain.PTX.glob("*.ptx")} - {s.stem for s in kernels()}
    for name in sorted(stale):
        differing.append(f"{name}.ptx (no source)")
        if not check:
            (toolchain.PTX / f"{name}.ptx").unlink()
    return differing


def assemble(folder, archs=toolchain.ARCHS):
    """Assemble every PTX file for every architecture; yield (file, arch, cubin, ptxas' report)."""
    for source in kernels():
        for arch in archs:
            cubin = pathlib.Path(folder) / f"{source.stem}.{arch}.cubin"
            yield source.stem, arch, cubin, toolchain.ptxas(toolchain.PTX / f"{source.stem}.ptx", arch, cubin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail if the PTX in the repository differs")
    parser.add_argument("--cubin", metavar="FOLDER", help="keep the machine code there")
    args = parser.parse_args()
    try:
        differing = compile_all(args.check)
        with tempfile.TemporaryDirectory() as work:
            folder = args.cubin or work
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            count = sum(1 for _ in assemble(folder))
    except toolchain.ToolError as e:
        sys.exit(f"build: {e}")
    for name in differing:
        print(f"{'differs' if args.check else 'written'}: {name}")
    print(f"{len(kernels())} kernel files, {count} assemblies")
    sys.exit(bool(args.check and differing))


if __name__ == "__main__":
    main()
