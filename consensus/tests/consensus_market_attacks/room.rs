//! Attacks on room: books, waiting lists, queue, agenda, state, and what a block may hold.

use lode_consensus::{
    Action, Encode, Hash,
    market::{
        Policy, Value,
        event::{Outcome, Void},
        job::End,
        matching::Limits,
    },
    transaction::{Ask, RegisterClass, Request},
    transition::TransactionError,
};
use lode_testkit::world::{
    CREATOR, FEE, Judged, World, actor, appoint, bond, decline, deliver, deliver_false, policy,
    raise, register, sent, transfer, unbond, void,
};

use crate::{
    CREDIT, FALSE_PROOF, ask, assignee, crowd, is_over_budget, long_offer, offer, rent, shop,
    withdrawn,
};

/// The longest job to a named operator, at the least price.
fn longest(class: Hash, operator: &str) -> Request {
    Request {
        price: 1,
        late_price: 1,
        soft_blocks: Request::MAX_BLOCKS,
        hard_blocks: Request::MAX_BLOCKS,
        operator: Some(actor(operator)),
        ..offer(class)
    }
}

/// What a stranger with a thousand credits hears who offers half of it for a job.
fn a_dear_request(world: &World, class: Hash) -> Judged {
    world.judge("stranger", Action::Request(Request { price: 500 * CREDIT, ..offer(class) }))
}

// --- Books ---------------------------------------------------------------------------------------

/// Ghosts in the book: asks that are over. Best response: fill all places with asks that end in two
/// blocks, of operators with more at stake than others.
/// Bound: the next ask takes the place of the first of them, whatever the bonds, and the rest goes
/// when an event of the class is taken.
#[test]
fn ghosts_in_a_book_give_way_to_the_smallest_bond() {
    let names = crowd(4);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("small");
    let (mut world, class) = shop(&all, Policy { max_operators: 4, ..policy() });
    world.operate("small", FALSE_PROOF + 10_000);
    let until = world.height() + 3;
    let short = Ask { until, ..ask(class, 1) };
    world
        .must(&all[..4].iter().map(|name| (*name, Action::Ask(short.clone()))).collect::<Vec<_>>());
    let small = Action::Ask(ask(class, 1));
    assert_eq!(world.judge("small", small.clone()), void(Void::BookFull));
    world.skip_to(until);
    world.act("small", small);
    let held: Vec<bool> = all.iter().map(|name| world.ask_of(&class, name).is_some()).collect();
    assert_eq!(held, [false, true, true, true, true]);
    world.skip(2);
    assert_eq!(world.book(&class).0.len(), 1);
}

/// A book that cannot be entered. Best response: 64 addresses with the least bond, an ask of
/// 99,990 blocks each, a job of one's own under each, and the asks taken back: they cannot be
/// matched, nor go while their jobs are open.
/// Bound: the rent of 64 direct jobs, 1.2 credits for 17 days, and a bond of 1.01 credits each. A
/// class that mines or lists its operators cannot be entered by them.
#[test]
fn holding_all_places_of_a_book_costs_the_rent_of_64_jobs() {
    let names = crowd(64);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(["rich", "user"]);
    let (mut world, class) = shop(&all, policy());
    all[..64].iter().for_each(|name| world.operate(name, FALSE_PROOF + 10_000));
    world.operate("rich", 100_000 * CREDIT);
    let burned = world.supply().burned;
    let slow = Action::Ask(Ask { blocks: 99_990, ..ask(class, 1) });
    let by_all = |action: Action| -> Vec<(&str, Action)> {
        all[..64].iter().map(|name| (*name, action.clone())).collect()
    };
    world.must(&by_all(slow));
    let own = all[..64].iter().map(|name| ("user", Action::Request(longest(class, name))));
    world.must(&own.collect::<Vec<_>>());
    world.skip(1);
    world.must(&by_all(withdrawn(class)));
    for _ in 0..2 {
        let honest = Action::Ask(ask(class, 1));
        assert_eq!(world.judge("rich", honest), void(Void::BookFull));
        world.skip(50);
    }
    assert_eq!(world.supply().burned - burned, 64 * 18_988);

    let gated = world.class(Policy { min_weight: 1, ..policy() });
    assert_eq!(world.judge("user", Action::Ask(ask(gated, 1))), void(Void::Gate));
}

