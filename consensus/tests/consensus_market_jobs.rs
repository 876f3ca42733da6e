//! The life of a job, one test for each way from one status to the next, with every amount worked
//! out by hand: balances, bonds, escrows and what is burned.
//!
//! A plain Request has 156 bytes: an envelope of 53, 67 of fixed fields, values 2 + 32, witness 2.
//! With 12 blocks it burns floor(156 · 1,012 / 1,000) = 157. Every transaction pays a fee of 100.

use std::collections::BTreeSet;

use lode_consensus::{
    Action, Decode, Hash, StateKey,
    market::{
        JobLeaf, Operator, Policy, ProvingPool, Selection,
        event::{Delivered, JobChange, Outcome, Void},
        job::{Assigned, Decline, Delivery, End, Miss, Status},
        queue::{AgendaOldest, Event, What},
        settlement::Slash,
    },
    selection::Weight,
    state::{Credit, Pending},
    transaction::{Ask, RegisterClass, Request},
    transition::TransactionError,
};
use lode_testkit::world::{
    BALANCE, CREATOR, FEE, PRODUCER, World, actor, appoint, ask, bond, cancel, decline, deliver,
    deliver_false, lot, policy, raise, register, request, unbond,
};

const APPLIED: Result<Outcome, TransactionError> = Ok(Outcome::Applied);
const RENT: u64 = 157;
/// What every operator has at stake at first.
const BOND: u64 = 100_000_000;

fn void(reason: Void) -> Result<Outcome, TransactionError> {
    Ok(Outcome::Void(reason))
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

/// `op`, `second` and `third` with bonds of 100 credits, and a class of block 1001.
fn market_with(royalty_bps: u16, change: impl FnOnce(&mut Policy)) -> (World, Hash) {
    let mut world = World::new(&["op", "req", "second", "third"]);
    for name in ["op", "second", "third"] {
        world.operate(name, BOND);
    }
    let mut policy = policy();
    change(&mut policy);
    let class = RegisterClass { royalty_bps, ..register(policy) };
    let class = world.act(CREATOR, Action::RegisterClass(class));
    (world, class)
}

fn market() -> (World, Hash) {
    market_with(0, |_| {})
}

/// The job of a Request in block 1003, which `op` has since 1004 for 1,000, by 1007; `second` asks
/// for 2,000. Its soft limit is 1011, its hard one 1015.
struct Held {
    world: World,
    class: Hash,
    job: Hash,
    burned: u64,
}

fn held_with(royalty_bps: u16, change: impl FnOnce(&mut Request)) -> Held {
    let (mut world, class) = market_with(royalty_bps, |_| {});
    world.must(&[("op", asked(class, |_| {})), ("second", asked(class, |ask| ask.price = 2_000))]);
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, change));
    world.skip(1);
    assert_eq!(world.height(), 1_004);
    assert_eq!(world.assignee(&job), Some(actor("op")));
    Held { world, class, job, burned }
}

fn held() -> Held {
    held_with(0, |_| {})
}

/// The same when no other operator asks, and `op` let 1007 pass: open since 1008.
fn missed_with(change: impl FnOnce(&mut Request)) -> Held {
    let (mut world, class) = market();
    world.act("op", asked(class, |_| {}));
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, change));
    world.skip_to(1_008);
    assert_eq!((world.job(&job).misses.len(), world.job(&job).opened), (1, Some(1_008)));
    Held { world, class, job, burned }
}

impl Held {
    /// What was burned since before the Request.
    fn burned(&self) -> u64 {
        self.world.supply().burned - self.burned
    }

    /// What the requester paid besides the fee and the rent of its Request.
    fn paid(&self) -> i64 {
        (BALANCE - FEE - RENT) as i64 - self.world.balance("req") as i64
    }

    /// What an operator has won besides `fees` fees.
    fn won(&self, name: &str, fees: u64) -> i64 {
        self.world.balance(name) as i64 - (BALANCE - fees * FEE) as i64
    }
}

fn is_queued(world: &World, event: Event) -> bool {
    world.queue().contains(&event)
}

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

// --- Contests ------------------------------------------------------------------------------------

/// A job of 1002 in a contest of two winners, with four blocks after the first delivery, and bonds
/// of 300. 3% go to the creator.
fn contest(change: impl FnOnce(&mut Policy)) -> Held {
    let set = |policy: &mut Policy| {
        (policy.selection, policy.winners) = (Selection::Contest, 2);
        (policy.window, policy.min_bond) = (4, 300);
        change(policy);
    };
    let (mut world, class) = market_with(300, set);
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |request| request.price = 10_001));
    assert_eq!((world.job(&job).status, world.job(&job).opened), (Status::Open, Some(1_002)));
    assert!(world.queue().is_empty(), "no events");
    Held { world, class, job, burned }
}

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

