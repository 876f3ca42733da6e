//! Connecting a block to the tip, and disconnecting it: one batch each, and exact inverses.
//!
//! What must not be broken: the columns of the chain are a function of the chain and of the floor
//! alone, never of the way that led there. So a block's records go by its height, and pruning goes
//! by the floor.

use std::collections::BTreeSet;

use lode_consensus::{
    Block, ChainSpec, ChainWork, Decode, Hash, Height, Share, ShareId, StateKey,
    market::event::JobEvent,
    rules::VerifiedBlock,
    selection::Weight,
    transition::{self, ApplyError},
    tree::Changes,
};

use crate::{
    BlockState, Ledger, LedgerError,
    columns::{
        AccountTransactions, Blocks, Chain, Column, Entries, EpochWeights, Fact, Facts, LAYOUT,
        ProducerBlocks, ProverShares, ShareIds, StaleNodes, StaleValues, States, Tips,
        Transactions, TreeKey, TreeNodes, TreeValues, Undos, Value, height_of, leaf_key,
    },
    database::Batch,
    market::index::MarketIndex,
    reader::{Reader, require},
    records::{BlockEntry, BlockStatus, StoredBlock, StoredLeaf, TransactionPlace, Undo},
    state::{put_value_set, root_at, value_at},
};

/// Heights that one block prunes at most. One is enough in the long run; more come only after the
/// history was made shorter, and then one batch must not hold all of them.
const MAX_PRUNED_HEIGHTS: Height = 16;

