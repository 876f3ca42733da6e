//! Which file builds an operation's case.

use crate::{Case, Crew, Operation, Setup, kernels, puzzle};
use std::sync::Arc;

impl Operation {
    /// Builds the case, which runs every contender and compares their results.
    ///
    /// # Panics
    /// If two contenders differ.
    pub fn case(self, setup: &Setup, crew: &Arc<Crew>) -> Case {
        let contenders = match self {
            Self::FqMul => kernels::fq_mul(setup, crew),
            Self::Msm => kernels::msm(setup, crew),
            Self::Ntt => kernels::ntt(setup, crew),
            Self::Attempt => puzzle::attempt(setup, crew),
            Self::Verify => puzzle::verify(setup, crew),
            Self::VerifyBatch => puzzle::verify_batch(setup, crew),
        };
        Case { operation: self, log_n: setup.log_n(), threads: crew.threads(), contenders }
    }
}
