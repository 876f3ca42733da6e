#!/usr/bin/env python3
"""What a card could do at most, from the counts in cuda/gates.json: nothing here was measured on
hardware.

usage: ceiling.py             the tables of docs/src/cuda.md, as Markdown
       ceiling.py --check     fail if docs/src/cuda.md holds other ones
       ceiling.py --update    write them there

An attempt's machine instructions are the instructions of its parts, counted in machine code, times
how often the structure of the kernels runs each part. Three limits follow, and the lowest is the
ceiling: the multiplier, the issue of instructions, and the memory's bandwidth if every entry of the
table comes from memory and none from the L2 cache.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import constants
from constants import TABLE

CUDA = pathlib.Path(__file__).resolve().parent.parent
PAGE = CUDA.parent / "docs" / "src" / "cuda.md"
BEGIN, END = "<!-- ceiling.py: begin -->\n", "<!-- ceiling.py: end -->\n"

# Threads' instructions per clock and multiprocessor, compute capability 7.0 to 12.0 (CUDA C++
# Programming Guide, "Arithmetic Instructions", 32-bit integer multiply-add; four schedulers issue
# one warp's instruction each).
MULTIPLIES_PER_CLOCK, ISSUES_PER_CLOCK = 64, 128


@dataclasses.dataclass
class Card:
    """A card, as NVIDIA's data sheets describe it."""

    name: str
    arch: str
    multiprocessors: int
    boost_mhz: int
    memory_gb_per_s: int
    l2_mb: int


CARDS = [
    Card("RTX 3080 (10 GB)", "sm_86", 68, 1710, 760, 5),
    Card("RTX 3090", "sm_86", 82, 1695, 936, 6),
    Card("RTX 4090", "sm_89", 128, 2520, 1008, 72),
    Card("RTX 5090", "sm_120", 170, 2407, 1792, 96),
    Card("RTX A5000", "sm_86", 64, 1695, 768, 6),
    Card("A100 (SXM, 80 GB)", "sm_80", 108, 1410, 2039, 40),
    Card("H100 (SXM)", "sm_90", 132, 1980, 3350, 50),
]

# Whose code the counts are of; the other release's differ by 3 % at most.
ASSEMBLER = "12.9"

# --- The structure of an attempt: cuda/kernels ----------------------------------------------------

