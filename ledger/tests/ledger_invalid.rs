//! Blocks that fit and are proven, but do not apply: they cost the chain nothing, and nothing is
//! built on them.

use lode_consensus::Hash;
use lode_ledger::{BlockStatus, Ledger, LedgerError, fsck::Depth};
use lode_testkit::{
    maker::{Fault, Maker, Plan, network},
    raw::{chain_columns, dump, edit},
    store::{expected_tip, folder, fsck, open, order, prove, replay, store, store_all},
};
use rand::RngExt;

/// Twelve blocks with as many shares as the fund pays for: the next epoch begins, and the fund is
/// all but empty.
fn stem(maker: &mut Maker) -> Vec<Hash> {
    maker.extend(&maker.genesis(), 12, Plan { shares: 4, ..Plan::FULL })
}

fn is_refused(ledger: &Ledger, maker: &Maker, hash: &Hash) -> bool {
    let error = store(ledger, maker.block(hash)).unwrap_err();
    matches!(error, LedgerError::InvalidAncestor { .. })
}

#[test]
fn a_heavier_branch_that_breaks_a_rule_at_any_depth_leaves_the_old_chain() {
    for fault in Fault::ALL {
        let mut maker = Maker::new(network("smallnet"), 11);
        let stem = stem(&mut maker);
        let old = maker.extend(&stem[11], 3, Plan::FULL);
        let folder = folder();
        let mut ledger = open(folder.path(), maker.network()).unwrap();
        store_all(&ledger, &maker, &stem);
        store_all(&ledger, &maker, &old);
        drop(ledger);
        let before = chain_columns(dump(folder.path()));
        ledger = open(folder.path(), maker.network()).unwrap();
        for depth in 0..5 {
            let case = format!("{fault:?} at depth {depth}");
            let mut branch = maker.extend(&stem[11], depth, Plan::FULL);
            branch.push(maker.make(branch.last().unwrap_or(&stem[11]), Plan::broken(fault)));
            let after = maker.extend(branch.last().unwrap(), 4 - depth, Plan::EMPTY);
            let broken = branch[depth];
            branch.extend(after);

            let mut refused = None;
            for (index, hash) in branch.iter().enumerate() {
                if refused.is_some() {
                    assert!(is_refused(&ledger, &maker, hash), "{case}, block {index}");
                    continue;
                }
                let outcome = store(&ledger, maker.block(hash)).unwrap();
                if let Some((hash, error)) = outcome.refused {
                    assert_eq!(hash, broken, "{case}");
                    assert!(error.to_string().starts_with(fault.text()), "{case}: {error}");
                    assert_eq!(outcome.events, [], "{case}");
                    refused = Some(index);
                }
            }
            // The branch is tried as soon as it has more work than the old chain.
            assert_eq!(refused, Some(depth.max(3)), "{case}");

            let arrived: Vec<Hash> = stem.iter().chain(&old).chain(&branch).copied().collect();
            let best = expected_tip(&maker, &arrived);
            assert_eq!(ledger.read().tip().unwrap().1, best, "{case}");
            assert_eq!(best == old[2], depth < 4, "{case}");
            for (index, hash) in branch.iter().enumerate() {
                let status = ledger.read().entry(hash).unwrap().map(|entry| entry.status);
                let expected = match index {
                    _ if index < depth => Some(BlockStatus::Verified),
                    _ if index <= depth.max(3) => Some(BlockStatus::Invalid),
                    _ => None,
                };
                assert_eq!(status, expected, "{case}, block {index}");
            }
            // Neither itself nor what comes later on top of it is taken any more, not even after a
            // restart.
            let child = maker.make(&broken, Plan::EMPTY);
            assert!(is_refused(&ledger, &maker, &child), "{case}");
            fsck(&ledger, Depth::Replay).unwrap();
            drop(ledger);
            if best == old[2] {
                assert!(chain_columns(dump(folder.path())) == before, "{case}");
            }
            ledger = open(folder.path(), maker.network()).unwrap();
            assert!(is_refused(&ledger, &maker, &child), "{case}");
            assert_eq!(ledger.read().tip().unwrap().1, best, "{case}");
        }
    }
}

