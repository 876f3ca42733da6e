//! A market of named actors without blocks: the rules alone, over a state in maps, so that a test
//! says in a few lines who does what, and what everybody has then.
//!
//! Nothing is signed and no proof of work is made. Sold proofs are judged by [`Told`]. What is
//! mined matures only after the test, so that nothing but the market moves a balance. After each
//! block the whole state is looked through: no credit came from nowhere, and bonds are locked for
//! what is open and for nothing else.

use std::collections::BTreeMap;

use lode_consensus::{
    Account, Action, Address, ChainSpec, Hash, Height, StateKey, Transaction,
    leaf::{Leaf, LeafKind},
    market::{
        Book, BookAsk, Class, Job, JobLeaf, Operator, Policy, Waiting, WaitingJob,
        event::{JobChange, Outcome},
        job::{End, Status},
        matching::Limits,
        queue::{Event, QueuePage},
    },
    rules::ChainContext,
    selection::Weight,
    state::{Amount, Credit, Pending, Supply},
    transition::{AppliedBlock, Executor},
};
use lode_puzzle::Target;

mod actions;
mod audit;

pub use actions::{
    APPLIED, FEE, Judged, NEXT, START, actor, appoint, ask, asked, bond, cancel, decline, deliver,
    deliver_false, genesis_hash, lot, policy, raise, register, request, requested, sent, transfer,
    unbond, void,
};

use crate::{networks, oracle::Told, state::State};

/// Blocks of an epoch, if the test sets no other number before its first block.
pub const EPOCH_LENGTH: u32 = 1_000;
/// What every actor has at first: 1,000 credits.
pub const BALANCE: u64 = 1_000_000_000;
/// Who registers classes.
pub const CREATOR: &str = "creator";
/// Who makes the blocks.
pub const PRODUCER: &str = "producer";

#[derive(Debug, Clone)]
pub struct World {
    /// To be changed before the first block.
    pub params: ChainSpec,
    pub limits: Limits,
    state: State,
    /// Whose shares the next block includes.
    provers: Vec<Address>,
}

/// What a block did.
#[derive(Debug, Clone)]
pub struct Done {
    /// Ids of the transactions, those that were refused included.
    pub ids: Vec<Hash>,
    pub outcomes: Vec<Judged>,
    pub applied: AppliedBlock,
}

impl Done {
    /// What happened to a job.
    pub fn changes_of(&self, job: &Hash) -> Vec<JobChange> {
        let events = self.applied.events.iter().filter(|event| event.job == *job);
        events.map(|event| event.what.clone()).collect()
    }
}

impl World {
    /// Actors with 1,000 credits each, and [`CREATOR`], who has as much.
    pub fn new(actors: &[&str]) -> Self {
        let mut params = networks::small("world", Vec::new());
        // Nothing that is mined may move a balance meanwhile.
        (params.epoch_length, params.maturity) = (EPOCH_LENGTH, 1 << 20);
        let hashes = (0..=START).map(hash_of).collect();
        let state = State { hashes, ..State::default() };
        let mut world = Self { params, limits: Limits::CHAIN, state, provers: Vec::new() };
        world.put(StateKey::ShareFund, Amount(1 << 40));
        for name in actors.iter().chain([&CREATOR]) {
            world.fund(name, BALANCE);
        }
        world
    }

    /// The height of the last block.
    pub fn height(&self) -> Height {
        u32::try_from(self.state.hashes.len()).unwrap() - 1
    }

    /// Gives the last block another hash: the next one draws from it.
    pub fn set_tip_hash(&mut self, hash: Hash) {
        *self.state.hashes.last_mut().unwrap() = hash;
    }

    fn context(&self) -> ChainContext {
        let target = Target::new(1 << 120).unwrap();
        ChainContext {
            genesis_hash: genesis_hash(),
            height: self.height() + 1,
            parent_hash: self.state.hashes[self.height() as usize],
            median_time_ms: 0,
            target,
            epoch_challenge: Hash::ZERO,
            first_target: target,
            share_target: target,
            anchors: Vec::new(),
        }
    }

    // --- Blocks ----------------------------------------------------------------------------------

