//! `lode devnet`: a node and a miner in one process, over the same API that two machines would use.
//!
//! What must not be broken: whatever ends the command (Ctrl-C, the height asked for, a node that fails), the miner stops
//! first and the node writes everything out.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lode_consensus::{Address, Height};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerOptions, Reader};
use lode_miner::{
    MineOptions, Miner, MinerEvent, Priority, Stats,
    rig::{EngineArgs, Rig},
};
use lode_node::{MempoolLimits, Node, NodeConfig, default_data_dir};
use tokio::signal::unix::{SignalKind, signal};

use super::CommandError;
use crate::{
    amount::Credits,
    cli::KeystoreArgs,
    keystore::{AccountName, Keystore},
};

/// The network, and the name of the account that is made on first use.
pub const DEVNET: &str = "devnet";
/// How often the display is drawn anew.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Flags of `lode devnet`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lode devnet                          mine until Ctrl-C; the next start goes on from there
  lode devnet --until-height 50        stop at height 50
  lode transfer --to alice --amount 1  in another terminal: pays from the devnet's own account")]
pub struct DevnetArgs {
    /// Where the chain is kept [default: lode/devnet in your data folder, ~/.local/share]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where the HTTP API listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3030")]
    pub api: SocketAddr,
    /// Proving threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Stop when the chain has reached this height.
    #[arg(long, value_name = "N")]
    pub until_height: Option<Height>,
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
}

fn node_error(error: impl std::fmt::Display) -> CommandError {
    DevnetError::Node(error.to_string()).into()
}

/// Carries out `lode devnet`.
///
/// # Errors
/// [`CommandError`]: the keystore, the node or the miner.
pub fn run(args: &DevnetArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let address = account(&keystore)?;
    let network = Network::load(DEVNET).map_err(node_error)?;
    let data_dir = match &args.data_dir {
        Some(data_dir) => data_dir.clone(),
        None => default_data_dir(DEVNET).map_err(node_error)?,
    };
    let rig = Rig::new(&EngineArgs::default(), network.params.log_n)
        .map_err(|error| DevnetError::Miner(error.to_string()))?;
    let config = NodeConfig {
        network,
        data_dir: data_dir.clone(),
        api: args.api,
        mempool: MempoolLimits::default(),
        ledger: LedgerOptions::default(),
        peers: None,
    };

    let runtime = tokio::runtime::Runtime::new().map_err(node_error)?;
    let mut node = runtime.block_on(Node::start(config)).map_err(node_error)?;
    writeln!(out, "devnet   http://{}/{DEVNET}", node.api())?;
    writeln!(out, "account  {address}")?;
    writeln!(out, "         in {}", keystore.dir().display())?;
    writeln!(
        out,
        "chain    {}, height {}",
        data_dir.display(),
        node.ledger().read().tip_height().map_err(node_error)?
    )?;
    writeln!(out, "Ctrl-C stops it; the next start goes on from there.")?;
    out.flush()?;

    let options = MineOptions {
        node: format!("http://{}", node.api()),
        network: Some(DEVNET.to_owned()),
        address,
        threads: args.threads.map_or_else(all_cores, usize::from),
        priority: Priority::Lowest,
    };
    let miner =
        Miner::start(options, rig.engine, rig.verifier).map_err(|error| DevnetError::Miner(error.to_string()))?;
    let ledger = node.ledger().clone();
    let watched = runtime.block_on(watch(&ledger, &miner, &mut node, address, args.until_height, out));
    miner.stop();
    let stopped = runtime.block_on(node.stop()).map_err(node_error);
    let height = watched?;
    stopped?;
    writeln!(out, "stopped at height {height}; everything is on disk")?;
    Ok(())
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

/// Shows progress until something ends it; gives the height reached.
async fn watch(
    ledger: &Ledger,
    miner: &Miner,
    node: &mut Node,
    address: Address,
    until_height: Option<Height>,
    out: &mut dyn Write,
) -> Result<Height, CommandError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut draw = tokio::time::interval(DRAW_INTERVAL);
    let mut display = Display::new(ledger);
    loop {
        let ended = tokio::select! {
            _ = draw.tick() => None,
            _ = interrupt.recv() => Some(Ok(())),
            _ = terminate.recv() => Some(Ok(())),
            error = node.failed() => Some(Err(error)),
        };
        let view = Progress::read(&ledger.read(), ledger, address, miner.stats()).map_err(node_error)?;
        display.show(&view, miner, out)?;
        let height = view.height;
        match ended {
            Some(Err(error)) => return Err(node_error(error)),
            Some(Ok(())) => return Ok(height),
            None if until_height.is_some_and(|until| height >= until) => return Ok(height),
            None => {}
        }
    }
}

