//! What lies between the machines: delivery, links, gossip, bans, and workers.

use lode_network::{
    Gossip, GossipId, InboundId, NetworkEvent, PeerId, Request, RequestError, RequestId, Verdict,
    penalty::BAN_POINTS,
};

use super::{
    node::{Arrival, Node},
    world::World,
};
use crate::recorder::{Call, Recorder};

/// How long a message travels.
const LATENCY_MS: u64 = 5;
/// How long a proof, or a signature, takes to check.
const CHECK_MS: u64 = 1;
/// Jobs of one node that run at a time.
const WORKERS: usize = 2;

fn id_of(message: &Gossip) -> GossipId {
    GossipId::of(message.topic(), &message.encode())
}

impl World {
    fn number(&self, id: PeerId) -> Option<usize> {
        self.nodes.iter().position(|node| node.peer == id)
    }

    pub(super) fn arrive(&mut self, to: PeerId, delay_ms: u64, arrival: Arrival) {
        self.sequence += 1;
        self.queue.insert((self.now_ms + delay_ms, self.sequence), (to, arrival));
    }

    pub(super) fn deliver(&mut self, to: PeerId, arrival: Arrival) {
        let Some(number) = self.number(to) else {
            return;
        };
        let (now_ms, mut recorder) = (self.now_ms, Recorder::default());
        let Node { machine, running, .. } = &mut self.nodes[number];
        match arrival {
            Arrival::Event(event) => machine.on_event(*event, now_ms, &mut recorder),
            Arrival::Accepted => machine.on_accepted(now_ms, &mut recorder),
            Arrival::Done(done) => {
                *running -= 1;
                machine.on_done(done, now_ms, &mut recorder);
            }
        }
        self.take(number, recorder);
    }

    pub(super) fn tick(&mut self) {
        for number in 0..self.nodes.len() {
            let mut recorder = Recorder::default();
            self.nodes[number].machine.on_tick(self.now_ms, &mut recorder);
            self.take(number, recorder);
        }
    }

    /// Carries out what a machine did, and gives its workers what they can take.
    fn take(&mut self, number: usize, recorder: Recorder) {
        let id = self.nodes[number].peer;
        for call in recorder.0 {
            let call = match self.tamper.get_mut(&id) {
                Some(tamper) => tamper(call),
                None => Some(call),
            };
            if let Some(call) = call {
                self.nodes[number].sent.push(call.clone());
                self.carry_out(number, call);
            }
        }
        while self.nodes[number].running < WORKERS {
            let node = &mut self.nodes[number];
            let Some(job) = node.machine.next_job() else {
                break;
            };
            let cost = job.cost();
            node.running += 1;
            node.proofs += cost.proofs;
            let done = job.run(&node.service);
            let ms = CHECK_MS * (cost.proofs + cost.signatures) as u64;
            self.arrive(id, ms, Arrival::Done(done));
        }
    }

    fn carry_out(&mut self, number: usize, call: Call) {
        let id = self.nodes[number].peer;
        match call {
            Call::Request(to, request_id, request) => {
                self.deliver_request(id, to, request_id, request)
            }
            Call::Respond(inbound, response) => {
                if let Some((asker, request_id, server)) = self.inbound.remove(&inbound) {
                    let event = NetworkEvent::Response {
                        peer: server,
                        id: request_id,
                        result: Ok(response),
                    };
                    self.arrive(asker, LATENCY_MS, Arrival::Event(Box::new(event)));
                }
            }
            Call::Publish(message) => {
                let node = &mut self.nodes[number];
                node.published.push(message.clone());
                if node.seen.insert(id_of(&message)) {
                    self.spread(id, id, &message);
                }
            }
            Call::Verdict(gossip, source, verdict) => {
                let node = &mut self.nodes[number];
                let (from, message) = node
                    .unjudged
                    .remove(&gossip)
                    .expect("a verdict on a message that waits for one");
                assert_eq!(from, source);
                node.verdicts.push((message.clone(), source, verdict));
                if verdict == Verdict::Accept {
                    self.spread(id, source, &message);
                }
            }
            Call::Penalize(peer, penalty) => {
                let node = &mut self.nodes[number];
                node.penalties.push((peer, penalty));
                let points = node.points.entry(peer).or_default();
                *points += penalty.points();
                let is_banned = *points >= BAN_POINTS;
                if is_banned {
                    node.banned.insert(peer);
                }
                if is_banned || penalty.disconnects() {
                    self.unlink(id, peer);
                }
            }
            Call::Disconnect(peer) => self.unlink(id, peer),
        }
    }

