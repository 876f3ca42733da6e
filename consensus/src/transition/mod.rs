//! The state transition: what a block does to balances, funds, pools, weights, bonds and jobs
//! (specification sections 4 and 5, and `market.md`).
//!
//! All parts of a block in the making share one `session`: its leaves (`overlay`), each read and
//! decoded once, and written once at the end. What happens in block h, in this order, each part in
//! a file of its own:
//!
//! 1. `maturity`: what was mined at h − M moves to balances.
//! 2. `pools`, if h is the first block of an epoch: the pool of the epoch before the last ends.
//!    Weights are halved when they are read (see [`selection`](crate::selection)), so no leaf
//!    is visited.
//! 3. `agenda`: what is due of jobs at h: refunds, misses, the ends of contests, failures.
//! 4. `matching`: jobs meet asks. So the draw uses the hash of block h − 1, which was not known
//!    when the job was signed, and every node knows the assignments as soon as that block is there.
//! 5. `transactions`, one after the other: `operators` (classes, bonds, asks), `requests` (jobs),
//!    `deliver`.
//! 6. `emission`: the subsidy is minted.
//! 7. `shares`: they are paid from the share fund, and count in the weights. Before all else, none
//!    may have been counted by an earlier block.
//! 8. `maturity`: everything mined at h waits in `pending/h`, and what was unbonded with it.
//! 9. `supply`: nothing came from nowhere.
//!
//! `opened` keeps what comes before a block's transactions, so that a node can ask what would
//! become of those that wait. `jobs` writes a job with all that goes with it, `settle` pays for it
//! when it ends, and `sold` tells a block's sold proofs before it is applied.
//!
//! What must not be broken: a transaction that fails leaves nothing behind, the supply adds up
//! after every block, and work and bytes written grow with what a block does, never with how many
//! jobs are open.

mod agenda;
mod deliver;
mod emission;
mod error;
mod jobs;
mod matching;
mod maturity;
mod opened;
mod operators;
mod overlay;
mod pools;
mod requests;
mod session;
mod settle;
mod shares;
mod sold;
mod supply;
mod transactions;
mod view;

use crate::{
    Account, Address, ChainSpec, Encode, Hash, StateKey, Transaction,
    market::{
        event::{JobEvent, Outcome},
        matching::Limits,
        proofs::ProofSystems,
    },
    reward,
    rules::{ChainContext, VerifiedBlock},
    state::{Amount, Supply},
    tree::Changes,
};

use self::{
    error::Stop,
    maturity::Mined,
    overlay::Overlay,
    session::{Phase, Session},
};
pub use self::{
    error::{ApplyError, TransactionError},
    opened::Opened,
    sold::sold_proofs,
    view::StateView,
};

/// What a block does to the state of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedBlock {
    /// The leaves that change.
    pub changes: Changes,
    /// Where all microcredits are after the block.
    pub supply: Supply,
    /// What became of each transaction, in their order.
    pub outcomes: Vec<Outcome>,
    /// What happened to jobs, in order.
    pub events: Vec<JobEvent>,
    /// The fees of the block's transactions.
    pub fees: u64,
    /// The producer's part of what false proofs cost.
    pub penalties: u64,
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
    proofs: &dyn ProofSystems,
) -> Result<AppliedBlock, ApplyError<V::Error>> {
    shares::begin(view, block.share_ids())?;
    let body = &block.block().body;
    let mut executor = Executor::new(params, block.context(), view, proofs)?;
    for (index, (signed, id)) in body.transactions.iter().zip(block.transaction_ids()).enumerate() {
        executor
            .transaction(&signed.transaction, *id)?
            .map_err(|error| ApplyError::Transaction { index, error })?;
    }
    let provers: Vec<Address> = body.shares.iter().map(|share| share.prover).collect();
    executor.finish(block.block().header.producer, &provers)
}

/// A block's state transition in the making. Block templates use it too: a transaction that is
/// refused changes nothing.
#[derive(Debug)]
pub struct Executor<'a, V> {
    session: Session<'a, V>,
    outcomes: Vec<Outcome>,
}

impl<'a, V: StateView> Executor<'a, V> {
    /// Starts a block: all that happens before its transactions.
    pub fn new(
        params: &'a ChainSpec,
        context: &'a ChainContext,
        view: &'a V,
        proofs: &'a dyn ProofSystems,
    ) -> Result<Self, ApplyError<V::Error>> {
        Self::with_limits(params, context, view, proofs, Limits::CHAIN)
    }

    /// The same with other bounds of a block's work, for tests.
    pub fn with_limits(
        params: &'a ChainSpec,
        context: &'a ChainContext,
        view: &'a V,
        proofs: &'a dyn ProofSystems,
        limits: Limits,
    ) -> Result<Self, ApplyError<V::Error>> {
        let mut session = Session::new(params, context, view, proofs, limits);
        session.mature()?;
        session.roll_over()?;
        session.load_queue()?;
        session.agenda()?;
        session.phase = Phase::Matching;
        session.matching()?;
        session.phase = Phase::Transactions;
        Ok(Self { session, outcomes: Vec::new() })
    }

    /// Applies one transaction with its id, whose signature the caller has checked. One that is
    /// refused changes nothing; one that is void has paid its fee. The outer error is the store's.
    pub fn transaction(
        &mut self,
        transaction: &Transaction,
        id: Hash,
    ) -> Result<Result<Outcome, TransactionError>, ApplyError<V::Error>> {
        let result = self.session.transaction(transaction, id)?;
        if let Ok(outcome) = &result {
            self.outcomes.push(*outcome);
        }
        Ok(result)
    }

    /// Closes the block: all that happens after its transactions. One prover for each share, in any
    /// order.
    pub fn finish(
        self,
        producer: Address,
        provers: &[Address],
    ) -> Result<AppliedBlock, ApplyError<V::Error>> {
        let Self { mut session, outcomes } = self;
        let (fees, penalties) = (session.tally.fees, session.tally.penalties);
        let mut mined = Mined::default();
        mined.credit(producer, fees)?;
        mined.credit(producer, penalties)?;
        for (address, amount) in std::mem::take(&mut session.unbonded) {
            mined.credit(address, amount)?;
        }
        session.store_queue()?;
        let emission = session.emit(producer, &mut mined)?;
        let share_pay = session.shares(producer, provers, &mut mined)?;
        session.store_mined(mined)?;
        let supply = session.supply(emission)?;
        let Session { leaves, events, .. } = session;
        Ok(AppliedBlock {
            changes: leaves.changes(),
            supply,
            outcomes,
            events,
            fees,
            penalties,
            share_pay,
        })
    }
}
