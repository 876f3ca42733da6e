//! `lode-miner bench`: how many attempts per second this machine makes.
//!
//! Each thread makes one attempt before the clock starts: it loads what the engine needs, and is
//! verified, since the speed of an engine that proves nothing says nothing. Threads run at normal
//! priority, so that other load on the machine counts as little as the system allows.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use lode_cuda::{Clocks, CudaEngine, Device, DeviceStatus, Stages};
use lode_puzzle::{
    AttemptError, Claim, Engine, EngineError, Job, LogSize, Output, Statement, Target, VerifyError,
};
use serde::Serialize;

use crate::{
    attempt::on_all_cores,
    rig::{EngineArgs, Rig, RigError, parse_log_n, parse_threads},
    stats::rate_per_s,
    workers::{cores, spawn_alone},
};

/// Longest benchmark, in seconds.
const MAX_SECONDS: u64 = 3600;
/// Batches that the times of a GPU's stages are averaged over.
const STAGE_BATCHES: u32 = 3;

/// Arguments of `bench`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// What is measured.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Number of threads [default: one per core; the cuda engine has one per device].
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,

    /// How long to measure. Attempts under way at the end are finished, and count with their time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub seconds: u64,

    /// Base-2 logarithm of the puzzle's size, 2 to 15: 13 on mainnet, testnet and devnet.
    #[arg(long, value_name = "N", default_value = "13", value_parser = parse_log_n)]
    pub log_n: LogSize,

    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`lode_puzzle::Engine::name`].
    pub engine: &'static str,
    /// What the engine says about itself.
    #[serde(skip)]
    pub description: String,
    /// Base-2 logarithm of the puzzle's size.
    #[serde(skip)]
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
    /// The devices of the cuda engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceReport>,
}

/// What was measured of a GPU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceReport {
    #[serde(flatten)]
    pub device: Device,
    /// Attempts per second of the time that it was at work.
    pub attempts_per_s: f64,
    /// Attempts of a full batch.
    pub batch: u32,
    /// How long the stages of a full batch take when it runs alone. In mining, two overlap.
    pub stages: Stages,
    /// The card's sensors in the middle of the measurement.
    #[serde(flatten)]
    pub clocks: Clocks,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no engine.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// The operating system gave no threads.
    #[error("threads: {0}")]
    Threads(#[from] io::Error),
    /// Nor a pool of them.
    #[error("threads: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
    /// The engine makes no attempts.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The engine's attempts are wrong.
    #[error("the engine's proof is wrong: {0}")]
    Proof(#[from] VerifyError),
    /// A thread ended without a result.
    #[error("a thread of the benchmark died")]
    Died,
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Attempt(error.into())
    }
}

/// The readable form: two lines, and one for each device; no line break at the end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            engine: _,
            description,
            log_n,
            threads,
            attempts,
            seconds,
            attempts_per_s,
            cpu,
            devices,
        } = self;
        let plural = if *threads == 1 { "" } else { "s" };
        writeln!(f, "{attempts_per_s:.2} attempts/s: {attempts} attempts in {seconds:.2} s")?;
        write!(f, "{description}, log_n {log_n}, {threads} thread{plural}, {cpu}")?;
        for DeviceReport { device, attempts_per_s, batch, stages, clocks } in devices {
            let clock = clocks
                .clock_sm_mhz
                .map_or_else(|| "unknown clock".to_owned(), |mhz| format!("{mhz} MHz"));
            let total_ms = stages.total_ms();
            write!(
                f,
                "\n{device}: {attempts_per_s:.2} attempts/s, {clock}; {total_ms:.1} ms for {batch} \
                 attempts alone"
            )?;
        }
        Ok(())
    }
}

/// Measures for as long as the arguments say, and at most one attempt longer.
///
/// # Errors
/// [`Error`]
pub fn run(args: &Args) -> Result<Report, Error> {
    let rig = Rig::new(&args.engine, args.log_n)?;
    let threads = rig.threads(args.threads)?;
    let Some(cuda) = &rig.cuda else {
        return measure(&rig, threads, Duration::from_secs(args.seconds), || {});
    };
    let stages = on_all_cores(|| cuda.measure_stages(STAGE_BATCHES))??;
    let mut clocks = Vec::new();
    let read_clocks =
        || clocks = Clocks::read(cuda.status().iter().map(|status| status.device.bus_id.as_str()));
    let mut report = measure(&rig, threads, Duration::from_secs(args.seconds), read_clocks)?;
    report.devices = describe(cuda, &stages, &clocks);
    Ok(report)
}

