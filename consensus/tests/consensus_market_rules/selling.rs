//! Void: bonds and asks.

use lode_consensus::{
    Hash, Height, StateKey,
    market::{Operator, Selection, event::Void},
    transaction::Ask,
};
use lode_testkit::world::{APPLIED, World, actor, asked, bond, policy, unbond, void};

use crate::{FALSE_PROOF, Stage, class_with, stage, stage_with};

#[test]
fn an_unbond_takes_from_the_free_bond_and_leaves_a_false_proof_while_jobs_are_held() {
    let Stage { mut world, .. } = stage();
    // 100 credits, 10,000 of them locked for the job.
    let free = 99_990_000;
    assert_eq!(world.operator("op").free(), free);
    assert_eq!(world.judge("op", unbond(free - FALSE_PROOF)), APPLIED);
    let needed = u128::from(free) + 1;
    let short = void(Void::FreeBond { needed, free });
    assert_eq!(world.judge("op", unbond(free - FALSE_PROOF + 1)), short);
    // Without jobs, all of it.
    assert_eq!(world.judge("rival", unbond(100_000_000)), APPLIED);
    let short = void(Void::FreeBond { needed: 100_000_001, free: 100_000_000 });
    assert_eq!(world.judge("rival", unbond(100_000_001)), short);
    let none = void(Void::FreeBond { needed: 1, free: 0 });
    assert_eq!(world.judge("idle", unbond(1)), none);
    let most = void(Void::FreeBond { needed: u64::MAX.into(), free: 0 });
    assert_eq!(world.judge("idle", unbond(u64::MAX)), most);
    world.act("rival", unbond(100_000_000));
    assert_eq!(world.leaf::<Operator>(StateKey::Operator(actor("rival"))), None);
}

#[test]
fn only_an_own_ask_is_taken_back() {
    let Stage { world, class, .. } = stage();
    let back = |class, until| asked(class, |ask| (ask.capacity, ask.until) = (0, until));
    assert_eq!(world.judge("op", back(class, 0)), APPLIED);
    assert_eq!(world.judge("op", back(class, Height::MAX)), APPLIED);
    assert_eq!(world.judge("rival", back(class, 2_000)), void(Void::NoAsk));
    assert_eq!(world.judge("op", back(Hash::ZERO, 2_000)), void(Void::NoAsk));
}

#[test]
fn an_ask_needs_a_class_that_is_no_contest() {
    let Stage { mut world, class, .. } = stage();
    let contest = class_with(&mut world, |policy| policy.selection = Selection::Contest);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
    assert_eq!(world.judge("op", asked(Hash::ZERO, |_| {})), void(Void::NoClass));
    assert_eq!(world.judge("op", asked(contest, |_| {})), void(Void::ContestAsk));
}

/// N = max(min_bond of the class, 10,000, a tenth of the price, rounded up).
#[test]
fn an_ask_needs_a_free_bond_and_accepts_one() {
    for (min_bond, price, bond) in [
        (0, 1_000, 10_000),
        (0, 100_000, 10_000),
        (0, 100_001, 10_001),
        (0, 200_000, 20_000),
        (50_000, 200_000, 50_000),
        (50_000, 500_001, 50_001),
    ] {
        let mut world = World::new(&["op"]);
        let class = class_with(&mut world, |policy| policy.min_bond = min_bond);
        let judge = |world: &World, max_bond| {
            let set = |ask: &mut Ask| (ask.price, ask.max_bond) = (price, max_bond);
            world.judge("op", asked(class, set))
        };
        let needed = bond + FALSE_PROOF;
        world.operate("op", needed - 1);
        let short = Void::FreeBond { needed: needed.into(), free: needed - 1 };
        assert_eq!(judge(&world, bond), void(short));
        world.operate("op", needed);
        assert_eq!(judge(&world, bond), APPLIED);
        let low = Void::MaxBond { needed: bond, got: bond - 1 };
        assert_eq!(judge(&world, bond - 1), void(low));
    }
}

/// What was bonded just now counts for an ask; matching waits for it.
#[test]
fn a_fresh_bond_is_enough_for_an_ask() {
    let mut world = World::new(&["op"]);
    let class = world.class(policy());
    world.must(&[("op", bond(1_010_000)), ("op", asked(class, |_| {}))]);
}

