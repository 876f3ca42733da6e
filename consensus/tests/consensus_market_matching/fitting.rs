//! The four rules by which an ask fits a job.

use lode_consensus::{
    market::{BookAsk, job::Status},
    transaction::Request,
};
use lode_testkit::world::{actor, asked, bond, decline, deliver, requested};

use crate::{FALSE_PROOF, fits, market, market_with, matched, put_asks, standing};

// --- Rule 1: an ask that is ready ----------------------------------------------------------------

#[test]
fn an_ask_is_matched_up_to_its_last_height() {
    let (world, class) = market(&["a"]);
    for (until, is_fit) in [(1_002, false), (1_003, true)] {
        let ask = BookAsk { until, ..standing("a") };
        assert_eq!(fits(&world, class, ask, |_| {}), is_fit, "{until}");
    }
    // One that jobs are assigned under stays in the book beyond its end, and fits nothing.
    let (mut world, class) = market(&["a"]);
    put_asks(&mut world, class, &[BookAsk { until: 1_004, blocks: 8, ..standing("a") }]);
    let jobs = [(); 3].map(|()| world.act("req", requested(class, |_| {})));
    world.skip(1);
    assert_eq!(world.height(), 1_005);
    assert_eq!(jobs.map(|job| world.assignee(&job).is_some()), [true, true, false]);
    assert_eq!(world.ask_of(&class, "a").unwrap().open, 2);
}

#[test]
fn an_ask_fits_from_two_blocks_after_it_was_posted() {
    let (world, class) = market(&["a"]);
    for (since, is_fit) in [(1_001, true), (1_002, false)] {
        let ask = BookAsk { since, ..standing("a") };
        assert_eq!(fits(&world, class, ask, |_| {}), is_fit, "{since}");
    }
    // By transactions: in the block of the Request it is too late for its event, one before is not.
    let mut world = world;
    let mut late = world.clone();
    let jobs = late.must(&[("a", asked(class, |_| {})), ("req", requested(class, |_| {}))]);
    late.skip(1);
    assert_eq!(late.job(&jobs[1]).status, Status::Open);
    late.skip(1);
    assert_eq!(late.assignee(&jobs[1]), Some(actor("a")), "by the ask's own event");
    world.act("a", asked(class, |_| {}));
    assert_eq!(matched(&world, class, |_| {}), Some(actor("a")));
}

#[test]
fn an_ask_takes_as_many_jobs_as_its_capacity() {
    let (mut world, class) = market(&["a"]);
    put_asks(&mut world, class, &[BookAsk { capacity: 2, ..standing("a") }]);
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    world.skip(1);
    let assigned = jobs.iter().map(|job| world.assignee(job).is_some());
    assert_eq!(assigned.collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(world.ask_of(&class, "a").unwrap().open, 2);
    let (world, class) = market(&["a"]);
    assert!(!fits(&world, class, BookAsk { capacity: 0, ..standing("a") }, |_| {}));
}

/// Neither after a decline nor after a miss.
#[test]
fn an_operator_that_gave_a_job_back_does_not_get_it_again() {
    let (mut world, class) = market(&["a", "b"]);
    put_asks(&mut world, class, &[standing("a"), BookAsk { price: 2_000, ..standing("b") }]);
    let job = world.act("req", requested(class, |_| {}));
    world.act("a", decline(job));
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("b")));
    // Assigned to `b` in 1004 for 1007.
    world.skip_to(1_008);
    assert_eq!(world.job(&job).status, Status::Open);
    world.must(&[("a", asked(class, |_| {})), ("b", asked(class, |_| {}))]);
    world.skip(2);
    assert_eq!(world.job(&job).status, Status::Open);
}

#[test]
fn a_direct_job_is_for_its_operator() {
    let (mut world, class) = market(&["a", "b"]);
    put_asks(&mut world, class, &[standing("a"), BookAsk { price: 9_000, ..standing("b") }]);
    let direct = |name: &'static str| {
        matched(&world, class, move |request| request.operator = Some(actor(name)))
    };
    assert_eq!(matched(&world, class, |_| {}), Some(actor("a")));
    assert_eq!(direct("b"), Some(actor("b")));
    assert_eq!(direct("c"), None);
}

// --- Rule 2: time and price ----------------------------------------------------------------------

/// Soft after 8 blocks, hard after 12; of 10,000 it falls by 2,250 a block to 1,000.
#[test]
fn the_value_at_the_promise_covers_the_price() {
    let (world, class) = market(&["a"]);
    for (blocks, value) in [(2, 10_000), (8, 10_000), (9, 7_750), (10, 5_500), (12, 1_000)] {
        for (price, is_fit) in [(value, true), (value + 1, false)] {
            let ask = BookAsk { blocks, price, ..standing("a") };
            let set = |request: &mut Request| request.late_price = 1_000;
            assert_eq!(fits(&world, class, ask, set), is_fit, "{blocks}, {price}");
        }
    }
    // After hard it is worth nothing, and no price is below 1.
    let ask = BookAsk { blocks: 13, price: 1, ..standing("a") };
    assert!(!fits(&world, class, ask, |request| request.late_price = 10_000));
}

