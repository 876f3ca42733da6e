//! What a node remembers of others: which messages it has seen, and, for the invariants, how peers
//! behaved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lode_network::{GossipId, Penalty};

/// Messages that a node remembers to have seen.
const MAX_SEEN: usize = 16_384;

/// What was seen of a peer's behaviour, for the invariants.
#[derive(Debug, Default)]
pub struct Record {
    /// Offences, by participant.
    pub penalties: BTreeMap<(usize, Penalty), u32>,
    /// Gossip rejected, by participant that passed it.
    pub rejected: BTreeMap<usize, u32>,
    /// Participants that were banned.
    pub banned: BTreeSet<usize>,
    /// Verdicts on messages that waited for none.
    pub stray_verdicts: u32,
    /// What has outgrown its bound, how large it was, and the bound.
    pub over: BTreeMap<&'static str, (usize, usize)>,
}

impl Record {
    /// Takes down a size if it is beyond its bound.
    pub(super) fn note_size(&mut self, name: &'static str, size: usize, bound: usize) {
        if size > bound {
            self.over.insert(name, (size, bound));
        }
    }
}

/// Messages that were seen lately. The oldest are forgotten.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ids: BTreeSet<GossipId>,
    order: VecDeque<GossipId>,
}

impl Seen {
    pub(super) fn contains(&self, id: &GossipId) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn insert(&mut self, id: GossipId) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}
