//! Attacks of operators on the order of the book: selling dearer, later or twice.

use lode_consensus::{
    Action, Hash,
    market::{
        Policy,
        event::{JobChange, Outcome, Void},
        job::{End, Status},
        value,
    },
    transaction::{Ask, Request},
};
use lode_testkit::world::{FEE, World, actor, bond, decline, deliver, policy};

use crate::{
    CREDIT, FALSE_PROOF, STAKE, ask, assignee, crowd, long_offer, net, offer, rent, shop, signed,
    withdrawn, worth,
};

/// What the honest operator asks for a job that is worth a credit.
const RIVAL: u64 = 400_000;
/// A hundredth of the bond of such a job: what a Decline in its first block burns.
const DECLINED: i64 = 1_000;
/// What of a miss is lost if the misser's other address delivers: a tenth of the bond, less the
/// quarter of it that the deliverer receives.
const MISSED: i64 = 7_500;

// --- Two addresses of one owner ------------------------------------------------------------------

const OWNED: [&str; 2] = ["first", "second"];

/// What the owner of two addresses does with a job that falls to the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Deliver,
    /// So many blocks after the assignment.
    Decline(u32),
    Miss,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    /// What the first address asks.
    first: u64,
    /// What the second one asks. It also delivers what is open.
    second: Option<u64>,
    treatment: Treatment,
}

impl Plan {
    /// What the owner gains with one job.
    fn play(self, world: &World, class: Hash) -> i64 {
        let mut world = world.clone();
        let before = worth(&world, &OWNED);
        let mut asks = vec![("first", Action::Ask(ask(class, self.first)))];
        asks.extend(self.second.map(|price| ("second", Action::Ask(ask(class, price)))));
        world.must(&asks);
        let job = world.act("user", Action::Request(offer(class)));
        let assigned = world.height() + 1;
        while world.end(&job).is_none() {
            let mut actions = Vec::new();
            if let Treatment::Decline(delay) = self.treatment
                && world.height() + 1 == assigned + delay
            {
                actions.push(("first", decline(job)));
            }
            let seller = match assignee(&world, &job, &["first", "second", "rival"]) {
                Some("first") if self.treatment != Treatment::Deliver => None,
                None if world.job(&job).status == Status::Open => Some("second"),
                seller => seller,
            };
            actions.extend(seller.map(|seller| (seller, deliver(seller, &[job]))));
            world.block(&actions);
        }
        assert_eq!(world.end(&job), Some(End::Delivered), "{self:?}");
        worth(&world, &OWNED) - before
    }
}

/// Declining or missing, to sell at the limit from a second address. Best response, of all prices
/// of both addresses and all moments: decline at once, and have the second address ask just below
/// the rival, or, without a rival, sell as open.
/// Bound: what one ask just below the rival earns (at the limit without a rival), less a hundredth
/// of the bond for each block that the job was held, or less 7.5 % of it for a miss.
#[test]
fn a_second_address_never_sells_dearer_than_one_would() {
    let (alone, class) = shop(&["first", "second", "user", "rival"], policy());
    let mut contested = alone.clone();
    contested.act("rival", Action::Ask(ask(class, RIVAL)));
    for (world, top) in [(contested, RIVAL - 1), (alone, CREDIT)] {
        let honest = Plan { first: top, second: None, treatment: Treatment::Deliver };
        let honest = honest.play(&world, class);
        assert_eq!(honest, net(top) - signed(FEE));
        let mut best = i64::MIN;
        for first in [1, RIVAL / 2, RIVAL - 1] {
            let seconds = [None, Some(RIVAL - 1), Some(RIVAL + 1), Some(CREDIT)];
            // The job is to fall to the first address.
            for second in seconds.into_iter().filter(|second| second.is_none_or(|it| it > first)) {
                for (treatment, cost) in [
                    (Treatment::Decline(0), DECLINED),
                    (Treatment::Decline(1), 2 * DECLINED),
                    (Treatment::Decline(2), 3 * DECLINED),
                    // Too late to decline: a miss.
                    (Treatment::Decline(3), MISSED),
                    (Treatment::Miss, MISSED),
                ] {
                    let plan = Plan { first, second, treatment };
                    let gained = plan.play(&world, class);
                    assert!(gained <= honest - cost, "{plan:?} gains {gained} of {honest}");
                    best = best.max(gained);
                }
            }
        }
        // With a rival it takes a second ask besides the Decline.
        let fees = if top == CREDIT { FEE } else { 2 * FEE };
        assert_eq!(best, honest - DECLINED - signed(fees));
    }
}

