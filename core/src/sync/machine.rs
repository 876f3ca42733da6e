//! The switchboard: gives each event to the part that it concerns, and carries out the effects that
//! come back. What follows from answers stands in [`answers`](super::answers), what effects do in
//! [`carry`](super::carry).
//!
//! Owns the parts, what they may look at ([`View`]), and whether the machine has halted. What must
//! not be broken: effects are carried out in their order, each part's before the next part is
//! called.

use std::{fmt, sync::Arc};

use lode_consensus::{Height, SealedHeader, Share, SignedTransaction};
use lode_ledger::LedgerError;
use lode_network::{Gossip, Network, NetworkEvent, PeerId};

use super::{
    announce::Announcements,
    bodies::BodySync,
    clock_check::ClockCheck,
    config::SyncConfig,
    effect::Effects,
    headers::HeaderSync,
    jobs::{Done, Job, Origin, Outcome},
    peers::{Fault, PeerTable, ask_status},
    pools::PoolRelay,
    server::Server,
    status::{PeersView, SyncState, SyncStatus, status},
    view::View,
    work::Queues,
};
use crate::{ChainService, Clock};

pub struct SyncMachine<C> {
    pub(super) view: View<C>,
    pub(super) headers: HeaderSync,
    pub(super) bodies: BodySync,
    pub(super) announcements: Announcements,
    pub(super) pools: PoolRelay,
    pub(super) server: Server,
    pub(super) queues: Queues,
    pub(super) clock: ClockCheck,
    /// Why the operator has to look.
    pub(super) halted: Option<String>,
}

impl<C> fmt::Debug for SyncMachine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncMachine").field("peers", &self.view.peers.len()).finish_non_exhaustive()
    }
}

pub(super) type Result<T = (), E = LedgerError> = std::result::Result<T, E>;

impl<C: Clock> SyncMachine<C> {
    /// A machine without peers.
    pub fn new(service: Arc<ChainService<C>>, config: SyncConfig) -> Self {
        Self {
            view: View { service, config, now_ms: 0, peers: PeerTable::default() },
            headers: HeaderSync::new(&config),
            bodies: BodySync::new(config.bounds.body_bytes),
            announcements: Announcements::new(),
            pools: PoolRelay::new(),
            server: Server::default(),
            queues: Queues::new(),
            clock: ClockCheck::default(),
            halted: None,
        }
    }

    /// Something happened on the network.
    pub fn on_event(&mut self, event: NetworkEvent, now_ms: u64, network: &mut dyn Network) {
        self.react(now_ms, network, |machine, network| machine.event(event, network));
    }

    /// Time has passed.
    pub fn on_tick(&mut self, now_ms: u64, network: &mut dyn Network) {
        self.react(now_ms, network, Self::tick);
    }

    /// The node took something in through its own API.
    pub fn on_accepted(&mut self, now_ms: u64, network: &mut dyn Network) {
        self.react(now_ms, network, |_, _| Ok(()));
    }

    /// A job is done.
    pub fn on_done(&mut self, done: Done, now_ms: u64, network: &mut dyn Network) {
        self.react(now_ms, network, |machine, network| machine.done(done.0, network));
    }

    /// The next check to be run, the most urgent one first. Whoever takes it runs it.
    pub fn next_job(&mut self) -> Option<Job> {
        self.queues.next(|peer| self.pools.batch(peer)).map(Job)
    }

    /// Where the node stands.
    pub fn status(&self) -> SyncStatus {
        let service = &self.view.service;
        let (tip, now_ms) = (service.tip(), service.now_ms());
        status(service.ledger(), tip, now_ms, &self.peers_view(tip.0))
    }

    /// What is known of other chains than the ledger's, whose tip is at this height.
    fn peers_view(&self, tip: Height) -> PeersView {
        let busy = if self.headers.is_busy() {
            Some(SyncState::Headers)
        } else {
            (!self.bodies.is_idle()).then_some(SyncState::Bodies)
        };
        PeersView {
            busy,
            halted: self.halted.clone(),
            best_header_height: self.headers.tree.best().map(|best| best.height()),
            proven_header_height: Some(self.headers.sources.height()),
            peers_height: Some(self.view.peers_height(tip)),
            peers: self.view.peers.iter().filter(|(_, peer)| peer.status.is_some()).count(),
            clock: self.clock.fault(),
        }
    }

    /// Does one thing, and then what has become possible.
    fn react(
        &mut self,
        now_ms: u64,
        network: &mut dyn Network,
        act: impl FnOnce(&mut Self, &mut dyn Network) -> Result,
    ) {
        self.view.now_ms = self.view.now_ms.max(now_ms);
        let done = act(self, network).and_then(|()| self.advance(network));
        if let Err(error) = done {
            self.halt(format!("the ledger failed: {error}"));
        }
        self.headers.sources.drop_lost_segments(&mut self.queues);
    }

