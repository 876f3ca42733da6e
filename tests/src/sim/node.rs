//! One node: a real core on a disk in memory, and the part of the network layer that is its own.
//!
//! What the swarm does for a real node is done here: gossip is decoded, known messages are dropped,
//! accepted ones passed on; requests get exactly one response; offences are counted and sources
//! banned.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{Hash, Share, SignedTransaction};
use lode_core::{AttemptOutcome, MiningJob, SubmitError};
use lode_core::{MempoolLimits, sync::Job};
use lode_network::{
    Gossip, GossipId, InboundId, NetworkEvent, Penalty, Reputation, Request, RequestError,
    RequestId, RequestKind, Response, Topic, Verdict,
    reputation::{Consequence, Source},
};
use lode_testkit::{
    keys::peer_id,
    recorder::{Call, Recorder},
};

use super::{
    core::{Core, Machine, simulated},
    mask::Mask,
    record::{Record, Seen},
    schedule::{Micros, SECOND},
    traffic::{self, Bytes, Wire, participant},
};

/// Jobs of verification that a node works on at a time.
pub const WORKERS: usize = 2;
/// When a request counts as unanswered.
pub const REQUEST_TIMEOUT: Micros = 10 * SECOND;
/// Requests of others that wait for an answer.
const MAX_ANSWERING: usize = 256;
/// Messages of one peer that may wait for a verdict: the machine's queues for one peer, and its
/// orphans and deferred blocks.
const MAX_AWAITING_PER_PEER: usize = 16 + 512 + 1_024 + 64;
/// Requests that may be out to one peer: one of each kind, and as many for bodies as hold all that
/// one peer is asked for.
const MAX_ASKED_PER_PEER: usize = 4 + 16;
/// The bound of the pool of shares.
const MAX_WAITING_SHARES: usize = 8_192;

/// What a node wants of the world.
#[derive(Debug)]
pub enum Output {
    /// A packet on its way.
    Send(usize, Wire),
    /// To be told when a request has been out for so long.
    Timeout(RequestId, Micros),
    /// Connections to a participant end.
    Close(usize),
    /// A worker has begun a job that takes so long.
    Work(usize, Micros),
}

#[derive(Debug)]
struct Awaiting {
    topic: Topic,
    bytes: Bytes,
    block_height: Option<u32>,
    sources: BTreeSet<usize>,
}

#[derive(Debug)]
struct Asked {
    to: usize,
    request: Request,
}

#[derive(Debug)]
struct Answering {
    from: usize,
    id: u64,
    kind: RequestKind,
    hashes: Vec<Hash>,
}

#[derive(Debug)]
pub struct Node {
    /// Which participant it is.
    pub index: usize,
    /// Counts restarts: what was meant for an earlier life is void.
    pub life: u32,
    /// The core while the node is up.
    pub core: Option<Core>,
    /// Connections, by participant: the number of each.
    pub links: BTreeMap<usize, u64>,
    /// What it keeps to itself.
    pub mask: Mask,
    /// What was seen.
    pub record: Record,
    machine: Machine,
    reputation: Reputation,
    seen: Seen,
    awaiting: BTreeMap<GossipId, Awaiting>,
    asked: BTreeMap<RequestId, Asked>,
    answering: BTreeMap<InboundId, Answering>,
    inbound: u64,
    workers: [Option<Job>; WORKERS],
    outputs: Vec<Output>,
}

impl Node {
    /// A node that has never run.
    pub fn new(index: usize, machine: Machine, mask: Mask) -> Self {
        Self {
            index,
            life: 0,
            core: None,
            links: BTreeMap::new(),
            mask,
            record: Record::default(),
            machine,
            reputation: Reputation::default(),
            seen: Seen::default(),
            awaiting: BTreeMap::new(),
            asked: BTreeMap::new(),
            answering: BTreeMap::new(),
            inbound: 0,
            workers: Default::default(),
            outputs: Vec::new(),
        }
    }

    /// Starts on what the disk holds.
    pub fn start(&mut self, now: Micros) {
        self.machine.clock.set(now);
        self.core = Some(self.machine.open());
    }

