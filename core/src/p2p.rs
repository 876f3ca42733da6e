//! The driver of the sync machine: brings it what happens on the network, runs its checks, and shows where it stands.
//!
//! Threads: one of its own for the machine, whose calls read and write the ledger; its jobs run on tokio's blocking threads,
//! as many at a time as there are cores.
//!
//! Queues: events wait in the network's channel; results in a channel of as many places as there are workers. Work waits
//! inside the machine, under its bounds.
//!
//! What must not be broken: the machine never waits for a job, a peer or the network.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{NetworkInfo, PeerInfo, SyncInfo, SyncPhase};
use lode_network::{Client, Events, NetworkError, NetworkOptions, PeerView, Service, swarm};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tracing::error;

use crate::{
    ChainService, Clock,
    sync::{Done, SyncConfig, SyncMachine, SyncState, SyncStatus, TICK_MS},
};

/// The network side of a running node.
#[derive(Debug)]
pub struct P2p {
    view: P2pView,
    network: swarm::Stopper,
    stop: oneshot::Sender<()>,
    driver: thread::JoinHandle<()>,
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
        let driver =
            Driver { service, machine, client, workers, under_way: 0, begun: Instant::now(), status: send_status };
        let runtime = Handle::current();
        let driver = thread::Builder::new()
            .name("lode-sync".to_owned())
            .spawn(move || runtime.block_on(driver.run(events, stopped)))
            .map_err(NetworkError::Thread)?;
        Ok(Self { view, network: stopper, stop, driver })
    }

    /// What can be shown.
    pub fn view(&self) -> &P2pView {
        &self.view
    }

    /// Ends the machine and the network.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let joined = tokio::task::spawn_blocking(move || self.driver.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            error!("the thread of the sync failed");
        }
        self.network.stop().await;
    }
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
            peers: view.peers.iter().map(peer_info).collect(),
            known_peers: view.known_peers,
            bans: view.bans.clone(),
        }
    }

    /// Why mining is in vain now, if it is known to be.
    pub(crate) fn mining_obstacle(&self) -> Option<String> {
        self.status.borrow().mining_obstacle()
    }

    /// What the API shows of the sync.
    pub(crate) fn sync_info(&self) -> SyncInfo {
        sync_info(self.status.borrow().clone())
    }
}

fn peer_info(peer: &PeerView) -> PeerInfo {
    PeerInfo {
        peer_id: peer.peer.to_string(),
        address: peer.address.to_string(),
        outbound: peer.outbound,
        agent: peer.agent.clone(),
        connected_at_ms: peer.connected_at_ms,
        ping_ms: peer.ping_ms,
        penalty_points: peer.points,
    }
}

pub(crate) fn sync_info(status: SyncStatus) -> SyncInfo {
    SyncInfo {
        phase: match status.state {
            SyncState::Headers => SyncPhase::Headers,
            SyncState::Bodies => SyncPhase::Bodies,
            SyncState::Synced => SyncPhase::Synced,
            SyncState::Halted => SyncPhase::Halted,
        },
        tip: status.tip,
        tip_timestamp_ms: status.tip_timestamp_ms,
        header_height: status.best_header_height,
        proven_header_height: status.proven_header_height,
        peers_height: status.peers_height,
        peers: status.peers,
        unready: status.reason,
    }
}

struct Driver<C> {
    service: Arc<ChainService<C>>,
    machine: SyncMachine<C>,
    client: Client,
    /// Jobs that run at the same time: one for each core.
    workers: usize,
    under_way: usize,
    begun: Instant,
    status: watch::Sender<SyncStatus>,
}

impl<C: Clock> Driver<C> {
    async fn run(mut self, mut events: Events, mut stop: oneshot::Receiver<()>) {
        let service = self.service.clone();
        let (send_done, mut done) = mpsc::channel::<Done>(self.workers.max(1));
        let mut tick = tokio::time::interval(Duration::from_millis(TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stop => return,
                event = events.next() => match event {
                    Some(event) => self.machine.on_event(event, self.now_ms(), &mut self.client),
                    None => return error!("the network has ended: the node goes on without peers"),
                },
                Some(result) = done.recv() => {
                    self.under_way = self.under_way.saturating_sub(1);
                    self.machine.on_done(result, self.now_ms(), &mut self.client);
                }
                () = service.accepted().notified() => self.machine.on_accepted(self.now_ms(), &mut self.client),
                _ = tick.tick() => {
                    self.machine.on_tick(self.now_ms(), &mut self.client);
                    self.show();
                }
            }
            self.hand_out(&send_done);
        }
    }

    /// The machine's time: from its start, and never back.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Gives free workers their jobs.
    fn hand_out(&mut self, send_done: &mpsc::Sender<Done>) {
        while self.under_way < self.workers {
            let Some(job) = self.machine.next_job() else { return };
            self.under_way += 1;
            let (service, send_done) = (self.service.clone(), send_done.clone());
            tokio::task::spawn_blocking(move || {
                // The driver has ended: nobody waits for the result.
                let _ = send_done.blocking_send(job.run(&service));
            });
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
