//! Fetching the bodies of the best chain of headers, from several peers at once, and connecting them in order.
//!
//! What must not be broken: a body that does not match its header speaks against who sent it and not against the header;
//! a block that breaks a rule takes all that descend from it along.

use std::{cmp::Reverse, collections::BTreeMap};

use lode_consensus::{
    Body, ChainWork, Encode, Hash, Height,
    rules::{BlockError, ChainContext, ProvenBlock},
};
use lode_ledger::{LedgerError, Reader, StoreOutcome};
use lode_network::{Gossip, Network, PeerId, Penalty, Request};
use tracing::info;

use super::{
    SyncMachine,
    jobs::{BodyResult, BodyTask},
    limits::{
        BODIES_PER_REQUEST, BODY_WINDOW, MAX_BODIES_IN_FLIGHT, MAX_SERVERS, NEXT_BODY_MS, RELAY_DEPTH,
        WITHHELD_AFTER_MS,
    },
    peers::{Peer, Question},
    tree::{Known, Node},
};
use crate::Clock;

/// The log has a line at every so manyth height.
const PROGRESS_BLOCKS: Height = 1_000;

/// Blocks of the best chain of headers that are not stored.
#[derive(Debug)]
pub(super) struct Bodies {
    /// The best chain of headers above the ledger's blocks: hash by height.
    path: BTreeMap<Height, Hash>,
    states: BTreeMap<Hash, BodyState>,
    /// The path's first body while it is missing, and since when it is waited for.
    awaited: Option<(Hash, u64)>,
    /// Bytes of the bodies that are here.
    bytes_held: usize,
    /// How many may be when more than the very next body is asked for.
    max_bytes_held: usize,
    /// Who sent the bodies of blocks that are stored and not applied yet.
    servers: BTreeMap<Hash, PeerId>,
}

#[derive(Debug)]
enum BodyState {
    /// Asked of a peer, at a time.
    Asked(PeerId, u64),
    /// Here; its check waits or runs.
    Checking { bytes: usize },
    /// Good, and waits for those before it.
    Proven { block: Box<ProvenBlock>, bytes: usize, server: Option<PeerId> },
}

impl Bodies {
    /// None of a chain.
    pub(super) fn new(max_bytes_held: usize) -> Self {
        Self {
            path: BTreeMap::new(),
            states: BTreeMap::new(),
            awaited: None,
            bytes_held: 0,
            max_bytes_held,
            servers: BTreeMap::new(),
        }
    }

    /// Whether nothing is to be fetched.
    pub(super) fn is_idle(&self) -> bool {
        self.path.is_empty()
    }

    /// A body that was asked of a peer did not come.
    pub(super) fn not_delivered(&mut self, hash: &Hash, peer: &PeerId) {
        if matches!(self.states.get(hash), Some(BodyState::Asked(asked, _)) if asked == peer) {
            self.states.remove(hash);
        }
    }

    /// Forgets how far a body has come.
    pub(super) fn forget(&mut self, hash: &Hash) {
        if let Some(BodyState::Checking { bytes } | BodyState::Proven { bytes, .. }) = self.states.remove(hash) {
            self.bytes_held = self.bytes_held.saturating_sub(bytes);
        }
    }

    /// Whether more bodies may be taken in than the very next one.
    pub(super) fn has_room(&self) -> bool {
        self.bytes_held < self.max_bytes_held
    }

    fn asked(&self) -> usize {
        self.states.values().filter(|state| matches!(state, BodyState::Asked(..))).count()
    }
}

impl<C: Clock> SyncMachine<C> {
    /// Connects what is ready and asks for what is missing.
    pub(super) fn advance_bodies(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        loop {
            self.find_path()?;
            if !self.connect_next(network)? && !self.pass_over_withheld() {
                break;
            }
        }
        if self.halted.is_none() {
            self.fetch(network)?;
        }
        self.adopt_orphans(network)
    }

    /// Brings the path up to the best header. It is empty if that has no more work than the ledger's chain.
    fn find_path(&mut self) -> Result<(), LedgerError> {
        let service = self.service.clone();
        loop {
            let Some((mut hash, height)) = self.best_to_fetch() else {
                self.clear_path();
                return Ok(());
            };
            let mut path = std::mem::take(&mut self.bodies.path);
            path.split_off(&height.saturating_add(1));
            let mut joined = false;
            let mut lowest = height;
            while let Some(node) = self.tree.get(&hash) {
                lowest = node.height();
                if path.insert(lowest, hash) == Some(hash) {
                    // From here down it is the path that was.
                    joined = true;
                    break;
                }
                hash = node.header.header().parent_hash;
            }
            self.bodies.path = if joined { path } else { path.split_off(&lowest) };
            if self.trim_path(&service.ledger().read())? {
                return Ok(());
            }
        }
    }

