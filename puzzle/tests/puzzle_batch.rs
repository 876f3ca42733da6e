//! Batches: the verdicts of single verification, for two pairings.

mod common;

use common::{SMALL, STATEMENT, decode, encode};
use lode_puzzle::{Claim, Item, Part, Proof, Seed, Target, VerifyError};
use proptest::prelude::*;
use snarkvm::{
    curves::{AffineCurve, ProjectiveCurve, bls12_377::G1Affine},
    utilities::BitIteratorBE,
};

fn items(count: u64) -> Vec<Item> {
    let item = |nonce| Item {
        statement: STATEMENT,
        nonce,
        proof: SMALL.proof(&STATEMENT, nonce),
        claim: Claim::None,
    };
    (0..count).map(item).collect()
}

fn weights(count: usize) -> Vec<u128> {
    (0..count).map(|_| rand::random::<u128>().max(1)).collect()
}

/// A proof that passes every check but the pairing.
fn spoil(item: &mut Item) {
    item.proof.opening = encode(-decode(&item.proof.opening));
}

/// The batch gives, item by item, what single verification gives; and exactly the items at `bad`
/// are refused.
fn assert_names(items: &[Item], bad: &[usize]) {
    let results = SMALL.verifier.verify_batch(items, &weights(items.len()));
    assert_eq!(results.len(), items.len());
    for (index, (item, result)) in items.iter().zip(&results).enumerate() {
        assert_eq!(
            *result,
            SMALL.verifier.verify(&item.statement, item.nonce, &item.proof, item.claim)
        );
        assert_eq!(result.is_err(), bad.contains(&index), "item {index}");
    }
}

#[test]
fn good_batches_of_any_size_pass() {
    for count in [0, 1, 2, 3, 64] {
        assert_names(&items(count), &[]);
    }
}

#[test]
fn the_same_proof_may_stand_twice() {
    let item = items(1)[0];
    assert_names(&[item; 40], &[]);
}

#[test]
fn one_bad_proof_is_named_wherever_it_stands() {
    let good = items(64);
    for bad in 0..64 {
        let mut items = good.clone();
        spoil(&mut items[bad]);
        let results = SMALL.verifier.verify_batch(&items, &weights(64));
        let failed: Vec<_> =
            results.iter().enumerate().filter(|(_, r)| r.is_err()).map(|(i, _)| i).collect();
        assert_eq!(failed, [bad]);
        assert_eq!(results[bad], Err(VerifyError::PairingFailed));
    }
}

#[test]
fn several_bad_proofs_are_named_each() {
    let good = items(64);
    for bad in [&[0, 63][..], &[31, 32], &[1, 2, 3, 40], &[0, 1, 2, 3, 4, 5, 6, 7]] {
        let mut items = good.clone();
        bad.iter().for_each(|index| spoil(&mut items[*index]));
        assert_names(&items, bad);
    }
    let mut all_bad = good;
    all_bad.iter_mut().for_each(spoil);
    assert_names(&all_bad, &(0..64).collect::<Vec<_>>());
}

#[test]
fn every_rule_is_held_within_a_batch() {
    let mut items = items(16);
    items[2].proof.commitment[47] |= 0x80;
    items[5].proof = Proof::ZERO;
    items[7].claim = Claim::Share(Target::MIN);
    items[11].proof.opening = common::plus(&items[11].proof.opening, &common::torsion_points()[0]);
    spoil(&mut items[13]);
    items[15].nonce += 1;
    assert_names(&items, &[2, 5, 7, 11, 13, 15]);
    let results = SMALL.verifier.verify_batch(&items, &weights(16));
    assert_eq!(results[2], Err(VerifyError::CoordinateRange { which: Part::Commitment }));
    assert_eq!(results[5], Err(VerifyError::NotOnCurve { which: Part::Commitment }));
    assert!(matches!(results[7], Err(VerifyError::TargetMissed { .. })));
    assert_eq!(results[11], Err(VerifyError::NotInSubgroup { which: Part::Opening }));
    assert_eq!(results[13], Err(VerifyError::PairingFailed));
    assert_eq!(results[15], Err(VerifyError::PairingFailed));
}

#[test]
fn bad_proofs_that_cancel_out_are_told_apart_by_the_weights() {
    // Adding [τ − z_1] to one opening and −[τ − z_0] to the other leaves errors of (z_0 − τ)·(τ −
    // z_1) and its negative.
    let mut items = items(2);
    let shift = |of: &Item| {
        let z = common::challenge(&Seed::new(&of.statement, of.nonce), &of.proof.commitment);
        (SMALL.srs.powers()[1].to_projective() - G1Affine::prime_subgroup_generator() * z)
            .to_affine()
    };
    let (shift_0, shift_1) = (shift(&items[1]), -shift(&items[0]));
    items[0].proof.opening = common::plus(&items[0].proof.opening, &shift_0);
    items[1].proof.opening = common::plus(&items[1].proof.opening, &shift_1);

    assert_names(&items, &[0, 1]);
    assert!(SMALL.verifier.verify_batch(&items, &[5, 6]).iter().all(|result| result.is_err()));
    // Why the weights must not be known beforehand: with equal ones the errors do cancel.
    assert!(SMALL.verifier.verify_batch(&items, &[5, 5]).iter().all(|result| result.is_ok()));
}

#[test]
fn all_128_bits_of_a_weight_count() {
    let mut items = items(2);
    let difference = SMALL.srs.powers()[1].to_projective();
    // Errors in the ratio 1 : −2^127, which weights of 2^127 and 1 cancel.
    let z: Vec<_> = items
        .iter()
        .map(|i| common::challenge(&Seed::new(&i.statement, i.nonce), &i.proof.commitment))
        .collect();
    let shift = |z| difference - G1Affine::prime_subgroup_generator() * z;
    let large = shift(z[0]).to_affine().mul_bits(BitIteratorBE::new([0, 1 << 63]));
    items[0].proof.opening = common::plus(&items[0].proof.opening, &shift(z[1]).to_affine());
    items[1].proof.opening = common::plus(&items[1].proof.opening, &(-large).to_affine());
    let passes =
        |weights| SMALL.verifier.verify_batch(&items, weights).iter().all(|result| result.is_ok());
    assert!(passes(&[1 << 127, 1]));
    assert!(!passes(&[(1 << 127) + 1, 1]));
    assert!(!passes(&[1 << 126, 1]));
}

#[test]
fn unusable_weights_verify_nothing() {
    let items = items(3);
    let refused = |weights: &[u128], error| {
        assert_eq!(SMALL.verifier.verify_batch(&items, weights), vec![Err(error); 3]);
        assert_eq!(error.rule(), "weights");
    };
    refused(&[1, 2], VerifyError::MissingWeights { expected: 3, got: 2 });
    refused(&[], VerifyError::MissingWeights { expected: 3, got: 0 });
    refused(&[1, 0, 2], VerifyError::ZeroWeight { index: 1 });
    assert!(
        SMALL.verifier.verify_batch(&items, &[1, 2, 3, 0]).iter().all(Result::is_ok),
        "spare weights are unused"
    );
    assert!(SMALL.verifier.verify_batch(&[], &[]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 16,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_set_of_bad_proofs_is_named(count in 1usize..20, pattern: u32) {
        let mut items = items(count as u64);
        let bad: Vec<usize> = (0..count).filter(|index| pattern >> index & 1 == 1).collect();
        bad.iter().for_each(|index| spoil(&mut items[*index]));
        assert_names(&items, &bad);
    }
}
