//! `lode devnet`: nodes and their miners in one process, over the same API and the same network that as many machines would
//! use.
//!
//! What must not be broken: whatever ends the command (Ctrl-C, the height asked for, a node that fails), the miners stop
//! first and the nodes write everything out.

mod display;
mod reset;

use std::{
    future::{Future, poll_fn},
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use clap::Args;
use lode_consensus::{Address, Hash, Height};
use lode_core::MempoolLimits;
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerError, LedgerOptions};
use lode_miner::{
    MineOptions, Miner, Priority,
    rig::{EngineArgs, Rig},
};
use lode_network::Multiaddr;
use lode_node::{Node, NodeConfig, NodeError, PeersConfig, default_data_dir};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::display::{Display, Progress};
use super::CommandError;
use crate::{
    cli::KeystoreArgs,
    keystore::{AccountName, Keystore},
};

/// The network, and the name of the account that is made on first use.
pub const DEVNET: &str = "devnet";
/// The folder below the data folder that holds those of all nodes but the first.
const NODES: &str = "nodes";
/// How often the display is drawn anew.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// How long several nodes may take to agree on one tip once they have the height asked for.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Flags of `lode devnet`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lode devnet                          mine until Ctrl-C; the next start goes on from there
  lode devnet --until-height 50        stop at height 50
  lode devnet --reset                  begin anew with height 0
  lode devnet --nodes 3                three nodes and three miners that sync with each other
  lode transfer --to alice --amount 1  in another terminal: pays from the devnet's own account")]
pub struct DevnetArgs {
    /// Where the chain is kept [default: lode/devnet in your data folder, ~/.local/share]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where the HTTP API listens; further nodes take the ports that follow.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3030")]
    pub api: SocketAddr,
    /// Nodes that sync with each other, each with a miner of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub nodes: u16,
    /// Proving threads of all miners together [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Stop when the chain has reached this height.
    #[arg(long, value_name = "N")]
    pub until_height: Option<Height>,
    /// Begin anew: delete the chain, what waits for a block, and the peers first. The account stays.
    #[arg(long)]
    pub reset: bool,
    /// Where the account is.
    #[command(flatten)]
    pub keystore: KeystoreArgs,
}

/// Why a devnet cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The network, the data folder, the node or the ledger.
    #[error("{0}")]
    Node(String),
    /// The miner.
    #[error("miner: {0}")]
    Miner(String),
    /// A part of a node or of a miner ended by itself, which none does unless there is a mistake in it.
    #[error("{0}; the devnet was stopped")]
    Died(String),
}

fn node_error(error: impl std::fmt::Display) -> CommandError {
    DevnetError::Node(error.to_string()).into()
}

