//! Attacks with deliveries: stolen, false, copied and early proofs, and one bond for many jobs.

use std::slice;

use lode_consensus::{
    Action, Hash, Transaction,
    market::{
        Policy, Selection,
        event::{Outcome, Void},
        job::ENDED_BLOCKS,
    },
    transaction::{Ask, Deliver},
};
use lode_testkit::world::{
    FEE, Judged, World, actor, deliver, deliver_false, genesis_hash, policy, sent, unbond,
};

use crate::{CREDIT, FALSE_PROOF, ask, is_over_budget, net, offer, shop, signed, worth};

/// Theft of a proof from the mempool. Best response: the copy, with a fee that puts it first in the
/// block.
/// Bound: it loses FALSE_PROOF and the fee, and the prover is paid as if nothing had been copied.
#[test]
fn a_stolen_proof_costs_its_thief_a_false_proof() {
    let (mut world, class) = shop(&["prover", "thief", "user"], policy());
    let job = world.act("user", Action::Request(offer(class)));
    world.skip(1);
    let proof = deliver("prover", &[job]);
    let mut quiet = world.clone();
    quiet.act("prover", proof.clone());
    assert_eq!(worth(&quiet, &["prover"]) - worth(&world, &["prover"]), net(CREDIT));

    let mut robbed = world.clone();
    let done = robbed.block(&[("thief", proof.clone()), ("prover", proof.clone())]);
    assert_eq!(done.outcomes, [Ok(Outcome::FalseProof), Ok(Outcome::Applied)]);
    let lost = worth(&world, &["thief"]) - worth(&robbed, &["thief"]);
    assert_eq!(lost, signed(FALSE_PROOF + FEE));
    assert_eq!(worth(&robbed, &["prover"]), worth(&quiet, &["prover"]));

    // Without a bond, and of a job that is assigned, the copy is not even judged: it costs its fee.
    world.operate("thief", FALSE_PROOF - 1);
    let free = FALSE_PROOF - 1;
    let void = Ok(Outcome::Void(Void::FreeBond { needed: FALSE_PROOF.into(), free }));
    assert_eq!(world.judge("thief", proof), void);
    let (mut world, class) = shop(&["prover", "thief", "user"], policy());
    world.act("prover", Action::Ask(ask(class, CREDIT)));
    let job = world.act("user", Action::Request(offer(class)));
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("prover")));
    for proof in [deliver("prover", &[job]), deliver("thief", &[job])] {
        let void = Ok(Outcome::Void(Void::NothingToDeliver));
        assert_eq!(world.judge("thief", proof), void);
    }
}

/// False proofs, by the assignee and by others. Best response, to keep verifiers busy: as many
/// Delivers of one job as the block's budget takes (31 of an assignee, 15 of others), from a sender
/// that also makes the block, so that half of what each costs comes back.
/// Bound: FALSE_PROOF each, of which half is burned whoever the producer is.
#[test]
fn false_proofs_burn_half_a_credit_each() {
    let (mut world, class) = shop(&["liar", "user"], policy());
    world.act("liar", Action::Ask(Ask { capacity: 1, ..ask(class, 1) }));
    let jobs = world.must(&[0; 2].map(|_| ("user", Action::Request(offer(class)))));
    world.skip(1);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("liar")));
    for (job, most) in [(jobs[0], 31), (jobs[1], 15)] {
        let mut world = world.clone();
        world.repute("liar", 9_000);
        let (before, burned) = (worth(&world, &["liar"]), world.supply().burned);
        let done = world.block(&vec![("liar", deliver_false(&[job])); 40]);
        let is_false = |outcome: &&Judged| **outcome == Ok(Outcome::FalseProof);
        assert_eq!(done.outcomes.iter().filter(is_false).count() as u64, most);
        assert!(done.outcomes.iter().skip(most as usize).all(is_over_budget));
        assert_eq!(before - worth(&world, &["liar"]), signed(most * (FALSE_PROOF + FEE)));
        assert_eq!(world.supply().burned - burned, most * FALSE_PROOF / 2);
        assert_eq!(done.applied.penalties, most * FALSE_PROOF / 2);
        assert_eq!(world.operator("liar").reputation, 0);
        // They have not moved the jobs.
        assert_eq!(world.assignee(&jobs[0]), Some(actor("liar")));
        assert_eq!(world.assignee(&jobs[1]), None);
    }
    // A bond ends: the last lie is the last that is judged.
    world.operate("beggar", 2 * FALSE_PROOF + 1);
    world.fund("beggar", CREDIT);
    let done = world.block(&vec![("beggar", deliver_false(&jobs[1..])); 3]);
    let void = Outcome::Void(Void::FreeBond { needed: FALSE_PROOF.into(), free: 1 });
    let lie = Outcome::FalseProof;
    assert_eq!(done.outcomes, [Ok(lie), Ok(lie), Ok(void)]);
}

