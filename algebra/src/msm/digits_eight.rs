//! From scalars to digits, eight scalars at a time: [`super::digits`] in AVX-512 lanes.

use super::{
    entry::{CELLS, NEGATIVE, cell_index},
    window::Window,
};
use crate::{
    Fr,
    avx512::{
        MASK52,
        fr::{Fr8, Limbs},
        to_limbs52,
    },
    curve::ZETA,
};
use core::arch::x86_64::*;

/// `floor(2^282/x²)`, 156 bits.
const RECIPROCAL: [u64; 3] = {
    // Long division, bit by bit, into limbs.
    let (mut quotient, mut remainder, mut bit) = ([0u64; 3], 1u128, 282);
    while bit > 0 {
        bit -= 1;
        remainder <<= 1;
        if remainder >= ZETA {
            remainder -= ZETA;
            quotient[bit / 52] |= 1 << (bit % 52);
        }
    }
    quotient
};

/// x² in limbs.
const ZETA_LIMBS: [u64; 3] = to_limbs52(&[ZETA as u64, (ZETA >> 64) as u64]);

/// Calls `push(bucket, entry)` for the digits other than zero of eight scalars, the first of which
/// belongs to base `first`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn recode_eight(
    window: &Window,
    first: usize,
    scalars: &[Fr; 8],
    mut push: impl FnMut(u32, u32),
) {
    let (mut k0, mut k1) = split(scalars);
    let zero = _mm512_setzero_si512();
    let splat = |x: i64| _mm512_set1_epi64(x);
    let (one, base, twice_base) = (splat(1), splat(1 << window.bits), splat(2 << window.bits));
    let digit_mask = splat((1 << window.bits) - 1);
    let (bits, row_bits) =
        (_mm_cvtsi32_si128(window.bits as i32), _mm_cvtsi32_si128(window.bits as i32 - 1));
    let carry_bits = _mm_cvtsi32_si128(64 - window.bits as i32);
    // What is shifted between the halves of k₀ and k₁, and the entries of each position.
    let shift = |k: [__m512i; 2]| {
        let low = _mm512_or_si512(_mm512_srl_epi64(k[0], bits), _mm512_sll_epi64(k[1], carry_bits));
        [low, _mm512_srl_epi64(k[1], bits)]
    };
    let lanes = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    let stride = splat((CELLS * window.positions) as i64);
    let mut entry = _mm512_add_epi64(
        splat(cell_index(window, first, 0).into()),
        _mm512_mul_epu32(lanes, stride),
    );
    let (mut carry0, mut carry1) = (zero, zero);
    for _ in 0..window.positions {
        let a = _mm512_add_epi64(_mm512_and_si512(k0[0], digit_mask), carry0);
        let b = _mm512_add_epi64(_mm512_and_si512(k1[0], digit_mask), carry1);
        (k0, k1) = (shift(k0), shift(k1));
        // The nearest corner of the lattice's cell, as in `digits`.
        let sum = _mm512_add_epi64(a, b);
        let (u, v) = (_mm512_add_epi64(sum, a), _mm512_add_epi64(sum, b));
        let near_zero = _mm512_cmple_epi64_mask(_mm512_max_epi64(u, v), base);
        let near_both = _mm512_cmpge_epi64_mask(_mm512_min_epi64(u, v), twice_base);
        let a_larger = _mm512_cmpge_epi64_mask(a, b);
        let carries0 = near_both | (!near_zero & a_larger);
        let carries1 = near_both | (!near_zero & !a_larger);
        carry0 = _mm512_maskz_mov_epi64(carries0, one);
        carry1 = _mm512_maskz_mov_epi64(carries1, one);
        let a = _mm512_mask_sub_epi64(a, carries0, a, base);
        let b = _mm512_mask_sub_epi64(b, carries1, b, base);
        // The sign of (b, a), then the turn.
        let lower = _mm512_cmplt_epi64_mask(_mm512_add_epi64(_mm512_slli_epi64::<10>(b), a), zero);
        let some = _mm512_test_epi64_mask(_mm512_or_si512(a, b), _mm512_or_si512(a, b));
        let a = _mm512_mask_sub_epi64(a, lower, zero, a);
        let b = _mm512_mask_sub_epi64(b, lower, zero, b);
        let sum = _mm512_add_epi64(a, b);
        let turned = _mm512_cmple_epi64_mask(a, zero);
        let twice = turned & _mm512_cmple_epi64_mask(sum, zero);
        let once = turned & !twice;
        let x = _mm512_mask_mov_epi64(_mm512_mask_mov_epi64(a, once, sum), twice, b);
        let y = _mm512_mask_sub_epi64(_mm512_mask_sub_epi64(b, once, zero, a), twice, zero, sum);
        let bucket = _mm512_or_si512(_mm512_sll_epi64(y, row_bits), _mm512_sub_epi64(x, one));
        let negative = lower ^ once;
        let mut with_unit = _mm512_mask_add_epi64(entry, turned, entry, one);
        with_unit = _mm512_mask_add_epi64(with_unit, twice, with_unit, one);
        with_unit = _mm512_mask_or_epi64(with_unit, negative, with_unit, splat(NEGATIVE.into()));
        let digits = _mm512_or_si512(_mm512_slli_epi64::<32>(bucket), with_unit);
        let mut out = [0u64; 8];
        // SAFETY: the array is 64 bytes.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), digits) };
        if some == u8::MAX {
            out.iter().for_each(|digit| push((digit >> 32) as u32, *digit as u32));
        } else {
            let present = (0..8).filter(|lane| some >> lane & 1 == 1);
            present.for_each(|lane| push((out[lane] >> 32) as u32, out[lane] as u32));
        }
        entry = _mm512_add_epi64(entry, splat(CELLS as i64));
    }
}

