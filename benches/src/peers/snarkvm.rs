//! snarkVM 4.11. Whole attempts and verifications on its primitives are `lode-puzzle`'s reference
//! engine and reference verifier.

use lode_puzzle::{Srs, point};
use snarkvm::{
    algorithms::{
        fft::{DensePolynomial, EvaluationDomain, domain::FFTPrecomputation},
        msm::VariableBase,
        polycommit::kzg10::{KZG10, Powers},
    },
    curves::{
        ProjectiveCurve,
        bls12_377::{Bls12_377, Fq, Fr, G1Affine, G1Projective},
    },
    fields::PrimeField,
    utilities::{BigInteger256, ToBytes},
};
use std::borrow::Cow;

/// An element of Fq from bytes of any number.
pub(crate) fn fq(bytes: &[u8; 64]) -> Fq {
    Fq::from_bytes_le_mod_order(bytes)
}

/// Little-endian, reduced.
pub(crate) fn fq_bytes(x: &Fq) -> Vec<u8> {
    x.to_bytes_le().expect("a vector takes bytes")
}

/// An element of Fr from bytes of any number.
pub(crate) fn fr(bytes: &[u8; 64]) -> Fr {
    Fr::from_bytes_le_mod_order(bytes)
}

/// [`fr`] as an integer.
pub(crate) fn fr_integer(bytes: &[u8; 64]) -> BigInteger256 {
    fr(bytes).to_bigint()
}

/// Little-endian, reduced.
pub(crate) fn fr_bytes(x: &Fr) -> Vec<u8> {
    x.to_bytes_le().expect("a vector takes bytes")
}

/// x ‖ y; `None` at infinity.
pub(crate) fn point_bytes(point: &G1Projective) -> Option<[u8; 96]> {
    point::encode(&point.to_affine())
}

/// Batched affine addition, snarkVM's choice for this curve.
pub(crate) fn msm(bases: &[G1Affine], scalars: &[BigInteger256]) -> G1Projective {
    VariableBase::msm(bases, scalars)
}

/// Transforms of n elements, with the roots of unity computed beforehand.
pub(crate) struct Transform {
    domain: EvaluationDomain<Fr>,
    roots: FFTPrecomputation<Fr>,
}

impl Transform {
    pub(crate) fn new(n: usize) -> Self {
        let domain = domain(n);
        Self { domain, roots: domain.precompute_fft() }
    }

    pub(crate) fn forward(&self, elements: &[Fr]) -> Vec<Fr> {
        self.domain.in_order_fft_with_pc(elements, &self.roots)
    }
}

fn domain(n: usize) -> EvaluationDomain<Fr> {
    EvaluationDomain::new(n).expect("the field has such a domain")
}

/// A polynomial to commit to and to open: what is left of an attempt when everything but KZG10 is
/// taken away.
pub(crate) struct Kzg10 {
    polynomial: DensePolynomial<Fr>,
    point: Fr,
}

impl Kzg10 {
    pub(crate) fn new(coefficients: &[[u8; 64]], point: &[u8; 64]) -> Self {
        let polynomial =
            DensePolynomial::from_coefficients_vec(coefficients.iter().map(fr).collect());
        Self { polynomial, point: fr(point) }
    }

    /// Commitment and opening.
    pub(crate) fn prove(&self, srs: &Srs) -> [G1Affine; 2] {
        let powers = Powers::<Bls12_377> {
            powers_of_beta_g: Cow::Borrowed(srs.powers()),
            powers_of_beta_times_gamma_g: Cow::Borrowed(&[]),
        };
        let (commitment, randomness) =
            KZG10::commit(&powers, &(&self.polynomial).into(), None, None)
                .expect("the degree fits");
        let opening = KZG10::open(&powers, &self.polynomial, self.point, &randomness)
            .expect("the degree fits");
        [commitment.0, opening.w]
    }
}
