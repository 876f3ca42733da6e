"""Whole attempts and their parts, against the definition in Python and against the vectors of the
puzzle.
"""

import json
import pathlib

import puzzle_reference as puzzle
import toolchain
from harness import case, check, check_equal
from pipeline import Pipeline

VECTORS = pathlib.Path(toolchain.CUDA).parent / "puzzle" / "tests" / "vectors" / "puzzle.json"
STATEMENT = bytes(range(32))


def small_attempts(log_n, batch, nonce):
    points = puzzle.test_setup(1 << log_n)
    got = Pipeline(points, batch).attempts(STATEMENT, nonce)
    for i, row in enumerate(got):
        want = dict(puzzle.attempt(STATEMENT, (nonce + i) % 2**64, points), state=0)
        wrong = [name for name in want if row[name] != want[name]]
        check(f"n = {1 << log_n}, nonce {nonce + i}", not wrong, f"{wrong} differ")


for _log_n, _batch, _nonce in ((2, 3, 0), (3, 1, 7), (4, 2, 2**32 - 1), (6, 2, 2**64 - 2)):
    case(f"attempts_of_size_2_{_log_n}")(
        lambda log_n=_log_n, batch=_batch, nonce=_nonce: small_attempts(log_n, batch, nonce)
    )


@case(CUEMU_SEED="3", CUEMU_RACE="1")
def attempts_in_shuffled_order():
    """Another order of threads, with the race detector: the order of a bucket's entries changes,
    its sum does not.
    """
    small_attempts(5, 2, 11)


def vectors(chosen):
    """Whole attempts of the real size over the real setup, equal to the puzzle's vectors byte for
    byte.
    """
    points = puzzle.setup(1 << 13)
    if points is None:
        check("the setup is there (run `cargo fetch` first)", False)
        return
    pipeline = Pipeline(points, 1)
    for i, vector in enumerate(json.loads(VECTORS.read_text())):
        if i not in chosen:
            continue
        row = pipeline.attempts(bytes.fromhex(vector["statement"]), int(vector["nonce"]))[0]
        for name in ("point", "value"):
            row[name] = row[name].to_bytes(32, "little")
        names = ("seed", "commitment", "point", "value", "opening", "ticket")
        wrong = [name for name in names if row[name].hex() != vector[name]]
        check(
            f"vector {i}", not wrong and row["state"] == 0, f"{wrong} differ, state {row['state']}"
        )


@case()
def first_vector():
    vectors({0})


@case(long=True)
def all_vectors():
    vectors(set(range(6)))
