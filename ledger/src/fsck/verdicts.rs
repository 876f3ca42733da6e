//! Verdicts on sold proofs while a chain is replayed: those that were recorded, each held against
//! the proof systems if that is asked for.

use std::{collections::BTreeMap, sync::Arc};

use lode_consensus::{
    Hash,
    market::{
        event::Outcome,
        proofs::{ProofSystems, SoldProof},
    },
};
use parking_lot::Mutex;

#[derive(Debug)]
pub(super) struct Verdicts {
    systems: Arc<dyn ProofSystems>,
    /// Whether the systems are asked too.
    verify: bool,
    block: Mutex<Block>,
}

/// What is known of the block that is applied.
#[derive(Debug, Default)]
struct Block {
    /// Whether the proofs of its judged Delivers held.
    recorded: BTreeMap<Hash, bool>,
    /// A Deliver with another verdict, and the one that was recorded.
    wrong: Option<(Hash, bool)>,
}

impl Verdicts {
    pub(super) fn new(systems: Arc<dyn ProofSystems>, verify: bool) -> Self {
        Self { systems, verify, block: Mutex::default() }
    }

    /// Takes what was recorded of the next block's transactions.
    pub(super) fn expect<'a>(&self, outcomes: impl Iterator<Item = (Outcome, &'a Hash)>) {
        let recorded = outcomes.filter_map(|(outcome, id)| match outcome {
            Outcome::Applied => Some((*id, true)),
            Outcome::FalseProof => Some((*id, false)),
            Outcome::Void(_) => None,
        });
        *self.block.lock() = Block { recorded: recorded.collect(), wrong: None };
    }

    pub(super) fn wrong(&self) -> Option<(Hash, bool)> {
        self.block.lock().wrong
    }
}

impl ProofSystems for Verdicts {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        self.systems.values(system, key)
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        self.systems.cost(system, instances, values)
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        let recorded = self.block.lock().recorded.get(&proof.delivery).copied();
        match recorded {
            Some(recorded) if !self.verify => recorded,
            _ => {
                let holds = self.systems.holds(proof);
                if let Some(recorded) = recorded
                    && recorded != holds
                {
                    self.block.lock().wrong = Some((proof.delivery, recorded));
                }
                holds
            }
        }
    }
}
