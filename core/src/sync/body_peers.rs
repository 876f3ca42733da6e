//! How each peer delivers bodies (how many it may be asked for, what it lacks, how often it kept
//! the node waiting), and so which peer is asked for the next one.

use std::{cmp::Reverse, collections::BTreeMap};

use lode_consensus::{ChainWork, Hash, Height};
use lode_network::PeerId;

use super::{
    limits::{BODIES_PER_REQUEST, BODY_TIMEOUT_MS, LACKING_MS, MAX_BODIES_PER_PEER, MAX_LACKING},
    peers::Peer,
    tree::Node,
    view::View,
};
use crate::Clock;

/// A peer as one that bodies are asked of.
#[derive(Debug)]
pub(super) struct BodyPeer {
    /// How many bodies may be asked of it at a time: fewer after each that does not come in time,
    /// since it may be our line that is slow.
    pub(super) window: usize,
    /// Whether it has delivered any since it was last late.
    has_delivered: bool,
    /// How often it kept the node waiting for a body since it last delivered a good one.
    pub(super) delays: u32,
    /// Bodies that it did not have, or not in time, and until when they are not asked of it again.
    lacking: BTreeMap<Hash, u64>,
}

impl Default for BodyPeer {
    fn default() -> Self {
        Self {
            window: MAX_BODIES_PER_PEER,
            has_delivered: false,
            delays: 0,
            lacking: BTreeMap::new(),
        }
    }
}

impl BodyPeer {
    /// Takes note that the peer lacks a body.
    pub(super) fn lacks(&mut self, hash: Hash, now_ms: u64) {
        self.is_not_asked(hash, now_ms.saturating_add(LACKING_MS));
    }

    /// Takes note that the peer keeps the node waiting for a body. It may still come.
    pub(super) fn delays(&mut self, hash: Hash, now_ms: u64) {
        self.delays = self.delays.saturating_add(1);
        self.is_not_asked(hash, now_ms.saturating_add(BODY_TIMEOUT_MS));
    }

    /// Takes note that the peer delivered bodies.
    pub(super) fn delivers(&mut self) {
        self.has_delivered = true;
        self.window = self.window.saturating_add(1).min(MAX_BODIES_PER_PEER);
    }

    /// Takes note that bodies did not come in time. Returns whether that may be the line's fault:
    /// it has brought some since the last time, and was asked for more than one.
    pub(super) fn is_late(&mut self) -> bool {
        let is_slow = std::mem::take(&mut self.has_delivered) && self.window > 1;
        self.window = (self.window / 2).max(1);
        is_slow
    }

    fn is_not_asked(&mut self, hash: Hash, until_ms: u64) {
        if self.lacking.len() >= MAX_LACKING {
            self.lacking.clear();
        }
        self.lacking.insert(hash, until_ms);
    }

    /// Whether the peer may be asked for a body.
    pub(super) fn may_have(&self, peer: &Peer, hash: &Hash, work: ChainWork, now_ms: u64) -> bool {
        let lacks = self.lacking.get(hash).is_some_and(|until_ms| now_ms < *until_ms);
        peer.status.is_some() && peer.work >= work && !peer.is_paused(now_ms) && !lacks
    }

    /// Whether the peer may be asked for the next block at a height though it has not said that it
    /// has it: it stood right below, and blocks travel faster than statuses.
    pub(super) fn may_have_next(
        &self,
        peer: &Peer,
        hash: &Hash,
        height: Height,
        now_ms: u64,
    ) -> bool {
        peer.height.saturating_add(1) >= height
            && self.may_have(peer, hash, ChainWork::ZERO, now_ms)
    }
}

/// Bodies that are to be asked of peers.
pub(super) type Plan = BTreeMap<PeerId, Vec<Hash>>;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct BodyPeers(BTreeMap<PeerId, BodyPeer>);

impl BodyPeers {
    pub(super) fn connected(&mut self, id: PeerId) {
        self.0.insert(id, BodyPeer::default());
    }

    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.0.remove(id);
    }

    pub(super) fn get_mut(&mut self, id: &PeerId) -> Option<&mut BodyPeer> {
        self.0.get_mut(id)
    }

    /// Peers that bodies may be asked of, in the order of their ids.
    pub(super) fn of<'a, C: Clock>(
        &'a self,
        view: &'a View<C>,
    ) -> impl Iterator<Item = (PeerId, &'a BodyPeer, &'a Peer)> + use<'a, C> {
        self.0.iter().filter_map(|(id, body_peer)| Some((*id, body_peer, view.peers.get(id)?)))
    }

    /// Which peer is to be asked for a body, given what is planned already. `is_next` if it is the
    /// path's first.
    pub(super) fn choose<C: Clock>(
        &self,
        view: &View<C>,
        plan: &Plan,
        node: &Node,
        is_next: bool,
    ) -> Option<PeerId> {
        let (hash, height, work, now_ms) =
            (node.header.hash(), node.height(), node.work, view.now_ms);
        let able = self.of(view).filter(|(_, body_peer, peer)| {
            let may_have_next = || body_peer.may_have_next(peer, &hash, height, now_ms);
            body_peer.may_have(peer, &hash, work, now_ms) || is_next && may_have_next()
        });
        let loads = able.map(|(id, body_peer, peer)| {
            let planned = plan.get(&id).map_or(0, Vec::len);
            // The next block is asked of the peer that has shown the most of its chain: a claim
            // alone proves nothing.
            let shown = if is_next { peer.shown.min(work) } else { ChainWork::ZERO };
            let load = peer.bodies_in_flight.saturating_add(planned);
            let is_free = load < body_peer.window && planned < BODIES_PER_REQUEST;
            is_free.then_some(((body_peer.delays, Reverse(shown)), planned == 0, load, id))
        });
        // A peer with a request not full yet gets the block, so that it is asked for neighbours;
        // else the least loaded peer.
        loads.flatten().min().map(|(.., id)| id)
    }
}
