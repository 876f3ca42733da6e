//! A chain of headers that one peer claims is better: judged header by header, in bounded memory,
//! before any of it counts.
//!
//! Received headers are checked against their context at once and wait in segments for their
//! proofs. Proven ones are held until the chain's work suffices. Where more come than are held, the
//! oldest are dropped, and the hash of one in some hundred is kept: a header's hash stands for all
//! headers before it, so that they can be asked for again later and taken without their proofs
//! (`replay`).

use std::collections::VecDeque;

use lode_consensus::{
    ChainSpec, ChainWork, Hash, Height, SealedHeader,
    headers::{ContextualHeader, HeaderChain, VerifiedHeader},
    rules::{Ancestry, BlockError, ChainContext, deferral_ms},
};
use lode_ledger::LedgerError;

use super::{
    config::SyncBounds,
    jobs::SegmentTask,
    limits::MAX_BATCH,
    replay::{Replay, own_fault},
    tree::Standing,
};

/// The chain.
#[derive(Debug)]
pub(super) struct Candidate {
    /// Tells it from others, also after it is gone.
    pub(super) id: u64,
    bounds: SyncBounds,
    /// What the peer said its tip is.
    pub(super) claimed_tip: Hash,
    pub(super) claimed_work: ChainWork,
    /// The proven block or header that it starts from.
    pub(super) fork_hash: Hash,
    /// The last header that went to the tree, or the fork: where the held ones begin.
    base: (Hash, Standing),
    /// The first header above the fork, by which the branch is known again.
    pub(super) first: Option<Hash>,
    /// All received headers that a next one's context can ask for.
    chain: HeaderChain,
    tip_hash: Hash,
    segments: VecDeque<Segment>,
    /// The number of the oldest segment.
    oldest_segment: u64,
    unproven: usize,
    held: VecDeque<VerifiedHeader>,
    dropped: VecDeque<(Height, Hash)>,
    last_dropped: Option<(Height, Hash)>,
    /// Work and height of the proven part.
    pub(super) work: ChainWork,
    pub(super) height: Height,
    /// Whether the peer has no more.
    pub(super) exhausted: bool,
    /// How long it takes until a header may be looked at that was left out because it lies in the
    /// future, in ms: the claim cannot be held against the peer then.
    pub(super) left_out_ms: Option<u64>,
    /// Whether the block that the operator assumes to be valid is in the proven part.
    assumed: bool,
}

#[derive(Debug)]
enum Segment {
    Waiting,
    Proven(Vec<VerifiedHeader>),
}

/// Why headers cannot be taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// They break a rule that shows without proofs.
    Invalid(BlockError),
    /// We failed.
    Ours(LedgerError),
}

impl Candidate {
    pub(super) fn new(
        id: u64,
        bounds: SyncBounds,
        claim: (Hash, ChainWork),
        fork_hash: Hash,
        fork: Standing,
    ) -> Self {
        Self {
            id,
            bounds,
            claimed_tip: claim.0,
            claimed_work: claim.1,
            fork_hash,
            base: (fork_hash, fork),
            first: None,
            chain: HeaderChain::above(fork.height),
            tip_hash: fork_hash,
            segments: VecDeque::new(),
            oldest_segment: 0,
            unproven: 0,
            held: VecDeque::new(),
            dropped: VecDeque::new(),
            last_dropped: None,
            work: fork.work,
            height: fork.height,
            exhausted: false,
            left_out_ms: None,
            assumed: false,
        }
    }

    /// The last header received, or the fork.
    pub(super) fn tip_hash(&self) -> Hash {
        self.tip_hash
    }

    /// The last header that went to the tree, or the fork.
    pub(super) fn base_hash(&self) -> Hash {
        self.base.0
    }

    /// Goes on with what another peer claims.
    pub(super) fn adopt(&mut self, claim: (Hash, ChainWork)) {
        (self.claimed_tip, self.claimed_work) = claim;
        (self.exhausted, self.left_out_ms) = (false, None);
    }

    /// Whether as many headers wait for their proofs as may.
    pub(super) fn is_full(&self) -> bool {
        self.unproven >= self.bounds.unproven
    }

