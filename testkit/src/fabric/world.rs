//! All nodes, and the time that passes for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use lode_consensus::{Hash, Height, SealedHeader, Share};
use lode_core::{
    ChainService, Environment, MempoolLimits, VerdictCache,
    sync::{SyncMachine, SyncStatus, TICK_MS},
};
use lode_ledger::{Ledger, LedgerOptions, MemoryDisk};
use lode_network::{Gossip, InboundId, NetworkEvent, PeerId, Request, RequestId, Response};
use lode_puzzle::{Seed, Ticket};

use super::{
    network::{address, network},
    node::{Answer, Arrival, Node, Options, Tamper, TestClock},
};
use crate::{
    keys::peer_id,
    networks::{INTERVAL_MS, START_MS},
    oracle::{Oracle, Told, Weights, proof},
    recorder::Call,
};

/// All nodes, and everything that is on its way between them.
pub struct World {
    pub nodes: Vec<Node>,
    pub(super) now_ms: u64,
    pub(super) clock: Arc<AtomicU64>,
    pub(super) links: BTreeSet<(PeerId, PeerId)>,
    pub(super) queue: BTreeMap<(u64, u64), (PeerId, Arrival)>,
    pub(super) sequence: u64,
    /// Who asked what of whom, by the number that the asked one knows it by.
    pub(super) inbound: BTreeMap<InboundId, (PeerId, RequestId, PeerId)>,
    pub(super) tamper: BTreeMap<PeerId, Tamper>,
    /// What puppets say when they are asked.
    pub(super) answers: BTreeMap<PeerId, Answer>,
}

impl World {
    pub fn new(nodes: usize) -> Self {
        let mut world = Self::empty();
        (0..nodes).for_each(|_| {
            world.add(Options::default());
        });
        world
    }

    pub fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            now_ms: 0,
            clock: Arc::new(AtomicU64::new(START_MS + INTERVAL_MS)),
            links: BTreeSet::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            inbound: BTreeMap::new(),
            tamper: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// A new node without links. Returns its number.
    pub fn add(&mut self, options: Options) -> usize {
        let (disk, skew_ms) = (MemoryDisk::new().unwrap(), Arc::new(AtomicI64::new(0)));
        let number = self.nodes.len();
        let service = self.service(&disk, &skew_ms, options);
        let machine = SyncMachine::new(service.clone(), options.sync);
        self.nodes.push(Node {
            peer: peer_id(number),
            service,
            machine,
            skew_ms,
            disk,
            options,
            running: 0,
            seen: BTreeSet::new(),
            unjudged: BTreeMap::new(),
            verdicts: Vec::new(),
            penalties: Vec::new(),
            points: BTreeMap::new(),
            banned: BTreeSet::new(),
            published: Vec::new(),
            sent: Vec::new(),
            proofs: 0,
        });
        number
    }

    fn service(
        &self,
        disk: &MemoryDisk,
        skew_ms: &Arc<AtomicI64>,
        options: Options,
    ) -> Arc<ChainService<TestClock>> {
        let ledger = Ledger::open_in_memory(
            disk,
            network(),
            LedgerOptions { history: options.history, proofs: Arc::new(VerdictCache::new(Told)) },
        )
        .unwrap();
        let clock = TestClock { now_ms: self.clock.clone(), skew_ms: skew_ms.clone() };
        let environment =
            Environment { clock, checker: Arc::new(Oracle::default()), entropy: Arc::new(Weights) };
        Arc::new(
            ChainService::new(Arc::new(ledger), environment, MempoolLimits::default(), None)
                .unwrap(),
        )
    }

    /// Ends a node's process and starts it again on its disk, without links.
    pub fn restart(&mut self, number: usize) {
        let id = self.nodes[number].peer;
        for other in self.neighbours(id) {
            self.unlink(id, other);
        }
        self.queue.retain(|_, (to, _)| *to != id);
        let (disk, skew_ms, options) = {
            let node = &self.nodes[number];
            (node.disk.clone(), node.skew_ms.clone(), node.options)
        };
        // The ledger's lock goes with its last owner.
        let placeholder = self.add(Options::default());
        let spare = self.nodes.remove(placeholder);
        let node = &mut self.nodes[number];
        (node.service, node.machine) = (spare.service, spare.machine);
        let service = self.service(&disk, &skew_ms, options);
        let node = &mut self.nodes[number];
        node.machine = SyncMachine::new(service.clone(), options.sync);
        node.service = service;
        node.running = 0;
        node.unjudged.clear();
    }

