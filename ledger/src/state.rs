//! The state tree on top of the columns, and the state at one height.

use jmt::{
    KeyHash, OwnedValue, Version,
    storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch},
};
use lode_consensus::{
    Hash, Height, ShareId, StateKey,
    state::Supply,
    transition::StateView,
    tree::{Changes, StateTree, TreeError, value_set},
};

use crate::{
    LedgerError,
    columns::{Chain, Key, ShareIds, States, TreeKey, TreeNodes, TreeValues, height_of, leaf_key},
    database::View,
};

/// Gives `jmt` the nodes and values of the tree.
pub(crate) struct Nodes<'a>(pub &'a View<'a>);

impl TreeReader for Nodes<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.0.get::<TreeNodes>(&TreeKey(key.clone()))?)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        Ok(value_at(self.0, leaf_key(key), height_of(max_version))?.and_then(|(_, value)| value))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        // Asked for only while a tree is restored from chunks, which the ledger never does.
        anyhow::bail!("restoring a tree is not supported")
    }
}

/// A leaf's value, `None` for a deletion, and the height that wrote it.
pub(crate) type Written = (Height, Option<Vec<u8>>);

/// A leaf's value as of a height; `None` if there never was one.
pub(crate) fn value_at(
    view: &View<'_>,
    key: Hash,
    height: Height,
) -> Result<Option<Written>, LedgerError> {
    let from = (key, 0_u32).to_bytes();
    let to = match height.checked_add(1) {
        Some(next) => (key, next).to_bytes(),
        None => crate::database::after_prefix(&key.0),
    };
    let newest = view.last::<TreeValues>(from, to)?;
    Ok(newest.map(|((_, written), leaf)| (written, leaf.0)))
}

/// The tree at one moment.
pub(crate) fn tree<'a>(nodes: &'a Nodes<'a>) -> StateTree<'a, Nodes<'a>> {
    StateTree::new(nodes)
}

/// What the tree becomes at `height` with these changes to the height before, and its root.
///
/// # Errors
/// [`LedgerError::Tree`] if there is no tree of the height before. `jmt` itself would take it for
/// an empty one, in silence.
pub(crate) fn put_value_set(
    view: &View<'_>,
    height: Height,
    changes: &Changes,
) -> Result<(Hash, TreeUpdateBatch), LedgerError> {
    if let Some(parent) = height.checked_sub(1) {
        root_at(view, parent)?;
    }
    let nodes = Nodes(view);
    let (root, update) =
        tree(&nodes).put_value_set(value_set(changes), height.into()).map_err(TreeError::new)?;
    Ok((Hash(root.0), update))
}

/// The root of the tree as of a height.
pub(crate) fn root_at(view: &View<'_>, height: Height) -> Result<Hash, LedgerError> {
    let root = tree(&Nodes(view)).get_root_hash(height.into()).map_err(TreeError::new)?;
    Ok(Hash(root.0))
}

/// The state that the chain's block at `height`, the tip, left behind.
pub(crate) struct TipState<'a> {
    pub view: &'a View<'a>,
    pub height: Height,
}

impl StateView for TipState<'_> {
    type Error = LedgerError;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(value_at(self.view, key.hash(), self.height)?.and_then(|(_, value)| value))
    }

    fn supply(&self) -> Result<Supply, LedgerError> {
        let state = self.view.get::<States>(&self.height)?;
        let state = state.ok_or_else(|| LedgerError::Missing {
            column: "states",
            key: self.height.to_string(),
        })?;
        Ok(state.supply)
    }

    fn block_hash(&self, height: Height) -> Result<Hash, LedgerError> {
        let hash = self.view.get::<Chain>(&height)?;
        hash.ok_or_else(|| LedgerError::Missing { column: "chain", key: height.to_string() })
    }

    fn has_share(&self, id: &ShareId) -> Result<bool, LedgerError> {
        Ok(self.view.get::<ShareIds>(id)?.is_some())
    }
}
