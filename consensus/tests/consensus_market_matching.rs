//! Matching: which asks fit a job, which of them is assigned, and what leads to it, each rule with
//! its neighbours on both sides.
//!
//! Where a job is posted in block 1002 it is matched in 1003, and an ask of k blocks promises
//! 1002 + k: k blocks after the Request.

use std::collections::BTreeSet;

use lode_consensus::{
    Action, Address, Hash, Height, StateKey,
    market::{
        Book, BookAsk, Class, Job, Operator, Policy, Selection, WaitingJob,
        event::{Outcome, Void},
        job::{Decline, Miss, Status},
        matching::{Candidate, Drawn, Round, Standing},
        queue::{Event, What},
        value::Terms,
    },
    params::MarketSpec,
    transaction::{Ask, Request},
    transition::TransactionError,
};
use lode_testkit::world::{World, actor, ask, bond, decline, deliver, lot, policy, request};
use proptest::prelude::*;

const APPLIED: Result<Outcome, TransactionError> = Ok(Outcome::Applied);
const FALSE_PROOF: u64 = 1_000_000;
const BOND: u64 = 100_000_000;

/// Operators with bonds of 100 credits each, and a class of block 1001.
fn market_with(names: &[&str], change: impl FnOnce(&mut Policy)) -> (World, Hash) {
    let mut world = World::new(&[names, &["req"]].concat());
    for name in names {
        world.operate(name, BOND);
    }
    let mut policy = policy();
    change(&mut policy);
    let class = world.class(policy);
    (world, class)
}

fn market(names: &[&str]) -> (World, Hash) {
    market_with(names, |_| {})
}

fn asked(class: Hash, change: impl FnOnce(&mut Ask)) -> Action {
    let mut ask = ask(class);
    change(&mut ask);
    Action::Ask(ask)
}

fn requested(class: Hash, change: impl FnOnce(&mut Request)) -> Action {
    let mut request = request(class);
    change(&mut request);
    Action::Request(request)
}

/// An ask that has stood in its book for long: 1,000 microcredits, within 4 blocks.
fn standing(name: &str) -> BookAsk {
    BookAsk {
        operator: actor(name),
        price: 1_000,
        blocks: 4,
        capacity: 100,
        max_bond: 1_000_000,
        until: 50_000,
        since: 0,
        open: 0,
    }
}

fn put_asks(world: &mut World, class: Hash, asks: &[BookAsk]) {
    let mut book = Book::default();
    asks.iter().for_each(|ask| book.put(*ask));
    world.put(StateKey::Book(class), book);
}

/// Who a job is assigned to by the matching after its Request.
fn matched(world: &World, class: Hash, change: impl FnOnce(&mut Request)) -> Option<Address> {
    let mut world = world.clone();
    let job = world.act("req", requested(class, change));
    world.skip(1);
    world.assignee(&job)
}

/// Whether an ask of `a`'s fits a job.
fn fits(world: &World, class: Hash, ask: BookAsk, change: impl FnOnce(&mut Request)) -> bool {
    let mut world = world.clone();
    put_asks(&mut world, class, &[ask]);
    matched(&world, class, change).is_some()
}

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

// --- Which of those that fit ---------------------------------------------------------------------

/// Delay counts: at 9 blocks 2,500 of the value are lost, at 10 blocks 5,000.
#[test]
fn the_ask_that_costs_least_with_its_delay_is_assigned() {
    let (mut world, class) = market(&["a", "b"]);
    for (price, winner) in [(3_498, "b"), (3_499, "b"), (3_501, "a")] {
        put_asks(
            &mut world,
            class,
            &[
                BookAsk { blocks: 10, price: 1_000, ..standing("a") }, // 1,000 + 5,000
                BookAsk { blocks: 9, price, ..standing("b") },         // price + 2,500
            ],
        );
        assert_eq!(matched(&world, class, |_| {}), Some(actor(winner)), "{price}");
    }
}

/// `b` alone has weight: it is assigned exactly if it takes part in the draw.
#[test]
fn a_band_lets_dearer_asks_take_part() {
    for (band_bps, lowest, highest) in [
        (0, 1_000, 1_000),
        (1, 1_000, 1_000), // 1,000.1
        (10, 1_000, 1_001),
        (1_000, 1_000, 1_100),
        (1_000, 1_001, 1_101), // 1,101.1
    ] {
        let (mut world, class) = market_with(&["a", "b"], |policy| policy.band_bps = band_bps);
        world.weigh("b", 1);
        for (price, winner) in [(highest, "b"), (highest + 1, "a")] {
            let asks =
                [BookAsk { price: lowest, ..standing("a") }, BookAsk { price, ..standing("b") }];
            put_asks(&mut world, class, &asks);
            assert_eq!(matched(&world, class, |_| {}), Some(actor(winner)), "{band_bps}, {price}");
        }
    }
}