// --- Waiting lists -------------------------------------------------------------------------------

/// A waiting list that is full of cheap jobs. Best response: 256 jobs at the price that others are
/// to be kept below.
/// Bound: each dearer job takes the place of one of them; at a price p the list binds 256 escrows
/// of p, and burns their rent.
#[test]
fn a_dearer_job_enters_a_full_list() {
    let (mut world, class) = shop(&["stranger", "user"], policy());
    let cheap = Action::Request(Request { price: 10, ..long_offer(class) });
    let jobs = world.must(&vec![("user", cheap.clone()); 256]);
    world.skip(1);
    assert_eq!(world.judge("stranger", cheap), void(Void::PriceTooLow));
    let dearer = Action::Request(Request { price: 11, ..long_offer(class) });
    let entered = world.act("stranger", dearer);
    assert!(world.waiting(&class).iter().any(|entry| entry.job == entered));
    // The last of the cheapest goes, for nothing but its rent.
    world.skip(u32::from(policy().claim_blocks) + 1);
    assert_eq!(world.end(&jobs[255]), Some(End::Cancelled));
    assert!(jobs[..255].iter().all(|job| world.end(job).is_none()));
}

/// A class closed by jobs that cannot give way. Best response: 256 direct jobs of the longest time
/// to one's own operator, each declined once in its first block.
/// Bound: their rent and a hundredth of the least bond each: 4.9 credits for 17 days, and 2.6
/// credits in escrow.
#[test]
fn closing_a_class_with_declined_jobs_costs_their_rent() {
    let (mut world, class) = shop(&["own", "stranger", "user"], policy());
    let burned = world.supply().burned;
    world.act("own", Action::Ask(Ask { capacity: 256, ..ask(class, 1) }));
    let jobs = world.must(&vec![("user", Action::Request(longest(class, "own"))); 256]);
    assert_eq!(a_dear_request(&world, class), Ok(Outcome::Applied));
    world.must(&jobs.iter().map(|job| ("own", decline(*job))).collect::<Vec<_>>());
    for _ in 0..2 {
        assert_eq!(a_dear_request(&world, class), void(Void::PriceTooLow));
        world.skip(50);
    }
    assert_eq!(world.supply().burned - burned, 256 * (18_988 + 100));
    assert_eq!(world.supply().escrows, 256 * 10_001);
}

/// A class closed by live jobs. Best response: 2,048 jobs of the longest time, assigned to oneself.
/// Bound: their rent: 39 credits for 17 days, and a bond of 21.5 credits.
#[test]
fn closing_a_class_with_live_jobs_costs_their_rent() {
    let (mut world, class) = shop(&["own", "stranger", "user"], policy());
    let burned = world.supply().burned;
    let slow = Ask { blocks: 99_900, capacity: 2_048, ..ask(class, 1) };
    world.act("own", Action::Ask(slow));
    for _ in 0..8 {
        assert_eq!(a_dear_request(&world, class), Ok(Outcome::Applied));
        world.must(&vec![("user", Action::Request(longest(class, "own"))); 256]);
    }
    world.skip(1);
    assert_eq!(a_dear_request(&world, class), void(Void::ClassFull));
    assert_eq!(world.supply().burned - burned, 2_048 * 18_988);
    assert_eq!(world.operator("own").locked, 2_048 * 10_000);
}

