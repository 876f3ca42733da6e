//! Emission: the subsidy goes to the producer, the epoch's proving pool and the share fund.

use super::{ApplyError, Overlay, StateView, maturity::Mined};
use crate::{Address, ChainSpec, Height, StateKey, reward::Emission};

/// Mints the subsidy of `height`.
pub(super) fn end<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    params: &ChainSpec,
    height: Height,
    producer: Address,
    mined: &mut Mined,
) -> Result<Emission, ApplyError<V::Error>> {
    let emission = Emission::of(height);
    leaves.add(
        StateKey::ProvingPool(params.epoch_of(height)),
        emission.proving_pool,
        "a proving pool",
    )?;
    leaves.add(StateKey::ShareFund, emission.share_fund, "the share fund")?;
    mined.credit(producer, emission.producer)?;
    Ok(emission)
}
