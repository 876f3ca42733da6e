//! What the machine keeps of each peer.

use std::collections::BTreeMap;

use lode_consensus::{ChainWork, Hash, Height};
use lode_network::{Bucket, PeerId, Penalty, RequestId, Status, reputation::Score};

use super::{
    candidate::Candidate,
    limits::{
        BODY_TIMEOUT_MS, GOSSIP_BURST, GOSSIP_PER_S, LACKING_MS, LATE_BODIES_MS, MAX_BODIES_PER_PEER,
        MAX_EVASION_DOUBLINGS, MAX_EVASIONS, MAX_LACKING, SERVE_BURST_BYTES, SERVE_BYTES_PER_S,
    },
};

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whether we dialled it.
    pub(super) outbound: bool,
    /// What it said last.
    pub(super) status: Option<Status>,
    /// When it was asked last.
    pub(super) asked_status_ms: Option<u64>,
    /// The most work that it claimed or showed, and the height there.
    pub(super) work: ChainWork,
    pub(super) height: Height,
    /// The most work of headers that it brought and that were proven: no claim.
    pub(super) shown: ChainWork,
    pub(super) status_request: Option<RequestId>,
    pub(super) headers_request: Option<RequestId>,
    /// How often in a row it did not say what headers it has.
    pub(super) evasions: u32,
    /// When it connected.
    pub(super) since_ms: u64,
    /// Its chain of headers, while that is judged.
    pub(super) candidate: Option<Candidate>,
    /// It announced a header whose parent is not known: what leads there is to be asked for.
    pub(super) wants_headers: bool,
    pub(super) bodies_in_flight: usize,
    /// How many bodies may be asked of it at a time: fewer after each that does not come in time, since it may be our line
    /// that is slow.
    pub(super) window: usize,
    /// Whether it has delivered any since it was last late.
    has_delivered: bool,
    /// How often it kept the node waiting for a body since it last delivered one.
    pub(super) delays: u32,
    /// Bodies that it did not have, or not in time, and until when they are not asked of it again.
    lacking: BTreeMap<Hash, u64>,
    /// Until when it is asked for nothing but its status.
    paused_until_ms: u64,
    /// The same while bodies that it was asked for are late.
    late_until_ms: u64,
    /// Until when it is not asked for headers: its next ones lie in the future.
    pub(super) no_headers_until_ms: u64,
    /// Until when it is not asked for the chain that is read again: it is on another one.
    pub(super) no_replay_until_ms: u64,
    pub(super) mempool: MempoolReading,
    /// What it may still be served.
    pub(super) serving: Bucket,
    /// How often in a row it was refused.
    pub(super) refusals: u32,
    /// Shares and transactions that it may still bring.
    pub(super) gossip: Bucket,
    /// Shares that are checked in one batch: more when they turn out good, one again after a bad one.
    pub(super) batch: usize,
    /// Its penalty points here, which are not its address's.
    score: Score,
    /// It has earned a ban, and is still connected.
    pub(super) is_out: bool,
}

/// How far what waits at a peer was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MempoolReading {
    /// So many pages were read, and so many entries; the next page is to be asked for.
    At { pages: u32, skip: u32 },
    /// A page was asked for.
    Asked { request: RequestId, pages: u32, skip: u32 },
    /// All was read.
    Done,
}

impl Peer {
    pub(super) fn new(outbound: bool, now_ms: u64) -> Self {
        Self {
            outbound,
            status: None,
            asked_status_ms: None,
            work: ChainWork::ZERO,
            height: 0,
            shown: ChainWork::ZERO,
            status_request: None,
            headers_request: None,
            evasions: 0,
            since_ms: now_ms,
            candidate: None,
            wants_headers: false,
            bodies_in_flight: 0,
            window: MAX_BODIES_PER_PEER,
            has_delivered: false,
            delays: 0,
            lacking: BTreeMap::new(),
            paused_until_ms: 0,
            late_until_ms: 0,
            no_headers_until_ms: 0,
            no_replay_until_ms: 0,
            mempool: MempoolReading::At { pages: 0, skip: 0 },
            serving: Bucket::full(SERVE_BURST_BYTES, SERVE_BYTES_PER_S, now_ms),
            refusals: 0,
            gossip: Bucket::full(GOSSIP_BURST, GOSSIP_PER_S, now_ms),
            batch: 1,
            score: Score::new(now_ms),
            is_out: false,
        }
    }

    /// Counts penalty points as the network does. Returns whether they have just become enough for a ban; then the peer is
    /// asked for nothing any more.
    pub(super) fn charge(&mut self, penalty: Penalty, now_ms: u64) -> bool {
        self.score = self.score.charged(penalty, now_ms);
        if self.score.is_ban() {
            (self.is_out, self.candidate, self.paused_until_ms) = (true, None, u64::MAX);
        }
        self.is_out
    }