/// 10^16 · 11,000 is above 2^64.
#[test]
fn a_band_is_computed_in_128_bits() {
    const PRICE: u64 = 10_000_000_000_000_000;
    let (mut world, class) = market_with(&["a", "b"], |policy| policy.band_bps = 1_000);
    world.weigh("b", 1);
    world.operate("a", PRICE);
    world.operate("b", PRICE);
    world.fund("req", 3 * PRICE);
    for (price, winner) in [(PRICE + PRICE / 10, "b"), (PRICE + PRICE / 10 + 1, "a")] {
        let ask = |name| BookAsk { price: PRICE, max_bond: u64::MAX, ..standing(name) };
        put_asks(&mut world, class, &[ask("a"), BookAsk { price, ..ask("b") }]);
        let set = |request: &mut Request| request.price = 2 * PRICE;
        assert_eq!(matched(&world, class, set), Some(actor(winner)), "{price}");
    }
}

/// The name with the least −log2(x) / W; without weight last, and by x alone.
fn first(hash: &Hash, class: &Hash, group: u16, weights: &[(&'static str, u64)]) -> &'static str {
    let rank = |name: &str, weight: u64| {
        let bits = 64.0 - ((lot(hash, class, group, name) as f64) + 1.0).log2();
        if weight > 0 { (0, bits / weight as f64) } else { (1, bits) }
    };
    let ranked = weights.iter().map(|(name, weight)| (rank(name, *weight), *name));
    ranked.min_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap()).unwrap().1
}

#[test]
fn rights_draw_by_mined_weight() {
    let weights = [("a", 5), ("b", 15), ("c", 0), ("d", 0)];
    let (mut world, class) = market(&["a", "b", "c", "d"]);
    for (name, weight) in weights.into_iter().filter(|(_, weight)| *weight > 0) {
        world.weigh(name, weight);
    }
    put_asks(&mut world, class, &weights.map(|(name, _)| standing(name)));
    let mut idle = world.clone();
    put_asks(&mut idle, class, &[standing("c"), standing("d")]);
    let (mut won, mut won_idle) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..60_u8 {
        let hash = Hash([number; 32]);
        let winner = drawn(&world, class, &hash);
        assert_eq!(winner, actor(first(&hash, &class, 0, &weights)), "{number}");
        won.insert(winner);
        let winner = drawn(&idle, class, &hash);
        assert_eq!(winner, actor(first(&hash, &class, 0, &weights[2..])), "{number}");
        won_idle.insert(winner);
    }
    assert_eq!(won, [actor("a"), actor("b")].into());
    assert_eq!(won_idle, [actor("c"), actor("d")].into());
}

/// Who is assigned a job if the block of its Request has this hash.
fn drawn(world: &World, class: Hash, hash: &Hash) -> Address {
    let mut world = world.clone();
    let job = world.act("req", requested(class, |_| {}));
    world.set_tip_hash(*hash);
    world.skip(1);
    world.assignee(&job).unwrap()
}

/// The lesser of what is free and what was bonded when the epoch began: nothing for newcomers. It
/// falls with what each assignment locks.
#[test]
fn stake_draws_by_bonds_that_were_there_when_the_epoch_began() {
    const EACH: u64 = 9_000_000;
    let (mut world, class) =
        market_with(&["a", "b", "c"], |policy| policy.selection = Selection::Stake);
    let stakes = [("a", 40_000_000, 10_000_000), ("b", 20_000_000, 90_000_000), ("c", BOND, 0)];
    for (name, bond, epoch_bond) in stakes {
        let operator = Operator { bond, epoch_bond, ..world.operator(name) };
        world.put(StateKey::Operator(actor(name)), operator);
    }
    let ask = |name| BookAsk { max_bond: EACH, ..standing(name) };
    put_asks(&mut world, class, &[ask("a"), ask("b"), ask("c")]);
    let mut differ = 0;
    for number in 0..100_u8 {
        let mut world = world.clone();
        let set = |request: &mut Request| request.damage = EACH;
        let jobs = world.must(&[(); 2].map(|()| ("req", requested(class, set))));
        let hash = Hash([number; 32]);
        world.set_tip_hash(hash);
        world.skip(1);
        // `a` has more than enough free; `b` has 11 credits free after one job.
        let one = first(&hash, &class, 0, &[("a", 10_000_000), ("b", 20_000_000), ("c", 0)]);
        let left = if one == "b" { 20_000_000 - EACH } else { 20_000_000 };
        let two = first(&hash, &class, 0, &[("a", 10_000_000), ("b", left), ("c", 0)]);
        let got = jobs.iter().map(|job| world.assignee(job).unwrap());
        assert_eq!(got.collect::<Vec<_>>(), [actor(one), actor(two)], "{number}");
        differ += u32::from(one != two);
    }
    assert!(differ > 0, "in no draw it mattered that a bond was locked");
}

/// The first 16 jobs that a class is assigned in a block share a draw, then the next 16.
#[test]
fn draws_go_by_groups_of_16_jobs_of_a_class() {
    let (mut world, class) = market(&["a", "b"]);
    let other = world.class(policy());
    for class in [class, other] {
        put_asks(&mut world, class, &[standing("a"), standing("b")]);
    }
    let weights = [("a", 0), ("b", 0)];
    let winners =
        |hash: &Hash, class: &Hash| [0, 1, 2].map(|group| first(hash, class, group, &weights));
    let hash = (0..=255_u8)
        .map(|number| Hash([number; 32]))
        .find(|hash| {
            let (of_class, of_other) = (winners(hash, &class), winners(hash, &other));
            of_class == ["a", "b", "a"] && of_other == ["b", "a", "b"]
        })
        .unwrap();
    let posts: Vec<_> =
        (0..70).map(|number| ("req", requested([class, other][number % 2], |_| {}))).collect();
    let jobs = world.must(&posts);
    world.set_tip_hash(hash);
    world.skip(1);
    for (number, job) in jobs.iter().enumerate() {
        let (of_class, n) = ([class, other][number % 2], number / 2);
        let expected = actor(winners(&hash, &of_class)[n / 16]);
        assert_eq!(world.assignee(job), Some(expected), "{number}");
    }
    // The next block begins anew.
    let job = world.act("req", requested(class, |_| {}));
    world.set_tip_hash(hash);
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("a")));
}

