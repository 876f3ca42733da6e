//! The tree of blocks: every stored block under its hash, with its parent, its work and its
//! standing; the chain, from the best tip down; and the tips.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{Hash, Height};

use super::error::FsckError;
use crate::{
    BlockEntry, BlockStatus, LedgerError, Reader,
    columns::{Blocks, Chain, Column, Entries, Fact, Facts, Key, Tips, Value},
    database::after_prefix,
    reader::require,
    records::{Rank, StoredBlock},
};

/// Checks everything about blocks that does not follow from the chain alone, and gives the height
/// of the tip.
pub(super) fn check(reader: &Reader<'_>) -> Result<Height, FsckError> {
    let tip = check_chain(reader)?;
    let tips = check_entries(reader)?;
    check_tips(reader, tips)?;
    Ok(tip)
}

/// Walks from the best tip down to genesis: each height of the chain must hold the hash that the
/// block above names.
fn check_chain(reader: &Reader<'_>) -> Result<Height, FsckError> {
    let tip = reader.tip_height()?;
    let best = reader.view.last::<Tips>(Vec::new(), after_prefix(&[]))?;
    let (_, mut expected) = require::<Tips, _>(best, "the best tip")?;
    for height in (0..=tip).rev() {
        let got = reader.block_hash_at(height)?;
        if got != Some(expected) {
            return Err(wrong::<Chain>(&height, Some(&expected), got.as_ref()));
        }
        expected = reader.require_entry(&expected)?.header.parent_hash;
    }
    Ok(tip)
}

/// Checks each stored block against its entry, and each entry against its parent's. Gives the tips
/// that there must be.
fn check_entries(reader: &Reader<'_>) -> Result<BTreeMap<Rank, Hash>, FsckError> {
    let tip_hash = reader.tip()?.1;
    let genesis_hash = require::<Chain, _>(reader.block_hash_at(0)?, 0)?;
    let arrivals: u64 = require::<Facts, _>(reader.fact(Fact::Arrivals)?, "arrivals")?;
    // Both columns go by the block's hash, so that one pass over both finds what stands in one
    // only.
    let mut blocks = reader.view.range::<Blocks>(Vec::new(), after_prefix(&[]))?;
    let mut tips = BTreeMap::new();
    let mut extended = BTreeSet::new();
    for record in reader.view.range::<Entries>(Vec::new(), after_prefix(&[]))? {
        let (hash, entry) = record?;
        match blocks.next().transpose()? {
            Some((block_hash, stored)) if block_hash == hash => check_block(&hash, &entry, stored)?,
            Some((block_hash, _)) if block_hash < hash => {
                return Err(LedgerError::Missing {
                    column: Entries::NAME,
                    key: block_hash.to_string(),
                }
                .into());
            }
            _ => {
                return Err(
                    LedgerError::Missing { column: Blocks::NAME, key: hash.to_string() }.into()
                );
            }
        }
        if hash != genesis_hash {
            check_descent(reader, &hash, &entry)?;
        }
        if entry.arrival >= arrivals {
            let (expected, got) =
                (Value::to_bytes(&entry.arrival.saturating_add(1)), Value::to_bytes(&arrivals));
            return Err(wrong::<Facts>(&Fact::Arrivals, Some(&expected), Some(&got)));
        }
        // Every block of the chain but the tip is extended; to note that for side blocks only keeps
        // this set small.
        let on_chain = reader.is_on_chain(&hash, entry.header.height)?;
        if entry.status == BlockStatus::Verified && (!on_chain || hash == tip_hash) {
            tips.insert(entry.rank(), hash);
            extended.insert(entry.header.parent_hash);
        }
    }
    if let Some(block) = blocks.next() {
        return Err(
            LedgerError::Missing { column: Entries::NAME, key: block?.0.to_string() }.into()
        );
    }
    tips.retain(|_, hash| !extended.contains(hash));
    Ok(tips)
}

/// Checks that a block is the one that its hash names, body included.
fn check_block(hash: &Hash, entry: &BlockEntry, stored: StoredBlock) -> Result<(), FsckError> {
    let height = entry.header.height;
    let block = stored.with_header(entry.header.clone());
    let got = block.hash();
    if got != *hash {
        return Err(FsckError::Hash { height, expected: *hash, got });
    }
    let roots = (block.header.transactions_root, block.header.shares_root);
    if roots != (block.body.transactions_root(), block.body.shares_root()) {
        let error = "the body does not match the header's roots".to_owned();
        return Err(FsckError::Block { height, hash: *hash, error });
    }
    Ok(())
}

/// Checks an entry against its parent's: height, work, and that nothing stands on an invalid block.
fn check_descent(reader: &Reader<'_>, hash: &Hash, entry: &BlockEntry) -> Result<(), FsckError> {
    let header = &entry.header;
    let parent = reader.require_entry(&header.parent_hash)?;
    let (height, expected) = (header.height, parent.header.height.saturating_add(1));
    if height != expected {
        let error = format!("height: expected {expected}, got {height}");
        return Err(FsckError::Block { height, hash: *hash, error });
    }
    let status = match parent.status {
        BlockStatus::Invalid => BlockStatus::Invalid,
        BlockStatus::Verified if reader.is_on_chain(hash, height)? => BlockStatus::Verified,
        BlockStatus::Verified => entry.status,
    };
    let expected = BlockEntry { work: parent.work.after(header.target), status, ..entry.clone() };
    if *entry != expected {
        return Err(wrong::<Entries>(hash, Some(&expected), Some(entry)));
    }
    Ok(())
}

fn check_tips(reader: &Reader<'_>, mut expected: BTreeMap<Rank, Hash>) -> Result<(), FsckError> {
    for record in reader.view.range::<Tips>(Vec::new(), after_prefix(&[]))? {
        let (rank, got) = record?;
        let expected = expected.remove(&rank);
        if expected != Some(got) {
            return Err(wrong::<Tips>(&rank, expected.as_ref(), Some(&got)));
        }
    }
    match expected.first_key_value() {
        Some((rank, hash)) => Err(wrong::<Tips>(rank, Some(hash), None)),
        None => Ok(()),
    }
}

fn wrong<C: Column>(
    key: &C::Key,
    expected: Option<&C::Value>,
    got: Option<&C::Value>,
) -> FsckError {
    let show = |value: Option<&C::Value>| {
        value.map_or("nothing".to_owned(), |value| hex::encode(value.to_bytes()))
    };
    FsckError::Record {
        column: C::NAME,
        key: hex::encode(key.to_bytes()),
        expected: show(expected),
        got: show(got),
    }
}
