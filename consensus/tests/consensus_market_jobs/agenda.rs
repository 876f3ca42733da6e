//! What time does: the leaf of an ended job, and what is due in which order.

use std::collections::BTreeSet;

use lode_consensus::{
    Hash, StateKey,
    market::{
        JobLeaf,
        event::{JobChange, Outcome, Void},
        job::{End, Status},
        queue::AgendaOldest,
        settlement::Slash,
    },
    transition::TransactionError,
};
use lode_testkit::world::{
    BALANCE, FEE, actor, cancel, decline, deliver, lot, raise, requested, void,
};

use crate::{Held, RENT, contest, held, market};

// --- The end -------------------------------------------------------------------------------------

/// Whenever a job ended, its leaf stays until 65 blocks after hard, 1015.
#[test]
fn an_ended_jobs_leaf_goes_65_blocks_after_hard() {
    let mut held = held();
    held.world.act("op", deliver("op", &[held.job]));
    held.world.skip_to(1_079);
    let key = StateKey::Job(held.job);
    let Some(JobLeaf::Ended(ended)) = held.world.leaf(key) else { panic!("an ended job") };
    assert_eq!((ended.end, ended.class, ended.hard), (End::Delivered, held.class, 1_015));
    assert_eq!(ended.values.len(), 1);
    held.world.skip(1);
    assert_eq!(held.world.leaf::<JobLeaf>(key), None);
}

// --- What is due, and in which order -------------------------------------------------------------

/// A job of 1002, open since 1003, with hard at 1014, whose agenda is never come to: what is due is
/// done when a transaction names it.
fn overdue() -> Held {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    world.limits.agenda = 0;
    Held { world, class, job, burned }
}

/// A transaction that is void does what is due first.
#[test]
fn a_late_transaction_does_what_is_due_even_if_it_is_void() {
    let mut held = overdue();
    held.world.skip_to(1_050);
    assert_eq!(held.world.job(&held.job).status, Status::Open, "the agenda is behind");
    for action in [
        raise(held.job, 10_000, 0),
        cancel(held.job),
        decline(held.job),
        deliver("third", &[held.job]),
    ] {
        let mut world = held.world.clone();
        let name = action.name();
        let done = world.block(&[("third", action)]);
        assert!(matches!(done.outcomes[..], [Ok(Outcome::Void(_))]), "{name}: {:?}", done.outcomes);
        assert_eq!(world.end(&held.job), Some(End::Failed), "{name}");
        assert_eq!(world.balance("req"), BALANCE - FEE - RENT);
        assert_eq!(world.balance("third"), BALANCE - FEE);
    }
}

/// One that is refused does not: it leaves nothing behind.
#[test]
fn a_refused_transaction_does_nothing_that_is_due() {
    let mut held = overdue();
    held.world.skip_to(1_050);
    held.world.params.market.proof_budget = 2;
    let done = held.world.block(&[("third", deliver("third", &[held.job]))]);
    assert!(matches!(done.outcomes[..], [Err(TransactionError::ProofBudget { .. })]));
    assert_eq!(held.world.job(&held.job).status, Status::Open);
    assert!(done.applied.events.is_empty());
}

/// Due since 1015, as hard passed, and since 1016, as it was cancelled in 1013: it is cancelled.
#[test]
fn a_cancel_comes_before_a_failure() {
    let mut held = overdue();
    held.world.skip_to(1_012);
    held.world.act("req", cancel(held.job));
    held.world.skip_to(1_014);
    let mut sooner = held.world.clone();
    sooner.block(&[("third", raise(held.job, 10_000, 0))]);
    assert_eq!(sooner.end(&held.job), Some(End::Failed), "in 1015 only hard has passed");
    held.world.skip(1);
    held.world.block(&[("third", raise(held.job, 10_000, 0))]);
    assert_eq!(held.world.end(&held.job), Some(End::Cancelled));
    assert_eq!((held.paid(), held.burned()), (FEE as i64 + 1_000, RENT + 1_000));
}

