//! What a block emits and pays, in microcredits (specification section 4). Every division floors.

use ethnum::AsU256;
use lode_puzzle::Target;

use crate::Height;

/// The subsidy of the first era: 60 credits.
pub const INITIAL_SUBSIDY: u64 = 60_000_000;
/// Blocks between two halvings: four years of 15 seconds.
pub const HALVING_INTERVAL: Height = 8_409_600;

/// The subsidy of the block at `height`; genesis emits nothing.
pub fn subsidy(height: Height) -> u64 {
    if height == 0 {
        return 0;
    }
    let halvings = height.checked_div(HALVING_INTERVAL).unwrap_or(0);
    INITIAL_SUBSIDY.checked_shr(halvings).unwrap_or(0)
}

/// How a block's subsidy is split. What the three floors leave over is not minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emission {
    /// 30 %, to the producer.
    pub producer: u64,
    /// 20 %, to the proving pool of the block's epoch.
    pub proving_pool: u64,
    /// 50 %, to the share fund.
    pub share_fund: u64,
}

impl Emission {
    /// The emission of the block at `height`.
    pub fn of(height: Height) -> Self {
        let subsidy = subsidy(height);
        // The subsidy is at most 60,000,000: no product overflows.
        let percent = |part: u64| subsidy.saturating_mul(part).checked_div(100).unwrap_or(0);
        Self { producer: percent(30), proving_pool: percent(20), share_fund: percent(50) }
    }

    /// All that the block mints.
    pub fn total(&self) -> u64 {
        self.producer.saturating_add(self.proving_pool).saturating_add(self.share_fund)
    }
}

/// All that a chain of any length can mint: the emission of every era, block by block.
pub fn total_emission() -> u64 {
    let mut total = 0_u64;
    let mut first = 0;
    while subsidy(first.max(1)) > 0 {
        // Genesis, the first block of the first era, emits nothing.
        let blocks = if first == 0 { HALVING_INTERVAL.saturating_sub(1) } else { HALVING_INTERVAL };
        total =
            total.saturating_add(Emission::of(first.max(1)).total().saturating_mul(blocks.into()));
        first = first.saturating_add(HALVING_INTERVAL);
    }
    total
}

/// The share fund at genesis: what the shares of one epoch cost, `L · floor(subsidy(1) / 2)`.
pub fn genesis_share_fund(epoch_length: u32) -> u64 {
    u64::from(epoch_length).saturating_mul(INITIAL_SUBSIDY >> 1)
}

/// What one share is paid in the block at `height`, which has `target`, in an epoch whose first
/// block has `first_target`: `floor(base · min(target, 2·first_target) / first_target)` with
/// `base = floor(subsidy / (2 · shares_per_block))`.
///
/// Pay follows the difficulty within an epoch, so that joining only when shares are easy gains
/// nothing.
pub fn share_pay(
    height: Height,
    target: Target,
    first_target: Target,
    shares_per_block: u32,
) -> u64 {
    let expected = u64::from(shares_per_block).saturating_mul(2);
    let base = subsidy(height).checked_div(expected).unwrap_or(0).as_u256();
    let first = first_target.get().as_u256();
    let capped = target.get().as_u256().min(first.saturating_mul(2_u32.as_u256()));
    let pay = base.saturating_mul(capped).checked_div(first).unwrap_or_default();
    // At most the double of base, which is below 2^26.
    u64::try_from(pay).unwrap_or(u64::MAX)
}

