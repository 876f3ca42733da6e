//! A crash between any two steps of a reorg, one after the other: the steps are taken by hand, and
//! then no more.

use std::path::Path;

use lode_consensus::Hash;
use lode_testkit::{
    maker::{Fault, Maker, Plan, network},
    raw::{Dump, chain_columns, dump},
    store::{self, folder, replay},
};

use crate::{
    Ledger, LedgerOptions, MIN_HISTORY,
    fsck::{Depth, NoChecker},
};

/// This crate's ledger as its tests see into it: the testkit's is another build of it.
fn open(path: &Path, maker: &Maker) -> Ledger {
    let options = LedgerOptions { history: MIN_HISTORY, ..LedgerOptions::default() };
    Ledger::open(path, maker.network().clone(), options).unwrap()
}

/// Stores a block that makes its branch the best, and stops after some steps of the reorg.
fn stop_after(
    ledger: &Ledger,
    maker: &Maker,
    trigger: &Hash,
    steps: usize,
    down: usize,
    up: &[Hash],
) {
    ledger.insert(&maker.verified(trigger)).unwrap();
    for _ in 0..steps.min(down) {
        ledger.disconnect().unwrap();
    }
    for hash in up.iter().take(steps.saturating_sub(down)) {
        ledger.reconnect(hash).unwrap();
    }
}

/// Opens a ledger whose reorg stopped after each number of steps in turn. `expected` is the chain
/// that it must end on.
fn heals(
    maker: &Maker,
    before: &[&[Hash]],
    trigger: &Hash,
    down: usize,
    up: &[Hash],
    expected: &Hash,
) {
    let fresh: Dump = replay(maker, &maker.chain(expected));
    for steps in 0..=down + up.len() {
        let folder = folder();
        let ledger = open(folder.path(), maker);
        for hash in before.iter().copied().flatten() {
            assert!(ledger.store(maker.verified(hash)).unwrap().refused.is_none());
        }
        stop_after(&ledger, maker, trigger, steps, down, up);
        drop(ledger);
        let ledger = open(folder.path(), maker);
        assert_eq!(ledger.read().tip().unwrap().1, *expected, "after {steps} steps");
        let scratch = store::folder();
        ledger.fsck(Depth::Replay, &NoChecker, |_| Vec::new(), scratch.path(), |_, _| {}).unwrap();
        drop(ledger);
        assert!(chain_columns(dump(folder.path())) == fresh, "after {steps} steps");
    }
}

#[test]
fn a_block_waits_for_the_disk_once() {
    let mut maker = Maker::new(network("smallnet"), 33);
    let stem = maker.extend(&maker.genesis(), 2, Plan::FULL);
    let old = maker.extend(&stem[1], 2, Plan::FULL);
    let new = maker.extend(&stem[1], 3, Plan::FULL);
    let bad = maker.make(&new[2], Plan::broken(Fault::StateRoot));
    let folder = folder();
    let ledger = open(folder.path(), &maker);
    let waits = |blocks: &[Hash]| {
        let before = ledger.database.syncs();
        for hash in blocks {
            assert!(ledger.store(maker.verified(hash)).unwrap().refused.is_none());
        }
        ledger.database.syncs() - before
    };
    assert_eq!(waits(&stem), 2);
    assert_eq!(waits(&old), 2);
    assert_eq!(waits(&new[..2]), 2, "on a side branch too");
    // The block itself, and each step of the reorg: two come off, and three go on.
    assert_eq!(waits(&new[2..]), 1 + 5);
    assert_eq!(ledger.read().tip().unwrap().1, new[2]);
    // One that does not apply is on the disk with its mark.
    let before = ledger.database.syncs();
    assert!(ledger.store(maker.verified(&bad)).unwrap().refused.is_some());
    assert_eq!(ledger.database.syncs() - before, 1);
}

#[test]
fn opening_finishes_a_reorg() {
    let mut maker = Maker::new(network("smallnet"), 31);
    let stem = maker.extend(&maker.genesis(), 4, Plan::FULL);
    let old = maker.extend(&stem[3], 5, Plan::FULL);
    let new = maker.extend(&stem[3], 6, Plan::FULL);
    heals(&maker, &[&stem, &old, &new[..5]], &new[5], 5, &new, &new[5]);
}

#[test]
fn opening_leaves_a_branch_that_breaks_a_rule() {
    let mut maker = Maker::new(network("smallnet"), 32);
    let stem = maker.extend(&maker.genesis(), 4, Plan::FULL);
    let old = maker.extend(&stem[3], 4, Plan::FULL);
    let mut new = maker.extend(&stem[3], 3, Plan::FULL);
    new.push(maker.make(&new[2], Plan::broken(Fault::NonceUsed)));
    new.push(maker.make(&new[3], Plan::EMPTY));
    heals(&maker, &[&stem, &old, &new[..4]], &new[4], 4, &new[..3], &old[3]);
}
