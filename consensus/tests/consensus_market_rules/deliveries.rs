//! Void: deliveries.

use lode_consensus::{
    Hash, StateKey,
    market::{
        Operator, Policy, Selection,
        event::{Outcome, Void},
        job::Status,
    },
    transaction::Request,
};
use lode_testkit::world::{
    APPLIED, BALANCE, World, actor, deliver, deliver_false, policy, requested, void,
};

use crate::{FALSE_PROOF, Stage, class_with, stage, stage_with};

/// An ended job is known for 65 blocks after `hard`: 1015 of the one, 1016 of the other.
#[test]
fn a_deliver_lists_jobs_of_one_class_that_are_known() {
    let Stage { mut world, class, open, assigned } = stage();
    let other = world.class(Policy { band_bps: 1, ..policy() });
    assert_ne!(class, other);
    let foreign = world.act("req", requested(other, |_| {}));
    let judge = |world: &World, jobs: &[Hash]| world.judge("rival", deliver("rival", jobs));
    assert_eq!(judge(&world, &[open]), APPLIED);
    assert_eq!(judge(&world, &[open, foreign]), void(Void::MixedJobs));
    assert_eq!(judge(&world, &[open, Hash([3; 32])]), void(Void::MixedJobs));

    let limits = [assigned, open].map(|job| world.job(&job).terms.hard);
    assert_eq!(limits, [1_015, 1_016]);
    world.act("rival", deliver("rival", &[open]));
    let long = requested(class, |request| {
        (request.operator, request.hard_blocks) = (Some(actor("rival")), 1_000);
    });
    let next = world.act("req", long);
    world.skip_to(1_078);
    assert_eq!(judge(&world, &[assigned, next]), APPLIED);
    assert_eq!(judge(&world, &[open, next]), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, &[assigned, next]), void(Void::MixedJobs));
    assert_eq!(judge(&world, &[open, next]), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, &[open, next]), void(Void::MixedJobs));
}

#[test]
fn a_deliver_needs_the_free_bond_of_a_false_proof() {
    let Stage { mut world, open, assigned, .. } = stage();
    let short = |free| void(Void::FreeBond { needed: FALSE_PROOF.into(), free });
    world.operate("rival", FALSE_PROOF - 1);
    assert_eq!(world.judge("rival", deliver("rival", &[open])), short(FALSE_PROOF - 1));
    world.operate("rival", FALSE_PROOF);
    assert_eq!(world.judge("rival", deliver("rival", &[open])), APPLIED);
    assert_eq!(world.judge("idle", deliver("idle", &[open])), short(0));
    // What is locked does not count, an assignee's neither.
    let lean = |world: &mut World, bond| {
        let operator = Operator { bond, ..world.operator("op") };
        world.put(StateKey::Operator(actor("op")), operator);
    };
    lean(&mut world, 10_000 + FALSE_PROOF - 1);
    assert_eq!(world.judge("op", deliver("op", &[assigned])), short(FALSE_PROOF - 1));
    lean(&mut world, 10_000 + FALSE_PROOF);
    assert_eq!(world.judge("op", deliver("op", &[assigned])), APPLIED);
}

#[test]
fn a_deliver_has_something_to_deliver_now() {
    let Stage { mut world, class, open, assigned } = stage();
    let nothing = void(Void::NothingToDeliver);
    let judge = |world: &World, from: &str, jobs: &[Hash]| world.judge(from, deliver(from, jobs));
    assert_eq!(judge(&world, "rival", &[assigned]), nothing, "it is another's");
    assert_eq!(judge(&world, "rival", &[assigned, open]), APPLIED, "one of them is not");
    // Waiting since 1006; the matching of 1007 makes it open, from the next block on.
    let fresh = world.act("req", requested(class, |_| {}));
    assert_eq!(world.job(&fresh).status, Status::Waiting);
    assert_eq!(judge(&world, "rival", &[fresh]), nothing, "open in this very block");
    world.skip(1);
    assert_eq!(world.job(&fresh).opened, Some(1_007));
    assert_eq!(judge(&world, "rival", &[fresh]), APPLIED);
    // Matching comes first: within the block of its Request a job can only be waiting.
    let post = requested(class, |request| request.hard_blocks = 50);
    let id = {
        let mut ahead = world.clone();
        ahead.act("req", post.clone())
    };
    let outcomes = world.block(&[("req", post), ("rival", deliver("rival", &[id]))]).outcomes;
    assert_eq!(outcomes, [APPLIED, nothing.clone()]);
    world.act("rival", deliver("rival", &[fresh]));
    assert_eq!(judge(&world, "rival", &[fresh]), nothing, "it has ended");
}

