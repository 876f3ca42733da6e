// G1 of BLS12-377 as the twisted Edwards curve -x² + y² = 1 + d·x²·y².
//
// Weierstrass y² = x³ + 1 goes to Montgomery form through the point (-1, 0) of order two: u = s·(x + 1), v = s·y with
// s = 1/√3; then x_E = c·u/v, y_E = (u - 1)/(u + 1), where c = √-a turns the curve's a into -1.
//
// A mixed addition with a table entry (y - x, y + x, 2·d·x·y) takes 7 products; XYZZ coordinates take 8 and 2 squarings
// (Hisil, Wong, Carter, Dawson 2008, section 4.2, with Z2 = 1). Here d is a square, so the addition law has exceptional
// pairs, but none in the subgroup of order r: a denominator 1 ± d·x1·x2·y1·y2 vanishes only when P1 - P2 or P1 + P2 is one
// of the points of order 2 or 4 (Bernstein and Lange 2011), and in a subgroup of odd order there is none. The formulas hold
// for equal points and for the identity as well. All points here are sums of the setup's, which are checked when loaded.
//
// Coordinates are < 2·q between operations; a table entry is < q.
#pragma once
#include "fq.cuh"

#define LODE_CURVE_CONSTANT(name, ...)                                                                                     \
    INLINE Fq name() {                                                                                                     \
        constexpr u32 words[12] = {__VA_ARGS__};                                                                           \
        Fq r;                                                                                                              \
        _Pragma("unroll") for (int i = 0; i < 12; i++) r.limb[i] = words[i];                                               \
        return r;                                                                                                          \
    }
LODE_CURVE_CONSTANT(edwards_2d, 0x44a706c6, 0xf24b7e84, 0x80faa8fa, 0xeae02375, 0x7ef38fa5, 0x0f4d7cf2, 0xc5f2bb26,
                    0x5597097d, 0x0d95a93e, 0x8bf6c1dd, 0xfbff628a, 0x01784602)
LODE_CURVE_CONSTANT(edwards_inverse_d, 0xddac7449, 0x99fb40bd, 0x7f82a72e, 0x1feb3265, 0x6b3a976d, 0x356b8c0d, 0x23ffbe7f,
                    0x2af55f7d, 0xc9ff4b2b, 0xd678b888, 0x8ccf6b7f, 0x00468d40)
LODE_CURVE_CONSTANT(map_s, 0xd831a0a2, 0x6de9ca9a, 0x0eb51c8e, 0xa8aff422, 0x93607959, 0x5a76e6c5, 0xd3806339, 0x57f38956,
                    0xa0c6fe30, 0xc50636f4, 0xf52bfd14, 0x018f4652)
LODE_CURVE_CONSTANT(map_inverse_s, 0x8894e1e4, 0x3fabdfd0, 0xcc1f55aa, 0xcbf921dd, 0x460edc0c, 0xd17deff1, 0x7897028d,
                    0xd394e81e, 0x0912681a, 0xc29c995d, 0xaff9d568, 0x01515e6c)
LODE_CURVE_CONSTANT(map_c, 0xead605e4, 0xfb7c0ab8, 0xe2752c7a, 0x363b93d1, 0x144be536, 0xd2246835, 0x429f2077, 0xeb8bf6dd,
                    0x0234d423, 0x3a9efda2, 0xba0c72a4, 0x013c7943)
LODE_CURVE_CONSTANT(map_c_over_s, 0xa38cfd11, 0xface0c97, 0x0adb8383, 0x8cc7c229, 0xd44ae9cb, 0x4765cd5f, 0x22354029,
                    0x9ae986d8, 0x252ab9bd, 0xc3dc7860, 0xc8942395, 0x00486011)
#undef LODE_CURVE_CONSTANT

// Bytes of a table entry and of a point in memory.
#define ENTRY_BYTES 144
#define POINT_BYTES 192

// Extended coordinates: x = X/Z, y = Y/Z, T = X·Y/Z.
struct Point {
    Fq x, y, z, t;

    INLINE static Point identity() { return {Fq::zero(), Fq::one(), Fq::one(), Fq::zero()}; }
    INLINE static Point load(const u8 *from) {
        return {Fq::load(from), Fq::load(from + 48), Fq::load(from + 96), Fq::load(from + 144)};
    }
    INLINE void store(u8 *to) const {
        x.store(to);
        y.store(to + 48);
        z.store(to + 96);
        t.store(to + 144);
    }
};

// A table entry ±Q: (y - x, y + x, 2·d·x·y). Of -Q = (-x, y) the first two change places, which costs nothing when it is
// done in their addresses, and the third changes sign.
struct Entry {
    Fq minus, plus, xy2d;
    bool negative; // xy2d is still that of Q

    INLINE static Entry load(const u8 *from, bool negative) {
        return {Fq::load_constant(from + (negative ? 48 : 0)), Fq::load_constant(from + (negative ? 0 : 48)),
                Fq::load_constant(from + 96), negative};
    }
};

// The last four products of every addition, from E, F, G and H.
INLINE Point finish(const Fq &e, const Fq &f, const Fq &g, const Fq &h) { return {mul(e, f), mul(g, h), mul(f, g), mul(e, h)}; }

