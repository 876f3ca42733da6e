//! What a devnet shows: live lines on a terminal, plain lines elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lode_consensus::{Address, Height};
use lode_ledger::{Ledger, LedgerError};
use lode_miner::{Miner, MinerEvent};

use super::nodes::Devnet;
use crate::{amount::Credits, commands::CommandError};

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What is shown, taken at one moment.
pub(super) struct Progress {
    /// The first node's height.
    pub(super) height: Height,
    epoch: u32,
    epoch_done: u32,
    epoch_length: u32,
    /// Weight of the account in the running epoch, and of all.
    shares: (u64, u64),
    balance: Credits,
    immature: Credits,
    attempts_per_s: f64,
    /// The heights of all nodes, if there are several.
    heights: Vec<Height>,
}

impl Progress {
    pub(super) fn read(devnet: &Devnet, address: Address) -> Result<Self, LedgerError> {
        let ledger = devnet.ledger();
        let reader = &ledger.read();
        let params = ledger.params();
        let height = reader.tip_height()?;
        let epoch = params.epoch_of(height);
        let shares = reader.epoch_shares(epoch)?;
        let immature = reader
            .immature(&address)?
            .iter()
            .fold(0_u64, |sum, (_, amount)| sum.saturating_add(*amount));
        Ok(Self {
            height,
            epoch,
            epoch_done: height - params.epoch_start(epoch) + 1,
            epoch_length: params.epoch_length,
            shares: (shares.get(&address).copied().unwrap_or(0), shares.values().sum()),
            balance: Credits::from_microcredits(
                reader.account(&address)?.unwrap_or_default().balance,
            ),
            immature: Credits::from_microcredits(immature),
            attempts_per_s: devnet.miners.iter().map(|miner| miner.stats().rates.over_60_s).sum(),
            heights: devnet.heights()?,
        })
    }

    fn rate(&self) -> String {
        format!("{:.1} attempts/s", self.attempts_per_s)
    }

    /// Where the nodes are, if there are several.
    fn nodes(&self) -> Option<String> {
        let heights: Vec<String> = self.heights.iter().map(ToString::to_string).collect();
        (heights.len() > 1).then(|| heights.join(" "))
    }

    fn line(&self) -> String {
        let Self {
            height,
            epoch,
            epoch_done,
            epoch_length,
            shares: (own, all),
            balance,
            immature,
            ..
        } = self;
        let nodes = self.nodes().map_or(String::new(), |nodes| format!("  nodes {nodes}"));
        format!(
            "height {height}{nodes}  epoch {epoch} ({epoch_done}/{epoch_length})  {}  shares {own} \
             of {all}  balance {balance} + {immature} maturing",
            self.rate()
        )
    }
}

/// A terminal's live lines, or plain lines elsewhere.
pub(super) enum Display {
    Live { lines: MultiProgress, epoch: ProgressBar, chain: ProgressBar, account: ProgressBar },
    Plain { last_line: Option<Instant>, last_height: Height },
}

impl Display {
    pub(super) fn new(ledger: &Ledger) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::Plain { last_line: None, last_height: 0 };
        }
        let lines = MultiProgress::with_draw_target(lode_app::terminal::stdout());
        let bar = |length, template: &str| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
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

    pub(super) fn show(
        &mut self,
        view: &Progress,
        miners: &[Miner],
        out: &mut dyn Write,
    ) -> Result<(), CommandError> {
        let events =
            miners.iter().flat_map(|miner| std::iter::from_fn(|| miner.next_event(Duration::ZERO)));
        let mut events: Vec<MinerEvent> = events.collect();
        // They come from one miner after another, and blocks are read from below.
        events.sort_by_key(|event| {
            if let MinerEvent::BlockFound { height, .. } = event { *height } else { 0 }
        });
        for line in events.iter().filter_map(describe) {
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
                let nodes =
                    view.nodes().map_or(String::new(), |nodes| format!("  (nodes at {nodes})"));
                chain.set_message(format!("{}{nodes}  {}", view.height, view.rate()));
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
        MinerEvent::Disconnected { reason } => {
            Some(format!("the miner has lost the node: {reason}"))
        }
        _ => None,
    }
}
