//! The peer table: the connected peers, what each claims, what it was asked for, and what it has
//! done wrong.
//!
//! Owns peers, their scores, and the requests in flight. Returns how requests ended: every one ends
//! once, by its answer, its deadline, or its peer's going.
//!
//! What must not be broken: an answer counts only if it comes from the peer that was asked, in
//! time, and has the form that was asked for; and a peer's claim only decides which peer to ask.

use std::collections::BTreeMap;

use lode_consensus::{Body, ChainWork, Hash, Height, SealedHeader};
use lode_network::{
    MempoolPage, PeerId, Penalty, Request, RequestError, RequestId, Response, Status,
    message::PEER_VERSION, reputation::Score,
};

use super::{
    effect::{Effect, Effects, Question},
    limits::{
        BODY_TIMEOUT_MS, BUSY_PAUSE_MS, LATE_ANSWER_MS, MAX_EVASION_DOUBLINGS, MAX_EVASIONS,
        REQUEST_TIMEOUT_MS, STALL_PAUSE_MS, STATUS_INTERVAL_MS,
    },
};

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whether we dialled it.
    pub(super) outbound: bool,
    /// When it connected.
    pub(super) since_ms: u64,
    /// What it said last.
    pub(super) status: Option<Status>,
    /// When it was asked last.
    asked_status_ms: Option<u64>,
    /// Whether its status, and headers of its candidate, are asked for; how many bodies are.
    is_asked_status: bool,
    pub(super) is_asked_headers: bool,
    pub(super) bodies_in_flight: usize,
    /// The most work that it claimed or showed, and the height there.
    pub(super) work: ChainWork,
    pub(super) height: Height,
    /// The most work of headers that it brought and that were proven: no claim.
    pub(super) shown: ChainWork,
    /// How often in a row it did not say what headers it has.
    pub(super) evasions: u32,
    /// Until when it is asked for nothing but its status.
    paused_until_ms: u64,
    /// The same while bodies that it was asked for are late.
    late_until_ms: u64,
    /// Its penalty points here, which are not its address's.
    score: Score,
    /// It has earned a ban, and is still connected.
    is_out: bool,
}

impl Peer {
    fn new(outbound: bool, now_ms: u64) -> Self {
        Self {
            outbound,
            since_ms: now_ms,
            status: None,
            asked_status_ms: None,
            is_asked_status: false,
            is_asked_headers: false,
            bodies_in_flight: 0,
            work: ChainWork::ZERO,
            height: 0,
            shown: ChainWork::ZERO,
            evasions: 0,
            paused_until_ms: 0,
            late_until_ms: 0,
            score: Score::new(now_ms),
            is_out: false,
        }
    }

    /// Takes note of work that the peer claims or has shown.
    fn reaches(&mut self, work: ChainWork, height: Height) {
        if self.work.moves_to(work) {
            (self.work, self.height) = (work, height);
        }
    }

    /// The height that it claims, as far as that says how far behind this node is, whose chain ends
    /// at `own` with `work`. A chain with no more work is not ahead, however long it is said to be;
    /// and who claims more, and will not show it, has said nothing.
    pub(super) fn claimed_height(&self, own: Height, work: ChainWork) -> Option<Height> {
        if self.status.is_none() || self.evasions >= MAX_EVASIONS {
            return None;
        }
        Some(if work.moves_to(self.work) { self.height } else { self.height.min(own) })
    }

    /// Takes note that the peer does not say what headers it has. Returns for how much longer it is
    /// left alone than the first time, as a power of two.
    fn evades(&mut self) -> u32 {
        self.evasions = self.evasions.saturating_add(1);
        self.evasions.saturating_sub(1).min(MAX_EVASION_DOUBLINGS)
    }

