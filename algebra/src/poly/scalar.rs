//! Polynomials over a domain, one element at a time.

use crate::{
    field::Fr,
    ntt::{
        permute,
        scalar::{Multiply, Twiddles, from_reversed, scaled, to_reversed},
    },
};

/// [`crate::Domain::quotient`]. `inverse_coset` is `ψ^(−i)/n`.
#[inline(never)]
pub(crate) fn quotient<M: Multiply>(
    twiddles: &Twiddles,
    size_inv: Fr,
    inverse_coset: &[Fr],
    data: &mut [Vec<Fr>; 3],
    a: &[Fr],
    b: &[Fr],
    h: &mut [Fr],
) {
    let [x, y, c] = data;
    x.copy_from_slice(a);
    y.copy_from_slice(b);
    c.iter_mut().zip(a).zip(b).for_each(|((c, a), b)| *c = scaled::<M>(a, b));
    to_reversed::<M>(twiddles, c);
    for data in [&mut *x, &mut *y] {
        to_reversed::<M>(twiddles, data);
        from_reversed::<M>(twiddles, 1, data);
    }
    // Below 4·r each, the products below 2.2·r.
    x.iter_mut().zip(y.iter()).for_each(|(x, y)| {
        *x = Fr::from_montgomery(M::mul(&x.montgomery(), &y.montgomery()));
    });
    to_reversed::<M>(twiddles, x);
    permute(x);
    permute(c);
    // The values of a and b on the coset are times n: d comes out times n² besides.
    let half = (Fr::ONE + Fr::ONE).inverse().unwrap_or_default();
    let (sum, difference) = (half * size_inv, half * size_inv * size_inv);
    for ((h, (c, d)), inverse_coset) in h.iter_mut().zip(c.iter().zip(x.iter())).zip(inverse_coset)
    {
        *h = scaled::<M>(c, &sum) - scaled::<M>(&scaled::<M>(d, inverse_coset), &difference);
    }
}

/// [`crate::Domain::divide_by_linear`], by Horner's rule.
#[inline(never)]
pub(crate) fn divide_by_linear<M: Multiply>(f: &[Fr], z: &Fr, quotient: &mut [Fr]) -> Fr {
    let mut carried = Fr::ZERO;
    for (quotient, coefficient) in quotient.iter_mut().zip(f).rev() {
        *quotient = carried;
        carried = scaled::<M>(&carried, z) + *coefficient;
    }
    carried
}

/// `Σ f(ω^i)·ω^i/(z − ω^i)` for f = a, b and a·b; z must not lie in the domain.
#[inline(never)]
pub(crate) fn barycentric_sums<M: Multiply>(
    twiddles: &Twiddles,
    data: &mut [Vec<Fr>; 3],
    a: &[Fr],
    b: &[Fr],
    z: &Fr,
) -> [Fr; 3] {
    let [differences, prefixes, _] = data;
    let half = twiddles.powers_of_generator();
    // ω^(i + n/2) = −ω^i.
    let powers = || half.iter().copied().chain(half.iter().map(|power| -*power));
    let mut chain = Fr::ONE;
    for ((difference, prefix), power) in
        differences.iter_mut().zip(prefixes.iter_mut()).zip(powers())
    {
        *difference = *z - power;
        *prefix = chain;
        chain = scaled::<M>(&chain, difference);
    }
    // No difference is zero outside the domain.
    let mut inverse = chain.inverse().unwrap_or_default();
    for (difference, prefix) in differences.iter_mut().zip(prefixes.iter()).rev() {
        (*difference, inverse) = (scaled::<M>(&inverse, prefix), scaled::<M>(&inverse, difference));
    }
    let mut sums = [Fr::ZERO; 3];
    for (((inverse, power), a), b) in differences.iter().zip(powers()).zip(a).zip(b) {
        let weight = scaled::<M>(inverse, &power);
        let weighted = scaled::<M>(a, &weight);
        for (sum, term) in
            sums.iter_mut().zip([weighted, scaled::<M>(b, &weight), scaled::<M>(&weighted, b)])
        {
            *sum += term;
        }
    }
    sums
}
