//! The life of a job, one test for each way from one status to the next, with every amount worked
//! out by hand: balances, bonds, escrows and what is burned.
//!
//! A plain Request has 156 bytes: an envelope of 53, 67 of fixed fields, values 2 + 32, witness 2.
//! With 12 blocks it burns floor(156 · 1,012 / 1,000) = 157. Every transaction pays a fee of 100.

mod agenda;
mod assigning;
mod contests;
mod operators;
mod requesting;
mod returning;
mod settling;

use lode_consensus::{
    Action, Hash,
    market::{Policy, Selection, job::Status, queue::Event},
    transaction::{RegisterClass, Request},
};
use lode_testkit::world::{
    BALANCE, CREATOR, FEE, World, actor, asked, policy, register, requested,
};

const RENT: u64 = 157;
/// What every operator has at stake at first.
const BOND: u64 = 100_000_000;

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
