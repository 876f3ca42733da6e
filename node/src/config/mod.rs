//! What an operator chooses: sections with their defaults, and out of them, once, a node's checked
//! options.

mod sections;
mod values;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use lode_app::{ConfigError, Loaded, data_folder};
use lode_consensus::Hash;
use lode_core::{MempoolLimits, VerdictCache, sync::SyncConfig};
use lode_genesis::Network;
use lode_ledger::LedgerOptions;
use lode_network::{Multiaddr, NetworkOptions};

pub use sections::{
    ApiSection, LedgerSection, LogSection, MempoolSection, NetworkSection, NodeSettings,
    PeersSection, SyncSection,
};
pub use values::{BlockId, Folder, Host, ListenAddress, LogFilter, PeerAddress};

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
    /// Names in lower case, besides those of loopback, that a request's Host may carry.
    pub allowed_hosts: Vec<String>,
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
    /// Listens nowhere and knows no peers.
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            announce: Vec::new(),
            seeds: Vec::new(),
            connect_only: false,
            max_peers: PeersSection::default().max_peers,
            sync: SyncConfig::default(),
        }
    }
}

impl PeersConfig {
    /// As options of the network. Half of the peers, and no more than [`MAX_OUTBOUND`], are of the
    /// node's own choice, so that an attacker that fills the rest does not eclipse it. There is
    /// room for all seeds.
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

impl NodeConfig {
    /// Checks how the settings go together, reads the network, and makes them a node's options.
    ///
    /// # Errors
    /// [`ConfigError`], with the place of what is wrong.
    pub fn new(loaded: &Loaded<NodeSettings>) -> Result<Self, ConfigError> {
        let settings = &loaded.settings;
        let network = Network::load(&settings.network.name)
            .map_err(|error| loaded.together("network", "name", error.to_string()))?;
        let data_dir = match &settings.network.data_dir {
            Some(folder) => folder.path().to_owned(),
            None => default_data_dir(&network.params.name)?,
        };
        let peers = peers(loaded, &network)?;
        Ok(Self {
            network,
            data_dir,
            api: settings.api.listen,
            allowed_hosts: settings.api.hosts.iter().map(|host| host.as_str().to_owned()).collect(),
            mempool: MempoolLimits {
                min_fee: settings.mempool.min_fee,
                max_bytes: usize::try_from(settings.mempool.max_mib).unwrap_or(usize::MAX >> 20)
                    << 20,
                ..MempoolLimits::default()
            },
            ledger: LedgerOptions {
                history: settings.ledger.history,
                proofs: Arc::new(VerdictCache::default()),
            },
            peers,
        })
    }
}

fn peers(
    loaded: &Loaded<NodeSettings>,
    network: &Network,
) -> Result<Option<PeersConfig>, ConfigError> {
    let NodeSettings { peers, sync, .. } = &loaded.settings;
    if !peers.enabled {
        let off = loaded.source("peers", "enabled");
        for key in ["listen", "announce", "seeds", "connect_only", "max_peers"] {
            let source = loaded.source("peers", key);
            // What stands in the file of a node that is to be alone for once is no mistake.
            let is_flag =
                source.layer() == off.layer() && matches!(source, lode_app::Source::Flag(_));
            if source.layer() > off.layer() || is_flag {
                return Err(loaded.together(
                    "peers",
                    key,
                    format!("cannot be used where there are no peers ({off})"),
                ));
            }
        }
        return Ok(None);
    }
    if peers.connect_only && peers.seeds.is_empty() {
        let reason = "needs at least one seed peer, to which alone it is to connect";
        return Err(loaded.together("peers", "connect_only", reason));
    }
    Ok(Some(PeersConfig {
        listen: peers.listen.iter().map(|address| address.0.clone()).collect(),
        announce: peers.announce.iter().map(|address| address.0.clone()).collect(),
        seeds: peers.seeds.iter().map(|address| address.0.clone()).collect(),
        connect_only: peers.connect_only,
        max_peers: peers.max_peers,
        sync: SyncConfig {
            minimum_work: sync.minimum_work.unwrap_or(network.sync.minimum_work),
            assume_valid: sync
                .assume_valid
                .map(|block| (block.0, block.1))
                .or(network.sync.assume_valid),
            ..SyncConfig::default()
        },
    }))
}

/// The data folder of a network if the operator names none: `lode/NAME` in the user's XDG data
/// folder.
///
/// # Errors
/// [`ConfigError::Folder`] if the environment names no usable one.
pub fn default_data_dir(network: &str) -> Result<PathBuf, ConfigError> {
    Ok(data_folder()?.join("lode").join(network))
}
