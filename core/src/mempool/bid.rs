//! What a waiting transaction offers, and what it takes of a block for that.

use lode_consensus::{
    Address, Encode, Height, SignedTransaction,
    params::{MAX_BODY_BYTES, MarketSpec},
    transaction::StaticError,
};

use super::fee_rate::FeeRate;

/// How many blocks before its promise ends a delivery goes before what pays more: as many as may be
/// full of others that are due, or be made by producers that leave it out.
pub(super) const DUE_BLOCKS: Height = 4;

/// What a transaction means at the tip, as far as the pool goes by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Assessment {
    /// What it takes of a block's proof budget.
    pub units: u64,
    /// The last height at which it keeps a promise of its sender's.
    pub due: Option<Height>,
    /// What its producer earns by it besides the fee, in microcredits.
    pub bounty: u64,
}

/// What the pool goes by: the same for all kinds of transactions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bid {
    pub(super) from: Address,
    pub(super) nonce: u64,
    pub(super) fee: u64,
    pub(super) expiry: Height,
    /// What leaves the sender's balance.
    pub(super) cost: u64,
    pub(super) bytes: usize,
    /// The bytes, and as many more as its units are worth.
    pub(super) weight: usize,
    pub(super) due: Option<Height>,
    pub(super) bounty: u64,
}

impl Bid {
    pub(super) fn of(
        signed: &SignedTransaction,
        market: &MarketSpec,
        assessment: &Assessment,
    ) -> Result<Self, StaticError> {
        let transaction = &signed.transaction;
        transaction.check_static()?;
        Ok(Self {
            from: transaction.from,
            nonce: transaction.nonce,
            fee: transaction.fee,
            expiry: transaction.expiry,
            cost: transaction.cost(market)?,
            bytes: signed.encoded_len(),
            weight: weight_of(signed.encoded_len(), assessment.units, market.proof_budget),
            due: assessment.due,
            bounty: assessment.bounty,
        })
    }

    pub(super) fn rate(&self) -> FeeRate {
        FeeRate::new(self.fee.saturating_add(self.bounty), self.weight)
    }

    /// Whether a next block at a height should rather take it than anything that pays more.
    pub(super) fn is_due(&self, next: Height) -> bool {
        self.due.is_some_and(|due| (next..next.saturating_add(DUE_BLOCKS)).contains(&due))
    }
}

/// What a transaction takes of a block, in bytes: as large a part of a body as its bytes take, and
/// as large a part again as its units take of the budget, rounded up.
pub(super) fn weight_of(bytes: usize, units: u64, budget: u64) -> usize {
    let units = u128::from(units) * MAX_BODY_BYTES as u128;
    let of_units = units.div_ceil(u128::from(budget.max(1)));
    bytes.saturating_add(usize::try_from(of_units).unwrap_or(usize::MAX))
}
