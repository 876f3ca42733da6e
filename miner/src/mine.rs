//! `lode-miner mine`: a miner on the command line, until it is told to stop.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use lode_api::{
    Backoff,
    client::{Limits, NodeClient},
};
use lode_cuda::{CudaEngine, DeviceState, DeviceStatus};
use lode_puzzle::LogSize;

use crate::{
    JOB_LIFETIME, MineOptions, Miner, MinerConfig, MinerError, MinerEvent, Priority, Stats, jobs,
    miner,
    rig::{Rig, RigError},
};

/// How often the status line of a terminal is drawn, and how soon an interrupt is noticed.
const TICK: Duration = Duration::from_millis(200);
/// How often the status is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(30);
/// What a shell sees when the second Ctrl-C ends the process: 128 + SIGINT.
const KILLED_EXIT_CODE: i32 = 130;

/// Why mining did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no engine.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// The miner does not start.
    #[error(transparent)]
    Miner(#[from] MinerError),
    /// Ctrl-C cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[from] ctrlc::Error),
    /// The last device was disabled.
    #[error("no device is left to mine with; {0}")]
    Exhausted(String),
    /// A thread died.
    #[error("{0}")]
    Died(String),
    /// Nothing can be printed any more.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Mines until Ctrl-C or SIGTERM, and returns a summary in one line. A second Ctrl-C ends the
/// process at once.
///
/// # Errors
/// [`Error`]
pub fn run(args: &MinerConfig) -> Result<String, Error> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = interrupted.clone();
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(KILLED_EXIT_CODE);
        }
    })?;

    // Before the node is asked, which may take long.
    args.engine.pick_devices()?;
    let mut screen = Screen::new();
    let log_n = match args.log_n {
        Some(log_n) => log_n,
        None => match ask_log_n(args, &interrupted, &mut screen)? {
            Some(log_n) => log_n,
            None => return Ok("stopped before the node gave work".to_owned()),
        },
    };
    let rig = Rig::new(&args.engine, log_n)?;
    let threads = rig.threads(args.threads)?;
    let Rig { engine, verifier, description, cuda } = rig;
    let MinerConfig { node, address, network, .. } = args;
    // The threads of GPUs wait nearly all the time, and what they wait for must not wait for them.
    let priority = if cuda.is_some() { Priority::Normal } else { args.priority };
    let options = MineOptions {
        node: node.clone(),
        network: network.clone(),
        address: *address,
        threads,
        priority,
    };

    let plural = if threads == 1 { "" } else { "s" };
    screen.line(&format!(
        "mining for {address} at {node}: {description}, {threads} thread{plural}"
    ))?;
    for status in cuda.iter().flat_map(|cuda| cuda.status()) {
        screen.line(&format!("with {}", status.device))?;
    }
    let miner = Miner::start(options, engine, verifier)?;
    let printed = follow(&miner, cuda.as_deref(), &interrupted, &mut screen);
    let failure = miner.failure();
    miner.stop();
    match printed {
        // The reader of the output has closed it, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(summary(&miner.stats()));
        }
        printed => printed?,
    }
    while let Some(event) = miner.next_event(Duration::ZERO) {
        screen.event(&event)?;
    }
    screen.close();
    for status in cuda.iter().flat_map(|cuda| cuda.status()) {
        screen.line(&device_summary(&status))?;
    }
    let summary = summary(&miner.stats());
    if let Some(reason) = failure {
        screen.line(&summary)?;
        return Err(Error::Died(reason));
    }
    if cuda.is_some_and(|cuda| cuda.is_exhausted()) {
        Err(Error::Exhausted(summary))
    } else {
        Ok(summary)
    }
}

