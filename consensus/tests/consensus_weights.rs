//! Weights in the state: written for provers of shares alone, halved when they are read, and worth
//! at any time what their definition says.

use std::collections::BTreeMap;

use lode_consensus::{
    Address, Body, ChainSpec, Decode, Encode, StateKey,
    selection::{self, WEIGHT_LIFETIME, Weight},
    state::Amount,
    transition::{ApplyError, StateView, apply},
    tree::Changes,
};
use lode_testkit::{
    chain::{Chain, account, params, weights_after, with_shares},
    oracle::Told,
    state::State,
};
use proptest::{collection::vec, prelude::*};

/// Puts a block with shares of these accounts on top, and gives what it changed.
fn extend(chain: &mut Chain, provers: &[usize]) -> Changes {
    let shares =
        (0..).zip(provers).map(|(label, prover)| chain.share(account(*prover), chain.tip(), label));
    let body = with_shares(shares.collect());
    chain.extend(body).changes
}

fn leaf(state: &State, key: StateKey) -> Option<Weight> {
    state.leaves.get(&key).map(|bytes| Weight::decode(bytes).unwrap())
}

/// The weights at the end of an epoch, computed from all leaves.
fn weights(state: &State, epoch: u32) -> BTreeMap<Address, u64> {
    let leaves = state.leaves.iter().filter_map(|(key, bytes)| match key {
        StateKey::Weight(address) => {
            Some((*address, Weight::decode(bytes).unwrap().at_end_of(epoch).unwrap()))
        }
        _ => None,
    });
    leaves.filter(|(_, weight)| *weight > 0).collect()
}

fn weight_keys(changes: &Changes) -> Vec<StateKey> {
    let is_weight = |key: &&StateKey| matches!(key, StateKey::Weight(_) | StateKey::WeightSum);
    changes.keys().filter(is_weight).copied().collect()
}

#[test]
fn a_share_adds_to_the_weight_of_its_prover_and_to_the_sum() {
    let mut chain = Chain::new(params());
    assert_eq!(weight_keys(&chain.state().all_leaves()), [], "genesis has no weights");
    let keys = weight_keys(&extend(&mut chain, &[3, 3, 1]));
    let mut expected =
        vec![StateKey::Weight(account(1)), StateKey::Weight(account(3)), StateKey::WeightSum];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    extend(&mut chain, &[3]);
    let of = |key| leaf(chain.state(), key);
    assert_eq!(of(StateKey::Weight(account(3))), Some(Weight { epoch: 0, carried: 0, shares: 3 }));
    assert_eq!(of(StateKey::Weight(account(1))), Some(Weight { epoch: 0, carried: 0, shares: 1 }));
    assert_eq!(of(StateKey::WeightSum), Some(Weight { epoch: 0, carried: 0, shares: 4 }));
    assert_eq!(of(StateKey::Weight(account(0))), None, "a producer has a weight by shares alone");
}

#[test]
fn a_roll_over_writes_no_leaf() {
    let mut chain = Chain::new(params());
    // Blocks 1 to 4 end epoch 0; block 5 opens epoch 1, and block 10 epoch 2.
    for provers in [&[1, 2][..], &[1], &[], &[4]] {
        extend(&mut chain, provers);
    }
    let frozen = weights(chain.state(), 0);
    assert_eq!(frozen[&account(1)], 131_072);
    for height in 5..=15_u32 {
        assert_eq!(weight_keys(&extend(&mut chain, &[])), [], "height {height}");
        let epoch = height / 5;
        assert_eq!(weights(chain.state(), epoch)[&account(1)], 131_072 >> epoch);
    }
    // A share of one prover visits no other, in the first block of an epoch neither.
    let mut chain = chain.clone();
    while chain.tip() < 19 {
        extend(&mut chain, &[]);
    }
    let mut expected = vec![StateKey::Weight(account(4)), StateKey::WeightSum];
    expected.sort_unstable();
    assert_eq!(weight_keys(&extend(&mut chain, &[4])), expected);
    assert_eq!(
        leaf(chain.state(), StateKey::Weight(account(4))),
        Some(Weight { epoch: 4, carried: 65_536 >> 3, shares: 1 })
    );
}

#[test]
fn an_old_weight_is_forgotten_by_all_who_read_it() {
    let mut state = State::default();
    let greatest = Weight { epoch: 0, carried: (1 << 33) - 1, shares: u16::MAX };
    state.leaves.insert(StateKey::Weight(account(0)), greatest.encode());
    assert_eq!(weights(&state, WEIGHT_LIFETIME - 1).len(), 1);
    assert!(weights(&state, WEIGHT_LIFETIME).is_empty());
    assert!(
        selection::roster(&weights(&state, WEIGHT_LIFETIME), &params().network_hash(), 1)
            .is_empty()
    );
}