/// The part of `share_pay` that goes to the producer of the including block.
pub fn inclusion_fee(share_pay: u64) -> u64 {
    share_pay >> 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(value: u128) -> Target {
        Target::new(value).unwrap()
    }

    #[test]
    fn halvings() {
        assert_eq!(subsidy(0), 0);
        assert_eq!(subsidy(1), 60_000_000);
        assert_eq!(subsidy(HALVING_INTERVAL - 1), 60_000_000);
        assert_eq!(subsidy(HALVING_INTERVAL), 30_000_000);
        assert_eq!(subsidy(25 * HALVING_INTERVAL), 1);
        assert_eq!(subsidy(26 * HALVING_INTERVAL), 0);
        assert_eq!(subsidy(64 * HALVING_INTERVAL), 0);
        assert_eq!(subsidy(u32::MAX), 0);
    }

    #[test]
    fn the_total_emission_is_the_sum_over_all_blocks() {
        let eras = (0..64_u32).map(|era| {
            let subsidy = u64::from(HALVING_INTERVAL) * (INITIAL_SUBSIDY >> era);
            (era, subsidy)
        });
        let subsidies: u64 =
            eras.clone().map(|(_, subsidy)| subsidy).sum::<u64>() - INITIAL_SUBSIDY;
        // What the floors leave over: at most 2 microcredits a block of 26 eras.
        let leftover = subsidies - total_emission();
        assert!(leftover <= 2 * 26 * u64::from(HALVING_INTERVAL), "{leftover}");
        assert_eq!(total_emission(), 1_009_151_687_712_000);
        let step = 20_011; // a prime, so that all places in an era are met
        let era = |era: u32| era * HALVING_INTERVAL..(era + 1) * HALVING_INTERVAL;
        for e in [0, 1, 7, 25, 26] {
            let first = Emission::of(era(e).start.max(1)).total();
            assert!(
                era(e).step_by(step).skip(1).all(|height| Emission::of(height).total() == first),
                "era {e}"
            );
        }
    }

    #[test]
    fn emission_floors_each_part() {
        assert_eq!(
            Emission::of(1),
            Emission { producer: 18_000_000, proving_pool: 12_000_000, share_fund: 30_000_000 }
        );
        // 3 microcredits: 0.9, 0.6 and 1.5.
        let late = (1..40).map(|era| era * HALVING_INTERVAL).find(|h| subsidy(*h) == 3).unwrap();
        assert_eq!(Emission::of(late), Emission { producer: 0, proving_pool: 0, share_fund: 1 });
        assert_eq!(Emission::of(0).total(), 0);
    }

    #[test]
    fn share_pay_follows_the_difficulty_up_to_the_double() {
        let first = target(1 << 100);
        let pay = |now: u128| share_pay(1, target(now), first, 16);
        assert_eq!(pay(1 << 100), 1_875_000);
        assert_eq!(pay(1 << 99), 937_500);
        assert_eq!(pay(1 << 101), 3_750_000);
        assert_eq!(pay(1 << 120), 3_750_000);
        assert_eq!(pay(1), 0);
        assert_eq!(share_pay(1, target(u128::MAX), target(u128::MAX), 16), 1_875_000);
        assert_eq!(share_pay(0, first, first, 16), 0);
        assert_eq!(inclusion_fee(31), 0);
        assert_eq!(inclusion_fee(1_875_000), 58_593);
    }

    #[test]
    fn the_first_epoch_can_be_paid_from_the_genesis_fund() {
        assert_eq!(genesis_share_fund(240), 240 * 30_000_000);
    }

    proptest! {
        #[test]
        fn nothing_is_minted_beyond_the_subsidy(height: u32) {
            prop_assert!(Emission::of(height).total() <= subsidy(height));
            prop_assert!(subsidy(height) - Emission::of(height).total() <= 2);
        }

        #[test]
        fn a_share_never_costs_more_than_the_double_of_base(
            height in 1_u32..,
            now in 1_u128..,
            first in 1_u128..,
            shares in 1_u32..1_024,
        ) {
            let base = subsidy(height) / (2 * u64::from(shares));
            let pay = share_pay(height, target(now), target(first), shares);
            prop_assert!(pay <= 2 * base);
            if now >= first { prop_assert!(pay >= base); } else { prop_assert!(pay <= base); }
        }
    }
}
