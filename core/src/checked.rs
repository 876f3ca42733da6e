//! What was found good and comes again: addresses, each of which takes a square root to read, and shares, whose proofs take
//! a pairing. A share leaves the pool when a block counts it, and then comes back in the blocks that compete with that one.
//!
//! Bounds: [`MAX_ADDRESSES`] and [`MAX_SHARES`]; the oldest gives way. Bad ones are not kept: nobody pushes the good ones out
//! with them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lode_consensus::{Address, Encode, Hash, Share, ShareId, address::AddressError};

use crate::sync::bounded::Recent;

/// Most addresses that are kept.
const MAX_ADDRESSES: usize = 4_096;
/// Most shares that are kept: all of a share window of mainnet, several times.
const MAX_SHARES: usize = 8_192;

/// The memory of what is good.
#[derive(Debug)]
pub(crate) struct Checked {
    addresses: Mutex<Recent<Address>>,
    shares: Mutex<Recent<Hash>>,
}

impl Default for Checked {
    fn default() -> Self {
        Self { addresses: Mutex::new(Recent::new(MAX_ADDRESSES)), shares: Mutex::new(Recent::new(MAX_SHARES)) }
    }
}

impl Checked {
    /// [`Address::check`], at once for an address that passed before.
    pub(crate) fn address(&self, address: &Address) -> Result<(), AddressError> {
        if lock(&self.addresses).contains(address) {
            return Ok(());
        }
        // Outside of the lock: this is what takes long.
        address.check()?;
        lock(&self.addresses).insert(*address);
        Ok(())
    }

    /// Notes a share whose proof holds for the statement in its identity, and meets the share target of that epoch.
    pub(crate) fn note_share(&self, id: &ShareId, share: &Share) {
        lock(&self.shares).insert(key(id, share));
    }

    /// Whether this very share was noted.
    pub(crate) fn has_share(&self, id: &ShareId, share: &Share) -> bool {
        lock(&self.shares).contains(&key(id, share))
    }
}

/// The statement stands for the epoch's challenge, and so for its share target; the bytes for the proof.
fn key(id: &ShareId, share: &Share) -> Hash {
    Hash::of("lode/node/checked-share/v1", &[&id.statement.0, &share.encode()])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use lode_puzzle::{Proof, Statement};

    use super::*;

    #[test]
    fn bad_addresses_are_not_kept() {
        let checked = Checked::default();
        let (good, bad) = (Address([0; 32]), Address([0xff; 32]));
        for _ in 0..2 {
            assert_eq!(checked.address(&good), Ok(()));
            assert!(checked.address(&bad).is_err());
        }
        assert!(lock(&checked.addresses).contains(&good) && !lock(&checked.addresses).contains(&bad));
    }

    #[test]
    fn a_share_is_known_by_all_its_bytes_and_its_epoch() {
        let checked = Checked::default();
        let share = Share {
            anchor_hash: Hash([1; 32]),
            content_hash: Hash([2; 32]),
            prover: Address([0; 32]),
            nonce: 3,
            proof: Proof::ZERO,
        };
        let id = share.id(&Hash::ZERO, &Hash::ZERO);
        checked.note_share(&id, &share);
        assert!(checked.has_share(&id, &share));
        let other_proof = Share { proof: Proof { opening: [9; 96], ..Proof::ZERO }, ..share.clone() };
        assert!(!checked.has_share(&id, &other_proof));
        assert!(!checked.has_share(&ShareId { statement: Statement([7; 32]), ..id }, &share));
    }
}
