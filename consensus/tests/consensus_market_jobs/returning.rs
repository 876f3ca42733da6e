//! Jobs that operators give back or miss, and those that fail.

use lode_consensus::{
    Hash,
    market::{
        event::JobChange,
        job::{Decline, End, Miss, Status},
        queue::{Event, What},
    },
    transaction::Request,
};
use lode_testkit::world::{BALANCE, FEE, World, actor, asked, decline, deliver, raise, requested};

use crate::{BOND, Held, RENT, held, held_with, is_queued, market, market_with, missed_with};

// --- Assigned → Waiting: Decline -----------------------------------------------------------------

/// One block after its assignment: 2% of 10,000, rounded up.
#[test]
fn a_decline_burns_a_hundredth_for_each_block_and_unlocks_the_rest() {
    let mut held = held();
    held.world.act("op", decline(held.job));
    assert_eq!(held.burned(), RENT + 200);
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND - 200, 0, 0));
    assert_eq!((op.fresh, op.fresh_height), (9_800, 1_005));
    let Held { mut world, class, job, .. } = held;
    let leaf = world.job(&job);
    assert_eq!(leaf.status, Status::Waiting);
    let given = Decline { operator: actor("op"), ask_price: 1_000, burned: 200 };
    assert_eq!(leaf.declines, [given]);
    assert_eq!(world.class_leaf(&class).assigned, 0);
    assert_eq!(world.ask_of(&class, "op").unwrap().open, 0);
    assert!(is_queued(&world, Event { due: 1_006, what: What::Job(job) }));
    let event = What::Ask { class, operator: actor("op") };
    assert!(is_queued(&world, Event { due: 1_007, what: event }));
    // The next matching gives it to another, never to the same again.
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("second")));
    world.act("second", decline(job));
    world.skip(3);
    assert_eq!(world.job(&job).status, Status::Open);
}

/// Damage is not part of what a Decline burns a hundredth of; the rest of it is unlocked too.
#[test]
fn a_decline_leaves_damage_alone() {
    let mut held = held_with(0, |request| request.damage = 50_000);
    assert_eq!(held.world.operator("op").locked, 50_000);
    held.world.act("op", decline(held.job));
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.fresh), (BOND - 200, 0, 49_800));
}

/// In the very block of the assignment it is the first block: ceil(10,001 · 1 / 100) = 101.
#[test]
fn what_a_decline_burns_is_rounded_up() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let job = world.act("req", requested(class, |request| request.price = 100_010));
    world.act("op", decline(job));
    assert_eq!(world.job(&job).declines[0].burned, 101);
    assert_eq!(world.operator("op").bond, BOND - 101);
}

/// A decline of a job that another delivers costs reputation then, and not before:
/// 1,000 − ceil(1,000 / 64) = 984.
#[test]
fn a_decliner_loses_reputation_when_another_delivers() {
    let mut held = held();
    held.world.repute("op", 1_000);
    held.world.act("op", decline(held.job));
    held.world.skip(1);
    assert_eq!(held.world.operator("op").reputation, 1_000);
    held.world.act("second", deliver("second", &[held.job]));
    assert_eq!(held.world.operator("op").reputation, 984);
    // The job was delivered: the requester's bond is whole.
    assert_eq!((held.paid(), held.won("second", 2)), (2_000, 1_900));
    assert_eq!(held.burned(), RENT + 200 + 100);
}

// --- Assigned → Waiting: a miss ------------------------------------------------------------------

