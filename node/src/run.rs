//! Starting a node, watching its parts, stopping it, and checking its ledger.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use lode_algebra::{Backend, BackendError, CPU_VARIABLE, DomainError};
use lode_app::output;
use lode_core::{
    ChainService, Entropy, Environment, Handle, P2p, P2pFailure, P2pView, SystemClock,
    SystemEntropy,
};
use lode_genesis::srs::{self, SrsLoadError};
use lode_http::AllowedHosts;
use lode_ledger::{
    Ledger, LedgerError,
    fsck::{Depth, FsckError, NoChecker, Report},
};
use lode_network::NetworkError;
use lode_puzzle::{LogSize, Verifier};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tracing::info;

use crate::NodeConfig;

/// How often a long check reports.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Why a node cannot run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The ledger cannot be opened or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The setup that came with the program is broken.
    #[error(transparent)]
    Srs(#[from] SrsLoadError),
    /// The environment asks for instructions that there are not.
    #[error("{CPU_VARIABLE}: {0}")]
    Backend(#[from] BackendError),
    /// The verifier has no domain.
    #[error("verifier: {0}")]
    Verifier(#[from] DomainError),
    /// The API's address cannot be listened on.
    #[error("cannot listen on {address}: {error} (is another node running? choose another --api)")]
    Listen {
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The peers' side.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A part of the node ended by itself, which none does unless there is a mistake in it.
    #[error("{part} ended: {reason}")]
    Died {
        /// Which one.
        part: &'static str,
        /// Why, if it can be told.
        reason: String,
    },
    /// The system starts no threads, or sends no signals.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// The ledger is broken.
    #[error("fsck: {0}")]
    Fsck(#[from] FsckError),
    /// The data folder is the database in one.
    #[error(
        "data folder {path}: it holds a database itself (expected the folder above it, or an empty \
         one, as --data-dir)"
    )]
    InsideDatabase { path: std::path::PathBuf },
    /// No folder for the replay.
    #[error("no scratch folder in {path}: {error}")]
    Scratch {
        /// Where it should be.
        path: std::path::PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl NodeError {
    /// The exit code for a service manager: [`output::BROKEN`] if a restart helps, else
    /// [`output::FAILED`].
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Died { .. } => output::BROKEN,
            _ => output::FAILED,
        }
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    service: Arc<ChainService<SystemClock>>,
    ledger: Arc<Ledger>,
    api: SocketAddr,
    p2p: Option<P2p>,
    stop: oneshot::Sender<()>,
    /// Nothing once it has ended.
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Node {
    /// Opens the ledger, looks for peers and serves the API. Within a tokio runtime.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let listener = TcpListener::bind(config.api)
            .await
            .map_err(|error| NodeError::Listen { address: config.api, error })?;
        let api = listener
            .local_addr()
            .map_err(|error| NodeError::Listen { address: config.api, error })?;
        let network = config.peers.as_ref().map(|peers| {
            (peers.sync, peers.options(config.network.genesis_hash, &config.data_dir))
        });
        let allowed_hosts = AllowedHosts::for_listener(api, &config.allowed_hosts);
        let opened = tokio::task::spawn_blocking(move || open(&config));
        let (ledger, service) = opened.await.map_err(|error| died("the start", &error))??;
        let p2p = match network {
            Some((sync, options)) => Some(P2p::start(service.clone(), sync, options).await?),
            None => None,
        };
        let handle = match &p2p {
            Some(p2p) => Handle::with_peers(service.clone(), p2p.view().clone()),
            None => Handle::alone(service.clone()),
        };

        let router = lode_http::router(Arc::new(handle), allowed_hosts);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(lode_http::serve(listener, router, async {
            // A sender that was dropped stops the server too.
            let _ = stopped.await;
        }));
        Ok(Self { service, ledger, api, p2p, stop, server: Some(server) })
    }

    pub fn service(&self) -> &Arc<ChainService<SystemClock>> {
        &self.service
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Where the API listens.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The peers' side, if there is one.
    pub fn peers(&self) -> Option<&P2pView> {
        self.p2p.as_ref().map(P2p::view)
    }

    /// Puts a server in the place of the node's own that panics.
    #[cfg(test)]
    pub(crate) fn break_api(&mut self) {
        self.server = Some(tokio::spawn(async { panic!("it was told\nto panic") }));
    }

    /// Resolves when a part of the node has ended by itself: then the node has to be stopped, and
    /// none of it goes on alone.
    pub async fn failed(&mut self) -> NodeError {
        let api = async {
            let Some(server) = &mut self.server else { return std::future::pending().await };
            let ended = server.await;
            self.server = None;
            match ended {
                Ok(Ok(())) => died("the HTTP API", &"for no reason given"),
                Ok(Err(error)) => died("the HTTP API", &error),
                Err(error) => died("the HTTP API", &error),
            }
        };
        let peers = async {
            match &mut self.p2p {
                Some(p2p) => match p2p.failed().await {
                    P2pFailure::Network(reason) => died("the network", &reason),
                    P2pFailure::Sync(reason) => died("the sync", &reason),
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = api => error,
            error = peers => error,
            reason = self.service.failed() => died("a check or a write of the chain", &reason),
        }
    }

    /// Stops the API, leaves the peers, writes the journals and flushes the database. A part that
    /// has ended is no obstacle.
    pub async fn stop(self) -> Result<(), NodeError> {
        let _ = self.stop.send(());
        if let Some(server) = self.server {
            let _ = server.await;
        }
        if let Some(p2p) = self.p2p {
            p2p.stop().await;
        }
        let closed = tokio::task::spawn_blocking(move || {
            self.service.save()?;
            self.ledger.flush()
        });
        closed.await.map_err(|error| died("the last write", &error))??;
        Ok(())
    }
}

/// An error of a part that ended, on one line.
fn died(part: &'static str, reason: &dyn std::fmt::Display) -> NodeError {
    NodeError::Died {
        part,
        reason: reason.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn open(config: &NodeConfig) -> Result<(Arc<Ledger>, Arc<ChainService<SystemClock>>), NodeError> {
    let log_n = config.network.params.log_n;
    let name = config.network.params.name.clone();
    check_folder(&config.data_dir)?;
    let ledger = Arc::new(Ledger::open(
        &config.data_dir.join("chain"),
        config.network.clone(),
        config.ledger.clone(),
    )?);
    let checker = Arc::new(verifier(log_n)?);
    let environment = Environment { clock: SystemClock, checker, entropy: Arc::new(SystemEntropy) };
    let service =
        ChainService::new(ledger.clone(), environment, config.mempool, Some(&config.data_dir))?;
    let (height, hash) = ledger.read().tip()?;
    info!("{name}: chain in {}, tip at height {height} {hash}", config.data_dir.display());
    Ok((ledger, Arc::new(service)))
}

/// A data folder holds the folder `chain`, which is RocksDB's. One folder too deep, a second chain
/// would begin among the files of the first.
fn check_folder(data_dir: &Path) -> Result<(), NodeError> {
    if data_dir.join("CURRENT").exists() {
        return Err(NodeError::InsideDatabase { path: data_dir.to_owned() });
    }
    Ok(())
}

/// With the instructions that the environment's [`CPU_VARIABLE`] names, or the fastest.
fn verifier(log_n: LogSize) -> Result<Verifier, NodeError> {
    Ok(Verifier::with_backend(&srs::load(log_n)?, Backend::detect()?)?)
}

/// Replays a network's ledger into a scratch folder and compares. No node may be running on it.
pub fn run_fsck(
    config: &NodeConfig,
    depth: Depth,
    mut progress: impl FnMut(u32, u32),
) -> Result<Report, NodeError> {
    check_folder(&config.data_dir)?;
    let chain = config.data_dir.join("chain");
    if !chain.exists() {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no chain");
        return Err(LedgerError::Folder { path: chain, error }.into());
    }
    let ledger = Ledger::open(&chain, config.network.clone(), config.ledger.clone())?;
    let scratch = Scratch::new(&config.data_dir)?;
    let mut last = Instant::now();
    let report_progress = |height, tip| {
        if last.elapsed() >= PROGRESS_INTERVAL || height == tip {
            last = Instant::now();
            progress(height, tip);
        }
    };
    // Without weights the verifier refuses: a generator that fails shows as a proof that does not
    // hold.
    let entropy = |count| SystemEntropy.weights(count).unwrap_or_default();
    let report = match depth {
        Depth::Replay => {
            ledger.fsck(depth, &NoChecker, entropy, scratch.path(), report_progress)?
        }
        Depth::Proofs => {
            let verifier = verifier(config.network.params.log_n)?;
            ledger.fsck(depth, &verifier, entropy, scratch.path(), report_progress)?
        }
    };
    Ok(report)
}

/// A folder that is gone when it is dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(data_dir: &Path) -> Result<Self, NodeError> {
        let path = data_dir.join(format!("fsck-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| NodeError::Scratch { path: path.clone(), error })?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
