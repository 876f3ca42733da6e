//! A miner: threads around a board of work.
//!
//! Threads, besides the caller's: one per worker, by default at the lowest priority, each a rayon
//! pool of one ([`crate::workers`]); one that asks for jobs ([`crate::jobs`]); one that hands
//! winning attempts in ([`crate::submit`]); one that keeps time. Queues: winning attempts,
//! [`crate::submit::MAX_WAITING`]; events, [`crate::events::MAX_EVENTS`].
//!
//! What must not be broken: a miner that lost a thread ends; nothing leaves the process that our
//! own verifier refuses; a found share survives the restart of its node; no thread is waited for
//! without end.

use std::{
    fmt, io,
    num::NonZeroUsize,
    sync::{Arc, OnceLock, mpsc::sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use lode_api::client::{Limits, NetworkName, NetworkNameError, NodeClient, NodeUrl, NodeUrlError};
use lode_consensus::Address;
use lode_puzzle::{Engine, Verifier};
use parking_lot::Mutex;

use crate::{
    MinerEvent, Priority, Stats,
    board::Board,
    events::{self, Events},
    jobs, priority,
    shared::Shared,
    stats::{Counters, SAMPLE_INTERVAL},
    submit::{self, MAX_WAITING},
    workers,
};

/// How long work is worth something after the node last said so.
pub const JOB_LIFETIME: Duration = Duration::from_secs(60);
/// How long [`Miner::stop`] waits for the attempts under way. A thread that takes longer is left
/// behind.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// How long [`Miner::stop`] then waits for what was found to be handed in.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(1);
/// Most threads of one miner; a larger number is a typing error.
pub const MAX_THREADS: usize = 1024;

/// What a miner needs to start: node, address, engine and threads.
#[derive(Clone, Debug)]
pub struct MineOptions {
    /// The node's URL, as `http://127.0.0.1:3030`.
    pub node: String,
    /// The network's name; without one, the network that the node serves.
    pub network: Option<String>,
    /// Who is paid.
    pub address: Address,
    /// Number of workers, at most [`MAX_THREADS`].
    pub threads: usize,
    /// How the workers stand against whatever else wants the machine.
    pub priority: Priority,
}

impl MineOptions {
    /// Mines whatever the node serves, on all cores, at the lowest priority.
    pub fn new(node: impl Into<String>, address: Address) -> Self {
        Self {
            node: node.into(),
            network: None,
            address,
            threads: all_cores(),
            priority: Priority::default(),
        }
    }
}

/// The number of cores that this process may use.
pub fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Why a miner does not start.
#[derive(Debug, thiserror::Error)]
pub enum MinerError {
    /// The node's URL is none.
    #[error("node {got:?}: {source}")]
    Node {
        /// What was given.
        got: String,
        /// What is wrong with it.
        source: NodeUrlError,
    },
    /// No network can have this name.
    #[error("network {got:?}: {source}")]
    Network {
        /// What was given.
        got: String,
        /// What is wrong with it.
        source: NetworkNameError,
    },
    /// snarkVM does not take the address.
    #[error("address: {0}")]
    Address(#[from] lode_consensus::address::AddressError),
    /// No workers, or absurdly many.
    #[error("expected 1 to {MAX_THREADS} threads, got {got}")]
    Threads {
        /// What was given.
        got: usize,
    },
    /// The system starts no more threads.
    #[error("cannot start a thread: {0}")]
    Spawn(#[from] io::Error),
}

/// A running miner. Dropping it stops it.
pub struct Miner {
    shared: Arc<Shared>,
    events: Events,
    jobs: NodeClient,
    submissions: NodeClient,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    /// Those that end by themselves once it is over.
    proving: Vec<JoinHandle<()>>,
    /// The one that ends when the others have.
    submitting: Option<JoinHandle<()>>,
}

impl fmt::Debug for Miner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Miner").field("engine", &self.shared.engine.name()).finish_non_exhaustive()
    }
}

impl Miner {
    /// Starts the threads and returns at once, whether the node can be reached or not:
    /// [`Miner::next_event`] tells.
    ///
    /// `engine` and `verifier` must be over the same setup; its size is the only one that jobs may
    /// have.
    ///
    /// # Errors
    /// [`MinerError`] if the options make no sense, or the system has no threads left.
    pub fn start(
        options: MineOptions,
        engine: Arc<dyn Engine>,
        verifier: Arc<Verifier>,
    ) -> Result<Self, MinerError> {
        let MineOptions { node, network, address, threads, priority } = options;
        let url: NodeUrl = node.parse().map_err(|source| MinerError::Node { got: node, source })?;
        let network = network.map(parse_network).transpose()?;
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(MinerError::Threads { got: threads });
        }
        address.check()?;

        let (announcer, events) = events::channel();
        let shared = Arc::new(Shared {
            network,
            address,
            engine,
            verifier,
            board: Board::default(),
            counters: Counters::new(Instant::now()),
            events: announcer,
            failure: OnceLock::new(),
        });
        let miner = Self {
            shared,
            events,
            jobs: NodeClient::new(url.clone(), Limits::MINER),
            submissions: NodeClient::new(url, Limits::MINER),
            threads: Mutex::default(),
        };
        // If one of them fails to start, dropping the miner stops the others.
        miner.spawn(threads, priority)?;
        Ok(miner)
    }

    fn spawn(&self, workers: usize, priority: Priority) -> io::Result<()> {
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let mut threads = self.threads.lock();

        let (found, queue) = sync_channel(MAX_WAITING);
        let (shared, client) = (self.shared.clone(), self.submissions.clone());
        let submit =
            move || shared.guard("lode-submit", || submit::submit_all(&shared, &client, &queue));
        threads.submitting = Some(thread("lode-submit").spawn(submit)?);

        let shared = self.shared.clone();
        let clock = move || shared.guard("lode-clock", || keep_time(&shared));
        threads.proving.push(thread("lode-clock").spawn(clock)?);

        for (index, core) in workers::cores(workers).into_iter().enumerate() {
            let (shared, found) = (self.shared.clone(), found.clone());
            let name = format!("lode-prove-{index}");
            let worker = workers::spawn_alone(name.clone(), core, move || {
                if priority == Priority::Lowest {
                    // Where the system refuses, proving at normal priority is better than not at
                    // all.
                    let _ = priority::lower_current_thread();
                }
                shared.guard(&name, || workers::prove(&shared, &found));
            })?;
            threads.proving.push(worker);
        }

        let (shared, client) = (self.shared.clone(), self.jobs.clone());
        let poll = move || shared.guard("lode-jobs", || jobs::poll(&shared, &client));
        threads.proving.push(thread("lode-jobs").spawn(poll)?);
        Ok(())
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        let work = self.shared.board.current();
        Stats {
            job_height: work.as_ref().map(|work| work.height),
            job_age: work.map(|work| work.received.elapsed()),
            ..self.shared.counters.snapshot(Instant::now())
        }
    }

    /// The next event, or `None` if there is none within `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<MinerEvent> {
        self.events.next(timeout)
    }

    /// Which thread panicked, and why: then the others have ended as well, and [`Miner::stop`]
    /// hands in what was found.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.get().cloned()
    }

    /// Ends all threads, usually within a second: when the attempts under way have ended, and what
    /// they found is handed in. Events and statistics can still be read. A second call does
    /// nothing.
    pub fn stop(&self) {
        self.shared.board.stop();
        self.jobs.shut_down();
        let Threads { proving, submitting } = std::mem::take(&mut *self.threads.lock());
        join_within(STOP_PATIENCE, proving);
        let submitting = join_within(SUBMIT_PATIENCE, submitting);
        // Whatever is still waiting is lost now, at once, and counted.
        self.submissions.shut_down();
        join_within(SUBMIT_PATIENCE, submitting);
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A network as the options name it.
pub(crate) fn parse_network(got: String) -> Result<NetworkName, MinerError> {
    got.parse().map_err(|source| MinerError::Network { got, source })
}

/// Samples the rates, and takes down work that the node has not confirmed for too long.
fn keep_time(shared: &Shared) {
    while shared.board.sleep(SAMPLE_INTERVAL) {
        shared.counters.sample(Instant::now());
        if shared.board.expire(JOB_LIFETIME) {
            shared.events.announce(MinerEvent::Paused);
        }
    }
}

/// Joins what ends in time, and returns the rest.
fn join_within(
    patience: Duration,
    threads: impl IntoIterator<Item = JoinHandle<()>>,
) -> Vec<JoinHandle<()>> {
    const LOOK_INTERVAL: Duration = Duration::from_millis(5);
    let deadline = Instant::now() + patience;
    let mut late = Vec::new();
    for thread in threads {
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(LOOK_INTERVAL);
        }
        if thread.is_finished() {
            // It ends without a panic: the guard has told of one.
            let _ = thread.join();
        } else {
            late.push(thread);
        }
    }
    late
}
