//! From a Request to its assignment, or to a job that is open.

use lode_consensus::market::{
    event::JobChange,
    job::{Assigned, End, Status},
    queue::{Event, What},
    settlement::Slash,
};
use lode_testkit::world::{BALANCE, FEE, actor, asked, decline, requested};

use crate::{BOND, Held, RENT, held, held_with, is_queued, market};

// --- A Request -----------------------------------------------------------------------------------

#[test]
fn a_request_escrows_its_price_and_a_bond_and_burns_its_rent() {
    let (mut world, class) = market();
    let before = world.supply();
    let id = world.act("req", requested(class, |_| {}));
    // The bond is max(10,000, 10,000 / 10).
    assert_eq!(world.balance("req"), BALANCE - 100 - 10_000 - 10_000 - 157);
    let after = world.supply();
    assert_eq!(after.escrows - before.escrows, 20_000);
    assert_eq!(after.burned - before.burned, 157);
    let job = world.job(&id);
    assert_eq!((job.escrow, job.bond), (10_000, 10_000));
    assert_eq!((job.created, job.place), (1_002, 0));
    assert_eq!((job.terms.soft, job.terms.hard), (1_010, 1_014));
    assert_eq!(job.status, Status::Waiting);
    assert_eq!(world.class_leaf(&class).live, 1);
    assert!(is_queued(&world, Event { due: 1_003, what: What::Job(id) }));
    // A tenth of a price above 100,000, and room for 1,000 blocks: 156 · 2,000 / 1,000.
    let paid = world.balance("req");
    let dear = requested(class, |it| (it.price, it.hard_blocks) = (250_000, 1_000));
    let id = world.act("req", dear);
    assert_eq!(world.balance("req"), paid - 100 - 250_000 - 25_000 - 312);
    assert_eq!(world.job(&id).bond, 25_000);
}

// --- Waiting and Open → Assigned -----------------------------------------------------------------

#[test]
fn a_waiting_job_is_assigned_by_the_next_matching() {
    let Held { world, class, job, .. } = held();
    let assigned = Assigned {
        operator: actor("op"),
        ask_price: 1_000,
        promise: 1_007, // 1004 − 1 + 4
        bond: 10_000,   // max(10,000, a tenth of 10,000)
        assigned: 1_004,
    };
    assert_eq!(world.job(&job).status, Status::Assigned(assigned));
    assert_eq!(world.job(&job).opened, None);
    let op = world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND, 10_000, 1));
    assert_eq!(op.fresh, 0);
    assert_eq!(world.ask_of(&class, "op").unwrap().open, 1);
    let leaf = world.class_leaf(&class);
    assert_eq!((leaf.live, leaf.assigned), (1, 1));
    assert_eq!((leaf.last_price, leaf.last_height), (1_000, 1_004));
    assert!(world.waiting(&class).is_empty());
}

/// Posted in 1004, the ask fits from 1006 on.
#[test]
fn an_open_job_is_assigned_by_a_later_matching() {
    let (mut world, class) = market();
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!(world.job(&job).status, Status::Open);
    assert_eq!((world.job(&job).opened, world.job(&job).open_price), (Some(1_003), None));
    assert!(world.waiting(&class)[0].is_open);
    world.act("op", asked(class, |_| {}));
    world.skip(1);
    assert_eq!(world.job(&job).status, Status::Open);
    world.skip(1);
    assert_eq!(world.height(), 1_006);
    let Status::Assigned(assigned) = world.job(&job).status else { panic!("assigned") };
    assert_eq!((assigned.promise, assigned.assigned), (1_009, 1_006));
    assert_eq!(world.job(&job).opened, None);
}

/// An assignment locks the damage that the requester names, if that is more.
#[test]
fn damage_is_locked_of_the_operators_bond() {
    for (damage, bond) in [(10_000, 10_000), (10_001, 10_001), (1_000_000, 1_000_000)] {
        let Held { world, .. } = held_with(0, |request| request.damage = damage);
        assert_eq!(world.operator("op").locked, bond);
    }
}

// --- Waiting → Open, or immediate-or-cancel ------------------------------------------------------

#[test]
fn a_waiting_job_that_nothing_fits_is_open() {
    let (mut world, class) = market();
    let job = world.act("req", requested(class, |_| {}));
    let done = world.block(&[]);
    assert_eq!(done.changes_of(&job), [JobChange::Opened { open_price: None }]);
    assert_eq!(world.job(&job).opened, Some(1_003));
    assert_eq!(world.supply().escrows, 20_000);
}

#[test]
fn an_immediate_job_that_nothing_fits_is_cancelled_with_refund() {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |request| request.immediate = true));
    let done = world.block(&[]);
    let ended = JobChange::Undelivered { end: End::Cancelled, refund: 20_000, burned: 0 };
    assert_eq!(done.changes_of(&job), [ended]);
    assert_eq!(world.end(&job), Some(End::Cancelled));
    assert_eq!(world.balance("req"), BALANCE - FEE - RENT);
    assert_eq!((world.supply().escrows, world.supply().burned - burned), (0, RENT));
    assert_eq!(world.class_leaf(&class).live, 0);
}

#[test]
fn an_immediate_job_that_an_ask_fits_is_assigned() {
    let Held { world, job, .. } = held_with(0, |request| request.immediate = true);
    assert!(matches!(world.job(&job).status, Status::Assigned(_)));
}

/// Missed in 1008, and no other ask: it fails at once, and the miss loses all of its bond, half to
/// the requester.
#[test]
fn an_immediate_job_with_a_miss_fails() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |request| request.immediate = true));
    world.skip_to(1_007);
    let done = world.block(&[]);
    let slash = Slash { to_requester: 5_000, to_deliverer: 0, burned: 5_000, unlocked: 0 };
    assert_eq!(
        done.changes_of(&job),
        [
            JobChange::Missed { operator: actor("op"), bond: 10_000 },
            JobChange::Undelivered { end: End::Failed, refund: 20_000, burned: 0 },
            JobChange::Slashed { operator: actor("op"), slash },
        ]
    );
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (-5_000, RENT + 5_000));
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND - 10_000, 0, 0));
}

/// Given back in 1004, it is matched again in 1005, where no ask fits: it is cancelled, and the
/// requester's bond pays for what the operator burned, 1% of 10,000.
#[test]
fn an_immediate_job_with_a_decline_is_cancelled_and_its_bait_burned() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |request| request.immediate = true));
    world.act("op", decline(job));
    let done = world.block(&[]);
    let ended = JobChange::Undelivered { end: End::Cancelled, refund: 19_900, burned: 100 };
    assert_eq!(done.changes_of(&job), [ended]);
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (100, RENT + 100 + 100));
}
