//! The deterministic simulator: whole networks of nodes in one thread, from a seed.
//!
//! Each node is the real core, [`lode_core::ChainService`] and the sync machine, over the real
//! ledger on RocksDB's files in memory; chain rules, state roots, reorgs, sync, budgets and
//! penalties are the ones that run in production. Three things are not real: time ([`schedule`]),
//! the network ([`fabric`], and [`node`] in place of the swarm), and whether a proof's equation
//! holds ([`lode_testkit::oracle::Registry`]).
//!
//! - [`scenario`]: what a run is made of, drawn from its seed: powers, clocks, crashes, partitions,
//!   attackers.
//! - [`world`]: the loop over [`event`]s; [`links`] between participants; [`miner`] and [`actors`]
//!   are those who use the nodes, [`payment`] and [`market`] what they do.
//! - [`mask`] and [`script`]: adversaries with a core and without.
//! - [`invariants`]: what must hold after every run, of the market too ([`audit`], [`tally`]).
//!   [`campaign`] runs many.
//!
//! Threads: a run is one thread; a campaign has one run on each core. Bounds:
//! [`schedule::MAX_EVENTS`], and those of the nodes, which are among the invariants.
//!
//! What must not be broken: the same seed makes the same run, event by event
//! ([`schedule::Schedule::trace`]). So nothing here asks a clock, the system's generator, or the
//! order of a hash map.

pub mod actors;
pub mod audit;
pub mod campaign;
pub mod core;
pub mod event;
pub mod fabric;
pub mod invariants;
pub mod links;
pub mod market;
pub mod mask;
pub mod miner;
pub mod node;
pub mod payment;
pub mod record;
pub mod scenario;
pub mod schedule;
pub mod script;
pub mod tally;
pub mod traffic;
pub mod world;

pub use invariants::Report;
pub use scenario::Scenario;

/// Runs a scenario to its end and judges it.
pub fn run(scenario: Scenario) -> Report {
    let mut world = world::World::new(scenario);
    world.run();
    invariants::judge(&mut world)
}