// --- Ask events ----------------------------------------------------------------------------------

/// Jobs that are open since 1003, with these prices, and no ask yet.
fn open_jobs(names: &[&str], prices: &[u64]) -> (World, Hash, Vec<Hash>) {
    let (mut world, class) = market(names);
    let posts: Vec<_> = prices
        .iter()
        .map(|price| ("req", requested(class, |request| request.price = *price)))
        .collect();
    let jobs = world.must(&posts);
    world.skip(1);
    assert!(jobs.iter().all(|job| world.job(job).status == Status::Open));
    (world, class, jobs)
}

fn ask_event(due: Height, class: Hash, name: &str) -> Event {
    Event { due, what: What::Ask { class, operator: actor(name) } }
}

/// Two blocks after it was posted, and in no block before.
#[test]
fn an_ask_is_matched_with_open_jobs_after_two_blocks() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000]);
    world.act("a", asked(class, |_| {}));
    assert_eq!(world.queue(), [ask_event(1_006, class, "a")]);
    world.skip(1);
    assert_eq!(world.job(&jobs[0]).status, Status::Open);
    world.skip(1);
    assert_eq!((world.height(), world.assignee(&jobs[0])), (1_006, Some(actor("a"))));
    assert!(world.queue().is_empty());
}

/// As if they were one: not the first of them, but the cheapest.
#[test]
fn the_asks_of_a_class_are_matched_together() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_000]);
    world.must(&[("a", asked(class, |ask| ask.price = 2_000)), ("b", asked(class, |_| {}))]);
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("b")));
}

/// An ask without an event is not among them, though it is cheaper and fits.
#[test]
fn only_asks_with_events_are_matched_with_open_jobs() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_000]);
    put_asks(&mut world, class, &[BookAsk { price: 1, ..standing("b") }]);
    world.act("a", asked(class, |_| {}));
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("a")));
}

