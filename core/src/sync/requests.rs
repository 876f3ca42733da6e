//! Requests of ours: asking, answers, deadlines. Every one ends once: by its answer, its deadline, or its peer's going.
//!
//! What must not be broken: an answer counts only if it comes from the peer that was asked, in time, and has the form
//! that was asked for.

use lode_network::{
    Network, PeerId, Penalty, Request, RequestError, RequestId, Response, Status, message::PEER_VERSION,
};

use super::{
    SyncMachine,
    limits::{BODY_TIMEOUT_MS, BUSY_PAUSE_MS, LATE_ANSWER_MS, REQUEST_TIMEOUT_MS, STALL_PAUSE_MS, STATUS_INTERVAL_MS},
    peers::{Asked, MempoolReading, Peer, Question},
};
use crate::Clock;
use lode_ledger::LedgerError;

impl<C: Clock> SyncMachine<C> {
    /// Sends a request, and keeps account of it.
    pub(super) fn ask(
        &mut self,
        peer: PeerId,
        question: Question,
        request: Request,
        network: &mut dyn Network,
    ) -> RequestId {
        let id = self.request_id();
        let timeout_ms = match question {
            Question::Bodies(_) => BODY_TIMEOUT_MS,
            _ => REQUEST_TIMEOUT_MS,
        };
        let deadline_ms = self.now_ms.saturating_add(timeout_ms);
        self.requests.insert(id, Asked { peer, question, deadline_ms, is_late: false });
        network.request(peer, id, request);
        id
    }