    /// Makes a block of transactions; those that are refused are left out of it.
    pub fn apply(&mut self, transactions: &[Transaction]) -> Done {
        let provers = std::mem::take(&mut self.provers);
        let context = self.context();
        let (params, state) = (&self.params, &self.state);
        let mut executor =
            Executor::with_limits(params, &context, state, &Told, self.limits).unwrap();
        let mut included: BTreeMap<Address, u64> = BTreeMap::new();
        let (mut ids, mut outcomes) = (Vec::new(), Vec::new());
        for transaction in transactions {
            let mut transaction = transaction.clone();
            let earlier = included.entry(transaction.from).or_default();
            if transaction.nonce == NEXT {
                let account = state.account(transaction.from).unwrap_or_default();
                transaction.nonce = account.nonce + *earlier;
            }
            let id = transaction.id(&context.genesis_hash);
            let outcome = executor.transaction(&transaction, id).unwrap();
            *earlier += u64::from(outcome.is_ok());
            ids.push(id);
            outcomes.push(outcome);
        }
        let applied = executor.finish(actor(PRODUCER), &provers).unwrap();
        self.state = self.state.after(&applied, std::iter::empty());
        self.state.hashes.push(hash_of(context.height));
        audit::check(&self.state);
        Done { ids, outcomes, applied }
    }

    /// Makes a block of what actors do.
    pub fn block(&mut self, actions: &[(&str, Action)]) -> Done {
        let transactions: Vec<Transaction> =
            actions.iter().map(|(from, action)| sent(from, action.clone())).collect();
        self.apply(&transactions)
    }

    /// The same where all of it must be applied; gives the ids.
    pub fn must(&mut self, actions: &[(&str, Action)]) -> Vec<Hash> {
        let done = self.block(actions);
        for ((from, action), outcome) in actions.iter().zip(&done.outcomes) {
            let height = self.height();
            assert_eq!(*outcome, Ok(Outcome::Applied), "{from} in {height}: {action:?}");
        }
        done.ids
    }

    /// Makes a block of one action that must be applied; gives the id.
    pub fn act(&mut self, from: &str, action: Action) -> Hash {
        self.must(&[(from, action)])[0]
    }

    /// Makes empty blocks.
    pub fn skip(&mut self, count: u32) {
        for _ in 0..count {
            self.apply(&[]);
        }
    }

    /// Makes empty blocks until the last one has this height.
    pub fn skip_to(&mut self, height: Height) {
        assert!(height >= self.height());
        self.skip(height - self.height());
    }

    /// Registers a class of [`CREATOR`]'s with a block.
    pub fn class(&mut self, policy: Policy) -> Hash {
        self.act(CREATOR, Action::RegisterClass(register(policy)))
    }

    /// The next block includes shares of these provers.
    pub fn mine(&mut self, provers: &[&str]) {
        self.provers = provers.iter().map(|name| actor(name)).collect();
    }

    /// What would become of an action as the only one of the next block, which is not kept. What
    /// is refused changes nothing; what is void pays its fee, uses its nonce and changes nothing
    /// else.
    pub fn judge(&self, from: &str, action: Action) -> Judged {
        self.judge_transaction(&sent(from, action))
    }

    /// The same of a transaction.
    pub fn judge_transaction(&self, transaction: &Transaction) -> Judged {
        let (mut with, mut without) = (self.clone(), self.clone());
        let done = with.apply(std::slice::from_ref(transaction));
        let quiet = without.apply(&[]);
        match &done.outcomes[0] {
            Ok(Outcome::Applied | Outcome::FalseProof) => return done.outcomes[0].clone(),
            Ok(Outcome::Void(_)) => without.take_fee(transaction),
            Err(_) => {}
        }
        assert_eq!(with.state.leaves, without.state.leaves, "{transaction:?}");
        assert_eq!(with.state.supply, without.state.supply, "{transaction:?}");
        assert_eq!(done.applied.events, quiet.applied.events, "{transaction:?}");
        done.outcomes[0].clone()
    }

    /// Moves a transaction's fee to the producer of the last block, and uses its nonce.
    fn take_fee(&mut self, transaction: &Transaction) {
        let key = StateKey::Account(transaction.from);
        let account: Account = self.leaf(key).unwrap();
        let (balance, nonce) = (account.balance - transaction.fee, account.nonce + 1);
        self.put(key, Account { balance, nonce });
        let key = StateKey::Pending(self.height());
        let mut pending: Pending = self.leaf(key).unwrap();
        let of_producer = |credit: &&mut Credit| credit.address == actor(PRODUCER);
        pending.0.iter_mut().find(of_producer).unwrap().amount += transaction.fee;
        self.put(key, pending);
    }

    // --- Leaves ----------------------------------------------------------------------------------

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn leaf<T: LeafKind>(&self, key: StateKey) -> Option<T> {
        let leaf = Leaf::decode(&key, self.state.leaves.get(&key)?).unwrap();
        T::of(&leaf).cloned()
    }

