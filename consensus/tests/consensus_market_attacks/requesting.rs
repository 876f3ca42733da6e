//! Attacks of requesters: bait, damage, Raise, and Cancel.

use lode_consensus::{
    Action, Hash, Transaction,
    market::{
        Policy, Selection,
        event::{Outcome, Void},
        job::End,
    },
    transaction::{Ask, Request},
};
use lode_testkit::world::{
    FEE, World, cancel, decline, deliver, genesis_hash, policy, raise, sent, void,
};

use crate::{CREDIT, ask, crowd, long_offer, net, offer, rent, shop, signed, worth};

/// What the requester of a job of a credit puts beside its price.
const REQUEST_BOND: u64 = CREDIT / 10;

/// A market with so many operators that ask 1, 2, 3 … and accept any bond of up to 60 credits, and
/// their names.
fn market_of(operators: usize, policy: Policy) -> (World, Hash, Vec<String>) {
    let names = crowd(operators);
    let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
    all.extend(["friend", "user"]);
    let (mut world, class) = shop(&all, policy);
    let bold = |price| Ask { max_bond: 60 * CREDIT, ..ask(class, price) };
    let asks = names.iter().zip(1..).map(|(name, price)| (&name[..], Action::Ask(bold(price))));
    world.must(&asks.collect::<Vec<_>>());
    (world, class, names)
}

/// What operators and the requester lose with a job that each operator declines at once, and that
/// then fails, or is cancelled.
fn bait(world: &World, names: &[String], request: &Request, cancels: bool) -> (i64, i64) {
    let operators: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = world.clone();
    let before = (worth(&world, &operators), worth(&world, &["user"]));
    let job = world.act("user", Action::Request(request.clone()));
    for name in &operators {
        world.act(name, decline(job));
    }
    if cancels {
        world.skip(1);
        world.act("user", cancel(job));
    }
    world.skip_to(world.job(&job).terms.hard + 1);
    assert_eq!(world.end(&job), Some(if cancels { End::Cancelled } else { End::Failed }));
    (before.0 - worth(&world, &operators), before.1 - worth(&world, &["user"]))
}

/// Bait: a job that no operator can prove, and the same from the other side, a cartel that declines
/// an honest job. Best response of the operators: decline in the first block. Best response of the
/// baiter: as many operators as may decline, with damage so that their bonds are great, and to let
/// the job fail or to cancel it.
/// Bound: what operators burn, a hundredth of the bond without damage each, is burned of the
/// requester's bond too: each side loses what it makes the other lose, and the requester its rent.
#[test]
fn bait_costs_its_maker_what_it_costs_operators() {
    for operators in 0..=8 {
        let (world, class, names) = market_of(operators, policy());
        for damage in [0, 50 * CREDIT] {
            let request = Request { damage, ..offer(class) };
            let burned = operators as i64 * 1_000;
            let fees = operators as i64 * signed(FEE);
            let paid = signed(rent(&request) + FEE);
            let lost = bait(&world, &names, &request, false);
            assert_eq!(lost, (burned + fees, burned + paid), "{operators}, {damage}");
            let lost = bait(&world, &names, &request, true);
            let cancelled = signed(REQUEST_BOND / 10 + FEE);
            assert_eq!(lost, (burned + fees, burned + paid + cancelled), "{operators}, {damage}");
        }
    }
}

/// Bait in a class whose bonds are great beside its prices. Best response: eight operators decline
/// a job of the least price.
/// Bound: they burn a hundredth of min_bond each, the requester at most its own bond: with a
/// min_bond of 10 credits 0.8 credits against 0.01. An ask in such a class must be worth it.
#[test]
fn bait_in_a_class_of_great_bonds_costs_operators_more() {
    let (world, class, names) = market_of(8, Policy { min_bond: 10 * CREDIT, ..policy() });
    let request = Request { price: 10, soft_blocks: 12, ..offer(class) };
    let (operators, baiter) = bait(&world, &names, &request, false);
    assert_eq!(operators, signed(8 * CREDIT / 10 + 8 * FEE));
    assert_eq!(baiter, signed(10_000 + rent(&request) + FEE));
}

/// Damage as a weapon. Best response of a requester, for whom a friend proves: damage of fifty
/// times the price, so that an operator that misses by chance is slashed, and the friend's proof in
/// the last block, when all value is lost; or no proof.
/// Bound: at most the price to the requester and the price to the deliverer for each miss, whatever
/// the bond; the operator loses its bond at most, never more than it accepted in its ask, and a
/// Decline costs it what it costs without damage.
#[test]
fn damage_gives_a_baiter_at_most_twice_the_price() {
    let (base, class, names) = market_of(1, policy());
    let victim = &names[0][..];
    for (damage, most) in [(0, CREDIT / 20), (4 * CREDIT, 2 * CREDIT), (50 * CREDIT, 2 * CREDIT)] {
        let request = Request { damage, ..offer(class) };
        let bond = damage.max(CREDIT / 10);
        let mut best = i64::MIN;
        // Blocks after the Request at which the friend delivers; at 13 it is too late.
        for delay in 6..=13 {
            let mut world = base.clone();
            let before = (worth(&world, &["friend", "user"]), worth(&world, &[victim]));
            let job = world.act("user", Action::Request(request.clone()));
            world.skip(delay - 1);
            world.block(&[("friend", deliver("friend", &[job]))]);
            world.skip_to(base.height() + 1 + request.hard_blocks + 1);
            assert!(world.end(&job).is_some());
            best = best.max(worth(&world, &["friend", "user"]) - before.0);
            let lost = before.1 - worth(&world, &[victim]);
            assert!((1..=signed(bond)).contains(&lost), "{lost} of {bond}");
        }
        assert_eq!(best, signed(most) - signed(rent(&request) + 2 * FEE), "damage {damage}");
    }
    // More than it accepts is not its job.
    let request = Request { damage: 60 * CREDIT + 1, ..offer(class) };
    let mut world = base.clone();
    let job = world.act("user", Action::Request(request));
    world.skip(1);
    assert_eq!(world.assignee(&job), None);
}

