//! Matching: which asks fit a job, which of them is assigned, and what leads to it, each rule with
//! its neighbours on both sides.
//!
//! Where a job is posted in block 1002 it is matched in 1003, and an ask of k blocks promises
//! 1002 + k: k blocks after the Request.

mod books;
mod choosing;
mod events;
mod fitting;
mod text;

use lode_consensus::{
    Address, Hash, StateKey,
    market::{Book, BookAsk, Policy},
    transaction::Request,
};
use lode_testkit::world::{World, actor, lot, policy, requested};

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

/// The name with the least −log2(x) / W; without weight last, and by x alone.
fn first(hash: &Hash, class: &Hash, group: u16, weights: &[(&'static str, u64)]) -> &'static str {
    let rank = |name: &str, weight: u64| {
        let bits = 64.0 - ((lot(hash, class, group, name) as f64) + 1.0).log2();
        if weight > 0 { (0, bits / weight as f64) } else { (1, bits) }
    };
    let ranked = weights.iter().map(|(name, weight)| (rank(name, *weight), *name));
    ranked.min_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap()).unwrap().1
}
