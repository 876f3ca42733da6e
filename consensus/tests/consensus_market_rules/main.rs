//! What makes a transaction of the market invalid, and what makes it void: a case for each reason,
//! each beside the neighbour that is just allowed. What is refused changes nothing; what is void
//! pays its fee, uses its nonce and changes nothing else ([`World::judge`] holds it to that).

mod blocks;
mod deliveries;
mod envelope;
mod forms;
mod jobs;
mod selling;

use lode_consensus::{
    Action, Hash,
    market::{Policy, job::Status},
    transaction::{RegisterClass, StaticError},
    transition::TransactionError,
};
use lode_testkit::world::{
    Judged, World, actor, appoint, asked, bond, cancel, decline, deliver, policy, raise, register,
    request, requested, unbond,
};

/// What a false proof costs, and what stays free besides every bond.
const FALSE_PROOF: u64 = 1_000_000;
/// What verifying a proof of one job with one value costs here: 12,000 + 600 + 40.
const ONE_PROOF: u64 = 12_640;

fn malformed(error: StaticError) -> Judged {
    Err(TransactionError::Static(error))
}

fn out_of(what: &'static str, low: u64, high: u64, got: u64) -> Judged {
    malformed(StaticError::Range { what, low, high, got })
}

fn registered(change: impl FnOnce(&mut RegisterClass)) -> Action {
    let mut class = register(policy());
    change(&mut class);
    Action::RegisterClass(class)
}

fn class_with(world: &mut World, change: impl FnOnce(&mut Policy)) -> Hash {
    let mut policy = policy();
    change(&mut policy);
    world.class(policy)
}

/// A market after block 1005: a job that `op` is to deliver by 1007, and may give back until 1006,
/// and one that is open since 1005.
struct Stage {
    world: World,
    class: Hash,
    assigned: Hash,
    open: Hash,
}

fn stage_with(change: impl FnOnce(&mut Policy)) -> Stage {
    let mut world = World::new(&["idle", "op", "req", "rival"]);
    world.operate("op", 100_000_000);
    world.operate("rival", 100_000_000);
    let class = class_with(&mut world, change);
    world.act("op", asked(class, |ask| ask.capacity = 1));
    let assigned = world.act("req", Action::Request(request(class)));
    let open = world.act("req", Action::Request(request(class)));
    world.skip(1);
    assert_eq!(world.height(), 1_005);
    assert_eq!(world.assignee(&assigned), Some(actor("op")));
    assert_eq!(world.job(&open).status, Status::Open);
    Stage { world, class, assigned, open }
}

fn stage() -> Stage {
    stage_with(|_| {})
}

/// One action of each kind from tag 2 on, with a sender who may do it now.
fn one_of_each(stage: &Stage) -> Vec<(&'static str, Action)> {
    let all = vec![
        ("req", registered(|_| {})),
        ("op", bond(5)),
        ("op", unbond(5)),
        ("op", asked(stage.class, |_| {})),
        ("req", requested(stage.class, |_| {})),
        ("req", raise(stage.open, 10_001, 0)),
        ("req", cancel(stage.open)),
        ("op", decline(stage.assigned)),
        ("op", deliver("op", &[stage.assigned])),
        ("op", appoint("rival")),
    ];
    assert!(all.iter().map(|(_, action)| action.tag()).eq(2..=11));
    all
}
