//! Contenders in turns: what disturbs the machine then disturbs all of them alike, and the ratio of two neighbours is left.

use crate::{Case, load::Load};
use std::time::{Duration, Instant};

/// A sample is at least this long, so that neither clock nor wake-up counts.
const MIN_SAMPLE: Duration = Duration::from_millis(4);
/// Fewer rounds have no quartiles worth the name.
const MIN_ROUNDS: usize = 7;
/// More rounds make no median better.
const MAX_ROUNDS: usize = 101;

/// The times of a case.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Nanoseconds for an item: of each contender, one for each round.
    pub times_ns: Vec<Vec<f64>>,
    /// The share of the processors' time that other programs took meanwhile.
    pub others_share: f64,
}

/// Measures a case for about so long: in each round every contender once, always in the same order.
pub fn measure(case: &mut Case, budget: Duration) -> Samples {
    let repeats: Vec<usize> = case.contenders.iter_mut().map(|contender| repeats(&mut *contender.run)).collect();
    let (start, load) = (Instant::now(), Load::now());
    let mut times_ns = vec![Vec::new(); case.contenders.len()];
    for round in 0..MAX_ROUNDS {
        if round >= MIN_ROUNDS && start.elapsed() > budget {
            break;
        }
        for ((contender, repeats), times_ns) in case.contenders.iter_mut().zip(&repeats).zip(&mut times_ns) {
            let elapsed = time(&mut *contender.run, *repeats);
            times_ns.push(per_item_ns(elapsed, repeats * contender.items));
        }
    }
    Samples { times_ns, others_share: Load::now().others_share_since(&load) }
}

fn per_item_ns(elapsed: Duration, items: usize) -> f64 {
    elapsed.as_nanos() as f64 / items as f64
}

fn time(run: &mut dyn FnMut(), repeats: usize) -> Duration {
    let start = Instant::now();
    (0..repeats).for_each(|_| run());
    start.elapsed()
}

/// How often to run for a sample. Also warms the caches up.
fn repeats(run: &mut dyn FnMut()) -> usize {
    let mut repeats = 1;
    while time(run, repeats) < MIN_SAMPLE {
        repeats *= 2;
    }
    repeats
}

/// What repeated measurements of one quantity say.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spread {
    /// A quarter lies below.
    pub q1: f64,
    /// Half lies below.
    pub median: f64,
    /// A quarter lies above.
    pub q3: f64,
}

impl Spread {
    /// The quartiles, interpolated between neighbours.
    ///
    /// # Panics
    /// If there are no values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let position = share * (values.len() - 1) as f64;
            let (below, above) = (values[position.floor() as usize], values[position.ceil() as usize]);
            below + (above - below) * position.fract()
        };
        Self { q1: quantile(0.25), median: quantile(0.5), q3: quantile(0.75) }
    }

    /// Of the ratios of each round.
    pub fn of_ratios(over: &[f64], under: &[f64]) -> Self {
        Self::of(over.iter().zip(under).map(|(over, under)| over / under).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contender, Operation};
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn quartiles_lie_between_neighbours() {
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]), Spread { q1: 1.75, median: 2.5, q3: 3.25 });
        assert_eq!(Spread::of(vec![7.0]), Spread { q1: 7.0, median: 7.0, q3: 7.0 });
    }

    #[test]
    fn a_disturbed_round_leaves_the_ratio_alone() {
        let (over, under) = ([20.0, 22.0, 200.0, 20.0, 18.0], [10.0, 11.0, 100.0, 10.0, 9.0]);
        assert_eq!(Spread::of_ratios(&over, &under), Spread { q1: 2.0, median: 2.0, q3: 2.0 });
    }

    #[test]
    fn times_are_those_of_an_item() {
        assert_eq!(per_item_ns(Duration::from_micros(6), 4), 1500.0);
    }

    #[test]
    fn contenders_take_turns() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let contender = |name| {
            let order = order.clone();
            Contender::new(name, 1, move || {
                order.borrow_mut().push(name);
                std::thread::sleep(MIN_SAMPLE);
            })
        };
        let contenders = vec![contender("a"), contender("b")];
        let mut case = Case { operation: Operation::Ntt, log_n: 2, threads: 1, contenders };
        let samples = measure(&mut case, Duration::ZERO);
        assert!(samples.times_ns.iter().all(|times| times.len() == MIN_ROUNDS));
        let expected: Vec<_> = ["a", "b"].into_iter().cycle().take(2 * (MIN_ROUNDS + 1)).collect();
        assert_eq!(*order.borrow(), expected);
    }
}