/// The dearest first, then the oldest, then by their places.
#[test]
fn open_jobs_are_matched_in_the_order_of_their_list() {
    let (mut world, class, mut jobs) = open_jobs(&["a"], &[10_000, 10_001, 10_000]);
    let younger = world.must(&[
        ("req", requested(class, |request| request.price = 10_001)),
        ("req", requested(class, |request| request.price = 10_002)),
    ]);
    jobs.extend(younger);
    let order = [jobs[4], jobs[1], jobs[3], jobs[0], jobs[2]];
    world.skip(1);
    for capacity in 1..=5 {
        let mut world = world.clone();
        world.act("a", asked(class, |ask| ask.capacity = capacity));
        world.skip(2);
        for (place, job) in order.iter().enumerate() {
            let is_assigned = place < capacity.into();
            assert_eq!(world.assignee(job).is_some(), is_assigned, "{capacity}, {place}");
        }
    }
}

/// Sixteen in one taking; its event comes again in the next block, behind all others.
#[test]
fn an_ask_is_assigned_16_jobs_of_one_taking() {
    let prices: Vec<u64> = (0..20).map(|number| 10_000 + number).collect();
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &prices);
    world.must(&[("a", asked(class, |ask| ask.capacity = 100)), ("b", asked(class, |_| {}))]);
    // `b` costs as much and comes to nothing: weight decides.
    world.weigh("a", 1);
    let assigned = |world: &World, name: &str| {
        jobs.iter().filter(|job| world.assignee(job) == Some(actor(name))).count()
    };
    world.skip(2);
    // The dearest sixteen go to `a`, which drops out; the other four to `b`.
    assert_eq!((assigned(&world, "a"), assigned(&world, "b")), (16, 4));
    assert!(jobs[4..].iter().all(|job| world.assignee(job) == Some(actor("a"))));
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")]);
}

/// Alone, it goes on in the next block.
#[test]
fn an_ask_that_had_sixteen_goes_on_in_the_next_block() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000; 20]);
    world.act("a", asked(class, |ask| ask.capacity = 18));
    let assigned =
        |world: &World| jobs.iter().map(|job| world.assignee(job).is_some()).collect::<Vec<_>>();
    world.skip(2);
    assert_eq!(assigned(&world), [vec![true; 16], vec![false; 4]].concat());
    world.skip(1);
    assert_eq!(assigned(&world), [vec![true; 18], vec![false; 2]].concat(), "it is full");
    assert!(world.queue().is_empty());
}

/// Posted twice in a block, an ask has two events, and is assigned sixteen jobs at once.
#[test]
fn equal_events_count_once() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000; 20]);
    let ask = ("a", asked(class, |ask| ask.capacity = 100));
    world.must(&[ask.clone(), ask]);
    assert_eq!(world.queue(), [ask_event(1_006, class, "a"); 2]);
    world.skip(2);
    let assigned = jobs.iter().filter(|job| world.assignee(job).is_some()).count();
    assert_eq!(assigned, 16);
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")]);
}

/// At the place of the first: `b`, which has bond for one job, takes that of the class whose events
/// begin first, though its own event for the other one stands before.
#[test]
fn the_asks_of_a_class_are_taken_at_the_place_of_the_first() {
    let (mut world, class) = market(&["a", "b"]);
    let other = world.class(policy());
    world.operate("b", 10_000 + FALSE_PROOF);
    let jobs = world.must(&[class, other].map(|class| ("req", requested(class, |_| {}))));
    world.must(&[
        ("a", asked(class, |ask| ask.price = 2_000)),
        ("b", asked(other, |_| {})),
        ("b", asked(class, |_| {})),
    ]);
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("b")));
    assert_eq!(world.job(&jobs[1]).status, Status::Open);
}

/// An ask that was full fits as one that was just posted; one that was not goes on.
#[test]
fn an_ask_that_was_full_has_no_last_look() {
    for (capacity, is_fit) in [(1, false), (2, true)] {
        let (mut world, class) = market(&["a"]);
        world.act("a", asked(class, |ask| ask.capacity = capacity));
        let first = world.act("req", requested(class, |_| {}));
        world.skip(1);
        // In one block, 1005, room is made and a job is posted.
        let ids = world.must(&[("a", deliver("a", &[first])), ("req", requested(class, |_| {}))]);
        let since = world.ask_of(&class, "a").unwrap().since;
        assert_eq!(since, if is_fit { 1_002 } else { 1_005 });
        world.skip(1);
        assert_eq!(world.assignee(&ids[1]).is_some(), is_fit, "{capacity}");
        world.skip(1);
        assert_eq!(world.assignee(&ids[1]), Some(actor("a")), "by the event of 1007");
    }
}

