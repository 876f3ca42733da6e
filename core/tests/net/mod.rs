//! A network of sync machines in one thread: messages and results arrive in the order of their
//! times, so that every run of a test is the same. Ledgers, chain services and machines are real;
//! proofs are judged by an oracle that takes every one whose ticket meets its target, but for those
//! that are marked as forged.
#![allow(dead_code, unused_imports, reason = "each test uses its part")]
#![allow(clippy::large_enum_variant, reason = "a test holds few of them")]

mod oracle;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use lode_consensus::{
    Action, Address, Body, Hash, Header, Height, SealedHeader, Share, SignedTransaction,
    Transaction, transaction::Transfer,
};
use lode_core::{
    ChainService, Clock, Effects, MempoolLimits,
    sync::{SyncConfig, SyncMachine, SyncStatus, TICK_MS},
};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerOptions, MemoryDisk};
use lode_network::{
    Gossip, InboundId, NetworkEvent, PeerId, Penalty, Request, RequestId, Response, Verdict,
};
use lode_puzzle::{Proof, Seed, Ticket};
use rand::{SeedableRng, rngs::StdRng};
use snarkvm::console::{account::PrivateKey, network::MainnetV0};

pub(crate) use oracle::{Oracle, forged};
pub(crate) use wire::Effect;
use wire::{Answer, Tamper};

/// Blocks come every second at one attempt in four; one in two is a share.
pub(crate) const INTERVAL_MS: u64 = 1_000;
pub(crate) const FUTURE_LIMIT_MS: u64 = 2_000;
/// Timestamp of genesis.
const START_MS: u64 = 1_793_318_400_000;
/// How long a message travels.
const LATENCY_MS: u64 = 5;
/// How long a proof, or a signature, takes to check.
const CHECK_MS: u64 = 1;
/// Jobs of one node that run at a time.
const WORKERS: usize = 2;

/// The network's file, with a balance for [`key`] 0.
pub(crate) fn network() -> Network {
    let text = format!(
        r#"
name = "tiny"
log_n = 2
block_interval_ms = {INTERVAL_MS}
asert_tau_ms = 1_000_000
future_limit_ms = {FUTURE_LIMIT_MS}
epoch_length = 10
shares_per_block = 2
share_window = 4
anchor_depth = 1
maturity = 2
genesis_timestamp_ms = {START_MS}
genesis_target = "0x3fffffffffffffffffffffffffffffff"

[allocations]
{} = 1_000_000_000
"#,
        address(0)
    );
    Network::parse(&text, "test").unwrap()
}

/// Keys that are the same in every run.
pub(crate) fn key(number: u64) -> PrivateKey<MainnetV0> {
    PrivateKey::new(&mut StdRng::seed_from_u64(number)).unwrap()
}

pub(crate) fn address(number: u64) -> Address {
    let address = snarkvm::console::account::Address::<MainnetV0>::try_from(&key(number)).unwrap();
    Address::try_from(&address).unwrap()
}

/// A signed transfer from [`key`] 0.
pub(crate) fn transfer(nonce: u64, amount: u64) -> SignedTransaction {
    let transfer = Transaction {
        from: address(0),
        fee: 1_000,
        nonce,
        expiry: 1_000_000,
        action: Action::Transfer(Transfer { to: address(1), amount }),
    };
    let mut rng = StdRng::seed_from_u64(nonce);
    transfer.sign(&key(0), &network().genesis_hash, &mut rng).unwrap()
}

/// The peer id of an Ed25519 key; nobody ever uses the key.
pub(crate) fn peer(number: usize) -> PeerId {
    let mut bytes = vec![0, 36, 8, 1, 18, 32];
    bytes.extend([u8::try_from(number).unwrap(); 32]);
    PeerId::from_bytes(&bytes).unwrap()
}

/// The time of all nodes, and how far one of them is off.
#[derive(Debug, Clone)]
pub(crate) struct TestClock {
    now_ms: Arc<AtomicU64>,
    skew_ms: Arc<AtomicI64>,
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.now_ms
            .load(Ordering::Relaxed)
            .saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }
}