    fn event(&mut self, event: NetworkEvent, network: &mut dyn Network) -> Result {
        match event {
            NetworkEvent::Connected { peer, outbound, .. } => {
                let now_ms = self.view.now_ms;
                self.view.peers.connected(peer, outbound, now_ms);
                self.headers.sources.connected(peer);
                self.bodies.connected(peer);
                self.pools.connected(peer, now_ms);
                self.server.connected(peer, now_ms);
                self.ask_status(peer, network)
            }
            NetworkEvent::Disconnected { peer } => self.disconnected(peer, network),
            NetworkEvent::Gossip { id, source, message } => {
                let origin = Origin { peer: source, gossip: Some(id) };
                match message {
                    _ if self.view.peers.is_out(&source) => {
                        self.carry_out(Effects::ignore(origin), network)
                    }
                    Gossip::Block(header) => self.announced(header, origin, network),
                    Gossip::Share(share) => self.share(share, origin, network),
                    Gossip::Transaction(signed) => self.transaction(signed, origin, network),
                }
            }
            NetworkEvent::Request { peer, id, request } => {
                let effects =
                    self.server.serve(&self.view, &self.headers.tree, peer, id, request)?;
                self.carry_out(effects, network)
            }
            NetworkEvent::Response { peer, id, result } => {
                let ending = self.view.peers.ended(peer, id, result, self.view.now_ms);
                self.ended(peer, ending, network)
            }
        }
    }

    fn tick(&mut self, network: &mut dyn Network) -> Result {
        for (peer, question) in self.view.peers.overdue(self.view.now_ms) {
            self.unanswered(peer, &question, Fault::Late, network)?;
        }
        let effects = self.server.expire(&self.view)?;
        self.carry_out(effects, network)?;
        let effects = self.announcements.expire(self.view.now_ms);
        self.carry_out(effects, network)?;
        for (header, origin) in self.announcements.due(&self.view) {
            self.announced(header, origin, network)?;
        }
        for peer in self.view.peers.ids() {
            if self.view.peers.is_status_due(&peer, self.view.now_ms) {
                self.ask_status(peer, network)?;
            }
            let effects =
                self.pools.read_mempool(&self.view, &self.headers.tree, &self.queues, peer);
            self.carry_out(effects, network)?;
        }
        self.clock.judge(&self.view, self.headers.leaves_out(self.view.now_ms));
        Ok(())
    }

    fn done(&mut self, outcome: Outcome, network: &mut dyn Network) -> Result {
        let (view, tree) = (&self.view, &mut self.headers.tree);
        let effects = match outcome {
            Outcome::Announced(origin, hash, result) => {
                self.queues.free_announced(&origin.peer);
                self.announcements.proven(view, tree, origin, hash, *result)?
            }
            Outcome::Segment { peer, candidate, segment, headers } => {
                self.headers.segment_proven(view, peer, (candidate, segment), headers)
            }
            Outcome::Bodies(blocks) => self.bodies.proven(view, tree, blocks),
            Outcome::Shares(peer, shares) => {
                self.queues.free_shares(&peer);
                self.pools.shares_proven(view, &peer, shares)
            }
            Outcome::Transactions(peer, transactions) => {
                self.queues.free_transactions(&peer);
                self.pools.transactions_verified(view, transactions)
            }
        };
        self.carry_out(effects, network)
    }

    /// Does what has become possible: tells peers what was taken in here, reads headers, connects
    /// and fetches bodies.
    fn advance(&mut self, network: &mut dyn Network) -> Result {
        let effects = self.announcements.accepted(self.view.service.take_accepted());
        self.carry_out(effects, network)?;
        if self.halted.is_some() {
            return Ok(());
        }
        for peer in self.headers.sources.judged() {
            let effects = self.headers.accept(&self.view, peer)?;
            self.carry_out(effects, network)?;
            let effects = self.headers.finish(&self.view, peer);
            self.carry_out(effects, network)?;
            let effects = self.headers.ask_on(&self.view, peer)?;
            self.carry_out(effects, network)?;
        }
        for peer in self.headers.waiting(&self.view) {
            let effects = self.headers.begin(&self.view, peer)?;
            self.carry_out(effects, network)?;
        }
        let HeaderSync { rereading, tree, .. } = &mut self.headers;
        let effects = rereading.advance(&self.view, tree);
        self.carry_out(effects, network)?;
        while self.halted.is_none()
            && let Some(effects) = self.bodies.connect(&self.view, &mut self.headers.tree)?
        {
            self.carry_out(effects, network)?;
        }
        if self.halted.is_none() {
            let effects =
                self.bodies.fetch(&self.view, &mut self.headers.tree, &mut self.queues)?;
            self.carry_out(effects, network)?;
        }
        for (header, origin) in self.announcements.adopted(&self.view, &self.headers.tree)? {
            self.announced(header, origin, network)?;
        }
        Ok(())
    }

    fn ask_status(&mut self, peer: PeerId, network: &mut dyn Network) -> Result {
        let own = self.view.own_status(&self.view.service.ledger().read())?;
        self.carry_out(ask_status(peer, own), network)
    }

    fn announced(
        &mut self,
        header: SealedHeader,
        origin: Origin,
        network: &mut dyn Network,
    ) -> Result {
        let (view, tree) = (&self.view, &mut self.headers.tree);
        let effects = self.announcements.announced(view, tree, &mut self.queues, header, origin)?;
        self.carry_out(effects, network)
    }

    pub(super) fn share(
        &mut self,
        share: Share,
        origin: Origin,
        network: &mut dyn Network,
    ) -> Result {
        let effects =
            self.pools.share(&self.view, &self.headers.tree, &mut self.queues, share, origin);
        self.carry_out(effects, network)
    }

    pub(super) fn transaction(
        &mut self,
        signed: SignedTransaction,
        origin: Origin,
        network: &mut dyn Network,
    ) -> Result {
        let effects = self.pools.transaction(
            &self.view,
            &self.headers.tree,
            &mut self.queues,
            signed,
            origin,
        );
        self.carry_out(effects, network)
    }
}
