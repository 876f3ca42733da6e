//! What leads to matching, in which order, and how much of it a block does.

use lode_consensus::{
    Hash, Height,
    market::{
        BookAsk,
        job::Status,
        queue::{Event, What},
    },
};
use lode_testkit::world::{World, actor, asked, deliver, policy, requested};

use crate::{FALSE_PROOF, market, put_asks, standing};

// --- Ask events ----------------------------------------------------------------------------------

/// Jobs that are open since 1003, with these prices, and no ask yet.
fn open_jobs(names: &[&str], prices: &[u64]) -> (World, Hash, Vec<Hash>) {
    let (mut world, class) = market(names);
    let posts: Vec<_> = prices
        .iter()
        .map(|price| ("req", requested(class, |request| request.price = *price)))
        .collect();
    let jobs = world.must(&posts);
    world.skip(1);
    assert!(jobs.iter().all(|job| world.job(job).status == Status::Open));
    (world, class, jobs)
}

fn ask_event(due: Height, class: Hash, name: &str) -> Event {
    Event { due, what: What::Ask { class, operator: actor(name) } }
}

/// Two blocks after it was posted, and in no block before.
#[test]
fn an_ask_is_matched_with_open_jobs_after_two_blocks() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000]);
    world.act("a", asked(class, |_| {}));
    assert_eq!(world.queue(), [ask_event(1_006, class, "a")]);
    world.skip(1);
    assert_eq!(world.job(&jobs[0]).status, Status::Open);
    world.skip(1);
    assert_eq!((world.height(), world.assignee(&jobs[0])), (1_006, Some(actor("a"))));
    assert!(world.queue().is_empty());
}

/// As if they were one: not the first of them, but the cheapest.
#[test]
fn the_asks_of_a_class_are_matched_together() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_000]);
    world.must(&[("a", asked(class, |ask| ask.price = 2_000)), ("b", asked(class, |_| {}))]);
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("b")));
}

/// An ask without an event is not among them, though it is cheaper and fits.
#[test]
fn only_asks_with_events_are_matched_with_open_jobs() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_000]);
    put_asks(&mut world, class, &[BookAsk { price: 1, ..standing("b") }]);
    world.act("a", asked(class, |_| {}));
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("a")));
}

/// The dearest first, then the oldest, then by their places.
#[test]
fn open_jobs_are_matched_in_the_order_of_their_list() {
    let (mut world, class, mut jobs) = open_jobs(&["a"], &[10_000, 10_001, 10_000]);
    let younger = world.must(&[
        ("req", requested(class, |request| request.price = 10_001)),
        ("req", requested(class, |request| request.price = 10_002)),
    ]);
    jobs.extend(younger);
    let order = [jobs[4], jobs[1], jobs[3], jobs[0], jobs[2]];
    world.skip(1);
    for capacity in 1..=5 {
        let mut world = world.clone();
        world.act("a", asked(class, |ask| ask.capacity = capacity));
        world.skip(2);
        for (place, job) in order.iter().enumerate() {
            let is_assigned = place < capacity.into();
            assert_eq!(world.assignee(job).is_some(), is_assigned, "{capacity}, {place}");
        }
    }
}

/// Sixteen in one taking; its event comes again in the next block, behind all others.
#[test]
fn an_ask_is_assigned_16_jobs_of_one_taking() {
    let prices: Vec<u64> = (0..20).map(|number| 10_000 + number).collect();
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &prices);
    world.must(&[("a", asked(class, |ask| ask.capacity = 100)), ("b", asked(class, |_| {}))]);
    // `b` costs as much and comes to nothing: weight decides.
    world.weigh("a", 1);
    let assigned = |world: &World, name: &str| {
        jobs.iter().filter(|job| world.assignee(job) == Some(actor(name))).count()
    };
    world.skip(2);
    // The dearest sixteen go to `a`, which drops out; the other four to `b`.
    assert_eq!((assigned(&world, "a"), assigned(&world, "b")), (16, 4));
    assert!(jobs[4..].iter().all(|job| world.assignee(job) == Some(actor("a"))));
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")]);
}

