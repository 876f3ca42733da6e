//! What a run found, as JSON for programs.

use crate::{
    Case, Contender, Operation,
    rounds::{Samples, Spread, Time},
};
use serde::{Deserialize, Serialize};

/// One run of `./x bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where and how it was measured.
    pub machine: Machine,
    /// What was measured.
    pub cases: Vec<CaseReport>,
}

/// Where and how a run was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, family and model.
    pub processor: String,
    /// Processors that the system offers.
    pub cores: usize,
    /// Day of the run, UTC.
    pub date: String,
    /// `git describe` of the tree.
    pub commit: String,
    /// The compiler.
    pub rustc: String,
    /// How the compiler was told to build everything, peers included.
    pub build: String,
    /// What was typed.
    pub command: String,
}

/// The times of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// What was measured.
    pub operation: Operation,
    /// The base-2 logarithm of n.
    pub log_n: u32,
    /// How many threads worked.
    pub threads: usize,
    /// How often each contender was measured.
    pub rounds: usize,
    /// The share of the processors' time that other programs took meanwhile.
    pub others_share: f64,
    pub contenders: Vec<ContenderReport>,
    /// Ratios of the contenders' times, from the rounds' ratios.
    pub ratios: Vec<Ratio>,
}

/// The times of a contender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContenderReport {
    /// Who.
    pub name: String,
    /// Nanoseconds that pass for an item, in all threads together.
    pub wall_ns: Spread,
    /// Nanoseconds of the processors for an item, in all threads together.
    pub cpu_ns: Spread,
}

/// How many times as long one contender takes as another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The one that takes longer, if the ratio is above one.
    pub over: String,
    /// The other one.
    pub under: String,
    /// Of neighbours in a round, of the time that passed.
    pub wall: Spread,
    /// The same, of the processors' time: it leaves out what other programs took, and what a peer's
    /// threads waited for each other.
    pub cpu: Spread,
}

impl CaseReport {
    /// Summarises a case's samples: the ratios of all others to each of ours, of ours to the limit,
    /// and of the reference engine to KZG10.
    pub fn new(case: &Case, samples: &Samples) -> Self {
        let names: Vec<_> = case.contenders.iter().map(|contender| contender.name).collect();
        let contender = |(name, times): (&&str, &Vec<Time>)| ContenderReport {
            name: (*name).into(),
            wall_ns: Spread::of(times.iter().map(|time| time.wall_ns).collect()),
            cpu_ns: Spread::of(times.iter().map(|time| time.cpu_ns).collect()),
        };
        let mut ratios = Vec::new();
        for (over, over_times) in names.iter().zip(&samples.times) {
            for (under, under_times) in names.iter().zip(&samples.times) {
                if is_compared(over, under) {
                    ratios.push(Ratio {
                        over: (*over).into(),
                        under: (*under).into(),
                        wall: Spread::of_ratios(over_times, under_times, |time| time.wall_ns),
                        cpu: Spread::of_ratios(over_times, under_times, |time| time.cpu_ns),
                    });
                }
            }
        }
        Self {
            operation: case.operation,
            log_n: case.log_n,
            threads: case.threads,
            rounds: samples.times.first().map_or(0, Vec::len),
            others_share: samples.others_share,
            contenders: names.iter().zip(&samples.times).map(contender).collect(),
            ratios,
        }
    }

    /// Median nanoseconds of a contender.
    pub(crate) fn time(&self, name: &str) -> Option<f64> {
        self.contenders
            .iter()
            .find(|contender| contender.name == name)
            .map(|contender| contender.wall_ns.median)
    }

    /// The ratio of one contender's times to another's.
    pub(crate) fn ratio(&self, over: &str, under: &str) -> Option<&Ratio> {
        self.ratios.iter().find(|ratio| ratio.over == over && ratio.under == under)
    }
}

/// Our kernels, the fastest first.
pub(crate) const OURS: [&str; 4] =
    [Contender::IFMA, Contender::AVX512, Contender::SCALAR, Contender::PORTABLE];

fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

fn is_compared(over: &str, under: &str) -> bool {
    match (is_ours(over), is_ours(under)) {
        (true, true) => false,
        (true, false) => under == Contender::LIMIT,
        (false, true) => over != Contender::LIMIT,
        (false, false) => over == Contender::REFERENCE && under == Contender::KZG10,
    }
}