LOG_N = 13
N = 1 << LOG_N
STARTS = constants.WINDOW_BITS
# Bits of each window but the top one, and the digits of that, not negative: scalars are at most (r
# - 1)/2.
WINDOW_BITS = [end - start for start, end in zip(STARTS, STARTS[1:-1])]
TOP_VALUES = ((constants.R - 1) // 2 >> STARTS[-2]) + 1
BUCKETS, RUN, RUNS, SECOND_FOLDS = (
    TABLE.MSM_BUCKETS,
    TABLE.MSM_RUN,
    TABLE.MSM_RUNS,
    TABLE.MSM_SECOND_FOLDS,
)
ENTRY_BYTES, POINT_BYTES, FR_BYTES = TABLE.ENTRY_BYTES, TABLE.POINT_BYTES, TABLE.FR_BYTES
SECTOR_BYTES = 32
MIXED, ADDITION, DOUBLING, INVERSION = 7, 9, 8, 500  # products

# Digits that are not zero, on average.
DIGITS = N * sum(1 - 2.0**-bits for bits in WINDOW_BITS) + N * (1 - 1.0 / (2 * TOP_VALUES))
MIXED_ADDITIONS = DIGITS - BUCKETS
FIRST_FOLD_ADDITIONS = RUNS * 2 * (RUN - 1)


def fold_products(threads, width, unit_log):
    """Products of `threads` folds of `width` folds each: msm_fold."""
    return threads * ((3 * (width - 1)) * ADDITION + unit_log * DOUBLING)


WIDTH = RUNS // SECOND_FOLDS
LATER_FOLDS = fold_products(SECOND_FOLDS, WIDTH, TABLE.MSM_RUN_LOG)
LATER_FOLDS += fold_products(1, SECOND_FOLDS, (RUN * WIDTH).bit_length() - 1)
BUTTERFLIES = 6 * (N // 2) * LOG_N
# Expansion 1, twist 2, product 1, quotient 2, opening 3 for each coefficient.
OTHER_FR_PRODUCTS = 9 * N
# Products of a butterfly kernel's code: one radix-4 step and one radix-2 step.
NTT_KERNEL_PRODUCTS = 5

# A variable-base Pippenger in XYZZ coordinates: mixed addition 10 products, addition 14; signed
# windows. Once with a full addition for every digit and bucket, as it is usually counted, and once
# with what our own count leaves out: digits that are zero, the first point of a bucket, the first
# additions of the sum over the buckets.
PIPPENGER = min(
    (-(-253 // bits) * (N * 10 + 2 * 2 ** (bits - 1) * 14), bits) for bits in range(6, 16)
)
THRIFTY_PIPPENGER = min(
    (
        -(-253 // bits)
        * ((N * (1 - 2.0**-bits) - 2 ** (bits - 1)) * 10 + 2 * (2 ** (bits - 1) - 1) * 14),
        bits,
    )
    for bits in range(6, 16)
)


def msm_products():
    """(step, products) of one MSM."""
    return [
        (
            f"bucket sums: {DIGITS:,.0f} digits that are not zero, the first of a bucket for 1, "
            f"the others for {MIXED}",
            MIXED_ADDITIONS * MIXED + BUCKETS,
        ),
        (
            f"first fold: {RUNS} runs of {RUN} buckets, {2 * (RUN - 1)} additions of {ADDITION}",
            FIRST_FOLD_ADDITIONS * ADDITION,
        ),
        ("second and third fold", LATER_FOLDS),
        ("to affine coordinates: one inversion", INVERSION),
    ]


def instructions(counts):
    """(part, all instructions, multiplies) of one attempt."""

    def both(name):
        return counts[name], counts[name + " multiplies"]

    def part(name, times, each):
        return name, times * each[0], times * each[1]

    def divided(each, by):
        return each[0] / by, each[1] / by

    product = both("Fq product")
    butterfly = divided(both("NTT inverse kernel"), NTT_KERNEL_PRODUCTS)
    return [
        part(
            f"2 × {MIXED_ADDITIONS:,.0f} mixed additions",
            2 * MIXED_ADDITIONS,
            both("mixed addition"),
        ),
        part(
            f"2 × {FIRST_FOLD_ADDITIONS:,} additions of the first fold",
            2 * FIRST_FOLD_ADDITIONS,
            divided(both("first fold kernel"), 2),
        ),
        part(
            "2 × first entries of buckets, later folds, inversion: products",
            2 * (BUCKETS + LATER_FOLDS + INVERSION),
            product,
        ),
        part(
            f"{BUTTERFLIES:,} butterflies and {OTHER_FR_PRODUCTS:,} other products of Fr",
            BUTTERFLIES + OTHER_FR_PRODUCTS,
            butterfly,
        ),
        part(f"{N:,} expansions of the seed", N, both("expand kernel")),
    ]


def table_bytes_read():
    """Bytes of the table that the digits of both MSMs touch, in whole sectors."""
    return 2 * DIGITS * -(-(ENTRY_BYTES + 16) // SECTOR_BYTES) * SECTOR_BYTES


def other_bytes():
    """All other traffic of an attempt: transforms, vectors, digits, buckets."""
    transforms = 6 * 2 * 2 * N * FR_BYTES  # two passes, read and written
    vectors = (
        (3 + 4 + 3 + 3 + 4 + 2) * N * FR_BYTES
    )  # expansion, twist, product, quotient, opening, digits
    digits, buckets = 2 * 2 * 4 * DIGITS, 2 * 2 * BUCKETS * POINT_BYTES
    return transforms + vectors + digits + buckets


def limits(card, counts):
    """Attempts per second: by the multiplier, by issue, by memory without and with the table in the
    cache.
    """
    parts = instructions(counts[card.arch])
    clocks = card.multiprocessors * card.boost_mhz * 1e6
    return {
        "multiplier": clocks * MULTIPLIES_PER_CLOCK / sum(p[2] for p in parts),
        "issue": clocks * ISSUES_PER_CLOCK / sum(p[1] for p in parts),
        "memory": card.memory_gb_per_s * 1e9 / (table_bytes_read() + other_bytes()),
        "memory, table in L2": card.memory_gb_per_s * 1e9 / other_bytes(),
    }


def tables(counts):
    """The Markdown."""
    lines = ["Fq products of one MSM with n = 2^13:", "", "| step | products |", "| --- | ---: |"]
    steps = msm_products()
    lines += [f"| {name} | {products:,.0f} |" for name, products in steps]
    total, (pippenger, bits) = sum(products for _, products in steps), PIPPENGER
    thrifty, thrifty_bits = THRIFTY_PIPPENGER
    lines += [
        f"| **sum** | **{total:,.0f}** |",
        "",
        f"Two MSMs are {2 * total / 1e6:.2f} M. A variable-base Pippenger in XYZZ coordinates "
        "(mixed addition 10, addition 14) is "
        f"cheapest with {-(-253 // bits)} signed windows of {bits} bits: {pippenger / 1e6:.2f} M "
        "per MSM, "
        f"{2 * pippenger / 1e6:.2f} M for both, **{pippenger / total:.2f} times as many**. That is "
        "the usual count, with a full addition for "
        "every digit and bucket. Without those that our count leaves out (digits that are zero, "
        "first points of buckets) it is cheapest "
        f"with {-(-253 // thrifty_bits)} windows of {thrifty_bits} bits: {thrifty / 1e6:.2f} M per "
        "MSM, "
        f"**{thrifty / total:.2f} times as many**.",
        "",
        "Machine instructions of one attempt on sm_89, in millions of a thread's instructions:",
        "",
        "| part | all | multiplies |",
        "| --- | ---: | ---: |",
    ]
    parts = instructions(counts["sm_89"])
    lines += [
        f"| {name} | {every / 1e6:.1f} | {multiplies / 1e6:.1f} |"
        for name, every, multiplies in parts
    ]
    every, multiplies = sum(p[1] for p in parts), sum(p[2] for p in parts)
    lines += [
        f"| **sum** | **{every / 1e6:.0f}** | **{multiplies / 1e6:.0f}** |",
        "",
        "Predicted ceilings, in attempts per second, at the boost clock:",
        "",
        "| card | SMs | MHz | GB/s | L2, MB | multiplier | issue | memory, table not cached | "
        "ceiling | with half the "
        "multiplier |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for card in CARDS:
        limit = limits(card, counts)
        # The table takes 23.6 MB; a cache of twice that keeps it.
        cached = card.l2_mb * 1e6 >= 2 * N * TABLE.MSM_WINDOWS * ENTRY_BYTES
        memory = limit["memory, table in L2" if cached else "memory"]
        ceiling = min(limit["multiplier"], limit["issue"], memory)
        half = min(limit["multiplier"] / 2, limit["issue"], memory)
        lines.append(
            f"| {card.name} | {card.multiprocessors} | {card.boost_mhz} | {card.memory_gb_per_s} | "
            f"{card.l2_mb} "
            f"| {limit['multiplier']:,.0f} | {limit['issue']:,.0f} | {limit['memory']:,.0f} | "
            f"**{ceiling:,.0f}** | {half:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail if the page differs")
    parser.add_argument("--update", action="store_true", help="write the page's tables")
    args = parser.parse_args()
    text = tables(json.loads((CUDA / "gates.json").read_text())[ASSEMBLER])
    if not (args.check or args.update):
        print(text, end="")
        return
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    fresh = head + BEGIN + text + END + rest.split(END)[1]
    if args.update:
        PAGE.write_text(fresh, encoding="utf-8")
    elif fresh != page:
        sys.exit(f"ceiling: {PAGE} holds other tables; write them with ceiling.py --update")


if __name__ == "__main__":
    main()
