"""Field kernels against big integers."""

import random
import time

from bls12_377 import FQ, FR, R
from harness import Cuda, case, check, check_equal, test_ptx
from puzzle_reference import root_of_unity

FIELDS = {"fr": FR, "fq": FQ}
BLOCK = 128


def run(cuda, module, kernel, field, a, b, outputs=1):
    """Launch a kernel of field_test.cu on two lists of integers; return `outputs` integers per
    pair.
    """
    n = len(a)
    x, y = cuda.upload(field.encode(a)), cuda.upload(field.encode(b))
    out = cuda.alloc(n * outputs * field.size)
    cuda.launch(cuda.function(module, kernel), [(n + BLOCK - 1) // BLOCK], [BLOCK], x, y, out, n)
    got = field.decode(cuda.download(out, n * outputs * field.size))
    for ptr in (x, y, out):
        cuda.free(ptr)
    return got


def wrong_products(field, a, b, got):
    """How many products are not a·b/R mod p, or not < 2·p."""
    p, inverse = field.modulus, field.radix_inverse
    return sum(z >= 2 * p or z % p != x * y * inverse % p for x, y, z in zip(a, b, got))


def pairs(field, count, seed, bound=1):
    """All pairs of edge values plus multiples of p up to `bound`·p, then `count` random pairs below
    bound·p.
    """
    rng, p = random.Random(seed), field.modulus
    edges = field.edges()
    edges += [e + k * p for k in range(1, bound) for e in (0, 1, p - 1)]
    both = [(x, y) for x in edges for y in edges]
    both += [(rng.randrange(bound * p), rng.randrange(bound * p)) for _ in range(count)]
    return [x for x, _ in both], [y for _, y in both]


def products(name, count, bound):
    field, cuda = FIELDS[name], Cuda()
    a, b = pairs(field, count, 7, bound)
    got = run(cuda, cuda.load("field_test"), f"{name}_mul", field, a, b)
    wrong = wrong_products(field, a, b, got)
    check(f"{name}: {len(a)} products of operands < {bound}·p", wrong == 0, f"{wrong} are wrong")


@case()
def fr_products():
    products("fr", 100_000, 1)


@case()
def fq_products():
    products("fq", 100_000, 1)


@case()
def lazy_products():
    """Operands as large as the bounds allow: 3·3 <= 13 and 12·12 <= 152."""
    products("fr", 20_000, 3)
    products("fq", 20_000, 12)


@case()
def lopsided_products():
    """One operand < p, the other at the top of what SLACK allows; for Fr any 256-bit integer."""
    cuda, rng = Cuda(), random.Random(3)
    module = cuda.load("field_test")
    for name, field in FIELDS.items():
        p, top = field.modulus, 1 << (8 * field.size)
        a = field.edges() * 3 + [rng.randrange(p) for _ in range(2000)]
        b = [top - 1 - rng.randrange(1 + i) for i in range(len(a))]
        wrong = wrong_products(field, a, b, run(cuda, module, f"{name}_mul", field, a, b))
        check(
            f"{name}: {len(a)} products with integers near 2^{8 * field.size}",
            wrong == 0,
            f"{wrong} are wrong",
        )


@case()
def sizes_around_a_warp():
    cuda, rng = Cuda(), random.Random(5)
    module = cuda.load("field_test")
    for name, field in FIELDS.items():
        for n in (1, 31, 32, 33, 127, 129):
            a, b = ([rng.randrange(field.modulus) for _ in range(n)] for _ in range(2))
            wrong = wrong_products(field, a, b, run(cuda, module, f"{name}_mul", field, a, b))
            check(f"{name}: {n} products", wrong == 0, f"{wrong} are wrong")


@case()
def chained_products():
    cuda = Cuda()
    module = cuda.load("field_test")
    for name, field in FIELDS.items():
        a, b = pairs(field, 2000, 9)
        got = run(cuda, module, f"{name}_mul_twice", field, a, b)
        p, inverse = field.modulus, field.radix_inverse
        wrong = sum(
            z >= 2 * p or z % p != x * y * y * inverse * inverse % p for x, y, z in zip(a, b, got)
        )
        check(f"{name}: a·b·b", wrong == 0, f"{wrong} are wrong")


@case()
def sums():
    cuda = Cuda()
    module = cuda.load("field_test")
    for name, field in FIELDS.items():
        a, b = pairs(field, 20_000, 11, bound=2)
        got = run(cuda, module, f"{name}_sums", field, a, b, outputs=4)
        p, wrong = field.modulus, 0
        for i, (x, y) in enumerate(zip(a, b)):
            total, half = x + y, x + y - 2 * p if x + y >= 2 * p else x + y
            wrong += got[4 * i : 4 * i + 4] != [total, x - y + 2 * p, half, half % p]
        check(f"{name}: {len(a)} sums, differences, reductions", wrong == 0, f"{wrong} are wrong")


@case()
def domain_members():
    """Roots of unity of the domain's order and of others, below 2·r."""
    cuda, rng, log_n = Cuda(), random.Random(13), 5
    members = [pow(root_of_unity(1 << log_n), k, R) for k in range(1 << log_n)]
    others = [0, 2, root_of_unity(2 << log_n), pow(root_of_unity(64), 3, R)] + [
        rng.randrange(R) for _ in range(40)
    ]
    values = [FR.to_montgomery(z) + k * R for z in members + others for k in (0, 1)]
    n = len(values)
    out = cuda.alloc(4 * n)
    kernel = cuda.function(cuda.load("field_test"), "fr_is_in_domain")
    cuda.launch(
        kernel, [(n + BLOCK - 1) // BLOCK], [BLOCK], cuda.upload(FR.encode(values)), out, log_n, n
    )
    check_equal(
        "members", cuda.download_words(out, n), [1] * 2 * len(members) + [0] * 2 * len(others)
    )


def without_carry(ptx, kernel, opcode, site):
    """The PTX with the carry into one instruction of a kernel cut; None if there are fewer such
    instructions.
    """
    start = ptx.index(f".entry {kernel}(")
    end = ptx.find(".entry ", start + 1) % (len(ptx) + 1)
    parts = ptx[start:end].split(opcode)
    if site + 1 >= len(parts):
        return None
    cut = opcode.replace("addc", "add").replace("madc", "mad")
    return (
        ptx[:start]
        + opcode.join(parts[: site + 1])
        + cut
        + opcode.join(parts[site + 1 :])
        + ptx[end:]
    )


@case()
def lost_carries_are_caught():
    """Cut one carry out of a product: the tests above must notice. 24 of the sites, spread over the
    product.
    """
    cuda, field = Cuda(), FR
    ptx = test_ptx("field_test").decode()
    head, body = ptx[: ptx.index(".visible .entry")], ptx[ptx.index(".visible .entry fr_mul(") :]
    ptx = head + body[: body.index(".visible .entry", 1)]
    a, b = pairs(field, 1000, 7)
    count = ptx.count("madc.hi.cc.u32")
    missed = []
    for site in range(0, count, max(1, count // 24)):
        mutant = without_carry(ptx, "fr_mul", "madc.hi.cc.u32", site)
        got = run(cuda, cuda.load_text(mutant.encode()), "fr_mul", field, a, b)
        if not wrong_products(field, a, b, got):
            missed.append(site)
    # The carry out of the low half of a product is zero where its addend is: those cuts change
    # nothing.
    print(f"INFO cuts that change no product: {missed} of {count} sites")
    check("most cuts are noticed", len(missed) <= 6, f"{missed} go unnoticed")


@case(long=True)
def products_at_length():
    for seed in range(10):
        for name, field in FIELDS.items():
            cuda = Cuda()
            a, b = pairs(field, 200_000, 100 + seed)
            wrong = wrong_products(
                field, a, b, run(cuda, cuda.load("field_test"), f"{name}_mul", field, a, b)
            )
            check(f"{name}: {len(a)} products, seed {seed}", wrong == 0, f"{wrong} are wrong")


@case()
def speed():
    """Not a test of speed: shows what the emulator does, which bounds the size of other tests."""
    cuda, rng = Cuda(), random.Random(1)
    module, n = cuda.load("field_test"), 200_000
    a = [rng.randrange(FQ.modulus) for _ in range(1000)] * (n // 1000)
    data = cuda.upload(FQ.encode(a))
    out = cuda.alloc(n * FQ.size)
    start = time.monotonic()
    cuda.launch(cuda.function(module, "fq_mul"), [n // 100], [100], data, data, out, n)
    print(
        f"INFO {n / (time.monotonic() - start) / 1e6:.2f} million Fq products a second on one core"
    )
    got = FQ.decode(cuda.download(out, 1000 * FQ.size))
    check("squares", wrong_products(FQ, a[:1000], a[:1000], got) == 0)
