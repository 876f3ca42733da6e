//! Those that sell: what each behaviour does with its bond, its asks and its jobs.

use lode_consensus::{
    Action, Address, Hash,
    market::{
        Job,
        job::{Assigned, Status},
    },
    transaction::{Ask, Bond, Decline, Deliver, Unbond},
};
use lode_ledger::JobStatus;
use rand::RngExt;

use super::{
    AWAY, Behaviour, Trader,
    view::{View, is_provable},
};
use crate::sim::schedule::Micros;

/// What an operator puts at stake at once, in microcredits.
const BOND: u64 = 40_000_000;
/// Free bond below which it puts in more.
const LEAST_FREE: u64 = 8_000_000;
/// The largest bond that it accepts for a job.
const MAX_BOND: u64 = 2_500_000;
/// What most ask for a proof, in microcredits.
const PRICE: u64 = 100_000;
/// Bytes of a sold proof.
const PROOF_BYTES: usize = 900;

/// What to do with an assigned job.
enum Do {
    Wait,
    Prove,
    Lie,
    Decline,
}

impl Trader {
    /// What an operator does next.
    pub(super) fn operate(
        &mut self,
        view: &View<'_>,
        now: Micros,
        genesis: &Hash,
    ) -> Option<Action> {
        if view.operator.free() < LEAST_FREE {
            return Some(Action::Bond(Bond { amount: BOND }));
        }
        if self.behaviour == Behaviour::Contender {
            return self.contend(view, genesis);
        }
        if let Some(action) = self.keep_promises(view, now, genesis) {
            return Some(action);
        }
        if now < self.away_until {
            return None;
        }
        if let Some(action) = self.sell_open(view, genesis) {
            return Some(action);
        }
        if self.behaviour == Behaviour::Flapping && self.chance(0.05) {
            return Some(Action::Unbond(Unbond { amount: BOND / 4 }));
        }
        self.ask(view)
    }

    /// Delivers or declines what is assigned, by behaviour: proofs of one class in one batch.
    fn keep_promises(&mut self, view: &View<'_>, now: Micros, genesis: &Hash) -> Option<Action> {
        let mut batch: Vec<(Hash, Hash)> = Vec::new();
        for (id, job) in view.jobs(JobStatus::Assigned) {
            let Status::Assigned(assigned) = job.status else { continue };
            if assigned.operator != view.own {
                continue;
            }
            match self.judge(view, now, &id, &job, &assigned) {
                Do::Wait => {}
                Do::Prove => batch.push((job.class, id)),
                Do::Lie => return Some(self.deliver(vec![id], genesis, false)),
                Do::Decline => return Some(Action::Decline(Decline { job: id })),
            }
        }
        let (class, _) = *batch.first()?;
        let of_class = batch.into_iter().filter(|(other, _)| *other == class);
        let mut jobs: Vec<Hash> = of_class.map(|(_, id)| id).take(Deliver::MAX_JOBS).collect();
        jobs.sort_unstable();
        Some(self.deliver(jobs, genesis, true))
    }

    fn judge(
        &mut self,
        view: &View<'_>,
        now: Micros,
        id: &Hash,
        job: &Job,
        assigned: &Assigned,
    ) -> Do {
        let next = view.next();
        let claim = u32::from(view.class(&job.class).policy.claim_blocks);
        let may_decline = next <= (assigned.assigned + claim).min(assigned.promise - 1);
        let declines = if may_decline { Do::Decline } else { Do::Wait };
        if next > assigned.promise {
            return Do::Wait;
        }
        match self.behaviour {
            Behaviour::Lazy => Do::Wait,
            Behaviour::Decliner => declines,
            _ if !is_provable(job) => declines,
            Behaviour::Turns(_) if self.other.is_some_and(|it| !job.was_returned_by(&it)) => {
                Do::Wait
            }
            Behaviour::LastBlock if next < assigned.promise => Do::Wait,
            Behaviour::Crashing if self.marked != Some(*id) => {
                self.marked = Some(*id);
                if self.chance(1.0 / 3.0) {
                    self.away_until = now + self.rng.random_range(AWAY.0..AWAY.1);
                    return Do::Wait;
                }
                Do::Prove
            }
            Behaviour::False if self.marked != Some(*id) => {
                self.marked = Some(*id);
                if self.chance(0.5) { Do::Lie } else { Do::Prove }
            }
            _ => Do::Prove,
        }
    }

