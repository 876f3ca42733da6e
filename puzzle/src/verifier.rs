//! Verification, cheapest check first, alone or in batches.
//!
//! The caller has already looked up what needs a chain: that epoch and anchor are known, and that
//! the attempt (statement and nonce, never the proof's bytes) was not seen before. Here follow,
//! each stopping at the first failure: the exact length (by the type [`Proof`]), the target,
//! coordinates below `q`, the curve, the prime-order subgroup, the point outside of the domain, and
//! the pairing equation `e(C − v·[1] + z·W, G2) = e(W, τ·G2)`.
//!
//! The target comes before the points because hashing is cheap; the ticket of a proof that fails
//! later is worth nothing. Without the subgroup check, adding a point of the cofactor's order to
//! `C` or `W` would redraw the ticket for microseconds.
//!
//! Threads and queues: none; a batch is worked on by the calling thread, and a caller that has more
//! of them splits it. What a check works in is kept for the next one.
//!
//! [`crate::ReferenceVerifier`] does the same on snarkVM's primitives, one proof at a time.

use crate::{
    Claim, Expansion, Item, LogSize, Part, Proof, Seed, Srs, Statement, Ticket, VerifyError, point,
    pool::Pool,
};
use lode_algebra::{
    Affine, Backend, Domain, DomainError, Fq, Fr, PairingProduct, Workspace, are_in_subgroup,
    sum_of_multiples,
};
use snarkvm::curves::{
    AffineCurve,
    bls12_377::{G1Affine, G2Affine},
};
use std::{fmt, sync::Arc};

/// Checks proofs of one network. Cheap to clone and to share, and safe from any thread.
#[derive(Clone)]
pub struct Verifier(Arc<Shared>);

struct Shared {
    domain: Domain,
    backend: Backend,
    log_n: LogSize,
    generator: Affine,
    /// With G2's generator, and with τ times that.
    pairings: PairingProduct,
    evaluators: Pool<Evaluator>,
}

/// What an evaluation works in.
struct Evaluator {
    a: Vec<Fr>,
    b: Vec<Fr>,
    workspace: Workspace,
}

/// A proof whose points lie on the curve.
struct Decoded {
    /// Its place in the batch.
    index: usize,
    seed: Seed,
    ticket: Ticket,
    commitment: Affine,
    opening: Affine,
    /// `z`.
    point: Fr,
}

/// A proof that passed everything but the pairing.
struct Opened {
    index: usize,
    commitment: Affine,
    opening: Affine,
    point: Fr,
    value: Fr,
    weight: Fr,
}

#[allow(
    clippy::expect_used,
    reason = "constants of the curve, and a size that the setup's type bounds"
)]
impl Verifier {
    /// A verifier that outlives the setup it was made from, with the fastest instructions that the
    /// processor has.
    pub fn new(srs: &Srs) -> Self {
        Self::with_backend(srs, Backend::best()).expect("a domain of a setup's size")
    }

    /// A verifier with given instructions. All give the same verdicts.
    ///
    /// # Errors
    /// [`DomainError::Backend`] if the processor lacks the instructions.
    pub fn with_backend(srs: &Srs, backend: Backend) -> Result<Self, DomainError> {
        // The generator has coordinates.
        let generator = G1Affine::prime_subgroup_generator();
        let generator = point::to_algebra(&generator).expect("a generator is not at infinity");
        let domain = Domain::new(backend, srs.log_n().log_n().into())?;
        let g2 = [&G2Affine::prime_subgroup_generator(), srs.tau_g2()].map(point::g2_to_algebra);
        Ok(Self(Arc::new(Shared {
            domain,
            backend,
            log_n: srs.log_n(),
            generator,
            pairings: PairingProduct::new(backend, &g2).expect("a setup's points have order r"),
            evaluators: Pool::default(),
        })))
    }

    /// The size of the puzzle that this verifier checks.
    pub fn log_n(&self) -> LogSize {
        self.0.log_n
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
        match self.verify_batch(&[item], &[1]).pop() {
            Some(result) => result,
            // There are as many results as items.
            None => Err(VerifyError::PairingFailed),
        }
    }

    /// Checks many proofs with two pairings; if they do not hold, bisects to name each bad one in
    /// `O(bad · log items)`. The results stand in the order of the items, and are those of
    /// [`Verifier::verify`].
    ///
    /// `weights`: at least one per item, none zero, drawn from the operating system's generator
    /// *after* the batch is fixed. An attacker that knows the weights beforehand can make bad
    /// proofs cancel out.
    ///
    /// # Errors
    /// Per item, the first rule that it breaks; with unusable weights, the same error for every
    /// item.
    pub fn verify_batch(
        &self,
        items: &[Item],
        weights: &[u128],
    ) -> Vec<Result<Ticket, VerifyError>> {
        if let Err(error) = check_weights(items, weights) {
            return vec![Err(error); items.len()];
        }
        let shared = &*self.0;
        let mut results = Vec::with_capacity(items.len());
        let mut decoded = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let outcome = decode(index, item);
            results.push(outcome.as_ref().map(|decoded| decoded.ticket).map_err(|error| *error));
            decoded.extend(outcome);
        }
        let mut refuse = |index: usize, error| {
            if let Some(result) = results.get_mut(index) {
                *result = Err(error);
            }
        };