    fn pauses(&mut self, until_ms: u64) {
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// Whether it is left alone for a time.
    pub(super) fn is_paused(&self, now_ms: u64) -> bool {
        now_ms < self.paused_until_ms.max(self.late_until_ms)
    }

    /// Whether it is left alone because it owes bodies.
    pub(super) fn owes_bodies(&self, now_ms: u64) -> bool {
        now_ms < self.late_until_ms
    }
}

/// A request of ours.
#[derive(Debug)]
struct Asked {
    peer: PeerId,
    question: Question,
    deadline_ms: u64,
    /// The deadline has passed: what was asked for is asked of others, and a late answer is
    /// ignored.
    is_late: bool,
}

/// An answer of the form that was asked for.
#[derive(Debug)]
pub(super) enum Answer {
    /// And what this machine's clock showed when it was asked for.
    Status(Status, u64),
    /// For a candidate, with the limit and the claim that it was asked with.
    Headers(Vec<SealedHeader>, (u16, (Hash, ChainWork))),
    /// For the chain that is read again.
    Replay(Vec<SealedHeader>),
    /// Of these blocks.
    Bodies(Vec<Hash>, Vec<Option<Body>>),
    Mempool(MempoolPage),
}

/// Whose fault it is that there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not the peer's, or the network has charged it already.
    None,
    /// It did not answer in time.
    Late,
    /// It answered something else.
    WrongForm,
}

/// How a request ended.
#[derive(Debug)]
#[must_use = "others may have to be asked"]
pub(super) enum Ending {
    Answered(Answer),
    /// Bodies came when they were not waited for any more.
    LateBodies(Vec<Hash>, Vec<Option<Body>>),
    Unanswered(Question, Fault),
    /// There was no question.
    Unrequested,
    /// It had ended before.
    Over,
}

#[derive(Debug, Default)]
pub(super) struct PeerTable {
    peers: BTreeMap<PeerId, Peer>,
    requests: BTreeMap<RequestId, Asked>,
    last_request: u64,
}

impl PeerTable {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn get(&self, id: &PeerId) -> Option<&Peer> {
        self.peers.get(id)
    }

    pub(super) fn contains(&self, id: &PeerId) -> bool {
        self.peers.contains_key(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter()
    }

    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.peers.keys().copied().collect()
    }

    /// Whether a peer is on its way out.
    pub(super) fn is_out(&self, id: &PeerId) -> bool {
        self.get(id).is_some_and(|peer| peer.is_out)
    }

    /// A peer is there.
    pub(super) fn connected(&mut self, id: PeerId, outbound: bool, now_ms: u64) {
        self.peers.insert(id, Peer::new(outbound, now_ms));
    }

    /// A peer is gone. Returns what it was asked for and had time for.
    pub(super) fn disconnected(&mut self, id: &PeerId) -> Vec<Question> {
        self.peers.remove(id);
        let gone = self.requests.extract_if(.., |_, asked| asked.peer == *id);
        gone.filter(|(_, asked)| !asked.is_late).map(|(_, asked)| asked.question).collect()
    }

    /// Counts penalty points as the network does. Returns whether they have just become enough for
    /// a ban; then the peer is asked for nothing any more.
    pub(super) fn charge(&mut self, id: &PeerId, penalty: Penalty, now_ms: u64) -> bool {
        let Some(peer) = self.peers.get_mut(id) else {
            return false;
        };
        peer.score = peer.score.charged(penalty, now_ms);
        if peer.score.is_ban() {
            (peer.is_out, peer.paused_until_ms) = (true, u64::MAX);
        }
        peer.is_out
    }

    /// Takes note of where a peer says it stands.
    pub(super) fn take_status(
        &mut self,
        id: PeerId,
        status: Status,
        genesis_hash: &Hash,
    ) -> Effects {
        let mut effects = Effects::none();
        if status.genesis_hash != *genesis_hash || status.version != PEER_VERSION {
            effects.penalize(id, Penalty::WrongGenesis, &"another network or version");
        } else if let Some(peer) = self.peers.get_mut(&id) {
            peer.reaches(status.work, status.tip_height);
            peer.status = Some(status);
        }
        effects
    }

    /// Takes note of work on a peer's chain, `is_shown` if it brought the headers, and they were
    /// proven.
    pub(super) fn reaches(&mut self, id: &PeerId, work: ChainWork, height: Height, is_shown: bool) {
        if let Some(peer) = self.peers.get_mut(id) {
            if is_shown {
                peer.shown = peer.shown.max(work);
            }
            peer.reaches(work, height);
        }
    }