    /// Sells a job for which no ask fitted.
    fn sell_open(&mut self, view: &View<'_>, genesis: &Hash) -> Option<Action> {
        let (part, holds) = match self.behaviour {
            Behaviour::Fence(_) => (1.0, true),
            Behaviour::Honest | Behaviour::Turns(_) => (0.2, true),
            Behaviour::False => (0.02, false),
            _ => return None,
        };
        let next = view.next();
        let jobs = view.jobs(JobStatus::Open);
        let sold = jobs.into_iter().filter(|(_, job)| {
            !view.class(&job.class).policy.is_contest()
                && is_provable(job)
                && job.opened.is_some_and(|opened| opened < next)
                && job.operator.is_none_or(|operator| operator == view.own)
                && job.terms.value(next) > PRICE / 2
        });
        let sold: Vec<Hash> = sold
            .filter(|(_, job)| match self.other {
                Some(other) => job.was_returned_by(&other),
                None => true,
            })
            .map(|(id, _)| id)
            .collect();
        let id = *sold.first()?;
        self.chance(part).then(|| self.deliver(vec![id], genesis, holds))
    }

    /// Delivers for a contest, once.
    fn contend(&mut self, view: &View<'_>, genesis: &Hash) -> Option<Action> {
        let next = view.next();
        let jobs = view.jobs(JobStatus::Open).into_iter().filter(|(_, job)| {
            let policy = &view.class(&job.class).policy;
            policy.is_contest()
                && job.deliveries.iter().all(|delivery| delivery.operator != view.own)
                && job.window_end(policy.window).is_none_or(|end| next <= end)
                && next <= job.terms.hard
        });
        let ids: Vec<Hash> = jobs.map(|(id, _)| id).collect();
        let id = *ids.first()?;
        // Some are late, and hope for the same block or the rest of the window.
        self.chance(0.5).then(|| self.deliver(vec![id], genesis, true))
    }

    fn deliver(&mut self, jobs: Vec<Hash>, genesis: &Hash, holds: bool) -> Action {
        let mut deliver = Deliver { jobs, proof: vec![0; PROOF_BYTES] };
        let own: Address = self.actor.address;
        self.rng.fill(&mut deliver.proof[..]);
        if holds {
            let binding = deliver.binding(genesis, &own);
            deliver.proof[..32].copy_from_slice(&binding.0);
        }
        Action::Deliver(deliver)
    }

    /// Renews an ask that has ended or soon will; one that flaps is renewed or taken back at once.
    fn ask(&mut self, view: &View<'_>) -> Option<Action> {
        let flaps = self.behaviour == Behaviour::Flapping && self.chance(0.3);
        for (id, class) in view.classes.iter().filter(|(_, class)| !class.policy.is_contest()) {
            let book = view.reader.book(id).expect("the ledger reads");
            let own = book.of(&view.own);
            let is_fresh = own.is_some_and(|own| own.capacity > 0 && own.until >= view.next() + 4);
            if is_fresh && !flaps {
                continue;
            }
            // In a full book only more at stake makes room.
            let is_full = book.0.len() >= usize::from(class.policy.max_operators);
            if own.is_none() && is_full && !self.chance(0.05) {
                continue;
            }
            let capacity = if is_fresh && self.chance(0.5) { 0 } else { self.capacity() };
            return Some(Action::Ask(Ask {
                class: *id,
                price: self.price(),
                blocks: self.rng.random_range(4..8),
                capacity,
                max_bond: MAX_BOND,
                until: view.next() + self.rng.random_range(8..40),
            }));
        }
        None
    }

    fn capacity(&mut self) -> u16 {
        self.rng.random_range(1..5)
    }

    fn price(&mut self) -> u64 {
        let percent = match self.behaviour {
            Behaviour::Decliner => 90..97,
            Behaviour::Fence(_) => 150..200,
            _ => 92..105,
        };
        self.rng.random_range(percent) * PRICE / 100
    }
}
