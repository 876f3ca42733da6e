//! The two vectors that a seed expands into.

use crate::{LogSize, Seed, bytes::blake2b_512, point::scalar_from_252_bits};
use lode_algebra::{Backend, blake2b};
use snarkvm::curves::bls12_377::Fr;

/// `A` and `B`: the values of the polynomials a and b over the domain, `n` scalars each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// `A_i = le(d_i[0..32]) mod 2^252`.
    pub a: Vec<Fr>,
    /// `B_i = le(d_i[32..64]) mod 2^252`.
    pub b: Vec<Fr>,
}

impl Expansion {
    /// What stands before the seed in the hashes.
    pub const DOMAIN: &[u8; 21] = b"lode/puzzle/expand/v1";

    /// [`Self::new`] on fast kernels, into slices of `n` elements.
    pub(crate) fn fill(
        seed: &Seed,
        backend: Backend,
        a: &mut [lode_algebra::Fr],
        b: &mut [lode_algebra::Fr],
    ) {
        let mut head = [0; Self::DOMAIN.len() + 32];
        let (domain, rest) = head.split_at_mut(Self::DOMAIN.len());
        domain.copy_from_slice(Self::DOMAIN);
        rest.copy_from_slice(&seed.0);
        blake2b::expand(backend, &head, a, b);
    }

    /// `d_i = B512("lode/puzzle/expand/v1" ‖ seed ‖ u32le(i))` for `i` in `0..n`.
    pub fn new(seed: &Seed, log_n: LogSize) -> Self {
        let mut expansion =
            Self { a: Vec::with_capacity(log_n.n()), b: Vec::with_capacity(log_n.n()) };
        for i in (0u32..).take(log_n.n()) {
            let digest = blake2b_512(&[Self::DOMAIN, &seed.0, &i.to_le_bytes()]);
            if let ([a, b], _) = digest.as_chunks::<32>() {
                expansion.a.push(scalar_from_252_bits(a));
                expansion.b.push(scalar_from_252_bits(b));
            }
        }
        expansion
    }
}