/// A capacity that was lowered makes no room.
#[test]
fn an_ask_above_its_capacity_has_no_event_when_a_job_goes() {
    let (mut world, class) = market(&["a"]);
    world.act("a", asked(class, |ask| ask.capacity = 3));
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    world.skip(1);
    world.act("a", asked(class, |ask| ask.capacity = 1));
    world.act("a", deliver("a", &jobs[..1]));
    assert_eq!(world.ask_of(&class, "a").unwrap().open, 2);
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")], "that of its posting");
    world.must(&[("a", deliver("a", &jobs[1..]))]);
    let ask = world.ask_of(&class, "a").unwrap();
    assert_eq!((ask.open, ask.since), (0, 1_007));
    assert!(world.queue().contains(&ask_event(1_009, class, "a")));
}

/// Posted again in each block, an ask is new in each block.
#[test]
fn an_ask_that_flaps_is_never_ready() {
    let (mut world, class) = market(&["a"]);
    let post = ("a", asked(class, |ask| ask.price = 1));
    let mut jobs = Vec::new();
    for _ in 0..6 {
        let ids = world.must(&[post.clone(), ("req", requested(class, |_| {}))]);
        jobs.push(ids[1]);
    }
    assert!(jobs[..5].iter().all(|job| world.job(job).status == Status::Open));
    // The last one that is left alone takes what is open.
    world.skip(2);
    assert!(jobs.iter().all(|job| world.assignee(job) == Some(actor("a"))));
}

/// A look at a Request helps nobody: an ask that undercuts in its block comes too late.
#[test]
fn an_ask_cannot_be_undercut_in_the_block_of_a_request() {
    let (mut world, class) = market(&["a", "b"]);
    world.act("a", asked(class, |_| {}));
    let ids =
        world.must(&[("req", requested(class, |_| {})), ("b", asked(class, |ask| ask.price = 1))]);
    world.skip(1);
    assert_eq!(world.assignee(&ids[0]), Some(actor("a")));
}

// --- What bounds a block -------------------------------------------------------------------------

/// Jobs that are left stay as they are, and their events at their places.
#[test]
fn a_block_assigns_1024_jobs() {
    let (mut world, class) = market(&["a"]);
    let mut classes = vec![class];
    classes.extend([(); 4].map(|()| world.class(policy())));
    for class in &classes {
        put_asks(&mut world, *class, &[BookAsk { capacity: 1_000, ..standing("a") }]);
    }
    let posts: Vec<_> =
        (0..1_026).map(|number| ("req", requested(classes[number % 5], |_| {}))).collect();
    let jobs = world.must(&posts);
    world.skip(1);
    let assigned = jobs.iter().filter(|job| world.assignee(job).is_some()).count();
    assert_eq!(assigned, 1_024);
    for job in &jobs[1_024..] {
        assert_eq!(world.job(job).status, Status::Waiting);
    }
    let left = jobs[1_024..].iter().map(|job| What::Job(*job));
    assert!(world.queue().iter().map(|event| event.what).eq(left));
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
}

/// The last assignment ends a taking: an ask that dropped out with it has no event any more, one
/// that did not keeps its own.
#[test]
fn a_taking_that_is_cut_short_goes_on_in_the_next_block() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_003, 10_002, 10_001, 10_000]);
    world.must(&[
        ("b", asked(class, |ask| ask.price = 2_000)),
        ("a", asked(class, |ask| ask.capacity = 1)),
    ]);
    world.skip(1);
    world.limits.assignments = 2;
    world.skip(1);
    let assigned = jobs.iter().map(|job| world.assignee(job)).collect::<Vec<_>>();
    assert_eq!(assigned, [Some(actor("a")), Some(actor("b")), None, None]);
    assert_eq!(world.queue(), [ask_event(1_006, class, "b")]);
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
    assert_eq!(world.queue(), [ask_event(1_006, class, "b")], "nobody is left, and it stays");
    world.skip(1);
    assert!(world.queue().is_empty());
}

