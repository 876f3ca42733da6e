//! Pages of what an index lists newest first.

use lode_consensus::{Block, Height};
use lode_ledger::{LedgerError, Reader};

use crate::error::ApiError;

/// Where something stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The block's height.
    pub(crate) height: Height,
    /// The place in the body.
    pub(crate) index: u32,
}

impl Place {
    /// The place in the body, to index with.
    pub(crate) fn slot(&self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The items, newest first.
    pub(crate) items: Vec<T>,
    /// The height below which the next page begins, if there is one.
    pub(crate) next: Option<Height>,
}

impl<T> Page<T> {
    /// Looks up the items at `places`. Since pages continue at a height, a page ends only where a block does: the last
    /// block may take it beyond `limit`.
    pub(crate) fn collect(
        reader: &Reader<'_>,
        limit: usize,
        places: impl Iterator<Item = Result<Place, LedgerError>>,
        item: impl Fn(&Block, Place) -> Option<T>,
    ) -> Result<Self, ApiError> {
        let mut items = Vec::new();
        let mut open: Option<(Height, Block)> = None;
        for place in places {
            let place = place?;
            let block = match &open {
                Some((height, block)) if *height == place.height => block,
                Some((height, _)) if items.len() >= limit => return Ok(Self { items, next: Some(*height) }),
                _ => {
                    let block = reader.block_at(place.height)?.map(|(_, block)| block);
                    &open.insert((place.height, block.ok_or_else(|| lost(place))?)).1
                }
            };
            items.push(item(block, place).ok_or_else(|| lost(place))?);
        }
        Ok(Self { items, next: None })
    }
}

fn lost(place: Place) -> ApiError {
    ApiError::Internal(format!("an index names place {} of block {}, where nothing is", place.index, place.height))
}
