// The scalar field of BLS12-377, 253 bits in 8 words.
#pragma once
#include "field.cuh"

struct FrParams {
    static constexpr int LIMBS = FR_LIMBS;
    static constexpr int SLACK = FR_SLACK; // floor(R / p)
    INLINE static constexpr u32 modulus(int i) {
        constexpr u32 words[LIMBS] = {FR_MODULUS};
        return words[i];
    }
    INLINE static constexpr u32 one(int i) {
        constexpr u32 words[LIMBS] = {FR_ONE};
        return words[i];
    }
    INLINE static constexpr u32 r_squared(int i) {
        constexpr u32 words[LIMBS] = {FR_R_SQUARED};
        return words[i];
    }
};

typedef Fp<FrParams> Fr;

// Whether z^(2^log_n) = 1; z < 2·r.
INLINE bool is_in_domain(const Fr &z, u32 log_n) {
    Fr power = z;
    for (u32 k = 0; k < log_n; k++) power = mul(power, power);
    return is_zero_integer(canonical(subtract_once<2>(sub<1>(power, Fr::one()))));
}