/// Events that are due are taken in their order: a job of the last block's before one that this
/// block's agenda sends back, whatever they are worth.
#[test]
fn events_of_the_agenda_come_last() {
    let (mut world, class) = market(&["a", "b"]);
    let one = BookAsk { capacity: 1, price: 2_000, ..standing("b") };
    put_asks(&mut world, class, &[BookAsk { capacity: 1, ..standing("a") }, one]);
    let missed = world.act("req", requested(class, |request| request.price = 90_000));
    // Assigned to `a` in 1003 for 1006.
    world.skip_to(1_005);
    assert_eq!(world.assignee(&missed), Some(actor("a")));
    let late = world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!((world.height(), world.job(&missed).misses.len()), (1_007, 1));
    assert_eq!(world.assignee(&late), Some(actor("b")));
    assert_eq!(world.job(&missed).status, Status::Open);
}

// --- Books ---------------------------------------------------------------------------------------

/// A class whose book holds two asks: since the epoch began, `a` has 5 credits at stake, `b` 7.
fn full_book() -> (World, Hash) {
    let (mut world, class) = market_with(&["a", "b", "new"], |policy| policy.max_operators = 2);
    world.operate("a", 5_000_000);
    world.operate("b", 7_000_000);
    world.must(&[("a", asked(class, |_| {})), ("b", asked(class, |_| {}))]);
    (world, class)
}

fn operators(world: &World, class: &Hash) -> Vec<Address> {
    world.book(class).0.iter().map(|ask| ask.operator).collect()
}

#[test]
fn in_a_full_book_the_least_at_stake_gives_way() {
    let (mut world, class) = full_book();
    world.operate("new", 5_000_001);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("b"), actor("new")]);
    // Of equals, the greatest address.
    let (mut world, class) = full_book();
    world.operate("b", 5_000_000);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("a"), actor("new")]);
    // What gave way has an event still: it finds nothing.
    world.skip(3);
    assert!(world.queue().is_empty());
}

/// However little the newcomer has, it takes the place of what can never be matched again.
#[test]
fn in_a_full_book_ghosts_go_first() {
    let (mut world, class) = full_book();
    world.operate("new", 2_000_000);
    assert_eq!(world.judge("new", asked(class, |_| {})), Ok(Outcome::Void(Void::BookFull)));
    let mut taken_back = world.clone();
    let done = taken_back
        .block(&[("b", asked(class, |ask| ask.capacity = 0)), ("new", asked(class, |_| {}))]);
    assert_eq!(done.outcomes, [APPLIED, APPLIED]);
    assert_eq!(operators(&taken_back, &class), [actor("a"), actor("new")]);
    // One that ended: matched up to 1005, it is a ghost from 1006 on. Of two, the first goes.
    world.must(&[
        ("b", asked(class, |ask| ask.until = 1_005)),
        ("a", asked(class, |ask| ask.until = 1_005)),
    ]);
    world.skip(1);
    assert_eq!(world.height(), 1_004);
    assert_eq!(world.judge("new", asked(class, |_| {})), Ok(Outcome::Void(Void::BookFull)));
    world.skip(1);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("b"), actor("new")]);
}

/// An ask under which a job is assigned stays, taken back or not.
#[test]
fn in_a_full_book_asks_with_jobs_stay() {
    let (mut world, class) = full_book();
    let jobs = world.must(
        &["a", "b"]
            .map(|name| ("req", requested(class, |request| request.operator = Some(actor(name))))),
    );
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
    let full = Ok(Outcome::Void(Void::BookFull));
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    world.act("a", asked(class, |ask| ask.capacity = 0));
    let ask = world.ask_of(&class, "a").unwrap();
    assert_eq!((ask.capacity, ask.open), (0, 1), "it keeps its jobs");
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    // `b` has 7 credits, and no job any more.
    world.act("b", deliver("b", &jobs[1..]));
    world.operate("new", 7_000_000);
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    world.operate("new", 7_000_001);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("a"), actor("new")]);
}

/// Before an event of its class is taken, and not without one.
#[test]
fn matching_takes_ghosts_out_of_a_book() {
    let (mut world, class) = market(&["a", "b", "c"]);
    world.must(&[
        ("a", asked(class, |ask| ask.until = 1_004)),
        ("b", asked(class, |_| {})),
        ("c", asked(class, |ask| ask.until = 1_005)),
    ]);
    world.skip_to(1_006);
    assert_eq!(operators(&world, &class).len(), 3, "no event since they ended");
    world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!(operators(&world, &class), [actor("b")]);
    // Taken back, it stays for its job, which is missed after 1011; before the next event it goes.
    world.act("b", asked(class, |ask| ask.capacity = 0));
    world.skip(2);
    assert_eq!((world.height(), operators(&world, &class)), (1_011, vec![actor("b")]));
    world.skip(1);
    assert!(operators(&world, &class).is_empty());
}

