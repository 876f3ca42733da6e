//! Following the best chain: whatever order blocks come in, and whatever was undone on the way, the
//! ledger holds what a fresh replay of that chain holds, byte for byte.

use std::collections::BTreeMap;

use lode_consensus::{Address, Hash};
use lode_ledger::ChainEvent;
use lode_testkit::{
    maker::{Maker, Plan, network},
    raw::{chain_columns, dump},
    store::{expected_tip, folder, open, order, replay, store, store_all},
};
use rand::RngExt;

#[test]
fn a_chain_follows_the_rules_as_the_maker_does() {
    let mut maker = Maker::new(network("smallnet"), 1);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 40, Plan::FULL);
    for hash in &chain {
        let block = maker.block(hash);
        assert_eq!(
            ledger.read().context(&block.header.parent_hash).unwrap(),
            maker.context(&block.header.parent_hash)
        );
        let outcome = store(&ledger, block).unwrap();
        assert!(outcome.refused.is_none(), "{outcome:?}");
        let jobs = ledger.read().block_events(block.header.height).unwrap();
        let connected = ChainEvent::Connected { hash: *hash, block: block.clone(), jobs };
        assert_eq!(outcome.events, [connected]);
        let reader = ledger.read();
        assert_eq!(reader.tip().unwrap(), (block.header.height, *hash));
        assert_eq!(reader.supply().unwrap(), maker.state(hash).supply);
        assert_eq!(reader.work().unwrap(), maker.work(hash));
    }
    // The blocks were not empty.
    let bodies = || chain.iter().map(|hash| &maker.block(hash).body);
    assert!(bodies().map(|body| body.transactions.len()).sum::<usize>() > 60);
    assert!(bodies().map(|body| body.shares.len()).sum::<usize>() > 60);
}

/// A random tree of valid blocks.
fn tree(maker: &mut Maker, count: usize) -> Vec<Hash> {
    let mut blocks = vec![maker.genesis()];
    for _ in 0..count {
        // Mostly near the end, so that branches grow long.
        let back = maker.rng().random_range(0..6.min(blocks.len()));
        let parent = blocks[blocks.len() - 1 - back];
        let plan = Plan {
            transfers: maker.rng().random_range(0..2),
            shares: maker.rng().random_range(0..4),
            solve_ms: [200, 1_000, 1_000, 30_000][maker.rng().random_range(0..4)],
            fault: None,
        };
        let hash = maker.make(&parent, plan);
        blocks.push(hash);
    }
    blocks.remove(0);
    blocks
}

#[test]
fn any_order_leaves_what_a_replay_of_the_best_chain_leaves() {
    let mut reorgs = 0;
    for seed in 0..12 {
        let mut maker = Maker::new(network("smallnet"), 100 + seed);
        let blocks = tree(&mut maker, 45);
        for round in 0..2 {
            let arrivals = order(&mut maker, &blocks, &[]);
            let folder = folder();
            let ledger = open(folder.path(), maker.network()).unwrap();
            for (index, hash) in arrivals.iter().enumerate() {
                let outcome = store(&ledger, maker.block(hash)).unwrap();
                reorgs += outcome
                    .events
                    .iter()
                    .filter(|event| matches!(event, ChainEvent::Disconnected { .. }))
                    .count();
                let best = expected_tip(&maker, &arrivals[..=index]);
                assert_eq!(
                    ledger.read().tip().unwrap().1,
                    best,
                    "seed {seed}, round {round}, block {index}"
                );
            }
            drop(ledger);
            let best = expected_tip(&maker, &arrivals);
            let fresh = replay(&maker, &maker.chain(&best));
            assert!(chain_columns(dump(folder.path())) == fresh, "seed {seed}, round {round}");
        }
    }
    assert!(reorgs > 100, "only {reorgs} blocks were undone");
}

