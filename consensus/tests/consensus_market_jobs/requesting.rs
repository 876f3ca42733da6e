//! What a requester can still change: Raise, Cancel, and a full waiting list.

use lode_consensus::{
    Hash,
    market::{
        event::{JobChange, Void},
        job::{End, Status},
    },
    transaction::Request,
};
use lode_testkit::world::{
    APPLIED, BALANCE, FEE, World, actor, asked, bond, cancel, decline, deliver, raise, requested,
    void,
};

use crate::{Held, RENT, held, market};

// --- Raise ---------------------------------------------------------------------------------------

/// Open, since the ask costs more; raised, it is assigned by the next matching.
#[test]
fn a_raise_escrows_the_difference_and_has_the_job_matched() {
    let (mut world, class) = market();
    world.act("op", asked(class, |ask| ask.price = 150_000));
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!(world.job(&job).status, Status::Open);
    let before = world.balance("req");
    let done = world.block(&[("req", raise(job, 200_000, 7))]);
    assert_eq!(done.changes_of(&job), [JobChange::Raised { price: 200_000, late_price: 7 }]);
    // The bond follows: max(10,000, 20,000).
    assert_eq!(world.balance("req"), before - FEE - 190_000 - 10_000);
    let leaf = world.job(&job);
    assert_eq!((leaf.escrow, leaf.bond), (200_000, 20_000));
    assert_eq!((leaf.terms.price, leaf.terms.late_price), (200_000, 7));
    assert_eq!(leaf.status, Status::Open);
    assert_eq!(world.waiting(&class)[0].terms.price, 200_000);
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("op")));
    assert_eq!(world.operator("op").locked, 20_000);
}

/// A Raise by nothing does just that: a job that an ask would fit now is matched.
#[test]
fn a_raise_by_nothing_has_the_job_matched() {
    let (mut world, class) = market();
    world.operate("op", 1_010_000);
    world.act("op", asked(class, |ask| ask.blocks = 8));
    let long = |request: &mut Request| {
        (request.soft_blocks, request.hard_blocks) = (100, 200);
    };
    let jobs = world.must(&[(); 2].map(|()| ("req", requested(class, long))));
    world.skip(1);
    // The bond was enough for one of them; a Bond leads to no matching.
    assert_eq!(world.job(&jobs[1]).status, Status::Open);
    world.act("op", bond(1_000_000));
    world.skip(3);
    assert_eq!(world.job(&jobs[1]).status, Status::Open);
    let before = world.balance("req");
    world.act("req", raise(jobs[1], 10_000, 0));
    assert_eq!(world.balance("req"), before - FEE);
    world.skip(1);
    assert_eq!(world.assignee(&jobs[1]), Some(actor("op")));
}

/// It goes before jobs that are worth less than it is now.
#[test]
fn a_raise_moves_a_job_in_the_waiting_list() {
    let (mut world, class) = market();
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    let order = |world: &World| -> Vec<Hash> {
        world.waiting(&class).iter().map(|entry| entry.job).collect()
    };
    assert_eq!(order(&world), jobs);
    world.act("req", raise(jobs[2], 10_001, 0));
    assert_eq!(order(&world), [jobs[2], jobs[0], jobs[1]]);
}

// --- Cancel --------------------------------------------------------------------------------------

/// In the block of its Request a job waits: a tenth of the bond is burned, the rest comes back.
#[test]
fn a_waiting_job_is_cancelled_at_once() {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let post = requested(class, |_| {});
    let job = world.clone().act("req", post.clone());
    let done = world.block(&[("req", post), ("req", cancel(job))]);
    assert_eq!(done.outcomes, [APPLIED, APPLIED]);
    let ended = JobChange::Undelivered { end: End::Cancelled, refund: 19_000, burned: 0 };
    assert_eq!(done.changes_of(&job), [JobChange::Requested, ended]);
    let held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (FEE as i64 + 1_000, RENT + 1_000));
    // Its event finds an ended job.
    let Held { mut world, .. } = held;
    world.skip(1);
    assert_eq!(world.end(&job), Some(End::Cancelled));
}

/// After a decline too; what was burned to decline it is burned of what is left of the bond.
#[test]
fn a_cancelled_job_burns_what_it_baited() {
    let mut held = held();
    let (job, declined) = (held.job, decline(held.job));
    let done = held.world.block(&[("op", declined), ("req", cancel(job))]);
    // 200 for the second block of the assignment; of 10,000, 1,000 and 200.
    let ended = JobChange::Undelivered { end: End::Cancelled, refund: 18_800, burned: 200 };
    assert_eq!(done.changes_of(&job)[1..], [ended]);
    assert_eq!(held.paid(), FEE as i64 + 1_200);
    assert_eq!(held.burned(), RENT + 200 + 1_000 + 200);
}

