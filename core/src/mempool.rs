//! Transactions that wait for a block.
//!
//! Everything in the pool can be executed on top of the tip: an account's transactions stand in
//! nonce order without a gap, and together they cost no more than its balance. What a transaction
//! pays for the part of a block that it takes ([`fee_rate`]) decides which one goes first and which
//! leaves a full pool: of bytes and units of the proof budget, in proportion to a block's limits.
//! What keeps a promise goes before all that, the soonest first, once it is due soon, and leaves a
//! full pool last. Nothing here depends on the kinds of transactions: `lode-consensus` says what
//! they are and cost, and an [`Assessment`] what they mean at the tip.
//!
//! What must not be broken: the pool never holds more than its bytes, and making room never leaves
//! a gap.

mod bid;
mod fee_rate;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
};

pub use bid::Assessment;
use bid::Bid;
use fee_rate::FeeRate;
use lode_consensus::{
    Account, Address, Hash, Height, SignedTransaction,
    params::MarketSpec,
    transaction::{StaticError, Transfer},
};

/// Bytes that [`MempoolLimits::min_fee`] pays for: those of a signed transfer. Each further one
/// costs as much again.
const MIN_FEE_BYTES: usize = SignedTransaction::bytes_with_body(Transfer::BYTES);
/// How many transactions of the same account may stand before such a delivery and go with it.
const MAX_BEFORE_DUE: usize = 4;

/// How much the pool holds, and what it asks for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MempoolLimits {
    /// Most bytes of waiting transactions.
    pub max_bytes: usize,
    /// Most waiting transactions of one account.
    pub max_per_account: usize,
    /// The least fee of a transfer, in microcredits. Longer transactions need more, in proportion
    /// to their bytes.
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
    /// It breaks a rule of form.
    #[error(transparent)]
    Static(#[from] StaticError),
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
    /// One with this nonce waits, and fee and fee per byte of the new one are not both 10 % above
    /// it.
    #[error("replacement: fee of at least {needed} microcredits, got {got}")]
    Replacement {
        /// The least fee that replaces.
        needed: u64,
        /// The transaction's fee.
        got: u64,
    },
    /// One with this nonce waits whose proof is false: it stays, and costs its sender.
    #[error("replacement: a false proof waits with this nonce")]
    Forfeit,
    /// The account's waiting transactions cost more than it has.
    #[error("balance: {needed} microcredits needed with what waits already, {balance} there")]
    Balance {
        /// What all of them cost.
        needed: u128,
        balance: u64,
    },
    /// The account has its share of the pool.
    #[error("the account has {0} transactions waiting, the most allowed")]
    TooMany(usize),
    /// The pool is full of transactions with higher fees per byte.
    #[error("the mempool is full: fee of more than {0} microcredits needed")]
    Full(u64),
}

#[derive(Debug, Clone)]
struct Waiting {
    id: Hash,
    signed: SignedTransaction,
    bid: Bid,
    assessment: Assessment,
    /// Whether it would do nothing any more: it pays its fee in this node's blocks still, and peers
    /// would not take it.
    is_void: bool,
    /// When it came, counted over all admissions: the older of two equal rates goes first.
    arrival: u64,
}

/// How early a transaction is taken: the greatest first. What is due, or stands before what is, by
/// that height.
type Rank = (Option<Reverse<Height>>, FeeRate, Reverse<u64>);

/// How late a transaction leaves a full pool: the least first. What keeps a promise leaves last.
type Standing = (bool, FeeRate, Reverse<u64>);

impl Waiting {
    fn standing(&self) -> Standing {
        (self.bid.due.is_some(), self.bid.rate(), Reverse(self.arrival))
    }
}

/// The rank of an account's transaction with a nonce, which those behind it share if one of the
/// first is due.
fn rank(account: &BTreeMap<u64, Waiting>, nonce: u64, next: Height) -> Option<Rank> {
    let behind = account.range(nonce..).take(MAX_BEFORE_DUE + 1);
    let due = behind.filter(|(_, waiting)| waiting.bid.is_due(next));
    let due = due.filter_map(|(_, waiting)| waiting.bid.due).min();
    let own = account.get(&nonce)?;
    Some((due.map(Reverse), own.bid.rate(), Reverse(own.arrival)))
}

/// Where a transaction stands: its sender and its nonce.
type Place = (Address, u64);

/// The pool.
#[derive(Debug)]
pub struct Mempool {
    limits: MempoolLimits,
    market: MarketSpec,
    accounts: BTreeMap<Address, BTreeMap<u64, Waiting>>,
    by_id: HashMap<Hash, Place>,
    bytes: usize,
    arrivals: u64,
}

