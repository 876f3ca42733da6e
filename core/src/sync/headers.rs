//! Reading headers: which peers' chains are judged, and what becomes of them.

use lode_consensus::{
    ChainWork, Hash, Height, SealedHeader,
    headers::ProvenHeader,
    rules::{Ancestry, BlockError},
};
use lode_ledger::{Ledger, LedgerError, Reader};
use lode_network::{Network, PeerId, Penalty, Request, message::MAX_LOCATOR};

use super::{
    SyncMachine,
    candidate::{Accepted, Candidate, Refusal},
    limits::{BUSY_PAUSE_MS, HEADERS_PER_REQUEST, MAX_CANDIDATES, MAX_INBOUND_CANDIDATES, STALL_PAUSE_MS},
    peers::{Peer, Question},
    replay::Replaying,
    tree::{Known, Origins, Standing},
};
use crate::Clock;

impl<C: Clock> SyncMachine<C> {
    /// The most work that is proven: of the ledger's chain, or of headers above it.
    fn best_work(&self) -> ChainWork {
        let goal = self.tree.best().map_or(ChainWork::ZERO, |best| best.goal);
        let replayed = self.replay.as_ref().map_or(ChainWork::ZERO, |replaying| replaying.replay.goal);
        self.service.work().max(goal).max(replayed)
    }

    /// The height at which the operator assumes a block to be valid, while the node is below it.
    fn assumed_height(&self) -> Option<Height> {
        let (tip, _) = self.service.tip();
        self.config.assume_valid.map(|(height, _)| height).filter(|height| tip < *height)
    }

    /// Takes every candidate as far as it goes, and begins new ones.
    pub(super) fn advance_headers(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        let judged: Vec<PeerId> =
            self.peers.iter().filter(|(_, peer)| peer.candidate.is_some()).map(|(id, _)| *id).collect();
        for id in judged {
            self.accept(id)?;
            self.finish(id, network);
            self.ask_on(id, network)?;
        }
        self.begin_candidates(network)
    }

    /// Moves a candidate's headers to the tree if their work suffices.
    fn accept(&mut self, id: PeerId) -> Result<(), LedgerError> {
        let best = self.best_work();
        let (assume, minimum) = (self.assumed_height(), self.config.minimum_work);
        let room = self.tree.room();
        let Some(peer) = self.peers.get_mut(&id) else {
            return Ok(());
        };
        let Some(candidate) = peer.candidate.as_mut().filter(|candidate| candidate.suffices(best, minimum, assume))
        else {
            return Ok(());
        };
        // Headers in the tree went through this before.
        let base_hash = candidate.base_hash();
        if !self.tree.contains(&base_hash)
            && let Err(error) = fork_is_retained(self.service.ledger(), &base_hash)
        {
            candidate.first.map(|first| self.deep.insert(first));
            peer.candidate = None;
            return self.refuse_deep(error);
        }
        if self.replay.is_some() || room < candidate.held() {
            return Ok(());
        }
        let (work, height) = (candidate.work, candidate.height);
        let accepted = candidate.accept(assume);
        peer.shows(work, height);
        match accepted {
            Accepted::Replay(replay) => {
                self.replay = Some(Replaying::new(replay, self.now_ms));
            }
            Accepted::All { headers, base_work, assumed_to } => {
                self.plant(headers, base_work, Origins { goal: None, assumed_to, source: Some(id) });
            }
        }
        Ok(())
    }

    /// A chain with more work leaves this one below what can be undone: an operator has to decide.
    pub(super) fn refuse_deep(&mut self, error: LedgerError) -> Result<(), LedgerError> {
        match error {
            LedgerError::ReorgTooDeep { .. } => {
                self.halt(error.to_string());
                Ok(())
            }
            // The branch's root is gone, or was found invalid.
            LedgerError::Orphan { .. } | LedgerError::InvalidAncestor { .. } => Ok(()),
            error => Err(error),
        }
    }

    /// Puts consecutive headers into the tree. Returns whether there was room for all.
    pub(super) fn plant(
        &mut self,
        headers: impl IntoIterator<Item = ProvenHeader>,
        base_work: ChainWork,
        origins: Origins,
    ) -> bool {
        self.announcements.has_news = true;
        let mut work = base_work;
        for header in headers {
            let target = header.header().target;
            if !self.tree.insert(header, work, origins) {
                return false;
            }
            work = work.after(target);
        }
        true
    }

