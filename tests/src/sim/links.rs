//! Which participants are connected, and which are kept apart.

use std::collections::BTreeMap;

use super::schedule::{Micros, SECOND};

/// How long a pair stays apart after a connection ended.
const REDIAL_WAIT: Micros = 15 * SECOND;

/// Connections, each with a number of its own: what was sent over an earlier one of the same pair
/// is lost.
#[derive(Debug, Default)]
pub(super) struct Links {
    numbers: BTreeMap<(usize, usize), u64>,
    apart_until: BTreeMap<(usize, usize), Micros>,
    last: u64,
}

impl Links {
    /// The number of a pair's connection, if there is one.
    pub(super) fn number(&self, a: usize, b: usize) -> Option<u64> {
        self.numbers.get(&pair(a, b)).copied()
    }

    /// The pairs that are connected.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.numbers.keys().copied()
    }

    /// Whether a pair has no connection, and has been apart for long enough.
    pub(super) fn may_begin(&self, a: usize, b: usize, now: Micros) -> bool {
        let is_apart = self.apart_until.get(&pair(a, b)).is_some_and(|until| *until > now);
        !is_apart && self.number(a, b).is_none()
    }

    /// A pair is connected. Returns the connection's number.
    pub(super) fn begin(&mut self, a: usize, b: usize) -> u64 {
        self.last += 1;
        self.numbers.insert(pair(a, b), self.last);
        self.last
    }

    /// A pair is connected no more. Returns whether it was.
    pub(super) fn end(&mut self, a: usize, b: usize, now: Micros) -> bool {
        let was_linked = self.numbers.remove(&pair(a, b)).is_some();
        if was_linked {
            self.apart_until.insert(pair(a, b), now + REDIAL_WAIT);
        }
        was_linked
    }
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// What keeps participants apart.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// The side of each node, while the network is partitioned.
    pub(super) sides: Option<Vec<bool>>,
    /// The node that only eclipsers are connected to.
    pub(super) eclipsed: Option<usize>,
    /// The first participant that is an eclipser: all from there on are.
    pub(super) eclipsers: usize,
}

impl Cuts {
    /// Whether a pair may be connected.
    pub(super) fn allow(&self, a: usize, b: usize) -> bool {
        let has_eclipser = a.max(b) >= self.eclipsers;
        let eclipse = match self.eclipsed {
            Some(victim) if a == victim || b == victim => has_eclipser,
            _ => !has_eclipser,
        };
        let one_side = match self.sides.as_ref().map(|sides| (sides.get(a), sides.get(b))) {
            Some((Some(side), Some(other))) => side == other,
            _ => true,
        };
        eclipse && one_side
    }
}