#[test]
fn an_ask_needs_the_reputation_of_its_class() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.min_reputation = 5);
    world.operate("op", 10_000_000);
    world.repute("op", 4);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    world.repute("op", 5);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// At most 100 for each point of reputation and one.
#[test]
fn a_tier_bounds_the_price_of_an_ask() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.tier_unit = 100);
    world.operate("op", 10_000_000);
    let judge = |world: &World, price| world.judge("op", asked(class, |ask| ask.price = price));
    assert_eq!(judge(&world, 100), APPLIED);
    assert_eq!(judge(&world, 101), void(Void::Gate));
    world.repute("op", 9);
    assert_eq!(judge(&world, 1_000), APPLIED);
    assert_eq!(judge(&world, 1_001), void(Void::Gate));
}

#[test]
fn an_ask_needs_the_weight_of_its_class() {
    let mut world = World::new(&["op"]);
    let class = class_with(&mut world, |policy| policy.min_weight = 65_536);
    world.operate("op", 10_000_000);
    world.weigh("op", 65_535);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    world.weigh("op", 65_536);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// The list holds for blocks below `open_at`.
#[test]
fn an_ask_needs_permission_until_the_class_opens() {
    let mut world = World::new(&["member", "op"]);
    let class = class_with(&mut world, |policy| {
        (policy.permitted, policy.open_at) = (vec![actor("member")], 1_004);
    });
    let open = class_with(&mut world, |policy| policy.open_at = 1_004);
    world.operate("member", 10_000_000);
    world.operate("op", 10_000_000);
    assert_eq!(world.height(), 1_002);
    assert_eq!(world.judge("member", asked(class, |_| {})), APPLIED);
    assert_eq!(world.judge("op", asked(class, |_| {})), void(Void::Gate));
    assert_eq!(world.judge("op", asked(open, |_| {})), APPLIED, "an empty list");
    world.skip(1);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

/// The cap bounds what is assigned, not what is offered.
#[test]
fn a_share_cap_does_not_keep_an_ask_out() {
    let Stage { world, class, .. } = stage_with(|policy| {
        (policy.share_cap_bps, policy.min_bond) = (0, FALSE_PROOF);
    });
    assert_eq!(world.ask_of(&class, "op").unwrap().open, 1);
    assert_eq!(world.judge("op", asked(class, |_| {})), APPLIED);
}

#[test]
fn an_ask_ends_in_time() {
    let Stage { world, class, .. } = stage();
    let height = world.height() + 1;
    let judge = |until| world.judge("op", asked(class, |ask| ask.until = until));
    let (low, high) = (height + 2, height + 100_000);
    assert_eq!(judge(low), APPLIED);
    assert_eq!(judge(high), APPLIED);
    for got in [low - 1, high + 1] {
        assert_eq!(judge(got), void(Void::Until { low, high, got }));
    }
}

/// An own ask is replaced whatever the book holds.
#[test]
fn a_full_book_takes_only_those_with_more_at_stake() {
    let mut world = World::new(&["a", "b", "new"]);
    world.operate("a", 5_000_000);
    world.operate("b", 7_000_000);
    let class = class_with(&mut world, |policy| policy.max_operators = 2);
    world.operate("new", 5_000_000);
    world.act("a", asked(class, |_| {}));
    assert_eq!(world.judge("new", asked(class, |_| {})), APPLIED);
    world.act("b", asked(class, |_| {}));
    assert_eq!(world.judge("new", asked(class, |_| {})), void(Void::BookFull));
    assert_eq!(world.judge("a", asked(class, |_| {})), APPLIED);
    world.operate("new", 5_000_001);
    assert_eq!(world.judge("new", asked(class, |_| {})), APPLIED);
    // What was bonded since the epoch began does not count.
    let epoch_bond = Operator { epoch_bond: 5_000_000, ..world.operator("new") };
    world.put(StateKey::Operator(actor("new")), epoch_bond);
    assert_eq!(world.judge("new", asked(class, |_| {})), void(Void::BookFull));
}
