//! The fast prover: from a seed to a ticket over `lode-algebra`'s kernels, byte for byte what the
//! reference engine makes.
//!
//! One attempt costs one expansion, six transforms, one division by a linear factor and two sums
//! over the setup's powers, whose multiples are tabulated: see [`Domain::quotient`] and
//! [`FixedBase`]. [`Tables`] are built once and shared; a [`Prover`] is what one thread works in.
//!
//! Threads and queues: none. Nothing is allocated after the first attempt of a prover.
//!
//! Must not be broken: every back end makes the same bytes, and a void attempt is told from a proof
//! before anything is hashed.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "arithmetic of fields neither overflows nor panics"
)]

use crate::{Attempt, Expansion, LogSize, Proof, Seed, Srs, Statement, Ticket, VoidAttempt, point};
use lode_algebra::{
    Backend, Domain, DomainError, FixedBase, Fr, Scratch, Stopped, TableError, Workspace,
};
use std::sync::{Arc, atomic::AtomicBool};

/// What all provers of one setup share: roots of unity, and multiples of the setup's powers.
pub struct Tables {
    domain: Domain,
    powers: FixedBase,
    backend: Backend,
    log_n: LogSize,
}

/// Why there are no tables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TablesError {
    /// The roots of unity.
    #[error("roots of unity: {0}")]
    Domain(#[from] DomainError),
    /// The multiples of the setup's powers.
    #[error("multiples of the setup's powers: {0}")]
    Powers(#[from] TableError),
}

/// Why there is no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfinished {
    /// This nonce has no proof.
    #[error("void attempt: {0}")]
    Void(#[from] VoidAttempt),
    /// It was given up.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// What one thread makes attempts with.
pub struct Prover {
    tables: Arc<Tables>,
    /// The values of a; then the coefficients of `(h − v)/(X − z)`.
    a: Vec<Fr>,
    b: Vec<Fr>,
    /// The coefficients of h.
    h: Vec<Fr>,
    workspace: Workspace,
    scratch: Scratch,
}

impl Tables {
    /// Builds the tables, in at most `max_table_bytes` for the multiples of the setup's powers.
    ///
    /// # Errors
    /// [`TablesError`] if the processor lacks the back end's instructions, or the multiples do not
    /// fit.
    pub fn new(srs: &Srs, backend: Backend, max_table_bytes: usize) -> Result<Self, TablesError> {
        let affine = |(index, power)| point::to_algebra(power).ok_or(TableError::Subgroup(index));
        let powers = srs.powers().iter().enumerate().map(affine).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            domain: Domain::new(backend, srs.log_n().log_n().into())?,
            powers: FixedBase::new(backend, &powers, max_table_bytes)?,
            backend,
            log_n: srs.log_n(),
        })
    }

    /// The instructions that the kernels use.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The size of the puzzle.
    pub fn log_n(&self) -> LogSize {
        self.log_n
    }

    /// The memory that the multiples of the setup's powers take.
    pub fn table_bytes(&self) -> usize {
        self.powers.size_bytes()
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (log_n, bytes) = (self.log_n.log_n(), self.table_bytes());
        f.debug_struct("Tables")
            .field("backend", &self.backend)
            .field("log_n", &log_n)
            .field("bytes", &bytes)
            .finish()
    }
}

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prover").field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl Prover {
    /// A prover over shared tables.
    pub fn new(tables: Arc<Tables>) -> Self {
        let vector = || vec![Fr::ZERO; tables.domain.size()];
        let (workspace, scratch) = (tables.domain.workspace(), tables.powers.scratch());
        Self { a: vector(), b: vector(), h: vector(), workspace, scratch, tables }
    }

    /// Makes one attempt, unless the flag is set before it is ready: it is looked at every few
    /// milliseconds.
    ///
    /// # Errors
    /// [`Unfinished`] if this nonce has no proof, or the attempt was given up.
    pub fn attempt(
        &mut self,
        statement: &Statement,
        nonce: u64,
        stop: &AtomicBool,
    ) -> Result<Attempt, Unfinished> {
        let seed = Seed::new(statement, nonce);
        Expansion::fill(&seed, self.tables.backend, &mut self.a, &mut self.b);

        let commitment = self.commit(stop)?;
        let point = Fr::from_bytes_mod_order(&point::challenge_digest(&seed, &commitment));
        let (value, opening) = self.open(&point, stop)?;
        let proof = Proof { commitment, opening };
        let ticket = Ticket::new(&seed, &proof);
        Ok(Attempt { nonce, seed, proof, point: to_bytes(&point), value: to_bytes(&value), ticket })
    }

    /// The quotient h of the values in `a` and `b`, and `[h]`.
    fn commit(&mut self, stop: &AtomicBool) -> Result<[u8; 96], Unfinished> {
        let Self { tables, a, b, h, workspace, scratch } = self;
        tables.domain.quotient(workspace, a, b, h);
        let commitment = tables.powers.multiply_unless(stop, scratch, h)?;
        Ok(commitment.ok_or(VoidAttempt::CommitmentAtInfinity)?.to_bytes())
    }

    /// `v = h(z)` and `[(h − v)/(X − z)]`.
    fn open(&mut self, z: &Fr, stop: &AtomicBool) -> Result<(Fr, [u8; 96]), Unfinished> {
        let Self { tables, a, h, scratch, .. } = self;
        if tables.domain.vanishing_at(z).is_zero() {
            return Err(VoidAttempt::PointInDomain.into());
        }
        let value = tables.domain.divide_by_linear(h, z, a);
        let opening = tables.powers.multiply_unless(stop, scratch, a)?;
        Ok((value, opening.ok_or(VoidAttempt::OpeningAtInfinity)?.to_bytes()))
    }
}

