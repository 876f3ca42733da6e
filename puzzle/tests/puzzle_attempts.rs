//! Attempts: what the reference engine makes, held against snarkVM's own verifier and the verifier
//! of this crate.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{MAINNET, Rig, SMALL, STATEMENT, challenge, commit, decode, encode, quotient};
use lode_puzzle::{
    Claim, Engine, Expansion, Job, LogSize, LogSizeError, Output, Proof, QuotientDomain, Seed,
    Statement, Target,
};
use proptest::prelude::*;
use snarkvm::{
    algorithms::{
        fft::EvaluationDomain,
        polycommit::kzg10::{KZG10, KZGCommitment, KZGProof, KZGRandomness, Powers, VerifierKey},
    },
    curves::{
        AffineCurve, PairingCurve,
        bls12_377::{Bls12_377, Fr, G1Affine, G2Affine},
    },
    fields::{Field, One, PrimeField},
};

/// snarkVM's KZG10 agrees: it commits to the same point, opens to the same point, and accepts the
/// value.
fn assert_snarkvm_agrees(rig: &Rig, statement: &Statement, nonce: u64) {
    let attempt = rig.engine.attempt(statement, nonce).unwrap();
    let polynomial = quotient(&attempt.seed, rig.verifier.log_n());
    assert!(polynomial.degree() <= rig.verifier.log_n().n() - 2);
    let powers = Powers::<Bls12_377> {
        powers_of_beta_g: rig.srs.powers().into(),
        powers_of_beta_times_gamma_g: Default::default(),
    };
    let (commitment, _) = KZG10::commit(&powers, &(&polynomial).into(), None, None).unwrap();
    assert_eq!(attempt.proof.commitment, encode(commitment.0));

    let point = challenge(&attempt.seed, &attempt.proof.commitment);
    let value = polynomial.evaluate(point);
    assert_eq!(attempt.point, to_bytes(&point));
    assert_eq!(attempt.value, to_bytes(&value));
    let opening = KZG10::open(&powers, &polynomial, point, &KZGRandomness::empty()).unwrap();
    assert_eq!(attempt.proof.opening, encode(opening.w));

    let (h, beta_h) = (G2Affine::prime_subgroup_generator(), *rig.srs.tau_g2());
    let g = G1Affine::prime_subgroup_generator();
    let key = VerifierKey::<Bls12_377> {
        g,
        gamma_g: g,
        h,
        beta_h,
        prepared_h: h.prepare(),
        prepared_beta_h: beta_h.prepare(),
    };
    let commitment = KZGCommitment(decode(&attempt.proof.commitment));
    let opening = KZGProof { w: decode(&attempt.proof.opening), random_v: None };
    assert!(KZG10::check(&key, &commitment, point, value, &opening).unwrap());
    assert!(!KZG10::check(&key, &commitment, point, value + Fr::one(), &opening).unwrap());
}

fn to_bytes(scalar: &Fr) -> [u8; 32] {
    scalar.to_bigint().0.map(u64::to_le_bytes).concat().try_into().unwrap()
}

#[test]
fn snarkvm_agrees_at_every_small_size() {
    for log_n in 2..=8 {
        let rig = Rig::new(log_n);
        for nonce in 0..4 {
            assert_snarkvm_agrees(&rig, &STATEMENT, nonce);
            let proof = rig.proof(&STATEMENT, nonce);
            assert!(rig.verifier.verify(&STATEMENT, nonce, &proof, Claim::None).is_ok());
            assert_eq!(
                commit(&rig.srs, &quotient(&Seed::new(&STATEMENT, nonce), rig.verifier.log_n())),
                decode(&proof.commitment).to_projective()
            );
        }
    }
}

#[test]
fn snarkvm_agrees_at_the_size_of_the_public_networks() {
    assert_snarkvm_agrees(&MAINNET, &STATEMENT, 1);
}

#[test]
fn the_largest_size_works() {
    let rig = Rig::new(15);
    let proof = rig.proof(&STATEMENT, 0);
    assert!(rig.verifier.verify(&STATEMENT, 0, &proof, Claim::None).is_ok());
}

#[test]
fn a_proof_of_one_size_is_none_of_another() {
    let other = Rig::new(5);
    let proof = SMALL.proof(&STATEMENT, 0);
    assert!(other.verifier.verify(&STATEMENT, 0, &proof, Claim::None).is_err());
}

#[test]
fn sizes_outside_of_the_range_are_refused() {
    for got in [0, 1, 16, 64, u8::MAX] {
        assert_eq!(LogSize::new(got), Err(LogSizeError { got }));
    }
    for log_n in 2..=15 {
        let size = LogSize::new(log_n).unwrap();
        assert_eq!((size.log_n(), size.n()), (log_n, 2usize.pow(log_n.into())));
    }
}

