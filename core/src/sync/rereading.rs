//! Which peer is asked for a chain that is read for the second time, and what happens to its
//! headers.
//!
//! Owns the [`Replay`], and which peers are on another chain. Returns what to ask; headers that are
//! recognised go into the tree.
//!
//! What must not be broken: a peer that does not have that chain has done no wrong.

use std::collections::BTreeMap;

use lode_consensus::{ChainWork, SealedHeader};
use lode_ledger::LedgerError;
use lode_network::{PeerId, Request};

use super::{
    effect::{Effect, Effects, Question},
    limits::{HEADERS_PER_REQUEST, REPLAY_TIMEOUT_MS, STALL_PAUSE_MS},
    peers::Peer,
    replay::Replay,
    tree::{HeaderTree, Origins},
    view::View,
};
use crate::Clock;

/// At most one chain that is read again.
#[derive(Debug, Default)]
pub(super) struct Rereading {
    replay: Option<Replay>,
    /// Tells it from those before it.
    number: u64,
    /// When headers came last, or were not wanted.
    progress_ms: u64,
    /// Until when peers are not asked: they are on other chains.
    elsewhere: BTreeMap<PeerId, u64>,
}

impl Rereading {
    /// A proven chain is to be read again. There is none yet.
    pub(super) fn begin(&mut self, replay: Replay, now_ms: u64) {
        (self.replay, self.progress_ms) = (Some(replay), now_ms);
        self.number = self.number.saturating_add(1);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.replay.is_some()
    }

    /// The work of the whole chain; none without one.
    pub(super) fn goal(&self) -> ChainWork {
        self.replay.as_ref().map_or(ChainWork::ZERO, |replay| replay.goal)
    }

    /// A peer is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.elsewhere.remove(id);
    }

    /// Reads the chain's headers, from any peer that has them, and hands them to the tree.
    pub(super) fn advance<C: Clock>(&mut self, view: &View<C>, tree: &mut HeaderTree) -> Effects {
        let Some(replay) = &mut self.replay else {
            return Effects::none();
        };
        if replay.is_complete() {
            if tree.room() >= replay.tail.len()
                && let Some(replay) = self.replay.take()
            {
                let origins = Origins { goal: None, assumed_to: replay.assumed_to, source: None };
                tree.plant(replay.tail, replay.work, origins);
            }
            return Effects::none();
        }
        // What comes is confirmed together with what waits for its confirmation.
        let room = tree.room().saturating_sub(replay.unconfirmed());
        if room == 0 {
            self.progress_ms = view.now_ms;
            return Effects::none();
        }
        if view.now_ms.saturating_sub(self.progress_ms) > REPLAY_TIMEOUT_MS {
            // No peer has that chain any more.
            self.give_up(tree);
            return Effects::none();
        }
        if view.peers.is_asked_replay(self.number) {
            return Effects::none();
        }
        let is_free = |id: &PeerId, peer: &Peer| {
            let is_elsewhere =
                self.elsewhere.get(id).is_some_and(|until_ms| view.now_ms < *until_ms);
            !peer.is_paused(view.now_ms) && !is_elsewhere
        };
        let able =
            view.peers.iter().find(|(id, peer)| peer.work >= replay.goal && is_free(id, peer));
        let Some((id, _)) = able else {
            return Effects::none();
        };
        let locator = vec![replay.last_hash(), replay.fork_hash];
        let limit = u16::try_from(room).unwrap_or(u16::MAX).min(HEADERS_PER_REQUEST);
        let question = Question::Replay { limit, number: self.number };
        Effects::one(Effect::Ask(*id, question, Request::Headers { locator, limit }))
    }

    /// Its next headers, as a peer says.
    pub(super) fn received<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        id: PeerId,
        headers: Vec<SealedHeader>,
    ) -> Result<Effects, LedgerError> {
        let Some(replay) = &mut self.replay else {
            return Ok(Effects::none());
        };
        let is_empty = headers.is_empty();
        let (confirmed, are_good) = {
            let reader = view.service.ledger().read();
            let chain = match tree.chain(&reader, &replay.fork_hash) {
                Ok(chain) => chain,
                Err(error) => {
                    self.replay = None;
                    return Effects::of_lost_fork(error);
                }
            };
            replay.extend(headers, view.service.ledger().params(), view.genesis_hash(), &chain)?
        };
        if are_good && !is_empty {
            self.progress_ms = view.now_ms;
        } else {
            // It is on another chain, and may never have been on this one: no offence.
            replay.rewind();
            self.elsewhere.insert(id, view.now_ms.saturating_add(STALL_PAUSE_MS));
        }
        let origins =
            Origins { goal: Some(replay.goal), assumed_to: replay.assumed_to, source: Some(id) };
        for (header, below) in confirmed {
            if !tree.plant([header], below, origins) {
                // Announced blocks have taken the room: what is here is stored first.
                self.give_up(tree);
                break;
            }
        }
        Ok(Effects::none())
    }

    fn give_up(&mut self, tree: &mut HeaderTree) {
        self.replay = None;
        tree.lower_goals();
    }
}
