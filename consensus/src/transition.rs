//! The state transition: what a block does to balances, funds and pools (specification section 4).
//!
//! Order within block h: what was mined at h − M moves to balances; the transactions apply in order; the subsidy is
//! minted; the shares are paid from the share fund; everything mined at h waits in `pending/h`.
//!
//! What must not be broken: a transaction that fails leaves nothing behind, and the supply adds up after every block.

use std::collections::BTreeMap;

use crate::{
    Account, Address, Decode, Encode, Hash, Height, NetworkParams, ShareId, StateKey, Transaction,
    codec::DecodeError,
    reward::{self, Emission},
    rules::{ChainContext, ProvenBlock},
    state::{Amount, Credit, Pending, Supply, SupplyError},
    transaction::{Action, StaticError, Transfer},
    tree::Changes,
};

/// The state at one block, as a store keeps it.
pub trait StateView {
    /// Why a lookup can fail: the database's error.
    type Error;

    /// The bytes of a leaf, or `None`.
    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Self::Error>;

    /// Where all microcredits are.
    fn supply(&self) -> Result<Supply, Self::Error>;

    /// Whether a block of this chain has counted the share already.
    fn has_share(&self, id: &ShareId) -> Result<bool, Self::Error>;
}

/// The rule that a transaction breaks, given the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// It breaks a rule of form.
    #[error(transparent)]
    Static(#[from] StaticError),
    /// The expiry lies below the block's height.
    #[error("expired: valid up to height {expiry}, the block is at {height}")]
    Expired {
        /// The last valid height.
        expiry: Height,
        /// The block's height.
        height: Height,
    },
    /// The nonce is not the account's transaction count.
    #[error("nonce: expected {expected}, got {got}")]
    Nonce {
        /// The account's count.
        expected: u64,
        /// The transaction's nonce.
        got: u64,
    },
    /// What the transaction costs is more than the balance.
    #[error("balance: {needed} microcredits needed, {balance} there")]
    Balance {
        /// [`Transaction::cost`].
        needed: u64,
        /// The sender's balance.
        balance: u64,
    },
    /// A sum does not fit 64 bits.
    #[error("{0} overflows")]
    Overflow(&'static str),
}

/// Why a block does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError<E> {
    /// A transaction breaks a rule.
    #[error("transaction {index}: {error}")]
    Transaction {
        /// Its place in the body.
        index: usize,
        /// The rule.
        error: TransactionError,
    },
    /// A share was counted by an earlier block.
    #[error("share {index}: an earlier block counted it")]
    ShareCounted {
        /// Its place in the body.
        index: usize,
    },
    /// The shares cost more than the fund holds.
    #[error("share fund: {needed} microcredits needed, {fund} there")]
    ShareFund {
        /// What the block's shares are paid.
        needed: u64,
        /// What the fund holds.
        fund: u64,
    },
    /// The state after the block has another root than the header says. Found by the store, which holds the tree.
    #[error("state root: expected {expected}, got {got}")]
    StateRoot {
        /// The root computed.
        expected: Hash,
        /// The root in the header.
        got: Hash,
    },
    /// A sum does not fit 64 bits: the supply's limit makes that impossible, so this is a bug.
    #[error("{0} overflows")]
    Overflow(&'static str),
    /// The supply does not add up: a bug.
    #[error(transparent)]
    Supply(#[from] SupplyError),
    /// A leaf of the state is not canonical: the store is broken.
    #[error("state leaf {key:?}: {error}")]
    Leaf {
        /// The leaf.
        key: StateKey,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The store failed.
    #[error("store: {0}")]
    Store(E),
}

impl<E> ApplyError<E> {
    /// Whether the block broke a rule; otherwise the fault is ours.
    pub fn marks_invalid(&self) -> bool {
        matches!(
            self,
            Self::Transaction { .. } | Self::ShareCounted { .. } | Self::ShareFund { .. } | Self::StateRoot { .. }
        )
    }
}

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
pub fn genesis(params: &NetworkParams) -> (Changes, Supply) {
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

/// Applies a block whose proofs hold to the state of its parent. The store must still compare the state root.
pub fn apply<V: StateView>(
    params: &NetworkParams,
    block: &ProvenBlock,
    view: &V,
) -> Result<AppliedBlock, ApplyError<V::Error>> {
    for (index, id) in block.share_ids().iter().enumerate() {
        if view.has_share(id).map_err(ApplyError::Store)? {
            return Err(ApplyError::ShareCounted { index });
        }
    }
    let body = &block.block().body;
    let mut executor = Executor::new(params, block.context(), view)?;
    for (index, signed) in body.transactions.iter().enumerate() {
        executor.transaction(&signed.transaction)?.map_err(|error| ApplyError::Transaction { index, error })?;
    }
    let provers: Vec<Address> = body.shares.iter().map(|share| share.prover).collect();
    executor.finish(block.block().header.producer, &provers)
}

/// A block's state transition in the making. Block templates use it too: a transaction that is refused changes
/// nothing.
#[derive(Debug)]
pub struct Executor<'a, V> {
    params: &'a NetworkParams,
    context: &'a ChainContext,
    leaves: Overlay<'a, V>,
    fees: u64,
}

impl<'a, V: StateView> Executor<'a, V> {
    /// Starts a block: what was mined M blocks before it moves to balances.
    pub fn new(
        params: &'a NetworkParams,
        context: &'a ChainContext,
        view: &'a V,
    ) -> Result<Self, ApplyError<V::Error>> {
        let mut leaves = Overlay { view, before: BTreeMap::new(), after: BTreeMap::new() };
        if let Some(mined) = context.height.checked_sub(params.maturity) {
            let key = StateKey::Pending(mined);
            for credit in leaves.get::<Pending>(key)?.unwrap_or_default().0 {
                let key = StateKey::Account(credit.address);
                let mut account: Account = leaves.get(key)?.unwrap_or_default();
                account.balance =
                    account.balance.checked_add(credit.amount).ok_or(ApplyError::Overflow("a matured balance"))?;
                leaves.set(key, Some(account.encode()));
            }
            leaves.set(key, None);
        }
        Ok(Self { params, context, leaves, fees: 0 })
    }

    /// Applies one transaction, whose signature the caller has checked. The outer error is the store's.
    pub fn transaction(
        &mut self,
        transaction: &Transaction,
    ) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
        let from_key = StateKey::Account(transaction.from);
        let sender: Account = self.leaves.get(from_key)?.unwrap_or_default();
        let (sender, fees) = match self.debit(transaction, sender) {
            Ok(debited) => debited,
            Err(error) => return Ok(Err(error)),
        };
        let applied = match &transaction.action {
            Action::Transfer(transfer) => self.transfer(transfer, from_key, sender)?,
        };
        if applied.is_ok() {
            self.fees = fees;
        }
        Ok(applied)
    }

    /// The sender after it has paid for the transaction, and the block's fees with it: the same for all kinds.
    fn debit(&self, transaction: &Transaction, sender: Account) -> Result<(Account, u64), TransactionError> {
        transaction.check_static()?;
        let Transaction { fee, nonce, expiry, .. } = *transaction;
        if expiry < self.context.height {
            return Err(TransactionError::Expired { expiry, height: self.context.height });
        }
        if nonce != sender.nonce {
            return Err(TransactionError::Nonce { expected: sender.nonce, got: nonce });
        }
        let needed = transaction.cost()?;
        let balance =
            sender.balance.checked_sub(needed).ok_or(TransactionError::Balance { needed, balance: sender.balance })?;
        let nonce = nonce.checked_add(1).ok_or(TransactionError::Overflow("the sender's nonce"))?;
        let fees = self.fees.checked_add(fee).ok_or(TransactionError::Overflow("the block's fees"))?;
        Ok((Account { balance, nonce }, fees))
    }

    /// Moves what a sender, who has paid already, transfers. Nothing is written before all is known to fit.
    fn transfer(
        &mut self,
        transfer: &Transfer,
        from_key: StateKey,
        sender: Account,
    ) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
        let to_key = StateKey::Account(transfer.to);
        // A transfer to oneself is debited first, so the recipient is read after that.
        let recipient = if from_key == to_key { sender } else { self.leaves.get(to_key)?.unwrap_or_default() };
        let Some(balance) = recipient.balance.checked_add(transfer.amount) else {
            return Ok(Err(TransactionError::Overflow("the recipient's balance")));
        };
        self.leaves.set(from_key, Some(sender.encode()));
        self.leaves.set(to_key, Some(Account { balance, ..recipient }.encode()));
        Ok(Ok(()))
    }

    /// Mints the subsidy, pays the shares (one prover for each, in any order) and the producer, and closes the block.
    pub fn finish(mut self, producer: Address, provers: &[Address]) -> Result<AppliedBlock, ApplyError<V::Error>> {
        let ChainContext { height, target, first_target, .. } = *self.context;
        let emission = Emission::of(height);
        let pool_key = StateKey::ProvingPool(self.params.epoch_of(height));
        self.add(pool_key, emission.proving_pool, "a proving pool")?;
        let fund = self.add(StateKey::ShareFund, emission.share_fund, "the share fund")?;

        let share_pay = reward::share_pay(height, target, first_target, self.params.shares_per_block);
        let count = u64::try_from(provers.len()).unwrap_or(u64::MAX);
        let needed = share_pay.checked_mul(count).ok_or(ApplyError::Overflow("the pay of the shares"))?;
        let rest = fund.checked_sub(needed).ok_or(ApplyError::ShareFund { needed, fund })?;
        self.leaves.set(StateKey::ShareFund, Some(Amount(rest).encode()));

        let inclusion_fee = reward::inclusion_fee(share_pay);
        let mut mined: BTreeMap<Address, u64> = BTreeMap::new();
        let mut credit = |address: Address, amount: u64| -> Result<(), ApplyError<V::Error>> {
            let sum = mined.entry(address).or_default();
            *sum = sum.checked_add(amount).ok_or(ApplyError::Overflow("mined amounts"))?;
            Ok(())
        };
        credit(producer, emission.producer)?;
        credit(producer, self.fees)?;
        for prover in provers {
            credit(producer, inclusion_fee)?;
            credit(*prover, share_pay.saturating_sub(inclusion_fee))?;
        }
        let credits: Vec<Credit> = mined
            .into_iter()
            .filter(|(_, amount)| *amount > 0)
            .map(|(address, amount)| Credit { address, amount })
            .collect();
        if !credits.is_empty() {
            self.leaves.set(StateKey::Pending(height), Some(Pending(credits).encode()));
        }
        let supply = self.leaves.supply(emission)?;
        supply.check()?;
        Ok(AppliedBlock { changes: self.leaves.changes(), supply, fees: self.fees, share_pay })
    }

    /// Adds to a leaf that holds an amount, and gives the sum.
    fn add(&mut self, key: StateKey, amount: u64, what: &'static str) -> Result<u64, ApplyError<V::Error>> {
        let Amount(before) = self.leaves.get(key)?.unwrap_or_default();
        let sum = before.checked_add(amount).ok_or(ApplyError::Overflow(what))?;
        if amount > 0 {
            self.leaves.set(key, Some(Amount(sum).encode()));
        }
        Ok(sum)
    }
}

/// The leaves that a block has read, and those that it has changed.
#[derive(Debug)]
struct Overlay<'a, V> {
    view: &'a V,
    before: BTreeMap<StateKey, Option<Vec<u8>>>,
    after: Changes,
}

