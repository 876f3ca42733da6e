//! Many runs, one on each core, and what they have in common.

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{Report, Scenario, run, schedule::Micros, tally::Tally};

/// Over many runs one count in 370 lies beyond three standard deviations by chance.
const THREE_SIGMA: f64 = 0.0027;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    pub first_seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Nodes of each run.
    pub nodes: usize,
    /// Simulated mining time of each run.
    pub duration: Micros,
    /// Whether proofs are bought and sold.
    pub has_market: bool,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Runs that were made.
    pub runs: u64,
    /// Each violation, with the seed of its run.
    pub violations: Vec<(u64, String)>,
    /// Honest miners over all runs.
    pub miners: u64,
    /// Those whose count lies beyond three standard deviations.
    pub beyond_three_sigma: u64,
    /// Blocks over all runs.
    pub blocks: u64,
    /// Events over all runs.
    pub events: u64,
    /// What happened in the markets of all runs.
    pub market: Tally,
}

impl Campaign {
    fn scenario(&self, seed: u64) -> Scenario {
        let scenario = Scenario::random(seed, self.nodes, self.duration);
        if self.has_market { scenario.with_market() } else { scenario }
    }

    /// Makes all runs; `progress` is told of each as it ends.
    pub fn run(&self, progress: impl Fn(&Report) + Sync) -> Summary {
        let next = AtomicU64::new(0);
        let summary = Mutex::new(Summary::default());
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= self.seeds {
                            return;
                        }
                        let seed = self.first_seed.wrapping_add(index);
                        let scenario = self.scenario(seed);
                        // A panic is a violation like any other: the seed says how to see it again.
                        let outcome = catch_unwind(AssertUnwindSafe(|| run(scenario)));
                        let mut summary = summary.lock();
                        match outcome {
                            Ok(report) => {
                                progress(&report);
                                summary.add(report);
                            }
                            Err(_) => summary.add_panic(seed),
                        }
                    }
                });
            }
        });
        let mut summary = summary.into_inner();
        summary.judge_fairness();
        summary
    }
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.runs += 1;
        self.violations
            .extend(report.violations.into_iter().map(|violation| (report.seed, violation)));
        self.miners += report.fairness.len() as u64;
        self.beyond_three_sigma +=
            report.fairness.iter().filter(|fair| fair.sigma.abs() > 3.0).count() as u64;
        self.blocks += u64::from(report.height);
        self.events += report.events;
        self.market += &report.market;
    }

    fn add_panic(&mut self, seed: u64) {
        self.runs += 1;
        self.violations.push((seed, "the run panicked: its message stands above".to_owned()));
    }

    /// Three standard deviations hold for each miner as often as chance says, itself within three
    /// standard deviations.
    fn judge_fairness(&mut self) {
        let expected = self.miners as f64 * THREE_SIGMA;
        let most = expected + 3.0 * expected.sqrt() + 1.0;
        if self.beyond_three_sigma as f64 > most {
            let text = format!(
                "{} of {} miners lie beyond three standard deviations, chance allows for {most:.0}",
                self.beyond_three_sigma, self.miners
            );
            self.violations.push((0, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_outliers_than_chance_allows_for_are_a_violation() {
        let judged = |beyond_three_sigma| {
            let mut summary = Summary { miners: 10_000, beyond_three_sigma, ..Summary::default() };
            summary.judge_fairness();
            summary.violations.len()
        };
        assert_eq!(judged(27), 0);
        assert_eq!(judged(60), 1);
    }
}
