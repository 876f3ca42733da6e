//! A block in the making, as all its parts share it: leaves, events for matching, and what was
//! burned and taken on the way.

use std::collections::BTreeSet;

use super::{ApplyError, Overlay, StateView, overlay::Mark};
use crate::{
    Account, Address, ChainSpec, Epoch, Hash, Height, StateKey,
    leaf::LeafKind,
    market::{
        Operator,
        event::{JobChange, JobEvent},
        matching::{Limits, Standing},
        proofs::ProofSystems,
        queue::Event,
    },
    params::MarketSpec,
    rules::ChainContext,
    selection::Weight,
};

/// Where in its order a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Agenda,
    Matching,
    Transactions,
}

#[derive(Debug)]
pub(super) struct Session<'a, V> {
    pub(super) params: &'a ChainSpec,
    pub(super) context: &'a ChainContext,
    pub(super) proofs: &'a dyn ProofSystems,
    pub(super) limits: Limits,
    pub(super) leaves: Overlay<'a, V>,
    pub(super) phase: Phase,
    /// All events for matching, in their order; written back to their pages at the end.
    pub(super) queue: Vec<Event>,
    pub(super) tally: Tally,
    /// What Unbonds took out of bonds: it waits with what is mined.
    pub(super) unbonded: Vec<(Address, u64)>,
    /// The classes that Requests, Raises and Asks named.
    pub(super) classes: BTreeSet<Hash>,
    pub(super) events: Vec<JobEvent>,
}

/// Sums over a block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) burned: u64,
    pub(super) fees: u64,
    /// The producer's part of what false proofs cost.
    pub(super) penalties: u64,
    /// Transactions that were included.
    pub(super) included: u16,
    /// Units of the proof budget that were used.
    pub(super) units: u64,
    /// What of them by Delivers of others than the assignees.
    pub(super) units_of_others: u64,
}

/// A moment that a transaction can be taken back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    leaves: Mark,
    tally: Tally,
    queue: usize,
    unbonded: usize,
    events: usize,
}

