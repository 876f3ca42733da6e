//! arkworks 0.6: ark-ff with assembly, ark-ec and ark-poly with their parallel kernels.

use super::snarkvm;
use ::snarkvm::curves::{AffineCurve as _, bls12_377 as aleo};
use ark_bls12_377::{Bls12_377, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM, pairing::Pairing};
use ark_ff::{BigInteger, BigInteger256, FftField, Field, One, PrimeField, Zero, batch_inversion};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use blake2::{Blake2b512, Digest};
use lode_algebra::Affine;
use lode_puzzle::{Item, Proof, Seed, Srs, Statement, point};

type G2Prepared = <Bls12_377 as Pairing>::G2Prepared;

/// An element of Fq from bytes of any number.
pub(crate) fn fq(bytes: &[u8; 64]) -> Fq {
    Fq::from_le_bytes_mod_order(bytes)
}

/// Little-endian, reduced.
pub(crate) fn fq_bytes(x: &Fq) -> Vec<u8> {
    x.into_bigint().to_bytes_le()
}

/// An element of Fr from bytes of any number.
pub(crate) fn fr(bytes: &[u8; 64]) -> Fr {
    Fr::from_le_bytes_mod_order(bytes)
}

/// [`fr`] as an integer.
pub(crate) fn fr_integer(bytes: &[u8; 64]) -> BigInteger256 {
    fr(bytes).into_bigint()
}

/// Little-endian, reduced.
pub(crate) fn fr_bytes(x: &Fr) -> Vec<u8> {
    x.into_bigint().to_bytes_le()
}

/// Our points in arkworks' form.
pub(crate) fn points(points: &[Affine]) -> Vec<G1Affine> {
    let point = |point: &Affine| decode(&point.to_bytes()).expect("our points lie on the curve");
    points.iter().map(point).collect()
}

/// x ‖ y; `None` at infinity.
pub(crate) fn point_bytes(point: &G1Projective) -> Option<[u8; 96]> {
    let (x, y) = point.into_affine().xy()?;
    let bytes: Vec<u8> = [x, y].iter().flat_map(fq_bytes).collect();
    bytes.try_into().ok()
}

/// The fastest of arkworks' ways for full scalars and these sizes: signed digits in short
/// Weierstrass form. `msm_unchecked` and `msm_chunks` call this after a conversion; over points in
/// twisted Edwards form it takes a fifth longer.
pub(crate) fn msm(bases: &[G1Affine], scalars: &[BigInteger256]) -> G1Projective {
    G1Projective::msm_bigint(bases, scalars)
}

/// Transforms of n elements, in place.
pub(crate) struct Transform(Radix2EvaluationDomain<Fr>);

impl Transform {
    pub(crate) fn new(n: usize) -> Self {
        Self(domain(n))
    }

    pub(crate) fn forward(&self, elements: &mut Vec<Fr>) {
        self.0.fft_in_place(elements);
    }
}

fn domain(n: usize) -> Radix2EvaluationDomain<Fr> {
    Radix2EvaluationDomain::new(n).expect("the field has such a domain")
}

/// Reads x ‖ y, checking range and curve.
fn decode(bytes: &[u8; 96]) -> Option<G1Affine> {
    let coordinate = |bytes: &[u8]| {
        let limbs = std::array::from_fn(|i| {
            u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * i + byte]))
        });
        Fq::from_bigint(ark_ff::BigInt::new(limbs))
    };
    let point = G1Affine::new_unchecked(coordinate(&bytes[..48])?, coordinate(&bytes[48..])?);
    point.is_on_curve().then_some(point)
}

/// snarkVM's point in arkworks' form.
fn point_of_g2(point: &aleo::G2Affine) -> G2Affine {
    let element = |x: &aleo::Fq| Fq::from_le_bytes_mod_order(&snarkvm::fq_bytes(x));
    let coordinate = |x: &aleo::Fq2| Fq2::new(element(&x.c0), element(&x.c1));
    G2Affine::new(coordinate(&point.x), coordinate(&point.y))
}

