// Prime fields in Montgomery form with R = 2^(32·LIMBS), reduced lazily.
//
// A value is any representative below 2^(32·LIMBS) of its class; comments say "< k·p". `mul` takes
// operands < i·p and < j·p with i·j <= F::SLACK = floor(R / p) and returns a value < 2·p: with T =
// a·b + m·p and m < R, T / R < i·j·p·(p / R) + p. No product ends in a subtraction, and sums of a
// few products need none either. Only `canonical` brings a value below p.
//
// Both primes of BLS12-377 are 1 mod 2^46, so -1/p mod 2^32 is 2^32 - 1: the Montgomery factor of a
// row is the negated low limb.
#pragma once
#include "word.cuh"

// A field element. F gives LIMBS, SLACK and the limbs of p, R mod p and R² mod p.
template <class F> struct alignas(16) Fp {
    u32 limb[F::LIMBS];

    INLINE static Fp zero() {
        Fp r;
#pragma unroll
        for (int i = 0; i < F::LIMBS; i++) r.limb[i] = 0;
        return r;
    }
    // 1 in Montgomery form.
    INLINE static Fp one() {
        Fp r;
#pragma unroll
        for (int i = 0; i < F::LIMBS; i++) r.limb[i] = F::one(i);
        return r;
    }
    // R² mod p: `mul` by it takes an integer into Montgomery form.
    INLINE static Fp r_squared() {
        Fp r;
#pragma unroll
        for (int i = 0; i < F::LIMBS; i++) r.limb[i] = F::r_squared(i);
        return r;
    }
    // The integer 1, not in Montgomery form: `mul` by it leaves Montgomery form.
    INLINE static Fp integer_one() {
        Fp r = zero();
        r.limb[0] = 1;
        return r;
    }
    // Elements lie in memory as LIMBS little-endian words, 16-byte aligned.
    INLINE static Fp load(const void *from) {
        Fp r;
#pragma unroll
        for (int i = 0; i < F::LIMBS / 4; i++) {
            uint4 v = ((const uint4 *)from)[i];
            r.limb[4 * i] = v.x;
            r.limb[4 * i + 1] = v.y;
            r.limb[4 * i + 2] = v.z;
            r.limb[4 * i + 3] = v.w;
        }
        return r;
    }
    // For memory that nothing writes during the launch.
    INLINE static Fp load_constant(const void *from) {
        Fp r;
#pragma unroll
        for (int i = 0; i < F::LIMBS / 4; i++) {
            uint4 v = __ldg((const uint4 *)from + i);
            r.limb[4 * i] = v.x;
            r.limb[4 * i + 1] = v.y;
            r.limb[4 * i + 2] = v.z;
            r.limb[4 * i + 3] = v.w;
        }
        return r;
    }
    INLINE void store(void *to) const {
#pragma unroll
        for (int i = 0; i < F::LIMBS / 4; i++)
            ((uint4 *)to)[i] =
                make_uint4(limb[4 * i], limb[4 * i + 1], limb[4 * i + 2], limb[4 * i + 3]);
    }
};

// Limb i of k·p, a constant once unrolled.
template <class F> INLINE u32 multiple_of_p(int k, int i) {
    u64 carry = 0;
    u32 word = 0;
#pragma unroll
    for (int j = 0; j < F::LIMBS; j++)
        if (j <= i) {
            carry += (u64)F::modulus(j) * k;
            word = (u32)carry;
            carry >>= 32;
        }
    return word;
}

// a + b, not reduced: < (i + j)·p.
template <class F> INLINE Fp<F> add(const Fp<F> &a, const Fp<F> &b) {
    Fp<F> r;
    r.limb[0] = add_cc(a.limb[0], b.limb[0]);
#pragma unroll
    for (int i = 1; i < F::LIMBS - 1; i++) r.limb[i] = addc_cc(a.limb[i], b.limb[i]);
    r.limb[F::LIMBS - 1] = addc(a.limb[F::LIMBS - 1], b.limb[F::LIMBS - 1]);
    return r;
}

// a - b + K·p for b <= K·p: < (i + K)·p.
template <int K, class F> INLINE Fp<F> sub(const Fp<F> &a, const Fp<F> &b) {
    Fp<F> t, r;
    t.limb[0] = add_cc(a.limb[0], multiple_of_p<F>(K, 0));
#pragma unroll
    for (int i = 1; i < F::LIMBS - 1; i++) t.limb[i] = addc_cc(a.limb[i], multiple_of_p<F>(K, i));
    t.limb[F::LIMBS - 1] = addc(a.limb[F::LIMBS - 1], multiple_of_p<F>(K, F::LIMBS - 1));
    r.limb[0] = sub_cc(t.limb[0], b.limb[0]);
#pragma unroll
    for (int i = 1; i < F::LIMBS - 1; i++) r.limb[i] = subc_cc(t.limb[i], b.limb[i]);
    r.limb[F::LIMBS - 1] = subc(t.limb[F::LIMBS - 1], b.limb[F::LIMBS - 1]);
    return r;
}

