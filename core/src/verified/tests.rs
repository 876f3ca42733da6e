use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Barrier,
    thread,
    time::Duration,
};

use lode_consensus::{obligation::judge, transaction::SignatureClaim};
use lode_puzzle::{Claim, Half, Item, Proof, Statement, Target, VerifyError};

use super::*;

/// Takes all proofs for good but those with an opening of ones, all signatures but those of ones,
/// and all addresses but those of 255s; notes what it was asked.
#[derive(Default)]
struct Clerk {
    asked: Mutex<Vec<(u64, u128)>>,
    others: Mutex<Vec<Obligation>>,
    /// What it does before it answers.
    pause: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Clerk {
    fn proofs(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if weights.len() < items.len() {
            return vec![
                Err(VerifyError::MissingWeights {
                    expected: items.len(),
                    got: weights.len()
                });
                items.len()
            ];
        }
        self.asked
            .lock()
            .extend(items.iter().zip(weights).map(|(item, weight)| (item.nonce, *weight)));
        let judge = |item: &Item| {
            let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
            item.claim.check(&ticket)?;
            if item.proof.opening == [1; 96] { Err(VerifyError::PairingFailed) } else { Ok(ticket) }
        };
        items.iter().map(judge).collect()
    }
}

impl ProofChecker for Clerk {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        self.pause.iter().for_each(|pause| pause());
        let is_other = |obligation: &&Obligation| obligation.kind() != Kind::Puzzle;
        self.others.lock().extend(obligations.iter().filter(is_other));
        // No signature of these tests is one, so that only proofs and addresses are judged as
        // usual.
        let judged = judge(obligations, |items| self.proofs(items, weights));
        let verdict = |(obligation, judged): (&Obligation, Verdict)| match obligation {
            Obligation::Signature(claim) if claim.signature != [1; 128] => Ok(()),
            _ => judged,
        };
        obligations.iter().zip(judged).map(verdict).collect()
    }
}

fn cache() -> VerifiedCache<Clerk> {
    VerifiedCache::new(Clerk::default())
}

/// The nonces of the proofs that the clerk was asked about.
fn asked(cache: &VerifiedCache<Clerk>) -> Vec<u64> {
    cache.checker.asked.lock().iter().map(|(nonce, _)| *nonce).collect()
}

fn item(nonce: u64) -> Item {
    Item { statement: Statement([3; 32]), nonce, proof: Proof::ZERO, claim: Claim::None }
}

fn bad(nonce: u64) -> Item {
    Item { proof: Proof { opening: [1; 96], ..Proof::ZERO }, ..item(nonce) }
}

/// Has proofs judged.
fn check(cache: &VerifiedCache<Clerk>, items: &[Item], weights: &[u128]) -> Vec<Verdict> {
    let obligations: Vec<Obligation> = items.iter().copied().map(Obligation::Puzzle).collect();
    cache.check(&obligations, weights)
}

fn signature(number: u8) -> Obligation {
    Obligation::Signature(SignatureClaim {
        from: Address([0; 32]),
        message: Hash([number; 32]),
        signature: [number; 128],
    })
}

#[test]
fn an_attempt_is_checked_once_and_each_of_its_claims_is_judged() {
    let cache = cache();
    let share = Item { claim: Claim::Share(Target::MAX), ..item(7) };
    assert_eq!(check(&cache, &[share], &[1]), [Ok(())]);
    let block = Item { claim: Claim::Block(Target::MAX), ..share };
    assert_eq!(check(&cache, &[block], &[1]), [Ok(())]);
    let missed = Item { claim: Claim::Block(Target::MIN), ..share };
    assert!(matches!(
        check(&cache, &[missed], &[1])[..],
        [Err(ObligationError::Puzzle(VerifyError::TargetMissed {
            half: Half::Block,
            target: Target::MIN,
            ..
        }))]
    ));
    assert_eq!(asked(&cache), [7]);
}

#[test]
fn anything_else_is_another_attempt() {
    let cache = cache();
    let first = item(7);
    assert!(check(&cache, &[first], &[1])[0].is_ok());
    let others = [
        Item { statement: Statement([4; 32]), ..first },
        Item { nonce: 8, ..first },
        Item { proof: Proof { commitment: [2; 96], ..Proof::ZERO }, ..first },
        Item { proof: Proof { opening: [2; 96], ..Proof::ZERO }, ..first },
    ];
    others.iter().for_each(|other| assert!(check(&cache, &[*other], &[1])[0].is_ok()));
    assert_eq!(asked(&cache), [7, 7, 8, 7, 7]);
}