pub(crate) struct Node {
    pub(crate) peer: PeerId,
    pub(crate) service: Arc<ChainService<TestClock>>,
    pub(crate) machine: SyncMachine<TestClock>,
    pub(crate) skew_ms: Arc<AtomicI64>,
    disk: MemoryDisk,
    options: Options,
    running: usize,
    /// Gossip that was seen, passed on or not.
    seen: BTreeSet<lode_network::GossipId>,
    /// Gossip that waits for its verdict.
    unjudged: BTreeMap<lode_network::GossipId, (PeerId, Gossip)>,
    pub(crate) verdicts: Vec<(Gossip, PeerId, Verdict)>,
    pub(crate) penalties: Vec<(PeerId, Penalty)>,
    points: BTreeMap<PeerId, u32>,
    pub(crate) banned: BTreeSet<PeerId>,
    pub(crate) published: Vec<Gossip>,
    /// Everything that left the node, by its name.
    pub(crate) sent: Vec<Effect>,
    /// Proofs that its jobs checked.
    pub(crate) proofs: usize,
}

/// How a node is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) history: Height,
    pub(crate) sync: SyncConfig,
}

impl Default for Options {
    fn default() -> Self {
        Self { history: 1_000, sync: SyncConfig::default() }
    }
}

impl Node {
    pub(crate) fn height(&self) -> Height {
        self.service.tip().0
    }

    pub(crate) fn status(&self) -> SyncStatus {
        self.machine.status()
    }

    pub(crate) fn penalties_of(&self, peer: PeerId) -> Vec<Penalty> {
        self.penalties.iter().filter(|(of, _)| *of == peer).map(|(_, penalty)| *penalty).collect()
    }

    /// Makes the node take messages again that it has seen, as if they came another way.
    pub(crate) fn forget_gossip(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn verdict_on(&self, message: &Gossip) -> Option<Verdict> {
        let on = self
            .verdicts
            .iter()
            .filter(|(judged, ..)| judged == message)
            .map(|(.., verdict)| *verdict);
        let verdicts: Vec<Verdict> = on.collect();
        assert!(verdicts.len() <= 1, "one message, one verdict");
        verdicts.first().copied()
    }
}

/// All nodes, and everything that is on its way between them.
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    now_ms: u64,
    clock: Arc<AtomicU64>,
    links: BTreeSet<(PeerId, PeerId)>,
    queue: BTreeMap<(u64, u64), (PeerId, wire::Arrival)>,
    sequence: u64,
    /// Who asked what of whom, by the number that the asked one knows it by.
    inbound: BTreeMap<InboundId, (PeerId, RequestId, PeerId)>,
    tamper: BTreeMap<PeerId, Tamper>,
    /// What puppets say when they are asked.
    answers: BTreeMap<PeerId, Answer>,
}

impl World {
    pub(crate) fn new(nodes: usize) -> Self {
        let mut world = Self::empty();
        (0..nodes).for_each(|_| {
            world.add(Options::default());
        });
        world
    }

    pub(crate) fn empty() -> Self {
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
    pub(crate) fn add(&mut self, options: Options) -> usize {
        let (disk, skew_ms) = (MemoryDisk::new().unwrap(), Arc::new(AtomicI64::new(0)));
        let number = self.nodes.len();
        let service = self.service(&disk, &skew_ms, options);
        let machine = SyncMachine::new(service.clone(), options.sync);
        self.nodes.push(Node {
            peer: peer(number),
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
            LedgerOptions { history: options.history, ..LedgerOptions::default() },
        )
        .unwrap();
        let clock = TestClock { now_ms: self.clock.clone(), skew_ms: skew_ms.clone() };
        let effects =
            Effects { clock, checker: Arc::new(Oracle), entropy: Arc::new(oracle::Weights) };
        Arc::new(
            ChainService::new(Arc::new(ledger), effects, MempoolLimits::default(), None).unwrap(),
        )
    }

    /// Ends a node's process and starts it again on its disk, without links.
    pub(crate) fn restart(&mut self, number: usize) {
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
    pub(crate) fn wall_ms(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    /// Time since the world began.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Links every node to every other one.
    pub(crate) fn link_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.link(a, b);
            }
        }
    }

    /// Lets node `a` dial node `b`.
    pub(crate) fn link(&mut self, a: usize, b: usize) {
        let (a, b) = (self.nodes[a].peer, self.nodes[b].peer);
        self.link_peers(a, b);
    }

    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        let (a, b) = (self.nodes[a].peer, self.nodes[b].peer);
        self.unlink(a, b);
    }

