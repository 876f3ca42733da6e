//! A devnet's nodes and miners: started, brought to one tip, and stopped together.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lode_consensus::{Address, Hash, Height};
use lode_core::{MempoolLimits, VerdictCache};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerError, LedgerOptions};
use lode_miner::{MineOptions, Miner, Priority, rig::Rig};
use lode_network::Multiaddr;
use lode_node::{Node, NodeConfig, PeersConfig};

use super::DevnetError;
use crate::{cli::DevnetArgs, commands::CommandError};

/// The network, and the name of the account that is made on first use.
pub const DEVNET: &str = "devnet";
/// The folder below the data folder that holds those of all nodes but the first.
pub(super) const NODES: &str = "nodes";
/// How often the display is drawn anew.
pub(super) const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// How long several nodes may take to agree on one tip once they have the height asked for.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Nodes and their miners.
#[derive(Default)]
pub(super) struct Devnet {
    pub(super) nodes: Vec<Node>,
    pub(super) miners: Vec<Miner>,
}

impl Devnet {
    /// Starts the nodes one after the other, each with all earlier ones as its seeds.
    pub(super) async fn start_nodes(
        &mut self,
        args: &DevnetArgs,
        network: &Network,
        data_dir: &Path,
    ) -> Result<(), CommandError> {
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
                ledger: LedgerOptions {
                    proofs: Arc::new(VerdictCache::default()),
                    ..LedgerOptions::default()
                },
                peers,
            };
            let node = Node::start(config).await.map_err(node_error)?;
            seeds.extend(node.peers().and_then(|peers| peers.client().view().addresses().next()));
            self.nodes.push(node);
        }
        Ok(())
    }

    /// A miner for each node; the threads are spread over them, one at least.
    pub(super) fn start_miners(
        &mut self,
        args: &DevnetArgs,
        address: Address,
        rig: &Rig,
    ) -> Result<(), CommandError> {
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
    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        self.nodes[0].ledger()
    }

    fn tips(&self) -> Result<Vec<(Height, Hash)>, LedgerError> {
        self.nodes.iter().map(|node| node.ledger().read().tip()).collect()
    }

    pub(super) fn heights(&self) -> Result<Vec<Height>, LedgerError> {
        Ok(self.tips()?.into_iter().map(|(height, _)| height).collect())
    }

    /// Stops the miners when all nodes have one tip. Two that find a block at the same moment would
    /// leave a tie for ever: the last blocks are one miner's.
    pub(super) async fn agree(&self, out: &mut dyn Write) -> Result<Height, CommandError> {
        let (last, others) = self
            .miners
            .split_last()
            .ok_or_else(|| DevnetError::Miner("there is none".to_owned()))?;
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
    pub(super) async fn stop_nodes(&mut self) -> Result<(), CommandError> {
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
    let port = port.ok_or_else(|| {
        node_error(format!("no port is left after {first}: choose another --api"))
    })?;
    Ok(SocketAddr::new(first.ip(), port))
}

fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub(super) fn node_error(error: impl std::fmt::Display) -> CommandError {
    DevnetError::Node(error.to_string()).into()
}