    /// Forgets what a peer claimed, which it did not show.
    pub(super) fn discredit(&mut self, id: &PeerId, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(id) {
            (peer.work, peer.height, peer.status) = (ChainWork::ZERO, 0, None);
            peer.pauses(now_ms.saturating_add(STALL_PAUSE_MS));
        }
    }

    /// Leaves a peer alone while it owes bodies.
    pub(super) fn await_late(&mut self, id: &PeerId, until_ms: u64) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.late_until_ms = until_ms;
        }
    }

    /// Whether a peer's status is to be asked for again.
    pub(super) fn is_status_due(&self, id: &PeerId, now_ms: u64) -> bool {
        self.get(id).is_some_and(|peer| {
            let age_ms = peer.asked_status_ms.map(|asked_ms| now_ms.saturating_sub(asked_ms));
            !peer.is_asked_status && age_ms.is_none_or(|age_ms| age_ms >= STATUS_INTERVAL_MS)
        })
    }

    /// Keeps account of a request, and numbers it.
    pub(super) fn asks(&mut self, id: PeerId, question: Question, now_ms: u64) -> RequestId {
        self.last_request = self.last_request.saturating_add(1);
        let request = RequestId(self.last_request);
        if let Some(peer) = self.peers.get_mut(&id) {
            match &question {
                Question::Status { .. } => {
                    (peer.is_asked_status, peer.asked_status_ms) = (true, Some(now_ms))
                }
                Question::Headers { .. } => peer.is_asked_headers = true,
                Question::Bodies(hashes) => {
                    peer.bodies_in_flight = peer.bodies_in_flight.saturating_add(hashes.len())
                }
                Question::Replay { .. } | Question::Mempool => {}
            }
        }
        let timeout_ms = if matches!(question, Question::Bodies(_)) {
            BODY_TIMEOUT_MS
        } else {
            REQUEST_TIMEOUT_MS
        };
        let deadline_ms = now_ms.saturating_add(timeout_ms);
        self.requests.insert(request, Asked { peer: id, question, deadline_ms, is_late: false });
        request
    }

    /// Whether a peer is asked for the chain that is read again under a number.
    pub(super) fn is_asked_replay(&self, replay: u64) -> bool {
        let asks = |asked: &Asked| {
            matches!(
                asked.question,
                Question::Replay { number, .. } if number == replay
            )
        };
        self.requests.values().any(|asked| !asked.is_late && asks(asked))
    }

    /// The end of a request, as the network tells it.
    pub(super) fn ended(
        &mut self,
        id: PeerId,
        request: RequestId,
        result: Result<Response, RequestError>,
        now_ms: u64,
    ) -> Ending {
        if self.requests.get(&request).is_none_or(|asked| asked.peer != id) {
            return if result.is_ok() && self.contains(&id) {
                Ending::Unrequested
            } else {
                Ending::Over
            };
        }
        let Some(Asked { question, is_late, .. }) = self.requests.remove(&request) else {
            return Ending::Over;
        };
        if is_late {
            return self.ended_late(&id, question, result);
        }
        self.release_slot(&id, &question);
        let (question, error) = match result {
            Ok(Response::Busy) => (question, RequestError::Overloaded),
            Ok(response) => match answer(question, response) {
                Ok(answer) => {
                    if let (Answer::Headers(..), Some(peer)) = (&answer, self.peers.get_mut(&id)) {
                        peer.evasions = 0;
                    }
                    return Ending::Answered(answer);
                }
                Err(question) => {
                    self.fails(&id, &question, STALL_PAUSE_MS, now_ms);
                    return Ending::Unanswered(question, Fault::WrongForm);
                }
            },
            Err(error) => (question, error),
        };
        let (pause_ms, fault) = match error {
            RequestError::Timeout => (STALL_PAUSE_MS, Fault::Late),
            RequestError::Overloaded | RequestError::Interrupted => (BUSY_PAUSE_MS, Fault::None),
            // The network has charged the peer for a malformed answer; without a connection there
            // is no peer to charge.
            RequestError::Malformed | RequestError::Unsupported | RequestError::Disconnected => {
                (STALL_PAUSE_MS, Fault::None)
            }
        };
        self.fails(&id, &question, pause_ms, now_ms);
        Ending::Unanswered(question, fault)
    }

    /// The end of a request that was given up.
    fn ended_late(
        &mut self,
        id: &PeerId,
        question: Question,
        result: Result<Response, RequestError>,
    ) -> Ending {
        let Question::Bodies(hashes) = question else {
            return Ending::Over;
        };
        // Their peer need not be left alone any longer if they were the last ones.
        let owes = |asked: &Asked| {
            asked.peer == *id && asked.is_late && matches!(asked.question, Question::Bodies(_))
        };
        if !self.requests.values().any(owes) {
            self.await_late(id, 0);
        }
        match result {
            Ok(Response::Bodies(bodies)) if bodies.len() <= hashes.len() => {
                Ending::LateBodies(hashes, bodies)
            }
            _ => Ending::Over,
        }
    }

    /// Gives up requests whose answer is overdue, so that others are asked.
    pub(super) fn overdue(&mut self, now_ms: u64) -> Vec<(PeerId, Question)> {
        let is_overdue = |asked: &Asked| !asked.is_late && asked.deadline_ms <= now_ms;
        let mut overdue = Vec::new();
        for asked in self.requests.values_mut().filter(|asked| is_overdue(asked)) {
            asked.is_late = true;
            overdue.push((asked.peer, asked.question.clone()));
        }
        for (id, question) in &overdue {
            self.release_slot(id, question);
            // What is late of bodies has a pause of its own, which ends when they come.
            let pause_ms = if matches!(question, Question::Bodies(_)) { 0 } else { STALL_PAUSE_MS };
            self.fails(id, question, pause_ms, now_ms);
        }
        self.requests.retain(|_, asked| asked.deadline_ms.saturating_add(LATE_ANSWER_MS) > now_ms);
        overdue
    }

    /// A request is over, whatever became of it.
    fn release_slot(&mut self, id: &PeerId, question: &Question) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        match question {
            Question::Status { .. } => peer.is_asked_status = false,
            Question::Headers { .. } => peer.is_asked_headers = false,
            Question::Bodies(hashes) => {
                peer.bodies_in_flight = peer.bodies_in_flight.saturating_sub(hashes.len())
            }
            Question::Replay { .. } | Question::Mempool => {}
        }
    }

    /// What was asked for did not come.
    fn fails(&mut self, id: &PeerId, question: &Question, pause_ms: u64, now_ms: u64) {
        if let Some(peer) = self.peers.get_mut(id) {
            let doublings =
                if matches!(question, Question::Headers { .. }) { peer.evades() } else { 0 };
            if !matches!(question, Question::Status { .. }) {
                peer.pauses(now_ms.saturating_add(pause_ms << doublings));
            }
        }
    }
}

/// Asks a peer where it stands, and tells it where this node does.
pub(super) fn ask_status(id: PeerId, own: Status) -> Effects {
    Effects::one(Effect::Ask(id, Question::Status { asked_ms: own.now_ms }, Request::Status(own)))
}

/// Holds an answer to its question, which is given back if they do not fit.
fn answer(question: Question, response: Response) -> Result<Answer, Question> {
    match (response, question) {
        (Response::Status(status), Question::Status { asked_ms }) => {
            Ok(Answer::Status(status, asked_ms))
        }
        (Response::Headers(headers), Question::Headers { limit, claim })
            if headers.len() <= usize::from(limit) =>
        {
            Ok(Answer::Headers(headers, (limit, claim)))
        }
        (Response::Headers(headers), Question::Replay { limit, .. })
            if headers.len() <= usize::from(limit) =>
        {
            Ok(Answer::Replay(headers))
        }
        (Response::Bodies(bodies), Question::Bodies(hashes))
            if (1..=hashes.len()).contains(&bodies.len()) =>
        {
            Ok(Answer::Bodies(hashes, bodies))
        }
        (Response::Mempool(page), Question::Mempool) => Ok(Answer::Mempool(page)),
        (_, question) => Err(question),
    }
}