    /// Local time of nodes whose clocks are right.
    pub fn wall_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Time since the world began.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Links every node to every other one.
    pub fn link_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.link(a, b);
            }
        }
    }

    /// Lets node `a` dial node `b`.
    pub fn link(&mut self, a: usize, b: usize) {
        let (a, b) = (self.nodes[a].peer, self.nodes[b].peer);
        self.link_peers(a, b);
    }

    pub fn cut(&mut self, a: usize, b: usize) {
        let (a, b) = (self.nodes[a].peer, self.nodes[b].peer);
        self.unlink(a, b);
    }

    pub fn is_linked(&self, a: PeerId, b: PeerId) -> bool {
        self.links.contains(&(a, b))
    }

    /// A peer without a machine dials a node: the test speaks for it, and reads [`Node::sent`].
    pub fn puppet(&mut self, number: usize, victim: usize) -> PeerId {
        let (puppet, victim) = (peer_id(number), self.nodes[victim].peer);
        self.link_peers(puppet, victim);
        puppet
    }

    /// A link between a node and a puppet, dialled by the node or by the puppet.
    pub fn connect_puppet(&mut self, puppet: PeerId, victim: usize, outbound: bool) {
        let victim = self.nodes[victim].peer;
        let (from, to) = if outbound { (victim, puppet) } else { (puppet, victim) };
        self.link_peers(from, to);
    }

    pub fn disconnect(&mut self, a: PeerId, b: PeerId) {
        self.unlink(a, b);
    }

    /// Lets a puppet answer requests, or be silent.
    pub fn answer(
        &mut self,
        puppet: PeerId,
        answer: impl FnMut(Request) -> Option<Response> + 'static,
    ) {
        self.answers.insert(puppet, Box::new(answer));
    }

    /// Something reaches a node, now.
    pub fn inject(&mut self, victim: usize, event: NetworkEvent) {
        let id = self.nodes[victim].peer;
        self.arrive(id, 0, Arrival::Event(Box::new(event)));
        self.run_ms(0);
    }

    /// A puppet passes gossip to a node.
    pub fn gossip(&mut self, from: PeerId, victim: usize, message: Gossip) {
        let id = self.nodes[victim].peer;
        self.pass_on(from, id, message);
        self.run_ms(0);
    }

    /// Changes or drops what a node sends, from now on.
    pub fn tamper(&mut self, number: usize, tamper: impl FnMut(Call) -> Option<Call> + 'static) {
        self.tamper.insert(self.nodes[number].peer, Box::new(tamper));
    }

    /// Lets time pass.
    pub fn run_ms(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        loop {
            let next_tick_ms = (self.now_ms / TICK_MS + 1) * TICK_MS;
            match self.queue.first_key_value().map(|((at_ms, _), _)| *at_ms) {
                Some(at_ms) if at_ms <= end_ms && at_ms <= next_tick_ms => {
                    self.set_time(at_ms);
                    let (_, (to, arrival)) = self.queue.pop_first().unwrap();
                    self.deliver(to, arrival);
                }
                _ if next_tick_ms <= end_ms => {
                    self.set_time(next_tick_ms);
                    self.tick();
                }
                _ => break,
            }
        }
        self.set_time(end_ms);
    }

    fn set_time(&mut self, now_ms: u64) {
        self.clock.fetch_add(now_ms - self.now_ms, Ordering::Relaxed);
        self.now_ms = now_ms;
    }

    /// Lets time pass until something is so. Returns how long it took.
    pub fn run_until(&mut self, limit_ms: u64, is_so: impl Fn(&Self) -> bool) -> u64 {
        let start_ms = self.now_ms;
        while !is_so(self) {
            assert!(
                self.now_ms - start_ms < limit_ms,
                "not so after {limit_ms} ms: {:#?}",
                self.statuses()
            );
            self.run_ms(TICK_MS / 10);
        }
        self.now_ms - start_ms
    }

    fn statuses(&self) -> Vec<SyncStatus> {
        self.nodes.iter().map(Node::status).collect()
    }

    pub fn tips(&self) -> BTreeSet<(Height, Hash)> {
        self.nodes.iter().map(|node| node.service.tip()).collect()
    }

    /// Until some nodes have the same tip.
    pub fn converge_of(&mut self, nodes: &[usize], limit_ms: u64) -> u64 {
        let tips = |world: &Self| -> BTreeSet<_> {
            nodes.iter().map(|node| world.nodes[*node].service.tip()).collect()
        };
        self.run_until(limit_ms, |world| tips(world).len() == 1)
    }

    /// Until all nodes have the same tip.
    pub fn converge(&mut self, limit_ms: u64) -> u64 {
        self.run_until(limit_ms, |world| world.tips().len() == 1)
    }

    /// Lets a node find its next block, one interval after the last event.
    pub fn mine(&mut self, number: usize) -> Hash {
        self.run_ms(INTERVAL_MS);
        self.mine_now(number)
    }

    pub fn mine_now(&mut self, number: usize) -> Hash {
        let attempt = self.attempt(number, true);
        let outcome = self.nodes[number].service.take_attempt(&attempt).unwrap();
        self.accepted(number);
        outcome.block.unwrap()
    }

    /// Lets a node find several blocks without telling anybody in between: quick, for long chains.
    pub fn mine_quietly(&mut self, number: usize, count: u32) {
        for _ in 0..count {
            self.clock.fetch_add(INTERVAL_MS, Ordering::Relaxed);
            let attempt = self.attempt(number, true);
            self.nodes[number].service.take_attempt(&attempt).unwrap();
        }
        self.accepted(number);
    }

    /// Lets a node find a share that is no block.
    pub fn find_share(&mut self, number: usize) -> Share {
        let attempt = self.attempt(number, false);
        assert!(self.nodes[number].service.take_attempt(&attempt).unwrap().share);
        self.accepted(number);
        attempt
    }

    fn accepted(&mut self, number: usize) {
        let id = self.nodes[number].peer;
        self.arrive(id, 0, Arrival::Accepted);
        self.run_ms(0);
    }

    /// An attempt for a node's present job, good for a share, and for a block or not.
    pub fn attempt(&self, number: usize, block: bool) -> Share {
        let job = self.nodes[number].service.mining_job(address(100 + number as u64)).unwrap();
        (0..)
            .map(|nonce| {
                let proof = proof(nonce);
                let ticket = Ticket::new(&Seed::new(&job.statement, nonce), &proof);
                (nonce, proof, ticket)
            })
            .find(|(_, _, ticket)| {
                job.header.target.is_met_by(ticket.block_value()) == block
                    && job.share_target.is_met_by(ticket.share_value())
            })
            .map(|(nonce, proof, _)| Share {
                anchor_hash: job.header.anchor_hash,
                content_hash: job.content_hash,
                prover: job.header.producer,
                nonce,
                proof,
            })
            .unwrap()
    }

    /// A node's tip, as peers are told of it.
    pub fn sealed_tip(&self, number: usize) -> SealedHeader {
        self.sealed_at(number, self.nodes[number].height())
    }

    /// A block of a node's chain, as peers are told of it.
    pub fn sealed_at(&self, number: usize, height: Height) -> SealedHeader {
        let reader = self.nodes[number].service.ledger().read();
        reader.sealed_header(&reader.block_hash_at(height).unwrap().unwrap()).unwrap().unwrap()
    }

    /// What a node says when it is asked where it stands, but for its time: a puppet repeats the
    /// rest at any time.
    pub fn status_of(&self, number: usize) -> lode_network::Status {
        let service = &self.nodes[number].service;
        let (tip_height, tip_hash) = service.tip();
        let work = service.ledger().read().work().unwrap();
        let genesis_hash = network().genesis_hash;
        lode_network::Status { version: 1, genesis_hash, tip_height, tip_hash, work, now_ms: 0 }
    }

    /// What must hold at the end of every test.
    pub fn check(&mut self) {
        self.run_ms(10_000);
        for node in &self.nodes {
            assert!(node.unjudged.is_empty(), "messages without a verdict: {:?}", node.unjudged);
        }
    }
}
