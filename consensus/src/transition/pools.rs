//! Roll-over of the proving pools: what is left of an epoch's pool goes back to miners, half of
//! it by way of the next epoch's pool.

use super::{ApplyError, StateView, session::Session};
use crate::{Epoch, StateKey, market::ProvingPool, state::Amount};

impl<V: StateView> Session<'_, V> {
    /// At the first block of an epoch, the pool of the epoch before the last ends.
    pub(super) fn roll_over(&mut self) -> Result<(), ApplyError<V::Error>> {
        let epoch = self.epoch();
        let Some(ended) = epoch.checked_sub(2) else { return Ok(()) };
        if self.params.epoch_start(epoch) != self.height() {
            return Ok(());
        }
        let key = StateKey::ProvingPool(ended);
        let Some(ProvingPool { left, .. }) = self.read(key)? else { return Ok(()) };
        self.leaves.set::<ProvingPool>(key, None)?;
        let half = left >> 1;
        self.add_to_pool(epoch.saturating_sub(1), half)?;
        self.add_to_fund(left.saturating_sub(half))
    }

    pub(super) fn add_to_pool(
        &mut self,
        epoch: Epoch,
        amount: u64,
    ) -> Result<(), ApplyError<V::Error>> {
        if amount == 0 {
            return Ok(());
        }
        let key = StateKey::ProvingPool(epoch);
        let pool: ProvingPool = self.read(key)?.unwrap_or_default();
        let pool = pool.plus(amount).ok_or(ApplyError::Overflow("a proving pool"))?;
        self.leaves.set(key, Some(pool))
    }

    pub(super) fn add_to_fund(&mut self, amount: u64) -> Result<(), ApplyError<V::Error>> {
        if amount == 0 {
            return Ok(());
        }
        let Amount(fund) = self.read(StateKey::ShareFund)?.unwrap_or_default();
        let fund = fund.checked_add(amount).ok_or(ApplyError::Overflow("the share fund"))?;
        self.leaves.set(StateKey::ShareFund, Some(Amount(fund)))
    }
}