/// A and B.
fn expansion(seed: &[u8; 32], n: usize) -> impl Iterator<Item = [Fr; 2]> {
    expand(seed, n).map(|string| {
        halves(&string).map(|limbs| Fr::from_bigint(BigInteger256::new(limbs)).expect("below r"))
    })
}

/// A whole attempt on arkworks' primitives.
pub(crate) struct Prover {
    powers: Vec<G1Affine>,
    domain: Radix2EvaluationDomain<Fr>,
}

impl Prover {
    pub(crate) fn new(powers: Vec<G1Affine>) -> Self {
        Self { domain: domain(powers.len()), powers }
    }

    /// Commitment and opening.
    pub(crate) fn attempt(&self, statement: &Statement, nonce: u64) -> Option<Proof> {
        let seed = Seed::new(statement, nonce).0;
        let h = self.quotient(&seed);
        let commitment = point_bytes(&self.commit(&h))?;
        let z = fr(&challenge(&seed, &commitment));
        // Synthetic division by X − z.
        let mut quotient = vec![Fr::zero(); h.len()];
        let mut carry = Fr::zero();
        for (quotient, coefficient) in quotient.iter_mut().zip(&h).rev() {
            (*quotient, carry) = (carry, carry * z + coefficient);
        }
        Some(Proof { commitment, opening: point_bytes(&self.commit(&quotient))? })
    }

    /// h = (a·b − c)/(X^n − 1), by its values on a coset.
    fn quotient(&self, seed: &[u8; 32]) -> Vec<Fr> {
        let coset = self.domain.get_coset(Fr::GENERATOR).expect("the generator is not zero");
        let (mut a, mut b): (Vec<_>, Vec<_>) =
            expansion(seed, self.powers.len()).map(|[a, b]| (a, b)).unzip();
        let mut c: Vec<_> = a.iter().zip(&b).map(|(a, b)| *a * b).collect();
        for values in [&mut a, &mut b, &mut c] {
            self.domain.ifft_in_place(values);
            coset.fft_in_place(values);
        }
        let vanishing = Fr::GENERATOR.pow([self.powers.len() as u64]) - Fr::one();
        let vanishing_inv = vanishing.inverse().expect("the coset is not the domain");
        let mut h: Vec<_> =
            a.iter().zip(&b).zip(&c).map(|((a, b), c)| (*a * b - c) * vanishing_inv).collect();
        coset.ifft_in_place(&mut h);
        h
    }

    fn commit(&self, coefficients: &[Fr]) -> G1Projective {
        let integers: Vec<_> = coefficients.iter().map(|x| x.into_bigint()).collect();
        msm(&self.powers, &integers)
    }
}

/// Verification on arkworks' primitives.
pub(crate) struct Verifier {
    elements: Vec<Fr>,
    size_inv: Fr,
    /// Aleo's generators are others than arkworks'.
    generator: G1Affine,
    g2: G2Prepared,
    tau_g2: G2Prepared,
}

/// The parts of a proof that the pairing takes.
struct Opened {
    commitment: G1Affine,
    opening: G1Affine,
    point: Fr,
    value: Fr,
}

impl Verifier {
    pub(crate) fn new(srs: &Srs) -> Self {
        let domain = domain(srs.powers().len());
        let first = srs.powers().first().and_then(point::encode).expect("a setup has a generator");
        Self {
            elements: domain.elements().collect(),
            size_inv: domain.size_inv,
            generator: decode(&first).expect("the setup's points lie on the curve"),
            g2: point_of_g2(&aleo::G2Affine::prime_subgroup_generator()).into(),
            tau_g2: point_of_g2(srs.tau_g2()).into(),
        }
    }

    /// Whether one proof holds.
    pub(crate) fn verify(&self, item: &Item) -> bool {
        self.open(item).is_some_and(|opened| self.hold(&[opened], &[Fr::one()]))
    }

