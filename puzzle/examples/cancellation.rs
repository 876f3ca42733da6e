//! How soon an attempt is given up once it is told to stop, on each back end that this processor
//! has.
//!
//! `cargo build --release --workspace --example cancellation` makes it
//! `release/examples/cancellation` in the target folder. A thread proves at the size of the public
//! networks and is told to stop at moments spread over an attempt; what is timed runs from the
//! flag's setting to the engine's return.

use std::{
    error::Error,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lode_algebra::Backend;
use lode_genesis::srs;
use lode_puzzle::{CpuEngine, Engine, Job, LogSize, Statement, Tables, Target};

const LOG_N: u8 = 13;
/// How often each back end is told to stop.
const TIMES: u32 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let srs = srs::load(LogSize::new(LOG_N)?)?;
    for backend in Backend::available() {
        let engine = CpuEngine::new(Arc::new(Tables::new(&srs, backend, usize::MAX)?));
        let statement = Statement([1; 32]);
        engine.attempt(&statement, 0)?; // allocates what an attempt works in
        let start = Instant::now();
        engine.attempt(&statement, 0)?;
        let attempt = start.elapsed();
        let mut latencies = (0..TIMES)
            .map(|i| stop_after(&engine, &statement, attempt + attempt * i / TIMES))
            .collect::<Result<Vec<_>, _>>()?;
        latencies.sort_unstable();
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        println!(
            "{backend}: an attempt takes {:.1} ms; given up after {:.1} ms (median), {:.1} ms \
             (longest of {TIMES})",
            ms(attempt),
            ms(latencies[latencies.len() / 2]),
            ms(latencies[latencies.len() - 1]),
        );
    }
    Ok(())
}

/// Lets the engine prove for a while, and returns how long it then takes to stop.
fn stop_after(
    engine: &CpuEngine,
    statement: &Statement,
    work: Duration,
) -> Result<Duration, Box<dyn Error>> {
    let (cancel, ready) = (AtomicBool::new(false), Barrier::new(2));
    let job = Job {
        statement: *statement,
        nonces: 0..u64::MAX,
        block_target: Target::MIN,
        share_target: Target::MIN,
    };
    thread::scope(|scope| {
        let prover = scope.spawn(|| {
            ready.wait();
            engine.run(&job, &cancel, &mut |_| {}).map(|()| Instant::now())
        });
        ready.wait();
        thread::sleep(work);
        let told = Instant::now();
        cancel.store(true, Ordering::Relaxed);
        let ended = prover.join().map_err(|_| "the prover panicked")??;
        Ok(ended.saturating_duration_since(told))
    })
}