/// Under Cancel since 1004, with two blocks to claim: a proof may come until 1006, and the refund
/// comes in 1007.
#[test]
fn an_open_job_comes_under_cancel_and_is_refunded_later() {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    // Posted in 1003, the ask would be matched in 1005.
    world.act("op", asked(class, |_| {}));
    let done = world.block(&[("req", cancel(job))]);
    assert_eq!(done.changes_of(&job), [JobChange::CancelBegun { burned: 1_000 }]);
    let mut held = Held { world, class, job, burned };
    assert_eq!((held.paid(), held.burned()), (FEE as i64 + 20_000, RENT + 1_000));
    assert_eq!(held.world.job(&job).cancelled, Some(1_004));
    assert_eq!((held.world.job(&job).escrow, held.world.job(&job).bond), (10_000, 9_000));
    assert!(held.world.waiting(&class)[0].is_cancelled);

    held.world.skip_to(1_005);
    assert_eq!(held.world.job(&job).status, Status::Open, "it is not matched");
    let mut claimed = held.world.clone();
    claimed.act("second", deliver("second", &[job]));
    assert_eq!(claimed.height(), 1_006);
    assert_eq!(claimed.end(&job), Some(End::Delivered));
    // The price is paid, and 9,000 of the bond come back.
    assert_eq!(claimed.balance("req"), BALANCE - 2 * FEE - RENT - 1_000 - 10_000);
    assert_eq!(claimed.balance("second"), BALANCE - FEE + 9_500);

    held.world.skip_to(1_006);
    let done = held.world.block(&[("second", deliver("second", &[job]))]);
    assert_eq!(done.outcomes, [void(Void::NothingToDeliver)]);
    let ended = JobChange::Undelivered { end: End::Cancelled, refund: 19_000, burned: 0 };
    assert_eq!(done.changes_of(&job), [ended]);
    assert_eq!((held.paid(), held.burned()), (FEE as i64 + 1_000, RENT + 1_000));
}

/// Raised so that an ask fits, and cancelled in the same block: its event finds it under Cancel.
#[test]
fn a_job_under_cancel_is_not_matched_by_its_own_event() {
    let (mut world, class) = market();
    world.act("op", asked(class, |ask| ask.price = 150_000));
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    let raised = raise(job, 200_000, 0);
    let mut matched = world.clone();
    matched.act("req", raised.clone());
    matched.skip(1);
    assert_eq!(matched.assignee(&job), Some(actor("op")));
    world.must(&[("req", raised), ("req", cancel(job))]);
    world.skip(1);
    assert_eq!(world.job(&job).status, Status::Open);
}

// --- A full waiting list -------------------------------------------------------------------------

/// The last of the lowest gives way to a dearer job: a waiting one is refunded at once, an open one
/// comes under Cancel, and nothing is burned.
#[test]
fn the_last_of_the_lowest_gives_way() {
    let (mut world, class) = market();
    world.fund("poor", BALANCE);
    let cheap = || ("poor", requested(class, |request| request.price = 5_000));
    let posts: Vec<_> = (0..256)
        .map(|place| match place {
            5 | 9 => cheap(),
            _ => ("req", requested(class, |_| {})),
        })
        .chain([("req", requested(class, |request| request.price = 5_001))])
        .collect();
    let jobs = world.must(&posts);
    assert_eq!(world.end(&jobs[9]), Some(End::Cancelled));
    let each = FEE + RENT;
    assert_eq!(world.balance("poor"), BALANCE - 2 * each - 15_000);

    // All are open now; the lowest is worth 5,000.
    world.skip(1);
    let same = requested(class, |request| request.price = 5_000);
    assert_eq!(world.judge("req", same), void(Void::PriceTooLow));
    let done = world.block(&[("req", requested(class, |request| request.price = 5_001))]);
    assert_eq!(done.outcomes, [APPLIED]);
    assert_eq!(done.changes_of(&jobs[5]), [JobChange::CancelBegun { burned: 0 }]);
    assert_eq!((world.job(&jobs[5]).cancelled, world.job(&jobs[5]).bond), (Some(1_004), 10_000));
    world.skip_to(1_007);
    assert_eq!(world.end(&jobs[5]), Some(End::Cancelled));
    assert_eq!(world.balance("poor"), BALANCE - 2 * each);
}

/// What an operator gave back does not give way, however little it is worth.
#[test]
fn a_declined_job_does_not_give_way() {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let job = world.act("req", requested(class, |request| request.price = 2_000));
    let back = asked(class, |ask| ask.capacity = 0);
    world.must(&[("op", decline(job)), ("op", back)]);
    let posts = vec![("req", requested(class, |_| {})); 255];
    let others = world.must(&posts);
    world.skip(1);
    assert_eq!(world.waiting(&class).len(), 256);
    let judge = |price| world.judge("req", requested(class, |request| request.price = price));
    assert_eq!(judge(2_001), void(Void::PriceTooLow));
    assert_eq!(judge(10_000), void(Void::PriceTooLow));
    assert_eq!(judge(10_001), APPLIED);
    world.act("req", requested(class, |request| request.price = 10_001));
    assert_eq!(world.job(&job).cancelled, None);
    assert!(world.job(&others[254]).cancelled.is_some(), "the last of those worth 10,000");
}
