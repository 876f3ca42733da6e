//! What the rules leave as it is, with what it is worth.

use std::collections::BTreeSet;

use lode_consensus::{
    Action, Hash,
    market::{
        BookAsk, Policy,
        matching::{Candidate, Drawn, Round, Standing},
    },
    transaction::Ask,
};
use lode_testkit::world::{FEE, World, actor, deliver, policy, raise};

use crate::{
    CREDIT, DEVNET, FALSE_PROOF, STAKE, ask, assignee, long_offer, net, offer, shop, signed,
    withdrawn, worth,
};

/// An operator that alone fits withdraws beside the Request and sells at the limit: it gains
/// exactly what an ask at the limit would have had, as any monopolist.
#[test]
fn a_sole_operator_sells_at_the_limit_with_and_without_an_ask() {
    let (world, class) = shop(&["sole", "user"], policy());
    let mut open = world.clone();
    open.act("sole", Action::Ask(ask(class, 1_000)));
    open.skip(3);
    let before = worth(&open, &["sole"]);
    let ids = open.must(&[("sole", withdrawn(class)), ("user", Action::Request(offer(class)))]);
    open.skip(1);
    open.act("sole", deliver("sole", &ids[1..]));
    assert_eq!(worth(&open, &["sole"]) - before, net(CREDIT) - signed(FEE));

    let mut asked = world;
    let before = worth(&asked, &["sole"]);
    asked.act("sole", Action::Ask(ask(class, CREDIT)));
    let job = asked.act("user", Action::Request(offer(class)));
    asked.skip(1);
    asked.act("sole", deliver("sole", &[job]));
    assert_eq!(worth(&asked, &["sole"]) - before, net(CREDIT) - signed(FEE));
}

/// A bond that was freed in another class leads to no matching: the job waits until the operator
/// posts its ask again (two blocks), or the requester raises by nothing (one).
#[test]
fn a_job_waits_for_a_bond_that_another_class_freed() {
    let (mut world, class) = shop(&["seller", "user"], policy());
    let other = world.class(policy());
    world.operate("seller", FALSE_PROOF + CREDIT / 10);
    world.must(&[
        ("seller", Action::Ask(ask(class, 1_000))),
        ("seller", Action::Ask(ask(other, 1_000))),
    ]);
    let long = |class| Action::Request(long_offer(class));
    let jobs = world.must(&[("user", long(class)), ("user", long(other))]);
    world.skip(1);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("seller")));
    world.act("seller", deliver("seller", &jobs[..1]));
    world.skip(10);
    assert_eq!(world.assignee(&jobs[1]), None);

    let mut raised = world.clone();
    raised.act("user", raise(jobs[1], CREDIT, 0));
    raised.skip(1);
    assert_eq!(raised.assignee(&jobs[1]), Some(actor("seller")));
    world.act("seller", Action::Ask(ask(other, 1_000)));
    world.skip(1);
    assert_eq!(world.assignee(&jobs[1]), None);
    world.skip(1);
    assert_eq!(world.assignee(&jobs[1]), Some(actor("seller")));
}

/// A class with a band of 10 %, a job of it, and one candidate for each (name, price, weight).
fn banded(asks: &[(&str, u64, u64)]) -> (World, Hash, Hash, Vec<Candidate>) {
    let (mut world, class) = shop(&["a", "b", "user"], Policy { band_bps: 1_000, ..policy() });
    let job = world.act("user", Action::Request(offer(class)));
    let candidates = asks.iter().map(|(name, price, weight)| Candidate {
        ask: BookAsk {
            operator: actor(name),
            price: *price,
            blocks: 4,
            capacity: 8,
            max_bond: STAKE,
            until: u32::MAX,
            since: 0,
            open: 0,
        },
        standing: Standing::of(&world.operator(name), world.height() + 1, *weight),
    });
    let candidates = candidates.collect();
    (world, class, job, candidates)
}

/// How many of so many draws each candidate wins.
fn wins(asks: &[(&str, u64, u64)], draws: u64) -> Vec<u64> {
    let (world, id, job, candidates) = banded(asks);
    let (class, job) = (world.class_leaf(&id), world.job(&job));
    let mut wins = vec![0; candidates.len()];
    for draw in 0..draws {
        let parent_hash = Hash::of("draw", &[&draw.to_le_bytes()]);
        let height = world.height() + 1;
        let (market, class) = (&DEVNET, &class);
        let round = Round { market, height, parent_hash: &parent_hash, id: &id, class, matched: 0 };
        wins[round.choose(&job, &candidates, &mut Drawn::default()).unwrap()] += 1;
    }
    wins
}

/// Undercutting in a class with a band of 10 %. Best response of an operator with a part w of the
/// weight, while the others ask 1,100: ask 1,100 too and win w of the jobs, or push them out of the
/// band with 999 and win all. A price between wins no more jobs than 1,100.
/// Bound: it pays exactly below a part of 999/1,100, about 1/(1 + band).
#[test]
fn undercutting_a_band_pays_only_below_a_weight_of_one_by_one_plus_band() {
    const DRAWS: u64 = 4_000;
    for weight in [100, 500, 800, 880, 930, 990] {
        let shared = wins(&[("a", 1_100, weight), ("b", 1_100, 1_000 - weight)], DRAWS)[0];
        let expected = DRAWS * weight / 1_000;
        assert!(shared.abs_diff(expected) <= 150, "{weight}: {shared} of {expected}");
        let within = wins(&[("a", 1_000, weight), ("b", 1_100, 1_000 - weight)], DRAWS)[0];
        assert_eq!(within, shared);
        let all = wins(&[("a", 999, weight), ("b", 1_100, 1_000 - weight)], DRAWS)[0];
        assert_eq!(all, DRAWS);
        assert_eq!(999 * all > 1_100 * shared, weight * 1_100 < 999_000, "{weight}");
    }
}

/// Drawing again: the producer of a block throws it away if its draw displeases. Best response: in
/// a class where all jobs of a block hang on that draw.
/// Bound: sixteen jobs share a draw, the next sixteen have another: what one block's loss can buy
/// is the margin of sixteen jobs for each group.
#[test]
fn a_draw_moves_sixteen_jobs() {
    let (mut world, class) = shop(&["a", "b", "user"], policy());
    let many = Ask { capacity: 64, ..ask(class, 1_000) };
    world.must(&[("a", Action::Ask(many.clone())), ("b", Action::Ask(many))]);
    ["a", "b"].iter().for_each(|name| world.weigh(name, 1 << 20));
    let jobs = world.must(&vec![("user", Action::Request(offer(class))); 40]);
    let mut seen = BTreeSet::new();
    for draw in 0_u64..96 {
        let mut world = world.clone();
        world.set_tip_hash(Hash::of("tip", &[&draw.to_le_bytes()]));
        world.skip(1);
        let winners: Vec<&str> =
            jobs.iter().map(|job| assignee(&world, job, &["a", "b"]).unwrap()).collect();
        let groups: Vec<&[&str]> = winners.chunks(16).collect();
        assert!(groups.iter().all(|group| group.iter().all(|name| *name == group[0])));
        seen.insert([groups[0][0], groups[1][0], groups[2][0]]);
    }
    assert_eq!(seen.len(), 8, "groups draw apart: {seen:?}");
}
