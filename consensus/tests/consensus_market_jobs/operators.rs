//! What happens to operators beside their jobs: false proofs, and time.

use lode_consensus::{
    Decode, StateKey,
    market::{
        Policy, ProvingPool,
        event::{Outcome, Void},
    },
    selection::Weight,
    state::{Credit, Pending},
};
use lode_testkit::world::{
    APPLIED, BALANCE, FEE, PRODUCER, World, actor, appoint, asked, deliver, deliver_false, policy,
    requested, unbond, void,
};

use crate::{BOND, RENT, held};

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
