//! The last part of the final exponentiation, in the cyclotomic subgroup of Fq¹²: the elements
//! whose order divides q⁴ − q² + 1.

use super::{element::Single, tower::Fq12};
use crate::{Fq, curve::X, msm::Multiply};

/// An element of the cyclotomic subgroup.
pub(super) trait Cyclotomic: Copy {
    /// What [`Self::frobenius`] multiplies by.
    type Powers;

    /// self^(2^times).
    fn squared(&self, times: usize) -> Self;
    /// The product.
    fn mul(&self, other: &Self) -> Self;
    /// The inverse, which is self^(q⁶).
    fn conjugate(&self) -> Self;
    /// self^(q^k) for k from 1 to 3.
    fn frobenius(&self, k: usize, powers: &Self::Powers) -> Self;
    /// The coefficients of w⁰ … w¹¹.
    fn coefficients(&self) -> [Fq; 12];
}

/// g^x for the curve's parameter x: 63 squares and 6 products.
fn power_of_x<C: Cyclotomic>(g: &C) -> C {
    let (mut power, mut squares) = (*g, 0);
    for bit in (0..63).rev() {
        squares += 1;
        if X >> bit & 1 == 1 {
            power = power.squared(squares).mul(g);
            squares = 0;
        }
    }
    power.squared(squares)
}

/// g^(3·(q⁴ − q² + 1)/r) (Ghammam and Fouotsa, On the computation of the optimal ate pairing at the
/// 192-bit security level, 2016, table 1), where 3·(q⁴ − q² + 1)/r = (x − 1)²·(q³ + x·q² + (x² −
/// 1)·q + x³ − x) + 3.
pub(super) fn hard_power<C: Cyclotomic>(g: &C, powers: &C::Powers) -> C {
    let x = power_of_x(g);
    let x_2 = g.squared(1).conjugate().mul(&x);
    let first = power_of_x(&x_2);
    let second = power_of_x(&first);
    let third = power_of_x(&second).mul(&x.squared(1));
    let fourth = power_of_x(&third).mul(&x_2.conjugate()).mul(g);
    let q3 = first.mul(g).frobenius(3, powers);
    let q2 = x.mul(&second).frobenius(2, powers);
    let q1 = third.mul(&g.conjugate()).frobenius(1, powers);
    q3.mul(&q2).mul(&q1).mul(&fourth)
}

impl<M: Multiply> Cyclotomic for Fq12<Single<M>> {
    type Powers = [Single<M>; 12];

    #[inline(never)]
    fn squared(&self, times: usize) -> Self {
        (0..times).fold(*self, |power, _| power.cyclotomic_square())
    }

    #[inline(never)]
    fn mul(&self, other: &Self) -> Self {
        Fq12::mul(self, other)
    }

    fn conjugate(&self) -> Self {
        Fq12::conjugate(self)
    }

    fn frobenius(&self, k: usize, powers: &Self::Powers) -> Self {
        Fq12::frobenius(self, k, powers)
    }

    fn coefficients(&self) -> [Fq; 12] {
        core::array::from_fn(|p| if p < 6 { self.0[p].0.get() } else { self.0[p - 6].1.get() })
    }
}
