//! What both ways to multiply eight elements of Fq share: the modulus in limbs, and how columns
//! become limbs.

use super::{MASK52, to_limbs52};
use crate::field::{FqParams, Params};
use core::arch::x86_64::*;

pub(super) const Q: [u64; 8] = to_limbs52(&FqParams::MODULUS);
/// `−q^(−1) mod 2^52`.
pub(super) const NEG_INV: u64 = FqParams::NEG_INV & MASK52;

/// One limb of eight elements in each register.
pub(super) type Limbs8 = [__m512i; 8];

/// One integer in all eight elements.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn splat_limbs(limbs: &[u64; 8]) -> Limbs8 {
    let mut out = [_mm512_setzero_si512(); 8];
    for (out, limb) in out.iter_mut().zip(limbs) {
        *out = _mm512_set1_epi64(*limb as i64);
    }
    out
}

/// The carries of columns 8 to 15 into limbs, and the mask if this is to be a value.
macro_rules! finish {
    ($out:ident, $t:ident, $mask:ident, $value:ident) => {{
        for j in 8..15 {
            $t[j + 1] = _mm512_add_epi64($t[j + 1], _mm512_srai_epi64::<52>($t[j]));
            if $value {
                $t[j] = _mm512_and_si512($t[j], $mask);
            }
        }
        for j in 0..8 {
            $out[j] = $t[8 + j];
        }
    }};
}

pub(super) use finish;
