//! Contests: who may deliver, who wins, and what each gets.

use std::collections::BTreeSet;

use lode_consensus::{
    Hash,
    market::{
        Policy,
        event::{Delivered, JobChange},
        job::{Delivery, End},
    },
};
use lode_testkit::world::{BALANCE, CREATOR, FEE, actor, cancel, deliver, lot};

use crate::{BOND, RENT, contest};

/// The value of the first delivery, less burn and royalty, in equal parts; what the division leaves
/// is burned.
#[test]
fn a_contest_is_shared_by_the_first() {
    let mut held = contest(|_| {});
    let before = held.world.balance(CREATOR);
    for name in ["third", "op", "second"] {
        held.world.act(name, deliver(name, &[held.job]));
    }
    let entries = [("third", 1_003), ("op", 1_004), ("second", 1_005)];
    let entries = entries.map(|(name, height)| Delivery { operator: actor(name), height });
    assert_eq!(held.world.job(&held.job).deliveries, entries);
    for name in ["third", "op", "second"] {
        let operator = held.world.operator(name);
        assert_eq!((operator.locked, operator.held), (300, 1));
    }
    held.world.skip_to(1_007);
    assert_eq!(held.world.end(&held.job), None);
    let done = held.world.block(&[]);
    // 10,001: floor(10,001 / 20) = 500, floor(10,001 · 3%) = 300, and 9,201 for two: 4,600 each,
    // 1 is burned.
    let delivered = Delivered {
        paid: vec![(actor("third"), 4_600), (actor("op"), 4_600)],
        burned: 501,
        royalty: 300,
        subsidy: 0,
        refund: 10_000,
    };
    assert_eq!(done.changes_of(&held.job), [JobChange::Delivered(delivered)]);
    assert_eq!((held.paid(), held.burned()), (10_001, RENT + 501));
    assert_eq!(held.world.balance(CREATOR) - before, 300);
    for (name, won) in [("third", 4_600), ("op", 4_600), ("second", 0)] {
        assert_eq!(held.won(name, 1), won);
        let operator = held.world.operator(name);
        assert_eq!((operator.bond, operator.locked, operator.held), (BOND, 0, 0));
        assert_eq!((operator.burned, operator.fresh), (0, 0), "no reputation");
    }
    let leaf = held.world.class_leaf(&held.class);
    assert_eq!((leaf.live, leaf.delivered), (0, 1));
}

/// One that nobody else enters takes it all.
#[test]
fn a_contest_with_one_delivery_pays_one() {
    let mut held = contest(|_| {});
    held.world.act("op", deliver("op", &[held.job]));
    held.world.skip_to(1_008);
    assert_eq!((held.paid(), held.won("op", 1)), (10_001, 9_201));
    assert_eq!(held.burned(), RENT + 500);
}

/// In one block the draw from the last block's hash decides; without heights, it always does.
#[test]
fn a_contest_draws_among_equals() {
    let names = ["op", "second", "third"];
    let together: &[&[&str]] = &[&["op", "second", "third"]];
    let apart: &[&[&str]] = &[&["op"], &["second"], &["third"]];
    for (randomised, blocks) in [(false, together), (true, apart)] {
        let mut winners = BTreeSet::new();
        for number in 0..24_u8 {
            let set = |policy: &mut Policy| {
                (policy.randomised, policy.winners) = (randomised, 1);
            };
            let mut held = contest(set);
            let job = held.job;
            for names in blocks {
                let entries: Vec<_> =
                    names.iter().map(|name| (*name, deliver(name, &[job]))).collect();
                held.world.must(&entries);
            }
            held.world.skip_to(1_007);
            let hash = Hash([number; 32]);
            held.world.set_tip_hash(hash);
            held.world.skip(1);
            let (_, winner) =
                names.map(|name| (lot(&hash, &job, 0, name), name)).into_iter().max().unwrap();
            assert_eq!(held.won(winner, 1), 9_201, "{randomised}, {number}");
            winners.insert(winner);
        }
        assert_eq!(winners.len(), 3, "of 24 draws, none is won by one of them");
    }
}

/// The first delivery in 1012 leaves no four blocks before hard, 1014: settled in 1015.
#[test]
fn a_contest_ends_at_hard_at_the_latest() {
    let mut held = contest(|_| {});
    held.world.skip_to(1_011);
    held.world.act("op", deliver("op", &[held.job]));
    held.world.skip(1);
    held.world.act("second", deliver("second", &[held.job]));
    assert_eq!(held.world.height(), 1_014);
    assert_eq!(held.world.job(&held.job).deliveries.len(), 2);
    held.world.skip(1);
    assert_eq!(held.world.end(&held.job), Some(End::Delivered));
    // V(1012) = 10,001 − floor(10,001 · 2 / 4) = 5,001: 250 burned, 150 royalty, 4,601 for two, of
    // which 1 is burned.
    assert_eq!((held.won("op", 1), held.won("second", 1)), (2_300, 2_300));
    assert_eq!((held.paid(), held.burned()), (5_001, RENT + 251));
}

#[test]
fn a_contest_without_deliveries_fails() {
    let mut held = contest(|_| {});
    held.world.skip_to(1_014);
    assert_eq!(held.world.end(&held.job), None);
    held.world.skip(1);
    assert_eq!(held.world.end(&held.job), Some(End::Failed));
    assert_eq!((held.paid(), held.burned()), (0, RENT));
}

/// The first delivery annuls a Cancel; without one, it takes effect.
#[test]
fn a_contests_first_delivery_annuls_a_cancel() {
    let mut held = contest(|_| {});
    held.world.act("req", cancel(held.job));
    assert_eq!(held.world.job(&held.job).cancelled, Some(1_003));
    let mut quiet = held.world.clone();
    quiet.skip_to(1_005);
    assert_eq!(quiet.end(&held.job), None);
    quiet.skip(1);
    assert_eq!(quiet.end(&held.job), Some(End::Cancelled));
    // A tenth of 10,000 is burned.
    assert_eq!(quiet.balance("req"), BALANCE - 2 * FEE - RENT - 1_000);

    held.world.skip_to(1_004);
    held.world.act("op", deliver("op", &[held.job]));
    assert_eq!(held.world.job(&held.job).cancelled, None);
    held.world.skip_to(1_009);
    assert_eq!(held.world.end(&held.job), None);
    held.world.skip(1);
    assert_eq!(held.world.end(&held.job), Some(End::Delivered));
    assert_eq!(held.paid(), FEE as i64 + 1_000 + 10_001);
}
