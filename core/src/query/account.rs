//! Accounts.

use lode_consensus::{Account, Address, Hash, Height, SignedTransaction};
use lode_ledger::{LeafProof, LedgerError};

use super::{Moment, Page, Place, QueryError, Told};

/// An account after some block, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// The account and its proof.
    pub proven: LeafProof<Account>,
    /// The block at that height.
    pub block_hash: Hash,
    /// What it mined and cannot spend yet, in microcredits; told for the tip only.
    pub immature: Option<u64>,
}

/// A transaction and where in the chain it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedTransaction {
    pub id: Hash,
    /// The transaction.
    pub signed: SignedTransaction,
    /// Where it is.
    pub place: Place,
    /// What became of it.
    pub told: Option<Told>,
}

impl Moment<'_> {
    /// An account as of a height, or of the tip.
    ///
    /// # Errors
    /// [`lode_ledger::LedgerError::NotRetained`] for a height whose state is not there.
    pub fn account(
        &self,
        owner: &Address,
        height: Option<Height>,
    ) -> Result<AccountState, QueryError> {
        let tip = self.reader.tip_height()?;
        let at = height.unwrap_or(tip);
        let proven = self.reader.account_proof(owner, at)?;
        let lost = || QueryError::Contradiction(format!("the chain has no block at height {at}"));
        let block_hash = self.reader.block_hash_at(at)?.ok_or_else(lost)?;
        // What waited for maturity at an older height is not kept by address.
        let immature = if at == tip { Some(self.reader.immature(owner)?) } else { None };
        let total = |amounts: Vec<(Height, u64)>| {
            amounts.iter().fold(0_u64, |sum, (_, amount)| sum.saturating_add(*amount))
        };
        Ok(AccountState { proven, block_hash, immature: immature.map(total) })
    }

    /// What an account sent and received below height `before`, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn account_transactions(
        &self,
        owner: &Address,
        limit: usize,
        before: Height,
    ) -> Result<Page<PlacedTransaction>, QueryError> {
        let places = self.reader.account_transactions(owner, before)?;
        let places = places
            .map(|place| place.map(|place| Place { height: place.height, index: place.index }));
        self.placed(limit, places)
    }

    /// A page of transactions by their places.
    pub(super) fn placed(
        &self,
        limit: usize,
        places: impl Iterator<Item = Result<Place, LedgerError>>,
    ) -> Result<Page<PlacedTransaction>, QueryError> {
        let page = self.page(limit, places, |block, place| {
            Some((block.body.transactions.get(place.slot())?.clone(), place))
        })?;
        page.try_map(|(signed, place)| {
            let id = signed.id(&self.genesis_hash());
            let told = self.told(id, &signed, place)?;
            Ok(PlacedTransaction { id, signed, place, told })
        })
    }
}