    /// Loses everything but the disk and the bans. The world has closed all links before.
    pub fn crash(&mut self) {
        self.life += 1;
        self.workers = Default::default();
        self.core = None;
        self.links.clear();
        self.seen = Seen::default();
        self.awaiting.clear();
        self.asked.clear();
        self.answering.clear();
        self.outputs.clear();
    }

    /// What the node wants of the world since the last call.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Whether a participant is banned now.
    pub fn bans(&self, other: usize) -> bool {
        self.reputation.is_banned(&source(other), self.machine.clock.unix_ms())
    }

    /// A connection to a participant is there.
    pub fn connected(&mut self, now: Micros, other: usize, link: u64, outbound: bool) {
        self.links.insert(other, link);
        let (peer, address) = (peer_id(other), traffic::address(other));
        self.event(now, NetworkEvent::Connected { peer, address, outbound });
    }

    /// It is gone.
    pub fn disconnected(&mut self, now: Micros, other: usize) {
        if self.links.remove(&other).is_none() {
            return;
        }
        let lost: Vec<RequestId> =
            self.asked.iter().filter(|(_, asked)| asked.to == other).map(|(id, _)| *id).collect();
        for id in lost {
            self.fail(now, id, RequestError::Disconnected);
        }
        self.answering.retain(|_, answering| answering.from != other);
        self.event(now, NetworkEvent::Disconnected { peer: peer_id(other) });
    }

    /// A packet has come over a connection that stands.
    pub fn receive(&mut self, now: Micros, from: usize, wire: Wire) {
        match wire {
            Wire::Gossip { id, topic, bytes } => self.receive_gossip(now, from, id, topic, bytes),
            Wire::Request { id, kind, bytes } => self.receive_request(now, from, id, kind, &bytes),
            Wire::Response { id, bytes } => self.receive_response(now, from, RequestId(id), &bytes),
        }
    }

    fn receive_gossip(
        &mut self,
        now: Micros,
        from: usize,
        id: GossipId,
        topic: Topic,
        bytes: Bytes,
    ) {
        if let Some(awaiting) = self.awaiting.get_mut(&id) {
            awaiting.sources.insert(from);
        }
        if self.seen.contains(&id) {
            return;
        }
        let Ok(message) = Gossip::decode(topic, &bytes) else {
            self.machine.clock.set(now);
            return self.penalize(from, Penalty::MalformedMessage);
        };
        self.seen.insert(id);
        let block_height = match &message {
            Gossip::Block(sealed) => Some(sealed.header.height),
            Gossip::Share(_) | Gossip::Transaction(_) => None,
        };
        self.awaiting
            .insert(id, Awaiting { topic, bytes, block_height, sources: BTreeSet::from([from]) });
        self.event(now, NetworkEvent::Gossip { id, source: peer_id(from), message });
    }

    fn receive_request(
        &mut self,
        now: Micros,
        from: usize,
        id: u64,
        kind: RequestKind,
        bytes: &[u8],
    ) {
        self.machine.clock.set(now);
        let Ok(request) = Request::decode(kind, bytes) else {
            return self.penalize(from, Penalty::MalformedMessage);
        };
        if self.answering.len() >= MAX_ANSWERING {
            return;
        }
        let hashes = match &request {
            Request::Bodies { hashes } => hashes.clone(),
            _ => Vec::new(),
        };
        self.inbound += 1;
        let inbound = InboundId(self.inbound);
        self.answering.insert(inbound, Answering { from, id, kind, hashes });
        self.event(now, NetworkEvent::Request { peer: peer_id(from), id: inbound, request });
    }

    fn receive_response(&mut self, now: Micros, from: usize, id: RequestId, bytes: &[u8]) {
        // One that was answered, was given up, or was never asked of this one: the real protocol
        // has no place for it.
        let Some(asked) = self.asked.remove_entry(&id) else {
            return;
        };
        let (id, asked) = asked;
        if asked.to != from {
            self.asked.insert(id, asked);
            return;
        }
        let decoded = Response::decode(asked.request.kind(), bytes).ok();
        let result = match decoded.filter(|response| asked.request.is_answered_by(response)) {
            Some(response) => Ok(response),
            None => {
                self.machine.clock.set(now);
                self.penalize(from, Penalty::MalformedMessage);
                Err(RequestError::Malformed)
            }
        };
        self.event(now, NetworkEvent::Response { peer: peer_id(from), id, result });
    }

