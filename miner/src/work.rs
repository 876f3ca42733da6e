//! A node's job, held to what it must be before anything is proven for it.
//!
//! A node could let a miner work for another address, or for nothing. So the miner recomputes
//! whatever it can: the header names our address, the content hash is the header's, and the
//! statement is made of it. What is left to trust is that the node's chain is the one that the
//! operator wants.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use lode_api::{client::NetworkName, mining::MiningJob};
use lode_consensus::{Address, Decode, DecodeError, Hash, Height, block::Header};
use lode_puzzle::{Job, LogSize, Statement, Target};

/// Nonces that an engine gets at a time: none runs out of them within a job, and threads need not
/// know how many they are.
const NONCES_PER_RANGE: u64 = 1 << 32;

/// The puzzle's size that a job names.
pub(crate) fn log_n(job: &MiningJob) -> Result<LogSize, JobError> {
    LogSize::new(job.log_n)
        .map_err(|error| JobError::Field { field: "log_n", reason: error.to_string() })
}

/// Why a job is not worked on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JobError {
    /// A field cannot be read.
    #[error("{field}: {reason}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The header's bytes are no header.
    #[error("header_bytes: {0}")]
    Header(#[from] DecodeError),
    /// A value is not the one that follows from the rest of the job, or from what this miner was
    /// started with.
    #[error("{field}: expected {expected}, got {got}")]
    Mismatch {
        /// The value's name.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What the node says.
        got: String,
    },
}

/// A job that passed all checks, shared by all workers.
#[derive(Debug)]
pub(crate) struct Work {
    /// The network to submit to.
    pub(crate) network: NetworkName,
    /// The height of the block to be.
    pub(crate) height: Height,
    /// The hash that names the job.
    pub(crate) content_hash: Hash,
    /// The ancestor that the statement names.
    pub(crate) anchor_hash: Hash,
    /// Who is paid.
    pub(crate) prover: Address,
    /// What is proven.
    pub(crate) statement: Statement,
    /// What makes a block.
    pub(crate) block_target: Target,
    /// What makes a share.
    pub(crate) share_target: Target,
    /// When the job came.
    pub(crate) received: Instant,
    first_nonce: u64,
    ranges_taken: AtomicU64,
    cancelled: AtomicBool,
}

impl Work {
    /// Checks a job of `network`. `first_nonce` is drawn at random for each job, so that two rigs
    /// of one address, whose statements are the same, do not make the same attempts.
    ///
    /// # Errors
    /// [`JobError`] with the first value that is not what it must be.
    pub(crate) fn check(
        job: &MiningJob,
        network: &NetworkName,
        address: Address,
        log_n: LogSize,
        first_nonce: u64,
    ) -> Result<Self, JobError> {
        expect("log_n", &log_n.log_n(), &job.log_n)?;
        expect("prover", &address, &job.prover.0)?;

        let header = Header::decode(&job.header_bytes.0)?;
        let content_hash = header.content_hash();
        expect("producer in header_bytes", &address, &header.producer)?;
        expect("content_hash", &content_hash, &job.content_hash.0)?;
        expect("job_id", &content_hash, &job.job_id.0)?;
        expect("height", &header.height, &job.height)?;
        expect("anchor_hash", &header.anchor_hash, &job.anchor_hash.0)?;
        expect("parent_hash", &header.parent_hash, &job.parent_hash.0)?;
        expect("timestamp_ms", &header.timestamp_ms, &job.timestamp_ms)?;
        expect("block_target", &header.target, &job.block_target.0)?;

        let (genesis, challenge) = (&job.genesis_hash.0.0, &job.epoch_challenge.0.0);
        let statement =
            Statement::new(genesis, challenge, &header.anchor_hash.0, &content_hash.0, &address.0);
        expect("statement", &statement, &job.statement.0)?;

        Ok(Self {
            network: network.clone(),
            height: header.height,
            content_hash,
            anchor_hash: header.anchor_hash,
            prover: address,
            statement,
            block_target: header.target,
            share_target: job.share_target.0,
            received: Instant::now(),
            first_nonce,
            ranges_taken: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        })
    }

    /// A stretch of nonces that no other worker gets.
    pub(crate) fn next_job(&self) -> Job {
        let range = self.ranges_taken.fetch_add(1, Ordering::Relaxed);
        let first = self.first_nonce.wrapping_add(range.wrapping_mul(NONCES_PER_RANGE));
        Job {
            statement: self.statement,
            // The range that meets 2^64 ends there; the next one starts behind it.
            nonces: first..first.saturating_add(NONCES_PER_RANGE),
            block_target: self.block_target,
            share_target: self.share_target,
        }
    }

    /// What stops the engines.
    pub(crate) fn cancelled(&self) -> &AtomicBool {
        &self.cancelled
    }

    /// Stops all engines that work on this.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

fn expect<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    got: &T,
) -> Result<(), JobError> {
    if expected == got {
        return Ok(());
    }
    Err(JobError::Mismatch { field, expected: expected.to_string(), got: got.to_string() })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn work(first_nonce: u64, content_hash: Hash) -> Work {
        Work {
            network: "devnet".parse().unwrap(),
            height: 1,
            content_hash,
            anchor_hash: Hash::ZERO,
            prover: Address([0; 32]),
            statement: Statement([0; 32]),
            block_target: Target::MAX,
            share_target: Target::MAX,
            received: Instant::now(),
            first_nonce,
            ranges_taken: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        }
    }

    #[test]
    fn ranges_follow_each_other_and_never_overlap() {
        let work = work(7, Hash::ZERO);
        let ranges = [work.next_job().nonces, work.next_job().nonces, work.next_job().nonces];
        assert_eq!(ranges[0], 7..7 + NONCES_PER_RANGE);
        assert_eq!(ranges[1].start, ranges[0].end);
        assert_eq!(ranges[2].start, ranges[1].end);
    }

    #[test]
    fn ranges_go_on_behind_the_last_nonce() {
        let work = work(u64::MAX - 9, Hash::ZERO);
        assert_eq!(work.next_job().nonces, u64::MAX - 9..u64::MAX);
        assert_eq!(work.next_job().nonces.start, NONCES_PER_RANGE - 10);
    }
}
