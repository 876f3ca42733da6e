//! What happens next: a queue of events in simulated time, and the hash of all that happened.

use std::{cmp::Reverse, collections::BinaryHeap};

use lode_consensus::Hash;

/// Most events that wait. A run that needs more has an amplification somewhere, and fails.
pub const MAX_EVENTS: usize = 1 << 20;

/// Microseconds of simulated time since the start of a run.
pub type Micros = u64;

pub const SECOND: Micros = 1_000_000;
pub const MINUTE: Micros = 60 * SECOND;
pub const HOUR: Micros = 60 * MINUTE;

/// What an event is, for the trace.
pub trait Traced {
    /// Bytes that tell this event from others that could happen instead.
    fn trace(&self, out: &mut Vec<u8>);
}

#[derive(Debug)]
struct Entry<E> {
    at: Micros,
    /// Among events of one time, the order in which they were scheduled.
    sequence: u64,
    event: E,
}

impl<E> Entry<E> {
    fn key(&self) -> (Micros, u64) {
        (self.at, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The queue of events.
#[derive(Debug)]
pub struct Schedule<E> {
    queue: BinaryHeap<Reverse<Entry<E>>>,
    now: Micros,
    sequence: u64,
    events: u64,
    trace: Hash,
    scratch: Vec<u8>,
}

impl<E> Default for Schedule<E> {
    fn default() -> Self {
        Self {
            queue: BinaryHeap::new(),
            now: 0,
            sequence: 0,
            events: 0,
            trace: Hash::ZERO,
            scratch: Vec::new(),
        }
    }
}

impl<E: Traced> Schedule<E> {
    /// The present.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Lets an event happen at a time; what lies in the past happens now.
    pub fn at(&mut self, at: Micros, event: E) {
        assert!(self.queue.len() < MAX_EVENTS, "more than {MAX_EVENTS} events wait");
        self.sequence += 1;
        self.queue.push(Reverse(Entry { at: at.max(self.now), sequence: self.sequence, event }));
    }

    /// Lets an event happen after a while.
    pub fn after(&mut self, wait: Micros, event: E) {
        self.at(self.now.saturating_add(wait), event);
    }

    /// The next event up to a time, which becomes the present; without one, `end` does.
    pub fn next_until(&mut self, end: Micros) -> Option<E> {
        if self.queue.peek().is_none_or(|Reverse(entry)| entry.at > end) {
            self.now = self.now.max(end);
            return None;
        }
        let Reverse(Entry { at, event, .. }) = self.queue.pop()?;
        self.now = at;
        self.events += 1;
        self.scratch.clear();
        event.trace(&mut self.scratch);
        self.trace =
            Hash::of("lode/sim/trace/v1", &[&self.trace.0, &at.to_le_bytes(), &self.scratch]);
        Some(event)
    }

    /// The hash of all events so far, with their times and order.
    pub fn trace(&self) -> Hash {
        self.trace
    }

    /// How many events have happened.
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Traced for u8 {
        fn trace(&self, out: &mut Vec<u8>) {
            out.push(*self);
        }
    }

    fn run(events: &[(Micros, u8)]) -> (Vec<u8>, Hash) {
        let mut schedule = Schedule::default();
        for (at, event) in events {
            schedule.at(*at, *event);
        }
        let order = std::iter::from_fn(|| schedule.next_until(100)).collect();
        assert_eq!(schedule.now(), 100);
        (order, schedule.trace())
    }

    #[test]
    fn events_come_by_time_and_then_in_the_order_of_scheduling() {
        let (order, trace) = run(&[(5, 1), (3, 2), (5, 3), (101, 4)]);
        assert_eq!(order, [2, 1, 3]);
        assert_eq!(run(&[(5, 1), (3, 2), (5, 3)]).1, trace);
        for other in [[(5, 3), (3, 2), (5, 1)], [(5, 1), (4, 2), (5, 3)], [(5, 1), (3, 2), (5, 4)]]
        {
            assert_ne!(run(&other).1, trace);
        }
    }

    #[test]
    fn the_past_is_over() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next_until(50), None);
        schedule.at(10, 1);
        schedule.after(7, 2);
        assert_eq!(schedule.next_until(100), Some(1));
        assert_eq!(schedule.now(), 50);
        assert_eq!(schedule.next_until(100), Some(2));
        assert_eq!((schedule.now(), schedule.events()), (57, 2));
    }
}
