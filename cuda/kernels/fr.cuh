// The scalar field of BLS12-377, 253 bits in 8 words.
#pragma once
#include "field.cuh"

struct FrParams {
    static constexpr int LIMBS = 8;
    static constexpr int SLACK = 13; // floor(R / p)
    INLINE static constexpr u32 modulus(int i) {
        constexpr u32 words[LIMBS] = {
            0x00000001, 0x0a118000, 0xd0000001, 0x59aa76fe, 0x5c37b001, 0x60b44d1e,
            0x9a2ca556, 0x12ab655e};
        return words[i];
    }
    INLINE static constexpr u32 one(int i) {
        constexpr u32 words[LIMBS] = {
            0xfffffff3, 0x7d1c7fff, 0x6ffffff2, 0x7257f50f, 0x512c0fee, 0x16d81575,
            0x2bbb9a9d, 0x0d4bda32};
        return words[i];
    }
    INLINE static constexpr u32 r_squared(int i) {
        constexpr u32 words[LIMBS] = {
            0xb861857b, 0x25d577ba, 0x8860591f, 0xcc2c27b5, 0xe5dc8593, 0xa7cc008f,
            0xeff1c939, 0x011fdae7};
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
