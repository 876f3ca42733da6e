//! What comes through this node's own API: blocks, attempts and transactions, each checked at once
//! on the caller's thread, and published to peers when it is taken in.

use std::sync::Arc;

use lode_consensus::{
    Action, Address, Block, Hash, Obligation, SealedHeader, Share, ShareId, SignedTransaction,
    obligation::{ObligationError, ProofChecker},
    rules::{self, ContextualBlock, ShareError},
    transaction::HashedTransaction,
};
use lode_ledger::StoreOutcome;
use lode_network::Gossip;
use lode_puzzle::{Claim, Item, Seed, Ticket};

use super::{ChainService, Counters, Pools};
use crate::{
    Assessment, AttemptOutcome, Clock, MiningJob, SubmitError,
    events::Event,
    share_pool::WaitingShare,
    template::{Ingredients, Template},
};

/// A template is built anew after a quarter of the block interval, but not before and not later
/// than these.
const TEMPLATE_AGE_MS: std::ops::RangeInclusive<u64> = 250..=4_000;

impl<C: Clock> ChainService<C> {
    /// Takes a block: checks it, stores it, and follows it if its chain has the most work.
    pub fn take_block(&self, block: Block) -> Result<Hash, SubmitError> {
        if let Some(wait_ms) =
            rules::deferral_ms(self.ledger.params(), &block.header, self.now_ms())
        {
            return Err(SubmitError::Future { wait_ms });
        }
        let hash = block.hash();
        let context = {
            let reader = self.ledger.read();
            if reader.entry(&hash)?.is_some() {
                return Err(SubmitError::KnownBlock(hash));
            }
            reader.context(&block.header.parent_hash)?
        };
        let sealed = SealedHeader::from(&block);
        let contextual = ContextualBlock::new(block, context, self.ledger.params())?;
        let weights = self.entropy.weights(contextual.weights_needed())?;
        let proven = contextual.prove(&self.checker, &weights)?;
        let StoreOutcome { refused, .. } = self.connect(proven)?;
        if let Some((_, error)) = refused.filter(|(refused, _)| *refused == hash) {
            return Err(SubmitError::Ledger(error));
        }
        self.publish(Gossip::Block(sealed));
        Ok(hash)
    }

    /// Checks a transaction and lets it wait.
    pub fn take_transaction(&self, signed: SignedTransaction) -> Result<Hash, SubmitError> {
        let transaction = self.hashed(signed);
        self.check_transaction(&transaction)?;
        let assessment = self.verify_transaction(&transaction, &[])?;
        let id = self.add_transaction(&transaction, &assessment)?;
        self.publish(Gossip::Transaction(transaction.into_signed()));
        Ok(id)
    }

    /// What can be said of a transaction without its signature: whether it is new, and whether it
    /// fits the state and what waits already.
    pub(crate) fn check_transaction(
        &self,
        transaction: &HashedTransaction,
    ) -> Result<(), SubmitError> {
        let (id, signed) = (transaction.id(), transaction.signed());
        let pools = self.pools();
        let reader = self.ledger.read();
        if reader.transaction_place(&id)?.is_some() {
            return Err(SubmitError::InBlock(id));
        }
        let sender = reader.account(&signed.transaction.from)?.unwrap_or_default();
        let next = pools.context.height;
        // What a delivery keeps of its sender's promises is looked at later.
        let is_delivery = matches!(signed.transaction.action, Action::Deliver(_));
        let hoped = Assessment { due: is_delivery.then_some(next), ..Assessment::default() };
        Ok(pools.mempool.check(&id, signed, sender, next, &hoped)?)
    }

    /// Checks recipient and signature, and what a transaction of the market means at the tip:
    /// milliseconds of work, unless it was done before. `with_it` came with it, was found good and
    /// is about to wait.
    pub(crate) fn verify_transaction(
        &self,
        transaction: &HashedTransaction,
        with_it: &[HashedTransaction],
    ) -> Result<Assessment, SubmitError> {
        // One by one, the cheapest first.
        transaction
            .obligations()
            .try_for_each(|obligation| Ok::<_, SubmitError>(self.judge(obligation, &[])?))?;
        self.assess(transaction, with_it)
    }

    /// Whether a prover is an address.
    pub(crate) fn check_prover(&self, prover: &Address) -> Result<(), SubmitError> {
        self.judge(Obligation::Address(*prover), &[]).map_err(|error| match error {
            ObligationError::Address(error) => ShareError::Prover(error).into(),
            error => error.into(),
        })
    }

    /// Has one thing judged.
    fn judge(&self, obligation: Obligation, weights: &[u128]) -> Result<(), ObligationError> {
        self.checker.check(&[obligation], weights).pop().unwrap_or(Err(ObligationError::Unjudged))
    }

