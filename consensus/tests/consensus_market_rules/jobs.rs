//! Void: Requests, Raises, Cancels and Declines; and what is never void.

use lode_consensus::{
    Hash, StateKey,
    market::{
        Selection,
        event::{Outcome, Void},
        job::Status,
    },
};
use lode_testkit::world::{
    APPLIED, BALANCE, FEE, World, actor, appoint, asked, cancel, decline, deliver, policy, raise,
    requested, unbond, void,
};

use crate::{Stage, class_with, stage};

// --- Void: jobs ----------------------------------------------------------------------------------

/// 2,048 jobs that have not ended, nearly all of them assigned.
#[test]
fn a_class_takes_2048_live_jobs() {
    let mut world = World::new(&["op", "req"]);
    world.operate("op", 100_000_000);
    let class = world.class(policy());
    world.act("op", asked(class, |ask| (ask.capacity, ask.blocks) = (3_000, 500)));
    world.skip(1);
    let long =
        || requested(class, |request| (request.soft_blocks, request.hard_blocks) = (600, 600));
    for count in [256; 7].into_iter().chain([255]) {
        let posted: Vec<_> = (0..count).map(|_| ("req", long())).collect();
        world.must(&posted);
    }
    assert_eq!(world.class_leaf(&class).live, 2_047);
    assert_eq!(world.judge("req", long()), APPLIED);
    world.act("req", long());
    assert_eq!(world.class_leaf(&class).live, 2_048);
    assert_eq!(world.judge("req", long()), void(Void::ClassFull));
    let dear = requested(class, |request| request.price = 1_000_000);
    assert_eq!(world.judge("req", dear), void(Void::ClassFull));
}

/// 512 that are not assigned, those under Cancel included; while 256 others are there, a job finds
/// room only for a higher price.
#[test]
fn a_waiting_list_takes_512_jobs_and_256_that_are_not_under_cancel() {
    let mut world = World::new(&["req"]);
    let class = class_with(&mut world, |policy| policy.claim_blocks = 32);
    let post = |world: &mut World, count: usize| {
        world.must(&vec![("req", requested(class, |_| {})); count])
    };
    let judge = |world: &World, price| {
        world.judge("req", requested(class, |request| request.price = price))
    };
    let jobs = post(&mut world, 255);
    assert_eq!(judge(&world, 1), APPLIED);
    let last = post(&mut world, 1);
    assert_eq!(judge(&world, 10_000), void(Void::PriceTooLow));
    assert_eq!(judge(&world, 10_001), APPLIED);
    world.skip(1);
    let cancels: Vec<_> = jobs.iter().chain(&last).map(|job| ("req", cancel(*job))).collect();
    world.must(&cancels);
    assert_eq!(world.waiting(&class).len(), 256);

    post(&mut world, 255);
    assert_eq!(world.waiting(&class).len(), 511);
    assert_eq!(judge(&world, 10_000), APPLIED);
    post(&mut world, 1);
    assert_eq!(judge(&world, 10_000), void(Void::ClassFull));
    assert_eq!(judge(&world, 1_000_000), void(Void::ClassFull));
}

/// A Raise and a Cancel need an own job that is neither assigned nor bound.
#[test]
fn a_job_is_changed_by_its_requester_while_it_binds_nobody() {
    let Stage { mut world, open, assigned, .. } = stage();
    world.limits.assignments = 0;
    let both = |world: &World, from: &str, job| {
        let raised = world.judge(from, raise(job, 10_000, 0));
        let cancelled = world.judge(from, cancel(job));
        assert_eq!(raised, cancelled);
        raised
    };
    assert_eq!(both(&world, "req", open), APPLIED);
    assert_eq!(both(&world, "req", Hash::ZERO), void(Void::NoJob));
    assert_eq!(both(&world, "op", open), void(Void::NotRequester));
    assert_eq!(both(&world, "req", assigned), void(Void::JobAssigned));

    // A decline does not bind it.
    let mut declined = world.clone();
    declined.act("op", decline(assigned));
    assert_eq!(declined.job(&assigned).status, Status::Waiting);
    assert_eq!(both(&declined, "req", assigned), APPLIED);

    let mut cancelled = world.clone();
    cancelled.act("req", cancel(open));
    assert_eq!(both(&cancelled, "req", open), void(Void::JobBound));

    // `op` promised 1007.
    world.skip_to(1_007);
    assert_eq!(both(&world, "req", assigned), void(Void::JobBound), "the miss is noted first");
    world.skip(1);
    assert_eq!(world.job(&assigned).misses.len(), 1);
    assert_eq!(both(&world, "req", assigned), void(Void::JobBound));

    world.act("rival", deliver("rival", &[open]));
    assert_eq!(both(&world, "req", open), void(Void::NoJob), "it has ended");
}

