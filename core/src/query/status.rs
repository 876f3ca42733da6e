//! Where the chain stands.

use lode_consensus::{ChainWork, Epoch, Hash, Header, Height, epoch, reward, state::Supply};
use lode_puzzle::Target;

use super::{Moment, QueryError};

/// The chain as a whole. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainStatus {
    /// The network's genesis hash.
    pub genesis_hash: Hash,
    pub tip_hash: Hash,
    pub tip: Header,
    /// The tip's epoch.
    pub epoch: Epoch,
    pub epoch_first_height: Height,
    /// The target of shares in that epoch.
    pub share_target: Target,
    /// Cumulative work of the chain.
    pub work: ChainWork,
    /// The target of the block to come.
    pub next_target: Target,
    /// What the block to come mints.
    pub subsidy: u64,
    /// Where all microcredits are.
    pub supply: Supply,
}

impl Moment<'_> {
    /// The chain as a whole.
    ///
    /// # Errors
    /// The database's.
    pub fn status(&self) -> Result<ChainStatus, QueryError> {
        let params = self.params();
        let (height, tip_hash) = self.reader.tip()?;
        let tip = self.entry(&tip_hash)?;
        let next = self.reader.context(&tip_hash)?;
        let epoch = params.epoch_of(height);
        let first_target = self.reader.epoch_first_target(epoch)?.unwrap_or(tip.header.target);
        Ok(ChainStatus {
            genesis_hash: next.genesis_hash,
            tip_hash,
            epoch,
            epoch_first_height: params.epoch_start(epoch),
            share_target: epoch::share_target(first_target, params.shares_per_block),
            work: tip.work,
            next_target: next.target,
            subsidy: reward::subsidy(next.height),
            supply: self.reader.supply()?,
            tip: tip.header,
        })
    }
}
