//! The two primes of BLS12-377, from its parameter x = 0x8508c00000000001 (Bowe et al., ZEXE, 2018,
//! appendix C): r = x⁴ − x² + 1 and q = (x − 1)²·r/3 + x.

use super::{
    montgomery::{neg_inv, power_of_two},
    prime::Params,
};

/// The base field: q of 377 bits.
#[derive(Clone, Copy)]
pub struct FqParams;

impl Params<6> for FqParams {
    const MODULUS: [u64; 6] = [
        0x8508c00000000001,
        0x170b5d4430000000,
        0x1ef3622fba094800,
        0x1a22d9f300f5138f,
        0xc63b05c06ca1493b,
        0x01ae3a4617c510ea,
    ];
    const NEG_INV: u64 = neg_inv(Self::MODULUS[0]);
    const R: [u64; 6] = power_of_two(384, &Self::MODULUS);
    const R2: [u64; 6] = power_of_two(768, &Self::MODULUS);
}

/// The scalar field: r of 253 bits.
#[derive(Clone, Copy)]
pub struct FrParams;

impl Params<4> for FrParams {
    const MODULUS: [u64; 4] =
        [0x0a11800000000001, 0x59aa76fed0000001, 0x60b44d1e5c37b001, 0x12ab655e9a2ca556];
    const NEG_INV: u64 = neg_inv(Self::MODULUS[0]);
    const R: [u64; 4] = power_of_two(256, &Self::MODULUS);
    const R2: [u64; 4] = power_of_two(512, &Self::MODULUS);
}