impl Mempool {
    /// An empty pool of a network with these constants.
    pub fn new(limits: MempoolLimits, market: MarketSpec) -> Self {
        Self {
            limits,
            market,
            accounts: BTreeMap::new(),
            by_id: HashMap::new(),
            bytes: 0,
            arrivals: 0,
        }
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
        self.bytes
    }

    /// A waiting transaction.
    pub fn get(&self, id: &Hash) -> Option<&SignedTransaction> {
        self.waiting(id).map(|waiting| &waiting.signed)
    }

    /// Takes a transaction whose signature and addresses the caller has checked. `account` is its
    /// sender at the tip, `next` the height of the next block. Returns the transactions that had to
    /// leave for it.
    pub fn insert(
        &mut self,
        id: Hash,
        signed: SignedTransaction,
        account: Account,
        next: Height,
        assessment: &Assessment,
    ) -> Result<Vec<Hash>, MempoolError> {
        let bid = Bid::of(&signed, &self.market, assessment)?;
        self.insert_bid(id, signed, bid, account, next, *assessment)
    }

    fn insert_bid(
        &mut self,
        id: Hash,
        signed: SignedTransaction,
        bid: Bid,
        account: Account,
        next: Height,
        assessment: Assessment,
    ) -> Result<Vec<Hash>, MempoolError> {
        let leaving = self.place(&id, &bid, account, next)?;
        let left = leaving.iter().filter_map(|place| self.remove(place)).collect();
        let waiting =
            Waiting { id, signed, bid, assessment, is_void: false, arrival: self.arrivals };
        self.arrivals += 1;
        self.bytes += bid.bytes;
        self.by_id.insert(id, (bid.from, bid.nonce));
        self.accounts.entry(bid.from).or_default().insert(bid.nonce, waiting);
        Ok(left)
    }

    /// Whether [`Self::insert`] would take a transaction.
    pub fn check(
        &self,
        id: &Hash,
        signed: &SignedTransaction,
        account: Account,
        next: Height,
        assessment: &Assessment,
    ) -> Result<(), MempoolError> {
        let bid = Bid::of(signed, &self.market, assessment)?;
        self.place(id, &bid, account, next).map(|_| ())
    }

    /// Finds a transaction's place: whether it may wait, and which ones have to leave for it.
    fn place(
        &self,
        id: &Hash,
        bid: &Bid,
        account: Account,
        next: Height,
    ) -> Result<Vec<Place>, MempoolError> {
        if self.by_id.contains_key(id) {
            return Err(MempoolError::Known(*id));
        }
        let min = FeeRate::new(self.limits.min_fee, MIN_FEE_BYTES)
            .fee_of(bid.bytes)
            .max(self.limits.min_fee);
        if bid.fee < min {
            return Err(MempoolError::MinFee { min, got: bid.fee });
        }
        if bid.expiry < next {
            return Err(MempoolError::Expired { expiry: bid.expiry, next });
        }
        let waiting = self.accounts.get(&bid.from);
        let count = waiting.map_or(0, BTreeMap::len);
        let expected = account.nonce.saturating_add(count as u64);
        if bid.nonce < account.nonce {
            return Err(MempoolError::NonceUsed { expected, got: bid.nonce });
        }
        if bid.nonce > expected {
            return Err(MempoolError::NonceGap { expected, got: bid.nonce });
        }
        let replaced = waiting.and_then(|waiting| waiting.get(&bid.nonce));
        if let Some(replaced) = replaced {
            if replaced.bid.bounty > 0 {
                return Err(MempoolError::Forfeit);
            }
            let needed = replaced.bid.rate().replacement_fee(bid.weight);
            if bid.fee < needed {
                return Err(MempoolError::Replacement { needed, got: bid.fee });
            }
        } else if count >= self.limits.max_per_account {
            return Err(MempoolError::TooMany(count));
        }
        let others = waiting.into_iter().flatten().filter(|(nonce, _)| **nonce != bid.nonce);
        let needed = others.map(|(_, waiting)| u128::from(waiting.bid.cost)).sum::<u128>()
            + u128::from(bid.cost);
        if needed > u128::from(account.balance) {
            return Err(MempoolError::Balance { needed, balance: account.balance });
        }
        let freed = replaced.map_or(0, |replaced| replaced.bid.bytes);
        let mut leaving = self.make_room(bid, freed)?;
        leaving.extend(replaced.map(|_| (bid.from, bid.nonce)));
        Ok(leaving)
    }

