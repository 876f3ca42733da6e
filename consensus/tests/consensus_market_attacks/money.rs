//! Attacks on money: the subsidy, reputation, bonds for a moment, and amounts at the limits of 64
//! bits.

use lode_consensus::{
    Action, Address, Hash, StateKey,
    market::{
        JobLeaf, Operator, Policy, ProvingPool, Selection,
        event::{Outcome, Void},
        job::{End, Status},
        matching::Limits,
        value,
    },
    transaction::{Ask, RegisterClass, Request, StaticError},
    transition::TransactionError,
};
use lode_testkit::world::{
    FEE, World, actor, bond, cancel, decline, deliver, deliver_false, policy, raise, register,
    transfer, unbond,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    CREDIT, DEVNET, FALSE_PROOF, STAKE, ask, assignee, offer, rent, shop, shop_of_epochs, signed,
    worth,
};

/// Sells one job to itself for a price, and gives what its Request burned for room.
fn wash(world: &mut World, class: Hash, price: u64) -> u64 {
    let washer = Some(actor("washer"));
    let request = Request { price, operator: washer, ..offer(class) };
    let burned = rent(&request);
    let job = world.act("washer", Action::Request(request));
    world.skip(1);
    world.act("washer", deliver("washer", &[job]));
    burned
}

/// A market in which `washer` makes a class whose royalties are its own, and has a fourth of the
/// mined weight; the pool of the epoch before holds so much.
fn laundry(pool: u64) -> (World, Hash) {
    let (mut world, _) = shop_of_epochs(&["washer", "other"], policy());
    let epoch = world.params.epoch_of(world.height());
    let pool = ProvingPool { granted: pool, left: pool };
    world.put(StateKey::ProvingPool(epoch - 1), pool);
    world.weigh("washer", 1 << 20);
    world.weigh("other", 3 << 20);
    let own = RegisterClass { royalty_bps: 2_000, ..register(policy()) };
    let class = world.act("washer", Action::RegisterClass(own));
    (world, class)
}

/// Wash trading for the subsidy. Best response, of all prices: jobs to oneself in a class of one's
/// own, so that pay, escrow and royalty come back.
/// Bound: the subsidy is at most nine tenths of what the pay burned: each sale loses a tenth of
/// that, the rent and the fees.
#[test]
fn wash_trading_for_the_subsidy_loses_a_tenth_of_what_it_burns() {
    let (world, class) = laundry(240 * CREDIT);
    for price in [1, 19, 20, 39, 40, 199, 10_000, CREDIT, 100 * CREDIT] {
        let mut world = world.clone();
        world.act("washer", Action::Ask(ask(class, price)));
        let before = worth(&world, &["washer"]);
        let rent = wash(&mut world, class, price);
        let (burned, subsidy) = (price / 20, price / 20 * 9 / 10);
        assert_eq!(world.operator("washer").subsidy, subsidy);
        let lost = before - worth(&world, &["washer"]);
        assert_eq!(lost, signed(burned - subsidy + rent + 2 * FEE), "price {price}");
        assert!(lost >= signed(burned.div_ceil(10) + rent + 2 * FEE));
    }
}

/// The same by leaving and returning, so that what was taken is forgotten, and by a second address.
/// Best response: unbond all, bond again, and sell to oneself once more in the same epoch.
/// Bound: the part of the pool that the weight allows, a fourth of it here, once an epoch: what was
/// taken stays with the address, and another address has no weight.
#[test]
fn leaving_and_returning_takes_no_more_of_the_pool() {
    let (mut world, class) = laundry(2_400_000);
    world.act("washer", Action::Ask(ask(class, 20 * CREDIT)));
    wash(&mut world, class, 20 * CREDIT);
    assert_eq!(world.operator("washer").subsidy, 600_000, "of the 900,000 that it burned for");
    world.act("washer", unbond(world.operator("washer").bond));
    assert_eq!(world.operator("washer").bond, 0);
    world.act("washer", bond(50 * CREDIT));
    let before = worth(&world, &["washer"]);
    let rent = wash(&mut world, class, 20 * CREDIT);
    assert_eq!(world.operator("washer").subsidy, 600_000);
    let lost = before - worth(&world, &["washer"]);
    assert_eq!(lost, signed(CREDIT + rent + 2 * FEE), "all that it burns");
    // The sum is one epoch's: the next one has a pool of its own.
    let height = world.params.epoch_start(world.params.epoch_of(world.height()) + 1);
    world.skip_to(height);
    assert_eq!(world.operator("washer").subsidy, 0);
}