    /// Ends a candidate that has nothing more to give.
    fn finish(&mut self, id: PeerId, network: &mut dyn Network) {
        let best = self.best_work();
        let (assume, minimum) = (self.assumed_height(), self.config.minimum_work);
        let pause_until_ms = self.now_ms.saturating_add(BUSY_PAUSE_MS);
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let Some(candidate) = &peer.candidate else {
            return;
        };
        let waits = candidate.suffices(best, minimum, assume);
        if !candidate.is_endless() && (!candidate.is_done() || peer.headers_request.is_some() || waits) {
            return;
        }
        // Whoever reorganises meanwhile ends with more work than it claimed, never with less. Who claims no more than what is
        // here by now may be on this node's own chain, and have nothing to add to headers that another peer began.
        let claims_more = best.moves_to(candidate.claimed_work);
        let is_short = claims_more && candidate.claimed_work > candidate.work && !candidate.truncated;
        let (claimed, shown) = (candidate.claimed_work, candidate.work);
        if !is_short && !candidate.is_endless() && best.moves_to(shown) {
            // Better than what is here, and still below the minimum: it stays, so that a next block does not mean to begin
            // from nothing.
            if let (Some(candidate), Some(status)) = (&mut peer.candidate, &peer.status)
                && shown < status.work
            {
                candidate.adopt((status.tip_hash, status.work));
            }
            return;
        }
        if candidate.truncated {
            peer.no_headers_until_ms = pause_until_ms;
        }
        peer.candidate = None;
        if is_short {
            self.low_work(id, claimed, shown, network);
        }
    }

    /// A peer's headers show less work than it claims to have.
    fn low_work(&mut self, id: PeerId, claimed: ChainWork, shown: ChainWork, network: &mut dyn Network) {
        if let Some(peer) = self.peers.get_mut(&id) {
            (peer.work, peer.height, peer.status) = (ChainWork::ZERO, 0, None);
            peer.pauses(self.now_ms.saturating_add(STALL_PAUSE_MS));
        }
        let why = format!("it claims a work of {claimed} and shows {shown}");
        self.penalize(id, Penalty::LowWork, &why, network);
    }

    /// Asks for a candidate's next headers.
    fn ask_on(&mut self, id: PeerId, network: &mut dyn Network) -> Result<(), LedgerError> {
        let best = self.best_work();
        let (assume, minimum) = (self.assumed_height(), self.config.minimum_work);
        // Headers wait for bodies: as many as a candidate can hold must find room in the tree.
        let has_room = self.tree.room() >= self.config.bounds.held;
        let Some(peer) = self.peers.get(&id) else {
            return Ok(());
        };
        let Some(candidate) = &peer.candidate else {
            return Ok(());
        };
        let waits = candidate.suffices(best, minimum, assume);
        let is_full = candidate.is_full() || !has_room || waits;
        if candidate.exhausted || is_full || !peer.is_free_for_headers(self.now_ms) {
            return Ok(());
        }
        let from = [candidate.tip_hash(), candidate.base_hash()];
        self.ask_headers(id, &from, network)
    }

