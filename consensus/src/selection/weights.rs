//! What a prover's right is measured in: shares, of which each epoch counts half as much as the
//! next one.
//!
//! W_i(e) = floor(W_i(e−1) / 2) + 2^16 · shares_i(e), frozen at the end of epoch e. A prover's
//! weight is a leaf of the state tree that is written when the prover has a share, and at no other
//! time: the halvings since then, one for each epoch that ended, follow from its age. So the end of
//! an epoch writes no leaf.
//!
//! What must not be broken: a leaf read in any later epoch gives what halving it at the end of each
//! epoch would have given (`floor(floor(W / 2) / 2) = floor(W / 4)`, so that the halvings can be
//! done at once).

use std::collections::BTreeMap;

use crate::{
    Address, Epoch,
    codec::{Decode, DecodeError, Encode, Reader},
};

/// What one share adds to a weight.
pub const SHARE_WEIGHT: u64 = 1 << 16;

/// Epochs after which a weight that nothing is added to has come down to zero. A weight is below
/// 2 · [`SHARE_WEIGHT`] · (2^16 − 1), which is below 2^33.
pub const WEIGHT_LIFETIME: Epoch = 33;

/// The weights of one epoch: of all provers with a weight above zero.
pub type Weights = BTreeMap<Address, u64>;

/// The leaf of [`StateKey::Weight`](crate::StateKey::Weight), and of
/// [`StateKey::WeightSum`](crate::StateKey::WeightSum) for all provers together.
///
/// The sum follows the same recurrence over all shares. As it rounds once where the weights round
/// one by one, it is at least their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// The epoch of the last share that counted.
    pub epoch: Epoch,
    /// W at the end of the epoch before.
    pub carried: u64,
    /// Shares that counted in the epoch so far. [`ChainSpec::check`](crate::ChainSpec::check) makes
    /// sure that they fit.
    pub shares: u16,
}

impl Weight {
    /// Bytes of an encoded leaf.
    pub const BYTES: usize = 4 + 8 + 2;

    /// W at the end of an epoch, with the shares that have counted so far. The leaf must be the
    /// last one that was written up to that epoch, or be of the epoch after it: of earlier ones it
    /// knows nothing, `None`.
    pub fn at_end_of(&self, epoch: Epoch) -> Option<u64> {
        match epoch.checked_sub(self.epoch) {
            Some(age) => {
                let weight = (self.carried >> 1)
                    .saturating_add(SHARE_WEIGHT.saturating_mul(self.shares.into()));
                Some(weight.checked_shr(age).unwrap_or(0))
            }
            None if epoch.checked_add(1) == Some(self.epoch) => Some(self.carried),
            None => None,
        }
    }

    /// The leaf with `shares` more in an epoch, which is its own or a later one. `None`: more than
    /// the leaf can count.
    #[must_use]
    pub fn counting(self, epoch: Epoch, shares: u16) -> Option<Self> {
        let rolled = match epoch.checked_sub(1) {
            Some(before) if epoch > self.epoch => {
                Self { epoch, carried: self.at_end_of(before).unwrap_or(0), shares: 0 }
            }
            _ => self,
        };
        Some(Self { shares: rolled.shares.checked_add(shares)?, ..rolled })
    }

    /// Whether the leaf says no more than one that is not there.
    pub fn is_empty(&self) -> bool {
        self.carried == 0 && self.shares == 0
    }
}

impl Encode for Weight {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.carried.to_le_bytes());
        out.extend_from_slice(&self.shares.to_le_bytes());
    }
}

impl Decode for Weight {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { epoch: reader.u32()?, carried: reader.u64()?, shares: reader.u16()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// W by its definition: from epoch to epoch, one halving each.
    fn eager(shares: &[u16]) -> Vec<u64> {
        let mut weight = 0;
        let step = |count: &u16| {
            weight = weight / 2 + (u64::from(*count) << 16);
            weight
        };
        shares.iter().map(step).collect()
    }

    #[test]
    fn a_leaf_decays_by_half() {
        let leaf = Weight { epoch: 7, carried: 65_537, shares: 2 };
        let weights: Vec<_> = (5..=9).map(|epoch| leaf.at_end_of(epoch)).collect();
        assert_eq!(
            weights,
            [None, Some(65_537), Some(32_768 + 131_072), Some(81_920), Some(40_960)]
        );
        assert_eq!(leaf.at_end_of(u32::MAX), Some(0));
        assert_eq!(leaf.counting(7, 3), Some(Weight { shares: 5, ..leaf }));
        assert_eq!(leaf.counting(9, 1), Some(Weight { epoch: 9, carried: 81_920, shares: 1 }));
        assert_eq!(
            Weight::default().counting(0, 1),
            Some(Weight { epoch: 0, carried: 0, shares: 1 })
        );
        assert_eq!(leaf.counting(7, u16::MAX), None);
        assert_eq!(leaf.counting(8, u16::MAX).map(|leaf| leaf.shares), Some(u16::MAX));
    }

    #[test]
    fn a_leaf_that_says_nothing_is_none() {
        assert!(Weight { epoch: 9, carried: 0, shares: 0 }.is_empty());
        assert!(!Weight { epoch: 0, carried: 1, shares: 0 }.is_empty());
        assert!(!Weight { epoch: 0, carried: 0, shares: 1 }.is_empty());
    }

    #[test]
    fn the_greatest_weight_is_gone_after_its_lifetime() {
        let mut leaf = Weight::default();
        for epoch in 0..200 {
            leaf = leaf.counting(epoch, u16::MAX).unwrap();
        }
        assert!(leaf.at_end_of(199 + WEIGHT_LIFETIME - 1).unwrap() > 0);
        assert_eq!(leaf.at_end_of(199 + WEIGHT_LIFETIME), Some(0));
    }

    proptest! {
        #[test]
        fn halving_when_read_is_halving_at_every_end(
            shares in proptest::collection::vec(
                prop_oneof![3 => Just(0), 1 => 1_u16..20, 1 => any::<u16>()],
                1..80,
            ),
        ) {
            let mut leaf = Weight::default();
            for (epoch, (count, weight)) in (0..).zip(shares.iter().zip(eager(&shares))) {
                // In two parts, as blocks bring them.
                if *count > 0 {
                    leaf = leaf.counting(epoch, count / 2).unwrap();
                    leaf = leaf.counting(epoch, count - count / 2).unwrap();
                }
                prop_assert_eq!(leaf.at_end_of(epoch), Some(weight));
            }
            // From what is carried, too.
            let epoch = u32::try_from(shares.len()).unwrap();
            let before = leaf.counting(epoch, 1).unwrap().at_end_of(epoch - 1);
            prop_assert_eq!(before, eager(&shares).last().copied());
        }
    }
}
