//! The leaves of a block in the making: those that it has read, and those that it has changed.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{ApplyError, StateView};
use crate::{Decode, Encode, StateKey, state::Amount, tree::Changes};

/// The leaves that a block has read, and those that it has changed.
#[derive(Debug)]
pub(super) struct Overlay<'a, V> {
    pub(super) view: &'a V,
    before: BTreeMap<StateKey, Option<Vec<u8>>>,
    pub(super) after: Changes,
}

impl<'a, V: StateView> Overlay<'a, V> {
    /// Nothing read, nothing changed.
    pub(super) fn new(view: &'a V) -> Self {
        Self { view, before: BTreeMap::new(), after: BTreeMap::new() }
    }

    /// The leaf as the block has it so far.
    pub(super) fn get<T: Decode>(
        &mut self,
        key: StateKey,
    ) -> Result<Option<T>, ApplyError<V::Error>> {
        let bytes = match self.after.get(&key) {
            Some(bytes) => bytes.as_deref(),
            None => self.read(key)?,
        };
        decode(key, bytes)
    }

    /// The leaf as it was before the block.
    pub(super) fn read(&mut self, key: StateKey) -> Result<Option<&[u8]>, ApplyError<V::Error>> {
        let leaf = match self.before.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(self.view.leaf(&key).map_err(ApplyError::Store)?),
        };
        Ok(leaf.as_deref())
    }

    /// Writes a leaf, or deletes it.
    pub(super) fn set(&mut self, key: StateKey, value: Option<Vec<u8>>) {
        self.after.insert(key, value);
    }

    /// Adds to a leaf that holds an amount, and gives the sum.
    pub(super) fn add(
        &mut self,
        key: StateKey,
        amount: u64,
        what: &'static str,
    ) -> Result<u64, ApplyError<V::Error>> {
        let Amount(before) = self.get(key)?.unwrap_or_default();
        let sum = before.checked_add(amount).ok_or(ApplyError::Overflow(what))?;
        if amount > 0 {
            self.set(key, Some(Amount(sum).encode()));
        }
        Ok(sum)
    }

    /// The leaves that differ from what they were: the tree is not touched for the others.
    pub(super) fn changes(self) -> Changes {
        let Self { before, after, .. } = self;
        after.into_iter().filter(|(key, value)| before.get(key).unwrap_or(&None) != value).collect()
    }
}

/// What is in a leaf's bytes.
pub(super) fn decode<T: Decode, E>(
    key: StateKey,
    bytes: Option<&[u8]>,
) -> Result<Option<T>, ApplyError<E>> {
    bytes.map(T::decode).transpose().map_err(|error| ApplyError::Leaf { key, error })
}