    fn ask_headers(&mut self, id: PeerId, from: &[Hash], network: &mut dyn Network) -> Result<(), LedgerError> {
        let locator = self.locator(from)?;
        let most = u16::try_from(self.config.bounds.unproven).unwrap_or(u16::MAX);
        let limit = HEADERS_PER_REQUEST.min(most.max(1));
        let Some(status) = self.peers.get(&id).and_then(|peer| peer.status.as_ref()) else {
            return Ok(());
        };
        let claim = (status.tip_hash, status.work);
        let request = self.ask(id, Question::Headers { limit, claim }, Request::Headers { locator, limit }, network);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.headers_request = Some(request);
        }
        Ok(())
    }

    /// Hashes by which a peer finds where its chain leaves the best one here: `from`, then ten steps of one from the best
    /// header down, then steps that double.
    fn locator(&self, from: &[Hash]) -> Result<Vec<Hash>, LedgerError> {
        let reader = self.service.ledger().read();
        let own = reader.tip()?;
        let own_work = reader.work()?;
        let best = self.tree.best().filter(|best| own_work.moves_to(best.work));
        let (mut height, tip_hash) = best.map_or(own, |best| (best.height(), best.header.hash()));
        let chain = self.tree.chain(&reader, &tip_hash)?;
        let mut locator: Vec<Hash> = Vec::new();
        let mut add = |hash: Hash| {
            if !locator.contains(&hash) {
                locator.push(hash);
            }
        };
        from.iter().for_each(|hash| add(*hash));
        let mut step: Height = 1;
        for count in 0..MAX_LOCATOR.saturating_sub(from.len()).saturating_sub(1) {
            add(chain.block_hash(height)?);
            if height == 0 {
                break;
            }
            if count >= 10 {
                step = step.saturating_mul(2);
            }
            height = height.saturating_sub(step);
        }
        Ok(locator)
    }

    /// Begins to judge the chains of peers that claim more work, or that announced a block out of nowhere.
    fn begin_candidates(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        let best = self.best_work();
        let now_ms = self.now_ms;
        let under_way = |machine: &Self| {
            let peers = machine.peers.values();
            let is_read = |peer: &&Peer| peer.candidate.as_ref().is_some_and(|candidate| !candidate.is_done());
            let busy = peers.filter(|peer| is_read(peer) || peer.headers_request.is_some());
            busy.map(|peer| (peer.outbound, peer.status.as_ref().map(|status| status.tip_hash))).collect::<Vec<_>>()
        };
        let mut waiting: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.candidate.is_none() && peer.is_free_for_headers(now_ms))
            .filter(|(_, peer)| best.moves_to(peer.work) || peer.wants_headers)
            .map(|(id, peer)| {
                // Those that dialled us have their turn in the order in which they came, whatever they claim: nobody's lies are
                // to keep another one from being asked.
                let came_ms = if peer.outbound { 0 } else { peer.since_ms };
                ((!peer.outbound, peer.evasions, came_ms, std::cmp::Reverse(peer.work)), *id)
            })
            .collect();
        waiting.sort_unstable();
        for (_, id) in waiting {
            let busy = under_way(self);
            let inbound = busy.iter().filter(|(outbound, _)| !outbound).count();
            let Some(peer) = self.peers.get_mut(&id) else {
                continue;
            };
            let claimed_tip = peer.status.as_ref().map(|status| status.tip_hash);
            let is_read = busy.iter().any(|(_, tip)| *tip == claimed_tip);
            let is_full = busy.len() >= MAX_CANDIDATES || (!peer.outbound && inbound >= MAX_INBOUND_CANDIDATES);
            if is_read || is_full {
                continue;
            }
            peer.wants_headers = false;
            let mut from = Vec::new();
            if let (Some(mut spare), Some(status)) = (self.spare.take(), &peer.status) {
                spare.adopt((status.tip_hash, status.work));
                from.extend([spare.tip_hash(), spare.base_hash()]);
                peer.candidate = Some(spare);
            }
            self.ask_headers(id, &from, network)?;
        }
        Ok(())
    }

    /// A peer's next headers. `claim` is what the peer said it had when it was asked: what it said since may have overtaken its
    /// answer, and cannot be held against it.
    pub(super) fn headers_received(
        &mut self,
        id: PeerId,
        headers: Vec<SealedHeader>,
        (limit, claim): (u16, (Hash, ChainWork)),
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        let is_last = headers.len() < usize::from(limit);
        let service = self.service.clone();
        let reader = service.ledger().read();
        let Some(peer) = self.peers.get_mut(&id) else {
            return Ok(());
        };
        peer.evasions = 0;
        let candidate = peer.candidate.take();
        let Some(parent_hash) = headers.first().map(|first| first.header.parent_hash) else {
            self.no_headers(id, candidate, claim.1, network);
            return Ok(());
        };
        let follows = |candidate: &Candidate| candidate.tip_hash() == parent_hash;
        let Some((mut candidate, headers)) = (match candidate.filter(follows) {
            Some(candidate) if !candidate.is_fresh() => Some((candidate, headers)),
            _ => self.new_candidate(id, claim, headers, is_last, &reader, network)?,
        }) else {
            return Ok(());
        };
        let known = headers.iter().map(SealedHeader::hash).find(|hash| self.is_bad(hash));
        if let Some(hash) = known {
            self.penalize(id, Penalty::InvalidBlock, &format_args!("its chain holds block {hash}"), network);
            return Ok(());
        }
        if candidate.is_fresh() && headers.first().is_some_and(|first| self.deep.contains(&first.hash())) {
            return Ok(());
        }
        let chain = match self.tree.chain(&reader, &candidate.fork_hash) {
            Ok(chain) => chain,
            // The fork has gone while headers were on their way. Nothing is proven yet that anybody would have to decide on.
            Err(
                LedgerError::ReorgTooDeep { .. } | LedgerError::Orphan { .. } | LedgerError::InvalidAncestor { .. },
            ) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let (params, genesis_hash) = (service.ledger().params(), service.ledger().network().genesis_hash);
        match candidate.extend(headers, params, genesis_hash, &chain, service.now_ms()) {
            Ok(segments) => {
                candidate.exhausted |= is_last;
                for segment in segments {
                    if self.work.segments.push(id, segment).is_err() {
                        // There is room for what a peer is asked for: this one is asked no more.
                        return Ok(());
                    }
                }
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.candidate = Some(candidate);
                }
                Ok(())
            }
            Err(Refusal::Invalid(error)) => {
                self.penalize(id, Penalty::InvalidHeader, &error, network);
                Ok(())
            }
            Err(Refusal::Ours(error)) => Err(error),
        }
    }

    /// A peer has no headers behind those that it was asked about.
    fn no_headers(&mut self, id: PeerId, candidate: Option<Candidate>, claimed: ChainWork, network: &mut dyn Network) {
        let best = self.best_work();
        match candidate {
            Some(mut candidate) => {
                candidate.exhausted = true;
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.candidate = Some(candidate);
                }
            }
            // It knows no chain that is better than the one it was told of.
            None if best.moves_to(claimed) => self.low_work(id, claimed, best, network),
            None => {}
        }
    }

    /// A candidate from the last header that is known, and those that follow. `None` if nothing is to be judged.
    fn new_candidate(
        &mut self,
        id: PeerId,
        claim: (Hash, ChainWork),
        headers: Vec<SealedHeader>,
        is_last: bool,
        reader: &Reader<'_>,
        network: &mut dyn Network,
    ) -> Result<Option<(Candidate, Vec<SealedHeader>)>, LedgerError> {
        let mut fork: Option<(Hash, Standing)> = None;
        let mut rest = headers.into_iter().peekable();
        while let Some(next) = rest.peek() {
            let hashes = if fork.is_none() { vec![next.header.parent_hash, next.hash()] } else { vec![next.hash()] };
            let mut is_known = false;
            for hash in hashes {
                match self.tree.look_up(reader, &hash)? {
                    Known::Proven(standing) => (fork, is_known) = (Some((hash, standing)), true),
                    Known::Invalid => {
                        self.penalize(id, Penalty::InvalidBlock, &format_args!("its chain holds {hash}"), network);
                        return Ok(None);
                    }
                    Known::No => is_known = false,
                }
            }
            if !is_known {
                break;
            }
            rest.next();
        }
        let Some((fork_hash, standing)) = fork else {
            self.penalize(id, Penalty::UnconnectedHeaders, &"headers without a known parent", network);
            return Ok(None);
        };
        let rest: Vec<SealedHeader> = rest.collect();
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.reaches(standing.work, standing.height);
        }
        if rest.is_empty() && is_last {
            // Its chain ends with what is known here.
            let best = self.best_work();
            if best.moves_to(claim.1) {
                self.low_work(id, claim.1, best, network);
            }
            return Ok(None);
        }
        self.next_candidate = self.next_candidate.saturating_add(1);
        Ok(Some((Candidate::new(self.next_candidate, self.config.bounds, claim, fork_hash, standing), rest)))
    }

    fn is_bad(&self, hash: &Hash) -> bool {
        self.invalid.contains(hash) || self.condemned.contains(hash)
    }

    /// A segment of a candidate was checked.
    pub(super) fn segment_proven(
        &mut self,
        id: PeerId,
        candidate: u64,
        segment: u64,
        headers: Vec<Result<ProvenHeader, BlockError>>,
        network: &mut dyn Network,
    ) {
        let bad: Vec<BlockError> = headers
            .iter()
            .filter_map(|result| result.as_ref().err())
            .filter(|error| error.marks_invalid())
            .cloned()
            .collect();
        // It may be another peer's by now.
        let slots = self.peers.values_mut().map(|peer| &mut peer.candidate).chain([&mut self.spare]);
        let slot = slots.into_iter().find(|slot| slot.as_ref().is_some_and(|held| held.id == candidate));
        if let Some(slot) = slot
            && let Some(held) = slot
            && held.prove(segment, headers, self.config.assume_valid).is_err()
        {
            // Nothing above a bad header is of use, nor is what lies below it, from somebody who sends such ones.
            *slot = None;
        }
        if self.peers.contains_key(&id) {
            for error in bad {
                let penalty =
                    if matches!(error, BlockError::Proof(_)) { Penalty::InvalidProof } else { Penalty::InvalidHeader };
                self.penalize(id, penalty, &error, network);
            }
        }
    }
}

/// Whether the ledger can go back to where the chain that ends in a block leaves its own.
fn fork_is_retained(ledger: &Ledger, hash: &Hash) -> Result<(), LedgerError> {
    let reader = ledger.read();
    let (fork, floor) = (reader.branch(hash)?.fork(), reader.state_floor()?);
    if fork < floor { Err(LedgerError::ReorgTooDeep { fork, floor }) } else { Ok(()) }
}
