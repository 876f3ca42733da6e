//! Points of G1 as 96 bytes, and scalars from hashes.
//!
//! snarkVM's own readers check neither curve nor subgroup, and accept flags in the spare bits:
//! bytes from outside pass through [`decode`] and the checks that [`crate::Verifier`] runs after
//! it, and through nothing else.

use crate::{Seed, bytes::blake2b_512};
use snarkvm::curves::bls12_377::{Fq, Fq2, Fr, G1Affine, G2Affine};
use snarkvm::fields::{PrimeField, Zero};
use snarkvm::utilities::{BigInteger256, BigInteger384};

/// What stands before the seed in the hash that becomes the point z of the opening.
pub const CHALLENGE_DOMAIN: &[u8] = b"lode/puzzle/point/v1";

/// Reads x ‖ y, 48 bytes little-endian each. `None` if a coordinate is not below `q`. Whether the
/// point lies on the curve is not checked here. Infinity has no encoding, so the result is never
/// infinity.
pub fn decode(bytes: &[u8; 96]) -> Option<G1Affine> {
    let (coordinates, _) = bytes.as_chunks::<48>();
    let [x, y] = coordinates else { return None };
    Some(G1Affine::new(coordinate(x)?, coordinate(y)?, false))
}

/// Writes x ‖ y, 48 bytes little-endian each. `None` for the point at infinity.
pub fn encode(point: &G1Affine) -> Option<[u8; 96]> {
    if point.is_zero() {
        return None;
    }
    let mut bytes = [0; 96];
    let limbs = point.x.to_bigint().0.into_iter().chain(point.y.to_bigint().0);
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    chunks.iter_mut().zip(limbs).for_each(|(chunk, limb)| *chunk = limb.to_le_bytes());
    Some(bytes)
}

/// The same point for the fast kernels. `None` for the point at infinity, and for what is not on
/// the curve.
pub(crate) fn to_algebra(point: &G1Affine) -> Option<lode_algebra::Affine> {
    lode_algebra::Affine::from_bytes(&encode(point)?)
}

/// The same point of G2 for the fast kernels, which must not be infinity.
pub(crate) fn g2_to_algebra(point: &G2Affine) -> lode_algebra::G2 {
    // A canonical integer of one field's type is one of the other's.
    let element = |c: &Fq| lode_algebra::Fq::from_canonical(c.to_bigint().0).unwrap_or_default();
    let coordinate = |c: &Fq2| [element(&c.c0), element(&c.c1)];
    lode_algebra::G2 { x: coordinate(&point.x), y: coordinate(&point.y) }
}

fn coordinate(bytes: &[u8; 48]) -> Option<Fq> {
    Fq::from_bigint(BigInteger384(limbs(bytes)))
}

/// Little-endian bytes to little-endian limbs. `LIMBS` is an eighth of the number of bytes.
fn limbs<const LIMBS: usize>(bytes: &[u8]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    let (chunks, _) = bytes.as_chunks::<8>();
    limbs.iter_mut().zip(chunks).for_each(|(limb, chunk)| *limb = u64::from_le_bytes(*chunk));
    limbs
}

/// `le(bytes) mod 2^252`, which is below `r`: no division, and no bias worth the name.
pub(crate) fn scalar_from_252_bits(bytes: &[u8; 32]) -> Fr {
    let mut limbs = limbs::<4>(bytes);
    if let Some(top) = limbs.last_mut() {
        *top &= (1 << 60) - 1;
    }
    // 2^252 < r, so the conversion cannot fail.
    Fr::from_bigint(BigInteger256(limbs)).unwrap_or_else(Fr::zero)
}

/// 32 bytes, little-endian.
pub(crate) fn scalar_to_bytes(scalar: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut::<8>();
    chunks
        .iter_mut()
        .zip(scalar.to_bigint().0)
        .for_each(|(chunk, limb)| *chunk = limb.to_le_bytes());
    bytes
}

/// `z = le(B512("lode/puzzle/point/v1" ‖ seed ‖ C)) mod r`: the commitment fixes where it is
/// opened.
pub(crate) fn challenge(seed: &Seed, commitment: &[u8; 96]) -> Fr {
    Fr::from_bytes_le_mod_order(&challenge_digest(seed, commitment))
}

/// What [`challenge`] reduces modulo r.
pub(crate) fn challenge_digest(seed: &Seed, commitment: &[u8; 96]) -> [u8; 64] {
    blake2b_512(&[CHALLENGE_DOMAIN, &seed.0, commitment])
}

#[cfg(test)]
mod tests {
    use super::*;
    use snarkvm::fields::{Field, One};

    #[test]
    fn loads_take_252_bits_and_drop_the_rest() {
        let two = Fr::from(2u64);
        assert_eq!(scalar_from_252_bits(&[0xff; 32]), two.pow([252]) - Fr::one());
        let only_bit = |bit: usize| {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 1 << (bit % 8);
            scalar_from_252_bits(&bytes)
        };
        assert_eq!(only_bit(0), Fr::one());
        assert_eq!(only_bit(64), two.pow([64]));
        assert_eq!(only_bit(251), two.pow([251]));
        (252..256).for_each(|bit| assert_eq!(only_bit(bit), Fr::zero(), "bit {bit}"));
    }

    #[test]
    fn scalars_are_32_bytes_little_endian() {
        let mut expected = [0; 32];
        expected[0] = 1;
        assert_eq!(scalar_to_bytes(&Fr::one()), expected);
    }
}
