//! The roots of unity and the orders in which the transforms use them.

use crate::field::{Fr, FrParams, Params};

/// `22^((r−1)/2^log_n)`: of order 2^log_n, since 22 generates the multiplicative group.
pub(crate) fn root_of_unity(log_n: u32) -> Fr {
    // (r − 1) / 2^log_n; r − 1 ends in 47 zero bits.
    let mut exponent = FrParams::MODULUS;
    exponent[0] -= 1;
    for i in 0..4 {
        let above = exponent.get(i + 1).map_or(0, |limb| limb << (64 - log_n));
        exponent[i] = exponent[i] >> log_n | above;
    }
    Fr::from(22).pow(&exponent)
}

/// The lowest `bits` bits of `index`, reversed.
pub(crate) fn reverse_bits(index: usize, bits: u32) -> usize {
    if bits == 0 { 0 } else { index.reverse_bits() >> (usize::BITS - bits) }
}

/// `base^0 … base^(count−1)`.
pub(crate) fn powers(base: Fr, count: usize) -> Vec<Fr> {
    core::iter::successors(Some(Fr::ONE), |power| Some(*power * base)).take(count).collect()
}
