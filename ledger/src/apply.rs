//! Connecting a block to the tip, and disconnecting it: one batch each, and exact inverses.
//!
//! What must not be broken: the columns of the chain are a function of the chain and of the floor alone, never of the
//! way that led there. So a block's records go by its height, and pruning goes by the floor.

use std::collections::BTreeMap;

use lode_consensus::{
    Address, Block, ChainWork, Hash, Height, NetworkParams, Share, ShareId, Transaction, rights,
    rules::ProvenBlock,
    transition::{self, ApplyError},
    tree::{Changes, TreeError, value_set},
};

use crate::{
    BlockState, Ledger, LedgerError,
    columns::{
        AccountTransactions, Blocks, Chain, Entries, EpochShares, EpochWeights, Fact, Facts, LAYOUT, Leaves,
        ProducerBlocks, ProverShares, ShareIds, StaleNodes, StaleValues, States, Transactions, TreeKey, TreeNodes,
        TreeValues, Undos, Value, height_of, leaf_key,
    },
    database::Batch,
    reader::{Reader, require},
    records::{BlockEntry, BlockStatus, StoredBlock, StoredLeaf, TransactionPlace, Undo},
    state::{Nodes, tree, value_at},
};

/// Heights that one block prunes at most. One is enough in the long run; more come only after the history was made
/// shorter, and then one batch must not hold all of them.
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
            status: BlockStatus::Proven,
        };
        batch.put::<Leaves>(&entry.rank(), &hash)?;
        batch.put::<Entries>(&hash, &entry)?;
        batch.put::<Blocks>(&hash, &StoredBlock::of(genesis))?;
        batch.put::<Facts>(&Fact::Layout, &Value::to_bytes(&LAYOUT))?;
        batch.put::<Facts>(&Fact::Arrivals, &Value::to_bytes(&1_u64))?;
        batch.put::<Facts>(&Fact::Floor, &Value::to_bytes(&0_u32))?;
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&0_u32))?;
        batch.put::<Chain>(&0, &hash)?;
        let root = put_tree(&reader, &mut batch, 0, &self.network.changes)?;
        debug_assert_eq!(root, genesis.header.state_root);
        batch.put::<States>(&0, &BlockState { supply: self.network.supply, ..BlockState::default() })?;
        batch.commit()
    }

    /// Applies a block to the state of the tip, which is its parent, and makes it the tip.
    pub(crate) fn connect(&self, block: &ProvenBlock) -> Result<(), LedgerError> {
        let reader = self.read();
        let height = block.block().header.height;
        let state = reader.tip_state()?;
        let applied = transition::apply(self.params(), block, &state).map_err(apply_error)?;

        let mut batch = self.batch();
        let got = put_tree(&reader, &mut batch, height, &applied.changes)?;
        let expected = block.block().header.state_root;
        if got != expected {
            // "Expected" is what the rules computed; the header claims the other.
            return Err(apply_error(ApplyError::StateRoot { expected: got, got: expected }));
        }
        let state = BlockState { supply: applied.supply, fees: applied.fees, share_pay: applied.share_pay };
        batch.put::<States>(&height, &state)?;
        batch.put::<Undos>(&height, &Undo(applied.changes.keys().map(|key| key.hash()).collect()))?;
        batch.put::<Chain>(&height, &block.hash())?;
        let mut index = Index { reader: &reader, batch: &mut batch, params: self.params(), height };
        index.connect(block)?;
        self.prune(&reader, &mut batch, height)?;
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&height))?;
        batch.commit()
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
        batch.put::<Facts>(&Fact::Tip, &Value::to_bytes(&height.saturating_sub(1)))?;
        batch.commit()?;
        Ok((hash, block))
    }

    /// Forgets the nodes and values of the tree that no retained height can reach any more, and how to undo the blocks
    /// up to the oldest one.
    fn prune(&self, reader: &Reader<'_>, batch: &mut Batch<'_>, height: Height) -> Result<(), LedgerError> {
        let before = reader.state_floor()?;
        let floor = height.saturating_sub(self.history).min(before.saturating_add(MAX_PRUNED_HEIGHTS));
        if floor <= before {
            return Ok(());
        }
        // What a height up to the floor replaced is reachable from below the floor only. What earlier heights replaced
        // is gone already: a scan from the column's beginning would run over all their tombstones.
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
    let nodes = Nodes(&reader.view);
    let (root, update) = tree(&nodes).put_value_set(value_set(changes), height.into()).map_err(TreeError::new)?;
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
    Ok(Hash(root.0))
}