/// Asks the node for the size of its puzzle until it tells, or `interrupted` is set.
fn ask_log_n(
    args: &MinerConfig,
    interrupted: &AtomicBool,
    screen: &mut Screen,
) -> Result<Option<LogSize>, Error> {
    let url =
        args.node.parse().map_err(|source| MinerError::Node { got: args.node.clone(), source })?;
    let network = args.network.clone().map(miner::parse_network).transpose()?;
    let client = NodeClient::new(url, Limits::MINER);
    let mut backoff = Backoff::default();
    let mut last_failure = None;
    while !interrupted.load(Ordering::Relaxed) {
        match jobs::puzzle_size(&client, network.as_ref(), &args.address) {
            Ok(log_n) => return Ok(Some(log_n)),
            Err(error) => {
                let reason = error.to_string();
                if last_failure.as_ref() != Some(&reason) {
                    screen.event(&MinerEvent::Disconnected { reason: reason.clone() })?;
                    last_failure = Some(reason);
                }
            }
        }
        let again = Instant::now() + backoff.next_wait();
        while Instant::now() < again && !interrupted.load(Ordering::Relaxed) {
            thread::sleep(TICK);
        }
    }
    Ok(None)
}

/// Shows what happens until it is interrupted, its output is closed, a thread died, or no device is
/// left.
fn follow(
    miner: &Miner,
    cuda: Option<&CudaEngine>,
    interrupted: &AtomicBool,
    screen: &mut Screen,
) -> io::Result<()> {
    let is_over = || interrupted.load(Ordering::Relaxed) || miner.failure().is_some();
    while !is_over() && !cuda.is_some_and(CudaEngine::is_exhausted) {
        if let Some(event) = miner.next_event(TICK) {
            screen.event(&event)?;
        }
        let devices = cuda.map(CudaEngine::status).unwrap_or_default();
        screen.status(|| status(&miner.stats(), &devices))?;
    }
    Ok(())
}

/// Where the output goes.
enum Screen {
    /// A live status line at the bottom, events above it.
    Terminal(ProgressBar),
    /// Plain lines: events as they come, and the status now and then.
    Lines {
        /// When the status was printed.
        printed: Instant,
    },
}