    /// The best header with more work than the ledger's chain. One that was passed over has its turn again when nothing else
    /// is left.
    fn best_to_fetch(&mut self) -> Option<(Hash, Height)> {
        if self.better(self.tree.best_available()).is_none() && self.better(self.tree.best()).is_some() {
            self.tree.release_withheld();
        }
        self.better(self.tree.best_available()).map(|best| (best.header.hash(), best.height()))
    }

    /// A header, if it has more work than the ledger's chain.
    fn better<'a>(&self, header: Option<&'a Node>) -> Option<&'a Node> {
        let own = self.service.work();
        header.filter(|header| own.moves_to(header.goal))
    }

    /// Gives the next branch its turn if nobody gives the body that the path needs first. Returns whether there is such a
    /// branch.
    ///
    /// A header is passed on before its body is seen, so a miner that announces a block and keeps its body would leave the
    /// whole network waiting, each node on a tip of its own, while other miners' blocks of the same work pass by.
    fn pass_over_withheld(&mut self) -> bool {
        let first = self.bodies.path.first_key_value().map(|(_, hash)| *hash);
        let is_here = |hash: &Hash| {
            matches!(self.bodies.states.get(hash), Some(BodyState::Checking { .. } | BodyState::Proven { .. }))
        };
        let Some(first) = first.filter(|hash| !is_here(hash)) else {
            self.bodies.awaited = None;
            return false;
        };
        match self.bodies.awaited {
            Some((hash, since_ms)) if hash == first => {
                if self.now_ms.saturating_sub(since_ms) < WITHHELD_AFTER_MS {
                    return false;
                }
            }
            _ => {
                self.bodies.awaited = Some((first, self.now_ms));
                return false;
            }
        }
        self.bodies.awaited = None;
        self.tree.withhold(&first);
        self.better(self.tree.best_available()).is_some()
    }

    /// Takes blocks off the path's beginning that are stored. Returns whether the path stands on a stored block now; if
    /// not, the headers that hang in the air are gone.
    fn trim_path(&mut self, reader: &Reader<'_>) -> Result<bool, LedgerError> {
        while let Some((height, hash)) = self.bodies.path.first_key_value().map(|(height, hash)| (*height, *hash)) {
            if reader.entry(&hash)?.is_some() {
                self.bodies.path.remove(&height);
                self.bodies.forget(&hash);
                self.tree.remove(&hash);
                continue;
            }
            let Some(node) = self.tree.get(&hash) else {
                self.clear_path();
                return Ok(false);
            };
            return match self.tree.look_up(reader, &node.header.header().parent_hash)? {
                Known::Proven(_) => Ok(true),
                Known::Invalid | Known::No => {
                    self.drop_branch(&hash);
                    Ok(false)
                }
            };
        }
        // All of it was stored: the tree has another best header now, or none.
        Ok(self.tree.best().is_none())
    }

    fn clear_path(&mut self) {
        self.bodies.path.clear();
    }

    /// Forgets a header and all that descend from it.
    fn drop_branch(&mut self, hash: &Hash) -> Vec<Hash> {
        let removed = self.tree.remove_branch(hash);
        removed.iter().for_each(|hash| self.bodies.forget(hash));
        self.clear_path();
        removed
    }

    /// Stores the next block if it is proven. Returns whether there was one.
    fn connect_next(&mut self, network: &mut dyn Network) -> Result<bool, LedgerError> {
        let Some((height, hash)) = self.bodies.path.first_key_value().map(|(height, hash)| (*height, *hash)) else {
            return Ok(false);
        };
        if !matches!(self.bodies.states.get(&hash), Some(BodyState::Proven { .. })) || self.halted.is_some() {
            return Ok(false);
        }
        let Some(BodyState::Proven { block, bytes, server }) = self.bodies.states.remove(&hash) else {
            return Ok(false);
        };
        self.bodies.bytes_held = self.bodies.bytes_held.saturating_sub(bytes);
        let sealed = self.tree.get(&hash).map(|node| node.header.sealed().clone());
        let outcome = match self.service.connect(*block) {
            Ok(outcome) => outcome,
            Err(error @ (LedgerError::ReorgTooDeep { .. } | LedgerError::InvalidAncestor { .. })) => {
                self.drop_branch(&hash);
                self.release(&hash, network)?;
                self.refuse_deep(error)?;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        self.bodies.path.remove(&height);
        self.tree.remove(&hash);
        self.announcements.has_news = true;
        if let Some(server) = server {
            if self.bodies.servers.len() >= MAX_SERVERS {
                self.bodies.servers.pop_first();
            }
            self.bodies.servers.insert(hash, server);
        }
        self.stored(&outcome, network)?;
        self.release(&hash, network)?;
        let (tip, tip_hash) = self.service.tip();
        if let Some(sealed) = sealed.filter(|_| tip_hash == hash && self.is_news(tip, &hash)) {
            self.announcements.announced.insert(hash);
            network.publish(Gossip::Block(sealed));
        }
        Ok(true)
    }

    /// Whether peers may not have heard of a tip that came by a sync: it is not announced, and nothing better is known.
    fn is_news(&self, tip: Height, hash: &Hash) -> bool {
        let best = self.tree.best_available().map_or(tip, |best| best.height());
        !self.announcements.announced.contains(hash) && best <= tip && self.is_near_tip()
    }

    /// Takes note of what storing a block did.
    fn stored(&mut self, outcome: &StoreOutcome, network: &mut dyn Network) -> Result<(), LedgerError> {
        if let Some((refused, error)) = &outcome.refused {
            let server = self.bodies.servers.remove(refused);
            self.condemn(*refused, server, &**error, network);
        }
        if !outcome.events.is_empty() {
            let (tip, _) = self.service.tip();
            self.bodies.servers.clear();
            self.tree.prune(tip.saturating_sub(RELAY_DEPTH));
            if tip.is_multiple_of(PROGRESS_BLOCKS) {
                info!("tip at height {tip}");
            }
        }
        Ok(())
    }

    /// A block breaks a rule, for ever: it and all that descend from it are out.
    fn condemn(&mut self, hash: Hash, server: Option<PeerId>, why: &dyn std::fmt::Display, network: &mut dyn Network) {
        self.condemned.insert(hash);
        for descendant in self.drop_branch(&hash) {
            self.condemned.insert(descendant);
        }
        if let Some(server) = server.filter(|server| self.peers.contains_key(server)) {
            self.penalize(server, Penalty::InvalidBlock, why, network);
        }
    }

    /// Whoever keeps the very next block waiting is not waited for alone: it is asked of another peer, if there is one. The
    /// first answer counts, whosever it is.
    fn ask_again(&mut self) {
        let Some((height, hash)) = self.bodies.path.first_key_value().map(|(height, hash)| (*height, *hash)) else {
            return;
        };
        let Some(BodyState::Asked(asked, since_ms)) = self.bodies.states.get(&hash) else {
            return;
        };
        let (asked, is_late) = (*asked, since_ms.saturating_add(NEXT_BODY_MS) <= self.now_ms);
        let is_other = |(id, peer): (&PeerId, &Peer)| *id != asked && peer.may_have_next(&hash, height, self.now_ms);
        if is_late && self.peers.iter().any(is_other) {
            self.bodies.states.remove(&hash);
            if let Some(peer) = self.peers.get_mut(&asked) {
                peer.delays(hash, self.now_ms);
            }
        }
    }

    /// Asks for the bodies that the path needs next, each peer for a few.
    fn fetch(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        self.ask_again();
        let window = self.bodies.path.iter().take(BODY_WINDOW);
        let missing: Vec<(Height, Hash)> = window
            .filter(|(_, hash)| !self.bodies.states.contains_key(*hash))
            .map(|(height, hash)| (*height, *hash))
            .collect();
        let Some(first) = self.bodies.path.first_key_value().map(|(height, _)| *height) else {
            return Ok(());
        };
        let mut in_flight = self.bodies.asked();
        let mut plan: BTreeMap<PeerId, Vec<Hash>> = BTreeMap::new();
        for (height, hash) in missing {
            let Some(node) = self.tree.get(&hash) else {
                continue;
            };
            let empty = Body::default();
            let header = node.header.header();
            if header.transactions_root == empty.transactions_root() && header.shares_root == empty.shares_root() {
                let source = node.source;
                self.check_body(hash, empty, source)?;
                continue;
            }
            let is_full = in_flight >= MAX_BODIES_IN_FLIGHT || !self.bodies.has_room();
            if is_full && height != first {
                continue;
            }
            let (work, is_next) = (node.work, height == first);
            let able = self.peers.iter().filter(|(_, peer)| {
                peer.may_have(&hash, work, self.now_ms) || is_next && peer.may_have_next(&hash, height, self.now_ms)
            });
            let loads = able.map(|(id, peer)| {
                let planned = plan.get(id).map_or(0, Vec::len);
                // The next block is asked of whoever has shown the most of its chain: anybody can claim to have it.
                let shown = if is_next { peer.shown.min(work) } else { ChainWork::ZERO };
                let load = peer.bodies_in_flight.saturating_add(planned);
                let is_free = load < peer.window && planned < BODIES_PER_REQUEST;
                is_free.then_some(((peer.delays, Reverse(shown)), planned == 0, load, *id))
            });
            // Whoever is in the middle of a request's worth goes on, so that a peer is asked for neighbours; else the least
            // loaded.
            if let Some((.., id)) = loads.flatten().min() {
                plan.entry(id).or_default().push(hash);
                in_flight = in_flight.saturating_add(1);
            }
        }
        for (id, hashes) in plan {
            for hash in &hashes {
                self.bodies.states.insert(*hash, BodyState::Asked(id, self.now_ms));
            }
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.bodies_in_flight = peer.bodies_in_flight.saturating_add(hashes.len());
            }
            self.ask(id, Question::Bodies(hashes.clone()), Request::Bodies { hashes }, network);
        }
        Ok(())
    }

    /// Bodies came.
    pub(super) fn bodies_received(
        &mut self,
        id: PeerId,
        hashes: Vec<Hash>,
        bodies: Vec<Option<Body>>,
    ) -> Result<(), LedgerError> {
        let now_ms = self.now_ms;
        if let Some(peer) = self.peers.get_mut(&id).filter(|_| bodies.iter().any(Option::is_some)) {
            peer.delivers();
        }
        let mut bodies = bodies.into_iter();
        for hash in hashes {
            let body = bodies.next();
            let is_due = match self.bodies.states.get(&hash) {
                Some(BodyState::Asked(asked, _)) if *asked == id => {
                    self.bodies.states.remove(&hash);
                    true
                }
                // Another one was asked meanwhile, who is not faster.
                Some(BodyState::Asked(..)) => matches!(body, Some(Some(_))),
                None => self.bodies.path.values().any(|wanted| *wanted == hash),
                Some(BodyState::Checking { .. } | BodyState::Proven { .. }) => false,
            };
            if !is_due {
                continue;
            }
            match body {
                Some(Some(body)) => self.check_body(hash, body, Some(id))?,
                Some(None) => {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.lacks(hash, now_ms);
                    }
                }
                // The answer was long enough without it.
                None => {}
            }
        }
        Ok(())
    }

    /// Puts a body in line for its check.
    fn check_body(&mut self, hash: Hash, body: Body, server: Option<PeerId>) -> Result<(), LedgerError> {
        let service = self.service.clone();
        let reader = service.ledger().read();
        let Some(node) = self.tree.get(&hash) else {
            return Ok(());
        };
        let (height, parent_hash) = (node.height(), node.header.header().parent_hash);
        let chain = if self.bodies.path.get(&height) == Some(&hash) {
            self.tree.chain_along(&reader, &self.bodies.path)
        } else {
            self.tree.chain(&reader, &parent_hash)
        };
        let chain = match chain {
            Ok(chain) => chain,
            Err(error) => {
                self.drop_branch(&hash);
                return self.refuse_deep(error);
            }
        };
        let genesis_hash = service.ledger().network().genesis_hash;
        let context = ChainContext::gather(service.ledger().params(), genesis_hash, height.saturating_sub(1), &chain)?;
        let bytes = body.encoded_len();
        let task = BodyTask { header: node.header.clone(), body, context, assumed: node.assumed, server };
        if self.work.bodies.push(server, task).is_ok() {
            self.bodies.bytes_held = self.bodies.bytes_held.saturating_add(bytes);
            self.bodies.states.insert(hash, BodyState::Checking { bytes });
        }
        Ok(())
    }

    /// Bodies were checked.
    pub(super) fn bodies_proven(&mut self, blocks: Vec<BodyResult>, network: &mut dyn Network) {
        for (hash, server, result) in blocks {
            let Some(BodyState::Checking { bytes }) = self.bodies.states.get(&hash) else {
                continue;
            };
            let bytes = *bytes;
            match result {
                Ok(block) => {
                    if let Some(peer) = server.and_then(|server| self.peers.get_mut(&server)) {
                        peer.delays = 0;
                    }
                    self.bodies.states.insert(hash, BodyState::Proven { block: Box::new(block), bytes, server });
                    if self.tree.is_withheld(&hash) {
                        self.tree.release_withheld();
                    }
                }
                Err(error) => {
                    self.bodies.forget(&hash);
                    if error.marks_invalid() {
                        self.condemn(hash, server, &error, network);
                    } else if let (BlockError::Roots(_), Some(server)) = (&error, server)
                        && let Some(peer) = self.peers.get_mut(&server)
                    {
                        peer.lacks(hash, self.now_ms);
                        self.penalize(server, Penalty::BodyMismatch, &error, network);
                    }
                }
            }
        }
    }
}