impl<V: StateView> Overlay<'_, V> {
    fn get<T: Decode>(&mut self, key: StateKey) -> Result<Option<T>, ApplyError<V::Error>> {
        let bytes = match self.after.get(&key) {
            Some(bytes) => bytes.as_deref(),
            None => self.read(key)?,
        };
        decode(key, bytes)
    }

    /// The leaf as it was before the block.
    fn read(&mut self, key: StateKey) -> Result<Option<&[u8]>, ApplyError<V::Error>> {
        use std::collections::btree_map::Entry;
        let leaf = match self.before.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.view.leaf(&key).map_err(ApplyError::Store)?),
        };
        Ok(leaf.as_deref())
    }

    fn set(&mut self, key: StateKey, value: Option<Vec<u8>>) {
        self.after.insert(key, value);
    }

    /// The leaves that differ from what they were: the tree is not touched for the others.
    fn changes(self) -> Changes {
        let Self { before, after, .. } = self;
        after.into_iter().filter(|(key, value)| before.get(key).unwrap_or(&None) != value).collect()
    }

    /// The supply after the block: summed from the leaves that changed, and held against the emission by the caller.
    fn supply(&mut self, emission: Emission) -> Result<Supply, ApplyError<V::Error>> {
        let mut supply = self.view.supply().map_err(ApplyError::Store)?;
        let overflow = ApplyError::Overflow("the supply");
        supply.emitted = supply.emitted.checked_add(emission.total()).ok_or(overflow)?;
        for key in self.after.keys().copied().collect::<Vec<_>>() {
            let before = sum(key, self.read(key)?)?;
            let after = sum(key, self.after.get(&key).and_then(Option::as_deref))?;
            let total = match key {
                StateKey::Account(_) => &mut supply.balances,
                StateKey::Pending(_) => &mut supply.pending,
                StateKey::ShareFund => &mut supply.share_fund,
                StateKey::ProvingPool(_) => &mut supply.proving_pools,
            };
            *total = total
                .checked_add(after)
                .and_then(|total| total.checked_sub(before))
                .ok_or(ApplyError::Overflow("the supply"))?;
        }
        Ok(supply)
    }
}

fn decode<T: Decode, E>(key: StateKey, bytes: Option<&[u8]>) -> Result<Option<T>, ApplyError<E>> {
    bytes.map(T::decode).transpose().map_err(|error| ApplyError::Leaf { key, error })
}

/// The microcredits in a leaf.
fn sum<E>(key: StateKey, bytes: Option<&[u8]>) -> Result<u64, ApplyError<E>> {
    Ok(match key {
        StateKey::Account(_) => decode::<Account, E>(key, bytes)?.unwrap_or_default().balance,
        StateKey::ShareFund | StateKey::ProvingPool(_) => decode::<Amount, E>(key, bytes)?.unwrap_or_default().0,
        StateKey::Pending(_) => decode::<Pending, E>(key, bytes)?
            .unwrap_or_default()
            .0
            .iter()
            .try_fold(0_u64, |sum, credit| sum.checked_add(credit.amount))
            .ok_or(ApplyError::Overflow("pending credits"))?,
    })
}