#[test]
fn a_known_invalid_block_is_not_stored_again() {
    let mut maker = Maker::new(network("smallnet"), 12);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let bad = maker.make(&maker.genesis(), Plan::broken(Fault::StateRoot));
    let outcome = store(&ledger, maker.block(&bad)).unwrap();
    assert_eq!(outcome.refused.map(|(hash, _)| hash), Some(bad));
    assert!(is_refused(&ledger, &maker, &bad));
    assert_eq!(ledger.read().tip().unwrap(), (0, maker.genesis()));
}

#[test]
fn valid_siblings_of_an_invalid_block_survive() {
    let mut maker = Maker::new(network("smallnet"), 13);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let stem = stem(&mut maker);
    let old = maker.extend(&stem[11], 3, Plan::FULL);
    let shared = maker.extend(&stem[11], 2, Plan::FULL);
    // Light siblings first, so that the bad branch is the one that is tried first.
    let sibling = maker.make(&shared[1], Plan::FULL);
    let bad = maker.make(&shared[1], Plan::broken(Fault::Overspent));
    let on_bad = maker.extend(&bad, 2, Plan::EMPTY);
    store_all(&ledger, &maker, &stem);
    store_all(&ledger, &maker, &old);
    store_all(&ledger, &maker, &shared);
    store_all(&ledger, &maker, &[sibling, bad]);
    assert_eq!(
        store(&ledger, maker.block(&on_bad[0])).unwrap().refused.map(|(hash, _)| hash),
        Some(bad)
    );
    assert!(is_refused(&ledger, &maker, &on_bad[1]));
    assert_eq!(ledger.read().tip().unwrap().1, old[2]);
    let entry = ledger.read().entry(&sibling).unwrap().unwrap();
    assert_eq!(entry.status, BlockStatus::Verified);
    fsck(&ledger, Depth::Replay).unwrap();
    // The sibling's branch overtakes the old chain.
    let next = maker.make(&sibling, Plan::FULL);
    store_all(&ledger, &maker, &[next]);
    assert_eq!(ledger.read().tip().unwrap().1, next);
    fsck(&ledger, Depth::Replay).unwrap();
    drop(ledger);
    assert!(chain_columns(dump(folder.path())) == replay(&maker, &maker.chain(&next)));
}

#[test]
fn random_trees_with_broken_blocks_end_on_the_best_valid_chain() {
    let mut refusals = 0;
    for seed in 0..12 {
        let mut maker = Maker::new(network("smallnet"), 200 + seed);
        let mut blocks = vec![maker.genesis()];
        for _ in 0..40 {
            let back = maker.rng().random_range(0..5.min(blocks.len()));
            let parent = blocks[blocks.len() - 1 - back];
            let faults = [Fault::StateRoot, Fault::NonceUsed, Fault::Overspent, Fault::Expired];
            let fault = faults.get(maker.rng().random_range(0..30)).copied();
            let solve_ms = [200, 1_000, 5_000][maker.rng().random_range(0..3)];
            blocks.push(maker.make(&parent, Plan { transfers: 1, shares: 2, solve_ms, fault }));
        }
        let arrivals = order(&mut maker, &blocks[1..], &[]);
        let folder = folder();
        let ledger = open(folder.path(), maker.network()).unwrap();
        for (index, hash) in arrivals.iter().enumerate() {
            match store(&ledger, maker.block(hash)) {
                Ok(outcome) => {
                    if let Some((refused, _)) = outcome.refused {
                        refusals += 1;
                        assert!(!maker.is_valid(&refused), "seed {seed}");
                    }
                }
                // What descends from a block that was not kept has no known parent.
                Err(LedgerError::InvalidAncestor { .. } | LedgerError::Orphan { .. }) => {
                    assert!(!maker.is_valid(hash), "seed {seed}");
                }
                Err(error) => panic!("seed {seed}, block {index}: {error}"),
            }
            let best = expected_tip(&maker, &arrivals[..=index]);
            assert_eq!(ledger.read().tip().unwrap().1, best, "seed {seed}, block {index}");
        }
        fsck(&ledger, Depth::Proofs).unwrap();
        drop(ledger);
        let best = expected_tip(&maker, &arrivals);
        assert!(
            chain_columns(dump(folder.path())) == replay(&maker, &maker.chain(&best)),
            "seed {seed}"
        );
    }
    assert!(refusals > 12, "only {refusals} blocks were refused");
}

