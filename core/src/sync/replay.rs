//! Reading a chain's headers for the second time: one that was proven, whose work suffices, and that was too long to be
//! kept. Every header is recognised by the hash of a later one, so that no proof is checked again.

use std::collections::VecDeque;

use lode_consensus::{
    ChainWork, Hash, Height, NetworkParams, SealedHeader,
    headers::{FittingHeader, HeaderChain, ProvenHeader},
    rules::{Ancestry, ChainContext},
};
use lode_ledger::LedgerError;
use lode_network::{Network, PeerId, Request, RequestId};

use super::{
    SyncMachine,
    candidate::own_fault,
    limits::{HEADERS_PER_REQUEST, REPLAY_TIMEOUT_MS, STALL_PAUSE_MS},
    peers::{Peer, Question},
    tree::{Origins, Standing},
};
use crate::Clock;

/// A [`Replay`] and who is asked for it.
#[derive(Debug)]
pub(super) struct Replaying {
    pub(super) replay: Replay,
    pub(super) request: Option<RequestId>,
    /// When headers came last, or were not wanted.
    progress_ms: u64,
}

impl Replaying {
    pub(super) fn new(replay: Replay, now_ms: u64) -> Self {
        Self { replay, request: None, progress_ms: now_ms }
    }
}

/// The second reading of a chain that was proven and is too long to be kept.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) fork_hash: Hash,
    chain: HeaderChain,
    /// The last header that is back.
    tip_hash: Hash,
    /// The work there.
    pub(super) work: ChainWork,
    /// Heights and hashes of proven headers; a header is proven if one that follows it is here.
    checkpoints: VecDeque<(Height, Hash)>,
    /// Headers on top of the last one, on their way to the next checkpoint.
    buffer: Vec<SealedHeader>,
    /// The headers above the last checkpoint.
    pub(super) tail: VecDeque<ProvenHeader>,
    /// The work of the whole chain.
    pub(super) goal: ChainWork,
    pub(super) assumed_to: Option<Height>,
}

impl Replay {
    /// The chain on top of `base`: the hashes that were kept of it, lowest first, the headers behind the last of them,
    /// and its whole work.
    pub(super) fn new(
        (base_hash, base): (Hash, Standing),
        checkpoints: VecDeque<(Height, Hash)>,
        tail: VecDeque<ProvenHeader>,
        goal: ChainWork,
        assumed_to: Option<Height>,
    ) -> Self {
        Self {
            fork_hash: base_hash,
            chain: HeaderChain::above(base.height),
            tip_hash: base_hash,
            work: base.work,
            checkpoints,
            buffer: Vec::new(),
            tail,
            goal,
            assumed_to,
        }
    }

    /// The last header received.
    pub(super) fn last_hash(&self) -> Hash {
        self.buffer.last().map_or(self.tip_hash, SealedHeader::hash)
    }

    /// Whether only the tail is left.
    pub(super) fn is_complete(&self) -> bool {
        self.checkpoints.is_empty()
    }

    /// Headers that no checkpoint has confirmed yet.
    pub(super) fn unconfirmed(&self) -> usize {
        self.buffer.len()
    }

    /// Forgets what no checkpoint has confirmed.
    pub(super) fn rewind(&mut self) {
        self.buffer.clear();
    }

    /// Takes the headers that follow the last one. Gives those that a checkpoint confirms, with the work below each, and
    /// whether all of them may be the headers that were proven.
    pub(super) fn extend<A: Ancestry<Error = LedgerError>>(
        &mut self,
        headers: Vec<SealedHeader>,
        params: &NetworkParams,
        genesis_hash: Hash,
        base: &A,
    ) -> Result<(Vec<(ProvenHeader, ChainWork)>, bool), LedgerError> {
        let mut confirmed = Vec::new();
        for sealed in headers {
            let Some((height, expected)) = self.checkpoints.front().copied() else {
                break;
            };
            if sealed.header.parent_hash != self.last_hash() {
                return Ok((confirmed, false));
            }
            // By count and not by what the headers say, so that no lie makes the buffer longer than the interval.
            let reached = self.chain.tip().saturating_add(u32::try_from(self.buffer.len()).unwrap_or(u32::MAX));
            let hash = sealed.hash();
            self.buffer.push(sealed);
            if reached.saturating_add(1) < height {
                continue;
            }
            if hash != expected {
                return Ok((confirmed, false));
            }
            for sealed in std::mem::take(&mut self.buffer) {
                let context = ChainContext::gather(params, genesis_hash, self.chain.tip(), &self.chain.on(base));
                let context = context.map_err(own_fault)?;
                let Ok(fitting) = FittingHeader::new(sealed, &context) else {
                    return Ok((confirmed, false));
                };
                let header = fitting.proven_before();
                self.tip_hash = header.hash();
                self.chain.push(header.hash(), header.header().clone());
                let below = self.work;
                self.work = below.after(header.header().target);
                confirmed.push((header, below));
            }
            self.chain.forget(params);
            self.checkpoints.pop_front();
        }
        Ok((confirmed, true))
    }
}

