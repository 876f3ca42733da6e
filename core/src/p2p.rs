//! The driver of the sync machine: brings it what happens on the network, runs its checks, and
//! shows where it stands.
//!
//! Threads: one of its own for the machine, whose calls read and write the ledger; its jobs run on
//! tokio's blocking threads, as many at a time as there are cores.
//!
//! Queues: events wait in the network's channel; results with the jobs, of which there are no more
//! than workers. Work waits inside the machine, under its bounds.
//!
//! What must not be broken: the machine never waits for a job, a peer or the network; a panic of
//! the machine, of a job or of the network ends all three, and [`P2p::failed`] tells.

use std::{
    any::Any,
    future::pending,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::NetworkInfo;
use lode_network::{Client, Events, NetworkError, NetworkOptions, Service, swarm};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

use crate::{
    ChainService, Clock,
    sync::{Done, SyncConfig, SyncMachine, SyncStatus, TICK_MS},
};

/// The network side of a running node.
#[derive(Debug)]
pub struct P2p {
    view: P2pView,
    network: swarm::Stopper,
    stop: oneshot::Sender<()>,
    driver: thread::JoinHandle<()>,
    /// How the driver's thread ended; nothing once that was told.
    ended: Option<oneshot::Receiver<P2pFailure>>,
}

/// Which part ended by itself, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum P2pFailure {
    /// The network's event loop.
    #[error("the network ended: {0}")]
    Network(String),
    /// The machine or one of its jobs.
    #[error("the sync ended: {0}")]
    Sync(String),
}

/// What the API shows of the network side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct P2pView {
    client: Client,
    status: watch::Receiver<SyncStatus>,
}

impl P2p {
    /// Starts the network and the machine. Within a tokio runtime.
    ///
    /// # Errors
    /// The network's: its files or its listeners.
    pub async fn start<C: Clock>(
        service: Arc<ChainService<C>>,
        sync: SyncConfig,
        network: NetworkOptions,
    ) -> Result<Self, NetworkError> {
        let Service { client, events, stopper } = swarm::start(network).await?;
        let machine = SyncMachine::new(service.clone(), sync);
        let (send_status, status) = watch::channel(machine.status());
        let view = P2pView { client: client.clone(), status };
        let (stop, stopped) = oneshot::channel();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let driver = Driver {
            service,
            machine,
            client,
            workers,
            jobs: JoinSet::new(),
            begun: Instant::now(),
            status: send_status,
        };
        let runtime = Handle::current();
        let (tell, ended) = oneshot::channel();
        let drive = move || {
            // The machine is gone then, and the node with it: what it left half done is not looked
            // at again.
            let run = AssertUnwindSafe(|| runtime.block_on(driver.run(events, stopped)));
            let ended = catch_unwind(run)
                .unwrap_or_else(|panic| Err(P2pFailure::Sync(panic_text(&*panic))));
            if let Err(failure) = ended {
                // The node is stopping already: it asks no more.
                let _ = tell.send(failure);
            }
        };
        let driver = thread::Builder::new()
            .name("lode-sync".to_owned())
            .spawn(drive)
            .map_err(NetworkError::Thread)?;
        Ok(Self { view, network: stopper, stop, driver, ended: Some(ended) })
    }

    /// What can be shown.
    pub fn view(&self) -> &P2pView {
        &self.view
    }

    /// Resolves, once, when the network, the machine or one of its jobs has ended by itself.
    pub async fn failed(&mut self) -> P2pFailure {
        let sync = async {
            match &mut self.ended {
                Some(ended) => ended.await,
                None => pending().await,
            }
        };
        let failure = tokio::select! {
            biased;
            reason = self.network.failed() => return P2pFailure::Network(reason),
            failure = sync => {
                failure.unwrap_or_else(|_| P2pFailure::Sync("for no reason given".to_owned()))
            }
        };
        self.ended = None;
        match failure {
            // The machine saw it first, and knows no reason.
            P2pFailure::Network(_) => P2pFailure::Network(self.network.failed().await),
            P2pFailure::Sync(_) => failure,
        }
    }

    /// Ends the machine and the network.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        // The thread ends without a panic: it has told of one.
        let _ = tokio::task::spawn_blocking(move || self.driver.join()).await;
        self.network.stop().await;
    }
}

/// What a panic says, in one line: as `lode_app::panics::text`, which belongs to the programs and
/// not below this crate.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "it panicked: {}",
        text.unwrap_or("for no reason given").split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

impl P2pView {
    /// The network.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Where the node stands; it can be waited on for changes.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// What the API shows of the network.
    pub(crate) fn network_info(&self) -> NetworkInfo {
        let view = self.client.view();
        NetworkInfo {
            peer_id: Some(view.local_peer.to_string()),
            addresses: view.addresses().map(|address| address.to_string()).collect(),
            peers: view.peers.clone(),
            known_peers: view.known_peers,
            bans: view.bans.clone(),
        }
    }

    /// Why mining is in vain now, if it is known to be.
    pub(crate) fn mining_obstacle(&self) -> Option<String> {
        self.status.borrow().mining_obstacle()
    }
}

struct Driver<C> {
    service: Arc<ChainService<C>>,
    machine: SyncMachine<C>,
    client: Client,
    /// Jobs that run at the same time: one for each core.
    workers: usize,
    jobs: JoinSet<Done>,
    begun: Instant,
    status: watch::Sender<SyncStatus>,
}

impl<C: Clock> Driver<C> {
    /// Runs until it is stopped, or something that it needs has ended.
    async fn run(
        mut self,
        mut events: Events,
        mut stop: oneshot::Receiver<()>,
    ) -> Result<(), P2pFailure> {
        let service = self.service.clone();
        let mut tick = tokio::time::interval(Duration::from_millis(TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stop => return Ok(()),
                event = events.next() => match event {
                    Some(event) => self.machine.on_event(event, self.now_ms(), &mut self.client),
                    None => return Err(P2pFailure::Network("it sends no more events".to_owned())),
                },
                Some(done) = self.jobs.join_next() => match done {
                    Ok(result) => self.machine.on_done(result, self.now_ms(), &mut self.client),
                    Err(error) => return Err(P2pFailure::Sync(format!("a check: {error}"))),
                },
                () = service.accepted().notified() => {
                    self.machine.on_accepted(self.now_ms(), &mut self.client);
                }
                _ = tick.tick() => {
                    self.machine.on_tick(self.now_ms(), &mut self.client);
                    self.show();
                }
            }
            self.hand_out();
        }
    }

    /// The machine's time: from its start, and never back.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Gives free workers their jobs.
    fn hand_out(&mut self) {
        while self.jobs.len() < self.workers {
            let Some(job) = self.machine.next_job() else { return };
            let service = self.service.clone();
            self.jobs.spawn_blocking(move || job.run(&service));
        }
    }

    fn show(&self) {
        let status = self.machine.status();
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}
