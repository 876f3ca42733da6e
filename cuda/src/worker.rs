//! The process of one device: requests come in on one pipe, batches go out on another.
//!
//! Threads: one reads requests, the other one runs the device. Queue: requests, as many as the
//! miner sends ahead (`IN_FLIGHT`).
//!
//! Must not be broken: requests are answered in their order; when the miner is gone, so is this
//! process.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::Duration,
};

use lode_puzzle::Srs;

use crate::{
    CudaError, devices,
    prover::Prover,
    wire::{self, IN_FLIGHT, LANES, Request},
};

/// How long the batches under way have once there are no more requests.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Why a device's process ends.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The device, or its driver.
    #[error(transparent)]
    Cuda(#[from] CudaError),
    #[error("pipe: {0}")]
    Pipe(#[from] io::Error),
    /// A request for more attempts than fit, or for none.
    #[error("expected 1 to {batch} attempts, got {got}")]
    Count {
        /// Most attempts of a batch.
        batch: u32,
        /// Attempts requested.
        got: u32,
    },
}

/// Proves on the device with this bus id whatever is requested, until the requests end; the process
/// ends a second later at the latest, even where a driver hangs. What goes wrong is both the last
/// reply and the result.
///
/// # Errors
/// [`WorkerError`]
pub fn run(
    bus_id: &str,
    srs: &Srs,
    requests: impl Read + Send + 'static,
    mut replies: impl Write,
) -> Result<(), WorkerError> {
    let outcome = serve(bus_id, srs, requests, &mut replies);
    if let Err(error) = &outcome {
        // A parent that has closed the pipe does not need the error.
        let _ = wire::write_failed(&mut replies, &error.to_string());
    }
    outcome
}

fn serve(
    bus_id: &str,
    srs: &Srs,
    mut requests: impl Read + Send + 'static,
    replies: &mut impl Write,
) -> Result<(), WorkerError> {
    let device = devices()?.into_iter().find(|device| device.bus_id == bus_id);
    let device = device.ok_or_else(|| CudaError::NoSuchBusId { got: bus_id.to_owned() })?;
    let mut prover = Prover::new(&device, srs)?;
    wire::write_ready(replies, prover.batch())?;

    let (queue, queued) = sync_channel(IN_FLIGHT);
    thread::Builder::new().name("lode-cuda-read".to_owned()).spawn(move || {
        while let Some(request) = Request::read(&mut requests).transpose() {
            if queue.send(request).is_err() {
                break;
            }
        }
        // The miner has gone. This process is through within a batch, unless its driver hangs.
        drop(queue);
        thread::sleep(END_PATIENCE);
        std::process::exit(1);
    })?;
    let mut idle: VecDeque<usize> = (0..LANES).collect();
    let mut busy: VecDeque<(usize, u32)> = VecDeque::new();
    loop {
        if let Some(&lane) = idle.front()
            && let Some(request) = next_request(&queued, busy.is_empty())?
        {
            if !(1..=prover.batch()).contains(&request.count) {
                return Err(WorkerError::Count { batch: prover.batch(), got: request.count });
            }
            prover.submit(lane, &request)?;
            idle.pop_front();
            busy.push_back((lane, request.count));
        } else if let Some((lane, count)) = busy.pop_front() {
            let (stages, records) = prover.wait(lane)?;
            wire::write_batch(replies, count, stages, &records)?;
            idle.push_back(lane);
        } else {
            return Ok(());
        }
    }
}

/// The next request; waits for it if nothing else is to be done. `None`: there is none now, or
/// there are no more.
fn next_request(
    queued: &Receiver<io::Result<Request>>,
    is_idle: bool,
) -> io::Result<Option<Request>> {
    if is_idle {
        return queued.recv().ok().transpose();
    }
    match queued.try_recv() {
        Ok(request) => request.map(Some),
        Err(TryRecvError::Empty | TryRecvError::Disconnected) => Ok(None),
    }
}