/// A class closed by jobs under Cancel. Best response: 256 jobs, then 256 that are a microcredit
/// dearer and drive those out: until the Cancels are over, the list has its 512, whatever others
/// pay; and so on.
/// Bound: the rent of 256 jobs for claim_blocks + 1 blocks: where claim_blocks has its greatest
/// value, 44,000 microcredits and 256 fees for 33 blocks, 133 credits and 776,000 fees for 17 days.
#[test]
fn closing_a_class_with_cancels_costs_256_jobs_each_time() {
    let claim_blocks = 32;
    let (mut world, class) = shop(&["stranger", "user"], Policy { claim_blocks, ..policy() });
    let round = |price| Request { price, soft_blocks: 100, hard_blocks: 100, ..offer(class) };
    world.must(&vec![("user", Action::Request(round(10))); 256]);
    world.skip(1);
    assert_eq!(a_dear_request(&world, class), Ok(Outcome::Applied));
    let burned = world.supply().burned;
    world.must(&vec![("user", Action::Request(round(11))); 256]);
    for _ in 0..claim_blocks {
        assert_eq!(a_dear_request(&world, class), void(Void::ClassFull));
        world.skip(1);
    }
    assert_eq!(a_dear_request(&world, class), Ok(Outcome::Applied));
    assert_eq!(world.supply().burned - burned, 256 * rent(&round(11)));
    assert_eq!(256 * rent(&round(11)), 43_776);
}

// --- Queue and agenda ----------------------------------------------------------------------------

/// The queue of matching. Best response: jobs of one's own that fit, in front of another's.
/// Bound: each block of delay takes as many assignments as a block makes (1,024 on a chain, 4
/// here), each with its rent, and a Decline or a proof.
#[test]
fn a_queue_of_jobs_delays_others_by_what_a_block_assigns() {
    for ahead in [0, 3, 4, 8, 12] {
        let (mut world, class) = shop(&["seller", "stranger", "user"], policy());
        world.limits = Limits { assignments: 4, ..Limits::CHAIN };
        world.act("seller", Action::Ask(Ask { capacity: 64, ..ask(class, 1) }));
        let mut requests = vec![("user", Action::Request(long_offer(class))); ahead];
        requests.push(("stranger", Action::Request(long_offer(class))));
        let job = *world.must(&requests).last().unwrap();
        let mut waited = 0;
        while assignee(&world, &job, &["seller"]).is_none() {
            world.skip(1);
            waited += 1;
        }
        assert_eq!(waited, 1 + ahead / 4);
    }
}

/// The agenda. Best response, to make a miss be noticed late: jobs with one common end, listed for
/// that height before the promise is.
/// Bound: each block of delay takes as many jobs as a block looks at (8,192 on a chain, 4 here),
/// with their rent; a transaction that names the job has it done at once, and the late operator's
/// own Deliver is such a one.
#[test]
fn an_agenda_full_of_ends_delays_a_miss_that_no_transaction_names() {
    for others in [0, 4, 8] {
        let (mut world, class) = shop(&["late", "stranger", "user"], policy());
        world.limits = Limits { agenda: 4, ..Limits::CHAIN };
        world.act("late", Action::Ask(ask(class, 1_000)));
        let ends = Request { price: 1, soft_blocks: 4, hard_blocks: 4, ..offer(class) };
        let mut requests = vec![("user", Action::Request(ends)); others];
        requests.push(("stranger", Action::Request(long_offer(class))));
        let job = *world.must(&requests).last().unwrap();
        // The promise and the others' end: the fourth block from here.
        world.skip(4);
        assert_eq!(assignee(&world, &job, &["late"]), Some("late"));
        for waited in 0..others / 4 {
            for (from, names_it) in
                [("late", deliver("late", &[job])), ("user", raise(job, 2 * CREDIT, 0))]
            {
                let mut named = world.clone();
                let done = named.block(&[(from, names_it)]);
                assert!(matches!(done.outcomes[..], [Ok(Outcome::Void(_))]));
                assert_eq!(named.job(&job).misses.len(), 1);
            }
            world.skip(1);
            assert!(world.job(&job).misses.is_empty(), "after {waited}");
        }
        world.skip(1);
        assert_eq!(world.job(&job).misses.len(), 1);
    }
}

// --- State ---------------------------------------------------------------------------------------

/// Bytes of all leaves and their keys.
fn bytes(world: &World) -> u64 {
    world.state().leaves.values().map(|leaf| 32 + leaf.len() as u64).sum()
}

/// What blocks of transactions leave in the state that empty ones do not, and what they burned.
fn left(world: &World, blocks: &[Vec<(&str, Action)>]) -> (u64, u64) {
    let (mut with, mut without) = (world.clone(), world.clone());
    for block in blocks {
        with.must(block);
        without.must(&[]);
    }
    (bytes(&with) - bytes(&without), with.supply().burned - without.supply().burned)
}

