//! Queues of work, one for each peer, served in turn: a peer that sends much delays only its own
//! items.

use std::collections::{BTreeMap, VecDeque};

/// One queue for each peer, or for whatever else `K` names.
#[derive(Debug)]
pub(super) struct Lanes<K, T> {
    lanes: BTreeMap<K, VecDeque<T>>,
    /// The key served last.
    last: Option<K>,
    /// Most entries of one peer.
    limit: usize,
}

impl<K: Ord + Copy, T> Lanes<K, T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { lanes: BTreeMap::new(), last: None, limit }
    }

    /// Puts an entry at the end of a peer's queue, or gives it back if that is full.
    pub(super) fn push(&mut self, peer: K, entry: T) -> Result<(), T> {
        let lane = self.lanes.entry(peer).or_default();
        if lane.len() >= self.limit {
            return Err(entry);
        }
        lane.push_back(entry);
        Ok(())
    }

    /// How many entries of a peer wait.
    pub(super) fn len(&self, peer: &K) -> usize {
        self.lanes.get(peer).map_or(0, VecDeque::len)
    }

    /// Like [`Self::push`], of entries of any size: a peer's together have no more than `limit`
    /// bytes.
    pub(super) fn push_within(
        &mut self,
        peer: K,
        entry: T,
        limit: usize,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<(), T> {
        let waiting = self.lanes.get(&peer).into_iter().flatten().map(&bytes);
        if waiting.fold(bytes(&entry), usize::saturating_add) > limit {
            return Err(entry);
        }
        self.push(peer, entry)
    }

    /// Whether no entry waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.values().all(VecDeque::is_empty)
    }

    /// The next peer in turn that is `ready` and has entries: its queue, from which the caller
    /// takes at least one.
    pub(super) fn next(&mut self, ready: impl Fn(&K) -> bool) -> Option<(K, &mut VecDeque<T>)> {
        self.lanes.retain(|_, lane| !lane.is_empty());
        let after = |peer: &&K| self.last.is_none_or(|last| **peer > last);
        let in_turn = self.lanes.keys().filter(after).find(|peer| ready(peer));
        let peer = *in_turn.or_else(|| self.lanes.keys().find(|peer| ready(peer)))?;
        self.last = Some(peer);
        self.lanes.get_mut(&peer).map(|lane| (peer, lane))
    }

    /// Takes out all entries of a peer.
    pub(super) fn drain(&mut self, peer: &K) -> VecDeque<T> {
        self.lanes.remove(peer).unwrap_or_default()
    }

    /// Keeps the entries of which a condition holds.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for lane in self.lanes.values_mut() {
            lane.retain(&keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_served_in_turn() {
        let [a, b, c] = ['a', 'b', 'c'];
        let mut lanes = Lanes::new(3);
        for entry in 0..3 {
            lanes.push(a, entry).unwrap();
        }
        assert_eq!(lanes.push(a, 3), Err(3));
        assert_eq!((lanes.len(&a), lanes.len(&b)), (3, 0));
        lanes.push(b, 10).unwrap();
        lanes.push(c, 20).unwrap();
        let mut served = Vec::new();
        while let Some((peer, lane)) = lanes.next(|_| true) {
            served.push((peer, lane.pop_front().unwrap()));
        }
        assert_eq!(served, [(a, 0), (b, 10), (c, 20), (a, 1), (a, 2)]);
    }

    #[test]
    fn the_bytes_of_a_peer_are_limited() {
        let mut lanes = Lanes::new(3);
        let mut push = |peer, entry| lanes.push_within(peer, entry, 10, |entry| *entry);
        assert_eq!(
            (push('a', 6), push('a', 5), push('a', 4), push('b', 10)),
            (Ok(()), Err(5), Ok(()), Ok(()))
        );
        assert_eq!((push('a', 0), push('a', 0), push('b', 11)), (Ok(()), Err(0), Err(11)));
        assert_eq!(lanes.len(&'a'), 3);
    }

    #[test]
    fn who_is_not_ready_is_passed_over_and_not_forgotten() {
        let [a, b, c] = ['a', 'b', 'c'];
        let mut lanes = Lanes::new(3);
        for peer in [a, b, c] {
            lanes.push(peer, ()).unwrap();
        }
        assert_eq!(
            lanes.next(|peer| *peer != a).map(|(peer, lane)| (peer, lane.pop_front())),
            Some((b, Some(())))
        );
        assert_eq!(lanes.next(|peer| *peer == a).map(|(peer, _)| peer), Some(a));
        assert_eq!(lanes.drain(&a).len(), 1);
        assert_eq!(lanes.next(|peer| *peer == a).map(|(peer, _)| peer), None);
        assert_eq!(lanes.next(|_| true).map(|(peer, _)| peer), Some(c));
    }
}
