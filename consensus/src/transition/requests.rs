//! What requesters and assignees do with jobs: Request, Raise, Cancel and Decline.

use super::{ApplyError, StateView, Stop, TransactionError, session::Session};
use crate::{
    Address, Hash, Height, StateKey, Transaction,
    market::{
        Class, Job, Waiting,
        event::{JobChange, Void},
        job::{self, ENDED_BLOCKS, Status},
        value::{self, Terms},
    },
    transaction::{Cancel, Decline, Raise, Request},
};

/// Jobs of a class that have not ended, from which on it takes no more.
const MAX_LIVE: u16 = 2_048;
/// The same for jobs that are not assigned.
const MAX_WAITING: usize = 512;
/// The same for those that are not under Cancel, unless one of them gives way to a dearer one.
const MAX_STANDING: usize = 256;
/// The least `hard_blocks` outside contests.
const MIN_HARD_BLOCKS: u64 = 2;

impl<V: StateView> Session<'_, V> {
    /// What makes a Request invalid besides its form.
    pub(super) fn check_request(&mut self, request: &Request) -> Result<(), Stop<V::Error>> {
        let class = self.class(&request.class)?;
        let class = class.ok_or(TransactionError::NoClass(request.class))?;
        if usize::from(class.values) != request.values.len() {
            let (expected, got) = (class.values, request.values.len());
            return Err(TransactionError::Values { expected, got }.into());
        }
        if class.policy.is_contest() {
            if request.immediate || request.operator.is_some() {
                return Err(TransactionError::ContestFlags.into());
            }
        } else if u64::from(request.hard_blocks) < MIN_HARD_BLOCKS {
            return Err(TransactionError::HardBlocks { least: MIN_HARD_BLOCKS }.into());
        }
        Ok(())
    }

    /// Posts a job.
    pub(super) fn request(
        &mut self,
        transaction: &Transaction,
        request: &Request,
        id: Hash,
    ) -> Result<(), Stop<V::Error>> {
        let key = StateKey::Class(request.class);
        let class: Class = self.read(key)?.ok_or(ApplyError::Missing(key))?;
        let gives_way = self.admit(&class, request)?;
        let taken = transaction.taken(self.market());
        self.pay(transaction, taken)?;
        let bond = value::request_bond(self.market(), request.price);
        let held = u128::from(request.price).saturating_add(bond.into());
        let rent = u64::try_from(taken.saturating_sub(held)).unwrap_or(u64::MAX);
        self.burn(rent)?;
        if let Some(evicted) = gives_way {
            self.take_back(&evicted, 0)?;
        }
        let job = self.new_job(&class, request, transaction.from, bond);
        let hard = job.terms.hard;
        self.put_job(&id, job)?;
        self.agenda_add(hard.saturating_add(1), id)?;
        self.agenda_add(hard.saturating_add(ENDED_BLOCKS), id)?;
        self.tell(id, request.class, JobChange::Requested);
        if !class.policy.is_contest() {
            self.job_event(&id);
        }
        Ok(())
    }

    /// Whether a class takes one job more; gives the job that makes room, if one must.
    fn admit(&mut self, class: &Class, request: &Request) -> Result<Option<Hash>, Stop<V::Error>> {
        let key = StateKey::Waiting(request.class);
        let waiting = self.leaves.get::<Waiting>(key)?;
        let count = waiting.map_or(0, |waiting| waiting.0.len());
        if class.live >= MAX_LIVE || count >= MAX_WAITING {
            return Err(Void::ClassFull.into());
        }
        if count < MAX_STANDING || waiting.is_none_or(|it| it.standing() < MAX_STANDING) {
            return Ok(None);
        }
        // The cheapest stand last: the first from there that is free to go is the last of the
        // lowest.
        for place in (0..count).rev() {
            let waiting = self.leaves.get::<Waiting>(key)?;
            let Some(entry) = waiting.and_then(|waiting| waiting.0.get(place)).copied() else {
                continue;
            };
            if entry.terms.price >= request.price {
                break;
            }
            let job = self.job(&entry.job)?;
            if job.is_some_and(|job| is_untouched(job) && job.declines.is_empty()) {
                return Ok(Some(entry.job));
            }
        }
        Err(Void::PriceTooLow.into())
    }

    fn new_job(&self, class: &Class, request: &Request, requester: Address, bond: u64) -> Job {
        let created = self.height();
        let is_contest = class.policy.is_contest();
        Job {
            class: request.class,
            terms: Terms {
                price: request.price,
                late_price: request.late_price,
                soft: created.saturating_add(request.soft_blocks),
                hard: created.saturating_add(request.hard_blocks),
            },
            damage: request.damage,
            min_reputation: request.min_reputation,
            immediate: request.immediate,
            operator: request.operator,
            values: request.values.clone(),
            requester,
            created,
            place: self.tally.included,
            escrow: request.price,
            bond,
            status: if is_contest { Status::Open } else { Status::Waiting },
            cancelled: None,
            opened: is_contest.then_some(created),
            open_price: None,
            misses: Vec::new(),
            declines: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// A requester's own job that it may still change.
    fn own_job(&mut self, id: &Hash, from: &Address) -> Result<Job, Stop<V::Error>> {
        let job = self.job(id)?.ok_or(Void::NoJob)?;
        if job.requester != *from {
            return Err(Void::NotRequester.into());
        }
        if matches!(job.status, Status::Assigned(_)) {
            return Err(Void::JobAssigned.into());
        }
        if !is_untouched(job) {
            return Err(Void::JobBound.into());
        }
        Ok(job.clone())
    }

    /// Raises a job's value.
    pub(super) fn raise(
        &mut self,
        transaction: &Transaction,
        raise: &Raise,
    ) -> Result<(), Stop<V::Error>> {
        let mut job = self.own_job(&raise.job, &transaction.from)?;
        let added = raise.price.checked_sub(job.terms.price).ok_or(Void::Lowered)?;
        if raise.late_price < job.terms.late_price {
            return Err(Void::Lowered.into());
        }
        let bond = value::request_bond(self.market(), raise.price);
        let taken = u128::from(added).saturating_add(bond.saturating_sub(job.bond).into());
        self.pay(transaction, taken)?;
        let is_contest = self.class_of(&job)?.policy.is_contest();
        let class = job.class;
        (job.terms.price, job.terms.late_price) = (raise.price, raise.late_price);
        job.escrow = raise.price;
        job.bond = bond;
        job.open_price = None;
        self.put_job(&raise.job, job)?;
        if !is_contest {
            self.job_event(&raise.job);
        }
        let Raise { price, late_price, .. } = *raise;
        self.tell(raise.job, class, JobChange::Raised { price, late_price });
        Ok(())
    }

    /// Takes a job back for a tenth of the requester's bond.
    pub(super) fn cancel(
        &mut self,
        transaction: &Transaction,
        cancel: &Cancel,
    ) -> Result<(), Stop<V::Error>> {
        let mut job = self.own_job(&cancel.job, &transaction.from)?;
        let burned = job.bond.checked_div(10).unwrap_or(0);
        job.bond = job.bond.saturating_sub(burned);
        self.burn(burned)?;
        self.put_job(&cancel.job, job)?;
        Ok(self.take_back(&cancel.job, burned)?)
    }

    /// Cancels a waiting job; an open one comes under Cancel, and may still be delivered for a
    /// while: a proof may be on its way.
    fn take_back(&mut self, id: &Hash, burned: u64) -> Result<(), ApplyError<V::Error>> {
        let Some(mut job) = self.job(id)?.cloned() else { return Ok(()) };
        if job.status != Status::Open {
            return self.cancel_job(id, &job);
        }
        let claim_blocks = Height::from(self.class_of(&job)?.policy.claim_blocks);
        let (height, class) = (self.height(), job.class);
        job.cancelled = Some(height);
        self.put_job(id, job)?;
        self.tell(*id, class, JobChange::CancelBegun { burned });
        self.agenda_add(height.saturating_add(claim_blocks).saturating_add(1), *id)
    }

    /// Gives an assigned job back: the dearer the longer it was held.
    pub(super) fn decline(
        &mut self,
        transaction: &Transaction,
        decline: &Decline,
    ) -> Result<(), Stop<V::Error>> {
        let (id, height) = (&decline.job, self.height());
        let mut job = self.job(id)?.ok_or(Void::NoJob)?.clone();
        let Status::Assigned(assigned) = job.status else {
            return Err(Void::NotAssignee.into());
        };
        if assigned.operator != transaction.from {
            return Err(Void::NotAssignee.into());
        }
        let class = self.class_of(&job)?;
        let claimed = assigned.assigned.saturating_add(class.policy.claim_blocks.into());
        let last = claimed.min(assigned.promise.saturating_sub(1));
        if height > last {
            return Err(Void::DeclineLate { last }.into());
        }
        let policy = class.policy.clone();
        let plain = value::operator_bond(self.market(), &policy, job.terms.price);
        let burned = value::decline_burn(plain, assigned.assigned, height);
        let operator = assigned.operator;
        self.release(&operator, assigned.bond, burned)?;
        self.burn(burned)?;
        let class = job.class;
        job.status = Status::Waiting;
        job.declines.push(job::Decline { operator, ask_price: assigned.ask_price, burned });
        self.put_job(id, job)?;
        self.ask_fell(class, &operator)?;
        self.job_event(id);
        self.tell(*id, class, JobChange::Declined { operator, burned });
        Ok(())
    }
}

/// Whether a job is without miss, delivery and Cancel: its requester may still change it.
fn is_untouched(job: &Job) -> bool {
    job.misses.is_empty() && job.deliveries.is_empty() && job.cancelled.is_none()
}
