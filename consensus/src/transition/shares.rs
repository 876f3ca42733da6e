//! Shares: each counts once in a chain, is paid from the share fund, and adds to the weight of its
//! beneficiary.
//!
//! What must not be broken: weights are written for the provers of the block's shares only: the end
//! of an epoch changes no leaf.

use std::collections::BTreeMap;

use super::{ApplyError, Overlay, StateView, maturity::Mined};
use crate::{
    Address, ChainSpec, Encode, Epoch, ShareId, StateKey, reward,
    rules::ChainContext,
    selection::{self, Weight},
    state::Amount,
};

/// What overflows if a network's parameters were not checked.
const SHARES: &str = "the number of shares in an epoch";

/// No share of a block was counted by an earlier one.
pub(super) fn begin<V: StateView>(view: &V, ids: &[ShareId]) -> Result<(), ApplyError<V::Error>> {
    for (index, id) in ids.iter().enumerate() {
        if view.has_share(id).map_err(ApplyError::Store)? {
            return Err(ApplyError::ShareCounted { index });
        }
    }
    Ok(())
}

/// Pays and counts a block's shares, one prover for each, and gives what each of them costs.
pub(super) fn end<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    params: &ChainSpec,
    context: &ChainContext,
    producer: Address,
    provers: &[Address],
    mined: &mut Mined,
) -> Result<u64, ApplyError<V::Error>> {
    count(leaves, params.epoch_of(context.height), provers)?;
    pay(leaves, params, context, producer, provers, mined)
}

/// Adds a block's shares to the weights, and to their sum.
fn count<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    epoch: Epoch,
    provers: &[Address],
) -> Result<(), ApplyError<V::Error>> {
    let mut added: BTreeMap<StateKey, u16> = BTreeMap::new();
    for prover in provers {
        for key in [StateKey::Weight(selection::beneficiary(prover)), StateKey::WeightSum] {
            let count = added.entry(key).or_default();
            *count = count.checked_add(1).ok_or(ApplyError::Overflow(SHARES))?;
        }
    }
    for (key, shares) in added {
        let weight: Weight = leaves.get(key)?.unwrap_or_default();
        let counted = weight.counting(epoch, shares).ok_or(ApplyError::Overflow(SHARES))?;
        leaves.set(key, counted.to_leaf());
    }
    Ok(())
}

fn pay<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    params: &ChainSpec,
    context: &ChainContext,
    producer: Address,
    provers: &[Address],
    mined: &mut Mined,
) -> Result<u64, ApplyError<V::Error>> {
    let ChainContext { height, target, first_target, .. } = *context;
    let share_pay = reward::share_pay(height, target, first_target, params.shares_per_block);
    let count = u64::try_from(provers.len()).unwrap_or(u64::MAX);
    let needed =
        share_pay.checked_mul(count).ok_or(ApplyError::Overflow("the pay of the shares"))?;
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
