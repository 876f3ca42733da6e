//! Ledgers in scratch folders, and the blocks of a maker in them.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use lode_consensus::{
    Block, Hash,
    market::proofs::ProofSystems,
    rules::{ContextualBlock, VerifiedBlock},
};
use lode_genesis::Network;
use lode_ledger::{
    Ledger, LedgerError, LedgerOptions, MIN_HISTORY, StoreOutcome,
    fsck::{Depth, FsckError, Report},
};
use rand::seq::SliceRandom;
use tempfile::TempDir;

use crate::{
    maker::Maker,
    oracle::{Told, Trusting},
    raw::{Dump, chain_columns, dump},
};

/// An empty folder, in memory where the system has such a place: tests that kill processes need no
/// disk, only files.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

pub fn open(path: &Path, network: &Network) -> Result<Ledger, LedgerError> {
    open_with(path, network, Told)
}

/// The same with other proof systems.
pub fn open_with(
    path: &Path,
    network: &Network,
    proofs: impl ProofSystems + 'static,
) -> Result<Ledger, LedgerError> {
    let options = LedgerOptions { history: MIN_HISTORY, proofs: Arc::new(proofs) };
    Ledger::open(path, network.clone(), options)
}

/// Takes a block through the rules against the ledger's own context.
pub fn prove(ledger: &Ledger, block: &Block) -> Result<VerifiedBlock, LedgerError> {
    let context = ledger.read().context(&block.header.parent_hash)?;
    let contextual = ContextualBlock::new(block.clone(), context, ledger.params())?;
    let weights = vec![1; contextual.weights_needed()];
    Ok(contextual.prove(&Trusting, &weights)?)
}

/// Proves and stores a block.
pub fn store(ledger: &Ledger, block: &Block) -> Result<StoreOutcome, LedgerError> {
    ledger.store(prove(ledger, block)?)
}

/// Stores blocks that must all be good.
pub fn store_all(ledger: &Ledger, maker: &Maker, hashes: &[Hash]) {
    for hash in hashes {
        let outcome = store(ledger, maker.block(hash)).unwrap();
        assert!(outcome.refused.is_none(), "{outcome:?}");
    }
}

/// What a new ledger holds that was given these blocks only, in this order.
pub fn replay(maker: &Maker, hashes: &[Hash]) -> Dump {
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    store_all(&ledger, maker, hashes);
    drop(ledger);
    chain_columns(dump(folder.path()))
}

/// The block that the ledger must be on: valid, with the most work, and the first of those to come.
pub fn expected_tip(maker: &Maker, arrived: &[Hash]) -> Hash {
    let mut best = maker.genesis();
    for hash in arrived {
        if maker.is_valid(hash) && maker.work(&best).moves_to(maker.work(hash)) {
            best = *hash;
        }
    }
    best
}

/// A random order of blocks in which parents come before children; `before` are there already.
pub fn order(maker: &mut Maker, blocks: &[Hash], before: &[Hash]) -> Vec<Hash> {
    let mut waiting = blocks.to_vec();
    waiting.shuffle(maker.rng());
    let mut known: BTreeSet<Hash> = before.iter().copied().chain([maker.genesis()]).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = |hash: &Hash| known.contains(&maker.block(hash).header.parent_hash);
        let next = waiting.remove(waiting.iter().position(ready).unwrap());
        known.insert(next);
        order.push(next);
    }
    order
}

/// Checks the whole ledger.
pub fn fsck(ledger: &Ledger, depth: Depth) -> Result<Report, FsckError> {
    let scratch = folder();
    ledger.fsck(depth, &Trusting, |count| vec![1; count], scratch.path(), |_, _| {})
}