#[test]
fn an_orphan_is_not_kept() {
    let mut maker = Maker::new(network("smallnet"), 14);
    let (here, elsewhere) = (folder(), folder());
    let ledger = open(here.path(), maker.network()).unwrap();
    let other = open(elsewhere.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 2, Plan::FULL);
    store_all(&other, &maker, &chain[..1]);
    // Neither the rules' context nor the store itself takes it.
    let proven = prove(&other, maker.block(&chain[1])).unwrap();
    drop(ledger);
    let before = dump(here.path());
    let ledger = open(here.path(), maker.network()).unwrap();
    let orphan =
        |error: LedgerError| matches!(error, LedgerError::Orphan { parent } if parent == chain[0]);
    assert!(orphan(ledger.store(proven).unwrap_err()));
    assert!(orphan(store(&ledger, maker.block(&chain[1])).unwrap_err()));
    drop(ledger);
    assert!(dump(here.path()) == before);
}

/// `jmt` takes a tree whose root is missing for an empty one: the next block would then have
/// another state root than it says, and be held to be invalid.
#[test]
fn a_broken_tree_is_our_fault_and_not_the_next_blocks() {
    let mut maker = Maker::new(network("smallnet"), 17);
    let place = folder();
    let ledger = open(place.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 5, Plan::FULL);
    store_all(&ledger, &maker, &chain[..4]);
    drop(ledger);
    // The root of block 4's tree: no path.
    let root = [&4_u32.to_be_bytes()[..], &[0]].concat();
    let value =
        dump(place.path())["tree-nodes"].iter().find(|record| record.0 == root).unwrap().1.clone();
    let older = [&3_u32.to_be_bytes()[..], &[0]].concat();
    let older =
        dump(place.path())["tree-nodes"].iter().find(|record| record.0 == older).unwrap().1.clone();
    edit(place.path(), "tree-nodes", |db, family| db.delete_cf(family, &root).unwrap());
    let ledger = open(place.path(), maker.network()).unwrap();
    let error = store(&ledger, maker.block(&chain[4])).unwrap_err();
    assert!(matches!(error, LedgerError::Tree(_)), "{error}");
    let reader = ledger.read();
    assert_eq!(reader.entry(&chain[4]).unwrap().unwrap().status, BlockStatus::Verified);
    assert_eq!(reader.tip().unwrap(), (4, chain[3]));
    assert!(matches!(reader.state_root_after(&Default::default()), Err(LedgerError::Tree(_))));
    drop(reader);
    drop(ledger);
    // The tree of another height in its place. Opening tries the block again, which is there by
    // now.
    edit(place.path(), "tree-nodes", |db, family| db.put_cf(family, &root, &older).unwrap());
    let error = open(place.path(), maker.network()).unwrap_err();
    assert!(matches!(error, LedgerError::Contradiction { .. }), "{error}");
    // Whole again, it goes on.
    edit(place.path(), "tree-nodes", |db, family| db.put_cf(family, &root, &value).unwrap());
    let ledger = open(place.path(), maker.network()).unwrap();
    assert_eq!(ledger.read().tip().unwrap(), (5, chain[4]));
    fsck(&ledger, Depth::Replay).unwrap();
}
