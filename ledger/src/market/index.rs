//! The market's indexes of one block: written when it is connected, taken back when it is
//! disconnected.
//!
//! What must not be broken: both directions go through the same events, and look at the same two
//! states, that of the block's parent and that of the block.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{
    Action, Address, Block, Hash, Height, StateKey,
    leaf::{Leaf, LeafKind},
    market::{
        JobLeaf,
        event::{JobChange, JobEvent, Outcome},
    },
    rules::VerifiedBlock,
    transition::AppliedBlock,
};

use super::records::{JobStatus, Outcomes as BlockOutcomes, Prices};
use crate::{
    LedgerError,
    columns::{
        ClassJobs, ClassPrices, Classes, Column, Deliveries, Events, JobEvents, OperatorJobs,
        Outcomes, RequesterJobs, Spent, StatusJobs, Transactions, TreeValues,
    },
    database::Batch,
    reader::{Reader, require},
    state::value_at,
};

/// The market's part of one block of the chain.
pub(crate) struct MarketIndex<'b, 'a> {
    pub(crate) reader: &'b Reader<'a>,
    pub(crate) batch: &'b mut Batch<'a>,
    pub(crate) height: Height,
}

/// Where a job was requested.
type Place = (Height, u32);

impl MarketIndex<'_, '_> {
    pub(crate) fn connect(
        &mut self,
        verified: &VerifiedBlock,
        applied: &AppliedBlock,
    ) -> Result<(), LedgerError> {
        let (block, ids, height) = (verified.block(), verified.transaction_ids(), self.height);
        if !applied.outcomes.is_empty() {
            let outcomes = BlockOutcomes(applied.outcomes.clone());
            self.batch.put::<Outcomes>(&height, &outcomes)?;
        }
        let mut requested = BTreeMap::new();
        let transactions = block.body.transactions.iter().zip(ids).zip(&applied.outcomes);
        for (index, ((signed, id), outcome)) in (0..).zip(transactions) {
            let from = signed.transaction.from;
            match (&signed.transaction.action, outcome) {
                (Action::RegisterClass(_), _) => self.batch.put::<Classes>(&(height, index), id)?,
                (Action::Request(_), Outcome::Void(_)) => {
                    self.batch.put::<Spent>(&(height, *id), &())?;
                }
                (Action::Request(request), _) => {
                    requested.insert(*id, (height, index));
                    self.batch.put::<ClassJobs>(&(request.class, height, index), id)?;
                    self.batch.put::<RequesterJobs>(&(from, height, index), id)?;
                }
                (Action::Deliver(_), _) => {
                    self.batch.put::<Deliveries>(&(from, height, index), &())?;
                    self.batch.put::<Spent>(&(height, *id), &())?;
                }
                _ => {}
            }
        }
        self.connect_events(&applied.events)?;
        for job in jobs_of(&applied.events) {
            let leaf = match applied.changes.get(&StateKey::Job(job)) {
                Some(Some(bytes)) => Some(decode_job(&job, bytes)?),
                _ => None,
            };
            let place = match requested.get(&job) {
                Some(place) => *place,
                None => self.place_of(&job)?,
            };
            let (before, after) = self.statuses(&job, leaf, &applied.events)?;
            self.move_job(&job, place, before, after)?;
        }
        Ok(())
    }

    fn connect_events(&mut self, events: &[JobEvent]) -> Result<(), LedgerError> {
        let height = self.height;
        let mut prices: BTreeMap<Hash, Prices> = BTreeMap::new();
        let mut seen = Participants::default();
        for (index, event) in (0_u32..).zip(events) {
            let JobEvent { job, class, what } = event;
            self.batch.put::<Events>(&(height, index), event)?;
            self.batch.put::<JobEvents>(&(*job, height, index), &())?;
            if JobStatus::of_end(what).is_some() {
                self.batch.put::<Spent>(&(height, *job), &())?;
            }
            if let JobChange::Assigned(assigned) = what {
                let prices = prices.entry(*class);
                prices
                    .and_modify(|prices| *prices = Prices::with(Some(*prices), assigned.ask_price))
                    .or_insert_with(|| Prices::with(None, assigned.ask_price));
            }
            for operator in operators_of(what) {
                if seen.is_new(self.reader, job, &operator)? {
                    self.batch.put::<OperatorJobs>(&(operator, height, index), job)?;
                }
            }
        }
        for (class, prices) in prices {
            self.batch.put::<ClassPrices>(&(class, height), &prices)?;
        }
        Ok(())
    }

