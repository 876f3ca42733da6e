//! Block templates: everything of a block but its proof.
//!
//! What must not be broken: a template is a valid block as soon as an attempt for it meets the target; and memory is
//! bounded, whatever number of provers asks.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::MiningJob;
use lode_consensus::{
    Address, Block, Body, Hash, Share, SignedTransaction,
    block::Header,
    params::{MAX_BODY_BYTES, MAX_TRANSACTIONS},
    reward::{self, Emission},
    rules::{self, ChainContext},
    state::Amount,
    transition::{ApplyError, Executor, StateView},
};
use lode_consensus::{Decode, StateKey};
use lode_ledger::{Ledger, LedgerError};
use lode_puzzle::Proof;

use crate::{mempool::Mempool, share_pool::SharePool};

/// Most templates that are kept for attempts to come in.
const MAX_TEMPLATES: usize = 1_024;
/// Most bytes of the kept templates' bodies.
const MAX_TEMPLATE_BYTES: usize = 64 << 20;

/// A block that lacks its nonce and proof.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// What miners work on.
    pub(crate) job: MiningJob,
    /// The body that the header's roots are of.
    pub(crate) body: Arc<Body>,
    /// When it was built, in ms since the Unix epoch.
    pub(crate) built_ms: u64,
}

impl Template {
    /// The block that an attempt completes.
    pub(crate) fn complete(&self, nonce: u64, proof: Proof) -> Block {
        Block { header: self.job.header.clone(), nonce, proof, body: (*self.body).clone() }
    }
}

/// What a template is built from.
#[derive(Debug)]
pub(crate) struct Ingredients<'a> {
    /// The chain.
    pub(crate) ledger: &'a Ledger,
    /// Waiting transactions.
    pub(crate) mempool: &'a Mempool,
    /// Waiting shares.
    pub(crate) shares: &'a SharePool,
    /// Local time, in ms since the Unix epoch.
    pub(crate) now_ms: u64,
}

impl Ingredients<'_> {
    /// Builds a template on top of the tip for a producer.
    pub(crate) fn template(&self, producer: Address) -> Result<Template, LedgerError> {
        let params = self.ledger.params();
        let reader = self.ledger.read();
        let (tip, tip_hash) = reader.tip()?;
        let context = reader.context(&tip_hash)?;
        let state = reader.state()?;

        let shares = self.shares(&context, &state)?;
        let mut executor = Executor::new(params, &context, &state).map_err(ledger_error)?;
        let mut transactions: Vec<SignedTransaction> = Vec::new();
        let share_bytes = shares.len() * Share::BYTES;
        for (_, signed) in self.mempool.in_order() {
            let bytes = share_bytes + (transactions.len() + 1) * SignedTransaction::BYTES + 8;
            if transactions.len() == MAX_TRANSACTIONS || bytes > MAX_BODY_BYTES {
                break;
            }
            // A transaction that does not apply stays out, as do those behind it: their nonces do not fit then.
            if executor.transaction(&signed.transaction).map_err(ledger_error)?.is_ok() {
                transactions.push(signed.clone());
            }
        }
        let provers: Vec<Address> = shares.iter().map(|share| share.prover).collect();
        let applied = executor.finish(producer, &provers).map_err(ledger_error)?;

        let body = Body { transactions, shares };
        let anchor_height = params.mining_anchor_height(tip);
        let anchor = context.anchors.iter().find(|(height, _)| *height == anchor_height);
        let (_, anchor_hash) = anchor.ok_or_else(|| LedgerError::Missing {
            column: "chain",
            key: format!("the anchor at height {anchor_height}"),
        })?;
        let header = Header {
            height: context.height,
            parent_hash: context.parent_hash,
            anchor_hash: *anchor_hash,
            timestamp_ms: self.now_ms.max(context.median_time_ms.saturating_add(1)),
            transactions_root: body.transactions_root(),
            shares_root: body.shares_root(),
            state_root: reader.state_root_after(&applied.changes)?,
            producer,
            target: context.target,
        };
        let job = MiningJob {
            content_hash: header.content_hash(),
            statement: rules::statement_of(&header, &context),
            genesis_hash: context.genesis_hash,
            epoch_challenge: context.epoch_challenge,
            share_target: context.share_target,
            header,
        };
        Ok(Template { job, body: Arc::new(body), built_ms: self.now_ms })
    }

    /// The shares to include: those that expire first, as many as the rules and the share fund allow.
    fn shares(
        &self,
        context: &ChainContext,
        state: &impl StateView<Error = LedgerError>,
    ) -> Result<Vec<Share>, LedgerError> {
        let params = self.ledger.params();
        let fund = state.leaf(&StateKey::ShareFund)?.and_then(|bytes| Amount::decode(&bytes).ok()).unwrap_or_default();
        let fund = fund.0.saturating_add(Emission::of(context.height).share_fund);
        let pay = reward::share_pay(context.height, context.target, context.first_target, params.shares_per_block);
        let affordable = fund.checked_div(pay).map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let fitting = (MAX_BODY_BYTES - 8) / Share::BYTES;
        let limit = params.max_shares().min(affordable).min(fitting);

        let mut shares = Vec::new();
        for (id, share) in self.shares.oldest_first() {
            if shares.len() == limit {
                break;
            }
            let fits = context.share_item(&share).is_ok_and(|item| item.statement == id.statement);
            if fits && !state.has_share(&id)? {
                shares.push(share);
            }
        }
        Ok(shares)
    }
}

fn ledger_error(error: ApplyError<LedgerError>) -> LedgerError {
    match error {
        ApplyError::Store(error) => error,
        error => LedgerError::Apply(Box::new(error)),
    }
}

/// Templates that were given out: attempts for them may still come.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    by_content: HashMap<Hash, Arc<Template>>,
    latest: HashMap<Address, Hash>,
    oldest_first: VecDeque<Hash>,
    bytes: usize,
}

impl Templates {
    /// The template that a content hash names.
    pub(crate) fn get(&self, content_hash: &Hash) -> Option<Arc<Template>> {
        self.by_content.get(content_hash).cloned()
    }

    /// The latest template of a producer.
    pub(crate) fn latest(&self, producer: &Address) -> Option<Arc<Template>> {
        self.latest.get(producer).and_then(|content_hash| self.get(content_hash))
    }

    /// Keeps a template, and forgets the oldest ones for it if need be.
    pub(crate) fn insert(&mut self, template: Arc<Template>) {
        let content_hash = template.job.content_hash;
        self.latest.insert(template.job.header.producer, content_hash);
        self.bytes += template.body.size_bytes();
        if self.by_content.insert(content_hash, template).is_none() {
            self.oldest_first.push_back(content_hash);
        }
        while self.oldest_first.len() > MAX_TEMPLATES
            || (self.bytes > MAX_TEMPLATE_BYTES && self.oldest_first.len() > 1)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(content_hash) = self.oldest_first.pop_front() else {
            return;
        };
        if let Some(template) = self.by_content.remove(&content_hash) {
            self.bytes -= template.body.size_bytes();
            let producer = template.job.header.producer;
            if self.latest.get(&producer) == Some(&content_hash) {
                self.latest.remove(&producer);
            }
        }
    }
}
