//! Transactions: one after the other, each applied, void or refused.
//!
//! The order in which one is looked at: its form, its sender, expiry, nonce and fee; what else
//! makes it invalid whatever jobs, books and bonds say; what is due of the jobs that it names; the
//! block's limits; whether it is void; and last whether the balance covers what it takes besides
//! the fee. What is void has paid its fee, used its nonce and done what was due: else one late
//! transaction would block all behind it.
//!
//! What must not be broken: a transaction that is refused leaves nothing behind.

use super::{ApplyError, StateView, Stop, TransactionError, session::Session};
use crate::{
    Account, Hash, StateKey, Transaction,
    market::{JobLeaf, event::Outcome},
    transaction::{Action, Raise, Transfer},
};

impl<V: StateView> Session<'_, V> {
    /// Applies one transaction, whose signature the caller has checked. The outer error is the
    /// store's.
    pub(super) fn transaction(
        &mut self,
        transaction: &Transaction,
        id: Hash,
    ) -> Result<Result<Outcome, TransactionError>, ApplyError<V::Error>> {
        let before = self.moment();
        let result = self.attempt(transaction, id);
        if result.is_err() {
            self.roll_back(before);
        }
        self.leaves.commit();
        match result {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(Stop::Invalid(error)) => Ok(Err(error)),
            Err(Stop::Broken(error)) => Err(error),
            Err(Stop::Void(_)) => Err(ApplyError::Overflow("a void transaction")),
        }
    }

    fn attempt(&mut self, transaction: &Transaction, id: Hash) -> Result<Outcome, Stop<V::Error>> {
        self.pay_fee(transaction)?;
        self.check_class(transaction)?;
        for job in named_jobs(&transaction.action) {
            self.due(job)?;
        }
        let class = self.named_class(&transaction.action)?;
        if let Some(class) = class
            && !self.classes.contains(&class)
            && self.classes.len() >= self.limits.classes
        {
            return Err(TransactionError::Classes { limit: self.limits.classes }.into());
        }
        if let Action::Deliver(deliver) = &transaction.action {
            self.count_delivery(deliver, &transaction.from)?;
        }
        let paid = self.moment();
        let outcome = match self.act(transaction, id) {
            Err(Stop::Void(reason)) => {
                self.roll_back(paid);
                Outcome::Void(reason)
            }
            other => other?,
        };
        // Last, as nothing takes it back.
        self.classes.extend(class);
        self.tally.included = self.tally.included.saturating_add(1);
        Ok(outcome)
    }

    fn act(&mut self, transaction: &Transaction, id: Hash) -> Result<Outcome, Stop<V::Error>> {
        match &transaction.action {
            Action::Transfer(transfer) => self.transfer(transaction, transfer),
            Action::RegisterClass(register) => self.register_class(transaction, register, id),
            Action::Bond(bond) => self.bond(transaction, bond),
            Action::Unbond(unbond) => self.unbond(transaction, unbond),
            Action::Ask(ask) => self.ask(transaction, ask),
            Action::Request(request) => self.request(transaction, request, id),
            Action::Raise(raise) => self.raise(transaction, raise),
            Action::Cancel(cancel) => self.cancel(transaction, cancel),
            Action::Decline(decline) => self.decline(transaction, decline),
            Action::Deliver(deliver) => return self.deliver(deliver, transaction.from, id),
            Action::Appoint(appoint) => self.appoint(transaction, appoint),
        }
        .map(|()| Outcome::Applied)
    }

    /// What every transaction is held to first, and its fee.
    fn pay_fee(&mut self, transaction: &Transaction) -> Result<(), Stop<V::Error>> {
        transaction.check_static().map_err(TransactionError::Static)?;
        let Transaction { from, fee, nonce, expiry, .. } = *transaction;
        let key = StateKey::Account(from);
        let account: Account = self.read(key)?.ok_or(TransactionError::NoAccount(from))?;
        if expiry < self.height() {
            return Err(TransactionError::Expired { expiry, height: self.height() }.into());
        }
        if nonce != account.nonce {
            return Err(TransactionError::Nonce { expected: account.nonce, got: nonce }.into());
        }
        let balance =
            account.balance.checked_sub(fee).ok_or_else(|| TransactionError::Balance {
                needed: transaction.cost(self.market()).unwrap_or(u64::MAX),
                balance: account.balance,
            })?;
        let nonce = nonce.checked_add(1).ok_or(TransactionError::Overflow("the sender's nonce"))?;
        let fees = self.tally.fees.checked_add(fee);
        self.tally.fees = fees.ok_or(TransactionError::Overflow("the block's fees"))?;
        Ok(self.leaves.set(key, Some(Account { balance, nonce }))?)
    }

    /// Takes what a transaction costs besides its fee: the last thing that can be wrong with it.
    pub(super) fn pay(
        &mut self,
        transaction: &Transaction,
        taken: u128,
    ) -> Result<(), Stop<V::Error>> {
        let key = StateKey::Account(transaction.from);
        let account: Account = self.read(key)?.unwrap_or_default();
        let rest = u64::try_from(taken).ok().and_then(|taken| account.balance.checked_sub(taken));
        let balance = rest.ok_or_else(|| {
            let fee = transaction.fee;
            let needed = taken.saturating_add(fee.into());
            TransactionError::Balance {
                needed: u64::try_from(needed).unwrap_or(u64::MAX),
                balance: account.balance.saturating_add(fee),
            }
        })?;
        Ok(self.leaves.set(key, Some(Account { balance, ..account }))?)
    }

    fn transfer(
        &mut self,
        transaction: &Transaction,
        transfer: &Transfer,
    ) -> Result<(), Stop<V::Error>> {
        self.pay(transaction, transfer.amount.into())?;
        let key = StateKey::Account(transfer.to);
        let recipient: Account = self.read(key)?.unwrap_or_default();
        let balance = recipient.balance.checked_add(transfer.amount);
        let balance = balance.ok_or(TransactionError::Overflow("the recipient's balance"))?;
        Ok(self.leaves.set(key, Some(Account { balance, ..recipient }))?)
    }

    /// What makes a transaction invalid besides its form, and depends on no job, book or bond.
    fn check_class(&mut self, transaction: &Transaction) -> Result<(), Stop<V::Error>> {
        match &transaction.action {
            Action::Request(request) => self.check_request(request),
            _ => Ok(()),
        }
    }

    /// The class that a transaction names, as the limit on them counts it.
    fn named_class(&mut self, action: &Action) -> Result<Option<Hash>, ApplyError<V::Error>> {
        match action {
            Action::Ask(ask) => Ok(Some(ask.class)),
            Action::Request(request) => Ok(Some(request.class)),
            Action::Raise(Raise { job, .. }) => {
                let leaf = self.leaves.get::<JobLeaf>(StateKey::Job(*job))?;
                Ok(leaf.map(|leaf| *leaf.class()))
            }
            _ => Ok(None),
        }
    }

    /// Counts what a proof or a key costs to check against the block's budget, of which proofs of
    /// others than the assignees may use a half.
    pub(super) fn use_budget(
        &mut self,
        units: u64,
        is_assignees: bool,
    ) -> Result<(), Stop<V::Error>> {
        let budget = self.market().proof_budget;
        let all = self.tally.units.saturating_add(units);
        let more = if is_assignees { 0 } else { units };
        let of_others = self.tally.units_of_others.saturating_add(more);
        if all > budget || (!is_assignees && of_others > budget >> 1) {
            let limit = if all > budget { budget } else { budget >> 1 };
            return Err(TransactionError::ProofBudget { limit, units }.into());
        }
        (self.tally.units, self.tally.units_of_others) = (all, of_others);
        Ok(())
    }
}

/// The jobs of which what is due is done first.
fn named_jobs(action: &Action) -> &[Hash] {
    match action {
        Action::Raise(raise) => std::slice::from_ref(&raise.job),
        Action::Cancel(cancel) => std::slice::from_ref(&cancel.job),
        Action::Decline(decline) => std::slice::from_ref(&decline.job),
        Action::Deliver(deliver) => &deliver.jobs,
        _ => &[],
    }
}
