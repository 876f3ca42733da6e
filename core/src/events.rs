//! What happens to a node's chain and pools, as a log that listeners follow.
//!
//! The log keeps the last [`CAPACITY`] events in a ring. A listener is a position in it: there is
//! no queue per listener, a listener that was away goes on where it was, and one that comes too
//! late is told how much it missed.
//!
//! Threads and queues: any thread may publish and any task may listen; the lock is held for as long
//! as an event takes to copy.
//!
//! What must not be broken: events that belong together get numbers in a row, and no event is
//! passed over without a word.

use std::{collections::VecDeque, sync::Arc};

use lode_consensus::{Address, Epoch, Hash, Height, market::event::JobEvent};
use lode_ledger::ChainEvent;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

/// Events that are kept: what happens to jobs in a block that makes all assignments and works off a
/// full agenda, and its transactions twice.
pub const CAPACITY: usize = 16_384;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block became the tip.
    Block {
        height: Height,
        hash: Hash,
        epoch: Epoch,
        producer: Address,
        /// How many shares it includes.
        shares: usize,
        /// How many transactions it includes.
        transactions: usize,
    },
    /// The chain goes on with another branch. Its blocks follow at once.
    Reorg {
        /// The tip that was left.
        from: Hash,
        /// The first block of the other branch.
        to: Hash,
        height: Height,
    },
    /// Something happened to a job in the block before, at this height.
    Job { height: Height, event: JobEvent },
    /// A transaction came to wait for a block.
    Transaction { id: Hash },
    /// A share came to wait for a block.
    Share {
        prover: Address,
        /// The height that it was mined for.
        height: Height,
    },
}

/// An event's place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// Which log: when it began, in ms since the Unix epoch. A node that is started again has
    /// another one.
    pub run: u64,
    /// How many events there had been in it, this one included.
    pub number: u64,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The next event.
    Event(EventId, Event),
    /// Events up to this place are not told, because the ring does not hold them any more. How
    /// many, if that is known: of a log of an earlier run it is not.
    Missed(EventId, Option<u64>),
}

/// The log of one run of a node.
#[derive(Debug)]
pub struct EventLog {
    run: u64,
    state: Mutex<State>,
    /// The number of the last event.
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The last events, oldest first; the newest one's number is that of [`EventLog::last`].
    ring: VecDeque<Event>,
    last: u64,
    /// The tip before the first of the blocks that came off the chain, while none has followed.
    left: Option<Hash>,
}

