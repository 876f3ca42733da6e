//! The switchboard: gives each event to the part that it concerns, and carries out the effects that
//! come back.
//!
//! Owns the parts, what they may look at ([`View`]), and whether the machine has halted. What must
//! not be broken: effects are carried out in their order, each part's before the next part is
//! called.

use std::{fmt, sync::Arc};

use lode_consensus::{Height, SealedHeader, Share, SignedTransaction};
use lode_ledger::LedgerError;
use lode_network::{Gossip, MempoolPage, Network, NetworkEvent, PeerId, Penalty};
use tracing::{error, warn};

use super::{
    announce::Announcements,
    bodies::BodySync,
    clock_check::ClockCheck,
    config::SyncConfig,
    effect::{Effect, Effects, Question},
    headers::HeaderSync,
    jobs::{Done, Job, Origin, Outcome},
    peers::{Answer, Ending, Fault, PeerTable, ask_status},
    pools::PoolRelay,
    server::Server,
    status::{PeersView, SyncState, SyncStatus, status},
    view::View,
    work::Queues,
};
use crate::{ChainService, Clock};

/// The machine.
pub struct SyncMachine<C> {
    view: View<C>,
    headers: HeaderSync,
    bodies: BodySync,
    announcements: Announcements,
    pools: PoolRelay,
    server: Server,
    queues: Queues,
    clock: ClockCheck,
    /// Why the operator has to look.
    halted: Option<String>,
}

impl<C> fmt::Debug for SyncMachine<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncMachine").field("peers", &self.view.peers.len()).finish_non_exhaustive()
    }
}