    /// Takes a request to a node, or to an answer that stands in for one. It fails at once where
    /// there is no link.
    fn deliver_request(&mut self, id: PeerId, to: PeerId, request_id: RequestId, request: Request) {
        if !self.is_linked(id, to) {
            let result = Err(RequestError::Disconnected);
            self.arrive(
                id,
                0,
                Arrival::Event(Box::new(NetworkEvent::Response {
                    peer: to,
                    id: request_id,
                    result,
                })),
            );
            return;
        }
        if let Some(answer) = self.answers.get_mut(&to) {
            if let Some(response) = answer(request) {
                let event =
                    NetworkEvent::Response { peer: to, id: request_id, result: Ok(response) };
                self.arrive(id, 2 * LATENCY_MS, Arrival::Event(Box::new(event)));
            }
            return;
        }
        self.sequence += 1;
        let inbound = InboundId(self.sequence);
        self.inbound.insert(inbound, (id, request_id, to));
        self.arrive(
            to,
            LATENCY_MS,
            Arrival::Event(Box::new(NetworkEvent::Request { peer: id, id: inbound, request })),
        );
    }

    /// Sends gossip to all neighbours but the one that it came from.
    fn spread(&mut self, id: PeerId, source: PeerId, message: &Gossip) {
        for neighbour in self.neighbours(id) {
            if neighbour != source {
                self.pass_on(id, neighbour, message.clone());
            }
        }
    }

    /// Hands a node gossip, unless it has seen it.
    pub(super) fn pass_on(&mut self, from: PeerId, to: PeerId, message: Gossip) {
        let Some(number) = self.number(to) else {
            return;
        };
        let (id, node) = (id_of(&message), &mut self.nodes[number]);
        if node.seen.insert(id) {
            node.unjudged.insert(id, (from, message.clone()));
            self.arrive(
                to,
                LATENCY_MS,
                Arrival::Event(Box::new(NetworkEvent::Gossip { id, source: from, message })),
            );
        }
    }

    pub(super) fn neighbours(&self, id: PeerId) -> Vec<PeerId> {
        self.links.iter().filter(|(from, _)| *from == id).map(|(_, to)| *to).collect()
    }

    pub(super) fn link_peers(&mut self, a: PeerId, b: PeerId) {
        if !self.links.insert((a, b)) {
            return;
        }
        self.links.insert((b, a));
        for (id, peer, outbound) in [(a, b, true), (b, a, false)] {
            let address = "/memory/1".parse().unwrap();
            self.arrive(
                id,
                0,
                Arrival::Event(Box::new(NetworkEvent::Connected { peer, address, outbound })),
            );
        }
    }

    /// Cuts a link: what was asked over it fails first.
    pub(super) fn unlink(&mut self, a: PeerId, b: PeerId) {
        if !self.links.remove(&(a, b)) {
            return;
        }
        self.links.remove(&(b, a));
        let is_between =
            |asker: PeerId, server: PeerId| [(a, b), (b, a)].contains(&(asker, server));
        let cut: Vec<InboundId> = self
            .inbound
            .iter()
            .filter(|(_, (asker, _, server))| is_between(*asker, *server))
            .map(|(inbound, _)| *inbound)
            .collect();
        for inbound in cut {
            let (asker, id, server) = self.inbound.remove(&inbound).unwrap();
            let result = Err(RequestError::Disconnected);
            self.arrive(
                asker,
                0,
                Arrival::Event(Box::new(NetworkEvent::Response { peer: server, id, result })),
            );
        }
        for (id, peer) in [(a, b), (b, a)] {
            self.arrive(id, 0, Arrival::Event(Box::new(NetworkEvent::Disconnected { peer })));
        }
    }
}
