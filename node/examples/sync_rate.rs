//! How fast a node syncs. `cargo build --release --workspace --examples` puts it into the target folder, as
//! `release/examples/sync_rate [BLOCKS] [SHARES]`: 120 blocks of 8 shares each if nothing is said.
//!
//! Makes a chain with the puzzle at full size and lets a second node fetch it, both in this process, without sockets and
//! with ledgers in memory: once with every proof checked, and once with the tip assumed to be valid. Beside them stands
//! the batch verifier's own rate on as many threads, over the same proofs.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use lode_algebra::Backend;
use lode_consensus::{Address, Share, rules::ProofChecker};
use lode_genesis::{Network, srs};
use lode_ledger::{Ledger, LedgerOptions, MemoryDisk};
use lode_network::{Gossip, GossipId, InboundId, NetworkEvent, PeerId, Penalty, Request, RequestId, Response, Verdict};
use lode_node::{
    ChainService, Clock, Effects, Entropy, MempoolLimits, SystemEntropy,
    sync::{Done, SyncConfig, SyncMachine},
};
use lode_puzzle::{CpuEngine, Engine, Item, Tables, Ticket, Verifier, VerifyError};

const NETWORK: &str = r#"
name = "rate"
log_n = 13
block_interval_ms = 1_000
asert_tau_ms = 1_000_000_000
future_limit_ms = 1_000
epoch_length = 1_000
shares_per_block = 16
share_window = 64
anchor_depth = 16
maturity = 100
genesis_timestamp_ms = 1_793_318_400_000
genesis_target = "0xffffffffffffffffffffffffffffffff"
"#;
const START_MS: u64 = 1_793_318_400_000;
/// Proofs in a batch of the verifier alone: what a job of the sync has at most.
const BATCH: usize = 64;
/// Most memory for the prover's tables.
const TABLE_BYTES: usize = 1 << 30;

/// A clock that is moved by hand, and that both nodes share.
#[derive(Debug, Clone)]
struct HandClock(Arc<AtomicU64>);

impl Clock for HandClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The real checker, which keeps what it is asked.
struct Listening {
    verifier: Verifier,
    items: Mutex<Vec<Item>>,
}

impl ProofChecker for Listening {
    fn check(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if let Ok(mut heard) = self.items.lock() {
            heard.extend_from_slice(items);
        }
        self.verifier.check(items, weights)
    }
}

type Service = Arc<ChainService<HandClock>>;

fn service(clock: &HandClock, checker: Arc<dyn ProofChecker + Send + Sync>) -> anyhow::Result<Service> {
    let network = Network::parse(NETWORK, "rate")?;
    let ledger = Ledger::open_in_memory(&MemoryDisk::new()?, network, LedgerOptions::default())?;
    let effects = Effects { clock: clock.clone(), checker, entropy: Arc::new(SystemEntropy) };
    Ok(Arc::new(ChainService::new(Arc::new(ledger), effects, MempoolLimits::default(), None)?))
}

/// Makes the chain: every attempt is a block and a share.
fn make_chain(
    service: &Service,
    clock: &HandClock,
    engine: &CpuEngine,
    blocks: u32,
    shares: u32,
) -> anyhow::Result<()> {
    for _ in 0..blocks {
        clock.0.fetch_add(1_000, Ordering::Relaxed);
        // Provers whose attempts are shares and no blocks of this node's: they work on jobs that it does not know.
        let job = service.mining_job(prover())?;
        for nonce in 1..=shares.saturating_sub(1) {
            let content_hash = lode_consensus::Hash::of("rate", &[&job.content_hash.0, &nonce.to_le_bytes()]);
            let share = Share {
                anchor_hash: job.header.anchor_hash,
                content_hash,
                prover: prover(),
                nonce: u64::from(nonce),
                proof: lode_puzzle::Proof::ZERO,
            };
            let statement = share.statement(&job.genesis_hash, &job.epoch_challenge);
            let attempt = engine.attempt(&statement, share.nonce)?;
            service.take_attempt(&Share { proof: attempt.proof, ..share })?;
        }
        clock.0.fetch_add(300, Ordering::Relaxed);
        let job = service.mining_job(prover())?;
        let attempt = engine.attempt(&job.statement, 0)?;
        let share = Share {
            anchor_hash: job.header.anchor_hash,
            content_hash: job.content_hash,
            prover: prover(),
            nonce: 0,
            proof: attempt.proof,
        };
        service.take_attempt(&share)?.block.context("no block")?;
    }
    Ok(())
}

/// The first address there is.
fn prover() -> Address {
    let candidate = |number: u8| {
        let mut bytes = [0; 32];
        bytes[0] = number;
        Address(bytes)
    };
    (1..).map(candidate).find(|address| address.check().is_ok()).unwrap_or(Address([0; 32]))
}

/// One side's effects, as what they are on the other side.
struct Wire<'a> {
    own: PeerId,
    other: PeerId,
    to_other: &'a mut VecDeque<NetworkEvent>,
}