type Result<T = (), E = LedgerError> = std::result::Result<T, E>;

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

    /// The next check to be run, the most urgent one first. The caller has to run it.
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

    fn share(&mut self, share: Share, origin: Origin, network: &mut dyn Network) -> Result {
        let effects =
            self.pools.share(&self.view, &self.headers.tree, &mut self.queues, share, origin);
        self.carry_out(effects, network)
    }

    fn transaction(
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

    fn ended(&mut self, peer: PeerId, ending: Ending, network: &mut dyn Network) -> Result {
        let view = &self.view;
        let effects = match ending {
            Ending::Answered(Answer::Status(status, asked_ms)) => {
                self.clock.told(peer, status.now_ms, asked_ms, view.service.now_ms());
                Effects::one(Effect::Status(peer, status))
            }
            Ending::Answered(Answer::Headers(headers, asked)) => {
                self.headers.received(view, &mut self.queues, peer, headers, asked)?
            }
            Ending::Answered(Answer::Replay(headers)) => {
                let HeaderSync { rereading, tree, .. } = &mut self.headers;
                rereading.received(view, tree, peer, headers)?
            }
            Ending::Answered(Answer::Bodies(hashes, bodies)) => {
                let (tree, queues) = (&mut self.headers.tree, &mut self.queues);
                self.bodies.received(view, tree, queues, peer, (hashes, bodies))?
            }
            // They took long enough to come.
            Ending::LateBodies(hashes, bodies)
                if self.bodies.has_room() && !view.peers.is_out(&peer) =>
            {
                let (tree, queues) = (&mut self.headers.tree, &mut self.queues);
                self.bodies.received(view, tree, queues, peer, (hashes, bodies))?
            }
            Ending::Answered(Answer::Mempool(page)) => return self.page_came(peer, page, network),
            Ending::Unanswered(question, fault) => {
                return self.unanswered(peer, &question, fault, network);
            }
            Ending::Unrequested => {
                let mut effects = Effects::none();
                effects.penalize(
                    peer,
                    Penalty::UnrequestedResponse,
                    &"an answer that nobody asked for",
                );
                effects
            }
            Ending::LateBodies(..) | Ending::Over => return Ok(()),
        };
        self.carry_out(effects, network)
    }

    /// A peer did not answer: others may be asked. A peer that took a request for blocks and does
    /// not deliver is charged; for other questions it is not.
    fn unanswered(
        &mut self,
        peer: PeerId,
        question: &Question,
        fault: Fault,
        network: &mut dyn Network,
    ) -> Result {
        match question {
            Question::Headers { .. } => self.headers.sources.headers_failed(&peer),
            Question::Bodies(hashes) => self.bodies.not_delivered(&peer, hashes),
            Question::Mempool => self.pools.page_failed(&peer),
            Question::Status { .. } | Question::Replay { .. } => {}
        }
        let mut effects = Effects::none();
        match (fault, question) {
            (Fault::WrongForm, _) => {
                effects.penalize(
                    peer,
                    Penalty::UnrequestedResponse,
                    &"an answer of the wrong form",
                );
            }
            (Fault::Late, Question::Bodies(_)) => effects = self.bodies.is_late(&self.view, peer),
            (Fault::Late, Question::Headers { .. } | Question::Replay { .. })
                if self.view.peers.contains(&peer) =>
            {
                effects.penalize(peer, Penalty::Stall, &"no answer in time");
            }
            (Fault::Late | Fault::None, _) => {}
        }
        self.carry_out(effects, network)
    }

    fn page_came(&mut self, peer: PeerId, page: MempoolPage, network: &mut dyn Network) -> Result {
        self.pools.page_came(&peer, &page);
        let origin = Origin { peer, gossip: None };
        page.shares.into_iter().try_for_each(|share| self.share(share, origin, network))?;
        page.transactions
            .into_iter()
            .try_for_each(|signed| self.transaction(signed, origin, network))
    }

    fn disconnected(&mut self, peer: PeerId, network: &mut dyn Network) -> Result {
        for question in self.view.peers.disconnected(&peer) {
            if let Question::Bodies(hashes) = question {
                self.bodies.not_delivered(&peer, &hashes);
            }
        }
        self.headers.disconnected(&peer);
        self.bodies.disconnected(&peer);
        self.pools.disconnected(&peer);
        self.server.disconnected(&peer);
        self.clock.disconnected(&peer);
        let effects = self.drop_work(peer);
        self.carry_out(effects, network)
    }

    /// Drops what a peer sent and is not checked yet. A verdict that is due is given all the same.
    fn drop_work(&mut self, peer: PeerId) -> Effects {
        let dropped = self.queues.drop_peer(peer);
        let mut effects = self.announcements.dropped(dropped.announced);
        self.bodies.dropped(dropped.bodies);
        effects.extend(PoolRelay::dropped(dropped.shares, dropped.transactions));
        effects.extend(self.announcements.drop_peer(&peer));
        effects
    }

    /// Does what a part wants done.
    fn carry_out(&mut self, effects: Effects, network: &mut dyn Network) -> Result {
        let now_ms = self.view.now_ms;
        for effect in effects {
            match effect {
                Effect::Ask(peer, question, request) => {
                    let id = self.view.peers.asks(peer, question, now_ms);
                    network.request(peer, id, request);
                }
                Effect::Respond(id, response) => network.respond(id, response),
                Effect::Publish(message) => network.publish(message),
                Effect::Judge(Origin { peer, gossip }, verdict) => {
                    if let Some(id) = gossip {
                        network.verdict(id, peer, verdict);
                    }
                }
                Effect::Penalize(peer, penalty, why) => {
                    self.penalize(peer, penalty, &why, network)?
                }
                Effect::Status(peer, status) => {
                    let effects =
                        self.view.peers.take_status(peer, status, &self.view.genesis_hash());
                    self.carry_out(effects, network)?;
                }
                Effect::Shows(peer, work, height) => {
                    self.view.peers.reaches(&peer, work, height, true)
                }
                Effect::Reaches(peer, work, height) => {
                    self.view.peers.reaches(&peer, work, height, false)
                }
                Effect::Discredit(peer) => self.view.peers.discredit(&peer, now_ms),
                Effect::AwaitLate(peer, until_ms) => self.view.peers.await_late(&peer, until_ms),
                Effect::ReadChain(peer) => self.headers.sources.is_ahead(&peer),
                Effect::NewTip(header) => {
                    let effects = self.announcements.new_tip(header);
                    self.carry_out(effects, network)?;
                }
                Effect::Release(hash) => {
                    let effects = self.server.release(&self.view, &hash)?;
                    self.carry_out(effects, network)?;
                }
                Effect::Halt(reason) => self.halt(reason),
            }
        }
        Ok(())
    }

    /// Charges a peer. Once it has earned a ban nothing more that it brought is looked at, however
    /// long the network takes to throw it out.
    fn penalize(
        &mut self,
        peer: PeerId,
        penalty: Penalty,
        why: &str,
        network: &mut dyn Network,
    ) -> Result {
        if self.view.peers.is_out(&peer) {
            return Ok(());
        }
        warn!("peer {peer}: {penalty:?}: {why}");
        network.penalize(peer, penalty);
        if self.view.peers.charge(&peer, penalty, self.view.now_ms) {
            self.headers.sources.drop_candidate(&peer);
            let effects = self.drop_work(peer);
            self.carry_out(effects, network)?;
            network.disconnect(peer);
        }
        Ok(())
    }

    /// Stops following better chains, and tells the operator.
    fn halt(&mut self, reason: String) {
        if self.halted.is_none() {
            error!("halted: {reason}");
            self.halted = Some(reason);
        }
    }
}
