//! Why a transaction or a block does not apply.

use crate::{
    Hash, Height, StateKey, codec::DecodeError, state::SupplyError, transaction::StaticError,
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
