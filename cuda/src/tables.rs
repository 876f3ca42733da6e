//! What the kernels of one size read besides their input, computed once on the CPU.
//!
//! snarkVM keeps field elements in Montgomery form with the same R as the kernels, 2^256 for Fr and
//! 2^384 for Fq, in little-endian words: they go to the device as they are.

use lode_puzzle::Srs;
use snarkvm::{
    curves::bls12_377::{Fq, Fr},
    fields::{FftField, Field, One},
};

/// Words of 64 bits, as `attempt.cu` and `table.cu` take them. n is the puzzle's size; "reversed"
/// means that element k is the one of index k with its bits in reverse order.
pub(crate) struct Tables {
    /// ω^j for j < n/2, 4 words each.
    pub(crate) roots: Vec<u64>,
    /// ω^-j for j < n/2.
    pub(crate) inverse_roots: Vec<u64>,
    /// g^k for k < n, reversed, where g^n = -1: from coefficients to those on the coset.
    pub(crate) twist: Vec<u64>,
    /// g^-k, reversed, with what the quotient takes out of u.
    pub(crate) untwist: Vec<u64>,
    /// What the quotient takes out of c, one element.
    pub(crate) scale: Vec<u64>,
    /// The setup's points: x ‖ y, 6 words each.
    pub(crate) bases: Vec<u64>,
}

impl Tables {
    /// `None` if the field has no root of unity of order 2n: every size of the puzzle has one.
    pub(crate) fn new(srs: &Srs) -> Option<Self> {
        let log_n = u32::from(srs.log_n().log_n());
        let n = srs.log_n().n();
        let g = Fr::get_root_of_unity(2 * n)?;
        let (g_inverse, n_inverse) = (g.inverse()?, Fr::from(n as u64).inverse()?);
        let half = Fr::from(2u64).inverse()?;
        // The transforms do not divide by n, and `mul` brings in 1/R: c arrives as n·c/R and u as
        // n³·u/R, both lose another R in the quotient, which halves them.
        let r = Fr::from(2u64).pow([256]);
        let scale = r * n_inverse * half;
        let untwist = r * n_inverse * n_inverse * n_inverse * half;
        let reversed = |values: Vec<Fr>| {
            (0..n).map(|k| values[k.reverse_bits() >> (usize::BITS - log_n)]).collect()
        };
        let untwist: Vec<Fr> = reversed(powers(g_inverse, untwist, n));
        let twist: Vec<Fr> = reversed(powers(g, Fr::one(), n));
        Some(Self {
            roots: words(&powers(g * g, Fr::one(), n / 2)),
            inverse_roots: words(&powers(g_inverse * g_inverse, Fr::one(), n / 2)),
            twist: words(&twist),
            untwist: words(&untwist),
            scale: words(&[scale]),
            bases: srs
                .powers()
                .iter()
                .flat_map(|point| [point.x, point.y])
                .flat_map(|x: Fq| x.0.0)
                .collect(),
        })
    }
}

/// first·x^k for k < count.
fn powers(x: Fr, first: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(first), |power| Some(*power * x)).take(count).collect()
}

fn words(values: &[Fr]) -> Vec<u64> {
    values.iter().flat_map(|value| value.0.0).collect()
}
