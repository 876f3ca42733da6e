//! What the chain asks of proof systems.
//!
//! A false proof still enters the chain, so a verdict is data and no rule of validity. It is asked
//! for when a block is applied, not before: a Deliver names jobs by their ids, and only the state
//! of the block's parent, and the transactions before it in its block, say which statements and
//! which key these are. As ids are content-addressed, the answer depends on the Deliver's id alone,
//! whatever the fork: so a node keeps verdicts by that id, and finds them in parallel before it
//! applies a block ([`transition::sold_proofs`](crate::transition::sold_proofs)). What is not kept
//! is verified when it is asked for; the result is the same.
//!
//! What must not be broken: each answer is a pure function of the question.

use std::{fmt::Debug, sync::Arc};

use lode_proofs::Key;

use super::Value;
use crate::Hash;

/// A sold proof, and all that its verdict depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldProof {
    /// The id of the Deliver, which stands for all the rest.
    pub delivery: Hash,
    pub system: u8,
    pub class: Hash,
    /// The class's verifying key.
    pub key: Vec<u8>,
    /// What the proof must be bound to.
    pub binding: Hash,
    /// The public values of each job, in the order of the list.
    pub instances: Vec<Vec<Value>>,
    pub proof: Vec<u8>,
}

/// The proof systems that the chain knows, by the byte that names them.
pub trait ProofSystems: Debug + Send + Sync {
    /// How many public values a proof's instance has under a class's key. `None`: the system
    /// refuses the key, or there is no such system.
    fn values(&self, system: u8, key: &[u8]) -> Option<u16>;

    /// What verifying a proof of so many instances costs at most, in units of about a microsecond,
    /// with so many public values in each.
    fn cost(&self, system: u8, instances: usize, values: usize) -> u64;

    /// Whether a sold proof holds.
    fn holds(&self, proof: &SoldProof) -> bool;
}

/// The proof systems themselves, which keep nothing: each question is answered anew.
#[derive(Debug, Clone, Copy, Default)]
pub struct Systems;

impl Systems {
    /// A class's key, to be kept where more proofs of the class are to come. `None`: as of
    /// [`ProofSystems::values`].
    pub fn key(system: u8, bytes: &[u8]) -> Option<Arc<dyn Key>> {
        lode_proofs::system(system)?.parse_key(bytes).ok()
    }
}

impl SoldProof {
    /// Whether the proof holds under its class's key.
    pub fn holds_under(&self, key: &dyn Key) -> bool {
        let values = |instance: &Vec<Value>| instance.iter().map(|value| value.0).collect();
        let instances: Vec<Vec<[u8; 32]>> = self.instances.iter().map(values).collect();
        let instances: Vec<&[[u8; 32]]> = instances.iter().map(Vec::as_slice).collect();
        key.verify(&self.binding.0, &instances, &self.proof).is_ok()
    }
}

impl ProofSystems for Systems {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        u16::try_from(Self::key(system, key)?.values()).ok()
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        // No class has another system than those that there are.
        lode_proofs::system(system).map_or(u64::MAX, |system| system.cost(instances, values))
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        Self::key(proof.system, &proof.key).is_some_and(|key| proof.holds_under(&*key))
    }
}