/// What is shown, taken at one moment.
struct Progress {
    height: Height,
    epoch: u32,
    epoch_done: u32,
    epoch_length: u32,
    /// Weight of the account in the running epoch, and of all.
    shares: (u64, u64),
    balance: Credits,
    immature: Credits,
    stats: Stats,
}

impl Progress {
    fn read(
        reader: &Reader<'_>,
        ledger: &Ledger,
        address: Address,
        stats: Stats,
    ) -> Result<Self, lode_ledger::LedgerError> {
        let params = ledger.params();
        let height = reader.tip_height()?;
        let epoch = params.epoch_of(height);
        let shares = reader.epoch_shares(epoch)?;
        let immature = reader.immature(&address)?.iter().fold(0_u64, |sum, (_, amount)| sum.saturating_add(*amount));
        Ok(Self {
            height,
            epoch,
            epoch_done: height - params.epoch_start(epoch) + 1,
            epoch_length: params.epoch_length,
            shares: (shares.get(&address).copied().unwrap_or(0), shares.values().sum()),
            balance: Credits::from_microcredits(reader.account(&address)?.unwrap_or_default().balance),
            immature: Credits::from_microcredits(immature),
            stats,
        })
    }

    fn rate(&self) -> String {
        format!("{:.1} attempts/s", self.stats.rates.over_60_s)
    }

    fn line(&self) -> String {
        let Self { height, epoch, epoch_done, epoch_length, shares: (own, all), balance, immature, .. } = self;
        format!(
            "height {height}  epoch {epoch} ({epoch_done}/{epoch_length})  {}  shares {own} of {all}  \
             balance {balance} + {immature} maturing",
            self.rate()
        )
    }
}

/// A terminal's live lines, or plain lines elsewhere.
enum Display {
    Live { lines: MultiProgress, epoch: ProgressBar, chain: ProgressBar, account: ProgressBar },
    Plain { last_line: Option<Instant>, last_height: Height },
}

impl Display {
    fn new(ledger: &Ledger) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Plain { last_line: None, last_height: 0 };
        }
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let bar = |length, template: &str| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            lines.add(ProgressBar::new(length).with_style(style.progress_chars("━╸─")))
        };
        let length = u64::from(ledger.params().epoch_length);
        Self::Live {
            chain: bar(1, "{prefix:>9} {msg}"),
            epoch: bar(length, "{prefix:>9} {bar:40.cyan/238} {pos}/{len}  {msg}"),
            account: bar(1, "{prefix:>9} {msg}"),
            lines,
        }
    }

    fn show(&mut self, view: &Progress, miner: &Miner, out: &mut dyn Write) -> Result<(), CommandError> {
        while let Some(event) = miner.next_event(Duration::ZERO) {
            let Some(line) = describe(&event) else {
                continue;
            };
            match self {
                // Where the line cannot be drawn, the next one will be.
                Self::Live { lines, .. } => {
                    let _ = lines.println(line);
                }
                Self::Plain { .. } => writeln!(out, "{line}")?,
            }
        }
        match self {
            Self::Live { epoch, chain, account, .. } => {
                chain.set_prefix("height");
                chain.set_message(format!("{}  {}", view.height, view.rate()));
                epoch.set_prefix(format!("epoch {}", view.epoch));
                epoch.set_position(view.epoch_done.into());
                let (own, all) = view.shares;
                epoch.set_message(format!("{own} of {all} shares"));
                account.set_prefix("balance");
                account.set_message(format!("{} + {} maturing", view.balance, view.immature));
            }
            Self::Plain { last_line, last_height } => {
                let due = last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
                if due || view.height > *last_height {
                    (*last_line, *last_height) = (Some(Instant::now()), view.height);
                    writeln!(out, "{}", view.line())?;
                    out.flush()?;
                }
            }
        }
        Ok(())
    }
}

/// A line for what is worth one. Shares come too often.
fn describe(event: &MinerEvent) -> Option<String> {
    match event {
        MinerEvent::BlockFound { height, hash } => Some(format!("block {height} {hash}")),
        MinerEvent::Refused { reason } => Some(format!("refused: {reason}")),
        MinerEvent::Disconnected { reason } => Some(format!("the miner has lost the node: {reason}")),
        _ => None,
    }
}
