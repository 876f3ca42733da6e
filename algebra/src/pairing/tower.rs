//! The extension fields Fq² = Fq[u]/(u² + 5), Fq⁶ = Fq²[v]/(v³ − u) and Fq¹² = Fq⁶[w]/(w² − v).
//!
//! So u = w⁶, and Fq¹² is Fq[w]/(w¹² + 5) as well. [`Fq12`] holds the coefficients of w⁰ … w⁵ in
//! Fq².
//!
//! Sizes, in multiples of q (see [`Element`]): a product in Fq² is below 10, one in Fq⁶ below 70,
//! one in Fq¹² below 200, and sums of up to 32 of these may be multiplied again.

use super::element::{Element, Single};
#[cfg(target_arch = "x86_64")]
use crate::avx512::{fq::Fq8, lanes};
use crate::{Fq, msm::Multiply};

/// w^(q − 1), the twelfth root of one (−5)^((q − 1)/12), in Montgomery form.
const GAMMA: Fq = Fq::from_montgomery([
    0x6ec47a04a3f7ca9e,
    0xa42e0cb968c1fa44,
    0x578d5187fbd2bd23,
    0x930eeb0ac79dd4bd,
    0xa24883de1e09a9ee,
    0x00daa7058067d46f,
]);

/// The powers of w^(q − 1): taking coefficient c of w^p to c·γ^(k·p) is raising to q^k.
pub(super) fn powers_of_gamma() -> [Fq; 12] {
    let mut powers = [Fq::ONE; 12];
    for p in 1..12 {
        powers[p] = powers[p - 1] * GAMMA;
    }
    powers
}

/// c₀ + c₁u.
#[derive(Clone, Copy)]
pub(super) struct Fq2<E>(pub(super) E, pub(super) E);

/// c₀ + c₁v + c₂v².
pub(super) type Fq6<E> = [Fq2<E>; 3];

/// Coefficient p is that of w^p.
#[derive(Clone, Copy)]
pub(super) struct Fq12<E>(pub(super) [Fq2<E>; 6]);

/// What a tower stands on. Its products are not inlined, and compiled for the back end's
/// instructions: the tower consists of little else.
pub(super) trait Tower: Element {
    /// [`Fq2::karatsuba`], not inlined.
    fn mul_fq2(a: &Fq2<Self>, b: &Fq2<Self>) -> Fq2<Self>;
    /// [`karatsuba`], not inlined.
    fn mul_fq6(a: &Fq6<Self>, b: &Fq6<Self>) -> Fq6<Self>;
}

impl<E: Tower> Fq2<E> {
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self(E::zero(), E::zero())
    }

    #[inline(always)]
    pub(super) fn one() -> Self {
        Self(E::one(), E::zero())
    }

    #[inline(always)]
    pub(super) fn add(&self, other: &Self) -> Self {
        Self(self.0.add(&other.0), self.1.add(&other.1))
    }

    #[inline(always)]
    pub(super) fn sub(&self, other: &Self) -> Self {
        Self(self.0.sub(&other.0), self.1.sub(&other.1))
    }

    #[inline(always)]
    pub(super) fn negate(&self) -> Self {
        Self::zero().sub(self)
    }

    #[inline(always)]
    pub(super) fn mul(&self, other: &Self) -> Self {
        E::mul_fq2(self, other)
    }

    /// The product: three multiplications (Karatsuba).
    #[inline(always)]
    pub(super) fn karatsuba(&self, other: &Self) -> Self {
        let (low, high) = (self.0.mul(&other.0), self.1.mul(&other.1));
        let cross = self.0.add(&self.1).mul(&other.0.add(&other.1));
        Self(low.sub(&high.times_5()), cross.sub(&low).sub(&high))
    }

    /// Two multiplications: (c₀ + c₁)(c₀ − 5c₁) = c₀² − 5c₁² − 4c₀c₁.
    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        let product = self.0.mul(&self.1);
        let double = product.add(&product);
        let norm = self.0.add(&self.1).mul(&self.0.sub(&self.1.times_5()));
        Self(norm.add(&double).add(&double), double)
    }

    /// A multiple by elements of Fq.
    #[inline(always)]
    pub(super) fn scale(&self, factor: &E) -> Self {
        Self(self.0.mul(factor), self.1.mul(factor))
    }

    /// u·self.
    #[inline(always)]
    pub(super) fn times_u(&self) -> Self {
        Self(E::zero().sub(&self.1.times_5()), self.0)
    }

    #[inline(always)]
    pub(super) fn carried(&self) -> Self {
        Self(self.0.carried(), self.1.carried())
    }

    /// Over the norm c₀² + 5c₁², which is zero for zero only.
    #[inline(always)]
    pub(super) fn inverse(&self) -> Option<Self> {
        let norm = self.0.mul(&self.0).add(&self.1.mul(&self.1).times_5()).inverse()?;
        Some(Self(self.0.mul(&norm), self.1.mul(&norm)).conjugate())
    }

    #[inline(always)]
    fn conjugate(&self) -> Self {
        Self(self.0, E::zero().sub(&self.1))
    }
}

