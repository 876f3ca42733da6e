//! The state in which a block's first transaction finds the chain, kept apart: maturity, agenda and
//! matching are done once for all that a node asks about transactions that wait at its tip.

use super::{
    ApplyError, Executor, StateView, TransactionError,
    overlay::Overlay,
    session::{Phase, Session},
};
use crate::{
    Address, ChainSpec, Hash, Height, ShareId, StateKey, Transaction,
    market::{
        JobLeaf, event::Outcome, job::Status, matching::Limits, proofs::ProofSystems, queue::Event,
    },
    rules::ChainContext,
    state::Supply,
    transaction::Deliver,
    tree::Changes,
};

/// What a block has done before its first transaction.
#[derive(Debug, Clone)]
pub struct Opened {
    changes: Changes,
    queue: Vec<Event>,
}

impl Opened {
    /// Opens a block on a state.
    pub fn new<V: StateView>(
        params: &ChainSpec,
        context: &ChainContext,
        view: &V,
        proofs: &dyn ProofSystems,
    ) -> Result<Self, ApplyError<V::Error>> {
        let Session { leaves, queue, .. } = Executor::new(params, context, view, proofs)?.session;
        Ok(Self { changes: leaves.changes(), queue })
    }

    /// What would become of transactions if they were the block's first ones, one after the other,
    /// each with all the room that a block has for proofs and classes. `params`, `context` and
    /// `view` are those that it was opened with.
    pub fn judge<'t, V: StateView>(
        &self,
        params: &ChainSpec,
        context: &ChainContext,
        view: &V,
        proofs: &dyn ProofSystems,
        transactions: impl IntoIterator<Item = (&'t Transaction, Hash)>,
    ) -> Result<Vec<Result<Outcome, TransactionError>>, ApplyError<V::Error>> {
        let view = self.on(view);
        let mut session = Session::new(params, context, &view, proofs, Limits::CHAIN);
        session.queue.clone_from(&self.queue);
        session.phase = Phase::Transactions;
        let judge = |(transaction, id)| {
            // They need not all find room in one block.
            (session.tally.units, session.tally.units_of_others) = (0, 0);
            session.classes.clear();
            session.transaction(transaction, id)
        };
        transactions.into_iter().map(judge).collect()
    }

    /// The soonest height by which an operator has promised one of a delivery's jobs. `None`: none
    /// of them is assigned to it.
    pub fn promise<V: StateView>(
        &self,
        view: &V,
        deliver: &Deliver,
        operator: &Address,
    ) -> Result<Option<Height>, ApplyError<V::Error>> {
        let view = self.on(view);
        let mut leaves = Overlay::new(&view);
        let mut soonest: Option<Height> = None;
        for id in &deliver.jobs {
            let leaf = leaves.get::<JobLeaf>(StateKey::Job(*id))?;
            if let Some(Status::Assigned(assigned)) =
                leaf.and_then(JobLeaf::live).map(|job| job.status)
                && assigned.operator == *operator
            {
                let promise = assigned.promise;
                soonest = Some(soonest.map_or(promise, |soonest| soonest.min(promise)));
            }
        }
        Ok(soonest)
    }

    fn on<'a, V>(&'a self, below: &'a V) -> Layered<'a, V> {
        Layered { changes: &self.changes, below }
    }
}

/// A state with changes that are not written.
#[derive(Debug)]
struct Layered<'a, V> {
    changes: &'a Changes,
    below: &'a V,
}

impl<V: StateView> StateView for Layered<'_, V> {
    type Error = V::Error;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, V::Error> {
        match self.changes.get(key) {
            Some(leaf) => Ok(leaf.clone()),
            None => self.below.leaf(key),
        }
    }

    fn supply(&self) -> Result<Supply, V::Error> {
        self.below.supply()
    }

    fn block_hash(&self, height: Height) -> Result<Hash, V::Error> {
        self.below.block_hash(height)
    }

    fn has_share(&self, id: &ShareId) -> Result<bool, V::Error> {
        self.below.has_share(id)
    }
}