/// At the start of block 1008, and matched again within it.
#[test]
fn a_missed_promise_is_noted_and_the_job_goes_to_another() {
    let mut held = held();
    held.world.repute("op", 1_001);
    held.world.skip_to(1_007);
    assert_eq!(held.world.assignee(&held.job), Some(actor("op")));
    held.world.skip(1);
    let Held { world, class, job, .. } = held;
    let missed = Miss { operator: actor("op"), promise: 1_007, bond: 10_000, ask_price: 1_000 };
    assert_eq!(world.job(&job).misses, [missed]);
    assert_eq!(world.job(&job).escrow, 10_000);
    let op = world.operator("op");
    assert_eq!((op.bond, op.locked, op.held, op.fresh), (BOND, 10_000, 1, 0));
    // 1,001 − ceil(1,001 / 4)
    assert_eq!(op.reputation, 1_001 - 251);
    assert_eq!(world.ask_of(&class, "op").unwrap().open, 0);
    let event = What::Ask { class, operator: actor("op") };
    assert!(is_queued(&world, Event { due: 1_010, what: event }));
    let Status::Assigned(assigned) = world.job(&job).status else { panic!("assigned") };
    assert_eq!((assigned.operator, assigned.promise), (actor("second"), 1_011));
}

/// No value is lost up to the soft limit: the least slash, a tenth of 10,000; a quarter of that to
/// each of the two, the rest burned.
#[test]
fn a_miss_is_slashed_by_a_tenth_at_least_when_another_delivers() {
    let mut held = held();
    held.world.skip_to(1_009);
    held.world.act("second", deliver("second", &[held.job]));
    assert_eq!(held.paid(), 2_000 - 250);
    assert_eq!(held.won("second", 2), 1_900 + 250);
    assert_eq!(held.won("op", 1), 0);
    assert_eq!(held.burned(), RENT + 100 + 500);
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND - 1_000, 0, 0));
    assert_eq!((op.fresh, op.fresh_height), (9_000, 1_010));
    let second = held.world.operator("second");
    assert_eq!((second.bond, second.locked, second.burned), (BOND, 0, 100));
}

/// At 1013, half of the value is lost: 10,000 − floor(10,000 · 2 / 4).
#[test]
fn a_miss_is_slashed_in_proportion_to_the_value_lost() {
    let (mut world, class) = market();
    let slower = asked(class, |ask| (ask.price, ask.blocks) = (2_000, 6));
    world.must(&[("op", asked(class, |_| {})), ("second", slower)]);
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.skip_to(1_012);
    // Assigned in 1008 by the hard limit alone, for 1013, when it is worth 5,000.
    let Status::Assigned(assigned) = world.job(&job).status else { panic!("assigned") };
    assert_eq!((assigned.operator, assigned.promise), (actor("second"), 1_013));
    world.act("second", deliver("second", &[job]));
    let held = Held { world, class, job, burned };
    // 5,000 of the bond: 1,250 to each, 2,500 burned.
    assert_eq!(held.paid(), 2_000 - 1_250);
    assert_eq!(held.won("second", 2), 1_900 + 1_250);
    assert_eq!(held.burned(), RENT + 100 + 2_500);
    assert_eq!(held.world.operator("op").bond, BOND - 5_000);
    assert_eq!(held.world.operator("second").burned, 100, "its own promise is kept");
}

/// At 1015 nothing is left of the value: all of 200,000 is slashed, and of each quarter of 50,000
/// no more than the price is anybody's.
#[test]
fn what_a_slash_gives_away_is_bounded_by_the_price() {
    let mut held = missed_with(|request| request.damage = 200_000);
    held.world.skip_to(1_014);
    held.world.act("second", deliver("second", &[held.job]));
    assert_eq!(held.paid(), -10_000, "the open job was worth nothing any more");
    assert_eq!(held.won("second", 1), 10_000);
    assert_eq!(held.burned(), RENT + 180_000);
    assert_eq!(held.world.operator("op").bond, BOND - 200_000);
}

/// The misser itself, late, at 1013: the price of its list instead of the value of 5,000, and no
/// quarter of the slash of 5,000.
#[test]
fn a_misser_that_delivers_after_all_pays_its_slash() {
    let mut held = missed_with(|_| {});
    held.world.skip_to(1_012);
    held.world.act("op", deliver("op", &[held.job]));
    assert_eq!(held.paid(), 1_000 - 1_250);
    assert_eq!(held.won("op", 2), 950);
    assert_eq!(held.burned(), RENT + 50 + 3_750);
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.held, op.burned), (BOND - 5_000, 0, 0, 0));
}

