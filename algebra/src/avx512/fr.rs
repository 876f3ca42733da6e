//! Eight elements of Fr: five limbs of 52 bits, R = 2^260 = 219·r.
//!
//! A multiplication is 100 `vpmadd52`. Memory holds elements as [`Fr`] does, x·2^256 mod r. Lanes
//! keep that form: a product with a constant stays in it if the constant is held as c·2^260, and a
//! product of two elements if one of them is taken times 16.

use super::{MASK52, transpose::transpose8};
use crate::field::{Fr, FrParams, Params, montgomery};
use core::arch::x86_64::*;

/// Eight elements of Fr.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Fr8(pub(crate) [__m512i; 5]);

/// One element in limbs.
pub(crate) type Limbs = [u64; 5];

/// r in limbs.
pub(crate) const MODULUS: Limbs = super::to_limbs52(&FrParams::MODULUS);
/// 2·r, 4·r and 8·r in limbs.
pub(crate) const TWICE: Limbs = multiple(2);
pub(crate) const TIMES_4: Limbs = multiple(4);
pub(crate) const TIMES_8: Limbs = multiple(8);
/// `−r^(−1) mod 2^52`.
const NEG_INV: u64 = FrParams::NEG_INV & MASK52;
/// `2^260·2^256 mod r`: takes c·2^256 to c·2^260 under a product of [`Fr`], which divides by 2^256.
const TO_CONSTANT: Fr = Fr::from_montgomery(montgomery::power_of_two(260, &FrParams::MODULUS));

/// What takes a constant under a product of lanes, which divides by 2^260, to the element: c·2^260
/// to c·2^256.
pub(crate) const TO_ELEMENT: Limbs = super::to_limbs52(&FrParams::R);

/// A small multiple of r in limbs.
const fn multiple(factor: u64) -> Limbs {
    let (mut limbs, mut carry, mut i) = ([0; 5], 0, 0);
    while i < 5 {
        let limb = MODULUS[i] * factor + carry;
        limbs[i] = limb & MASK52;
        carry = limb >> 52;
        i += 1;
    }
    limbs
}

/// A constant to multiply elements by.
pub(crate) fn constant(c: &Fr) -> Limbs {
    super::to_limbs52(&(*c * TO_CONSTANT).montgomery())
}

