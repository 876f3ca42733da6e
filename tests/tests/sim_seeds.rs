//! The simulator's seeds: nothing breaks in them, and each makes the same run again.
//!
//! More of them: `./x sim --seeds 1000`.

use std::process::{Command, Output, Stdio};

use lode_tests::{
    long,
    sim::{
        Scenario,
        campaign::Campaign,
        run,
        schedule::{HOUR, MINUTE},
        tally::Tally,
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
fn markets_keep_their_books_whatever_happens() {
    let seeds = if long() { 40 } else { 3 };
    let campaign =
        Campaign { first_seed: 0, seeds, nodes: 6, duration: 20 * MINUTE, has_market: true };
    let summary = campaign.run(|_| {});
    for (seed, violation) in &summary.violations {
        eprintln!("seed {seed}: {violation}");
    }
    assert_eq!((summary.runs, summary.violations.len()), (seeds, 0));
    for what in Tally::EXPECTED {
        assert!(summary.market.of(what) > 0, "no job was {what}: {}", summary.market);
    }
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
    let with_market = || run(Scenario::random(77, 4, 6 * MINUTE).with_market());
    let (first_market, second) = (with_market(), with_market());
    assert_eq!((first_market.trace, &first_market.market), (second.trace, &second.market));
    assert_ne!(run(Scenario::random(78, 8, 15 * MINUTE)).trace, first.trace);
}

fn simulator(arguments: &[&str], stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-sim"));
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    command.spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn the_program_goes_on_without_a_reader_and_says_in_one_line_what_is_wrong() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let run = simulator(&["--nodes", "2", "--hours", "0.02"], writer.into());
    let (code, log) = (run.status.code(), String::from_utf8(run.stderr).unwrap());
    assert_eq!((code, log.as_str()), (Some(0), ""));
    for (arguments, line) in [
        (&["--node", "2"][..], "lode-sim: unexpected argument '--node' found"),
        (&["--nodes", "1"], "lode-sim: invalid value '1' for '--nodes <NODES>'"),
        (&["--hours", "0"], "lode-sim: --hours: expected a minute to 720 hours, got 0"),
    ] {
        let run = simulator(arguments, Stdio::piped());
        let log = String::from_utf8(run.stderr).unwrap();
        assert_eq!((run.status.code(), run.stdout.as_slice()), (Some(2), &b""[..]), "{log}");
        assert!(log.starts_with(line) && log.ends_with(" (see --help)\n"), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}