impl Screen {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, lode_app::terminal::stdout());
        // No terminal, or one that cannot move its cursor: what a hidden bar is given would be
        // lost.
        if bar.is_hidden() {
            return Self::Lines { printed: Instant::now() };
        }
        // The template is a constant: should it ever be wrong, indicatif's own is good enough.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        Self::Terminal(bar)
    }

    fn line(&self, line: &str) -> io::Result<()> {
        match self {
            Self::Terminal(bar) if !bar.is_finished() => {
                bar.println(line);
                Ok(())
            }
            _ => writeln!(io::stdout(), "{line}"),
        }
    }

    fn event(&self, event: &MinerEvent) -> io::Result<()> {
        let (line, is_failure) = describe(event);
        match self {
            // Failures go to standard error where the two can be told apart.
            Self::Lines { .. } if is_failure => writeln!(io::stderr(), "{line}"),
            _ => self.line(&line),
        }
    }

    fn status(&mut self, status: impl FnOnce() -> String) -> io::Result<()> {
        match self {
            Self::Terminal(bar) => {
                bar.set_message(status());
                bar.tick();
            }
            Self::Lines { printed } if printed.elapsed() >= LINE_INTERVAL => {
                *printed = Instant::now();
                writeln!(io::stdout(), "{}", status())?;
            }
            Self::Lines { .. } => {}
        }
        Ok(())
    }

    fn close(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// An event in one line, and whether it is a failure.
fn describe(event: &MinerEvent) -> (String, bool) {
    match event {
        MinerEvent::Connected { network } => (format!("connected: mining {network}"), false),
        MinerEvent::BlockFound { height, hash } => (format!("block {height} found: {hash}"), false),
        MinerEvent::ShareAccepted { height } => {
            (format!("share accepted at height {height}"), false)
        }
        MinerEvent::Stale { reason } => (format!("stale: {reason}"), false),
        MinerEvent::Disconnected { reason } => (format!("no work: {reason}; trying again"), true),
        MinerEvent::Paused => {
            (format!("paused: no word from the node for {} s", JOB_LIFETIME.as_secs()), true)
        }
        MinerEvent::Refused { reason } => {
            (format!("REFUSED, though it passed our own check: {reason}"), true)
        }
        MinerEvent::Invalid { reason } => {
            (format!("INVALID PROOF, not submitted; engine or machine is broken: {reason}"), true)
        }
        MinerEvent::DeviceFailed { reason } => (reason.clone(), true),
        MinerEvent::Lost { reason } => (format!("LOST a winning attempt: {reason}"), true),
        MinerEvent::EngineFailed { reason } => (format!("{reason}; trying again"), true),
    }
}

/// The live line.
fn status(stats: &Stats, devices: &[DeviceStatus]) -> String {
    let rates = &stats.rates;
    let work = match (stats.job_height, stats.job_age) {
        (Some(height), Some(age)) => format!("height {height}, job {} s", age.as_secs()),
        _ => "no work".to_owned(),
    };
    let devices = devices
        .iter()
        .map(|status| format!(" · GPU {} {}", status.device.index, device_rate(status)));
    format!(
        "{:.1}/s (60 s: {:.1}, all: {:.1}) · {work}{} · {}{}",
        rates.over_10_s,
        rates.over_60_s,
        rates.overall,
        if stats.is_connected { "" } else { ", no node" },
        outcome(stats),
        devices.collect::<String>(),
    )
}

/// How fast a device is, or why it does nothing.
fn device_rate(status: &DeviceStatus) -> String {
    match &status.state {
        DeviceState::New | DeviceState::Starting => "starting".to_owned(),
        DeviceState::Ready => format!("{:.1}/s", status.attempts_per_s()),
        DeviceState::Waiting => "failed, waiting".to_owned(),
        DeviceState::Disabled { .. } => "DISABLED".to_owned(),
    }
}

/// What a device did, in one line.
fn device_summary(status: &DeviceStatus) -> String {
    let DeviceStatus { device, attempts, wrong, starts, state, .. } = status;
    let mut text =
        format!("{device}: {attempts} attempts, {:.1}/s while at work", status.attempts_per_s());
    for (count, what) in [(*wrong, "WRONG"), (starts.saturating_sub(1), "restarts")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    if let DeviceState::Disabled { reason } = state {
        text.push_str(&format!(", DISABLED: {reason}"));
    }
    text
}

/// The last line.
fn summary(stats: &Stats) -> String {
    let uptime = stats.uptime.as_secs();
    format!(
        "stopped after {} h {:02} min {:02} s: {:.1} attempts/s · {}",
        uptime / 3600,
        uptime / 60 % 60,
        uptime % 60,
        stats.rates.overall,
        outcome(stats),
    )
}

fn outcome(stats: &Stats) -> String {
    let Stats { attempts, shares_accepted, blocks_found, stale, refused, invalid, lost, .. } =
        stats;
    let mut text = format!(
        "{shares_accepted} shares, {blocks_found} blocks, {stale} stale, {refused} refused"
    );
    for (count, what) in [(invalid, "INVALID"), (lost, "LOST")] {
        if *count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text.push_str(&format!(" · {attempts} attempts"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_show_only_when_there_are_any() {
        let mut stats = Stats {
            attempts: 7,
            shares_accepted: 2,
            uptime: Duration::from_secs(3725),
            ..Stats::default()
        };
        let expected = "stopped after 1 h 02 min 05 s: 0.0 attempts/s · 2 shares, 0 blocks, \
                        0 stale, 0 refused · 7 attempts";
        assert_eq!(summary(&stats), expected);
        stats.invalid = 3;
        assert!(summary(&stats).ends_with(", 0 refused, 3 INVALID · 7 attempts"));
    }

    #[test]
    fn the_status_says_what_is_missing() {
        let mut stats = Stats::default();
        assert!(status(&stats, &[]).contains("no work, no node"));
        stats.is_connected = true;
        stats.job_height = Some(58);
        stats.job_age = Some(Duration::from_millis(3999));
        assert!(status(&stats, &[]).contains("· height 58, job 3 s ·"));
    }
}
