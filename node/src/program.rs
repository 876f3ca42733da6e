//! Running a node until it is told to stop, or loses one of its parts.

use std::time::Duration;

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{error, info, warn};

use crate::{Node, NodeConfig, NodeError, progress, progress::Screen};

/// How long a node that lost a part may take to save what it can. A part that waits for the lost
/// one must not keep it alive.
const SAVE_PATIENCE: Duration = Duration::from_secs(30);

/// Runs a node until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`NodeError`]: it does not start, a part of it died, or it cannot write everything to disk.
pub fn run(config: NodeConfig, screen: Screen) -> Result<(), NodeError> {
    run_with(config, screen, |_| {})
}

/// The same; tests break the node in `started`.
fn run_with(
    config: NodeConfig,
    screen: Screen,
    started: impl FnOnce(&mut Node),
) -> Result<(), NodeError> {
    if !config.api.ip().is_loopback() {
        warn!("the API listens on {}, beyond this machine: anybody there can submit", config.api);
    }
    let runtime = Runtime::new().map_err(NodeError::Threads)?;
    let done = runtime.block_on(async {
        let mut stop = Stop::new().map_err(NodeError::Threads)?;
        let mut node = Node::start(config).await?;
        let progress = node.peers().map(|peers| {
            for address in peers.client().view().addresses() {
                info!("peers reach this node at {address}");
            }
            tokio::spawn(progress::show(peers.status(), screen))
        });
        info!("API on http://{}/{}", node.api(), node.ledger().params().name);
        started(&mut node);
        let failure = tokio::select! {
            () = stop.requested() => None,
            failure = node.failed() => Some(failure),
            failure = ended(progress) => Some(failure),
        };
        match failure {
            Some(failure) => Err(stop_broken(node, failure).await),
            None => {
                info!("stopping");
                node.stop().await?;
                info!("everything is on disk");
                Ok(())
            }
        }
    });
    match done {
        // A thread that never ends must not keep the process alive.
        Err(failure @ NodeError::Died { .. }) => {
            runtime.shutdown_background();
            Err(failure)
        }
        done => done,
    }
}

/// Stops a node that lost a part, as far as that goes, and gives the reason back.
async fn stop_broken(node: Node, failure: NodeError) -> NodeError {
    error!("{failure}: stopping");
    match tokio::time::timeout(SAVE_PATIENCE, node.stop()).await {
        Ok(Ok(())) => info!("everything is on disk"),
        Ok(Err(error)) => error!("not everything could be saved: {error}"),
        Err(_) => error!("not everything could be saved within {} s", SAVE_PATIENCE.as_secs()),
    }
    failure
}

/// Resolves when the display of the progress panicked. That it ends is no failure: so does the sync
/// that it shows.
async fn ended(progress: Option<tokio::task::JoinHandle<()>>) -> NodeError {
    match progress {
        Some(progress) => match progress.await {
            Err(error) => {
                NodeError::Died { part: "the display of the progress", reason: error.to_string() }
            }
            Ok(()) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// What ends a node from outside: Ctrl-C, or SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, path::Path, process::Command};

    use lode_app::{output, panics};
    use lode_core::MempoolLimits;
    use lode_genesis::Network;
    use lode_ledger::LedgerOptions;

    use super::*;
    use crate::{PeersConfig, config::LogSection, start_log};

    /// The folder of the child process that this test starts from its own binary.
    const FOLDER: &str = "LODE_TEST_BROKEN_NODE";
    const TEST: &str =
        "program::tests::a_node_that_lost_a_part_stops_in_order_and_exits_with_a_code";

    fn config(folder: &Path) -> NodeConfig {
        NodeConfig {
            network: Network::load("devnet").unwrap(),
            data_dir: folder.to_owned(),
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
            allowed_hosts: Vec::new(),
            mempool: MempoolLimits::default(),
            ledger: LedgerOptions::default(),
            peers: Some(PeersConfig::default()),
        }
    }

    #[test]
    fn a_node_that_lost_a_part_stops_in_order_and_exits_with_a_code() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            panics::install("lode-node");
            let screen = Screen::default();
            start_log(&LogSection::default().filter, &screen);
            let ended = run_with(config(Path::new(&folder)), screen, Node::break_api);
            let code = ended.map_or_else(|error| error.exit_code(), |()| 0);
            std::process::exit(code.into());
        }
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child
            .args([TEST, "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(i32::from(output::BROKEN)), "{log}");
        assert!(log.contains("lode-node: thread tokio-"), "{log}");
        assert!(log.contains("panicked at node/src/run.rs:"), "{log}");
        let told = log
            .lines()
            .find(|line| line.contains("the HTTP API ended: "))
            .expect("it says which part");
        // tokio quotes the message, so that it stays on its line.
        assert!(told.contains(r"it was told\nto panic") && told.contains("stopping"), "{told}");
        assert!(log.contains("everything is on disk"), "{log}");
        // And so it is: the next start takes it up.
        Runtime::new().unwrap().block_on(async {
            let node = Node::start(config(folder.path())).await.unwrap();
            node.stop().await.unwrap();
        });
    }
}
