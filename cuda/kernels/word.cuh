// 32-bit words with the carry flag: the alphabet of all field arithmetic.
//
// CC.CF lives from one PTX statement to the next, so every statement here is volatile: the compiler
// keeps their order and puts nothing between them that touches the flag.
//
// Constants that Rust and Python share are not typed in the kernels: `constants.h` is generated
// (cuda/tools/constants.py) and handed to the compiler in memory.
#pragma once
#include "constants.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE __device__ __forceinline__
// The thread's number along x over the whole grid.
#define INDEX (blockIdx.x * blockDim.x + threadIdx.x)

#define LODE_BINARY(name, op)                                                                  \
    INLINE u32 name(u32 a, u32 b) {                                                            \
        u32 r;                                                                                 \
        asm volatile(op " %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));                            \
        return r;                                                                              \
    }
LODE_BINARY(add_cc, "add.cc.u32")   // a + b, carry out
LODE_BINARY(addc_cc, "addc.cc.u32") // a + b + carry, carry out
LODE_BINARY(addc, "addc.u32")       // a + b + carry
LODE_BINARY(sub_cc, "sub.cc.u32")   // the same with borrows
LODE_BINARY(subc_cc, "subc.cc.u32")
LODE_BINARY(subc, "subc.u32")
#undef LODE_BINARY

// (hi, lo) += a * b, all 64 bits of it. Low and high half of one product, on adjacent limbs and in
// adjacent instructions: ptxas fuses the two into one IMAD.WIDE.U32, with the carry as a predicate.
INLINE void mad_wide_cc(u32 &lo, u32 &hi, u32 a, u32 b) {
    asm volatile("mad.lo.cc.u32 %0, %2, %3, %0; madc.hi.cc.u32 %1, %2, %3, %1;"
                 : "+r"(lo), "+r"(hi)
                 : "r"(a), "r"(b));
}
INLINE void madc_wide_cc(u32 &lo, u32 &hi, u32 a, u32 b) {
    asm volatile("madc.lo.cc.u32 %0, %2, %3, %0; madc.hi.cc.u32 %1, %2, %3, %1;"
                 : "+r"(lo), "+r"(hi)
                 : "r"(a), "r"(b));
}
// (hi, lo) = a * b + (c1, c0) + carry, carry out.
INLINE void madc_wide_cc(u32 &lo, u32 &hi, u32 a, u32 b, u32 c0, u32 c1) {
    asm volatile("madc.lo.cc.u32 %0, %2, %3, %4; madc.hi.cc.u32 %1, %2, %3, %5;"
                 : "=r"(lo), "=r"(hi)
                 : "r"(a), "r"(b), "r"(c0), "r"(c1));
}
// (hi, lo) = a * b + carry, which cannot overflow.
INLINE void madc_wide_last(u32 &lo, u32 &hi, u32 a, u32 b) {
    asm volatile("madc.lo.cc.u32 %0, %2, %3, 0; madc.hi.u32 %1, %2, %3, 0;"
                 : "=r"(lo), "=r"(hi)
                 : "r"(a), "r"(b));
}
INLINE void mul_wide(u32 &lo, u32 &hi, u32 a, u32 b) {
    asm volatile("mul.lo.u32 %0, %2, %3; mul.hi.u32 %1, %2, %3;"
                 : "=r"(lo), "=r"(hi)
                 : "r"(a), "r"(b));
}
