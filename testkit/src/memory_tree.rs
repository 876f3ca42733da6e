//! The state tree over a map.

use std::collections::BTreeMap;

use jmt::{
    KeyHash, OwnedValue, Version,
    storage::{LeafNode, Node, NodeKey, TreeReader},
};
use lode_consensus::{
    Hash, StateKey,
    tree::{Changes, StateProof, StateTree, value_set},
};

/// A tree that remembers every version.
#[derive(Default)]
pub struct MemoryTree {
    nodes: BTreeMap<NodeKey, Node>,
    values: BTreeMap<(KeyHash, Version), Option<OwnedValue>>,
}

impl TreeReader for MemoryTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }

    fn get_value_option(
        &self,
        max_version: Version,
        key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self
            .values
            .range((key, 0)..=(key, max_version))
            .next_back()
            .and_then(|(_, value)| value.clone()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

impl MemoryTree {
    /// Writes the changes as the next version, and gives the root.
    pub fn write(&mut self, version: Version, changes: &Changes) -> Hash {
        let (root, update) =
            StateTree::new(&*self).put_value_set(value_set(changes), version).unwrap();
        self.nodes.extend(update.node_batch.nodes().clone());
        let values = update.node_batch.values().iter();
        self.values.extend(values.map(|((version, key), value)| ((*key, *version), value.clone())));
        Hash(root.0)
    }

    /// The value of a leaf, and a proof of it, or of its absence.
    pub fn prove(&self, version: Version, key: &StateKey) -> (Option<OwnedValue>, StateProof) {
        let (value, proof) =
            StateTree::new(self).get_with_proof(KeyHash(key.hash().0), version).unwrap();
        (value, StateProof::from_jmt(&proof).unwrap())
    }
}
