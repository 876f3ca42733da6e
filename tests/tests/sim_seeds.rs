//! The simulator's seeds: nothing breaks in them, and each makes the same run again.
//!
//! More of them: `./x sim --seeds 1000`.

use lode_tests::{
    long,
    sim::{
        Scenario,
        campaign::Campaign,
        run,
        schedule::{HOUR, MINUTE},
    },
};

#[test]
fn twenty_nodes_converge_whatever_happens() {
    let seeds = if long() { 100 } else { 10 };
    let campaign = Campaign { first_seed: 0, seeds, nodes: 20, duration: HOUR, has_market: false };
    let summary = campaign.run(|_| {});
    for (seed, violation) in &summary.violations {
        eprintln!("seed {seed}: {violation} (again: ./x sim --seed {seed})");
    }
    assert_eq!((summary.runs, summary.violations.len()), (seeds, 0));
    assert!(summary.miners >= 5 * seeds, "{} miners", summary.miners);
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let scenario = || Scenario::random(77, 8, 15 * MINUTE);
    let (first, second) = (run(scenario()), run(scenario()));
    assert_eq!(
        (first.trace, first.events, first.height),
        (second.trace, second.events, second.height),
        "seed 77"
    );
    assert_ne!(run(Scenario::random(78, 8, 15 * MINUTE)).trace, first.trace);
}
