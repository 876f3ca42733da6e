"""The puzzle in plain Python integers: for small sizes, since every transform is the definition."""

import functools
import glob
import hashlib
import os

import bls12_377 as bls
from bls12_377 import FQ, Q, R
from constants import TABLE

GENERATOR = 22  # of the multiplicative group of Fr
SRS_FILE = "registry/src/*/snarkvm-parameters-4*/src/mainnet/resources/powers-of-beta-15.usrs"


def blake2b(size, *parts):
    """Plain BLAKE2b of the concatenation."""
    return hashlib.blake2b(b"".join(parts), digest_size=size).digest()


def root_of_unity(n):
    """ω, of order n."""
    return pow(GENERATOR, (R - 1) // n, R)


@functools.cache
def setup(n):
    """The first n powers of Aleo's setup as affine points, from the crate that embeds them; None if
    it is not there.
    """
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    found = sorted(glob.glob(os.path.join(home, SRS_FILE)))
    if not found:
        return None
    with open(found[-1], "rb") as f:
        data = f.read(8 + TABLE.AFFINE_BYTES * n)
    values = FQ.decode(data[8:])
    return [(values[2 * i], values[2 * i + 1]) for i in range(n)]


def test_setup(n, tau=12345):
    """Powers of a known τ, for tests that must not need the crate."""
    points, scalar = [], 1
    for _ in range(n):
        points.append(bls.multiply(scalar, bls.GENERATOR))
        scalar = scalar * tau % R
    return points


def msm(scalars, points):
    """Σ scalar·point."""
    total = None
    for k, p in zip(scalars, points):
        total = bls.add(total, bls.multiply(k, p))
    return total


def encode_point(p):
    """x ‖ y."""
    return FQ.encode(p)


def expand(seed, n):
    """A and B."""
    a, b = [], []
    for i in range(n):
        d = blake2b(64, TABLE.EXPAND_DOMAIN, seed, i.to_bytes(4, "little"))
        a.append(int.from_bytes(d[:32], "little") % 2**252)
        b.append(int.from_bytes(d[32:], "little") % 2**252)
    return a, b


def interpolate(values):
    """Coefficients of the polynomial with these values on H."""
    n = len(values)
    w = pow(root_of_unity(n), -1, R)
    powers = [pow(w, k, R) for k in range(n)]
    scale = pow(n, -1, R)
    return [scale * sum(v * powers[i * k % n] for i, v in enumerate(values)) % R for k in range(n)]


def quotient(a_values, b_values):
    """h = (a·b - c)/(X^n - 1): the upper half of a·b, since c has degree < n."""
    n = len(a_values)
    a, b = interpolate(a_values), interpolate(b_values)
    return [sum(a[i] * b[k - i] for i in range(k - n + 1, n)) % R for k in range(n, 2 * n - 1)] + [
        0
    ]


def attempt(statement, nonce, points):
    """All that an attempt yields; points are the setup, whose number is n."""
    n = len(points)
    seed = blake2b(32, TABLE.SEED_DOMAIN, statement, nonce.to_bytes(8, "little"))
    h = quotient(*expand(seed, n))
    commitment = encode_point(msm(h, points))
    z = int.from_bytes(blake2b(64, TABLE.POINT_DOMAIN, seed, commitment), "little") % R
    q, value = [0] * n, 0
    for k in reversed(range(n)):
        q[k], value = value, (h[k] + z * value) % R
    opening = encode_point(msm(q, points))
    ticket = blake2b(32, TABLE.TICKET_DOMAIN, seed, commitment, opening)
    return {
        "seed": seed,
        "commitment": commitment,
        "point": z,
        "value": value,
        "opening": opening,
        "ticket": ticket,
    }


assert Q > R
