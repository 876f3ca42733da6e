//! The reference prover: the specification, line by line, on snarkVM's FFT and KZG10. Every faster
//! engine is held to it.

use crate::{
    Attempt, AttemptError, Engine, EngineError, Expansion, Job, Output, Proof, Seed, Srs,
    Statement, Ticket, VoidAttempt, point,
};
use snarkvm::{
    algorithms::{
        fft::{DensePolynomial, EvaluationDomain},
        polycommit::kzg10::{KZG10, Powers},
    },
    curves::bls12_377::{Bls12_377, Fr},
    fields::Zero,
};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// One attempt at a time, on the rayon pool that the caller has installed.
#[derive(Clone, Debug)]
pub struct ReferenceEngine {
    srs: Arc<Srs>,
}

impl ReferenceEngine {
    /// [`Engine::name`].
    pub const NAME: &'static str = "reference";

    /// An engine over a setup.
    pub fn new(srs: Arc<Srs>) -> Self {
        Self { srs }
    }

    fn domain(&self) -> Result<EvaluationDomain<Fr>, EngineError> {
        EvaluationDomain::new(self.srs.log_n().n())
            .ok_or_else(|| failed("the field has no domain of this size"))
    }
}

fn failed(reason: impl ToString) -> EngineError {
    EngineError { engine: ReferenceEngine::NAME, reason: reason.to_string() }
}

/// `h = (a·b − c) / (X^n − 1)`.
///
/// The degree of h is at most n−2, so that its values on a coset of n points, where `X^n − 1` is a
/// constant other than zero, determine it.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "arithmetic of fields and curves neither overflows nor panics"
)]
fn quotient(domain: &EvaluationDomain<Fr>, expansion: &Expansion) -> DensePolynomial<Fr> {
    let products: Vec<Fr> = expansion.a.iter().zip(&expansion.b).map(|(a, b)| *a * b).collect();
    let on_coset = |values: &[Fr]| domain.coset_fft(&domain.ifft(values));
    let (a, b, c) = (on_coset(&expansion.a), on_coset(&expansion.b), on_coset(&products));
    let mut values: Vec<Fr> = a.iter().zip(&b).zip(&c).map(|((a, b), c)| *a * b - c).collect();
    domain.divide_by_vanishing_poly_on_coset_in_place(&mut values);
    DensePolynomial::from_coefficients_vec(domain.coset_ifft(&values))
}

impl Engine for ReferenceEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError> {
        let domain = self.domain()?;
        let powers = Powers::<Bls12_377> {
            powers_of_beta_g: Cow::Borrowed(self.srs.powers()),
            powers_of_beta_times_gamma_g: Cow::Borrowed(&[]),
        };

        let seed = Seed::new(statement, nonce);
        let quotient = quotient(&domain, &Expansion::new(&seed, self.srs.log_n()));
        let (commitment, randomness) =
            KZG10::commit(&powers, &(&quotient).into(), None, None).map_err(failed)?;
        let commitment = point::encode(&commitment.0).ok_or(VoidAttempt::CommitmentAtInfinity)?;

        let point = point::challenge(&seed, &commitment);
        if domain.evaluate_vanishing_polynomial(point).is_zero() {
            return Err(VoidAttempt::PointInDomain.into());
        }
        let value = quotient.evaluate(point);
        let opening = KZG10::open(&powers, &quotient, point, &randomness).map_err(failed)?;
        let opening = point::encode(&opening.w).ok_or(VoidAttempt::OpeningAtInfinity)?;

        let proof = Proof { commitment, opening };
        let ticket = Ticket::new(&seed, &proof);
        Ok(Attempt {
            nonce,
            seed,
            proof,
            point: point::scalar_to_bytes(&point),
            value: point::scalar_to_bytes(&value),
            ticket,
        })
    }

    fn run(
        &self,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), EngineError> {
        for nonce in job.nonces.clone() {
            if cancel.load(Ordering::Relaxed) {
                break;
            }
            match self.attempt(&job.statement, nonce) {
                Ok(attempt) if job.is_won_by(&attempt) => out(Output::Won(attempt)),
                Ok(_) | Err(AttemptError::Void(_)) => {}
                Err(AttemptError::Engine(error)) => return Err(error),
            }
            out(Output::Attempts(1));
        }
        Ok(())
    }
}
