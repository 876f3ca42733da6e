//! Matching: the events of the queue that are due are taken, in order, each once.
//!
//! Nothing else leads to matching, so its work is bounded by what the last block did. A job event
//! holds one job against the whole book; the ask events of a class hold its open jobs against those
//! asks.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApplyError, StateView, session::Session};
use crate::{
    Address, Hash, StateKey,
    market::{
        Book, BookAsk, Class, Job, JobLeaf, Waiting, WaitingJob,
        event::JobChange,
        job::{Assigned, Status},
        matching::{Candidate, Drawn, Round},
        queue::{Event, QueuePage, What},
    },
};

/// What matching has done so far in this block.
#[derive(Debug, Default)]
struct Done {
    assignments: usize,
    limit: usize,
    of_class: BTreeMap<Hash, OfClass>,
}

/// The same for one class.
#[derive(Debug, Default)]
struct OfClass {
    assignments: u32,
    drawn: Drawn,
}

impl Done {
    fn is_full(&self) -> bool {
        self.assignments >= self.limit
    }

    fn drawn(&mut self, class: &Hash) -> &mut Drawn {
        &mut self.of_class.entry(*class).or_default().drawn
    }
}

/// Asks of a class that are being matched, with the class as it is after each assignment.
struct Desk {
    id: Hash,
    class: Class,
    asks: Vec<Candidate>,
}

impl<'a, V: StateView> Session<'a, V> {
    /// Reads the queue that the last block left.
    pub(super) fn load_queue(&mut self) -> Result<(), ApplyError<V::Error>> {
        let mut page = 0_u32;
        while let Some(QueuePage(events)) = self.leaves.get(StateKey::Queue(page))? {
            self.queue.extend_from_slice(events);
            page = page.saturating_add(1);
        }
        Ok(())
    }

    /// Writes the queue, packed from page 0 on.
    pub(super) fn store_queue(&mut self) -> Result<(), ApplyError<V::Error>> {
        let events = std::mem::take(&mut self.queue);
        let mut pages = events.chunks(crate::market::queue::PAGE);
        let mut page = 0_u32;
        loop {
            let key = StateKey::Queue(page);
            match pages.next() {
                Some(events) => self.leaves.set(key, Some(QueuePage(events.to_vec())))?,
                None if self.leaves.get::<QueuePage>(key)?.is_some() => {
                    self.leaves.set::<QueuePage>(key, None)?;
                }
                None => return Ok(()),
            }
            page = page.saturating_add(1);
        }
    }

