//! The sold proofs of a block before it is applied, so that a node can have them verified in
//! parallel and keep the verdicts.

use std::collections::BTreeMap;

use super::{ApplyError, StateView};
use crate::{
    Hash, StateKey, Transaction,
    leaf::{Leaf, LeafKind},
    market::{
        Class, ClassKey, JobLeaf, Value,
        proofs::{ProofSystems, SoldProof},
    },
    transaction::{Action, Deliver},
};

/// The statements of a job: its class and its values.
type Statement = (Hash, Vec<Value>);

/// What the verdicts of the transactions' Delivers depend on, given the state below them: all
/// those that may be judged when they are applied. It ends where the proof budget does, as a block
/// cannot hold more.
pub fn sold_proofs<'t, V: StateView>(
    view: &V,
    genesis_hash: &Hash,
    systems: &dyn ProofSystems,
    budget: u64,
    transactions: impl IntoIterator<Item = (&'t Transaction, Hash)>,
) -> Result<Vec<SoldProof>, ApplyError<V::Error>> {
    let mut requested: BTreeMap<Hash, Statement> = BTreeMap::new();
    let mut units = 0_u64;
    let mut proofs = Vec::new();
    for (transaction, id) in transactions {
        match &transaction.action {
            Action::Request(request) => {
                requested.insert(id, (request.class, request.values.clone()));
            }
            Action::Deliver(deliver) => {
                let Some((class, instances)) = statements(view, &requested, deliver)? else {
                    continue;
                };
                let class_leaf: Option<Class> = read(view, StateKey::Class(class))?;
                let key: Option<ClassKey> = read(view, StateKey::Key(class))?;
                let (Some(Class { system, .. }), Some(ClassKey(key))) = (class_leaf, key) else {
                    continue;
                };
                let values = instances.first().map_or(0, Vec::len);
                units = units.saturating_add(systems.cost(system, instances.len(), values));
                if units > budget {
                    break;
                }
                proofs.push(SoldProof {
                    delivery: id,
                    system,
                    class,
                    key,
                    binding: deliver.binding(genesis_hash, &transaction.from),
                    instances,
                    proof: deliver.proof.clone(),
                });
            }
            _ => {}
        }
    }
    Ok(proofs)
}

/// A class, and the values of each of its jobs that a Deliver names.
type Statements = (Hash, Vec<Vec<Value>>);

/// What a Deliver's jobs state. `None`: the Deliver is void.
fn statements<V: StateView>(
    view: &V,
    requested: &BTreeMap<Hash, Statement>,
    deliver: &Deliver,
) -> Result<Option<Statements>, ApplyError<V::Error>> {
    let mut of_class = None;
    let mut instances = Vec::with_capacity(deliver.jobs.len());
    for id in &deliver.jobs {
        let known = requested.get(id).cloned();
        let statement = match known {
            Some(statement) => Some(statement),
            None => read::<JobLeaf, V>(view, StateKey::Job(*id))?
                .map(|leaf| (*leaf.class(), leaf.values().to_vec())),
        };
        let Some((class, values)) = statement else { return Ok(None) };
        if of_class.is_some_and(|of_class| of_class != class) {
            return Ok(None);
        }
        of_class = Some(class);
        instances.push(values);
    }
    Ok(of_class.map(|class| (class, instances)))
}

fn read<T: LeafKind, V: StateView>(
    view: &V,
    key: StateKey,
) -> Result<Option<T>, ApplyError<V::Error>> {
    let Some(bytes) = view.leaf(&key).map_err(ApplyError::Store)? else { return Ok(None) };
    let leaf = Leaf::decode(&key, &bytes).map_err(|error| ApplyError::Leaf { key, error })?;
    Ok(T::of(&leaf).cloned())
}