    pub(crate) fn is_linked(&self, a: PeerId, b: PeerId) -> bool {
        self.links.contains(&(a, b))
    }

    /// A peer without a machine dials a node: the test speaks for it, and reads [`Node::sent`].
    pub(crate) fn puppet(&mut self, number: usize, victim: usize) -> PeerId {
        let (puppet, victim) = (peer(number), self.nodes[victim].peer);
        self.link_peers(puppet, victim);
        puppet
    }

    /// A link between a node and a puppet, dialled by the node or by the puppet.
    pub(crate) fn connect_puppet(&mut self, puppet: PeerId, victim: usize, outbound: bool) {
        let victim = self.nodes[victim].peer;
        let (from, to) = if outbound { (victim, puppet) } else { (puppet, victim) };
        self.link_peers(from, to);
    }

    pub(crate) fn disconnect(&mut self, a: PeerId, b: PeerId) {
        self.unlink(a, b);
    }

    /// Lets a puppet answer requests, or be silent.
    pub(crate) fn answer(
        &mut self,
        puppet: PeerId,
        answer: impl FnMut(Request) -> Option<Response> + 'static,
    ) {
        self.answers.insert(puppet, Box::new(answer));
    }

    /// Something reaches a node, now.
    pub(crate) fn inject(&mut self, victim: usize, event: NetworkEvent) {
        let id = self.nodes[victim].peer;
        self.arrive(id, 0, wire::Arrival::Event(event));
        self.run_ms(0);
    }

    /// A puppet passes gossip to a node.
    pub(crate) fn gossip(&mut self, from: PeerId, victim: usize, message: Gossip) {
        let id = self.nodes[victim].peer;
        self.pass_on(from, id, message);
        self.run_ms(0);
    }

    /// Changes or drops what a node sends, from now on.
    pub(crate) fn tamper(
        &mut self,
        number: usize,
        tamper: impl FnMut(Effect) -> Option<Effect> + 'static,
    ) {
        self.tamper.insert(self.nodes[number].peer, Box::new(tamper));
    }

