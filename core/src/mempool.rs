//! Transactions that wait for a block.
//!
//! Everything in the pool can be executed on top of the tip: an account's transactions stand in nonce order without a
//! gap, and together they cost no more than its balance. All transactions have the same size, so the order by fee is
//! the order by fee per byte.
//!
//! What must not be broken: the pool never holds more than its bytes, and making room never leaves a gap.

use std::collections::{BTreeMap, HashMap};

use lode_consensus::{Account, Address, Hash, Height, SignedTransaction, Transaction};

/// How much the pool holds, and what it asks for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MempoolLimits {
    /// Most bytes of waiting transactions.
    pub max_bytes: usize,
    /// Most waiting transactions of one account.
    pub max_per_account: usize,
    /// The least fee, in microcredits.
    pub min_fee: u64,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_per_account: 64, min_fee: 1_000 }
    }
}

/// Why a transaction does not get into the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MempoolError {
    /// The same transaction waits already.
    #[error("transaction {0} is in the mempool already")]
    Known(Hash),
    /// The fee is below what this node relays.
    #[error("fee: at least {min} microcredits, got {got}")]
    MinFee {
        /// The node's least fee.
        min: u64,
        /// The transaction's fee.
        got: u64,
    },
    /// A transfer moves at least one microcredit.
    #[error("amount: expected at least 1, got 0")]
    ZeroAmount,
    /// Amount and fee do not fit 64 bits.
    #[error("amount + fee overflows")]
    Overflow,
    /// It can be in no block any more.
    #[error("expired: valid up to height {expiry}, the next block is at {next}")]
    Expired {
        /// The last valid height.
        expiry: Height,
        /// The next block's height.
        next: Height,
    },
    /// The account has used this nonce.
    #[error("nonce: {got} is used, the next is {expected}")]
    NonceUsed {
        /// The account's next nonce, waiting transactions included.
        expected: u64,
        /// The transaction's nonce.
        got: u64,
    },
    /// Transactions before this one are missing.
    #[error("nonce: the next is {expected}, got {got}")]
    NonceGap {
        /// The account's next nonce, waiting transactions included.
        expected: u64,
        /// The transaction's nonce.
        got: u64,
    },
    /// One with this nonce waits, and the new fee is not 10 % above it.
    #[error("replacement: fee of at least {needed} microcredits, got {got}")]
    Replacement {
        /// The least fee that replaces.
        needed: u64,
        /// The transaction's fee.
        got: u64,
    },
    /// The account's waiting transactions cost more than it has.
    #[error("balance: {needed} microcredits needed with what waits already, {balance} there")]
    Balance {
        /// What all of them cost.
        needed: u128,
        /// The balance.
        balance: u64,
    },
    /// The account has its share of the pool.
    #[error("the account has {0} transactions waiting, the most allowed")]
    TooMany(usize),
    /// The pool is full of transactions with higher fees.
    #[error("the mempool is full: fee of more than {0} microcredits needed")]
    Full(u64),
}

#[derive(Debug, Clone)]
struct Waiting {
    id: Hash,
    signed: SignedTransaction,
    /// When it came, counted over all admissions: the older of two equal fees goes first.
    arrival: u64,
}

/// The pool.
#[derive(Debug, Default)]
pub struct Mempool {
    limits: MempoolLimits,
    accounts: BTreeMap<Address, BTreeMap<u64, Waiting>>,
    by_id: HashMap<Hash, (Address, u64)>,
    arrivals: u64,
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: MempoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Bytes of the waiting transactions.
    pub fn bytes(&self) -> usize {
        self.len() * SignedTransaction::BYTES
    }

    /// A waiting transaction.
    pub fn get(&self, id: &Hash) -> Option<&SignedTransaction> {
        let (address, nonce) = self.by_id.get(id)?;
        Some(&self.accounts.get(address)?.get(nonce)?.signed)
    }