// --- Against the text ----------------------------------------------------------------------------

/// Rules 1 to 4 for one ask, as the specification says them.
fn fits_by_the_text(round: &Round<'_>, job: &Job, candidate: &Candidate) -> bool {
    let Candidate { ask, standing } = candidate;
    let (policy, h) = (&round.class.policy, u64::from(round.height));
    let promise = h - 1 + u64::from(ask.blocks);
    let lists: Vec<Address> = job
        .misses
        .iter()
        .map(|miss| miss.operator)
        .chain(job.declines.iter().map(|decline| decline.operator))
        .collect();
    let first = u64::from(ask.until) >= h
        && u64::from(ask.since) + 2 <= h
        && ask.open < ask.capacity
        && !lists.contains(&ask.operator)
        && job.operator.is_none_or(|operator| operator == ask.operator);
    let Terms { price, late_price, soft, hard } = job.terms;
    let (soft, hard) = (u64::from(soft), u64::from(hard));
    let value = if promise <= soft {
        u128::from(price)
    } else if promise <= hard {
        let lost = u128::from(price - late_price) * u128::from(promise - soft);
        u128::from(price) - lost / u128::from(hard - soft)
    } else {
        0
    };
    let second = value >= u128::from(ask.price) && promise <= hard;
    let part = (u128::from(price) * u128::from(policy.bond_bps)).div_ceil(10_000);
    let bond = [policy.min_bond, round.market.min_bond, job.damage]
        .map(u128::from)
        .into_iter()
        .fold(part, u128::max);
    let third = bond <= u128::from(ask.max_bond)
        && u128::from(standing.free)
            >= bond + u128::from(round.market.false_proof) + u128::from(standing.fresh);
    let reputation = u128::from(standing.reputation);
    let all = u128::from(round.class.assigned) + 1;
    let cap = (u128::from(policy.share_cap_bps) * all).div_ceil(10_000).max(1);
    let fourth = standing.reputation >= policy.min_reputation.max(job.min_reputation)
        && (policy.tier_unit == 0
            || u128::from(ask.price) <= u128::from(policy.tier_unit) * (reputation + 1))
        && standing.weight >= policy.min_weight
        && (h >= u64::from(policy.open_at)
            || policy.permitted.is_empty()
            || policy.permitted.contains(&ask.operator))
        && u128::from(ask.open) < cap;
    first && second && third && fourth
}

fn any_operator() -> impl Strategy<Value = Address> {
    prop_oneof![Just("a"), Just("b"), Just("c")].prop_map(actor)
}

/// Mostly what fits, often what is near the bound, at times any.
fn amount(fits: u64, bound: u64) -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(fits), 3 => bound - 3..bound + 4, 1 => any::<u64>()]
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let ask = (
        (any_operator(), amount(75, 100)),
        (2_u32..9, prop_oneof![3 => Just(4_u16), 1 => 0_u16..4], amount(1_000_000, 10_000)),
        (prop_oneof![6 => Just(110_u32), 1 => 98_u32..103], 0_u16..3),
        prop_oneof![6 => Just(50_u32), 1 => 96_u32..101],
    );
    let state = (
        amount(5_000_000, 1_010_000),
        0_u64..3,
        prop_oneof![3 => Just(20_u16), 1 => 8_u16..12],
        prop_oneof![3 => Just(9_u64), 1 => 4_u64..7],
    );
    (ask, state).prop_map(|(ask, (free, fresh, reputation, weight))| {
        let ((operator, price), (blocks, capacity, max_bond), (until, open), since) = ask;
        Candidate {
            ask: BookAsk { operator, price, blocks, capacity, max_bond, until, since, open },
            standing: Standing { free, epoch_bond: free / 2, fresh, reputation, weight },
        }
    })
}

