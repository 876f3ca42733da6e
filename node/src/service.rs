//! The chain service: the one writer of the ledger, the mempool and the pool of shares.
//!
//! Threads: checks and writes run on tokio's blocking threads. A semaphore admits [`MAX_CHECKS`] at a time; a caller
//! waits for a place at most [`MAX_CHECK_WAIT`] and is then told that the node is busy.
//!
//! Queues: events go through a broadcast of [`EVENT_CAPACITY`]; a listener that lags loses the oldest.
//!
//! What must not be broken: the two pools change under the same lock as the chain, so that a template never mixes two
//! tips; a signature or a proof is checked outside of that lock.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lode_consensus::{
    Address, Block, Hash, Share, ShareId, SignedTransaction,
    rules::{self, BlockError, ChainContext, FittingBlock, ProvenBlock},
};
use lode_explorer::{AttemptOutcome, Backend, Event, MempoolView, MiningCounters, MiningJob, SubmitError};
use lode_ledger::{ChainEvent, Ledger, LedgerError, StoreOutcome};
use lode_puzzle::{Claim, Seed, Ticket, Verifier, VerifyError};
use rand::{TryRng, rngs::SysRng};
use tokio::{
    sync::{Semaphore, broadcast, watch},
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use crate::{
    Clock, Journal, Mempool, MempoolError, MempoolLimits,
    share_pool::{SharePool, WaitingShare},
    template::{Ingredients, Template, Templates},
};

/// Checks of blocks, attempts and transactions that run at the same time. Miners run at the lowest priority, so that
/// these come first.
pub const MAX_CHECKS: usize = 2;
/// How long a submission waits for its turn before it is refused.
pub const MAX_CHECK_WAIT: Duration = Duration::from_secs(5);
/// Events that a slow listener may lag behind.
const EVENT_CAPACITY: usize = 256;
/// A template is built anew after a quarter of the block interval, but not before and not later than these.
const TEMPLATE_AGE_MS: std::ops::RangeInclusive<u64> = 250..=4_000;

/// Takes whatever changes the chain or waits to.
pub struct ChainService<C> {
    ledger: Arc<Ledger>,
    verifier: Verifier,
    clock: C,
    pools: Mutex<Pools>,
    checks: Arc<Semaphore>,
    events: broadcast::Sender<Event>,
    /// Ticks whenever the tip moves.
    tip: watch::Sender<Hash>,
    counters: Counters,
}

struct Pools {
    mempool: Mempool,
    shares: SharePool,
    templates: Templates,
    transaction_journal: Journal<SignedTransaction>,
    share_journal: Journal<Share>,
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
    /// Starts the service over an open ledger. `journals` is the folder of the two journals; what they hold goes through
    /// every check again.
    pub fn new(
        ledger: Arc<Ledger>,
        verifier: Verifier,
        clock: C,
        limits: MempoolLimits,
        journals: &Path,
    ) -> Result<Self, LedgerError> {
        let folder_error = |error| LedgerError::Folder { path: journals.to_owned(), error };
        let most = limits.max_bytes / SignedTransaction::BYTES;
        let (transaction_journal, transactions) =
            Journal::open(&journals.join("mempool.journal"), SignedTransaction::BYTES, most).map_err(folder_error)?;
        let (share_journal, shares) =
            Journal::open(&journals.join("shares.journal"), Share::BYTES, crate::share_pool::MAX_SHARES)
                .map_err(folder_error)?;
        let (_, tip_hash) = ledger.read().tip()?;
        let service = Self {
            ledger,
            verifier,
            clock,
            pools: Mutex::new(Pools {
                mempool: Mempool::new(limits),
                shares: SharePool::default(),
                templates: Templates::default(),
                transaction_journal,
                share_journal,
            }),
            checks: Arc::new(Semaphore::new(MAX_CHECKS)),
            events: broadcast::Sender::new(EVENT_CAPACITY),
            tip: watch::Sender::new(tip_hash),
            counters: Counters::default(),
        };
        let (waiting, counted) = (transactions.len(), shares.len());
        let transactions = transactions.into_iter().filter(|signed| service.admit(signed.clone()).is_ok()).count();
        let shares = shares.into_iter().filter(|share| service.attempt(share).is_ok()).count();
        if waiting + counted > 0 {
            info!("{transactions} of {waiting} transactions and {shares} of {counted} shares still wait for a block");
        }
        service.counters.reset();
        service.save()?;
        Ok(service)
    }

    /// Writes the journals anew with what still waits. The last thing before a clean exit.
    pub fn save(&self) -> Result<(), LedgerError> {
        let mut pools = self.pools();
        let Pools { mempool, shares, transaction_journal, share_journal, .. } = &mut *pools;
        transaction_journal
            .rewrite(mempool.in_order().map(|(_, signed)| signed))
            .and_then(|()| share_journal.rewrite(shares.iter()))
            .map_err(|error| LedgerError::Folder { path: "the journals".into(), error })
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a check on a blocking thread when its turn comes.
    async fn check<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let turn = tokio::time::timeout(MAX_CHECK_WAIT, self.checks.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(SubmitError::Busy("too many submissions are being checked, try again later".to_owned()));
        };
        let service = self.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&service)
        });
        checked.await.unwrap_or_else(|error| Err(SubmitError::Internal(error.to_string())))
    }

    /// Takes a block from anywhere: checks it, stores it, and follows it if its chain has the most work.
    pub async fn submit_block(self: &Arc<Self>, block: Block) -> Result<Hash, SubmitError> {
        self.check(move |service| service.block(block)).await
    }

    fn block(&self, block: Block) -> Result<Hash, SubmitError> {
        if let Some(wait_ms) = rules::deferral_ms(self.ledger.params(), &block.header, self.clock.now_ms()) {
            return Err(SubmitError::Stale(format!("the block lies {wait_ms} ms beyond the future limit")));
        }
        let hash = block.hash();
        let context = {
            let reader = self.ledger.read();
            if reader.entry(&hash).map_err(internal)?.is_some() {
                return Err(SubmitError::Stale(format!("block {hash} is known")));
            }
            reader.context(&block.header.parent_hash).map_err(ledger_submit_error)?
        };
        let fitting = FittingBlock::new(block, context, self.ledger.params()).map_err(block_error)?;
        let weights = random_weights(fitting.claims().len())?;
        let proven = fitting.prove(&self.verifier, &weights).map_err(block_error)?;
        self.store(proven)?;
        Ok(hash)
    }

    /// Stores a proven block and brings the pools up to the new tip.
    fn store(&self, block: ProvenBlock) -> Result<(), SubmitError> {
        let hash = block.hash();
        let mut pools = self.pools();
        let StoreOutcome { events, refused } = self.ledger.store(block).map_err(ledger_submit_error)?;
        self.follow(&mut pools, &events).map_err(internal)?;
        drop(pools);
        for event in &events {
            self.announce(event);
        }
        match refused {
            Some((refused, error)) if refused == hash => Err(SubmitError::Invalid(error)),
            _ => Ok(()),
        }
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
        let account = |address: &Address| Ok::<_, LedgerError>(reader.account(address)?.unwrap_or_default());
        // What came off the chain waits again, as far as it still fits: the oldest block's transactions first, and
        // those that waited already behind them, for the nonces' sake.
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
            let waiting = pools.mempool.drain();
            let returning = off_chain.iter().flat_map(|block| &block.body.transactions).cloned();
            for signed in returning.chain(waiting) {
                let sender = account(&signed.transaction.from())?;
                // Those that the new chain holds, or has no room for, are refused here.
                let _ = pools.mempool.insert(signed.id(&genesis), signed, sender, next);
            }
        }
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
        self.tip.send_replace(tip_hash);
        Ok(())
    }

    fn announce(&self, event: &ChainEvent) {
        let event = match event {
            ChainEvent::Connected { hash, block } => Event::Block {
                height: block.header.height,
                hash: *hash,
                epoch: self.ledger.params().epoch_of(block.header.height),
                producer: block.header.producer,
                shares: block.body.shares.len(),
                transactions: block.body.transactions.len(),
            },
            ChainEvent::Disconnected { hash, block } => {
                Event::Disconnected { height: block.header.height, hash: *hash }
            }
        };
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// Checks a transaction and lets it wait.
    fn admit(&self, signed: SignedTransaction) -> Result<Hash, SubmitError> {
        let genesis = self.ledger.network().genesis_hash;
        let id = signed.id(&genesis);
        if self.ledger.read().transaction_place(&id).map_err(internal)?.is_some() {
            return Err(SubmitError::Stale(format!("transaction {id} is in a block already")));
        }
        signed.transaction.check_recipient().map_err(|error| SubmitError::Invalid(format!("recipient: {error}")))?;
        signed.verify(&genesis).map_err(|error| SubmitError::Invalid(error.to_string()))?;
        let mut pools = self.pools();
        let reader = self.ledger.read();
        let sender = reader.account(&signed.transaction.from()).map_err(internal)?.unwrap_or_default();
        let next = reader.tip_height().map_err(internal)?.saturating_add(1);
        pools.mempool.insert(id, signed.clone(), sender, next).map_err(mempool_error)?;
        let Pools { mempool, transaction_journal, .. } = &mut *pools;
        let written = if transaction_journal.is_long() {
            transaction_journal.rewrite(mempool.in_order().map(|(_, signed)| signed))
        } else {
            transaction_journal.append(&signed)
        };
        if let Err(error) = written {
            warn!("the mempool's journal cannot be written: {error}");
        }
        drop(pools);
        let _ = self.events.send(Event::Transaction { id });
        Ok(id)
    }

    /// Takes an attempt as a block, as a share, or as both.
    fn attempt(&self, attempt: &Share) -> Result<AttemptOutcome, SubmitError> {
        let (_, tip_hash) = self.ledger.read().tip().map_err(internal)?;
        let context = self.ledger.read().context(&tip_hash).map_err(internal)?;
        let claim = context.share_claim(attempt).map_err(|error| match error {
            rules::ShareError::Anchor { .. } => SubmitError::Stale(error.to_string()),
            rules::ShareError::Prover(_) => SubmitError::Invalid(error.to_string()),
        })?;
        let id = ShareId { statement: claim.statement, nonce: claim.nonce };
        if self.pools().shares.contains(&id) || self.ledger.read().has_share(&id).map_err(internal)? {
            return Err(SubmitError::Stale("this attempt was submitted before".to_owned()));
        }
        let ticket = Ticket::new(&Seed::new(&id.statement, id.nonce), &attempt.proof);
        let template = self.pools().templates.get(&attempt.content_hash);
        let is_share = context.share_target.is_met_by(ticket.share_value());
        // Held to the target of the job: if the tip has moved since, that makes the attempt late and not wrong.
        let block_target = template.as_ref().map_or(context.target, |template| template.job.header.target);
        let meets_block = block_target.is_met_by(ticket.block_value());
        let mut outcome = AttemptOutcome::default();
        let block = match template {
            _ if !meets_block => None,
            None => {
                outcome.reason = Some("the job is not known to this node any more".to_owned());
                None
            }
            Some(template) if template.job.header.parent_hash != tip_hash => {
                outcome.reason = Some("another block was found first".to_owned());
                None
            }
            Some(template) if template.job.header.producer != attempt.prover => {
                return Err(SubmitError::Invalid("the prover is not the job's producer".to_owned()));
            }
            Some(template) => Some(template.complete(attempt.nonce, attempt.proof)),
        };
        if !is_share && block.is_none() {
            return Err(match outcome.reason {
                Some(reason) => SubmitError::Stale(reason),
                None => {
                    SubmitError::Invalid("ticket: it meets neither the block target nor the share target".to_owned())
                }
            });
        }
        self.verifier
            .verify(&id.statement, id.nonce, &attempt.proof, Claim::None)
            .map_err(|error| proof_error(&error))?;
        if is_share {
            outcome.share = self.wait(&context, id, attempt);
        }
        if let Some(block) = block {
            match self.block(block) {
                Ok(hash) => {
                    self.counters.blocks.fetch_add(1, Ordering::Relaxed);
                    outcome.block = Some(hash);
                }
                Err(error) if outcome.share => outcome.reason = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    /// Lets a share whose proof holds wait for a block.
    fn wait(&self, context: &ChainContext, id: ShareId, share: &Share) -> bool {
        let Some(anchor_height) = context.anchor_height(&share.anchor_hash) else {
            return false;
        };
        let mut pools = self.pools();
        if !pools.shares.insert(id, WaitingShare { share: share.clone(), anchor_height }) {
            return false;
        }
        let Pools { shares, share_journal, .. } = &mut *pools;
        let written =
            if share_journal.is_long() { share_journal.rewrite(shares.iter()) } else { share_journal.append(share) };
        if let Err(error) = written {
            warn!("the shares' journal cannot be written: {error}");
        }
        drop(pools);
        self.counters.shares.fetch_add(1, Ordering::Relaxed);
        let _ = self.events.send(Event::Share { prover: share.prover, height: context.height });
        true
    }

    /// The job of a prover: the latest one while it is fresh, else a new one.
    fn fresh_template(&self, prover: Address) -> Result<Arc<Template>, SubmitError> {
        let now_ms = self.clock.now_ms();
        let mut pools = self.pools();
        let (_, tip_hash) = self.ledger.read().tip().map_err(internal)?;
        if let Some(latest) = pools.templates.latest(&prover)
            && latest.job.header.parent_hash == tip_hash
            && now_ms.saturating_sub(latest.built_ms) < self.template_age_ms()
        {
            return Ok(latest);
        }
        let Pools { mempool, shares, .. } = &*pools;
        let ingredients = Ingredients { ledger: &self.ledger, mempool, shares, now_ms };
        let template = Arc::new(ingredients.template(prover).map_err(internal)?);
        pools.templates.insert(template.clone());
        self.counters.templates.fetch_add(1, Ordering::Relaxed);
        Ok(template)
    }

    /// How old a template may become: its timestamp and its choice of transactions age.
    fn template_age_ms(&self) -> u64 {
        let quarter = self.ledger.params().block_interval_ms / 4;
        quarter.clamp(*TEMPLATE_AGE_MS.start(), *TEMPLATE_AGE_MS.end())
    }

    /// The height and the hash of the tip, and a receiver that ticks when it moves.
    pub fn watch_tip(&self) -> watch::Receiver<Hash> {
        self.tip.subscribe()
    }
}

/// The service as the API's backend.
#[derive(Debug)]
pub struct Handle<C>(pub Arc<ChainService<C>>);

impl<C> std::ops::Deref for Handle<C> {
    type Target = Arc<ChainService<C>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<C: Clock> Backend for Handle<C> {
    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn mempool(&self) -> MempoolView {
        let pools = self.pools();
        MempoolView {
            transactions: pools.mempool.in_order().map(|(id, signed)| (id, signed.clone())).collect(),
            bytes: pools.mempool.bytes(),
            shares: pools.shares.len(),
        }
    }

    fn pending_transaction(&self, id: &Hash) -> Option<SignedTransaction> {
        self.pools().mempool.get(id).cloned()
    }

    async fn submit_transaction(&self, transaction: SignedTransaction) -> Result<Hash, SubmitError> {
        self.check(move |service| service.admit(transaction)).await
    }

    async fn job(&self, prover: Address, after: Option<Hash>, wait: Duration) -> Result<MiningJob, SubmitError> {
        prover.check().map_err(|error| SubmitError::Invalid(error.to_string()))?;
        let deadline = Instant::now() + wait;
        let mut tip = self.watch_tip();
        loop {
            tip.borrow_and_update();
            let template = self.check(move |service| service.fresh_template(prover)).await?;
            let now = Instant::now();
            if after != Some(template.job.content_hash) || now >= deadline {
                return Ok(template.job.clone());
            }
            let age_ms = self.clock.now_ms().saturating_sub(template.built_ms);
            let fresh_for = Duration::from_millis(self.template_age_ms().saturating_sub(age_ms).max(1));
            // Whichever comes first: the tip moves, the template gets old, or the caller has waited long enough.
            let _ = timeout_at(deadline.min(now + fresh_for), tip.changed()).await;
        }
    }

    async fn submit_attempt(&self, attempt: Share) -> Result<AttemptOutcome, SubmitError> {
        self.counters.submissions.fetch_add(1, Ordering::Relaxed);
        let outcome = self.check(move |service| service.attempt(&attempt)).await;
        if outcome.is_err() {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    fn mining(&self) -> MiningCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MiningCounters {
            templates: read(&self.counters.templates),
            submissions: read(&self.counters.submissions),
            blocks: read(&self.counters.blocks),
            shares: read(&self.counters.shares),
            refused: read(&self.counters.refused),
        }
    }
}

impl Counters {
    /// What is loaded at the start is no submission.
    fn reset(&self) {
        for counter in [&self.templates, &self.submissions, &self.blocks, &self.shares, &self.refused] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// Lets a share of a block that came off the chain wait again, if it fits the new chain.
fn wait_again(pool: &mut SharePool, share: &Share, context: &ChainContext) {
    if let (Ok(claim), Some(anchor_height)) = (context.share_claim(share), context.anchor_height(&share.anchor_hash)) {
        let id = ShareId { statement: claim.statement, nonce: claim.nonce };
        pool.insert(id, WaitingShare { share: share.clone(), anchor_height });
    }
}

/// Numbers that nobody who made the batch could know, for folding its pairings.
pub(crate) fn random_weights(count: usize) -> Result<Vec<u128>, SubmitError> {
    let mut weights = Vec::with_capacity(count);
    while weights.len() < count {
        let mut bytes = [0; 16];
        SysRng.try_fill_bytes(&mut bytes).map_err(|error| SubmitError::Internal(error.to_string()))?;
        // Zero would let a proof pass unchecked; it is drawn once in 2^128.
        weights.push(u128::from_le_bytes(bytes).max(1));
    }
    Ok(weights)
}

fn internal(error: LedgerError) -> SubmitError {
    warn!("{error}");
    SubmitError::Internal(error.to_string())
}

fn ledger_submit_error(error: LedgerError) -> SubmitError {
    match error {
        LedgerError::Orphan { .. } => SubmitError::Stale(error.to_string()),
        LedgerError::InvalidAncestor { .. } | LedgerError::Block(_) => SubmitError::Invalid(error.to_string()),
        LedgerError::Apply(apply) if apply.marks_invalid() => SubmitError::Invalid(apply.to_string()),
        error => internal(error),
    }
}

fn block_error(error: BlockError) -> SubmitError {
    match error {
        BlockError::Unjudged { .. } => SubmitError::Internal(error.to_string()),
        error => SubmitError::Invalid(error.to_string()),
    }
}

fn proof_error(error: &VerifyError) -> SubmitError {
    SubmitError::Invalid(format!("proof: {error}"))
}

fn mempool_error(error: MempoolError) -> SubmitError {
    match error {
        MempoolError::Full(_) => SubmitError::Busy(error.to_string()),
        MempoolError::ZeroAmount | MempoolError::Overflow => SubmitError::Invalid(error.to_string()),
        error => SubmitError::Stale(error.to_string()),
    }
}