    /// Those who leave a full pool for a transaction: from the ends of the other accounts the
    /// lowest rates, the newest of equal ones first, each lower than the new one's. The sender
    /// itself is passed over: without its own last one there would be a gap. `freed` bytes become
    /// free anyway.
    fn make_room(&self, bid: &Bid, freed: usize) -> Result<Vec<Place>, MempoolError> {
        let mut excess = (self.bytes - freed + bid.bytes).saturating_sub(self.limits.max_bytes);
        let mut leaving = Vec::new();
        if excess == 0 {
            return Ok(leaving);
        }
        let others = self.accounts.iter().filter(|(address, _)| **address != bid.from);
        let last = |(_, waiting): (_, &BTreeMap<u64, Waiting>)| {
            waiting.last_key_value().map(|(_, last)| end(last))
        };
        let mut ends: BinaryHeap<Reverse<(Standing, Place)>> = others.filter_map(last).collect();
        while excess > 0 {
            let Some(Reverse(((settles, rate, _), place))) = ends.pop() else {
                return Err(MempoolError::Full(bid.fee));
            };
            if (settles, rate) >= (bid.due.is_some(), bid.rate()) {
                return Err(MempoolError::Full(rate.fee_of(bid.weight)));
            }
            let (address, nonce) = place;
            if let Some(account) = self.accounts.get(&address) {
                excess = excess
                    .saturating_sub(account.get(&nonce).map_or(0, |leaving| leaving.bid.bytes));
                ends.extend(account.range(..nonce).next_back().map(|(_, before)| end(before)));
            }
            leaving.push(place);
        }
        Ok(leaving)
    }

    /// Takes one out. The caller sees to it that no gap is left, or that it is filled.
    fn remove(&mut self, (address, nonce): &Place) -> Option<Hash> {
        let account = self.accounts.get_mut(address)?;
        let removed = account.remove(nonce)?;
        if account.is_empty() {
            self.accounts.remove(address);
        }
        self.by_id.remove(&removed.id);
        self.bytes -= removed.bid.bytes;
        Some(removed.id)
    }

    /// An account's waiting transactions with nonces below one, in their order.
    pub fn before(
        &self,
        address: &Address,
        nonce: u64,
    ) -> impl Iterator<Item = (Hash, &SignedTransaction)> {
        let account = self.accounts.get(address);
        let before = account.into_iter().flat_map(move |account| account.range(..nonce));
        before.map(|(_, waiting)| (waiting.id, &waiting.signed))
    }

    /// All waiting transactions in the order of a next block at a height: what keeps a promise that
    /// ends soon first, and what has to stand before it; then by what they pay for the part of the
    /// block that they take, among each account's next ones the highest first, the older of two
    /// equal ones.
    pub fn in_order(&self, next: Height) -> impl Iterator<Item = (Hash, &SignedTransaction)> {
        let head = move |account: &BTreeMap<u64, Waiting>, address: Address, nonce: u64| {
            Some((rank(account, nonce, next)?, address, nonce))
        };
        let mut heads: BinaryHeap<(Rank, Address, u64)> = self
            .accounts
            .iter()
            .filter_map(|(address, account)| head(account, *address, *account.keys().next()?))
            .collect();
        std::iter::from_fn(move || {
            let (_, address, nonce) = heads.pop()?;
            let account = self.accounts.get(&address)?;
            heads.extend(nonce.checked_add(1).and_then(|next| head(account, address, next)));
            account.get(&nonce).map(|waiting| (waiting.id, &waiting.signed))
        })
    }

    /// Takes everything out, with what was said of it, in the order of a next block.
    pub fn drain(&mut self, next: Height) -> Vec<(SignedTransaction, Assessment)> {
        let mut waiting = Vec::with_capacity(self.len());
        for (id, signed) in self.in_order(next) {
            waiting.push((signed.clone(), self.assessment(&id).unwrap_or_default()));
        }
        self.accounts.clear();
        self.by_id.clear();
        self.bytes = 0;
        waiting
    }

    /// Notes which waiting transactions would do nothing any more.
    pub fn mark_void<E>(
        &mut self,
        mut is_void: impl FnMut(&SignedTransaction) -> Result<bool, E>,
    ) -> Result<(), E> {
        let waiting = self.accounts.values_mut().flat_map(BTreeMap::values_mut);
        for waiting in waiting.filter(|waiting| !waiting.is_void) {
            waiting.is_void = is_void(&waiting.signed)?;
        }
        Ok(())
    }

