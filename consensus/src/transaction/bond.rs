//! An operator's money at stake, and whose work its miners' shares are.

use super::StaticError;
use crate::{Address, codec::layout};

/// Moves credits from the sender's balance into its operator's bond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bond {
    /// Microcredits, at least 1.
    pub amount: u64,
}

/// Takes credits out of the bond; they wait as long as mined ones do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbond {
    /// Microcredits, at least 1.
    pub amount: u64,
}

/// Says for whom the sender's shares count from the next epoch on, so that the key that mines can
/// stay apart from the one that sells. Pay still goes to the prover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appoint {
    pub operator: Address,
}

layout!(Bond { amount });
layout!(Unbond { amount });
layout!(Appoint { operator });

impl Bond {
    pub(super) const TAG: u8 = 3;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        at_least_one(self.amount)
    }
}

impl Unbond {
    pub(super) const TAG: u8 = 4;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        at_least_one(self.amount)
    }
}

impl Appoint {
    pub(super) const TAG: u8 = 11;
}

fn at_least_one(amount: u64) -> Result<(), StaticError> {
    if amount == 0 { Err(StaticError::ZeroAmount) } else { Ok(()) }
}
