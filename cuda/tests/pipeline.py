"""Launches the kernels of attempt.cu in their order: what a host program does, in Python."""

import ctypes

from bls12_377 import FQ, FR, R
from constants import TABLE
from harness import Cuda
from puzzle_reference import root_of_unity

WINDOWS, BUCKETS, RUN, RUNS = TABLE.MSM_WINDOWS, TABLE.MSM_BUCKETS, TABLE.MSM_RUN, TABLE.MSM_RUNS
SECOND_FOLDS, RECORD_WORDS = TABLE.MSM_SECOND_FOLDS, TABLE.RECORD_WORDS
ENTRY, POINT, FOLD, AFFINE = (
    TABLE.ENTRY_BYTES,
    TABLE.POINT_BYTES,
    TABLE.FOLD_BYTES,
    TABLE.AFFINE_BYTES,
)
FR_BYTES, HASH = TABLE.FR_BYTES, TABLE.HASH_BYTES
TILE_LOG = TABLE.NTT_TILE_LOG
THREADS, POINT_THREADS, SORT_THREADS = TABLE.THREADS, TABLE.POINT_THREADS, TABLE.MSM_SORT_THREADS
NTT_THREADS, OPENING_THREADS, TABLE_THREADS = (
    TABLE.NTT_THREADS,
    TABLE.OPENING_THREADS,
    TABLE.TABLE_THREADS,
)


def blocks(count, threads):
    """Blocks that cover `count` threads."""
    return (count + threads - 1) // threads


def reverse_bits(k, bits):
    """k with its low bits in reverse order."""
    return int(format(k, f"0{bits}b")[::-1], 2) if bits else 0


def powers(x, count):
    """1, x, x², …"""
    out, y = [], 1
    for _ in range(count):
        out.append(y)
        y = y * x % R
    return out


class Launcher:
    """A module on a device."""

    def upload(self, values):
        """Field elements, as they are."""
        return self.cuda.upload(FR.encode(values))

    def launch(self, kernel, grid, threads, *args):
        """One launch."""
        self.cuda.launch(self.cuda.function(self.module, kernel), grid, [threads], *args)


