"""Reference in plain Python integers: the fields and the group G1 of BLS12-377."""

R = 0x12AB655E9A2CA55660B44D1E5C37B00159AA76FED00000010A11800000000001
Q = int(
    "01ae3a4617c510eac63b05c06ca1493b1a22d9f300f5138f"
    "1ef3622fba094800170b5d44300000008508c00000000001",
    16,
)


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
        edges = {0, 1, 2, p - 1, p - 2, (p - 1) // 2, (p + 1) // 2, self.radix, self.to_montgomery(self.radix)}
        edges |= {p - self.radix, 2**32 - 1, 2**32, 2**64 - 1, (1 << (p.bit_length() - 1)) - 1}
        edges |= {sum(0xFFFFFFFF << s for s in range(0, bits, 64)) % p, sum(0xFFFFFFFF << s for s in range(32, bits, 64)) % p}
        edges |= {p >> k << k for k in range(32, bits - 7, 32)}  # zeros in the low limbs
        return sorted(edges)


FR = Field(R, 32)
FQ = Field(Q, 48)
