//! Block templates: everything of a block but its proof.
//!
//! Transactions are taken in the mempool's order, in which what keeps a promise that ends soon
//! comes first, as far as a block's limits allow: bytes, transactions, the proof budget, of which
//! others than the assignees have a half, and classes.
//!
//! What must not be broken: a template is a valid block as soon as an attempt for it meets the
//! target; and memory is bounded, whatever number of provers asks.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::MiningJob;
use lode_consensus::{
    Action, Address, Block, Body, Hash, Share, SignedTransaction,
    block::Header,
    codec::encoded_list_len,
    params::{MAX_BODY_BYTES, MAX_TRANSACTIONS},
    reward::{self, Emission},
    rules::{self, ChainContext},
    state::Amount,
    transition::{ApplyError, Executor, StateView, TransactionError},
};
use lode_consensus::{Decode, Encode, StateKey};
use lode_ledger::{Ledger, LedgerError};
use lode_puzzle::Proof;

use crate::{mempool::Mempool, share_pool::SharePool};

/// Transactions too long for what is left of a block that are passed over before its template is
/// taken for full.
const MAX_MISFITS: usize = 256;
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
        let mut executor =
            Executor::new(params, &context, &state, self.ledger.proofs()).map_err(ledger_error)?;
        let room =
            MAX_BODY_BYTES - encoded_list_len::<SignedTransaction>(&[]) - encoded_list_len(&shares);
        let waiting = self.mempool.in_order(context.height);
        let waiting = waiting.map(|(id, signed)| (signed.encoded_len(), (id, signed)));
        let mut limits = Limits::default();
        let applies = |(id, signed): &(Hash, &SignedTransaction)| {
            if limits.are_met_for(&signed.transaction.action) {
                return Ok(false);
            }
            let applied = executor.transaction(&signed.transaction, *id)?;
            Ok(applied.inspect_err(|error| limits.note(error)).is_ok())
        };
        let chosen = choose(waiting, room, applies).map_err(ledger_error)?;
        let transactions: Vec<SignedTransaction> =
            chosen.into_iter().map(|(_, signed)| signed.clone()).collect();
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

    /// The shares to include: those that expire first, as many as the rules and the share fund
    /// allow.
    fn shares(
        &self,
        context: &ChainContext,
        state: &impl StateView<Error = LedgerError>,
    ) -> Result<Vec<Share>, LedgerError> {
        let params = self.ledger.params();
        let fund = state
            .leaf(&StateKey::ShareFund)?
            .and_then(|bytes| Amount::decode(&bytes).ok())
            .unwrap_or_default();
        let fund = fund.0.saturating_add(Emission::of(context.height).share_fund);
        let pay = reward::share_pay(
            context.height,
            context.target,
            context.first_target,
            params.shares_per_block,
        );
        let affordable = fund
            .checked_div(pay)
            .map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
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

/// How often a block in the making had no more room for proofs and for classes: from
/// [`MAX_MISFITS`] times on, transactions that need such room are passed over without another look.
#[derive(Debug, Default)]
struct Limits {
    proofs: usize,
    classes: usize,
}

impl Limits {
    fn are_met_for(&self, action: &Action) -> bool {
        match action {
            Action::Deliver(_) | Action::RegisterClass(_) => self.proofs >= MAX_MISFITS,
            Action::Ask(_) | Action::Request(_) | Action::Raise(_) => self.classes >= MAX_MISFITS,
            _ => false,
        }
    }

    fn note(&mut self, error: &TransactionError) {
        match error {
            TransactionError::ProofBudget { .. } => self.proofs += 1,
            TransactionError::Classes { .. } => self.classes += 1,
            _ => {}
        }
    }
}

/// Takes transactions, with their bytes, in their order, as far as they find room and `applies`
/// says that they apply on top of those before. One that does not stays out, as do those behind it:
/// their nonces do not fit then. One that is too long for the room left is passed over for shorter
/// ones, [`MAX_MISFITS`] times.
fn choose<T, E>(
    waiting: impl Iterator<Item = (usize, T)>,
    mut room: usize,
    mut applies: impl FnMut(&T) -> Result<bool, E>,
) -> Result<Vec<T>, E> {
    let mut chosen = Vec::new();
    let mut misfits = 0;
    for (bytes, transaction) in waiting {
        if chosen.len() == MAX_TRANSACTIONS
            || room < SignedTransaction::MIN_BYTES
            || misfits == MAX_MISFITS
        {
            break;
        }
        if bytes > room {
            misfits += 1;
        } else if applies(&transaction)? {
            room -= bytes;
            chosen.push(transaction);
        }
    }
    Ok(chosen)
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
        self.bytes += template.body.encoded_len();
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
            self.bytes -= template.body.encoded_len();
            let producer = template.job.header.producer;
            if self.latest.get(&producer) == Some(&content_hash) {
                self.latest.remove(&producer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIN: usize = SignedTransaction::MIN_BYTES;

    fn chosen(waiting: &[(usize, bool)], room: usize) -> Vec<usize> {
        let places = waiting.iter().enumerate().map(|(place, (bytes, _))| (*bytes, place));
        choose(places, room, |place| Ok::<_, ()>(waiting[*place].1)).unwrap()
    }

    #[test]
    fn what_finds_no_room_is_passed_over_for_what_does() {
        assert_eq!(
            chosen(
                &[(MIN, true), (3 * MIN, true), (MIN, false), (MIN, true), (MIN, true)],
                3 * MIN
            ),
            [0, 3, 4]
        );
        assert_eq!(chosen(&[(MIN, true), (2 * MIN, true), (MIN, true)], 3 * MIN), [0, 1]);
        assert_eq!(chosen(&[(MIN, true)], MIN - 1), [0_usize; 0]);
        let mut waiting = vec![(2 * MIN, true); MAX_MISFITS - 1];
        waiting.push((MIN, true));
        assert_eq!(chosen(&waiting, MIN), [MAX_MISFITS - 1]);
        waiting.insert(0, (2 * MIN, true));
        assert_eq!(chosen(&waiting, MIN), [0_usize; 0]);
        let many = vec![(MIN, true); MAX_TRANSACTIONS + 1];
        assert_eq!(chosen(&many, usize::MAX).len(), MAX_TRANSACTIONS);
    }

    #[test]
    fn what_needs_room_that_is_gone_is_passed_over_after_a_while() {
        let cancel = Action::Cancel(lode_consensus::transaction::Cancel { job: Hash::ZERO });
        let deliver = Action::Deliver(lode_consensus::transaction::Deliver {
            jobs: Vec::new(),
            proof: Vec::new(),
        });
        let raise = Action::Raise(lode_consensus::transaction::Raise {
            job: Hash::ZERO,
            price: 1,
            late_price: 1,
        });
        let mut limits = Limits::default();
        let met = |limits: &Limits| [&cancel, &deliver, &raise].map(|of| limits.are_met_for(of));
        for _ in 0..MAX_MISFITS {
            assert_eq!(met(&limits), [false; 3]);
            limits.note(&TransactionError::ProofBudget { limit: 1, units: 2 });
            limits.note(&TransactionError::Nonce { expected: 1, got: 2 });
        }
        assert_eq!(met(&limits), [false, true, false]);
        for _ in 0..MAX_MISFITS {
            assert_eq!(met(&limits), [false, true, false]);
            limits.note(&TransactionError::Classes { limit: 256 });
        }
        assert_eq!(met(&limits), [false, true, true]);
    }

    proptest! {
        #[test]
        fn a_template_is_never_too_long_and_leaves_out_nothing_that_fits(
            waiting in prop::collection::vec((MIN..8 * MIN, any::<bool>()), 0..40),
            room in 0..60 * MIN,
        ) {
            let chosen = chosen(&waiting, room);
            prop_assert!(chosen.is_sorted());
            prop_assert!(chosen.iter().map(|place| waiting[*place].0).sum::<usize>() <= room);
            for (place, (bytes, applies)) in waiting.iter().enumerate() {
                let before: usize = chosen
                    .iter()
                    .filter(|other| **other < place)
                    .map(|other| waiting[*other].0)
                    .sum();
                prop_assert_eq!(chosen.contains(&place), *applies && before + bytes <= room);
            }
        }
    }
}
