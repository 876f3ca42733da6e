//! One device: the kernels, the tables that they read, and two lanes that run them.
//!
//! Each lane has a stream and buffers for one batch (`lane`): while the tail of one batch, which
//! has few threads, is under way, the other batch fills the device. All buffers belong to one lane,
//! and the tables are only read, so cudarc's tracking of buffers between streams is off.
#![allow(unsafe_code, reason = "turning off cudarc's tracking is unsafe, with its reason")]

use std::sync::Arc;

use cudarc::driver::CudaContext;
use lode_puzzle::Srs;

use crate::{
    CudaError, Device,
    error::During,
    lane::{Lane, attempt_bytes},
    shared::Shared,
    wire::{LANES, MAX_BATCH, Request, Stages},
};

/// Attempts of a batch for each multiprocessor. Two fill a device with threads of the first fold,
/// the widest kernel after the bucket sums; with twice as many, the few threads at the end of an
/// MSM are a small part of a batch, which is still made in some 0.03 s, so that hardly any work is
/// stale when the chain moves on.
const ATTEMPTS_PER_MULTIPROCESSOR: u32 = 4;

/// A device that is ready to prove.
pub(crate) struct Prover {
    context: Arc<CudaContext>,
    shared: Shared,
    lanes: Vec<Lane>,
    batch: u32,
}

impl Prover {
    /// Loads the kernels, which the driver compiles unless it has them in its cache: that takes
    /// seconds. Then builds the table of the setup's points, and takes memory for two batches of up
    /// to `batch` attempts: as many as the device can use, or as fit.
    pub(crate) fn new(device: &Device, srs: &Srs) -> Result<Self, CudaError> {
        let context = CudaContext::new(device.index).during("opening the device")?;
        // SAFETY: see the module's documentation; what is uploaded is waited for before any other
        // stream exists.
        unsafe { context.disable_event_tracking() };
        let shared = Shared::new(&context, srs)?;

        let per_attempt = LANES as u64 * attempt_bytes(shared.n);
        let (free, _) = context.mem_get_info().during("asking for free memory")?;
        // A tenth is left to the driver and to whatever draws the screen.
        let fits = u32::try_from(free as u64 / 10 * 9 / per_attempt).unwrap_or(u32::MAX);
        let wanted = (device.multiprocessors * ATTEMPTS_PER_MULTIPROCESSOR).clamp(1, MAX_BATCH);
        let mut batch = wanted.min(fits);
        if batch == 0 {
            return Err(CudaError::Memory {
                needed_bytes: per_attempt.div_ceil(9) * 10,
                free_bytes: free as u64,
            });
        }
        let lanes = loop {
            let lanes = (0..LANES)
                .map(|_| Lane::new(&context, shared.n, batch))
                .collect::<Result<Vec<_>, _>>();
            match lanes {
                // Another process takes memory as well.
                Err(error) if error.is_out_of_memory() && batch > 1 => batch /= 2,
                lanes => break lanes?,
            }
        };
        Ok(Self { context, shared, lanes, batch })
    }

    /// Most attempts of a batch.
    pub(crate) fn batch(&self) -> u32 {
        self.batch
    }

    /// Starts a batch in an idle lane. `request.count` is at most [`Self::batch`].
    pub(crate) fn submit(&mut self, lane: usize, request: &Request) -> Result<(), CudaError> {
        self.lanes[lane].submit(&self.shared, request).during("starting a batch")?;
        self.context.check_err().during("starting a batch")
    }

    /// Waits for the batch in this lane. Returns the stages' times, and the records of those that
    /// won, in any order.
    pub(crate) fn wait(&mut self, lane: usize) -> Result<(Stages, Vec<u8>), CudaError> {
        self.lanes[lane].wait()
    }
}
