//! Carries out what parts want done, and lets go of a peer in all of them.
//!
//! A part of the switchboard in [`machine`](super::machine), which owns all state. What must not be
//! broken: effects are carried out in their order, and nothing of a banned peer is looked at again.

use lode_network::{Network, PeerId, Penalty};
use tracing::{error, warn};

use super::{
    effect::{Effect, Effects, Question},
    jobs::Origin,
    machine::{Result, SyncMachine},
    pools::PoolRelay,
};
use crate::Clock;

impl<C: Clock> SyncMachine<C> {
    pub(super) fn disconnected(&mut self, peer: PeerId, network: &mut dyn Network) -> Result {
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
    pub(super) fn carry_out(&mut self, effects: Effects, network: &mut dyn Network) -> Result {
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
    pub(super) fn halt(&mut self, reason: String) {
        if self.halted.is_none() {
            error!("halted: {reason}");
            self.halted = Some(reason);
        }
    }
}
