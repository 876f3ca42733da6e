//! Eight elements of Fq: eight limbs of 52 bits, R = 2^416 = 1.2·10^12·q.
//!
//! Products are [`super::ifma`]'s, or [`super::double`]'s where there is no `vpmadd52`.

use super::{
    MASK52, double, from_limbs52, ifma,
    limbs::{Q, splat_limbs},
    to_limbs52,
    transpose::transpose8,
};
use crate::field::{Fq, FqParams, Params, inverse::inverse, montgomery};
use core::arch::x86_64::*;

/// Eight elements of Fq, multiplied by `vpmadd52` or in double precision. With `IFMA`, these are
/// used only where the processor has AVX-512 IFMA.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Fq8<const IFMA: bool>(pub(crate) [__m512i; 8]);

/// One element's limbs side by side: a row, one cache line.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Row([u64; 8]);

/// A multiple of q in limbs, which keeps a difference from becoming negative.
pub(crate) type Multiple = [u64; 8];

/// `R mod q`: one, and what takes an element from [`Fq`]'s form to this one, x·2^384·R/2^384.
const R: [u64; 6] = montgomery::power_of_two(416, &FqParams::MODULUS);
/// `R³ mod q`: takes the inverse of x·R as a plain integer back to this form, x^(−1)·R^(−1)·R³/R.
const R3: [u64; 6] = montgomery::power_of_two(1248, &FqParams::MODULUS);
/// `2^384/2^32`: takes an element from this form to [`Fq`]'s, x·R·2^352/2^384.
const TO_SCALAR: [u64; 6] = montgomery::power_of_two(352, &FqParams::MODULUS);

/// `multiple·q`, for multiples up to 2^38.
pub(crate) const fn multiple_of_q(multiple: u32) -> Multiple {
    let (mut limbs, mut carry, mut i) = (Q, 0u128, 0);
    while i < 8 {
        carry += Q[i] as u128 * multiple as u128;
        limbs[i] = carry as u64 & MASK52;
        carry >>= 52;
        i += 1;
    }
    // The product fits eight limbs, since q leaves 39 bits of them free.
    limbs[7] += (carry as u64) << 52;
    limbs
}