/// Alone, it goes on in the next block.
#[test]
fn an_ask_that_had_sixteen_goes_on_in_the_next_block() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000; 20]);
    world.act("a", asked(class, |ask| ask.capacity = 18));
    let assigned =
        |world: &World| jobs.iter().map(|job| world.assignee(job).is_some()).collect::<Vec<_>>();
    world.skip(2);
    assert_eq!(assigned(&world), [vec![true; 16], vec![false; 4]].concat());
    world.skip(1);
    assert_eq!(assigned(&world), [vec![true; 18], vec![false; 2]].concat(), "it is full");
    assert!(world.queue().is_empty());
}

/// Posted twice in a block, an ask has two events, and is assigned sixteen jobs at once.
#[test]
fn equal_events_count_once() {
    let (mut world, class, jobs) = open_jobs(&["a"], &[10_000; 20]);
    let ask = ("a", asked(class, |ask| ask.capacity = 100));
    world.must(&[ask.clone(), ask]);
    assert_eq!(world.queue(), [ask_event(1_006, class, "a"); 2]);
    world.skip(2);
    let assigned = jobs.iter().filter(|job| world.assignee(job).is_some()).count();
    assert_eq!(assigned, 16);
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")]);
}

/// At the place of the first: `b`, which has bond for one job, takes that of the class whose events
/// begin first, though its own event for the other one stands before.
#[test]
fn the_asks_of_a_class_are_taken_at_the_place_of_the_first() {
    let (mut world, class) = market(&["a", "b"]);
    let other = world.class(policy());
    world.operate("b", 10_000 + FALSE_PROOF);
    let jobs = world.must(&[class, other].map(|class| ("req", requested(class, |_| {}))));
    world.must(&[
        ("a", asked(class, |ask| ask.price = 2_000)),
        ("b", asked(other, |_| {})),
        ("b", asked(class, |_| {})),
    ]);
    world.skip(2);
    assert_eq!(world.assignee(&jobs[0]), Some(actor("b")));
    assert_eq!(world.job(&jobs[1]).status, Status::Open);
}

/// An ask that was full fits as one that was just posted; one that was not goes on.
#[test]
fn an_ask_that_was_full_has_no_last_look() {
    for (capacity, is_fit) in [(1, false), (2, true)] {
        let (mut world, class) = market(&["a"]);
        world.act("a", asked(class, |ask| ask.capacity = capacity));
        let first = world.act("req", requested(class, |_| {}));
        world.skip(1);
        // In one block, 1005, room is made and a job is posted.
        let ids = world.must(&[("a", deliver("a", &[first])), ("req", requested(class, |_| {}))]);
        let since = world.ask_of(&class, "a").unwrap().since;
        assert_eq!(since, if is_fit { 1_002 } else { 1_005 });
        world.skip(1);
        assert_eq!(world.assignee(&ids[1]).is_some(), is_fit, "{capacity}");
        world.skip(1);
        assert_eq!(world.assignee(&ids[1]), Some(actor("a")), "by the event of 1007");
    }
}

/// A capacity that was lowered makes no room.
#[test]
fn an_ask_above_its_capacity_has_no_event_when_a_job_goes() {
    let (mut world, class) = market(&["a"]);
    world.act("a", asked(class, |ask| ask.capacity = 3));
    let jobs = world.must(&[(); 3].map(|()| ("req", requested(class, |_| {}))));
    world.skip(1);
    world.act("a", asked(class, |ask| ask.capacity = 1));
    world.act("a", deliver("a", &jobs[..1]));
    assert_eq!(world.ask_of(&class, "a").unwrap().open, 2);
    assert_eq!(world.queue(), [ask_event(1_007, class, "a")], "that of its posting");
    world.must(&[("a", deliver("a", &jobs[1..]))]);
    let ask = world.ask_of(&class, "a").unwrap();
    assert_eq!((ask.open, ask.since), (0, 1_007));
    assert!(world.queue().contains(&ask_event(1_009, class, "a")));
}

