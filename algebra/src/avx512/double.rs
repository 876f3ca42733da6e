//! Products of eight elements of Fq without `vpmadd52`: limbs are multiplied in double precision
//! (Emmart, Zheng and Weems, Faster modular exponentiation using double precision floating point
//! arithmetic on the GPU, ARITH 2018).
//!
//! For whole a, b < 2^52, a fused `a·b + 2^104` rounded towards zero is 2^104 + ⌊a·b/2^52⌋·2^52,
//! since doubles there are 2^52 apart; its last 52 bits are ⌊a·b/2^52⌋. With that taken off, a
//! fused `a·b + 2^52 − …` is exact, and its last 52 bits are a·b mod 2^52. Sums of such doubles, as
//! integers, are sums of these halves plus a multiple of the constants' bits, which is known
//! beforehand.

use super::{
    MASK52,
    limbs::{Limbs8, NEG_INV, Q, finish},
};
use core::arch::{asm, x86_64::*};

/// The bits of 2^104 and of 2^52.
const HIGH_BITS: u64 = (1023 + 104) << 52;
const LOW_BITS: u64 = (1023 + 52) << 52;

/// `(q·NEG_INV + 1)/2^52`: adding `digit·(FRIENDLY·2^52 − 1)` clears the column whose low bits are
/// the digit, and is a multiple of q. No product is needed for the digit, which would take long to
/// come.
const FRIENDLY: [u64; 8] = {
    let (mut limbs, mut carry, mut i) = ([0; 8], 1u128, 0);
    while i < 8 {
        carry += Q[i] as u128 * NEG_INV as u128;
        if i > 0 {
            limbs[i - 1] = carry as u64 & MASK52;
        }
        carry >>= 52;
        i += 1;
    }
    limbs[7] = carry as u64;
    limbs
};

/// What the columns start from, so that the bits of the constants cancel.
const OFFSETS: [u64; 16] = {
    let mut offsets = [0u64; 16];
    let mut i = 0;
    while i < 8 {
        let mut j = 0;
        while j < 8 {
            // Row i of the product, and of the reduction: the last row adds to its own column and
            // the next ones, the others one further.
            let shift = if i < 7 { 1 } else { 0 };
            let columns = [i + j, i + j + shift];
            let mut k = 0;
            while k < 2 {
                offsets[columns[k]] = offsets[columns[k]].wrapping_sub(LOW_BITS);
                offsets[columns[k] + 1] = offsets[columns[k] + 1].wrapping_sub(HIGH_BITS);
                k += 1;
            }
            j += 1;
        }
        i += 1;
    }
    offsets
};

/// Adds `factor·limbs` to the columns t from column i on. In assembly, because the compiler would
/// hoist all products before their sums, and spill most of them.
macro_rules! add_row {
    ($t:ident, $high:ident, $high_and_low:ident, $i:expr, $limbs:ident, $factor:expr) => {
        let factor = $factor;
        for j in 0..8 {
            // Typed: LLVM gives an output without a type the number of a vector of 128 bits, and
            // names another register then.
            let (_upper, _lower): (__m512d, __m512d);
            // SAFETY: AVX-512 F is the function's; only registers are read and written.
            unsafe {
                asm!(
                    "vmovapd {upper}, {high}",
                    "vfmadd231pd {upper}, {limb}, {factor}, {{rz-sae}}",
                    "vsubpd {lower}, {high_and_low}, {upper}",
                    "vfmadd231pd {lower}, {limb}, {factor}, {{rz-sae}}",
                    "vpaddq {low_column}, {low_column}, {lower}",
                    "vpaddq {high_column}, {high_column}, {upper}",
                    upper = out(zmm_reg) _upper,
                    lower = out(zmm_reg) _lower,
                    high = in(zmm_reg) $high,
                    high_and_low = in(zmm_reg) $high_and_low,
                    limb = in(zmm_reg) $limbs[j],
                    factor = in(zmm_reg) factor,
                    low_column = inout(zmm_reg) $t[$i + j],
                    high_column = inout(zmm_reg) $t[$i + j + 1],
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
        }
    };
}

/// `a·b/R + addend` of factors, below `q·(1.55 + ab/(R·q²)) + addend`: as the product by
/// `vpmadd52`, but for the bound.
#[target_feature(enable = "avx512f")]
#[inline(never)]
pub(super) fn product<const VALUE: bool>(
    out: &mut Limbs8,
    a: &Limbs8,
    b: &Limbs8,
    addend: &Limbs8,
) {
    const TOWARDS_ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
    let mask = _mm512_set1_epi64(MASK52 as i64);
    let low_bits = _mm512_set1_epi64(LOW_BITS as i64);
    let low = _mm512_castsi512_pd(low_bits);
    let high = _mm512_castsi512_pd(_mm512_set1_epi64(HIGH_BITS as i64));
    let high_and_low = _mm512_add_pd(high, low);
    // The low 52 bits as a double.
    let double = |x| {
        const AND_OR: i32 = 0xea;
        _mm512_sub_pd(
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<AND_OR>(x, mask, low_bits)),
            low,
        )
    };
    let doubles = |limbs: &Limbs8| {
        let mut out = [low; 8];
        for (out, limb) in out.iter_mut().zip(limbs) {
            *out = double(*limb);
        }
        out
    };
    let from_limbs = |limbs: &[u64; 8]| {
        let mut out = [low; 8];
        for (out, limb) in out.iter_mut().zip(limbs) {
            *out = _mm512_set1_pd(*limb as f64);
        }
        out
    };
    let (a, b) = (doubles(a), doubles(b));
    let (friendly, q) = (from_limbs(&FRIENDLY), from_limbs(&Q));
    let mut t = [low_bits; 16];
    for (t, offset) in t.iter_mut().zip(OFFSETS) {
        *t = _mm512_set1_epi64(offset as i64);
    }
    if VALUE {
        for (t, addend) in t[8..].iter_mut().zip(addend) {
            *t = _mm512_add_epi64(*t, *addend);
        }
    }
    // Row i of the product, and the reduction that clears column i - 1, which nothing is added to
    // any more.
    macro_rules! row_and_clear {
        ($i:literal) => {
            add_row!(t, high, high_and_low, $i, a, b[$i]);
            let digit = double(t[$i - 1]);
            t[$i] = _mm512_add_epi64(t[$i], _mm512_srai_epi64::<52>(t[$i - 1]));
            add_row!(t, high, high_and_low, $i, friendly, digit);
        };
    }
    add_row!(t, high, high_and_low, 0, a, b[0]);
    row_and_clear!(1);
    row_and_clear!(2);
    row_and_clear!(3);
    row_and_clear!(4);
    row_and_clear!(5);
    row_and_clear!(6);
    row_and_clear!(7);
    // By q itself, or the result would have 52 bits more.
    let neg_inv = _mm512_set1_pd(NEG_INV as f64);
    let column = double(t[7]);
    let upper = _mm512_fmadd_round_pd::<TOWARDS_ZERO>(column, neg_inv, high);
    let digit =
        _mm512_fmadd_round_pd::<TOWARDS_ZERO>(column, neg_inv, _mm512_sub_pd(high_and_low, upper));
    add_row!(t, high, high_and_low, 7, q, _mm512_sub_pd(digit, low));
    t[8] = _mm512_add_epi64(t[8], _mm512_srai_epi64::<52>(t[7]));
    finish!(out, t, mask, VALUE);
}
