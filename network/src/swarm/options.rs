//! How the network is to run.

use std::path::PathBuf;

use libp2p::Multiaddr;
use lode_consensus::Hash;

/// What an operator chooses.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// The chain's network: peers of another one are not talked to.
    pub genesis_hash: Hash,
    /// Where the key (`peer.key`), known peers (`peers.json`) and bans (`bans.json`) are kept.
    pub data_dir: PathBuf,
    /// Where to listen. Nowhere if empty.
    pub listen: Vec<Multiaddr>,
    /// Addresses at which others reach us, if they are not those that we listen at.
    pub announce: Vec<Multiaddr>,
    /// Peers to stay connected to, and to find others through.
    pub seeds: Vec<Multiaddr>,
    /// Dial the seeds only, and do not search for other peers.
    pub connect_only: bool,
    /// Most connections that others make.
    pub max_inbound: u32,
    /// Most connections that we make.
    pub max_outbound: u32,
    /// Most connections with one IPv4 address or IPv6 /64, loopback excepted.
    pub max_per_ip: usize,
    /// Name and version, told to peers.
    pub agent: String,
}

impl NetworkOptions {
    /// Options of a node that listens nowhere and knows no peers.
    pub fn new(genesis_hash: Hash, data_dir: PathBuf) -> Self {
        Self {
            genesis_hash,
            data_dir,
            listen: Vec::new(),
            announce: Vec::new(),
            seeds: Vec::new(),
            connect_only: false,
            max_inbound: 56,
            max_outbound: 8,
            max_per_ip: 4,
            agent: concat!("lode/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