/// Jobs that no operator can prove, which operators take for true. Best response of the baiter:
/// eight operators, each of which misses.
/// Bound: half of each bond, at most the price: 0.4 of the price where bonds are a tenth of it.
/// An operator that promises what it has not tried to evaluate pays for it.
#[test]
fn eight_misses_pay_a_baiter_half_of_each_bond() {
    let (mut world, class, _) = market_of(8, policy());
    let request = Request { soft_blocks: 60, hard_blocks: 60, ..offer(class) };
    let before = worth(&world, &["user"]);
    world.act("user", Action::Request(request.clone()));
    world.skip(61);
    let gained = worth(&world, &["user"]) - before;
    assert_eq!(gained, signed(8 * CREDIT / 20) - signed(rent(&request) + FEE));
}

/// Raise as a weapon. Best response: raise the price when a bond or a slash that follows it is
/// another's: while the job is assigned, after a miss, after a Decline.
/// Bound: it is void while an operator's bond stands for the job or for a miss; after a Decline it
/// moves the requester's own money alone.
#[test]
fn raise_moves_no_bond_but_that_of_its_sender() {
    let (mut world, class, names) = market_of(1, policy());
    let operator = &names[0][..];
    let job = world.act("user", Action::Request(long_offer(class)));
    world.skip(1);
    let higher = raise(job, 10 * CREDIT, 0);
    assert_eq!(world.judge("user", higher.clone()), void(Void::JobAssigned));
    let mut missed = world.clone();
    missed.skip(5);
    assert_eq!(missed.job(&job).misses.len(), 1);
    assert_eq!(missed.judge("user", higher.clone()), void(Void::JobBound));

    let lost = |raises: bool| {
        let mut world = world.clone();
        let before = (worth(&world, &[operator]), world.supply().burned);
        world.act(operator, decline(job));
        if raises {
            world.act("user", higher.clone());
        }
        world.skip(40);
        assert_eq!(world.end(&job), Some(End::Failed));
        (before.0 - worth(&world, &[operator]), world.supply().burned - before.1)
    };
    // It was held for two blocks: 2 % of its bond.
    assert_eq!(lost(false), (signed(2_000 + FEE), 4_000));
    assert_eq!(lost(true), lost(false));
}

/// Cancel after the proof is seen in the mempool. Best response: a Cancel with a greater fee, so
/// that it stands before the Deliver.
/// Bound: for claim_blocks the proof is paid all the same, and a tenth of the requester's bond is
/// burned besides. What is refunded at once, a waiting job, no proof could have been paid for.
#[test]
fn a_cancel_does_not_outrun_a_proof() {
    let (mut world, class, _) = market_of(0, policy());
    let claim_blocks = u32::from(policy().claim_blocks);
    let request = offer(class);
    let before = worth(&world, &["user"]);
    let job = world.act("user", Action::Request(request.clone()));
    world.skip(1);
    let paid = signed(rent(&request) + FEE + CREDIT);
    for delay in 0..=claim_blocks + 1 {
        let mut world = world.clone();
        let friend = worth(&world, &["friend"]);
        let mut actions = vec![("user", cancel(job))];
        if delay > 0 {
            world.must(&actions);
            world.skip(delay - 1);
            actions.clear();
        }
        actions.push(("friend", deliver("friend", &[job])));
        let done = world.block(&actions);
        let gained = worth(&world, &["friend"]) - friend;
        let lost = before - worth(&world, &["user"]);
        let cancelled = signed(REQUEST_BOND / 10 + FEE);
        if delay <= claim_blocks {
            assert_eq!(gained, net(CREDIT), "{delay}");
            assert_eq!(lost, paid + cancelled);
        } else {
            assert_eq!(done.outcomes, [Ok(Outcome::Void(Void::NothingToDeliver))]);
            assert_eq!(lost, paid + cancelled - signed(CREDIT));
            assert_eq!(world.end(&job), Some(End::Cancelled));
        }
    }

    // In the Request's own block, all but the tenth comes back, and a proof would have been void.
    let nonce = world.account("user").nonce;
    let request = Transaction { nonce, ..sent("user", Action::Request(request)) };
    let id = request.id(&genesis_hash());
    let shot = sent("friend", deliver("friend", &[id]));
    let mut early = world.clone();
    let done = early.apply(&[request.clone(), shot, sent("user", cancel(id))]);
    assert_eq!(done.outcomes[1], Ok(Outcome::Void(Void::NothingToDeliver)));
    assert_eq!(early.end(&id), Some(End::Cancelled));
}

/// Cancel of a contest after the first proof. Best response: beside the first Deliver, or before
/// the others are there.
/// Bound: the first Deliver annuls it, and the winners are paid; after that it is void.
#[test]
fn a_contest_that_has_a_proof_is_paid() {
    let contest = Policy { selection: Selection::Contest, window: 3, ..policy() };
    let (mut world, class) = shop(&["friend", "user"], contest);
    let job = world.act("user", Action::Request(offer(class)));
    world.must(&[("user", cancel(job)), ("friend", deliver("friend", &[job]))]);
    assert_eq!(world.judge("user", cancel(job)), Ok(Outcome::Void(Void::JobBound)));
    let before = world.balance("friend");
    world.skip(4);
    assert_eq!(world.end(&job), Some(End::Delivered));
    assert_eq!(world.balance("friend") - before, CREDIT - CREDIT / 20);
}