/// Wash trading for reputation. Best response, of all prices: burn RU an epoch, and no more.
/// Bound: (10,000 − r)/32 points for each RU that is burned and not subsidised: on devnet 312 for
/// the first credit, 22 credits and epochs to 5,000, and never above 9,969.
#[test]
fn reputation_is_bought_at_a_credit_for_a_thirty_second_of_what_is_missing() {
    for (price, points) in
        [(CREDIT, 15), (10 * CREDIT, 156), (20 * CREDIT, 312), (60 * CREDIT, 312)]
    {
        // Without a pool, and with one that pays nine tenths back.
        for pool in [0, 240 * CREDIT] {
            let (mut world, class) = laundry(pool);
            world.act("washer", Action::Ask(ask(class, price)));
            wash(&mut world, class, price);
            assert_eq!(world.operator("washer").reputation, 0, "not in the same epoch");
            world.skip(20);
            let burned = price / 20;
            let counts = if pool == 0 { burned } else { burned - burned * 9 / 10 };
            let expected = 10_000 * counts.min(CREDIT) / (32 * CREDIT);
            let got = world.operator("washer").reputation;
            assert_eq!(u64::from(got), expected);
            assert!(pool > 0 || got == points);
            assert!(u64::from(got) * 32 * CREDIT <= 10_000 * counts, "points a credit");
        }
    }
    let step = |operator: Operator, epoch: u32| {
        Operator { burned: DEVNET.reputation_unit, epoch, ..operator }
            .rolled(epoch + 1, DEVNET.reputation_unit)
    };
    let mut reached = vec![Operator::default()];
    for epoch in 0..300 {
        reached.push(step(reached[epoch as usize], epoch));
    }
    let epochs = |reputation| reached.iter().position(|it| it.reputation >= reputation);
    assert_eq!([1_000, 2_500, 5_000, 7_500, 9_000].map(epochs), [4, 10, 22, 44, 73].map(Some));
    assert_eq!(epochs(9_969), Some(200));
    assert_eq!(reached[300].reputation, 9_969);
}

/// Bonds for a moment, where bonds decide. Best response: bond five times the rival's stake right
/// before the jobs, or on the last block of an epoch and take it back on the first of the next.
/// Bound: what counts is the lesser of the free bond and the bond when the epoch began: nothing of
/// the first, only what stays of the second. A bond that is to count stays from before the epoch
/// until after the matching, and is away for the maturity of 10 blocks after that.
#[test]
fn a_bond_for_a_moment_has_no_weight() {
    let by_stake = Policy { selection: Selection::Stake, ..policy() };
    let (mut world, class) = shop_of_epochs(&["rival", "user"], by_stake);
    world.fund("flash", 1_000 * CREDIT);
    world.act("rival", Action::Ask(ask(class, 1_000)));
    let wins = |world: &World| {
        let draws = 0_u64..64;
        let winners = draws.map(|draw| {
            let mut world = world.clone();
            let job = world.act("user", Action::Request(offer(class)));
            world.set_tip_hash(Hash::of("tip", &[&draw.to_le_bytes()]));
            world.skip(1);
            assignee(&world, &job, &["flash", "rival"]).unwrap()
        });
        winners.filter(|winner| *winner == "flash").count()
    };

    let mut late = world.clone();
    late.act("flash", bond(500 * CREDIT));
    late.act("flash", Action::Ask(ask(class, 1_000)));
    late.skip(2);
    assert_eq!(wins(&late), 0);

    let first = world.params.epoch_start(world.params.epoch_of(world.height()) + 1);
    world.skip_to(first - 2);
    world.act("flash", bond(500 * CREDIT));
    world.must(&[("flash", unbond(498 * CREDIT)), ("flash", Action::Ask(ask(class, 1_000)))]);
    assert_eq!((world.height(), world.operator("flash").epoch_bond), (first, 500 * CREDIT));
    world.skip(2);
    // Two credits beside a hundred.
    assert!(wins(&world) <= 6);
    assert_eq!(world.balance("flash"), 500 * CREDIT - 3 * FEE);
    let waits = world.state().pending().into_iter().find(|it| it.address == actor("flash"));
    assert_eq!(waits.map(|credit| credit.amount), Some(498 * CREDIT));
}

