//! Targets: how small a ticket's half must be, and how much work that stands for.

use ethnum::U256;

/// A bound on a 128-bit value, at least 1. A smaller target is harder to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(u128);

/// Text that is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a decimal number between 1 and 2^128 - 1")]
pub struct TargetError;

impl Target {
    /// The easiest target: every value meets it.
    pub const MAX: Self = Self(u128::MAX);
    /// The hardest target.
    pub const MIN: Self = Self(1);

    /// `None` for zero.
    pub const fn new(target: u128) -> Option<Self> {
        if target == 0 { None } else { Some(Self(target)) }
    }

    /// The bound itself.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// A value meets a target if it is at most as large.
    pub const fn is_met_by(self, value: u128) -> bool {
        value <= self.0
    }

    /// `floor(2^192 / (T + 1))`: between 2^64 and about 2^191.
    pub fn work(self) -> U256 {
        quotient(U256::from_words(1 << 64, 0), self.0)
    }

    /// `floor(2^128 / (T + 1))`, the expected number of attempts. For display only: it is too
    /// coarse to add up.
    pub fn difficulty(self) -> u128 {
        quotient(U256::from_words(1, 0), self.0).as_u128()
    }
}

/// `floor(dividend / (target + 1))`, in 256 bits, where `target + 1` can neither overflow nor be
/// zero.
fn quotient(dividend: U256, target: u128) -> U256 {
    dividend.checked_div(U256::from(target).saturating_add(U256::ONE)).unwrap_or(U256::ZERO)
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        text.parse().ok().and_then(Self::new).ok_or(TargetError)
    }
}
