//! Pages of what an index lists newest first.

use lode_consensus::{Block, Height};
use lode_ledger::LedgerError;

use super::{Moment, QueryError};

/// Where something stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The block's height.
    pub height: Height,
    /// The place in the body.
    pub index: u32,
}

impl Place {
    /// The place in the body, to index with.
    pub(super) fn slot(&self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// The height below which the next page begins, if there is one.
    pub next: Option<Height>,
}

impl Moment<'_> {
    /// Looks up the items at `places`. Since pages continue at a height, a page ends only where a
    /// block does: the last block may take it beyond `limit`.
    pub(super) fn page<T>(
        &self,
        limit: usize,
        places: impl Iterator<Item = Result<Place, LedgerError>>,
        item: impl Fn(&Block, Place) -> Option<T>,
    ) -> Result<Page<T>, QueryError> {
        let mut items = Vec::new();
        let mut open: Option<(Height, Block)> = None;
        for place in places {
            let place = place?;
            let block = match &open {
                Some((height, block)) if *height == place.height => block,
                Some((height, _)) if items.len() >= limit => {
                    return Ok(Page { items, next: Some(*height) });
                }
                _ => {
                    let block = self.reader.block_at(place.height)?.map(|(_, block)| block);
                    &open.insert((place.height, block.ok_or_else(|| lost(place))?)).1
                }
            };
            items.push(item(block, place).ok_or_else(|| lost(place))?);
        }
        Ok(Page { items, next: None })
    }
}

impl<T> Page<T> {
    /// The same page of what each item becomes.
    pub(super) fn try_map<U>(
        self,
        map: impl FnMut(T) -> Result<U, QueryError>,
    ) -> Result<Page<U>, QueryError> {
        let items = self.items.into_iter().map(map).collect::<Result<_, _>>()?;
        Ok(Page { items, next: self.next })
    }
}

fn lost(place: Place) -> QueryError {
    QueryError::Contradiction(format!(
        "an index names place {} of block {}, where nothing is",
        place.index, place.height
    ))
}
