//! The attacks that the market is built to withstand, each played by its best response.
//!
//! A test names that response and the bound that the rules put to it. It then plays, and holds what
//! everybody owns afterwards, to the microcredit, against the bound and against what honest work
//! would have earned. Where the adversary chooses a price or a moment, the test tries them all.
//! After each block the world checks that no credit came from nowhere, and that bonds are locked
//! for what is open and for nothing else.
//!
//! The list of attacks, with what they cost on devnet: `docs/src/protocol/market.md`.

mod delivering;
mod known;
mod money;
mod requesting;
mod room;
mod selling;

use lode_consensus::{
    Action, Encode, Hash,
    market::{Policy, value},
    params::MarketSpec,
    transaction::{Ask, Request},
    transition::TransactionError,
};
use lode_testkit::world::{self, FEE, Judged, World, actor, request, sent};

/// A credit, in microcredits.
const CREDIT: u64 = 1_000_000;
/// What each operator has at stake.
const STAKE: u64 = 100 * CREDIT;
const FALSE_PROOF: u64 = MarketSpec::MAINNET.false_proof;
/// What devnet has, besides mainnet's other constants.
const DEVNET: MarketSpec = MarketSpec { reputation_unit: CREDIT, ..MarketSpec::MAINNET };

/// A market with devnet's constants whose actors are operators, and a class of one public value.
fn shop(actors: &[&str], policy: Policy) -> (World, Hash) {
    shop_with(world::EPOCH_LENGTH, actors, policy)
}

/// The same with devnet's epochs of 20 blocks, of which the first has 19 left.
fn shop_of_epochs(actors: &[&str], policy: Policy) -> (World, Hash) {
    shop_with(20, actors, policy)
}

fn shop_with(epoch_length: u32, actors: &[&str], policy: Policy) -> (World, Hash) {
    let mut world = World::new(actors);
    (world.params.market, world.params.epoch_length) = (DEVNET, epoch_length);
    actors.iter().for_each(|name| world.operate(name, STAKE));
    let class = world.class(policy);
    (world, class)
}

/// A job worth a credit for 8 blocks, and nothing at the 12th. Its operator's bond is 0.1 credits.
fn offer(class: Hash) -> Request {
    Request { price: CREDIT, ..request(class) }
}

/// A job worth a credit for 20 blocks, and nothing at the 40th.
fn long_offer(class: Hash) -> Request {
    Request { soft_blocks: 20, hard_blocks: 40, ..offer(class) }
}

/// Proofs for a price within 4 blocks.
fn ask(class: Hash, price: u64) -> Ask {
    Ask { price, max_bond: STAKE, ..world::ask(class) }
}

fn withdrawn(class: Hash) -> Action {
    Action::Ask(Ask { capacity: 0, ..ask(class, 1) })
}

/// What actors own together: balances, bonds, and what left bonds and waits.
fn worth(world: &World, names: &[&str]) -> i64 {
    let waits = |name: &str| -> u64 {
        let credits = world.state().pending().into_iter();
        credits.filter(|credit| credit.address == actor(name)).map(|credit| credit.amount).sum()
    };
    let owned =
        |name: &&str| -> u64 { world.balance(name) + world.operator(name).bond + waits(name) };
    signed(names.iter().map(owned).sum())
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap()
}

/// What a Request burns for its room in the state.
fn rent(request: &Request) -> u64 {
    let bytes = sent("any", Action::Request(request.clone())).encoded_len();
    u64::try_from(value::rent(bytes as u128, request.hard_blocks)).unwrap()
}

/// The part of a pay that reaches an operator where the class takes no royalty.
fn net(pay: u64) -> i64 {
    signed(pay - pay / 20) - signed(FEE)
}

/// Who of these a job is assigned to.
fn assignee<'n>(world: &World, job: &Hash, names: &[&'n str]) -> Option<&'n str> {
    let operator = world.assignee(job)?;
    names.iter().copied().find(|name| actor(name) == operator)
}

/// Whether a transaction had no room among a block's proofs.
fn is_over_budget(outcome: &Judged) -> bool {
    matches!(outcome, Err(TransactionError::ProofBudget { .. }))
}

/// Names of a crowd.
fn crowd(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("c{number:03}")).collect()
}