    /// Writes a leaf past all rules. Genesis counts as having had what it holds more.
    pub fn put<T: LeafKind>(&mut self, key: StateKey, leaf: T) {
        self.state.leaves.insert(key, leaf.encode());
        let Supply { emitted, burned, .. } = self.state.supply;
        let counted = audit::counted(&self.state);
        let parts = [counted.balances, counted.pending, counted.share_fund];
        let held: u64 =
            parts.iter().sum::<u64>() + counted.proving_pools + counted.bonds + counted.escrows;
        self.state.supply = Supply { genesis: held + burned - emitted, ..counted };
    }

    /// Sets an actor's balance.
    pub fn fund(&mut self, name: &str, balance: u64) {
        let nonce = self.account(name).nonce;
        self.put(StateKey::Account(actor(name)), Account { balance, nonce });
    }

    /// Makes an actor an operator whose bond was there when the epoch began.
    pub fn operate(&mut self, name: &str, bond: u64) {
        let epoch = self.params.epoch_of(self.height() + 1);
        let operator = Operator { bond, epoch_bond: bond, epoch, ..Operator::default() };
        self.put(StateKey::Operator(actor(name)), operator);
    }

    /// Gives an operator a reputation.
    pub fn repute(&mut self, name: &str, reputation: u16) {
        let operator = Operator { reputation, ..self.operator(name) };
        self.put(StateKey::Operator(actor(name)), operator);
    }

    /// Gives an actor a mined weight, frozen at the end of the last epoch, and adds it to the sum.
    pub fn weigh(&mut self, name: &str, carried: u64) {
        let epoch = self.params.epoch_of(self.height() + 1);
        let sum = self.leaf::<Weight>(StateKey::WeightSum).unwrap_or_default().carried;
        self.put(StateKey::Weight(actor(name)), Weight { epoch, carried, shares: 0 });
        self.put(StateKey::WeightSum, Weight { epoch, carried: sum + carried, shares: 0 });
    }

    pub fn account(&self, name: &str) -> Account {
        self.leaf(StateKey::Account(actor(name))).unwrap_or_default()
    }

    pub fn balance(&self, name: &str) -> u64 {
        self.account(name).balance
    }

    /// An operator as it reads in the epoch of the last block.
    pub fn operator(&self, name: &str) -> Operator {
        let epoch = self.params.epoch_of(self.height());
        let operator: Option<Operator> = self.leaf(StateKey::Operator(actor(name)));
        let operator = operator.unwrap_or(Operator { epoch, ..Operator::default() });
        operator.rolled(epoch, self.params.market.reputation_unit)
    }

    /// A job that has not ended.
    pub fn job(&self, id: &Hash) -> Job {
        match self.leaf(StateKey::Job(*id)) {
            Some(JobLeaf::Live(job)) => *job,
            other => panic!("a live job expected, got {other:?}"),
        }
    }

    /// How a job ended, as long as that is remembered.
    pub fn end(&self, id: &Hash) -> Option<End> {
        match self.leaf(StateKey::Job(*id)) {
            Some(JobLeaf::Ended(job)) => Some(job.end),
            _ => None,
        }
    }

    /// Who a job is assigned to.
    pub fn assignee(&self, id: &Hash) -> Option<Address> {
        match self.job(id).status {
            Status::Assigned(assigned) => Some(assigned.operator),
            Status::Waiting | Status::Open => None,
        }
    }

    pub fn class_leaf(&self, id: &Hash) -> Class {
        self.leaf(StateKey::Class(*id)).unwrap()
    }

    pub fn book(&self, class: &Hash) -> Book {
        self.leaf(StateKey::Book(*class)).unwrap_or_default()
    }

    /// An actor's ask in a book.
    pub fn ask_of(&self, class: &Hash, name: &str) -> Option<BookAsk> {
        self.book(class).of(&actor(name)).copied()
    }

    pub fn waiting(&self, class: &Hash) -> Vec<WaitingJob> {
        self.leaf::<Waiting>(StateKey::Waiting(*class)).unwrap_or_default().0
    }

    /// The events that wait for matching.
    pub fn queue(&self) -> Vec<Event> {
        let pages = (0..).map_while(|page| self.leaf::<QueuePage>(StateKey::Queue(page)));
        pages.flat_map(|page| page.0).collect()
    }

    pub fn supply(&self) -> Supply {
        self.state.supply
    }
}

fn hash_of(height: Height) -> Hash {
    if height == 0 { genesis_hash() } else { Hash::of("world block", &[&height.to_le_bytes()]) }
}