    /// What peers may like to have of it, in the order of a next block.
    pub fn relayed(&self, next: Height) -> impl Iterator<Item = &SignedTransaction> {
        let is_void = |(id, _): &(Hash, _)| self.waiting(id).is_none_or(|waiting| waiting.is_void);
        self.in_order(next).filter(move |entry| !is_void(entry)).map(|(_, signed)| signed)
    }

    fn waiting(&self, id: &Hash) -> Option<&Waiting> {
        let (address, nonce) = self.by_id.get(id)?;
        self.accounts.get(address)?.get(nonce)
    }

    /// What was said of a waiting transaction.
    pub fn assessment(&self, id: &Hash) -> Option<Assessment> {
        self.waiting(id).map(|waiting| waiting.assessment)
    }

    /// Drops what the new tip has made impossible: `account` gives the present state of each
    /// sender, `next` is the height of the next block. Whatever stands behind a dropped transaction
    /// of the same account goes too.
    pub fn prune<E>(
        &mut self,
        next: Height,
        mut account: impl FnMut(&Address) -> Result<Account, E>,
    ) -> Result<Vec<Hash>, E> {
        let mut dropped = Vec::new();
        for (address, waiting) in &self.accounts {
            let Account { balance, nonce } = account(address)?;
            let (mut expected, mut spent) = (nonce, 0_u128);
            for (nonce, Waiting { bid, .. }) in waiting {
                let total = spent + u128::from(bid.cost);
                if *nonce == expected && bid.expiry >= next && total <= u128::from(balance) {
                    expected += 1;
                    spent = total;
                } else {
                    dropped.push((*address, *nonce));
                }
            }
        }
        Ok(dropped.iter().filter_map(|place| self.remove(place)).collect())
    }
}

/// An account's last transaction among those that can leave: the lowest rank first.
fn end(waiting: &Waiting) -> Reverse<(Standing, Place)> {
    Reverse((waiting.standing(), (waiting.bid.from, waiting.bid.nonce)))
}

#[cfg(test)]
mod tests {
    use super::{
        bid::{DUE_BLOCKS, weight_of},
        *,
    };
    use lode_consensus::params::MAX_BODY_BYTES;

    const MARKET: MarketSpec = MarketSpec::MAINNET;
    use lode_consensus::{Action, Transaction};
    use proptest::prelude::*;

    const NEXT: Height = 10;

    fn limits() -> MempoolLimits {
        MempoolLimits { max_bytes: 4 * MIN_FEE_BYTES, max_per_account: 3, min_fee: 10 }
    }

    fn account(balance: u64) -> Account {
        Account { balance, nonce: 5 }
    }

    fn transfer(from: u8, nonce: u64, amount: u64, fee: u64) -> SignedTransaction {
        let action = Action::Transfer(Transfer { to: Address([99; 32]), amount });
        let transaction =
            Transaction { from: Address([from; 32]), fee, nonce, expiry: 100, action };
        SignedTransaction { transaction, signature: [0; 128] }
    }

    fn id(signed: &SignedTransaction) -> Hash {
        signed.id(&Hash::ZERO)
    }

    fn insert(
        pool: &mut Mempool,
        signed: SignedTransaction,
        balance: u64,
    ) -> Result<Vec<Hash>, MempoolError> {
        pool.insert(id(&signed), signed, account(balance), NEXT, &Assessment::default())
    }

    /// As if the transaction had so many bytes. Only its fee, balance and place depend on them.
    fn insert_sized(
        pool: &mut Mempool,
        signed: SignedTransaction,
        bytes: usize,
        balance: u64,
    ) -> Result<Vec<Hash>, MempoolError> {
        let assessment = Assessment::default();
        let bid = Bid { bytes, weight: bytes, ..Bid::of(&signed, &MARKET, &assessment)? };
        pool.insert_bid(id(&signed), signed, bid, account(balance), NEXT, assessment)
    }

    #[test]
    fn nonces_stand_in_order_without_a_gap() {
        let mut pool = Mempool::new(limits(), MARKET);
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
        let mut pool = Mempool::new(limits(), MARKET);
        let [low, high, other] =
            [transfer(1, 5, 1, 10), transfer(1, 6, 1, 90), transfer(2, 5, 1, 50)];
        for signed in [&low, &high, &other] {
            insert(&mut pool, signed.clone(), 1_000).unwrap();
        }
        let order: Vec<Hash> = pool.in_order(NEXT).map(|(id, _)| id).collect();
        assert_eq!(order, [id(&other), id(&low), id(&high)]);
        // Of equal fees, the older one.
        let late = transfer(3, 5, 1, 50);
        insert(&mut pool, late.clone(), 1_000).unwrap();
        assert_eq!(pool.in_order(NEXT).nth(1).unwrap().0, id(&late));
    }

