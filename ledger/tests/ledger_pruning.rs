//! The state's history: all of it within the retained heights, and nothing beyond.

use std::collections::{BTreeMap, BTreeSet};

use jmt::storage::Node;
use lode_consensus::{Hash, Height, StateKey};
use lode_ledger::{Ledger, LedgerError, LedgerOptions, MIN_HISTORY, fsck::Depth};
use lode_testkit::{
    maker::{ACTORS, Maker, Plan, network},
    raw::{Dump, chain_columns, dump},
    store::{folder, fsck, open, replay, store, store_all},
};

const LIGHT: Plan = Plan { shares: 1, ..Plan::EMPTY };

fn height(index: usize) -> Height {
    Height::try_from(index).unwrap()
}

/// Keys of the tree's nodes that the roots from `floor` to `tip` lead to.
fn reachable(nodes: &BTreeMap<&[u8], Node>, floor: Height, tip: Height) -> BTreeSet<Vec<u8>> {
    // A node's key is the height that wrote it, the length of its path in nibbles, and its path.
    let mut waiting: Vec<(u64, Vec<u8>)> =
        (floor..=tip).map(|height| (height.into(), Vec::new())).collect();
    let mut reached = BTreeSet::new();
    while let Some((version, path)) = waiting.pop() {
        let mut key = u32::try_from(version).unwrap().to_be_bytes().to_vec();
        key.push(u8::try_from(path.len()).unwrap());
        key.extend(path.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)));
        let node = nodes
            .get(key.as_slice())
            .unwrap_or_else(|| panic!("node {} is missing", hex::encode(&key)));
        if reached.insert(key)
            && let Node::Internal(node) = node
        {
            for (nibble, child) in node.children_sorted() {
                let nibble = u8::try_from(nibble.as_usize()).unwrap();
                waiting.push((child.version, path.iter().copied().chain([nibble]).collect()));
            }
        }
    }
    reached
}

/// Values of leaves that the heights from `floor` on can ask for: what was written above it, and
/// what was there.
fn values(maker: &Maker, chain: &[Hash], floor: Height) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut values = BTreeMap::new();
    let mut state: BTreeMap<StateKey, Vec<u8>> = BTreeMap::new();
    for (height, hash) in (0_u32..).zip(chain) {
        let after = &maker.state(hash).leaves;
        for key in state.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            if state.get(key) == after.get(key) {
                continue;
            }
            let place = key.hash().0;
            if height <= floor {
                values.retain(|known: &Vec<u8>, _| !known.starts_with(&place));
            }
            match after.get(key) {
                Some(value) => values.insert(
                    [&place[..], &height.to_be_bytes()].concat(),
                    [&[1], &value[..]].concat(),
                ),
                None if height > floor => {
                    values.insert([&place[..], &height.to_be_bytes()].concat(), vec![0])
                }
                None => None,
            };
        }
        state.clone_from(after);
    }
    values
}

/// Checks that the tree's columns hold what the retained heights need, all of it and nothing else.
fn assert_exact(dump: &Dump, maker: &Maker, tip: &Hash, floor: Height) {
    let chain: Vec<Hash> = [maker.genesis()].into_iter().chain(maker.chain(tip)).collect();
    let tip = height(chain.len() - 1);
    let nodes: BTreeMap<&[u8], Node> = dump["tree-nodes"]
        .iter()
        .map(|(key, node)| (key.as_slice(), borsh::from_slice(node).unwrap()))
        .collect();
    let present: BTreeSet<Vec<u8>> = nodes.keys().map(|key| key.to_vec()).collect();
    assert!(present == reachable(&nodes, floor, tip));
    let present: BTreeMap<Vec<u8>, Vec<u8>> = dump["tree-values"].iter().cloned().collect();
    assert!(present == values(maker, &chain, floor));
    let undos: Vec<&Vec<u8>> = dump["undos"].iter().map(|(key, _)| key).collect();
    let undoable: Vec<[u8; 4]> = (floor + 1..=tip).map(u32::to_be_bytes).collect();
    assert!(undos == undoable.iter().collect::<Vec<_>>());
    for column in ["stale-nodes", "stale-values"] {
        let above =
            |(key, _): &(Vec<u8>, Vec<u8>)| u32::from_be_bytes(*key.first_chunk().unwrap()) > floor;
        assert!(dump[column].iter().all(above), "{column}");
    }
}

