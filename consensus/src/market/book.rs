//! A class's book: what operators ask for, and when.

use super::MAX_OPERATORS;
use crate::{
    Address, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list16, encoded_list16_len, layout},
};

/// An operator's ask in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookAsk {
    pub operator: Address,
    pub price: u64,
    pub blocks: u32,
    pub capacity: u16,
    pub max_bond: u64,
    pub until: Height,
    /// The height at which it was posted, or was full for the last time.
    pub since: Height,
    /// Jobs that are assigned under it.
    pub open: u16,
}

layout!(BookAsk { operator, price, blocks, capacity, max_bond, until, since, open });

impl BookAsk {
    /// Bytes of an encoded ask.
    pub const BYTES: usize = Address::BYTES + 8 + 4 + 2 + 8 + 4 + 4 + 2;

    pub fn is_full(&self) -> bool {
        self.open >= self.capacity
    }

    /// Whether the ask can never be matched again at this height or a later one.
    pub fn is_over(&self, height: Height) -> bool {
        self.capacity == 0 || self.until < height
    }
}

/// The leaf of [`StateKey::Book`](crate::StateKey::Book): asks by ascending operator, each operator
/// once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book(pub Vec<BookAsk>);

impl Book {
    fn place(&self, operator: &Address) -> Result<usize, usize> {
        self.0.binary_search_by(|ask| ask.operator.cmp(operator))
    }

    pub fn of(&self, operator: &Address) -> Option<&BookAsk> {
        self.0.get(self.place(operator).ok()?)
    }

    pub fn of_mut(&mut self, operator: &Address) -> Option<&mut BookAsk> {
        let place = self.place(operator).ok()?;
        self.0.get_mut(place)
    }

    /// Puts an ask in, in place of the operator's own.
    pub fn put(&mut self, ask: BookAsk) {
        match self.place(&ask.operator) {
            Ok(place) => {
                if let Some(own) = self.0.get_mut(place) {
                    *own = ask;
                }
            }
            Err(place) => self.0.insert(place, ask),
        }
    }

    pub fn remove(&mut self, operator: &Address) {
        if let Ok(place) = self.place(operator) {
            self.0.remove(place);
        }
    }

    /// Whether asks are in it that can go: over, and without jobs.
    pub fn has_ghosts(&self, height: Height) -> bool {
        self.0.iter().any(|ask| ask.open == 0 && ask.is_over(height))
    }

    /// Takes them out.
    pub fn purge(&mut self, height: Height) {
        self.0.retain(|ask| ask.open > 0 || !ask.is_over(height));
    }

    /// The operator whose ask another one takes the place of in a full book: the first that is over
    /// and has no jobs, else the one without jobs that had least at stake when the epoch began, if
    /// that is less than the newcomer had.
    pub fn evicted<E>(
        &self,
        height: Height,
        newcomer_bond: u64,
        mut epoch_bond: impl FnMut(&Address) -> Result<u64, E>,
    ) -> Result<Option<Address>, E> {
        let mut idle = self.0.iter().filter(|ask| ask.open == 0);
        if let Some(ghost) = idle.clone().find(|ask| ask.is_over(height)) {
            return Ok(Some(ghost.operator));
        }
        let least = idle.try_fold(None, |least: Option<(u64, Address)>, ask| {
            let bond = epoch_bond(&ask.operator)?;
            // Ties: the greatest address, which comes last.
            Ok(match least {
                Some((lesser, _)) if lesser < bond => least,
                _ => Some((bond, ask.operator)),
            })
        })?;
        Ok(least.filter(|(bond, _)| *bond < newcomer_bond).map(|(_, operator)| operator))
    }
}

impl Encode for Book {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list16(&self.0, out);
    }

    fn encoded_len(&self) -> usize {
        encoded_list16_len(&self.0)
    }
}

impl Decode for Book {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.filled16("asks", MAX_OPERATORS.into(), BookAsk::BYTES)?))
    }
}