/// Eight decliners and a ninth seller. Best response: eight asks below the rival's, each declined
/// in its first block, then a ninth address delivers the open job.
/// Bound: the ninth is paid the lowest price of an ask that fits, at most, and the eight burn a
/// hundredth of a bond each: less than one ask just below the rival earns. Without a rival, less
/// than one ask at the limit.
#[test]
fn eight_decliners_open_a_job_at_the_lowest_ask_that_fits() {
    let names = crowd(8);
    let eight: Vec<&str> = names.iter().map(String::as_str).collect();
    let cartel = [&eight[..], &["ninth"]].concat();
    for (rival, pays) in [(true, RIVAL), (false, CREDIT)] {
        let (mut world, class) = shop(&[&cartel[..], &["rival", "user"]].concat(), policy());
        eight.iter().for_each(|name| world.repute(name, 640));
        if rival {
            world.act("rival", Action::Ask(ask(class, RIVAL)));
        }
        let before = worth(&world, &cartel);
        let asks =
            eight.iter().zip(1..).map(|(name, price)| (*name, Action::Ask(ask(class, price))));
        world.must(&asks.collect::<Vec<_>>());
        let job = world.act("user", Action::Request(long_offer(class)));
        eight.iter().for_each(|name| {
            world.act(name, decline(job));
        });
        world.skip(1);
        assert_eq!(world.job(&job).open_price, rival.then_some(RIVAL));
        // Who gave it back gets no more for it than it had asked.
        let mut sold = world.clone();
        let eighth = worth(&sold, &eight[7..]);
        sold.act(eight[7], deliver(eight[7], &[job]));
        assert_eq!(worth(&sold, &eight[7..]) - eighth, net(8));

        world.act("ninth", deliver("ninth", &[job]));
        let gained = worth(&world, &cartel) - before;
        let fees = signed(16 * FEE);
        assert_eq!(gained, net(pays) - 8 * DECLINED - fees);
        let honest = net(if rival { RIVAL - 1 } else { CREDIT }) - signed(FEE);
        assert!(gained < honest - 7 * DECLINED);
        eight.iter().for_each(|name| assert_eq!(world.operator(name).reputation, 630));
    }
}

/// Taking turns with two addresses. Best response: both ask just below the rival, so that no other
/// comes between them; the one that is assigned first misses, the other delivers.
/// Bound: each job earns 7.5 % of a bond less than if the first had delivered, and costs the misser
/// a quarter of its reputation.
#[test]
fn two_addresses_in_turn_lose_three_quarters_of_each_slash() {
    let play = |in_turn: bool| {
        let (mut world, class) = shop(&["first", "second", "rival", "user"], policy());
        OWNED.iter().for_each(|name| world.repute(name, 8_000));
        world.must(&[
            ("first", Action::Ask(ask(class, RIVAL - 1))),
            ("second", Action::Ask(ask(class, RIVAL - 1))),
            ("rival", Action::Ask(ask(class, RIVAL))),
        ]);
        let before = worth(&world, &OWNED);
        for _ in 0..4 {
            let job = world.act("user", Action::Request(long_offer(class)));
            world.skip(1);
            let first = assignee(&world, &job, &OWNED).unwrap();
            if in_turn {
                let Status::Assigned(assigned) = world.job(&job).status else { panic!("{first}") };
                world.skip_to(assigned.promise + 1);
            }
            let seller = assignee(&world, &job, &OWNED).unwrap();
            assert_eq!(seller != first, in_turn);
            world.act(seller, deliver(seller, &[job]));
            world.skip(2);
        }
        let reputations = OWNED.map(|name| u32::from(world.operator(name).reputation));
        (worth(&world, &OWNED) - before, reputations.iter().sum::<u32>())
    };
    let ((honest, trusted), (in_turn, mistrusted)) = (play(false), play(true));
    assert_eq!(honest, 4 * net(RIVAL - 1));
    assert_eq!(in_turn, honest - 4 * MISSED);
    assert_eq!(trusted, 16_000);
    // The least that four misses can cost: all by one address.
    assert!(mistrusted <= 2_531 + 8_000, "{mistrusted}");
}

// --- Time ----------------------------------------------------------------------------------------

