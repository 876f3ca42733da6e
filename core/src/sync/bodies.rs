//! Body sync: fetches the bodies of the best chain of headers, from several peers at once, and
//! connects them in order.
//!
//! Owns the path to the best header, how far each of its bodies has come, and how each peer
//! delivers. Returns questions for bodies, charges, and which blocks are stored; headers whose
//! blocks are stored leave the tree.
//!
//! What must not be broken: a body that does not match its header is charged to its sender and
//! leaves the header valid; a block that breaks a rule makes all its descendants invalid.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Display,
};

use lode_consensus::{
    Body, Encode, Hash, Height,
    rules::{BlockError, ChainContext, VerifiedBlock},
};
use lode_ledger::{LedgerError, StoreOutcome};
use lode_network::{PeerId, Penalty, Request};
use tracing::info;

use super::{
    body_peers::{BodyPeer, BodyPeers, Plan},
    effect::{Effect, Effects, Question},
    jobs::{BodyResult, BodyTask},
    limits::{
        BODY_WINDOW, LATE_BODIES_MS, MAX_BODIES_IN_FLIGHT, MAX_SERVERS, NEXT_BODY_MS, RELAY_DEPTH,
        WITHHELD_AFTER_MS,
    },
    path::{Path, better},
    peers::Peer,
    tree::HeaderTree,
    view::View,
    work::Queues,
};
use crate::Clock;

/// The log has a line at every so manyth height.
const PROGRESS_BLOCKS: Height = 1_000;

/// Blocks of the best chain of headers that are not stored.
#[derive(Debug)]
pub(super) struct BodySync {
    body_peers: BodyPeers,
    path: Path,
    states: BTreeMap<Hash, BodyState>,
    /// The path's first body while it is missing, and since when it is waited for.
    awaited: Option<(Hash, u64)>,
    /// Bytes of the bodies that are here.
    bytes_held: usize,
    /// How many may be when more than the very next body is asked for.
    max_bytes_held: usize,
    /// The senders of the bodies that are stored and not applied yet.
    servers: BTreeMap<Hash, PeerId>,
}

#[derive(Debug)]
enum BodyState {
    /// Asked of a peer, at a time.
    Asked(PeerId, u64),
    /// Here; its check waits or runs.
    Checking { bytes: usize },
    /// Good, and waits for those before it.
    Proven { block: Box<VerifiedBlock>, bytes: usize, server: Option<PeerId> },
}

impl BodySync {
    pub(super) fn new(max_bytes_held: usize) -> Self {
        Self {
            body_peers: BodyPeers::default(),
            path: Path::default(),
            states: BTreeMap::new(),
            awaited: None,
            bytes_held: 0,
            max_bytes_held,
            servers: BTreeMap::new(),
        }
    }

    /// A peer is there.
    pub(super) fn connected(&mut self, id: PeerId) {
        self.body_peers.connected(id);
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.body_peers.disconnected(id);
    }

    /// Whether nothing is to be fetched.
    pub(super) fn is_idle(&self) -> bool {
        self.path.hashes().is_empty()
    }

    /// Whether more bodies may be taken in than the very next one.
    pub(super) fn has_room(&self) -> bool {
        self.bytes_held < self.max_bytes_held
    }

    /// Bodies that were asked of a peer did not come.
    pub(super) fn not_delivered(&mut self, peer: &PeerId, hashes: &[Hash]) {
        for hash in hashes {
            if matches!(self.states.get(hash), Some(BodyState::Asked(asked, _)) if asked == peer) {
                self.states.remove(hash);
            }
        }
    }

    /// Bodies did not come in time. They may still be on their way, and their peer is asked for no
    /// more meanwhile. It is charged if that is its fault: it has brought nothing since the last
    /// time, or cannot bring even one at a time.
    pub(super) fn is_late<C: Clock>(&mut self, view: &View<C>, id: PeerId) -> Effects {
        let (Some(body_peer), Some(peer)) = (self.body_peers.get_mut(&id), view.peers.get(&id))
        else {
            return Effects::none();
        };
        let is_slow = body_peer.is_late();
        let mut effects =
            Effects::one(Effect::AwaitLate(id, view.now_ms.saturating_add(LATE_BODIES_MS)));
        // Requests that are late together are so for one reason.
        if !is_slow && !peer.owes_bodies(view.now_ms) {
            effects.penalize(id, Penalty::Stall, &"no answer in time");
        }
        effects
    }

