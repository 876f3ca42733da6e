//! The chain service: the one writer of the ledger, the mempool and the pool of shares.
//!
//! Every check and write is a plain function that any thread may call; the simulator calls them
//! under its own clock, checker and entropy. [`Handle`] puts them behind the API.
//!
//! Threads: none of its own. The API's calls run on tokio's blocking threads ([`Handle`] says how
//! many); jobs of the sync machine run where its driver puts them.
//!
//! Queues: events go to a log that keeps the last ones ([`crate::events`]). What the API took in
//! waits to be published in a queue of [`MAX_ACCEPTED`]; the oldest gives way.
//!
//! What must not be broken: the two pools change under the same lock as the chain, so that a
//! template never mixes two tips; a signature or a proof is checked outside of that lock.

mod api;
mod assess;
mod next_block;
mod peers;
mod submit;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lode_consensus::{
    Action, Address, Block, ChainWork, Hash, Share, ShareId, SignedTransaction,
    params::MAX_TRANSACTION_BYTES,
    rules::{ChainContext, ProofChecker, VerifiedBlock},
    transition::{self, ApplyError},
};
use lode_ledger::{ChainEvent, Ledger, LedgerError, StoreOutcome};
use lode_network::Gossip;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, watch};
use tracing::{info, warn};

use self::next_block::{Claims, NextBlock};
use crate::{
    Clock, Entropy, Journal, JournalLimits, Mempool, MempoolLimits, VerifiedCache,
    events::EventLog,
    share_pool::{MAX_SHARES, SharePool, WaitingShare},
    template::Templates,
    verdicts::verify_all,
};

pub use api::{Handle, MAX_CHECK_WAIT};

/// Checks of blocks, attempts and transactions that run at the same time. Miners run at the lowest
/// priority, so that these come first.
pub const MAX_CHECKS: usize = 2;

/// Blocks, shares and transactions that were taken in here and wait to be published to peers.
pub const MAX_ACCEPTED: usize = 1_024;

/// What the service needs of the world around it.
#[derive(Clone)]
pub struct Effects<C> {
    /// Tells the time.
    pub clock: C,
    /// Judges what the service has not seen before.
    pub checker: Arc<dyn ProofChecker + Send + Sync>,
    /// Gives the checker its weights.
    pub entropy: Arc<dyn Entropy>,
}

impl<C> fmt::Debug for Effects<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects").finish_non_exhaustive()
    }
}

/// Takes whatever changes the chain or waits to.
pub struct ChainService<C> {
    ledger: Arc<Ledger>,
    clock: C,
    entropy: Arc<dyn Entropy>,
    checker: VerifiedCache<Arc<dyn ProofChecker + Send + Sync>>,
    claims: Claims,
    pools: Mutex<Pools>,
    checks: Arc<Semaphore>,
    events: Arc<EventLog>,
    /// Ticks whenever the tip moves.
    tip: watch::Sender<Hash>,
    /// Rings when something waits in [`Pools::accepted`].
    accepted: Notify,
    counters: Counters,
    /// Why nothing more should be taken in: a check or a write panicked, perhaps between two steps
    /// that belong together.
    failure: watch::Sender<Option<String>>,
}

struct Pools {
    mempool: Mempool,
    shares: SharePool,
    templates: Templates,
    journals: Option<Journals>,
    /// The rules' view of the chain below the next block on top of the tip.
    context: Arc<ChainContext>,
    /// That block, as its first transaction finds it.
    next_block: NextBlock,
    /// The work of the chain up to that tip.
    work: ChainWork,
    /// What came through this node's own API and is to be published.
    accepted: VecDeque<Gossip>,
}

/// Files of what waits, so that a restart does not forget it.
struct Journals {
    transactions: Journal<SignedTransaction>,
    shares: Journal<Share>,
}

#[derive(Debug, Default)]
struct Counters {
    templates: AtomicU64,
    submissions: AtomicU64,
    blocks: AtomicU64,
    shares: AtomicU64,
    refused: AtomicU64,
}