    #[test]
    fn a_replacement_pays_a_tenth_more() {
        let mut pool = Mempool::new(limits(), MARKET);
        let first = transfer(1, 5, 1, 105);
        insert(&mut pool, first.clone(), 1_000).unwrap();
        assert_eq!(
            insert(&mut pool, transfer(1, 5, 1, 115), 1_000),
            Err(MempoolError::Replacement { needed: 116, got: 115 })
        );
        let second = transfer(1, 5, 2, 116);
        assert_eq!(insert(&mut pool, second.clone(), 1_000), Ok(vec![id(&first)]));
        assert_eq!(pool.len(), 1);
        assert!(pool.get(&id(&first)).is_none());
        assert_eq!(pool.get(&id(&second)), Some(&second));
    }

    #[test]
    fn waiting_transactions_never_cost_more_than_the_balance() {
        let mut pool = Mempool::new(limits(), MARKET);
        insert(&mut pool, transfer(1, 5, 50, 10), 120).unwrap();
        assert_eq!(
            insert(&mut pool, transfer(1, 6, 51, 10), 120),
            Err(MempoolError::Balance { needed: 121, balance: 120 })
        );
        insert(&mut pool, transfer(1, 6, 50, 10), 120).unwrap();
        // A replacement does not pay twice for its nonce.
        insert(&mut pool, transfer(1, 6, 49, 11), 120).unwrap();
        assert_eq!(
            insert(&mut pool, transfer(2, 5, u64::MAX, 10), 120),
            Err(MempoolError::Static(StaticError::Overflow("amount + fee")))
        );
        assert_eq!(
            insert(&mut pool, transfer(2, 5, 0, 10), 120),
            Err(MempoolError::Static(StaticError::ZeroAmount))
        );
        assert_eq!(
            insert(&mut pool, transfer(2, 5, 1, 9), 120),
            Err(MempoolError::MinFee { min: 10, got: 9 })
        );
    }

    #[test]
    fn a_full_pool_gives_way_to_higher_fees_from_the_end_of_an_account() {
        let mut pool = Mempool::new(limits(), MARKET);
        let cheap_last = transfer(1, 6, 1, 11);
        insert(&mut pool, transfer(1, 5, 1, 10), 1_000).unwrap();
        insert(&mut pool, cheap_last.clone(), 1_000).unwrap();
        insert(&mut pool, transfer(2, 5, 1, 12), 1_000).unwrap();
        insert(&mut pool, transfer(3, 5, 1, 13), 1_000).unwrap();
        assert_eq!(insert(&mut pool, transfer(4, 5, 1, 11), 1_000), Err(MempoolError::Full(11)));
        assert_eq!(insert(&mut pool, transfer(4, 5, 1, 12), 1_000), Ok(vec![id(&cheap_last)]));
        assert_eq!(pool.bytes(), limits().max_bytes);
    }

    fn assessed(
        pool: &mut Mempool,
        signed: SignedTransaction,
        assessment: Assessment,
    ) -> Result<Vec<Hash>, MempoolError> {
        pool.insert(id(&signed), signed, account(1_000), NEXT, &assessment)
    }

    fn due(height: Height) -> Assessment {
        Assessment { due: Some(height), ..Assessment::default() }
    }

    fn order(pool: &Mempool) -> Vec<Hash> {
        pool.in_order(NEXT).map(|(id, _)| id).collect()
    }

