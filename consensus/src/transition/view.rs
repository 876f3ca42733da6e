//! The state below a block, as the transition reads it.

use crate::{Hash, Height, ShareId, StateKey, state::Supply};

/// The state at one block, as a store keeps it.
pub trait StateView {
    /// Why a lookup can fail: the database's error.
    type Error;

    /// The bytes of a leaf, or `None`.
    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Where all microcredits are.
    fn supply(&self) -> Result<Supply, Self::Error>;

    /// The hash of a block below the one that is applied, at any height.
    fn block_hash(&self, height: Height) -> Result<Hash, Self::Error>;

    /// Whether a block of this chain has counted the share already.
    fn has_share(&self, id: &ShareId) -> Result<bool, Self::Error>;
}