#[inline(always)]
fn add<E: Tower>(a: &Fq6<E>, b: &Fq6<E>) -> Fq6<E> {
    [a[0].add(&b[0]), a[1].add(&b[1]), a[2].add(&b[2])]
}

#[inline(always)]
fn sub<E: Tower>(a: &Fq6<E>, b: &Fq6<E>) -> Fq6<E> {
    [a[0].sub(&b[0]), a[1].sub(&b[1]), a[2].sub(&b[2])]
}

/// v·a.
#[inline(always)]
fn times_v<E: Tower>(a: &Fq6<E>) -> Fq6<E> {
    [a[2].times_u(), a[0], a[1]]
}

#[inline(always)]
fn mul<E: Tower>(a: &Fq6<E>, b: &Fq6<E>) -> Fq6<E> {
    E::mul_fq6(a, b)
}

/// The product: six multiplications in Fq² (Karatsuba).
#[inline(always)]
pub(super) fn karatsuba<E: Tower>(a: &Fq6<E>, b: &Fq6<E>) -> Fq6<E> {
    let [p0, p1, p2] = [0, 1, 2].map(|i: usize| a[i].mul(&b[i]));
    let cross = |i: usize, j: usize| a[i].add(&a[j]).mul(&b[i].add(&b[j]));
    [
        cross(1, 2).sub(&p1).sub(&p2).times_u().add(&p0),
        cross(0, 1).sub(&p0).sub(&p1).add(&p2.times_u()),
        cross(0, 2).sub(&p0).sub(&p2).add(&p1),
    ]
}

/// [`mul`] by b₀ + b₁v: five multiplications.
#[inline(always)]
fn mul_short<E: Tower>(a: &Fq6<E>, b: &[Fq2<E>; 2]) -> Fq6<E> {
    let (p0, p1) = (a[0].mul(&b[0]), a[1].mul(&b[1]));
    let cross = a[0].add(&a[1]).mul(&b[0].add(&b[1]));
    [a[2].mul(&b[1]).times_u().add(&p0), cross.sub(&p0).sub(&p1), a[2].mul(&b[0]).add(&p1)]
}

/// Nine multiplications and three squares in Fq², and an inversion.
#[inline(always)]
fn inverse<E: Tower>(a: &Fq6<E>) -> Option<Fq6<E>> {
    let c0 = a[0].square().sub(&a[1].mul(&a[2]).times_u());
    let c1 = a[2].square().times_u().sub(&a[0].mul(&a[1]));
    let c2 = a[1].square().sub(&a[0].mul(&a[2]));
    let norm = a[2].mul(&c1).add(&a[1].mul(&c2)).times_u().add(&a[0].mul(&c0)).inverse()?;
    Some([c0.mul(&norm), c1.mul(&norm), c2.mul(&norm)])
}

impl<E: Tower> Fq12<E> {
    #[inline(always)]
    pub(super) fn one() -> Self {
        let zero = Fq2::zero();
        Self([Fq2::one(), zero, zero, zero, zero, zero])
    }

    /// From the coefficients of w⁰, w², w⁴ and of w¹, w³, w⁵.
    #[inline(always)]
    fn from_halves(even: &Fq6<E>, odd: &Fq6<E>) -> Self {
        Self([even[0], odd[0], even[1], odd[1], even[2], odd[2]].map(|c| c.carried()))
    }

    #[inline(always)]
    fn halves(&self) -> [Fq6<E>; 2] {
        let [c0, c1, c2, c3, c4, c5] = self.0;
        [[c0, c2, c4], [c1, c3, c5]]
    }

    /// 18 multiplications in Fq².
    #[inline(always)]
    pub(super) fn mul(&self, other: &Self) -> Self {
        let ([a, b], [c, d]) = (self.halves(), other.halves());
        let (low, high) = (mul(&a, &c), mul(&b, &d));
        let cross = mul(&add(&a, &b), &add(&c, &d));
        Self::from_halves(&add(&low, &times_v(&high)), &sub(&sub(&cross, &low), &high))
    }

    /// [`Self::mul`] by an element without a coefficient of w⁵: 17 multiplications in Fq².
    #[inline(always)]
    pub(super) fn mul_short(&self, other: &[Fq2<E>; 5]) -> Self {
        let [a, b] = self.halves();
        let (c, d) = ([other[0], other[2], other[4]], [other[1], other[3]]);
        let (low, high) = (mul(&a, &c), mul_short(&b, &d));
        let cross = mul(&add(&a, &b), &[c[0].add(&d[0]), c[1].add(&d[1]), c[2]]);
        Self::from_halves(&add(&low, &times_v(&high)), &sub(&sub(&cross, &low), &high))
    }