/// Whether accounts can be proven at every `step`-th retained height, and at no other one.
fn assert_proofs(ledger: &Ledger, maker: &Maker, tip: &Hash, floor: Height, step: usize) {
    let reader = ledger.read();
    let chain = maker.chain(tip);
    assert_eq!(reader.state_floor().unwrap(), floor);
    let heights =
        (floor..=height(chain.len())).step_by(step).chain([floor + 1, height(chain.len())]);
    for at in heights.filter(|at| *at > 0) {
        let hash = &chain[at as usize - 1];
        for actor in 0..ACTORS {
            let address = maker.address(actor);
            let proof = reader.account_proof(&address, at).unwrap();
            assert_eq!(
                proof.leaf.unwrap_or_default(),
                maker.state(hash).account(address).unwrap_or_default()
            );
            let root = maker.block(hash).header.state_root;
            proof.proof.verify(&root, &StateKey::Account(address), proof.value.as_deref()).unwrap();
        }
    }
    for below in [floor.checked_sub(1), (floor > 0).then_some(0)].into_iter().flatten() {
        let error = reader.account_proof(&maker.address(0), below).unwrap_err();
        let expected = (below, floor, height(chain.len()));
        match error {
            LedgerError::NotRetained { height, floor, tip } => {
                assert_eq!((height, floor, tip), expected)
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn the_history_is_kept_and_nothing_beyond() {
    let mut maker = Maker::new(network("smallnet"), 71);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let mut chain = maker.extend(&maker.genesis(), 40, Plan::FULL);
    chain.extend(maker.extend(&chain[39], 1_160, LIGHT));
    // No block leaves the history before the thousandth is full.
    store_all(&ledger, &maker, &chain[..1_000]);
    assert_proofs(&ledger, &maker, &chain[999], 0, 250);
    store_all(&ledger, &maker, &chain[1_000..]);
    assert_proofs(&ledger, &maker, &chain[1_199], 200, 37);
    fsck(&ledger, Depth::Replay).unwrap();
    drop(ledger);
    assert_exact(&dump(folder.path()), &maker, &chain[1_199], 200);
}

#[test]
fn a_shorter_history_is_reached_in_steps_and_a_longer_one_grows() {
    let mut maker = Maker::new(network("smallnet"), 72);
    let chain = maker.extend(&maker.genesis(), 1_120, LIGHT);
    let folder = folder();
    let open = |history| {
        Ledger::open(
            folder.path(),
            maker.network().clone(),
            LedgerOptions { history, ..LedgerOptions::default() },
        )
        .unwrap()
    };
    let ledger = open(5_000);
    store_all(&ledger, &maker, &chain[..1_100]);
    assert_eq!(ledger.read().state_floor().unwrap(), 0);
    drop(ledger);
    // Less than the least is the least: 100 heights to go, 16 at a time.
    let ledger = open(1);
    for (index, floor) in [(1_100, 16), (1_101, 32), (1_102, 48)] {
        store_all(&ledger, &maker, &chain[index..=index]);
        assert_proofs(&ledger, &maker, &chain[index], floor, 500);
        fsck(&ledger, Depth::Replay).unwrap();
    }
    store_all(&ledger, &maker, &chain[1_103..1_110]);
    assert_eq!(ledger.read().state_floor().unwrap(), 110);
    drop(ledger);
    assert_exact(&dump(folder.path()), &maker, &chain[1_109], 110);
    let ledger = open(5_000);
    store_all(&ledger, &maker, &chain[1_110..]);
    assert_proofs(&ledger, &maker, &chain[1_119], 110, 500);
    fsck(&ledger, Depth::Replay).unwrap();
}

#[test]
fn a_reorg_goes_back_to_the_floor_and_no_further() {
    let mut maker = Maker::new(network("smallnet"), 73);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let stem = maker.extend(&maker.genesis(), 12, LIGHT);
    // Branches that leave at heights 4 and 12: while they are stored both are within reach.
    let low = maker.extend(&stem[3], 3, LIGHT);
    let old = maker.extend(&stem[11], MIN_HISTORY as usize, LIGHT);
    store_all(&ledger, &maker, &stem);
    store_all(&ledger, &maker, &low[..2]);
    store_all(&ledger, &maker, &old);
    assert_eq!(ledger.read().state_floor().unwrap(), 12);
    drop(ledger);
    let before = dump(folder.path());

    // Nothing that leaves the chain below the floor is taken: neither on a branch that was within
    // reach once, nor right from the chain.
    let ledger = open(folder.path(), maker.network()).unwrap();
    let too_deep = |hash: &Hash, fork: Height| match store(&ledger, maker.block(hash)) {
        Err(LedgerError::ReorgTooDeep { fork: got, floor: 12 }) => {
            assert!(got >= fork && got < 12, "{got}")
        }
        other => panic!("{other:?}"),
    };
    too_deep(&low[2], 4);
    let mut maker_below = Maker::new(network("smallnet"), 74);
    let below = maker_below.make(&maker_below.genesis(), LIGHT);
    match store(&ledger, maker_below.block(&below)) {
        Err(LedgerError::ReorgTooDeep { fork: 0, floor: 12 }) => {}
        other => panic!("{other:?}"),
    }
    drop(ledger);
    assert!(dump(folder.path()) == before);

    // From the floor itself, with faster blocks: fewer of them outweigh the old chain, and the
    // floor stays.
    let ledger = open(folder.path(), maker.network()).unwrap();
    let fast = Plan { solve_ms: 400, ..LIGHT };
    let mut new = vec![maker.make(&stem[11], fast)];
    while !maker.work(&old[999]).moves_to(maker.work(&new[new.len() - 1])) {
        let next = maker.make(&new[new.len() - 1], fast);
        new.push(next);
    }
    assert!(new.len() < 600, "{}", new.len());
    store_all(&ledger, &maker, &new);
    let tip = new[new.len() - 1];
    assert_eq!(ledger.read().tip().unwrap(), (12 + height(new.len()), tip));
    assert_proofs(&ledger, &maker, &tip, 12, 100);
    fsck(&ledger, Depth::Replay).unwrap();
    drop(ledger);
    let after = dump(folder.path());
    assert_exact(&after, &maker, &tip, 12);
    // All but the pruned columns are those of a fresh replay.
    let (mut after, mut fresh) = (chain_columns(after), replay(&maker, &maker.chain(&tip)));
    for column in ["tree-nodes", "tree-values", "stale-nodes", "stale-values", "undos"] {
        assert!(after.remove(column) != fresh.remove(column));
    }
    assert!(after == fresh);
}
