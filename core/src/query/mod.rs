//! Questions about the chain: one function an answer, each over one moment of the ledger, with a
//! typed result.
//!
//! Purpose: what HTTP and pages show is found here, and nothing here knows how it is shown.
//!
//! Threads and queues: none; a question reads the database on its caller's thread.
//!
//! What must not be broken: an answer never mixes two moments, whatever reorg happens meanwhile;
//! every list is bounded by a limit that the caller gives.

mod account;
mod block;
mod epoch;
mod fit;
mod jobs;
mod market;
mod page;
mod status;

use lode_consensus::{ChainSpec, Epoch, Hash, Height};
use lode_ledger::{BlockEntry, Ledger, LedgerError, Reader};
pub use lode_ledger::{JobStatus, Prices};

pub use self::{
    account::{AccountState, PlacedTransaction},
    block::{BlockAnswer, BlockId, Told, TransactionAnswer},
    epoch::{EpochAnswer, MAX_COUNTED_SHARES, PlacedShare, ProverShares, WeightState},
    fit::{AskFit, Estimate, Fit, Why, WouldBe},
    jobs::{JobHistory, JobsOf, ListedClass, ListedJob},
    market::{AgendaState, JobState, OperatorState, Proven},
    page::{Page, Place},
    status::ChainStatus,
};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The chain has not come so far.
    #[error("no block at height {height}: the tip is at {tip}")]
    NoHeight {
        /// The height that was asked for.
        height: Height,
        tip: Height,
    },
    /// No such block is stored.
    #[error("no block {0} here")]
    NoBlock(Hash),
    /// No such transaction is known.
    #[error("no transaction {0}, neither in a block nor waiting for one")]
    NoTransaction(Hash),
    /// No such class is registered.
    #[error("no class {0}")]
    NoClass(Hash),
    /// No Request has that id.
    #[error("no job {0}")]
    NoJob(Hash),
    /// The job waits for nothing any more.
    #[error("job {0} has ended")]
    JobEnded(Hash),
    /// The epoch lies in the future.
    #[error("epoch {epoch} has not begun: epoch {current} is the last that has")]
    NoEpoch {
        /// The epoch that was asked for.
        epoch: Epoch,
        /// The tip's epoch.
        current: Epoch,
    },
    /// The roster is not known yet.
    #[error(
        "no roster for height {height}: it is drawn from the block before, and the tip is at {tip}"
    )]
    NoRoster {
        /// The height that was asked for.
        height: Height,
        tip: Height,
    },
    /// The database fails, or the state that was asked for is not retained.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Two records of the database contradict each other.
    #[error("the database contradicts itself: {0}")]
    Contradiction(String),
}

impl QueryError {
    /// Whether the question is about something that there is not (yet, or any more), and the node
    /// is well.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::NoHeight { .. }
            | Self::NoBlock(_)
            | Self::NoTransaction(_)
            | Self::NoClass(_)
            | Self::NoJob(_)
            | Self::JobEnded(_)
            | Self::NoEpoch { .. }
            | Self::NoRoster { .. }
            | Self::Ledger(LedgerError::NotRetained { .. }) => true,
            Self::Ledger(_) | Self::Contradiction(_) => false,
        }
    }
}

/// One moment of a ledger, to ask questions about.
#[derive(Debug)]
pub struct Moment<'a> {
    ledger: &'a Ledger,
    reader: Reader<'a>,
}

impl<'a> Moment<'a> {
    /// The present one.
    pub fn of(ledger: &'a Ledger) -> Self {
        Self { ledger, reader: ledger.read() }
    }

    /// The ledger at this moment.
    pub fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    fn params(&self) -> &ChainSpec {
        self.ledger.params()
    }

    fn genesis_hash(&self) -> Hash {
        self.ledger.network().genesis_hash
    }

    /// What is known of a block that another record names.
    fn entry(&self, hash: &Hash) -> Result<BlockEntry, QueryError> {
        let lost = || QueryError::Contradiction(format!("block {hash} is not there"));
        self.reader.entry(hash)?.ok_or_else(lost)
    }
}