    /// Takes the events that are due.
    pub(super) fn matching(&mut self) -> Result<(), ApplyError<V::Error>> {
        let height = self.height();
        // What matching itself adds goes behind what is left.
        let mut events: Vec<Option<Event>> =
            std::mem::take(&mut self.queue).into_iter().map(Some).collect();
        let mut of_class: BTreeMap<Hash, Vec<usize>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            if let Some(Event { due, what: What::Ask { class, .. } }) = event
                && *due <= height
            {
                of_class.entry(*class).or_default().push(place);
            }
        }
        let mut done = Done { limit: self.limits.assignments, ..Done::default() };
        for place in 0..events.len() {
            if done.is_full() {
                break;
            }
            let Some(Some(Event { due, what })) = events.get(place).copied() else { continue };
            if due > height {
                continue;
            }
            match what {
                What::Job(id) => {
                    self.take_job(&id, &mut done)?;
                    forget(&mut events, place);
                }
                What::Ask { class, .. } => {
                    let places = of_class.remove(&class).unwrap_or_default();
                    let operators = places.iter().filter_map(|place| operator_at(&events, *place));
                    let stay = self.take_asks(&class, operators.collect(), &mut done)?;
                    for place in places {
                        let operator = operator_at(&events, place);
                        if operator.is_none_or(|operator| !stay.contains(&operator)) {
                            forget(&mut events, place);
                        }
                    }
                }
            }
        }
        let added = std::mem::take(&mut self.queue);
        self.queue = events.into_iter().flatten().chain(added).collect();
        Ok(())
    }

    /// A job event.
    fn take_job(&mut self, id: &Hash, done: &mut Done) -> Result<(), ApplyError<V::Error>> {
        let leaf = self.leaves.get::<JobLeaf>(StateKey::Job(*id))?;
        let Some(class) = leaf.map(|leaf| *leaf.class()) else { return Ok(()) };
        self.purge(&class)?;
        let Some(job) = self.job(id)?.filter(|job| is_free(job)).cloned() else { return Ok(()) };
        let Some(mut desk) = self.desk(&class, |_| true)? else { return Ok(()) };
        if !job.is_spent()
            && let Some(place) =
                self.round(&desk, done).choose(&job, &desk.asks, done.drawn(&class))
        {
            return self.assign(id, job, &mut desk, place, done);
        }
        if job.status == Status::Waiting {
            return self.remain(id, job, &desk, done);
        }
        Ok(())
    }

    /// No ask fits a waiting job, or it is not to be assigned again.
    fn remain(
        &mut self,
        id: &Hash,
        mut job: Job,
        desk: &Desk,
        done: &Done,
    ) -> Result<(), ApplyError<V::Error>> {
        if job.immediate {
            return match job.misses.is_empty() {
                true => self.cancel_job(id, &job),
                false => self.fail_job(id, &job),
            };
        }
        if job.is_spent() {
            let fitting = self.round(desk, done).fitting(&job, &desk.asks);
            let prices = fitting.iter().filter_map(|place| desk.asks.get(*place));
            job.open_price = prices.map(|candidate| candidate.ask.price).min();
        }
        job.status = Status::Open;
        job.opened = Some(self.height());
        self.tell(*id, job.class, JobChange::Opened { open_price: job.open_price });
        self.put_job(id, job)
    }

    /// The due ask events of a class, together. Gives the operators whose events stay in the queue
    /// because no more jobs may be assigned in this block.
    fn take_asks(
        &mut self,
        class: &Hash,
        operators: BTreeSet<Address>,
        done: &mut Done,
    ) -> Result<BTreeSet<Address>, ApplyError<V::Error>> {
        self.purge(class)?;
        let has_room = |ask: &BookAsk| operators.contains(&ask.operator) && !ask.is_full();
        let Some(mut desk) = self.desk(class, has_room)? else { return Ok(BTreeSet::new()) };
        let waiting: Option<&Waiting> = self.leaves.get(StateKey::Waiting(*class))?;
        let open = |entry: &&WaitingJob| entry.is_open && !entry.is_cancelled;
        let jobs: Vec<WaitingJob> =
            waiting.map_or(Vec::new(), |waiting| waiting.0.iter().filter(open).copied().collect());
        let mut made: BTreeMap<Address, usize> = BTreeMap::new();
        for entry in jobs {
            if desk.asks.is_empty() {
                break;
            }
            let round = self.round(&desk, done);
            if !round.may_fit(&entry, &desk.asks) {
                continue;
            }
            // Most jobs that come here are held against asks in vain: they are not kept.
            let Some(JobLeaf::Live(job)) = self.leaves.glance(StateKey::Job(entry.job))? else {
                continue;
            };
            let job = *job;
            if job.is_spent() {
                continue;
            }
            let Some(place) = round.choose(&job, &desk.asks, done.drawn(class)) else { continue };
            let Some(operator) = desk.asks.get(place).map(|candidate| candidate.ask.operator)
            else {
                continue;
            };
            self.assign(&entry.job, job, &mut desk, place, done)?;
            let count = made.entry(operator).or_default();
            *count = count.saturating_add(1);
            let is_full = desk.asks.get(place).is_none_or(|candidate| candidate.ask.is_full());
            if is_full {
                desk.asks.remove(place);
            } else if *count >= self.limits.of_ask {
                desk.asks.remove(place);
                let due = self.height().saturating_add(1);
                self.queue.push(Event { due, what: What::Ask { class: *class, operator } });
            }
            if done.is_full() {
                return Ok(desk.asks.iter().map(|candidate| candidate.ask.operator).collect());
            }
        }
        Ok(BTreeSet::new())
    }

    /// Takes the asks out of a book that can never be matched again.
    fn purge(&mut self, class: &Hash) -> Result<(), ApplyError<V::Error>> {
        let (height, key) = (self.height(), StateKey::Book(*class));
        let book: Option<&Book> = self.leaves.get(key)?;
        if book.is_some_and(|book| book.has_ghosts(height))
            && let Some(book) = self.leaves.get_mut::<Book>(key)?
        {
            book.purge(height);
        }
        Ok(())
    }

    /// The asks of a class that are to be matched, with what there is to know of their operators.
    fn desk(
        &mut self,
        id: &Hash,
        is_matched: impl Fn(&BookAsk) -> bool,
    ) -> Result<Option<Desk>, ApplyError<V::Error>> {
        let Some(class) = self.class(id)?.cloned() else { return Ok(None) };
        let book: Option<&Book> = self.leaves.get(StateKey::Book(*id))?;
        let asks: Vec<BookAsk> = book.map_or(Vec::new(), |book| {
            book.0.iter().filter(|ask| is_matched(ask)).copied().collect()
        });
        let asks = asks
            .into_iter()
            .map(|ask| Ok(Candidate { ask, standing: self.standing(&ask.operator)? }))
            .collect::<Result<_, ApplyError<V::Error>>>()?;
        Ok(Some(Desk { id: *id, class, asks }))
    }

    /// It borrows nothing of the session, which goes on reading leaves meanwhile.
    fn round<'d>(&self, desk: &'d Desk, done: &Done) -> Round<'d>
    where
        'a: 'd,
    {
        Round {
            market: self.market(),
            height: self.height(),
            parent_hash: &self.context.parent_hash,
            id: &desk.id,
            class: &desk.class,
            matched: done.of_class.get(&desk.id).map_or(0, |of_class| of_class.assignments),
        }
    }

    fn assign(
        &mut self,
        id: &Hash,
        mut job: Job,
        desk: &mut Desk,
        place: usize,
        done: &mut Done,
    ) -> Result<(), ApplyError<V::Error>> {
        let Some(Candidate { ask, .. }) = desk.asks.get(place).copied() else { return Ok(()) };
        let round = self.round(desk, done);
        let (height, operator, class) = (self.height(), ask.operator, desk.id);
        let assigned = Assigned {
            operator,
            ask_price: ask.price,
            promise: round.promise(&ask),
            bond: round.bond(&job),
            assigned: height,
        };
        self.lock(&operator, assigned.bond)?;
        let key = StateKey::Book(class);
        let book = self.leaves.get_mut::<Book>(key)?;
        let own = book.and_then(|book| book.of_mut(&operator)).ok_or(ApplyError::Missing(key))?;
        own.open = own.open.saturating_add(1);
        let ask = *own;
        job.status = Status::Assigned(assigned);
        job.opened = None;
        job.open_price = None;
        self.put_job(id, job)?;
        self.change_class(&class, |class| {
            (class.last_price, class.last_height) = (ask.price, height);
            Some(())
        })?;
        self.agenda_add(assigned.promise.saturating_add(1), *id)?;
        self.tell(*id, class, JobChange::Assigned(assigned));
        done.assignments = done.assignments.saturating_add(1);
        let of_class = done.of_class.entry(class).or_default();
        of_class.assignments = of_class.assignments.saturating_add(1);
        desk.class.assigned = desk.class.assigned.saturating_add(1);
        let standing = self.standing(&operator)?;
        if let Some(candidate) = desk.asks.get_mut(place) {
            *candidate = Candidate { ask, standing };
        }
        Ok(())
    }
}

/// Whether a job can be assigned: it is neither assigned nor under Cancel.
fn is_free(job: &Job) -> bool {
    !matches!(job.status, Status::Assigned(_)) && job.cancelled.is_none()
}

fn forget(events: &mut [Option<Event>], place: usize) {
    if let Some(event) = events.get_mut(place) {
        *event = None;
    }
}

fn operator_at(events: &[Option<Event>], place: usize) -> Option<Address> {
    match events.get(place).copied().flatten()?.what {
        What::Ask { operator, .. } => Some(operator),
        What::Job(_) => None,
    }
}
