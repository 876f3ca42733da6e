//! Deliveries of assignees and of others, and what the pool adds.

use lode_consensus::{
    StateKey,
    market::{
        Operator, ProvingPool,
        event::{Delivered, JobChange, Void},
        job::End,
        queue::{Event, What},
    },
};
use lode_testkit::world::{
    APPLIED, BALANCE, CREATOR, FEE, World, actor, asked, decline, deliver, requested, void,
};

use crate::{BOND, Held, RENT, held, held_with, is_queued, market, market_with};

// --- Assigned → settled --------------------------------------------------------------------------

/// Of 1,000: a twentieth is burned, 5% go to the creator, the rest to the operator.
#[test]
fn a_delivery_by_the_assignee_settles() {
    let mut held = held_with(500, |_| {});
    let before = held.world.balance(CREATOR);
    let done = held.world.block(&[("op", deliver("op", &[held.job]))]);
    assert_eq!(done.outcomes, [APPLIED]);
    let delivered = Delivered {
        paid: vec![(actor("op"), 900)],
        burned: 50,
        royalty: 50,
        subsidy: 0,
        refund: 19_000,
    };
    assert_eq!(done.changes_of(&held.job), [JobChange::Delivered(delivered)]);
    assert_eq!((held.paid(), held.won("op", 2), held.burned()), (1_000, 900, RENT + 50));
    let Held { world, class, job, .. } = held;
    assert_eq!(world.balance(CREATOR) - before, 50);
    assert_eq!(world.end(&job), Some(End::Delivered));
    let leaf = world.class_leaf(&class);
    assert_eq!((leaf.live, leaf.assigned, leaf.delivered), (0, 0, 1));
    let op = world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND, 0, 0));
    assert_eq!((op.burned, op.subsidy), (50, 0));
    assert_eq!((op.fresh, op.fresh_height), (10_000, 1_005), "unlocked by a transaction");
    let ask = world.ask_of(&class, "op").unwrap();
    assert_eq!((ask.open, ask.since), (0, 1_002), "it was never full");
    let event = What::Ask { class, operator: actor("op") };
    assert!(is_queued(&world, Event { due: 1_007, what: event }));
}

/// The promised height is the last one.
#[test]
fn a_promise_is_kept_at_its_height() {
    let mut held = held();
    held.world.skip_to(1_006);
    held.world.act("op", deliver("op", &[held.job]));
    assert_eq!(held.world.height(), 1_007);
    assert_eq!(held.world.end(&held.job), Some(End::Delivered));
    assert_eq!(held.world.operator("op").burned, 50, "it counts for reputation");
}

/// What an operator burns is rounded down, and so is the royalty: of 999, 49 and 9.
#[test]
fn parts_of_a_pay_round_down() {
    let (mut world, class) = market_with(99, |_| {});
    world.act("op", asked(class, |ask| ask.price = 999));
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    let before = world.balance(CREATOR);
    world.act("op", deliver("op", &[job]));
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (999, RENT + 49));
    assert_eq!(held.world.balance(CREATOR) - before, 9);
    assert_eq!(held.won("op", 2), 999 - 49 - 9);
}

/// One proof, three jobs.
#[test]
fn a_batch_is_paid_job_by_job() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let burned = world.supply().burned;
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    world.skip(1);
    assert_eq!((world.operator("op").locked, world.operator("op").held), (30_000, 3));
    let price = 1_000;
    world.act("op", deliver("op", &jobs));
    assert_eq!(world.balance("req"), BALANCE - 3 * (FEE + RENT + price));
    assert_eq!(world.balance("op"), BALANCE - 2 * FEE + 3 * 950);
    assert_eq!(world.supply().burned - burned, 3 * (RENT + 50));
    assert_eq!((world.operator("op").locked, world.operator("op").held), (0, 0));
    assert_eq!(world.class_leaf(&class).delivered, 3);
}

// --- The proving pool ----------------------------------------------------------------------------

/// The least of nine tenths of what was burned, what is left, and the operator's part of what was
/// granted less what it took before.
#[test]
fn a_kept_promise_is_paid_from_the_last_epochs_pool() {
    for (granted, left, weights, taken, paid) in [
        (1_000, 1_000, (1, 3), 0, 45), // floor(9 · 50 / 10)
        (1_000, 20, (1, 3), 0, 20),    // what is left
        (100, 100, (1, 3), 0, 25),     // floor(100 · 1 / 4)
        (103, 103, (1, 3), 0, 25),     // 25.75
        (100, 100, (1, 3), 5, 20),     // 25 − 5
        (100, 100, (1, 3), 30, 0),     // never below 0
        (1_000, 1_000, (0, 3), 0, 0),  // no weight
        (1_000, 1_000, (0, 0), 0, 0),  // nobody has any
    ] {
        let mut held = held();
        let world = &mut held.world;
        world.put(StateKey::ProvingPool(0), ProvingPool { granted, left });
        for (name, weight) in [("op", weights.0), ("third", weights.1)] {
            if weight > 0 {
                world.weigh(name, weight);
            }
        }
        let operator = Operator { subsidy: taken, ..world.operator("op") };
        world.put(StateKey::Operator(actor("op")), operator);
        world.act("op", deliver("op", &[held.job]));
        assert_eq!(held.won("op", 2), 950 + i64::try_from(paid).unwrap(), "{granted}, {left}");
        let operator = held.world.operator("op");
        assert_eq!((operator.burned, operator.subsidy), (50, taken + paid));
        let pool: ProvingPool = held.world.leaf(StateKey::ProvingPool(0)).unwrap();
        assert_eq!((pool.granted, pool.left), (granted, left - paid));
    }
}

