//! What the kernels are to reach, at n = 2^13.

use crate::{
    Contender, Operation,
    report::{CaseReport, Ratio},
};

/// A ratio of times, and what it should be.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    pub(crate) operation: Operation,
    pub(crate) threads: usize,
    /// Where several are named, the smallest ratio counts: that to the best of them.
    over: &'static [&'static str],
    under: &'static str,
    pub(crate) bound: f64,
    pub(crate) aim: Option<f64>,
    pub(crate) is_small_good: bool,
}

/// The goals, in the order of the table.
pub(crate) const GOALS: [Goal; 10] = [
    Goal::speedup(
        "attempts/s against the reference engine, 2 threads, IFMA",
        Operation::Attempt,
        2,
        15.0,
        22.0,
    )
    .of(Contender::IFMA, &[Contender::REFERENCE, Contender::REFERENCE_EACH]),
    Goal::speedup(
        "the same with IFMA masked off (`LODE_CPU=scalar`)",
        Operation::Attempt,
        2,
        4.0,
        6.0,
    )
    .of(Contender::SCALAR, &[Contender::REFERENCE, Contender::REFERENCE_EACH]),
    Goal::speedup(
        "the same with IFMA masked off, AVX-512 (`LODE_CPU=avx512`)",
        Operation::Attempt,
        2,
        4.0,
        6.0,
    )
    .of(Contender::AVX512, &[Contender::REFERENCE, Contender::REFERENCE_EACH]),
    Goal::speedup(
        "fixed-base MSM, 1 thread, against arkworks' best MSM",
        Operation::Msm,
        1,
        6.0,
        12.0,
    )
    .of(Contender::IFMA, &[Contender::ARKWORKS]),
    Goal::speedup("NTT, 1 thread, against snarkVM", Operation::Ntt, 1, 3.0, 6.0)
        .of(Contender::IFMA, &[Contender::SNARKVM]),
    Goal::speedup("NTT, 1 thread, against arkworks", Operation::Ntt, 1, 3.0, 6.0)
        .of(Contender::IFMA, &[Contender::ARKWORKS]),
    Goal::speedup(
        "verify, batch of 64, per proof, 1 thread, against single verification on \
         snarkVM's primitives",
        Operation::VerifyBatch,
        1,
        6.0,
        12.0,
    )
    .of(Contender::IFMA, &[Contender::SNARKVM_SINGLE]),
    Goal::speedup("verify, single, 1 thread, against the same", Operation::Verify, 1, 3.0, 6.0)
        .of(Contender::IFMA, &[Contender::SNARKVM]),
    Goal::distance("distance to the limit, whole attempt, 1 thread", 2.0, Some(1.4))
        .of(Contender::LIMIT, &[Contender::IFMA]),
    Goal::distance(
        "reference engine, whole attempt, against \
         snarkVM's own KZG10 commit and open, 1 thread",
        1.1,
        None,
    )
    .of(Contender::KZG10, &[Contender::REFERENCE]),
];

impl Goal {
    /// At least `bound` times as fast.
    const fn speedup(
        what: &'static str,
        operation: Operation,
        threads: usize,
        bound: f64,
        aim: f64,
    ) -> Self {
        Self {
            what,
            operation,
            threads,
            over: &[],
            under: "",
            bound,
            aim: Some(aim),
            is_small_good: false,
        }
    }

    /// An attempt on one thread takes at most `bound` times as long.
    const fn distance(what: &'static str, bound: f64, aim: Option<f64>) -> Self {
        Self {
            what,
            operation: Operation::Attempt,
            threads: 1,
            over: &[],
            under: "",
            bound,
            aim,
            is_small_good: true,
        }
    }

    /// Whose times are divided: those of `over` by those of `under`.
    const fn of(self, under: &'static str, over: &'static [&'static str]) -> Self {
        Self { under, over, ..self }
    }

    /// What was measured of it.
    pub(crate) fn ratio<'case>(&self, case: &'case CaseReport) -> Option<&'case Ratio> {
        let ratios = self.over.iter().filter_map(|over| case.ratio(over, self.under));
        ratios.min_by(|left, right| left.wall.median.total_cmp(&right.wall.median))
    }

    /// How the ratio compares, in words.
    pub(crate) fn verdict(&self, ratio: f64) -> &'static str {
        let reaches = |bound: f64| if self.is_small_good { ratio <= bound } else { ratio >= bound };
        match self.aim {
            Some(aim) if reaches(aim) => "reaches the aim",
            _ if reaches(self.bound) => "holds",
            _ => "**missed**",
        }
    }
}
