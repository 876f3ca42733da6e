//! What must hold after each block, whatever it did: no credit came from nowhere, bonds are locked
//! for what is open and for nothing else, and every job has an end to come.

use std::collections::BTreeMap;

use lode_consensus::{
    Address, Decode, Hash, Height, StateKey,
    leaf::Leaf,
    market::{
        Book, Class, Job, JobLeaf, Operator, Waiting, WaitingJob, job::Status, queue::AgendaPage,
    },
    state::Supply,
};

use crate::state::State;

/// The supply, summed from all leaves.
pub(super) fn counted(state: &State) -> Supply {
    let Supply { genesis, emitted, burned, .. } = state.supply;
    let mut supply = Supply { genesis, emitted, burned, ..Supply::default() };
    for (key, bytes) in &state.leaves {
        let part = match key {
            StateKey::Account(_) => &mut supply.balances,
            StateKey::Pending(_) => &mut supply.pending,
            StateKey::ShareFund => &mut supply.share_fund,
            StateKey::ProvingPool(_) => &mut supply.proving_pools,
            StateKey::Operator(_) => &mut supply.bonds,
            StateKey::Job(_) => &mut supply.escrows,
            _ => continue,
        };
        *part += Leaf::decode(key, bytes).unwrap().credits().unwrap();
    }
    supply
}

pub(super) fn check(state: &State) {
    assert_eq!(counted(state), state.supply);
    state.supply.check().unwrap();
    let mut found = Obligations::default();
    for (key, bytes) in &state.leaves {
        if let StateKey::Job(id) = key
            && let JobLeaf::Live(job) = JobLeaf::decode(bytes).unwrap()
        {
            let class = Class::decode(&state.leaves[&StateKey::Class(job.class)]).unwrap();
            found.add(*id, &job, class.policy.min_bond);
            assert!(is_listed(state, job.terms.hard + 1, id), "no end is listed of {id}");
        }
    }
    for (key, bytes) in &state.leaves {
        match key {
            StateKey::Operator(address) => {
                let operator = Operator::decode(bytes).unwrap();
                let locked = found.locked.remove(address).unwrap_or_default();
                assert_eq!((operator.locked, operator.held), locked, "{address:?}");
                assert!(operator.locked <= operator.bond, "{address:?}");
            }
            StateKey::Class(id) => {
                let class = Class::decode(bytes).unwrap();
                let (live, assigned) = found.classes.remove(id).unwrap_or_default();
                assert_eq!((class.live, class.assigned), (live, assigned), "class {id}");
                let mut waiting = Waiting::default();
                let entries = found.waiting.remove(id).unwrap_or_default();
                entries.into_iter().for_each(|entry| waiting.insert(entry));
                let leaf = state.leaves.get(&StateKey::Waiting(*id));
                let listed = leaf.map(|bytes| Waiting::decode(bytes).unwrap());
                assert_eq!(listed.unwrap_or_default(), waiting, "class {id}");
            }
            StateKey::Book(id) => {
                for ask in &Book::decode(bytes).unwrap().0 {
                    let open = found.open.remove(&(*id, ask.operator)).unwrap_or(0);
                    assert_eq!(ask.open, open, "class {id}: {ask:?}");
                }
            }
            _ => {}
        }
    }
    assert_eq!(found, Obligations::default(), "obligations that no leaf knows");
}

/// Whether the agenda of a height lists a job.
fn is_listed(state: &State, height: Height, id: &Hash) -> bool {
    let from = StateKey::Agenda(height, 0);
    let to = StateKey::Agenda(height, u32::MAX);
    let mut pages = state.leaves.range(from..=to);
    pages.any(|(_, bytes)| AgendaPage::decode(bytes).unwrap().0.contains(id))
}

/// What live jobs bind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Obligations {
    /// Of each operator: what is locked, and for how many jobs.
    locked: BTreeMap<Address, (u64, u32)>,
    /// Of each class: live jobs, and those of them that are assigned.
    classes: BTreeMap<Hash, (u16, u16)>,
    waiting: BTreeMap<Hash, Vec<WaitingJob>>,
    /// Jobs that are assigned under each ask.
    open: BTreeMap<(Hash, Address), u16>,
}

impl Obligations {
    fn add(&mut self, id: Hash, job: &Job, min_bond: u64) {
        let class = self.classes.entry(job.class).or_default();
        class.0 += 1;
        if let Status::Assigned(assigned) = job.status {
            class.1 += 1;
            *self.open.entry((job.class, assigned.operator)).or_default() += 1;
            self.lock(assigned.operator, assigned.bond);
        } else {
            self.waiting.entry(job.class).or_default().push(WaitingJob::of(id, job));
        }
        job.misses.iter().for_each(|miss| self.lock(miss.operator, miss.bond));
        job.deliveries.iter().for_each(|delivery| self.lock(delivery.operator, min_bond));
    }

    fn lock(&mut self, operator: Address, bond: u64) {
        let locked = self.locked.entry(operator).or_default();
        *locked = (locked.0 + bond, locked.1 + 1);
    }
}
