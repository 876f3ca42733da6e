//! One element of Fq¹² spread over lanes, for chains of squares that wait for each other.
//!
//! Fq¹² = Fq⁴[w]/(w³ − s) over Fq⁴ = Fq[s]/(s⁴ + 5). Each of the three coefficients in Fq⁴ takes a
//! vector: the coefficients of s⁰ … s³, twice. A cyclotomic square is three vectors of products,
//! eight lanes of each, where one element at a time takes 18 products.

use super::{
    element::{Element, RAISE},
    hard::Cyclotomic,
    tower::{Fq12, powers_of_gamma},
};
use crate::{Fq, avx512::fq::Fq8};
use core::arch::x86_64::*;

/// Vector i lane j is the coefficient of w^(i + 3j), and so is lane j + 4: below 128·q in size,
/// after n squares below 128·2^n·q.
#[derive(Clone, Copy)]
pub(super) struct Spread<const IFMA: bool>([Fq8<IFMA>; 3]);

/// So many squares may follow each other before their 2·ᾱ, which no product reduces, must be
/// reduced.
const SQUARES: usize = 7;

/// What takes coefficients to those of the q-th, q²-th and q³-th power.
pub(super) type Powers<const IFMA: bool> = [[Fq8<IFMA>; 3]; 3];

/// The constants of [`Spread::frobenius`].
#[inline(always)]
pub(super) fn powers<const IFMA: bool>() -> Powers<IFMA> {
    let gamma = powers_of_gamma();
    core::array::from_fn(|k| {
        core::array::from_fn(|i| Fq8::from_lanes(|lane| gamma[(k + 1) * (i + 3 * (lane % 4)) % 12]))
    })
}

/// The element in each lane of another one.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn unzip<const IFMA: bool>(f: &Fq12<Fq8<IFMA>>) -> [Spread<IFMA>; 8] {
    let coefficient = |p: usize| if p < 6 { f.0[p].0 } else { f.0[p - 6].1 };
    let mut rows = [[Default::default(); 8]; 12];
    for (p, rows) in rows.iter_mut().enumerate() {
        *rows = coefficient(p).to_rows();
    }
    let mut out = [Spread([Fq8::zero(); 3]); 8];
    for (lane, spread) in out.iter_mut().enumerate() {
        for (i, vector) in spread.0.iter_mut().enumerate() {
            let [a, b, c, d] =
                [&rows[i][lane], &rows[i + 3][lane], &rows[i + 6][lane], &rows[i + 9][lane]];
            *vector = Fq8::from_rows([a, b, c, d, a, b, c, d]);
        }
    }
    out
}

/// `a·b + addend`, the factors between −2^18·q and 2^18·q.
#[inline]
#[target_feature(enable = "avx512f")]
fn product<const IFMA: bool>(a: &Fq8<IFMA>, b: &Fq8<IFMA>, addend: &Fq8<IFMA>) -> Fq8<IFMA> {
    let mut out = *addend;
    let (a, b) = (a.limbs_raise(&RAISE).to_factor(), b.limbs_raise(&RAISE).to_factor());
    Fq8::mul_add_to(&mut out, &a, &b, addend);
    out
}

/// Lanes for [`_mm512_permutex2var_epi64`]: 0 to 7 are those of the first vector, 8 to 15 those of
/// the second.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(at: [i64; 8]) -> __m512i {
    _mm512_setr_epi64(at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7])
}

/// −5·x.
#[inline]
#[target_feature(enable = "avx512f")]
fn minus_5(x: __m512i) -> __m512i {
    _mm512_sub_epi64(_mm512_setzero_si512(), _mm512_add_epi64(x, _mm512_slli_epi64::<2>(x)))
}

/// The products that make up 3·(a + b·s)² for a = e₀ + e₂s² and b = e₁ + e₃s²:
///
/// 0: 6e₀e₂, 1: 3(e₀ + e₂)(e₀ − 5e₂), 2: 6e₁e₃, 3: 3(e₁ + e₃)(e₁ − 5e₃), 4: 6e₀e₁, 5: −30e₂e₃, 6:
/// 6e₀e₃, 7: 6e₂e₁; with `TIMES_S`, 6 and 7 come times −5.
#[inline]
#[target_feature(enable = "avx512f")]
fn square_products<const IFMA: bool, const TIMES_S: bool>(e: &Fq8<IFMA>) -> Fq8<IFMA> {
    const SUMS: u8 = 0b1010;
    let left = lanes([8, 0, 9, 1, 8, 10, 8, 10]);
    let right = lanes(if TIMES_S { [2, 0, 3, 1, 1, 11, 11, 9] } else { [2, 0, 3, 1, 1, 11, 3, 1] });
    let added = lanes([0, 2, 0, 3, 0, 0, 0, 0]);
    let (mut a, mut b) = (*e, *e);
    for ((a, b), e) in a.0.iter_mut().zip(&mut b.0).zip(e.0) {
        let triple = _mm512_add_epi64(_mm512_add_epi64(e, e), e);
        let six = _mm512_add_epi64(triple, triple);
        let minus_5 = minus_5(e);
        let sums = _mm512_permutex2var_epi64(triple, left, six);
        *a = _mm512_add_epi64(sums, _mm512_maskz_permutexvar_epi64(SUMS, added, triple));
        let differences = _mm512_permutex2var_epi64(e, right, minus_5);
        *b = _mm512_add_epi64(differences, _mm512_maskz_permutexvar_epi64(SUMS, added, minus_5));
    }
    product(&a, &b, &Fq8::zero())
}

