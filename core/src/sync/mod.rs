//! The sync machine: finds the heaviest valid chain among peers, fetches it, and passes on what is new.
//!
//! Headers come first and count once their proofs hold; bodies follow from several peers at once; a chain that turns out
//! better goes through the ledger's own reorg. Announcements, shares and transactions are judged and get their verdict.
//!
//! The machine is a plain value that reacts. It starts no thread, reads no clock but [`Clock`]'s, and draws
//! no random number: the same events in the same order have the same effects. A driver, be it tokio's or a simulator's,
//! owns it and
//!
//! 1. calls [`SyncMachine::on_event`] for each [`NetworkEvent`], [`SyncMachine::on_tick`] every [`TICK_MS`] or so, and
//!    [`SyncMachine::on_accepted`] when [`ChainService::accepted`] rings;
//! 2. after each call takes [`SyncMachine::next_job`] as often as it has workers free, runs [`Job::run`] there, and
//!    brings the result back through [`SyncMachine::on_done`];
//! 3. shows [`SyncMachine::status`] to whoever asks.
//!
//! `now_ms` in these calls is the driver's own count of milliseconds, from any start, that never goes back: timeouts and
//! rates go by it. What is compared with timestamps goes by the service's clock. Effects leave through [`Network`].
//!
//! Threads: none; the calls take as long as reading and writing the ledger takes, so that a driver gives them a thread
//! that may block.
//!
//! Queues: every one has its bound in `limits`. Work waits in one queue for each peer and kind, served in turn, announced
//! blocks before the blocks of a sync, those before shares, those before transactions; what finds its queue full is
//! dropped, and ignored if a verdict is due. Jobs are handed out one by one, so that the order is decided as late as can be.
//!
//! What must not be broken: nothing in an unverified proof counts as work; nothing is stored below the minimum work; every
//! gossip message gets exactly one verdict, and [`Verdict::Reject`] only for what its sender could have seen by itself; a
//! body that does not match its header says nothing about that header; no answer is believed that was not asked for.

mod announce;
mod bodies;
pub(crate) mod bounded;
mod candidate;
mod headers;
mod jobs;
mod limits;
mod peers;
mod pools;
mod queue;
mod replay;
mod requests;
mod serve;
mod status;
mod tree;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use lode_consensus::{ChainWork, Hash, Height};
use lode_ledger::LedgerError;
use lode_network::{Gossip, Network, NetworkEvent, PeerId, Penalty, RequestId, Verdict};
use tracing::{error, warn};

use crate::{ChainService, Clock};
use announce::Announcements;
use bodies::Bodies;
use bounded::Recent;
use candidate::Candidate;
use jobs::Outcome;
use peers::{Asked, Peer};
use replay::Replaying;
use serve::HeldRequest;
use tree::HeaderTree;
use work::Queues;

pub use jobs::{Cost, Done, Job};
pub(crate) use status::{PeersView, status};
pub use status::{SyncState, SyncStatus};

/// How often a driver should call [`SyncMachine::on_tick`].
pub const TICK_MS: u64 = 100;

/// How much is kept of chains that are not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncBounds {
    /// Received and not proven, of one peer's chain: no more are asked for beyond.
    pub unproven: usize,
    /// Proven, of one peer's chain, until its work suffices. Of older ones a hash in `checkpoint_interval` is kept, and
    /// they are asked for again.
    pub held: usize,
    /// Heights between two hashes that stand for all headers between them.
    pub checkpoint_interval: Height,
    /// Such hashes of one peer's chain.
    pub checkpoints: usize,
    /// Proven, with enough work, and without their bodies, of all chains. Headers wait for bodies beyond; at least `held`.
    pub tree: usize,
    /// Bytes of bodies that came before those below them. Only the very next body is asked for beyond.
    pub body_bytes: usize,
}

impl Default for SyncBounds {
    /// About 9 MiB for the tree, 1 MiB for each peer's chain; chains of 33 million headers. 48 MiB of bodies.
    fn default() -> Self {
        Self {
            unproven: 1_024,
            held: 2_048,
            checkpoint_interval: 512,
            checkpoints: 65_536,
            tree: 16_384,
            body_bytes: 48 << 20,
        }
    }
}

/// What an operator, or the network's file, asks of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncConfig {
    /// Work below which no chain is stored: a liar would have to redo it.
    pub minimum_work: ChainWork,
    /// A block that is assumed to be valid, with all before it: their shares' proofs and their signatures are not checked.
    /// Headers' proofs and states are.
    pub assume_valid: Option<(Height, Hash)>,
    /// What is kept meanwhile.
    pub bounds: SyncBounds,
}

