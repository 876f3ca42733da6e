//! Verdicts on sold proofs, kept: the same delivery is judged when it comes, when a template is
//! built and when its block is applied, and verified once.
//!
//! Purpose: a memory in front of proof systems, which the ledger asks when it applies a block; and
//! the verification of a block's proofs side by side before that, so that applying finds each
//! verdict there.
//!
//! Threads: any. Two that ask for the same proof at the same time share one check; the second
//! waits. [`verify_all`] starts as many threads as there are processors, for as long as it takes.
//!
//! Bounds: [`MAX_VERDICTS`], [`MAX_KEYS`] and [`MAX_VALUES`]; what was not asked for longest gives
//! way.
//!
//! What must not be broken: an answer depends on the question alone. Binding and proof stand for
//! all that a verdict depends on (the binding for jobs and operator, the jobs for class and
//! values), so that a delivery signed again, for another fee, is not verified again; a class's id
//! stands for its key.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use lode_consensus::{
    Hash,
    market::proofs::{ProofSystems, SoldProof, Systems},
};
use lode_proofs::Key;
use parking_lot::{Condvar, Mutex};

/// Verdicts that are remembered: those of the largest blocks of a day.
const MAX_VERDICTS: usize = 131_072;
/// Parsed keys that are remembered.
const MAX_KEYS: usize = 256;
/// Keys of which it is remembered how many values they have: those of a full mempool and more.
const MAX_VALUES: usize = 4_096;

/// A map of at most `limit` values; what was not asked for longest gives way.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    values: BTreeMap<K, (u64, V)>,
    uses: BTreeMap<u64, K>,
    clock: u64,
    limit: usize,
}

impl<K: Ord + Copy, V: Clone> Lru<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { values: BTreeMap::new(), uses: BTreeMap::new(), clock: 0, limit }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let (used, value) = self.values.get_mut(key)?;
        self.uses.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.uses.insert(self.clock, *key);
        Some(value.clone())
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.clock += 1;
        if let Some((used, _)) = self.values.insert(key, (self.clock, value)) {
            self.uses.remove(&used);
        }
        self.uses.insert(self.clock, key);
        if self.values.len() > self.limit
            && let Some((_, oldest)) = self.uses.pop_first()
        {
            self.values.remove(&oldest);
        }
    }
}

/// The proof systems, with the keys of classes parsed once.
#[derive(Debug)]
pub struct ParsedKeys(Mutex<Lru<Hash, Option<Arc<dyn Key>>>>);

impl Default for ParsedKeys {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MAX_KEYS)))
    }
}

impl ProofSystems for ParsedKeys {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        Systems.values(system, key)
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        Systems.cost(system, instances, values)
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        let known = self.0.lock().get(&proof.class);
        let key = known.unwrap_or_else(|| {
            let key = Systems::key(proof.system, &proof.key);
            self.0.lock().insert(proof.class, key.clone());
            key
        });
        key.is_some_and(|key| proof.holds_under(&*key))
    }
}

/// What the verdict on a sold proof goes by.
pub(crate) fn statement_of(proof: &SoldProof) -> Hash {
    Hash::of("lode/core/verdict/v1", &[&proof.binding.0, &proof.proof])
}

/// Proof systems with a memory.
#[derive(Debug)]
pub struct VerdictCache<S = ParsedKeys> {
    systems: S,
    state: Mutex<State>,
    /// Something is not being verified any more.
    done: Condvar,
    verified: AtomicU64,
}

#[derive(Debug)]
struct State {
    verdicts: Lru<Hash, bool>,
    /// By system and key.
    values: Lru<Hash, Option<u16>>,
    /// What is being verified.
    running: BTreeSet<Hash>,
}

impl Default for VerdictCache {
    fn default() -> Self {
        Self::new(ParsedKeys::default())
    }
}

impl<S: ProofSystems> VerdictCache<S> {
    /// An empty memory in front of proof systems.
    pub fn new(systems: S) -> Self {
        let state = State {
            verdicts: Lru::new(MAX_VERDICTS),
            values: Lru::new(MAX_VALUES),
            running: BTreeSet::new(),
        };
        Self {
            systems,
            state: Mutex::new(state),
            done: Condvar::new(),
            verified: AtomicU64::new(0),
        }
    }

