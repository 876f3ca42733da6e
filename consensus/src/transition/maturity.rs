//! Maturity: what a block mines waits in `pending/h`, and moves to balances M blocks later.

use std::collections::BTreeMap;

use super::{ApplyError, StateView, session::Session};
use crate::{
    Address, StateKey,
    state::{Credit, Pending},
};

impl<V: StateView> Session<'_, V> {
    /// What was mined M blocks before moves to balances.
    pub(super) fn mature(&mut self) -> Result<(), ApplyError<V::Error>> {
        let Some(mined) = self.height().checked_sub(self.params.maturity) else {
            return Ok(());
        };
        let key = StateKey::Pending(mined);
        let Some(Pending(credits)) = self.read(key)? else { return Ok(()) };
        for credit in credits {
            self.credit(credit.address, credit.amount)?;
        }
        self.leaves.set::<Pending>(key, None)
    }

    /// Everything mined at `height` waits. What sums to nothing is left out.
    pub(super) fn store_mined(&mut self, mined: Mined) -> Result<(), ApplyError<V::Error>> {
        let credits: Vec<Credit> = mined
            .0
            .into_iter()
            .filter(|(_, amount)| *amount > 0)
            .map(|(address, amount)| Credit { address, amount })
            .collect();
        if credits.is_empty() {
            return Ok(());
        }
        self.leaves.set(StateKey::Pending(self.height()), Some(Pending(credits)))
    }
}

/// What a block mines, by address.
#[derive(Debug, Default)]
pub(super) struct Mined(BTreeMap<Address, u64>);

impl Mined {
    /// Adds to what an address mines in this block.
    pub(super) fn credit<E>(&mut self, address: Address, amount: u64) -> Result<(), ApplyError<E>> {
        let sum = self.0.entry(address).or_default();
        *sum = sum.checked_add(amount).ok_or(ApplyError::Overflow("mined amounts"))?;
        Ok(())
    }
}