    #[test]
    fn what_is_due_soon_goes_first_with_what_stands_before_it() {
        let limits = MempoolLimits { max_per_account: 9, ..MempoolLimits::default() };
        let mut pool = Mempool::new(MempoolLimits { min_fee: 10, ..limits }, MARKET);
        let [rich, before, soonest, soon, later] = [
            transfer(1, 5, 1, 90),
            transfer(2, 5, 1, 10),
            transfer(2, 6, 1, 11),
            transfer(3, 5, 1, 12),
            transfer(4, 5, 1, 13),
        ];
        assessed(&mut pool, rich.clone(), Assessment::default()).unwrap();
        assessed(&mut pool, before.clone(), Assessment::default()).unwrap();
        assessed(&mut pool, soonest.clone(), due(NEXT)).unwrap();
        assessed(&mut pool, soon.clone(), due(NEXT + DUE_BLOCKS - 1)).unwrap();
        assessed(&mut pool, later.clone(), due(NEXT + DUE_BLOCKS)).unwrap();
        let expected = [&before, &soonest, &soon, &rich, &later].map(id);
        assert_eq!(order(&pool), expected);
        // A promise that has passed is none.
        let mut pool = Mempool::new(MempoolLimits { min_fee: 10, ..limits }, MARKET);
        assessed(&mut pool, soon.clone(), due(NEXT - 1)).unwrap();
        assessed(&mut pool, rich.clone(), Assessment::default()).unwrap();
        assert_eq!(order(&pool), [&rich, &soon].map(id));
    }

    #[test]
    fn no_more_than_a_few_go_with_what_is_due() {
        let limits = MempoolLimits { max_per_account: 9, min_fee: 10, ..MempoolLimits::default() };
        for (before, is_first) in [(MAX_BEFORE_DUE, true), (MAX_BEFORE_DUE + 1, false)] {
            let mut pool = Mempool::new(limits, MARKET);
            let nonces = 5..5 + before as u64;
            let end = nonces.end;
            for nonce in nonces {
                assessed(&mut pool, transfer(2, nonce, 1, 10), Assessment::default()).unwrap();
            }
            assessed(&mut pool, transfer(2, end, 1, 10), due(NEXT)).unwrap();
            let rich = transfer(1, 5, 1, 90);
            assessed(&mut pool, rich.clone(), Assessment::default()).unwrap();
            assert_eq!(order(&pool)[0] != id(&rich), is_first, "{before} before it");
        }
    }

    #[test]
    fn units_weigh_as_much_as_the_part_of_a_block_that_they_take() {
        let budget = MARKET.proof_budget;
        assert_eq!(weight_of(300, 0, budget), 300);
        assert_eq!(weight_of(300, budget, budget), 300 + MAX_BODY_BYTES);
        assert_eq!(weight_of(300, budget / 4 + 1, budget), 300 + MAX_BODY_BYTES / 4 + 3);
        let limits = MempoolLimits { min_fee: 10, ..MempoolLimits::default() };
        let mut pool = Mempool::new(limits, MARKET);
        let (heavy, light) = (transfer(1, 5, 1, 90), transfer(2, 5, 1, 10));
        let units = Assessment { units: 12_640, ..Assessment::default() };
        assessed(&mut pool, heavy.clone(), units).unwrap();
        assessed(&mut pool, light.clone(), Assessment::default()).unwrap();
        assert_eq!(order(&pool), [&light, &heavy].map(id));
        // What a false proof pays its producer counts as its fee.
        let mut pool = Mempool::new(limits, MARKET);
        assessed(&mut pool, heavy.clone(), Assessment { bounty: 500_000, ..units }).unwrap();
        assessed(&mut pool, light.clone(), Assessment::default()).unwrap();
        assert_eq!(order(&pool), [&heavy, &light].map(id));
        let other = transfer(1, 5, 2, 500);
        let refused = assessed(&mut pool, other, Assessment::default());
        assert_eq!(refused, Err(MempoolError::Forfeit));
    }

    #[test]
    fn what_is_void_stays_and_is_not_given_to_peers() {
        let limits = MempoolLimits { min_fee: 10, ..MempoolLimits::default() };
        let mut pool = Mempool::new(limits, MARKET);
        let [void, behind] = [transfer(1, 5, 1, 10), transfer(1, 6, 1, 10)];
        insert(&mut pool, void.clone(), 1_000).unwrap();
        insert(&mut pool, behind.clone(), 1_000).unwrap();
        pool.mark_void(|signed| Ok::<_, ()>(*signed == void)).unwrap();
        // A later look does not take it back.
        pool.mark_void(|_| Ok::<_, ()>(false)).unwrap();
        assert_eq!(pool.relayed(NEXT).collect::<Vec<_>>(), [&behind]);
        assert_eq!(order(&pool), [&void, &behind].map(id));
        let sender = void.transaction.from;
        let before: Vec<Hash> = pool.before(&sender, 6).map(|(id, _)| id).collect();
        assert_eq!(before, [id(&void)]);
    }