/// Who promises the hard limit is asked only if nobody that fits promises the soft one.
#[test]
fn the_soft_limit_goes_before_the_hard_one() {
    let (mut world, class) = market(&["a", "b"]);
    let late = BookAsk { blocks: 9, price: 1, ..standing("b") };
    for (blocks, price, winner) in [
        (8, 9_000, "a"),  // dearer, and in time
        (8, 10_000, "a"), // as dear as it may be
        (8, 10_001, "b"), // it does not fit
        (9, 7_500, "b"),  // both are late: the cheaper one
    ] {
        put_asks(&mut world, class, &[BookAsk { blocks, price, ..standing("a") }, late]);
        assert_eq!(matched(&world, class, |_| {}), Some(actor(winner)), "{blocks}, {price}");
    }
}

// --- Rule 3: bonds -------------------------------------------------------------------------------

/// A tenth of 200,000, or what damage asks for.
#[test]
fn an_ask_accepts_the_jobs_bond() {
    let (world, class) = market(&["a"]);
    for (price, damage, bond) in
        [(200_000, 0, 20_000), (200_001, 0, 20_001), (10_000, 30_000, 30_000)]
    {
        for (max_bond, is_fit) in [(bond, true), (bond - 1, false)] {
            let ask = BookAsk { max_bond, ..standing("a") };
            let set = |request: &mut Request| (request.price, request.damage) = (price, damage);
            assert_eq!(fits(&world, class, ask, set), is_fit, "{price}, {damage}, {max_bond}");
        }
    }
}

/// The bond is the greatest of the class's least, 10,000, the price's part and the damage.
#[test]
fn a_jobs_bond_is_the_greatest_of_four() {
    for (min_bond, bond_bps, price, damage, bond) in [
        (0, 1_000, 1, 0, 10_000),
        (10_001, 1_000, 1, 0, 10_001),
        (10_001, 1_000, 100_011, 0, 10_002),
        (10_001, 65_535, 10_001, 0, 65_542), // 65,541.55
        (10_001, 65_535, 10_001, 65_543, 65_543),
    ] {
        let (mut world, class) = market_with(&["a"], |policy| {
            (policy.min_bond, policy.bond_bps) = (min_bond, bond_bps);
        });
        put_asks(&mut world, class, &[BookAsk { price: 1, ..standing("a") }]);
        let set = |request: &mut Request| (request.price, request.damage) = (price, damage);
        world.act("req", requested(class, set));
        world.skip(1);
        assert_eq!(world.operator("a").locked, bond);
    }
}

#[test]
fn the_free_bond_covers_bond_and_false_proof() {
    let (mut world, class) = market(&["a"]);
    for (free, is_fit) in [(20_000 + FALSE_PROOF, true), (20_000 + FALSE_PROOF - 1, false)] {
        world.operate("a", free);
        let set = |request: &mut Request| request.price = 200_000;
        assert_eq!(fits(&world, class, standing("a"), set), is_fit, "{free}");
    }
    // What is locked is not free.
    world.operate("a", 2 * 20_000 + FALSE_PROOF - 1);
    put_asks(&mut world, class, &[standing("a")]);
    let set = |request: &mut Request| request.price = 200_000;
    let jobs = world.must(&[(); 2].map(|()| ("req", requested(class, set))));
    world.skip(1);
    assert!(world.assignee(&jobs[0]).is_some());
    assert_eq!(world.job(&jobs[1]).status, Status::Open);
}

/// No last look: what a transaction bonded in the block of the Request does not count.
#[test]
fn a_fresh_bond_does_not_count() {
    let needed = 20_000 + FALSE_PROOF;
    let set = |request: &mut Request| request.price = 200_000;
    for (before, now, is_fit) in
        [(needed, 5, true), (needed - 1, 1, false), (needed - 1, 500, false)]
    {
        let (mut world, class) = market(&["a"]);
        world.operate("a", before);
        put_asks(&mut world, class, &[standing("a")]);
        let ids = world.must(&[("a", bond(now)), ("req", requested(class, set))]);
        world.skip(1);
        assert_eq!(world.assignee(&ids[1]).is_some(), is_fit, "{before}, {now}");
    }
    // One block earlier it does, and several of one block add up.
    for (early, is_fit) in [(true, true), (false, false)] {
        let (mut world, class) = market(&["a"]);
        world.operate("a", needed - 1);
        put_asks(&mut world, class, &[standing("a")]);
        let bonds = [("a", bond(1)), ("a", bond(1))];
        let post = ("req", requested(class, set));
        let job = if early {
            world.must(&bonds);
            world.must(&[post])[0]
        } else {
            world.must(&[bonds[0].clone(), bonds[1].clone(), post])[2]
        };
        world.skip(1);
        assert_eq!(world.assignee(&job).is_some(), is_fit);
    }
}