impl<C> fmt::Debug for ChainService<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainService").finish_non_exhaustive()
    }
}

impl<C: Clock> ChainService<C> {
    /// Starts the service over an open ledger. `journals` is the folder of the two journals, if
    /// there are to be any; what they hold goes through every check again.
    pub fn new(
        ledger: Arc<Ledger>,
        effects: Effects<C>,
        limits: MempoolLimits,
        journals: Option<&Path>,
    ) -> Result<Self, LedgerError> {
        let (journals, transactions, shares) =
            match journals.map(|folder| Journals::open(folder, limits)) {
                Some(opened) => {
                    let (journals, transactions, shares) = opened.map_err(journal_error)?;
                    (Some(journals), transactions, shares)
                }
                None => (None, Vec::new(), Vec::new()),
            };
        let market = ledger.params().market;
        let (tip_hash, context, work) = {
            let reader = ledger.read();
            let (_, tip_hash) = reader.tip()?;
            (tip_hash, Arc::new(reader.context(&tip_hash)?), reader.work()?)
        };
        let Effects { clock, checker, entropy } = effects;
        let events = EventLog::new(clock.now_ms());
        let service = Self {
            ledger,
            clock,
            entropy,
            checker: VerifiedCache::new(checker),
            claims: Claims::default(),
            pools: Mutex::new(Pools {
                mempool: Mempool::new(limits, market),
                shares: SharePool::default(),
                templates: Templates::default(),
                journals,
                context,
                next_block: NextBlock::default(),
                work,
                accepted: VecDeque::new(),
            }),
            checks: Arc::new(Semaphore::new(MAX_CHECKS)),
            events,
            tip: watch::Sender::new(tip_hash),
            accepted: Notify::new(),
            counters: Counters::default(),
            failure: watch::Sender::new(None),
        };
        let (waiting, counted) = (transactions.len(), shares.len());
        let transactions = transactions
            .into_iter()
            .filter_map(|signed| service.take_transaction(signed).ok())
            .count();
        let shares = shares.into_iter().filter(|share| service.take_attempt(share).is_ok()).count();
        if waiting + counted > 0 {
            info!(
                "{transactions} of {waiting} transactions and {shares} of {counted} shares still \
                 wait for a block"
            );
        }
        // Loaded entries count as no submissions and are not announced: peers ask for what waits
        // when they connect.
        service.counters.reset();
        service.pools().accepted.clear();
        service.save()?;
        Ok(service)
    }

    /// The ledger.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Local time, in ms since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A receiver of the tip's hash that ticks when it moves.
    pub fn watch_tip(&self) -> watch::Receiver<Hash> {
        self.tip.subscribe()
    }