// --- Failed --------------------------------------------------------------------------------------

#[test]
fn a_job_that_nobody_delivers_fails_after_hard() {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.skip_to(1_014);
    assert_eq!(world.job(&job).status, Status::Open);
    let done = world.block(&[]);
    let ended = JobChange::Undelivered { end: End::Failed, refund: 20_000, burned: 0 };
    assert_eq!(done.changes_of(&job), [ended]);
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (0, RENT));
    assert_eq!(held.world.class_leaf(&class).live, 0);
}

/// Half of the bond to the requester, at most the price; the rest is burned.
#[test]
fn a_miss_of_a_job_that_fails_loses_all_of_its_bond() {
    for (damage, bond, to_requester) in [
        (0, 10_000, 5_000),
        (10_001, 10_001, 5_000),
        (20_001, 20_001, 10_000),
        (30_000, 30_000, 10_000),
    ] {
        let mut held = missed_with(|request| request.damage = damage);
        held.world.skip_to(1_015);
        assert_eq!(held.world.operator("op").locked, bond);
        held.world.skip(1);
        assert_eq!(held.world.end(&held.job), Some(End::Failed));
        assert_eq!(held.paid(), -to_requester);
        assert_eq!(held.burned(), RENT + bond - to_requester as u64);
        let op = held.world.operator("op");
        assert_eq!((op.bond, op.locked, op.held), (BOND - bond, 0, 0));
    }
}

/// What operators burned to decline it is burned of the requester's bond, at most all of it: bait
/// costs its maker what it cost them.
#[test]
fn a_failed_job_burns_what_it_baited() {
    for (min_bond, burned_by_op, burned_by_req) in
        [(0, 100, 100), (1_000_000, 10_000, 10_000), (1_000_001, 10_001, 10_000)]
    {
        let (mut world, class) = market_with(0, |policy| policy.min_bond = min_bond);
        world.act("op", asked(class, |ask| ask.max_bond = 2_000_000));
        let burned = world.supply().burned;
        let job = world.act("req", requested(class, |_| {}));
        world.act("op", decline(job));
        world.skip_to(1_016);
        assert_eq!(world.end(&job), Some(End::Failed));
        let held = Held { world, class, job, burned };
        assert_eq!(held.paid(), burned_by_req);
        assert_eq!(held.burned(), RENT + burned_by_op + burned_by_req as u64);
        assert_eq!(held.world.operator("op").bond, BOND - burned_by_op);
    }
}

// --- Eight that gave it back ---------------------------------------------------------------------

const DECLINERS: [&str; 8] = ["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"];

