"""Parts of an attempt that whole attempts do not reach: other sizes of transforms, and awkward
scalars and bases.
"""

import ctypes
import random

import bls12_377 as bls
import puzzle_reference as puzzle
from bls12_377 import FR, R
from constants import TABLE, WINDOW_BITS
from harness import Cuda, case, check, check_equal, words
from pipeline import (
    AFFINE,
    BUCKETS,
    FOLD,
    FR_BYTES,
    HASH,
    POINT,
    POINT_THREADS,
    RECORD_WORDS,
    SORT_THREADS,
    WINDOWS,
    Launcher,
    Msm,
    Transforms,
    blocks,
    reverse_bits,
)


def transform(values, w):
    """Values at the powers of w of the polynomial with these coefficients, by halves."""
    n = len(values)
    if n == 1:
        return values
    even, odd = transform(values[::2], w * w % R), transform(values[1::2], w * w % R)
    power, low, high = 1, [], []
    for x, y in zip(even, odd):
        low.append((x + power * y) % R)
        high.append((x - power * y) % R)
        power = power * w % R
    return low + high


def transforms(log_n, count):
    gpu, rng, n = Transforms(log_n), random.Random(log_n), 1 << log_n
    # Lazily reduced inputs, extremes among them.
    rows = [[rng.randrange(2 * R) for _ in range(n)] for _ in range(count)]
    rows[0] = [(0, 2 * R - 1, 1, R)[k % 4] for k in range(n)]
    w, order = puzzle.root_of_unity(n), [reverse_bits(k, log_n) for k in range(n)]
    for inverse, root in ((True, pow(w, -1, R)), (False, w)):
        wanted = [transform(row, root) for row in rows]
        # Bit-reversed order is on the side of the coefficients: the output of the inverse, the
        # input of the other.
        inputs = rows if inverse else [[row[k] for k in order] for row in rows]
        data = gpu.upload([v for row in inputs for v in row])
        gpu.transform(data, count, inverse)
        got = FR.decode(gpu.cuda.download(data, count * n * FR_BYTES))
        got = [got[k * n : (k + 1) * n] for k in range(count)]
        if inverse:
            got = [[row[k] for k in order] for row in got]
        ok = (
            all(v < 2 * R for row in got for v in row)
            and [[v % R for v in row] for row in got] == wanted
        )
        check(f"{count} {'inverse' if inverse else 'forward'} transforms of 2^{log_n}", ok)


for _log_n, _count in ((2, 3), (5, 2), (9, 2), (10, 3), (11, 2), (12, 1), (13, 2), (14, 1)):
    case(f"transforms_2_{_log_n}")(lambda log_n=_log_n, count=_count: transforms(log_n, count))
case("transforms_2_15", long=True)(lambda: transforms(15, 1))
case("transforms_with_race_detector", CUEMU_RACE="1", CUEMU_SEED="5")(lambda: transforms(11, 1))


def sums(gpu, vectors):
    """The kernels' MSM of each vector of scalars, as affine points."""
    gpu.msm(gpu.upload([k for vector in vectors for k in vector]))
    data, points = gpu.cuda.download(gpu.folds[2], FOLD * len(vectors)), []
    for k in range(len(vectors)):
        x, y, z, _ = (
            bls.FQ.from_montgomery(v)
            for v in bls.FQ.decode(data[FOLD * k + POINT : FOLD * (k + 1)])
        )
        inverse = pow(z, -1, bls.Q)
        points.append(bls.from_edwards((x * inverse % bls.Q, y * inverse % bls.Q)))
    return points


EDGE_SCALARS = [
    0,
    1,
    2,
    R - 1,
    R - 2,
    (R - 1) // 2,
    (R + 1) // 2,
    2**252 - 1,
    BUCKETS,
    BUCKETS + 1,
    2 * BUCKETS - 1,
    2 * BUCKETS,
]
EDGE_SCALARS += [2 ** WINDOW_BITS[WINDOWS - 1], 2 ** WINDOW_BITS[TABLE.MSM_WIDE_WINDOWS]]


