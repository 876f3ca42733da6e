//! Verification, cheapest check first, alone or in batches.
//!
//! The caller has already looked up what needs a chain: that epoch and anchor are known, and that the attempt (statement and
//! nonce, never the proof's bytes) was not seen before. Here follow, each stopping at the first failure: the exact length (by
//! the type [`Proof`]), the target, coordinates below `q`, the curve, the prime-order subgroup, the point outside of the
//! domain, and the pairing equation `e(C − v·[1] + z·W, G2) = e(W, τ·G2)`.
//!
//! The target comes before the points because hashing is cheap; the ticket of a proof that fails later is worth nothing.
//! Without the subgroup check, adding a point of the cofactor's order to `C` or `W` would redraw the ticket for microseconds.

use crate::{Expansion, LogSize, Proof, QuotientDomain, Seed, Srs, Statement, Target, Ticket, point};
use snarkvm::{
    algorithms::msm::VariableBase,
    curves::{
        AffineCurve, PairingCurve, PairingEngine, ProjectiveCurve,
        bls12_377::{Bls12_377, Fr, G1Affine, G2Affine},
    },
    fields::{One, PrimeField, Zero},
};
use std::fmt;

type G2Prepared = <G2Affine as PairingCurve>::Prepared;

/// A part of the encoded proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Commitment and opening together.
    Proof,
    /// The commitment `C`.
    Commitment,
    /// The opening `W`.
    Opening,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proof => "proof",
            Self::Commitment => "commitment",
            Self::Opening => "opening",
        })
    }
}

/// One of the ticket's two disjoint halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Bytes 0 to 15, held to the block target.
    Block,
    /// Bytes 16 to 31, held to the share target.
    Share,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Block => "block",
            Self::Share => "share",
        })
    }
}

/// What the ticket is claimed to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The block half meets this target.
    Block(Target),
    /// The share half meets this target.
    Share(Target),
    /// Nothing: only the proof itself is checked.
    None,
}

impl Claim {
    fn check(&self, ticket: &Ticket) -> Result<(), VerifyError> {
        let (half, target, value) = match self {
            Self::Block(target) => (Half::Block, target, ticket.block_value()),
            Self::Share(target) => (Half::Share, target, ticket.share_value()),
            Self::None => return Ok(()),
        };
        if target.is_met_by(value) { Ok(()) } else { Err(VerifyError::TargetMissed { half, target: *target, value }) }
    }
}

/// The rule that a proof breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The encoding has the wrong length.
    #[error("{part}: expected {expected} bytes, got {got}")]
    Length {
        /// What was being read.
        part: Part,
        /// Bytes expected.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// The ticket does not meet the claimed target.
    #[error("{half} value: expected at most {target}, got {value}")]
    TargetMissed {
        /// The half that was held to the target.
        half: Half,
        /// The target.
        target: Target,
        /// The ticket's value.
        value: u128,
    },
    /// A coordinate is not below the base field's order.
    #[error("{which}: a coordinate is not below the field's order")]
    CoordinateRange {
        /// The point.
        which: Part,
    },
    /// The point is not on the curve.
    #[error("{which}: not on the curve")]
    NotOnCurve {
        /// The point.
        which: Part,
    },
    /// The point is on the curve, but not in the prime-order subgroup.
    #[error("{which}: not in the prime-order subgroup")]
    NotInSubgroup {
        /// The point.
        which: Part,
    },
    /// The opening point lies in the domain: the attempt is void.
    #[error("the opening point lies in the domain")]
    PointInDomain,
    /// The pairing equation does not hold: the commitment is not the one that the seed demands, or the opening is wrong.
    #[error("the pairing equation does not hold")]
    PairingFailed,
    /// Our own fault, not the proof's: the batch got fewer weights than items. Nothing was verified.
    #[error("batch weights: expected {expected}, got {got}")]
    MissingWeights {
        /// Items in the batch.
        expected: usize,
        /// Weights given.
        got: usize,
    },
    /// Our own fault, not the proof's: a weight of zero would let any proof pass. Nothing was verified.
    #[error("batch weight {index} is zero")]
    ZeroWeight {
        /// Position of the weight.
        index: usize,
    },
}

