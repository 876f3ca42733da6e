//! Header sync: which peers' chains are judged, and what becomes of them.
//!
//! Owns the tree of proven headers, the candidates (a chain of headers for each peer that is read),
//! the one whose peer has left, and the chain that is read for the second time. Returns questions
//! for headers, what headers say of the peers that sent them, and charges.
//!
//! What must not be broken: nothing in an unverified proof counts as work; nothing is stored below
//! the minimum work; a claim is held against a peer only as it stood when it was asked.

use std::cmp::Reverse;

use lode_consensus::{ChainWork, Hash, SealedHeader, headers::VerifiedHeader, rules::BlockError};
use lode_ledger::LedgerError;
use lode_network::{PeerId, Penalty, Request};

use super::{
    bounded::Recent,
    candidate::{Accepted, Candidate, Refusal},
    config::SyncConfig,
    effect::{Effect, Effects, Question},
    limits::{
        BUSY_PAUSE_MS, HEADERS_PER_REQUEST, LEFT_OUT_MS, MAX_CANDIDATES, MAX_DEEP_CHAINS,
        MAX_FUTURE_PAUSE_MS, MAX_INBOUND_CANDIDATES,
    },
    peers::Peer,
    rereading::Rereading,
    sources::Sources,
    tree::{HeaderTree, Joint, Origins},
    view::View,
    work::Queues,
};
use crate::Clock;

#[derive(Debug)]
pub(super) struct HeaderSync {
    /// Proven headers above the ledger.
    pub(super) tree: HeaderTree,
    /// Peers, and their candidates.
    pub(super) sources: Sources,
    /// A proven chain whose headers are read again, if there is one.
    pub(super) rereading: Rereading,
    /// Numbers candidates.
    last_candidate: u64,
    /// When headers were last left out because they lie in the future.
    left_out_at_ms: Option<u64>,
    /// First headers of branches that fork off below the retained history.
    deep: Recent<Hash>,
}

impl HeaderSync {
    pub(super) fn new(config: &SyncConfig) -> Self {
        Self {
            tree: HeaderTree::new(config.bounds.tree.max(config.bounds.held)),
            sources: Sources::default(),
            rereading: Rereading::default(),
            last_candidate: 0,
            left_out_at_ms: None,
            deep: Recent::new(MAX_DEEP_CHAINS),
        }
    }

    /// It is gone.
    pub(super) fn disconnected(&mut self, id: &PeerId) {
        self.rereading.disconnected(id);
        self.sources.disconnected(id);
    }

    /// Whether chains of headers are being read.
    pub(super) fn is_busy(&self) -> bool {
        self.rereading.is_busy() || self.sources.candidates().any(|candidate| !candidate.is_done())
    }

