//! What a miner did so far: counters that any thread may raise, and snapshots of them.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use lode_consensus::Height;
use parking_lot::Mutex;

/// How often the number of attempts is written down for the rates.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// Samples kept: a minute, and one at either end.
const MAX_SAMPLES: usize = 62;

/// A snapshot of a miner's counters, since its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Complete proofs made.
    pub attempts: u64,
    /// How fast.
    pub rates: Rates,
    /// Shares that a node took.
    pub shares_accepted: u64,
    /// Blocks that a node took.
    pub blocks_found: u64,
    /// Winning attempts that came too late: the chain had moved on, or the node knew them already.
    pub stale: u64,
    /// Winning attempts that the node refused, although they passed our own verification.
    pub refused: u64,
    /// Winning attempts that failed our own verification, and were not submitted: the engine or the
    /// machine is broken.
    pub invalid: u64,
    /// Winning attempts that could not be handed in: the queue was full, or the node away for too
    /// long.
    pub lost: u64,
    /// Whether the last word from the node was good work.
    pub is_connected: bool,
    /// The height that is being mined, if there is work.
    pub job_height: Option<Height>,
    /// How long ago that job came.
    pub job_age: Option<Duration>,
    /// How long the miner runs.
    pub uptime: Duration,
}

/// Attempts per second, over three spans of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Over the last 10 seconds.
    pub over_10_s: f64,
    /// Over the last 60 seconds.
    pub over_60_s: f64,
    /// Since the start.
    pub overall: f64,
}

/// The live counters.
#[derive(Debug)]
pub(crate) struct Counters {
    started: Instant,
    /// When, and how many attempts there were then; oldest first, never empty.
    samples: Mutex<VecDeque<(Instant, u64)>>,
    pub(crate) attempts: Counter,
    pub(crate) shares_accepted: Counter,
    pub(crate) blocks_found: Counter,
    pub(crate) stale: Counter,
    pub(crate) refused: Counter,
    pub(crate) invalid: Counter,
    pub(crate) lost: Counter,
    pub(crate) is_connected: AtomicBool,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            samples: Mutex::new(VecDeque::from([(now, 0)])),
            attempts: Counter::default(),
            shares_accepted: Counter::default(),
            blocks_found: Counter::default(),
            stale: Counter::default(),
            refused: Counter::default(),
            invalid: Counter::default(),
            lost: Counter::default(),
            is_connected: AtomicBool::new(false),
        }
    }

    /// Writes down how many attempts there are; to be called every [`SAMPLE_INTERVAL`].
    pub(crate) fn sample(&self, now: Instant) {
        let mut samples = self.samples.lock();
        if samples.len() == MAX_SAMPLES {
            samples.pop_front();
        }
        samples.push_back((now, self.attempts.get()));
    }

    /// A snapshot, without what belongs to the job.
    pub(crate) fn snapshot(&self, now: Instant) -> Stats {
        let attempts = self.attempts.get();
        let samples = self.samples.lock();
        let over = |window: Duration| {
            let is_old_enough =
                |(then, _): &&(Instant, u64)| now.saturating_duration_since(*then) >= window;
            let reference = samples.iter().rev().find(is_old_enough).or(samples.front());
            reference.map_or(0.0, |(then, before)| {
                rate_per_s(attempts.saturating_sub(*before), now.saturating_duration_since(*then))
            })
        };
        let uptime = now.saturating_duration_since(self.started);
        Stats {
            attempts,
            rates: Rates {
                over_10_s: over(Duration::from_secs(10)),
                over_60_s: over(Duration::from_secs(60)),
                overall: rate_per_s(attempts, uptime),
            },
            shares_accepted: self.shares_accepted.get(),
            blocks_found: self.blocks_found.get(),
            stale: self.stale.get(),
            refused: self.refused.get(),
            invalid: self.invalid.get(),
            lost: self.lost.get(),
            is_connected: self.is_connected.load(Ordering::Relaxed),
            job_height: None,
            job_age: None,
            uptime,
        }
    }
}

/// `count` per second of `elapsed`; 0 where hardly any time has passed.
pub(crate) fn rate_per_s(count: u64, elapsed: Duration) -> f64 {
    if elapsed < Duration::from_millis(1) { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_look_back_as_far_as_they_say() {
        let start = Instant::now();
        let counters = Counters::new(start);
        assert_eq!(counters.snapshot(start).rates, Rates::default());
        // 100 seconds at 2 per second, then 20 seconds at 5 per second.
        for second in 1..=120 {
            counters.attempts.add(if second <= 100 { 2 } else { 5 });
            counters.sample(start + Duration::from_secs(second));
        }
        let stats = counters.snapshot(start + Duration::from_secs(120));
        assert_eq!(stats.attempts, 300);
        assert_eq!(stats.rates.over_10_s, 5.0);
        assert_eq!(stats.rates.over_60_s, (40.0 * 2.0 + 20.0 * 5.0) / 60.0);
        assert_eq!(stats.rates.overall, 2.5);
        assert_eq!(stats.uptime, Duration::from_secs(120));
    }

    #[test]
    fn a_young_miner_is_measured_since_its_start() {
        let start = Instant::now();
        let counters = Counters::new(start);
        counters.attempts.add(8);
        counters.sample(start + Duration::from_secs(3));
        let rates = counters.snapshot(start + Duration::from_secs(4)).rates;
        assert_eq!(rates, Rates { over_10_s: 2.0, over_60_s: 2.0, overall: 2.0 });
    }

    #[test]
    fn samples_do_not_pile_up() {
        let start = Instant::now();
        let counters = Counters::new(start);
        for second in 1..=1000 {
            counters.sample(start + Duration::from_secs(second));
        }
        assert_eq!(counters.samples.lock().len(), MAX_SAMPLES);
    }
}
