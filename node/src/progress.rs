//! The progress of the sync: a bar on a terminal, a line now and then elsewhere.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use lode_core::sync::{SyncState, SyncStatus};
use tokio::sync::watch;
use tracing::info;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// A node that is this close to its peers shows nothing: that is how blocks come.
const NEAR: u32 = 8;

/// Where the log and the bar are drawn: standard error, also if it is closed.
#[derive(Debug, Clone)]
pub struct Screen(MultiProgress);

impl Default for Screen {
    fn default() -> Self {
        Self(MultiProgress::with_draw_target(lode_app::terminal::stderr()))
    }
}

impl Screen {
    pub(crate) fn is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }
}

impl Write for Screen {
    /// Writes a line of the log above the bar. Reports success even if the line could not be
    /// written: the reader may be a log rotator that is being restarted, which is no reason to
    /// stop; and the subscriber would report a failure on standard error, and panic.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.suspend(|| io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    what: &'static str,
    done: u32,
    of: u32,
}

impl Step {
    /// The step that a node is at, unless it is where its peers are.
    fn of(status: &SyncStatus) -> Option<Self> {
        let (what, done, of) = match status.state {
            SyncState::Headers => ("headers", status.proven_header_height, status.peers_height),
            SyncState::Bodies => ("blocks", status.tip.0, status.best_header_height),
            SyncState::Synced | SyncState::Halted => return None,
        };
        (of.saturating_sub(done) > NEAR).then_some(Self { what, done, of })
    }
}

/// Shows the progress until the node stops.
pub(crate) async fn show(mut status: watch::Receiver<SyncStatus>, screen: Screen) {
    let mut bar: Option<(&'static str, ProgressBar)> = None;
    let mut last_line: Option<Instant> = None;
    loop {
        let step = Step::of(&status.borrow_and_update());
        match step {
            Some(step) if screen.is_terminal() => {
                if bar.as_ref().is_none_or(|(what, _)| *what != step.what) {
                    clear(&mut bar);
                    bar = Some((step.what, screen.0.add(new_bar(step))));
                }
                if let Some((_, bar)) = &bar {
                    bar.set_length(step.of.into());
                    bar.set_position(step.done.into());
                }
            }
            Some(step) => {
                if last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
                    last_line = Some(Instant::now());
                    info!("sync: {} {} of {}", step.what, step.done, step.of);
                }
            }
            None => clear(&mut bar),
        }
        if status.changed().await.is_err() {
            clear(&mut bar);
            return;
        }
    }
}

fn clear(bar: &mut Option<(&'static str, ProgressBar)>) {
    if let Some((_, bar)) = bar.take() {
        bar.finish_and_clear();
    }
}

fn new_bar(step: Step) -> ProgressBar {
    let template = "{prefix:>8} {bar:40.cyan/238} {pos}/{len}  {rate}/s, {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // The writer is a string: nothing can fail.
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let _ = write!(text, "{:.0}", state.per_sec());
    };
    let bar = ProgressBar::new(step.of.into())
        .with_style(style.with_key("rate", rate).progress_chars("━╸─"));
    let bar = bar.with_prefix(step.what).with_position(step.done.into());
    // The rate is that of this run, not of what was there before.
    bar.reset_eta();
    bar
}

#[cfg(test)]
mod tests {
    use lode_consensus::Hash;

    use super::*;

    #[test]
    fn a_step_shows_what_is_left_of_it_and_nothing_near_the_tip() {
        let at = |state, tip, proven, headers, peers| {
            let status = SyncStatus {
                state,
                tip: (tip, Hash::ZERO),
                tip_timestamp_ms: 0,
                best_header_height: headers,
                proven_header_height: proven,
                peers_height: peers,
                peers: 1,
                clock: None,
                ready: false,
                reason: None,
            };
            Step::of(&status)
        };
        let step = |what, done, of| Some(Step { what, done, of });
        assert_eq!(at(SyncState::Headers, 10, 500, 10, 9_000), step("headers", 500, 9_000));
        assert_eq!(at(SyncState::Bodies, 10, 9_000, 9_000, 9_000), step("blocks", 10, 9_000));
        assert_eq!(at(SyncState::Bodies, 8_992, 9_000, 9_000, 9_000), None);
        assert_eq!(at(SyncState::Headers, 10, 9_005, 10, 9_000), None);
        assert_eq!(at(SyncState::Synced, 10, 10, 10, 9_000), None);
        assert_eq!(at(SyncState::Halted, 10, 10, 10, 9_000), None);
    }
}