    /// How many proofs were verified: questions that the memory could not answer.
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }
}

impl<S: ProofSystems> ProofSystems for VerdictCache<S> {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        let place = Hash::of("lode/core/key/v1", &[&[system], key]);
        if let Some(values) = self.state.lock().values.get(&place) {
            return values;
        }
        let values = self.systems.values(system, key);
        self.state.lock().values.insert(place, values);
        values
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        self.systems.cost(system, instances, values)
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        let statement = statement_of(proof);
        {
            let mut state = self.state.lock();
            self.done.wait_while(&mut state, |state| state.running.contains(&statement));
            if let Some(holds) = state.verdicts.get(&statement) {
                return holds;
            }
            state.running.insert(statement);
        }
        let _running = Running { state: &self.state, done: &self.done, statement };
        self.verified.fetch_add(1, Ordering::Relaxed);
        let holds = self.systems.holds(proof);
        self.state.lock().verdicts.insert(statement, holds);
        holds
    }
}

/// The duty to verify something. Ends however that ends.
struct Running<'a> {
    state: &'a Mutex<State>,
    done: &'a Condvar,
    statement: Hash,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.state.lock().running.remove(&self.statement);
        self.done.notify_all();
    }
}

/// Has proofs verified on all processors, so that whoever keeps verdicts knows them afterwards.
pub(crate) fn verify_all(systems: &dyn ProofSystems, proofs: &[SoldProof]) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(proof) = proofs.get(next.fetch_add(1, Ordering::Relaxed)) {
            systems.holds(proof);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(proofs.len());
    // Threads of their own, not those of a pool: a verification waits for the pool's, which must
    // not all wait for one another here.
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it is asked; a proof holds whose first byte is 1.
    #[derive(Debug, Default)]
    struct Counting(AtomicU64);

    impl ProofSystems for Counting {
        fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
            self.0.fetch_add(1, Ordering::Relaxed);
            (system == 1).then_some(u16::from(key[0]))
        }

        fn cost(&self, _: u8, _: usize, _: usize) -> u64 {
            1
        }

        fn holds(&self, proof: &SoldProof) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            thread::sleep(std::time::Duration::from_millis(1));
            proof.proof.first() == Some(&1)
        }
    }

    fn sold(delivery: u8, proof: u8) -> SoldProof {
        SoldProof {
            delivery: Hash([delivery; 32]),
            system: 1,
            class: Hash::ZERO,
            key: Vec::new(),
            binding: Hash([delivery; 32]),
            instances: Vec::new(),
            proof: vec![proof],
        }
    }

    #[test]
    fn each_proof_is_verified_once_whoever_asks_and_both_verdicts_are_kept() {
        let cache = VerdictCache::new(Counting::default());
        let proofs: Vec<SoldProof> =
            (0..20).chain(0..20).map(|number| sold(number, number % 2)).collect();
        verify_all(&cache, &proofs);
        assert_eq!((cache.verified(), cache.systems.0.load(Ordering::Relaxed)), (20, 20));
        for proof in &proofs {
            assert_eq!(cache.holds(proof), proof.proof[0] == 1);
        }
        assert_eq!(cache.verified(), 20);
    }

    #[test]
    fn a_key_is_looked_at_once_under_each_system() {
        let cache = VerdictCache::new(Counting::default());
        for _ in 0..2 {
            let values = [(1, 3), (1, 4), (2, 3)].map(|(system, key)| cache.values(system, &[key]));
            assert_eq!(values, [Some(3), Some(4), None]);
        }
        assert_eq!(cache.systems.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_was_not_asked_for_longest_gives_way() {
        let mut lru = Lru::new(2);
        lru.insert(1, 'a');
        lru.insert(2, 'b');
        assert_eq!(lru.get(&1), Some('a'));
        lru.insert(3, 'c');
        assert_eq!([lru.get(&1), lru.get(&2), lru.get(&3)], [Some('a'), None, Some('c')]);
        lru.insert(3, 'd');
        assert_eq!((lru.get(&3), lru.values.len(), lru.uses.len()), (Some('d'), 2, 2));
    }
}