#[test]
fn addresses_and_signatures_are_checked_once_and_known_by_all_their_bytes() {
    let cache = cache();
    let Obligation::Signature(claim) = signature(5) else { unreachable!() };
    let mut other_signature = claim.signature;
    other_signature[127] ^= 1;
    let good = [
        Obligation::Address(Address([0; 32])),
        Obligation::Signature(claim),
        Obligation::Signature(SignatureClaim { from: Address([1; 32]), ..claim }),
        Obligation::Signature(SignatureClaim { message: Hash([6; 32]), ..claim }),
        Obligation::Signature(SignatureClaim { signature: other_signature, ..claim }),
    ];
    for _ in 0..2 {
        assert_eq!(cache.check(&good, &[]), [const { Ok(()) }; 5]);
        good.iter().for_each(|obligation| assert_eq!(cache.check(&[*obligation], &[]), [Ok(())]));
    }
    assert_eq!(*cache.checker.others.lock(), good);
}

#[test]
fn what_is_bad_or_unjudged_is_not_remembered() {
    let cache = cache();
    let nobody = Obligation::Address(Address([0xff; 32]));
    for _ in 0..2 {
        assert_eq!(check(&cache, &[bad(7)], &[1]), [Err(VerifyError::PairingFailed.into())]);
        assert!(check(&cache, &[item(8)], &[])[0].is_err());
        let verdicts = cache.check(&[nobody, signature(1)], &[]);
        assert!(matches!(
            verdicts[..],
            [Err(ObligationError::Address(_)), Err(ObligationError::Signature(_))]
        ));
    }
    // Nor are those whose ticket missed what was claimed, though their proof might hold.
    let missed = Item { claim: Claim::Block(Target::MIN), ..item(9) };
    assert!(check(&cache, &[missed], &[1])[0].is_err());
    assert!(check(&cache, &[item(9)], &[1])[0].is_ok());
    assert_eq!(asked(&cache), [7, 7, 9, 9]);
    assert_eq!(*cache.checker.others.lock(), [nobody, signature(1), nobody, signature(1)]);
}

#[test]
fn a_silent_checker_proves_nothing() {
    struct Silent;
    impl ProofChecker for Silent {
        fn check(&self, _: &[Obligation], _: &[u128]) -> Vec<Verdict> {
            Vec::new()
        }
    }
    let cache = VerifiedCache::new(Silent);
    let obligations = [Obligation::Puzzle(item(1)), signature(2)];
    for _ in 0..2 {
        let verdicts = cache.check(&obligations, &[1]);
        assert_eq!(verdicts, [Err(ObligationError::Unjudged), Err(ObligationError::Unjudged)]);
    }
}

#[test]
fn of_a_batch_only_what_is_new_is_checked_with_its_own_weights() {
    let cache = cache();
    check(&cache, &[item(2), item(4)], &[20, 40]);
    let mut obligations =
        [item(1), item(2), bad(3), item(4), item(5)].map(Obligation::Puzzle).to_vec();
    // What needs no weight takes none.
    obligations.insert(1, signature(9));
    let verdicts = cache.check(&obligations, &[10, 21, 30, 41, 50]);
    let good: Vec<bool> = verdicts.iter().map(Result::is_ok).collect();
    assert_eq!(good, [true, true, true, false, true, true]);
    let asked = cache.checker.asked.lock().clone();
    assert_eq!(asked, [(2, 20), (4, 40), (1, 10), (3, 30), (5, 50)]);
}

#[test]
fn two_who_ask_at_the_same_time_share_one_check() {
    let both = std::sync::Arc::new(Barrier::new(2));
    let at_clerk = both.clone();
    let pause = move || {
        at_clerk.wait();
        // The other one has begun to ask.
        thread::sleep(Duration::from_millis(50));
    };
    let cache = VerifiedCache::new(Clerk { pause: Some(Box::new(pause)), ..Clerk::default() });
    thread::scope(|scope| {
        scope.spawn(|| assert!(check(&cache, &[item(7)], &[1])[0].is_ok()));
        both.wait();
        assert!(check(&cache, &[item(7)], &[1])[0].is_ok());
    });
    assert_eq!(asked(&cache), [7]);
}

#[test]
fn a_checker_that_panics_delays_no_other_check() {
    let times = Mutex::new(0);
    let pause = move || {
        let mut times = times.lock();
        *times += 1;
        assert!(*times > 1, "the first time");
    };
    let cache = VerifiedCache::new(Clerk { pause: Some(Box::new(pause)), ..Clerk::default() });
    assert!(catch_unwind(AssertUnwindSafe(|| check(&cache, &[item(7)], &[1]))).is_err());
    assert!(check(&cache, &[item(7)], &[1])[0].is_ok());
}

#[test]
fn the_oldest_proof_gives_way_to_proofs_alone() {
    let cache = cache();
    cache.check(&[signature(9)], &[]);
    let last = MAX_PUZZLES as u64;
    (0..=last).for_each(|nonce| assert!(check(&cache, &[item(nonce)], &[1])[0].is_ok()));
    check(&cache, &[item(last)], &[1]);
    check(&cache, &[item(0)], &[1]);
    assert_eq!(asked(&cache).len() as u64, last + 2);
    cache.check(&[signature(9)], &[]);
    assert_eq!(cache.checker.others.lock().len(), 1);
}