// a if a < K·p, else a - K·p: halves the bound of a value < 2K·p.
template <int K, class F> INLINE Fp<F> subtract_once(const Fp<F> &a) {
    Fp<F> r;
    r.limb[0] = sub_cc(a.limb[0], multiple_of_p<F>(K, 0));
#pragma unroll
    for (int i = 1; i < F::LIMBS; i++) r.limb[i] = subc_cc(a.limb[i], multiple_of_p<F>(K, i));
    u32 borrow = subc(0, 0);
#pragma unroll
    for (int i = 0; i < F::LIMBS; i++) r.limb[i] = borrow ? a.limb[i] : r.limb[i];
    return r;
}

// The representative < p of a value < 2·p.
template <class F> INLINE Fp<F> canonical(const Fp<F> &a) { return subtract_once<1>(a); }

template <class F> INLINE bool is_zero_integer(const Fp<F> &a) {
    u32 any = 0;
#pragma unroll
    for (int i = 0; i < F::LIMBS; i++) any |= a.limb[i];
    return any == 0;
}

template <class F> INLINE Fp<F> select(bool first, const Fp<F> &a, const Fp<F> &b) {
    Fp<F> r;
#pragma unroll
    for (int i = 0; i < F::LIMBS; i++) r.limb[i] = first ? a.limb[i] : b.limb[i];
    return r;
}

// The second half of a row: T += m·p with m = ~t, where t is the low limb of T = even + 2^32·odd.
// p's low limb is 1, so the low limb becomes t + ~t = 2^32 - 1 whatever t was: no product, no
// carry, and the limb drops out. `odd` has LIMBS words, at the limbs 1 to LIMBS of T; the products
// of the odd limbs of p go there.
template <class F> INLINE void reduce_row(u32 *even, u32 *odd) {
    const int N = F::LIMBS;
    u32 m = ~even[0];
    mad_wide_cc(odd[0], odd[1], F::modulus(1), m);
#pragma unroll
    for (int j = 2; j < N; j += 2) madc_wide_cc(odd[j], odd[j + 1], F::modulus(j + 1), m);
    mad_wide_cc(even[2], even[3], F::modulus(2), m);
#pragma unroll
    for (int j = 4; j < N; j += 2) madc_wide_cc(even[j], even[j + 1], F::modulus(j), m);
    odd[N - 1] = addc(odd[N - 1], 0);
}

// The row after the first ones. On entry T/2^32 is to be continued: `even` holds the words that
// were odd, and `old` those that were even, whose low limb is now zero and drops out. `old` becomes
// the new odd accumulator, two words further down.
template <class F> INLINE void next_row(u32 *even, u32 *old, const u32 *a, u32 b) {
    const int N = F::LIMBS;
    even[0] = add_cc(even[0], old[1]);
#pragma unroll
    for (int j = 0; j < N - 2; j += 2)
        madc_wide_cc(old[j], old[j + 1], a[j + 1], b, old[j + 2], old[j + 3]);
    madc_wide_last(old[N - 2], old[N - 1], a[N - 1], b);
    mad_wide_cc(even[0], even[1], a[0], b);
#pragma unroll
    for (int j = 2; j < N; j += 2) madc_wide_cc(even[j], even[j + 1], a[j], b);
    old[N - 1] = addc(old[N - 1], 0);
    reduce_row<F>(even, old);
}

// The Montgomery product a·b/R, < 2·p. a < (SLACK - 1)·p and (bound of a)·(bound of b) <= SLACK·p².
template <class F> INLINE Fp<F> mul(const Fp<F> &a, const Fp<F> &b) {
    const int N = F::LIMBS;
    u32 x[N], y[N];
#pragma unroll
    for (int j = 0; j < N; j++) x[j] = 0xffffffffu;
#pragma unroll
    for (int j = 0; j < N; j += 2) mul_wide(y[j], y[j + 1], a.limb[j + 1], b.limb[0]);
    mad_wide_cc(x[0], x[1], a.limb[0], b.limb[0]);
#pragma unroll
    for (int j = 2; j < N; j += 2) madc_wide_cc(x[j], x[j + 1], a.limb[j], b.limb[0]);
    y[N - 1] = addc(y[N - 1], 0);
    reduce_row<F>(x, y);
#pragma unroll
    for (int i = 1; i < N; i += 2) {
        next_row<F>(y, x, a.limb, b.limb[i]);
        if (i + 1 < N) next_row<F>(x, y, a.limb, b.limb[i + 1]);
    }
    Fp<F> r; // T/2^32 once more: y holds the even words
    r.limb[0] = add_cc(x[0], y[1]);
#pragma unroll
    for (int j = 1; j < N - 1; j++) r.limb[j] = addc_cc(x[j], y[j + 1]);
    r.limb[N - 1] = addc(x[N - 1], 0);
    return r;
}

// A product as a call: for code that is not hot, and too large when it is repeated inline.
template <class F>
__device__ __noinline__ void mul_call(Fp<F> &r, const Fp<F> &a, const Fp<F> &b) {
    r = mul(a, b);
}
