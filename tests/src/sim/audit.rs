//! What must hold of the market: its leaves among each other at every height, and its events along
//! the chain.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{
    Account, Address, Epoch, Hash, Height, StateKey,
    leaf::LeafKind,
    market::{
        Book, Class, Job, JobLeaf, Operator, ProvingPool, Waiting, WaitingJob,
        job::{MAX_RETURNS, Status},
        queue::{AgendaLast, AgendaOldest, AgendaPage},
    },
    state::{Amount, Pending, Supply},
};
use lode_ledger::Reader;

use super::actors::Actors;

/// Most jobs of a class in its waiting list.
const MAX_WAITING: usize = 512;

/// The state at one height of one node's chain.
struct Audit<'a> {
    reader: &'a Reader<'a>,
    height: Height,
    violations: &'a mut Vec<String>,
}

/// What an operator owes: what is locked for it, and for how many obligations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Owed {
    locked: u64,
    held: u32,
}

/// Holds the market's leaves at a height against each other.
pub fn judge_state(
    reader: &Reader<'_>,
    height: Height,
    actors: &Actors,
    violations: &mut Vec<String>,
) {
    let mut audit = Audit { reader, height, violations };
    let classes = audit.classes();
    let jobs = audit.jobs(&classes);
    audit.money(actors, &jobs);
    audit.operators(actors, &classes, &jobs);
    for (id, class) in &classes {
        audit.class(id, class, &jobs);
    }
    for (id, job) in &jobs {
        audit.ends(id, job, &classes[&job.class]);
    }
}

