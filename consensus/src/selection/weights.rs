//! What a prover's right is measured in.

use std::collections::BTreeMap;

use crate::Address;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn prover(number: u8) -> Address {
        Address([number; 32])
    }

    #[test]
    fn weights_decay_by_half_and_leave_at_zero() {
        let previous = Weights::from([(prover(1), 3), (prover(2), 1), (prover(3), 131_072)]);
        let shares = BTreeMap::from([(prover(3), 2), (prover(4), 1), (prover(5), 0)]);
        let weights = decay_and_add(&previous, &shares);
        let expected = Weights::from([(prover(1), 1), (prover(3), 65_536 + 131_072), (prover(4), 65_536)]);
        assert_eq!(weights, expected);
    }
}