    /// Whether all proofs hold, by one equation.
    pub(crate) fn verify_batch(&self, items: &[Item], weights: &[u128]) -> bool {
        let weights: Vec<_> = weights.iter().map(|weight| Fr::from(*weight)).collect();
        let opened: Option<Vec<_>> = items.iter().map(|item| self.open(item)).collect();
        opened.is_some_and(|opened| self.hold(&opened, &weights))
    }

    fn open(&self, item: &Item) -> Option<Opened> {
        let seed = Seed::new(&item.statement, item.nonce).0;
        let (commitment, opening) = (decode(&item.proof.commitment)?, decode(&item.proof.opening)?);
        let is_valid = |p: &G1Affine| p.is_in_correct_subgroup_assuming_on_curve();
        if !is_valid(&commitment) || !is_valid(&opening) {
            return None;
        }
        let point = fr(&challenge(&seed, &item.proof.commitment));
        Some(Opened { commitment, opening, point, value: self.value(&seed, point)? })
    }

    /// h(z) by the barycentric formula.
    fn value(&self, seed: &[u8; 32], z: Fr) -> Option<Fr> {
        let n = self.elements.len();
        let vanishing = z.pow([n as u64]) - Fr::one();
        if vanishing.is_zero() {
            return None;
        }
        let mut inverses: Vec<Fr> = self.elements.iter().map(|element| z - element).collect();
        batch_inversion(&mut inverses);
        let (mut sum_a, mut sum_b, mut sum_c) = (Fr::zero(), Fr::zero(), Fr::zero());
        for ((inverse, element), [a, b]) in
            inverses.iter().zip(&self.elements).zip(expansion(seed, n))
        {
            let weight = *inverse * element;
            let weighted_a = weight * a;
            sum_a += weighted_a;
            sum_b += weight * b;
            sum_c += weighted_a * b;
        }
        Some((vanishing * self.size_inv * sum_a * sum_b - sum_c) * self.size_inv)
    }

    /// `e(Σ ρ·(C + z·W) − Σ ρ·v·[1], G2) · e(−Σ ρ·W, τ·G2) = 1`.
    fn hold(&self, opened: &[Opened], weights: &[Fr]) -> bool {
        let openings: Vec<_> = opened.iter().map(|o| o.opening).collect();
        let commitments = opened.iter().map(|o| o.commitment);
        let bases: Vec<_> =
            commitments.chain(openings.iter().copied()).chain([self.generator]).collect();
        let value: Fr = opened.iter().zip(weights).map(|(o, weight)| *weight * o.value).sum();
        let points = opened.iter().zip(weights).map(|(o, weight)| *weight * o.point);
        let scalars: Vec<_> = weights.iter().copied().chain(points).chain([-value]).collect();
        let left = G1Projective::msm_unchecked(&bases, &scalars).into_affine();
        let right = -G1Projective::msm_unchecked(&openings, weights).into_affine();
        Bls12_377::multi_pairing([left, right], [self.g2.clone(), self.tau_g2.clone()]).is_zero()
    }
}

/// `d_0 … d_(n−1)`, the strings that a seed expands into.
fn expand(seed: &[u8; 32], n: usize) -> impl Iterator<Item = [u8; 64]> {
    let head = Blake2b512::new().chain_update(b"lode/puzzle/expand/v1").chain_update(seed);
    (0..n as u32).map(move |i| head.clone().chain_update(i.to_le_bytes()).finalize().into())
}

/// `B512("lode/puzzle/point/v1" ‖ seed ‖ C)`.
fn challenge(seed: &[u8; 32], commitment: &[u8; 96]) -> [u8; 64] {
    Blake2b512::new()
        .chain_update(b"lode/puzzle/point/v1")
        .chain_update(seed)
        .chain_update(commitment)
        .finalize()
        .into()
}

/// The two halves of a string as integers below 2^252, in limbs.
fn halves(string: &[u8; 64]) -> [[u64; 4]; 2] {
    let limb = |i: usize| u64::from_le_bytes(std::array::from_fn(|byte| string[8 * i + byte]));
    [0, 4]
        .map(|half| [limb(half), limb(half + 1), limb(half + 2), limb(half + 3) & ((1 << 60) - 1)])
}
