//! Small bounded things: a set that forgets the oldest, and a bucket of tokens.

use std::collections::{BTreeSet, VecDeque};

/// A set of at most `limit` values; the oldest gives way. Seeing a value again does not make it younger.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    values: BTreeSet<T>,
    order: VecDeque<T>,
    limit: usize,
}

impl<T: Ord + Copy> Recent<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { values: BTreeSet::new(), order: VecDeque::new(), limit }
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.values.contains(value)
    }

    /// Adds a value. Returns whether it is new.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        if !self.values.insert(value) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        true
    }
}

/// Tokens that flow in at a rate, up to a burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// In thousandths, so that slow rates do not round to nothing.
    thousandths: u64,
    burst: u64,
    per_s: u64,
    filled_ms: u64,
}

impl Bucket {
    pub(super) fn full(burst: u64, per_s: u64, now_ms: u64) -> Self {
        Self { thousandths: burst.saturating_mul(1_000), burst, per_s, filled_ms: now_ms }
    }

    /// Takes tokens for something that was done already, as far as there are any.
    pub(super) fn spend(&mut self, cost: u64) {
        self.thousandths = self.thousandths.saturating_sub(cost.saturating_mul(1_000));
    }

    /// Takes tokens. Returns whether there were enough; if not, none are taken. A cost above the burst counts as the burst.
    pub(super) fn take(&mut self, cost: u64, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = self.filled_ms.max(now_ms);
        let most = self.burst.saturating_mul(1_000);
        self.thousandths = self.thousandths.saturating_add(passed_ms.saturating_mul(self.per_s)).min(most);
        let cost = cost.min(self.burst).saturating_mul(1_000);
        match self.thousandths.checked_sub(cost) {
            Some(left) => {
                self.thousandths = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way() {
        let mut recent = Recent::new(3);
        for value in [1, 2, 3] {
            assert!(recent.insert(value));
        }
        assert!(!recent.insert(1));
        assert!(recent.insert(4));
        assert!(!recent.contains(&1) && recent.contains(&2) && recent.contains(&4));
        assert_eq!((recent.values.len(), recent.order.len()), (3, 3));
    }

    #[test]
    fn tokens_flow_in_up_to_the_burst() {
        let mut bucket = Bucket::full(10, 2, 1_000);
        assert!(bucket.take(10, 1_000));
        assert!(!bucket.take(1, 1_499));
        assert!(bucket.take(1, 1_500), "half a second gives one");
        assert!(!bucket.take(1, 1_400), "time that goes back gives none");
        assert!(bucket.take(10, 100_000));
        assert!(!bucket.take(1, 100_000), "never more than the burst");
        assert!(bucket.take(1_000, 200_000), "what can never be paid costs the burst");
        let mut bucket = Bucket::full(10, 2, 0);
        bucket.spend(9);
        assert!(bucket.take(1, 0));
        bucket.spend(100);
        assert!(!bucket.take(1, 0) && bucket.take(1, 500), "there is no debt");
    }
}
