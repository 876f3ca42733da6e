//! One device: the kernels, the tables that they read, and two lanes that run them.
//!
//! Each lane has a stream and buffers for one batch (`lane`): while the tail of one batch, which has few threads, is under way, the
//! other batch fills the device. All buffers belong to one lane, and the tables are only read, so cudarc's tracking of
//! buffers between streams is off.
#![allow(unsafe_code, reason = "turning off cudarc's tracking is unsafe, with its reason")]

use std::sync::Arc;

use cudarc::{
    driver::{CudaContext, CudaFunction, CudaModule, DriverError},
    nvrtc::Ptx,
};
use lode_puzzle::Srs;

use crate::{
    CudaError, Device,
    error::During,
    lane::{Argument, Buffer, ENTRY_BYTES, Lane, POINT_THREADS, WINDOWS, attempt_bytes, blocks, launch},
    tables::Tables,
    wire::{MAX_BATCH, Request, Stages},
};

/// Batches that a device works on at the same time.
pub(crate) const LANES: usize = 2;

const ATTEMPT_PTX: &str = include_str!("../ptx/attempt.ptx");
const TABLE_PTX: &str = include_str!("../ptx/table.ptx");

/// Attempts of a batch for each multiprocessor. Two fill a device with threads of the first fold, the widest kernel after the
/// bucket sums; with twice as many, the few threads at the end of an MSM are a small part of a batch, which is still made in
/// some 0.03 s, so that hardly any work is stale when the chain moves on.
const ATTEMPTS_PER_MULTIPROCESSOR: u32 = 4;

/// A device that is ready to prove.
pub(crate) struct Prover {
    context: Arc<CudaContext>,
    shared: Shared,
    lanes: Vec<Lane>,
    batch: u32,
}

impl Prover {
    /// Loads the kernels, which the driver compiles unless it has them in its cache: that takes seconds. Then builds the table
    /// of the setup's points, and takes memory for two batches of up to `batch` attempts: as many as the device can use, or as
    /// fit.
    pub(crate) fn new(device: &Device, srs: &Srs) -> Result<Self, CudaError> {
        let context = CudaContext::new(device.index).during("opening the device")?;
        // SAFETY: see the module's documentation; what is uploaded is waited for before any other stream exists.
        unsafe { context.disable_event_tracking() };
        let shared = Shared::new(&context, srs)?;

        let per_attempt = LANES as u64 * attempt_bytes(shared.n);
        let (free, _) = context.mem_get_info().during("asking for free memory")?;
        // A tenth is left to the driver and to whatever draws the screen.
        let fits = u32::try_from(free as u64 / 10 * 9 / per_attempt).unwrap_or(u32::MAX);
        let wanted = (device.multiprocessors * ATTEMPTS_PER_MULTIPROCESSOR).clamp(1, MAX_BATCH);
        let mut batch = wanted.min(fits);
        if batch == 0 {
            return Err(CudaError::Memory { needed_bytes: per_attempt.div_ceil(9) * 10, free_bytes: free as u64 });
        }
        let lanes = loop {
            let lanes = (0..LANES).map(|_| Lane::new(&context, shared.n, batch)).collect::<Result<Vec<_>, _>>();
            match lanes {
                // Somebody else takes memory as well.
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

    /// Waits for the batch in this lane. Returns the stages' times, and the records of those that won, in any order.
    pub(crate) fn wait(&mut self, lane: usize) -> Result<(Stages, Vec<u8>), CudaError> {
        self.lanes[lane].wait()
    }
}

/// Kernels and tables.
pub(crate) struct Shared {
    pub(crate) n: usize,
    pub(crate) log_n: u32,
    pub(crate) kernels: Kernels,
    pub(crate) roots: Buffer,
    pub(crate) inverse_roots: Buffer,
    pub(crate) twist: Buffer,
    pub(crate) untwist: Buffer,
    pub(crate) scale: Buffer,
    pub(crate) table: Buffer,
}

pub(crate) struct Kernels {
    pub(crate) seeds: CudaFunction,
    pub(crate) expand: CudaFunction,
    pub(crate) ntt_inverse: CudaFunction,
    pub(crate) ntt_forward: CudaFunction,
    pub(crate) twist: CudaFunction,
    pub(crate) product: CudaFunction,
    pub(crate) quotient: CudaFunction,
    pub(crate) sort: CudaFunction,
    pub(crate) accumulate: CudaFunction,
    pub(crate) fold_first: CudaFunction,
    pub(crate) fold_next: CudaFunction,
    pub(crate) point: CudaFunction,
    pub(crate) opening: CudaFunction,
    pub(crate) ticket: CudaFunction,
    pub(crate) filter: CudaFunction,
}

impl Kernels {
    fn load(module: &Arc<CudaModule>) -> Result<Self, DriverError> {
        let kernel = |name| module.load_function(name);
        Ok(Self {
            seeds: kernel("attempt_seeds")?,
            expand: kernel("attempt_expand")?,
            ntt_inverse: kernel("ntt_inverse_pass")?,
            ntt_forward: kernel("ntt_forward_pass")?,
            twist: kernel("attempt_twist")?,
            product: kernel("attempt_product")?,
            quotient: kernel("attempt_quotient")?,
            sort: kernel("msm_sort_digits")?,
            accumulate: kernel("msm_accumulate")?,
            fold_first: kernel("msm_fold_first")?,
            fold_next: kernel("msm_fold_next")?,
            point: kernel("attempt_point")?,
            opening: kernel("attempt_opening")?,
            ticket: kernel("attempt_ticket")?,
            filter: kernel("attempt_filter")?,
        })
    }
}

impl Shared {
    fn new(context: &Arc<CudaContext>, srs: &Srs) -> Result<Self, CudaError> {
        let tables = Tables::new(srs).ok_or(CudaError::Size)?;
        let n = srs.log_n().n();
        let load = |ptx| context.load_module(Ptx::from_src(ptx)).during("loading the kernels");
        let kernels = Kernels::load(&load(ATTEMPT_PTX)?).during("loading the kernels")?;
        let build = load(TABLE_PTX)?.load_function("msm_build_table").during("loading the kernels")?;

        const UPLOAD: &str = "uploading tables";
        let stream = context.new_stream().during(UPLOAD)?;
        let upload = |words: &[u64]| -> Result<Buffer, CudaError> {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let mut buffer = Buffer::new(&stream, bytes.len())?;
            stream.memcpy_htod(&bytes, &mut buffer.slice).during(UPLOAD)?;
            Ok(buffer)
        };
        let bases = upload(&tables.bases)?;
        let shared = Self {
            n,
            log_n: u32::from(srs.log_n().log_n()),
            kernels,
            roots: upload(&tables.roots)?,
            inverse_roots: upload(&tables.inverse_roots)?,
            twist: upload(&tables.twist)?,
            untwist: upload(&tables.untwist)?,
            scale: upload(&tables.scale)?,
            table: Buffer::new(&stream, n * WINDOWS * ENTRY_BYTES)?,
        };
        let arguments = [bases.at(0), shared.table.at(0), Argument::U32(n as u32)];
        launch(&stream, &build, (blocks(n as u32, POINT_THREADS), 1), POINT_THREADS, &arguments)
            .during("building the table")?;
        stream.synchronize().during("building the table")?;
        Ok(shared)
    }
}
