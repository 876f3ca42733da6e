//! An epoch's proving pool, and what it adds to a delivery's pay.
//!
//! What is paid is less than what the delivery burned, so that buying from oneself loses; and an
//! operator takes at most its part of the mined weight, so that a part of the period's emission is
//! earned by mining, but only through proofs that somebody paid for.

use super::value::saturated;
use crate::codec::layout;

/// The leaf of [`StateKey::ProvingPool`](crate::StateKey::ProvingPool).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProvingPool {
    /// All that was ever put in, in microcredits.
    pub granted: u64,
    pub left: u64,
}

layout!(ProvingPool { granted, left });

impl ProvingPool {
    /// Puts an amount in. `None`: more than there can be.
    #[must_use]
    pub fn plus(self, amount: u64) -> Option<Self> {
        let granted = self.granted.checked_add(amount)?;
        Some(Self { granted, left: self.left.checked_add(amount)? })
    }

    /// What a delivery that burned so much is paid, for an operator with this weight of all, which
    /// has taken so much in the epoch already.
    pub fn subsidy(&self, burned: u64, weight: u64, sum: u64, taken: u64) -> u64 {
        let of_burned = u128::from(burned).saturating_mul(9).checked_div(10).unwrap_or(0);
        let own = u128::from(self.granted).saturating_mul(weight.into()).checked_div(sum.into());
        let own = own.unwrap_or(0).saturating_sub(taken.into());
        saturated(of_burned.min(own)).min(self.left)
    }
}
