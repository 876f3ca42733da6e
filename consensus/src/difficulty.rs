//! The block target: ASERT, one step per block, in exact integers.
//!
//! Source: specification section 3; the cubic is the aserti3-2d approximation of 2^x that Bitcoin
//! Cash uses.

use ethnum::{AsU256, U256};
use lode_puzzle::Target;

/// The target of the block after one that took `solve_time_ms` (its timestamp less its parent's,
/// which may be negative) and had target `target`.
///
/// The step follows the excess of the solve time over `interval_ms`, capped at `tau_ms`: after a
/// long stop one block eases the target to the double, not to anything.
pub fn next_target(target: Target, solve_time_ms: i128, interval_ms: u64, tau_ms: u64) -> Target {
    let tau = i128::from(tau_ms.max(1));
    let excess = solve_time_ms.saturating_sub(interval_ms.into()).min(tau);
    // Timestamps are u64, so |excess| < 2^65 and the product fits 81 bits.
    let exponent = excess.saturating_mul(65_536).div_euclid(tau);
    let shift = exponent >> 16;
    let fraction = exponent.rem_euclid(65_536).unsigned_abs();
    if shift <= -160 {
        return Target::MIN;
    }
    let scaled = target.get().as_u256().checked_mul(factor(fraction).as_u256());
    // shift ≤ 1 by the cap, so target·factor·2^(shift−16) < 2^(128+18+1).
    let right = 16_i128.saturating_sub(shift);
    let next = scaled.and_then(|scaled| scaled.checked_shr(u32::try_from(right).ok()?));
    let next = next.unwrap_or(U256::ZERO).clamp(U256::ONE, u128::MAX.as_u256());
    Target::new(next.as_u128()).unwrap_or(Target::MIN)
}

/// `65536·2^(fraction/65536)`, for `fraction` below 65536.
fn factor(fraction: u128) -> u128 {
    let power = |exponent: u32, coefficient: u128| {
        fraction.saturating_pow(exponent).saturating_mul(coefficient)
    };
    // All terms are below 2^96: nothing saturates.
    let sum = power(1, 195_766_423_245_049)
        .saturating_add(power(2, 971_821_376))
        .saturating_add(power(3, 5_127))
        .saturating_add(1 << 47);
    (sum >> 48).saturating_add(65_536)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL_MS: u64 = 15_000;
    const TAU_MS: u64 = 3_600_000;

    fn step(target: u128, solve_time_ms: i128) -> u128 {
        next_target(Target::new(target).unwrap(), solve_time_ms, INTERVAL_MS, TAU_MS).get()
    }

    #[test]
    fn vectors_of_the_specification() {
        assert_eq!(step(1 << 100, 14_999), 1_267_640_928_821_672_484_463_305_555_968);
        assert_eq!(step(1 << 100, 1_000_000_000), 1 << 101);
    }

    #[test]
    fn on_schedule_nothing_changes() {
        assert_eq!(step(1 << 100, 15_000), 1 << 100);
        assert_eq!(step(1, 15_000), 1);
        assert_eq!(step(u128::MAX, 15_000), u128::MAX);
    }

    #[test]
    fn edges_clamp() {
        assert_eq!(step(u128::MAX, i128::from(u64::MAX)), u128::MAX);
        assert_eq!(step(1, -1_000_000_000), 1);
        assert_eq!(step(u128::MAX, -i128::from(u64::MAX)), 1);
        // s = −159 is still computed, s = −160 is 1 by rule; for 128-bit targets both give 1.
        let tau = i128::from(TAU_MS);
        assert_eq!(step(u128::MAX, 15_000 - 159 * tau), 1);
        assert_eq!(step(u128::MAX, 15_000 - 160 * tau), 1);
        // A whole number of halvings is exact.
        assert_eq!(step(1 << 100, 15_000 - 7 * tau), 1 << 93);
    }

    #[test]
    fn the_factor_is_within_its_published_error() {
        // 2^(k/16) to 40 bits, k = 0…15, from 2^(k/16) = (2^(1/16))^k by integer square roots:
        // relative error of the cubic below 0.013 %, as published for aserti3-2d.
        let mut exact = vec![1_u128 << 80];
        let mut root = 2_u128 << 80;
        for _ in 0..4 {
            root = isqrt(root) << 40;
        }
        for k in 1..16 {
            let previous = exact[k - 1] >> 40;
            exact.push(previous * (root >> 40));
        }
        for (k, exact) in exact.iter().enumerate() {
            let got = factor(k as u128 * 4_096) << 64;
            assert!(got.abs_diff(*exact) < *exact / 7_500, "k = {k}");
        }
    }

    fn isqrt(value: u128) -> u128 {
        let mut root = 0_u128;
        for bit in (0..64).rev() {
            let candidate = root | 1 << bit;
            if candidate * candidate <= value {
                root = candidate;
            }
        }
        root
    }

    proptest! {
        #[test]
        fn slower_blocks_never_make_it_harder(
            target in 1_u128..,
            a in -10_000_000_i128..10_000_000,
            b in -10_000_000_i128..10_000_000,
        ) {
            let (fast, slow) = (a.min(b), a.max(b));
            prop_assert!(step(target, fast) <= step(target, slow));
        }

        #[test]
        fn at_most_the_double(target in 1_u128.., solve_time_ms: i64) {
            prop_assert!(step(target, solve_time_ms.into()) <= target.saturating_mul(2));
        }

        #[test]
        fn equals_the_formula_in_plain_big_integers(
            target in 1_u128..(1 << 108),
            solve_time_ms in -3_600_000_i128..4_000_000,
        ) {
            // Below 2^108 and above −τ everything fits u128 without care for order.
            let delta = (solve_time_ms - 15_000).min(3_600_000);
            let e = (delta * 65_536).div_euclid(3_600_000);
            let (s, f) = (e.div_euclid(65_536), e.rem_euclid(65_536) as u128);
            let polynomial = 195_766_423_245_049 * f + 971_821_376 * f * f + 5_127 * f * f * f;
            let factor = 65_536 + ((polynomial + (1 << 47)) >> 48);
            prop_assert_eq!(step(target, solve_time_ms), ((target * factor) >> (16 - s)).max(1));
        }
    }
}
