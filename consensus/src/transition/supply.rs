//! Supply: every block checks that nothing came from nowhere.

use super::{ApplyError, StateView, session::Session};
use crate::{StateKey, reward::Emission, state::Supply};

/// What overflows if the rules lose credits.
const SUPPLY: &str = "the supply";

impl<V: StateView> Session<'_, V> {
    /// The supply after the block: summed from the leaves that changed, and held against what was
    /// minted and burned.
    pub(super) fn supply(&mut self, emission: Emission) -> Result<Supply, ApplyError<V::Error>> {
        let overflow = || ApplyError::Overflow(SUPPLY);
        let mut supply = self.leaves.view.supply().map_err(ApplyError::Store)?;
        supply.emitted = supply.emitted.checked_add(emission.total()).ok_or_else(overflow)?;
        supply.burned = supply.burned.checked_add(self.tally.burned).ok_or_else(overflow)?;
        for written in self.leaves.written() {
            let (key, before, after) = written?;
            let Some(total) = total_of(&mut supply, key) else { continue };
            let sum = u128::from(*total).saturating_add(after.into());
            let left = sum.checked_sub(before.into()).and_then(|sum| u64::try_from(sum).ok());
            *total = left.ok_or_else(overflow)?;
        }
        supply.check()?;
        Ok(supply)
    }
}

/// The sum that the credits in a leaf are part of.
fn total_of<'s>(supply: &'s mut Supply, key: &StateKey) -> Option<&'s mut u64> {
    match key {
        StateKey::Account(_) => Some(&mut supply.balances),
        StateKey::Pending(_) => Some(&mut supply.pending),
        StateKey::ShareFund => Some(&mut supply.share_fund),
        StateKey::ProvingPool(_) => Some(&mut supply.proving_pools),
        StateKey::Operator(_) => Some(&mut supply.bonds),
        StateKey::Job(_) => Some(&mut supply.escrows),
        StateKey::Weight(_)
        | StateKey::WeightSum
        | StateKey::Appoint(_)
        | StateKey::Class(_)
        | StateKey::Key(_)
        | StateKey::Book(_)
        | StateKey::Waiting(_)
        | StateKey::Queue(_)
        | StateKey::Agenda(..)
        | StateKey::AgendaLast(_)
        | StateKey::AgendaOldest => None,
    }
}
