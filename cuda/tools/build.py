#!/usr/bin/env python3
"""Compile cuda/kernels/*.cu to the PTX that the repository keeps in cuda/ptx/.

usage: build.py            compile, and write what changed
       build.py --check    compile, and fail if the repository's PTX differs
       build.py --cubin D  also assemble machine code into folder D, with each ptxas for every
                           architecture that it knows

NVRTC's output is the same byte for byte from run to run. That each ptxas accepts it is the first
thing that gate.py finds out.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys

import toolchain


def kernels():
    """The translation units, in a fixed order."""
    return sorted(toolchain.KERNELS.glob("*.cu"))


def compile_all(check):
    """Compile each kernel file; return the names where the PTX differs from the repository's."""
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


def assemble(folder):
    """Assemble every PTX file with each ptxas for every architecture; a list of (assembler, arch,
    cubin, ptxas' report).
    """
    jobs = [
        (assembler, arch, source.stem)
        for source in kernels()
        for assembler in toolchain.ASSEMBLERS
        for arch in assembler.archs
    ]

    def run(job):
        assembler, arch, name = job
        cubin = pathlib.Path(folder) / f"{name}.{arch}.{assembler.version}.cubin"
        return (
            assembler,
            arch,
            cubin,
            toolchain.ptxas(assembler, toolchain.PTX / f"{name}.ptx", arch, cubin),
        )

    toolchain.site_packages()  # installed once, not by every thread
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, jobs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="fail if the PTX in the repository differs"
    )
    parser.add_argument("--cubin", metavar="FOLDER", help="keep the machine code there")
    args = parser.parse_args()
    try:
        differing = compile_all(args.check)
        if args.cubin:
            pathlib.Path(args.cubin).mkdir(parents=True, exist_ok=True)
            print(f"{len(assemble(args.cubin))} files of machine code in {args.cubin}")
    except toolchain.ToolError as e:
        sys.exit(f"build: {e}")
    for name in differing:
        print(f"{'differs' if args.check else 'written'}: {name}")
    print(f"{len(kernels())} kernel files")
    sys.exit(bool(args.check and differing))


if __name__ == "__main__":
    main()