#[test]
fn a_contest_is_bound_by_its_first_delivery() {
    let mut world = World::new(&["op", "req"]);
    world.operate("op", 10_000_000);
    let class = class_with(&mut world, |policy| {
        (policy.selection, policy.window) = (Selection::Contest, 4);
    });
    let job = world.act("req", requested(class, |_| {}));
    assert_eq!(world.judge("req", raise(job, 10_000, 0)), APPLIED);
    assert_eq!(world.judge("req", cancel(job)), APPLIED);
    world.act("op", deliver("op", &[job]));
    assert_eq!(world.judge("req", raise(job, 10_000, 0)), void(Void::JobBound));
    assert_eq!(world.judge("req", cancel(job)), void(Void::JobBound));
}

#[test]
fn a_raise_lowers_nothing() {
    let Stage { mut world, class, .. } = stage();
    let job = world.act("req", requested(class, |request| request.late_price = 500));
    let judge = |price, late_price| world.judge("req", raise(job, price, late_price));
    assert_eq!(judge(10_000, 500), APPLIED);
    assert_eq!(judge(9_999, 500), void(Void::Lowered));
    assert_eq!(judge(10_000, 499), void(Void::Lowered));
    assert_eq!(judge(20_000, 499), void(Void::Lowered));
    assert_eq!(judge(0, 0), void(Void::Lowered));
    assert_eq!(judge(10_000, 501), APPLIED);
}

#[test]
fn only_the_assignee_declines() {
    let Stage { world, open, assigned, .. } = stage();
    assert_eq!(world.judge("op", decline(assigned)), APPLIED);
    assert_eq!(world.judge("rival", decline(assigned)), void(Void::NotAssignee));
    assert_eq!(world.judge("req", decline(assigned)), void(Void::NotAssignee));
    assert_eq!(world.judge("op", decline(open)), void(Void::NotAssignee));
    assert_eq!(world.judge("op", decline(Hash::ZERO)), void(Void::NoJob));
    let mut delivered = world.clone();
    delivered.act("op", deliver("op", &[assigned]));
    assert_eq!(delivered.judge("op", decline(assigned)), void(Void::NoJob));
}

/// Assigned in 1004 for 1007: until claim_blocks later, and before the promised height.
#[test]
fn a_decline_comes_in_time() {
    for (claim_blocks, last) in [(1, 1_005), (2, 1_006), (3, 1_006), (32, 1_006)] {
        let mut world = World::new(&["op", "req"]);
        world.operate("op", 10_000_000);
        let class = class_with(&mut world, |policy| policy.claim_blocks = claim_blocks);
        world.act("op", asked(class, |_| {}));
        let job = world.act("req", requested(class, |_| {}));
        world.skip_to(last - 1);
        assert_eq!(world.judge("op", decline(job)), APPLIED, "{claim_blocks}");
        world.skip(1);
        assert_eq!(world.judge("op", decline(job)), void(Void::DeclineLate { last }));
        // After its promise it is no assignee any more.
        world.skip_to(1_007);
        assert_eq!(world.judge("op", decline(job)), void(Void::NotAssignee));
    }
}

// --- Never void ----------------------------------------------------------------------------------

#[test]
fn an_appointment_is_always_applied() {
    let Stage { world, .. } = stage();
    for operator in ["idle", "op", "nobody"] {
        assert_eq!(world.judge("idle", appoint(operator)), APPLIED);
    }
}

/// Each kind that can be void, in one block: fees and nonces are used, and the rest of the state is
/// as if the block were empty.
#[test]
fn void_transactions_cost_their_fees_and_nonces() {
    let Stage { mut world, class, assigned, .. } = stage();
    let before = world.account("idle");
    let actions = [
        unbond(1),
        asked(class, |_| {}),
        raise(assigned, 10_000, 0),
        cancel(assigned),
        decline(assigned),
        deliver("idle", &[assigned]),
    ]
    .map(|action| ("idle", action));
    let mut quiet = world.clone();
    quiet.skip(1);
    let done = world.block(&actions);
    assert!(done.outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Void(_)))));
    assert_eq!(done.applied.fees, 6 * FEE);
    let after = world.account("idle");
    assert_eq!((after.balance, after.nonce), (BALANCE - 6 * FEE, before.nonce + 6));
    let rest = |world: &World| {
        let mut leaves = world.state().leaves.clone();
        leaves.remove(&StateKey::Account(actor("idle")));
        leaves.remove(&StateKey::Pending(world.height()));
        leaves
    };
    assert_eq!(rest(&world), rest(&quiet));
}