    /// Drops unchecked bodies.
    pub(super) fn dropped(&mut self, tasks: VecDeque<BodyTask>) {
        tasks.into_iter().for_each(|task| self.forget(&task.header.hash()));
    }

    /// Forgets how far a body has come.
    fn forget(&mut self, hash: &Hash) {
        if let Some(BodyState::Checking { bytes } | BodyState::Proven { bytes, .. }) =
            self.states.remove(hash)
        {
            self.bytes_held = self.bytes_held.saturating_sub(bytes);
        }
    }

    /// Stores the next block of the best chain if it is proven, or gives the next branch its turn.
    /// Returns nothing if neither is to be done; otherwise it is to be called again.
    pub(super) fn connect<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
    ) -> Result<Option<Effects>, LedgerError> {
        let gone = self.path.follow(view, tree)?;
        gone.iter().for_each(|hash| self.forget(hash));
        match self.connect_next(view, tree)? {
            Some(effects) => Ok(Some(effects)),
            None => Ok(self.pass_over_withheld(view, tree).then(Effects::none)),
        }
    }

    /// Gives the next branch its turn if no peer gives the body that the path needs first. Returns
    /// whether there is such a branch.
    ///
    /// A header is passed on before its body is seen, so a miner that announces a block and keeps
    /// its body would leave the whole network waiting, each node on a tip of its own, while other
    /// miners' blocks of the same work pass by.
    fn pass_over_withheld<C: Clock>(&mut self, view: &View<C>, tree: &mut HeaderTree) -> bool {
        let is_here = |hash: &Hash| {
            matches!(
                self.states.get(hash),
                Some(BodyState::Checking { .. } | BodyState::Proven { .. })
            )
        };
        let Some((_, first)) = self.path.first().filter(|(_, hash)| !is_here(hash)) else {
            self.awaited = None;
            return false;
        };
        match self.awaited {
            Some((hash, since_ms)) if hash == first => {
                if view.now_ms.saturating_sub(since_ms) < WITHHELD_AFTER_MS {
                    return false;
                }
            }
            _ => {
                self.awaited = Some((first, view.now_ms));
                return false;
            }
        }
        self.awaited = None;
        tree.withhold(&first);
        better(view, tree.best_available()).is_some()
    }

    /// Forgets headers that are out of the tree.
    fn drop_branch(&mut self, removed: Vec<Hash>) {
        removed.iter().for_each(|hash| self.forget(hash));
        self.path.clear();
    }

    /// Stores the next block if it is proven. Returns nothing if there is none.
    fn connect_next<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
    ) -> Result<Option<Effects>, LedgerError> {
        let Some((height, hash)) = self.path.first() else {
            return Ok(None);
        };
        if !matches!(self.states.get(&hash), Some(BodyState::Proven { .. })) {
            return Ok(None);
        }
        let Some(BodyState::Proven { block, bytes, server }) = self.states.remove(&hash) else {
            return Ok(None);
        };
        self.bytes_held = self.bytes_held.saturating_sub(bytes);
        let sealed = tree.get(&hash).map(|node| node.header.sealed().clone());
        let mut effects = Effects::none();
        let outcome = match view.service.connect(*block) {
            Ok(outcome) => outcome,
            Err(
                error @ (LedgerError::ReorgTooDeep { .. } | LedgerError::InvalidAncestor { .. }),
            ) => {
                self.drop_branch(tree.remove_branch(&hash));
                effects.push(Effect::Release(hash));
                effects.extend(Effects::of_lost_fork(error)?);
                return Ok(Some(effects));
            }
            Err(error) => return Err(error),
        };
        self.path.remove(height);
        tree.remove(&hash);
        if let Some(server) = server {
            if self.servers.len() >= MAX_SERVERS {
                self.servers.pop_first();
            }
            self.servers.insert(hash, server);
        }
        effects.extend(self.stored(view, tree, &outcome));
        effects.push(Effect::Release(hash));
        let (tip, tip_hash) = view.service.tip();
        let best = tree.best_available().map_or(tip, |best| best.height());
        if tip_hash == hash && best <= tip && view.is_near_tip(tree) {
            effects.extend(sealed.map(Effect::NewTip).into_iter().collect());
        }
        Ok(Some(effects))
    }

    /// Takes note of what storing a block did.
    fn stored<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        outcome: &StoreOutcome,
    ) -> Effects {
        let mut effects = Effects::none();
        if let Some((refused, error)) = &outcome.refused {
            let server = self.servers.remove(refused);
            effects = self.mark_invalid(view, tree, *refused, server, &**error);
        }
        if !outcome.events.is_empty() {
            let (tip, _) = view.service.tip();
            self.servers.clear();
            tree.prune(tip.saturating_sub(RELAY_DEPTH));
            if tip.is_multiple_of(PROGRESS_BLOCKS) {
                info!("tip at height {tip}");
            }
        }
        effects
    }

    /// A block breaks a rule, for ever: it and all that descend from it are out.
    fn mark_invalid<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        hash: Hash,
        server: Option<PeerId>,
        why: &dyn Display,
    ) -> Effects {
        self.drop_branch(tree.mark_block_invalid(&hash));
        let mut effects = Effects::none();
        if let Some(server) = server.filter(|server| view.peers.contains(server)) {
            effects.penalize(server, Penalty::InvalidBlock, why);
        }
        effects
    }

    /// If the next block of the path is late, it is also asked of another peer, if there is one.
    /// The first answer counts.
    fn ask_again<C: Clock>(&mut self, view: &View<C>) {
        let Some((height, hash)) = self.path.first() else {
            return;
        };
        let Some(BodyState::Asked(asked, since_ms)) = self.states.get(&hash) else {
            return;
        };
        let (asked, is_late) = (*asked, since_ms.saturating_add(NEXT_BODY_MS) <= view.now_ms);
        let is_other = |(id, body_peer, peer): (PeerId, &BodyPeer, &Peer)| {
            id != asked && body_peer.may_have_next(peer, &hash, height, view.now_ms)
        };
        if is_late && self.body_peers.of(view).any(is_other) {
            self.states.remove(&hash);
            if let Some(body_peer) = self.body_peers.get_mut(&asked) {
                body_peer.delays(hash, view.now_ms);
            }
        }
    }

    /// Asks for the bodies that the path needs next, each peer for a few.
    pub(super) fn fetch<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        queues: &mut Queues,
    ) -> Result<Effects, LedgerError> {
        self.ask_again(view);
        let mut effects = Effects::none();
        let Some((first, _)) = self.path.first() else {
            return Ok(effects);
        };
        let is_missing = |(_, hash): &(&Height, &Hash)| !self.states.contains_key(*hash);
        let window = self.path.hashes().iter().take(BODY_WINDOW).filter(is_missing);
        let missing: Vec<(Height, Hash)> = window.map(|(height, hash)| (*height, *hash)).collect();
        let mut in_flight =
            self.states.values().filter(|state| matches!(state, BodyState::Asked(..))).count();
        let mut plan = Plan::new();
        for (height, hash) in missing {
            let Some(node) = tree.get(&hash) else {
                continue;
            };
            let empty = Body::default();
            let header = node.header.header();
            if header.transactions_root == empty.transactions_root()
                && header.shares_root == empty.shares_root()
            {
                let source = node.source;
                effects.extend(self.check(view, tree, queues, hash, (empty, source))?);
                continue;
            }
            let is_full = in_flight >= MAX_BODIES_IN_FLIGHT || !self.has_room();
            if is_full && height != first {
                continue;
            }
            if let Some(id) = self.body_peers.choose(view, &plan, node, height == first) {
                plan.entry(id).or_default().push(hash);
                in_flight = in_flight.saturating_add(1);
            }
        }
        for (id, hashes) in plan {
            for hash in &hashes {
                self.states.insert(*hash, BodyState::Asked(id, view.now_ms));
            }
            effects.push(Effect::Ask(
                id,
                Question::Bodies(hashes.clone()),
                Request::Bodies { hashes },
            ));
        }
        Ok(effects)
    }

    /// Bodies came.
    pub(super) fn received<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        queues: &mut Queues,
        id: PeerId,
        (hashes, bodies): (Vec<Hash>, Vec<Option<Body>>),
    ) -> Result<Effects, LedgerError> {
        if let Some(body_peer) =
            self.body_peers.get_mut(&id).filter(|_| bodies.iter().any(Option::is_some))
        {
            body_peer.delivers();
        }
        let mut effects = Effects::none();
        let mut bodies = bodies.into_iter();
        for hash in hashes {
            let body = bodies.next();
            let is_due = match self.states.get(&hash) {
                Some(BodyState::Asked(asked, _)) if *asked == id => {
                    self.states.remove(&hash);
                    true
                }
                // Another peer was asked meanwhile and has not answered yet.
                Some(BodyState::Asked(..)) => matches!(body, Some(Some(_))),
                None => self.path.hashes().values().any(|wanted| *wanted == hash),
                Some(BodyState::Checking { .. } | BodyState::Proven { .. }) => false,
            };
            match body {
                Some(Some(body)) if is_due => {
                    effects.extend(self.check(view, tree, queues, hash, (body, Some(id)))?);
                }
                Some(None) if is_due => {
                    if let Some(body_peer) = self.body_peers.get_mut(&id) {
                        body_peer.lacks(hash, view.now_ms);
                    }
                }
                // The answer was long enough without it.
                _ => {}
            }
        }
        Ok(effects)
    }

    /// Puts a body in line for its check.
    fn check<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        queues: &mut Queues,
        hash: Hash,
        (body, server): (Body, Option<PeerId>),
    ) -> Result<Effects, LedgerError> {
        let Some(node) = tree.get(&hash) else {
            return Ok(Effects::none());
        };
        let reader = view.service.ledger().read();
        let height = node.height();
        let chain = if self.path.hashes().get(&height) == Some(&hash) {
            tree.chain_along(&reader, self.path.hashes())
        } else {
            tree.chain(&reader, &node.header.header().parent_hash)
        };
        let chain = match chain {
            Ok(chain) => chain,
            Err(error) => {
                self.drop_branch(tree.remove_branch(&hash));
                return Effects::of_lost_fork(error);
            }
        };
        let params = view.service.ledger().params();
        let context =
            ChainContext::gather(params, view.genesis_hash(), height.saturating_sub(1), &chain)?;
        let bytes = body.encoded_len();
        let task =
            BodyTask { header: node.header.clone(), body, context, assumed: node.assumed, server };
        if queues.bodies.push(server, task).is_ok() {
            self.bytes_held = self.bytes_held.saturating_add(bytes);
            self.states.insert(hash, BodyState::Checking { bytes });
        }
        Ok(Effects::none())
    }

    /// Bodies were checked.
    pub(super) fn proven<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        blocks: Vec<BodyResult>,
    ) -> Effects {
        let mut effects = Effects::none();
        for (hash, server, result) in blocks {
            let Some(BodyState::Checking { bytes }) = self.states.get(&hash) else {
                continue;
            };
            let (bytes, body_peer) =
                (*bytes, server.and_then(|server| self.body_peers.get_mut(&server)));
            match result {
                Ok(block) => {
                    if let Some(body_peer) = body_peer {
                        body_peer.delays = 0;
                    }
                    self.states
                        .insert(hash, BodyState::Proven { block: Box::new(block), bytes, server });
                    if tree.is_withheld(&hash) {
                        tree.release_withheld();
                    }
                }
                Err(error) => {
                    if let (BlockError::Roots(_), Some(server), Some(body_peer)) =
                        (&error, server, body_peer)
                    {
                        body_peer.lacks(hash, view.now_ms);
                        effects.penalize(server, Penalty::BodyMismatch, &error);
                    }
                    self.forget(&hash);
                    if error.marks_invalid() {
                        effects.extend(self.mark_invalid(view, tree, hash, server, &error));
                    }
                }
            }
        }
        effects
    }
}