    /// Resolves when a check or a write has panicked: the node has to stop.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The sender is part of the service.
            Err(_) => std::future::pending().await,
        }
    }

    /// Writes the journals anew with what still waits. The last thing before a clean exit.
    pub fn save(&self) -> Result<(), LedgerError> {
        let Pools { mempool, shares, journals, context, .. } = &mut *self.pools();
        let Some(journals) = journals else {
            return Ok(());
        };
        journals
            .transactions
            .rewrite(mempool.in_order(context.height).map(|(_, signed)| signed))
            .and_then(|()| journals.shares.rewrite(shares.iter()))
            .map_err(journal_error)
    }

    /// Judges proofs, signatures and addresses. What passed before passes at once.
    pub(crate) fn checker(&self) -> &impl ProofChecker {
        &self.checker
    }

    /// Gives the checker its weights.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock()
    }

    /// Stores a proven block and brings the pools up to the new tip.
    ///
    /// # Errors
    /// Those of [`Ledger::store`]. A block that turns out not to apply is no error: the outcome
    /// names it.
    pub fn connect(&self, block: VerifiedBlock) -> Result<StoreOutcome, LedgerError> {
        self.verify_sold_proofs(&block)?;
        let mut pools = self.pools();
        let outcome = self.ledger.store(block)?;
        self.follow(&mut pools, &outcome.events)?;
        // Under the lock: listeners hear of blocks in the order of the chain.
        self.events.publish_chain(&outcome.events, |height| self.ledger.params().epoch_of(height));
        Ok(outcome)
    }

    /// Has the sold proofs of a block on top of the tip verified side by side, outside of the lock:
    /// the ledger then finds the verdicts. Of any other block they are verified when it is applied,
    /// if it ever is.
    fn verify_sold_proofs(&self, block: &VerifiedBlock) -> Result<(), LedgerError> {
        let Block { header, body, .. } = block.block();
        let delivers =
            |signed: &SignedTransaction| matches!(signed.transaction.action, Action::Deliver(_));
        if !body.transactions.iter().any(delivers) {
            return Ok(());
        }
        let reader = self.ledger.read();
        if reader.tip()?.1 != header.parent_hash {
            return Ok(());
        }
        let systems = self.ledger.proofs();
        let transactions = body.transactions.iter().map(|signed| &signed.transaction);
        let proofs = transition::sold_proofs(
            &reader.state()?,
            &self.ledger.network().genesis_hash,
            systems,
            self.ledger.params().market.proof_budget,
            transactions.zip(block.transaction_ids().iter().copied()),
        )
        .map_err(apply_error)?;
        verify_all(systems, &proofs);
        Ok(())
    }

    /// Takes what happened to the chain over into the pools.
    fn follow(&self, pools: &mut Pools, events: &[ChainEvent]) -> Result<(), LedgerError> {
        if events.is_empty() {
            return Ok(());
        }
        let genesis = self.ledger.network().genesis_hash;
        let reader = self.ledger.read();
        let (tip, tip_hash) = reader.tip()?;
        let next = tip.saturating_add(1);
        let account =
            |address: &Address| Ok::<_, LedgerError>(reader.account(address)?.unwrap_or_default());
        // What came off the chain waits again, as far as it still fits: the oldest block's
        // transactions first, and those that waited already behind them, for the nonces' sake.
        let off_chain: Vec<&Block> = events
            .iter()
            .rev()
            .filter_map(|event| match event {
                ChainEvent::Disconnected { block, .. } => Some(block),
                ChainEvent::Connected { .. } => None,
            })
            .collect();
        if off_chain.is_empty() {
            pools.mempool.prune(next, account)?;
        } else {
            let waiting = pools.mempool.drain(next);
            let returning = off_chain.iter().flat_map(|block| &block.body.transactions);
            let mut waits = Vec::new();
            for signed in returning {
                waits.push((signed.clone(), self.reassess(&reader, signed)?));
            }
            for (signed, assessment) in waits.into_iter().chain(waiting) {
                let sender = account(&signed.transaction.from)?;
                // Those that the new chain holds, or has no room for, are refused here.
                let _ =
                    pools.mempool.insert(signed.id(&genesis), signed, sender, next, &assessment);
            }
        }
        self.mark_void(pools, events)?;
        let context = reader.context(&tip_hash)?;
        for block in off_chain {
            for share in block.body.shares.iter().chain([&block.as_share()]) {
                wait_again(&mut pools.shares, share, &context);
            }
        }
        pools.shares.prune(&context);
        let mut counted: Vec<ShareId> = Vec::new();
        for share in pools.shares.iter() {
            let id = share.id(&context.genesis_hash, &context.epoch_challenge);
            if reader.has_share(&id)? {
                counted.push(id);
            }
        }
        pools.shares.remove(&counted);
        (pools.context, pools.work) = (Arc::new(context), reader.work()?);
        pools.next_block = NextBlock::default();
        self.tip.send_replace(tip_hash);
        Ok(())
    }

    /// Marks what waits and is of no use any more, since all the jobs that it names have ended.
    fn mark_void(&self, pools: &mut Pools, events: &[ChainEvent]) -> Result<(), LedgerError> {
        let reader = self.ledger.read();
        let happened = events.iter().flat_map(|event| match event {
            ChainEvent::Connected { jobs, .. } => jobs.as_slice(),
            ChainEvent::Disconnected { .. } => &[],
        });
        let touched: BTreeSet<Hash> = happened.map(|event| event.job).collect();
        let is_reorg = events.iter().any(|event| matches!(event, ChainEvent::Disconnected { .. }));
        pools.mempool.mark_void(|signed| {
            let jobs = named_jobs(&signed.transaction.action);
            if jobs.is_empty() || !(is_reorg || jobs.iter().any(|job| touched.contains(job))) {
                return Ok(false);
            }
            for job in jobs {
                // One that is not there may be about to be requested.
                if reader.job(job)?.is_none_or(|leaf| leaf.live().is_some()) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Puts what came through the API in line for peers.
    fn publish(&self, message: Gossip) {
        let accepted = &mut self.pools().accepted;
        if accepted.len() == MAX_ACCEPTED {
            accepted.pop_front();
        }
        accepted.push_back(message);
        self.accepted.notify_one();
    }
}

impl Journals {
    /// Opens both, and gives what they hold.
    fn open(
        folder: &Path,
        limits: MempoolLimits,
    ) -> io::Result<(Self, Vec<SignedTransaction>, Vec<Share>)> {
        let of_transactions =
            JournalLimits { record_bytes: MAX_TRANSACTION_BYTES, waiting_bytes: limits.max_bytes };
        let of_shares =
            JournalLimits { record_bytes: Share::BYTES, waiting_bytes: MAX_SHARES * Share::BYTES };
        let (transactions, waiting) =
            Journal::open(&folder.join("mempool.journal"), of_transactions)?;
        let (shares, counted) = Journal::open(&folder.join("shares.journal"), of_shares)?;
        Ok((Self { transactions, shares }, waiting, counted))
    }
}

impl Pools {
    /// Notes a transaction that has just been taken in. A journal that cannot be written costs
    /// durability, nothing else.
    fn journal_transaction(&mut self, signed: &SignedTransaction) {
        let Some(Journals { transactions, .. }) = &mut self.journals else {
            return;
        };
        let written = if transactions.is_long() {
            transactions
                .rewrite(self.mempool.in_order(self.context.height).map(|(_, signed)| signed))
        } else {
            transactions.append(signed)
        };
        if let Err(error) = written {
            warn!("the mempool's journal cannot be written: {error}");
        }
    }

    /// Notes a share that has just been taken in.
    fn journal_share(&mut self, share: &Share) {
        let Some(Journals { shares, .. }) = &mut self.journals else {
            return;
        };
        let written = if shares.is_long() {
            shares.rewrite(self.shares.iter())
        } else {
            shares.append(share)
        };
        if let Err(error) = written {
            warn!("the shares' journal cannot be written: {error}");
        }
    }
}

impl Counters {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn reset(&self) {
        for counter in
            [&self.templates, &self.submissions, &self.blocks, &self.shares, &self.refused]
        {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// The jobs without which a transaction does nothing.
fn named_jobs(action: &Action) -> &[Hash] {
    match action {
        Action::Raise(raise) => std::slice::from_ref(&raise.job),
        Action::Cancel(cancel) => std::slice::from_ref(&cancel.job),
        Action::Decline(decline) => std::slice::from_ref(&decline.job),
        Action::Deliver(deliver) => &deliver.jobs,
        _ => &[],
    }
}

/// Lets a share of a block that came off the chain wait again, if it fits the new chain.
fn wait_again(pool: &mut SharePool, share: &Share, context: &ChainContext) {
    if let (Ok(claim), Some(anchor_height)) =
        (context.share_item(share), context.anchor_height(&share.anchor_hash))
    {
        let id = ShareId { statement: claim.statement, nonce: claim.nonce };
        pool.insert(id, WaitingShare { share: share.clone(), anchor_height });
    }
}

fn apply_error(error: ApplyError<LedgerError>) -> LedgerError {
    match error {
        ApplyError::Store(error) => error,
        error => LedgerError::Apply(Box::new(error)),
    }
}

fn journal_error(error: io::Error) -> LedgerError {
    LedgerError::Folder { path: "the journals".into(), error }
}