impl lode_network::Network for Wire<'_> {
    fn request(&mut self, _: PeerId, id: RequestId, request: Request) {
        self.to_other.push_back(NetworkEvent::Request { peer: self.own, id: InboundId(id.0), request });
    }

    fn respond(&mut self, id: InboundId, response: Response) {
        let event = NetworkEvent::Response { peer: self.own, id: RequestId(id.0), result: Ok(response) };
        self.to_other.push_back(event);
    }

    fn publish(&mut self, _: Gossip) {}

    fn verdict(&mut self, _: GossipId, _: PeerId, _: Verdict) {}

    fn penalize(&mut self, _: PeerId, penalty: Penalty) {
        eprintln!("{} is charged with {penalty:?}", self.other);
    }

    fn disconnect(&mut self, _: PeerId) {}
}

/// Lets the second node fetch what the first one has, with checks on `workers` threads. Returns how long it took.
fn sync(from: &Service, to: &Service, config: SyncConfig, workers: usize) -> anyhow::Result<Duration> {
    let peers = [PeerId::random(), PeerId::random()];
    let mut machines = [SyncMachine::new(from.clone(), SyncConfig::default()), SyncMachine::new(to.clone(), config)];
    let mut inboxes = [VecDeque::new(), VecDeque::new()];
    for side in 0..2 {
        let address = "/memory/1".parse()?;
        inboxes[side].push_back(NetworkEvent::Connected { peer: peers[1 - side], address, outbound: side == 1 });
    }
    let begun = Instant::now();
    let now_ms = || begun.elapsed().as_millis() as u64;
    let (send_done, done) = mpsc::channel::<Done>();
    let mut running = 0;
    thread::scope(|scope| {
        while to.tip() != from.tip() {
            ensure!(begun.elapsed() < Duration::from_secs(3_600), "not done after an hour: {:?}", machines[1].status());
            for side in 0..2 {
                while let Some(event) = inboxes[side].pop_front() {
                    let mut wire = Wire { own: peers[side], other: peers[1 - side], to_other: &mut inboxes[1 - side] };
                    machines[side].on_event(event, now_ms(), &mut wire);
                }
            }
            while running < workers
                && let Some(job) = machines[1].next_job()
            {
                running += 1;
                let send_done = send_done.clone();
                scope.spawn(move || send_done.send(job.run(to)).is_ok());
            }
            let mut wire = Wire { own: peers[1], other: peers[0], to_other: &mut inboxes[0] };
            match done.recv_timeout(Duration::from_millis(if running > 0 { 100 } else { 1 })) {
                Ok(result) => {
                    running -= 1;
                    machines[1].on_done(result, now_ms(), &mut wire);
                }
                Err(_) => machines[1].on_tick(now_ms(), &mut wire),
            }
        }
        Ok(begun.elapsed())
    })
}

/// How many of these proofs the batch verifier checks in a second on some threads.
fn verifier_rate(verifier: &Verifier, items: &[Item], workers: usize) -> anyhow::Result<f64> {
    let batches: Mutex<VecDeque<&[Item]>> = Mutex::new(items.chunks(BATCH).collect());
    let begun = Instant::now();
    thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            loop {
                let batch = batches.lock().map_err(|_| anyhow!("a thread failed"))?.pop_front();
                let Some(batch) = batch else { return Ok(()) };
                let weights = SystemEntropy.weights(batch.len())?;
                ensure!(verifier.verify_batch(batch, &weights).iter().all(Result::is_ok), "a proof does not hold");
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
    })?;
    Ok(items.len() as f64 / begun.elapsed().as_secs_f64())
}

fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let blocks = numbers.next().transpose()?.unwrap_or(120);
    let shares = numbers.next().transpose()?.unwrap_or(8);
    let workers = thread::available_parallelism()?.get();
    let log_n = Network::parse(NETWORK, "rate")?.params.log_n;
    let srs = srs::load(log_n)?;
    let verifier = Verifier::new(&srs);
    let clock = HandClock(Arc::new(AtomicU64::new(START_MS)));
    let maker = service(&clock, Arc::new(verifier.clone()))?;
    let tables = Tables::new(&srs, Backend::best(), TABLE_BYTES)?;
    println!("{blocks} blocks of {shares} shares, log_n = {}, {workers} threads", log_n.log_n());
    make_chain(&maker, &clock, &CpuEngine::new(Arc::new(tables)), blocks, shares)?;
    let (height, hash) = maker.tip();

    let listening = Arc::new(Listening { verifier: verifier.clone(), items: Mutex::default() });
    let fresh = service(&clock, listening.clone())?;
    let full = sync(&maker, &fresh, SyncConfig::default(), workers)?;
    let items = listening.items.lock().map_err(|_| anyhow!("a thread failed"))?.clone();
    let rate = items.len() as f64 / full.as_secs_f64();
    let alone = verifier_rate(&verifier, &items, workers)?;
    println!("batch verifier alone     {alone:9.1} proofs/s");
    println!(
        "sync, fully verified     {rate:9.1} proofs/s  {:7.1} blocks/s  {:.0} % of the verifier alone",
        f64::from(height) / full.as_secs_f64(),
        100.0 * rate / alone
    );

    let trusting = service(&clock, Arc::new(verifier))?;
    let config = SyncConfig { assume_valid: Some((height, hash)), ..SyncConfig::default() };
    let assumed = sync(&maker, &trusting, config, workers)?;
    println!(
        "sync, assumed valid                         {:7.1} blocks/s  {:.1} × as fast",
        f64::from(height) / assumed.as_secs_f64(),
        full.as_secs_f64() / assumed.as_secs_f64()
    );
    Ok(())
}
