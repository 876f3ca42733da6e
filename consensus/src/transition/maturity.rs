//! Maturity: what a block mines waits in `pending/h`, and moves to balances M blocks later.

use std::collections::BTreeMap;

use super::{ApplyError, Overlay, StateView};
use crate::{
    Account, Address, ChainSpec, Encode, Height, StateKey,
    state::{Credit, Pending},
};

/// What was mined M blocks before moves to balances.
pub(super) fn begin<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    params: &ChainSpec,
    height: Height,
) -> Result<(), ApplyError<V::Error>> {
    let Some(mined) = height.checked_sub(params.maturity) else {
        return Ok(());
    };
    let key = StateKey::Pending(mined);
    for credit in leaves.get::<Pending>(key)?.unwrap_or_default().0 {
        let key = StateKey::Account(credit.address);
        let mut account: Account = leaves.get(key)?.unwrap_or_default();
        account.balance = account
            .balance
            .checked_add(credit.amount)
            .ok_or(ApplyError::Overflow("a matured balance"))?;
        leaves.set(key, Some(account.encode()));
    }
    leaves.set(key, None);
    Ok(())
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

/// Everything mined at `height` waits for its maturity. Amounts of zero are left out.
pub(super) fn end<V: StateView>(leaves: &mut Overlay<'_, V>, height: Height, mined: Mined) {
    let credits: Vec<Credit> = mined
        .0
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .map(|(address, amount)| Credit { address, amount })
        .collect();
    if !credits.is_empty() {
        leaves.set(StateKey::Pending(height), Some(Pending(credits).encode()));
    }
}