/// State filled up with jobs. Best response, of all sizes and times: jobs of one value, whose
/// entries in lists are large beside the bytes that they pay for; declined by eight operators,
/// since a decline adds 48 bytes for 100 microcredits.
/// Bound: a byte of leaves costs at least (hard_blocks + 1,000)/2,200 microcredits, that is 488
/// credits a GiB for the shortest jobs, and 49,000 for 17 days, or, with declines, at least 22
/// microcredits, 23,600 credits a GiB.
#[test]
fn a_gibibyte_of_jobs_costs_hundreds_of_credits() {
    let names = crowd(8);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.push("user");
    let (mut world, _) = shop(&all, policy());
    for values in [1_u8, 8, 63] {
        let wide = RegisterClass { key: vec![values], ..register(policy()) };
        let class = world.act(CREATOR, Action::RegisterClass(wide));
        for hard_blocks in [2, 1_000, Request::MAX_BLOCKS] {
            let values = vec![Value([0; 32]); values.into()];
            let request = Request { price: 1, soft_blocks: 1, hard_blocks, values, ..offer(class) };
            let many = vec![("user", Action::Request(request)); 100];
            let (bytes, burned) = left(&world, &[many, Vec::new()]);
            assert!(burned * 2_200 >= bytes * u64::from(hard_blocks + 1_000), "{bytes}: {burned}");
        }
    }

    let class = world.class(policy());
    let open = Request { operator: None, ..longest(class, "any") };
    let ask = Ask { capacity: 64, ..ask(class, 1) };
    let asks = all[..8].iter().map(|name| (*name, Action::Ask(ask.clone())));
    world.must(&asks.collect::<Vec<_>>());
    let before = world.clone();
    let jobs = world.must(&vec![("user", Action::Request(open)); 20]);
    for _ in 0..8 {
        // Who has each job is known when the block before is there: the next block's start.
        let mut next = world.clone();
        next.skip(1);
        let declines = jobs.iter().map(|job| (assignee(&next, job, &all).unwrap(), decline(*job)));
        world.must(&declines.collect::<Vec<_>>());
    }
    // Until what is on the way for a few blocks has gone.
    world.skip(4);
    let mut quiet = before.clone();
    quiet.skip(13);
    let (bytes, burned) =
        (bytes(&world) - bytes(&quiet), world.supply().burned - before.supply().burned);
    assert_eq!(burned, 20 * (15_756 + 8 * 100));
    assert!(burned >= 22 * bytes, "{burned} for {bytes}");
}

/// State that stays. Best response: classes, whose keys are never deleted; and leaves that no rent
/// is asked for: accounts, bonds of a microcredit, appointments.
/// Bound: a byte of a class costs at least 6 microcredits, 6,300 credits a GiB; of the others, a
/// transaction leaves at most half of its own bytes, so that the chain itself grows faster.
#[test]
fn what_stays_for_ever_is_paid_by_the_byte_or_by_the_block() {
    let (mut world, _) = shop(&["user"], policy());
    for key_bytes in [1, 100, RegisterClass::MAX_KEY_BYTES] {
        let class = RegisterClass { key: vec![1; key_bytes], ..register(policy()) };
        let (bytes, burned) = left(&world, &[vec![(CREATOR, Action::RegisterClass(class))]]);
        assert!(burned >= 6 * bytes, "{burned} for {bytes}");
    }
    world.fund("new", CREDIT);
    for action in [transfer("newer", 1), bond(1), appoint("user")] {
        let signed_bytes = sent("new", action.clone()).encoded_len() as u64 + 128;
        let (bytes, _) = left(&world, &[vec![("new", action.clone())]]);
        assert!((1..=signed_bytes / 2).contains(&bytes), "{action:?}: {bytes} of {signed_bytes}");
    }
}

// --- What a block holds --------------------------------------------------------------------------

