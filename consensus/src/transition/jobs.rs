//! Jobs as leaves: what is written with a job wherever it changes, and the events that follow.

use super::{
    ApplyError, StateView,
    session::{Phase, Session},
};
use crate::{
    Address, Hash, Height, StateKey,
    market::{
        Book, Class, Job, JobLeaf, Waiting, WaitingJob,
        job::{End, Status},
        queue::{AgendaLast, AgendaPage, Event, PAGE, What},
    },
};

impl<V: StateView> Session<'_, V> {
    /// The job, if it has not ended.
    pub(super) fn job(&mut self, id: &Hash) -> Result<Option<&Job>, ApplyError<V::Error>> {
        Ok(self.leaves.get::<JobLeaf>(StateKey::Job(*id))?.and_then(JobLeaf::live))
    }

    pub(super) fn class(&mut self, id: &Hash) -> Result<Option<&Class>, ApplyError<V::Error>> {
        self.leaves.get(StateKey::Class(*id))
    }

    /// A job's class, which is there as long as the job is.
    pub(super) fn class_of(&mut self, job: &Job) -> Result<&Class, ApplyError<V::Error>> {
        self.class(&job.class)?.ok_or(ApplyError::Missing(StateKey::Class(job.class)))
    }

    pub(super) fn change_class(
        &mut self,
        id: &Hash,
        change: impl FnOnce(&mut Class) -> Option<()>,
    ) -> Result<(), ApplyError<V::Error>> {
        let key = StateKey::Class(*id);
        let class = self.leaves.get_mut::<Class>(key)?.ok_or(ApplyError::Missing(key))?;
        change(class).ok_or(ApplyError::Overflow("the jobs of a class"))
    }

    /// Writes a job that has not ended, and with it the waiting list and the counts of its class.
    pub(super) fn put_job(&mut self, id: &Hash, job: Job) -> Result<(), ApplyError<V::Error>> {
        let class = job.class;
        let (after, assigned) = footprint(*id, &job);
        let before = self.job(id)?.map(|old| footprint(*id, old));
        self.recount(&class, before, Some((after, assigned)))?;
        self.leaves.set(StateKey::Job(*id), Some(JobLeaf::Live(Box::new(job))))
    }

    /// Leaves of a job what stays when it ends. Escrow and bond are the caller's to give away.
    pub(super) fn end_job(
        &mut self,
        id: &Hash,
        job: &Job,
        end: End,
    ) -> Result<(), ApplyError<V::Error>> {
        let before = self.job(id)?.map(|old| footprint(*id, old));
        self.recount(&job.class, before, None)?;
        if end == End::Delivered {
            self.change_class(&job.class, |class| {
                class.delivered = class.delivered.checked_add(1)?;
                Some(())
            })?;
        }
        self.leaves.set(StateKey::Job(*id), Some(JobLeaf::Ended(job.ended(end))))
    }

    fn recount(
        &mut self,
        class: &Hash,
        before: Option<Footprint>,
        after: Option<Footprint>,
    ) -> Result<(), ApplyError<V::Error>> {
        let counts = |footprint: &Option<Footprint>| match footprint {
            None => (0_u16, 0_u16),
            Some((_, assigned)) => (1, u16::from(*assigned)),
        };
        let (old, new) = (counts(&before), counts(&after));
        if old != new {
            self.change_class(class, |class| {
                class.live = class.live.checked_add(new.0)?.checked_sub(old.0)?;
                class.assigned = class.assigned.checked_add(new.1)?.checked_sub(old.1)?;
                Some(())
            })?;
        }
        let (old, new) = (before.and_then(|it| it.0), after.and_then(|it| it.0));
        if old == new {
            return Ok(());
        }
        let key = StateKey::Waiting(*class);
        if self.leaves.get::<Waiting>(key)?.is_none() {
            self.leaves.set(key, Some(Waiting::default()))?;
        }
        if let Some(waiting) = self.leaves.get_mut::<Waiting>(key)? {
            if let Some(entry) = old {
                waiting.remove(&entry);
            }
            if let Some(entry) = new {
                waiting.insert(entry);
            }
        }
        Ok(())
    }

    // --- Events ----------------------------------------------------------------------------------

    /// Has a job matched with the whole book: in this block if its matching is still to come.
    pub(super) fn job_event(&mut self, id: &Hash) {
        let later = if self.phase == Phase::Agenda { 0 } else { 1 };
        let due = self.height().saturating_add(later);
        self.queue.push(Event { due, what: What::Job(*id) });
    }

    /// Has an ask matched with open jobs, two blocks from now.
    pub(super) fn ask_event(&mut self, class: Hash, operator: Address) {
        let due = self.height().saturating_add(2);
        self.queue.push(Event { due, what: What::Ask { class, operator } });
    }

    /// One job less is assigned under an operator's ask. If it was full, it has to wait like a new
    /// one before it fits.
    pub(super) fn ask_fell(
        &mut self,
        class: Hash,
        operator: &Address,
    ) -> Result<(), ApplyError<V::Error>> {
        let (height, key) = (self.height(), StateKey::Book(class));
        let book = self.leaves.get_mut::<Book>(key)?;
        let ask = book.and_then(|book| book.of_mut(operator)).ok_or(ApplyError::Missing(key))?;
        let was_full = ask.is_full();
        ask.open = ask.open.saturating_sub(1);
        if ask.is_full() {
            return Ok(());
        }
        if was_full {
            ask.since = height;
        }
        self.ask_event(class, *operator);
        Ok(())
    }

    /// Lists a job for the agenda of a later block.
    pub(super) fn agenda_add(
        &mut self,
        height: Height,
        id: Hash,
    ) -> Result<(), ApplyError<V::Error>> {
        let last_key = StateKey::AgendaLast(height);
        let mut last: AgendaLast = self.read(last_key)?.unwrap_or_default();
        if let Some(page) =
            self.leaves.get_mut::<AgendaPage>(StateKey::Agenda(height, last.page))?
        {
            if page.0.len() < PAGE {
                page.0.push(id);
                return Ok(());
            }
            last.page = last.page.saturating_add(1);
            self.leaves.set(last_key, Some(last))?;
        }
        self.leaves.set(StateKey::Agenda(height, last.page), Some(AgendaPage(vec![id])))
    }
}

/// A job's entry in the waiting list, if it has one, and whether it is assigned.
type Footprint = (Option<WaitingJob>, bool);

fn footprint(id: Hash, job: &Job) -> Footprint {
    match job.status {
        Status::Assigned(_) => (None, true),
        Status::Waiting | Status::Open => (Some(WaitingJob::of(id, job)), false),
    }
}