impl<C: Clock> SyncMachine<C> {
    /// Reads a proven chain's headers again, from whoever has them, and hands them to the tree.
    pub(super) fn advance_replay(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        let Some(Replaying { replay, request, progress_ms }) = &mut self.replay else {
            return Ok(());
        };
        if replay.is_complete() {
            if self.tree.room() >= replay.tail.len()
                && let Some(Replaying { replay, .. }) = self.replay.take()
            {
                let origins = Origins { goal: None, assumed_to: replay.assumed_to, source: None };
                self.plant(replay.tail, replay.work, origins);
            }
            return Ok(());
        }
        // What comes is confirmed together with what waits for its confirmation.
        let room = self.tree.room().saturating_sub(replay.unconfirmed());
        if room == 0 {
            *progress_ms = self.now_ms;
            return Ok(());
        }
        if self.now_ms.saturating_sub(*progress_ms) > REPLAY_TIMEOUT_MS {
            // Nobody has that chain any more.
            self.replay = None;
            self.tree.lower_goals();
            return Ok(());
        }
        if request.is_some() {
            return Ok(());
        }
        let (locator, goal) = (vec![replay.last_hash(), replay.fork_hash], replay.goal);
        let is_paused = |peer: &Peer| peer.is_paused(self.now_ms) || self.now_ms < peer.no_replay_until_ms;
        let able = self.peers.iter().filter(|(_, peer)| peer.work >= goal && !is_paused(peer));
        let Some(id) = able.map(|(id, _)| *id).next() else {
            return Ok(());
        };
        let limit = u16::try_from(room).unwrap_or(u16::MAX).min(HEADERS_PER_REQUEST);
        let request = self.ask(id, Question::Replay { limit }, Request::Headers { locator, limit }, network);
        if let Some(replaying) = &mut self.replay {
            replaying.request = Some(request);
        }
        Ok(())
    }

    /// Headers of the chain that is read again.
    pub(super) fn replay_received(&mut self, id: PeerId, headers: Vec<SealedHeader>) -> Result<(), LedgerError> {
        let service = self.service.clone();
        let reader = service.ledger().read();
        let Some(Replaying { replay, progress_ms, .. }) = &mut self.replay else {
            return Ok(());
        };
        let chain = match self.tree.chain(&reader, &replay.fork_hash) {
            Ok(chain) => chain,
            Err(error) => {
                self.replay = None;
                return self.refuse_deep(error);
            }
        };
        let (params, genesis_hash) = (service.ledger().params(), service.ledger().network().genesis_hash);
        let is_empty = headers.is_empty();
        let (confirmed, are_good) = replay.extend(headers, params, genesis_hash, &chain)?;
        if are_good && !is_empty {
            *progress_ms = self.now_ms;
        } else {
            // It is on another chain, and may never have been on this one: no offence.
            replay.rewind();
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.no_replay_until_ms = self.now_ms.saturating_add(STALL_PAUSE_MS);
            }
        }
        let origins = Origins { goal: Some(replay.goal), assumed_to: replay.assumed_to, source: Some(id) };
        for (header, below) in confirmed {
            if !self.plant([header], below, origins) {
                // Announced blocks have taken the room: what is here is stored first.
                self.replay = None;
                self.tree.lower_goals();
                break;
            }
        }
        Ok(())
    }
}
