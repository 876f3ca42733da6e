//! The leaves of a block in the making: those that it has read, and those that it has changed, each
//! decoded once and written once.
//!
//! What must not be broken: after [`Overlay::roll_back`] every leaf is what it was at the mark.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{ApplyError, StateView};
use crate::{
    StateKey,
    leaf::{Leaf, LeafKind},
    tree::Changes,
};

/// The leaves that a block has read, and those that it has changed.
#[derive(Debug)]
pub(super) struct Overlay<'a, V> {
    pub(super) view: &'a V,
    slots: BTreeMap<StateKey, Slot>,
    /// While a transaction may still be taken back: what leaves were before it, in the order of
    /// the writes.
    undo: Vec<(StateKey, Option<Leaf>)>,
    /// The leaves in `undo` since the last mark.
    saved: BTreeSet<StateKey>,
    recording: bool,
}

#[derive(Debug)]
struct Slot {
    before: Option<Vec<u8>>,
    before_credits: u64,
    now: Option<Leaf>,
    written: bool,
}

/// A moment that a transaction can be taken back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(usize);

impl<'a, V: StateView> Overlay<'a, V> {
    /// Nothing read, nothing changed.
    pub(super) fn new(view: &'a V) -> Self {
        Self {
            view,
            slots: BTreeMap::new(),
            undo: Vec::new(),
            saved: BTreeSet::new(),
            recording: false,
        }
    }

    fn slot(&mut self, key: StateKey) -> Result<&mut Slot, ApplyError<V::Error>> {
        match self.slots.entry(key) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let before = self.view.leaf(&key).map_err(ApplyError::Store)?;
                let read = |bytes: &Vec<u8>| Leaf::decode(&key, bytes);
                let now = before.as_ref().map(read).transpose();
                let now = now.map_err(|error| ApplyError::Leaf { key, error })?;
                let before_credits = credits(now.as_ref())?;
                Ok(entry.insert(Slot { before, before_credits, now, written: false }))
            }
        }
    }

    /// The leaf as the block has it so far.
    pub(super) fn get<T: LeafKind>(
        &mut self,
        key: StateKey,
    ) -> Result<Option<&T>, ApplyError<V::Error>> {
        Ok(self.slot(key)?.now.as_ref().and_then(T::of))
    }

    /// A copy of the leaf, of which nothing is kept: for many leaves that are looked at once.
    pub(super) fn glance<T: LeafKind>(
        &self,
        key: StateKey,
    ) -> Result<Option<T>, ApplyError<V::Error>> {
        if let Some(slot) = self.slots.get(&key) {
            return Ok(slot.now.as_ref().and_then(T::of).cloned());
        }
        let bytes = self.view.leaf(&key).map_err(ApplyError::Store)?;
        let leaf = bytes.map(|bytes| T::decode(&bytes)).transpose();
        leaf.map_err(|error| ApplyError::Leaf { key, error })
    }

    /// The leaf, to be changed.
    pub(super) fn get_mut<T: LeafKind>(
        &mut self,
        key: StateKey,
    ) -> Result<Option<&mut T>, ApplyError<V::Error>> {
        self.save(key)?;
        let slot = self.slot(key)?;
        slot.written = true;
        Ok(slot.now.as_mut().and_then(T::of_mut))
    }

    /// Writes a leaf, or deletes it.
    pub(super) fn set<T: LeafKind>(
        &mut self,
        key: StateKey,
        value: Option<T>,
    ) -> Result<(), ApplyError<V::Error>> {
        self.save(key)?;
        let slot = self.slot(key)?;
        slot.written = true;
        slot.now = value.map(T::into_leaf);
        Ok(())
    }

    fn save(&mut self, key: StateKey) -> Result<(), ApplyError<V::Error>> {
        if self.recording && self.saved.insert(key) {
            let now = self.slot(key)?.now.clone();
            self.undo.push((key, now));
        }
        Ok(())
    }

    /// Begins to note what leaves are, so that what follows can be taken back.
    pub(super) fn mark(&mut self) -> Mark {
        self.recording = true;
        self.saved.clear();
        Mark(self.undo.len())
    }

    /// Takes back all writes since the mark.
    pub(super) fn roll_back(&mut self, mark: Mark) {
        while self.undo.len() > mark.0 {
            let Some((key, before)) = self.undo.pop() else { break };
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.now = before;
            }
        }
        self.saved.clear();
    }

    /// Ends what [`Self::mark`] began: nothing can be taken back any more.
    pub(super) fn commit(&mut self) {
        self.recording = false;
        self.undo.clear();
        self.saved.clear();
    }

    /// The leaves that were written, with the credits in them before the block and now.
    pub(super) fn written(
        &self,
    ) -> impl Iterator<Item = Result<(&StateKey, u64, u64), ApplyError<V::Error>>> {
        let written = self.slots.iter().filter(|(_, slot)| slot.written);
        written.map(|(key, slot)| Ok((key, slot.before_credits, credits(slot.now.as_ref())?)))
    }

    /// The leaves that differ from what they were: the tree is not touched for the others.
    pub(super) fn changes(self) -> Changes {
        let written = self.slots.into_iter().filter(|(_, slot)| slot.written);
        let bytes = |slot: &Slot| slot.now.as_ref().and_then(Leaf::to_bytes);
        written
            .map(|(key, slot)| (key, bytes(&slot), slot.before))
            .filter(|(_, after, before)| after != before)
            .map(|(key, after, _)| (key, after))
            .collect()
    }
}

fn credits<E>(leaf: Option<&Leaf>) -> Result<u64, ApplyError<E>> {
    leaf.map_or(Some(0), Leaf::credits).ok_or(ApplyError::Overflow("the credits in a leaf"))
}