/// Posted again in each block, an ask is new in each block.
#[test]
fn an_ask_that_flaps_is_never_ready() {
    let (mut world, class) = market(&["a"]);
    let post = ("a", asked(class, |ask| ask.price = 1));
    let mut jobs = Vec::new();
    for _ in 0..6 {
        let ids = world.must(&[post.clone(), ("req", requested(class, |_| {}))]);
        jobs.push(ids[1]);
    }
    assert!(jobs[..5].iter().all(|job| world.job(job).status == Status::Open));
    // The last one that is left alone takes what is open.
    world.skip(2);
    assert!(jobs.iter().all(|job| world.assignee(job) == Some(actor("a"))));
}

/// A look at a Request helps nobody: an ask that undercuts in its block comes too late.
#[test]
fn an_ask_cannot_be_undercut_in_the_block_of_a_request() {
    let (mut world, class) = market(&["a", "b"]);
    world.act("a", asked(class, |_| {}));
    let ids =
        world.must(&[("req", requested(class, |_| {})), ("b", asked(class, |ask| ask.price = 1))]);
    world.skip(1);
    assert_eq!(world.assignee(&ids[0]), Some(actor("a")));
}

// --- What bounds a block -------------------------------------------------------------------------

/// Jobs that are left stay as they are, and their events at their places.
#[test]
fn a_block_assigns_1024_jobs() {
    let (mut world, class) = market(&["a"]);
    let mut classes = vec![class];
    classes.extend([(); 4].map(|()| world.class(policy())));
    for class in &classes {
        put_asks(&mut world, *class, &[BookAsk { capacity: 1_000, ..standing("a") }]);
    }
    let posts: Vec<_> =
        (0..1_026).map(|number| ("req", requested(classes[number % 5], |_| {}))).collect();
    let jobs = world.must(&posts);
    world.skip(1);
    let assigned = jobs.iter().filter(|job| world.assignee(job).is_some()).count();
    assert_eq!(assigned, 1_024);
    for job in &jobs[1_024..] {
        assert_eq!(world.job(job).status, Status::Waiting);
    }
    let left = jobs[1_024..].iter().map(|job| What::Job(*job));
    assert!(world.queue().iter().map(|event| event.what).eq(left));
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
}

/// The last assignment ends a taking: an ask that dropped out with it has no event any more, one
/// that did not keeps its own.
#[test]
fn a_taking_that_is_cut_short_goes_on_in_the_next_block() {
    let (mut world, class, jobs) = open_jobs(&["a", "b"], &[10_003, 10_002, 10_001, 10_000]);
    world.must(&[
        ("b", asked(class, |ask| ask.price = 2_000)),
        ("a", asked(class, |ask| ask.capacity = 1)),
    ]);
    world.skip(1);
    world.limits.assignments = 2;
    world.skip(1);
    let assigned = jobs.iter().map(|job| world.assignee(job)).collect::<Vec<_>>();
    assert_eq!(assigned, [Some(actor("a")), Some(actor("b")), None, None]);
    assert_eq!(world.queue(), [ask_event(1_006, class, "b")]);
    world.skip(1);
    assert!(jobs.iter().all(|job| world.assignee(job).is_some()));
    assert_eq!(world.queue(), [ask_event(1_006, class, "b")], "nobody is left, and it stays");
    world.skip(1);
    assert!(world.queue().is_empty());
}

/// Events that are due are taken in their order: a job of the last block's before one that this
/// block's agenda sends back, whatever they are worth.
#[test]
fn events_of_the_agenda_come_last() {
    let (mut world, class) = market(&["a", "b"]);
    let one = BookAsk { capacity: 1, price: 2_000, ..standing("b") };
    put_asks(&mut world, class, &[BookAsk { capacity: 1, ..standing("a") }, one]);
    let missed = world.act("req", requested(class, |request| request.price = 90_000));
    // Assigned to `a` in 1003 for 1006.
    world.skip_to(1_005);
    assert_eq!(world.assignee(&missed), Some(actor("a")));
    let late = world.act("req", requested(class, |_| {}));
    world.skip(1);
    assert_eq!((world.height(), world.job(&missed).misses.len()), (1_007, 1));
    assert_eq!(world.assignee(&late), Some(actor("b")));
    assert_eq!(world.job(&missed).status, Status::Open);
}
