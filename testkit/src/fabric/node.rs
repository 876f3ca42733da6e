//! One node: the real machine and service, and what the simulated network knows of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use lode_consensus::Height;
use lode_core::{
    ChainService, Clock,
    sync::{Done, SyncConfig, SyncMachine, SyncStatus},
};
use lode_ledger::MemoryDisk;
use lode_network::{Gossip, GossipId, NetworkEvent, PeerId, Penalty, Request, Response, Verdict};

use crate::recorder::Call;

/// What reaches a node.
#[derive(Debug)]
pub(super) enum Arrival {
    Event(Box<NetworkEvent>),
    Done(Done),
    Accepted,
}

/// Answers a request, or is silent.
pub(super) type Answer = Box<dyn FnMut(Request) -> Option<Response>>;

/// Changes a call, or drops it.
pub(super) type Tamper = Box<dyn FnMut(Call) -> Option<Call>>;

/// The time of all nodes, and how far one of them is off.
#[derive(Debug, Clone)]
pub struct TestClock {
    pub(super) now_ms: Arc<AtomicU64>,
    pub(super) skew_ms: Arc<AtomicI64>,
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.now_ms
            .load(Ordering::Relaxed)
            .saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }
}

pub struct Node {
    pub peer: PeerId,
    pub service: Arc<ChainService<TestClock>>,
    pub machine: SyncMachine<TestClock>,
    pub skew_ms: Arc<AtomicI64>,
    pub(super) disk: MemoryDisk,
    pub(super) options: Options,
    pub(super) running: usize,
    /// Gossip that was seen, passed on or not.
    pub(super) seen: BTreeSet<GossipId>,
    /// Gossip that waits for its verdict.
    pub(super) unjudged: BTreeMap<GossipId, (PeerId, Gossip)>,
    pub verdicts: Vec<(Gossip, PeerId, Verdict)>,
    pub penalties: Vec<(PeerId, Penalty)>,
    pub(super) points: BTreeMap<PeerId, u32>,
    pub banned: BTreeSet<PeerId>,
    pub published: Vec<Gossip>,
    /// Everything that left the node, by its name.
    pub sent: Vec<Call>,
    /// Proofs that its jobs checked.
    pub proofs: usize,
}

/// How a node is set up.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub history: Height,
    pub sync: SyncConfig,
}

impl Default for Options {
    fn default() -> Self {
        Self { history: 1_000, sync: SyncConfig::default() }
    }
}

impl Node {
    pub fn height(&self) -> Height {
        self.service.tip().0
    }

    pub fn status(&self) -> SyncStatus {
        self.machine.status()
    }

    pub fn penalties_of(&self, peer: PeerId) -> Vec<Penalty> {
        self.penalties.iter().filter(|(of, _)| *of == peer).map(|(_, penalty)| *penalty).collect()
    }

    /// Makes the node take messages again that it has seen, as if they came another way.
    pub fn forget_gossip(&mut self) {
        self.seen.clear();
    }

    pub fn verdict_on(&self, message: &Gossip) -> Option<Verdict> {
        let on = self
            .verdicts
            .iter()
            .filter(|(judged, ..)| judged == message)
            .map(|(.., verdict)| *verdict);
        let verdicts: Vec<Verdict> = on.collect();
        assert!(verdicts.len() <= 1, "one message, one verdict");
        verdicts.first().copied()
    }
}
