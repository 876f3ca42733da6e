//! The duty roster of a height: the prover that holds the right to it, and its backups in order.

use super::{
    Weights,
    clocks::{Clock, exponential},
};
use crate::{Address, Hash, Height, hash::blake2b_512};

/// The duty roster of `height`: provers in rank order, from the weights of the epoch before and the
/// hash of the block before. The first holds the right, the next ones back it up. Empty: anyone
/// may.
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

/// `x_i`: a uniform number from 1 to 2^64.
fn draw(parent_hash: &Hash, height: Height, prover: &Address) -> u128 {
    let digest = blake2b_512("lode/rights/v1", &[&parent_hash.0, &height.to_le_bytes(), &prover.0]);
    let low = digest.first_chunk::<8>().copied().unwrap_or_default();
    u128::from(u64::from_le_bytes(low)).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prover(number: u8) -> Address {
        Address([number; 32])
    }

    #[test]
    fn rosters_of_the_documentation() {
        // docs/src/protocol/rights.md; more of them, from the same second implementation, in
        // tests/consensus_golden.rs.
        let weights =
            Weights::from([(prover(1), 65_536), (prover(2), 131_072), (prover(3), 32_768)]);
        let ranks = |height| {
            roster(&weights, &Hash([9; 32]), height).iter().map(|a| a.0[0]).collect::<Vec<_>>()
        };
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
        let wins = (0..4_000)
            .filter(|height| roster(&weights, &Hash([1; 32]), *height)[0] == prover(1))
            .count();
        assert!(wins.abs_diff(1_000) < 137, "{wins}");
    }

    #[test]
    fn splitting_power_neither_gains_nor_loses() {
        // One address of 30 against 30 addresses of 1, over 4,000 heights.
        let mut weights: Weights = (1..=30).map(|number| (prover(number), 1)).collect();
        weights.insert(prover(200), 30);
        let wins = (0..4_000)
            .filter(|height| roster(&weights, &Hash([2; 32]), *height)[0] == prover(200))
            .count();
        assert!(wins.abs_diff(2_000) < 159, "{wins}");
    }

    proptest! {
        #[test]
        fn a_roster_ranks_each_prover_once(count in 0_u8..40, height: u32) {
            let weights: Weights =
                (0..count).map(|number| (prover(number), 1 + u64::from(number))).collect();
            let mut ranked = roster(&weights, &Hash([3; 32]), height);
            ranked.sort_unstable();
            prop_assert_eq!(ranked, weights.keys().copied().collect::<Vec<_>>());
        }
    }
}
