//! One lane of a device: a stream, the memory of one batch, and the kernels of `attempt.cu` in their order.
#![allow(unsafe_code, reason = "kernels are launched with untyped arguments: each call with its reason")]

use std::sync::Arc;

use cudarc::driver::{
    CudaContext, CudaEvent, CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg,
    sys::CUevent_flags,
};

use crate::{
    CudaError,
    error::During,
    prover::Shared,
    wire::{RECORD_BYTES, Request, Stages},
};

// The kernels' own constants: `attempt.cu`, `msm.cuh`, `ntt.cuh`, `table.cu`.
const THREADS: u32 = 256;
pub(crate) const POINT_THREADS: u32 = 128;
const SORT_THREADS: u32 = 512;
const TILE_LOG: u32 = 10;
pub(crate) const WINDOWS: usize = 20;
const BUCKETS: usize = 4096;
const RUN: usize = 32;
pub(crate) const ENTRY_BYTES: usize = 144;
const POINT_BYTES: usize = 192;
const FOLD_BYTES: usize = 2 * POINT_BYTES;
const FR_BYTES: usize = 32;
/// Folds that the second fold leaves of an MSM; the third leaves one.
const SECOND_FOLDS: usize = 16;

/// Bytes of each buffer of a lane, per attempt, for n coefficients.
fn buffer_bytes(n: usize) -> [usize; 19] {
    let (fr, affine) = (FR_BYTES, 96);
    [
        3 * n * fr,                 // a, b, c
        n * fr,                     // h
        n * fr,                     // q
        4 * n * WINDOWS,            // entries
        4 * (BUCKETS + 1),          // starts
        4 * BUCKETS,                // order
        BUCKETS * POINT_BYTES,      // buckets
        BUCKETS / RUN * FOLD_BYTES, // first folds
        SECOND_FOLDS * FOLD_BYTES,  // second folds
        FOLD_BYTES,                 // third fold
        32,                         // seed
        affine,                     // commitment
        affine,                     // opening
        32,                         // ticket
        fr,                         // z in Montgomery form
        fr,                         // z
        fr,                         // v
        4,                          // state
        RECORD_BYTES,               // record
    ]
}

/// What one attempt in flight takes of the device's memory, for n coefficients.
pub(crate) fn attempt_bytes(n: usize) -> u64 {
    buffer_bytes(n).iter().sum::<usize>() as u64
}

/// A stream, and the memory of one batch.
pub(crate) struct Lane {
    stream: Arc<CudaStream>,
    statement: Buffer,
    /// Number of records.
    winners: Buffer,
    abc: Buffer,
    h: Buffer,
    q: Buffer,
    entries: Buffer,
    starts: Buffer,
    order: Buffer,
    buckets: Buffer,
    folds: [Buffer; 3],
    seeds: Buffer,
    commitments: Buffer,
    openings: Buffer,
    tickets: Buffer,
    z: Buffer,
    points: Buffer,
    values: Buffer,
    state: Buffer,
    records: Buffer,
    /// Before and after each stage.
    events: [CudaEvent; Stages::COUNT + 1],
    /// Attempts of the batch under way.
    count: u32,
}

