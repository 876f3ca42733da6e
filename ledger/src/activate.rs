//! Storing blocks and following the chain with the most work.
//!
//! A block that extends the tip waits for the disk once: with the batch that connects it, which the
//! batch that stores it comes before. A reorg goes step by step, one synced batch each: the tip
//! comes off until the fork is reached, then the better branch goes on. Between two steps the
//! database holds a whole chain, only not the best one; a crash there is healed when the ledger is
//! opened again.

use std::{collections::BTreeMap, sync::Arc};

use lode_consensus::{
    Block, Hash,
    market::event::JobEvent,
    rules::{ContextualBlock, VerifiedBlock},
};

use crate::{
    BlockEntry, BlockStatus, ChainEvent, Ledger, LedgerError, StoreOutcome,
    columns::{Blocks, Entries, Fact, Facts, Key, Tips, Value},
    database::after_prefix,
    reader::{Branch, Reader, require},
    records::{Rank, StoredBlock},
};

impl Ledger {
    /// Adds a block to the tree of blocks. Known blocks are left as they are.
    ///
    /// A child of the tip has more work than the tip, so that [`Self::activate`] moves or marks
    /// something at once, and the disk is waited for there. Any other block may stay on its side
    /// branch, and is waited for here.
    pub(crate) fn insert(&self, block: &VerifiedBlock) -> Result<(), LedgerError> {
        let reader = self.read();
        let hash = block.hash();
        if let Some(entry) = reader.entry(&hash)? {
            return match entry.status {
                BlockStatus::Verified => Ok(()),
                BlockStatus::Invalid => Err(LedgerError::InvalidAncestor { ancestor: hash }),
            };
        }
        let parent_hash = block.block().header.parent_hash;
        let parent =
            reader.entry(&parent_hash)?.ok_or(LedgerError::Orphan { parent: parent_hash })?;
        // A branch that leaves the chain below the floor can never be followed; old targets are
        // easy, so that storing such blocks would let an attacker fill the disk.
        let (branch, floor) = (reader.branch(&parent_hash)?, reader.state_floor()?);
        if branch.fork < floor {
            return Err(LedgerError::ReorgTooDeep { fork: branch.fork, floor });
        }
        let arrival: u64 = require::<Facts, _>(reader.fact(Fact::Arrivals)?, "arrivals")?;
        let entry = BlockEntry {
            header: block.block().header.clone(),
            work: parent.work.after(block.block().header.target),
            arrival,
            status: BlockStatus::Verified,
        };
        let mut batch = self.batch();
        batch.delete::<Tips>(&parent.rank())?;
        batch.put::<Tips>(&entry.rank(), &hash)?;
        batch.put::<Entries>(&hash, &entry)?;
        batch.put::<Blocks>(&hash, &StoredBlock::of(block.block()))?;
        batch.put::<Facts>(&Fact::Arrivals, &Value::to_bytes(&arrival.saturating_add(1)))?;
        let (_, tip_hash) = reader.tip()?;
        if parent_hash == tip_hash { batch.commit_later() } else { batch.commit() }
    }