/// Carries out `lode devnet`.
///
/// # Errors
/// [`CommandError`]: the keystore, a node or a miner.
pub fn run(args: &DevnetArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let address = account(&keystore)?;
    let network = Network::load(DEVNET).map_err(node_error)?;
    let data_dir = match &args.data_dir {
        Some(data_dir) => data_dir.clone(),
        None => default_data_dir(DEVNET).map_err(node_error)?,
    };
    if args.reset {
        reset::run(&data_dir, out)?;
    }
    let rig = Rig::new(&EngineArgs::default(), network.params.log_n)
        .map_err(|error| DevnetError::Miner(error.to_string()))?;

    let runtime = tokio::runtime::Runtime::new().map_err(node_error)?;
    let mut devnet = Devnet::default();
    let done = runtime.block_on(async {
        // Before there is anything to stop: what comes meanwhile waits for `watch`.
        let mut stop =
            Stop { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
        devnet.start_nodes(args, &network, &data_dir).await?;
        for (number, node) in devnet.nodes.iter().enumerate() {
            writeln!(out, "{:<8} http://{}/{DEVNET}", if number == 0 { DEVNET } else { "" }, node.api())?;
        }
        writeln!(out, "account  {address}")?;
        writeln!(out, "         in {}", keystore.dir().display())?;
        let height = devnet.ledger().read().tip_height().map_err(node_error)?;
        writeln!(out, "chain    {}, height {height}", data_dir.display())?;
        writeln!(out, "Ctrl-C stops it; the next start goes on from there.")?;
        out.flush()?;
        devnet.start_miners(args, address, &rig)?;
        devnet.watch(address, args.until_height, &mut stop, out).await
    });
    devnet.miners.iter().for_each(Miner::stop);
    let stopped = runtime.block_on(devnet.stop_nodes());
    let height = done?;
    stopped?;
    writeln!(out, "stopped at height {height}; everything is on disk")?;
    Ok(())
}

/// What ends a devnet from outside: Ctrl-C, or SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Nodes and their miners.
#[derive(Default)]
struct Devnet {
    nodes: Vec<Node>,
    miners: Vec<Miner>,
}

impl Devnet {
    /// Starts the nodes one after the other, each with all earlier ones as its seeds.
    async fn start_nodes(&mut self, args: &DevnetArgs, network: &Network, data_dir: &Path) -> Result<(), CommandError> {
        let mut seeds: Vec<Multiaddr> = Vec::new();
        for number in 0..args.nodes {
            let peers = (args.nodes > 1).then(|| PeersConfig {
                listen: vec![lode_network::address::tcp(SocketAddr::from(([127, 0, 0, 1], 0)))],
                seeds: seeds.clone(),
                connect_only: true,
                ..PeersConfig::default()
            });
            let config = NodeConfig {
                network: network.clone(),
                data_dir: folder(data_dir, number),
                api: nth_api(args.api, number)?,
                allowed_hosts: Vec::new(),
                mempool: MempoolLimits::default(),
                ledger: LedgerOptions::default(),
                peers,
            };
            let node = Node::start(config).await.map_err(node_error)?;
            seeds.extend(node.peers().and_then(|peers| peers.client().view().addresses().next()));
            self.nodes.push(node);
        }
        Ok(())
    }

    /// A miner for each node; the threads are spread over them, one at least.
    fn start_miners(&mut self, args: &DevnetArgs, address: Address, rig: &Rig) -> Result<(), CommandError> {
        let threads = args.threads.map_or_else(all_cores, usize::from);
        let (each, more) = (threads / self.nodes.len(), threads % self.nodes.len());
        for (number, node) in self.nodes.iter().enumerate() {
            let options = MineOptions {
                node: format!("http://{}", node.api()),
                network: Some(DEVNET.to_owned()),
                address,
                threads: (each + usize::from(number < more)).max(1),
                priority: Priority::Lowest,
            };
            let miner = Miner::start(options, rig.engine.clone(), rig.verifier.clone());
            self.miners.push(miner.map_err(|error| DevnetError::Miner(error.to_string()))?);
        }
        Ok(())
    }

    /// The first node's ledger. There is always one.
    fn ledger(&self) -> &Arc<Ledger> {
        self.nodes[0].ledger()
    }

    fn tips(&self) -> Result<Vec<(Height, Hash)>, LedgerError> {
        self.nodes.iter().map(|node| node.ledger().read().tip()).collect()
    }

    fn heights(&self) -> Result<Vec<Height>, LedgerError> {
        Ok(self.tips()?.into_iter().map(|(height, _)| height).collect())
    }

    /// Shows progress until something ends it; gives the height reached.
    async fn watch(
        &mut self,
        address: Address,
        until_height: Option<Height>,
        stop: &mut Stop,
        out: &mut dyn Write,
    ) -> Result<Height, CommandError> {
        let mut draw = tokio::time::interval(DRAW_INTERVAL);
        let mut display = Display::new(self.ledger());
        loop {
            let is_stopped = tokio::select! {
                _ = draw.tick() => false,
                () = stop.requested() => true,
                error = any_failed(&mut self.nodes) => return Err(DevnetError::Died(error.to_string()).into()),
            };
            if let Some(reason) = self.miners.iter().find_map(Miner::failure) {
                return Err(DevnetError::Died(reason).into());
            }
            let view = Progress::read(self, address).map_err(node_error)?;
            display.show(&view, &self.miners, out)?;
            if is_stopped {
                return Ok(view.height);
            }
            if until_height.is_some_and(|until| view.height >= until) {
                return tokio::select! {
                    agreed = self.agree(out) => agreed,
                    () = stop.requested() => Ok(view.height),
                };
            }
        }
    }

    /// Stops the miners when all nodes have one tip. Two that find a block at the same moment would leave a tie for ever: the last
    /// blocks are one miner's.
    async fn agree(&self, out: &mut dyn Write) -> Result<Height, CommandError> {
        let (last, others) = self.miners.split_last().ok_or_else(|| DevnetError::Miner("there is none".to_owned()))?;
        others.iter().for_each(Miner::stop);
        if !others.is_empty() {
            self.wait_for_one_tip().await?;
        }
        last.stop();
        let (height, hash) = self.wait_for_one_tip().await?;
        if self.nodes.len() > 1 {
            writeln!(out, "{} nodes, one tip: {height} {hash}", self.nodes.len())?;
        }
        Ok(height)
    }

    async fn wait_for_one_tip(&self) -> Result<(Height, Hash), CommandError> {
        let agreed = async {
            loop {
                let tips = self.tips().map_err(node_error)?;
                match tips.first() {
                    Some(first) if tips.iter().all(|tip| tip == first) => return Ok(*first),
                    _ => tokio::time::sleep(DRAW_INTERVAL).await,
                }
            }
        };
        let timeout = tokio::time::timeout(AGREEMENT_TIMEOUT, agreed).await;
        timeout.unwrap_or_else(|_| Err(node_error("the nodes do not agree on one tip")))
    }

    /// Stops all nodes, and tells the first failure.
    async fn stop_nodes(&mut self) -> Result<(), CommandError> {
        let mut stopped = Ok(());
        for node in self.nodes.drain(..) {
            let result = node.stop().await.map_err(node_error);
            stopped = stopped.and(result);
        }
        stopped
    }
}

/// Where a node keeps its chain. The first one's is the devnet's own, however many there are.
fn folder(data_dir: &Path, number: u16) -> PathBuf {
    match number {
        0 => data_dir.to_owned(),
        _ => data_dir.join(NODES).join((number + 1).to_string()),
    }
}

/// Where a node's API listens: the ports that follow the first one's, or any free one.
fn nth_api(first: SocketAddr, number: u16) -> Result<SocketAddr, CommandError> {
    let port = match first.port() {
        0 => Some(0),
        port => port.checked_add(number),
    };
    let port = port.ok_or_else(|| node_error(format!("no port is left after {first}: choose another --api")))?;
    Ok(SocketAddr::new(first.ip(), port))
}

/// Resolves when a node has stopped by itself, which none should.
async fn any_failed(nodes: &mut [Node]) -> NodeError {
    let mut failures: Vec<_> = nodes.iter_mut().map(|node| Box::pin(node.failed())).collect();
    poll_fn(|context| {
        let failed = failures.iter_mut().find_map(|failure| match failure.as_mut().poll(context) {
            Poll::Ready(error) => Some(error),
            Poll::Pending => None,
        });
        failed.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The devnet's account, made on first use with a passphrase beside it, so that transfers ask nothing.
fn account(keystore: &Keystore) -> Result<Address, CommandError> {
    let listing = keystore.list()?;
    match listing.accounts.into_iter().find(|account| is_devnets(account.name.as_ref())) {
        Some(account) => Ok(account.address),
        // The account may be in a file that cannot be read: a new one would hide the loss of what the old one mined.
        None if !listing.unreadable.is_empty() => {
            let files: Vec<String> = listing.unreadable.iter().map(ToString::to_string).collect();
            Err(node_error(format!("no devnet account is readable, and none is made anew: {}", files.join("; "))))
        }
        None => {
            let name: AccountName = DEVNET.parse().map_err(|error| node_error(format!("{error}")))?;
            Ok(keystore.create_unattended(Some(name))?.address)
        }
    }
}

fn is_devnets(name: Option<&AccountName>) -> bool {
    name.is_some_and(|name| name.as_str() == DEVNET)
}

fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
