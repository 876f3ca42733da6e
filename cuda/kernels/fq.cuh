// The base field of BLS12-377, 377 bits in 12 words.
#pragma once
#include "field.cuh"

struct FqParams {
    static constexpr int LIMBS = 12;
    static constexpr int SLACK = 152; // floor(R / p)
    INLINE static constexpr u32 modulus(int i) {
        constexpr u32 words[LIMBS] = {
            0x00000001, 0x8508c000, 0x30000000, 0x170b5d44, 0xba094800, 0x1ef3622f,
            0x00f5138f, 0x1a22d9f3, 0x6ca1493b, 0xc63b05c0, 0x17c510ea, 0x01ae3a46};
        return words[i];
    }
    INLINE static constexpr u32 one(int i) {
        constexpr u32 words[LIMBS] = {
            0xffffff68, 0x02cdffff, 0x7fffffb1, 0x51409f83, 0x8a7d3ff2, 0x9f7db3a9,
            0x6e7c6305, 0x7b4e97b7, 0x803c84e8, 0x4cf495bf, 0xe2fdf49a, 0x008d6661};
        return words[i];
    }
    INLINE static constexpr u32 r_squared(int i) {
        constexpr u32 words[LIMBS] = {
            0x9400cd22, 0xb786686c, 0xb00431b1, 0x0329fcaa, 0x62d6b46d, 0x22a5f111,
            0x827dc3ac, 0xbfdf7d03, 0x41790bf9, 0x837e92f0, 0x1e914b88, 0x006dfccb};
        return words[i];
    }
};

typedef Fp<FqParams> Fq;
