//! Shares: each counts once in a chain, and is paid from the share fund.

use super::{ApplyError, Overlay, StateView, maturity::Mined};
use crate::{Address, Encode, NetworkParams, ShareId, StateKey, reward, rules::ChainContext, state::Amount};

/// No share of a block was counted by an earlier one.
pub(super) fn begin<V: StateView>(view: &V, ids: &[ShareId]) -> Result<(), ApplyError<V::Error>> {
    for (index, id) in ids.iter().enumerate() {
        if view.has_share(id).map_err(ApplyError::Store)? {
            return Err(ApplyError::ShareCounted { index });
        }
    }
    Ok(())
}

/// Pays a block's shares, one prover for each, and gives what each of them costs.
pub(super) fn end<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    params: &NetworkParams,
    context: &ChainContext,
    producer: Address,
    provers: &[Address],
    mined: &mut Mined,
) -> Result<u64, ApplyError<V::Error>> {
    let ChainContext { height, target, first_target, .. } = *context;
    let share_pay = reward::share_pay(height, target, first_target, params.shares_per_block);
    let count = u64::try_from(provers.len()).unwrap_or(u64::MAX);
    let needed = share_pay.checked_mul(count).ok_or(ApplyError::Overflow("the pay of the shares"))?;
    let Amount(fund) = leaves.get(StateKey::ShareFund)?.unwrap_or_default();
    let rest = fund.checked_sub(needed).ok_or(ApplyError::ShareFund { needed, fund })?;
    leaves.set(StateKey::ShareFund, Some(Amount(rest).encode()));

    let inclusion_fee = reward::inclusion_fee(share_pay);
    for prover in provers {
        mined.credit(producer, inclusion_fee)?;
        mined.credit(*prover, share_pay.saturating_sub(inclusion_fee))?;
    }
    Ok(share_pay)
}