/// Missed, failed, slashed, and its leaf gone, all in one look.
#[test]
fn a_miss_comes_before_a_failure_and_the_leaf_goes_last() {
    for (height, leaf_stays) in [(1_079, true), (1_080, false)] {
        let mut held = held();
        held.world.repute("op", 1_000);
        held.world.limits.agenda = 0;
        held.world.skip_to(height - 1);
        let done = held.world.block(&[("op", decline(held.job))]);
        assert_eq!(done.outcomes, [void(Void::NoJob)]);
        let slash = Slash { to_requester: 5_000, to_deliverer: 0, burned: 5_000, unlocked: 0 };
        assert_eq!(
            done.changes_of(&held.job),
            [
                JobChange::Missed { operator: actor("op"), bond: 10_000 },
                JobChange::Undelivered { end: End::Failed, refund: 20_000, burned: 0 },
                JobChange::Slashed { operator: actor("op"), slash },
            ]
        );
        assert_eq!(held.world.operator("op").reputation, 750);
        assert_eq!(held.paid(), -5_000);
        let leaf: Option<JobLeaf> = held.world.leaf(StateKey::Job(held.job));
        assert_eq!(leaf.is_some(), leaf_stays, "{height}");
    }
}

/// A contest with deliveries never fails, however late it is settled.
#[test]
fn a_contest_is_settled_even_after_hard() {
    let mut held = contest(|policy| policy.winners = 1);
    held.world.act("third", deliver("third", &[held.job]));
    held.world.act("second", deliver("second", &[held.job]));
    held.world.limits.agenda = 0;
    held.world.skip_to(1_050);
    let done = held.world.block(&[("req", raise(held.job, 10_001, 0))]);
    assert_eq!(done.outcomes, [void(Void::NoJob)]);
    assert_eq!(held.world.end(&held.job), Some(End::Delivered));
    assert_eq!((held.won("third", 1), held.won("second", 1)), (9_201, 0));
    // By a transaction: what it unlocks is fresh.
    let third = held.world.operator("third");
    assert_eq!((third.fresh, third.fresh_height), (300, 1_051));
}

/// Its draw is still from the hash of the last block that could deliver, 1007.
#[test]
fn a_contest_that_is_settled_late_keeps_its_draw() {
    let names = ["op", "second"];
    let mut winners = BTreeSet::new();
    for number in 0..12_u8 {
        let mut held = contest(|policy| policy.winners = 1);
        let job = held.job;
        held.world.must(&names.map(|name| (name, deliver(name, &[job]))));
        held.world.limits.agenda = 0;
        held.world.skip_to(1_007);
        let hash = Hash([number; 32]);
        held.world.set_tip_hash(hash);
        held.world.skip_to(1_050);
        held.world.block(&[("req", raise(job, 10_001, 0))]);
        let (_, winner) =
            names.map(|name| (lot(&hash, &job, 0, name), name)).into_iter().max().unwrap();
        assert_eq!(held.won(winner, 1), 9_201, "{number}");
        winners.insert(winner);
    }
    assert_eq!(winners.len(), 2);
}

/// An assignee whose promise has passed delivers nothing, though nobody came to its job before.
#[test]
fn a_late_assignee_has_missed() {
    let mut held = held();
    held.world.limits.agenda = 0;
    held.world.skip_to(1_007);
    let done = held.world.block(&[("op", deliver("op", &[held.job]))]);
    assert_eq!(done.outcomes, [void(Void::NothingToDeliver)]);
    assert_eq!(held.world.job(&held.job).status, Status::Waiting);
    assert_eq!(held.world.job(&held.job).misses.len(), 1);
    // Its event is due in the next block.
    held.world.skip(1);
    assert_eq!(held.world.assignee(&held.job), Some(actor("second")));
}

/// One entry a block, in the order in which they were listed; none is lost, and the oldest height
/// comes first.
#[test]
fn an_agenda_that_is_behind_goes_on_in_order() {
    let (mut world, class) = market();
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    let later = world.act("req", requested(class, |_| {}));
    assert_eq!(world.limits.agenda, 8_192);
    world.limits.agenda = 1;
    // Due in 1015, and in 1016 the fourth.
    world.skip_to(1_014);
    for ended in 0..4 {
        let all = [jobs[0], jobs[1], jobs[2], later];
        let count = all.iter().filter(|job| world.end(job).is_some()).count();
        assert_eq!(count, ended);
        assert!(all[..ended].iter().all(|job| world.end(job) == Some(End::Failed)));
        world.skip(1);
    }
    assert_eq!(world.end(&later), Some(End::Failed));
    assert_eq!(world.height(), 1_018);
    assert_eq!(world.leaf::<AgendaOldest>(StateKey::AgendaOldest), None);
}