impl EventLog {
    /// An empty log. `run` tells it from those of earlier runs: the time, in ms since the Unix
    /// epoch.
    pub fn new(run: u64) -> Arc<Self> {
        Arc::new(Self { run, state: Mutex::default(), last: watch::Sender::new(0) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Sends an event to all listeners.
    pub fn publish(&self, event: Event) {
        let mut state = self.state();
        state.push(event);
        self.last.send_replace(state.last);
    }

    /// Sends all listeners what happened to the chain: blocks that came off in a row and the first
    /// one that went on after them are one reorg.
    pub fn publish_chain(&self, events: &[ChainEvent], epoch_of: impl Fn(Height) -> Epoch) {
        let mut state = self.state();
        for event in events {
            match event {
                ChainEvent::Disconnected { hash, .. } => {
                    state.left.get_or_insert(*hash);
                }
                ChainEvent::Connected { hash, block, jobs } => {
                    let height = block.header.height;
                    if let Some(from) = state.left.take() {
                        state.push(Event::Reorg { from, to: *hash, height });
                    }
                    state.push(Event::Block {
                        height,
                        hash: *hash,
                        epoch: epoch_of(height),
                        producer: block.header.producer,
                        shares: block.body.shares.len(),
                        transactions: block.body.transactions.len(),
                    });
                    for event in jobs {
                        state.push(Event::Job { height, event: event.clone() });
                    }
                }
            }
        }
        self.last.send_replace(state.last);
    }

    /// A listener to what happens from now on; or, after an event that it heard before, to what
    /// happened since.
    pub fn listen(self: &Arc<Self>, after: Option<EventId>) -> EventListener {
        let last = self.state().last;
        let (heard, is_lost) = match after {
            None => (last, false),
            Some(EventId { run, number }) if run == self.run && number <= last => (number, false),
            // Of another run, or none that there was: what this run still holds is told, after
            // saying so.
            Some(_) => (0, true),
        };
        EventListener { news: self.last.subscribe(), log: self.clone(), heard, is_lost }
    }

    fn id(&self, number: u64) -> EventId {
        EventId { run: self.run, number }
    }
}

impl State {
    fn push(&mut self, event: Event) {
        if self.ring.len() == CAPACITY {
            self.ring.pop_front();
        }
        self.ring.push_back(event);
        self.last = self.last.saturating_add(1);
    }

    /// The number of the last event that is not in the ring any more.
    fn forgotten(&self) -> u64 {
        self.last.saturating_sub(self.ring.len() as u64)
    }
}

/// A place in a log.
#[derive(Debug)]
pub struct EventListener {
    log: Arc<EventLog>,
    news: watch::Receiver<u64>,
    /// The number of the last event that was told.
    heard: u64,
    /// Whether the listener comes from another log.
    is_lost: bool,
}

impl EventListener {
    /// The place up to which everything was told.
    pub fn place(&self) -> EventId {
        self.log.id(self.heard)
    }

    /// What comes next, if it is there already.
    pub fn try_next(&mut self) -> Option<Heard> {
        let state = self.log.state();
        let forgotten = state.forgotten();
        if self.is_lost || self.heard < forgotten {
            let missed = (!self.is_lost).then(|| forgotten.saturating_sub(self.heard));
            (self.heard, self.is_lost) = (forgotten, false);
            return Some(Heard::Missed(self.log.id(forgotten), missed));
        }
        let index = usize::try_from(self.heard.saturating_sub(forgotten)).ok()?;
        let event = state.ring.get(index)?.clone();
        self.heard = self.heard.saturating_add(1);
        Some(Heard::Event(self.log.id(self.heard), event))
    }

    /// Waits for what comes next. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Heard {
        loop {
            self.news.mark_unchanged();
            if let Some(heard) = self.try_next() {
                return heard;
            }
            // The listener holds the log, and with it the sender.
            let _ = self.news.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: u64 = 1_795_370_709_123;

    fn transaction(number: u64) -> Event {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Event::Transaction { id: Hash(id) }
    }

    fn log(events: u64) -> Arc<EventLog> {
        let log = EventLog::new(RUN);
        (1..=events).for_each(|number| log.publish(transaction(number)));
        log
    }

    fn heard(number: u64) -> Option<Heard> {
        Some(Heard::Event(EventId { run: RUN, number }, transaction(number)))
    }

    #[test]
    fn a_listener_hears_what_comes_after_it() {
        let log = log(3);
        let mut listener = log.listen(None);
        assert_eq!(listener.try_next(), None);
        log.publish(transaction(4));
        assert_eq!([listener.try_next(), listener.try_next()], [heard(4), None]);
        assert_eq!(listener.place(), EventId { run: RUN, number: 4 });
    }

    #[test]
    fn a_listener_that_comes_back_goes_on_where_it_was() {
        let log = log(5);
        let mut listener = log.listen(Some(EventId { run: RUN, number: 3 }));
        assert_eq!(
            [listener.try_next(), listener.try_next(), listener.try_next()],
            [heard(4), heard(5), None]
        );
        let mut listener = log.listen(Some(EventId { run: RUN, number: 5 }));
        assert_eq!(listener.try_next(), None);
    }

    #[test]
    fn a_gap_is_told_with_its_size() {
        let capacity = CAPACITY as u64;
        let log = log(capacity + 10);
        let id = |number| EventId { run: RUN, number };
        let mut listener = log.listen(Some(id(4)));
        assert_eq!(listener.try_next(), Some(Heard::Missed(id(10), Some(6))));
        assert_eq!(listener.try_next(), heard(11));
        // Right at the edge nothing is missed.
        assert_eq!(log.listen(Some(id(10))).try_next(), heard(11));
        // One that reads too slowly is in the same place.
        let mut slow = log.listen(None);
        (1..=capacity + 7).for_each(|number| log.publish(transaction(capacity + 10 + number)));
        assert_eq!(slow.try_next(), Some(Heard::Missed(id(capacity + 17), Some(7))));
        assert_eq!(slow.try_next(), heard(capacity + 18));
    }

    #[test]
    fn a_place_in_another_log_is_told_as_such() {
        let log = log(2);
        for lost in [EventId { run: RUN - 1, number: 1 }, EventId { run: RUN, number: 3 }] {
            let mut listener = log.listen(Some(lost));
            assert_eq!(
                listener.try_next(),
                Some(Heard::Missed(EventId { run: RUN, number: 0 }, None))
            );
            assert_eq!(
                [listener.try_next(), listener.try_next(), listener.try_next()],
                [heard(1), heard(2), None]
            );
        }
    }

    #[tokio::test]
    async fn a_listener_that_waits_is_woken() {
        let log = log(0);
        let mut listener = log.listen(None);
        let waiting = tokio::spawn(async move { listener.next().await });
        tokio::task::yield_now().await;
        log.publish(transaction(1));
        assert_eq!(Some(waiting.await.unwrap()), heard(1));
    }
}
