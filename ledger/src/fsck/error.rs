//! What can be wrong with a ledger.

use lode_consensus::{Hash, Height};

use crate::LedgerError;

/// The first thing that is wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// The ledger cannot be read, or the scratch ledger not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A block of the chain breaks a rule.
    #[error("block {height} {hash}: {error}")]
    Block {
        height: Height,
        hash: Hash,
        /// The rule.
        error: String,
    },
    /// The block stored under a hash has another hash.
    #[error("block {height}: stored under {expected}, but its hash is {got}")]
    Hash {
        height: Height,
        /// Where it is stored.
        expected: Hash,
        /// What its bytes hash to.
        got: Hash,
    },
    /// A sold proof's verdict is another than the one that its block was applied with.
    #[error(
        "block {height}: the proof of delivery {delivery} was recorded as {}, and is not",
        if *recorded { "one that holds" } else { "false" }
    )]
    Verdict {
        height: Height,
        /// The Deliver's id.
        delivery: Hash,
        /// Whether it held when the block was applied.
        recorded: bool,
    },
    /// A record is not what it should be, by a replay or by the records that it hangs together
    /// with.
    #[error("column {column}: key {key}: expected {expected}, got {got}")]
    Record {
        column: &'static str,
        /// The key, in hex.
        key: String,
        /// The value expected, in hex, or "nothing".
        expected: String,
        /// The ledger's value, in hex, or "nothing".
        got: String,
    },
}
