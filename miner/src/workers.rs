//! The threads that prove.

use std::{
    io,
    sync::mpsc::{SyncSender, TrySendError},
    thread::JoinHandle,
    time::Instant,
};

use core_affinity::CoreId;
use lode_api::{
    Backoff, mining,
    text::{AddressText, Hex, Text},
};
use lode_puzzle::{Attempt, Claim, Output};

use crate::{
    MinerEvent,
    shared::Shared,
    submit::{Found, MAX_WAITING},
    work::Work,
};

/// The core that each of some threads is to stay on: one for each if there are as many as cores
/// that this process may use.
///
/// With fewer threads, none: a thread at the lowest priority that may not leave its core waits for
/// the other threads on it while other cores idle, and the threads of two miners would meet on the
/// first ones.
pub(crate) fn cores(threads: usize) -> Vec<Option<CoreId>> {
    match core_affinity::get_core_ids() {
        Some(cores) if cores.len() == threads => cores.into_iter().map(Some).collect(),
        _ => vec![None; threads],
    }
}

/// Runs `body` on a new thread that is a rayon pool of its own, of one: snarkVM's parallel kernels
/// then stay on this thread. Without a pool around them they would start threads for every
/// transform. The thread stays on the core, if there is one.
///
/// A panic in `body` ends the process, unless `body` guards against it: a prover that is wrong
/// about something must not mine on in silence.
pub(crate) fn spawn_alone(
    name: String,
    core: Option<CoreId>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut handle = None;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .spawn_handler(|thread| {
            let builder = std::thread::Builder::new().name(name.clone());
            handle = Some(builder.spawn(|| thread.run())?);
            Ok(())
        })
        .build()
        .map_err(io::Error::other)?;
    // The thread ends once this has run, since the pool is dropped here.
    pool.spawn(move || {
        // Where the system refuses, the thread wanders, and proves all the same.
        let _ = core.map(core_affinity::set_for_current);
        body();
    });
    handle.ok_or_else(|| io::Error::other("rayon started no thread"))
}

/// Proves whatever hangs on the board until it is over.
pub(crate) fn prove(shared: &Shared, found: &SyncSender<Found>) {
    let mut backoff = Backoff::default();
    while let Some(work) = shared.board.wait_for_work() {
        let mut report = |output| match output {
            Output::Attempts(count) => shared.counters.attempts.add(count),
            Output::Won(attempt) => won(shared, &work, &attempt, found),
            Output::Invalid { reason } => {
                shared.counters.invalid.add(1);
                shared.events.announce(MinerEvent::Invalid { reason });
            }
            Output::Fault { reason } => shared.events.announce(MinerEvent::DeviceFailed { reason }),
        };
        match shared.engine.run(&work.next_job(), work.cancelled(), &mut report) {
            Ok(()) => backoff.reset(),
            Err(error) => {
                shared.events.announce(MinerEvent::EngineFailed { reason: error.to_string() });
                shared.board.sleep(backoff.next_wait());
            }
        }
    }
}

/// Verifies a winning attempt, and queues it.
fn won(shared: &Shared, work: &Work, attempt: &Attempt, queue: &SyncSender<Found>) {
    let verified =
        shared.verifier.verify(&work.statement, attempt.nonce, &attempt.proof, Claim::None);
    let fault = match verified {
        Ok(ticket)
            if work.block_target.is_met_by(ticket.block_value())
                || work.share_target.is_met_by(ticket.share_value()) =>
        {
            None
        }
        Ok(_) => Some("its ticket meets neither target".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(fault) = fault {
        shared.counters.invalid.add(1);
        let reason =
            format!("the {} engine, nonce {}: {fault}", shared.engine.name(), attempt.nonce);
        return shared.events.announce(MinerEvent::Invalid { reason });
    }
    let attempt = mining::Attempt {
        anchor_hash: Text(work.anchor_hash),
        content_hash: Text(work.content_hash),
        prover: AddressText(work.prover),
        nonce: Text(attempt.nonce),
        commitment: Hex(attempt.proof.commitment),
        opening: Hex(attempt.proof.opening),
    };
    let found = Found {
        network: work.network.clone(),
        height: work.height,
        attempt,
        found: Instant::now(),
    };
    match queue.try_send(found) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => {
            shared.lose(format!("{MAX_WAITING} attempts wait for the node already"))
        }
        Err(TrySendError::Disconnected(_)) => {
            shared.lose("nothing is handed in any more".to_owned())
        }
    }
}