impl Lane {
    /// Takes memory for batches of up to `batch` attempts of n coefficients.
    pub(crate) fn new(context: &Arc<CudaContext>, n: usize, batch: u32) -> Result<Self, CudaError> {
        let stream = context.new_stream().during("making a stream")?;
        let mut sizes = buffer_bytes(n).into_iter();
        let mut next = || match sizes.next() {
            Some(bytes) => Buffer::new(&stream, bytes * batch as usize),
            None => Err(CudaError::Size),
        };
        let event = |last: bool| {
            // Waiting for the last one must not occupy a core.
            let flags = if last { CUevent_flags::CU_EVENT_BLOCKING_SYNC } else { CUevent_flags::CU_EVENT_DEFAULT };
            context.new_event(Some(flags)).during("making an event")
        };
        Ok(Self {
            abc: next()?,
            h: next()?,
            q: next()?,
            entries: next()?,
            starts: next()?,
            order: next()?,
            buckets: next()?,
            folds: [next()?, next()?, next()?],
            seeds: next()?,
            commitments: next()?,
            openings: next()?,
            tickets: next()?,
            z: next()?,
            points: next()?,
            values: next()?,
            state: next()?,
            records: next()?,
            statement: Buffer::new(&stream, 32)?,
            winners: Buffer::new(&stream, 4)?,
            events: [
                event(false)?,
                event(false)?,
                event(false)?,
                event(false)?,
                event(false)?,
                event(false)?,
                event(true)?,
            ],
            stream,
            count: 0,
        })
    }

    /// Starts a batch; the lane must be idle.
    pub(crate) fn submit(&mut self, shared: &Shared, request: &Request) -> Result<(), DriverError> {
        self.count = request.count;
        self.stream.memcpy_htod(&request.statement.0, &mut self.statement.slice)?;
        self.stream.memset_zeros(&mut self.winners.slice)?;
        let (batch, n, kernels) = (Argument::U32(self.count), Argument::U32(shared.n as u32), &shared.kernels);
        let log_n = Argument::U32(shared.log_n);
        let [start, expanded, divided, committed, pointed, opened, ended] = &self.events;
        let per_point = (blocks(self.count, POINT_THREADS), 1);

        start.record(&self.stream)?;
        let arguments = [self.statement.at(0), Argument::U64(request.first_nonce), self.seeds.at(0), batch];
        self.launch(&kernels.seeds, per_point, POINT_THREADS, &arguments)?;
        let arguments = [self.seeds.at(0), self.part(shared, 0), self.part(shared, 1), self.part(shared, 2), n];
        self.launch(&kernels.expand, (blocks(shared.n as u32, THREADS), self.count), THREADS, &arguments)?;
        expanded.record(&self.stream)?;
        self.quotient(shared)?;
        divided.record(&self.stream)?;
        self.msm(shared, &self.h)?;
        committed.record(&self.stream)?;
        let arguments = [
            self.folds[2].at(0),
            self.seeds.at(0),
            self.commitments.at(0),
            self.z.at(0),
            self.points.at(0),
            self.state.at(0),
            log_n,
            batch,
        ];
        self.launch(&kernels.point, per_point, POINT_THREADS, &arguments)?;
        let arguments = [self.h.at(0), self.z.at(0), self.q.at(0), self.values.at(0), n];
        self.launch(&kernels.opening, (self.count, 1), THREADS, &arguments)?;
        pointed.record(&self.stream)?;
        self.msm(shared, &self.q)?;
        opened.record(&self.stream)?;
        let arguments = [
            self.folds[2].at(0),
            self.seeds.at(0),
            self.commitments.at(0),
            self.openings.at(0),
            self.tickets.at(0),
            self.state.at(0),
            batch,
        ];
        self.launch(&kernels.ticket, per_point, POINT_THREADS, &arguments)?;
        let [block_low, block_high] = halves(request.block_target.get());
        let [share_low, share_high] = halves(request.share_target.get());
        let arguments = [
            self.commitments.at(0),
            self.points.at(0),
            self.values.at(0),
            self.openings.at(0),
            self.tickets.at(0),
            self.state.at(0),
            block_low,
            block_high,
            share_low,
            share_high,
            self.records.at(0),
            self.winners.at(0),
            batch,
        ];
        self.launch(&kernels.filter, per_point, POINT_THREADS, &arguments)?;
        ended.record(&self.stream)
    }