/// Bonds for a moment, for a place in a full book. Best response: bond on the last block of an
/// epoch more than an operator that has no jobs now, take all but the least back on the first of
/// the next, and ask.
/// Bound: none in that epoch: the bond when it began decides alone, although it has left. It is
/// away for the maturity of 10 blocks, and so is its owner's every other use of it.
#[test]
fn a_bond_that_left_still_takes_an_idle_place_in_a_full_book() {
    let small = Policy { max_operators: 1, ..policy() };
    let (mut world, class) = shop_of_epochs(&["rival", "user"], small);
    world.fund("flash", 1_000 * CREDIT);
    world.act("rival", Action::Ask(ask(class, 1_000)));
    let first = world.params.epoch_start(world.params.epoch_of(world.height()) + 1);
    world.skip_to(first - 2);
    world.act("flash", bond(STAKE + 1));
    let left = FALSE_PROOF + 10_000;
    world.act("flash", unbond(STAKE + 1 - left));
    world.act("flash", Action::Ask(ask(class, 1_000)));
    assert!(world.ask_of(&class, "rival").is_none());
    assert_eq!(world.operator("flash").bond, left);
    // Not so an operator that has a job.
    let job = world.act("user", Action::Request(Request { price: 10_000, ..offer(class) }));
    world.skip(1);
    assert_eq!(world.assignee(&job), Some(actor("flash")));
    let outcome = world.judge("rival", Action::Ask(ask(class, 1_000)));
    assert_eq!(outcome, Ok(Outcome::Void(Void::BookFull)));
}

/// Amounts at the limits of 64 bits. Best response: the greatest number wherever there is one.
/// Bound: such a transaction is refused or void, or does what it says with amounts that there are.
#[test]
fn the_greatest_amounts_overflow_nothing() {
    let (mut world, other) = shop(&["prover", "user"], policy());
    let job = world.act("user", Action::Request(offer(other)));
    let class = world.class(policy());
    let request = offer(class);
    const MAX: u64 = u64::MAX;
    for action in [
        Action::Request(Request { price: MAX, ..request.clone() }),
        Action::Request(Request { price: MAX, late_price: MAX, damage: MAX, ..request.clone() }),
        raise(job, MAX, MAX),
        raise(job, MAX, 0),
    ] {
        let outcome = world.judge("user", action.clone());
        assert!(
            matches!(outcome, Err(TransactionError::Balance { .. })),
            "{action:?}: {outcome:?}"
        );
    }
    for action in [bond(MAX), transfer("prover", MAX)] {
        let overflow = StaticError::Overflow("amount + fee");
        assert_eq!(world.judge("user", action), Err(TransactionError::Static(overflow)));
    }
    for action in [unbond(MAX), Action::Ask(ask(class, MAX))] {
        let outcome = world.judge("prover", action);
        assert!(matches!(outcome, Ok(Outcome::Void(Void::FreeBond { .. }))), "{outcome:?}");
    }
    let greatest = Policy { bond_bps: u16::MAX, tier_unit: MAX, ..policy() };
    let barred = Policy { min_bond: MAX, ..policy() };
    let [greatest, barred] = [greatest, barred].map(|policy| world.class(policy));
    let wide = |class| Ask { max_bond: MAX, capacity: u16::MAX, ..ask(class, 1) };
    let outcome = world.judge("prover", Action::Ask(wide(barred)));
    assert!(matches!(outcome, Ok(Outcome::Void(Void::FreeBond { .. }))));
    world.must(&[("prover", Action::Ask(wide(class))), ("prover", Action::Ask(wide(greatest)))]);

    // No bond is great enough for the first job, and it is sold as open; the second one, of half of
    // all there can be, is delivered by its assignee.
    world.fund("user", 1 << 62);
    world.operate("prover", 1 << 62);
    let price = 1 << 61;
    let jobs = world.must(&[
        ("user", Action::Request(Request { damage: MAX, ..request.clone() })),
        ("user", Action::Request(Request { price, ..request.clone() })),
        ("user", Action::Request(Request { price: price / 8, class: greatest, ..request })),
    ]);
    world.skip(1);
    assert_eq!(world.assignee(&jobs[0]), None);
    assert_eq!(world.assignee(&jobs[1]), Some(actor("prover")));
    let locked = price.div_ceil(10) + value::part_ceil(price / 8, u16::MAX);
    assert_eq!(world.operator("prover").locked, locked);
    world.skip(1);
    let before = world.balance("prover");
    world.act("prover", deliver("prover", &jobs[..1]));
    assert_eq!(world.balance("prover") - before, CREDIT - CREDIT / 20 - FEE);
    world.act("prover", deliver("prover", &jobs[1..2]));
    world.skip(20);
    assert_eq!(world.end(&jobs[1]), Some(End::Delivered));
    assert_eq!(world.end(&jobs[2]), Some(End::Failed));
}

