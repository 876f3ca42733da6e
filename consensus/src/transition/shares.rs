//! Shares: each counts once in a chain, is paid from the share fund, and adds to the weight of its
//! beneficiary.
//!
//! What must not be broken: weights are written for the provers of the block's shares only: the end
//! of an epoch changes no leaf.

use std::collections::BTreeMap;

use super::{ApplyError, StateView, maturity::Mined, session::Session};
use crate::{
    Address, ShareId, StateKey, reward, rules::ChainContext, selection::Weight, state::Amount,
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

impl<V: StateView> Session<'_, V> {
    /// Pays and counts the block's shares, one prover for each, and gives what each of them costs.
    pub(super) fn shares(
        &mut self,
        producer: Address,
        provers: &[Address],
        mined: &mut Mined,
    ) -> Result<u64, ApplyError<V::Error>> {
        self.count_shares(provers)?;
        self.pay_shares(producer, provers, mined)
    }

    /// Adds the shares to the weights of whom they count for, and to their sum.
    fn count_shares(&mut self, provers: &[Address]) -> Result<(), ApplyError<V::Error>> {
        let epoch = self.epoch();
        let mut added: BTreeMap<StateKey, u16> = BTreeMap::new();
        for prover in provers {
            for key in [StateKey::Weight(self.beneficiary(*prover)?), StateKey::WeightSum] {
                let count = added.entry(key).or_default();
                *count = count.checked_add(1).ok_or(ApplyError::Overflow(SHARES))?;
            }
        }
        for (key, shares) in added {
            let weight: Weight = self.read(key)?.unwrap_or_default();
            let counted = weight.counting(epoch, shares).ok_or(ApplyError::Overflow(SHARES))?;
            self.leaves.set(key, Some(counted))?;
        }
        Ok(())
    }

    fn pay_shares(
        &mut self,
        producer: Address,
        provers: &[Address],
        mined: &mut Mined,
    ) -> Result<u64, ApplyError<V::Error>> {
        let ChainContext { height, target, first_target, .. } = *self.context;
        let per_block = self.params.shares_per_block;
        let share_pay = reward::share_pay(height, target, first_target, per_block);
        let count = u64::try_from(provers.len()).unwrap_or(u64::MAX);
        let needed =
            share_pay.checked_mul(count).ok_or(ApplyError::Overflow("the pay of the shares"))?;
        let Amount(fund) = self.read(StateKey::ShareFund)?.unwrap_or_default();
        let rest = fund.checked_sub(needed).ok_or(ApplyError::ShareFund { needed, fund })?;
        self.leaves.set(StateKey::ShareFund, Some(Amount(rest)))?;

        let inclusion_fee = reward::inclusion_fee(share_pay);
        for prover in provers {
            mined.credit(producer, inclusion_fee)?;
            mined.credit(*prover, share_pay.saturating_sub(inclusion_fee))?;
        }
        Ok(share_pay)
    }
}
