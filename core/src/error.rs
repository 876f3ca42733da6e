//! Why something submitted was not taken, by the rule that it met, and whose fault that is.

use std::sync::Arc;

use lode_consensus::{
    Hash,
    address::AddressError,
    market::event::Void,
    obligation::ObligationError,
    rules::{BlockError, ShareError},
    transaction::SignatureError,
    transition::TransactionError,
};
use lode_ledger::LedgerError;
use lode_puzzle::VerifyError;
use tracing::warn;

use crate::{EntropyError, MempoolError};

/// Where the fault of a refusal lies. This alone decides whether a peer is charged and whether to
/// try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It breaks a rule, as its sender could have seen, and would break it tomorrow too.
    Sender,
    /// It came too late, is here already, or does not fit this node's state. No peer is charged.
    State,
    /// The node has no room or time for it now.
    Busy,
    /// The node itself failed.
    Ours,
}

/// Why a block, an attempt, a share or a transaction was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// The block breaks a rule.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The block was stored before.
    #[error("block {0} is known")]
    KnownBlock(Hash),
    /// It is too early for the block.
    #[error("the block lies {wait_ms} ms beyond the future limit")]
    Future {
        /// How long until it may be looked at.
        wait_ms: u64,
    },
    /// The mempool does not take the transaction.
    #[error(transparent)]
    Mempool(#[from] MempoolError),
    /// The next block could hold the transaction, and it would do nothing there.
    #[error("void: {0}")]
    Void(Void),
    /// The next block could not hold the transaction.
    #[error(transparent)]
    Refused(TransactionError),
    /// Another proof was verified for the sender and its nonce.
    #[error("another proof came with this nonce: one is verified for each")]
    OtherProof,
    /// The chain holds the transaction.
    #[error("transaction {0} is in a block already")]
    InBlock(Hash),
    /// The transaction's recipient is no address.
    #[error("recipient: {0}")]
    Recipient(AddressError),
    /// The transaction's signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The attempt's anchor or prover breaks a rule.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// The attempt waits as a share, or was counted.
    #[error("this attempt was submitted before")]
    KnownAttempt,
    /// A peer's share is none.
    #[error("ticket: it misses the share target")]
    NoShare,
    /// A miner's attempt is neither a block nor a share.
    #[error("ticket: it meets neither the block target nor the share target")]
    NoTarget,
    /// The attempt is for a job that this node does not know, or not any more.
    #[error("the job is not known to this node any more")]
    UnknownJob,
    /// The attempt would make a block on a block that is not the tip any more.
    #[error("another block was found first")]
    Overtaken,
    /// The attempt is for another producer's job.
    #[error("the prover is not the job's producer")]
    ForeignJob,
    /// The attempt's proof does not hold.
    #[error("proof: {0}")]
    Proof(#[from] VerifyError),
    /// The ledger does not take the block, or failed.
    #[error(transparent)]
    Ledger(Arc<LedgerError>),
    /// No template could be built: what fails there is this node's own work.
    #[error("no block template: {0}")]
    Template(Arc<LedgerError>),
    /// Too much is being checked.
    #[error("too many submissions are being checked, try again later")]
    Busy,
    /// What would be mined now is worth nothing.
    #[error("there is no work: {0}")]
    NoWork(String),
    /// No random numbers for a check.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The checker gave no verdict.
    #[error("the checker did not judge it")]
    Unjudged,
    /// The thread of the check ended early.
    #[error("the check failed: {0}")]
    Task(String),
}

impl SubmitError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Recipient(_)
            | Self::Signature(_)
            | Self::NoShare
            | Self::NoTarget
            | Self::ForeignJob => Fault::Sender,
            Self::KnownBlock(_)
            | Self::Future { .. }
            | Self::Void(_)
            | Self::OtherProof
            | Self::InBlock(_)
            | Self::KnownAttempt
            | Self::UnknownJob
            | Self::Overtaken => Fault::State,
            Self::Busy | Self::NoWork(_) => Fault::Busy,
            Self::Template(_) | Self::Entropy(_) | Self::Unjudged | Self::Task(_) => Fault::Ours,
            Self::Block(error) => of_block(error),
            // These follow from the bytes alone, the others from the state too.
            Self::Refused(TransactionError::Static(_) | TransactionError::Key { .. }) => {
                Fault::Sender
            }
            Self::Refused(_) => Fault::State,
            Self::Mempool(error) => of_mempool(error),
            Self::Share(ShareError::Anchor { .. }) => Fault::State,
            Self::Share(ShareError::Prover(_)) => Fault::Sender,
            Self::Proof(error) if error.is_ours() => Fault::Ours,
            Self::Proof(_) => Fault::Sender,
            Self::Ledger(error) => of_ledger(error),
        }
    }

    /// Logs this node's own failures for the operator; a client or peer is only told that there was
    /// one.
    pub(crate) fn log_if_ours(&self) {
        if self.fault() == Fault::Ours {
            warn!("something submitted could not be judged: {self}");
        }
    }
}

impl From<LedgerError> for SubmitError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(Arc::new(error))
    }
}

/// An obligation of a transaction or an attempt. An address that is not one is the recipient's.
impl From<ObligationError> for SubmitError {
    fn from(error: ObligationError) -> Self {
        match error {
            ObligationError::Address(error) => Self::Recipient(error),
            ObligationError::Puzzle(error) => Self::Proof(error),
            ObligationError::Signature(error) => Self::Signature(error),
            ObligationError::Unjudged => Self::Unjudged,
        }
    }
}