fn to_bytes(scalar: &Fr) -> [u8; 32] {
    let mut bytes = [0; 32];
    scalar.write_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    static RUN: AtomicBool = AtomicBool::new(false);

    /// A prover over a setup whose τ is 7, which no network has.
    fn prover(backend: Backend, log_n: u32) -> Prover {
        use snarkvm::curves::{AffineCurve, ProjectiveCurve, bls12_377 as curve};
        let tau = curve::Fr::from(7u64);
        let first = curve::G1Affine::prime_subgroup_generator();
        let powers = std::iter::successors(Some(first), |power| Some((*power * tau).to_affine()));
        let tau_g2 = (curve::G2Affine::prime_subgroup_generator() * tau).to_affine();
        let srs = Srs::new(powers.take(1 << log_n).collect(), tau_g2).unwrap();
        Prover::new(Arc::new(Tables::new(&srs, backend, usize::MAX).unwrap()))
    }

    /// ω^0, ω^step, ω^2·step …
    fn powers_of_generator(prover: &Prover, step: u64) -> Vec<Fr> {
        let domain = &prover.tables.domain;
        (0..domain.size() as u64).map(|i| domain.generator().pow(&[i * step])).collect()
    }

    #[test]
    fn a_quotient_of_zero_is_void() {
        for backend in Backend::available() {
            for log_n in [2, 6, 7] {
                let mut prover = prover(backend, log_n);
                prover.a.fill(Fr::ZERO);
                prover.b.fill(Fr::ONE);
                let void = Err(VoidAttempt::CommitmentAtInfinity.into());
                assert_eq!(prover.commit(&RUN), void, "{backend}, 2^{log_n}");
            }
        }
    }

    #[test]
    fn a_constant_quotient_has_no_opening() {
        for backend in Backend::available() {
            for log_n in [2, 6, 7] {
                let mut prover = prover(backend, log_n);
                // a = X^(n−1) and b = X: their product is X^n, c is 1, and so is h.
                prover.a = powers_of_generator(&prover, (1 << log_n) - 1);
                prover.b = powers_of_generator(&prover, 1);
                let generator = snarkvm::curves::AffineCurve::prime_subgroup_generator();
                assert_eq!(
                    prover.commit(&RUN),
                    Ok(point::encode(&generator).unwrap()),
                    "{backend}, 2^{log_n}"
                );
                let z = Fr::from(5);
                assert_eq!(
                    prover.open(&z, &RUN),
                    Err(VoidAttempt::OpeningAtInfinity.into()),
                    "{backend}, 2^{log_n}"
                );
            }
        }
    }

    #[test]
    fn a_point_in_the_domain_is_void() {
        for backend in Backend::available() {
            let mut prover = prover(backend, 6);
            prover.b = powers_of_generator(&prover, 2);
            prover.a = powers_of_generator(&prover, 63);
            assert!(prover.commit(&RUN).is_ok());
            for z in powers_of_generator(&prover, 1) {
                assert_eq!(
                    prover.open(&z, &RUN),
                    Err(VoidAttempt::PointInDomain.into()),
                    "{backend}"
                );
            }
            // h = X: a·b = X^(n+1), c = X. So v = z and the opening is [1].
            assert_eq!(prover.open(&Fr::ZERO, &RUN).unwrap().0, Fr::ZERO);
            let (value, opening) = prover.open(&Fr::from(9), &RUN).unwrap();
            let generator = snarkvm::curves::AffineCurve::prime_subgroup_generator();
            assert_eq!(
                (value, opening),
                (Fr::from(9), point::encode(&generator).unwrap()),
                "{backend}"
            );
        }
    }

    #[test]
    fn an_attempt_is_given_up_when_told() {
        for backend in Backend::available() {
            let mut prover = prover(backend, 6);
            let statement = Statement([3; 32]);
            let first = prover.attempt(&statement, 0, &RUN);
            assert!(first.is_ok());
            assert_eq!(
                prover.attempt(&statement, 1, &AtomicBool::new(true)),
                Err(Unfinished::Stopped(Stopped))
            );
            assert_eq!(
                prover.attempt(&statement, 0, &RUN),
                first,
                "what was left behind does no harm"
            );
        }
    }
}
