//! Polynomials over a domain, eight elements at a time, in AVX-512 IFMA lanes.

use crate::{
    avx512::fr::{Fr8, MODULUS, TO_ELEMENT, constant},
    field::Fr,
    ntt::{
        constants::Constants,
        lanes::{self, Twiddles, from_reversed, natural, to_reversed},
    },
};

/// [`crate::Domain::quotient`].
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn quotient(
    twiddles: &Twiddles,
    constants: &Constants,
    data: &mut [Vec<Fr8>; 3],
    a: &[Fr],
    b: &[Fr],
    h: &mut [Fr],
) {
    let [x, y, c] = data;
    lanes::load(x, a);
    lanes::load(y, b);
    for ((c, x), y) in c.iter_mut().zip(x.iter()).zip(y.iter()) {
        *c = x.product(y);
    }
    to_reversed::<true>(twiddles, c);
    for data in [&mut *x, &mut *y] {
        to_reversed::<true>(twiddles, data);
        from_reversed(twiddles, 1, data);
    }
    // Below 70·r each, the products below 24·r.
    for (x, y) in x.iter_mut().zip(y.iter()) {
        *x = x.to_factor().product(&y.to_factor());
    }
    to_reversed::<false>(twiddles, x);
    let sum = Fr8::splat(&constants.sum);
    for (place, ((c, d), difference)) in
        c.iter().zip(x.iter()).zip(&constants.difference).enumerate()
    {
        let h_8 = Fr8::sum_of_products(&c.to_factor(), &sum, &d.to_factor(), difference);
        h_8.to_value().reduce_once().store_each(h, &natural(place, h.len()));
    }
}

/// How many chains of vectors [`divide_by_linear`] runs side by side.
const CHAINS: usize = 4;

/// [`crate::Domain::divide_by_linear`].
///
/// Horner's rule on 32 parts of the polynomial at once: first their values at z, from which follows
/// what each part takes over from the parts above it, then the quotient's coefficients.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn divide_by_linear(f: &[Fr], z: &Fr, quotient: &mut [Fr]) -> Fr {
    let part = f.len() / (8 * CHAINS);
    let places =
        |chain: usize, place: usize| core::array::from_fn(|lane| (8 * chain + lane) * part + place);
    let factor = Fr8::splat(&constant(z));
    let mut sums = [Fr8::splat(&[0; 5]); CHAINS];
    for place in (0..part).rev() {
        for (chain, sum) in sums.iter_mut().enumerate() {
            *sum = sum
                .product(&factor)
                .limbs_add(&Fr8::load_each(f, &places(chain, place)))
                .to_factor();
        }
    }
    let mut values = [[Fr::ZERO; 8]; CHAINS];
    for (sum, values) in sums.iter().zip(&mut values) {
        sum.masked().reduce_once().reduce_once().store(values);
    }

    let power = z.pow(&[part as u64]);
    let mut above = [[Fr::ZERO; 8]; CHAINS];
    let mut carried = Fr::ZERO;
    for (above, value) in above.as_flattened_mut().iter_mut().zip(values.as_flattened()).rev() {
        *above = carried;
        carried = carried * power + *value;
    }

    for (sum, above) in sums.iter_mut().zip(&above) {
        *sum = Fr8::load(above);
    }
    for place in (0..part).rev() {
        for (chain, sum) in sums.iter_mut().enumerate() {
            let at = places(chain, place);
            sum.masked().reduce_once().reduce_once().store_each(quotient, &at);
            *sum = sum.product(&factor).limbs_add(&Fr8::load_each(f, &at)).to_factor();
        }
    }
    carried
}

/// `Σ f(ω^i)·ω^i/(z − ω^i)` for f = a, b and a·b; z must not lie in the domain.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn barycentric_sums(
    twiddles: &Twiddles,
    data: &mut [Vec<Fr8>; 3],
    a: &[Fr],
    b: &[Fr],
    z: &Fr,
) -> [Fr; 3] {
    let prefixes = data[0].as_chunks_mut::<2>().0;
    let half = lanes::powers_of_generator(twiddles);
    let z_8 = Fr8::splat(&constant(z));
    // ω^(i + n/2) = −ω^i: differences come in pairs.
    let differences = |power: &Fr8| {
        let below = z_8.limbs_add(&Fr8::splat(&MODULUS)).limbs_sub(power);
        [below.to_factor(), z_8.limbs_add(power).to_factor()]
    };
    let mut chains = [Fr8::splat(&constant(&Fr::ONE)); 2];
    for (power, prefix) in half.iter().zip(prefixes.iter_mut()) {
        *prefix = chains;
        let [low, high] = differences(power);
        chains = [chains[0].mul(&low), chains[1].mul(&high)];
    }
    invert(&mut chains);

    // Σ of the terms of ω^i, then of those of −ω^i without their sign.
    let mut totals = [[Fr8::splat(&[0; 5]); 3]; 2];
    let one = Fr8::splat(&constant(&Fr::ONE));
    let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
    // A group's sums stay below 18·r, and the totals of at most 128 groups below 160·r.
    const GROUP: usize = 16;
    for first in (0..half.len()).step_by(GROUP).rev() {
        let mut sums = totals;
        sums.as_flattened_mut().fill(Fr8::splat(&[0; 5]));
        for place in (first..half.len().min(first + GROUP)).rev() {
            let differences = differences(&half[place]);
            for (side, sums) in sums.iter_mut().enumerate() {
                let inverse = chains[side].mul(&prefixes[place][side]);
                chains[side] = chains[side].mul(&differences[side]);
                let weight = inverse.mul(&half[place]);
                let (a, b) = (
                    Fr8::load(&a[place + side * half.len()]),
                    Fr8::load(&b[place + side * half.len()]),
                );
                let weighted = a.mul(&weight).masked();
                for (sum, term) in
                    sums.iter_mut().zip([weighted, b.product(&weight), weighted.product(&b)])
                {
                    *sum = sum.limbs_add(&term);
                }
            }
        }
        for (total, sum) in totals.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *total = total.limbs_add(&sum.to_factor().product(&one)).to_value();
        }
    }
    let total = |lanes: &Fr8| {
        let mut elements = [Fr::ZERO; 8];
        lanes.product(&one).to_value().reduce_once().store(&mut elements);
        elements.into_iter().fold(Fr::ZERO, |sum, element| sum + element)
    };
    let [a, b, c] = core::array::from_fn(|i| total(&totals[0][i]) - total(&totals[1][i]));
    // The product of two elements is short of 2^4.
    [a, b, c * Fr::from(16)]
}

/// Inverts the lanes of constants, none of which is zero, with one inversion.
#[target_feature(enable = "avx512f,avx512ifma")]
fn invert(chains: &mut [Fr8; 2]) {
    let from_constant = Fr8::splat(&TO_ELEMENT);
    let mut elements = [[Fr::ZERO; 8]; 2];
    for (chain, elements) in chains.iter().zip(&mut elements) {
        chain.product(&from_constant).to_value().reduce_once().store(elements);
    }
    Fr::batch_inverse(elements.as_flattened_mut(), &mut [Fr::ZERO; 16]);
    for (chain, elements) in chains.iter_mut().zip(&elements) {
        *chain = Fr8::constants(elements);
    }
}
