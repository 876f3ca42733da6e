//! Why a transaction or a block does not apply.

use crate::{
    Address, Hash, Height, StateKey, codec::DecodeError, market::event::Void, state::SupplyError,
    transaction::StaticError,
};

/// The rule that a transaction breaks, given the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// It breaks a rule of form.
    #[error(transparent)]
    Static(#[from] StaticError),
    /// The expiry lies below the block's height.
    #[error("expired: valid up to height {expiry}, the block is at {height}")]
    Expired {
        /// The last valid height.
        expiry: Height,
        /// The block's height.
        height: Height,
    },
    /// The nonce is not the account's transaction count.
    #[error("nonce: expected {expected}, got {got}")]
    Nonce {
        /// The account's count.
        expected: u64,
        /// The transaction's nonce.
        got: u64,
    },
    /// What the transaction costs is more than the balance.
    #[error("balance: {needed} microcredits needed, {balance} there")]
    Balance {
        /// [`crate::Transaction::cost`].
        needed: u64,
        /// The sender's balance.
        balance: u64,
    },
    /// A sum does not fit 64 bits.
    #[error("{0} overflows")]
    Overflow(&'static str),
    /// The sender never received anything.
    #[error("there is no account {0}")]
    NoAccount(Address),
    /// The proof system refuses a class's key.
    #[error("proof system {system} refuses the key")]
    Key { system: u8 },
    /// A Request names no class.
    #[error("there is no class {0}")]
    NoClass(Hash),
    /// A Request has another number of public values than its class.
    #[error("values: the class has {expected}, got {got}")]
    Values { expected: u16, got: usize },
    /// A Request of a contest has flags.
    #[error("a job of a contest has no flags")]
    ContestFlags,
    /// A Request outside contests leaves no time to deliver.
    #[error("hard_blocks: at least {least} outside contests")]
    HardBlocks { least: u64 },
    /// The block's Requests, Raises and Asks would name too many classes.
    #[error("the block's jobs and asks name at most {limit} classes")]
    Classes { limit: usize },
    /// The block's deliveries and registrations would cost too much to verify.
    #[error("proof budget: {units} units more than the block's {limit} allow")]
    ProofBudget {
        /// The budget, or the half of it that others than the assignees may use.
        limit: u64,
        /// What this transaction costs.
        units: u64,
    },
}

/// Why a transaction is not applied.
#[derive(Debug)]
pub(super) enum Stop<E> {
    /// It pays its fee and does nothing.
    Void(Void),
    /// It may not stand in the block.
    Invalid(TransactionError),
    /// It says nothing about the transaction.
    Broken(ApplyError<E>),
}

impl<E> From<Void> for Stop<E> {
    fn from(reason: Void) -> Self {
        Self::Void(reason)
    }
}

impl<E> From<TransactionError> for Stop<E> {
    fn from(error: TransactionError) -> Self {
        Self::Invalid(error)
    }
}

impl<E> From<ApplyError<E>> for Stop<E> {
    fn from(error: ApplyError<E>) -> Self {
        Self::Broken(error)
    }
}

/// Why a block does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError<E> {
    /// A transaction breaks a rule.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Its place in the body.
        index: usize,
        error: TransactionError,
    },
    /// A share was counted by an earlier block.
    #[error("share {index}: an earlier block counted it")]
    ShareCounted {
        /// Its place in the body.
        index: usize,
    },
    /// The shares cost more than the fund holds.
    #[error("share fund: {needed} microcredits needed, {fund} there")]
    ShareFund {
        /// What the block's shares are paid.
        needed: u64,
        /// What the fund holds.
        fund: u64,
    },
    /// The state after the block has another root than the header says. Found by the store, which
    /// holds the tree.
    #[error("state root: expected {expected}, got {got}")]
    StateRoot {
        /// The root computed.
        expected: Hash,
        /// The root in the header.
        got: Hash,
    },
    /// A sum does not fit 64 bits: the supply's limit makes that impossible, so this is a bug.
    #[error("{0} overflows")]
    Overflow(&'static str),
    /// The supply does not add up: a bug.
    #[error(transparent)]
    Supply(#[from] SupplyError),
    /// A leaf of the state is not canonical: the store is broken.
    #[error("state leaf {key:?}: {error}")]
    Leaf {
        key: StateKey,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A leaf that another one refers to is not there: a bug, or the store is broken.
    #[error("state leaf {0:?} is missing")]
    Missing(StateKey),
    /// The store failed.
    #[error("store: {0}")]
    Store(E),
}

impl<E> ApplyError<E> {
    /// Whether the block broke a rule; otherwise the fault is ours.
    pub fn marks_invalid(&self) -> bool {
        matches!(
            self,
            Self::Transaction { .. }
                | Self::ShareCounted { .. }
                | Self::ShareFund { .. }
                | Self::StateRoot { .. }
        )
    }
}
