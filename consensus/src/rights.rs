//! Proving rights: weights from shares, and the ranked duty roster of every height (specification section 5).
//!
//! The roster is a race of exponential clocks: prover i rings first with probability W_i / ΣW, and splitting one's
//! power over many addresses neither gains nor loses. Logarithms are computed bit by bit in integers, so that every
//! implementation ranks alike.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::{Address, Hash, Height, hash::blake2b_512};

/// What one share adds to a weight.
pub const SHARE_WEIGHT: u64 = 1 << 16;

/// The weights of one epoch: of all provers with a weight above zero.
pub type Weights = BTreeMap<Address, u64>;

/// The weights that freeze at the end of an epoch: `floor(previous / 2) + 2^16 · shares`. A prover whose weight has
/// come down to zero leaves the map.
pub fn decay_and_add(previous: &Weights, shares: &BTreeMap<Address, u64>) -> Weights {
    let mut weights: Weights = previous.iter().map(|(prover, weight)| (*prover, weight >> 1)).collect();
    for (prover, count) in shares {
        let weight = weights.entry(*prover).or_default();
        // A weight stays below 2^17 times the shares of an epoch: far below 2^64.
        *weight = weight.saturating_add(SHARE_WEIGHT.saturating_mul(*count));
    }
    weights.retain(|_, weight| *weight > 0);
    weights
}

/// The duty roster of `height`: provers in rank order, from the weights of the epoch before and the hash of the block
/// before. The first holds the right, the next ones back it up. Empty: anyone may.
pub fn roster(weights: &Weights, parent_hash: &Hash, height: Height) -> Vec<Address> {
    let mut clocks: Vec<Clock> = weights
        .iter()
        .filter(|(_, weight)| **weight > 0)
        .map(|(prover, weight)| Clock {
            numerator: exponential(draw(parent_hash, height, prover)),
            weight: *weight,
            prover: *prover,
        })
        .collect();
    clocks.sort_unstable_by(Clock::compare);
    clocks.into_iter().map(|clock| clock.prover).collect()
}

/// A prover's clock: it rings at `numerator / weight`.
struct Clock {
    numerator: u64,
    weight: u64,
    prover: Address,
}

impl Clock {
    /// Earlier first, ties by address bytes. Cross-multiplied in 128 bits: both factors are below 2^64.
    fn compare(&self, other: &Self) -> Ordering {
        let product = |numerator: u64, weight: u64| u128::from(numerator).saturating_mul(weight.into());
        product(self.numerator, other.weight)
            .cmp(&product(other.numerator, self.weight))
            .then_with(|| self.prover.cmp(&other.prover))
    }
}

/// `x_i`: a uniform number from 1 to 2^64.
fn draw(parent_hash: &Hash, height: Height, prover: &Address) -> u128 {
    let digest = blake2b_512("lode/rights/v1", &[&parent_hash.0, &height.to_le_bytes(), &prover.0]);
    let low = digest.first_chunk::<8>().copied().unwrap_or_default();
    u128::from(u64::from_le_bytes(low)).saturating_add(1)
}

/// `L_i = 64·2^32 − lg(x)`: `−log2(x / 2^64)` with 32 fractional bits.
fn exponential(x: u128) -> u64 {
    (64_u64 << 32).saturating_sub(lg(x))
}