    /// Asks each peer now and then where it stands, and what waits there.
    pub(super) fn poll_peers(&mut self, network: &mut dyn Network) -> Result<(), LedgerError> {
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            let is_due = self.peers.get(&id).is_some_and(|peer| {
                let age_ms = peer.asked_status_ms.map(|asked_ms| self.now_ms.saturating_sub(asked_ms));
                peer.status_request.is_none() && age_ms.is_none_or(|age_ms| age_ms >= STATUS_INTERVAL_MS)
            });
            if is_due {
                self.ask_status(id, network)?;
            }
            self.read_mempool(id, network);
        }
        Ok(())
    }

    pub(super) fn ask_status(&mut self, id: PeerId, network: &mut dyn Network) -> Result<(), LedgerError> {
        let own = self.own_status(&self.service.ledger().read())?;
        let request = self.ask(id, Question::Status, Request::Status(own), network);
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.asked_status_ms = Some(self.now_ms);
            peer.status_request = Some(request);
        }
        Ok(())
    }

    /// Takes note of where a peer says it stands.
    pub(super) fn take_status(&mut self, id: PeerId, status: Status, network: &mut dyn Network) {
        let expected = self.service.ledger().network().genesis_hash;
        if status.genesis_hash != expected || status.version != PEER_VERSION {
            self.penalize(id, Penalty::WrongGenesis, &"another network or version", network);
            return;
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.reaches(status.work, status.tip_height);
            peer.status = Some(status);
        }
    }

    /// The end of a request.
    pub(super) fn response(
        &mut self,
        id: PeerId,
        request: RequestId,
        result: Result<Response, RequestError>,
        network: &mut dyn Network,
    ) -> Result<(), LedgerError> {
        let Some(asked) = self.requests.get(&request).filter(|asked| asked.peer == id).cloned() else {
            if result.is_ok() && self.peers.contains_key(&id) {
                self.penalize(id, Penalty::UnrequestedResponse, &"an answer that nobody asked for", network);
            }
            return Ok(());
        };
        self.requests.remove(&request);
        if asked.is_late {
            if matches!(asked.question, Question::Bodies(_)) {
                self.late_bodies_ended(&id);
            }
            return match (result, asked.question) {
                // They took long enough to come.
                (Ok(Response::Bodies(bodies)), Question::Bodies(hashes))
                    if bodies.len() <= hashes.len() && self.bodies.has_room() && !self.is_out(&id) =>
                {
                    self.bodies_received(id, hashes, bodies)
                }
                _ => Ok(()),
            };
        }
        self.release_slot(request, &asked);
        match (result, asked.question) {
            (Ok(Response::Status(status)), Question::Status) => self.take_status(id, status, network),
            (Ok(Response::Headers(headers)), Question::Headers { limit, claim })
                if headers.len() <= usize::from(limit) =>
            {
                return self.headers_received(id, headers, (limit, claim), network);
            }
            (Ok(Response::Headers(headers)), Question::Replay { limit }) if headers.len() <= usize::from(limit) => {
                return self.replay_received(id, headers);
            }
            (Ok(Response::Bodies(bodies)), Question::Bodies(hashes)) if (1..=hashes.len()).contains(&bodies.len()) => {
                return self.bodies_received(id, hashes, bodies);
            }
            (Ok(Response::Mempool(page)), Question::Mempool) => self.mempool_page(id, page, network),
            (Ok(Response::Busy), question) => self.failed(id, &question, BUSY_PAUSE_MS),
            (Ok(_), question) => {
                self.failed(id, &question, STALL_PAUSE_MS);
                self.penalize(id, Penalty::UnrequestedResponse, &"an answer of the wrong form", network);
            }
            (Err(RequestError::Timeout), question) => {
                self.failed(id, &question, STALL_PAUSE_MS);
                self.stalled(id, &question, network);
            }
            (Err(RequestError::Overloaded), question) => self.failed(id, &question, BUSY_PAUSE_MS),
            // The network has charged the peer for a malformed answer; without a connection there is nobody to charge.
            (Err(RequestError::Malformed | RequestError::Unsupported | RequestError::Disconnected), question) => {
                self.failed(id, &question, STALL_PAUSE_MS);
            }
            (Err(RequestError::Interrupted), question) => self.failed(id, &question, BUSY_PAUSE_MS),
        }
        Ok(())
    }

    /// Gives up requests whose answer is overdue, so that others are asked.
    pub(super) fn expire_requests(&mut self, network: &mut dyn Network) {
        let now_ms = self.now_ms;
        let overdue = |asked: &Asked| !asked.is_late && asked.deadline_ms <= now_ms;
        let late: Vec<RequestId> =
            self.requests.iter().filter(|(_, asked)| overdue(asked)).map(|(request, _)| *request).collect();
        for request in late {
            let Some(asked) = self.requests.get_mut(&request) else {
                continue;
            };
            asked.is_late = true;
            let asked = asked.clone();
            self.release_slot(request, &asked);
            // What is late of bodies has a pause of its own, which ends when they come.
            let pause_ms = if matches!(asked.question, Question::Bodies(_)) { 0 } else { STALL_PAUSE_MS };
            self.failed(asked.peer, &asked.question, pause_ms);
            self.stalled(asked.peer, &asked.question, network);
        }
        self.requests.retain(|_, asked| asked.deadline_ms.saturating_add(LATE_ANSWER_MS) > now_ms);
    }

    /// Late bodies have come, or will not. Their peer need not be left alone any longer if they were the last ones.
    fn late_bodies_ended(&mut self, id: &PeerId) {
        let is_late =
            |asked: &Asked| asked.peer == *id && asked.is_late && matches!(asked.question, Question::Bodies(_));
        if !self.requests.values().any(is_late)
            && let Some(peer) = self.peers.get_mut(id)
        {
            peer.is_late_no_more();
        }
    }

    /// Forgets the requests to a peer that left.
    pub(super) fn drop_requests(&mut self, id: &PeerId) {
        let gone: Vec<RequestId> =
            self.requests.iter().filter(|(_, asked)| asked.peer == *id).map(|(request, _)| *request).collect();
        for request in gone {
            if let Some(asked) = self.requests.remove(&request)
                && !asked.is_late
            {
                self.release_slot(request, &asked);
                self.failed(asked.peer, &asked.question, 0);
            }
        }
    }

    /// A request is over, whatever became of it.
    fn release_slot(&mut self, request: RequestId, asked: &Asked) {
        if let Question::Replay { .. } = asked.question
            && let Some(replaying) = &mut self.replay
            && replaying.request == Some(request)
        {
            replaying.request = None;
        }
        let Some(peer) = self.peers.get_mut(&asked.peer) else {
            return;
        };
        match &asked.question {
            Question::Status => peer.status_request = None,
            Question::Headers { .. } => peer.headers_request = None,
            Question::Bodies(hashes) => peer.bodies_in_flight = peer.bodies_in_flight.saturating_sub(hashes.len()),
            Question::Replay { .. } | Question::Mempool => {}
        }
    }

    /// What was asked for did not come: others may be asked.
    fn failed(&mut self, id: PeerId, question: &Question, pause_ms: u64) {
        if let Question::Bodies(hashes) = question {
            for hash in hashes {
                self.bodies.not_delivered(hash, &id);
            }
        }
        if let Some(peer) = self.peers.get_mut(&id) {
            let doublings = if matches!(question, Question::Headers { .. }) { peer.evades() } else { 0 };
            let until_ms = self.now_ms.saturating_add(pause_ms << doublings);
            if *question != Question::Status {
                peer.pauses(until_ms);
            }
            match (question, peer.mempool) {
                (Question::Mempool, MempoolReading::Asked { pages, skip, .. }) => {
                    peer.mempool = MempoolReading::At { pages: pages.saturating_add(1), skip };
                }
                (Question::Headers { .. }, _) => self.spare = peer.candidate.take().or(self.spare.take()),
                _ => {}
            }
        }
    }

    /// A peer took a request for blocks and did not deliver. Silence about anything else harms nobody.
    fn stalled(&mut self, id: PeerId, question: &Question, network: &mut dyn Network) {
        let harms = match (question, self.peers.get_mut(&id)) {
            (Question::Headers { .. } | Question::Replay { .. }, Some(_)) => true,
            (Question::Bodies(_), Some(peer)) => peer.delivers_late(self.now_ms),
            _ => false,
        };
        if harms {
            self.penalize(id, Penalty::Stall, &"no answer in time", network);
        }
    }
}

impl Peer {
    /// Whether the peer may be asked for headers now.
    pub(super) fn is_free_for_headers(&self, now_ms: u64) -> bool {
        let is_paused = self.is_paused(now_ms) || now_ms < self.no_headers_until_ms;
        self.status.is_some() && self.headers_request.is_none() && !is_paused
    }
}
