//! `lode-node`: a full node for operators.

mod progress;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use crate::progress::Screen;
use anyhow::anyhow;
use clap::{Args, Parser, Subcommand};
use lode_consensus::{ChainWork, Hash, Height};
use lode_core::{MempoolLimits, sync::SyncConfig};
use lode_genesis::Network;
use lode_ledger::{LedgerOptions, MIN_HISTORY, fsck::Depth};
use lode_network::{Multiaddr, address};
use lode_node::{Node, NodeConfig, PeersConfig, default_data_dir, run_fsck};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

/// What is logged unless RUST_LOG says otherwise: libraries speak of single connections, which concern nobody.
const DEFAULT_LOG: &str = "info,libp2p_gossipsub=error,libp2p_kad=error,libp2p_swarm=error,netlink_proto=error";

/// A full node of the Lode proof-mining chain: keeps the ledger, follows its peers, takes transactions and attempts, serves
/// the HTTP API.
///
/// Examples:
///
///   lode-node --network devnet
///
///   lode-node --network my-network.toml --listen 0.0.0.0:4130 --seed-peer node.example.org:4130
///
///   lode-node --data-dir /srv/lode --api 127.0.0.1:4040 --no-p2p
///
///   lode-node fsck --network devnet --proofs
///
/// Ctrl-C flushes everything and exits; the next start goes on where this one ended. The log's detail follows
/// RUST_LOG (error, warn, info, debug).
#[derive(Debug, Parser)]
#[command(name = "lode-node", version, verbatim_doc_comment, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    place: Place,
    /// Where the HTTP API listens. Anybody who reaches it can submit: keep it on loopback, or behind a proxy
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3030")]
    api: SocketAddr,
    /// The least fee, in microcredits, of a transfer that this node takes; longer transactions need more, in proportion
    #[arg(long, value_name = "MICROCREDITS", default_value_t = MempoolLimits::default().min_fee)]
    min_fee: u64,
    /// Most MiB of waiting transactions
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    mempool_mib: u16,
    /// Blocks below the tip whose state can be read, proven and undone
    #[arg(long, value_name = "BLOCKS", default_value_t = LedgerOptions::default().history,
          value_parser = clap::value_parser!(u32).range(i64::from(MIN_HISTORY)..))]
    history: u32,
    #[command(flatten)]
    peers: Peers,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Peers")]
struct Peers {
    /// Where to listen for peers; 0.0.0.0:4130 lets everybody in. May be repeated
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4130", value_parser = listen_address)]
    listen: Vec<Multiaddr>,
    /// An address at which others reach this node, if not the one that it listens at. May be repeated
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    announce: Vec<Multiaddr>,
    /// A peer to stay connected to, and to find others through: HOST:PORT or a multiaddress. May be repeated
    #[arg(long, value_name = "ADDR", value_parser = address::parse)]
    seed_peer: Vec<Multiaddr>,
    /// Dial the seed peers only, and look for no others
    #[arg(long, requires = "seed_peer")]
    connect_only: bool,
    /// Most peers, both ways together
    #[arg(long, value_name = "N", default_value_t = PeersConfig::default().max_peers,
          value_parser = clap::value_parser!(u32).range(2..=1024))]
    max_peers: u32,
    /// No peers at all: extend this node's own chain alone
    #[arg(long, conflicts_with_all = ["listen", "announce", "seed_peer", "connect_only", "max_peers"])]
    no_p2p: bool,
    /// Store no chain with less work than this; /status shows a chain's work [default: the network file's]
    #[arg(long, value_name = "WORK")]
    minimum_work: Option<ChainWork>,
    /// Do not check shares' proofs and signatures again up to this block, if the chain has it [default: the network file's]
    #[arg(long, value_name = "HEIGHT:HASH", value_parser = height_and_hash)]
    assume_valid: Option<(Height, Hash)>,
}

impl Peers {
    fn config(&self, network: &Network) -> Option<PeersConfig> {
        let sync = SyncConfig {
            minimum_work: self.minimum_work.unwrap_or(network.sync.minimum_work),
            assume_valid: self.assume_valid.or(network.sync.assume_valid),
            ..SyncConfig::default()
        };
        (!self.no_p2p).then(|| PeersConfig {
            listen: self.listen.clone(),
            announce: self.announce.clone(),
            seeds: self.seed_peer.clone(),
            connect_only: self.connect_only,
            max_peers: self.max_peers,
            sync,
        })
    }
}