    #[test]
    fn what_keeps_a_promise_leaves_a_full_pool_last() {
        let mut pool = Mempool::new(limits(), MARKET);
        let kept = transfer(1, 5, 1, 10);
        assessed(&mut pool, kept.clone(), due(NEXT)).unwrap();
        for sender in 2..5 {
            insert(&mut pool, transfer(sender, 5, 1, 50), 1_000).unwrap();
        }
        let newcomer = transfer(5, 5, 1, 60);
        let left = insert(&mut pool, newcomer, 1_000).unwrap();
        assert_eq!(left.len(), 1);
        assert!(pool.get(&id(&kept)).is_some());
        // And finds room in one that is full of what pays more.
        assessed(&mut pool, transfer(6, 5, 1, 10), due(NEXT)).unwrap();
    }

    #[test]
    fn a_new_tip_drops_what_cannot_be_any_more() {
        let mut pool = Mempool::new(limits(), MARKET);
        let [used, next, behind] =
            [transfer(1, 5, 1, 10), transfer(1, 6, 1, 10), transfer(1, 7, 900, 10)];
        for signed in [&used, &next, &behind] {
            insert(&mut pool, signed.clone(), 1_000).unwrap();
        }
        let state = |_: &Address| Ok::<_, ()>(Account { balance: 500, nonce: 6 });
        assert_eq!(pool.prune(NEXT, state), Ok(vec![id(&used), id(&behind)]));
        assert_eq!(pool.in_order(NEXT).map(|(id, _)| id).collect::<Vec<_>>(), [id(&next)]);
        assert_eq!(pool.prune(101, state), Ok(vec![id(&next)]));
        assert!(pool.is_empty() && pool.accounts.is_empty());
    }

    #[test]
    fn an_expired_transaction_takes_those_behind_it_along() {
        let mut pool = Mempool::new(limits(), MARKET);
        let mut first = transfer(1, 5, 1, 10);
        first.transaction.expiry = NEXT;
        insert(&mut pool, first.clone(), 1_000).unwrap();
        insert(&mut pool, transfer(1, 6, 1, 10), 1_000).unwrap();
        let state = |_: &Address| Ok::<_, ()>(account(1_000));
        assert!(pool.prune(NEXT, state).unwrap().is_empty());
        assert_eq!(pool.prune(NEXT + 1, state).unwrap().len(), 2);
        assert_eq!(
            pool.insert(id(&first), first, account(1_000), NEXT + 1, &Assessment::default()),
            Err(MempoolError::Expired { expiry: NEXT, next: NEXT + 1 })
        );
    }

    #[test]
    fn bytes_count_as_much_as_fees() {
        let mut pool = Mempool::new(
            MempoolLimits { max_bytes: 2_000, max_per_account: 3, min_fee: 10 },
            MARKET,
        );
        // The least fee is that of a transfer, and grows with the bytes.
        let refused = insert_sized(&mut pool, transfer(1, 5, 1, 19), 2 * MIN_FEE_BYTES, 1_000);
        assert_eq!(refused, Err(MempoolError::MinFee { min: 20, got: 19 }));
        let refused = insert_sized(&mut pool, transfer(1, 5, 1, 9), 100, 1_000);
        assert_eq!(refused, Err(MempoolError::MinFee { min: 10, got: 9 }));
        // A tenth of the fee for a tenth of the bytes is as much; one more is more.
        let [long, short, better] =
            [transfer(1, 5, 1, 100), transfer(2, 5, 1, 10), transfer(3, 5, 1, 11)];
        insert_sized(&mut pool, short.clone(), 100, 1_000).unwrap();
        insert_sized(&mut pool, long.clone(), 1_000, 1_000).unwrap();
        insert_sized(&mut pool, better.clone(), 100, 1_000).unwrap();
        assert_eq!(
            pool.in_order(NEXT).map(|(id, _)| id).collect::<Vec<_>>(),
            [id(&better), id(&short), id(&long)]
        );
        assert_eq!(pool.bytes(), 1_200);
        // A replacement of twice the bytes needs twice as much, and one of half the bytes still a
        // tenth more.
        let refused = insert_sized(&mut pool, transfer(2, 5, 2, 21), 200, 1_000);
        assert_eq!(refused, Err(MempoolError::Replacement { needed: 22, got: 21 }));
        let refused = insert_sized(&mut pool, transfer(2, 5, 2, 10), 50, 1_000);
        assert_eq!(refused, Err(MempoolError::Replacement { needed: 11, got: 10 }));
        assert_eq!(
            insert_sized(&mut pool, transfer(2, 5, 2, 22), 200, 1_000),
            Ok(vec![id(&short)])
        );
        assert_eq!(pool.bytes(), 1_300);
    }

