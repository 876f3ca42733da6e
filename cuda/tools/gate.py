#!/usr/bin/env python3
"""Static gates on the machine code of the kernels, per release of ptxas and architecture.

usage: gate.py             compare with cuda/gates.json; any rise fails, and a fall that is not kept
                           there does too
       gate.py --update    write the counts as they are now

A kernel of `HOT` must not spill, must not use a stack, and must keep within its registers. An entry
of `COUNTS` is a number of SASS instructions, NOPs left out: of a whole kernel, or the difference
between two kernels, one of which does a thing once more than the other. "Multiplies" are those of
them that take the multiplier: IMAD in all its forms, as a copy or a shift too. Counts rank kernels;
they are no time (ceiling.py makes one of them).
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

import build
import toolchain

GATES = toolchain.CUDA / "gates.json"

# Kernel -> most registers a thread may use.
HOT = {
    "fr_mul": 128,
    "fq_mul": 128,
    "point_add_entry": 168,
    "point_add": 168,
    "point_twice": 168,
    "attempt_expand": 64,
    "ntt_inverse_pass": 128,
    "ntt_forward_pass": 128,
    "attempt_twist": 64,
    "attempt_product": 64,
    "attempt_quotient": 64,
    "attempt_opening": 64,
    "msm_sort_digits": 64,
    # Three blocks of 128 threads on a multiprocessor; four would need 128, and spill.
    "msm_accumulate": 168,
    "msm_fold_first": 255,
}
# Name -> (kernel, kernel to subtract or None); with "multiplies" at the end of the name, only
# those.
COUNTS = {
    "fr_mul kernel": ("fr_mul", None),
    "fq_mul kernel": ("fq_mul", None),
    "Fr product": ("fr_mul_twice", "fr_mul"),
    "Fq product": ("fq_mul_twice", "fq_mul"),
    "mixed addition": ("point_add_entry_twice", "point_add_entry"),
    "expand kernel": ("attempt_expand", None),
    "NTT inverse kernel": ("ntt_inverse_pass", None),
    "NTT forward kernel": ("ntt_forward_pass", None),
    "accumulate kernel": ("msm_accumulate", None),
    "first fold kernel": ("msm_fold_first", None),
    "Fq product multiplies": ("fq_mul_twice", "fq_mul"),
    "mixed addition multiplies": ("point_add_entry_twice", "point_add_entry"),
    "expand kernel multiplies": ("attempt_expand", None),
    "NTT inverse kernel multiplies": ("ntt_inverse_pass", None),
    "accumulate kernel multiplies": ("msm_accumulate", None),
    "first fold kernel multiplies": ("msm_fold_first", None),
}
MULTIPLIES = "multiplies"
# Ceilings that hold whatever the file says: (name, architecture) -> instructions.
# A mixed addition takes 7 products; what it may cost on top of them.
MIXED_PRODUCTS, MIXED_OVERHEAD = 7, 1.15
CEILINGS = {("fq_mul kernel", "sm_80"): 568, ("fq_mul kernel", "sm_89"): 580}


def resources(report):
    """Registers, stack and spilled bytes of each kernel, from ptxas -v."""
    found = {}
    for name, body in re.findall(
        r"Compiling entry function '(\w+)'(.*?)(?=Compiling entry|\Z)", report, re.S
    ):
        stack, stores, loads = re.search(
            r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", body
        ).groups()
        registers = re.search(r"Used (\d+) registers", body).group(1)
        found[name] = {
            "registers": int(registers),
            "stack": int(stack),
            "spilled": int(stores) + int(loads),
        }
    return found


def measure():
    """All kernels' resources and all counts: two dictionaries by target."""
    used, opcodes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for assembler, arch, cubin, report in build.assemble(folder):
            target = (assembler.version, arch)
            used.setdefault(target, {}).update(resources(report))
            if arch in toolchain.DISASSEMBLED:
                opcodes.setdefault(target, {}).update(toolchain.sass(cubin))

    def count(kernels, kernel, name):
        if not kernel:
            return 0
        counted = "IMAD" if name.endswith(MULTIPLIES) else ""
        return sum(op != "NOP" and op.startswith(counted) for op in kernels[kernel])

    counts = {
        target: {
            name: count(n, whole, name) - count(n, less, name)
            for name, (whole, less) in COUNTS.items()
        }
        for target, n in sorted(
            opcodes.items(), key=lambda it: (it[0][0], toolchain.ARCHS.index(it[0][1]))
        )
    }
    return used, counts


def by_version(counts):
    """Counts as gates.json has them: by release of ptxas, then by architecture."""
    nested = {}
    for (version, arch), values in counts.items():
        nested.setdefault(version, {})[arch] = values
    return nested


def violations(used, counts, kept):
    """What breaks a gate, one line each."""
    for (version, arch), kernels in used.items():
        target = f"ptxas {version}, {arch}:"
        for kernel, limit in HOT.items():
            got = kernels.get(kernel)
            if got is None:
                yield f"{target} {kernel}: no such kernel"
                continue
            if got["spilled"] or got["stack"]:
                yield (
                    f"{target} {kernel}: {got['spilled']} bytes spilled, "
                    f"{got['stack']} bytes of stack"
                )
            if got["registers"] > limit:
                yield (
                    f"{target} {kernel}: {got['registers']} registers, at most {limit} are allowed"
                )
    for (version, arch), values in counts.items():
        target = f"ptxas {version}, {arch}:"
        for name, n in values.items():
            before = kept.get(version, {}).get(arch, {}).get(name)
            if n != before:
                yield (
                    f"{target} {name}: {n} instructions, "
                    f"{'none' if before is None else before} in gates.json"
                )
            if n > CEILINGS.get((name, arch), n):
                yield (
                    f"{target} {name}: {n} instructions, at most {CEILINGS[name, arch]} are allowed"
                )
        most = int(MIXED_PRODUCTS * MIXED_OVERHEAD * values["Fq product"])
        if values["mixed addition"] > most:
            yield (
                f"{target} mixed addition: {values['mixed addition']} instructions, "
                f"at most {most} are allowed"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true", help="keep the counts as they are now")
    args = parser.parse_args()
    try:
        used, counts = measure()
    except toolchain.ToolError as e:
        sys.exit(f"gate: {e}")
    if args.update:
        GATES.write_text(json.dumps(by_version(counts), indent=2) + "\n")
    try:
        kept = json.loads(GATES.read_text())
    except (OSError, ValueError) as e:
        sys.exit(f"gate: cuda/gates.json: {e}; `gate.py --update` writes it anew")
    found = list(violations(used, counts, kept))
    width = max(map(len, COUNTS))
    for version, archs in by_version(counts).items():
        print(f"{'ptxas ' + version:{width}}", *(f"{arch:>7}" for arch in archs))
        for name in COUNTS:
            print(f"{name:{width}}", *(f"{values[name]:7}" for values in archs.values()))
        kernels = used[version, "sm_89"]
        print(
            "registers on sm_89:",
            ", ".join(f"{k} {kernels[k]['registers']}" for k in HOT if k in kernels),
        )
    for line in found:
        print(f"FAIL {line}")
    print(f"{len(found)} gates broken")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
