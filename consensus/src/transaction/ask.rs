//! An operator's offer to prove jobs of a class.

use super::{StaticError, error::range};
use crate::{Hash, Height, codec::layout};

/// Puts the sender's ask in the class's book, in place of the one that it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub class: Hash,
    /// Microcredits for a job, at least 1.
    pub price: u64,
    /// Blocks within which the operator promises to deliver, counted from the matching one.
    pub blocks: u32,
    /// Jobs that may be assigned at once; 0 takes the ask back.
    pub capacity: u16,
    /// The largest bond that the operator accepts for one job.
    pub max_bond: u64,
    /// The last height at which the ask may be matched.
    pub until: Height,
}

layout!(Ask { class, price, blocks, capacity, max_bond, until });

impl Ask {
    pub(super) const TAG: u8 = 5;
    pub const MIN_BLOCKS: u32 = 2;
    pub const MAX_BLOCKS: u32 = 100_000;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        range("price", self.price, 1, u64::MAX)?;
        range("blocks", self.blocks.into(), Self::MIN_BLOCKS.into(), Self::MAX_BLOCKS.into())
    }
}
