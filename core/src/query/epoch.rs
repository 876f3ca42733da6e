//! Epochs, rosters and shares.

use std::collections::BTreeMap;

use lode_consensus::{
    Address, Epoch, Hash, Height, Share, epoch,
    selection::{Weight, Weights},
};
use lode_ledger::LeafProof;
use lode_puzzle::Target;

use super::{Moment, Page, Place, QueryError};

/// How far a prover's shares are counted: beyond it, the total stays at this number.
pub const MAX_COUNTED_SHARES: usize = 100_000;

/// An epoch that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochAnswer {
    /// Its number.
    pub epoch: Epoch,
    /// The challenge that its proofs answer.
    pub challenge: Hash,
    pub first_height: Height,
    pub last_height: Height,
    pub share_target: Target,
    /// Weights by prover, as they would be if it ended now.
    pub weights: Weights,
    /// Shares by prover.
    pub shares: BTreeMap<Address, u64>,
    /// Whether it is over.
    pub complete: bool,
    /// Microcredits in its proving pool.
    pub proving_pool: u64,
}

/// The shares of one prover that blocks include.
#[derive(Debug)]
pub struct ProverShares {
    /// How many there are, counted up to [`MAX_COUNTED_SHARES`].
    pub total: usize,
    /// A page of them.
    pub page: Page<PlacedShare>,
    /// The network's genesis hash.
    pub genesis_hash: Hash,
}

/// A share and where in the chain it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedShare {
    pub share: Share,
    /// Where it is.
    pub place: Place,
    /// The challenge of that block's epoch.
    pub epoch_challenge: Hash,
}

/// What an address has earned by shares, and what all have together, as of some block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightState {
    /// The epoch of that block.
    pub epoch: Epoch,
    pub block_hash: Hash,
    /// The address's own leaf.
    pub weight: LeafProof<Weight>,
    /// That of all together.
    pub sum: LeafProof<Weight>,
}

impl Moment<'_> {
    /// The weight of an address as of a height, or of the tip, and the sum that it is a part of.
    ///
    /// # Errors
    /// [`lode_ledger::LedgerError::NotRetained`] for a height whose state is not there.
    pub fn weight(
        &self,
        address: &Address,
        height: Option<Height>,
    ) -> Result<WeightState, QueryError> {
        let at = height.map_or_else(|| self.reader.tip_height(), Ok)?;
        let (weight, sum) =
            (self.reader.weight_proof(address, at)?, self.reader.weight_sum_proof(at)?);
        let lost = || QueryError::Contradiction(format!("the chain has no block at height {at}"));
        let block_hash = self.reader.block_hash_at(at)?.ok_or_else(lost)?;
        Ok(WeightState { epoch: self.params().epoch_of(at), block_hash, weight, sum })
    }

    /// An epoch that has begun, or that of the tip.
    ///
    /// # Errors
    /// [`QueryError::NoEpoch`] for one that has not.
    pub fn epoch(&self, asked: Option<Epoch>) -> Result<EpochAnswer, QueryError> {
        let params = self.params();
        let tip = self.reader.tip_height()?;
        let current = params.epoch_of(tip);
        let epoch = asked.unwrap_or(current);
        if epoch > current {
            return Err(QueryError::NoEpoch { epoch, current });
        }
        let lost = || QueryError::Contradiction(format!("epoch {epoch} has no first block"));
        let challenge = self.reader.epoch_challenge(epoch)?.ok_or_else(lost)?;
        let first_target = self.reader.epoch_first_target(epoch)?.ok_or_else(lost)?;
        Ok(EpochAnswer {
            epoch,
            challenge,
            first_height: params.epoch_start(epoch),
            last_height: params.epoch_end(epoch),
            share_target: epoch::share_target(first_target, params.shares_per_block),
            weights: self.reader.weights(epoch)?,
            shares: self.reader.epoch_shares(epoch)?,
            complete: params.epoch_end(epoch) <= tip,
            proving_pool: self.reader.proving_pool(epoch)?,
        })
    }

    /// The provers in the order of their right and duty to a height. If there are none, any prover
    /// may act.
    ///
    /// # Errors
    /// [`QueryError::NoRoster`] above the tip's next height.
    pub fn roster(&self, height: Height) -> Result<Vec<Address>, QueryError> {
        let tip = self.reader.tip_height()?;
        self.reader.roster(height)?.ok_or(QueryError::NoRoster { height, tip })
    }

    /// A prover's shares below height `before`, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn prover_shares(
        &self,
        prover: &Address,
        limit: usize,
        before: Height,
    ) -> Result<ProverShares, QueryError> {
        let mut total = 0_usize;
        for share in self.reader.prover_shares(prover, Height::MAX)?.take(MAX_COUNTED_SHARES) {
            share?;
            total = total.saturating_add(1);
        }
        let places = self.reader.prover_shares(prover, before)?;
        let places = places.map(|place| place.map(|(height, index)| Place { height, index }));
        let page = self.page(limit, places, |block, place| {
            Some((place, block.body.shares.get(place.slot())?.clone()))
        })?;
        let mut items = Vec::with_capacity(page.items.len());
        for (place, share) in page.items {
            let challenge = self.reader.epoch_challenge(self.params().epoch_of(place.height))?;
            let lost = || {
                QueryError::Contradiction(format!("height {} has no epoch challenge", place.height))
            };
            items.push(PlacedShare { share, place, epoch_challenge: challenge.ok_or_else(lost)? });
        }
        let page = Page { items, next: page.next };
        Ok(ProverShares { total, page, genesis_hash: self.genesis_hash() })
    }
}
