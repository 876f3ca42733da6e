//! Why a transaction is wrong whatever the state is.

/// The rule of form that a transaction breaks: it is wrong for ever, whatever the state is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StaticError {
    /// Transfers move at least one microcredit.
    #[error("amount: expected at least 1, got 0")]
    ZeroAmount,
    /// What the sender pays does not fit 64 bits.
    #[error("{0} overflows")]
    Overflow(&'static str),
    /// A number is out of its range.
    #[error("{what}: expected {low} to {high}, got {got}")]
    Range {
        /// The field.
        what: &'static str,
        low: u64,
        high: u64,
        got: u64,
    },
    /// A list is not strictly ascending.
    #[error("{0}: expected a strictly ascending list")]
    NotAscending(&'static str),
    /// A cap on shares counts addresses unless each of them costs something.
    #[error(
        "share_cap_bps: below 10,000 it needs min_weight above 0, or min_bond of {false_proof}"
    )]
    ShareCap {
        /// The network's `false_proof`.
        false_proof: u64,
    },
    /// The signed transaction is too long.
    #[error("transaction bytes: at most {limit} allowed, got {got}")]
    Size {
        /// [`MAX_TRANSACTION_BYTES`](crate::params::MAX_TRANSACTION_BYTES).
        limit: usize,
        /// The transaction's bytes, its signature included.
        got: usize,
    },
}

/// Holds a number to its range.
pub(crate) fn range(what: &'static str, got: u64, low: u64, high: u64) -> Result<(), StaticError> {
    if (low..=high).contains(&got) {
        return Ok(());
    }
    Err(StaticError::Range { what, low, high, got })
}
