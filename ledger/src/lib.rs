//! The ledger: blocks, the state tree and their indexes in RocksDB.
//!
//! Purpose: keeps every block that fits and whose proofs hold, follows the chain with the most
//! work, and answers questions about it. The rules themselves live in `lode-consensus`.
//!
//! ```text
//! store(VerifiedBlock)                                     read() -> Reader: one snapshot
//!   | activate: into the tree of blocks; while another       |
//!   |           leaf has more work: disconnect, connect    state: nodes and leaves at a height
//!   | apply: one block on or off the tip, one batch          |
//!   v                                                        v
//! database (Batch, View): RocksDB  <-  columns: name, key, value of each  <-  records: the values
//! fsck: reads it all, replays the chain into a scratch ledger, and compares raw bytes
//! ```
//!
//! A new index is a column in `columns`, written where a block is connected and taken back where it
//! is disconnected (`apply`), and read by a method of [`Reader`]; [`fsck`] compares it without
//! being told.
//!
//! Threads and queues: none of its own. Any thread may read, through a [`Reader`] that sees one
//! moment; writes go one at a time behind a mutex, and wait for the disk.
//!
//! What must not be broken: one synced batch for each block stored, connected or disconnected, so
//! that a crash at any moment leaves a chain that was whole; and after any reorg the columns of the
//! chain hold exactly what a fresh replay would put there ([`fsck`] compares).

mod activate;
mod apply;
mod columns;
mod database;
mod error;
pub mod fsck;
mod market;
mod outcome;
mod reader;
mod records;
mod state;

use std::{fs, path::Path, sync::Arc};

use lode_consensus::{
    ChainSpec, Height,
    market::proofs::{ProofSystems, Systems},
    rules::VerifiedBlock,
};
use lode_genesis::Network;
use parking_lot::Mutex;

pub use database::{LedgerFacts, MemoryDisk};
pub use error::LedgerError;
pub use market::records::{JobStatus, Prices};
pub use outcome::{ChainEvent, StoreOutcome};
pub use reader::{Branch, LeafProof, Reader, TransactionPlace};
pub use records::{BlockEntry, BlockState, BlockStatus};

use database::{Batch, Database, Storage};

/// The least number of blocks whose undo and state history every ledger retains.
pub const MIN_HISTORY: Height = 1_000;

/// How a ledger keeps its data.
#[derive(Debug, Clone)]
pub struct LedgerOptions {
    /// Blocks below the tip for which the state tree can still be read, proven and undone. At least
    /// [`MIN_HISTORY`].
    pub history: Height,
    /// Who is asked for the verdicts of sold proofs: [`Systems`], or a memory in front of it.
    pub proofs: Arc<dyn ProofSystems>,
}

impl Default for LedgerOptions {
    /// A week of 15-second blocks.
    fn default() -> Self {
        Self { history: 40_320, proofs: Arc::new(Systems) }
    }
}

/// One network's chain on disk.
#[derive(Debug)]
pub struct Ledger {
    database: Database,
    network: Network,
    /// Blocks below the tip whose state is kept.
    history: Height,
    proofs: Arc<dyn ProofSystems>,
    /// Held during a write.
    writer: Mutex<()>,
}

impl Ledger {
    /// Opens the chain in a folder, or begins one with the network's genesis block. Finishes what a
    /// crash interrupted.
    ///
    /// # Errors
    /// [`LedgerError::Folder`], [`LedgerError::Locked`], [`LedgerError::OtherNetwork`],
    /// [`LedgerError::Layout`]: this folder cannot be used so. Anything else: the database is
    /// broken.
    pub fn open(
        path: &Path,
        network: Network,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        fs::create_dir_all(path)
            .map_err(|error| LedgerError::Folder { path: path.to_owned(), error })?;
        let history = options.history.max(MIN_HISTORY);
        Self::open_with(Storage::Disk(path), network, LedgerOptions { history, ..options })
    }

    /// The same in memory, for tests and simulations: real columns, batches, undo and reorgs, on
    /// files that are none. The history may be shorter than [`MIN_HISTORY`], so that few blocks
    /// show what happens beyond it.
    pub fn open_in_memory(
        disk: &MemoryDisk,
        network: Network,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        Self::open_with(Storage::Memory(disk), network, options)
    }

    fn open_with(
        storage: Storage<'_>,
        network: Network,
        options: LedgerOptions,
    ) -> Result<Self, LedgerError> {
        let database = Database::open(storage)?;
        let LedgerOptions { history, proofs } = options;
        let ledger = Self { database, network, history, proofs, writer: Mutex::new(()) };
        let (layout, first) = {
            let reader = ledger.read();
            (reader.layout()?, reader.block_hash_at(0)?)
        };
        let expected = ledger.network.genesis_hash;
        match (layout, first) {
            (None, None) => ledger.begin()?,
            (Some(got), _) if got != columns::LAYOUT => {
                return Err(LedgerError::Layout {
                    path: storage.path(),
                    expected: columns::LAYOUT,
                    got,
                });
            }
            (Some(_), Some(got)) if got != expected => {
                let (path, network) = (storage.path(), ledger.params().name.clone());
                return Err(LedgerError::OtherNetwork { path, network, expected, got });
            }
            (Some(_), Some(_)) => {}
            // One batch writes both, so that one without the other is damage, and to begin anew
            // would hide it.
            (None, Some(_)) => {
                return Err(LedgerError::Missing { column: "facts", key: "layout".to_owned() });
            }
            (Some(_), None) => {
                return Err(LedgerError::Missing { column: "chain", key: "0".to_owned() });
            }
        }
        let healed = ledger.activate(None)?;
        if let Some((hash, error)) = healed.refused {
            tracing::warn!("block {hash}, stored before the last stop, does not apply: {error}");
        }
        Ok(ledger)
    }

    /// Deletes the chain in a folder, of whatever network and layout it is, and the folder if
    /// nothing else is in it.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] while a process has it open; RocksDB's.
    pub fn destroy(path: &Path) -> Result<(), LedgerError> {
        Database::destroy(path)
    }

    /// The network whose chain this is.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network's parameters.
    pub fn params(&self) -> &ChainSpec {
        &self.network.params
    }

    /// Who is asked for the verdicts of sold proofs.
    pub fn proofs(&self) -> &dyn ProofSystems {
        &*self.proofs
    }

    /// A view of one moment.
    pub fn read(&self) -> Reader<'_> {
        Reader::new(&self.database, &self.network)
    }

    /// Stores a block whose proofs hold and follows it if its chain has the most work.
    ///
    /// Returns what happened to the chain, in order. If a block's body turns out not to apply, that
    /// block and its descendants are marked invalid, the chain goes back to where it was, and the
    /// outcome says which rule was broken.
    ///
    /// # Errors
    /// [`LedgerError::Orphan`], [`LedgerError::InvalidAncestor`], [`LedgerError::ReorgTooDeep`]:
    /// the block was not kept. Anything else is our own fault; the chain may then stand anywhere on
    /// the way, which the next call or the next [`Ledger::open`] finishes.
    pub fn store(&self, block: VerifiedBlock) -> Result<StoreOutcome, LedgerError> {
        let _writer = self.writer.lock();
        self.insert(&block)?;
        self.activate(Some(&block))
    }

    /// Waits until everything written has reached the disk's files. Writes are synced one by one
    /// already; this also empties the write buffers, which makes the next start quick.
    pub fn flush(&self) -> Result<(), LedgerError> {
        self.database.flush()
    }

    fn batch(&self) -> Batch<'_> {
        Batch::new(&self.database)
    }
}