// --- The end -------------------------------------------------------------------------------------

/// Whenever a job ended, its leaf stays until 65 blocks after hard, 1015.
#[test]
fn an_ended_jobs_leaf_goes_65_blocks_after_hard() {
    let mut held = held();
    held.world.act("op", deliver("op", &[held.job]));
    held.world.skip_to(1_079);
    let key = StateKey::Job(held.job);
    let Some(JobLeaf::Ended(ended)) = held.world.leaf(key) else { panic!("an ended job") };
    assert_eq!((ended.end, ended.class, ended.hard), (End::Delivered, held.class, 1_015));
    assert_eq!(ended.values.len(), 1);
    held.world.skip(1);
    assert_eq!(held.world.leaf::<JobLeaf>(key), None);
}

// --- What is due, and in which order -------------------------------------------------------------

/// A job of 1002, open since 1003, with hard at 1014, whose agenda is never come to: what is due is
/// done when a transaction names it.
fn overdue() -> Held {
    let (mut world, class) = market();
    let burned = world.supply().burned;
    let job = world.act("req", requested(class, |_| {}));
    world.skip(1);
    world.limits.agenda = 0;
    Held { world, class, job, burned }
}

/// A transaction that is void does what is due first.
#[test]
fn a_late_transaction_does_what_is_due_even_if_it_is_void() {
    let mut held = overdue();
    held.world.skip_to(1_050);
    assert_eq!(held.world.job(&held.job).status, Status::Open, "the agenda is behind");
    for action in [
        raise(held.job, 10_000, 0),
        cancel(held.job),
        decline(held.job),
        deliver("third", &[held.job]),
    ] {
        let mut world = held.world.clone();
        let name = action.name();
        let done = world.block(&[("third", action)]);
        assert!(matches!(done.outcomes[..], [Ok(Outcome::Void(_))]), "{name}: {:?}", done.outcomes);
        assert_eq!(world.end(&held.job), Some(End::Failed), "{name}");
        assert_eq!(world.balance("req"), BALANCE - FEE - RENT);
        assert_eq!(world.balance("third"), BALANCE - FEE);
    }
}

/// One that is refused does not: it leaves nothing behind.
#[test]
fn a_refused_transaction_does_nothing_that_is_due() {
    let mut held = overdue();
    held.world.skip_to(1_050);
    held.world.params.market.proof_budget = 2;
    let done = held.world.block(&[("third", deliver("third", &[held.job]))]);
    assert!(matches!(done.outcomes[..], [Err(TransactionError::ProofBudget { .. })]));
    assert_eq!(held.world.job(&held.job).status, Status::Open);
    assert!(done.applied.events.is_empty());
}

/// Due since 1015, as hard passed, and since 1016, as it was cancelled in 1013: it is cancelled.
#[test]
fn a_cancel_comes_before_a_failure() {
    let mut held = overdue();
    held.world.skip_to(1_012);
    held.world.act("req", cancel(held.job));
    held.world.skip_to(1_014);
    let mut sooner = held.world.clone();
    sooner.block(&[("third", raise(held.job, 10_000, 0))]);
    assert_eq!(sooner.end(&held.job), Some(End::Failed), "in 1015 only hard has passed");
    held.world.skip(1);
    held.world.block(&[("third", raise(held.job, 10_000, 0))]);
    assert_eq!(held.world.end(&held.job), Some(End::Cancelled));
    assert_eq!((held.paid(), held.burned()), (FEE as i64 + 1_000, RENT + 1_000));
}

/// Missed, failed, slashed, and its leaf gone, all in one look.
#[test]
fn a_miss_comes_before_a_failure_and_the_leaf_goes_last() {
    for (height, leaf_stays) in [(1_079, true), (1_080, false)] {
        let mut held = held();
        held.world.repute("op", 1_000);
        held.world.limits.agenda = 0;
        held.world.skip_to(height - 1);
        let done = held.world.block(&[("op", decline(held.job))]);
        assert_eq!(done.outcomes, [void(Void::NoJob)]);
        let slash = Slash { to_requester: 5_000, to_deliverer: 0, burned: 5_000, unlocked: 0 };
        assert_eq!(
            done.changes_of(&held.job),
            [
                JobChange::Missed { operator: actor("op"), bond: 10_000 },
                JobChange::Undelivered { end: End::Failed, refund: 20_000, burned: 0 },
                JobChange::Slashed { operator: actor("op"), slash },
            ]
        );
        assert_eq!(held.world.operator("op").reputation, 750);
        assert_eq!(held.paid(), -5_000);
        let leaf: Option<JobLeaf> = held.world.leaf(StateKey::Job(held.job));
        assert_eq!(leaf.is_some(), leaf_stays, "{height}");
    }
}

