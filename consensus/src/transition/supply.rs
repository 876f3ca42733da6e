//! Supply: every block checks that nothing came from nowhere.

use super::{ApplyError, Overlay, StateView, overlay::decode};
use crate::{
    Account, StateKey,
    reward::Emission,
    state::{Amount, Pending, Supply},
};

/// The supply after the block: summed from the leaves that changed, and held against the emission.
pub(super) fn end<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    emission: Emission,
) -> Result<Supply, ApplyError<V::Error>> {
    let mut supply = leaves.view.supply().map_err(ApplyError::Store)?;
    let overflow = ApplyError::Overflow("the supply");
    supply.emitted = supply.emitted.checked_add(emission.total()).ok_or(overflow)?;
    for key in leaves.after.keys().copied().collect::<Vec<_>>() {
        let total = match key {
            StateKey::Account(_) => &mut supply.balances,
            StateKey::Pending(_) => &mut supply.pending,
            StateKey::ShareFund => &mut supply.share_fund,
            StateKey::ProvingPool(_) => &mut supply.proving_pools,
            StateKey::Weight(_) | StateKey::WeightSum => continue,
        };
        let before = sum(key, leaves.read(key)?)?;
        let after = sum(key, leaves.after.get(&key).and_then(Option::as_deref))?;
        *total = total
            .checked_add(after)
            .and_then(|total| total.checked_sub(before))
            .ok_or(ApplyError::Overflow("the supply"))?;
    }
    supply.check()?;
    Ok(supply)
}

/// The microcredits in a leaf.
fn sum<E>(key: StateKey, bytes: Option<&[u8]>) -> Result<u64, ApplyError<E>> {
    Ok(match key {
        StateKey::Account(_) => decode::<Account, E>(key, bytes)?.unwrap_or_default().balance,
        StateKey::ShareFund | StateKey::ProvingPool(_) => {
            decode::<Amount, E>(key, bytes)?.unwrap_or_default().0
        }
        StateKey::Pending(_) => decode::<Pending, E>(key, bytes)?
            .unwrap_or_default()
            .0
            .iter()
            .try_fold(0_u64, |sum, credit| sum.checked_add(credit.amount))
            .ok_or(ApplyError::Overflow("pending credits"))?,
        StateKey::Weight(_) | StateKey::WeightSum => 0,
    })
}