/// An operator that always misses. Best response, for who wants jobs to be late: price 1, so that
/// each falls to it, and any promise that fits.
/// Bound: each job costs it a tenth of its bond, and more as the value falls, of which the
/// requester and the deliverer get a quarter each; a quarter of its reputation goes each time.
#[test]
fn always_missing_costs_a_tenth_of_a_bond_each_time() {
    for blocks in 2..=20 {
        let (mut world, class) = shop(&["lazy", "rival", "user"], policy());
        world.repute("lazy", 8_000);
        let mut reputations = Vec::new();
        world.must(&[
            ("lazy", Action::Ask(Ask { blocks, ..ask(class, 1) })),
            ("rival", Action::Ask(ask(class, RIVAL))),
        ]);
        for _ in 0..5 {
            let job = world.act("user", Action::Request(long_offer(class)));
            let before = worth(&world, &["lazy"]);
            world.skip(1);
            assert_eq!(assignee(&world, &job, &["lazy", "rival"]), Some("lazy"));
            world.skip(blocks);
            assert_eq!(assignee(&world, &job, &["lazy", "rival"]), Some("rival"));
            // The rival takes its time, too.
            world.skip(2);
            let late = world.job(&job).terms.late_bps(world.height() + 1);
            let done = world.block(&[("rival", deliver("rival", &[job]))]);
            let slashed = value::part(CREDIT / 10, late);
            assert!(slashed >= CREDIT / 100);
            assert_eq!(before - worth(&world, &["lazy"]), signed(slashed));
            let changes = done.changes_of(&job);
            let slash = changes.iter().find_map(|change| match change {
                JobChange::Slashed { slash, .. } => Some(*slash),
                _ => None,
            });
            let slash = slash.unwrap();
            let quarter = slashed / 4;
            assert_eq!((slash.to_requester, slash.to_deliverer), (quarter, quarter));
            reputations.push(world.operator("lazy").reputation);
            world.skip(2);
        }
        assert_eq!(reputations, [6_000, 4_500, 3_375, 2_531, 1_898]);
    }
}

/// Always delivering in the last block. Best response: it is one, as an operator that proves in
/// spare time saves by it.
/// Bound: it is paid its ask, which the delay that it promised was part of the price of; a block
/// later it is paid nothing and loses a tenth of its bond.
#[test]
fn the_last_block_of_a_promise_pays_what_the_first_does() {
    for delay in 0..6 {
        let (mut world, class) = shop(&["late", "user"], policy());
        world.act("late", Action::Ask(ask(class, RIVAL)));
        let job = world.act("user", Action::Request(long_offer(class)));
        world.skip(1 + delay);
        let (late, user) = (worth(&world, &["late"]), worth(&world, &["user"]));
        let done = world.block(&[("late", deliver("late", &[job]))]);
        let gained = worth(&world, &["late"]) - late;
        if delay < 3 {
            assert_eq!(done.outcomes, [Ok(Outcome::Applied)]);
            assert_eq!(gained, net(RIVAL));
            let back = CREDIT - RIVAL + CREDIT / 10;
            assert_eq!(worth(&world, &["user"]) - user, signed(back));
        } else if delay == 3 {
            // In the block in which the miss is noticed nothing is delivered.
            assert_eq!(done.outcomes, [Ok(Outcome::Void(Void::NothingToDeliver))]);
        } else {
            // Later it delivers its own miss: the ask's price, less the slash.
            assert_eq!(gained, net(RIVAL) - 10_000);
        }
    }
}

/// Asks at price 1 that sleep until the hard limit. Best response, of all promises, against a rival
/// that is prompt or slow, where lateness costs all, half or nothing of the value.
/// Bound: the sleeper has the job only if it costs its requester, delay included, no more than the
/// rival; never if it alone would miss the soft limit. If it then does not deliver, all of its bond
/// goes, half of it to the requester.
#[test]
fn a_cheap_ask_that_sleeps_wins_only_where_delay_is_cheap() {
    for late_price in [0, CREDIT / 2, CREDIT] {
        for rival_blocks in [4, 20] {
            let (mut world, class) = shop(&["rival", "sleeper", "user"], policy());
            let prompt = Ask { blocks: rival_blocks, ..ask(class, RIVAL) };
            world.act("rival", Action::Ask(prompt));
            for blocks in 2..=64 {
                let mut world = world.clone();
                world.act("sleeper", Action::Ask(Ask { blocks, ..ask(class, 1) }));
                let job = Request { late_price, hard_blocks: 60, ..offer(class) };
                let job = world.act("user", Action::Request(job));
                world.skip(1);
                let terms = world.job(&job).terms;
                let promise = |blocks: u32| world.height() - 1 + blocks;
                let cost = |blocks: u32, price: u64| price + CREDIT - terms.value(promise(blocks));
                let is_soft = |blocks: u32| promise(blocks) <= terms.soft;
                let fits = terms.value(promise(blocks)) >= 1;
                let cheaper = cost(blocks, 1) < cost(rival_blocks, RIVAL);
                let expected = fits && cheaper && (is_soft(blocks) || !is_soft(rival_blocks));
                let winner = assignee(&world, &job, &["rival", "sleeper"]).unwrap();
                let at = format!("{blocks} blocks, late price {late_price}");
                assert_eq!(winner == "sleeper", expected, "{at}");
            }
        }
    }
    let (mut world, class) = shop(&["sleeper", "user"], policy());
    let before = (worth(&world, &["sleeper"]), worth(&world, &["user"]));
    world.act("sleeper", Action::Ask(Ask { blocks: 11, ..ask(class, 1) }));
    let request = Request { late_price: 1, ..offer(class) };
    let burned = rent(&request);
    let job = world.act("user", Action::Request(request));
    world.skip_to(world.job(&job).terms.hard + 1);
    assert_eq!(world.end(&job), Some(End::Failed));
    let lost = before.0 - worth(&world, &["sleeper"]);
    assert_eq!(lost, signed(CREDIT / 10 + FEE));
    let gained = worth(&world, &["user"]) - before.1;
    assert_eq!(gained, signed(CREDIT / 20) - signed(burned + FEE));
}