    /// Takes a transaction whose signature and addresses the caller has checked. `account` is its sender at the tip, `next`
    /// the height of the next block. Returns the transaction that had to leave for it, if one had to.
    pub fn insert(
        &mut self,
        id: Hash,
        signed: SignedTransaction,
        account: Account,
        next: Height,
    ) -> Result<Option<Hash>, MempoolError> {
        let leaving = self.place(&id, &signed, account, next)?;
        if let Some((address, nonce, left)) = leaving {
            self.remove_from(&address, nonce);
            self.by_id.remove(&left);
        }
        let (from, nonce) = (signed.transaction.from(), signed.transaction.nonce());
        self.by_id.insert(id, (from, nonce));
        let waiting = Waiting { id, signed, arrival: self.arrivals };
        self.arrivals += 1;
        self.accounts.entry(from).or_default().insert(nonce, waiting);
        Ok(leaving.map(|(_, _, left)| left))
    }

    /// Whether [`Self::insert`] would take a transaction.
    pub fn check(
        &self,
        id: &Hash,
        signed: &SignedTransaction,
        account: Account,
        next: Height,
    ) -> Result<(), MempoolError> {
        self.place(id, signed, account, next).map(|_| ())
    }

    /// Finds a transaction's place: whether it may wait, and which one (sender, nonce, id) has to leave for it.
    fn place(
        &self,
        id: &Hash,
        signed: &SignedTransaction,
        account: Account,
        next: Height,
    ) -> Result<Option<(Address, u64, Hash)>, MempoolError> {
        if self.by_id.contains_key(id) {
            return Err(MempoolError::Known(*id));
        }
        let Transaction::Transfer(transfer) = &signed.transaction;
        let (from, fee, nonce) = (transfer.from, transfer.fee, transfer.nonce);
        if fee < self.limits.min_fee {
            return Err(MempoolError::MinFee { min: self.limits.min_fee, got: fee });
        }
        if transfer.amount == 0 {
            return Err(MempoolError::ZeroAmount);
        }
        if transfer.amount.checked_add(fee).is_none() {
            return Err(MempoolError::Overflow);
        }
        if transfer.expiry < next {
            return Err(MempoolError::Expired { expiry: transfer.expiry, next });
        }
        let waiting = self.accounts.get(&from);
        let count = waiting.map_or(0, BTreeMap::len);
        let expected = account.nonce.saturating_add(count as u64);
        if nonce < account.nonce {
            return Err(MempoolError::NonceUsed { expected, got: nonce });
        }
        if nonce > expected {
            return Err(MempoolError::NonceGap { expected, got: nonce });
        }
        let replaced = waiting.and_then(|waiting| waiting.get(&nonce));
        if let Some(replaced) = replaced {
            let needed = replacement_fee(replaced.signed.transaction.fee());
            if fee < needed {
                return Err(MempoolError::Replacement { needed, got: fee });
            }
        } else if count >= self.limits.max_per_account {
            return Err(MempoolError::TooMany(count));
        }
        let others: u128 = waiting
            .into_iter()
            .flatten()
            .filter(|(other, _)| **other != nonce)
            .map(|(_, waiting)| cost(&waiting.signed))
            .sum();
        let needed = others + cost(signed);
        if needed > u128::from(account.balance) {
            return Err(MempoolError::Balance { needed, balance: account.balance });
        }
        if let Some(replaced) = replaced {
            return Ok(Some((from, nonce, replaced.id)));
        }
        if self.bytes() + SignedTransaction::BYTES > self.limits.max_bytes {
            return self.lowest(&from, fee).map(Some);
        }
        Ok(None)
    }

    /// The last transaction of the account whose last one has the lowest fee, the newest of equals, if its fee is below
    /// `fee`. The sender of the new transaction is passed over: dropping its own last one would make a gap.
    fn lowest(&self, sender: &Address, fee: u64) -> Result<(Address, u64, Hash), MempoolError> {
        let lasts = self.accounts.iter().filter(|(address, _)| *address != sender);
        let lowest = lasts
            .filter_map(|(address, waiting)| Some((address, waiting.last_key_value()?)))
            .min_by_key(|(_, (_, last))| (last.signed.transaction.fee(), u64::MAX - last.arrival));
        let Some((address, (nonce, last))) = lowest else {
            return Err(MempoolError::Full(fee));
        };
        let lowest_fee = last.signed.transaction.fee();
        if fee <= lowest_fee {
            return Err(MempoolError::Full(lowest_fee));
        }
        Ok((*address, *nonce, last.id))
    }

