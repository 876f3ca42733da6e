//! Two pairings at once, on snarkVM's primitives.

use snarkvm::{
    curves::{
        PairingCurve, PairingEngine,
        bls12_377::{Bls12_377, G1Affine, G2Affine},
    },
    fields::One,
};

/// A point of G2, made ready for pairings.
pub(crate) type G2Prepared = <G2Affine as PairingCurve>::Prepared;

/// Whether `e(p1, q1)·e(p2, q2) = 1`.
pub(crate) fn pairing_product_is_one(
    p1: &G1Affine,
    q1: &G2Prepared,
    p2: &G1Affine,
    q2: &G2Prepared,
) -> bool {
    let (p1, p2) = (p1.prepare(), p2.prepare());
    let product = Bls12_377::miller_loop([(&p1, q1), (&p2, q2)].into_iter());
    Bls12_377::final_exponentiation(&product).is_some_and(|result| result.is_one())
}
