//! The state transition: what a block does to balances, funds, pools and weights (specification
//! sections 4 and 5).
//!
//! What happens in block h, in this order, each part in a file of its own with a beginning
//! (`begin`), an end (`end`) or both:
//!
//! 1. `maturity` begins: what was mined at h − M moves to balances.
//! 2. Roll-over, if h is the first block of an epoch: weights are halved when they are read (see
//!    [`selection`](crate::selection)), so no leaf is visited.
//! 3. Agenda and matching: the market's, of which nothing is there yet.
//! 4. `transactions`: one after the other, each whole or not at all.
//! 5. `emission` ends: the subsidy is minted.
//! 6. `shares` end: they are paid from the share fund, and count in the weights. Before all else,
//!    `shares` begin: none may have been counted by an earlier block.
//! 7. `maturity` ends: everything mined at h waits in `pending/h`.
//! 8. `supply` ends: nothing came from nowhere.
//!
//! What must not be broken: a transaction that fails leaves nothing behind, and the supply adds up
//! after every block.

mod emission;
mod error;
mod maturity;
mod overlay;
mod shares;
mod supply;
mod transactions;
mod view;

use crate::{
    Account, Address, ChainSpec, Encode, StateKey, Transaction, reward,
    rules::{ChainContext, VerifiedBlock},
    state::{Amount, Supply},
    tree::Changes,
};

pub use self::{
    error::{ApplyError, TransactionError},
    view::StateView,
};
use self::{maturity::Mined, overlay::Overlay};

/// What a block does to the state of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedBlock {
    /// The leaves that change.
    pub changes: Changes,
    /// Where all microcredits are after the block.
    pub supply: Supply,
    /// The fees of the block's transactions.
    pub fees: u64,
    /// What each share of the block is paid, the including producer's part included.
    pub share_pay: u64,
}

/// The leaves of a genesis state and its supply.
pub fn genesis(params: &ChainSpec) -> (Changes, Supply) {
    let mut changes = Changes::new();
    let mut balances = 0_u64;
    for (address, balance) in &params.allocations {
        let account = Account { balance: *balance, nonce: 0 };
        changes.insert(StateKey::Account(*address), Some(account.encode()));
        balances = balances.saturating_add(*balance);
    }
    let share_fund = reward::genesis_share_fund(params.epoch_length);
    changes.insert(StateKey::ShareFund, Some(Amount(share_fund).encode()));
    let genesis = balances.saturating_add(share_fund);
    (changes, Supply { genesis, balances, share_fund, ..Supply::default() })
}

/// Applies a block whose proofs hold to the state of its parent. The store must still compare the
/// state root.
pub fn apply<V: StateView>(
    params: &ChainSpec,
    block: &VerifiedBlock,
    view: &V,
) -> Result<AppliedBlock, ApplyError<V::Error>> {
    shares::begin(view, block.share_ids())?;
    let body = &block.block().body;
    let mut executor = Executor::new(params, block.context(), view)?;
    for (index, signed) in body.transactions.iter().enumerate() {
        executor
            .transaction(&signed.transaction)?
            .map_err(|error| ApplyError::Transaction { index, error })?;
    }
    let provers: Vec<Address> = body.shares.iter().map(|share| share.prover).collect();
    executor.finish(block.block().header.producer, &provers)
}

/// A block's state transition in the making. Block templates use it too: a transaction that is
/// refused changes nothing.
#[derive(Debug)]
pub struct Executor<'a, V> {
    params: &'a ChainSpec,
    context: &'a ChainContext,
    leaves: Overlay<'a, V>,
    fees: u64,
}

impl<'a, V: StateView> Executor<'a, V> {
    /// Starts a block: all that happens before its transactions.
    pub fn new(
        params: &'a ChainSpec,
        context: &'a ChainContext,
        view: &'a V,
    ) -> Result<Self, ApplyError<V::Error>> {
        let mut leaves = Overlay::new(view);
        maturity::begin(&mut leaves, params, context.height)?;
        Ok(Self { params, context, leaves, fees: 0 })
    }

    /// Applies one transaction, whose signature the caller has checked. The outer error is the
    /// store's.
    pub fn transaction(
        &mut self,
        transaction: &Transaction,
    ) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
        transactions::apply(&mut self.leaves, self.context.height, &mut self.fees, transaction)
    }

    /// Closes the block: all that happens after its transactions. One prover for each share, in any
    /// order.
    pub fn finish(
        self,
        producer: Address,
        provers: &[Address],
    ) -> Result<AppliedBlock, ApplyError<V::Error>> {
        let Self { params, context, mut leaves, fees } = self;
        let mut mined = Mined::default();
        mined.credit(producer, fees)?;
        let emission = emission::end(&mut leaves, params, context.height, producer, &mut mined)?;
        let share_pay = shares::end(&mut leaves, params, context, producer, provers, &mut mined)?;
        maturity::end(&mut leaves, context.height, mined);
        let supply = supply::end(&mut leaves, emission)?;
        Ok(AppliedBlock { changes: leaves.changes(), supply, fees, share_pay })
    }
}
