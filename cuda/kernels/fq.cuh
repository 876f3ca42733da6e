// The base field of BLS12-377, 377 bits in 12 words.
#pragma once
#include "field.cuh"

struct FqParams {
    static constexpr int LIMBS = FQ_LIMBS;
    static constexpr int SLACK = FQ_SLACK; // floor(R / p)
    INLINE static constexpr u32 modulus(int i) {
        constexpr u32 words[LIMBS] = {FQ_MODULUS};
        return words[i];
    }
    INLINE static constexpr u32 one(int i) {
        constexpr u32 words[LIMBS] = {FQ_ONE};
        return words[i];
    }
    INLINE static constexpr u32 r_squared(int i) {
        constexpr u32 words[LIMBS] = {FQ_R_SQUARED};
        return words[i];
    }
};

typedef Fp<FqParams> Fq;