@case()
def msm_edge_scalars():
    """Scalars at which signed digits carry, borrow or vanish, one at a time and all together."""
    g = bls.GENERATOR
    n = len(EDGE_SCALARS)
    points = [bls.multiply(3 * k + 1, g) for k in range(n)]
    vectors = [[k if i == j else 0 for j in range(n)] for i, k in enumerate(EDGE_SCALARS)]
    vectors += [EDGE_SCALARS, [0] * n, [R - k if k else 0 for k in EDGE_SCALARS]]
    got = sums(Msm(points, len(vectors)), vectors)
    for vector, point in zip(vectors, got):
        check_equal(
            f"scalars {[hex(k)[:10] for k in vector if k][:2]}", point, puzzle.msm(vector, points)
        )


@case()
def msm_repeated_and_opposite_bases():
    """All digits of a window in one bucket; sums that pass through infinity; numbers that are no
    multiple of a warp.
    """
    rng, g = random.Random(1), bls.GENERATOR
    p = bls.multiply(rng.randrange(R), g)
    for points in ([p] * 33, [p, bls.negate(p)] * 17 + [g], [g]):
        n, k = len(points), rng.randrange(R)
        vectors = [[k] * n, [1] * n, [rng.randrange(R) for _ in range(n)]]
        check_equal(
            f"{n} bases",
            sums(Msm(points, 3), vectors),
            [puzzle.msm(vector, points) for vector in vectors],
        )


@case()
def msm_digits():
    """Every digit lies in its bucket exactly once, and the fullest buckets come first."""
    rng, n = random.Random(2), 700
    gpu = Msm([bls.GENERATOR] * n, 1)
    scalars = EDGE_SCALARS + [rng.randrange(R) for _ in range(n - len(EDGE_SCALARS))]
    gpu.launch(
        "msm_sort_digits",
        [1],
        SORT_THREADS,
        gpu.upload(scalars),
        n,
        gpu.entries,
        gpu.starts,
        gpu.order,
    )
    words = gpu.cuda.download_words
    starts, order = words(gpu.starts, BUCKETS + 1), words(gpu.order, BUCKETS)
    entries = words(gpu.entries, n * WINDOWS)[: starts[BUCKETS]]
    total = [0] * n
    for bucket in range(BUCKETS):
        for entry in entries[starts[bucket] : starts[bucket + 1]]:
            base, window = divmod(entry >> 1, WINDOWS)
            total[base] += (-1 if entry & 1 else 1) * (bucket + 1) << WINDOW_BITS[window]
    check("digits add up to the scalars", all((t - k) % R == 0 for t, k in zip(total, scalars)))
    check("one entry a digit", len({e >> 1 for e in entries}) == len(entries))
    lengths = [starts[k + 1] - starts[k] for k in order]
    check("order is a permutation", sorted(order) == list(range(BUCKETS)))
    check("the fullest first", lengths == sorted(lengths, reverse=True))