class Transforms(Launcher):
    """The NTTs of one size."""

    def __init__(self, log_n):
        self.cuda = Cuda()
        self.module = self.cuda.load("attempt")
        self.n, self.log_n = 1 << log_n, log_n
        w, half = root_of_unity(self.n), self.n // 2
        self.roots = self.upload([FR.to_montgomery(x) for x in powers(w, half)])
        self.inverse_roots = self.upload([FR.to_montgomery(x) for x in powers(pow(w, -1, R), half)])

    def transform(self, data, count, inverse):
        """`count` transforms in place."""
        log_n, name = self.log_n, "ntt_inverse_pass" if inverse else "ntt_forward_pass"
        passes = (
            [(0, log_n)]
            if log_n <= TILE_LOG
            else [(0, (log_n + 1) // 2), ((log_n + 1) // 2, log_n // 2)]
        )
        roots = self.inverse_roots if inverse else self.roots
        for first, stages in passes if inverse else reversed(passes):
            self.launch(
                name,
                [max(1, self.n >> TILE_LOG), count],
                NTT_THREADS,
                data,
                roots,
                log_n,
                first,
                stages,
            )


class Msm(Launcher):
    """The MSM over fixed bases, any number of them, for a batch of vectors."""

    def __init__(self, points, batch):
        self.cuda = Cuda()
        self.module = self.cuda.load("attempt")
        self.n, self.batch = len(points), batch
        n = self.n
        bases = self.cuda.upload(FQ.encode([FQ.to_montgomery(v) for p in points for v in p]))
        self.table = self.cuda.alloc(n * WINDOWS * ENTRY)
        build = self.cuda.function(self.cuda.load("table"), "msm_build_table")
        self.cuda.launch(build, [blocks(n, TABLE_THREADS)], [TABLE_THREADS], bases, self.table, n)
        alloc = self.cuda.alloc
        self.entries, self.starts = alloc(4 * batch * n * WINDOWS), alloc(4 * batch * (BUCKETS + 1))
        self.order, self.buckets = alloc(4 * batch * BUCKETS), alloc(batch * BUCKETS * POINT)
        self.folds = [alloc(batch * count * FOLD) for count in (RUNS, SECOND_FOLDS, 1)]

    def msm(self, scalars):
        """The MSM of each vector; the sums are the T of self.folds[2]."""
        n, batch = self.n, self.batch
        self.launch(
            "msm_sort_digits",
            [batch],
            SORT_THREADS,
            scalars,
            n,
            self.entries,
            self.starts,
            self.order,
        )
        self.launch(
            "msm_accumulate",
            [BUCKETS // POINT_THREADS, batch],
            POINT_THREADS,
            self.table,
            n,
            self.entries,
            self.starts,
            self.order,
            self.buckets,
        )
        count = batch * RUNS
        self.launch(
            "msm_fold_first",
            [blocks(count, POINT_THREADS)],
            POINT_THREADS,
            self.buckets,
            self.folds[0],
            count,
        )
        count, width = batch * SECOND_FOLDS, RUNS // SECOND_FOLDS
        self.launch(
            "msm_fold_next",
            [blocks(count, POINT_THREADS)],
            POINT_THREADS,
            self.folds[0],
            self.folds[1],
            width,
            TABLE.MSM_RUN_LOG,
            count,
        )
        self.launch(
            "msm_fold_next",
            [blocks(batch, POINT_THREADS)],
            POINT_THREADS,
            self.folds[1],
            self.folds[2],
            SECOND_FOLDS,
            (RUN * width).bit_length() - 1,
            batch,
        )


class Pipeline(Transforms, Msm):
    """Tables for one size and setup, and buffers for a batch."""

    def __init__(self, points, batch):
        Msm.__init__(self, points, batch)
        Transforms.__init__(self, len(points).bit_length() - 1)
        n, up, to = self.n, self.upload, FR.to_montgomery
        g = root_of_unity(2 * n)  # g^n = -1
        order = [reverse_bits(k, self.log_n) for k in range(n)]
        twist, untwist = powers(g, n), powers(pow(g, -1, R), n)
        self.twist = up([to(twist[k]) for k in order])
        # c carries n/R and u carries n³/R; `mul` adds another 1/R; the quotient halves.
        self.scale = up([to(to(pow(2 * n, -1, R)))])
        u_scale = to(to(pow(2 * n**3, -1, R)))
        self.untwist = up([untwist[k] * u_scale % R for k in order])
        alloc = self.cuda.alloc
        self.abc = alloc(3 * batch * n * FR_BYTES)
        self.h, self.q = alloc(batch * n * FR_BYTES), alloc(batch * n * FR_BYTES)
        self.seeds, self.state = alloc(HASH * batch), alloc(4 * batch)
        self.commitments, self.openings, self.tickets = (
            alloc(AFFINE * batch),
            alloc(AFFINE * batch),
            alloc(HASH * batch),
        )
        self.z, self.z_integer, self.values = (alloc(FR_BYTES * batch) for _ in range(3))

    def part(self, which):
        """The buffer of a, b or c (0, 1, 2)."""
        return ctypes.c_uint64(self.abc.value + which * self.batch * self.n * FR_BYTES)

    def quotient(self):
        """h from the values of a, b and c."""
        n, batch, total = self.n, self.batch, self.batch * self.n
        self.transform(self.abc, 3 * batch, True)
        self.launch(
            "attempt_twist",
            [blocks(2 * total, THREADS)],
            THREADS,
            self.abc,
            self.twist,
            n,
            2 * total,
        )
        self.transform(self.abc, 2 * batch, False)
        self.launch(
            "attempt_product", [blocks(total, THREADS)], THREADS, self.abc, self.part(1), total
        )
        self.transform(self.abc, batch, True)
        self.launch(
            "attempt_quotient",
            [blocks(total, THREADS)],
            THREADS,
            self.part(2),
            self.abc,
            self.scale,
            self.untwist,
            self.h,
            self.log_n,
            total,
        )

    def attempts(self, statement, first_nonce):
        """A batch of attempts; a list of dictionaries."""
        n, batch = self.n, self.batch
        source = self.cuda.upload(statement)
        nonce = ctypes.c_uint64(first_nonce)
        self.launch(
            "attempt_seeds",
            [blocks(batch, POINT_THREADS)],
            POINT_THREADS,
            source,
            nonce,
            self.seeds,
            batch,
        )
        self.launch(
            "attempt_expand",
            [blocks(n, THREADS), batch],
            THREADS,
            self.seeds,
            self.abc,
            self.part(1),
            self.part(2),
            n,
        )
        self.quotient()
        self.msm(self.h)
        self.launch(
            "attempt_point",
            [blocks(batch, POINT_THREADS)],
            POINT_THREADS,
            self.folds[2],
            self.seeds,
            self.commitments,
            self.z,
            self.z_integer,
            self.state,
            self.log_n,
            batch,
        )
        self.launch(
            "attempt_opening", [batch], OPENING_THREADS, self.h, self.z, self.q, self.values, n
        )
        self.msm(self.q)
        self.launch(
            "attempt_ticket",
            [blocks(batch, POINT_THREADS)],
            POINT_THREADS,
            self.folds[2],
            self.seeds,
            self.commitments,
            self.openings,
            self.tickets,
            self.state,
            batch,
        )
        return self.results(batch)

    def results(self, batch):
        """What the last batch of attempts left on the device; a list of dictionaries."""
        download = self.cuda.download
        data = {
            "seed": (self.seeds, HASH),
            "commitment": (self.commitments, AFFINE),
            "point": (self.z_integer, FR_BYTES),
            "value": (self.values, FR_BYTES),
            "opening": (self.openings, AFFINE),
            "ticket": (self.tickets, HASH),
        }
        columns = {name: (download(ptr, size * batch), size) for name, (ptr, size) in data.items()}
        states = self.cuda.download_words(self.state, batch)
        results = []
        for i in range(batch):
            row = {
                name: column[i * size : (i + 1) * size] for name, (column, size) in columns.items()
            }
            row["point"], row["value"] = (
                int.from_bytes(row[k], "little") for k in ("point", "value")
            )
            results.append(dict(row, state=states[i]))
        return results