#[test]
fn a_reorg_of_a_thousand_blocks() {
    let mut maker = Maker::new(network("smallnet"), 2);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let stem = maker.extend(&maker.genesis(), 7, Plan::FULL);
    let fork = stem[6];
    let busy = Plan { transfers: 0, shares: 2, ..Plan::EMPTY };
    let old = maker.extend(&fork, 1_000, busy);
    let new = maker.extend(&fork, 1_001, busy);
    store_all(&ledger, &maker, &stem);
    store_all(&ledger, &maker, &old);
    // On schedule no target moves: the new branch overtakes the old one with its last block.
    let mut events = Vec::new();
    for hash in &new {
        assert!(events.is_empty());
        events = store(&ledger, maker.block(hash)).unwrap().events;
    }
    let expected: Vec<Hash> = old.iter().rev().chain(&new).copied().collect();
    let got: Vec<Hash> = events
        .iter()
        .map(|event| match event {
            ChainEvent::Connected { hash, .. } | ChainEvent::Disconnected { hash, .. } => *hash,
        })
        .collect();
    assert!(got == expected, "{} steps", got.len());
    drop(ledger);
    assert!(
        chain_columns(dump(folder.path())) == replay(&maker, &maker.chain(new.last().unwrap()))
    );
}

/// Epochs have 6 blocks: the fork lies in epoch 1, and both branches end two epochs later.
#[test]
fn weights_follow_a_reorg_across_the_ends_of_epochs() {
    for seed in 0..4 {
        let mut maker = Maker::new(network("smallnet"), 40 + seed);
        let folder = folder();
        let ledger = open(folder.path(), maker.network()).unwrap();
        let stem = maker.extend(&maker.genesis(), 8, Plan::FULL);
        let sparse = Plan { shares: 1, ..Plan::EMPTY };
        let mut old = maker.extend(&stem[7], 6, Plan::FULL);
        old.extend(maker.extend(&old[5], 4, Plan::EMPTY));
        let new = maker.extend(&stem[7], 11, sparse);
        for blocks in [&stem, &old, &new] {
            store_all(&ledger, &maker, blocks);
        }
        assert_eq!(ledger.read().tip().unwrap().1, new[10]);
        let mut expected = BTreeMap::new();
        for epoch in 0..=3 {
            expected.values_mut().for_each(|weight| *weight /= 2);
            let mut counts: BTreeMap<Address, u64> = BTreeMap::new();
            for block in maker.chain(&new[10]).iter().map(|hash| maker.block(hash)) {
                if block.header.height / 6 == epoch {
                    block
                        .body
                        .shares
                        .iter()
                        .for_each(|share| *counts.entry(share.prover).or_default() += 1);
                }
            }
            counts
                .iter()
                .for_each(|(prover, count)| *expected.entry(*prover).or_default() += count << 16);
            let reader = ledger.read();
            assert_eq!(reader.epoch_shares(epoch).unwrap(), counts, "seed {seed}, epoch {epoch}");
            assert_eq!(reader.weights(epoch).unwrap(), expected, "seed {seed}, epoch {epoch}");
        }
        drop(ledger);
        assert!(chain_columns(dump(folder.path())) == replay(&maker, &maker.chain(&new[10])));
    }
}

#[test]
fn the_first_seen_wins_a_tie() {
    let mut maker = Maker::new(network("smallnet"), 3);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let genesis = maker.genesis();
    let (a, b) = (maker.make(&genesis, Plan::FULL), maker.make(&genesis, Plan::FULL));
    assert_eq!(maker.work(&a), maker.work(&b));
    store_all(&ledger, &maker, &[b, a]);
    assert_eq!(ledger.read().tip().unwrap().1, b);
    // A restart changes nothing.
    drop(ledger);
    let ledger = open(folder.path(), maker.network()).unwrap();
    assert_eq!(ledger.read().tip().unwrap().1, b);
    // Storing a block again is no news.
    for hash in [&a, &b] {
        let outcome = store(&ledger, maker.block(hash)).unwrap();
        assert!(outcome.events.is_empty() && outcome.refused.is_none(), "{outcome:?}");
    }
}
