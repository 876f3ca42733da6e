//! What the puzzle's tests share: setups, the vectors, and points that no honest prover makes.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::sync::{Arc, LazyLock};

use blake2::{Blake2b512, Digest};
use lode_algebra::Backend;
use lode_puzzle::{
    Claim, Engine, Expansion, LogSize, Proof, ReferenceEngine, ReferenceVerifier, Seed, Srs,
    Statement, Ticket, Verifier, VerifyError, point,
};
use serde::Deserialize;
use snarkvm::{
    algorithms::fft::{DensePolynomial, EvaluationDomain},
    curves::{
        AffineCurve, ProjectiveCurve,
        bls12_377::{Fq, Fr, G1Affine, G1Projective},
    },
    fields::{Field, One, PrimeField, Zero},
    utilities::BitIteratorBE,
};

/// An attempt of the vectors, as text.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) statement: String,
    pub(crate) nonce: u64,
    pub(crate) seed: String,
    pub(crate) commitment: String,
    pub(crate) point: String,
    pub(crate) value: String,
    pub(crate) opening: String,
    pub(crate) ticket: String,
    pub(crate) block_value: String,
    pub(crate) share_value: String,
}

impl Vector {
    pub(crate) fn statement(&self) -> Statement {
        self.statement.parse().unwrap()
    }

    pub(crate) fn proof(&self) -> Proof {
        Proof::from_parts(
            &hex::decode(&self.commitment).unwrap(),
            &hex::decode(&self.opening).unwrap(),
        )
        .unwrap()
    }
}

/// The published vectors, made by an independent implementation, `log_n` = 13.
pub(crate) fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/puzzle.json")).unwrap();
    assert!(!vectors.is_empty());
    vectors
}

/// An engine and a verifier over the same setup.
pub(crate) struct Rig {
    pub(crate) srs: Arc<Srs>,
    pub(crate) engine: ReferenceEngine,
    pub(crate) verifier: Verifier,
    /// A verifier on each back end, the fastest first: `verifier` is that.
    verifiers: Vec<Verifier>,
    reference: ReferenceVerifier,
}

impl Rig {
    pub(crate) fn new(log_n: u8) -> Self {
        let srs = Arc::new(lode_genesis::srs::load(LogSize::new(log_n).unwrap()).unwrap());
        let verifiers =
            Backend::available().map(|backend| Verifier::with_backend(&srs, backend).unwrap());
        Self {
            engine: ReferenceEngine::new(srs.clone()),
            verifier: Verifier::new(&srs),
            verifiers: verifiers.collect(),
            reference: ReferenceVerifier::new(&srs),
            srs,
        }
    }

    /// The verdict that the verifiers of all back ends and the reference agree on.
    pub(crate) fn verdict(
        &self,
        statement: &Statement,
        nonce: u64,
        proof: &Proof,
        claim: Claim,
    ) -> Result<Ticket, VerifyError> {
        let verdict = self.verifier.verify(statement, nonce, proof, claim);
        for verifier in &self.verifiers {
            assert_eq!(verifier.verify(statement, nonce, proof, claim), verdict, "{verifier:?}");
        }
        assert_eq!(self.reference.verify(statement, nonce, proof, claim), verdict, "the reference");
        verdict
    }

    pub(crate) fn proof(&self, statement: &Statement, nonce: u64) -> Proof {
        self.engine.attempt(statement, nonce).unwrap().proof
    }
}

/// A domain of 16 points: attempts take a millisecond.
pub(crate) static SMALL: LazyLock<Rig> = LazyLock::new(|| Rig::new(4));
/// The domain of the public networks.
pub(crate) static MAINNET: LazyLock<Rig> = LazyLock::new(|| Rig::new(13));

pub(crate) const STATEMENT: Statement = Statement([7; 32]);

/// The group element of an encoding.
pub(crate) fn decode(bytes: &[u8; 96]) -> G1Affine {
    point::decode(bytes).unwrap()
}

/// The encoding of a group element that is not infinity.
pub(crate) fn encode(point: impl Into<G1Affine>) -> [u8; 96] {
    point::encode(&point.into()).unwrap()
}

