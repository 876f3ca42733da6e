//! Why the ledger could not do what it was asked.

use std::path::PathBuf;

use lode_consensus::{
    Hash, Height, codec::DecodeError, rules::BlockError, transition::ApplyError, tree::TreeError,
};

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder cannot be made or read.
    #[error("data folder {path}: {error}")]
    Folder {
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Another process has the ledger open.
    #[error("{path} is in use by another process (stop it first, or choose another --data-dir)")]
    Locked { path: PathBuf },
    /// RocksDB failed: a full disk, a broken file.
    #[error("database: {0}")]
    Database(#[from] rocksdb::Error),
    /// The folder holds another network's chain, or a network file has changed.
    #[error(
        "data folder {path}: expected the chain of {network}, genesis {expected}; found genesis \
         {got}: delete it, or start with another --data-dir (for a devnet: lode devnet --reset)"
    )]
    OtherNetwork {
        path: PathBuf,
        /// This network's name.
        network: String,
        /// This network's genesis hash.
        expected: Hash,
        /// The one in the folder.
        got: Hash,
    },
    /// The folder was written by another version of the layout.
    #[error(
        "data folder {path}: expected layout {expected}, found {got}, of another version of this \
         software: delete it, or start with another --data-dir (for a devnet: lode devnet --reset)"
    )]
    Layout {
        path: PathBuf,
        /// The layout that this software reads.
        expected: u32,
        /// The one in the folder.
        got: u32,
    },
    /// A record does not decode.
    #[error("column {column}: {error}")]
    Record {
        column: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
    /// A record that must be there is not.
    #[error("column {column}: no record for {key}")]
    Missing { column: &'static str, key: String },
    /// Records that are each well-formed do not go together.
    #[error("the database contradicts itself: {what}")]
    Contradiction {
        /// Which ones.
        what: &'static str,
    },
    /// The state tree is broken.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The block's parent is not known.
    #[error("the parent {parent} is not known")]
    Orphan { parent: Hash },
    /// The block extends a block that broke a rule.
    #[error("the block descends from {ancestor}, which is invalid")]
    InvalidAncestor {
        /// The invalid block.
        ancestor: Hash,
    },
    /// The block breaks a rule.
    #[error("{0}")]
    Block(#[from] BlockError),
    /// The block does not apply to the state of its parent.
    #[error("{0}")]
    Apply(Box<ApplyError<LedgerError>>),
    /// The block's chain forks off below the retained history: it can neither be followed nor kept.
    /// Nothing was changed. If that chain has more work than this one, an operator has to decide.
    #[error(
        "the block's chain forks off at height {fork}, below {floor}, the oldest state retained: \
         to follow it, restore a backup or start with an empty data folder, after asking why the \
         network disagrees"
    )]
    ReorgTooDeep {
        /// The last common height, as far as it was looked for: below the floor it does not matter.
        fork: Height,
        /// The oldest height that can be returned to.
        floor: Height,
    },
    /// The state at a height is no longer, or not yet, retained.
    #[error("the state at height {height} is not retained: heights {floor} to {tip} are")]
    NotRetained {
        /// The height asked for.
        height: Height,
        /// The oldest height retained.
        floor: Height,
        tip: Height,
    },
}
