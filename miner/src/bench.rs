//! `lode-miner bench`: how many attempts per second this machine makes.
//!
//! Each thread makes one attempt before the clock starts: it loads what the engine needs, and is verified, since the speed of an
//! engine that proves nothing says nothing. Threads run at normal priority, so that other load on the machine counts as little
//! as the system allows.

use std::{
    io::{self, Write},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use clap::Args;
use lode_genesis::srs::SrsLoadError;
use lode_puzzle::{AttemptError, Claim, EngineError, Job, LogSize, Output, Statement, Target, VerifyError};
use serde::Serialize;

use crate::{
    all_cores,
    rig::{EngineName, Rig, parse_log_n, parse_threads},
    stats::rate_per_s,
    workers::spawn_alone,
};

/// Longest benchmark, in seconds.
const MAX_SECONDS: u64 = 3600;

/// `lode-miner bench`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode-miner bench                          all cores, 10 seconds
  lode-miner bench --threads 1 --json       one core, for a program")]
pub struct BenchArgs {
    /// What proves.
    #[arg(long, value_enum, default_value = "reference")]
    engine: EngineName,
    /// Number of threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    threads: Option<usize>,
    /// How long to measure. Attempts under way at the end are finished and counted, and so is their time.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// Base-2 logarithm of the puzzle's size: 13 on mainnet, testnet and devnet.
    #[arg(long, value_name = "N", default_value = "13", value_parser = parse_log_n)]
    log_n: LogSize,
    /// Print one JSON value.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchReport {
    /// [`lode_puzzle::Engine::name`].
    pub engine: &'static str,
    /// Base-2 logarithm of the puzzle's size.
    pub log_n: u8,
    /// Number of threads.
    pub threads: usize,
    /// Complete attempts of all threads.
    pub attempts: u64,
    /// From the start to the end of the last attempt.
    pub seconds: f64,
    /// `attempts / seconds`.
    pub attempts_per_s: f64,
    /// The processor's model, as it calls itself.
    pub cpu: String,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The setup cannot be loaded.
    #[error(transparent)]
    Setup(#[from] SrsLoadError),
    /// The system starts no more threads.
    #[error("cannot start a thread: {0}")]
    Spawn(io::Error),
    /// The engine makes no attempts.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The engine's attempts are wrong.
    #[error("the engine's proof is wrong: {0}")]
    Proof(#[from] VerifyError),
    /// A thread ended without a result.
    #[error("a thread of the benchmark died")]
    Died,
    /// The report cannot be written.
    #[error("cannot write: {0}")]
    Output(io::Error),
}

impl From<EngineError> for BenchError {
    fn from(error: EngineError) -> Self {
        Self::Attempt(error.into())
    }
}

/// Measures, and prints the report.
///
/// # Errors
/// [`BenchError`]
pub fn run(args: &BenchArgs, out: &mut impl Write) -> Result<(), BenchError> {
    let rig = Rig::new(args.engine, args.log_n)?;
    let report = measure(&rig, args.threads.unwrap_or_else(all_cores), Duration::from_secs(args.seconds))?;
    print(&report, args.json, out).map_err(BenchError::Output)
}

fn print(report: &BenchReport, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, report)?;
        return writeln!(out);
    }
    let BenchReport { engine, log_n, threads, attempts, seconds, attempts_per_s, cpu } = report;
    let plural = if *threads == 1 { "" } else { "s" };
    writeln!(out, "{attempts_per_s:.2} attempts/s: {attempts} attempts in {seconds:.2} s")?;
    writeln!(out, "{engine} engine, log_n {log_n}, {threads} thread{plural}, {cpu}")
}

fn measure(rig: &Rig, threads: usize, duration: Duration) -> Result<BenchReport, BenchError> {
    let start = Arc::new(Barrier::new(threads + 1));
    let cancel = Arc::new(AtomicBool::new(false));
    let attempts = Arc::new(AtomicU64::new(0));
    let (results, ends) = mpsc::channel();
    // Another statement for each thread would make no difference; other nonces do.
    for index in 0..threads as u64 {
        let (start, cancel, attempts, results) = (start.clone(), cancel.clone(), attempts.clone(), results.clone());
        let (engine, verifier) = (rig.engine.clone(), rig.verifier.clone());
        let job = Job {
            statement: Statement([0; 32]),
            nonces: index << 32..(index + 1) << 32,
            block_target: Target::MIN,
            share_target: Target::MIN,
        };
        let body = move || {
            let warm_up =
                engine.attempt(&job.statement, job.nonces.start).map_err(BenchError::from).and_then(|attempt| {
                    verifier
                        .verify(&job.statement, attempt.nonce, &attempt.proof, Claim::None)
                        .map_err(BenchError::from)
                });
            // Whoever failed still lets the others start.
            start.wait();
            let mut count = |output| {
                if let Output::Attempts(made) = output {
                    attempts.fetch_add(made, Ordering::Relaxed);
                }
            };
            let end = warm_up
                .and_then(|_| engine.run(&job, &cancel, &mut count).map_err(BenchError::from))
                .map(|()| Instant::now());
            // Nobody listens any more once another thread has failed.
            let _ = results.send(end);
        };
        spawn_alone(format!("lode-bench-{index}"), body).map_err(BenchError::Spawn)?;
    }
    drop(results);
    start.wait();
    let started = Instant::now();
    std::thread::sleep(duration);
    cancel.store(true, Ordering::Relaxed);

    let mut ended = Vec::new();
    for end in ends {
        ended.push(end?);
    }
    let last = ended.iter().max().filter(|_| ended.len() == threads).ok_or(BenchError::Died)?;
    let elapsed = last.duration_since(started);
    let attempts = attempts.load(Ordering::Relaxed);
    Ok(BenchReport {
        engine: rig.engine.name(),
        log_n: rig.verifier.log_n().log_n(),
        threads,
        attempts,
        seconds: elapsed.as_secs_f64(),
        attempts_per_s: rate_per_s(attempts, elapsed),
        cpu: cpu_model(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
    })
}

/// The processor's model out of `/proc/cpuinfo`, or its architecture where that names none.
fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == "model name");
    model.map_or(std::env::consts::ARCH, |(_, model)| model.trim()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_or_the_architecture_named() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A Processor: Fast\n\nprocessor\t: 1\n";
        assert_eq!(cpu_model(cpuinfo), "A Processor: Fast");
        assert_eq!(cpu_model("processor : 0\n"), std::env::consts::ARCH);
    }
}