/// Who delivers an open job takes nothing from it.
#[test]
fn an_open_job_is_paid_nothing_from_the_pool() {
    let (mut world, class) = market();
    world.put(StateKey::ProvingPool(0), ProvingPool { granted: 1_000, left: 1_000 });
    world.weigh("op", 5);
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    world.act("op", deliver("op", &[job]));
    assert_eq!(world.balance("op"), BALANCE - FEE + 9_500);
    let operator = world.operator("op");
    assert_eq!((operator.burned, operator.subsidy), (0, 0), "nor does it earn reputation");
}

/// Epochs of ten blocks: 1010 opens epoch 101, and what is left of epoch 99's pool is halved.
#[test]
fn what_is_left_of_a_pool_goes_on_by_half() {
    let mut world = World::new(&[]);
    world.params.epoch_length = 10;
    let left = ProvingPool { granted: 500, left: 101 };
    world.put(StateKey::ProvingPool(99), left);
    world.skip_to(1_009);
    assert_eq!(world.leaf(StateKey::ProvingPool(99)), Some(left));
    let (pool, fund) = (world.state().proving_pool(100), world.state().share_fund());
    world.skip(1);
    assert_eq!(world.leaf::<ProvingPool>(StateKey::ProvingPool(99)), None);
    // Nine blocks of epoch 100 put 12 credits each in its pool; 1010 puts them in the next one's.
    assert_eq!(pool, 9 * 12_000_000);
    let granted = pool + 50;
    let grown = ProvingPool { granted, left: granted };
    assert_eq!(world.leaf(StateKey::ProvingPool(100)), Some(grown));
    assert_eq!(world.state().proving_pool(101), 12_000_000);
    assert_eq!(world.state().share_fund(), fund + 30_000_000 + 51);
}

// --- Open → settled ------------------------------------------------------------------------------

/// At its value, 10,000 up to the soft limit, 7,500 one block after it.
#[test]
fn an_open_job_is_delivered_for_its_value() {
    for (height, value) in [(1_004, 10_000), (1_010, 10_000), (1_011, 7_500), (1_013, 2_500)] {
        let (mut world, class) = market_with(1_000, |_| {});
        let burned = world.supply().burned;
        let job = world.act("req", requested(class, |_| {}));
        world.skip_to(height - 1);
        let before = world.balance(CREATOR);
        world.act("op", deliver("op", &[job]));
        let held = Held { world, class, job, burned };
        assert_eq!(held.paid(), value);
        assert_eq!(held.burned(), RENT + value as u64 / 20);
        assert_eq!(held.world.balance(CREATOR) - before, value as u64 / 10);
        assert_eq!(held.won("op", 1), value - value / 20 - value / 10);
        assert_eq!(held.world.operator("op").held, 0);
    }
}

/// The value falls to the late price, and one block later there is none.
#[test]
fn an_open_job_is_delivered_until_hard() {
    let (mut world, class) = market();
    let job = world.act("req", requested(class, |request| request.late_price = 300));
    world.skip_to(1_013);
    let mut late = world.clone();
    world.act("op", deliver("op", &[job]));
    assert_eq!(world.balance("op"), BALANCE - FEE + 285, "300 less a twentieth");
    late.skip(1);
    let done = late.block(&[("op", deliver("op", &[job]))]);
    assert_eq!(done.outcomes, [void(Void::NothingToDeliver)]);
    assert_eq!(late.end(&job), Some(End::Failed));
}

/// An operator that gave a job back gets no more for it than it would have.
#[test]
fn a_decliner_delivers_an_open_job_for_its_own_price() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.act("op", decline(job));
    world.repute("op", 1_000);
    world.skip(1);
    let mut other = world.clone();
    world.act("op", deliver("op", &[job]));
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.won("op", 3)), (1_000, 950));
    assert_eq!(held.burned(), RENT + 100 + 50);
    assert_eq!(held.world.operator("op").reputation, 1_000, "it delivered the job itself");
    // Another gets its value.
    other.act("second", deliver("second", &[job]));
    assert_eq!(other.balance("second"), BALANCE - FEE + 9_500);
    assert_eq!(other.operator("op").reputation, 984);
}
