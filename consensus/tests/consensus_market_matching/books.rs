//! Whose ask stands in a book that is full.

use lode_consensus::{
    Address, Hash,
    market::event::{Outcome, Void},
};
use lode_testkit::world::{APPLIED, World, actor, asked, deliver, requested};

use crate::{market, market_with};

/// A class whose book holds two asks: since the epoch began, `a` has 5 credits at stake, `b` 7.
fn full_book() -> (World, Hash) {
    let (mut world, class) = market_with(&["a", "b", "new"], |policy| policy.max_operators = 2);
    world.operate("a", 5_000_000);
    world.operate("b", 7_000_000);
    world.must(&[("a", asked(class, |_| {})), ("b", asked(class, |_| {}))]);
    (world, class)
}

fn operators(world: &World, class: &Hash) -> Vec<Address> {
    world.book(class).0.iter().map(|ask| ask.operator).collect()
}

#[test]
fn in_a_full_book_the_least_at_stake_gives_way() {
    let (mut world, class) = full_book();
    world.operate("new", 5_000_001);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("b"), actor("new")]);
    // Of equals, the greatest address.
    let (mut world, class) = full_book();
    world.operate("b", 5_000_000);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("a"), actor("new")]);
    // What gave way has an event still: it finds nothing.
    world.skip(3);
    assert!(world.queue().is_empty());
}

/// However little the newcomer has, it takes the place of what can never be matched again.
#[test]
fn in_a_full_book_ghosts_go_first() {
    let (mut world, class) = full_book();
    world.operate("new", 2_000_000);
    assert_eq!(world.judge("new", asked(class, |_| {})), Ok(Outcome::Void(Void::BookFull)));
    let mut taken_back = world.clone();
    let done = taken_back
        .block(&[("b", asked(class, |ask| ask.capacity = 0)), ("new", asked(class, |_| {}))]);
    assert_eq!(done.outcomes, [APPLIED, APPLIED]);
    assert_eq!(operators(&taken_back, &class), [actor("a"), actor("new")]);
    // One that ended: matched up to 1005, it is a ghost from 1006 on. Of two, the first goes.
    world.must(&[
        ("b", asked(class, |ask| ask.until = 1_005)),
        ("a", asked(class, |ask| ask.until = 1_005)),
    ]);
    world.skip(1);
    assert_eq!(world.height(), 1_004);
    assert_eq!(world.judge("new", asked(class, |_| {})), Ok(Outcome::Void(Void::BookFull)));
    world.skip(1);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("b"), actor("new")]);
}

/// An ask under which a job is assigned stays, taken back or not.
#[test]
fn in_a_full_book_asks_with_jobs_stay() {
    let (mut world, class) = full_book();
    let jobs = world.must(
        &["a", "b"]
            .map(|name| ("req", requested(class, |request| request.operator = Some(actor(name))))),
    );
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
    let full = Ok(Outcome::Void(Void::BookFull));
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    world.act("a", asked(class, |ask| ask.capacity = 0));
    let ask = world.ask_of(&class, "a").unwrap();
    assert_eq!((ask.capacity, ask.open), (0, 1), "it keeps its jobs");
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    // `b` has 7 credits, and no job any more.
    world.act("b", deliver("b", &jobs[1..]));
    world.operate("new", 7_000_000);
    assert_eq!(world.judge("new", asked(class, |_| {})), full);
    world.operate("new", 7_000_001);
    world.act("new", asked(class, |_| {}));
    assert_eq!(operators(&world, &class), [actor("a"), actor("new")]);
}

/// Before an event of its class is taken, and not without one.
#[test]
fn matching_takes_ghosts_out_of_a_book() {
    let (mut world, class) = market(&["a", "b", "c"]);
    world.must(&[
        ("a", asked(class, |ask| ask.until = 1_004)),
        ("b", asked(class, |_| {})),
        ("c", asked(class, |ask| ask.until = 1_005)),
    ]);
    world.skip_to(1_006);
    assert_eq!(operators(&world, &class).len(), 3, "no event since they ended");
    world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!(operators(&world, &class), [actor("b")]);
    // Taken back, it stays for its job, which is missed after 1011; before the next event it goes.
    world.act("b", asked(class, |ask| ask.capacity = 0));
    world.skip(2);
    assert_eq!((world.height(), operators(&world, &class)), (1_011, vec![actor("b")]));
    world.skip(1);
    assert!(operators(&world, &class).is_empty());
}
