//! What a job's proof is worth when, and the bonds that stand for it.

use super::{BPS, Policy};
use crate::{Height, params::MarketSpec};

/// A job's prices and limits of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What a proof is worth up to `soft`, in microcredits, at least 1.
    pub price: u64,
    /// What it is worth at `hard`, at most the price.
    pub late_price: u64,
    pub soft: Height,
    /// The last height at which it is worth anything.
    pub hard: Height,
}

impl Terms {
    /// V(d): what a proof is worth at a height.
    pub fn value(&self, height: Height) -> u64 {
        if height <= self.soft {
            return self.price;
        }
        if height > self.hard {
            return 0;
        }
        let fall = u128::from(self.price.saturating_sub(self.late_price));
        let passed = height.saturating_sub(self.soft);
        let span = self.hard.saturating_sub(self.soft);
        let lost = fall.saturating_mul(passed.into()).checked_div(span.into()).unwrap_or(fall);
        self.price.saturating_sub(saturated(lost))
    }

    /// What part of the value is lost at a height, in 1/10,000, never below a tenth: what a missed
    /// bond is slashed by when another delivers.
    pub fn late_bps(&self, height: Height) -> u16 {
        let lost = u128::from(self.price.saturating_sub(self.value(height)));
        let bps = lost.saturating_mul(BPS.into()).checked_div(self.price.into()).unwrap_or(0);
        u16::try_from(bps).unwrap_or(BPS).clamp(1_000, BPS)
    }
}

/// `floor(amount · bps / 10,000)`.
pub fn part(amount: u64, bps: u16) -> u64 {
    let product = u128::from(amount).saturating_mul(bps.into());
    saturated(product.checked_div(BPS.into()).unwrap_or(0))
}

/// `ceil(amount · bps / 10,000)`, or `u64::MAX` if that is more.
pub fn part_ceil(amount: u64, bps: u16) -> u64 {
    saturated(u128::from(amount).saturating_mul(bps.into()).div_ceil(BPS.into()))
}

/// The bond of an operator for a job of a price, damage aside: too dear a job finds no bond.
pub fn operator_bond(market: &MarketSpec, policy: &Policy, price: u64) -> u64 {
    policy.min_bond.max(market.min_bond).max(part_ceil(price, policy.bond_bps))
}

/// The bond of a requester for a price.
pub fn request_bond(market: &MarketSpec, price: u64) -> u64 {
    market.min_request_bond.max(price.checked_div(10).unwrap_or(0))
}

/// What a Request of so many bytes burns for its room in the state.
pub fn rent(bytes: u128, hard_blocks: u32) -> u128 {
    let blocks = u128::from(hard_blocks).saturating_add(1_000);
    bytes.saturating_mul(blocks).checked_div(1_000).unwrap_or(0)
}

/// What a Decline burns of the bond: a hundredth of it without damage for each block that the job
/// was held, the first included.
pub fn decline_burn(plain_bond: u64, assigned: Height, height: Height) -> u64 {
    let held = u128::from(height.saturating_sub(assigned)).saturating_add(1);
    saturated(u128::from(plain_bond).saturating_mul(held).div_ceil(100))
}

pub(super) fn saturated(amount: u128) -> u64 {
    u64::try_from(amount).unwrap_or(u64::MAX)
}