impl Audit<'_> {
    fn leaf<T: LeafKind>(&self, key: StateKey) -> Option<T> {
        self.reader.leaf_at(&key, self.height).expect("the ledger reads")
    }

    fn hold(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let text = format!("market at height {}: {}", self.height, what());
            self.violations.push(text);
        }
    }

    fn classes(&self) -> BTreeMap<Hash, Class> {
        let listed = self.reader.classes((self.height + 1, 0)).expect("the ledger reads");
        let ids = listed.map(|listed| listed.expect("the ledger reads").1);
        ids.filter_map(|id| Some((id, self.leaf(StateKey::Class(id))?))).collect()
    }

    /// All jobs that have not ended.
    fn jobs(&self, classes: &BTreeMap<Hash, Class>) -> BTreeMap<Hash, Job> {
        let mut jobs = BTreeMap::new();
        for class in classes.keys() {
            let listed = self.reader.class_jobs(class, (self.height + 1, 0));
            for listed in listed.expect("the ledger reads") {
                let (_, id) = listed.expect("the ledger reads");
                let leaf: Option<JobLeaf> = self.leaf(StateKey::Job(id));
                jobs.extend(leaf.as_ref().and_then(JobLeaf::live).cloned().map(|job| (id, job)));
            }
        }
        jobs
    }

    /// Every sum of the supply, recomputed from the leaves.
    fn money(&mut self, actors: &Actors, jobs: &BTreeMap<Hash, Job>) {
        let state = self.reader.block_state(self.height).expect("the ledger reads");
        let told = state.expect("the chain has no gap").supply;
        let addresses: Vec<Address> = actors.addresses().collect();
        let accounts = addresses
            .iter()
            .filter_map(|address| self.leaf::<Account>(StateKey::Account(*address)));
        let balances = accounts.map(|account| account.balance).sum();
        let operators = addresses
            .iter()
            .filter_map(|address| self.leaf::<Operator>(StateKey::Operator(*address)));
        let bonds = operators.map(|operator| operator.bond).sum();
        let params = &actors.network.params;
        let oldest = self.height.saturating_sub(params.maturity);
        let pending = (oldest..=self.height)
            .filter_map(|height| self.leaf::<Pending>(StateKey::Pending(height)))
            .flat_map(|pending| pending.0)
            .map(|credit| credit.amount)
            .sum();
        let epochs: std::ops::RangeInclusive<Epoch> = 0..=params.epoch_of(self.height);
        let pools = epochs
            .filter_map(|epoch| self.leaf::<ProvingPool>(StateKey::ProvingPool(epoch)))
            .map(|pool| pool.left);
        let counted = Supply {
            balances,
            pending,
            share_fund: self.leaf::<Amount>(StateKey::ShareFund).unwrap_or_default().0,
            proving_pools: pools.sum(),
            bonds,
            escrows: jobs.values().map(|job| job.escrow + job.bond).sum(),
            ..told
        };
        self.hold(counted == told, || format!("the leaves hold {counted:?}, told is {told:?}"));
        self.hold(told.check().is_ok(), || format!("the supply does not add up: {told:?}"));
        for (id, job) in jobs {
            let price = job.terms.price;
            self.hold(job.escrow == price, || {
                format!("job {id} holds {} of its price {price}", job.escrow)
            });
        }
    }

    /// What is locked of each operator's bond stands for its open obligations, and for no other.
    fn operators(
        &mut self,
        actors: &Actors,
        classes: &BTreeMap<Hash, Class>,
        jobs: &BTreeMap<Hash, Job>,
    ) {
        let mut owed: BTreeMap<Address, Owed> = BTreeMap::new();
        let mut owe = |operator: Address, bond: u64| {
            let owed = owed.entry(operator).or_default();
            owed.locked += bond;
            owed.held += 1;
        };
        for job in jobs.values() {
            if let Status::Assigned(assigned) = job.status {
                owe(assigned.operator, assigned.bond);
            }
            job.misses.iter().for_each(|miss| owe(miss.operator, miss.bond));
            let min_bond = classes[&job.class].policy.min_bond;
            job.deliveries.iter().for_each(|delivery| owe(delivery.operator, min_bond));
        }
        for address in actors.addresses() {
            let operator: Operator = self.leaf(StateKey::Operator(address)).unwrap_or_default();
            let own = Owed { locked: operator.locked, held: operator.held };
            let expected = owed.remove(&address).unwrap_or_default();
            self.hold(own == expected, || {
                format!("operator {address}: {own:?}, its open obligations are {expected:?}")
            });
            self.hold(operator.locked <= operator.bond, || {
                format!("operator {address} has more locked than bonded: {operator:?}")
            });
        }
        self.hold(owed.is_empty(), || format!("strangers owe {owed:?}"));
    }

    /// Counts, waiting list and book of a class.
    fn class(&mut self, id: &Hash, class: &Class, jobs: &BTreeMap<Hash, Job>) {
        let own = || jobs.iter().filter(|(_, job)| job.class == *id);
        let assigned_to: Vec<Address> = own()
            .filter_map(|(_, job)| match job.status {
                Status::Assigned(assigned) => Some(assigned.operator),
                Status::Waiting | Status::Open => None,
            })
            .collect();
        let counts = (usize::from(class.live), usize::from(class.assigned));
        let expected = (own().count(), assigned_to.len());
        self.hold(counts == expected, || {
            format!("class {id}: live and assigned {counts:?}, there are {expected:?}")
        });
        let told = self.leaf::<Waiting>(StateKey::Waiting(*id)).unwrap_or_default();
        let mut waiting: Vec<WaitingJob> = own()
            .filter(|(_, job)| !matches!(job.status, Status::Assigned(_)))
            .map(|(id, job)| WaitingJob::of(*id, job))
            .collect();
        waiting.sort_by_key(|job| (std::cmp::Reverse(job.terms.price), job.created, job.place));
        self.hold(told.0 == waiting, || {
            format!("class {id}: its waiting list is {told:?}, its jobs make {waiting:?}")
        });
        // What comes back by misses and declines is let in beyond the bound of admission.
        let most = MAX_WAITING + assigned_to.len();
        self.hold(told.0.len() <= most, || format!("class {id}: {} jobs wait", told.0.len()));
        let book = self.leaf::<Book>(StateKey::Book(*id)).unwrap_or_default();
        let (asks, most) = (book.0.len(), usize::from(class.policy.max_operators));
        self.hold(asks <= most, || format!("class {id}: {asks} asks in a book of {most}"));
        self.hold(book.0.is_sorted_by(|a, b| a.operator < b.operator), || {
            format!("class {id}: its book is out of order: {book:?}")
        });
        let open: u64 = book.0.iter().map(|ask| u64::from(ask.open)).sum();
        self.hold(open == assigned_to.len() as u64, || {
            format!("class {id}: {open} jobs under asks, {} assigned", assigned_to.len())
        });
        for ask in &book.0 {
            let count = assigned_to.iter().filter(|it| **it == ask.operator).count();
            self.hold(usize::from(ask.open) == count, || {
                format!("class {id}: {ask:?}, and {count} jobs are assigned to the operator")
            });
        }
    }

    /// Each job has an end ahead: nothing of it is overdue, and the agenda will come to it.
    fn ends(&mut self, id: &Hash, job: &Job, class: &Class) {
        let oldest: Option<AgendaOldest> = self.leaf(StateKey::AgendaOldest);
        self.hold(oldest.is_none(), || format!("the agenda has a backlog: {oldest:?}"));
        let mut due = BTreeSet::from([job.terms.hard + 1]);
        if let Status::Assigned(assigned) = job.status {
            due.insert(assigned.promise + 1);
        }
        if let Some(cancelled) = job.cancelled {
            due.insert(cancelled + Height::from(class.policy.claim_blocks) + 1);
        }
        due.extend(job.window_end(class.policy.window).map(|end| end + 1));
        for height in due {
            self.hold(height > self.height, || format!("job {id} is overdue since {height}"));
            self.hold(self.agenda(height).contains(id), || {
                format!("the agenda of {height} does not have job {id}")
            });
        }
        self.hold(job.returns() <= MAX_RETURNS, || format!("job {id} came back too often"));
    }

    fn agenda(&self, height: Height) -> Vec<Hash> {
        let last: AgendaLast = self.leaf(StateKey::AgendaLast(height)).unwrap_or_default();
        let pages = (0..=last.page)
            .filter_map(|page| self.leaf::<AgendaPage>(StateKey::Agenda(height, page)));
        pages.flat_map(|page| page.0).collect()
    }
}