/// Emission that is withheld while there is no demand. Bound: the pools of three epochs at most;
/// from then on each epoch returns as much as it withholds.
#[test]
fn without_demand_the_pools_hold_three_epochs_of_emission() {
    const EPOCH: u64 = 20 * 12 * CREDIT;
    let (mut world, _) = shop_of_epochs(&["user"], policy());
    let mut fund = world.supply().share_fund;
    let mut returned = Vec::new();
    for _ in 0..24 {
        let next = world.params.epoch_start(world.params.epoch_of(world.height()) + 1);
        world.skip_to(next - 1);
        let held = world.supply().proving_pools;
        assert!(held <= 3 * EPOCH, "{held}");
        world.skip(1);
        // Half of the subsidy goes to the fund in each block.
        let blocks = u64::from(world.params.epoch_length);
        let now = world.supply().share_fund;
        returned.push((now - fund).saturating_sub(blocks * 30 * CREDIT));
        fund = now;
    }
    let last = returned.last().unwrap();
    assert!(last.abs_diff(EPOCH) < 1_000, "{returned:?}");
}

// --- Money conserved -----------------------------------------------------------------------------

const ACTORS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A random action on classes and jobs that there are, often by the actor that may take it.
fn any_action(
    rng: &mut StdRng,
    world: &World,
    classes: &[Hash],
    jobs: &[Hash],
) -> (&'static str, Action) {
    let any = ACTORS[rng.random_range(0..ACTORS.len())];
    let class = classes[rng.random_range(0..classes.len())];
    let amount = rng.random_range(1..3 * CREDIT);
    let recent = &jobs[jobs.len().saturating_sub(8)..];
    if recent.is_empty() {
        return (any, Action::Request(offer(class)));
    }
    let job = recent[rng.random_range(0..recent.len())];
    let named =
        |address: Address| ACTORS.into_iter().find(|name| actor(name) == address).unwrap_or(any);
    let (mut requester, mut prover) = (any, any);
    if let Some(JobLeaf::Live(job)) = world.leaf(StateKey::Job(job)) {
        requester = named(job.requester);
        if let Status::Assigned(assigned) = job.status {
            prover = named(assigned.operator);
        }
    }
    match rng.random_range(0..16) {
        0 => (any, bond(amount)),
        1 => (any, unbond(amount)),
        2 => (requester, cancel(job)),
        3 => (prover, decline(job)),
        4 => (requester, raise(job, CREDIT + amount, amount / 4)),
        5 => (any, deliver_false(&[job])),
        6..=8 => (prover, deliver(prover, &[job])),
        9 => (any, deliver(any, &[job])),
        10..=12 => {
            let (blocks, capacity) = (rng.random_range(2..8), rng.random_range(0..4));
            let until = world.height() + rng.random_range(2..60);
            (any, Action::Ask(Ask { blocks, capacity, until, ..ask(class, amount / 4 + 1) }))
        }
        _ => {
            let soft_blocks = rng.random_range(1_u32..6);
            let hard_blocks = soft_blocks + rng.random_range(1..14);
            let damage = rng.random_range(0..2 * CREDIT);
            let request =
                Request { price: amount, soft_blocks, hard_blocks, damage, ..offer(class) };
            (any, Action::Request(request))
        }
    }
}

/// Money, where everybody does anything, in blocks that reach their bounds. After each block the
/// world sums all leaves, and holds what is locked of bonds against what is open.
#[test]
fn no_history_makes_or_loses_a_credit() {
    for seed in 0..4 {
        let mut rng = StdRng::seed_from_u64(seed);
        let banded = Policy { band_bps: 500, ..policy() };
        let (mut world, class) = shop_of_epochs(&ACTORS, banded);
        world.limits = Limits { assignments: 3, of_ask: 2, agenda: 4, classes: 3 };
        let stake = Policy {
            selection: Selection::Stake,
            min_bond: FALSE_PROOF,
            share_cap_bps: 5_000,
            ..policy()
        };
        let contest = Policy {
            selection: Selection::Contest,
            min_bond: CREDIT,
            window: 3,
            winners: 2,
            ..policy()
        };
        let classes = [class, world.class(stake), world.class(contest)];
        let (mut jobs, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..250 {
            world.mine(&["a", "b"]);
            let count = rng.random_range(0..6);
            let actions: Vec<_> =
                (0..count).map(|_| any_action(&mut rng, &world, &classes, &jobs)).collect();
            let done = world.block(&actions);
            for ((_, action), (id, outcome)) in
                actions.iter().zip(done.ids.iter().zip(&done.outcomes))
            {
                if matches!((action, outcome), (Action::Request(_), Ok(Outcome::Applied))) {
                    jobs.push(*id);
                }
            }
            ends.extend(jobs.iter().rev().take(30).filter_map(|job| world.end(job)));
        }
        for end in [End::Delivered, End::Failed, End::Cancelled] {
            assert!(ends.contains(&end), "seed {seed}: no job was {end:?}");
        }
        assert!(jobs.len() > 50, "{}", jobs.len());
    }
}
