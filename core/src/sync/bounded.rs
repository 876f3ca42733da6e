//! A set that forgets the oldest.

use std::collections::{BTreeSet, VecDeque};

/// A set of at most `limit` values; the oldest gives way. Seeing a value again does not make it
/// younger.
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
}