@case()
def infinity_voids_an_attempt():
    """A commitment or an opening at infinity leaves its bit in the attempt's state, and an opening
    clears no bit.
    """
    gpu = Launcher()
    gpu.cuda = Cuda()
    gpu.module = gpu.cuda.load("attempt")
    upload, alloc = gpu.cuda.upload, gpu.cuda.alloc
    x, y = bls.to_edwards(bls.GENERATOR)
    finite = bls.FQ.encode([bls.FQ.to_montgomery(v) for v in (x, y, 1, x * y)])
    identity = bls.FQ.encode([bls.FQ.to_montgomery(v) for v in (0, 1, 1, 0)])
    points = [finite, identity, finite, identity]
    n = len(points)
    folds = upload(b"".join(bytes(POINT) + point for point in points))
    seeds, commitments, openings, tickets = (
        upload(bytes(HASH * n)),
        alloc(AFFINE * n),
        alloc(AFFINE * n),
        alloc(HASH * n),
    )
    state = upload(words([7] * n))
    gpu.launch(
        "attempt_point",
        [1],
        POINT_THREADS,
        folds,
        seeds,
        commitments,
        alloc(FR_BYTES * n),
        alloc(FR_BYTES * n),
        state,
        2,
        n,
    )
    check_equal("commitments", gpu.cuda.download_words(state, n), [0, TABLE.VOID_INFINITY] * 2)
    coordinates = bls.FQ.decode(gpu.cuda.download(commitments, AFFINE * n))
    check_equal("their coordinates", coordinates, [*bls.GENERATOR, 0, 0] * 2)
    infinity, point = TABLE.VOID_INFINITY, TABLE.VOID_POINT
    state = upload(words([0, 0, point, point]))
    gpu.launch(
        "attempt_ticket", [1], POINT_THREADS, folds, seeds, commitments, openings, tickets, state, n
    )
    check_equal(
        "openings", gpu.cuda.download_words(state, n), [0, infinity, point, infinity | point]
    )


M128 = 2**128 - 1


@case()
def filter_compares_all_128_bits():
    """Tickets at the edges of both targets, and a void attempt, which comes back whatever its
    ticket.
    """
    gpu = Launcher()
    gpu.cuda = Cuda()
    gpu.module = gpu.cuda.load("attempt")
    rng = random.Random(3)
    for block, share in (
        (1, 1),
        (M128, 1),
        (1, M128),
        (2**64 - 1, 2**64),
        (2**64 + 5, 7 << 64),
        (3 << 100, 1),
    ):
        edges = [0, 1, 2, M128] + [
            t + d for t in (block, share, block ^ 1 << 64, share ^ 1 << 127) for d in (-1, 0, 1)
        ]
        edges = [v for v in edges if 0 <= v <= M128]
        tickets = [(a, b) for a in edges for b in edges] + [(M128, M128)]
        n = len(tickets)
        states = [0] * (n - 1) + [TABLE.VOID_POINT]
        upload = gpu.cuda.upload
        widths = (TABLE.AFFINE_WORDS, TABLE.FR_WORDS, TABLE.FR_WORDS, TABLE.AFFINE_WORDS)
        columns = [[rng.getrandbits(64) for _ in range(width * n)] for width in widths]
        flat = [half >> shift & 2**64 - 1 for pair in tickets for half in pair for shift in (0, 64)]
        records, count = gpu.cuda.alloc(8 * RECORD_WORDS * n), upload(bytes(4))
        targets = [
            ctypes.c_uint64(target >> shift & 2**64 - 1)
            for target in (block, share)
            for shift in (0, 64)
        ]
        gpu.launch(
            "attempt_filter",
            [blocks(n, POINT_THREADS)],
            POINT_THREADS,
            *(upload(words(c, "Q")) for c in columns),
            upload(words(flat, "Q")),
            upload(words(states)),
            *targets,
            records,
            count,
            n,
        )
        want = [i for i, (a, b) in enumerate(tickets) if a <= block or b <= share or states[i]]
        got = gpu.cuda.download_words(count, 1)[0]
        check_equal(f"number of winners for {hex(block)}, {hex(share)}", got, len(want))
        data = gpu.cuda.download_words(records, RECORD_WORDS * got, "Q")
        rows = sorted(data[RECORD_WORDS * k : RECORD_WORDS * (k + 1)] for k in range(got))
        parts = (
            TABLE.RECORD_COMMITMENT,
            TABLE.RECORD_POINT,
            TABLE.RECORD_VALUE,
            TABLE.RECORD_OPENING,
        )

        def record(i):
            row = [i | states[i] << 32] + [0] * (RECORD_WORDS - 1)
            for at, width, column in zip(parts, widths, columns):
                row[at : at + width] = column[width * i : width * (i + 1)]
            return row

        check_equal("their records", rows, sorted(map(record, want)))