impl<'a, V: StateView> Session<'a, V> {
    pub(super) fn new(
        params: &'a ChainSpec,
        context: &'a ChainContext,
        view: &'a V,
        proofs: &'a dyn ProofSystems,
        limits: Limits,
    ) -> Self {
        Self {
            params,
            context,
            proofs,
            limits,
            leaves: Overlay::new(view),
            phase: Phase::Agenda,
            queue: Vec::new(),
            tally: Tally::default(),
            unbonded: Vec::new(),
            classes: BTreeSet::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn height(&self) -> Height {
        self.context.height
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.params.epoch_of(self.height())
    }

    pub(super) fn market(&self) -> &'a MarketSpec {
        &self.params.market
    }

    /// A copy of a leaf.
    pub(super) fn read<T: LeafKind>(
        &mut self,
        key: StateKey,
    ) -> Result<Option<T>, ApplyError<V::Error>> {
        Ok(self.leaves.get::<T>(key)?.cloned())
    }

    pub(super) fn moment(&mut self) -> Moment {
        Moment {
            leaves: self.leaves.mark(),
            tally: self.tally,
            queue: self.queue.len(),
            unbonded: self.unbonded.len(),
            events: self.events.len(),
        }
    }

    /// Takes back all that happened since the moment. Between the two nothing leaves the queue.
    pub(super) fn roll_back(&mut self, moment: Moment) {
        self.leaves.roll_back(moment.leaves);
        self.tally = moment.tally;
        self.queue.truncate(moment.queue);
        self.unbonded.truncate(moment.unbonded);
        self.events.truncate(moment.events);
    }

    pub(super) fn tell(&mut self, job: Hash, class: Hash, what: JobChange) {
        self.events.push(JobEvent { job, class, what });
    }

    // --- Credits ---------------------------------------------------------------------------------

    pub(super) fn credit(
        &mut self,
        address: Address,
        amount: u64,
    ) -> Result<(), ApplyError<V::Error>> {
        if amount == 0 {
            return Ok(());
        }
        let key = StateKey::Account(address);
        let account: Account = self.read(key)?.unwrap_or_default();
        let balance = sum(account.balance, amount, "a balance")?;
        self.leaves.set(key, Some(Account { balance, ..account }))
    }

    pub(super) fn burn(&mut self, amount: u64) -> Result<(), ApplyError<V::Error>> {
        self.tally.burned = sum(self.tally.burned, amount, "what is burned")?;
        Ok(())
    }

    // --- Operators -------------------------------------------------------------------------------

    /// An operator as it reads in the present epoch.
    pub(super) fn operator(&mut self, address: &Address) -> Result<Operator, ApplyError<V::Error>> {
        let (epoch, unit) = (self.epoch(), self.market().reputation_unit);
        let leaf = self.leaves.get::<Operator>(StateKey::Operator(*address))?;
        let fresh = Operator { epoch, ..Operator::default() };
        Ok(leaf.map_or(fresh, |operator| operator.rolled(epoch, unit)))
    }

    /// Changes an operator; what changes nothing is not written.
    pub(super) fn change_operator(
        &mut self,
        address: &Address,
        change: impl FnOnce(&mut Operator) -> Option<()>,
    ) -> Result<(), ApplyError<V::Error>> {
        let before = self.operator(address)?;
        let mut after = before;
        change(&mut after).ok_or(ApplyError::Overflow("an operator's bond"))?;
        if after == before {
            return Ok(());
        }
        // What an empty leaf remembers besides is forgotten.
        let leaf = if after.is_empty() { None } else { Some(after) };
        self.leaves.set(StateKey::Operator(*address), leaf)
    }

    /// Locks a part of an operator's bond for a job.
    pub(super) fn lock(
        &mut self,
        address: &Address,
        bond: u64,
    ) -> Result<(), ApplyError<V::Error>> {
        self.change_operator(address, |operator| {
            operator.locked = operator.locked.checked_add(bond)?;
            operator.held = operator.held.checked_add(1)?;
            Some(())
        })
    }

    /// Ends an obligation: of what was locked, `taken` leaves the bond, and the rest is free again.
    pub(super) fn release(
        &mut self,
        address: &Address,
        locked: u64,
        taken: u64,
    ) -> Result<(), ApplyError<V::Error>> {
        let (height, fresh) = (self.height(), self.phase == Phase::Transactions);
        self.change_operator(address, |operator| {
            operator.bond = operator.bond.checked_sub(taken)?;
            operator.locked = operator.locked.checked_sub(locked)?;
            operator.held = operator.held.checked_sub(1)?;
            if fresh {
                operator.freshen(locked.checked_sub(taken)?, height);
            }
            Some(())
        })
    }

    /// The mined weight of an operator, or of all, frozen at the end of the last epoch.
    pub(super) fn frozen_weight(&mut self, key: StateKey) -> Result<u64, ApplyError<V::Error>> {
        let Some(last) = self.epoch().checked_sub(1) else {
            return Ok(0);
        };
        let weight = self.leaves.get::<Weight>(key)?;
        Ok(weight.and_then(|weight| weight.at_end_of(last)).unwrap_or(0))
    }

    /// What a matching or a gate needs to know of an operator.
    pub(super) fn standing(&mut self, address: &Address) -> Result<Standing, ApplyError<V::Error>> {
        let operator = self.operator(address)?;
        let weight = self.frozen_weight(StateKey::Weight(*address))?;
        Ok(Standing::of(&operator, self.height(), weight))
    }
}

/// A sum that the supply's limit makes possible.
pub(super) fn sum<E>(a: u64, b: u64, what: &'static str) -> Result<u64, ApplyError<E>> {
    a.checked_add(b).ok_or(ApplyError::Overflow(what))
}

/// A difference that the rules make possible.
pub(super) fn difference<E>(a: u64, b: u64, what: &'static str) -> Result<u64, ApplyError<E>> {
    a.checked_sub(b).ok_or(ApplyError::Overflow(what))
}
