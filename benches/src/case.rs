//! What is measured.

use lode_algebra::Backend;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An operation that several implementations are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A multiplication in Fq, among n that do not wait for each other.
    FqMul,
    /// A multi-scalar multiplication over the first n powers of the setup.
    Msm,
    /// A transform of n elements of Fr, from coefficients to values, both in natural order.
    Ntt,
    /// A whole attempt: seed, quotient, commitment, opening, ticket.
    Attempt,
    /// Verification of one proof.
    Verify,
    /// Verification of one proof of a batch of 64.
    VerifyBatch,
}

impl Operation {
    /// All operations, from the smallest to the largest.
    pub const ALL: [Self; 6] =
        [Self::FqMul, Self::Msm, Self::Ntt, Self::Attempt, Self::Verify, Self::VerifyBatch];

    /// Whether a filter leaves the operation in.
    pub fn is_selected(self, filter: Option<&str>) -> bool {
        filter.is_none_or(|filter| self.to_string().contains(filter))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FqMul => "Fq multiplication",
            Self::Msm => "MSM",
            Self::Ntt => "NTT",
            Self::Attempt => "attempt",
            Self::Verify => "verify, single",
            Self::VerifyBatch => "verify, batch of 64",
        })
    }
}

/// One operation, at one size, on so many threads.
pub struct Case {
    /// What is measured.
    pub operation: Operation,
    /// The base-2 logarithm of n.
    pub log_n: u32,
    /// How many threads work.
    pub threads: usize,
    /// The implementations that are measured.
    pub contenders: Vec<Contender>,
}

/// One implementation of a case's operation.
pub struct Contender {
    /// One of the constants of this type.
    pub name: &'static str,
    /// How often [`Self::run`] performs the operation.
    pub items: usize,
    /// Does the work that is timed.
    pub run: Box<dyn FnMut()>,
}

impl Contender {
    /// Our kernels with AVX-512 IFMA.
    pub const IFMA: &str = "Lode, ifma";
    /// Our kernels with AVX-512 but without IFMA, as by `LODE_CPU=avx512`.
    pub const AVX512: &str = "Lode, avx512";
    /// Our kernels with AVX-512 masked off, as by `LODE_CPU=scalar`.
    pub const SCALAR: &str = "Lode, scalar";
    /// Our kernels in portable Rust.
    pub const PORTABLE: &str = "Lode, portable";
    /// snarkVM 4.11.
    pub const SNARKVM: &str = "snarkVM";
    /// arkworks 0.6 with assembly.
    pub const ARKWORKS: &str = "arkworks";
    /// Our reference engine, on snarkVM's primitives, its threads sharing an attempt.
    pub const REFERENCE: &str = "reference engine";
    /// Our reference engine with an attempt on each thread.
    pub const REFERENCE_EACH: &str = "reference engine, one attempt a thread";
    /// snarkVM's own KZG10: commitment and opening of an attempt's polynomial, and nothing else.
    pub const KZG10: &str = "snarkVM, KZG10 commit and open";
    /// snarkVM's primitives, verifying one proof at a time.
    pub const SNARKVM_SINGLE: &str = "snarkVM, single";
    /// The multiplier at full rate, for as many instructions as an attempt cannot do without.
    pub const LIMIT: &str = "limit";

    /// Our kernels.
    pub(crate) fn ours(backend: Backend) -> &'static str {
        match backend {
            Backend::Ifma => Self::IFMA,
            Backend::Avx512 => Self::AVX512,
            Backend::Scalar => Self::SCALAR,
            Backend::Portable => Self::PORTABLE,
        }
    }

    /// A contender whose `run` performs the operation `items` times.
    pub(crate) fn new(name: &'static str, items: usize, run: impl FnMut() + 'static) -> Self {
        Self { name, items, run: Box::new(run) }
    }
}