/// The classes that a block may name. Best response: Raises by nothing of one's own jobs, one in
/// each class, or Asks for classes that there are not, which are void.
/// Bound: a fee for each class and block (256 on a chain, 3 here): an honest transaction that pays
/// more stands in front of them.
#[test]
fn a_block_whose_classes_are_used_up_takes_who_pays_more() {
    let (mut world, class) = shop(&["stranger", "user"], policy());
    world.limits = Limits { classes: 3, ..Limits::CHAIN };
    let classes: Vec<Hash> = (0..3).map(|_| world.class(policy())).collect();
    let own = classes.iter().map(|class| ("user", Action::Request(long_offer(*class))));
    let jobs = world.must(&own.collect::<Vec<_>>());
    world.skip(1);
    let raises: Vec<_> = jobs.iter().map(|job| ("user", raise(*job, CREDIT, 0))).collect();
    let invented = (0_u8..3).map(|number| Action::Ask(ask(Hash([number; 32]), 1)));
    let invented: Vec<_> = invented.map(|action| ("user", action)).collect();
    let honest = ("stranger", Action::Request(offer(class)));
    for noise in [raises, invented] {
        let lost = Err(TransactionError::Classes { limit: 3 });
        let done = world.clone().block(&[&noise[..], &[honest.clone()][..]].concat());
        assert!(done.outcomes[..3].iter().all(Result::is_ok));
        assert_eq!(done.outcomes[3], lost);
        assert_eq!(done.applied.fees, 3 * FEE);
        let done = world.clone().block(&[&[honest.clone()][..], &noise[..]].concat());
        assert_eq!((&done.outcomes[0], &done.outcomes[3]), (&Ok(Outcome::Applied), &lost));
    }
}

/// The proofs that a block may hold. Best response: Delivers of one's own jobs, one by one; or,
/// after one false proof that took the last of the bond, Delivers of one job that are void.
/// Bound: 31 fees a block, and for each delivery the rent of a job; void ones are not passed on, so
/// that only a producer can have them, which could leave others out without them.
#[test]
fn a_block_whose_budget_is_used_up_takes_31_deliveries() {
    let (mut world, class) = shop(&["own", "seller", "stranger", "user"], policy());
    world.must(&[
        ("own", Action::Ask(Ask { capacity: 64, ..ask(class, 1) })),
        ("seller", Action::Ask(ask(class, 1_000))),
    ]);
    let mut requests =
        vec![("user", Action::Request(Request { price: 1, ..long_offer(class) })); 32];
    let direct = Request { operator: Some(actor("seller")), ..long_offer(class) };
    requests.push(("stranger", Action::Request(direct)));
    let burned = world.supply().burned;
    let jobs = world.must(&requests);
    assert_eq!(rent(&long_offer(class)), 162);
    assert_eq!(world.supply().burned - burned, 32 * 162 + 195);
    world.skip(1);
    let honest = ("seller", deliver("seller", &jobs[32..]));
    let mut own: Vec<_> = jobs[..32].iter().map(|job| ("own", deliver("own", &[*job]))).collect();
    let mut first = own.clone();
    first.insert(0, honest.clone());
    let done = world.clone().block(&first);
    assert!(done.outcomes[..31].iter().all(|it| *it == Ok(Outcome::Applied)));
    assert!(done.outcomes[31..].iter().all(is_over_budget));
    own.push(honest.clone());
    let done = world.clone().block(&own);
    assert!(done.outcomes[..31].iter().all(|it| *it == Ok(Outcome::Applied)));
    assert!(done.outcomes[31..].iter().all(is_over_budget), "the seller's among them");

    // A liar whose bond has nothing but what is locked: void, and counted.
    let free = world.operator("own").free();
    world.act("own", unbond(free - FALSE_PROOF));
    let done = world.block(&[("own", deliver_false(&jobs[..1]))]);
    assert_eq!(done.outcomes, [Ok(Outcome::FalseProof)]);
    let done = world.block(&vec![("own", deliver("own", &jobs[..1])); 32]);
    let poor = void(Void::FreeBond { needed: FALSE_PROOF.into(), free: 0 });
    assert!(done.outcomes[..31].iter().all(|outcome| *outcome == poor));
    assert!(is_over_budget(&done.outcomes[31]));
}