// P + Q for a table entry: 7 products.
INLINE Point add_entry(const Point &p, const Entry &q) {
    Fq a = mul(sub<2>(p.y, p.x), q.minus);
    Fq b = mul(add(p.y, p.x), q.plus);
    Fq c = mul(p.t, q.xy2d);
    Fq d = add(p.z, p.z);
    Fq less = sub<2>(d, c), more = add(d, c); // both < 6q
    return finish(sub<2>(b, a), select(q.negative, more, less), select(q.negative, less, more), add(b, a));
}

// The point of a table entry with Z = 2, for the price of one product: X = 2x, Y = 2y, T = 2xy.
INLINE Point from_entry(const Entry &q) {
    Fq xy2d = select(q.negative, sub<1>(Fq::zero(), q.xy2d), q.xy2d);
    return {sub<1>(q.plus, q.minus), add(q.plus, q.minus), add(Fq::one(), Fq::one()), mul(xy2d, edwards_inverse_d())};
}

// P + Q: 9 products.
INLINE Point add(const Point &p, const Point &q) {
    Fq a = mul(sub<2>(p.y, p.x), sub<2>(q.y, q.x));
    Fq b = mul(add(p.y, p.x), add(q.y, q.x));
    Fq c = mul(mul(p.t, edwards_2d()), q.t);
    Fq zz = mul(p.z, q.z), d = add(zz, zz);
    return finish(sub<2>(b, a), sub<2>(d, c), add(d, c), add(b, a));
}

// 2·P: 8 products.
INLINE Point twice(const Point &p) {
    Fq a = mul(p.x, p.x), b = mul(p.y, p.y), zz = mul(p.z, p.z), xy = add(p.x, p.y);
    Fq h = add(a, b), g = sub<2>(b, a), e = sub<4>(mul(xy, xy), h); // < 4q, 4q, 6q
    return finish(e, sub<4>(add(zz, zz), g), g, h);
}

// The same as calls: for code that is not hot.
__device__ __noinline__ void add_call(Point &p, const Point &q) { p = add(p, q); }
__device__ __noinline__ void twice_call(Point &p) { p = twice(p); }

// 1/a, or 0 for a = 0: a^(q-2) with a window of four bits. About 500 products.
__device__ __noinline__ void invert(Fq &r, const Fq &a) {
    Fq powers[16];
    powers[0] = Fq::one();
#pragma unroll 1
    for (int i = 1; i < 16; i++) mul_call(powers[i], powers[i - 1], a);
    // q - 2, the most significant window first; the low limb of q is 1, so subtracting borrows from the next one.
    constexpr u32 words[12] = {0xffffffff, 0x8508bfff, 0x30000000, 0x170b5d44, 0xba094800, 0x1ef3622f,
                               0x00f5138f, 0x1a22d9f3, 0x6ca1493b, 0xc63b05c0, 0x17c510ea, 0x01ae3a46};
    r = Fq::one();
#pragma unroll 1
    for (int i = 11; i >= 0; i--)
#pragma unroll 1
        for (int shift = 28; shift >= 0; shift -= 4) {
            for (int k = 0; k < 4; k++) mul_call(r, r, r);
            mul_call(r, r, powers[words[i] >> shift & 15]);
        }
}

// The extended coordinates of an affine Weierstrass point of odd order, not infinity, x and y < 2q in Montgomery form.
INLINE Point from_weierstrass(const Fq &x, const Fq &y) {
    Fq u, v, up, um, cu;
    mul_call(u, map_s(), add(x, Fq::one()));
    mul_call(v, map_s(), y);
    up = add(u, Fq::one());
    um = sub<1>(u, Fq::one());
    mul_call(cu, map_c(), u);
    Point p; // (c·u/v, (u-1)/(u+1)) over the common denominator v·(u+1)
    mul_call(p.x, cu, up);
    mul_call(p.y, v, um);
    mul_call(p.z, v, up);
    mul_call(p.t, cu, um);
    return p;
}

// The affine Weierstrass coordinates as integers < q; false, and zeros, for infinity.
INLINE bool to_weierstrass(const Point &p, Fq &x, Fq &y) {
    Fq sum = add(p.z, p.y), difference = sub<2>(p.z, p.y), product, inverse, u, t;
    mul_call(product, difference, p.x);
    invert(inverse, product); // 1/(X·(Z - Y)); of the subgroup's points only the identity has X·(Z - Y) = 0
    mul_call(t, inverse, p.x);
    mul_call(u, t, sum); // u = (Z + Y)/(Z - Y)
    mul_call(t, u, map_inverse_s());
    mul_call(x, sub<1>(t, Fq::one()), Fq::integer_one());
    mul_call(t, inverse, difference);
    mul_call(t, t, p.z); // Z/X
    mul_call(t, t, u);
    mul_call(t, t, map_c_over_s());
    mul_call(y, t, Fq::integer_one());
    bool finite = !is_zero_integer(canonical(inverse));
    x = select(finite, canonical(x), Fq::zero());
    y = select(finite, canonical(y), Fq::zero());
    return finite;
}
