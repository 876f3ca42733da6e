//! Products of two pairings, `e(P, Q)·e(P', Q')`, where Q and Q' are known long before P and P':
//! the optimal ate pairing of BLS12-377.
//!
//! - [`lines`] holds what is fixed, and runs Miller's loop: with lanes, in eight parts side by
//!   side;
//! - [`tower`] is the arithmetic of Fq¹², on one element or on eight;
//! - [`hard`] is what is left of the final exponentiation, one chain of 317 squares; [`spread`]
//!   runs it in lanes, the products of one square side by side.
//!
//! The easy part of the exponentiation stands between the loop and its parts' product: the squares
//! of that product, too, are then those of the cyclotomic subgroup, at half the price.
//!
//! No threads. What must not be broken: all back ends give the same element of Fq¹², for points at
//! infinity as well.

mod element;
mod hard;
mod lines;
#[cfg(target_arch = "x86_64")]
mod spread;
mod tower;

pub use lines::G2;

use crate::{
    Affine, Backend, Fq,
    msm::{Multiply, Portable},
};
use element::{Element, Single};
use hard::{Cyclotomic, hard_power};
use lines::{Step, miller_loop, steps};
use tower::{Tower, powers_of_gamma};
#[cfg(target_arch = "x86_64")]
use {
    crate::{avx512::fq::Fq8, msm::Adx},
    lines::bits_of_part,
    spread::{Powers, Spread, powers, unzip},
};

/// Two points of G2, prepared for products of pairings with them.
pub struct PairingProduct(Kernels);

enum Kernels {
    #[cfg(target_arch = "x86_64")]
    Ifma(Fixed<Fq8<true>, Powers<true>>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Fixed<Fq8<false>, Powers<false>>),
    #[cfg(target_arch = "x86_64")]
    Scalar(Fixed<Single<Adx>, ()>),
    Portable(Fixed<Single<Portable>, ()>),
}

/// What depends on the points of G2 and on the lanes only.
struct Fixed<E, P> {
    steps: Vec<Step<E>>,
    gamma: [E; 12],
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "of lanes"))]
    powers: P,
}

impl<E: Tower, P> Fixed<E, P> {
    #[inline(always)]
    fn new(points: &[G2; 2], powers: P) -> Option<Self> {
        Some(Self {
            steps: steps(points)?,
            gamma: powers_of_gamma().map(|power| E::splat(&power)),
            powers,
        })
    }
}

impl PairingProduct {
    /// Prepares points of G2; they must lie in the subgroup of order r. `None` for some that do
    /// not.
    ///
    /// # Panics
    /// If the processor lacks the back end's instructions.
    pub fn new(backend: Backend, points: &[G2; 2]) -> Option<Self> {
        assert!(
            backend.is_available(),
            "the processor lacks the instructions of the back end {backend}"
        );
        Some(Self(match backend {
            // SAFETY: the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma => Kernels::Ifma(unsafe { fixed_lanes(points)? }),
            // SAFETY: the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512 => Kernels::Avx512(unsafe { fixed_lanes(points)? }),
            #[cfg(target_arch = "x86_64")]
            Backend::Scalar => Kernels::Scalar(Fixed::new(points, ())?),
            _ => Kernels::Portable(Fixed::new(points, ())?),
        }))
    }

    /// `(e(P₀, Q₀)·e(P₁, Q₁))³` for points of G1 in the subgroup of order r, `None` being infinity:
    /// the coefficients of w⁰ … w¹¹ in Fq¹² = Fq\[w\]/(w¹² + 5). The cube is that of the shortest
    /// known exponentiation, and loses nothing: 3 does not divide r.
    pub fn compute(&self, points: [Option<Affine>; 2]) -> [Fq; 12] {
        match &self.0 {
            // SAFETY: these kernels exist only where the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Kernels::Ifma(fixed) => unsafe { product_ifma(fixed, points) },
            // SAFETY: these kernels exist only where the back end was checked.
            #[cfg(target_arch = "x86_64")]
            Kernels::Avx512(fixed) => unsafe { product_avx512(fixed, points) },
            #[cfg(target_arch = "x86_64")]
            Kernels::Scalar(fixed) => product_single(fixed, points),
            Kernels::Portable(fixed) => product_single(fixed, points),
        }
    }

    /// Whether `e(P₀, Q₀)·e(P₁, Q₁) = 1`, for points as [`Self::compute`] takes them.
    pub fn is_one(&self, points: [Option<Affine>; 2]) -> bool {
        let [first, rest @ ..] = self.compute(points);
        first == Fq::ONE && rest.iter().all(Fq::is_zero)
    }
}

/// No line is zero, and so no product of lines: what the easy power of zero would be.
const NO_PRODUCT: [Fq; 12] = [Fq::ZERO; 12];

#[inline(never)]
fn product_single<M: Multiply>(
    fixed: &Fixed<Single<M>, ()>,
    points: [Option<Affine>; 2],
) -> [Fq; 12] {
    let Some(power) = miller_loop(&fixed.steps, points).easy_power(&fixed.gamma) else {
        return NO_PRODUCT;
    };
    hard_power(&power, &fixed.gamma).coefficients()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn fixed_lanes<const IFMA: bool>(points: &[G2; 2]) -> Option<Fixed<Fq8<IFMA>, Powers<IFMA>>> {
    Fixed::new(points, powers())
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512ifma")]
fn product_ifma(fixed: &Fixed<Fq8<true>, Powers<true>>, points: [Option<Affine>; 2]) -> [Fq; 12] {
    product_lanes(fixed, points)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn product_avx512(
    fixed: &Fixed<Fq8<false>, Powers<false>>,
    points: [Option<Affine>; 2],
) -> [Fq; 12] {
    product_lanes(fixed, points)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn product_lanes<const IFMA: bool>(
    fixed: &Fixed<Fq8<IFMA>, Powers<IFMA>>,
    points: [Option<Affine>; 2],
) -> [Fq; 12] {
    let Some(powers) = miller_loop(&fixed.steps, points).easy_power(&fixed.gamma) else {
        return NO_PRODUCT;
    };
    // SAFETY: these kernels exist only where the back end was checked.
    let [first, rest @ ..]: [Spread<IFMA>; 8] = unsafe { unzip(&powers) };
    let product = rest
        .iter()
        .fold(first, |product, part| product.squared(bits_of_part(Fq8::<IFMA>::WIDTH)).mul(part));
    hard_power(&product, &fixed.powers).coefficients()
}