    /// The time for a request is over.
    pub fn timeout(&mut self, now: Micros, id: RequestId) {
        self.fail(now, id, RequestError::Timeout);
    }

    fn fail(&mut self, now: Micros, id: RequestId, error: RequestError) {
        if let Some(asked) = self.asked.remove(&id) {
            let error =
                if self.links.contains_key(&asked.to) { error } else { RequestError::Disconnected };
            self.event(
                now,
                NetworkEvent::Response { peer: peer_id(asked.to), id, result: Err(error) },
            );
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Micros) {
        self.with_core(now, |core, recorder| core.tick(recorder));
        self.note_sizes();
    }

    /// A worker is done.
    pub fn finish(&mut self, now: Micros, worker: usize) {
        if let Some(job) = self.workers[worker].take() {
            self.with_core(now, |core, recorder| core.finish(job, recorder));
        }
    }

    /// A miner asks for work.
    pub fn job(&mut self, now: Micros, prover: lode_consensus::Address) -> Option<MiningJob> {
        self.machine.clock.set(now);
        self.core
            .as_ref()
            .map(|core| core.service.mining_job(prover).expect("a miner's address is one"))
    }

    /// A miner brings an attempt.
    pub fn submit(
        &mut self,
        now: Micros,
        share: &Share,
    ) -> Option<Result<AttemptOutcome, SubmitError>> {
        self.machine.clock.set(now);
        let outcome = self.core.as_ref()?.service.take_attempt(share);
        self.with_core(now, |core, recorder| core.publish_accepted(recorder));
        Some(outcome)
    }

    /// A user brings a transaction.
    pub fn transact(
        &mut self,
        now: Micros,
        signed: &SignedTransaction,
    ) -> Option<Result<Hash, SubmitError>> {
        self.machine.clock.set(now);
        let outcome = self.core.as_ref()?.service.take_transaction(signed.clone());
        self.with_core(now, |core, recorder| core.publish_accepted(recorder));
        Some(outcome)
    }

    /// Publishes what the mask kept back.
    pub fn release(&mut self, now: Micros) {
        self.machine.clock.set(now);
        let kept = self.mask.release();
        self.publish_all(kept);
    }

    fn event(&mut self, now: Micros, event: NetworkEvent) {
        self.with_core(now, |core, recorder| core.event(event, recorder));
    }

    fn with_core(&mut self, now: Micros, call: impl FnOnce(&mut Core, &mut Recorder)) {
        self.machine.clock.set(now);
        let Some(core) = &mut self.core else {
            return;
        };
        let mut recorder = Recorder::default();
        call(core, &mut recorder);
        for (slot, worker) in
            self.workers.iter_mut().enumerate().filter(|(_, worker)| worker.is_none())
        {
            if let Some(job) = core.next_job() {
                self.outputs.push(Output::Work(slot, simulated(job.cost())));
                *worker = Some(job);
            }
        }
        for call in recorder.0 {
            self.apply(call);
        }
    }

    fn apply(&mut self, call: Call) {
        match call {
            Call::Request(peer, id, request) => self.ask(participant(peer), id, request),
            Call::Respond(id, response) => self.answer(id, response),
            Call::Publish(message) => {
                let messages = self.mask.publish(message);
                self.publish_all(messages);
            }
            Call::Verdict(id, source, verdict) => self.judge(id, participant(source), verdict),
            Call::Penalize(peer, penalty) => self.penalize(participant(peer), penalty),
            Call::Disconnect(peer) => self.outputs.push(Output::Close(participant(peer))),
        }
    }

    fn ask(&mut self, to: usize, id: RequestId, request: Request) {
        let request = match request {
            Request::Status(status) => Request::Status(self.masked(status)),
            other => other,
        };
        let linked = self.links.contains_key(&to);
        // A request to somebody who is gone fails at once, but never within the call that makes it.
        self.outputs.push(Output::Timeout(id, if linked { REQUEST_TIMEOUT } else { 0 }));
        if linked {
            let bytes = request.encode().into();
            self.outputs
                .push(Output::Send(to, Wire::Request { id: id.0, kind: request.kind(), bytes }));
        }
        self.asked.insert(id, Asked { to, request });
    }

    fn answer(&mut self, id: InboundId, response: Response) {
        let Some(answering) = self.answering.remove(&id) else {
            return;
        };
        let response = match response {
            Response::Status(status) => Response::Status(self.masked(status)),
            other => self.mask.respond(other, &answering.hashes),
        };
        debug_assert!(
            !matches!(response, Response::Bodies(_)) || answering.kind == RequestKind::Bodies
        );
        let wire = Wire::Response { id: answering.id, bytes: response.encode().into() };
        self.outputs.push(Output::Send(answering.from, wire));
    }

    fn masked(&self, status: lode_network::Status) -> lode_network::Status {
        self.mask.status(status, |hash| {
            let core = self.core.as_ref().expect("a core has just spoken");
            core.service
                .ledger()
                .read()
                .entry(hash)
                .expect("the ledger reads")
                .expect("own block")
                .work
        })
    }

    fn publish_all(&mut self, messages: Vec<Gossip>) {
        for message in messages {
            let wire = Wire::gossip(message.topic(), message.encode().into());
            if let Wire::Gossip { id, .. } = wire {
                self.seen.insert(id);
            }
            self.flood(&wire, &BTreeSet::new());
        }
    }

    fn flood(&mut self, wire: &Wire, except: &BTreeSet<usize>) {
        for other in self.links.keys().filter(|other| !except.contains(other)) {
            self.outputs.push(Output::Send(*other, wire.clone()));
        }
    }

    fn judge(&mut self, id: GossipId, source: usize, verdict: Verdict) {
        let Some(awaiting) = self.awaiting.remove(&id) else {
            self.record.stray_verdicts += 1;
            return;
        };
        match verdict {
            Verdict::Ignore => {}
            Verdict::Reject => *self.record.rejected.entry(source).or_default() += 1,
            Verdict::Accept => {
                let Awaiting { topic, bytes, sources, .. } = awaiting;
                self.flood(&Wire::Gossip { id, topic, bytes }, &sources);
                if let Some(height) = awaiting.block_height {
                    let shown = self.mask.heard(height);
                    self.publish_all(shown);
                }
            }
        }
    }

    fn penalize(&mut self, other: usize, penalty: Penalty) {
        *self.record.penalties.entry((other, penalty)).or_default() += 1;
        match self.reputation.penalize(source(other), penalty, self.machine.clock.unix_ms()) {
            Consequence::None => return,
            Consequence::Disconnect => {}
            Consequence::Ban => {
                self.record.banned.insert(other);
            }
        }
        self.outputs.push(Output::Close(other));
    }

    /// Messages that the core has not judged yet.
    pub fn unjudged(&self) -> usize {
        self.awaiting.len()
    }

    fn note_sizes(&mut self) {
        let Some(core) = &self.core else {
            return;
        };
        let waiting = core.waiting();
        let sizes = [
            (
                "gossip without a verdict",
                self.awaiting.len(),
                MAX_AWAITING_PER_PEER * self.links.len(),
            ),
            ("requests under way", self.asked.len(), MAX_ASKED_PER_PEER * self.links.len().max(1)),
            ("requests to answer", self.answering.len(), MAX_ANSWERING),
            ("mempool bytes", waiting.bytes, MempoolLimits::default().max_bytes),
            ("waiting shares", waiting.shares, MAX_WAITING_SHARES),
        ];
        sizes.into_iter().for_each(|(name, size, bound)| self.record.note_size(name, size, bound));
    }
}

fn source(other: usize) -> Source {
    Source::of(&traffic::address(other), peer_id(other))
}
