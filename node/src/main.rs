//! `lode-node`: a full node for operators.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use lode_app::{ConfigError, FlagSet, Flags, Inputs, Key, Loaded, output, panics, usage_line};
use lode_ledger::fsck::Depth;
use lode_node::{NodeConfig, NodeSettings, Screen, run, run_fsck, start_log};
use tracing::{info, warn};

/// A full node of the Lode proof-mining chain: keeps the ledger, follows its peers, takes
/// transactions and attempts, serves the HTTP API.
///
/// Examples:
///
///   lode-node --network devnet
///
///   lode-node --network my-network.toml --listen 0.0.0.0:4130 --seed-peer node.example.org:4130
///
///   lode-node --data-dir /srv/lode --api 127.0.0.1:4040 --no-p2p
///
///   lode-node config show --config /etc/lode/node.toml > copy.toml
///
///   lode-node fsck --network devnet --proofs
///
/// Everything can also stand in a file, and in the environment; a flag overrules both. Ctrl-C
/// flushes everything and exits; the next start goes on where this one ended.
///
/// Exit codes: 0 stopped as asked, 1 failed, 2 unusable configuration or flags, 70 a part of the
/// node died.
#[derive(Debug, Parser)]
#[command(
    name = "lode-node",
    version,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags<All>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay the whole chain from genesis and compare every record with the ledger's. No node may
    /// be running on it
    Fsck(Fsck),
    /// Check the configuration, or show it
    #[command(subcommand)]
    Config(Config),
}

#[derive(Debug, Args)]
struct Fsck {
    #[command(flatten)]
    flags: Flags<NetworkFlags>,
    /// Check all proofs and signatures again as well: much slower
    #[arg(long)]
    proofs: bool,
}

#[derive(Debug, Subcommand)]
enum Config {
    /// Say whether file, environment, these flags and the network's file make sense, or in one line
    /// what is wrong. Neither the data folder nor a port is touched
    Check(Flags<All>),
    /// Print what a node would run with, as a file that says of each value where it comes from
    Show(Flags<All>),
}

/// All keys have flags.
#[derive(Debug, Clone)]
struct All;

impl FlagSet for All {
    type Settings = NodeSettings;
}

/// Which chain, and where it is.
#[derive(Debug, Clone)]
struct NetworkFlags;

impl FlagSet for NetworkFlags {
    type Settings = NodeSettings;

    fn has(key: &Key) -> bool {
        key.section == "network"
    }
}

fn main() -> ExitCode {
    panics::run("lode-node", || match Cli::try_parse() {
        Ok(cli) => answer(&cli),
        Err(error) => match usage_line(&error) {
            Some(line) => unusable(&format!("{line} (see --help)")),
            None => output::print(&error.to_string(), complain),
        },
    })
}

fn answer(cli: &Cli) -> ExitCode {
    let answered = match &cli.command {
        None => start(&cli.flags),
        Some(Command::Fsck(args)) => fsck(args),
        Some(Command::Config(Config::Check(flags))) => check(flags),
        Some(Command::Config(Config::Show(flags))) => show(flags),
    };
    answered.unwrap_or_else(|error| {
        let hint = if error.is_about_a_flag() { " (see --help)" } else { "" };
        unusable(&format!("{error}{hint}"))
    })
}

fn start(flags: &Flags<All>) -> Result<ExitCode, ConfigError> {
    let loaded = load(flags)?;
    let config = NodeConfig::new(&loaded)?;
    let screen = Screen::default();
    log(&loaded, &screen);
    Ok(match run(config, screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, error.exit_code()),
    })
}

fn fsck(args: &Fsck) -> Result<ExitCode, ConfigError> {
    let loaded = load(&args.flags)?;
    let config = NodeConfig::new(&loaded)?;
    log(&loaded, &Screen::default());
    let depth = if args.proofs { Depth::Proofs } else { Depth::Replay };
    Ok(match run_fsck(&config, depth, |height, tip| info!("fsck: block {height} of {tip}")) {
        Ok(report) => {
            let (blocks, records) = (report.blocks, report.records);
            output::print(
                &format!("fsck: {blocks} blocks replayed, {records} records compared: all equal\n"),
                complain,
            )
        }
        Err(error) => failed(&error, output::FAILED),
    })
}

fn check(flags: &Flags<All>) -> Result<ExitCode, ConfigError> {
    let loaded = load(flags)?;
    NodeConfig::new(&loaded)?;
    loaded.warnings.iter().for_each(|line| complain(&format!("warning: {line}")));
    let file = loaded.file.map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    Ok(output::print(&format!("ok: {file}\n"), complain))
}

fn show(flags: &Flags<All>) -> Result<ExitCode, ConfigError> {
    let loaded = load(flags)?;
    loaded.warnings.iter().for_each(|line| complain(&format!("warning: {line}")));
    Ok(output::print(&lode_app::show(&loaded), complain))
}

/// The settings out of all layers.
fn load<F: FlagSet<Settings = NodeSettings>>(
    flags: &Flags<F>,
) -> Result<Loaded<NodeSettings>, ConfigError> {
    lode_app::load(&Inputs::of_process(flags)?)
}

/// Starts the log, and tells in it what is odd about the configuration.
fn log(loaded: &Loaded<NodeSettings>, screen: &Screen) {
    start_log(&loaded.settings.log.filter, screen);
    for line in &loaded.warnings {
        warn!("{line}");
    }
    if let Some(file) = &loaded.file {
        info!("configuration from {}", file.display());
    }
}

fn unusable(line: &str) -> ExitCode {
    failed(&line, output::UNUSABLE)
}

/// Each error's line holds its cause's already.
fn failed(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    complain(&error.to_string());
    ExitCode::from(code)
}

fn complain(line: &str) {
    output::complain(&format!("lode-node: {line}"));
}
