//! The sections of a node's configuration with their defaults, and the list of all keys.

use std::net::{Ipv4Addr, SocketAddr};

use lode_app::{Key, Kind, Program, Settings, text};
use lode_consensus::ChainWork;
use lode_core::MempoolLimits;
use lode_ledger::{LedgerOptions, MIN_HISTORY};
use serde::{Deserialize, Serialize};

use super::values::{BlockId, Folder, Host, ListenAddress, LogFilter, PeerAddress};

/// The default log filter: libraries log every single connection, which operators do not need.
const LOG: &str =
    "info,libp2p_gossipsub=error,libp2p_kad=error,libp2p_swarm=error,netlink_proto=error";

/// Everything that an operator can choose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// Which chain, and where it is kept.
    pub network: NetworkSection,
    /// The HTTP API.
    pub api: ApiSection,
    /// What waits for a block.
    pub mempool: MempoolSection,
    /// What is kept of the chain.
    pub ledger: LedgerSection,
    pub peers: PeersSection,
    /// What is asked of a chain.
    pub sync: SyncSection,
    /// What is told.
    pub log: LogSection,
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// A built-in network, or the path of a network file.
    pub name: String,
    /// Where the chain is kept.
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<Folder>,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self { name: "devnet".to_owned(), data_dir: None }
    }
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSection {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Names, besides those of this machine, that a request may call the node by.
    #[serde(with = "text::list")]
    pub hosts: Vec<Host>,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 3030)), hosts: Vec::new() }
    }
}

/// `[mempool]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MempoolSection {
    /// In microcredits.
    pub min_fee: u64,
    /// In MiB.
    #[serde(deserialize_with = "text::within::<_, 1, 1024>")]
    pub max_mib: u32,
}

impl Default for MempoolSection {
    fn default() -> Self {
        let MempoolLimits { min_fee, max_bytes, .. } = MempoolLimits::default();
        Self { min_fee, max_mib: u32::try_from(max_bytes >> 20).unwrap_or(u32::MAX) }
    }
}

/// `[ledger]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LedgerSection {
    /// In blocks.
    #[serde(deserialize_with = "text::within::<_, MIN_HISTORY, { u32::MAX }>")]
    pub history: u32,
}

impl Default for LedgerSection {
    fn default() -> Self {
        Self { history: LedgerOptions::default().history }
    }
}

/// `[peers]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeersSection {
    /// Whether there are any.
    pub enabled: bool,
    /// Where to listen.
    #[serde(with = "text::list")]
    pub listen: Vec<ListenAddress>,
    /// Where others reach this node, if elsewhere.
    #[serde(with = "text::list")]
    pub announce: Vec<PeerAddress>,
    /// Peers to begin with.
    #[serde(with = "text::list")]
    pub seeds: Vec<PeerAddress>,
    /// Whether the seeds are the only ones to dial.
    pub connect_only: bool,
    /// Both ways together.
    #[serde(deserialize_with = "text::within::<_, 2, 1024>")]
    pub max_peers: u32,
}

impl Default for PeersSection {
    fn default() -> Self {
        let listen = lode_network::address::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 4130)));
        Self {
            enabled: true,
            listen: vec![ListenAddress(listen)],
            announce: Vec::new(),
            seeds: Vec::new(),
            connect_only: false,
            max_peers: 64,
        }
    }
}

/// `[sync]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSection {
    /// Below which no chain is stored.
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    pub minimum_work: Option<ChainWork>,
    /// Up to which shares' proofs and signatures are not checked.
    #[serde(with = "text::option", skip_serializing_if = "Option::is_none")]
    pub assume_valid: Option<BlockId>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// As `RUST_LOG` has it.
    #[serde(with = "text")]
    pub filter: LogFilter,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: LogFilter::constant(LOG) }
    }
}

const PEERS: &str = "Peers";
const THE_NETWORKS: &str = "the network file's";
const PEER_ADDRESS: &str = "HOST:PORT or a multiaddress";

