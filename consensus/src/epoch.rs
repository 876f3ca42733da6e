//! Epochs: their challenge, and the target that shares are held to (specification sections 3 and
//! 5).

use ethnum::AsU256;
use lode_puzzle::Target;

use crate::Hash;

/// `B256("lode/epoch/v1" ‖ hash)`, where `hash` is that of the last block of the epoch before; for
/// epoch 0, of genesis.
pub fn challenge(previous_epoch_last_hash: &Hash) -> Hash {
    Hash::of("lode/epoch/v1", &[&previous_epoch_last_hash.0])
}

/// The share target of an epoch: `min(2^128 − 1, first_target · shares_per_block)`, where
/// `first_target` is the target of the epoch's first block.
pub fn share_target(first_target: Target, shares_per_block: u32) -> Target {
    let product = first_target.get().as_u256().saturating_mul(shares_per_block.as_u256());
    Target::new(u128::try_from(product).unwrap_or(u128::MAX)).unwrap_or(Target::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_target_multiplies_and_saturates() {
        let target = |value| Target::new(value).unwrap();
        assert_eq!(share_target(target(1 << 100), 16), target(1 << 104));
        assert_eq!(share_target(target(1 << 124), 16), target(u128::MAX));
        assert_eq!(share_target(target((1 << 124) - 1), 16), target(u128::MAX - 15));
        assert_eq!(share_target(target(u128::MAX), 1), target(u128::MAX));
    }

    #[test]
    fn the_challenge_is_domain_separated() {
        let hash = Hash([7; 32]);
        assert_eq!(challenge(&hash), Hash::of("lode/epoch/v1", &[&[7; 32]]));
        assert_ne!(challenge(&hash), challenge(&Hash([8; 32])));
    }
}
