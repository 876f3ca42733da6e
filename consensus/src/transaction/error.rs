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
    /// The signed transaction is too long.
    #[error("transaction bytes: at most {limit} allowed, got {got}")]
    Size {
        /// [`MAX_TRANSACTION_BYTES`](crate::params::MAX_TRANSACTION_BYTES).
        limit: usize,
        /// The transaction's bytes, its signature included.
        got: usize,
    },
}
