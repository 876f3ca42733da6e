"""Point kernels against affine arithmetic in big integers."""

import random

import bls12_377 as bls
from bls12_377 import FQ, Q
from constants import TABLE
from harness import FAST_BUILD, Cuda, case, check, check_equal, words

BLOCK = 32


class Points:
    """Launches the kernels of curve_test.cu on lists."""

    def __init__(self):
        self.cuda = Cuda()
        self.module = self.cuda.load("curve_test")

    def run(self, kernel, inputs, out_size, n):
        """Upload the inputs, launch, return what the kernel wrote."""
        inputs = [self.cuda.upload(data) for data in inputs]
        out = self.cuda.alloc(out_size * n)
        fn = self.cuda.function(self.module, kernel)
        self.cuda.launch(fn, [(n + BLOCK - 1) // BLOCK], [BLOCK], *inputs, out, n)
        return self.cuda.download(out, out_size * n)

    def extended(self, points, rng):
        """Extended coordinates with random Z, lazily reduced, of affine points."""
        values = []
        for point in points:
            x, y = bls.to_edwards(point)
            z = rng.randrange(1, Q)
            for v in (x * z, y * z, z, x * y * z):
                values.append(FQ.to_montgomery(v % Q) + rng.choice((0, Q)))
        return FQ.encode(values)

    def affine(self, data):
        """Affine points of extended coordinates, checking that these are consistent and < 2q."""
        values, points = FQ.decode(data), []
        for i in range(0, len(values), 4):
            x, y, z, t = (FQ.from_montgomery(v) for v in values[i : i + 4])
            assert max(values[i : i + 4]) < 2 * Q and z and (x * y - z * t) % Q == 0, (
                "not extended coordinates"
            )
            inverse = pow(z, -1, Q)
            points.append(bls.from_edwards((x * inverse % Q, y * inverse % Q)))
        return points

    def add(self, p, q, rng):
        """The kernel's p + q."""
        return self.affine(
            self.run(
                "point_add",
                [self.extended(p, rng), self.extended(q, rng)],
                TABLE.POINT_BYTES,
                len(p),
            )
        )


def sample(count, seed):
    """Points of the subgroup: infinity, small and large multiples of the generator, and random
    ones.
    """
    rng, g = random.Random(seed), bls.GENERATOR
    points = [
        None,
        g,
        bls.negate(g),
        bls.add(g, g),
        bls.multiply(bls.R - 2, g),
        bls.multiply(bls.R // 2, g),
    ]
    step = bls.multiply(rng.randrange(bls.R), g)
    while len(points) < count:
        points.append(bls.add(points[-1], step))
    return points


@case(**FAST_BUILD)
def point_additions():
    """All pairs of 30 points, among them equal, opposite and infinite ones."""
    gpu, rng, points = Points(), random.Random(1), sample(30, 1)
    pairs = [(p, q) for p in points for q in points]
    got = gpu.add([p for p, _ in pairs], [q for _, q in pairs], rng)
    check_equal(f"{len(pairs)} sums", got == [bls.add(p, q) for p, q in pairs], True)
    check_equal(
        "doublings",
        gpu.affine(
            gpu.run("point_twice", [gpu.extended(points, rng)], TABLE.POINT_BYTES, len(points))
        ),
        [bls.add(p, p) for p in points],
    )


@case(**FAST_BUILD)
def mixed_additions():
    """All pairs of 25 points with both signs."""
    gpu, rng, points = Points(), random.Random(2), sample(25, 2)
    triples = [(p, q, sign) for p in points for q in points for sign in (0, 1)]
    entries = FQ.encode([v for _, q, _ in triples for v in bls.table_entry(q)])
    inputs = [
        gpu.extended([p for p, _, _ in triples], rng),
        entries,
        words([s for _, _, s in triples]),
    ]
    want = [bls.negate(q) if sign else q for _, q, sign in triples]
    once = gpu.affine(gpu.run("point_add_entry", inputs, TABLE.POINT_BYTES, len(triples)))
    check(f"{len(triples)} sums", once == [bls.add(p, q) for (p, _, _), q in zip(triples, want)])
    both = gpu.affine(gpu.run("point_add_entry_twice", inputs, TABLE.POINT_BYTES, len(triples)))
    check("added twice", both == [bls.add(bls.add(p, q), q) for (p, _, _), q in zip(triples, want)])
    check(
        "entries as points",
        gpu.affine(gpu.run("point_from_entry", inputs[1:], TABLE.POINT_BYTES, len(triples)))
        == want,
    )


@case(**FAST_BUILD)
def long_sums():
    """Sums of sums stay lazily reduced: 40 additions, each of the last two points."""
    gpu, rng = Points(), random.Random(3)
    p, q = sample(12, 3), sample(12, 4)[::-1]
    a, b = gpu.extended(p, rng), gpu.extended(q, rng)
    ok = True
    for _ in range(40):
        a, b = gpu.run("point_add", [a, b], TABLE.POINT_BYTES, 12), a
        p, q = [bls.add(x, y) for x, y in zip(p, q)], p
        ok &= gpu.affine(a) == p
    check("40 additions of 12 pairs", ok)


@case(**FAST_BUILD)
def weierstrass_and_back():
    gpu, rng = Points(), random.Random(5)
    finite = sample(40, 5)[1:]
    data = FQ.encode([FQ.to_montgomery(v) for p in finite for v in p])
    got = gpu.run("point_from_weierstrass", [data], TABLE.POINT_BYTES, len(finite))
    check("to Edwards", gpu.affine(got) == finite)
    points = sample(37, 6)
    n = len(points)
    flags, out = gpu.cuda.alloc(4 * n), gpu.cuda.alloc(TABLE.AFFINE_BYTES * n)
    source = gpu.cuda.upload(gpu.extended(points, rng))
    gpu.cuda.launch(
        gpu.cuda.function(gpu.module, "point_to_weierstrass"), [2], [BLOCK], source, out, flags, n
    )
    coordinates = FQ.decode(gpu.cuda.download(out, TABLE.AFFINE_BYTES * n))
    check_equal(
        "infinity is flagged",
        gpu.cuda.download_words(flags, n),
        [int(p is not None) for p in points],
    )
    check(
        "to Weierstrass",
        [tuple(coordinates[2 * i : 2 * i + 2]) for i in range(n)] == [p or (0, 0) for p in points],
    )