    /// Whether nothing was received yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.first.is_none()
    }

    /// Proven headers that wait for the chain's work.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether the chain is longer than can be kept track of.
    pub(super) fn is_endless(&self) -> bool {
        self.dropped.len() >= self.bounds.checkpoints
    }

    /// Takes consecutive headers on top of the last one, and gives the segments to be proven.
    /// `base` is the chain that ends in the fork, `now_ms` local time.
    pub(super) fn extend<A: Ancestry<Error = LedgerError>>(
        &mut self,
        headers: Vec<SealedHeader>,
        params: &ChainSpec,
        genesis_hash: Hash,
        base: &A,
        now_ms: u64,
    ) -> Result<Vec<SegmentTask>, Refusal> {
        let mut contextual = Vec::with_capacity(headers.len());
        for sealed in headers {
            if let Some(wait_ms) = deferral_ms(params, &sealed.header, now_ms) {
                (self.exhausted, self.left_out_ms) = (true, Some(wait_ms));
                break;
            }
            let tip = self.chain.tip();
            let context = ChainContext::gather(params, genesis_hash, tip, &self.chain.on(base));
            let context = context.map_err(|error| Refusal::Ours(own_fault(error)))?;
            let header = ContextualHeader::new(sealed, &context).map_err(Refusal::Invalid)?;
            self.tip_hash = header.hash();
            self.first.get_or_insert(header.hash());
            self.chain.push(header.hash(), header.sealed().header.clone());
            contextual.push(header);
        }
        self.chain.forget(params);
        self.unproven += contextual.len();
        let mut tasks = Vec::new();
        while !contextual.is_empty() {
            let rest = contextual.split_off(contextual.len().min(MAX_BATCH));
            let segment = self.oldest_segment.saturating_add(self.segments.len() as u64);
            self.segments.push_back(Segment::Waiting);
            tasks.push(SegmentTask {
                candidate: self.id,
                segment,
                headers: std::mem::replace(&mut contextual, rest),
            });
        }
        Ok(tasks)
    }

    /// Takes the result of a segment's check. `assume` names the block that the operator assumes to
    /// be valid.
    pub(super) fn prove(
        &mut self,
        segment: u64,
        results: Vec<Result<VerifiedHeader, BlockError>>,
        assume: Option<(Height, Hash)>,
    ) -> Result<(), BlockError> {
        let proven: Vec<VerifiedHeader> = results.into_iter().collect::<Result<_, _>>()?;
        let place =
            segment.checked_sub(self.oldest_segment).and_then(|place| usize::try_from(place).ok());
        if let Some(waiting) = place.and_then(|place| self.segments.get_mut(place)) {
            *waiting = Segment::Proven(proven);
        }
        while let Some(Segment::Proven(_)) = self.segments.front() {
            self.oldest_segment = self.oldest_segment.saturating_add(1);
            if let Some(Segment::Proven(headers)) = self.segments.pop_front() {
                headers.into_iter().for_each(|header| self.hold(header, assume));
            }
        }
        Ok(())
    }

    fn hold(&mut self, header: VerifiedHeader, assume: Option<(Height, Hash)>) {
        self.unproven = self.unproven.saturating_sub(1);
        self.work = self.work.after(header.header().target);
        self.height = header.header().height;
        self.assumed |= assume == Some((self.height, header.hash()));
        self.held.push_back(header);
        if self.held.len() > self.bounds.held
            && let Some(oldest) = self.held.pop_front()
        {
            let place = (oldest.header().height, oldest.hash());
            if place.0.is_multiple_of(self.bounds.checkpoint_interval) {
                self.dropped.push_back(place);
            }
            self.last_dropped = Some(place);
        }
    }

    /// Whether the proven part may go to the tree: it has more work than `best` and no less than
    /// `minimum`, and if the operator assumes a block at some height to be valid, it is known
    /// whether that one is in it.
    pub(super) fn suffices(
        &self,
        best: ChainWork,
        minimum: ChainWork,
        assume: Option<Height>,
    ) -> bool {
        let assumption_is_clear =
            assume.is_none_or(|height| self.height >= height) || self.is_done();
        !self.held.is_empty()
            && best.moves_to(self.work)
            && self.work >= minimum
            && assumption_is_clear
    }

    /// Whether there is nothing more to come.
    pub(super) fn is_done(&self) -> bool {
        self.exhausted && self.unproven == 0
    }

    /// Takes the held headers out. Those that were dropped before them have to be asked for again
    /// first.
    pub(super) fn accept(&mut self, assume: Option<Height>) -> Accepted {
        let assumed_to = assume.filter(|_| self.assumed);
        let tail = std::mem::take(&mut self.held);
        let checkpoints = std::mem::take(&mut self.dropped);
        let tip_hash = tail.back().map_or(self.base.0, VerifiedHeader::hash);
        let tip = (tip_hash, Standing { height: self.height, work: self.work });
        let (base_hash, base) = std::mem::replace(&mut self.base, tip);
        match self.last_dropped.take() {
            None => Accepted::All { headers: tail, base_work: base.work, assumed_to },
            Some(last) => {
                let mut checkpoints = checkpoints;
                if checkpoints.back() != Some(&last) {
                    checkpoints.push_back(last);
                }
                Accepted::Replay(Replay::new(
                    (base_hash, base),
                    checkpoints,
                    tail,
                    self.work,
                    assumed_to,
                ))
            }
        }
    }
}

/// What a candidate gives to the tree.
#[derive(Debug)]
pub(super) enum Accepted {
    /// All its headers.
    All {
        headers: VecDeque<VerifiedHeader>,
        /// The work below the first of them.
        base_work: ChainWork,
        /// Up to which height the operator assumes their blocks to be valid.
        assumed_to: Option<Height>,
    },
    /// Only the last ones: those before are known by their hashes.
    Replay(Replay),
}