/// `Σ a·b/R` over pairs of factors: limbs up to 2^57, below `r·(1 + Σ ab/(R·r²))` in all. The order
/// of the rows is that of [`super::fq`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn product<const PAIRS: usize>(pairs: [(&[__m512i; 5], &[__m512i; 5]); PAIRS]) -> [__m512i; 5] {
    let zero = _mm512_setzero_si512();
    let neg_inv = _mm512_set1_epi64(NEG_INV as i64);
    let mask = _mm512_set1_epi64(MASK52 as i64);
    let r = splat(&MODULUS);
    let mut t = [zero; 10];
    macro_rules! row {
        ($i:literal) => {
            for (a, b) in pairs {
                for j in 0..5 {
                    t[$i + j] = _mm512_madd52lo_epu64(t[$i + j], a[j], b[$i]);
                }
                for j in 0..5 {
                    t[$i + j + 1] = _mm512_madd52hi_epu64(t[$i + j + 1], a[j], b[$i]);
                }
            }
        };
    }
    macro_rules! digit {
        ($i:literal) => {
            _mm512_madd52lo_epu64(zero, t[$i], neg_inv)
        };
    }
    macro_rules! next_column {
        ($i:literal, $digit:ident) => {
            let carry = _mm512_srli_epi64::<52>(_mm512_add_epi64(t[$i], mask));
            let low = _mm512_madd52lo_epu64(carry, $digit, r[1]);
            t[$i + 1] = _mm512_add_epi64(_mm512_madd52hi_epu64(t[$i + 1], $digit, r[0]), low);
        };
    }
    macro_rules! later_columns {
        ($i:literal, $digit:ident) => {
            for j in 2..5 {
                t[$i + j] = _mm512_madd52lo_epu64(t[$i + j], $digit, r[j]);
            }
            for j in 1..5 {
                t[$i + j + 1] = _mm512_madd52hi_epu64(t[$i + j + 1], $digit, r[j]);
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
    next_column!(4, d4);
    later_columns!(4, d4);
    [t[5], t[6], t[7], t[8], t[9]]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn splat(limbs: &Limbs) -> [__m512i; 5] {
    let mut out = [_mm512_setzero_si512(); 5];
    for (out, limb) in out.iter_mut().zip(limbs) {
        *out = _mm512_set1_epi64(*limb as i64);
    }
    out
}

impl Fr8 {
    /// Eight times the same limbs: a value.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn splat(limbs: &Limbs) -> Self {
        Self(splat(limbs))
    }

    /// Eight elements from memory: values below r.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn load(elements: &[Fr; 8]) -> Self {
        Self::from_words(load_words(elements))
    }

    /// [`Self::load`] from eight places.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn load_each(elements: &[Fr], at: &[usize; 8]) -> Self {
        let element = |lane: usize| &elements[at[lane]];
        let mut pairs = [_mm512_setzero_si512(); 4];
        for (i, pair) in pairs.iter_mut().enumerate() {
            let [low, high]: [*const __m256i; 2] = [
                core::ptr::from_ref(element(2 * i)).cast(),
                core::ptr::from_ref(element(2 * i + 1)).cast(),
            ];
            // SAFETY: an element is 32 bytes.
            let (low, high) = unsafe { (_mm256_loadu_si256(low), _mm256_loadu_si256(high)) };
            *pair = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        }
        Self::from_words(split_pairs(pairs))
    }

    /// Values below r to memory.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn store(&self, elements: &mut [Fr; 8]) {
        let out: *mut __m512i = elements.as_mut_ptr().cast();
        for (i, pair) in self.to_pairs().into_iter().enumerate() {
            // SAFETY: eight elements are 256 bytes, four unaligned registers.
            unsafe { _mm512_storeu_si512(out.add(i), pair) };
        }
    }

    /// [`Self::store`] to eight places.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn store_each(&self, elements: &mut [Fr], at: &[usize; 8]) {
        for (i, pair) in self.to_pairs().into_iter().enumerate() {
            for (lane, half) in [
                (2 * i, _mm512_castsi512_si256(pair)),
                (2 * i + 1, _mm512_extracti64x4_epi64::<1>(pair)),
            ] {
                let element: *mut __m256i = core::ptr::from_mut(&mut elements[at[lane]]).cast();
                // SAFETY: an element is 32 bytes.
                unsafe { _mm256_storeu_si256(element, half) };
            }
        }
    }

    /// The limbs of eight elements, word k of them in register k.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn from_words([w0, w1, w2, w3]: [__m512i; 4]) -> Self {
        let mask = _mm512_set1_epi64(MASK52 as i64);
        Self([
            _mm512_and_si512(w0, mask),
            _mm512_and_si512(
                _mm512_or_si512(_mm512_srli_epi64::<52>(w0), _mm512_slli_epi64::<12>(w1)),
                mask,
            ),
            _mm512_and_si512(
                _mm512_or_si512(_mm512_srli_epi64::<40>(w1), _mm512_slli_epi64::<24>(w2)),
                mask,
            ),
            _mm512_and_si512(
                _mm512_or_si512(_mm512_srli_epi64::<28>(w2), _mm512_slli_epi64::<36>(w3)),
                mask,
            ),
            _mm512_srli_epi64::<16>(w3),
        ])
    }

    /// Values below r as elements in memory, two in a register.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn to_pairs(self) -> [__m512i; 4] {
        let [l0, l1, l2, l3, l4] = self.0;
        join_pairs([
            _mm512_or_si512(l0, _mm512_slli_epi64::<52>(l1)),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l1), _mm512_slli_epi64::<40>(l2)),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l2), _mm512_slli_epi64::<28>(l3)),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l3), _mm512_slli_epi64::<16>(l4)),
        ])
    }

    /// Eight [`constant`]s.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn constants(elements: &[Fr; 8]) -> Self {
        let mut raised = *elements;
        for element in &mut raised {
            *element *= TO_CONSTANT;
        }
        Self::load(&raised)
    }

    /// Lane l of register v becomes lane v of register l.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn transpose(vectors: &mut [Self; 8]) {
        for limb in 0..5 {
            let mut rows = [vectors[0].0[limb]; 8];
            for (row, vector) in rows.iter_mut().zip(vectors.iter()) {
                *row = vector.0[limb];
            }
            for (column, vector) in transpose8(rows).into_iter().zip(vectors.iter_mut()) {
                vector.0[limb] = column;
            }
        }
    }

    /// `a·b/R` of factors: limbs up to 2^57, neither value nor factor, below `r·(1 + ab/(R·r²))` in
    /// all.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn product(&self, other: &Self) -> Self {
        Self(product([(&self.0, &other.0)]))
    }

    /// `(a·b + c·d)/R` of factors, as [`Self::product`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn sum_of_products(a: &Self, b: &Self, c: &Self, d: &Self) -> Self {
        Self(product([(&a.0, &b.0), (&c.0, &d.0)]))
    }

    /// `a·b/R` of factors: a factor below `r·(1 + ab/(R·r²))`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        self.product(other).to_factor()
    }

    /// The limbs' sums, of any size: neither value nor factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_add(&self, other: &Self) -> Self {
        let mut out = *self;
        for (limb, other) in out.0.iter_mut().zip(&other.0) {
            *limb = _mm512_add_epi64(*limb, *other);
        }
        out
    }

    /// The limbs' differences, of any sign: neither value nor factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_sub(&self, other: &Self) -> Self {
        let mut out = *self;
        for (limb, other) in out.0.iter_mut().zip(&other.0) {
            *limb = _mm512_sub_epi64(*limb, *other);
        }
        out
    }

    /// Carries limbs of any sign, of a sum that is not negative: a factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn to_factor(mut self) -> Self {
        for j in 0..4 {
            self.0[j + 1] = _mm512_add_epi64(self.0[j + 1], _mm512_srai_epi64::<52>(self.0[j]));
        }
        self
    }

    /// Carries limbs of any sign: a value. A negative sum shows in the sign of the top limb.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn to_value(self) -> Self {
        self.to_factor().masked()
    }

    /// A factor's limbs without what stands above bit 52: a value.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn masked(mut self) -> Self {
        let mask = _mm512_set1_epi64(MASK52 as i64);
        for limb in &mut self.0[..4] {
            *limb = _mm512_and_si512(*limb, mask);
        }
        self
    }

    /// A value below 2r, as a value below r.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn reduce_once(&self) -> Self {
        let difference = self.limbs_sub(&Self::splat(&MODULUS)).to_value();
        let negative = _mm512_cmplt_epi64_mask(difference.0[4], _mm512_setzero_si512());
        let mut out = difference;
        for (limb, kept) in out.0.iter_mut().zip(&self.0) {
            *limb = _mm512_mask_mov_epi64(*limb, negative, *kept);
        }
        out
    }
}