/// What a block with one share says on top of a state in which a leaf was replaced.
fn with_leaf(key: StateKey, bytes: Vec<u8>) -> ApplyError<std::convert::Infallible> {
    let mut chain = Chain::of_length(params(), 3);
    let share = chain.share(account(1), 3, 1);
    let block = chain.check(&chain.block(with_shares(vec![share]))).unwrap();
    let mut state = chain.states.pop().unwrap();
    state.leaves.insert(key, bytes);
    apply(&chain.params, &block, &state, &Told).unwrap_err()
}

#[test]
fn a_leaf_that_cannot_be_is_our_fault_and_not_the_blocks() {
    for key in [StateKey::Weight(account(1)), StateKey::WeightSum] {
        let full = Weight { epoch: 0, carried: 0, shares: u16::MAX };
        let error = with_leaf(key, full.encode());
        assert!(matches!(error, ApplyError::Overflow(_)), "{error}");
        assert!(!error.marks_invalid());
        let error = with_leaf(key, vec![1, 2, 3]);
        assert!(matches!(error, ApplyError::Leaf { key: named, .. } if named == key), "{error}");
        assert!(!error.marks_invalid());
    }
}

#[test]
fn weights_are_no_credits() {
    let mut chain = Chain::new(params());
    let before = chain.state().supply;
    extend(&mut chain, &[1, 2, 3]);
    let after = chain.state().supply;
    assert_eq!(after.check(), Ok(()));
    assert_eq!(after.emitted - before.emitted, 60_000_000);
    let Amount(fund) =
        Amount::decode(&chain.state().leaf(&StateKey::ShareFund).unwrap().unwrap()).unwrap();
    assert_eq!(after.share_fund, fund);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn weights_follow_their_definition(
        blocks in vec(prop_oneof![3 => Just(vec![]), 2 => vec(0..5_usize, 1..=2)], 1..60),
        epoch_length in 2..6_u32,
    ) {
        let mut chain = Chain::new(ChainSpec { epoch_length, ..params() });
        // By epoch, the last one open: weights by their definition, and what their sum follows.
        let (mut history, mut sums) = (vec![BTreeMap::new()], vec![0_u64]);
        let mut counts: BTreeMap<Address, u64> = BTreeMap::new();
        let (mut before, mut sum_before) = (BTreeMap::new(), 0);
        for (height, provers) in (1..).zip(&blocks) {
            let epoch = height / epoch_length;
            if height % epoch_length == 0 {
                (before, sum_before) = (history[history.len() - 1].clone(), sums[sums.len() - 1]);
                history.push(BTreeMap::new());
                sums.push(0);
                counts.clear();
            }
            for prover in provers {
                *counts.entry(account(*prover)).or_default() += 1;
            }
            history[epoch as usize] = weights_after(&before, &counts);
            sums[epoch as usize] = sum_before / 2 + 65_536 * counts.values().sum::<u64>();

            let changes = extend(&mut chain, provers);
            let mut expected: Vec<StateKey> =
                provers.iter().map(|prover| StateKey::Weight(account(*prover))).collect();
            expected.extend((!provers.is_empty()).then_some(StateKey::WeightSum));
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(weight_keys(&changes), expected);
            prop_assert_eq!(&weights(chain.state(), epoch), &history[epoch as usize]);
            let sum = leaf(chain.state(), StateKey::WeightSum)
                .map_or(0, |sum| sum.at_end_of(epoch).unwrap());
            prop_assert_eq!(sum, sums[epoch as usize]);
            prop_assert!(sum >= history[epoch as usize].values().sum());
        }
    }
}

#[test]
fn a_state_root_without_the_weights_is_refused() {
    let chain = Chain::new(params());
    let body = Body { shares: vec![chain.share(account(1), 0, 1)], ..Body::default() };
    let mut block = chain.block(body);
    let (_, mut state) = chain.apply(&chain.check(&block).unwrap()).unwrap();
    state.leaves.remove(&StateKey::Weight(account(1))).unwrap();
    block.header.state_root = state.root();
    let error = chain.apply(&chain.check(&chain.prove(block)).unwrap()).unwrap_err();
    assert!(matches!(error, ApplyError::StateRoot { .. }), "{error}");
}