fn any_job() -> impl Strategy<Value = Job> {
    let terms = (amount(100, 100), any::<u64>(), 101_u32..106, 0_u32..4);
    let more = (amount(0, 10_000), 7_u16..12);
    let operator = prop_oneof![4 => Just(None), 1 => any_operator().prop_map(Some)];
    let lists =
        (prop::collection::vec(any_operator(), 0..2), prop::collection::vec(any_operator(), 0..2));
    (terms, more, operator, lists).prop_map(|(terms, (damage, min_reputation), operator, lists)| {
        let (price, late, soft, span) = terms;
        let price = price.max(1);
        let late_price = late % price.saturating_add(1);
        let miss = |operator| Miss { operator, promise: 90, bond: 1, ask_price: 1 };
        let decline = |operator| Decline { operator, ask_price: 1, burned: 1 };
        Job {
            class: Hash::ZERO,
            terms: Terms { price, late_price, soft, hard: soft + span },
            damage,
            min_reputation,
            immediate: false,
            operator,
            values: Vec::new(),
            requester: actor("req"),
            created: 90,
            place: 0,
            escrow: price,
            bond: 0,
            status: Status::Open,
            cancelled: None,
            opened: Some(91),
            open_price: None,
            misses: lists.0.into_iter().map(miss).collect(),
            declines: lists.1.into_iter().map(decline).collect(),
            deliveries: Vec::new(),
        }
    })
}

fn any_class() -> impl Strategy<Value = Class> {
    let gates = (
        7_u16..12,
        prop_oneof![2 => Just(0_u64), 1 => Just(10), 1 => 3_u64..12],
        4_u64..7,
        0_u16..4,
    );
    let bonds =
        (prop_oneof![3 => Just(1_000_u16), 1 => any::<u16>()], amount(0, 10_000), 0_u16..1_001);
    let more = (prop_oneof![Just(10_000_u16), 0_u16..10_001], 99_u32..102, any::<bool>());
    (gates, bonds, more).prop_map(|(gates, bonds, (share_cap_bps, open_at, is_listed))| {
        let (min_reputation, tier_unit, min_weight, assigned) = gates;
        let (bond_bps, min_bond, band_bps) = bonds;
        let permitted = if is_listed { vec![actor("a")] } else { Vec::new() };
        let policy =
            Policy { min_reputation, tier_unit, min_weight, bond_bps, min_bond, ..policy() };
        Class {
            creator: actor("creator"),
            system: 1,
            policy: Policy { band_bps, share_cap_bps, open_at, permitted, ..policy },
            royalty_bps: 0,
            values: 1,
            live: 9,
            assigned,
            delivered: 0,
            last_price: 0,
            last_height: 0,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Every ask that fits and no other, whatever else is told of it: by the whole job, by its
    /// place in the waiting list, and with the reason why not.
    #[test]
    fn what_fits_is_what_the_text_says(
        class in any_class(),
        job in any_job(),
        asks in prop::collection::vec(any_candidate(), 1..5),
    ) {
        let round = Round {
            market: &MarketSpec::MAINNET,
            height: 100,
            parent_hash: &Hash([3; 32]),
            id: &Hash::ZERO,
            class: &class,
            matched: 0,
        };
        let by_text: Vec<bool> =
            asks.iter().map(|candidate| fits_by_the_text(&round, &job, candidate)).collect();
        let in_time: Vec<bool> =
            asks.iter().map(|candidate| 99 + candidate.ask.blocks <= job.terms.soft).collect();
        let has_soft = by_text.iter().zip(&in_time).any(|(fits, soft)| *fits && *soft);
        let expected: Vec<usize> = (0..asks.len())
            .filter(|place| by_text[*place] && (in_time[*place] || !has_soft))
            .collect();
        prop_assert_eq!(&round.fitting(&job, &asks), &expected);

        let misfits = round.misfits(&job, &asks);
        let without_reason =
            (0..asks.len()).filter(|place| misfits[*place].is_ok()).collect::<Vec<_>>();
        prop_assert_eq!(&without_reason, &expected);
        for (candidate, fits) in asks.iter().zip(&by_text) {
            prop_assert_eq!(round.fits(&job, round.bond(&job), candidate).is_ok(), *fits);
        }
        let entry = WaitingJob::of(Hash::ZERO, &job);
        prop_assert!(round.may_fit(&entry, &asks) || expected.is_empty());

        let costs: Vec<u128> =
            asks.iter().map(|candidate| round.effective(&job, &candidate.ask)).collect();
        match round.choose(&job, &asks, &mut Drawn::default()) {
            None => prop_assert!(expected.is_empty()),
            Some(place) => {
                prop_assert!(expected.contains(&place));
                let lowest = expected.iter().map(|place| costs[*place]).min().unwrap();
                let band = u128::from(class.policy.band_bps);
                prop_assert!(costs[place] <= lowest * (10_000 + band) / 10_000);
            }
        }
    }
}