    /// 12 multiplications in Fq².
    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        let [a, b] = self.halves();
        let product = mul(&a, &b);
        let sum = mul(&add(&a, &b), &add(&a, &times_v(&b)));
        Self::from_halves(&sub(&sub(&sum, &product), &times_v(&product)), &add(&product, &product))
    }

    /// The square of an element whose order divides q⁴ − q² + 1: 9 squares in Fq² (Granger and
    /// Scott, Faster squaring in the cyclotomic subgroup of sixth degree extensions, 2010).
    #[inline(always)]
    pub(super) fn cyclotomic_square(&self) -> Self {
        let c = &self.0;
        // (a + b·w³)², where w⁶ = u.
        let square = |i: usize| {
            let (a, b) = (&c[i], &c[i + 3]);
            let (aa, bb) = (a.square(), b.square());
            let ab_2 = a.add(b).square().sub(&aa).sub(&bb);
            (aa.add(&bb.times_u()), ab_2)
        };
        let ((a0, b0), (a1, b1), (a2, b2)) = (square(0), square(1), square(2));
        let triple = |a: &Fq2<E>| a.add(a).add(a);
        let minus = |a: &Fq2<E>, c: &Fq2<E>| triple(a).sub(c).sub(c);
        let plus = |a: &Fq2<E>, c: &Fq2<E>| triple(a).add(c).add(c);
        Self([
            minus(&a0, &c[0]),
            plus(&b2.times_u(), &c[1]),
            minus(&a1, &c[2]),
            plus(&b0, &c[3]),
            minus(&a2, &c[4]),
            plus(&b1, &c[5]),
        ])
    }

    /// self^(q⁶).
    #[inline(always)]
    pub(super) fn conjugate(&self) -> Self {
        let [c0, c1, c2, c3, c4, c5] = self.0;
        Self([c0, c1.negate(), c2, c3.negate(), c4, c5.negate()])
    }

    /// self^(q^k), by the powers of γ.
    #[inline(always)]
    pub(super) fn frobenius(&self, k: usize, gamma: &[E; 12]) -> Self {
        let mut out = *self;
        for (p, c) in out.0.iter_mut().enumerate() {
            *c = Fq2(c.0.mul(&gamma[k * p % 12]), c.1.mul(&gamma[k * (p + 6) % 12]));
        }
        out
    }

    /// self^((q⁶ − 1)(q² + 1)), or `None` for zero. Its order divides q⁴ − q² + 1.
    #[inline(always)]
    pub(super) fn easy_power(&self, gamma: &[E; 12]) -> Option<Self> {
        // With f̄ = f^(q⁶), f^(q⁶ − 1) is f̄/f = f̄²/(f·f̄), and f·f̄ = a² − v·b² lies in Fq⁶.
        let [a, b] = self.halves();
        let norm = sub(&mul(&a, &a), &times_v(&mul(&b, &b))).map(|c| c.carried());
        let inverse = inverse(&norm)?.map(|c| c.carried());
        let [a, b] = self.conjugate().square().halves();
        let power = Self::from_halves(&mul(&a, &inverse), &mul(&b, &inverse));
        Some(power.frobenius(2, gamma).mul(&power))
    }
}

impl<M: Multiply> Tower for Single<M> {
    #[inline(never)]
    fn mul_fq2(a: &Fq2<Self>, b: &Fq2<Self>) -> Fq2<Self> {
        a.karatsuba(b)
    }

    #[inline(never)]
    fn mul_fq6(a: &Fq6<Self>, b: &Fq6<Self>) -> Fq6<Self> {
        karatsuba(a, b)
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx512f")]
fn mul_fq2_lanes<const IFMA: bool>(a: &Fq2<Fq8<IFMA>>, b: &Fq2<Fq8<IFMA>>) -> Fq2<Fq8<IFMA>> {
    a.karatsuba(b)
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx512f")]
fn mul_fq6_lanes<const IFMA: bool>(a: &Fq6<Fq8<IFMA>>, b: &Fq6<Fq8<IFMA>>) -> Fq6<Fq8<IFMA>> {
    karatsuba(a, b)
}

#[cfg(target_arch = "x86_64")]
impl<const IFMA: bool> Tower for Fq8<IFMA> {
    #[inline(always)]
    fn mul_fq2(a: &Fq2<Self>, b: &Fq2<Self>) -> Fq2<Self> {
        lanes!(mul_fq2_lanes(a, b))
    }

    #[inline(always)]
    fn mul_fq6(a: &Fq6<Self>, b: &Fq6<Self>) -> Fq6<Self> {
        lanes!(mul_fq6_lanes(a, b))
    }
}
