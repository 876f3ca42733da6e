//! The `cpu` engine on every back end, held to the reference engine and to its interface.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use common::{MAINNET, Rig, SMALL, STATEMENT};
use lode_algebra::{Backend, TableError};
use lode_puzzle::{CpuEngine, Engine, Job, Output, Prover, Statement, Tables, TablesError, Target};

fn engine(rig: &Rig, backend: Backend) -> CpuEngine {
    CpuEngine::new(Arc::new(Tables::new(&rig.srs, backend, usize::MAX).unwrap()))
}

/// 2^13 is in the vectors. The largest sizes run on the best back end alone, and with
/// `LODE_TEST_LONG=1` on all.
#[test]
fn every_size_equals_the_reference() {
    let is_long = std::env::var_os("LODE_TEST_LONG").is_some_and(|value| value == "1");
    for log_n in (2..=12).chain(14..=15) {
        let rig = Rig::new(log_n);
        let attempts = if log_n <= 8 { 20 } else { 1 };
        let expected: Vec<_> =
            (0..attempts).map(|nonce| rig.engine.attempt(&STATEMENT, nonce).unwrap()).collect();
        let backends = if log_n < 12 || is_long { usize::MAX } else { 1 };
        for backend in Backend::available().take(backends) {
            let engine = engine(&rig, backend);
            assert_eq!((engine.name(), engine.tables().backend()), ("cpu", backend));
            assert_eq!(engine.tables().log_n(), rig.verifier.log_n());
            for expected in &expected {
                assert_eq!(
                    engine.attempt(&STATEMENT, expected.nonce),
                    Ok(*expected),
                    "2^{log_n}, {backend}"
                );
            }
        }
    }
}

#[test]
fn statements_and_nonces_of_all_kinds_equal_the_reference() {
    for backend in Backend::available() {
        let engine = engine(&SMALL, backend);
        for (statement, nonce) in
            [([0; 32], 0), ([0xff; 32], u64::MAX), ([1; 32], 1 << 32), ([2; 32], 1 << 63)]
        {
            let statement = Statement(statement);
            assert_eq!(
                engine.attempt(&statement, nonce),
                SMALL.engine.attempt(&statement, nonce),
                "{backend}"
            );
        }
    }
}

#[test]
fn a_table_that_does_not_fit_is_an_error() {
    let least = 16 * 16 * 4 * 48;
    let error = Tables::new(&SMALL.srs, Backend::Portable, 1000).unwrap_err();
    assert_eq!(error, TablesError::Powers(TableError::Memory { expected: least, got: 1000 }));
    assert_eq!(
        error.to_string(),
        "multiples of the setup's powers: expected at least 49152 bytes for the table, got 1000"
    );
    assert_eq!(Tables::new(&SMALL.srs, Backend::Portable, least).unwrap().table_bytes(), least);
}

#[test]
fn a_job_reports_what_the_reference_reports() {
    let half = Target::new(u128::MAX / 2).unwrap();
    let job =
        Job { statement: STATEMENT, nonces: 50..80, block_target: half, share_target: Target::MIN };
    let reports = |engine: &dyn Engine| {
        let mut reports = Vec::new();
        engine.run(&job, &AtomicBool::new(false), &mut |output| reports.push(output)).unwrap();
        reports
    };
    let expected = reports(&SMALL.engine);
    assert!(expected.len() > 30, "no attempt wins");
    for backend in Backend::available() {
        assert_eq!(reports(&engine(&SMALL, backend)), expected, "{backend}");
    }
}

#[test]
fn a_job_stops_between_attempts_when_cancelled() {
    let engine = engine(&SMALL, Backend::best());
    for stop_after in 0..3 {
        let cancel = AtomicBool::new(stop_after == 0);
        let mut attempts = 0;
        let job = Job {
            statement: STATEMENT,
            nonces: 0..u64::MAX,
            block_target: Target::MAX,
            share_target: Target::MIN,
        };
        let mut out = |output| {
            if let Output::Attempts(count) = output {
                attempts += count;
                cancel.store(attempts == stop_after, Ordering::Relaxed);
            }
        };
        engine.run(&job, &cancel, &mut out).unwrap();
        assert_eq!(attempts, stop_after);
    }
}

/// Within an attempt of 2^13, which without lanes takes tens of milliseconds: far more patience
/// than is meant, since the machine may be busy, and the slowest back end. That the attempt is
/// given up, and not finished, shows in what it returns.
#[test]
fn an_attempt_of_the_public_networks_is_given_up_within() {
    let tables = Arc::new(Tables::new(&MAINNET.srs, Backend::Portable, usize::MAX).unwrap());
    let mut prover = Prover::new(tables);
    let stop = AtomicBool::new(false);
    assert!(prover.attempt(&STATEMENT, 0, &stop).is_ok());
    std::thread::scope(|scope| {
        let prover = scope.spawn(|| {
            (1..)
                .find_map(|nonce| prover.attempt(&STATEMENT, nonce, &stop).err())
                .map(|error| (error, Instant::now()))
        });
        std::thread::sleep(Duration::from_millis(10));
        stop.store(true, Ordering::Relaxed);
        let told = Instant::now();
        let (error, ended) = prover.join().unwrap().unwrap();
        assert_eq!(error.to_string(), "told to stop");
        assert!(ended.duration_since(told) < Duration::from_secs(5));
    });
}