impl Settings for NodeSettings {
    const PROGRAM: Program = Program { name: "lode-node", prefix: "LODE_NODE", file: "node.toml" };
    const KEYS: &'static [Key] = &[
        Key::new(
            ("network", "name"),
            Kind::Text,
            "network",
            "NAME|FILE",
            "mainnet, testnet, devnet, or the path of a network file",
            "mainnet, testnet, devnet, or the path of a network file",
        ),
        Key::new(
            ("network", "data_dir"),
            Kind::Text,
            "data-dir",
            "DIR",
            "a folder's path, without ~",
            "Where the chain is kept",
        )
        .unset("lode/NETWORK in the user's XDG data folder"),
        Key::new(
            ("api", "listen"),
            Kind::Text,
            "api",
            "ADDR",
            "IP:PORT",
            "Where the HTTP API listens. Anybody who reaches it can submit: keep it on loopback, \
             or behind a proxy",
        ),
        Key::new(
            ("api", "hosts"),
            Kind::List,
            "api-host",
            "NAME",
            "a host's name or IP address, without a port",
            "A name, besides this machine's own, that requests to the API may call the node by. \
             May be repeated",
        ),
        Key::new(
            ("mempool", "min_fee"),
            Kind::Number,
            "min-fee",
            "MICROCREDITS",
            "0 to 9223372036854775807 microcredits",
            "The least fee, in microcredits, of a transfer that this node takes",
        ),
        Key::new(
            ("mempool", "max_mib"),
            Kind::Number,
            "mempool-mib",
            "MIB",
            "1 to 1024 MiB",
            "Most MiB of waiting transactions",
        ),
        Key::new(
            ("ledger", "history"),
            Kind::Number,
            "history",
            "BLOCKS",
            "1000 to 4294967295 blocks",
            "Blocks below the tip whose state can be read, proven and undone",
        ),
        Key::new(
            ("peers", "enabled"),
            Kind::Switch(false),
            "no-p2p",
            "true|false",
            "true or false",
            "No peers at all: extend this node's own chain alone",
        )
        .under(PEERS),
        Key::new(
            ("peers", "listen"),
            Kind::List,
            "listen",
            "ADDR",
            "IP:PORT or a multiaddress with an IP address",
            "Where to listen for peers; 0.0.0.0:4130 lets everybody in. May be repeated",
        )
        .under(PEERS),
        Key::new(
            ("peers", "announce"),
            Kind::List,
            "announce",
            "ADDR",
            PEER_ADDRESS,
            "An address at which others reach this node, if not the one that it listens at. May be \
             repeated",
        )
        .under(PEERS),
        Key::new(
            ("peers", "seeds"),
            Kind::List,
            "seed-peer",
            "ADDR",
            PEER_ADDRESS,
            "A peer to stay connected to, and to find others through: HOST:PORT or a multiaddress. \
             May be repeated",
        )
        .under(PEERS),
        Key::new(
            ("peers", "connect_only"),
            Kind::Switch(true),
            "connect-only",
            "true|false",
            "true or false",
            "Dial the seed peers only, and look for no others",
        )
        .under(PEERS),
        Key::new(
            ("peers", "max_peers"),
            Kind::Number,
            "max-peers",
            "N",
            "2 to 1024 peers",
            "Most peers, both ways together",
        )
        .under(PEERS),
        Key::new(
            ("sync", "minimum_work"),
            Kind::Text,
            "minimum-work",
            "WORK",
            "a chain's work, a decimal number below 2^256",
            "Store no chain with less work than this; /status shows a chain's work",
        )
        .unset(THE_NETWORKS)
        .under(PEERS),
        Key::new(
            ("sync", "assume_valid"),
            Kind::Text,
            "assume-valid",
            "HEIGHT:HASH",
            "HEIGHT:HASH, the hash as 64 hexadecimal digits",
            "Do not check shares' proofs and signatures again up to this block, if the chain has \
             it",
        )
        .unset(THE_NETWORKS)
        .under(PEERS),
        Key::new(
            ("log", "filter"),
            Kind::Text,
            "log",
            "FILTER",
            "LEVEL or TARGET=LEVEL, several with commas between; a level is off, error, warn, \
             info, debug or trace",
            "What is logged: LEVEL or TARGET=LEVEL, several with commas between",
        )
        .also("RUST_LOG"),
    ];
}