// --- The last look -------------------------------------------------------------------------------

/// Who a job of `user`'s falls to, if `sniper` acts so many blocks after the Request.
fn falls_to(world: &World, class: Hash, offset: i32, action: &Action) -> &'static str {
    let mut world = world.clone();
    let mut job = None;
    for at in -2..=1 {
        let mut actions = Vec::new();
        if at == offset {
            actions.push(("sniper", action.clone()));
        }
        if at == 0 {
            actions.push(("user", Action::Request(offer(class))));
        }
        let ids = world.must(&actions);
        job = job.or(ids.last().copied().filter(|_| at == 0));
    }
    assignee(&world, &job.unwrap(), &["rival", "sniper"]).unwrap()
}

/// A last look by Ask, by Bond, or by freeing a place or a bond. Best response: wait for the
/// Request, then undercut the rival in its block, before or behind it, or in the next one.
/// Bound: only what was there in the block before the Request's counts: the sniper gains nothing,
/// and has paid a fee.
#[test]
fn nothing_that_follows_a_request_wins_its_job() {
    let patient = Policy { claim_blocks: 8, ..policy() };
    let (mut world, class) = shop(&["rival", "sniper", "user"], patient);
    world.act("rival", Action::Ask(ask(class, RIVAL)));
    world.skip(3);
    let undercut = Ask { blocks: 8, ..ask(class, RIVAL - 1) };

    // A bond that is enough for the ask, and not for the job.
    let mut poor = world.clone();
    poor.operate("sniper", FALSE_PROOF + 40_000);
    poor.act("sniper", Action::Ask(undercut.clone()));
    poor.skip(3);

    // An ask whose one place a decoy holds, and a bond that is enough for the decoy alone.
    let decoyed = |bond: u64, capacity: u16| {
        let mut world = world.clone();
        world.operate("sniper", bond);
        world.act("sniper", Action::Ask(Ask { capacity, ..undercut.clone() }));
        let decoy = Request { operator: Some(actor("sniper")), ..offer(class) };
        let decoy = world.act("user", Action::Request(decoy));
        world.skip(1);
        assert_eq!(world.assignee(&decoy), Some(actor("sniper")));
        (world, decline(decoy))
    };
    let (full, empty) = decoyed(STAKE, 1);
    let (bound, free) = decoyed(FALSE_PROOF + CREDIT / 10 + 10_000, 8);

    for (offset, winner) in [(-2, "sniper"), (-1, "sniper"), (0, "rival"), (1, "rival")] {
        for (world, action) in [
            (&world, Action::Ask(undercut.clone())),
            (&poor, bond(CREDIT)),
            (&full, empty.clone()),
            (&bound, free.clone()),
        ] {
            assert_eq!(falls_to(world, class, offset, &action), winner, "{offset}: {action:?}");
        }
    }
}

/// Asks that flap. Best response, of all beginnings and lengths: an ask that stands only while jobs
/// are matched that its operator likes.
/// Bound: it has a job only if it stood in the two blocks before the matching; one that stands for
/// less is never matched, and pays two fees each time.
#[test]
fn an_ask_that_flaps_is_matched_only_if_it_stood_still() {
    let (mut world, class) = shop(&["flapper", "rival", "user"], policy());
    world.act("rival", Action::Ask(ask(class, RIVAL)));
    for begins in -6..=1 {
        for stands in 1..=6 {
            let mut world = world.clone();
            let mut job = None;
            for at in -6..=1 {
                let mut actions = Vec::new();
                if at == begins {
                    actions.push(("flapper", Action::Ask(ask(class, 1))));
                }
                if at == begins + stands {
                    actions.push(("flapper", withdrawn(class)));
                }
                if at == 0 {
                    actions.push(("user", Action::Request(offer(class))));
                }
                let ids = world.must(&actions);
                job = job.or(ids.last().copied().filter(|_| at == 0));
            }
            let has_it = assignee(&world, &job.unwrap(), &["flapper", "rival"]) == Some("flapper");
            assert_eq!(has_it, begins <= -1 && begins + stands >= 1, "{begins}, {stands}");
            // Nothing is left of it but the events of two blocks.
            assert!(world.queue().len() <= 2, "{:?}", world.queue());
        }
    }
}