/// The machine.
pub struct SyncMachine<C> {
    service: Arc<ChainService<C>>,
    config: SyncConfig,
    now_ms: u64,
    peers: BTreeMap<PeerId, Peer>,
    requests: BTreeMap<RequestId, Asked>,
    next_request: u64,
    next_candidate: u64,
    /// Proven headers above the ledger.
    tree: HeaderTree,
    /// A chain whose peer left in the middle: the next one may go on with it.
    spare: Option<Candidate>,
    /// A proven chain whose headers are read again.
    replay: Option<Replaying>,
    bodies: Bodies,
    announcements: Announcements,
    held_requests: Vec<HeldRequest>,
    work: Queues,
    /// Hashes of all bytes of headers, shares and transactions that were found invalid.
    invalid: Recent<Hash>,
    /// Blocks with good headers that broke a rule, or descend from such a one.
    condemned: Recent<Hash>,
    /// First headers of branches that fork off below the retained history.
    deep: Recent<Hash>,
    /// Why the operator has to look.
    halted: Option<String>,
}

impl<C> fmt::Debug for SyncMachine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncMachine").field("peers", &self.peers.len()).finish_non_exhaustive()
    }
}

impl<C: Clock> SyncMachine<C> {
    /// A machine without peers.
    pub fn new(service: Arc<ChainService<C>>, config: SyncConfig) -> Self {
        Self {
            service,
            config,
            now_ms: 0,
            peers: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 0,
            next_candidate: 0,
            tree: HeaderTree::new(config.bounds.tree.max(config.bounds.held)),
            spare: None,
            replay: None,
            bodies: Bodies::new(config.bounds.body_bytes),
            announcements: Announcements::new(),
            held_requests: Vec::new(),
            work: Queues::new(),
            invalid: Recent::new(limits::MAX_INVALID),
            condemned: Recent::new(limits::MAX_INVALID),
            deep: Recent::new(limits::MAX_DEEP_CHAINS),
            halted: None,
        }
    }

    /// Something happened on the network.
    pub fn on_event(&mut self, event: NetworkEvent, now_ms: u64, network: &mut dyn Network) {
        self.now_ms = self.now_ms.max(now_ms);
        let done = match event {
            NetworkEvent::Connected { peer, outbound, .. } => {
                self.peers.insert(peer, Peer::new(outbound, self.now_ms));
                self.ask_status(peer, network)
            }
            NetworkEvent::Disconnected { peer } => {
                self.disconnected(peer, network);
                Ok(())
            }
            NetworkEvent::Gossip { id, source, message } => {
                let origin = jobs::Origin { peer: source, gossip: Some(id) };
                match message {
                    _ if self.is_out(&source) => {
                        ignore(origin, network);
                        Ok(())
                    }
                    Gossip::Block(header) => self.announced(header, origin, network),
                    Gossip::Share(share) => {
                        self.share(share, origin, network);
                        Ok(())
                    }
                    Gossip::Transaction(signed) => {
                        self.transaction(signed, origin, network);
                        Ok(())
                    }
                }
            }
            NetworkEvent::Request { peer, id, request } => self.serve(peer, id, request, network),
            NetworkEvent::Response { peer, id, result } => self.response(peer, id, result, network),
        };
        self.settle(done, network);
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now_ms: u64, network: &mut dyn Network) {
        self.now_ms = self.now_ms.max(now_ms);
        self.expire_requests(network);
        let done = self.expire_held_requests(network);
        let done = done.and_then(|()| self.expire_announcements(network)).and_then(|()| self.poll_peers(network));
        self.settle(done, network);
    }

    /// The node took something in through its own API.
    pub fn on_accepted(&mut self, now_ms: u64, network: &mut dyn Network) {
        self.now_ms = self.now_ms.max(now_ms);
        self.settle(Ok(()), network);
    }

    /// A job is done.
    pub fn on_done(&mut self, done: Done, now_ms: u64, network: &mut dyn Network) {
        self.now_ms = self.now_ms.max(now_ms);
        let done = match done.0 {
            Outcome::Announced(origin, hash, result) => self.announced_proven(origin, hash, *result, network),
            Outcome::Segment { peer, candidate, segment, headers } => {
                self.segment_proven(peer, candidate, segment, headers, network);
                Ok(())
            }
            Outcome::Bodies(blocks) => {
                self.bodies_proven(blocks, network);
                Ok(())
            }
            Outcome::Shares(peer, shares) => {
                self.shares_proven(peer, shares, network);
                Ok(())
            }
            Outcome::Transactions(peer, transactions) => {
                self.transactions_verified(peer, transactions, network);
                Ok(())
            }
        };
        self.settle(done, network);
    }

    /// The next check to be run, the most urgent one first. Whoever takes it runs it.
    pub fn next_job(&mut self) -> Option<Job> {
        self.work.next(&self.peers).map(Job)
    }

    /// Where the node stands.
    pub fn status(&self) -> SyncStatus {
        let service = &self.service;
        status(service.ledger(), service.tip(), service.now_ms(), &self.view())
    }