/// Nor does what a delivery unlocked in it.
#[test]
fn a_bond_that_was_just_unlocked_does_not_count() {
    for (early, is_fit) in [(true, true), (false, false)] {
        let (mut world, class) = market(&["a"]);
        world.operate("a", 20_000 + FALSE_PROOF);
        put_asks(&mut world, class, &[standing("a")]);
        let first = world.act("req", requested(class, |_| {}));
        world.skip(1);
        assert_eq!(world.operator("a").locked, 10_000);
        let delivery = ("a", deliver("a", &[first]));
        let post = ("req", requested(class, |request| request.price = 200_000));
        let job = if early {
            world.must(&[delivery]);
            world.must(&[post])[0]
        } else {
            world.must(&[delivery, post])[1]
        };
        world.skip(1);
        assert_eq!(world.assignee(&job).is_some(), is_fit);
    }
}

// --- Rule 4: gates -------------------------------------------------------------------------------

#[test]
fn reputation_reaches_that_of_class_and_job() {
    for (of_class, of_job, least) in [(5, 0, 5), (0, 7, 7), (5, 7, 7), (9, 7, 9)] {
        let (mut world, class) = market_with(&["a"], |policy| policy.min_reputation = of_class);
        for (reputation, is_fit) in [(least, true), (least - 1, false)] {
            world.repute("a", reputation);
            let set = |request: &mut Request| request.min_reputation = of_job;
            assert_eq!(fits(&world, class, standing("a"), set), is_fit, "{of_class}, {of_job}");
        }
    }
}

/// An ask stays in its book when its operator's reputation falls below its price.
#[test]
fn a_price_stays_within_the_tier() {
    let (mut world, class) = market_with(&["a"], |policy| policy.tier_unit = 100);
    for (reputation, is_fit) in [(8, false), (9, true)] {
        world.repute("a", reputation);
        assert_eq!(fits(&world, class, standing("a"), |_| {}), is_fit, "{reputation}");
    }
}

#[test]
fn mined_weight_reaches_that_of_the_class() {
    let (mut world, class) = market_with(&["a"], |policy| policy.min_weight = 65_536);
    for (weight, is_fit) in [(65_535, false), (65_536, true)] {
        world.weigh("a", weight);
        assert_eq!(fits(&world, class, standing("a"), |_| {}), is_fit, "{weight}");
    }
}

#[test]
fn a_permission_list_holds_below_its_height() {
    for (open_at, permitted, is_fit) in [
        (1_004, vec!["b"], false),
        (1_003, vec!["b"], true),
        (1_004, vec!["a"], true),
        (1_004, vec![], true),
    ] {
        let (world, class) = market_with(&["a"], |policy| {
            policy.permitted = permitted.iter().map(|name| actor(name)).collect();
            policy.open_at = open_at;
        });
        assert_eq!(fits(&world, class, standing("a"), |_| {}), is_fit, "{open_at}, {permitted:?}");
    }
}

/// One job is always allowed; of n + 1 assigned jobs an operator holds its part, rounded up.
#[test]
fn a_share_cap_bounds_what_one_operator_holds() {
    for (share_cap_bps, expected) in [
        (5_000, [Some("a"), Some("b"), Some("a"), Some("b"), Some("a")]),
        (0, [Some("a"), Some("b"), None, None, None]),
        // ceil(0.3333 · 3) = 1, and ceil(0.3334 · 3) = 2.
        (3_333, [Some("a"), Some("b"), None, None, None]),
        (3_334, [Some("a"), Some("b"), Some("a"), Some("b"), None]),
        (10_000, [Some("a"); 5]),
    ] {
        let (mut world, class) = market_with(&["a", "b"], |policy| {
            (policy.share_cap_bps, policy.min_weight) = (share_cap_bps, 1);
        });
        world.weigh("a", 1);
        world.weigh("b", 1);
        put_asks(&mut world, class, &[standing("a"), BookAsk { price: 2_000, ..standing("b") }]);
        let jobs = world.must(&[(); 5].map(|()| ("req", requested(class, |_| {}))));
        world.skip(1);
        let got = jobs.iter().map(|job| world.assignee(job));
        let expected = expected.map(|name| name.map(actor));
        assert_eq!(got.collect::<Vec<_>>(), expected, "{share_cap_bps}");
    }
}