    /// Whether headers were left out lately because they lie in the future.
    pub(super) fn leaves_out(&self, now_ms: u64) -> bool {
        self.left_out_at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) <= LEFT_OUT_MS)
    }

    /// The most work that is proven: of the ledger's chain, or of headers above it.
    fn best_work<C: Clock>(&self, view: &View<C>) -> ChainWork {
        let goal = self.tree.best().map_or(ChainWork::ZERO, |best| best.goal);
        view.service.work().max(goal).max(self.rereading.goal())
    }

    /// Whether a candidate's proven part may go to the tree.
    fn suffices<C: Clock>(&self, view: &View<C>, candidate: &Candidate) -> bool {
        candidate.suffices(self.best_work(view), view.config.minimum_work, view.assumed_height())
    }

    /// Whether the peer may be asked for headers now.
    fn is_free<C: Clock>(&self, view: &View<C>, id: &PeerId) -> bool {
        let is_early = self.sources.get(id).is_some_and(|source| view.now_ms < source.not_until_ms);
        let is_free = |peer: &Peer| {
            peer.status.is_some() && !peer.is_asked_headers && !peer.is_paused(view.now_ms)
        };
        view.peers.get(id).is_some_and(is_free) && !is_early
    }

    /// Moves a candidate's headers to the tree if their work suffices.
    pub(super) fn accept<C: Clock>(
        &mut self,
        view: &View<C>,
        id: PeerId,
    ) -> Result<Effects, LedgerError> {
        let (best, minimum, assume) =
            (self.best_work(view), view.config.minimum_work, view.assumed_height());
        let Some(candidate) = self.sources.candidate_mut(&id) else {
            return Ok(Effects::none());
        };
        if !candidate.suffices(best, minimum, assume) {
            return Ok(Effects::none());
        }
        // Headers in the tree went through this before.
        let base_hash = candidate.base_hash();
        if !self.tree.contains(&base_hash)
            && let Err(error) = view.fork_is_retained(&base_hash)
        {
            candidate.first.map(|first| self.deep.insert(first));
            self.sources.drop_candidate(&id);
            return Effects::of_lost_fork(error);
        }
        if self.rereading.is_busy() || self.tree.room() < candidate.held() {
            return Ok(Effects::none());
        }
        let shows = Effect::Shows(id, candidate.work, candidate.height);
        match candidate.accept(assume) {
            Accepted::Replay(replay) => self.rereading.begin(replay, view.now_ms),
            Accepted::All { headers, base_work, assumed_to } => {
                self.tree.plant(
                    headers,
                    base_work,
                    Origins { goal: None, assumed_to, source: Some(id) },
                );
            }
        }
        Ok(Effects::one(shows))
    }

    /// Ends a candidate that has nothing more to give.
    pub(super) fn finish<C: Clock>(&mut self, view: &View<C>, id: PeerId) -> Effects {
        let best = self.best_work(view);
        let (Some(source), Some(peer)) = (self.sources.get(&id), view.peers.get(&id)) else {
            return Effects::none();
        };
        let Some(candidate) = &source.candidate else {
            return Effects::none();
        };
        let waits = self.suffices(view, candidate);
        if !candidate.is_endless() && (!candidate.is_done() || peer.is_asked_headers || waits) {
            return Effects::none();
        }
        // A peer that reorganises meanwhile ends with more work than it claimed, never with less. A
        // peer that claims no more work than is here by now may be on this node's own chain, and
        // have nothing to add to headers that another peer began.
        let claims_more = best.moves_to(candidate.claimed_work);
        let is_short = claims_more
            && candidate.claimed_work > candidate.work
            && candidate.left_out_ms.is_none();
        let (claimed, shown, left_out_ms) =
            (candidate.claimed_work, candidate.work, candidate.left_out_ms);
        if !is_short && !candidate.is_endless() && best.moves_to(shown) {
            // Better than what is here, and still below the minimum: it stays, so that a next block
            // does not mean to begin from nothing.
            if let (Some(candidate), Some(status)) = (self.sources.candidate_mut(&id), &peer.status)
                && shown < status.work
            {
                candidate.adopt((status.tip_hash, status.work));
            }
            return Effects::none();
        }
        if let Some(source) = self.sources.get_mut(&id) {
            if let Some(wait_ms) = left_out_ms {
                let pause_ms = wait_ms.clamp(BUSY_PAUSE_MS, MAX_FUTURE_PAUSE_MS);
                source.not_until_ms = view.now_ms.saturating_add(pause_ms);
            }
            source.candidate = None;
        }
        if is_short { Effects::low_work(id, claimed, shown) } else { Effects::none() }
    }

    /// Asks for a candidate's next headers.
    pub(super) fn ask_on<C: Clock>(
        &self,
        view: &View<C>,
        id: PeerId,
    ) -> Result<Effects, LedgerError> {
        let Some(candidate) = self.sources.candidate(&id) else {
            return Ok(Effects::none());
        };
        // Headers wait for bodies: as many as a candidate can hold must find room in the tree.
        let has_room = self.tree.room() >= view.config.bounds.held;
        let is_full = candidate.is_full() || !has_room || self.suffices(view, candidate);
        if candidate.exhausted || is_full || !self.is_free(view, &id) {
            return Ok(Effects::none());
        }
        self.ask_headers(view, id, &[candidate.tip_hash(), candidate.base_hash()])
    }

    fn ask_headers<C: Clock>(
        &self,
        view: &View<C>,
        id: PeerId,
        from: &[Hash],
    ) -> Result<Effects, LedgerError> {
        let locator = self.tree.locator(&view.service.ledger().read(), from)?;
        let most = u16::try_from(view.config.bounds.unproven).unwrap_or(u16::MAX);
        let limit = HEADERS_PER_REQUEST.min(most.max(1));
        let Some(status) = view.peers.get(&id).and_then(|peer| peer.status.as_ref()) else {
            return Ok(Effects::none());
        };
        let question = Question::Headers { limit, claim: (status.tip_hash, status.work) };
        Ok(Effects::one(Effect::Ask(id, question, Request::Headers { locator, limit })))
    }

    /// Peers that claim more work, or that announced a block out of nowhere, in the order in which
    /// they are to be asked: each to be [begun](Self::begin) with.
    pub(super) fn waiting<C: Clock>(&self, view: &View<C>) -> Vec<PeerId> {
        let best = self.best_work(view);
        let mut waiting: Vec<_> = self
            .sources
            .iter()
            .filter(|(id, source)| source.candidate.is_none() && self.is_free(view, id))
            .filter_map(|(id, source)| Some((*id, source, view.peers.get(id)?)))
            .filter(|(_, source, peer)| best.moves_to(peer.work) || source.is_ahead)
            .map(|(id, _, peer)| {
                // Those that dialled us have their turn in the order in which they came, whatever
                // work they claim: a false claim must not keep another peer from being asked.
                let came_ms = if peer.outbound { 0 } else { peer.since_ms };
                ((!peer.outbound, peer.evasions, came_ms, Reverse(peer.work)), id)
            })
            .collect();
        waiting.sort_unstable();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// Begins to judge a peer's chain, if it is another one than those that are judged, and they
    /// are not too many.
    pub(super) fn begin<C: Clock>(
        &mut self,
        view: &View<C>,
        id: PeerId,
    ) -> Result<Effects, LedgerError> {
        let is_read =
            |id: &PeerId| self.sources.candidate(id).is_some_and(|candidate| !candidate.is_done());
        let busy: Vec<&Peer> = view
            .peers
            .iter()
            .filter(|(id, peer)| is_read(id) || peer.is_asked_headers)
            .map(|(_, peer)| peer)
            .collect();
        let Some(peer) = view.peers.get(&id) else {
            return Ok(Effects::none());
        };
        let tip_of = |peer: &Peer| peer.status.as_ref().map(|status| status.tip_hash);
        let is_known = busy.iter().any(|other| tip_of(other) == tip_of(peer));
        let inbound = busy.iter().filter(|other| !other.outbound).count();
        let is_full =
            busy.len() >= MAX_CANDIDATES || (!peer.outbound && inbound >= MAX_INBOUND_CANDIDATES);
        if is_known || is_full {
            return Ok(Effects::none());
        }
        let mut from = Vec::new();
        if let Some(spare) = self.sources.hand_spare_to(&id, peer.status.as_ref()) {
            from.extend([spare.tip_hash(), spare.base_hash()]);
        }
        self.ask_headers(view, id, &from)
    }

    /// A peer's next headers. `claim` is what the peer said it had when it was asked: what it said
    /// since may have overtaken its answer, and cannot be held against it.
    pub(super) fn received<C: Clock>(
        &mut self,
        view: &View<C>,
        queues: &mut Queues,
        id: PeerId,
        headers: Vec<SealedHeader>,
        (limit, claim): (u16, (Hash, ChainWork)),
    ) -> Result<Effects, LedgerError> {
        let is_last = headers.len() < usize::from(limit);
        let Some(source) = self.sources.get_mut(&id) else {
            return Ok(Effects::none());
        };
        let candidate = source.candidate.take();
        let Some(parent_hash) = headers.first().map(|first| first.header.parent_hash) else {
            return Ok(self.no_headers(view, id, candidate, claim.1));
        };
        let mut effects = Effects::none();
        let follows =
            |candidate: &Candidate| candidate.tip_hash() == parent_hash && !candidate.is_fresh();
        let (candidate, headers) = match candidate.filter(follows) {
            Some(candidate) => (candidate, headers),
            None => match self.new_candidate(view, id, claim, headers, is_last, &mut effects)? {
                Some(begun) => begun,
                None => return Ok(effects),
            },
        };
        let is_bad = |hash: &Hash| self.tree.is_invalid(hash) || self.tree.is_invalid_block(hash);
        if let Some(hash) = headers.iter().map(SealedHeader::hash).find(is_bad) {
            effects.penalize(
                id,
                Penalty::InvalidBlock,
                &format_args!("its chain holds block {hash}"),
            );
            return Ok(effects);
        }
        if candidate.is_fresh()
            && headers.first().is_some_and(|first| self.deep.contains(&first.hash()))
        {
            return Ok(effects);
        }
        effects.extend(self.extend(view, queues, id, candidate, (headers, is_last))?);
        Ok(effects)
    }

    /// Adds headers to a candidate, and puts them in line for their check.
    fn extend<C: Clock>(
        &mut self,
        view: &View<C>,
        queues: &mut Queues,
        id: PeerId,
        mut candidate: Candidate,
        (headers, is_last): (Vec<SealedHeader>, bool),
    ) -> Result<Effects, LedgerError> {
        let reader = view.service.ledger().read();
        let chain = match self.tree.chain(&reader, &candidate.fork_hash) {
            Ok(chain) => chain,
            // The fork has gone while headers were on their way. No header above it is proven yet,
            // so an operator has nothing to decide.
            Err(
                LedgerError::ReorgTooDeep { .. }
                | LedgerError::Orphan { .. }
                | LedgerError::InvalidAncestor { .. },
            ) => return Ok(Effects::none()),
            Err(error) => return Err(error),
        };
        let params = view.service.ledger().params();
        match candidate.extend(headers, params, view.genesis_hash(), &chain, view.service.now_ms())
        {
            Ok(segments) => {
                candidate.exhausted |= is_last;
                if candidate.left_out_ms.is_some() {
                    self.left_out_at_ms = Some(view.now_ms);
                }
                for segment in segments {
                    if queues.segments.push(id, segment).is_err() {
                        // There is room for what a peer is asked for: this one is asked no more.
                        return Ok(Effects::none());
                    }
                }
                self.sources.judge(&id, candidate);
                Ok(Effects::none())
            }
            Err(Refusal::Invalid(error)) => {
                let mut effects = Effects::none();
                effects.penalize(id, Penalty::InvalidHeader, &error);
                Ok(effects)
            }
            Err(Refusal::Ours(error)) => Err(error),
        }
    }

    /// A peer has no headers behind those that it was asked about.
    fn no_headers<C: Clock>(
        &mut self,
        view: &View<C>,
        id: PeerId,
        candidate: Option<Candidate>,
        claimed: ChainWork,
    ) -> Effects {
        let best = self.best_work(view);
        match candidate {
            Some(mut candidate) => {
                candidate.exhausted = true;
                self.sources.judge(&id, candidate);
                Effects::none()
            }
            // It knows no chain that is better than the one it was told of.
            None if best.moves_to(claimed) => Effects::low_work(id, claimed, best),
            None => Effects::none(),
        }
    }

    /// A candidate from the last header that is known, and those that follow. `None` if nothing is
    /// to be judged.
    fn new_candidate<C: Clock>(
        &mut self,
        view: &View<C>,
        id: PeerId,
        claim: (Hash, ChainWork),
        headers: Vec<SealedHeader>,
        is_last: bool,
        effects: &mut Effects,
    ) -> Result<Option<(Candidate, Vec<SealedHeader>)>, LedgerError> {
        let (fork_hash, standing, rest) =
            match self.tree.join(&view.service.ledger().read(), headers)? {
                Joint::At(hash, standing, rest) => (hash, standing, rest),
                Joint::Invalid(hash) => {
                    effects.penalize(
                        id,
                        Penalty::InvalidBlock,
                        &format_args!("its chain holds {hash}"),
                    );
                    return Ok(None);
                }
                Joint::None => {
                    effects.penalize(
                        id,
                        Penalty::UnconnectedHeaders,
                        &"headers without a known parent",
                    );
                    return Ok(None);
                }
            };
        effects.push(Effect::Reaches(id, standing.work, standing.height));
        if rest.is_empty() && is_last {
            // Its chain ends with what is known here.
            let best = self.best_work(view);
            if best.moves_to(claim.1) {
                effects.extend(Effects::low_work(id, claim.1, best));
            }
            return Ok(None);
        }
        self.last_candidate = self.last_candidate.saturating_add(1);
        Ok(Some((
            Candidate::new(self.last_candidate, view.config.bounds, claim, fork_hash, standing),
            rest,
        )))
    }

    /// A segment of a candidate was checked.
    pub(super) fn segment_proven<C: Clock>(
        &mut self,
        view: &View<C>,
        id: PeerId,
        (candidate, segment): (u64, u64),
        headers: Vec<Result<VerifiedHeader, BlockError>>,
    ) -> Effects {
        let errors = headers.iter().filter_map(|result| result.as_ref().err());
        let bad: Vec<BlockError> = errors.filter(|error| error.marks_invalid()).cloned().collect();
        if let Some(slot) = self.sources.slot_of(candidate)
            && let Some(held) = slot
            && held.prove(segment, headers, view.config.assume_valid).is_err()
        {
            // Nothing above a bad header is of use; what lies below it is dropped too, since a peer
            // that sends bad headers is not trusted.
            *slot = None;
        }
        let mut effects = Effects::none();
        for error in bad.iter().filter(|_| view.peers.contains(&id)) {
            let is_proof = matches!(error, BlockError::Proof(_));
            let penalty = if is_proof { Penalty::InvalidProof } else { Penalty::InvalidHeader };
            effects.penalize(id, penalty, error);
        }
        effects
    }
}