    pub(crate) fn disconnect(&mut self, block: &Block, genesis: &Hash) -> Result<(), LedgerError> {
        let height = self.height;
        self.batch.delete::<Outcomes>(&height)?;
        for (index, signed) in (0_u32..).zip(&block.body.transactions) {
            let from = signed.transaction.from;
            match &signed.transaction.action {
                Action::RegisterClass(_) => self.batch.delete::<Classes>(&(height, index))?,
                Action::Request(request) => {
                    self.batch.delete::<ClassJobs>(&(request.class, height, index))?;
                    self.batch.delete::<RequesterJobs>(&(from, height, index))?;
                    self.batch.delete::<Spent>(&(height, signed.id(genesis)))?;
                }
                Action::Deliver(_) => {
                    self.batch.delete::<Deliveries>(&(from, height, index))?;
                    self.batch.delete::<Spent>(&(height, signed.id(genesis)))?;
                }
                _ => {}
            }
        }
        let events = self.reader.block_events(height)?;
        for (index, JobEvent { job, class, what }) in (0_u32..).zip(&events) {
            self.batch.delete::<Events>(&(height, index))?;
            self.batch.delete::<JobEvents>(&(*job, height, index))?;
            self.batch.delete::<Spent>(&(height, *job))?;
            self.batch.delete::<ClassPrices>(&(*class, height))?;
            for operator in operators_of(what) {
                self.batch.delete::<OperatorJobs>(&(operator, height, index))?;
            }
        }
        for job in jobs_of(&events) {
            let leaf = self.job_at(&job, height)?;
            let place = self.place_of(&job)?;
            let (before, after) = self.statuses(&job, leaf, &events)?;
            self.move_job(&job, place, after, before)?;
        }
        Ok(())
    }

    /// A job's status before and after the block, which left this leaf of it.
    fn statuses(
        &self,
        job: &Hash,
        leaf: Option<JobLeaf>,
        events: &[JobEvent],
    ) -> Result<(Option<JobStatus>, Option<JobStatus>), LedgerError> {
        let before = self.job_at(job, self.height.saturating_sub(1))?;
        // A job that ends very late has no leaf left after the same block.
        let ended = || {
            let own = events.iter().rev().filter(|event| event.job == *job);
            own.filter_map(|event| JobStatus::of_end(&event.what)).next()
        };
        let before = before.as_ref().map(JobStatus::of);
        Ok((before, leaf.as_ref().map(JobStatus::of).or_else(ended)))
    }

    fn move_job(
        &mut self,
        job: &Hash,
        (height, index): Place,
        from: Option<JobStatus>,
        to: Option<JobStatus>,
    ) -> Result<(), LedgerError> {
        if from == to {
            return Ok(());
        }
        if let Some(from) = from {
            self.batch.delete::<StatusJobs>(&(from.tag(), height, index))?;
        }
        if let Some(to) = to {
            self.batch.put::<StatusJobs>(&(to.tag(), height, index), job)?;
        }
        Ok(())
    }

    fn place_of(&self, job: &Hash) -> Result<Place, LedgerError> {
        let place = self.reader.transaction_place(job)?;
        let place = require::<Transactions, _>(place, job)?;
        Ok((place.height, place.index))
    }

    fn job_at(&self, job: &Hash, height: Height) -> Result<Option<JobLeaf>, LedgerError> {
        let key = StateKey::Job(*job).hash();
        let leaf = value_at(&self.reader.view, key, height)?.and_then(|(_, value)| value);
        leaf.map(|bytes| decode_job(job, &bytes)).transpose()
    }
}

/// Who has taken part in a job already, in the blocks below and in this one.
#[derive(Default)]
struct Participants(BTreeMap<Hash, BTreeSet<Address>>);

impl Participants {
    fn is_new(
        &mut self,
        reader: &Reader<'_>,
        job: &Hash,
        operator: &Address,
    ) -> Result<bool, LedgerError> {
        if !self.0.contains_key(job) {
            let mut known = BTreeSet::new();
            for event in reader.job_events(job, (0, 0))? {
                known.extend(operators_of(&event?.1.what));
            }
            self.0.insert(*job, known);
        }
        Ok(self.0.entry(*job).or_default().insert(*operator))
    }
}

/// The operators that take part in a job by an event, each perhaps not for the first time.
fn operators_of(change: &JobChange) -> Vec<Address> {
    match change {
        JobChange::Assigned(assigned) => vec![assigned.operator],
        JobChange::Proved { operator } => vec![*operator],
        JobChange::Delivered(delivered) => {
            delivered.paid.iter().map(|(operator, _)| *operator).collect()
        }
        _ => Vec::new(),
    }
}

fn jobs_of(events: &[JobEvent]) -> BTreeSet<Hash> {
    events.iter().map(|event| event.job).collect()
}

fn decode_job(job: &Hash, bytes: &[u8]) -> Result<JobLeaf, LedgerError> {
    let record = |error| LedgerError::Record { column: TreeValues::NAME, error };
    let leaf = Leaf::decode(&StateKey::Job(*job), bytes).map_err(record)?;
    JobLeaf::of(&leaf)
        .cloned()
        .ok_or(LedgerError::Contradiction { what: "a job's leaf is one of another kind" })
}