    /// What is known of other chains than the ledger's.
    fn view(&self) -> PeersView {
        let candidates = || self.peers.values().filter_map(|peer| peer.candidate.as_ref());
        let busy = if self.replay.is_some() || candidates().any(|candidate| !candidate.is_done()) {
            Some(SyncState::Headers)
        } else if self.bodies.is_idle() {
            None
        } else {
            Some(SyncState::Bodies)
        };
        PeersView {
            busy,
            halted: self.halted.clone(),
            best_header_height: self.tree.best().map(|best| best.height()),
            proven_header_height: candidates().map(|candidate| candidate.height).max(),
            claimed_heights: self.claimed_heights(),
            peers: self.peers.values().filter(|peer| peer.status.is_some()).count(),
        }
    }

    /// Ends every call: does what has become possible.
    fn settle(&mut self, done: Result<(), LedgerError>, network: &mut dyn Network) {
        let done = done.and_then(|()| self.advance(network));
        if let Err(error) = done {
            self.halt(format!("the ledger failed: {error}"));
        }
        self.drop_lost_segments();
    }

    fn advance(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        self.publish_accepted(network);
        if self.halted.is_some() {
            return Ok(());
        }
        self.advance_headers(network)?;
        self.advance_replay(network)?;
        self.advance_bodies(network)
    }

    /// Stops following better chains, and tells the operator.
    fn halt(&mut self, reason: String) {
        if self.halted.is_none() {
            error!("halted: {reason}");
            self.halted = Some(reason);
        }
    }

    /// Forgets headers that wait for their check and belong to no candidate any more.
    fn drop_lost_segments(&mut self) {
        if self.work.segments.is_empty() {
            return;
        }
        let candidates = self.peers.values().filter_map(|peer| peer.candidate.as_ref()).chain(&self.spare);
        let ids: BTreeSet<u64> = candidates.map(|candidate| candidate.id).collect();
        self.work.segments.retain(|task| ids.contains(&task.candidate));
    }

    /// Whether what peers gossip is of the present: the node is where most of them are.
    fn is_near_tip(&self) -> bool {
        let (tip, _) = self.service.tip();
        let best = self.tree.best_available().map_or(tip, |best| best.height());
        best.max(self.peers_height(tip)).saturating_sub(tip) <= limits::READY_LAG
    }

    /// The median of the heights that peers claim, `tip` without peers.
    fn peers_height(&self, tip: Height) -> Height {
        status::median(self.claimed_heights()).unwrap_or(tip)
    }

    fn claimed_heights(&self) -> Vec<Height> {
        let ((tip, _), work) = (self.service.tip(), self.service.work());
        self.peers.values().filter_map(|peer| peer.claimed_height(tip, work)).collect()
    }

    fn disconnected(&mut self, peer: PeerId, network: &mut dyn Network) {
        self.drop_requests(&peer);
        if let Some(candidate) = self.peers.remove(&peer).and_then(|peer| peer.candidate) {
            self.spare = Some(candidate);
        }
        self.held_requests.retain(|held| held.peer != peer);
        self.drop_work(peer, network);
    }

    /// Forgets what a peer brought and nobody has looked at. A verdict that is due is given all the same.
    fn drop_work(&mut self, peer: PeerId, network: &mut dyn Network) {
        for announced in self.work.announced.drain(&peer) {
            self.announcements.checking.remove(&announced.header.hash());
            ignore(announced.origin, network);
        }
        for task in self.work.bodies.drain(&Some(peer)) {
            self.bodies.forget(&task.header.hash());
        }
        for task in self.work.shares.drain(&peer) {
            ignore(task.origin, network);
        }
        for task in self.work.transactions.drain(&peer) {
            ignore(task.origin, network);
        }
        self.announcements.drop_peer(&peer, network);
    }

    /// Charges a peer. Once it has earned a ban nothing more that it brought is looked at, however long the network takes to
    /// throw it out.
    fn penalize(&mut self, peer: PeerId, penalty: Penalty, why: &dyn fmt::Display, network: &mut dyn Network) {
        if self.is_out(&peer) {
            return;
        }
        warn!("peer {peer}: {penalty:?}: {why}");
        network.penalize(peer, penalty);
        let now_ms = self.now_ms;
        if self.peers.get_mut(&peer).is_some_and(|peer| peer.charge(penalty, now_ms)) {
            self.drop_work(peer, network);
            network.disconnect(peer);
        }
    }

    /// Whether a peer is on its way out.
    fn is_out(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some_and(|peer| peer.is_out)
    }

    /// Tells peers what this node's own API took in.
    fn publish_accepted(&mut self, network: &mut dyn Network) {
        for message in self.service.take_accepted() {
            if let Gossip::Block(header) = &message {
                self.announcements.announced.insert(header.hash());
                self.announcements.has_news = true;
            }
            network.publish(message);
        }
    }

    fn request_id(&mut self) -> RequestId {
        self.next_request = self.next_request.saturating_add(1);
        RequestId(self.next_request)
    }
}

/// Gives the verdict that is due on something, if one is.
fn verdict(origin: jobs::Origin, verdict: Verdict, network: &mut dyn Network) {
    if let Some(id) = origin.gossip {
        network.verdict(id, origin.peer, verdict);
    }
}

fn ignore(origin: jobs::Origin, network: &mut dyn Network) {
    verdict(origin, Verdict::Ignore, network);
}