/// The indexes of one block of the chain.
struct Index<'b, 'a> {
    reader: &'b Reader<'a>,
    batch: &'b mut Batch<'a>,
    params: &'b NetworkParams,
    height: Height,
}

impl Index<'_, '_> {
    fn connect(&mut self, proven: &ProvenBlock) -> Result<(), LedgerError> {
        let (block, height) = (proven.block(), self.height);
        for (index, (signed, id)) in (0..).zip(block.body.transactions.iter().zip(proven.transaction_ids())) {
            self.batch.put::<Transactions>(id, &TransactionPlace { height, index })?;
            for address in parties(&signed.transaction) {
                self.batch.put::<AccountTransactions>(&(address, height, index), &())?;
            }
        }
        for (index, (share, id)) in (0..).zip(block.body.shares.iter().zip(proven.share_ids())) {
            self.batch.put::<ShareIds>(id, &height)?;
            self.batch.put::<ProverShares>(&(share.prover, height, index), &())?;
        }
        self.batch.put::<ProducerBlocks>(&(block.header.producer, height), &())?;

        let epoch = self.params.epoch_of(height);
        let added = counts(block);
        for (prover, count) in &added {
            let before = self.reader.view.get::<EpochShares>(&(epoch, *prover))?.unwrap_or(0);
            self.batch.put::<EpochShares>(&(epoch, *prover), &before.saturating_add(*count))?;
        }
        if height == self.params.epoch_end(epoch) {
            let mut shares = self.reader.epoch_shares(epoch)?;
            for (prover, count) in added {
                let total = shares.entry(prover).or_default();
                *total = total.saturating_add(count);
            }
            let previous = match epoch.checked_sub(1) {
                Some(previous) => self.reader.weights(previous)?,
                None => rights::Weights::new(),
            };
            for (prover, weight) in rights::decay_and_add(&previous, &shares) {
                self.batch.put::<EpochWeights>(&(epoch, prover), &weight)?;
            }
        }
        Ok(())
    }

    fn disconnect(&mut self, block: &Block, share_ids: &[ShareId], genesis: &Hash) -> Result<(), LedgerError> {
        let height = self.height;
        for (index, signed) in (0..).zip(&block.body.transactions) {
            self.batch.delete::<Transactions>(&signed.id(genesis))?;
            for address in parties(&signed.transaction) {
                self.batch.delete::<AccountTransactions>(&(address, height, index))?;
            }
        }
        for (index, (share, id)) in (0..).zip(block.body.shares.iter().zip(share_ids)) {
            self.batch.delete::<ShareIds>(id)?;
            self.batch.delete::<ProverShares>(&(share.prover, height, index))?;
        }
        self.batch.delete::<ProducerBlocks>(&(block.header.producer, height))?;

        let epoch = self.params.epoch_of(height);
        for (prover, count) in counts(block) {
            let key = (epoch, prover);
            match self.reader.view.get::<EpochShares>(&key)?.unwrap_or(0).saturating_sub(count) {
                0 => self.batch.delete::<EpochShares>(&key)?,
                left => self.batch.put::<EpochShares>(&key, &left)?,
            }
        }
        if height == self.params.epoch_end(epoch) {
            for record in self.reader.view.prefix::<EpochWeights>(epoch.to_be_bytes().to_vec())? {
                self.batch.delete::<EpochWeights>(&record?.0)?;
            }
        }
        Ok(())
    }
}

/// How many shares of each prover a block includes.
fn counts(block: &Block) -> BTreeMap<Address, u64> {
    let mut counts = BTreeMap::new();
    for share in &block.body.shares {
        let count: &mut u64 = counts.entry(share.prover).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

/// The accounts that a transaction concerns, each once.
fn parties(transaction: &Transaction) -> Vec<Address> {
    let Transaction::Transfer(transfer) = transaction;
    if transfer.from == transfer.to { vec![transfer.from] } else { vec![transfer.from, transfer.to] }
}
