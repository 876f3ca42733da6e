//! The path: the best chain of headers above the ledger's blocks, whose bodies are wanted in this
//! order.
//!
//! What must not be broken: it stands on a stored block, without a gap.

use std::collections::BTreeMap;

use lode_consensus::{Hash, Height};
use lode_ledger::LedgerError;

use super::{
    tree::{HeaderTree, Known, Node},
    view::View,
};
use crate::Clock;

/// Hash by height.
#[derive(Debug, Default)]
pub(super) struct Path(BTreeMap<Height, Hash>);

impl Path {
    pub(super) fn hashes(&self) -> &BTreeMap<Height, Hash> {
        &self.0
    }

    /// The lowest block.
    pub(super) fn first(&self) -> Option<(Height, Hash)> {
        self.0.first_key_value().map(|(height, hash)| (*height, *hash))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn remove(&mut self, height: Height) {
        self.0.remove(&height);
    }

    /// Brings the path up to the best header. It is empty if that has no more work than the
    /// ledger's chain. Returns the hashes whose bodies are wanted no more: they are stored, or
    /// their headers hang in the air, and are gone.
    pub(super) fn follow<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
    ) -> Result<Vec<Hash>, LedgerError> {
        let mut gone = Vec::new();
        loop {
            let Some((mut hash, height)) = best_to_fetch(view, tree) else {
                self.clear();
                return Ok(gone);
            };
            let mut path = std::mem::take(&mut self.0);
            path.split_off(&height.saturating_add(1));
            let mut joined = false;
            let mut lowest = height;
            while let Some(node) = tree.get(&hash) {
                lowest = node.height();
                if path.insert(lowest, hash) == Some(hash) {
                    // From here down it is the path that was.
                    joined = true;
                    break;
                }
                hash = node.header.header().parent_hash;
            }
            self.0 = if joined { path } else { path.split_off(&lowest) };
            if self.trim(view, tree, &mut gone)? {
                return Ok(gone);
            }
        }
    }

    /// Takes blocks off the path's beginning that are stored. Returns whether the path stands on a
    /// stored block now; if not, the headers that hang in the air are gone.
    fn trim<C: Clock>(
        &mut self,
        view: &View<C>,
        tree: &mut HeaderTree,
        gone: &mut Vec<Hash>,
    ) -> Result<bool, LedgerError> {
        let reader = view.service.ledger().read();
        while let Some((height, hash)) = self.first() {
            if reader.entry(&hash)?.is_some() {
                self.remove(height);
                tree.remove(&hash);
                gone.push(hash);
                continue;
            }
            let Some(node) = tree.get(&hash) else {
                self.clear();
                return Ok(false);
            };
            return match tree.look_up(&reader, &node.header.header().parent_hash)? {
                Known::Proven(_) => Ok(true),
                Known::Invalid | Known::No => {
                    gone.extend(tree.remove_branch(&hash));
                    self.clear();
                    Ok(false)
                }
            };
        }
        // All of it was stored: the tree has another best header now, or none.
        Ok(tree.best().is_none())
    }
}

/// The best header with more work than the ledger's chain. One that was passed over has its turn
/// again when nothing else is left.
fn best_to_fetch<C: Clock>(view: &View<C>, tree: &mut HeaderTree) -> Option<(Hash, Height)> {
    if better(view, tree.best_available()).is_none() && better(view, tree.best()).is_some() {
        tree.release_withheld();
    }
    better(view, tree.best_available()).map(|best| (best.header.hash(), best.height()))
}

/// A header, if it has more work than the ledger's chain.
pub(super) fn better<'a, C: Clock>(view: &View<C>, header: Option<&'a Node>) -> Option<&'a Node> {
    let own = view.service.work();
    header.filter(|header| own.moves_to(header.goal))
}