/// A job for which eight operators ask, for 1,001 to 1,008: the first of them had it one after the
/// other, from block 1004 on, and gave it back; others ask for these prices.
fn given_back(
    count: u32,
    others: &[(&'static str, u64)],
    change: impl FnOnce(&mut Request),
) -> (World, Hash, Hash) {
    let (mut world, class) = market();
    let decliners = DECLINERS.into_iter().zip(1_001..);
    let asks: Vec<_> = decliners.chain(others.iter().copied()).collect();
    for (name, _) in &asks {
        world.fund(name, BALANCE);
        world.operate(name, BOND);
    }
    let asks: Vec<_> =
        asks.iter().map(|(name, price)| (*name, asked(class, |ask| ask.price = *price))).collect();
    world.must(&asks);
    let long = |request: &mut Request| {
        (request.soft_blocks, request.hard_blocks) = (100, 200);
        change(request);
    };
    let job = world.act("req", requested(class, long));
    for name in DECLINERS.iter().take(count as usize) {
        world.act(name, decline(job));
    }
    assert_eq!(world.height(), 1_003 + count);
    assert_eq!(world.job(&job).declines.len(), count as usize);
    (world, class, job)
}

/// The cheapest ask that fits, of those that did not give it back.
#[test]
fn after_eight_a_job_is_open_for_the_lowest_price_that_fits() {
    let (mut world, class, job) =
        given_back(8, &[("o9", 3_000), ("oa", 2_000), ("ob", 10_001)], |_| {});
    let done = world.block(&[]);
    let opened = JobChange::Opened { open_price: Some(2_000) };
    assert_eq!(done.changes_of(&job), [opened]);
    assert_eq!(world.job(&job).open_price, Some(2_000));

    // It is not assigned again, whatever is asked.
    let mut later = world.clone();
    later.act("third", asked(class, |ask| ask.price = 1));
    later.skip(3);
    assert_eq!(later.job(&job).status, Status::Open);
    assert_eq!(later.job(&job).open_price, Some(2_000), "set once");

    // Any may deliver it for that price, a decliner for its own, if it is lower.
    for (name, fees, rest) in [("third", 1, 1_900), ("o9", 2, 1_900), ("o1", 3, 951)] {
        let mut world = world.clone();
        world.act(name, deliver(name, &[job]));
        assert_eq!(world.balance(name), BALANCE - fees * FEE + rest, "{name}");
    }
    // 10,000 · 1% eight times. A Request for 200 blocks burns floor(156 · 1.2) = 187.
    let paid = world.balance("req");
    assert_eq!(paid, BALANCE - FEE - 187 - 20_000);
    for name in DECLINERS {
        assert_eq!(world.operator(name).bond, BOND - 100);
    }
}

/// The only other ask costs more than the job is worth.
#[test]
fn after_eight_without_a_fitting_ask_there_is_no_open_price() {
    let (mut world, _, job) = given_back(8, &[("o9", 10_001)], |_| {});
    world.skip(1);
    assert_eq!((world.job(&job).opened, world.job(&job).open_price), (Some(1_012), None));
    world.act("third", deliver("third", &[job]));
    assert_eq!(world.balance("third"), BALANCE - FEE + 9_500);
}

/// A Raise ends the open price, and none is set again.
#[test]
fn a_raise_ends_an_open_price() {
    let (mut world, _, job) = given_back(8, &[("o9", 3_000)], |_| {});
    world.skip(1);
    assert_eq!(world.job(&job).open_price, Some(3_000));
    world.act("req", raise(job, 10_000, 0));
    assert_eq!(world.job(&job).open_price, None);
    world.skip(2);
    assert_eq!((world.job(&job).status, world.job(&job).open_price), (Status::Open, None));
    world.act("third", deliver("third", &[job]));
    assert_eq!(world.balance("third"), BALANCE - FEE + 9_500);
}

/// An immediate job ends instead: what eight burned is burned of its requester's bond.
#[test]
fn after_eight_an_immediate_job_is_cancelled() {
    let (mut world, _, job) = given_back(8, &[("o9", 3_000)], |request| request.immediate = true);
    world.skip(1);
    assert_eq!(world.end(&job), Some(End::Cancelled));
    assert_eq!(world.balance("req"), BALANCE - FEE - 187 - 800);
}

/// Six declined; the seventh lets its promise pass, and the job is assigned once more. With the
/// eighth it is not.
#[test]
fn misses_count_among_the_eight() {
    let (mut world, _, job) = given_back(6, &[("o9", 3_000)], |_| {});
    world.skip(1);
    let assigned = |world: &World| match world.job(&job).status {
        Status::Assigned(assigned) => (assigned.operator, assigned.promise),
        status => panic!("{status:?}"),
    };
    assert_eq!(assigned(&world), (actor("o7"), 1_013));
    world.skip_to(1_014);
    assert_eq!((world.job(&job).returns(), assigned(&world)), (7, (actor("o8"), 1_017)));
    world.skip_to(1_018);
    assert_eq!(world.job(&job).returns(), 8);
    assert_eq!(world.job(&job).status, Status::Open);
    assert_eq!(world.job(&job).open_price, Some(3_000));
}
