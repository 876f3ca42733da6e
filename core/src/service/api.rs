//! The service as the API's backend.
//!
//! Threads: checks and writes run on tokio's blocking threads. A semaphore admits
//! [`MAX_CHECKS`](super::MAX_CHECKS) at a time; a caller waits for a place at most
//! [`MAX_CHECK_WAIT`] and is then told that the node is busy.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lode_consensus::{Address, Block, Hash, Share, SignedTransaction};
use lode_ledger::Ledger;
use tokio::time::{Instant, timeout_at};

use super::{ChainService, Counters};
use crate::{
    AttemptOutcome, Backend, Clock, MempoolView, MiningCounters, MiningJob, NetworkInfo,
    SubmitError,
    events::EventLog,
    p2p::P2pView,
    sync::{PeersView, SyncStatus, status},
};

/// How long a submission waits for its turn before it is refused.
pub const MAX_CHECK_WAIT: Duration = Duration::from_secs(5);

impl<C: Clock> ChainService<C> {
    /// Runs a check on a blocking thread when its turn comes.
    async fn check<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let turn = tokio::time::timeout(MAX_CHECK_WAIT, self.checks.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(SubmitError::Busy);
        };
        let service = self.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&service)
        });
        let checked = checked.await.unwrap_or_else(|error| {
            if error.is_panic() {
                self.failure.send_replace(Some(error.to_string()));
            }
            Err(SubmitError::Task(error.to_string()))
        });
        checked.inspect_err(SubmitError::log_if_ours)
    }

    /// [`Self::take_block`] on a blocking thread.
    pub async fn submit_block(self: &Arc<Self>, block: Block) -> Result<Hash, SubmitError> {
        self.check(move |service| service.take_block(block)).await
    }
}

/// The service, and its peers if it has any, as the API's backend.
#[derive(Debug)]
pub struct Handle<C> {
    service: Arc<ChainService<C>>,
    peers: Option<P2pView>,
}

impl<C> Handle<C> {
    /// A node that extends its own chain alone.
    pub fn alone(service: Arc<ChainService<C>>) -> Self {
        Self { service, peers: None }
    }

    /// A node with peers.
    pub fn with_peers(service: Arc<ChainService<C>>, peers: P2pView) -> Self {
        Self { service, peers: Some(peers) }
    }

    /// The chain service.
    pub fn service(&self) -> &Arc<ChainService<C>> {
        &self.service
    }
}

impl<C: Clock> Backend for Handle<C> {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.service.ledger
    }

    fn mempool(&self) -> MempoolView {
        let pools = self.service.pools();
        MempoolView {
            transactions: pools
                .mempool
                .in_order(pools.context.height)
                .map(|(id, signed)| (id, signed.clone()))
                .collect(),
            bytes: pools.mempool.bytes(),
            shares: pools.shares.len(),
        }
    }

    fn pending_transaction(&self, id: &Hash) -> Option<SignedTransaction> {
        self.service.pools().mempool.get(id).cloned()
    }

    async fn submit_transaction(
        &self,
        transaction: SignedTransaction,
    ) -> Result<Hash, SubmitError> {
        self.service.check(move |service| service.take_transaction(transaction)).await
    }

    async fn job(
        &self,
        prover: Address,
        after: Option<Hash>,
        wait: Duration,
    ) -> Result<MiningJob, SubmitError> {
        self.service.check_prover(&prover)?;
        let deadline = Instant::now() + wait;
        let mut tip = self.service.watch_tip();
        loop {
            tip.borrow_and_update();
            if let Some(reason) = self.peers.as_ref().and_then(P2pView::mining_obstacle) {
                return Err(SubmitError::NoWork(reason));
            }
            let template =
                self.service.check(move |service| service.fresh_template(prover)).await?;
            let now = Instant::now();
            if after != Some(template.job.content_hash) || now >= deadline {
                return Ok(template.job.clone());
            }
            let age_ms = self.service.now_ms().saturating_sub(template.built_ms);
            let fresh_for =
                Duration::from_millis(self.service.template_age_ms().saturating_sub(age_ms).max(1));
            // Whichever comes first: the tip moves, the template gets old, or the caller has waited
            // long enough.
            let _ = timeout_at(deadline.min(now + fresh_for), tip.changed()).await;
        }
    }

    async fn submit_attempt(&self, attempt: Share) -> Result<AttemptOutcome, SubmitError> {
        Counters::count(&self.service.counters.submissions);
        let outcome = self.service.check(move |service| service.take_attempt(&attempt)).await;
        if outcome.is_err() {
            Counters::count(&self.service.counters.refused);
        }
        outcome
    }

    fn events(&self) -> &Arc<EventLog> {
        &self.service.events
    }

    fn mining(&self) -> MiningCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MiningCounters {
            templates: read(&self.service.counters.templates),
            submissions: read(&self.service.counters.submissions),
            blocks: read(&self.service.counters.blocks),
            shares: read(&self.service.counters.shares),
            refused: read(&self.service.counters.refused),
        }
    }

    fn network(&self) -> Option<NetworkInfo> {
        self.peers.as_ref().map(P2pView::network_info)
    }

    fn sync(&self) -> SyncStatus {
        match &self.peers {
            Some(peers) => peers.status().borrow().clone(),
            // Without peers there is nothing to catch up with: the tip's age decides.
            None => {
                let service = &self.service;
                let view = PeersView::default();
                status(&service.ledger, service.tip(), service.now_ms(), &view)
            }
        }
    }
}
