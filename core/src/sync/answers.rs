//! What follows from an answer, or from none: which part gets it, and which peer is charged.
//!
//! A part of the switchboard in [`machine`](super::machine), which owns all state.

use lode_network::{MempoolPage, Network, PeerId, Penalty};

use super::{
    effect::{Effect, Effects, Question},
    headers::HeaderSync,
    jobs::Origin,
    machine::{Result, SyncMachine},
    peers::{Answer, Ending, Fault},
};
use crate::Clock;

impl<C: Clock> SyncMachine<C> {
    pub(super) fn ended(
        &mut self,
        peer: PeerId,
        ending: Ending,
        network: &mut dyn Network,
    ) -> Result {
        let view = &self.view;
        let effects = match ending {
            Ending::Answered(Answer::Status(status, asked_ms)) => {
                let times_ms = (asked_ms, view.service.now_ms());
                self.clock.told(peer, &status, view.service.tip().0, times_ms);
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
    pub(super) fn unanswered(
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
}
