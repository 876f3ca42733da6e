//! Products of eight elements of Fq by `vpmadd52`.
//!
//! A multiplication is 256 of them: 128 for the product, 8 for the quotient digits of Montgomery's
//! reduction, 120 for their multiples of q (of the 128, the lowest column's cancel: its carry is
//! known without them).

use super::{
    MASK52,
    limbs::{Limbs8, NEG_INV, Q, finish, splat_limbs},
};
use core::arch::x86_64::*;

/// The rows of the reduction and of the product, on the sixteen columns `t`.
///
/// The order of the instructions matters. Each quotient digit depends on the one before through two
/// multiplications; between them stand a row of the product and a row of the reduction that no
/// other instruction waits for, so that the multipliers never idle.
macro_rules! columns {
    ($t:ident, $a:ident, $b:ident, $q:ident, $neg_inv:ident, $mask:ident) => {
        /// Column i of the quotient.
        macro_rules! digit {
            ($i:literal) => {
                _mm512_madd52lo_epu64(_mm512_setzero_si512(), $t[$i], $neg_inv)
            };
        }
        /// What column i+1 needs from digit i. Column i becomes a multiple of 2^52, by less than
        /// 2^52: the carry is the ceiling.
        macro_rules! next_column {
            ($i:literal, $digit:ident) => {
                let carry = _mm512_srli_epi64::<52>(_mm512_add_epi64($t[$i], $mask));
                let low = _mm512_madd52lo_epu64(carry, $digit, $q[1]);
                $t[$i + 1] =
                    _mm512_add_epi64(_mm512_madd52hi_epu64($t[$i + 1], $digit, $q[0]), low);
            };
        }
        /// What the later columns need from digit i.
        macro_rules! later_columns {
            ($i:literal, $digit:ident) => {
                for j in 2..8 {
                    $t[$i + j] = _mm512_madd52lo_epu64($t[$i + j], $digit, $q[j]);
                }
                for j in 1..8 {
                    $t[$i + j + 1] = _mm512_madd52hi_epu64($t[$i + j + 1], $digit, $q[j]);
                }
            };
        }
    };
}

/// `a·b/R + addend` of factors, below `q·(1 + ab/(R·q²)) + addend`. With `VALUE` the result is a
/// value, and `addend` is added: limbs of any sign below 2^60, positive in all. Otherwise the
/// result is a factor and `addend` is ignored.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
pub(super) fn product<const VALUE: bool>(
    out: &mut Limbs8,
    a: &Limbs8,
    b: &Limbs8,
    addend: &Limbs8,
) {
    let zero = _mm512_setzero_si512();
    let neg_inv = _mm512_set1_epi64(NEG_INV as i64);
    let mask = _mm512_set1_epi64(MASK52 as i64);
    let q = splat_limbs(&Q);
    let mut t = [zero; 16];
    if VALUE {
        t[8..].copy_from_slice(addend);
    }
    columns!(t, a, b, q, neg_inv, mask);
    macro_rules! row {
        ($i:literal) => {
            for j in 0..8 {
                t[$i + j] = _mm512_madd52lo_epu64(t[$i + j], a[j], b[$i]);
            }
            for j in 0..8 {
                t[$i + j + 1] = _mm512_madd52hi_epu64(t[$i + j + 1], a[j], b[$i]);
            }
        };
    }
    row!(0);
    let d0 = digit!(0);
    row!(1);
    next_column!(0, d0);
    let d1 = digit!(1);
    later_columns!(0, d0);
    row!(2);
    next_column!(1, d1);
    let d2 = digit!(2);
    later_columns!(1, d1);
    row!(3);
    next_column!(2, d2);
    let d3 = digit!(3);
    later_columns!(2, d2);
    row!(4);
    next_column!(3, d3);
    let d4 = digit!(4);
    later_columns!(3, d3);
    row!(5);
    next_column!(4, d4);
    let d5 = digit!(5);
    later_columns!(4, d4);
    row!(6);
    next_column!(5, d5);
    let d6 = digit!(6);
    later_columns!(5, d5);
    row!(7);
    next_column!(6, d6);
    let d7 = digit!(7);
    later_columns!(6, d6);
    next_column!(7, d7);
    later_columns!(7, d7);
    finish!(out, t, mask, VALUE)
}

/// `a²/R + addend`, as [`product`]: 200 `vpmadd52`, for the columns of the product are symmetric.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline(never)]
pub(super) fn squared<const VALUE: bool>(out: &mut Limbs8, a: &Limbs8, addend: &Limbs8) {
    let zero = _mm512_setzero_si512();
    let neg_inv = _mm512_set1_epi64(NEG_INV as i64);
    let mask = _mm512_set1_epi64(MASK52 as i64);
    let q = splat_limbs(&Q);
    let mut t = [zero; 16];
    // `a_i·a_j` for i < j.
    macro_rules! row {
        ($i:literal) => {
            for j in $i + 1..8 {
                t[$i + j] = _mm512_madd52lo_epu64(t[$i + j], a[$i], a[j]);
            }
            for j in $i + 1..8 {
                t[$i + j + 1] = _mm512_madd52hi_epu64(t[$i + j + 1], a[$i], a[j]);
            }
        };
    }
    // Columns 2i and 2i+1, complete after row i: doubled, and the square of a_i added.
    macro_rules! diagonal {
        ($i:literal) => {
            t[2 * $i] = _mm512_madd52lo_epu64(_mm512_add_epi64(t[2 * $i], t[2 * $i]), a[$i], a[$i]);
            t[2 * $i + 1] =
                _mm512_madd52hi_epu64(_mm512_add_epi64(t[2 * $i + 1], t[2 * $i + 1]), a[$i], a[$i]);
        };
    }
    columns!(t, a, a, q, neg_inv, mask);
    row!(0);
    diagonal!(0);
    let d0 = digit!(0);
    row!(1);
    diagonal!(1);
    row!(2);
    diagonal!(2);
    row!(3);
    diagonal!(3);
    row!(4);
    diagonal!(4);
    row!(5);
    diagonal!(5);
    row!(6);
    diagonal!(6);
    diagonal!(7);
    if VALUE {
        for j in 0..8 {
            t[8 + j] = _mm512_add_epi64(t[8 + j], addend[j]);
        }
    }
    next_column!(0, d0);
    let d1 = digit!(1);
    later_columns!(0, d0);
    next_column!(1, d1);
    let d2 = digit!(2);
    later_columns!(1, d1);
    next_column!(2, d2);
    let d3 = digit!(3);
    later_columns!(2, d2);
    next_column!(3, d3);
    let d4 = digit!(4);
    later_columns!(3, d3);
    next_column!(4, d4);
    let d5 = digit!(5);
    later_columns!(4, d4);
    next_column!(5, d5);
    let d6 = digit!(6);
    later_columns!(5, d5);
    next_column!(6, d6);
    let d7 = digit!(7);
    later_columns!(6, d6);
    next_column!(7, d7);
    later_columns!(7, d7);
    finish!(out, t, mask, VALUE)
}