fn of_block(error: &BlockError) -> Fault {
    match error {
        BlockError::Unjudged { .. } => Fault::Ours,
        BlockError::Proof(error) | BlockError::ShareProof { error, .. } if error.is_ours() => {
            Fault::Ours
        }
        BlockError::Height { .. }
        | BlockError::Parent { .. }
        | BlockError::Target { .. }
        | BlockError::Timestamp { .. }
        | BlockError::Anchor { .. }
        | BlockError::Producer(_)
        | BlockError::Proof(_)
        | BlockError::Roots(_)
        | BlockError::Limit { .. }
        | BlockError::Share { .. }
        | BlockError::ShareProof { .. }
        | BlockError::DuplicateShare { .. }
        | BlockError::Signature { .. }
        | BlockError::Recipient { .. } => Fault::Sender,
    }
}

fn of_mempool(error: &MempoolError) -> Fault {
    match error {
        MempoolError::Full(_) => Fault::Busy,
        MempoolError::Static(_) => Fault::Sender,
        MempoolError::Known(_)
        | MempoolError::MinFee { .. }
        | MempoolError::Expired { .. }
        | MempoolError::NonceUsed { .. }
        | MempoolError::NonceGap { .. }
        | MempoolError::Replacement { .. }
        | MempoolError::Forfeit
        | MempoolError::Balance { .. }
        | MempoolError::TooMany(_) => Fault::State,
    }
}

fn of_ledger(error: &LedgerError) -> Fault {
    match error {
        LedgerError::Orphan { .. } => Fault::State,
        LedgerError::InvalidAncestor { .. } => Fault::Sender,
        LedgerError::Block(error) => of_block(error),
        LedgerError::Apply(error) if error.marks_invalid() => Fault::Sender,
        LedgerError::Folder { .. }
        | LedgerError::Locked { .. }
        | LedgerError::Database(_)
        | LedgerError::OtherNetwork { .. }
        | LedgerError::Layout { .. }
        | LedgerError::Record { .. }
        | LedgerError::Missing { .. }
        | LedgerError::Contradiction { .. }
        | LedgerError::Tree(_)
        | LedgerError::Apply(_)
        | LedgerError::ReorgTooDeep { .. }
        | LedgerError::NotRetained { .. } => Fault::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::{transaction::StaticError, transition::ApplyError};

    #[test]
    fn who_is_to_blame_goes_by_the_rule() {
        let ours = VerifyError::MissingWeights { expected: 1, got: 0 };
        let ledger = |error: LedgerError| SubmitError::from(error);
        let counted = ApplyError::ShareCounted { index: 0 };
        let cases = [
            (SubmitError::Block(BlockError::Roots("shares")), Fault::Sender),
            (SubmitError::Block(BlockError::Unjudged { expected: 1, got: 0 }), Fault::Ours),
            (SubmitError::Block(BlockError::Proof(VerifyError::PairingFailed)), Fault::Sender),
            (SubmitError::Block(BlockError::Proof(ours)), Fault::Ours),
            (SubmitError::Block(BlockError::ShareProof { index: 0, error: ours }), Fault::Ours),
            (SubmitError::KnownBlock(Hash::ZERO), Fault::State),
            (SubmitError::Future { wait_ms: 1 }, Fault::State),
            (MempoolError::Static(StaticError::ZeroAmount).into(), Fault::Sender),
            (MempoolError::Full(7).into(), Fault::Busy),
            (SubmitError::Void(Void::NoJob), Fault::State),
            (SubmitError::OtherProof, Fault::State),
            (SubmitError::Refused(TransactionError::Key { system: 1 }), Fault::Sender),
            (SubmitError::Refused(StaticError::ZeroAmount.into()), Fault::Sender),
            (SubmitError::Refused(TransactionError::NoClass(Hash::ZERO)), Fault::State),
            (MempoolError::Known(Hash::ZERO).into(), Fault::State),
            (MempoolError::MinFee { min: 2, got: 1 }.into(), Fault::State),
            (ShareError::Anchor { height: 1, got: Hash::ZERO }.into(), Fault::State),
            (ShareError::Prover(AddressError::NotText(String::new())).into(), Fault::Sender),
            (VerifyError::PairingFailed.into(), Fault::Sender),
            (ours.into(), Fault::Ours),
            (ledger(LedgerError::Orphan { parent: Hash::ZERO }), Fault::State),
            (ledger(LedgerError::InvalidAncestor { ancestor: Hash::ZERO }), Fault::Sender),
            (
                ledger(LedgerError::Apply(Box::new(ApplyError::ShareCounted { index: 0 }))),
                Fault::Sender,
            ),
            (ledger(LedgerError::Apply(Box::new(ApplyError::Overflow("supply")))), Fault::Ours),
            (ledger(LedgerError::Contradiction { what: "records" }), Fault::Ours),
            // In a template the same rule is our own mistake.
            (SubmitError::Template(Arc::new(LedgerError::Apply(Box::new(counted)))), Fault::Ours),
            (ObligationError::Unjudged.into(), Fault::Ours),
            (SubmitError::Busy, Fault::Busy),
        ];
        for (error, fault) in cases {
            assert_eq!(error.fault(), fault, "{error:?}");
        }
    }
}
