//! `lode-node`: a full node for operators.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand};
use lode_genesis::Network;
use lode_ledger::{LedgerOptions, MIN_HISTORY, fsck::Depth};
use lode_node::{MempoolLimits, Node, NodeConfig, default_data_dir, run_fsck};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

/// A full node of the Lode proof-mining chain: keeps the ledger, takes transactions and attempts, serves the HTTP API.
///
/// Examples:
///
///   lode-node --network devnet
///
///   lode-node --network my-network.toml --data-dir /srv/lode --api 127.0.0.1:4040
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
    /// The least fee, in microcredits, of a transaction that this node takes
    #[arg(long, value_name = "MICROCREDITS", default_value_t = MempoolLimits::default().min_fee)]
    min_fee: u64,
    /// Most MiB of waiting transactions
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    mempool_mib: u16,
    /// Blocks below the tip whose state can be read, proven and undone
    #[arg(long, value_name = "BLOCKS", default_value_t = LedgerOptions::default().history,
          value_parser = clap::value_parser!(u32).range(i64::from(MIN_HISTORY)..))]
    history: u32,
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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let done = match &cli.command {
        Some(Command::Fsck { place, proofs }) => fsck(place, *proofs),
        None => run(&cli),
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

fn run(cli: &Cli) -> anyhow::Result<()> {
    let mut config = cli.place.config()?;
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
