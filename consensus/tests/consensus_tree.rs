//! Properties of the state tree: its root depends on its leaves alone, and its proofs show just
//! what is true.

use std::collections::BTreeSet;

use jmt::Version;
use lode_consensus::{
    Address, Hash, StateKey,
    tree::{Changes, StateProof, StateProofError, genesis_root},
};
use lode_testkit::memory_tree::MemoryTree;
use proptest::{collection::vec, prelude::*};

fn key(number: u8) -> StateKey {
    match number % 4 {
        0 => StateKey::Pending(number.into()),
        1 => StateKey::ProvingPool(number.into()),
        _ => StateKey::Account(Address([number; 32])),
    }
}

/// What a few blocks do to a small set of keys: leaves written or, for `None`, deleted. The share
/// fund is always there.
fn history() -> impl Strategy<Value = Vec<Changes>> {
    let change = (0_u8..24, prop::option::weighted(0.6, vec(any::<u8>(), 0..60)));
    vec(vec(change, 0..12), 1..8).prop_map(|blocks| {
        let mut leaves = BTreeSet::new();
        let blocks = blocks.into_iter().enumerate().map(|(height, block)| {
            let mut changes = Changes::from([(StateKey::ShareFund, Some(vec![height as u8]))]);
            for (number, value) in block {
                let key = key(number);
                // A block deletes only what is there.
                if value.is_some() || leaves.contains(&key) {
                    changes.insert(key, value);
                }
            }
            for (key, value) in &changes {
                if value.is_some() {
                    leaves.insert(*key)
                } else {
                    leaves.remove(key)
                };
            }
            changes
        });
        blocks.collect()
    })
}

/// The leaves after all blocks of a history.
fn leaves_after(history: &[Changes]) -> Changes {
    let mut leaves = Changes::new();
    for (key, value) in history.iter().flatten() {
        match value {
            Some(value) => leaves.insert(*key, Some(value.clone())),
            None => leaves.remove(key),
        };
    }
    leaves
}

/// Every proof that differs from this one in one of its bits.
fn damaged(proof: &StateProof) -> impl Iterator<Item = StateProof> + '_ {
    let hashes = proof.siblings.len() + if proof.leaf.is_some() { 2 } else { 0 };
    (0..hashes * 256).map(|bit| {
        let mut damaged = proof.clone();
        let leaf = damaged.leaf.iter_mut().flat_map(|(key, value)| [key, value]);
        let hash = damaged.siblings.iter_mut().chain(leaf).nth(bit / 256).unwrap();
        hash.0[bit % 256 / 8] ^= 1 << (bit % 8);
        damaged
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_root_depends_on_the_leaves_alone(history in history()) {
        let mut memory = MemoryTree::default();
        for (version, changes) in history.iter().enumerate() {
            let root = memory.write(version as Version, changes);
            let leaves = leaves_after(&history[..=version]);
            prop_assert_eq!(root, genesis_root(&leaves).unwrap(), "after block {}", version);
        }
    }

    #[test]
    fn proofs_show_what_is_there_and_what_is_not(
        history in history(),
        numbers in vec(0_u8..48, 4),
    ) {
        let mut memory = MemoryTree::default();
        let roots: Vec<Hash> = history
            .iter()
            .zip(0..)
            .map(|(changes, version)| memory.write(version, changes))
            .collect();
        for (version, root) in (0..).zip(&roots) {
            let leaves = leaves_after(&history[..=version]);
            for key in leaves.keys().copied().chain(numbers.iter().map(|number| key(*number))) {
                let expected = leaves.get(&key).cloned().flatten();
                let (value, proof) = memory.prove(version as Version, &key);
                prop_assert_eq!(&value, &expected);
                prop_assert_eq!(proof.verify(root, &key, value.as_deref()), Ok(()));
                // Neither the opposite nor another value can be shown with it, nor anything under
                // another root.
                let other = [value.as_deref().unwrap_or_default(), &[1]].concat();
                prop_assert!(proof.verify(root, &key, Some(&other)).is_err());
                if value.is_some() {
                    prop_assert_eq!(proof.verify(root, &key, None), Err(StateProofError::Exists));
                }
                let wrong_root = Hash([1; 32]);
                let refused = proof.verify(&wrong_root, &key, value.as_deref());
                prop_assert_eq!(
                    refused,
                    Err(StateProofError::Root { expected: wrong_root, got: *root })
                );
            }
        }
    }

    #[test]
    fn one_flipped_bit_breaks_a_proof(history in history(), number in 0_u8..48) {
        let mut memory = MemoryTree::default();
        let root = history
            .iter()
            .zip(0..)
            .map(|(changes, version)| memory.write(version, changes))
            .last()
            .unwrap();
        for key in [StateKey::ShareFund, key(number)] {
            let (value, proof) = memory.prove(history.len() as Version - 1, &key);
            prop_assert_eq!(proof.verify(&root, &key, value.as_deref()), Ok(()));
            for damaged in damaged(&proof) {
                prop_assert!(damaged.verify(&root, &key, value.as_deref()).is_err());
            }
            for end in 0..proof.siblings.len() {
                let short =
                    StateProof { siblings: proof.siblings[..end].to_vec(), ..proof.clone() };
                prop_assert!(short.verify(&root, &key, value.as_deref()).is_err());
            }
            let mut long = proof.clone();
            long.siblings.push(root);
            prop_assert!(long.verify(&root, &key, value.as_deref()).is_err());
        }
    }
}

#[test]
fn the_leaf_of_another_path_shows_no_absence() {
    // Two leaves whose keys part at the first bit: the tree is a root over the two.
    let numbers = || (0..=u8::MAX).map(|number| StateKey::Account(Address([number; 32])));
    let left = numbers().find(|key| key.hash().0[0] < 0x80).unwrap();
    let right = numbers().find(|key| key.hash().0[0] >= 0x80).unwrap();
    let leaves = Changes::from([(left, Some(vec![1])), (right, Some(vec![2]))]);
    let mut memory = MemoryTree::default();
    let root = memory.write(0, &leaves);
    let absent = numbers().find(|key| key.hash().0[0] >= 0x80 && *key != right).unwrap();
    let (value, proof) = memory.prove(0, &absent);
    assert_eq!((value, proof.leaf.map(|(key, _)| key)), (None, Some(right.hash())));
    assert_eq!(proof.verify(&root, &absent, None), Ok(()));
    // The proof of the left leaf leads to the same root, and says nothing about a key on the right.
    let (_, other) = memory.prove(0, &left);
    assert_eq!(other.verify(&root, &left, Some(&[1])), Ok(()));
    assert_eq!(other.verify(&root, &absent, None), Err(StateProofError::Leaf));
    assert_eq!(other.verify(&root, &right, Some(&[2])), Err(StateProofError::Leaf));
}

#[test]
fn a_proof_is_not_longer_than_a_path() {
    let proof = StateProof { leaf: None, siblings: vec![Hash::ZERO; 257] };
    assert_eq!(
        proof.verify(&Hash::ZERO, &StateKey::ShareFund, None),
        Err(StateProofError::TooLong(257))
    );
}