/// From [`square_products`] of α, 3α² − 2ē, or with `TIMES_S` 3s·α² + 2ē, where ē is e with −s for
/// s.
#[inline]
#[target_feature(enable = "avx512f")]
fn square_sum<const IFMA: bool, const TIMES_S: bool>(p: &Fq8<IFMA>, e: &Fq8<IFMA>) -> Fq8<IFMA> {
    // 3α² = (p₁ + 2p₀ − 5p₂, p₄ + p₅, p₃ + p₀ + 2p₂, p₆ + p₇), and s takes (e₀, e₁, e₂, e₃) to
    // (−5e₃, e₀, e₁, e₂).
    let (first, second, third, shifts) = if TIMES_S {
        ([6, 1, 4, 3], [7, 0, 5, 0], [2, 2, 2, 2], [0, 2, 0, 1])
    } else {
        ([1, 4, 3, 6], [0, 5, 0, 7], [2, 2, 2, 2], [2, 0, 1, 0])
    };
    let twice = |[a, b, c, d]: [i64; 4]| [a, b, c, d, a, b, c, d];
    let (first, second, third) = (lanes(twice(first)), lanes(twice(second)), lanes(twice(third)));
    let shifts = lanes(twice(shifts));
    // The lanes of e₀ and of e₂.
    let (e0, e2) = if TIMES_S { (0x22, 0x88) } else { (0x11, 0x44) };
    let (plus, minus) = if TIMES_S { (0x55, 0xaa) } else { (0xaa, 0x55) };
    let mut out = *e;
    for (out, p) in out.0.iter_mut().zip(p.0) {
        let twice_e = _mm512_add_epi64(*out, *out);
        let (b, c) = (_mm512_permutexvar_epi64(second, p), _mm512_permutexvar_epi64(third, p));
        let shifted = _mm512_sllv_epi64(c, shifts);
        let sum = _mm512_add_epi64(_mm512_permutexvar_epi64(first, p), b);
        let sum = _mm512_mask_add_epi64(sum, e0, sum, b);
        let sum = _mm512_mask_sub_epi64(sum, e0, sum, _mm512_add_epi64(shifted, c));
        let sum = _mm512_mask_add_epi64(sum, e2, sum, shifted);
        let sum = _mm512_mask_add_epi64(sum, plus, sum, twice_e);
        *out = _mm512_mask_sub_epi64(sum, minus, sum, twice_e);
    }
    out.to_value()
}

/// The product in Fq⁴: between −8·q and 8·q.
#[inline]
#[target_feature(enable = "avx512f")]
fn mul_fq4<const IFMA: bool>(x: &Fq8<IFMA>, y: &Fq8<IFMA>) -> Fq8<IFMA> {
    // x₀·y and x₁·s·y, then x₂·s²·y and x₃·s³·y.
    let (x01, x23) = (lanes([0, 0, 0, 0, 1, 1, 1, 1]), lanes([2, 2, 2, 2, 3, 3, 3, 3]));
    let (y01, y23) = (lanes([0, 1, 2, 3, 11, 0, 1, 2]), lanes([10, 11, 0, 1, 9, 10, 11, 0]));
    let [mut a, mut b, mut c, mut d] = [*x, *y, *x, *y];
    for i in 0..8 {
        a.0[i] = _mm512_permutexvar_epi64(x01, x.0[i]);
        c.0[i] = _mm512_permutexvar_epi64(x23, x.0[i]);
        let minus_5 = minus_5(y.0[i]);
        b.0[i] = _mm512_permutex2var_epi64(y.0[i], y01, minus_5);
        d.0[i] = _mm512_permutex2var_epi64(y.0[i], y23, minus_5);
    }
    let mut out = product(&a, &b, &Fq8::zero());
    out = product(&c, &d, &out);
    for limb in &mut out.0 {
        *limb = _mm512_add_epi64(*limb, _mm512_alignr_epi64::<4>(*limb, *limb));
    }
    out
}

