//! Contenders in turns: what disturbs the machine then disturbs all of them alike, and the ratio of
//! two neighbours is left.

use crate::{
    Case,
    load::{self, Load},
};
use std::time::{Duration, Instant};

/// A sample takes at least this much processor time, so that neither clock nor wake-up counts.
const MIN_SAMPLE: Duration = Duration::from_millis(4);
/// Longer samples are long enough, whatever the processors did meanwhile.
const LONG_SAMPLE: Duration = Duration::from_millis(100);
/// Fewer rounds have no quartiles worth the name.
const MIN_ROUNDS: usize = 7;
/// More rounds make no median better.
const MAX_ROUNDS: usize = 101;

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    /// Nanoseconds that passed.
    pub wall_ns: f64,
    /// Nanoseconds that processors spent on it, of all threads.
    pub cpu_ns: f64,
}

/// The times of a case.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Of an item: of each contender, one for each round.
    pub times: Vec<Vec<Time>>,
    /// The share of the processors' time that other programs took meanwhile.
    pub others_share: f64,
}

/// Measures a case for about so long: in each round every contender once, always in the same order.
pub fn measure(case: &mut Case, budget: Duration) -> Samples {
    let repeats: Vec<usize> =
        case.contenders.iter_mut().map(|contender| repeats(&mut *contender.run)).collect();
    let (start, load) = (Instant::now(), Load::now());
    let mut times = vec![Vec::new(); case.contenders.len()];
    for round in 0..MAX_ROUNDS {
        if round >= MIN_ROUNDS && start.elapsed() > budget {
            break;
        }
        for ((contender, repeats), times) in
            case.contenders.iter_mut().zip(&repeats).zip(&mut times)
        {
            times.push(per_item(time(&mut *contender.run, *repeats), repeats * contender.items));
        }
    }
    Samples { times, others_share: Load::now().others_share_since(&load) }
}

fn per_item([wall, cpu]: [Duration; 2], items: usize) -> Time {
    let [wall_ns, cpu_ns] = [wall, cpu].map(|time| time.as_nanos() as f64 / items as f64);
    Time { wall_ns, cpu_ns }
}

/// The time that passed, and that of the processors.
fn time(run: &mut dyn FnMut(), repeats: usize) -> [Duration; 2] {
    let (start, cpu) = (Instant::now(), load::processor_time());
    (0..repeats).for_each(|_| run());
    [start.elapsed(), load::processor_time() - cpu]
}

/// How often to run for a sample. Also warms the caches up.
fn repeats(run: &mut dyn FnMut()) -> usize {
    let mut repeats = 1;
    loop {
        let [wall, cpu] = time(run, repeats);
        if cpu >= MIN_SAMPLE || wall >= LONG_SAMPLE {
            return repeats;
        }
        repeats *= 2;
    }
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
            let (below, above) =
                (values[position.floor() as usize], values[position.ceil() as usize]);
            below + (above - below) * position.fract()
        };
        Self { q1: quantile(0.25), median: quantile(0.5), q3: quantile(0.75) }
    }

    /// Of the ratios of each round, of one of its times.
    pub fn of_ratios(over: &[Time], under: &[Time], of: fn(&Time) -> f64) -> Self {
        Self::of(over.iter().zip(under).map(|(over, under)| of(over) / of(under)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Contender, Operation};
    use std::{cell::RefCell, rc::Rc};

    #[test]
    fn quartiles_lie_between_neighbours() {
        assert_eq!(
            Spread::of(vec![4.0, 1.0, 2.0, 3.0]),
            Spread { q1: 1.75, median: 2.5, q3: 3.25 }
        );
        assert_eq!(Spread::of(vec![7.0]), Spread { q1: 7.0, median: 7.0, q3: 7.0 });
    }

    #[test]
    fn a_disturbed_round_leaves_the_ratio_alone() {
        let times =
            |wall_ns: [f64; 5]| wall_ns.map(|wall_ns| Time { wall_ns, cpu_ns: wall_ns * wall_ns });
        let (over, under) =
            (times([20.0, 22.0, 200.0, 20.0, 18.0]), times([10.0, 11.0, 100.0, 10.0, 9.0]));
        let same = |ratio| Spread { q1: ratio, median: ratio, q3: ratio };
        assert_eq!(Spread::of_ratios(&over, &under, |time| time.wall_ns), same(2.0));
        assert_eq!(Spread::of_ratios(&over, &under, |time| time.cpu_ns), same(4.0));
    }

    #[test]
    fn times_are_those_of_an_item() {
        let times = [Duration::from_micros(6), Duration::from_micros(10)];
        assert_eq!(per_item(times, 4), Time { wall_ns: 1500.0, cpu_ns: 2500.0 });
    }

    #[test]
    fn contenders_take_turns() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let contender = |name| {
            let order = order.clone();
            Contender::new(name, 1, move || {
                if order.borrow().last() != Some(&name) {
                    order.borrow_mut().push(name);
                }
                let start = load::processor_time();
                while load::processor_time() - start < MIN_SAMPLE {}
            })
        };
        let contenders = vec![contender("a"), contender("b")];
        let mut case = Case { operation: Operation::Ntt, log_n: 2, threads: 1, contenders };
        let samples = measure(&mut case, Duration::ZERO);
        assert!(samples.times.iter().all(|times| times.len() == MIN_ROUNDS));
        assert!(samples.times.iter().flatten().all(|time| time.cpu_ns >= 4e6));
        let expected: Vec<_> = ["a", "b"].into_iter().cycle().take(2 * (MIN_ROUNDS + 1)).collect();
        assert_eq!(*order.borrow(), expected);
    }
}
