//! The core of a node as the simulator drives it: the real chain service and the real sync machine
//! over the real ledger, with a clock, a judge and a generator of its own.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lode_core::{Backend, MempoolView};
use lode_core::{
    ChainService, Clock, Entropy, EntropyError, Environment, Handle, MempoolLimits,
    sync::{Cost, Job, SyncConfig, SyncMachine, SyncStatus},
};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerOptions, MemoryDisk};
use lode_network::NetworkEvent;
use lode_testkit::{
    oracle::{Registry, Told},
    recorder::Recorder,
};
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::schedule::Micros;

/// A node's clock: simulated time, off by a constant.
#[derive(Debug, Clone)]
pub struct SimClock {
    start_ms: u64,
    skew_ms: i64,
    now: Arc<AtomicU64>,
}

impl SimClock {
    /// A clock that shows `start_ms` plus its skew at simulated time 0.
    pub fn new(start_ms: u64, skew_ms: i64) -> Self {
        Self { start_ms, skew_ms, now: Arc::default() }
    }

    /// Moves on.
    pub fn set(&self, now: Micros) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// Milliseconds of simulated time: the driver's own count, which no skew moves.
    pub fn uptime_ms(&self) -> u64 {
        self.now.load(Ordering::Relaxed) / 1_000
    }

    /// What the clock shows, in ms since the Unix epoch.
    pub fn unix_ms(&self) -> u64 {
        (self.start_ms + self.uptime_ms()).saturating_add_signed(self.skew_ms)
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        self.unix_ms()
    }
}

/// Seeded weights. The judge does not fold proofs, so that they only have to be there.
#[derive(Debug)]
struct SimEntropy(Mutex<StdRng>);

impl Entropy for SimEntropy {
    fn weights(&self, count: usize) -> Result<Vec<u128>, EntropyError> {
        let mut rng = self.0.lock();
        Ok((0..count).map(|_| rng.random::<u128>().max(1)).collect())
    }
}

/// Everything of a node that outlives a crash, and what a core is made with.
#[derive(Debug)]
pub struct Machine {
    pub clock: SimClock,
    network: Network,
    disk: MemoryDisk,
    oracle: Arc<Registry>,
    entropy: Arc<SimEntropy>,
}

impl Machine {
    /// A machine with an empty disk.
    pub fn new(network: Network, clock: SimClock, oracle: Arc<Registry>, seed: u64) -> Self {
        let disk = MemoryDisk::new().expect("memory for a disk");
        let entropy = Arc::new(SimEntropy(Mutex::new(StdRng::seed_from_u64(seed))));
        Self { clock, network, disk, oracle, entropy }
    }

    /// Starts a core on what the disk holds.
    pub fn open(&self) -> Core {
        let options = LedgerOptions { proofs: Arc::new(Told), ..LedgerOptions::default() };
        let ledger = Ledger::open_in_memory(&self.disk, self.network.clone(), options)
            .expect("the disk is readable");
        let environment = Environment {
            clock: self.clock.clone(),
            checker: Arc::clone(&self.oracle) as _,
            entropy: Arc::clone(&self.entropy) as _,
        };
        let service =
            ChainService::new(Arc::new(ledger), environment, MempoolLimits::default(), None);
        let service = Arc::new(service.expect("a service over a readable ledger"));
        let machine = SyncMachine::new(Arc::clone(&service), SyncConfig::default());
        Core { service, machine, clock: self.clock.clone() }
    }
}

/// A running core.
#[derive(Debug)]
pub struct Core {
    /// The chain service, as the API sees it.
    pub service: Arc<ChainService<SimClock>>,
    machine: SyncMachine<SimClock>,
    clock: SimClock,
}

impl Core {
    /// Something happened on the network.
    pub fn event(&mut self, event: NetworkEvent, recorder: &mut Recorder) {
        self.machine.on_event(event, self.clock.uptime_ms(), recorder);
    }

    /// Time has passed.
    pub fn tick(&mut self, recorder: &mut Recorder) {
        self.machine.on_tick(self.clock.uptime_ms(), recorder);
    }

    /// Something came through the API.
    pub fn publish_accepted(&mut self, recorder: &mut Recorder) {
        self.machine.on_accepted(self.clock.uptime_ms(), recorder);
    }

    /// The next check for an idle worker.
    pub fn next_job(&mut self) -> Option<Job> {
        self.machine.next_job()
    }

    /// A check is over.
    pub fn finish(&mut self, job: Job, recorder: &mut Recorder) {
        let done = job.run(&self.service);
        self.machine.on_done(done, self.clock.uptime_ms(), recorder);
    }

    /// Where the node stands.
    pub fn status(&self) -> SyncStatus {
        self.machine.status()
    }

    /// What waits for a block.
    pub fn waiting(&self) -> MempoolView {
        Handle::alone(Arc::clone(&self.service)).mempool()
    }
}

/// How long a check takes on one thread: what the reference verifier needs on a common core.
pub fn simulated(cost: Cost) -> Micros {
    // One pairing check for the batch, then multi-exponentiations for each proof.
    const BATCH: Micros = 3_000;
    const PROOF: Micros = 1_500;
    const SIGNATURE: Micros = 1_500;
    BATCH + cost.proofs as u64 * PROOF + cost.signatures as u64 * SIGNATURE
}