/// A contest with deliveries never fails, however late it is settled.
#[test]
fn a_contest_is_settled_even_after_hard() {
    let mut held = contest(|policy| policy.winners = 1);
    held.world.act("third", deliver("third", &[held.job]));
    held.world.act("second", deliver("second", &[held.job]));
    held.world.limits.agenda = 0;
    held.world.skip_to(1_050);
    let done = held.world.block(&[("req", raise(held.job, 10_001, 0))]);
    assert_eq!(done.outcomes, [void(Void::NoJob)]);
    assert_eq!(held.world.end(&held.job), Some(End::Delivered));
    assert_eq!((held.won("third", 1), held.won("second", 1)), (9_201, 0));
    // By a transaction: what it unlocks is fresh.
    let third = held.world.operator("third");
    assert_eq!((third.fresh, third.fresh_height), (300, 1_051));
}

/// Its draw is still from the hash of the last block that could deliver, 1007.
#[test]
fn a_contest_that_is_settled_late_keeps_its_draw() {
    let names = ["op", "second"];
    let mut winners = BTreeSet::new();
    for number in 0..12_u8 {
        let mut held = contest(|policy| policy.winners = 1);
        let job = held.job;
        held.world.must(&names.map(|name| (name, deliver(name, &[job]))));
        held.world.limits.agenda = 0;
        held.world.skip_to(1_007);
        let hash = Hash([number; 32]);
        held.world.set_tip_hash(hash);
        held.world.skip_to(1_050);
        held.world.block(&[("req", raise(job, 10_001, 0))]);
        let (_, winner) =
            names.map(|name| (lot(&hash, &job, 0, name), name)).into_iter().max().unwrap();
        assert_eq!(held.won(winner, 1), 9_201, "{number}");
        winners.insert(winner);
    }
    assert_eq!(winners.len(), 2);
}

/// An assignee whose promise has passed delivers nothing, though nobody came to its job before.
#[test]
fn a_late_assignee_has_missed() {
    let mut held = held();
    held.world.limits.agenda = 0;
    held.world.skip_to(1_007);
    let done = held.world.block(&[("op", deliver("op", &[held.job]))]);
    assert_eq!(done.outcomes, [void(Void::NothingToDeliver)]);
    assert_eq!(held.world.job(&held.job).status, Status::Waiting);
    assert_eq!(held.world.job(&held.job).misses.len(), 1);
    // Its event is due in the next block.
    held.world.skip(1);
    assert_eq!(held.world.assignee(&held.job), Some(actor("second")));
}

/// One entry a block, in the order in which they were listed; none is lost, and the oldest height
/// comes first.
#[test]
fn an_agenda_that_is_behind_goes_on_in_order() {
    let (mut world, class) = market();
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    let later = world.act("req", requested(class, |_| {}));
    assert_eq!(world.limits.agenda, 8_192);
    world.limits.agenda = 1;
    // Due in 1015, and in 1016 the fourth.
    world.skip_to(1_014);
    for ended in 0..4 {
        let all = [jobs[0], jobs[1], jobs[2], later];
        let count = all.iter().filter(|job| world.end(job).is_some()).count();
        assert_eq!(count, ended);
        assert!(all[..ended].iter().all(|job| world.end(job) == Some(End::Failed)));
        world.skip(1);
    }
    assert_eq!(world.end(&later), Some(End::Failed));
    assert_eq!(world.height(), 1_018);
    assert_eq!(world.leaf::<AgendaOldest>(StateKey::AgendaOldest), None);
}

// --- False proofs --------------------------------------------------------------------------------

/// A credit: half of it is burned, half goes to the producer with the fees. The job stays.
#[test]
fn a_false_proof_costs_a_credit_and_all_reputation() {
    let mut held = held();
    held.world.repute("op", 1_000);
    let done = held.world.block(&[("op", deliver_false(&[held.job]))]);
    assert_eq!(done.outcomes, [Ok(Outcome::FalseProof)]);
    assert_eq!((done.applied.fees, done.applied.penalties), (100, 500_000));
    assert!(done.applied.events.is_empty());
    let op = held.world.operator("op");
    assert_eq!((op.bond, op.locked, op.held), (BOND - 1_000_000, 10_000, 1));
    assert_eq!(op.reputation, 0);
    assert_eq!(held.burned(), RENT + 500_000);
    assert_eq!(held.won("op", 2), 0);
    let pending: Pending = held.world.leaf(StateKey::Pending(1_005)).unwrap();
    // 18 credits of the subsidy.
    let amount = 18_000_000 + 100 + 500_000;
    assert_eq!(pending.0, [Credit { address: actor(PRODUCER), amount }]);
    assert_eq!(held.world.assignee(&held.job), Some(actor("op")), "it may still deliver");
    held.world.act("op", deliver("op", &[held.job]));
}

