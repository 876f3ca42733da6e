"""Reference in plain Python integers: the fields and the group G1 of BLS12-377."""

from constants import TABLE, Q, R, edwards_parameters


class Field:
    """A field as the kernels hold it: `size` bytes, Montgomery form with radix 2^(8·size)."""

    def __init__(self, modulus, size):
        self.modulus, self.size = modulus, size
        self.radix = (1 << (8 * size)) % modulus
        self.radix_inverse = pow(self.radix, -1, modulus)

    def to_montgomery(self, x):
        """x·R mod p."""
        return x * self.radix % self.modulus

    def from_montgomery(self, x):
        """x/R mod p."""
        return x * self.radix_inverse % self.modulus

    def encode(self, values):
        """Little-endian bytes of integers, as they are."""
        return b"".join(v.to_bytes(self.size, "little") for v in values)

    def decode(self, data):
        """The integers in these bytes."""
        step = self.size
        return [int.from_bytes(data[i : i + step], "little") for i in range(0, len(data), step)]

    def edges(self):
        """Values at which carries and reductions misbehave if they can, all below p."""
        p, bits = self.modulus, 8 * self.size
        edges = {
            0,
            1,
            2,
            p - 1,
            p - 2,
            (p - 1) // 2,
            (p + 1) // 2,
            self.radix,
            self.to_montgomery(self.radix),
        }
        edges |= {p - self.radix, 2**32 - 1, 2**32, 2**64 - 1, (1 << (p.bit_length() - 1)) - 1}
        edges |= {
            sum(0xFFFFFFFF << s for s in range(0, bits, 64)) % p,
            sum(0xFFFFFFFF << s for s in range(32, bits, 64)) % p,
        }
        edges |= {p >> k << k for k in range(32, bits - 7, 32)}  # zeros in the low limbs
        return sorted(edges)


FR = Field(R, TABLE.FR_BYTES)
FQ = Field(Q, TABLE.FQ_BYTES)


# --- G1: y² = x³ + 1 in affine Weierstrass coordinates; None is infinity --------------------------


GENERATOR = (
    0x008848DEFE740A67C8FC6225BF87FF5485951E2CAA9D41BB188282C8BD37CB5CD5481512FFCD394EEAB9B16EB21BE9EF,
    0x01914A69C5102EFF1F674F5D30AFEEC4BD7FB348CA3E52D96D182AD44FB82305C2FE3D3634A9591AFD82DE55559C8EA6,
)


def is_on_curve(p):
    """Whether a point satisfies the equation."""
    return p is None or (p[1] * p[1] - p[0] ** 3 - 1) % Q == 0


def negate(p):
    """-P."""
    return None if p is None else (p[0], -p[1] % Q)


def add(p, q):
    """P + Q."""
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0]:
        if (p[1] + q[1]) % Q == 0:
            return None
        slope = 3 * p[0] * p[0] * pow(2 * p[1], -1, Q) % Q
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, Q) % Q
    x = (slope * slope - p[0] - q[0]) % Q
    return x, (slope * (p[0] - x) - p[1]) % Q


def multiply(k, p):
    """k·P, k any integer."""
    if k < 0:
        return multiply(-k, negate(p))
    total = None
    for bit in bin(k)[2:] if k else "":
        total = add(total, total)
        if bit == "1":
            total = add(total, p)
    return total


# --- The twisted Edwards form: -x² + y² = 1 + d·x²·y² ---------------------------------------------


S, C, D = edwards_parameters()


def to_edwards(p):
    """The image of a point of odd order."""
    if p is None:
        return 0, 1
    u, v = S * (p[0] + 1) % Q, S * p[1] % Q
    return C * u * pow(v, -1, Q) % Q, (u - 1) * pow(u + 1, -1, Q) % Q


def from_edwards(e):
    """The inverse of to_edwards."""
    if e == (0, 1):
        return None
    u = (1 + e[1]) * pow(1 - e[1], -1, Q) % Q
    v = C * u * pow(e[0], -1, Q) % Q
    return (u * pow(S, -1, Q) - 1) % Q, v * pow(S, -1, Q) % Q


def table_entry(p):
    """(y - x, y + x, 2·d·x·y) in Montgomery form, as the kernels' tables hold a point."""
    x, y = to_edwards(p)
    return [FQ.to_montgomery(v % Q) for v in (y - x, y + x, 2 * D * x * y)]