fn describe(cuda: &CudaEngine, stages: &[Stages], clocks: &[Clocks]) -> Vec<DeviceReport> {
    let devices = cuda.status().into_iter().zip(stages).zip(clocks);
    let describe =
        |((status, &stages), &clocks): ((DeviceStatus, &Stages), &Clocks)| DeviceReport {
            attempts_per_s: status.attempts_per_s(),
            batch: status.batch,
            device: status.device,
            stages,
            clocks,
        };
    devices.map(describe).collect()
}

/// Measures, and calls `at_half_time` halfway.
fn measure(
    rig: &Rig,
    threads: usize,
    duration: Duration,
    at_half_time: impl FnOnce(),
) -> Result<Report, Error> {
    // Not a barrier: its threads leave it one after the other through a lock, and with hundreds of
    // threads on few cores each would wait for those that prove already.
    let start = Arc::new(AtomicBool::new(false));
    let (ready, all_ready) = mpsc::channel();
    let mut workers = Vec::with_capacity(threads);
    let cancel = Arc::new(AtomicBool::new(false));
    let attempts = Arc::new(AtomicU64::new(0));
    let (results, ends) = mpsc::channel();
    // Another statement for each thread would make no difference; other nonces do.
    for (index, core) in (0..).zip(cores(threads)) {
        let (start, cancel, attempts) = (start.clone(), cancel.clone(), attempts.clone());
        let (ready, results) = (ready.clone(), results.clone());
        let (engine, verifier) = (rig.engine.clone(), rig.verifier.clone());
        let job = Job {
            statement: Statement([0; 32]),
            nonces: index << 32..(index + 1) << 32,
            block_target: Target::MIN,
            share_target: Target::MIN,
        };
        let body = move || {
            let warm_up = engine
                .attempt(&job.statement, job.nonces.start)
                .map_err(Error::from)
                .and_then(|attempt| {
                    verifier
                        .verify(&job.statement, attempt.nonce, &attempt.proof, Claim::None)
                        .map_err(Error::from)
                });
            // A thread that failed still lets the others start.
            let _ = ready.send(());
            while !start.load(Ordering::Acquire) {
                std::thread::park();
            }
            let end = warm_up.and_then(|_| work(&*engine, &job, &cancel, &attempts));
            // The receiver is gone once another thread has failed.
            let _ = results.send(end);
        };
        workers.push(spawn_alone(format!("lode-bench-{index}"), core, body)?);
    }
    drop((ready, results));
    // A panic on the way there ends the process.
    for _ in 0..threads {
        all_ready.recv().map_err(|_| Error::Died)?;
    }
    let started = Instant::now();
    start.store(true, Ordering::Release);
    workers.iter().for_each(|worker| worker.thread().unpark());
    std::thread::sleep(duration / 2);
    at_half_time();
    std::thread::sleep(duration.saturating_sub(started.elapsed()));
    cancel.store(true, Ordering::Relaxed);

    let mut ended = Vec::new();
    for end in ends {
        ended.push(end?);
    }
    let last = ended.iter().max().filter(|_| ended.len() == threads).ok_or(Error::Died)?;
    Ok(report(rig, threads, attempts.load(Ordering::Relaxed), last.duration_since(started)))
}

/// Attempts until it is told to stop, and counts them. Returns when the last one ended.
fn work(
    engine: &dyn Engine,
    job: &Job,
    cancel: &AtomicBool,
    attempts: &AtomicU64,
) -> Result<Instant, Error> {
    let mut count = |output| {
        if let Output::Attempts(made) = output {
            attempts.fetch_add(made, Ordering::Relaxed);
        }
    };
    engine.run(job, cancel, &mut count)?;
    Ok(Instant::now())
}

fn report(rig: &Rig, threads: usize, attempts: u64, elapsed: Duration) -> Report {
    Report {
        engine: rig.engine.name(),
        description: rig.description.clone(),
        log_n: rig.verifier.log_n().log_n(),
        threads,
        attempts,
        seconds: elapsed.as_secs_f64(),
        attempts_per_s: rate_per_s(attempts, elapsed),
        cpu: cpu_model(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
        devices: Vec::new(),
    }
}

/// The processor's model out of `/proc/cpuinfo`, or its architecture where that names none.
fn cpu_model(cpuinfo: &str) -> String {
    let model = cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == "model name");
    model.map_or(std::env::consts::ARCH, |(_, model)| model.trim()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_or_the_architecture_named() {
        let cpuinfo =
            "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A Processor: Fast\n\nprocessor\t: 1\n";
        assert_eq!(cpu_model(cpuinfo), "A Processor: Fast");
        assert_eq!(cpu_model("processor : 0\n"), std::env::consts::ARCH);
    }
}
