//! Settlement: what a delivery, a failure and the end of a contest pay.

use super::{
    ApplyError, StateView,
    session::{Session, difference, sum},
};
use crate::{
    Address, Hash, StateKey,
    market::{
        Job, ProvingPool, contest,
        event::{Delivered, JobChange},
        job::{End, Miss, Status},
        settlement::{self, Slash, Split},
    },
};

impl<V: StateView> Session<'_, V> {
    /// A proof of the job holds, by its assignee or for an open job.
    pub(super) fn deliver_job(
        &mut self,
        id: &Hash,
        job: &Job,
        operator: Address,
    ) -> Result<(), ApplyError<V::Error>> {
        let height = self.height();
        let class = self.class_of(job)?;
        let (creator, royalty_bps) = (class.creator, class.royalty_bps);
        let assigned = match job.status {
            Status::Assigned(assigned) => Some(assigned),
            Status::Waiting | Status::Open => None,
        };
        let open_limits = [job.open_price, job.returned_price(&operator)];
        let pay = assigned.map_or_else(
            || open_limits.into_iter().flatten().fold(job.terms.value(height), u64::min),
            |assigned| assigned.ask_price,
        );
        let Split { burned, royalty, rest } = settlement::split(pay, royalty_bps);
        self.end_job(id, job, End::Delivered)?;
        let subsidy = match assigned {
            Some(assigned) => {
                self.release(&operator, assigned.bond, 0)?;
                self.ask_fell(job.class, &operator)?;
                self.reward(&operator, burned)?
            }
            None => 0,
        };
        self.burn(burned)?;
        self.credit(creator, royalty)?;
        self.credit(operator, rest)?;
        let refund = sum(difference(job.escrow, pay, "an escrow")?, job.bond, "a refund")?;
        self.credit(job.requester, refund)?;
        self.tell(
            *id,
            job.class,
            JobChange::Delivered(Delivered {
                paid: vec![(operator, rest)],
                burned,
                royalty,
                subsidy,
                refund,
            }),
        );
        for miss in &job.misses {
            let own = miss.operator == operator;
            let slash = settlement::slash_delivered(&job.terms, miss.bond, height, own);
            self.slash(id, job, miss, slash)?;
            self.credit(operator, slash.to_deliverer)?;
        }
        for decline in job.declines.iter().filter(|decline| decline.operator != operator) {
            self.change_operator(&decline.operator, |operator| {
                operator.lose_reputation(64);
                Some(())
            })?;
        }
        Ok(())
    }

    /// Nobody delivered in time.
    pub(super) fn fail_job(&mut self, id: &Hash, job: &Job) -> Result<(), ApplyError<V::Error>> {
        self.end_undelivered(id, job, End::Failed)?;
        for miss in &job.misses {
            self.slash(id, job, miss, settlement::slash_failed(&job.terms, miss.bond))?;
        }
        Ok(())
    }

    /// Ends a miss. What goes to the deliverer is the caller's to give.
    fn slash(
        &mut self,
        id: &Hash,
        job: &Job,
        miss: &Miss,
        slash: Slash,
    ) -> Result<(), ApplyError<V::Error>> {
        self.release(&miss.operator, miss.bond, slash.taken())?;
        self.credit(job.requester, slash.to_requester)?;
        self.burn(slash.burned)?;
        self.tell(*id, job.class, JobChange::Slashed { operator: miss.operator, slash });
        Ok(())
    }

    /// An assignee has kept its promise: the proving pool of the last epoch pays, and reputation
    /// will follow what was burned.
    fn reward(&mut self, operator: &Address, burned: u64) -> Result<u64, ApplyError<V::Error>> {
        let paid = match self.epoch().checked_sub(1) {
            Some(last) => self.subsidy(operator, StateKey::ProvingPool(last), burned)?,
            None => 0,
        };
        self.change_operator(operator, |operator| {
            operator.burned = operator.burned.checked_add(burned)?;
            operator.subsidy = operator.subsidy.checked_add(paid)?;
            Some(())
        })?;
        Ok(paid)
    }

    fn subsidy(
        &mut self,
        operator: &Address,
        key: StateKey,
        burned: u64,
    ) -> Result<u64, ApplyError<V::Error>> {
        let Some(pool) = self.read::<ProvingPool>(key)? else { return Ok(0) };
        let weight = self.frozen_weight(StateKey::Weight(*operator))?;
        let all = self.frozen_weight(StateKey::WeightSum)?;
        let taken = self.operator(operator)?.subsidy;
        let paid = pool.subsidy(burned, weight, all, taken);
        if paid > 0 {
            let left = difference(pool.left, paid, "a proving pool")?;
            self.leaves.set(key, Some(ProvingPool { left, ..pool }))?;
            self.credit(*operator, paid)?;
        }
        Ok(paid)
    }

    /// A contest is over: its value is shared among the winners.
    pub(super) fn settle_contest(
        &mut self,
        id: &Hash,
        job: &Job,
    ) -> Result<(), ApplyError<V::Error>> {
        let class = self.class_of(job)?;
        let (creator, royalty_bps, policy) =
            (class.creator, class.royalty_bps, class.policy.clone());
        let first = job.deliveries.first().map_or(job.terms.hard, |delivery| delivery.height);
        let total = job.terms.value(first);
        let Split { burned, royalty, rest } = settlement::split(total, royalty_bps);
        let last = job.window_end(policy.window).unwrap_or(job.terms.hard);
        let hash = self.block_hash(last)?;
        let mut winners = contest::ranked(id, job, policy.randomised, &hash);
        winners.truncate(policy.winners.into());
        let count = u64::try_from(winners.len()).unwrap_or(u64::MAX);
        let each = rest.checked_div(count).unwrap_or(0);
        let burned = sum(burned, rest.saturating_sub(each.saturating_mul(count)), "a contest")?;
        self.end_job(id, job, End::Delivered)?;
        for delivery in &job.deliveries {
            self.release(&delivery.operator, policy.min_bond, 0)?;
        }
        for winner in &winners {
            self.credit(*winner, each)?;
        }
        self.burn(burned)?;
        self.credit(creator, royalty)?;
        let refund = sum(difference(job.escrow, total, "an escrow")?, job.bond, "a refund")?;
        self.credit(job.requester, refund)?;
        let paid = winners.into_iter().map(|winner| (winner, each)).collect();
        let delivered = Delivered { paid, burned, royalty, subsidy: 0, refund };
        self.tell(*id, job.class, JobChange::Delivered(delivered));
        Ok(())
    }

    /// The hash of an ancestor: usually the parent, an older one in a backlog.
    fn block_hash(&self, height: u32) -> Result<Hash, ApplyError<V::Error>> {
        if height.checked_add(1) == Some(self.height()) {
            return Ok(self.context.parent_hash);
        }
        self.leaves.view.block_hash(height).map_err(ApplyError::Store)
    }
}