    /// Takes note of proven work that the peer brought.
    pub(super) fn shows(&mut self, work: ChainWork, height: Height) {
        self.shown = self.shown.max(work);
        self.reaches(work, height);
    }

    /// Takes note of work that the peer claims or has shown.
    pub(super) fn reaches(&mut self, work: ChainWork, height: Height) {
        if self.work.moves_to(work) {
            (self.work, self.height) = (work, height);
        }
    }

    /// The height that it claims, as far as that says how far behind this node is, whose chain ends at `own` with `work`. A
    /// chain with no more work is not ahead, however long it is said to be; and who claims more, and will not show it, has
    /// said nothing.
    pub(super) fn claimed_height(&self, own: Height, work: ChainWork) -> Option<Height> {
        if self.status.is_none() || self.evasions >= MAX_EVASIONS {
            return None;
        }
        Some(if work.moves_to(self.work) { self.height } else { self.height.min(own) })
    }

    /// Takes note that the peer does not say what headers it has. Returns for how much longer it is left alone than the first
    /// time, as a power of two.
    pub(super) fn evades(&mut self) -> u32 {
        self.evasions = self.evasions.saturating_add(1);
        self.evasions.saturating_sub(1).min(MAX_EVASION_DOUBLINGS)
    }

    /// Takes note that the peer lacks a body.
    pub(super) fn lacks(&mut self, hash: Hash, now_ms: u64) {
        self.is_not_asked(hash, now_ms.saturating_add(LACKING_MS));
    }

    /// Takes note that the peer keeps the node waiting for a body. It may still come.
    pub(super) fn delays(&mut self, hash: Hash, now_ms: u64) {
        self.delays = self.delays.saturating_add(1);
        self.is_not_asked(hash, now_ms.saturating_add(BODY_TIMEOUT_MS));
    }

    /// Takes note that the peer delivered bodies.
    pub(super) fn delivers(&mut self) {
        self.has_delivered = true;
        self.window = self.window.saturating_add(1).min(MAX_BODIES_PER_PEER);
    }

    /// Leaves the peer alone for a time.
    pub(super) fn pauses(&mut self, until_ms: u64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    pub(super) fn is_paused(&self, now_ms: u64) -> bool {
        now_ms < self.paused_until_ms.max(self.late_until_ms)
    }

    /// Takes note that bodies did not come in time. They may still be on their way, and it is asked for no more meanwhile.
    /// Returns whether that is its fault: it has brought nothing since the last time, or cannot bring even one at a time.
    pub(super) fn delivers_late(&mut self, now_ms: u64) -> bool {
        let is_slow = std::mem::take(&mut self.has_delivered) && self.window > 1;
        // Requests that are late together are so for one reason.
        let is_told = now_ms < self.late_until_ms;
        self.window = (self.window / 2).max(1);
        self.late_until_ms = now_ms.saturating_add(LATE_BODIES_MS);
        !is_slow && !is_told
    }

    /// Takes note that no bodies are on their way any more that are late.
    pub(super) fn is_late_no_more(&mut self) {
        self.late_until_ms = 0;
    }

    fn is_not_asked(&mut self, hash: Hash, until_ms: u64) {
        if self.lacking.len() >= MAX_LACKING {
            self.lacking.clear();
        }
        self.lacking.insert(hash, until_ms);
    }

    /// Whether the peer may be asked for a body.
    pub(super) fn may_have(&self, hash: &Hash, work: ChainWork, now_ms: u64) -> bool {
        let lacks = self.lacking.get(hash).is_some_and(|until_ms| now_ms < *until_ms);
        self.status.is_some() && self.work >= work && !self.is_paused(now_ms) && !lacks
    }

    /// Whether the peer may be asked for the next block at a height though it has not said that it has it: it stood right
    /// below, and blocks travel faster than statuses.
    pub(super) fn may_have_next(&self, hash: &Hash, height: Height, now_ms: u64) -> bool {
        self.height.saturating_add(1) >= height && self.may_have(hash, ChainWork::ZERO, now_ms)
    }
}

/// A request of ours.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) peer: PeerId,
    pub(super) question: Question,
    pub(super) deadline_ms: u64,
    /// The deadline has passed: what was asked for is asked of others, and an answer is not looked at any more.
    pub(super) is_late: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Status,
    /// For the peer's candidate.
    Headers {
        limit: u16,
        /// Tip and work of the status that it is asked for.
        claim: (Hash, ChainWork),
    },
    /// For the chain that is read again.
    Replay {
        limit: u16,
    },
    Bodies(Vec<Hash>),
    Mempool,
}