impl Ledger {
    /// Writes genesis into an empty database.
    pub(crate) fn begin(&self) -> Result<(), LedgerError> {
        let (genesis, hash) = (&self.network.genesis, self.network.genesis_hash);
        let reader = self.read();
        let mut batch = self.batch();
        let entry = BlockEntry {
            header: genesis.header.clone(),
            work: ChainWork::ZERO,
            arrival: 0,
            status: BlockStatus::Verified,
        };
        batch.put::<Tips>(&entry.rank(), &hash)?;
        batch.put::<Entries>(&hash, &entry)?;
        batch.put::<Blocks>(&hash, &StoredBlock::of(genesis))?;
        batch.put::<Facts>(&Fact::Layout, &Value::to_bytes(&LAYOUT))?;
        batch.put::<Facts>(&Fact::Network, &self.network.params.name.clone().into_bytes())?;
        batch.put::<Facts>(&Fact::Arrivals, &Value::to_bytes(&1_u64))?;
        batch.put::<Facts>(&Fact::Floor, &Value::to_bytes(&0_u32))?;
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&0_u32))?;
        batch.put::<Chain>(&0, &hash)?;
        let root = put_tree(&reader, &mut batch, 0, &self.network.changes)?;
        debug_assert_eq!(root, genesis.header.state_root);
        batch.put::<States>(
            &0,
            &BlockState { supply: self.network.supply, ..BlockState::default() },
        )?;
        batch.commit()
    }

    /// Applies a block to the state of the tip, which is its parent, and makes it the tip. Gives
    /// what happened to jobs.
    pub(crate) fn connect(&self, block: &VerifiedBlock) -> Result<Vec<JobEvent>, LedgerError> {
        let reader = self.read();
        let height = block.block().header.height;
        let state = reader.tip_state()?;
        let applied =
            transition::apply(self.params(), block, &state, self.proofs()).map_err(apply_error)?;

        let parent = reader.require_entry(&block.block().header.parent_hash)?;
        if root_at(&reader.view, parent.header.height)? != parent.header.state_root {
            // Ours is the broken one: the block must not pay for it.
            return Err(LedgerError::Contradiction {
                what: "the state tree does not have the root of the tip's header",
            });
        }

        let mut batch = self.batch();
        let got = put_tree(&reader, &mut batch, height, &applied.changes)?;
        let expected = block.block().header.state_root;
        if got != expected {
            // "Expected" is what the rules computed; the header claims the other.
            return Err(apply_error(ApplyError::StateRoot { expected: got, got: expected }));
        }
        let state =
            BlockState { supply: applied.supply, fees: applied.fees, share_pay: applied.share_pay };
        batch.put::<States>(&height, &state)?;
        batch
            .put::<Undos>(&height, &Undo(applied.changes.keys().map(|key| key.hash()).collect()))?;
        batch.put::<Chain>(&height, &block.hash())?;
        let mut index = Index { reader: &reader, batch: &mut batch, params: self.params(), height };
        index.connect(block)?;
        index.weights(&applied.changes)?;
        MarketIndex { reader: &reader, batch: &mut batch, height }.connect(block, &applied)?;
        self.prune(&reader, &mut batch, height)?;
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&height))?;
        batch.commit()?;
        Ok(applied.events)
    }

    /// Takes the tip off the chain and brings the state of its parent back.
    pub(crate) fn disconnect(&self) -> Result<(Hash, Block), LedgerError> {
        let reader = self.read();
        let (height, hash) = reader.tip()?;
        let block = require::<Blocks, _>(reader.block(&hash)?, hash)?;
        let Undo(changed) = require::<Undos, _>(reader.view.get::<Undos>(&height)?, height)?;
        let context = reader.context(&block.header.parent_hash)?;
        let id = |share: &Share| share.id(&context.genesis_hash, &context.epoch_challenge);
        let share_ids: Vec<ShareId> = block.body.shares.iter().map(id).collect();

        let mut batch = self.batch();
        for record in reader.view.prefix::<TreeNodes>(height.to_be_bytes().to_vec())? {
            batch.delete::<TreeNodes>(&record?.0)?;
        }
        for key in changed {
            batch.delete::<TreeValues>(&(key, height))?;
        }
        for record in reader.view.prefix::<StaleNodes>(height.to_be_bytes().to_vec())? {
            batch.delete::<StaleNodes>(&record?.0)?;
        }
        for record in reader.view.prefix::<StaleValues>(height.to_be_bytes().to_vec())? {
            batch.delete::<StaleValues>(&record?.0)?;
        }
        batch.delete::<States>(&height)?;
        batch.delete::<Undos>(&height)?;
        batch.delete::<Chain>(&height)?;
        let mut index = Index { reader: &reader, batch: &mut batch, params: self.params(), height };
        index.disconnect(&block, &share_ids, &self.network.genesis_hash)?;
        MarketIndex { reader: &reader, batch: &mut batch, height }
            .disconnect(&block, &self.network.genesis_hash)?;
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&height.saturating_sub(1)))?;
        batch.commit()?;
        Ok((hash, block))
    }

    /// Forgets the nodes and values of the tree that no retained height can reach any more, and how
    /// to undo the blocks up to the oldest one.
    fn prune(
        &self,
        reader: &Reader<'_>,
        batch: &mut Batch<'_>,
        height: Height,
    ) -> Result<(), LedgerError> {
        let before = reader.state_floor()?;
        let floor =
            height.saturating_sub(self.history).min(before.saturating_add(MAX_PRUNED_HEIGHTS));
        if floor <= before {
            return Ok(());
        }
        // What a height up to the floor replaced is reachable from below the floor only. What
        // earlier heights replaced is gone already: a scan from the column's beginning would run
        // over all their tombstones.
        let from = before.saturating_add(1).to_be_bytes().to_vec();
        let to = floor.saturating_add(1).to_be_bytes().to_vec();
        for record in reader.view.range::<StaleNodes>(from.clone(), to.clone())? {
            let (key, ()) = record?;
            batch.delete::<TreeNodes>(&key.1)?;
            batch.delete::<StaleNodes>(&key)?;
        }
        for record in reader.view.range::<StaleValues>(from, to)? {
            let (key, ()) = record?;
            let (_, leaf, written) = key;
            batch.delete::<TreeValues>(&(leaf, written))?;
            batch.delete::<StaleValues>(&key)?;
        }
        for undone in before.saturating_add(1)..=floor {
            batch.delete::<Undos>(&undone)?;
        }
        batch.put::<Facts>(&Fact::Floor, &Value::to_bytes(&floor))
    }
}

fn apply_error(error: ApplyError<LedgerError>) -> LedgerError {
    match error {
        ApplyError::Store(error) => error,
        error => LedgerError::Apply(Box::new(error)),
    }
}