    /// Lets time pass.
    pub(crate) fn run_ms(&mut self, ms: u64) {
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
    pub(crate) fn run_until(&mut self, limit_ms: u64, is_so: impl Fn(&Self) -> bool) -> u64 {
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

    pub(crate) fn tips(&self) -> BTreeSet<(Height, Hash)> {
        self.nodes.iter().map(|node| node.service.tip()).collect()
    }

    /// Until some nodes have the same tip.
    pub(crate) fn converge_of(&mut self, nodes: &[usize], limit_ms: u64) -> u64 {
        let tips = |world: &Self| -> BTreeSet<_> {
            nodes.iter().map(|node| world.nodes[*node].service.tip()).collect()
        };
        self.run_until(limit_ms, |world| tips(world).len() == 1)
    }

    /// Until all nodes have the same tip.
    pub(crate) fn converge(&mut self, limit_ms: u64) -> u64 {
        self.run_until(limit_ms, |world| world.tips().len() == 1)
    }

    /// Lets a node find its next block, one interval after the last event.
    pub(crate) fn mine(&mut self, number: usize) -> Hash {
        self.run_ms(INTERVAL_MS);
        self.mine_now(number)
    }

    pub(crate) fn mine_now(&mut self, number: usize) -> Hash {
        let attempt = self.attempt(number, true);
        let outcome = self.nodes[number].service.take_attempt(&attempt).unwrap();
        self.accepted(number);
        outcome.block.unwrap()
    }

    /// Lets a node find several blocks without telling anybody in between: quick, for long chains.
    pub(crate) fn mine_quietly(&mut self, number: usize, count: u32) {
        for _ in 0..count {
            self.clock.fetch_add(INTERVAL_MS, Ordering::Relaxed);
            let attempt = self.attempt(number, true);
            self.nodes[number].service.take_attempt(&attempt).unwrap();
        }
        self.accepted(number);
    }

    /// Lets a node find a share that is no block.
    pub(crate) fn find_share(&mut self, number: usize) -> Share {
        let attempt = self.attempt(number, false);
        assert!(self.nodes[number].service.take_attempt(&attempt).unwrap().share);
        self.accepted(number);
        attempt
    }

    fn accepted(&mut self, number: usize) {
        let id = self.nodes[number].peer;
        self.arrive(id, 0, wire::Arrival::Accepted);
        self.run_ms(0);
    }

    /// An attempt for a node's present job, good for a share, and for a block or not.
    pub(crate) fn attempt(&self, number: usize, block: bool) -> Share {
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
    pub(crate) fn sealed_tip(&self, number: usize) -> SealedHeader {
        self.sealed_at(number, self.nodes[number].height())
    }

    /// A block of a node's chain, as peers are told of it.
    pub(crate) fn sealed_at(&self, number: usize, height: Height) -> SealedHeader {
        let reader = self.nodes[number].service.ledger().read();
        reader.sealed_header(&reader.block_hash_at(height).unwrap().unwrap()).unwrap().unwrap()
    }

    /// What a node says when it is asked where it stands, but for its time: a puppet repeats the
    /// rest at any time.
    pub(crate) fn status_of(&self, number: usize) -> lode_network::Status {
        let service = &self.nodes[number].service;
        let (tip_height, tip_hash) = service.tip();
        let work = service.ledger().read().work().unwrap();
        let genesis_hash = network().genesis_hash;
        lode_network::Status { version: 1, genesis_hash, tip_height, tip_hash, work, now_ms: 0 }
    }

    /// What must hold at the end of every test.
    pub(crate) fn check(&mut self) {
        self.run_ms(10_000);
        for node in &self.nodes {
            assert!(node.unjudged.is_empty(), "messages without a verdict: {:?}", node.unjudged);
        }
    }
}

/// A share for a node's present job, with the first nonce from `nonce` on whose ticket meets the
/// share target or not.
pub(crate) fn share_of(
    world: &World,
    number: usize,
    nonce: u64,
    meets: bool,
    proof: impl Fn(u64) -> Proof,
) -> Share {
    let job = world.nodes[number].service.mining_job(address(100 + number as u64)).unwrap();
    let value = |nonce| Ticket::new(&Seed::new(&job.statement, nonce), &proof(nonce)).share_value();
    let nonce = (nonce..).find(|nonce| job.share_target.is_met_by(value(*nonce)) == meets).unwrap();
    Share {
        anchor_hash: job.header.anchor_hash,
        content_hash: job.content_hash,
        prover: job.header.producer,
        nonce,
        proof: proof(nonce),
    }
}

/// A proof that the oracle takes.
pub(crate) fn proof(nonce: u64) -> Proof {
    let mut proof = Proof { commitment: [1; 96], opening: [1; 96] };
    proof.opening[..8].copy_from_slice(&nonce.to_le_bytes());
    proof
}

/// A block on a node's tip that nobody has seen: its template, changed, with a proof that the
/// oracle takes.
pub(crate) fn block_on_tip(
    world: &World,
    number: usize,
    change: impl FnOnce(&mut Header),
) -> (SealedHeader, Body) {
    block_with(world, number, change, proof)
}

/// The same with proofs that are forged. `label` sets one apart from the others.
pub(crate) fn forged_on_tip(world: &World, number: usize, label: u64) -> SealedHeader {
    let change = |header: &mut Header| header.timestamp_ms += label;
    block_with(world, number, change, oracle::forged).0
}

fn block_with(
    world: &World,
    number: usize,
    change: impl FnOnce(&mut Header),
    proof: impl Fn(u64) -> Proof,
) -> (SealedHeader, Body) {
    let service = &world.nodes[number].service;
    let mut header = service.mining_job(address(100 + number as u64)).unwrap().header;
    let tip = service.tip().1;
    let context = service.ledger().read().context(&tip).unwrap();
    // The template's body is empty but for shares that wait: without any, the roots are those of
    // nothing.
    let body = Body::default();
    (header.transactions_root, header.shares_root) = (body.transactions_root(), body.shares_root());
    change(&mut header);
    let statement = lode_consensus::rules::statement_of(&header, &context);
    let nonce = (0..)
        .find(|nonce| {
            let ticket = Ticket::new(&Seed::new(&statement, *nonce), &proof(*nonce));
            header.target.is_met_by(ticket.block_value())
        })
        .unwrap();
    (SealedHeader { header, nonce, proof: proof(nonce) }, body)
}
