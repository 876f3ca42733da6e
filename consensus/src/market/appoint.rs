//! Whose weight a prover's shares add to.

use crate::{Address, Epoch, codec::layout};

/// The leaf of [`StateKey::Appoint`](crate::StateKey::Appoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appointed {
    /// Whom shares count for before the epoch `from`.
    pub now: Address,
    /// Whom they count for from then on.
    pub next: Address,
    pub from: Epoch,
}

layout!(Appointed { now, next, from });

impl Appointed {
    /// Whom shares count for in an epoch.
    pub fn at(&self, epoch: Epoch) -> Address {
        if epoch >= self.from { self.next } else { self.now }
    }
}
