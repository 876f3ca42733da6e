//! What the API needs of a node beside the ledger: the mempool, mining jobs and what is happening
//! now.

use std::{future::Future, sync::Arc, time::Duration};

use lode_consensus::{Address, Hash, Share, SignedTransaction, block::Header};
use lode_ledger::Ledger;
use lode_puzzle::{Statement, Target};

use crate::{SubmitError, events::EventLog, sync::SyncStatus};

/// The running node, as the API sees it.
pub trait Backend: Send + Sync + 'static {
    /// The ledger that answers every question about the chain.
    fn ledger(&self) -> &Arc<Ledger>;

    /// What waits for a block.
    fn mempool(&self) -> MempoolView;

    /// One waiting transaction.
    fn pending_transaction(&self, id: &Hash) -> Option<SignedTransaction>;

    /// Checks a transaction and lets it wait for a block.
    fn submit_transaction(
        &self,
        transaction: SignedTransaction,
    ) -> impl Future<Output = Result<Hash, SubmitError>> + Send;

    /// Work for a prover. With `after`, waits until there is other work than that job, at most
    /// `wait`.
    fn job(
        &self,
        prover: Address,
        after: Option<Hash>,
        wait: Duration,
    ) -> impl Future<Output = Result<MiningJob, SubmitError>> + Send;

    /// Takes an attempt: as a block if it is one for a job that this node gave out, and as a share.
    fn submit_attempt(
        &self,
        attempt: Share,
    ) -> impl Future<Output = Result<AttemptOutcome, SubmitError>> + Send;

    /// What happens.
    fn events(&self) -> &Arc<EventLog>;

    /// Counters of the node's mining side.
    fn mining(&self) -> MiningCounters;

    /// Whom the node is connected to; nothing if it has no peers by choice.
    fn network(&self) -> Option<NetworkInfo>;

    /// How far the node has come, and whether to rely on it.
    fn sync(&self) -> SyncStatus;
}

/// The node's place among its peers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The node's own id.
    pub peer_id: Option<String>,
    /// Where others reach it, its id included.
    pub addresses: Vec<String>,
    /// Who is connected.
    pub peers: Vec<PeerInfo>,
    /// Further peers that the node knows of.
    pub known_peers: usize,
    /// Banned addresses or peers, each with the end of its ban in ms since the Unix epoch.
    pub bans: Vec<(String, u64)>,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    pub peer_id: String,
    /// Its address as the node sees it.
    pub address: String,
    /// Whether the node dialled it.
    pub outbound: bool,
    /// What it calls its software: printable, and nothing to believe.
    pub agent: String,
    /// When it connected, in ms since the Unix epoch.
    pub connected_at_ms: u64,
    /// The last round trip, in ms.
    pub ping_ms: Option<u64>,
    /// Penalty points of its address; at 100 it is banned.
    pub penalty_points: u32,
}

/// What waits for a block.
#[derive(Debug, Clone, Default)]
pub struct MempoolView {
    /// Waiting transactions with their ids, in the order of a next block.
    pub transactions: Vec<(Hash, SignedTransaction)>,
    /// Bytes of the waiting transactions.
    pub bytes: usize,
    /// Waiting shares.
    pub shares: usize,
}

/// Work for one prover: everything that its statement is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiningJob {
    /// The header of the block to be; its content hash names the job.
    pub header: Header,
    /// `header.content_hash()`.
    pub content_hash: Hash,
    /// The network's genesis hash.
    pub genesis_hash: Hash,
    /// The challenge of the block's epoch.
    pub epoch_challenge: Hash,
    /// What an attempt proves.
    pub statement: Statement,
    /// What a ticket's share half has to meet for a share.
    pub share_target: Target,
}

/// What an attempt was good for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptOutcome {
    /// The block that it made, if it made one.
    pub block: Option<Hash>,
    /// Whether it waits as a share for a later block.
    pub share: bool,
    /// Why it was no block, where one might have been expected.
    pub reason: Option<String>,
}

/// Counters of the node's mining side, since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MiningCounters {
    /// Block templates built.
    pub templates: u64,
    /// Attempts submitted.
    pub submissions: u64,
    /// Blocks accepted from submissions.
    pub blocks: u64,
    /// Shares accepted from submissions.
    pub shares: u64,
    /// Submissions refused.
    pub refused: u64,
}
