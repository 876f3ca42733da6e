// G1 of BLS12-377 as the twisted Edwards curve -x² + y² = 1 + d·x²·y².
//
// Weierstrass y² = x³ + 1 goes to Montgomery form through the point (-1, 0) of order two: u = s·(x
// + 1), v = s·y with s = 1/√3; then x_E = c·u/v, y_E = (u - 1)/(u + 1), where c = √-a turns the
// curve's a into -1.
//
// A mixed addition with a table entry (y - x, y + x, 2·d·x·y) takes 7 products; XYZZ coordinates
// take 8 and 2 squarings (Hisil, Wong, Carter, Dawson 2008, section 4.2, with Z2 = 1). Here d is a
// square, so the addition law has exceptional pairs, but none in the subgroup of order r: a
// denominator 1 ± d·x1·x2·y1·y2 vanishes only when P1 - P2 or P1 + P2 is one of the points of order
// 2 or 4 (Bernstein and Lange 2011), and in a subgroup of odd order there is none. The formulas
// hold for equal points and for the identity as well. All points here are sums of the setup's,
// which are checked when loaded.
//
// Coordinates are < 2·q between operations; a table entry is < q.
#pragma once
#include "fq.cuh"

#define LODE_CURVE_CONSTANT(name, ...)                                                             \
    INLINE Fq name() {                                                                             \
        constexpr u32 words[FQ_LIMBS] = {__VA_ARGS__};                                             \
        Fq r;                                                                                      \
        _Pragma("unroll") for (int i = 0; i < FQ_LIMBS; i++) r.limb[i] = words[i];                 \
        return r;                                                                                  \
    }
LODE_CURVE_CONSTANT(edwards_2d, EDWARDS_2D)
LODE_CURVE_CONSTANT(edwards_inverse_d, EDWARDS_INVERSE_D)
LODE_CURVE_CONSTANT(map_s, MAP_S)
LODE_CURVE_CONSTANT(map_inverse_s, MAP_INVERSE_S)
LODE_CURVE_CONSTANT(map_c, MAP_C)
LODE_CURVE_CONSTANT(map_c_over_s, MAP_C_OVER_S)
#undef LODE_CURVE_CONSTANT

// Extended coordinates: x = X/Z, y = Y/Z, T = X·Y/Z.
struct Point {
    Fq x, y, z, t;

    INLINE static Point identity() { return {Fq::zero(), Fq::one(), Fq::one(), Fq::zero()}; }
    INLINE static Point load(const u8 *from) {
        return {Fq::load(from), Fq::load(from + FQ_BYTES), Fq::load(from + 2 * FQ_BYTES),
                Fq::load(from + 3 * FQ_BYTES)};
    }
    INLINE void store(u8 *to) const {
        x.store(to);
        y.store(to + FQ_BYTES);
        z.store(to + 2 * FQ_BYTES);
        t.store(to + 3 * FQ_BYTES);
    }
};

// A table entry ±Q: (y - x, y + x, 2·d·x·y). Of -Q = (-x, y) the first two change places, which
// costs nothing when it is done in their addresses, and the third changes sign.
struct Entry {
    Fq minus, plus, xy2d;
    bool negative; // xy2d is still that of Q

    INLINE static Entry load(const u8 *from, bool negative) {
        return {Fq::load_constant(from + (negative ? FQ_BYTES : 0)),
                Fq::load_constant(from + (negative ? 0 : FQ_BYTES)),
                Fq::load_constant(from + 2 * FQ_BYTES), negative};
    }
};

// The last four products of every addition, from E, F, G and H.
INLINE Point finish(const Fq &e, const Fq &f, const Fq &g, const Fq &h) {
    return {mul(e, f), mul(g, h), mul(f, g), mul(e, h)};
}

// P + Q for a table entry: 7 products.
INLINE Point add_entry(const Point &p, const Entry &q) {
    Fq a = mul(sub<2>(p.y, p.x), q.minus);
    Fq b = mul(add(p.y, p.x), q.plus);
    Fq c = mul(p.t, q.xy2d);
    Fq d = add(p.z, p.z);
    Fq less = sub<2>(d, c), more = add(d, c); // both < 6q
    return finish(sub<2>(b, a), select(q.negative, more, less), select(q.negative, less, more),
                  add(b, a));
}

// The point of a table entry with Z = 2, for the price of one product: X = 2x, Y = 2y, T = 2xy.
INLINE Point from_entry(const Entry &q) {
    Fq xy2d = select(q.negative, sub<1>(Fq::zero(), q.xy2d), q.xy2d);
    return {sub<1>(q.plus, q.minus), add(q.plus, q.minus), add(Fq::one(), Fq::one()),
            mul(xy2d, edwards_inverse_d())};
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
    // q - 2, the most significant window first; the low limb of q is 1, so subtracting borrows from
    // the next one.
    constexpr u32 words[FQ_LIMBS] = {FQ_INVERSION_EXPONENT};
    r = Fq::one();
#pragma unroll 1
    for (int i = FQ_LIMBS - 1; i >= 0; i--)
#pragma unroll 1
        for (int shift = 28; shift >= 0; shift -= 4) {
            for (int k = 0; k < 4; k++) mul_call(r, r, r);
            mul_call(r, r, powers[words[i] >> shift & 15]);
        }
}

// The extended coordinates of an affine Weierstrass point of odd order, not infinity, x and y < 2q
// in Montgomery form.
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
    // 1/(X·(Z - Y)); of the subgroup's points only the identity has X·(Z - Y) = 0.
    invert(inverse, product);
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