    fn remove_from(&mut self, address: &Address, nonce: u64) {
        if let Some(waiting) = self.accounts.get_mut(address) {
            waiting.remove(&nonce);
            if waiting.is_empty() {
                self.accounts.remove(address);
            }
        }
    }

    /// All waiting transactions in the order of a next block: the highest fee among each account's next ones first, the
    /// older of two equal ones.
    pub fn in_order(&self) -> impl Iterator<Item = (Hash, &SignedTransaction)> {
        let mut heads = std::collections::BinaryHeap::new();
        let push = |heads: &mut std::collections::BinaryHeap<_>, waiting: &Waiting, address: Address, nonce: u64| {
            let rank = (waiting.signed.transaction.fee(), u64::MAX - waiting.arrival);
            heads.push((rank, address, nonce));
        };
        for (address, waiting) in &self.accounts {
            if let Some((nonce, first)) = waiting.first_key_value() {
                push(&mut heads, first, *address, *nonce);
            }
        }
        std::iter::from_fn(move || {
            let (_, address, nonce) = heads.pop()?;
            let account = self.accounts.get(&address)?;
            if let Some(following) = nonce.checked_add(1).and_then(|next| Some((next, account.get(&next)?))) {
                push(&mut heads, following.1, address, following.0);
            }
            account.get(&nonce).map(|waiting| (waiting.id, &waiting.signed))
        })
    }

    /// Takes everything out, in the order of a next block.
    pub fn drain(&mut self) -> Vec<SignedTransaction> {
        let waiting = self.in_order().map(|(_, signed)| signed.clone()).collect();
        self.accounts.clear();
        self.by_id.clear();
        waiting
    }

    /// Drops what the new tip has made impossible: `account` gives the present state of each sender, `next` is the height
    /// of the next block. Whatever stands behind a dropped transaction of the same account goes too.
    pub fn prune<E>(
        &mut self,
        next: Height,
        mut account: impl FnMut(&Address) -> Result<Account, E>,
    ) -> Result<Vec<Hash>, E> {
        let mut dropped = Vec::new();
        let mut empty = Vec::new();
        for (address, waiting) in &mut self.accounts {
            let Account { balance, nonce } = account(address)?;
            let (mut expected, mut spent) = (nonce, 0_u128);
            waiting.retain(|nonce, entry| {
                let total = spent + cost(&entry.signed);
                let fits =
                    *nonce == expected && entry.signed.transaction.expiry() >= next && total <= u128::from(balance);
                if fits {
                    expected += 1;
                    spent = total;
                } else {
                    dropped.push(entry.id);
                }
                fits
            });
            if waiting.is_empty() {
                empty.push(*address);
            }
        }
        for address in empty {
            self.accounts.remove(&address);
        }
        for id in &dropped {
            self.by_id.remove(id);
        }
        Ok(dropped)
    }
}

/// What a transaction takes from its sender.
fn cost(signed: &SignedTransaction) -> u128 {
    let Transaction::Transfer(transfer) = &signed.transaction;
    u128::from(transfer.amount) + u128::from(transfer.fee)
}

