//! Agenda: what falls due of jobs at the start of a block, and what a transaction that names a job
//! has done first.
//!
//! What must not be broken: a block takes so many entries and no more, the oldest first, and none
//! is lost; a job that something is due of never waits for longer than its entry.

use super::{ApplyError, StateView, session::Session};
use crate::{
    Hash, StateKey,
    market::{
        Job, JobLeaf,
        event::JobChange,
        job::{Assigned, ENDED_BLOCKS, End, Miss, Status},
        queue::{AgendaLast, AgendaOldest, AgendaPage},
    },
};

/// What is due of a job.
enum Due {
    Cancel,
    Miss(Assigned),
    Contest,
    Fail,
}

impl<V: StateView> Session<'_, V> {
    /// Takes the entries that are due, those of the oldest heights first.
    pub(super) fn agenda(&mut self) -> Result<(), ApplyError<V::Error>> {
        let oldest: Option<AgendaOldest> = self.read(StateKey::AgendaOldest)?;
        let mut at = oldest.unwrap_or(AgendaOldest { height: self.height(), page: 0 });
        let mut room = self.limits.agenda;
        let mut left = None;
        while at.height <= self.height() {
            let key = StateKey::Agenda(at.height, at.page);
            let Some(AgendaPage(mut entries)) = self.read::<AgendaPage>(key)? else {
                self.leaves.set::<AgendaLast>(StateKey::AgendaLast(at.height), None)?;
                let Some(height) = at.height.checked_add(1) else { break };
                at = AgendaOldest { height, page: 0 };
                continue;
            };
            if room == 0 {
                left = Some(at);
                break;
            }
            let rest = entries.split_off(entries.len().min(room));
            room = room.saturating_sub(entries.len());
            for id in &entries {
                self.due(id)?;
            }
            if rest.is_empty() {
                self.leaves.set::<AgendaPage>(key, None)?;
                at.page = at.page.saturating_add(1);
            } else {
                self.leaves.set(key, Some(AgendaPage(rest)))?;
                left = Some(at);
                break;
            }
        }
        self.leaves.set(StateKey::AgendaOldest, left)
    }

    /// Does what is due of a job, until nothing is.
    pub(super) fn due(&mut self, id: &Hash) -> Result<(), ApplyError<V::Error>> {
        loop {
            let height = self.height();
            match self.leaves.get::<JobLeaf>(StateKey::Job(*id))? {
                None => return Ok(()),
                Some(JobLeaf::Ended(job)) => {
                    if job.hard.saturating_add(ENDED_BLOCKS) <= height {
                        self.leaves.set::<JobLeaf>(StateKey::Job(*id), None)?;
                    }
                    return Ok(());
                }
                Some(JobLeaf::Live(_)) => {}
            }
            let Some(due) = self.what_is_due(id)? else { return Ok(()) };
            let Some(job) = self.job(id)?.cloned() else { return Ok(()) };
            match due {
                Due::Cancel => self.cancel_job(id, &job)?,
                Due::Miss(assigned) => self.miss(id, job, &assigned)?,
                Due::Contest => self.settle_contest(id, &job)?,
                Due::Fail => self.fail_job(id, &job)?,
            }
        }
    }

    fn what_is_due(&mut self, id: &Hash) -> Result<Option<Due>, ApplyError<V::Error>> {
        let height = self.height();
        let Some(job) = self.job(id)? else { return Ok(None) };
        let (cancelled, status, hard) = (job.cancelled, job.status, job.terms.hard);
        let (class, is_contest) = (job.class, !job.deliveries.is_empty());
        if cancelled.is_some() || is_contest {
            let key = StateKey::Class(class);
            let class = self.class(&class)?.ok_or(ApplyError::Missing(key))?;
            let (claim, window) = (class.policy.claim_blocks, class.policy.window);
            if cancelled.is_some_and(|at| at.saturating_add(claim.into()) < height) {
                return Ok(Some(Due::Cancel));
            }
            let end = self.job(id)?.and_then(|job| job.window_end(window));
            if end.is_some_and(|end| end < height) {
                return Ok(Some(Due::Contest));
            }
        }
        Ok(match status {
            Status::Assigned(assigned) if assigned.promise < height => Some(Due::Miss(assigned)),
            _ if hard < height => Some(Due::Fail),
            _ => None,
        })
    }

    /// An assignee has let its promise pass.
    fn miss(
        &mut self,
        id: &Hash,
        mut job: Job,
        assigned: &Assigned,
    ) -> Result<(), ApplyError<V::Error>> {
        let Assigned { operator, ask_price, promise, bond, .. } = *assigned;
        let class = job.class;
        job.status = Status::Waiting;
        job.misses.push(Miss { operator, promise, bond, ask_price });
        self.put_job(id, job)?;
        self.change_operator(&operator, |operator| {
            operator.lose_reputation(4);
            Some(())
        })?;
        self.ask_fell(class, &operator)?;
        self.job_event(id);
        self.tell(*id, class, JobChange::Missed { operator, bond });
        Ok(())
    }

    /// A job that ends undelivered: its requester gets back all but what operators burned to
    /// decline it, so that bait costs its maker what it cost them.
    pub(super) fn end_undelivered(
        &mut self,
        id: &Hash,
        job: &Job,
        end: End,
    ) -> Result<(), ApplyError<V::Error>> {
        self.end_job(id, job, end)?;
        let declined = job.declines.iter().map(|decline| decline.burned);
        let burned = declined.fold(0, u64::saturating_add).min(job.bond);
        let refund = job.escrow.saturating_add(job.bond.saturating_sub(burned));
        self.burn(burned)?;
        self.credit(job.requester, refund)?;
        self.tell(*id, job.class, JobChange::Undelivered { end, refund, burned });
        Ok(())
    }

    pub(super) fn cancel_job(&mut self, id: &Hash, job: &Job) -> Result<(), ApplyError<V::Error>> {
        self.end_undelivered(id, job, End::Cancelled)
    }
}