/// s·x.
#[inline]
#[target_feature(enable = "avx512f")]
fn times_s<const IFMA: bool>(x: &Fq8<IFMA>) -> Fq8<IFMA> {
    let rotated = lanes([3, 0, 1, 2, 3, 0, 1, 2]);
    let mut out = *x;
    for limb in &mut out.0 {
        let lanes = _mm512_permutexvar_epi64(rotated, *limb);
        *limb = _mm512_mask_mov_epi64(lanes, 0x11, minus_5(lanes));
    }
    out
}

impl<const IFMA: bool> Spread<IFMA> {
    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    fn squared_lanes(&self, times: usize) -> Self {
        let mut out = *self;
        for done in 0..times {
            if done > 0 && done % SQUARES == 0 {
                out = Self(out.0.map(|vector| reduced(&vector)));
            }
            let [e0, e1, e2] = &out.0;
            let p0 = square_products::<IFMA, false>(e0);
            let p1 = square_products::<IFMA, false>(e1);
            let p2 = square_products::<IFMA, true>(e2);
            out = Self([
                square_sum::<IFMA, false>(&p0, e0),
                square_sum::<IFMA, true>(&p2, e1),
                square_sum::<IFMA, false>(&p1, e2),
            ]);
        }
        out
    }

    /// Six multiplications in Fq⁴ (Karatsuba).
    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    fn mul_lanes(&self, other: &Self) -> Self {
        let ([a0, a1, a2], [b0, b1, b2]) = (&self.0, &other.0);
        let (p0, p1, p2) = (mul_fq4(a0, b0), mul_fq4(a1, b1), mul_fq4(a2, b2));
        let cross_12 = mul_fq4(&a1.limbs_add(a2), &b1.limbs_add(b2)).limbs_sub(&p1).limbs_sub(&p2);
        let cross_01 = mul_fq4(&a0.limbs_add(a1), &b0.limbs_add(b1)).limbs_sub(&p0).limbs_sub(&p1);
        let cross_02 = mul_fq4(&a0.limbs_add(a2), &b0.limbs_add(b2)).limbs_sub(&p0).limbs_sub(&p2);
        Self([
            times_s(&cross_12).limbs_add(&p0).to_value(),
            cross_01.limbs_add(&times_s(&p2)).to_value(),
            cross_02.limbs_add(&p1).to_value(),
        ])
    }

    #[inline(never)]
    #[target_feature(enable = "avx512f")]
    fn frobenius_lanes(&self, powers: &[Fq8<IFMA>; 3]) -> Self {
        let zero = Fq8::zero();
        let mut out = *self;
        for (vector, powers) in out.0.iter_mut().zip(powers) {
            *vector = product(vector, powers, &zero);
        }
        out
    }

    #[target_feature(enable = "avx512f")]
    fn conjugate_lanes(&self) -> Self {
        // −w for w: the odd powers i + 3j.
        let mut out = *self;
        for (vector, odd) in out.0.iter_mut().zip([0xaa, 0x55, 0xaa]) {
            *vector = vector.limbs_negate(odd).to_value();
        }
        out
    }

    #[target_feature(enable = "avx512f")]
    fn to_coefficients(self) -> [Fq; 12] {
        let mut out = [Fq::ZERO; 12];
        for (i, vector) in self.0.iter().enumerate() {
            let rows = vector.limbs_raise(&RAISE).to_factor().canonical().to_rows();
            for (j, row) in rows.iter().take(4).enumerate() {
                out[i + 3 * j] = row.get();
            }
        }
        out
    }
}

/// The same elements, between 0 and 2·q.
#[inline]
#[target_feature(enable = "avx512f")]
fn reduced<const IFMA: bool>(x: &Fq8<IFMA>) -> Fq8<IFMA> {
    product(x, &Fq8::one(), &Fq8::zero())
}

// SAFETY, for all of these: such elements exist only where the processor was found to have AVX-512
// F, and IFMA if they multiply with it.
impl<const IFMA: bool> Cyclotomic for Spread<IFMA> {
    type Powers = Powers<IFMA>;

    fn squared(&self, times: usize) -> Self {
        // SAFETY: see above.
        unsafe { self.squared_lanes(times) }
    }

    fn mul(&self, other: &Self) -> Self {
        // SAFETY: see above.
        unsafe { self.mul_lanes(other) }
    }

    fn conjugate(&self) -> Self {
        // SAFETY: see above.
        unsafe { self.conjugate_lanes() }
    }

    fn frobenius(&self, k: usize, powers: &Self::Powers) -> Self {
        // SAFETY: see above.
        unsafe { self.frobenius_lanes(&powers[k - 1]) }
    }

    fn coefficients(&self) -> [Fq; 12] {
        // SAFETY: see above.
        unsafe { self.to_coefficients() }
    }
}