        // The lanes check eight points in the time of one: those of all proofs together.
        let points: Vec<Affine> =
            decoded.iter().flat_map(|decoded| [decoded.commitment, decoded.opening]).collect();
        let inside = are_in_subgroup(shared.backend, &points);
        let mut opened = Vec::with_capacity(decoded.len());
        for (decoded, inside) in decoded.iter().zip(inside.as_chunks::<2>().0) {
            let outside = [Part::Commitment, Part::Opening]
                .into_iter()
                .zip(inside)
                .find(|(_, inside)| !**inside);
            let outcome = match outside {
                Some((which, _)) => Err(VerifyError::NotInSubgroup { which }),
                None => shared.evaluate(decoded),
            };
            match (outcome, weights.get(decoded.index)) {
                (Ok(value), Some(weight)) => opened.push(Opened::new(decoded, value, *weight)),
                (Err(error), _) => refuse(decoded.index, error),
                // There are as many weights as items.
                (Ok(_), None) => refuse(decoded.index, VerifyError::PairingFailed),
            }
        }
        shared.bisect(&opened, false, &mut |index| refuse(index, VerifyError::PairingFailed));
        results
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { backend, log_n, .. } = &*self.0;
        f.debug_struct("Verifier")
            .field("log_n", log_n)
            .field("backend", backend)
            .finish_non_exhaustive()
    }
}

/// Everything up to the curve.
fn decode(index: usize, item: &Item) -> Result<Decoded, VerifyError> {
    let Item { statement, nonce, proof, claim } = item;
    let seed = Seed::new(statement, *nonce);
    let ticket = Ticket::new(&seed, proof);
    claim.check(&ticket)?;
    let commitment = coordinates(Part::Commitment, &proof.commitment)?;
    let opening = coordinates(Part::Opening, &proof.opening)?;
    let points = [(Part::Commitment, &commitment), (Part::Opening, &opening)];
    if let Some((which, _)) = points.iter().find(|(_, point)| !point.is_on_curve()) {
        return Err(VerifyError::NotOnCurve { which: *which });
    }
    let point = Fr::from_bytes_mod_order(&point::challenge_digest(&seed, &proof.commitment));
    Ok(Decoded { index, seed, ticket, commitment, opening, point })
}

/// x ‖ y, 48 bytes little-endian each, each below q.
fn coordinates(which: Part, bytes: &[u8; 96]) -> Result<Affine, VerifyError> {
    let (x, y) = bytes.split_at(Fq::BYTES);
    match (Fq::from_bytes(x), Fq::from_bytes(y)) {
        (Some(x), Some(y)) => Ok(Affine { x, y }),
        _ => Err(VerifyError::CoordinateRange { which }),
    }
}

impl Opened {
    fn new(decoded: &Decoded, value: Fr, weight: u128) -> Self {
        let Decoded { index, commitment, opening, point, .. } = *decoded;
        let weight = Fr::from_bytes_mod_order(&weight.to_le_bytes());
        Self { index, commitment, opening, point, value, weight }
    }
}

impl Shared {
    /// `v = h(z)` from the seed.
    fn evaluate(&self, decoded: &Decoded) -> Result<Fr, VerifyError> {
        let zeros = || vec![Fr::ZERO; self.domain.size()];
        let make = || Evaluator { a: zeros(), b: zeros(), workspace: self.domain.workspace() };
        self.evaluators.lend(make, |Evaluator { a, b, workspace }| {
            Expansion::fill(&decoded.seed, self.backend, a, b);
            let values = self
                .domain
                .values_at(workspace, a, b, &decoded.point)
                .ok_or(VerifyError::PointInDomain)?;
            Ok(values.quotient())
        })
    }

    /// Names the proofs whose pairing equation fails. With `known_bad`, the fold is known not to
    /// hold.
    fn bisect(&self, opened: &[Opened], known_bad: bool, refuse: &mut impl FnMut(usize)) -> bool {
        if !known_bad && self.holds(opened) {
            return true;
        }
        if let [bad] = opened {
            refuse(bad.index);
            return false;
        }
        let (left, right) = opened.split_at(opened.len().div_ceil(2));
        let left_holds = self.bisect(left, false, refuse);
        // If the whole does not hold and the left half does, then the right half does not: no need
        // to look.
        self.bisect(right, left_holds, refuse);
        false
    }

    /// `e(Σ ρ·(C + z·W) − Σ ρ·v·[1], G2) · e(−Σ ρ·W, τ·G2) = 1`, the fold of the single equations
    /// with the weights ρ.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "arithmetic of fields and curves neither overflows nor panics"
    )]
    fn holds(&self, opened: &[Opened]) -> bool {
        if opened.is_empty() {
            return true;
        }
        let value = opened.iter().fold(Fr::ZERO, |sum, o| sum + o.weight * o.value);
        let proofs =
            opened.iter().flat_map(|o| [(o.commitment, o.weight), (o.opening, o.weight * o.point)]);
        let left: Vec<_> = proofs.chain([(self.generator, -value)]).collect();
        let right: Vec<_> = opened.iter().map(|o| (-o.opening, o.weight)).collect();
        self.pairings.is_one([left, right].map(|terms| sum_of_multiples(&terms).to_affine()))
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