    /// Waits for the batch: the stages' times, and the records of its winners.
    pub(crate) fn wait(&mut self) -> Result<(Stages, Vec<u8>), CudaError> {
        const READ: &str = "reading results";
        let [.., ended] = &self.events;
        ended.synchronize().during("proving")?;
        let mut stages = [0.0; Stages::COUNT];
        for (stage, [start, end]) in stages.iter_mut().zip(self.events.array_windows()) {
            *stage = start.elapsed_ms(end).during("measuring")?;
        }
        let mut winners = [0; 4];
        self.stream.memcpy_dtoh(&self.winners.slice, &mut winners).during(READ)?;
        self.stream.synchronize().during(READ)?;
        let winners = u32::from_le_bytes(winners);
        if winners > self.count {
            return Err(CudaError::Winners { attempts: self.count, got: winners });
        }
        let mut records = vec![0; winners as usize * RECORD_BYTES];
        if winners > 0 {
            self.stream.memcpy_dtoh(&self.records.slice.slice(..records.len()), &mut records).during(READ)?;
            self.stream.synchronize().during(READ)?;
        }
        Ok((Stages::from_array(stages), records))
    }

    /// The buffer of a, b or c (0, 1, 2) in the batch under way.
    fn part(&self, shared: &Shared, which: u64) -> Argument {
        self.abc.at(which * u64::from(self.count) * (shared.n * FR_BYTES) as u64)
    }

    /// h from the values of a, b and c.
    fn quotient(&self, shared: &Shared) -> Result<(), DriverError> {
        let (n, count, kernels) = (shared.n as u32, self.count, &shared.kernels);
        let (total, a) = (count * n, self.part(shared, 0));
        self.transform(shared, 3 * count, true)?;
        let arguments = [a, shared.twist.at(0), Argument::U32(n), Argument::U32(2 * total)];
        self.launch(&kernels.twist, (blocks(2 * total, THREADS), 1), THREADS, &arguments)?;
        self.transform(shared, 2 * count, false)?;
        let arguments = [a, self.part(shared, 1), Argument::U32(total)];
        self.launch(&kernels.product, (blocks(total, THREADS), 1), THREADS, &arguments)?;
        self.transform(shared, count, true)?;
        let arguments = [
            self.part(shared, 2),
            a,
            shared.scale.at(0),
            shared.untwist.at(0),
            self.h.at(0),
            Argument::U32(shared.log_n),
            Argument::U32(total),
        ];
        self.launch(&kernels.quotient, (blocks(total, THREADS), 1), THREADS, &arguments)
    }

    /// The first `count` transforms of a, b, c, in place.
    fn transform(&self, shared: &Shared, count: u32, is_inverse: bool) -> Result<(), DriverError> {
        let log_n = shared.log_n;
        let (upper, lower) = (log_n.div_ceil(2), log_n / 2);
        // First stage and number of stages of each pass.
        let passes = if log_n <= TILE_LOG { vec![(0, log_n)] } else { vec![(0, upper), (upper, lower)] };
        let grid = ((shared.n as u32 >> TILE_LOG).max(1), count);
        let (kernel, roots) = match is_inverse {
            true => (&shared.kernels.ntt_inverse, &shared.inverse_roots),
            false => (&shared.kernels.ntt_forward, &shared.roots),
        };
        let pass = |&(first, stages): &(u32, u32)| {
            let [log_n, first, stages] = [log_n, first, stages].map(Argument::U32);
            self.launch(kernel, grid, THREADS, &[self.part(shared, 0), roots.at(0), log_n, first, stages])
        };
        if is_inverse { passes.iter().try_for_each(pass) } else { passes.iter().rev().try_for_each(pass) }
    }