/// An address with an IP address in it: names are for dialling.
fn listen_address(text: &str) -> Result<Multiaddr, String> {
    let parsed = address::parse(text).map_err(|error| error.to_string())?;
    match address::ip_of(&parsed) {
        Some(_) => Ok(parsed),
        None => Err(format!("{text:?} has no IP address to listen on")),
    }
}

fn height_and_hash(text: &str) -> Result<(Height, Hash), String> {
    let (height, hash) = text.split_once(':').ok_or("expected HEIGHT:HASH")?;
    let height = height.parse().map_err(|error| format!("height: {error}"))?;
    Ok((height, hash.parse().map_err(|error| format!("hash: {error}"))?))
}

#[derive(Debug, Args)]
struct Place {
    /// mainnet, testnet, devnet, or the path of a network file
    #[arg(long, value_name = "NAME|FILE", default_value = "devnet")]
    network: String,
    /// Where the chain is kept [default: lode/NETWORK in the user's XDG data folder]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay the whole chain from genesis and compare every record with the ledger's. No node may be running on it
    Fsck {
        #[command(flatten)]
        place: Place,
        /// Check all proofs and signatures again as well: much slower
        #[arg(long)]
        proofs: bool,
    },
}

impl Place {
    fn config(&self) -> anyhow::Result<NodeConfig> {
        let network = Network::load(&self.network)?;
        let data_dir = match &self.data_dir {
            Some(data_dir) => data_dir.clone(),
            None => default_data_dir(&network.params.name)?,
        };
        Ok(NodeConfig {
            network,
            data_dir,
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
            mempool: MempoolLimits::default(),
            ledger: LedgerOptions::default(),
            peers: None,
        })
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help) if !help.use_stderr() => help.exit(),
        Err(error) => {
            eprintln!("lode-node: {} (see --help)", usage_line(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    let screen = Screen::new();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    let log = screen.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(screen.is_terminal())
        .with_writer(move || log.clone())
        .init();
    let done = match &cli.command {
        Some(Command::Fsck { place, proofs }) => fsck(place, *proofs),
        None => run(&cli, screen),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Each error's line holds its cause's already.
            eprintln!("lode-node: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong, out of clap's several lines.
fn usage_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what: Vec<&str> =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more")).collect();
    what.join(" ").trim_start_matches("error: ").to_owned()
}

fn run(cli: &Cli, screen: Screen) -> anyhow::Result<()> {
    let mut config = cli.place.config()?;
    config.peers = cli.peers.config(&config.network);
    config.api = cli.api;
    config.mempool.min_fee = cli.min_fee;
    config.mempool.max_bytes = usize::from(cli.mempool_mib) << 20;
    config.ledger.history = cli.history;
    if !config.api.ip().is_loopback() {
        warn!("the API listens on {}, beyond this machine: anybody there can submit", config.api);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| anyhow!("cannot start threads: {error}"))?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut node = Node::start(config).await?;
        if let Some(peers) = node.peers() {
            for address in peers.client().view().addresses() {
                info!("peers reach this node at {address}");
            }
            tokio::spawn(progress::show(peers.status(), screen));
        }
        info!("API on http://{}/{}", node.api(), node.ledger().params().name);
        let failure = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            error = node.failed() => Some(error),
        };
        match failure {
            Some(error) => Err(error.into()),
            None => {
                info!("stopping");
                node.stop().await?;
                info!("everything is on disk");
                Ok(())
            }
        }
    })
}

fn fsck(place: &Place, proofs: bool) -> anyhow::Result<()> {
    let depth = if proofs { Depth::Proofs } else { Depth::Replay };
    let report = run_fsck(&place.config()?, depth, |height, tip| info!("fsck: block {height} of {tip}"))?;
    println!("fsck: {} blocks replayed, {} records compared: all equal", report.blocks, report.records);
    Ok(())
}
