//! Elements of Fq as the tower above them needs them: one, or eight side by side.

#[cfg(target_arch = "x86_64")]
use crate::avx512::{
    fq::{Fq8, Multiple, Row, multiple_of_q},
    lanes,
};
use crate::{
    field::{Fq, FqParams, Params, montgomery},
    msm::Multiply,
};
use core::marker::PhantomData;

/// `WIDTH` elements of Fq.
///
/// Lanes do not reduce sums. They stand for integers of any sign, and what may be done to them
/// follows from their size: products come out between 0 and 2·q, and take factors between −2^17·q
/// and 2^17·q. Limbs are sums of fewer than 2^10 limbs of products or of [`Self::carried`]
/// elements.
///
/// Every method is inlined into callers that were compiled for the back end's instructions.
pub(super) trait Element: Copy {
    /// How many elements.
    const WIDTH: usize;

    /// Lane l is `element(l)`.
    fn from_lanes(element: impl Fn(usize) -> Fq) -> Self;
    /// Zero in every lane.
    fn zero() -> Self;
    /// One in every lane.
    fn one() -> Self;
    /// The same element in every lane.
    fn splat(element: &Fq) -> Self;
    /// The sum.
    fn add(&self, other: &Self) -> Self;
    /// The difference.
    fn sub(&self, other: &Self) -> Self;
    /// The product: reduced to between 0 and 2·q.
    fn mul(&self, other: &Self) -> Self;
    /// The same integers in limbs of their own size.
    fn carried(&self) -> Self;
    /// The inverses, or `None` if an element is zero.
    fn inverse(&self) -> Option<Self>;

    /// 5·self: −5 is the square of the tower's first step.
    #[inline(always)]
    fn times_5(&self) -> Self {
        let double = self.add(self);
        double.add(&double).add(self)
    }
}

/// One element, reduced.
pub(super) struct Single<M>(Fq, PhantomData<M>);

impl<M> Clone for Single<M> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Single<M> {}

impl<M> Single<M> {
    pub(super) fn get(&self) -> Fq {
        self.0
    }
}

impl<M: Multiply> Element for Single<M> {
    const WIDTH: usize = 1;

    #[inline(always)]
    fn from_lanes(element: impl Fn(usize) -> Fq) -> Self {
        Self(element(0), PhantomData)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self(Fq::ZERO, PhantomData)
    }

    #[inline(always)]
    fn one() -> Self {
        Self(Fq::ONE, PhantomData)
    }

    #[inline(always)]
    fn splat(element: &Fq) -> Self {
        Self(*element, PhantomData)
    }

    #[inline(always)]
    fn add(&self, other: &Self) -> Self {
        Self(self.0 + other.0, PhantomData)
    }

    #[inline(always)]
    fn sub(&self, other: &Self) -> Self {
        Self(self.0 - other.0, PhantomData)
    }

    #[inline(never)]
    fn mul(&self, other: &Self) -> Self {
        let product = M::mul(&self.0.montgomery(), &other.0.montgomery());
        Self(
            Fq::from_montgomery(montgomery::reduce_once(&product, &FqParams::MODULUS)),
            PhantomData,
        )
    }

    #[inline(always)]
    fn carried(&self) -> Self {
        *self
    }

    #[inline(always)]
    fn inverse(&self) -> Option<Self> {
        Some(Self(self.0.inverse()?, PhantomData))
    }
}

/// What makes factors positive.
#[cfg(target_arch = "x86_64")]
pub(super) const RAISE: Multiple = multiple_of_q(1 << 18);

/// `a·b`, the factors raised to be positive.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx512f")]
fn mul_raised<const IFMA: bool>(out: &mut Fq8<IFMA>, a: &Fq8<IFMA>, b: &Fq8<IFMA>) {
    let (a, b) = (a.limbs_raise(&RAISE).to_factor(), b.limbs_raise(&RAISE).to_factor());
    Fq8::mul_add_to(out, &a, &b, &Fq8::zero());
}

#[cfg(target_arch = "x86_64")]
impl<const IFMA: bool> Element for Fq8<IFMA> {
    const WIDTH: usize = 8;

    #[inline(always)]
    fn from_lanes(element: impl Fn(usize) -> Fq) -> Self {
        let rows: [Row; 8] = core::array::from_fn(|lane| Row::new(&element(lane)));
        lanes!(Self::from_rows(rows.each_ref()))
    }

    #[inline(always)]
    fn zero() -> Self {
        lanes!(Self::zero())
    }

    #[inline(always)]
    fn one() -> Self {
        lanes!(Self::one())
    }

    #[inline(always)]
    fn splat(element: &Fq) -> Self {
        let row = Row::new(element);
        lanes!(Self::from_rows([&row; 8]))
    }

    #[inline(always)]
    fn add(&self, other: &Self) -> Self {
        lanes!(self.limbs_add(other))
    }

    #[inline(always)]
    fn sub(&self, other: &Self) -> Self {
        lanes!(self.limbs_sub(other))
    }

    #[inline(always)]
    fn mul(&self, other: &Self) -> Self {
        lanes!({
            let mut out = *self;
            mul_raised(&mut out, self, other);
            out
        })
    }

    #[inline(always)]
    fn carried(&self) -> Self {
        lanes!(self.to_value())
    }

    #[inline(always)]
    fn inverse(&self) -> Option<Self> {
        lanes!(Some(self.limbs_raise(&RAISE).to_factor().inverse()?.masked()))
    }
}