/// Word k of eight elements in the lanes of register k.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_words(elements: &[Fr; 8]) -> [__m512i; 4] {
    let words: *const __m512i = elements.as_ptr().cast();
    let mut pairs = [_mm512_setzero_si512(); 4];
    for (i, pair) in pairs.iter_mut().enumerate() {
        // SAFETY: eight elements are 256 bytes, four unaligned registers.
        *pair = unsafe { _mm512_loadu_si512(words.add(i)) };
    }
    split_pairs(pairs)
}

const LOW_HALVES: i32 = 0x44;
const HIGH_HALVES: i32 = 0xee;

/// From elements, two in a register, to words: word k in register k.
#[inline]
#[target_feature(enable = "avx512f")]
fn split_pairs(pairs: [__m512i; 4]) -> [__m512i; 4] {
    // Words 0 and 1, then 2 and 3, of the four elements of two registers.
    let low = _mm512_setr_epi64(0, 4, 8, 12, 1, 5, 9, 13);
    let high = _mm512_setr_epi64(2, 6, 10, 14, 3, 7, 11, 15);
    let (a, b) = (
        _mm512_permutex2var_epi64(pairs[0], low, pairs[1]),
        _mm512_permutex2var_epi64(pairs[2], low, pairs[3]),
    );
    let (c, d) = (
        _mm512_permutex2var_epi64(pairs[0], high, pairs[1]),
        _mm512_permutex2var_epi64(pairs[2], high, pairs[3]),
    );
    [
        _mm512_shuffle_i64x2::<LOW_HALVES>(a, b),
        _mm512_shuffle_i64x2::<HIGH_HALVES>(a, b),
        _mm512_shuffle_i64x2::<LOW_HALVES>(c, d),
        _mm512_shuffle_i64x2::<HIGH_HALVES>(c, d),
    ]
}

/// The way back of [`split_pairs`].
#[inline]
#[target_feature(enable = "avx512f")]
fn join_pairs([w0, w1, w2, w3]: [__m512i; 4]) -> [__m512i; 4] {
    // Elements 0, 2, 4, 6 and 1, 3, 5, 7: first two words, last two words.
    let (a, b) = (_mm512_unpacklo_epi64(w0, w1), _mm512_unpackhi_epi64(w0, w1));
    let (c, d) = (_mm512_unpacklo_epi64(w2, w3), _mm512_unpackhi_epi64(w2, w3));
    // Whole elements: 0 and 2, 4 and 6; 1 and 3, 5 and 7.
    let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    let (e02, e46) =
        (_mm512_permutex2var_epi64(a, first, c), _mm512_permutex2var_epi64(a, second, c));
    let (e13, e57) =
        (_mm512_permutex2var_epi64(b, first, d), _mm512_permutex2var_epi64(b, second, d));
    [
        _mm512_shuffle_i64x2::<LOW_HALVES>(e02, e13),
        _mm512_shuffle_i64x2::<HIGH_HALVES>(e02, e13),
        _mm512_shuffle_i64x2::<LOW_HALVES>(e46, e57),
        _mm512_shuffle_i64x2::<HIGH_HALVES>(e46, e57),
    ]
}