    /// Lets a transaction wait that was verified.
    pub(crate) fn add_transaction(
        &self,
        transaction: &HashedTransaction,
        assessment: &Assessment,
    ) -> Result<Hash, SubmitError> {
        let (id, signed) = (transaction.id(), transaction.signed());
        let mut pools = self.pools();
        let reader = self.ledger.read();
        if reader.transaction_place(&id)?.is_some() {
            return Err(SubmitError::InBlock(id));
        }
        let sender = reader.account(&signed.transaction.from)?.unwrap_or_default();
        let next = pools.context.height;
        pools.mempool.insert(id, signed.clone(), sender, next, assessment)?;
        pools.journal_transaction(signed);
        drop(pools);
        self.events.publish(Event::Transaction { id });
        Ok(id)
    }

    /// Takes an attempt as a block, as a share, or as both.
    pub fn take_attempt(&self, attempt: &Share) -> Result<AttemptOutcome, SubmitError> {
        let (context, template) = {
            let pools = self.pools();
            (pools.context.clone(), pools.templates.get(&attempt.content_hash))
        };
        let claim = context.share_item(attempt)?;
        self.check_prover(&attempt.prover)?;
        let id = ShareId { statement: claim.statement, nonce: claim.nonce };
        if self.pools().shares.contains(&id) || self.ledger.read().has_share(&id)? {
            return Err(SubmitError::KnownAttempt);
        }
        let ticket = Ticket::new(&Seed::new(&id.statement, id.nonce), &attempt.proof);
        let is_share = context.share_target.is_met_by(ticket.share_value());
        // Held to the target of the job: if the tip has moved since, that makes the attempt late
        // and not wrong.
        let block_target =
            template.as_ref().map_or(context.target, |template| template.job.header.target);
        let meets_block = block_target.is_met_by(ticket.block_value());
        let mut outcome = AttemptOutcome::default();
        let mut late = None;
        let block = match template {
            _ if !meets_block => None,
            None => {
                late = Some(SubmitError::UnknownJob);
                None
            }
            Some(template) if template.job.header.parent_hash != context.parent_hash => {
                late = Some(SubmitError::Overtaken);
                None
            }
            Some(template) if template.job.header.producer != attempt.prover => {
                return Err(SubmitError::ForeignJob);
            }
            Some(template) => Some(template.complete(attempt.nonce, attempt.proof)),
        };
        if !is_share && block.is_none() {
            return Err(late.unwrap_or(SubmitError::NoTarget));
        }
        outcome.reason = late.map(|late| late.to_string());
        // What its ticket is good for is known already.
        let claim = Obligation::Puzzle(Item { claim: Claim::None, ..claim });
        self.judge(claim, &self.entropy.weights(1)?)?;
        if is_share {
            outcome.share = self.add_share(attempt);
            if outcome.share {
                Counters::count(&self.counters.shares);
                self.publish(Gossip::Share(attempt.clone()));
            }
        }
        if let Some(block) = block {
            match self.take_block(block) {
                Ok(hash) => {
                    Counters::count(&self.counters.blocks);
                    outcome.block = Some(hash);
                }
                Err(error) if outcome.share => outcome.reason = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    /// Lets a share whose proof holds wait for a block, if it fits the present tip and there is
    /// room.
    pub(crate) fn add_share(&self, share: &Share) -> bool {
        let mut pools = self.pools();
        let context = pools.context.clone();
        let Some(anchor_height) = context.anchor_height(&share.anchor_hash) else {
            return false;
        };
        let id = share.id(&context.genesis_hash, &context.epoch_challenge);
        if pools.shares.contains(&id) || !matches!(self.ledger.read().has_share(&id), Ok(false)) {
            return false;
        }
        if !pools.shares.insert(id, WaitingShare { share: share.clone(), anchor_height }) {
            return false;
        }
        pools.journal_share(share);
        drop(pools);
        self.events.publish(Event::Share { prover: share.prover, height: context.height });
        true
    }

    /// Work for a prover: the latest template while it is fresh, else a new one.
    pub fn mining_job(&self, prover: Address) -> Result<MiningJob, SubmitError> {
        self.check_prover(&prover)?;
        self.fresh_template(prover).map(|template| template.job.clone())
    }

    pub(super) fn fresh_template(&self, prover: Address) -> Result<Arc<Template>, SubmitError> {
        let now_ms = self.now_ms();
        let mut pools = self.pools();
        if let Some(latest) = pools.templates.latest(&prover)
            && latest.job.header.parent_hash == pools.context.parent_hash
            && now_ms.saturating_sub(latest.built_ms) < self.template_age_ms()
        {
            return Ok(latest);
        }
        let Pools { mempool, shares, .. } = &*pools;
        let ingredients = Ingredients { ledger: &self.ledger, mempool, shares, now_ms };
        let template = Arc::new(
            ingredients.template(prover).map_err(|error| SubmitError::Template(Arc::new(error)))?,
        );
        pools.templates.insert(template.clone());
        Counters::count(&self.counters.templates);
        Ok(template)
    }

    /// How old a template may become: its timestamp and its choice of transactions age.
    pub(super) fn template_age_ms(&self) -> u64 {
        let quarter = self.ledger.params().block_interval_ms / 4;
        quarter.clamp(*TEMPLATE_AGE_MS.start(), *TEMPLATE_AGE_MS.end())
    }
}
