//! The ledger: blocks, the state tree and their indexes in RocksDB.
//!
//! Purpose: keeps every block that fits and whose proofs hold, follows the chain with the most work, and answers
//! questions about it. The rules themselves live in `lode-consensus`.
//!
//! Threads and queues: none of its own. Any thread may read, through a [`Reader`] that sees one moment; writes go one
//! at a time behind a mutex, and wait for the disk.
//!
//! What must not be broken: one synced batch for each block stored, connected or disconnected, so that a crash at any
//! moment leaves a chain that was whole; and after any reorg the columns of the chain hold exactly what a fresh replay
//! would put there ([`fsck`] compares).

#[cfg(test)]
extern crate self as lode_ledger;

mod activate;
mod apply;
mod columns;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod common;
mod database;
pub mod fsck;
mod reader;
mod records;
mod state;

use std::{
    fs,
    path::{Path, PathBuf},
};

use lode_consensus::{
    Hash, Height, NetworkParams,
    codec::DecodeError,
    rules::{BlockError, ProvenBlock},
    transition::ApplyError,
    tree::TreeError,
};
use lode_genesis::Network;
use parking_lot::Mutex;

pub use activate::{ChainEvent, StoreOutcome};
pub use database::MemoryDisk;
pub use reader::{AccountProof, Branch, Reader, TransactionPlace};
pub use records::{BlockEntry, BlockState, BlockStatus};

use database::{Batch, Database, Place};

/// The least number of blocks whose undo and state history every ledger retains.
pub const MIN_HISTORY: Height = 1_000;

/// How a ledger keeps its data.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// Blocks below the tip for which the state tree can still be read, proven and undone. At least [`MIN_HISTORY`].
    pub history: Height,
}

impl Default for LedgerOptions {
    /// A week of 15-second blocks.
    fn default() -> Self {
        Self { history: 40_320 }
    }
}

/// One network's chain on disk.
#[derive(Debug)]
pub struct Ledger {
    database: Database,
    network: Network,
    /// Blocks below the tip whose state is kept.
    history: Height,
    /// Held by whoever writes.
    writer: Mutex<()>,
}

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder cannot be made or read.
    #[error("data folder {path}: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Another process has the ledger open.
    #[error("{path} is in use by another process (stop it first, or choose another --data-dir)")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// RocksDB failed: a full disk, a broken file.
    #[error("database: {0}")]
    Database(#[from] rocksdb::Error),
    /// The folder holds another network's chain, or a network file has changed.
    #[error("the data folder belongs to another network: genesis {got}, this network has {expected}")]
    OtherNetwork {
        /// This network's genesis hash.
        expected: Hash,
        /// The one in the folder.
        got: Hash,
    },
    /// The folder was written by another version of the layout.
    #[error("the data folder has layout {got}, this software reads layout {expected}")]
    Layout {
        /// The layout that this software reads.
        expected: u32,
        /// The one in the folder.
        got: u32,
    },
    /// A record does not decode.
    #[error("column {column}: {error}")]
    Record {
        /// The column.
        column: &'static str,
        /// What is wrong.
        error: DecodeError,
    },
    /// A record that must be there is not.
    #[error("column {column}: no record for {key}")]
    Missing {
        /// The column.
        column: &'static str,
        /// The key.
        key: String,
    },
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
    Orphan {
        /// The parent's hash.
        parent: Hash,
    },
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
    /// The block's chain forks off below the retained history: it can neither be followed nor kept. Nothing was changed.
    /// If that chain has more work than this one, an operator has to decide.
    #[error(
        "the block's chain forks off at height {fork}, below {floor}, the oldest state retained: to follow it, \
         restore a backup or start with an empty data folder, after asking why the network disagrees"
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
        /// The tip.
        tip: Height,
    },
}

impl Ledger {
    /// Opens the chain in a folder, or begins one with the network's genesis block. Finishes what a crash interrupted.
    ///
    /// # Errors
    /// [`LedgerError::Folder`], [`LedgerError::Locked`], [`LedgerError::OtherNetwork`], [`LedgerError::Layout`]: this
    /// folder cannot be used so. Anything else: the database is broken.
    pub fn open(path: &Path, network: Network, options: LedgerOptions) -> Result<Self, LedgerError> {
        fs::create_dir_all(path).map_err(|error| LedgerError::Folder { path: path.to_owned(), error })?;
        Self::open_with(Place::Disk(path), network, options.history.max(MIN_HISTORY))
    }

    /// The same in memory, for tests and simulations: real columns, batches, undo and reorgs, on files that are none.
    /// The history may be shorter than [`MIN_HISTORY`], so that few blocks show what happens beyond it.
    pub fn open_in_memory(disk: &MemoryDisk, network: Network, options: LedgerOptions) -> Result<Self, LedgerError> {
        Self::open_with(Place::Memory(disk), network, options.history)
    }

    fn open_with(place: Place<'_>, network: Network, history: Height) -> Result<Self, LedgerError> {
        let database = Database::open(place)?;
        let ledger = Self { database, network, history, writer: Mutex::new(()) };
        let (layout, first) = {
            let reader = ledger.read();
            (reader.layout()?, reader.block_hash_at(0)?)
        };
        let expected = ledger.network.genesis_hash;
        match (layout, first) {
            (None, None) => ledger.begin()?,
            (Some(got), _) if got != columns::LAYOUT => {
                return Err(LedgerError::Layout { expected: columns::LAYOUT, got });
            }
            (Some(_), Some(got)) if got != expected => return Err(LedgerError::OtherNetwork { expected, got }),
            (Some(_), Some(_)) => {}
            // One batch writes both, so that one without the other is damage, and to begin anew would hide it.
            (None, Some(_)) => return Err(LedgerError::Missing { column: "facts", key: "layout".to_owned() }),
            (Some(_), None) => return Err(LedgerError::Missing { column: "chain", key: "0".to_owned() }),
        }
        let healed = ledger.activate(None)?;
        if let Some((hash, error)) = healed.refused {
            tracing::warn!("block {hash}, stored before the last stop, does not apply: {error}");
        }
        Ok(ledger)
    }

    /// The network whose chain this is.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network's parameters.
    pub fn params(&self) -> &NetworkParams {
        &self.network.params
    }

    /// A view of one moment.
    pub fn read(&self) -> Reader<'_> {
        Reader::new(&self.database, &self.network)
    }

    /// Stores a block whose proofs hold and follows it if its chain has the most work.
    ///
    /// Returns what happened to the chain, in order. If a block's body turns out not to apply, that block and its
    /// descendants are marked invalid, the chain goes back to where it was, and the outcome says which rule was broken.
    ///
    /// # Errors
    /// [`LedgerError::Orphan`], [`LedgerError::InvalidAncestor`], [`LedgerError::ReorgTooDeep`]: the block was not
    /// kept. Anything else is our own fault; the chain may then stand anywhere on the way, which the next call or the
    /// next [`Ledger::open`] finishes.
    pub fn store(&self, block: ProvenBlock) -> Result<StoreOutcome, LedgerError> {
        let _writer = self.writer.lock();
        self.insert(&block)?;
        self.activate(Some(&block))
    }

    /// Waits until everything written has reached the disk's files. Writes are synced one by one already; this also
    /// empties the write buffers, which makes the next start quick.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.database.flush()
    }

    fn batch(&self) -> Batch<'_> {
        Batch::new(&self.database)
    }
}