impl VerifyError {
    /// A stable short name of the rule, for command lines and counters.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Length { .. } => "length",
            Self::TargetMissed { .. } => "target",
            Self::CoordinateRange { .. } => "coordinate range",
            Self::NotOnCurve { .. } => "curve",
            Self::NotInSubgroup { .. } => "subgroup",
            Self::PointInDomain => "domain",
            Self::PairingFailed => "pairing",
            Self::MissingWeights { .. } | Self::ZeroWeight { .. } => "weights",
        }
    }
}

/// One proof of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// What the attempt is about.
    pub statement: Statement,
    /// The attempt's nonce.
    pub nonce: u64,
    /// The unverified proof.
    pub proof: Proof,
    /// What its ticket must meet.
    pub claim: Claim,
}

/// Checks proofs of one network. Holds `n` scalars and two prepared points; cheap to share, and safe from any thread.
#[derive(Clone, Debug)]
pub struct Verifier {
    domain: QuotientDomain,
    generator: G1Affine,
    g2: G2Prepared,
    tau_g2: G2Prepared,
}

/// A proof that passed everything but the pairing, and its weight in the batch.
struct Opened {
    index: usize,
    weight: Fr,
    ticket: Ticket,
    commitment: G1Affine,
    opening: G1Affine,
    point: Fr,
    value: Fr,
}

impl Verifier {
    /// A verifier that outlives the setup it was made from.
    pub fn new(srs: &Srs) -> Self {
        Self {
            domain: QuotientDomain::new(srs.log_n()),
            generator: G1Affine::prime_subgroup_generator(),
            g2: G2Affine::prime_subgroup_generator().prepare(),
            tau_g2: srs.tau_g2().prepare(),
        }
    }

    /// The size of the puzzle that this verifier checks.
    pub fn log_n(&self) -> LogSize {
        self.domain.log_n()
    }

    /// Checks one proof, and returns its ticket.
    ///
    /// # Errors
    /// The first rule that the proof breaks, in the order of the module's documentation.
    pub fn verify(
        &self,
        statement: &Statement,
        nonce: u64,
        proof: &Proof,
        claim: Claim,
    ) -> Result<Ticket, VerifyError> {
        let item = Item { statement: *statement, nonce, proof: *proof, claim };
        let opened = self.open(0, &item, Fr::one())?;
        if self.holds(std::slice::from_ref(&opened)) { Ok(opened.ticket) } else { Err(VerifyError::PairingFailed) }
    }

    /// Checks many proofs with two pairings; if they do not hold, bisects to name each bad one in `O(bad · log items)`.
    /// The results stand in the order of the items, and are those of [`Verifier::verify`].
    ///
    /// `weights`: at least one per item, none zero, drawn from the operating system's generator *after* the batch is fixed.
    /// Whoever knows the weights beforehand can make bad proofs cancel out.
    ///
    /// # Errors
    /// Per item, the first rule that it breaks; with unusable weights, the same error for every item.
    pub fn verify_batch(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if let Err(error) = check_weights(items, weights) {
            return vec![Err(error); items.len()];
        }
        let mut results = Vec::with_capacity(items.len());
        let mut opened = Vec::with_capacity(items.len());
        for (index, (item, weight)) in items.iter().zip(weights).enumerate() {
            let outcome = self.open(index, item, point::scalar_from_u128(*weight));
            results.push(outcome.as_ref().map(|opened| opened.ticket).map_err(|error| *error));
            opened.extend(outcome);
        }
        let mut failed = Vec::new();
        self.bisect(&opened, false, &mut failed);
        for index in failed {
            if let Some(result) = results.get_mut(index) {
                *result = Err(VerifyError::PairingFailed);
            }
        }
        results
    }

