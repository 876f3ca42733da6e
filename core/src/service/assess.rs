//! What a transaction of the market means at the tip: whether it is void there, what it takes of a
//! block, and whether a delivery's proof holds. The last checks, as they cost most: what is said
//! here depends on form, signature, nonce and fee that were checked before.
//!
//! The state in which the next block's first transaction finds the chain is computed once for each
//! tip. A delivery's jobs are looked at before its proof, and one proof at most is verified for
//! each sender and nonce.
//!
//! What must not be broken: nothing here holds the pools' lock while it works.

use std::sync::Arc;

use lode_consensus::{
    Action, Hash, SignedTransaction, Transaction,
    market::{
        event::Outcome,
        job::Status,
        proofs::{ProofSystems, SoldProof},
    },
    rules::ChainContext,
    transaction::{HashedTransaction, RegisterClass},
    transition::{ApplyError, Opened},
};
use lode_ledger::{LedgerError, Reader};
use parking_lot::Mutex;

use super::{ChainService, apply_error, next_block::NextBlock};
use crate::{Assessment, Clock, SubmitError};

/// The tip that something is assessed at.
struct AtTip<'a> {
    reader: Reader<'a>,
    context: Arc<ChainContext>,
    next: NextBlock,
    /// The sender's waiting transactions before this one.
    before: Vec<(Hash, SignedTransaction)>,
}

impl<C: Clock> ChainService<C> {
    /// Says what a transaction means at the tip, after the sender's waiting ones and those of
    /// `with_it`, which are about to wait.
    pub(crate) fn assess(
        &self,
        transaction: &HashedTransaction,
        with_it: &[HashedTransaction],
    ) -> Result<Assessment, SubmitError> {
        let (id, signed) = (transaction.id(), transaction.signed());
        let own = &signed.transaction;
        // What a transfer needs is known without the market.
        if matches!(own.action, Action::Transfer(_)) {
            return Ok(Assessment::default());
        }
        let at = self.at_tip(own, with_it);
        let opened = self.opened(&at)?;
        let (params, state) = (self.ledger.params(), at.reader.state()?);
        let systems = Asked { systems: self.ledger.proofs(), of: id, proof: Mutex::default() };
        let before = at.before.iter().map(|(id, signed)| (&signed.transaction, *id));
        let transactions = before.chain([(own, id)]);
        let mut outcomes = opened
            .judge(params, &at.context, &state, &systems, transactions)
            .map_err(apply_error)?;
        match outcomes.pop() {
            Some(Ok(Outcome::Void(reason))) => return Err(SubmitError::Void(reason)),
            Some(Err(error)) => return Err(SubmitError::Refused(error)),
            Some(Ok(_)) | None => {}
        }
        let Some(proof) = systems.proof.into_inner() else {
            return Ok(Assessment { units: units_of_key(&own.action), ..Assessment::default() });
        };
        let values = proof.instances.first().map_or(0, Vec::len);
        let units = self.ledger.proofs().cost(proof.system, proof.instances.len(), values);
        if !self.claims.claim(own, &proof) {
            return Err(SubmitError::OtherProof);
        }
        if !self.ledger.proofs().holds(&proof) {
            let bounty = params.market.false_proof >> 1;
            return Ok(Assessment { units, bounty, due: None });
        }
        let due = match &own.action {
            Action::Deliver(deliver) => {
                opened.promise(&state, deliver, &own.from).map_err(apply_error)?
            }
            _ => None,
        };
        Ok(Assessment { units, due, bounty: 0 })
    }

    /// What can be said of a transaction that was in a block and waits again, without another look
    /// at its proof.
    pub(super) fn reassess(
        &self,
        reader: &Reader<'_>,
        signed: &SignedTransaction,
    ) -> Result<Assessment, LedgerError> {
        let Transaction { from, action, .. } = &signed.transaction;
        let Action::Deliver(deliver) = action else {
            return Ok(Assessment { units: units_of_key(action), ..Assessment::default() });
        };
        let mut assessment = Assessment::default();
        for job in &deliver.jobs {
            let Some(leaf) = reader.job(job)? else { continue };
            if assessment.units == 0 {
                let system = reader.class(leaf.class())?.map_or(0, |class| class.system);
                let (jobs, values) = (deliver.jobs.len(), leaf.values().len());
                assessment.units = self.ledger.proofs().cost(system, jobs, values);
            }
            if let Some(Status::Assigned(assigned)) = leaf.live().map(|job| job.status)
                && assigned.operator == *from
            {
                let promise = assigned.promise;
                assessment.due = Some(assessment.due.map_or(promise, |due| due.min(promise)));
            }
        }
        Ok(assessment)
    }

    /// The tip, and what waits before a transaction, as of one moment.
    fn at_tip(&self, own: &Transaction, with_it: &[HashedTransaction]) -> AtTip<'_> {
        let pools = self.pools();
        let before = pools.mempool.before(&own.from, own.nonce);
        let mut before: Vec<(Hash, SignedTransaction)> =
            before.map(|(id, signed)| (id, signed.clone())).collect();
        let reader = self.ledger.read();
        let (context, next) = (pools.context.clone(), pools.next_block.clone());
        drop(pools);
        for other in with_it {
            let theirs = &other.signed().transaction;
            let is_known =
                before.iter().any(|(_, signed)| signed.transaction.nonce == theirs.nonce);
            if theirs.from == own.from && theirs.nonce < own.nonce && !is_known {
                before.push((other.id(), other.signed().clone()));
            }
        }
        before.sort_by_key(|(_, signed)| signed.transaction.nonce);
        AtTip { reader, context, next, before }
    }

    fn opened(&self, at: &AtTip<'_>) -> Result<Arc<Opened>, LedgerError> {
        // Others that ask at the same time wait for it.
        let mut opened = at.next.lock();
        if let Some(opened) = &*opened {
            return Ok(opened.clone());
        }
        let (params, state) = (self.ledger.params(), at.reader.state()?);
        let made: Result<Opened, ApplyError<LedgerError>> =
            Opened::new(params, &at.context, &state, self.ledger.proofs());
        let made = Arc::new(made.map_err(apply_error)?);
        *opened = Some(made.clone());
        Ok(made)
    }
}

/// What a class's key takes of the proof budget.
fn units_of_key(action: &Action) -> u64 {
    if matches!(action, Action::RegisterClass(_)) { RegisterClass::UNITS } else { 0 }
}

/// Proof systems that only note what they are asked of one delivery: that one's jobs are looked at
/// first.
#[derive(Debug)]
struct Asked<'a> {
    systems: &'a dyn ProofSystems,
    of: Hash,
    proof: Mutex<Option<SoldProof>>,
}

impl ProofSystems for Asked<'_> {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        self.systems.values(system, key)
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        self.systems.cost(system, instances, values)
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        if proof.delivery == self.of {
            *self.proof.lock() = Some(proof.clone());
            return true;
        }
        self.systems.holds(proof)
    }
}