/// `(k₀, k₁)` with k = k₀ + k₁·x² in 64-bit words; k₁ is rounded down, or one less with a chance of
/// 2^(−20): k₀ < x²·(1 + 2^(−20)).
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn split(scalars: &[Fr; 8]) -> ([__m512i; 2], [__m512i; 2]) {
    // x·2^256 times 16, divided by 2^260.
    const SIXTEEN: Limbs = [16, 0, 0, 0, 0];
    let k = Fr8::load(scalars).mul(&Fr8::splat(&SIXTEEN)).masked().reduce_once().0;
    let zero = _mm512_setzero_si512();
    let mask = _mm512_set1_epi64(MASK52 as i64);
    let splat = |limb: u64| _mm512_set1_epi64(limb as i64);

    // floor(k/2^104)·reciprocal/2^178, without the two lowest columns, whose carry is far below
    // 2^178.
    let reciprocal = RECIPROCAL.map(splat);
    let mut t = [zero; 4];
    for i in 0..3 {
        for j in 0..3 {
            if i + j >= 2 {
                t[i + j - 2] = _mm512_madd52lo_epu64(t[i + j - 2], k[2 + i], reciprocal[j]);
            }
            if i + j >= 1 {
                t[i + j - 1] = _mm512_madd52hi_epu64(t[i + j - 1], k[2 + i], reciprocal[j]);
            }
        }
    }
    for i in 0..3 {
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64::<52>(t[i]));
        t[i] = _mm512_and_si512(t[i], mask);
    }
    // Limbs 1 to 3 of t stand for 2^156 and up: 178 = 156 + 22.
    let cut = |low, high| {
        _mm512_and_si512(
            _mm512_or_si512(_mm512_srli_epi64::<22>(low), _mm512_slli_epi64::<30>(high)),
            mask,
        )
    };
    let quotient = [cut(t[1], t[2]), cut(t[2], t[3]), _mm512_srli_epi64::<22>(t[3])];

    // k − quotient·x² modulo 2^156.
    let zeta = ZETA_LIMBS.map(splat);
    let mut product = [zero; 3];
    for i in 0..3 {
        for j in 0..3 - i {
            product[i + j] = _mm512_madd52lo_epu64(product[i + j], quotient[i], zeta[j]);
            if i + j < 2 {
                product[i + j + 1] =
                    _mm512_madd52hi_epu64(product[i + j + 1], quotient[i], zeta[j]);
            }
        }
    }
    let mut rest = [0, 1, 2].map(|i| _mm512_sub_epi64(k[i], product[i]));
    for i in 0..2 {
        rest[i + 1] = _mm512_add_epi64(rest[i + 1], _mm512_srai_epi64::<52>(rest[i]));
    }
    let rest = rest.map(|limb| _mm512_and_si512(limb, mask));
    (to_words(rest), to_words(quotient))
}

/// Three limbs of a number below 2^128 as two words.
#[inline]
#[target_feature(enable = "avx512f")]
fn to_words(limbs: [__m512i; 3]) -> [__m512i; 2] {
    [
        _mm512_or_si512(limbs[0], _mm512_slli_epi64::<52>(limbs[1])),
        _mm512_or_si512(_mm512_srli_epi64::<12>(limbs[1]), _mm512_slli_epi64::<40>(limbs[2])),
    ]
}