    /// Everything that comes before the pairing.
    fn open(&self, index: usize, item: &Item, weight: Fr) -> Result<Opened, VerifyError> {
        let Item { statement, nonce, proof, claim } = item;
        let seed = Seed::new(statement, *nonce);
        let ticket = Ticket::new(&seed, proof);
        claim.check(&ticket)?;

        let decode = |which, bytes| point::decode(bytes).ok_or(VerifyError::CoordinateRange { which });
        let commitment = decode(Part::Commitment, &proof.commitment)?;
        let opening = decode(Part::Opening, &proof.opening)?;
        let points = [(Part::Commitment, &commitment), (Part::Opening, &opening)];
        if let Some((which, _)) = points.iter().find(|(_, point)| !point.is_on_curve()) {
            return Err(VerifyError::NotOnCurve { which: *which });
        }
        if let Some((which, _)) = points.iter().find(|(_, point)| !point.is_in_correct_subgroup_assuming_on_curve()) {
            return Err(VerifyError::NotInSubgroup { which: *which });
        }

        let point = point::challenge(&seed, &proof.commitment);
        let expansion = Expansion::new(&seed, self.log_n());
        let value = self.domain.quotient_at(&expansion, point).ok_or(VerifyError::PointInDomain)?;
        Ok(Opened { index, weight, ticket, commitment, opening, point, value })
    }

    /// Pushes the indexes of the proofs whose pairing equation fails. With `known_bad`, the fold is known not to hold.
    fn bisect(&self, opened: &[Opened], known_bad: bool, failed: &mut Vec<usize>) {
        if !known_bad && self.holds(opened) {
            return;
        }
        if let [bad] = opened {
            failed.push(bad.index);
            return;
        }
        let (left, right) = opened.split_at(opened.len().div_ceil(2));
        let failed_before = failed.len();
        self.bisect(left, false, failed);
        // If the whole does not hold and the left half does, then the right half does not: no need to look.
        self.bisect(right, failed.len() == failed_before, failed);
    }

    /// `e(Σ ρ·(C + z·W) − Σ ρ·v·[1], G2) · e(−Σ ρ·W, τ·G2) = 1`, the fold of the single equations with the weights ρ.
    #[allow(clippy::arithmetic_side_effects, reason = "arithmetic of fields and curves neither overflows nor panics")]
    fn holds(&self, opened: &[Opened]) -> bool {
        if opened.is_empty() {
            return true;
        }
        let weights: Vec<_> = opened.iter().map(|o| o.weight.to_bigint()).collect();
        let openings: Vec<_> = opened.iter().map(|o| o.opening).collect();
        let value = opened.iter().fold(Fr::zero(), |sum, o| sum + o.weight * o.value);

        let bases: Vec<_> =
            opened.iter().map(|o| o.commitment).chain(openings.iter().copied()).chain([self.generator]).collect();
        let scalars: Vec<_> = weights
            .iter()
            .copied()
            .chain(opened.iter().map(|o| (o.weight * o.point).to_bigint()))
            .chain([(-value).to_bigint()])
            .collect();
        let left = VariableBase::msm(&bases, &scalars).to_affine();
        let right = VariableBase::msm(&openings, &weights).to_affine();
        pairing_product_is_one(&left, &self.g2, &-right, &self.tau_g2)
    }
}

fn check_weights(items: &[Item], weights: &[u128]) -> Result<(), VerifyError> {
    if weights.len() < items.len() {
        return Err(VerifyError::MissingWeights { expected: items.len(), got: weights.len() });
    }
    match weights.iter().take(items.len()).position(|weight| *weight == 0) {
        Some(index) => Err(VerifyError::ZeroWeight { index }),
        None => Ok(()),
    }
}

/// Whether `e(p1, q1)·e(p2, q2) = 1`.
pub(crate) fn pairing_product_is_one(p1: &G1Affine, q1: &G2Prepared, p2: &G1Affine, q2: &G2Prepared) -> bool {
    let (p1, p2) = (p1.prepare(), p2.prepare());
    let product = Bls12_377::miller_loop([(&p1, q1), (&p2, q2)].into_iter());
    Bls12_377::final_exponentiation(&product).is_some_and(|result| result.is_one())
}
