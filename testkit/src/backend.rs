//! A node whose ledger is real, and whose mempool and mining side do what a test says.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lode_consensus::{
    Address, Body, Encode, Hash, Header, Share, SignedTransaction, rules::statement_of,
};
use lode_core::{
    AttemptOutcome, Backend, MempoolError, MempoolView, MiningCounters, MiningJob, NetworkInfo,
    SubmitError,
    events::EventLog,
    sync::{SyncState, SyncStatus},
};
use lode_ledger::Ledger;
use tokio::sync::watch;

use crate::mined::Chain;

/// Which run of the node its events are of.
pub const RUN: u64 = 1_795_372_800_000;

pub struct TestNode {
    pub chain: Chain,
    pub mempool: Mutex<MempoolView>,
    pub events: Arc<EventLog>,
    /// The timestamp of the present work: another one is another job.
    pub work_ms: watch::Sender<u64>,
    /// What the next attempts get.
    pub verdict: Mutex<Result<AttemptOutcome, SubmitError>>,
    /// What came in.
    pub attempts: Mutex<Vec<Share>>,
    /// Its peers, if it has any.
    pub network: Mutex<Option<NetworkInfo>>,
    /// How far it has come.
    pub sync: Mutex<SyncStatus>,
    /// Makes `job` panic.
    pub panics: AtomicBool,
    /// Makes `mempool` wait, and with it every question that asks for it.
    pub held: (Mutex<bool>, Condvar),
}

impl TestNode {
    pub fn new(chain: Chain) -> Arc<Self> {
        Arc::new(Self {
            chain,
            mempool: Mutex::default(),
            events: EventLog::new(RUN),
            work_ms: watch::channel(5_000_000).0,
            verdict: Mutex::new(Ok(share_outcome())),
            attempts: Mutex::default(),
            network: Mutex::default(),
            sync: Mutex::new(SyncStatus {
                state: SyncState::Synced,
                tip: (10, Hash([7; 32])),
                tip_timestamp_ms: 4_000_000,
                best_header_height: 10,
                proven_header_height: 10,
                peers_height: 10,
                peers: 0,
                clock: None,
                ready: true,
                reason: None,
            }),
            panics: AtomicBool::new(false),
            held: (Mutex::new(false), Condvar::new()),
        })
    }

    /// Lets the mempool wait, or lets it go on.
    pub fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap() = held;
        self.held.1.notify_all();
    }

    /// The work at a moment.
    pub fn work(&self, prover: Address, timestamp_ms: u64) -> MiningJob {
        let reader = self.chain.ledger.read();
        let (tip, tip_hash) = reader.tip().unwrap();
        let context = reader.context(&tip_hash).unwrap();
        let body = Body::default();
        let anchor = self.chain.params().mining_anchor_height(tip);
        let header = Header {
            height: context.height,
            parent_hash: tip_hash,
            anchor_hash: reader.block_hash_at(anchor).unwrap().unwrap(),
            timestamp_ms,
            transactions_root: body.transactions_root(),
            shares_root: body.shares_root(),
            state_root: Hash([3; 32]),
            producer: prover,
            target: context.target,
        };
        MiningJob {
            content_hash: header.content_hash(),
            genesis_hash: context.genesis_hash,
            epoch_challenge: context.epoch_challenge,
            statement: statement_of(&header, &context),
            share_target: context.share_target,
            header,
        }
    }
}

/// What a node says of an attempt that became a share.
fn share_outcome() -> AttemptOutcome {
    AttemptOutcome {
        block: None,
        share: true,
        reason: Some("the block half misses the target".to_owned()),
    }
}

impl Backend for TestNode {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.chain.ledger
    }

    fn mempool(&self) -> MempoolView {
        let held = self.held.0.lock().unwrap();
        drop(self.held.1.wait_while(held, |held| *held).unwrap());
        self.mempool.lock().unwrap().clone()
    }

    fn pending_transaction(&self, id: &Hash) -> Option<SignedTransaction> {
        let mempool = self.mempool.lock().unwrap();
        mempool
            .transactions
            .iter()
            .find(|(pending, _)| pending == id)
            .map(|(_, signed)| signed.clone())
    }

    async fn submit_transaction(
        &self,
        transaction: SignedTransaction,
    ) -> Result<Hash, SubmitError> {
        let genesis_hash = self.chain.genesis_hash();
        transaction.verify(&genesis_hash)?;
        let id = transaction.id(&genesis_hash);
        let mut mempool = self.mempool.lock().unwrap();
        if mempool.transactions.iter().any(|(pending, _)| *pending == id) {
            return Err(MempoolError::Known(id).into());
        }
        mempool.bytes += transaction.encoded_len();
        mempool.transactions.push((id, transaction));
        Ok(id)
    }

    async fn job(
        &self,
        prover: Address,
        after: Option<Hash>,
        wait: Duration,
    ) -> Result<MiningJob, SubmitError> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wished");
        let mut work_ms = self.work_ms.subscribe();
        let present =
            |timestamp_ms: &u64| Some(self.work(prover, *timestamp_ms).content_hash) != after;
        // A time-out answers with the present work too.
        let _ = tokio::time::timeout(wait, work_ms.wait_for(present)).await;
        let timestamp_ms = *self.work_ms.borrow();
        Ok(self.work(prover, timestamp_ms))
    }

    async fn submit_attempt(&self, attempt: Share) -> Result<AttemptOutcome, SubmitError> {
        self.attempts.lock().unwrap().push(attempt);
        self.verdict.lock().unwrap().clone()
    }

    fn events(&self) -> &Arc<EventLog> {
        &self.events
    }

    fn mining(&self) -> MiningCounters {
        MiningCounters { jobs: 11, submissions: 7, blocks: 2, shares: 4, refused: 1 }
    }

    fn network(&self) -> Option<NetworkInfo> {
        self.network.lock().unwrap().clone()
    }

    fn sync(&self) -> SyncStatus {
        self.sync.lock().unwrap().clone()
    }
}
