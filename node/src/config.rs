//! What an operator chooses, as checked values.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use lode_consensus::Hash;
use lode_core::{MempoolLimits, sync::SyncConfig};
use lode_genesis::Network;
use lode_ledger::LedgerOptions;
use lode_network::{Multiaddr, NetworkOptions};

/// Most connections that a node makes by itself.
const MAX_OUTBOUND: u32 = 8;

/// A node's configuration.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The network to follow.
    pub network: Network,
    /// Where the chain and the journals are kept.
    pub data_dir: PathBuf,
    /// Where the API listens. Port 0 takes any free port.
    pub api: SocketAddr,
    /// The mempool's limits.
    pub mempool: MempoolLimits,
    /// How the ledger keeps its data.
    pub ledger: LedgerOptions,
    /// Its peers; none if it is to extend its own chain alone.
    pub peers: Option<PeersConfig>,
}

/// How a node deals with peers.
#[derive(Debug, Clone)]
pub struct PeersConfig {
    /// Where to listen. Port 0 takes any free port; nowhere if empty.
    pub listen: Vec<Multiaddr>,
    /// Addresses at which others reach it, if they are not those that it listens at.
    pub announce: Vec<Multiaddr>,
    /// Peers to stay connected to, and to find others through.
    pub seeds: Vec<Multiaddr>,
    /// Whether to dial the seeds only.
    pub connect_only: bool,
    /// Most peers, both ways together.
    pub max_peers: u32,
    /// What is asked of a chain.
    pub sync: SyncConfig,
}

impl Default for PeersConfig {
    /// Listens nowhere and knows nobody.
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            announce: Vec::new(),
            seeds: Vec::new(),
            connect_only: false,
            max_peers: 64,
            sync: SyncConfig::default(),
        }
    }
}

impl PeersConfig {
    /// As options of the network. Half of the peers, and no more than [`MAX_OUTBOUND`], are of the node's own choice, so that
    /// whoever fills the rest does not surround it. There is room for all seeds.
    pub(crate) fn options(&self, genesis_hash: Hash, data_dir: &Path) -> NetworkOptions {
        let seeds = u32::try_from(self.seeds.len()).unwrap_or(u32::MAX);
        let max_outbound = (self.max_peers / 2).clamp(1, MAX_OUTBOUND).max(seeds);
        NetworkOptions {
            listen: self.listen.clone(),
            announce: self.announce.clone(),
            seeds: self.seeds.clone(),
            connect_only: self.connect_only,
            max_inbound: self.max_peers.saturating_sub(max_outbound),
            max_outbound,
            ..NetworkOptions::new(genesis_hash, data_dir.to_owned())
        }
    }
}

/// Why there is no default data folder.
#[derive(Debug, thiserror::Error)]
#[error("no home folder was found for the chain's data: pass --data-dir")]
pub struct ConfigError;

/// The data folder of a network if the operator names none: `lode/NAME` in the user's XDG data folder.
pub fn default_data_dir(network: &str) -> Result<PathBuf, ConfigError> {
    let strategy = etcetera::choose_base_strategy().map_err(|_| ConfigError)?;
    Ok(strategy.data_dir().join("lode").join(network))
}