    /// The MSM of each vector; the sums are in the third fold.
    fn msm(&self, shared: &Shared, scalars: &Buffer) -> Result<(), DriverError> {
        let (n, count, kernels) = (Argument::U32(shared.n as u32), self.count, &shared.kernels);
        let arguments = [scalars.at(0), n, self.entries.at(0), self.starts.at(0), self.order.at(0)];
        self.launch(&kernels.sort, (count, 1), SORT_THREADS, &arguments)?;
        let arguments =
            [shared.table.at(0), n, self.entries.at(0), self.starts.at(0), self.order.at(0), self.buckets.at(0)];
        self.launch(&kernels.accumulate, (BUCKETS as u32 / POINT_THREADS, count), POINT_THREADS, &arguments)?;
        let [first, second, third] = &self.folds;
        let runs = (BUCKETS / RUN) as u32;
        let fold = |kernel, threads, arguments: &[Argument]| {
            self.launch(kernel, (blocks(threads, POINT_THREADS), 1), POINT_THREADS, arguments)
        };
        let total = count * runs;
        fold(&kernels.fold_first, total, &[self.buckets.at(0), first.at(0), Argument::U32(total)])?;
        // Folds that one thread takes, the logarithm of the buckets in each, and the number of threads.
        let next = |from: &Buffer, to: &Buffer, width: u32, unit_log: u32, total: u32| {
            let [width, unit_log, threads] = [width, unit_log, total].map(Argument::U32);
            fold(&kernels.fold_next, total, &[from.at(0), to.at(0), width, unit_log, threads])
        };
        let width = runs / SECOND_FOLDS as u32;
        next(first, second, width, (RUN as u32).ilog2(), count * SECOND_FOLDS as u32)?;
        next(second, third, SECOND_FOLDS as u32, (RUN as u32 * width).ilog2(), count)
    }

    fn launch(
        &self,
        kernel: &CudaFunction,
        grid: (u32, u32),
        threads: u32,
        arguments: &[Argument],
    ) -> Result<(), DriverError> {
        launch(&self.stream, kernel, grid, threads, arguments)
    }
}

/// Device memory, and where it lies.
pub(crate) struct Buffer {
    pub(crate) slice: CudaSlice<u8>,
    address: u64,
}

impl Buffer {
    /// Uninitialised memory.
    pub(crate) fn new(stream: &Arc<CudaStream>, bytes: usize) -> Result<Self, CudaError> {
        // SAFETY: every kernel's buffers are written before they are read, by this lane's stream.
        let slice = unsafe { stream.alloc(bytes) }.during("taking device memory")?;
        let address = slice.device_ptr(stream).0;
        Ok(Self { slice, address })
    }

    /// A pointer `offset` bytes into the buffer.
    pub(crate) fn at(&self, offset: u64) -> Argument {
        Argument::U64(self.address + offset)
    }
}

/// An argument of a kernel; pointers are 64 bits.
#[derive(Clone, Copy)]
pub(crate) enum Argument {
    U32(u32),
    U64(u64),
}

/// A 128-bit number as two arguments, the low one first.
fn halves(value: u128) -> [Argument; 2] {
    [Argument::U64(value as u64), Argument::U64((value >> 64) as u64)]
}

/// Blocks that cover `count` threads.
pub(crate) fn blocks(count: u32, threads: u32) -> u32 {
    count.div_ceil(threads)
}

/// Launches a kernel: (blocks in x, blocks in y), threads of a block.
pub(crate) fn launch(
    stream: &Arc<CudaStream>,
    kernel: &CudaFunction,
    grid: (u32, u32),
    threads: u32,
    arguments: &[Argument],
) -> Result<(), DriverError> {
    let mut builder = stream.launch_builder(kernel);
    for argument in arguments {
        match argument {
            Argument::U32(value) => builder.arg(value),
            Argument::U64(value) => builder.arg(value),
        };
    }
    let config = LaunchConfig { grid_dim: (grid.0, grid.1, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: number, order and widths of the arguments are those of the kernel's signature in `attempt.cu` or `table.cu`, and
    // each pointer is to a buffer of at least what `buffer_bytes` says for the batch. Tests run every launch in the emulator,
    // where an access outside of a buffer is fatal.
    unsafe { builder.launch(config) }.map(drop)
}