    #[test]
    fn a_large_transaction_makes_several_small_ones_leave_or_none() {
        let mut pool = Mempool::new(
            MempoolLimits { max_bytes: 1_000, max_per_account: 9, min_fee: 0 },
            MARKET,
        );
        let small: Vec<_> =
            (0..5).map(|index| transfer(1 + index % 2, 5 + u64::from(index / 2), 1, 10)).collect();
        for signed in &small {
            insert_sized(&mut pool, signed.clone(), 200, 1_000).unwrap();
        }
        let before: Vec<Hash> = pool.in_order(NEXT).map(|(id, _)| id).collect();
        // Its rate equals theirs: nothing is evicted, and the error names the fee that would do.
        assert_eq!(
            insert_sized(&mut pool, transfer(9, 5, 1, 25), 500, 1_000),
            Err(MempoolError::Full(25))
        );
        assert_eq!(pool.in_order(NEXT).map(|(id, _)| id).collect::<Vec<_>>(), before);
        // The newest of equal ones first, from the ends of both accounts.
        let left = insert_sized(&mut pool, transfer(9, 5, 1, 26), 500, 1_000).unwrap();
        assert_eq!(left, [id(&small[4]), id(&small[3]), id(&small[2])]);
        assert_eq!(pool.bytes(), 900);
        // A replacement that grows makes room as well; what is larger than the pool never fits.
        let left = insert_sized(&mut pool, transfer(9, 5, 2, 60), 800, 1_000).unwrap();
        assert_eq!(left, [id(&small[1]), id(&transfer(9, 5, 1, 26))]);
        assert_eq!(pool.bytes(), 1_000);
        assert_eq!(
            insert_sized(&mut pool, transfer(8, 5, 1, 900), 1_001, 1_000),
            Err(MempoolError::Full(900))
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_everything_in_the_pool_can_be_executed(
            submissions in prop::collection::vec(
                (0_u8..4, 0_u64..9, 1_u64..60, 0_u64..60, 90_usize..500),
                0..60,
            )
        ) {
            let mut pool = Mempool::new(limits(), MARKET);
            for (from, nonce, amount, fee, bytes) in submissions {
                let signed = transfer(from, nonce, amount, fee);
                let (known, before) = (pool.get(&id(&signed)).is_some(), pool.len());
                let inserted = insert_sized(&mut pool, signed.clone(), bytes, 150);
                // An accepted transaction is there, and those evicted for it are not; a refused one
                // changes nothing.
                prop_assert_eq!(pool.get(&id(&signed)).is_some(), known || inserted.is_ok());
                let left = inserted.as_ref().map_or(0, Vec::len);
                prop_assert_eq!(pool.len() + left, before + usize::from(inserted.is_ok()));
                prop_assert!(inserted.iter().flatten().all(|left| pool.get(left).is_none()));
                prop_assert!(pool.bytes() <= limits().max_bytes);
                let waiting = || pool.accounts.values().flat_map(BTreeMap::values);
                prop_assert_eq!(
                    pool.bytes(),
                    waiting().map(|waiting| waiting.bid.bytes).sum::<usize>()
                );
                prop_assert_eq!(pool.in_order(NEXT).count(), pool.len());
                // None stands behind one that pays less per byte, unless an earlier one of its own
                // sender does.
                let order: Vec<&Waiting> = pool.in_order(NEXT).filter_map(|(id, _)| {
                    let (address, nonce) = pool.by_id.get(&id)?;
                    pool.accounts.get(address)?.get(nonce)
                }).collect();
                for (at, first) in order.iter().enumerate() {
                    for later in &order[at + 1..] {
                        let held_back = order[at..].iter().any(|other| {
                            other.bid.from == later.bid.from && other.bid.nonce < later.bid.nonce
                                && other.standing() <= first.standing()
                        });
                        prop_assert!(first.standing() >= later.standing() || held_back);
                    }
                }
                let mut next = HashMap::new();
                let mut spent = HashMap::new();
                for (id, signed) in pool.in_order(NEXT) {
                    prop_assert_eq!(pool.get(&id), Some(signed));
                    let expected = next.entry(signed.transaction.from).or_insert(5);
                    prop_assert_eq!(signed.transaction.nonce, *expected);
                    *expected += 1;
                    let spent = spent.entry(signed.transaction.from).or_insert(0);
                    *spent += signed.transaction.cost(&MARKET).unwrap();
                    prop_assert!(*spent <= 150);
                }
            }
        }
    }
}
