//! What a proving back end implements, on a CPU or a GPU.

use crate::{Attempt, Statement, Target};
use std::{ops::Range, sync::atomic::AtomicBool};

/// Makes attempts. Implementations hold their own tables; a statement and nonces go in, attempts
/// come out.
///
/// All engines are equal byte for byte: for a statement and a nonce there is exactly one attempt.
pub trait Engine: Send + Sync {
    /// The name that a command line selects the engine by.
    fn name(&self) -> &'static str;

    /// Makes one attempt: for the command line, and to check one engine against another.
    ///
    /// # Errors
    /// [`AttemptError::Void`] if this nonce has no proof, [`AttemptError::Engine`] if the engine
    /// itself failed.
    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError>;

    /// Works through a job's nonces, and reports to `out` from the calling thread. Returns when the
    /// nonces are used up, or soon after `cancel` is set: at the latest when the attempt, or the
    /// batch of a device, that is under way has ended. An attempt that is given up is not reported.
    ///
    /// # Errors
    /// [`EngineError`] if the engine cannot go on. Void attempts are counted and passed over.
    fn run(
        &self,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), EngineError>;
}

/// A stretch of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What to prove.
    pub statement: Statement,
    /// The nonces to try, in ascending order. The range is the back end's alone.
    pub nonces: Range<u64>,
    /// What an attempt's block half is held to.
    pub block_target: Target,
    /// What an attempt's share half is held to.
    pub share_target: Target,
}

impl Job {
    /// Whether an attempt meets the block target or the share target.
    pub fn is_won_by(&self, attempt: &Attempt) -> bool {
        self.block_target.is_met_by(attempt.ticket.block_value())
            || self.share_target.is_met_by(attempt.ticket.share_value())
    }
}

/// A report from a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a report is passed on at once, never stored in numbers"
)]
pub enum Output {
    /// This many attempts were made since the last such report, winners included.
    Attempts(u64),
    /// An attempt met the block target or the share target.
    Won(Attempt),
    /// A device reported an attempt as won that does not hold. It is not passed on.
    Invalid {
        /// Which one, what is wrong with it, and what becomes of the device, for the operator.
        reason: String,
    },
    /// One of several devices failed, and the engine deals with it.
    Fault {
        /// Which one, how, and what becomes of it, for the operator.
        reason: String,
    },
}

/// Why a nonce has no proof. Each reason has a probability of about 2^-240.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoidAttempt {
    /// The commitment is the point at infinity.
    #[error("the commitment is the point at infinity")]
    CommitmentAtInfinity,
    /// The opening is the point at infinity.
    #[error("the opening is the point at infinity")]
    OpeningAtInfinity,
    /// The opening point lies in the domain.
    #[error("the opening point lies in the domain")]
    PointInDomain,
}

/// The engine itself failed: no verdict on any nonce.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {engine} engine failed: {reason}")]
pub struct EngineError {
    /// [`Engine::name`].
    pub engine: &'static str,
    /// What happened, for the operator.
    pub reason: String,
}

/// Why there is no attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttemptError {
    /// This nonce has no proof; the next one will.
    #[error("void attempt: {0}")]
    Void(#[from] VoidAttempt),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
