//! Which of the asks that fit is assigned: the band, the draw, its groups.

use std::collections::BTreeSet;

use lode_consensus::{
    Address, Hash, StateKey,
    market::{BookAsk, Operator, Selection},
    transaction::Request,
};
use lode_testkit::world::{World, actor, policy, requested};

use crate::{BOND, first, market, market_with, matched, put_asks, standing};

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
