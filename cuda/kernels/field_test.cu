// Single field operations over arrays: what the tests compare with big integers, and what the gates
// count.
//
// Operands and results are arrays of `n` elements. Each kernel has one thread per element.
#include "fq.cuh"
#include "fr.cuh"

template <class F> INLINE void product(const Fp<F> *a, const Fp<F> *b, Fp<F> *out, u32 n) {
    u32 i = INDEX;
    if (i < n) mul(Fp<F>::load(a + i), Fp<F>::load(b + i)).store(out + i);
}

// a·b·b, whose instructions over those of `product` are the cost of one product.
template <class F> INLINE void product_twice(const Fp<F> *a, const Fp<F> *b, Fp<F> *out, u32 n) {
    u32 i = INDEX;
    if (i >= n) return;
    Fp<F> y = Fp<F>::load(b + i);
    mul(mul(Fp<F>::load(a + i), y), y).store(out + i);
}

// out: a + b, a - b + 2p, (a + b) halved to < 2p, canonical of that, one after the other; a and b <
// 2p.
template <class F> INLINE void sums(const Fp<F> *a, const Fp<F> *b, Fp<F> *out, u32 n) {
    u32 i = INDEX;
    if (i >= n) return;
    Fp<F> x = Fp<F>::load(a + i), y = Fp<F>::load(b + i), sum = add(x, y),
          half = subtract_once<2>(sum);
    sum.store(out + 4 * i);
    sub<2>(x, y).store(out + 4 * i + 1);
    half.store(out + 4 * i + 2);
    canonical(half).store(out + 4 * i + 3);
}

#define LODE_FIELD_TESTS(name, Type)                                                               \
    extern "C" __global__ void name##_mul(const Type *a, const Type *b, Type *out, u32 n) {        \
        product(a, b, out, n);                                                                     \
    }                                                                                              \
    extern "C" __global__ void name##_mul_twice(const Type *a, const Type *b, Type *out, u32 n) {  \
        product_twice(a, b, out, n);                                                               \
    }                                                                                              \
    extern "C" __global__ void name##_sums(const Type *a, const Type *b, Type *out, u32 n) {       \
        sums(a, b, out, n);                                                                        \
    }
LODE_FIELD_TESTS(fr, Fr)
LODE_FIELD_TESTS(fq, Fq)

// out: 1 for a root of unity of order 2^log_n.
extern "C" __global__ void fr_is_in_domain(const Fr *a, u32 *out, u32 log_n, u32 n) {
    u32 i = INDEX;
    if (i < n) out[i] = is_in_domain(Fr::load(a + i), log_n);
}