/// Gate 4 of an open job, with its value for the price, and its named operator.
#[test]
fn an_open_job_is_delivered_by_those_who_pass_its_gates() {
    let nothing = void(Void::NothingToDeliver);
    let post = |policy: Policy, change: fn(&mut Request)| {
        let mut world = World::new(&["op", "req", "rival"]);
        world.operate("op", 10_000_000);
        world.operate("rival", 10_000_000);
        let class = world.class(policy);
        let job = world.act("req", requested(class, change));
        world.skip(1);
        assert_eq!(world.job(&job).opened, Some(1_003));
        (world, job)
    };
    let judge = |world: &World, job: Hash| world.judge("op", deliver("op", &[job]));

    let (world, job) = post(policy(), |request| request.operator = Some(actor("rival")));
    assert_eq!(judge(&world, job), nothing);
    assert_eq!(world.judge("rival", deliver("rival", &[job])), APPLIED);

    // The greater of class and job.
    for (of_class, of_job) in [(7, 0), (3, 7)] {
        let gate = Policy { min_reputation: of_class, ..policy() };
        let change: fn(&mut Request) =
            if of_job == 7 { |request| request.min_reputation = 7 } else { |_| {} };
        let (mut world, job) = post(gate, change);
        world.repute("op", 6);
        assert_eq!(judge(&world, job), nothing);
        world.repute("op", 7);
        assert_eq!(judge(&world, job), APPLIED);
    }

    // A value of 10,000 needs a reputation of 9; at 1012, two blocks after soft, it is 5,000.
    let (mut world, job) = post(Policy { tier_unit: 1_000, ..policy() }, |_| {});
    world.repute("op", 8);
    assert_eq!(judge(&world, job), nothing);
    world.repute("op", 9);
    assert_eq!(judge(&world, job), APPLIED);
    world.skip_to(1_011);
    world.repute("op", 3);
    assert_eq!(judge(&world, job), nothing);
    world.repute("op", 4);
    assert_eq!(judge(&world, job), APPLIED);

    let (mut world, job) = post(Policy { min_weight: 9, ..policy() }, |_| {});
    world.weigh("op", 8);
    assert_eq!(judge(&world, job), nothing);
    world.weigh("op", 9);
    assert_eq!(judge(&world, job), APPLIED);

    let closed = Policy { permitted: vec![actor("rival")], open_at: 1_005, ..policy() };
    let (mut world, job) = post(closed, |_| {});
    assert_eq!(judge(&world, job), nothing);
    assert_eq!(world.judge("rival", deliver("rival", &[job])), APPLIED);
    world.skip(1);
    assert_eq!(judge(&world, job), APPLIED);
}

/// A share cap of nothing does not count for open jobs.
#[test]
fn an_open_job_knows_no_share_cap() {
    let Stage { world, open, .. } = stage_with(|policy| {
        (policy.share_cap_bps, policy.min_bond) = (0, FALSE_PROOF);
    });
    assert_eq!(world.judge("op", deliver("op", &[open])), APPLIED);
}

#[test]
fn a_contest_takes_one_delivery_of_each_who_has_the_bond_for_it() {
    let nothing = void(Void::NothingToDeliver);
    let mut world = World::new(&["op", "req"]);
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window, policy.min_bond) = (Selection::Contest, 4, 300);
    });
    let jobs = world.must(&vec![("req", requested(class, |_| {})); 2]);
    let needed = FALSE_PROOF + 300;
    world.operate("op", needed - 1);
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), nothing);
    world.operate("op", needed);
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), APPLIED);
    // Locks add up: the bond is enough for one of two.
    let mut both = world.clone();
    both.act("op", deliver("op", &jobs));
    assert_eq!(both.operator("op").held, 1);
    both = world.clone();
    both.operate("op", needed + 299);
    both.act("op", deliver("op", &jobs));
    assert_eq!(both.operator("op").held, 1);
    both = world.clone();
    both.operate("op", needed + 300);
    both.act("op", deliver("op", &jobs));
    assert_eq!((both.operator("op").held, both.operator("op").locked), (2, 600));

    world.operate("op", 10_000_000);
    world.act("op", deliver("op", &jobs[..1]));
    assert_eq!(world.judge("op", deliver("op", &jobs[..1])), nothing, "once only");
    assert_eq!(world.judge("op", deliver("op", &jobs)), APPLIED, "the other one");
}

/// In the block of its Request a contest takes none, with sixteen deliveries no more, and none
/// after its window.
#[test]
fn a_contest_takes_sixteen_deliveries_within_its_window() {
    const NAMES: [&str; 17] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"];
    let nothing = void(Void::NothingToDeliver);
    let mut world = World::new(&["req"]);
    for name in NAMES {
        world.fund(name, BALANCE);
        world.operate(name, 10_000_000);
    }
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window) = (Selection::Contest, 3);
    });
    let post = requested(class, |_| {});
    let id = world.clone().act("req", post.clone());
    let enter = |name: &'static str| (name, deliver(name, &[id]));
    let outcomes = world.block(&[("req", post), enter("a")]).outcomes;
    assert_eq!(outcomes, [APPLIED, nothing.clone()]);

    // The first in 1003: others until 1006.
    world.must(&[enter("a")]);
    assert_eq!(world.height(), 1_003);
    let mut late = world.clone();
    late.skip_to(1_005);
    assert_eq!(late.judge("b", enter("b").1), APPLIED);
    late.skip(1);
    assert_eq!(late.judge("b", enter("b").1), nothing, "it is settled first");

    let more: Vec<_> = NAMES[1..15].iter().map(|name| enter(name)).collect();
    world.must(&more);
    assert_eq!(world.job(&id).deliveries.len(), 15);
    assert_eq!(world.judge("q", enter("q").1), APPLIED);
    world.must(&[enter("p")]);
    assert_eq!(world.job(&id).deliveries.len(), 16);
    assert_eq!(world.judge("q", enter("q").1), nothing);
}

/// What is void is not judged: a false proof costs nothing then.
#[test]
fn a_proof_is_judged_only_if_it_would_deliver() {
    let Stage { world, open, assigned, .. } = stage();
    let judge = |from: &str, jobs: &[Hash]| world.judge(from, deliver_false(jobs));
    assert_eq!(judge("op", &[assigned]), Ok(Outcome::FalseProof));
    assert_eq!(judge("rival", &[open]), Ok(Outcome::FalseProof));
    assert_eq!(judge("rival", &[assigned]), void(Void::NothingToDeliver));
    assert_eq!(judge("rival", &[Hash::ZERO]), void(Void::MixedJobs));
    let short = Void::FreeBond { needed: FALSE_PROOF.into(), free: 0 };
    assert_eq!(judge("idle", &[open]), void(short));
}
