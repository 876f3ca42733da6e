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

mod activate;
mod apply;
mod columns;
mod database;
pub mod fsck;
mod reader;
mod records;
mod state;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use lode_consensus::{
    Hash, Height, NetworkParams,
    codec::DecodeError,
    rules::{BlockError, ProvenBlock},
    transition::ApplyError,
    tree::TreeError,
};
use lode_genesis::Network;

pub use activate::{ChainEvent, StoreOutcome};
pub use reader::{AccountProof, Reader, TransactionPlace};
pub use records::{BlockEntry, BlockState, BlockStatus};

use database::{Batch, Database};

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
    options: LedgerOptions,
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
    /// The heaviest chain forks off below the retained history. Nothing was changed.
    #[error(
        "the heaviest chain forks off at height {fork}, below {floor}, the oldest state retained: \
         restore a backup or start with an empty data folder, after asking why the network disagrees"
    )]
    ReorgTooDeep {
        /// The last common height.
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
    /// Opens the chain in a folder, or begins one with the network's genesis block.
    pub fn open(path: &Path, network: Network, options: LedgerOptions) -> Result<Self, LedgerError> {
        fs::create_dir_all(path).map_err(|error| LedgerError::Folder { path: path.to_owned(), error })?;
        let options = LedgerOptions { history: options.history.max(MIN_HISTORY) };
        let ledger = Self { database: Database::open(path)?, network, options, writer: Mutex::new(()) };
        match ledger.read().layout()? {
            None => ledger.begin()?,
            Some(columns::LAYOUT) => {}
            Some(got) => return Err(LedgerError::Layout { expected: columns::LAYOUT, got }),
        }
        let (expected, got) = (ledger.network.genesis_hash, ledger.read().block_hash_at(0)?);
        if got != Some(expected) {
            return Err(LedgerError::OtherNetwork { expected, got: got.unwrap_or_default() });
        }
        // A crash between storing a block and connecting it leaves work to finish.
        ledger.activate(None)?;
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
    /// Returns what happened to the chain, in order. If the block's body turns out not to apply, the block and its
    /// descendants are marked invalid, the chain goes back to where it was, and the error says which rule was broken.
    pub fn store(&self, block: ProvenBlock) -> Result<StoreOutcome, LedgerError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert(&block)?;
        self.activate(Some(block))
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
