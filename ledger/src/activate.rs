//! Storing blocks and following the chain with the most work.
//!
//! A reorg goes step by step, one synced batch each: the tip comes off until the fork is reached, then the better
//! branch goes on. Between two steps the database holds a whole chain, only not the best one; a crash there is healed
//! when the ledger is opened again.

use lode_consensus::{
    Block, Hash,
    rules::{BlockError, FittingBlock, ProvenBlock},
};

use crate::{
    BlockEntry, BlockStatus, Ledger, LedgerError,
    columns::{Blocks, Entries, Fact, Facts, Leaves, Value},
    reader::{Reader, require},
    records::StoredBlock,
};

/// A step of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A block became the tip.
    Connected {
        /// Its hash.
        hash: Hash,
        /// The block.
        block: Block,
    },
    /// The tip was taken off.
    Disconnected {
        /// Its hash.
        hash: Hash,
        /// The block.
        block: Block,
    },
}

/// What became of a block that was stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOutcome {
    /// What happened to the chain, in order; empty if the block waits on a side branch.
    pub events: Vec<ChainEvent>,
    /// A block that turned out not to apply, and the rule that it broke.
    pub refused: Option<(Hash, String)>,
}

impl Ledger {
    /// Adds a block to the tree of blocks. Known blocks are left as they are.
    pub(crate) fn insert(&self, block: &ProvenBlock) -> Result<(), LedgerError> {
        let reader = self.read();
        let hash = block.hash();
        if let Some(entry) = reader.entry(&hash)? {
            return match entry.status {
                BlockStatus::Proven => Ok(()),
                BlockStatus::Invalid => Err(LedgerError::InvalidAncestor { ancestor: hash }),
            };
        }
        let parent_hash = block.block().header.parent_hash;
        let parent = reader.entry(&parent_hash)?.ok_or(LedgerError::Orphan { parent: parent_hash })?;
        if parent.status == BlockStatus::Invalid {
            return Err(LedgerError::InvalidAncestor { ancestor: parent_hash });
        }
        let arrival: u64 = require::<Facts, _>(reader.fact(Fact::Arrivals)?, "arrivals")?;
        let entry = BlockEntry {
            header: block.block().header.clone(),
            work: parent.work.after(block.block().header.target),
            arrival,
            status: BlockStatus::Proven,
        };
        let mut batch = self.batch();
        batch.delete::<Leaves>(&leaf_rank(&parent))?;
        batch.put::<Leaves>(&leaf_rank(&entry), &hash)?;
        batch.put::<Entries>(&hash, &entry)?;
        batch.put::<Blocks>(&hash, &StoredBlock::of(block.block()))?;
        batch.put::<Facts>(&Fact::Arrivals, &Value::to_bytes(&arrival.saturating_add(1)))?;
        batch.commit()
    }

    /// Moves to the best chain. `fresh` is a block that was just proven, so that it need not be read again.
    pub(crate) fn activate(&self, fresh: Option<ProvenBlock>) -> Result<StoreOutcome, LedgerError> {
        let mut outcome = StoreOutcome::default();
        while let Some(step) = self.next_step()? {
            match step {
                Step::Disconnect => {
                    let (hash, block) = self.disconnect()?;
                    outcome.events.push(ChainEvent::Disconnected { hash, block });
                }
                Step::Connect(hash) => {
                    let connected = match &fresh {
                        Some(block) if block.hash() == hash => {
                            self.connect(block).map(|()| block.block().clone())
                        }
                        _ => self.reconnect(&hash),
                    };
                    match connected {
                        Ok(block) => outcome.events.push(ChainEvent::Connected { hash, block }),
                        Err(error) if marks_invalid(&error) => {
                            outcome.refused = Some((hash, error.to_string()));
                            self.mark_invalid(hash)?;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(outcome)
    }

    /// Connects a stored block, whose proofs held when it was stored.
    fn reconnect(&self, hash: &Hash) -> Result<Block, LedgerError> {
        let reader = self.read();
        let block = require::<Blocks, _>(reader.block(hash)?, hash)?;
        let context = reader.context(&block.header.parent_hash)?;
        let proven = FittingBlock::new(block, context, self.params())?.proven_before();
        self.connect(&proven)?;
        Ok(proven.block().clone())
    }

    /// The next step towards the best leaf, or `None` if the tip is on the best chain.
    fn next_step(&self) -> Result<Option<Step>, LedgerError> {
        let reader = self.read();
        let (tip_height, tip_hash) = reader.tip()?;
        let tip = reader.require_entry(&tip_hash)?;
        let Some((best_hash, best)) = best_leaf(&reader)? else {
            return Ok(None);
        };
        if !tip.work.moves_to(best.work) {
            return Ok(None);
        }
        let branch = reader.branch(&best_hash)?;
        if branch.fork < reader.state_floor()? {
            return Err(LedgerError::ReorgTooDeep { fork: branch.fork, floor: reader.state_floor()? });
        }
        if branch.fork < tip_height {
            return Ok(Some(Step::Disconnect));
        }
        Ok(branch.side.first().copied().map(Step::Connect))
    }

    /// Marks a block and all that descend from it, so that fork choice passes them by. In one batch.
    fn mark_invalid(&self, hash: Hash) -> Result<(), LedgerError> {
        let reader = self.read();
        let mut batch = self.batch();
        let invalid = reader.require_entry(&hash)?;
        // Descendants are found from the leaves: each leaf above the block whose ancestor it is.
        for record in reader.view.prefix::<Leaves>(Vec::new())? {
            let (rank, leaf_hash) = record?;
            let mut path = Vec::new();
            let (mut walk_hash, mut walk) = (leaf_hash, reader.require_entry(&leaf_hash)?);
            while walk.header.height > invalid.header.height {
                path.push((walk_hash, walk.clone()));
                walk_hash = walk.header.parent_hash;
                walk = reader.require_entry(&walk_hash)?;
            }
            if walk_hash != hash {
                continue;
            }
            batch.delete::<Leaves>(&rank)?;
            for (hash, entry) in path {
                batch.put::<Entries>(&hash, &BlockEntry { status: BlockStatus::Invalid, ..entry })?;
            }
        }
        // The parent may have become the end of its branch again. That it also stands among the leaves while another
        // child of it is valid does no harm: its work is less than the child's.
        let parent_hash = invalid.header.parent_hash;
        let parent = reader.require_entry(&parent_hash)?;
        batch.put::<Leaves>(&leaf_rank(&parent), &parent_hash)?;
        batch.put::<Entries>(&hash, &BlockEntry { status: BlockStatus::Invalid, ..invalid })?;
        batch.commit()
    }
}

enum Step {
    /// Take the tip off.
    Disconnect,
    /// Put this block on the tip.
    Connect(Hash),
}

fn best_leaf(reader: &Reader<'_>) -> Result<Option<(Hash, BlockEntry)>, LedgerError> {
    let end = crate::database::after_prefix(&[]);
    let Some(record) = reader.view.range_back::<Leaves>(Vec::new(), end)?.next() else {
        return Ok(None);
    };
    let (_, hash) = record?;
    Ok(Some((hash, reader.require_entry(&hash)?)))
}

/// A leaf's place in the order of fork choice: more work is better, then the earlier arrival.
fn leaf_rank(entry: &BlockEntry) -> (lode_consensus::ChainWork, u64) {
    (entry.work, u64::MAX.saturating_sub(entry.arrival))
}

fn marks_invalid(error: &LedgerError) -> bool {
    match error {
        LedgerError::Apply(error) => error.marks_invalid(),
        LedgerError::Block(error) => BlockError::marks_invalid(error),
        _ => false,
    }
}