/// Adds the tree of a height to the batch, and gives its root.
fn put_tree(
    reader: &Reader<'_>,
    batch: &mut Batch<'_>,
    height: Height,
    changes: &Changes,
) -> Result<Hash, LedgerError> {
    let (root, update) = put_value_set(&reader.view, height, changes)?;
    for (key, node) in update.node_batch.nodes() {
        batch.put::<TreeNodes>(&TreeKey(key.clone()), node)?;
    }
    for ((version, key), value) in update.node_batch.values() {
        let key = leaf_key(*key);
        batch.put::<TreeValues>(&(key, height_of(*version)), &StoredLeaf(value.clone()))?;
        if let Some(parent) = height.checked_sub(1)
            && let Some((written, _)) = value_at(&reader.view, key, parent)?
        {
            batch.put::<StaleValues>(&(height, key, written), &())?;
        }
        if value.is_none() {
            batch.put::<StaleValues>(&(height, key, height), &())?;
        }
    }
    for stale in update.stale_node_index_batch {
        let key = (height_of(stale.stale_since_version), TreeKey(stale.node_key));
        batch.put::<StaleNodes>(&key, &())?;
    }
    Ok(root)
}

/// The indexes of one block of the chain.
struct Index<'b, 'a> {
    reader: &'b Reader<'a>,
    batch: &'b mut Batch<'a>,
    params: &'b ChainSpec,
    height: Height,
}

impl Index<'_, '_> {
    fn connect(&mut self, proven: &VerifiedBlock) -> Result<(), LedgerError> {
        let (block, height) = (proven.block(), self.height);
        for (index, (signed, id)) in
            (0..).zip(block.body.transactions.iter().zip(proven.transaction_ids()))
        {
            self.batch.put::<Transactions>(id, &TransactionPlace { height, index })?;
            for address in signed.transaction.parties() {
                self.batch.put::<AccountTransactions>(&(address, height, index), &())?;
            }
        }
        for (index, (share, id)) in (0..).zip(block.body.shares.iter().zip(proven.share_ids())) {
            self.batch.put::<ShareIds>(id, &height)?;
            self.batch.put::<ProverShares>(&(share.prover, height, index), &())?;
        }
        self.batch.put::<ProducerBlocks>(&(block.header.producer, height), &())?;
        Ok(())
    }

    fn disconnect(
        &mut self,
        block: &Block,
        share_ids: &[ShareId],
        genesis: &Hash,
    ) -> Result<(), LedgerError> {
        let height = self.height;
        for (index, signed) in (0..).zip(&block.body.transactions) {
            self.batch.delete::<Transactions>(&signed.id(genesis))?;
            for address in signed.transaction.parties() {
                self.batch.delete::<AccountTransactions>(&(address, height, index))?;
            }
        }
        for (index, (share, id)) in (0..).zip(block.body.shares.iter().zip(share_ids)) {
            self.batch.delete::<ShareIds>(id)?;
            self.batch.delete::<ProverShares>(&(share.prover, height, index))?;
        }
        self.batch.delete::<ProducerBlocks>(&(block.header.producer, height))?;

        self.earlier_weights(block)?;
        Ok(())
    }

    /// The weight leaves that the block wrote, under its epoch.
    fn weights(&mut self, changes: &Changes) -> Result<(), LedgerError> {
        let epoch = self.params.epoch_of(self.height);
        for (key, leaf) in changes {
            match (key, leaf) {
                (StateKey::Weight(address), Some(leaf)) => {
                    let weight = Weight::decode(leaf)
                        .map_err(|error| LedgerError::Record { column: TreeValues::NAME, error })?;
                    self.batch.put::<EpochWeights>(&(epoch, *address), &weight)?;
                }
                (StateKey::Weight(address), None) => {
                    self.batch.delete::<EpochWeights>(&(epoch, *address))?
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The same as the block found them. What an earlier epoch wrote stands under that one.
    fn earlier_weights(&mut self, block: &Block) -> Result<(), LedgerError> {
        let epoch = self.params.epoch_of(self.height);
        let parent = self.height.saturating_sub(1);
        let mut addresses = BTreeSet::new();
        for share in &block.body.shares {
            addresses.insert(self.reader.beneficiary_at(&share.prover, epoch, parent)?);
        }
        for address in addresses {
            match self.reader.weight_at(&address, parent)? {
                Some(weight) if weight.epoch == epoch => {
                    self.batch.put::<EpochWeights>(&(epoch, address), &weight)?
                }
                _ => self.batch.delete::<EpochWeights>(&(epoch, address))?,
            }
        }
        Ok(())
    }
}