/// The least fee that replaces a transaction: 10 % more, rounded up, and at least 1 microcredit more.
fn replacement_fee(fee: u64) -> u64 {
    fee.saturating_add(fee.div_ceil(10).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::transaction::Transfer;
    use proptest::prelude::*;

    const NEXT: Height = 10;

    fn limits() -> MempoolLimits {
        MempoolLimits { max_bytes: 4 * SignedTransaction::BYTES, max_per_account: 3, min_fee: 10 }
    }

    fn account(balance: u64) -> Account {
        Account { balance, nonce: 5 }
    }

    fn transfer(from: u8, nonce: u64, amount: u64, fee: u64) -> SignedTransaction {
        let transfer = Transfer { from: Address([from; 32]), to: Address([99; 32]), amount, fee, nonce, expiry: 100 };
        SignedTransaction { transaction: Transaction::Transfer(transfer), signature: [0; 128] }
    }

    fn id(signed: &SignedTransaction) -> Hash {
        signed.id(&Hash::ZERO)
    }

    fn insert(pool: &mut Mempool, signed: SignedTransaction, balance: u64) -> Result<Option<Hash>, MempoolError> {
        pool.insert(id(&signed), signed, account(balance), NEXT)
    }

    #[test]
    fn nonces_stand_in_order_without_a_gap() {
        let mut pool = Mempool::new(limits());
        assert_eq!(
            insert(&mut pool, transfer(1, 4, 1, 10), 1_000),
            Err(MempoolError::NonceUsed { expected: 5, got: 4 })
        );
        assert_eq!(
            insert(&mut pool, transfer(1, 6, 1, 10), 1_000),
            Err(MempoolError::NonceGap { expected: 5, got: 6 })
        );
        for nonce in 5..8 {
            insert(&mut pool, transfer(1, nonce, 1, 10), 1_000).unwrap();
        }
        assert_eq!(insert(&mut pool, transfer(1, 8, 1, 10), 1_000), Err(MempoolError::TooMany(3)));
        let again = transfer(1, 5, 1, 10);
        assert_eq!(insert(&mut pool, again.clone(), 1_000), Err(MempoolError::Known(id(&again))));
    }

    #[test]
    fn the_fee_decides_the_order_and_nonces_hold_within_an_account() {
        let mut pool = Mempool::new(limits());
        let [low, high, other] = [transfer(1, 5, 1, 10), transfer(1, 6, 1, 90), transfer(2, 5, 1, 50)];
        for signed in [&low, &high, &other] {
            insert(&mut pool, signed.clone(), 1_000).unwrap();
        }
        let order: Vec<Hash> = pool.in_order().map(|(id, _)| id).collect();
        assert_eq!(order, [id(&other), id(&low), id(&high)]);
        // Of equal fees, the older one.
        let late = transfer(3, 5, 1, 50);
        insert(&mut pool, late.clone(), 1_000).unwrap();
        assert_eq!(pool.in_order().nth(1).unwrap().0, id(&late));
    }

    #[test]
    fn a_replacement_pays_a_tenth_more() {
        let mut pool = Mempool::new(limits());
        let first = transfer(1, 5, 1, 105);
        insert(&mut pool, first.clone(), 1_000).unwrap();
        assert_eq!(
            insert(&mut pool, transfer(1, 5, 1, 115), 1_000),
            Err(MempoolError::Replacement { needed: 116, got: 115 })
        );
        let second = transfer(1, 5, 2, 116);
        assert_eq!(insert(&mut pool, second.clone(), 1_000), Ok(Some(id(&first))));
        assert_eq!(pool.len(), 1);
        assert!(pool.get(&id(&first)).is_none());
        assert_eq!(pool.get(&id(&second)), Some(&second));
        assert_eq!(replacement_fee(0), 1);
        assert_eq!(replacement_fee(u64::MAX), u64::MAX);
    }

    #[test]
    fn waiting_transactions_never_cost_more_than_the_balance() {
        let mut pool = Mempool::new(limits());
        insert(&mut pool, transfer(1, 5, 50, 10), 120).unwrap();
        assert_eq!(
            insert(&mut pool, transfer(1, 6, 51, 10), 120),
            Err(MempoolError::Balance { needed: 121, balance: 120 })
        );
        insert(&mut pool, transfer(1, 6, 50, 10), 120).unwrap();
        // A replacement does not pay twice for its nonce.
        insert(&mut pool, transfer(1, 6, 49, 11), 120).unwrap();
        assert_eq!(insert(&mut pool, transfer(2, 5, u64::MAX, 10), 120), Err(MempoolError::Overflow));
        assert_eq!(insert(&mut pool, transfer(2, 5, 0, 10), 120), Err(MempoolError::ZeroAmount));
        assert_eq!(insert(&mut pool, transfer(2, 5, 1, 9), 120), Err(MempoolError::MinFee { min: 10, got: 9 }));
    }

    #[test]
    fn a_full_pool_gives_way_to_higher_fees_from_the_end_of_an_account() {
        let mut pool = Mempool::new(limits());
        let cheap_last = transfer(1, 6, 1, 11);
        insert(&mut pool, transfer(1, 5, 1, 10), 1_000).unwrap();
        insert(&mut pool, cheap_last.clone(), 1_000).unwrap();
        insert(&mut pool, transfer(2, 5, 1, 12), 1_000).unwrap();
        insert(&mut pool, transfer(3, 5, 1, 13), 1_000).unwrap();
        assert_eq!(insert(&mut pool, transfer(4, 5, 1, 11), 1_000), Err(MempoolError::Full(11)));
        assert_eq!(insert(&mut pool, transfer(4, 5, 1, 12), 1_000), Ok(Some(id(&cheap_last))));
        assert_eq!(pool.bytes(), limits().max_bytes);
    }

    #[test]
    fn a_new_tip_drops_what_cannot_be_any_more() {
        let mut pool = Mempool::new(limits());
        let [used, next, behind] = [transfer(1, 5, 1, 10), transfer(1, 6, 1, 10), transfer(1, 7, 900, 10)];
        for signed in [&used, &next, &behind] {
            insert(&mut pool, signed.clone(), 1_000).unwrap();
        }
        let state = |_: &Address| Ok::<_, ()>(Account { balance: 500, nonce: 6 });
        assert_eq!(pool.prune(NEXT, state), Ok(vec![id(&used), id(&behind)]));
        assert_eq!(pool.in_order().map(|(id, _)| id).collect::<Vec<_>>(), [id(&next)]);
        assert_eq!(pool.prune(101, state), Ok(vec![id(&next)]));
        assert!(pool.is_empty() && pool.accounts.is_empty());
    }

    #[test]
    fn an_expired_transaction_takes_those_behind_it_along() {
        let mut pool = Mempool::new(limits());
        let mut first = transfer(1, 5, 1, 10);
        let Transaction::Transfer(inner) = &mut first.transaction;
        inner.expiry = NEXT;
        insert(&mut pool, first.clone(), 1_000).unwrap();
        insert(&mut pool, transfer(1, 6, 1, 10), 1_000).unwrap();
        let state = |_: &Address| Ok::<_, ()>(account(1_000));
        assert!(pool.prune(NEXT, state).unwrap().is_empty());
        assert_eq!(pool.prune(NEXT + 1, state).unwrap().len(), 2);
        assert_eq!(
            pool.insert(id(&first), first, account(1_000), NEXT + 1),
            Err(MempoolError::Expired { expiry: NEXT, next: NEXT + 1 })
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_everything_in_the_pool_can_be_executed(
            submissions in prop::collection::vec((0_u8..4, 0_u64..9, 1_u64..60, 0_u64..40), 0..60)
        ) {
            let mut pool = Mempool::new(limits());
            for (from, nonce, amount, fee) in submissions {
                let _ = insert(&mut pool, transfer(from, nonce, amount, fee), 150);
                prop_assert!(pool.bytes() <= limits().max_bytes);
                prop_assert_eq!(pool.in_order().count(), pool.len());
                let mut next = HashMap::new();
                let mut spent = HashMap::new();
                for (id, signed) in pool.in_order() {
                    prop_assert_eq!(pool.get(&id), Some(signed));
                    let expected = next.entry(signed.transaction.from()).or_insert(5);
                    prop_assert_eq!(signed.transaction.nonce(), *expected);
                    *expected += 1;
                    let spent = spent.entry(signed.transaction.from()).or_insert(0);
                    *spent += cost(signed);
                    prop_assert!(*spent <= 150);
                }
            }
        }
    }
}
