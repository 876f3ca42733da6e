//! `lode-sim`: runs the deterministic simulator from the command line (`./x sim`).

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use lode_app::{output, panics, usage_line};
use lode_tests::sim::{
    Report, Scenario,
    campaign::Campaign,
    run,
    schedule::{HOUR, MINUTE, Micros},
};
use tracing_subscriber::EnvFilter;

/// The longest run, in simulated hours: a month.
const MAX_HOURS: u64 = 720;

/// Whole networks of nodes in simulated time, from seeds. The same seed makes the same run.
#[derive(Debug, Parser)]
#[command(name = "lode-sim", version)]
struct Arguments {
    /// How many seeds to run, one after the other on each core.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Nodes of each network: 20, or 6 with --selfish.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=64))]
    nodes: Option<u16>,
    /// Simulated hours of mining. Ten minutes of settling follow.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// With a market: operators, requesters and contenders, honest and not.
    #[arg(long, conflicts_with = "selfish")]
    market: bool,
    /// Print what a selfish miner with 10 to 45 % of all attempts earns, in place of the random
    /// runs.
    #[arg(long)]
    selfish: bool,
}

fn main() -> ExitCode {
    panics::run("lode-sim", || match Arguments::try_parse() {
        Ok(arguments) => simulate(&arguments),
        Err(error) => match usage_line(&error) {
            Some(line) => unusable(&line),
            None => output::print(&error.to_string(), complain),
        },
    })
}

fn simulate(arguments: &Arguments) -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let nodes = usize::from(arguments.nodes.unwrap_or(if arguments.selfish { 6 } else { 20 }));
    let duration = (arguments.hours * HOUR as f64) as Micros;
    if !(MINUTE..=MAX_HOURS * HOUR).contains(&duration) {
        let got = arguments.hours;
        return unusable(&format!("--hours: expected a minute to {MAX_HOURS} hours, got {got}"));
    }
    if arguments.selfish {
        return selfish(arguments.seed, nodes, duration);
    }
    let campaign = Campaign {
        first_seed: arguments.seed,
        seeds: arguments.seeds,
        nodes,
        duration,
        has_market: arguments.market,
    };
    let start = Instant::now();
    let summary = campaign.run(print);
    for (seed, violation) in &summary.violations {
        let market = if arguments.market { " --market" } else { "" };
        output::complain(&format!("seed {seed}: {violation}"));
        output::complain(&format!(
            "  again: ./x sim --seed {seed} --nodes {nodes} --hours {}{market}",
            arguments.hours
        ));
    }
    say(&format!(
        "{} blocks, {} events; {} of {} miners beyond three standard deviations; {:.0} s",
        summary.blocks,
        summary.events,
        summary.beyond_three_sigma,
        summary.miners,
        start.elapsed().as_secs_f64()
    ));
    if arguments.market {
        say(&format!("market: {}", summary.market));
    }
    let said = say(&format!("{} seeds, {} violations", summary.runs, summary.violations.len()));
    if summary.violations.is_empty() { said } else { ExitCode::from(output::FAILED) }
}

/// Prints a line. The runs go on without a reader: the exit code tells what came of them.
fn say(line: &str) -> ExitCode {
    output::print(&format!("{line}\n"), complain)
}

fn complain(line: &str) {
    output::complain(&format!("lode-sim: {line}"));
}

fn unusable(line: &str) -> ExitCode {
    complain(&format!("{line} (see --help)"));
    ExitCode::from(output::UNUSABLE)
}

fn print(report: &Report) {
    let worst = report.fairness.iter().map(|fair| fair.sigma.abs()).fold(0.0, f64::max);
    say(&format!(
        "seed {}: height {}, {} events, {} payments, {} bans, fairness within {worst:.1} sigma, {} \
         violations, trace {}",
        report.seed,
        report.height,
        report.events,
        report.payments,
        report.bans,
        report.violations.len(),
        report.trace
    ));
}

/// Parts of blocks, shares and rewards by part of the attempts.
fn selfish(seed: u64, nodes: usize, duration: Micros) -> ExitCode {
    let [alpha, blocks, shares, rewards, height] =
        ["alpha", "blocks", "shares", "rewards", "height"];
    say(&format!("{alpha:>8} {blocks:>8} {shares:>8} {rewards:>8} {height:>8}"));
    let mut is_good = true;
    for percent in (10..=45).step_by(5) {
        let alpha = f64::from(percent) / 100.0;
        let report = run(Scenario::selfish(seed, nodes, alpha, duration));
        let part = report.first;
        say(&format!(
            "{alpha:>8.2} {:>8.3} {:>8.3} {:>8.3} {:>8}",
            part.blocks, part.shares, part.rewards, report.height
        ));
        for violation in &report.violations {
            output::complain(&format!("alpha {alpha:.2}: {violation}"));
            is_good = false;
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(output::FAILED) }
}