    /// Moves to the best chain. `fresh` is a block that was just proven, so that it need not be
    /// read again.
    pub(crate) fn activate(
        &self,
        fresh: Option<&VerifiedBlock>,
    ) -> Result<StoreOutcome, LedgerError> {
        let mut outcome = StoreOutcome::default();
        while let Some(path) = self.path_to_best()? {
            for _ in 0..path.down {
                let (hash, block) = self.disconnect()?;
                outcome.push(ChainEvent::Disconnected { hash, block });
            }
            for hash in path.up {
                let connected = match fresh {
                    Some(block) if block.hash() == hash => {
                        self.connect(block).map(|jobs| (block.block().clone(), jobs))
                    }
                    _ => self.reconnect(&hash),
                };
                match connected {
                    Ok((block, jobs)) => {
                        outcome.push(ChainEvent::Connected { hash, block, jobs });
                    }
                    Err(error) if marks_invalid(&error) => {
                        outcome.refused = Some((hash, Arc::new(error)));
                        self.mark_invalid(hash)?;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(outcome)
    }

    /// Connects a stored block, whose proofs held when it was stored.
    fn reconnect(&self, hash: &Hash) -> Result<(Block, Vec<JobEvent>), LedgerError> {
        let reader = self.read();
        let block = require::<Blocks, _>(reader.block(hash)?, hash)?;
        let context = reader.context(&block.header.parent_hash)?;
        let proven = ContextualBlock::new(block, context, self.params())?.assume_verified();
        let jobs = self.connect(&proven)?;
        Ok((proven.block().clone(), jobs))
    }

    /// The way from the tip to the best tip, or `None` if that is the tip.
    fn path_to_best(&self) -> Result<Option<Path>, LedgerError> {
        let reader = self.read();
        let (tip_height, tip_hash) = reader.tip()?;
        let Some((rank, best)) = best_tip(&reader)? else {
            return Ok(None);
        };
        // Not by work alone: after an invalid branch the tip can be a block with the work of the
        // chain that was left for it, and that one was seen first.
        if rank <= reader.require_entry(&tip_hash)?.rank() {
            return Ok(None);
        }
        let (Branch { fork, side, .. }, floor) = (reader.branch(&best)?, reader.state_floor()?);
        if side.is_empty() {
            return Err(LedgerError::Contradiction {
                what: "the best tip is on the chain, but is not its tip",
            });
        }
        if fork < floor {
            return Err(LedgerError::ReorgTooDeep { fork, floor });
        }
        Ok(Some(Path { down: tip_height.saturating_sub(fork), up: side }))
    }

    /// Marks a block and all that descend from it, so that fork choice passes them by. In one
    /// batch.
    fn mark_invalid(&self, hash: Hash) -> Result<(), LedgerError> {
        let reader = self.read();
        let mut batch = self.batch();
        let invalid = reader.require_entry(&hash)?;
        let parent_hash = invalid.header.parent_hash;
        let parent = reader.require_entry(&parent_hash)?;
        let mut marked = BTreeMap::from([(hash, invalid)]);
        let mut parent_has_valid_child = false;
        // Descendants are found from the tips. Each has more work than its ancestor.
        for record in reader.view.range::<Tips>(parent.rank().to_bytes(), after_prefix(&[]))? {
            let (rank, branch_tip) = record?;
            let (mut walk_hash, mut walk) = (branch_tip, reader.require_entry(&branch_tip)?);
            let mut path = Vec::new();
            while walk.header.height > parent.header.height {
                let below = walk.header.parent_hash;
                path.push((walk_hash, walk));
                (walk_hash, walk) = (below, reader.require_entry(&below)?);
            }
            match path.last() {
                Some((child, _)) if *child == hash => {
                    batch.delete::<Tips>(&rank)?;
                    marked.extend(path);
                }
                Some(_) if walk_hash == parent_hash => parent_has_valid_child = true,
                _ => {}
            }
        }
        for (hash, entry) in marked {
            batch.put::<Entries>(&hash, &BlockEntry { status: BlockStatus::Invalid, ..entry })?;
        }
        if !parent_has_valid_child {
            batch.put::<Tips>(&parent.rank(), &parent_hash)?;
        }
        batch.commit()
    }
}

/// The steps of a reorg.
struct Path {
    /// How many blocks come off.
    down: u32,
    /// Which ones go on, in order.
    up: Vec<Hash>,
}

fn best_tip(reader: &Reader<'_>) -> Result<Option<(Rank, Hash)>, LedgerError> {
    reader.view.last::<Tips>(Vec::new(), after_prefix(&[]))
}

fn marks_invalid(error: &LedgerError) -> bool {
    match error {
        LedgerError::Apply(error) => error.marks_invalid(),
        LedgerError::Block(error) => error.marks_invalid(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
