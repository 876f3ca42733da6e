//! Deliveries: who may deliver what, and what a false proof costs.

use super::{
    ApplyError, StateView, Stop,
    session::{Session, difference},
};
use crate::{
    Address, Hash, Height, StateKey,
    market::{
        ClassKey, Job, JobLeaf, Policy,
        event::{JobChange, Outcome, Void},
        job::{Delivery, MAX_DELIVERIES, Status},
        matching::passes_gate,
        proofs::SoldProof,
    },
    transaction::{Deliver, RegisterClass},
};

impl<V: StateView> Session<'_, V> {
    /// Counts a Deliver against the block's budget, void or not. What is due of its jobs has been
    /// done.
    pub(super) fn count_delivery(
        &mut self,
        deliver: &Deliver,
        from: &Address,
    ) -> Result<(), Stop<V::Error>> {
        let mut first = None;
        let mut all_own = true;
        for id in &deliver.jobs {
            let leaf = self.leaves.get::<JobLeaf>(StateKey::Job(*id))?;
            all_own &= leaf.and_then(JobLeaf::live).is_some_and(|job| is_assigned_to(job, from));
            first = first.or_else(|| leaf.map(|leaf| (*leaf.class(), leaf.values().len())));
        }
        let (system, values) = match first {
            Some((class, values)) => {
                let class = self.class(&class)?;
                (class.map_or(RegisterClass::SYSTEM, |class| class.system), values)
            }
            None => (RegisterClass::SYSTEM, 0),
        };
        let units = self.proofs.cost(system, deliver.jobs.len(), values);
        self.use_budget(units, all_own)
    }

    /// Applies a Deliver of which the fee is paid.
    pub(super) fn deliver(
        &mut self,
        deliver: &Deliver,
        from: Address,
        id: Hash,
    ) -> Result<Outcome, Stop<V::Error>> {
        let (class, chosen) = self.deliverable(deliver, &from)?;
        let sold = self.sold_proof(deliver, &from, id, &class)?;
        if !self.proofs.holds(&sold) {
            self.false_proof(&from)?;
            return Ok(Outcome::FalseProof);
        }
        for id in &chosen {
            let Some(job) = self.job(id)?.cloned() else { continue };
            let policy = self.class_of(&job)?.policy.clone();
            if policy.is_contest() {
                self.enter_contest(id, job, &policy, from)?;
            } else {
                self.deliver_job(id, &job, from)?;
            }
        }
        Ok(Outcome::Applied)
    }

    /// The class of the listed jobs, and those of them that the sender may deliver now.
    fn deliverable(
        &mut self,
        deliver: &Deliver,
        from: &Address,
    ) -> Result<(Hash, Vec<Hash>), Stop<V::Error>> {
        let mut class = None;
        for id in &deliver.jobs {
            let leaf = self.leaves.get::<JobLeaf>(StateKey::Job(*id))?;
            let own = leaf.ok_or(Void::MixedJobs)?.class();
            if class.is_some_and(|class| class != *own) {
                return Err(Void::MixedJobs.into());
            }
            class = Some(*own);
        }
        let class = class.ok_or(Void::MixedJobs)?;
        let mut free = self.operator(from)?.free();
        let needed = self.market().false_proof;
        if free < needed {
            return Err(Void::FreeBond { needed: needed.into(), free }.into());
        }
        let mut chosen = Vec::new();
        for id in &deliver.jobs {
            let Some(job) = self.job(id)?.cloned() else { continue };
            let policy = self.class_of(&job)?.policy.clone();
            if self.may_deliver(&job, &policy, from, free)? {
                chosen.push(*id);
                if policy.is_contest() {
                    free = free.saturating_sub(policy.min_bond);
                }
            }
        }
        if chosen.is_empty() {
            return Err(Void::NothingToDeliver.into());
        }
        Ok((class, chosen))
    }

    /// Whether an operator with so much free bond may deliver a job.
    fn may_deliver(
        &mut self,
        job: &Job,
        policy: &Policy,
        from: &Address,
        free: u64,
    ) -> Result<bool, ApplyError<V::Error>> {
        let height = self.height();
        if job.status != Status::Open {
            return Ok(is_assigned_to(job, from));
        }
        let is_named = job.operator.is_none_or(|operator| operator == *from);
        if job.opened.is_none_or(|opened| height <= opened) || !is_named {
            return Ok(false);
        }
        let standing = self.standing(from)?;
        let price = job.terms.value(height);
        let class = self.class_of(job)?;
        if !passes_gate(class, height, from, &standing, price, job.min_reputation) {
            return Ok(false);
        }
        if !policy.is_contest() {
            return Ok(true);
        }
        let needed = u128::from(policy.min_bond).saturating_add(self.market().false_proof.into());
        Ok(u128::from(free) >= needed
            && job.deliveries.len() < MAX_DELIVERIES
            && job.deliveries.iter().all(|delivery| delivery.operator != *from))
    }

    /// What a Deliver's verdict depends on.
    pub(super) fn sold_proof(
        &mut self,
        deliver: &Deliver,
        from: &Address,
        id: Hash,
        class: &Hash,
    ) -> Result<SoldProof, ApplyError<V::Error>> {
        let mut instances = Vec::with_capacity(deliver.jobs.len());
        for job in &deliver.jobs {
            let leaf = self.leaves.get::<JobLeaf>(StateKey::Job(*job))?;
            instances.push(leaf.map_or(Vec::new(), |leaf| leaf.values().to_vec()));
        }
        let key = StateKey::Key(*class);
        let ClassKey(bytes) = self.read(key)?.ok_or(ApplyError::Missing(key))?;
        let key = StateKey::Class(*class);
        let system = self.class(class)?.ok_or(ApplyError::Missing(key))?.system;
        Ok(SoldProof {
            delivery: id,
            system,
            class: *class,
            key: bytes,
            binding: deliver.binding(&self.context.genesis_hash, from),
            instances,
            proof: deliver.proof.clone(),
        })
    }

    /// A proof that does not hold: half of what it costs goes to the producer, who had to have it
    /// verified.
    fn false_proof(&mut self, from: &Address) -> Result<(), ApplyError<V::Error>> {
        let cost = self.market().false_proof;
        self.change_operator(from, |operator| {
            operator.bond = operator.bond.checked_sub(cost)?;
            operator.reputation = 0;
            Some(())
        })?;
        let to_producer = cost >> 1;
        self.burn(difference(cost, to_producer, "a false proof")?)?;
        let penalties = self.tally.penalties.checked_add(to_producer);
        self.tally.penalties = penalties.ok_or(ApplyError::Overflow("penalties"))?;
        Ok(())
    }

    /// Notes a contest's delivery. The first one annuls a Cancel: else proofs seen in the mempool
    /// could be had for nothing.
    fn enter_contest(
        &mut self,
        id: &Hash,
        mut job: Job,
        policy: &Policy,
        operator: Address,
    ) -> Result<(), ApplyError<V::Error>> {
        let height = self.height();
        self.lock(&operator, policy.min_bond)?;
        let settles: Height = height.saturating_add(policy.window.into()).saturating_add(1);
        if job.deliveries.is_empty() && settles <= job.terms.hard {
            self.agenda_add(settles, *id)?;
        }
        let class = job.class;
        job.deliveries.push(Delivery { operator, height });
        job.cancelled = None;
        self.put_job(id, job)?;
        self.tell(*id, class, JobChange::Proved { operator });
        Ok(())
    }
}

fn is_assigned_to(job: &Job, operator: &Address) -> bool {
    matches!(job.status, Status::Assigned(assigned) if assigned.operator == *operator)
}