/// Replay of a proof: for another job, a part of its batch or a greater one, on another network,
/// twice, and on a fork. Best response: the prover itself sends its true proof once more.
/// Bound: each job is paid once in each chain; a proof that is moved is a false one.
#[test]
fn a_proof_serves_once_for_its_jobs_on_its_network() {
    let (mut world, class) = shop(&["prover", "user"], policy());
    let before_jobs = world.clone();
    let mut jobs = world.must(&[0; 2].map(|_| ("user", Action::Request(offer(class)))));
    jobs.sort_unstable();
    world.skip(1);
    let [one, two] = [&jobs[..1], &jobs[1..]];
    let Action::Deliver(of_one) = deliver("prover", one) else { panic!("no delivery") };
    let Action::Deliver(of_both) = deliver("prover", &jobs) else { panic!("no delivery") };
    let moved = |proof: &[u8], jobs: &[Hash]| {
        Action::Deliver(Deliver { jobs: jobs.to_vec(), proof: proof.to_vec() })
    };
    let other_network = Hash::of("another network", &[]);
    let foreign = of_one.binding(&other_network, &actor("prover"));
    for (proof, jobs) in [
        (&of_one.proof[..], two),
        (&of_one.proof[..], &jobs[..]),
        (&of_both.proof[..], one),
        (&foreign.0[..], one),
    ] {
        assert_eq!(world.judge("prover", moved(proof, jobs)), Ok(Outcome::FalseProof));
    }
    // What is signed is another message on another network.
    let signed_here = sent("prover", deliver("prover", one));
    assert_ne!(signed_here.id(&genesis_hash()), signed_here.id(&other_network));

    // Each fork that has the job pays for it once; one that has it not, and one that has forgotten
    // it, pays nothing.
    let gained = |fork: &mut World| {
        let before = worth(fork, &["prover"]);
        fork.act("prover", deliver("prover", one));
        let paid = worth(fork, &["prover"]) - before;
        let again = fork.judge("prover", deliver("prover", one));
        assert_eq!(again, Ok(Outcome::Void(Void::NothingToDeliver)));
        paid
    };
    let mut fork = world.clone();
    fork.set_tip_hash(Hash::of("another branch", &[]));
    fork.skip(3);
    assert_eq!((gained(&mut world), gained(&mut fork)), (net(CREDIT), net(CREDIT)));
    let void = Ok(Outcome::Void(Void::MixedJobs));
    assert_eq!(before_jobs.judge("prover", deliver("prover", one)), void);
    world.skip(offer(class).hard_blocks + ENDED_BLOCKS);
    assert_eq!(world.judge("prover", deliver("prover", one)), void);
}

/// Sniping a job in its own block. Best response: the proof, made before the Request is in a block,
/// beside it; then in each block after it.
/// Bound: no delivery counts before every operator could see that the job is open, which is two
/// blocks after the Request's (one in a contest); none at all while an ask fits.
#[test]
fn a_job_is_not_sold_in_its_own_block() {
    let contest = Policy { selection: Selection::Contest, ..policy() };
    for (policy, asks, first) in
        [(policy(), false, Some(2)), (policy(), true, None), (contest, false, Some(1))]
    {
        let (mut world, class) = shop(&["rival", "sniper", "user"], policy);
        if asks {
            world.act("rival", Action::Ask(ask(class, CREDIT)));
        }
        let nonce = world.account("user").nonce;
        let request = Transaction { nonce, ..sent("user", Action::Request(offer(class))) };
        let shot = sent("sniper", deliver("sniper", &[request.id(&genesis_hash())]));
        for delay in 0..4 {
            let mut world = world.clone();
            let mut done = if delay == 0 {
                world.apply(&[request.clone(), shot.clone()])
            } else {
                world.apply(slice::from_ref(&request))
            };
            for block in 1..=delay {
                let last = block == delay;
                done = world.apply(if last { slice::from_ref(&shot) } else { &[] });
            }
            let counts = first.is_some_and(|first| delay >= first);
            let expected =
                if counts { Outcome::Applied } else { Outcome::Void(Void::NothingToDeliver) };
            assert_eq!(done.outcomes.last(), Some(&Ok(expected)), "{delay} blocks after");
        }
    }
}

/// Several jobs of contests on one bond. Best response: one Deliver that lists them all, so that
/// each looks at the same free bond.
/// Bound: min_bond stays locked for each that counts, and FALSE_PROOF beside it: a bond of
/// FALSE_PROOF + 2·min_bond + (min_bond − 1) enters two.
#[test]
fn each_job_of_a_contest_locks_a_bond_of_its_own() {
    let min_bond = CREDIT / 2;
    let contest = Policy { selection: Selection::Contest, window: 3, min_bond, ..policy() };
    let (mut world, class) = shop(&["prover", "user"], contest);
    world.operate("prover", FALSE_PROOF + 3 * min_bond - 1);
    let jobs = world.must(&[0; 3].map(|_| ("user", Action::Request(offer(class)))));
    for alone in &jobs {
        assert_eq!(world.judge("prover", deliver("prover", &[*alone])), Ok(Outcome::Applied));
    }
    world.act("prover", deliver("prover", &jobs));
    let entered = |job: &&Hash| !world.job(job).deliveries.is_empty();
    let left_out = jobs.iter().find(|job| !entered(job)).unwrap();
    assert_eq!(jobs.iter().filter(entered).count(), 2);
    let operator = world.operator("prover");
    assert_eq!((operator.locked, operator.held), (2 * min_bond, 2));
    let void = Ok(Outcome::Void(Void::NothingToDeliver));
    assert_eq!(world.judge("prover", deliver("prover", &[*left_out])), void);
    // Nor can what is locked be taken away before the contests are over.
    let rest = operator.bond - operator.locked - FALSE_PROOF;
    let taken = world.judge("prover", unbond(rest + 1));
    assert!(matches!(taken, Ok(Outcome::Void(Void::FreeBond { .. }))));
}