/// The sum of an encoded point and another.
pub(crate) fn plus(bytes: &[u8; 96], other: &G1Affine) -> [u8; 96] {
    encode(decode(bytes).to_projective().add_mixed(other))
}

/// Points of the curve whose order divides the cofactor (x − 1)²/3, x − 1 = 2^46·3·7·13·499: the
/// generic one `r·P`, and those of the orders 2, 3, 7, 13 and 499.
pub(crate) fn torsion_points() -> Vec<G1Affine> {
    let from_x = |x: Fq| G1Affine::from_x_coordinate(x, true);
    let times = |p: G1Affine, k: u64| p.mul_bits(BitIteratorBE::new([k])).to_affine();
    let outside = || {
        let points = (2u64..).filter_map(|x| from_x(Fq::from(x)));
        points
            .map(|p| p.mul_bits(BitIteratorBE::new(Fr::characteristic())).to_affine())
            .filter(|p| !p.is_zero())
    };
    let generic = outside().next().unwrap();
    let order_2 = from_x(-Fq::from(1u64)).unwrap();
    let order_3 = from_x(Fq::zero()).unwrap();
    assert!(order_2.to_projective().double().is_zero());
    assert!(order_3.to_projective().double().add_mixed(&order_3).is_zero());
    let mut points = vec![generic, order_2, order_3];
    for order in [7u64, 13, 499] {
        // A point without its parts of other orders; what is left has the order, or its square.
        let others = 0x8508_c000_0000_0000u64 / order;
        let part =
            outside().map(|p| times(times(p, others), others)).find(|p| !p.is_zero()).unwrap();
        let multiple = times(part, order);
        let point = if multiple.is_zero() { part } else { multiple };
        assert!(times(point, order).is_zero());
        points.push(point);
    }
    assert!(points.iter().all(|p| p.is_on_curve() && !p.is_zero()));
    points
}

/// The quotient h of a seed, by the book: interpolate, multiply, subtract, divide with remainder
/// zero.
pub(crate) fn quotient(seed: &Seed, log_n: LogSize) -> DensePolynomial<Fr> {
    let domain = EvaluationDomain::<Fr>::new(log_n.n()).unwrap();
    let expansion = Expansion::new(seed, log_n);
    let products: Vec<Fr> = expansion.a.iter().zip(&expansion.b).map(|(a, b)| *a * b).collect();
    let interpolate = |values: &[Fr]| DensePolynomial::from_coefficients_vec(domain.ifft(values));
    let product = &interpolate(&expansion.a) * &interpolate(&expansion.b);
    let numerator = &product - &interpolate(&products);
    let (quotient, remainder) = numerator.divide_by_vanishing_poly(domain).unwrap();
    assert!(remainder.is_zero());
    quotient
}

/// `[f]`, term by term.
pub(crate) fn commit(srs: &Srs, polynomial: &DensePolynomial<Fr>) -> G1Projective {
    polynomial
        .coeffs
        .iter()
        .zip(srs.powers())
        .map(|(coefficient, power)| *power * *coefficient)
        .sum()
}

/// `z`, from the specification's words.
pub(crate) fn challenge(seed: &Seed, commitment: &[u8; 96]) -> Fr {
    let digest = Blake2b512::new()
        .chain_update(b"lode/puzzle/point/v1")
        .chain_update(seed.0)
        .chain_update(commitment);
    Fr::from_bytes_le_mod_order(&digest.finalize())
}

/// A proof for the seed that commits to the given polynomial plus a given point, and opens the
/// polynomial where the commitment says: the best forgery for an attacker that knows the protocol.
pub(crate) fn forge(
    srs: &Srs,
    seed: &Seed,
    polynomial: &DensePolynomial<Fr>,
    extra: &G1Affine,
) -> Proof {
    let commitment = encode(commit(srs, polynomial).add_mixed(extra));
    let z = challenge(seed, &commitment);
    let divisor = DensePolynomial::from_coefficients_vec(vec![-z, Fr::one()]);
    Proof { commitment, opening: encode(commit(srs, &(polynomial / &divisor))) }
}