/// `log2(x)` with 32 fractional bits, rounded down bit by bit, for x from 1 to 2^64.
///
/// The mantissa m stands for a number from 1 to 2, with 63 fractional bits; squaring it doubles the logarithm, and
/// each time it reaches 2 the next bit is one.
pub fn lg(x: u128) -> u64 {
    if x >= 1 << 64 {
        return 64 << 32;
    }
    let Some(k) = x.checked_ilog2() else {
        return 0;
    };
    let mut mantissa = x << 63_u32.saturating_sub(k);
    let mut bits = 0_u64;
    for _ in 0..32 {
        // m < 2^64, so m² fits 128 bits.
        mantissa = mantissa.saturating_mul(mantissa) >> 63;
        let bit = mantissa >> 64;
        mantissa >>= u32::from(bit > 0);
        bits = bits << 1 | u64::from(bit > 0);
    }
    u64::from(k) << 32 | bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prover(number: u8) -> Address {
        Address([number; 32])
    }

    #[test]
    fn lg_vectors() {
        assert_eq!(lg(16_481_359_804_300_044_275), 274_179_841_960);
        assert_eq!(lg(1), 0);
        assert_eq!(lg(2), 1 << 32);
        assert_eq!(lg(1 << 63), 63 << 32);
        assert_eq!(lg(1 << 64), 64 << 32);
        // log2(3) = 1.58496250072…, and 0.58496250072·2^32 = 2512394809.98…, rounded down bit by bit.
        assert_eq!(lg(3), (1 << 32) + 2_512_394_809);
    }

    #[test]
    fn weights_decay_by_half_and_leave_at_zero() {
        let previous = Weights::from([(prover(1), 3), (prover(2), 1), (prover(3), 131_072)]);
        let shares = BTreeMap::from([(prover(3), 2), (prover(4), 1), (prover(5), 0)]);
        let weights = decay_and_add(&previous, &shares);
        let expected = Weights::from([(prover(1), 1), (prover(3), 65_536 + 131_072), (prover(4), 65_536)]);
        assert_eq!(weights, expected);
    }

    #[test]
    fn ties_go_by_address() {
        let clock = |number| Clock { numerator: 5, weight: 7, prover: prover(number) };
        assert_eq!(clock(1).compare(&clock(2)), Ordering::Less);
        let doubled = Clock { numerator: 10, weight: 14, prover: prover(0) };
        assert_eq!(doubled.compare(&clock(1)), Ordering::Less);
        let early = Clock { numerator: 4, weight: 7, prover: prover(9) };
        assert_eq!(early.compare(&clock(1)), Ordering::Less);
    }

    #[test]
    fn rosters_of_the_documentation() {
        // docs/src/protocol/rights.md; more of them, from the same second implementation, in tests/consensus_golden.rs.
        let weights = Weights::from([(prover(1), 65_536), (prover(2), 131_072), (prover(3), 32_768)]);
        let ranks = |height| roster(&weights, &Hash([9; 32]), height).iter().map(|a| a.0[0]).collect::<Vec<_>>();
        assert_eq!(ranks(1), [2, 1, 3]);
        assert_eq!(ranks(2), [1, 2, 3]);
        assert_eq!(ranks(3), [3, 2, 1]);
        assert_eq!(ranks(4), [2, 1, 3]);
        assert_eq!(ranks(7), [1, 3, 2]);
        assert!(roster(&Weights::new(), &Hash([9; 32]), 1).is_empty());
        assert!(roster(&Weights::from([(prover(1), 0)]), &Hash([9; 32]), 1).is_empty());
    }

    #[test]
    fn first_place_falls_in_proportion_to_weight() {
        // 1 : 3 over 4,000 heights; five standard deviations are 137.
        let weights = Weights::from([(prover(1), 10), (prover(2), 30)]);
        let wins = (0..4_000).filter(|height| roster(&weights, &Hash([1; 32]), *height)[0] == prover(1)).count();
        assert!(wins.abs_diff(1_000) < 137, "{wins}");
    }

    #[test]
    fn splitting_power_neither_gains_nor_loses() {
        // One address of 30 against 30 addresses of 1, over 4,000 heights.
        let mut weights: Weights = (1..=30).map(|number| (prover(number), 1)).collect();
        weights.insert(prover(200), 30);
        let wins = (0..4_000).filter(|height| roster(&weights, &Hash([2; 32]), *height)[0] == prover(200)).count();
        assert!(wins.abs_diff(2_000) < 159, "{wins}");
    }

    proptest! {
        #[test]
        fn lg_grows_with_x(a: u64, b: u64) {
            let (low, high) = (u128::from(a.min(b)) + 1, u128::from(a.max(b)) + 1);
            prop_assert!(lg(low) <= lg(high));
        }

        #[test]
        fn lg_of_a_double_is_one_more(x in 1_u128..1 << 63) {
            prop_assert_eq!(lg(2 * x), lg(x) + (1 << 32));
        }

        #[test]
        fn a_roster_ranks_everybody_once(count in 0_u8..40, height: u32) {
            let weights: Weights = (0..count).map(|number| (prover(number), 1 + u64::from(number))).collect();
            let mut ranked = roster(&weights, &Hash([3; 32]), height);
            ranked.sort_unstable();
            prop_assert_eq!(ranked, weights.keys().copied().collect::<Vec<_>>());
        }
    }
}