// --- Operators: time -----------------------------------------------------------------------------

/// What was burned as assignee by the promise counts from the next epoch on, of a unit of 100:
/// floor(10,000 · 50 / (32 · 100)) = 156; less the subsidy of 45, floor(10,000 · 5 / 3,200) = 15.
#[test]
fn reputation_follows_what_kept_promises_burned() {
    for (granted, reputation) in [(0, 156), (1_000, 15)] {
        let mut world = World::new(&["op", "req"]);
        (world.params.epoch_length, world.params.market.reputation_unit) = (10, 100);
        world.operate("op", BOND);
        world.put(StateKey::ProvingPool(99), ProvingPool { granted, left: granted });
        world.weigh("op", 1);
        let class = world.class(policy());
        let gated = world.class(Policy { min_reputation: reputation, ..policy() });
        world.act("op", asked(class, |_| {}));
        let job = world.act("req", requested(class, |_| {}));
        world.skip(1);
        world.act("op", deliver("op", &[job]));
        let op = world.operator("op");
        assert_eq!((op.reputation, op.burned), (0, 50));
        world.skip_to(1_008);
        assert_eq!(world.judge("op", asked(gated, |_| {})), void(Void::Gate), "in 1009");
        world.skip(1);
        assert_eq!(world.judge("op", asked(gated, |_| {})), APPLIED, "in 1010");
        world.skip(1);
        let op = world.operator("op");
        assert_eq!((op.reputation, op.burned, op.subsidy), (reputation, 0, 0));
        assert_eq!(op.epoch_bond, BOND);
    }
}

/// What is taken from a bond waits as mined amounts do: three blocks here.
#[test]
fn an_unbond_waits_until_it_matures() {
    let mut world = World::new(&["op"]);
    world.params.maturity = 3;
    world.operate("op", BOND);
    world.act("op", unbond(40_000_000));
    assert_eq!(world.operator("op").bond, 60_000_000);
    assert_eq!(world.supply().bonds, 60_000_000);
    let pending = Pending::decode(&world.state().leaves[&StateKey::Pending(1_001)]).unwrap();
    let unbonded = Credit { address: actor("op"), amount: 40_000_000 };
    assert!(pending.0.contains(&unbonded));
    world.skip_to(1_003);
    assert_eq!(world.balance("op"), BALANCE - FEE);
    world.skip(1);
    assert_eq!(world.balance("op"), BALANCE - FEE + 40_000_000);
}

/// From the next epoch on, 1010, its shares count for another's weight; pay still goes to it.
#[test]
fn an_appointment_moves_shares_from_the_next_epoch_on() {
    let mut world = World::new(&["cold", "hot"]);
    world.params.epoch_length = 10;
    world.act("cold", appoint("hot"));
    let shares = |world: &World, name: &str| {
        let key = StateKey::Weight(actor(name));
        world.leaf::<Weight>(key).map_or(0, |weight| weight.shares)
    };
    let mine = |world: &mut World| {
        world.mine(&["cold", "cold"]);
        world.skip(1);
    };
    mine(&mut world);
    world.skip_to(1_008);
    mine(&mut world);
    assert_eq!((shares(&world, "cold"), shares(&world, "hot")), (4, 0));
    mine(&mut world);
    assert_eq!(world.height(), 1_010);
    assert_eq!((shares(&world, "cold"), shares(&world, "hot")), (4, 2));
    let paid = world.state().pending();
    let paid_to = |name: &str| {
        let of = |credit: &&Credit| credit.address == actor(name);
        paid.iter().filter(of).count()
    };
    assert_eq!((paid_to("cold"), paid_to("hot")), (3, 0));
    // Taken back: again from the epoch after, and then no leaf is left.
    world.act("cold", appoint("cold"));
    world.skip_to(1_018);
    mine(&mut world);
    assert_eq!(shares(&world, "hot"), 4);
    mine(&mut world);
    assert_eq!((shares(&world, "cold"), shares(&world, "hot")), (2, 4));
    world.act("cold", appoint("cold"));
    assert!(!world.state().leaves.contains_key(&StateKey::Appoint(actor("cold"))));
}