#[test]
fn the_domain_is_that_of_the_specification_and_of_snarkvm() {
    for log_n in 2..=15 {
        let domain = QuotientDomain::new(LogSize::new(log_n).unwrap());
        let snarkvm = EvaluationDomain::<Fr>::new(1 << log_n).unwrap();
        assert_eq!(domain.elements()[1], snarkvm.group_gen);
        assert_eq!(domain.elements().len(), 1 << log_n);
        assert!(domain.elements().iter().copied().eq(snarkvm.elements()));
        let omega = domain.elements()[1];
        assert!(omega.pow([1 << log_n]).is_one() && !omega.pow([1 << (log_n - 1)]).is_one());
    }
}

#[test]
fn the_quotient_has_no_barycentric_value_on_the_domain() {
    let log_n = LogSize::new(4).unwrap();
    let domain = QuotientDomain::new(log_n);
    let seed = Seed::new(&STATEMENT, 0);
    let expansion = Expansion::new(&seed, log_n);
    for element in domain.elements() {
        assert_eq!(domain.quotient_at(&expansion, *element), None);
    }
    let polynomial = quotient(&seed, log_n);
    for point in [Fr::from(0u64), Fr::from(2u64), domain.elements()[1] + Fr::one()] {
        assert_eq!(domain.quotient_at(&expansion, point), Some(polynomial.evaluate(point)));
    }
}

fn job(targets: u128, nonces: std::ops::Range<u64>) -> Job {
    let target = Target::new(targets).unwrap();
    Job { statement: STATEMENT, nonces, block_target: target, share_target: Target::MIN }
}

fn run(job: &Job, mut cancel_after: u64) -> (u64, Vec<u64>) {
    let cancel = AtomicBool::new(cancel_after == 0);
    let (mut attempts, mut won) = (0, Vec::new());
    let mut out = |output| match output {
        Output::Attempts(count) => {
            attempts += count;
            cancel_after -= count;
            cancel.store(cancel_after == 0, Ordering::Relaxed);
        }
        Output::Won(attempt) => {
            assert_eq!(attempt, SMALL.engine.attempt(&STATEMENT, attempt.nonce).unwrap());
            won.push(attempt.nonce);
        }
        Output::Invalid { reason } | Output::Fault { reason } => panic!("{reason}"),
    };
    SMALL.engine.run(job, &cancel, &mut out).unwrap();
    (attempts, won)
}

#[test]
fn a_job_counts_its_attempts_and_returns_its_winners() {
    let ticket = |nonce| SMALL.engine.attempt(&STATEMENT, nonce).unwrap().ticket;
    let half = u128::MAX / 2;
    let block: Vec<u64> = (100..130).filter(|nonce| ticket(*nonce).block_value() <= half).collect();
    let share: Vec<u64> = (100..130).filter(|nonce| ticket(*nonce).share_value() <= half).collect();
    assert!(!block.is_empty() && block.len() < 30 && block != share);

    assert_eq!(run(&job(half, 100..130), u64::MAX), (30, block));
    let swapped = Job {
        block_target: Target::MIN,
        share_target: Target::new(half).unwrap(),
        ..job(1, 100..130)
    };
    assert_eq!(run(&swapped, u64::MAX), (30, share));
    assert_eq!(run(&job(u128::MAX, 5..5), u64::MAX), (0, vec![]));
}

#[test]
fn a_job_stops_between_attempts_when_cancelled() {
    assert_eq!(run(&job(u128::MAX, 0..u64::MAX), 0), (0, vec![]));
    assert_eq!(run(&job(u128::MAX, 0..u64::MAX), 3), (3, vec![0, 1, 2]));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_attempt_verifies(statement: [u8; 32], nonce: u64) {
        let statement = Statement(statement);
        let attempt = SMALL.engine.attempt(&statement, nonce).unwrap();
        prop_assert_eq!(attempt.seed, Seed::new(&statement, nonce));
        prop_assert_eq!(
            SMALL.verdict(&statement, nonce, &attempt.proof, Claim::None),
            Ok(attempt.ticket)
        );
    }

    #[test]
    fn any_flipped_bit_of_a_proof_is_refused(nonce in 0u64..8, bit in 0usize..192 * 8) {
        let mut bytes = SMALL.proof(&STATEMENT, nonce).to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let proof = Proof::from_bytes(&bytes).unwrap();
        prop_assert!(SMALL.verdict(&STATEMENT, nonce, &proof, Claim::None).is_err());
    }
}