impl<const IFMA: bool> Fq8<IFMA> {
    /// Eight times the same element, as a value below q.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn splat(limbs: &[u64; 8]) -> Self {
        Self(splat_limbs(limbs))
    }

    /// Eight times one, as a value below q.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn one() -> Self {
        const ONE: [u64; 8] = to_limbs52(&R);
        Self::splat(&ONE)
    }

    /// Zero in every lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn zero() -> Self {
        Self([_mm512_setzero_si512(); 8])
    }

    /// Element l of the lanes from row l: values.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn from_rows(rows: [&Row; 8]) -> Self {
        let mut registers = [_mm512_setzero_si512(); 8];
        for (register, row) in registers.iter_mut().zip(rows) {
            // SAFETY: a row is 64 bytes, aligned to 64.
            *register = unsafe { _mm512_load_si512(row.0.as_ptr().cast()) };
        }
        Self(transpose8(registers))
    }

    /// Row l from element l of a value's lanes.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn to_rows(self) -> [Row; 8] {
        let mut rows = [Row::default(); 8];
        for (row, register) in rows.iter_mut().zip(transpose8(self.0)) {
            // SAFETY: a row is 64 bytes, aligned to 64.
            unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), register) };
        }
        rows
    }

    /// `out = a·b/R`: a factor below `q·(1.55 + ab/(R·q²))`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn mul_to(out: &mut Self, a: &Self, b: &Self) {
        if IFMA {
            // SAFETY: these lanes are used only where the processor has IFMA.
            unsafe { ifma::product::<false>(&mut out.0, &a.0, &b.0, &a.0) }
        } else {
            double::product::<false>(&mut out.0, &a.0, &b.0, &a.0);
        }
    }

    /// `out = a·b/R + addend`: a value; the addend's limbs may have any sign, its sum with the
    /// product must not be negative.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn mul_add_to(out: &mut Self, a: &Self, b: &Self, addend: &Self) {
        if IFMA {
            // SAFETY: these lanes are used only where the processor has IFMA.
            unsafe { ifma::product::<true>(&mut out.0, &a.0, &b.0, &addend.0) }
        } else {
            double::product::<true>(&mut out.0, &a.0, &b.0, &addend.0);
        }
    }

    /// `out = a²/R + addend`, as [`Self::mul_add_to`].
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn square_add_to(out: &mut Self, a: &Self, addend: &Self) {
        if IFMA {
            // SAFETY: these lanes are used only where the processor has IFMA.
            unsafe { ifma::squared::<true>(&mut out.0, &a.0, &addend.0) }
        } else {
            double::product::<true>(&mut out.0, &a.0, &a.0, &addend.0);
        }
    }

    /// [`Self::mul_to`], by value: for where the copy does not matter.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        let mut out = *self;
        Self::mul_to(&mut out, self, other);
        out
    }

    /// The limbs' sums, of any size: an addend, neither value nor factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_add(&self, other: &Self) -> Self {
        let mut out = *self;
        for (limb, other) in out.0.iter_mut().zip(&other.0) {
            *limb = _mm512_add_epi64(*limb, *other);
        }
        out
    }

    /// The limbs' differences, of any sign: an addend, neither value nor factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_sub(&self, other: &Self) -> Self {
        let mut out = *self;
        for (limb, other) in out.0.iter_mut().zip(&other.0) {
            *limb = _mm512_sub_epi64(*limb, *other);
        }
        out
    }

    /// The limbs, plus a multiple of q.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_raise(&self, multiple: &Multiple) -> Self {
        let mut out = *self;
        for (limb, raise) in out.0.iter_mut().zip(multiple) {
            *limb = _mm512_add_epi64(*limb, _mm512_set1_epi64(*raise as i64));
        }
        out
    }

    /// Carries limbs of any sign, of a sum that is not negative: a factor.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn to_factor(mut self) -> Self {
        for j in 0..7 {
            self.0[j + 1] = _mm512_add_epi64(self.0[j + 1], _mm512_srai_epi64::<52>(self.0[j]));
        }
        self
    }

    /// Carries limbs of any sign, of a sum that is not negative: a value.
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
        for limb in &mut self.0[..7] {
            *limb = _mm512_and_si512(*limb, mask);
        }
        self
    }

    /// The same elements as values below q.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn canonical(&self) -> Self {
        // Times one: below 2·q. A difference to q that is negative keeps the value.
        let value = self.mul(&Self::one()).masked();
        let difference = value.limbs_sub(&Self::splat(&Q)).to_value();
        let keep = _mm512_cmplt_epi64_mask(difference.0[7], _mm512_setzero_si512());
        Self::select(keep, &value, &difference)
    }

    /// Which elements are zero modulo q.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn zero_lanes(&self) -> u8 {
        let value = self.canonical();
        let any = value.0[1..].iter().fold(value.0[0], |any, limb| _mm512_or_si512(any, *limb));
        _mm512_testn_epi64_mask(any, any)
    }

    /// Lane by lane: `a` where the mask's bit is set, `b` elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn select(mask: u8, a: &Self, b: &Self) -> Self {
        let mut out = *b;
        for (limb, a) in out.0.iter_mut().zip(&a.0) {
            *limb = _mm512_mask_mov_epi64(*limb, mask, *a);
        }
        out
    }

    /// The limbs' negatives where the mask's bit is set: an addend.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn limbs_negate(&self, mask: u8) -> Self {
        let zero = _mm512_setzero_si512();
        let mut out = *self;
        for limb in &mut out.0 {
            *limb = _mm512_mask_sub_epi64(*limb, mask, zero, *limb);
        }
        out
    }

    /// `1/a` in every lane of a factor, as a factor; `None` if any lane is zero.
    ///
    /// The product of all lanes is inverted once, and the inverse unfolded (Montgomery's trick,
    /// over a tree).
    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    pub(crate) fn inverse(&self) -> Option<Self> {
        let pairs = self.mul(&self.rotated::<4>());
        let fours = pairs.mul(&pairs.rotated::<2>());
        let all = fours.mul(&fours.rotated::<1>());
        let words = from_limbs52(&all.canonical().to_rows()[0].0);
        let inverse = Self::splat(&to_limbs52(&inverse::<FqParams, 6>(&words)?));
        let r3 = Self::splat(&const { to_limbs52(&R3) });
        let of_fours = inverse.mul(&r3).mul(&fours.rotated::<1>());
        let of_pairs = of_fours.mul(&pairs.rotated::<2>());
        Some(of_pairs.mul(&self.rotated::<4>()))
    }

    /// The lanes rotated by `BY` (4, 2 or 1: multiples of 64-bit words).
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rotated<const BY: i32>(&self) -> Self {
        let mut out = *self;
        for limb in &mut out.0 {
            *limb = _mm512_alignr_epi64::<BY>(*limb, *limb);
        }
        out
    }
}

impl Row {
    /// A row of limbs.
    #[cfg(test)]
    pub(crate) fn from_limbs(limbs: [u64; 8]) -> Self {
        Self(limbs)
    }

    /// The limbs.
    #[cfg(test)]
    pub(crate) fn limbs(&self) -> [u64; 8] {
        self.0
    }

    /// An element in the lanes' form, below q.
    pub(crate) fn new(x: &Fq) -> Self {
        Self(to_limbs52(&(*x * Fq::from_montgomery(R)).montgomery()))
    }

    /// The element of a row below q.
    pub(crate) fn get(&self) -> Fq {
        Fq::from_montgomery(from_limbs52(&self.0)) * Fq::from_montgomery(TO_SCALAR)
    }
}
