//! What comes through this node's own API: blocks, attempts and transactions, each checked at once on the caller's
//! thread, and published to peers when it is taken in.

use std::sync::Arc;

use crate::{AttemptOutcome, MiningJob, SubmitError, events::Event};
use lode_consensus::{
    Address, Block, Hash, SealedHeader, Share, ShareId, SignedTransaction,
    rules::{self, BlockError, FittingBlock},
};
use lode_ledger::{LedgerError, StoreOutcome};
use lode_network::Gossip;
use lode_puzzle::{Claim, Item, Seed, Ticket};

use super::{ChainService, Counters, Pools, internal};
use crate::{
    Clock, EntropyError, MempoolError,
    share_pool::WaitingShare,
    template::{Ingredients, Template},
};

/// A template is built anew after a quarter of the block interval, but not before and not later than these.
const TEMPLATE_AGE_MS: std::ops::RangeInclusive<u64> = 250..=4_000;

impl<C: Clock> ChainService<C> {
    /// Takes a block: checks it, stores it, and follows it if its chain has the most work.
    pub fn take_block(&self, block: Block) -> Result<Hash, SubmitError> {
        if let Some(wait_ms) = rules::deferral_ms(self.ledger.params(), &block.header, self.now_ms()) {
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
        let sealed = SealedHeader::from(&block);
        let fitting = FittingBlock::new(block, context, self.ledger.params())
            .map_err(block_error)?
            .except(|id, share| self.is_proven_share(id, share), |signed| self.is_verified_transaction(signed));
        let weights = self.effects.entropy.weights(fitting.claims().len()).map_err(entropy_error)?;
        let proven = fitting.prove(self, &weights).map_err(block_error)?;
        let StoreOutcome { refused, .. } = self.connect(proven).map_err(ledger_submit_error)?;
        if let Some((_, error)) = refused.filter(|(refused, _)| *refused == hash) {
            return Err(SubmitError::Invalid(error));
        }
        self.publish(Gossip::Block(sealed));
        Ok(hash)
    }

    /// Checks a transaction and lets it wait.
    pub fn take_transaction(&self, signed: &SignedTransaction) -> Result<Hash, SubmitError> {
        self.check_transaction(signed)?;
        self.verify_transaction(signed)?;
        let id = self.add_transaction(signed)?;
        self.publish(Gossip::Transaction(signed.clone()));
        Ok(id)
    }

    /// What can be said of a transaction without its signature: whether it is new, and whether it fits the state and
    /// what waits already.
    pub(crate) fn check_transaction(&self, signed: &SignedTransaction) -> Result<(), SubmitError> {
        self.mempool_check(signed)?.map_err(mempool_error)
    }

    /// What the mempool says of a transaction that is in no block.
    pub(super) fn mempool_check(&self, signed: &SignedTransaction) -> Result<Result<(), MempoolError>, SubmitError> {
        let id = signed.id(&self.ledger.network().genesis_hash);
        let pools = self.pools();
        let reader = self.ledger.read();
        if reader.transaction_place(&id).map_err(internal)?.is_some() {
            return Err(SubmitError::Stale(format!("transaction {id} is in a block already")));
        }
        let sender = reader.account(&signed.transaction.from).map_err(internal)?.unwrap_or_default();
        Ok(pools.mempool.check(&id, signed, sender, pools.context.height))
    }

    /// Checks recipient and signature: milliseconds of work.
    pub(crate) fn verify_transaction(&self, signed: &SignedTransaction) -> Result<(), SubmitError> {
        signed.transaction.check_recipient().map_err(|error| SubmitError::Invalid(format!("recipient: {error}")))?;
        let genesis = self.ledger.network().genesis_hash;
        signed.verify(&genesis).map_err(|error| SubmitError::Invalid(error.to_string()))
    }

    /// Lets a transaction wait that was verified.
    pub(crate) fn add_transaction(&self, signed: &SignedTransaction) -> Result<Hash, SubmitError> {
        let id = signed.id(&self.ledger.network().genesis_hash);
        let mut pools = self.pools();
        let reader = self.ledger.read();
        if reader.transaction_place(&id).map_err(internal)?.is_some() {
            return Err(SubmitError::Stale(format!("transaction {id} is in a block already")));
        }
        let sender = reader.account(&signed.transaction.from).map_err(internal)?.unwrap_or_default();
        let next = pools.context.height;
        pools.mempool.insert(id, signed.clone(), sender, next).map_err(mempool_error)?;
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
        let claim = context.share_item(attempt).map_err(share_error)?;
        self.check_prover(&attempt.prover)?;
        let id = ShareId { statement: claim.statement, nonce: claim.nonce };
        if self.pools().shares.contains(&id) || self.ledger.read().has_share(&id).map_err(internal)? {
            return Err(SubmitError::Stale("this attempt was submitted before".to_owned()));
        }
        let ticket = Ticket::new(&Seed::new(&id.statement, id.nonce), &attempt.proof);
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
            Some(template) if template.job.header.parent_hash != context.parent_hash => {
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
        self.verify_attempt(claim)?;
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

    /// Checks an attempt's proof alone: what its ticket is good for is known already.
    fn verify_attempt(&self, claim: Item) -> Result<(), SubmitError> {
        let weights = self.effects.entropy.weights(1).map_err(entropy_error)?;
        let verdict = self.effects.checker.check(&[Item { claim: Claim::None, ..claim }], &weights).pop();
        match verdict {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(SubmitError::Invalid(format!("proof: {error}"))),
            None => Err(SubmitError::Internal("the checker did not judge the proof".to_owned())),
        }
    }

    /// Lets a share whose proof holds wait for a block, if it fits the present tip and there is room.
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
        self.checked.note_share(&id, share);
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
        let template = Arc::new(ingredients.template(prover).map_err(internal)?);
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

pub(super) fn share_error(error: rules::ShareError) -> SubmitError {
    match error {
        rules::ShareError::Anchor { .. } => SubmitError::Stale(error.to_string()),
        rules::ShareError::Prover(_) => SubmitError::Invalid(error.to_string()),
    }
}

pub(super) fn entropy_error(error: EntropyError) -> SubmitError {
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

pub(super) fn mempool_error(error: MempoolError) -> SubmitError {
    match error {
        MempoolError::Full(_) => SubmitError::Busy(error.to_string()),
        MempoolError::Static(_) => SubmitError::Invalid(error.to_string()),
        error => SubmitError::Stale(error.to_string()),
    }
}
