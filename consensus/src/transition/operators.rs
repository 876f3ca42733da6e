//! What creators and operators do: RegisterClass, Bond, Unbond, Appoint and Ask.

use super::{ApplyError, StateView, Stop, TransactionError, session::Session};
use crate::{
    Address, Hash, Height, StateKey, Transaction,
    market::{
        Appointed, Book, BookAsk, Class, ClassKey, event::Void, matching::passes_gate, value,
    },
    transaction::{Appoint, Ask, Bond, RegisterClass, Unbond},
};

/// Blocks from the Ask on within which it must end: at least, at most.
const UNTIL_BLOCKS: (Height, Height) = (2, 100_000);

impl<V: StateView> Session<'_, V> {
    /// Makes a class.
    pub(super) fn register_class(
        &mut self,
        transaction: &Transaction,
        register: &RegisterClass,
        id: Hash,
    ) -> Result<(), Stop<V::Error>> {
        register.check_at(self.market(), self.height()).map_err(TransactionError::Static)?;
        let values = self.proofs.values(register.system, &register.key);
        let values = values.ok_or(TransactionError::Key { system: register.system })?;
        self.use_budget(RegisterClass::UNITS, true)?;
        let taken = transaction.taken(self.market());
        self.pay(transaction, taken)?;
        self.burn(u64::try_from(taken).unwrap_or(u64::MAX))?;
        let class = Class {
            creator: transaction.from,
            system: register.system,
            policy: register.policy.clone(),
            royalty_bps: register.royalty_bps,
            values,
            live: 0,
            assigned: 0,
            delivered: 0,
            last_price: 0,
            last_height: 0,
        };
        self.leaves.set(StateKey::Class(id), Some(class))?;
        self.leaves.set(StateKey::Key(id), Some(ClassKey(register.key.clone())))?;
        Ok(())
    }

    /// Puts credits at stake.
    pub(super) fn bond(
        &mut self,
        transaction: &Transaction,
        bond: &Bond,
    ) -> Result<(), Stop<V::Error>> {
        self.pay(transaction, bond.amount.into())?;
        let height = self.height();
        self.change_operator(&transaction.from, |operator| {
            operator.bond = operator.bond.checked_add(bond.amount)?;
            operator.freshen(bond.amount, height);
            Some(())
        })?;
        Ok(())
    }

    /// Takes credits out of the bond. They wait like mined ones, so that no bond is there for a
    /// moment only.
    pub(super) fn unbond(
        &mut self,
        transaction: &Transaction,
        unbond: &Unbond,
    ) -> Result<(), Stop<V::Error>> {
        let from = transaction.from;
        let operator = self.operator(&from)?;
        let stays = if operator.held > 0 { self.market().false_proof } else { 0 };
        let (needed, free) =
            (u128::from(unbond.amount).saturating_add(stays.into()), operator.free());
        if u128::from(free) < needed {
            return Err(Void::FreeBond { needed, free }.into());
        }
        self.change_operator(&from, |operator| {
            operator.bond = operator.bond.checked_sub(unbond.amount)?;
            Some(())
        })?;
        self.unbonded.push((from, unbond.amount));
        Ok(())
    }

    /// Says for whom the sender's shares count from the next epoch on.
    pub(super) fn appoint(
        &mut self,
        transaction: &Transaction,
        appoint: &Appoint,
    ) -> Result<(), Stop<V::Error>> {
        let (own, next) = (transaction.from, appoint.operator);
        let now = self.beneficiary(own)?;
        let from = self.epoch().saturating_add(1);
        let is_own = now == own && next == own;
        let leaf = (!is_own).then_some(Appointed { now, next, from });
        Ok(self.leaves.set(StateKey::Appoint(own), leaf)?)
    }

    /// For whom a prover's shares count in this epoch.
    pub(super) fn beneficiary(&mut self, prover: Address) -> Result<Address, ApplyError<V::Error>> {
        let epoch = self.epoch();
        let leaf = self.leaves.get::<Appointed>(StateKey::Appoint(prover))?;
        Ok(leaf.map_or(prover, |appointed| appointed.at(epoch)))
    }

    /// Puts an ask in its class's book.
    pub(super) fn ask(
        &mut self,
        transaction: &Transaction,
        ask: &Ask,
    ) -> Result<(), Stop<V::Error>> {
        let (own, key, since) = (transaction.from, StateKey::Book(ask.class), self.height());
        let book: Option<&Book> = self.leaves.get(key)?;
        let old = book.and_then(|book| book.of(&own)).copied();
        if ask.capacity == 0 {
            old.ok_or(Void::NoAsk)?;
        } else {
            let max_operators = self.check_ask(&own, ask)?;
            if old.is_none() {
                self.make_room(key, &own, max_operators.into())?;
            }
        }
        let Ask { class, price, blocks, capacity, max_bond, until } = *ask;
        let open = old.map_or(0, |old| old.open);
        let ask = BookAsk { operator: own, price, blocks, capacity, max_bond, until, since, open };
        if self.leaves.get::<Book>(key)?.is_none() {
            self.leaves.set(key, Some(Book::default()))?;
        }
        if let Some(book) = self.leaves.get_mut::<Book>(key)? {
            book.put(ask);
        }
        self.ask_event(class, own);
        Ok(())
    }

    /// What an ask with a capacity needs; gives how many asks the book may have.
    fn check_ask(&mut self, own: &Address, ask: &Ask) -> Result<u16, Stop<V::Error>> {
        let (height, market) = (self.height(), self.market());
        let standing = self.standing(own)?;
        let class = self.class(&ask.class)?.ok_or(Void::NoClass)?;
        if class.policy.is_contest() {
            return Err(Void::ContestAsk.into());
        }
        let bond = value::operator_bond(market, &class.policy, ask.price);
        let needed = u128::from(bond).saturating_add(market.false_proof.into());
        if u128::from(standing.free) < needed {
            return Err(Void::FreeBond { needed, free: standing.free }.into());
        }
        if ask.max_bond < bond {
            return Err(Void::MaxBond { needed: bond, got: ask.max_bond }.into());
        }
        if !passes_gate(class, height, own, &standing, ask.price, 0) {
            return Err(Void::Gate.into());
        }
        let (least, most) = UNTIL_BLOCKS;
        let (low, high) = (height.saturating_add(least), height.saturating_add(most));
        if !(low..=high).contains(&ask.until) {
            return Err(Void::Until { low, high, got: ask.until }.into());
        }
        Ok(class.policy.max_operators)
    }

    /// In a full book a new ask takes the place of one that can go.
    fn make_room(
        &mut self,
        key: StateKey,
        own: &Address,
        max_operators: usize,
    ) -> Result<(), Stop<V::Error>> {
        let Some(book) = self.read::<Book>(key)?.filter(|book| book.0.len() >= max_operators)
        else {
            return Ok(());
        };
        let (height, bond) = (self.height(), self.operator(own)?.epoch_bond);
        let evicted =
            book.evicted(height, bond, |operator| Ok(self.operator(operator)?.epoch_bond));
        let evicted = evicted.map_err(|error: ApplyError<V::Error>| Stop::from(error))?;
        let evicted = evicted.ok_or(Void::BookFull)?;
        if let Some(book) = self.leaves.get_mut::<Book>(key)? {
            book.remove(&evicted);
        }
        Ok(())
    }
}
