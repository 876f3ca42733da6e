//! Emission: the subsidy goes to the producer, the epoch's proving pool and the share fund.

use super::{ApplyError, StateView, maturity::Mined, session::Session};
use crate::{Address, reward::Emission};

impl<V: StateView> Session<'_, V> {
    /// Mints the subsidy.
    pub(super) fn emit(
        &mut self,
        producer: Address,
        mined: &mut Mined,
    ) -> Result<Emission, ApplyError<V::Error>> {
        let emission = Emission::of(self.height());
        self.add_to_pool(self.epoch(), emission.proving_pool)?;
        self.add_to_fund(emission.share_fund)?;
        mined.credit(producer, emission.producer)?;
        Ok(emission)
    }
}
