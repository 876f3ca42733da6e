//! An operator: bond and reputation.
//!
//! Reputation is what proofs that somebody paid for have earned: what they burned, less what the
//! proving pool gave back. It counts from the next epoch on, so that nobody buys a place in the
//! middle of one, and moves by at most 1/32 of what is missing an epoch, so that it cannot be
//! bought at once.
//!
//! What must not be broken: a leaf is read as if it had been rolled into the present epoch, and
//! written only when something else of it changes.

use crate::{Epoch, Height, codec::layout};

/// The largest reputation.
pub const MAX_REPUTATION: u16 = 10_000;

/// The leaf of [`StateKey::Operator`](crate::StateKey::Operator).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operator {
    /// All that the operator has at stake, in microcredits.
    pub bond: u64,
    /// What of it stands for jobs.
    pub locked: u64,
    /// The bond when the epoch began.
    pub epoch_bond: u64,
    /// What transactions bonded or unlocked in the block at `fresh_height`.
    pub fresh: u64,
    /// The last block in which any did.
    pub fresh_height: Height,
    /// 0 to 10,000.
    pub reputation: u16,
    /// What deliveries as assignee by the promise burned in `epoch`.
    pub burned: u64,
    /// What the proving pool paid for them.
    pub subsidy: u64,
    /// Assignments, misses and contest deliveries that are not settled.
    pub held: u32,
    pub epoch: Epoch,
}

layout!(Operator {
    bond,
    locked,
    epoch_bond,
    fresh,
    fresh_height,
    reputation,
    burned,
    subsidy,
    held,
    epoch
});

impl Operator {
    /// The leaf as it reads in an epoch that is not before its own.
    #[must_use]
    pub fn rolled(self, epoch: Epoch, reputation_unit: u64) -> Self {
        if epoch <= self.epoch {
            return self;
        }
        let gain = self.burned.saturating_sub(self.subsidy).min(reputation_unit);
        let missing = u128::from(MAX_REPUTATION.saturating_sub(self.reputation));
        let step = missing
            .saturating_mul(gain.into())
            .checked_div(u128::from(reputation_unit).saturating_mul(32))
            .unwrap_or(0);
        Self {
            epoch_bond: self.bond,
            reputation: self.reputation.saturating_add(u16::try_from(step).unwrap_or(0)),
            burned: 0,
            subsidy: 0,
            epoch,
            ..self
        }
    }

    /// What of the bond stands for nothing.
    pub fn free(&self) -> u64 {
        self.bond.saturating_sub(self.locked)
    }

    /// What transactions bonded or unlocked in a block.
    pub fn fresh_at(&self, height: Height) -> u64 {
        if self.fresh_height == height { self.fresh } else { 0 }
    }

    /// Notes that a transaction bonded or unlocked an amount.
    pub fn freshen(&mut self, amount: u64, height: Height) {
        if amount == 0 {
            return;
        }
        self.fresh = self.fresh_at(height).saturating_add(amount);
        self.fresh_height = height;
    }

    /// Takes `ceil(reputation / part)` away.
    pub fn lose_reputation(&mut self, part: u16) {
        self.reputation = self.reputation.saturating_sub(self.reputation.div_ceil(part.max(1)));
    }

    /// Whether the leaf says no more than one that is not there.
    pub fn is_empty(&self) -> bool {
        self.bond == 0
            && self.locked == 0
            && self.held == 0
            && self.reputation == 0
            && self.burned == 0
            && self.subsidy == 0
    }
}
