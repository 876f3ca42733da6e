//! One lane of a device: a stream, the memory of one batch, and the kernels of `attempt.cu` in
//! their order.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, sys::CUevent_flags};

use crate::{
    CudaError,
    constants::{
        AFFINE_BYTES, FOLD_BYTES, FR_BYTES, HASH_BYTES, MSM_BUCKETS, MSM_RUN_LOG, MSM_RUNS,
        MSM_SECOND_FOLDS, MSM_WINDOWS, NTT_TILE_LOG, POINT_BYTES,
    },
    error::During,
    kernels::{
        Accumulate, Buffer, Expand, Filter, FoldFirst, FoldNext, Kernel, NttForward, NttInverse,
        Opening, Point, Pointer, Product, Quotient, Seeds, Sort, TicketKernel, Twist, blocks,
        launch,
    },
    shared::Shared,
    wire::{RECORD_BYTES, Request, Stages},
};

/// Declares the buffers of a batch: a description each, and the bytes of one attempt, from which
/// follow what is allocated and what an attempt takes in all.
macro_rules! buffers {
    (|$n:ident| $( $(#[$doc:meta])* $name:ident: $bytes:expr, )*) => {
        /// The memory of a batch: of each buffer, as many parts as the batch has attempts, one
        /// after another.
        struct Buffers {
            $( $(#[$doc])* $name: Buffer, )*
        }

        impl Buffers {
            /// Bytes of all buffers together for one attempt of n coefficients.
            fn attempt_bytes($n: usize) -> usize {
                [$($bytes),*].into_iter().sum()
            }

            /// Takes the memory of `batch` attempts.
            fn new(stream: &Arc<CudaStream>, $n: usize, batch: usize) -> Result<Self, CudaError> {
                Ok(Self { $( $name: Buffer::new(stream, batch * ($bytes))?, )* })
            }
        }
    };
}

buffers! { |n|
    /// Values or coefficients of a, b and c: all attempts' a, then all b, then all c of the batch
    /// under way.
    abc: 3 * n * FR_BYTES,
    /// The coefficients of h.
    h: n * FR_BYTES,
    /// Those of (h - v)/(X - z).
    q: n * FR_BYTES,
    /// The digits of the vector that an MSM is made of, by bucket.
    entries: 4 * n * MSM_WINDOWS,
    /// Where each bucket's digits begin, and the end of the last.
    starts: 4 * (MSM_BUCKETS + 1),
    /// The buckets, the fullest first.
    order: 4 * MSM_BUCKETS,
    /// Their sums.
    buckets: MSM_BUCKETS * POINT_BYTES,
    /// What each fold of an MSM leaves; the third one's is the result.
    first_folds: MSM_RUNS * FOLD_BYTES,
    second_folds: MSM_SECOND_FOLDS * FOLD_BYTES,
    third_fold: FOLD_BYTES,
    seeds: HASH_BYTES,
    commitments: AFFINE_BYTES,
    openings: AFFINE_BYTES,
    tickets: HASH_BYTES,
    /// z in Montgomery form.
    z_montgomery: FR_BYTES,
    /// z as an integer.
    points: FR_BYTES,
    /// v = h(z).
    values: FR_BYTES,
    /// Why an attempt is void: the bits `VOID_…`.
    state: 4,
    /// What comes back of the attempts that met a target.
    records: RECORD_BYTES,
}

/// What one attempt in flight takes of the device's memory, for n coefficients.
pub(crate) fn attempt_bytes(n: usize) -> u64 {
    Buffers::attempt_bytes(n) as u64
}

/// One of the three vectors in [`Buffers::abc`].
#[derive(Clone, Copy)]
enum Vector {
    A,
    B,
    C,
}

/// A stream, and the memory of one batch.
pub(crate) struct Lane {
    stream: Arc<CudaStream>,
    statement: Buffer,
    /// Number of records.
    winners: Buffer,
    buffers: Buffers,
    /// Before and after each stage.
    events: [CudaEvent; Stages::COUNT + 1],
    /// Attempts of the batch under way.
    count: u32,
}

impl Lane {
    /// Takes memory for batches of up to `batch` attempts of n coefficients.
    pub(crate) fn new(context: &Arc<CudaContext>, n: usize, batch: u32) -> Result<Self, CudaError> {
        let stream = context.new_stream().during("making a stream")?;
        let event = |last: bool| {
            // Waiting for the last one must not occupy a core.
            let flags = if last {
                CUevent_flags::CU_EVENT_BLOCKING_SYNC
            } else {
                CUevent_flags::CU_EVENT_DEFAULT
            };
            context.new_event(Some(flags)).during("making an event")
        };
        Ok(Self {
            buffers: Buffers::new(&stream, n, batch as usize)?,
            statement: Buffer::new(&stream, HASH_BYTES)?,
            winners: Buffer::new(&stream, size_of::<u32>())?,
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
        let [start, expanded, divided, committed, pointed, opened, ended] = &self.events;

        start.record(&self.stream)?;
        self.expand(shared, request)?;
        expanded.record(&self.stream)?;
        self.quotient(shared)?;
        divided.record(&self.stream)?;
        self.msm(shared, &self.buffers.h)?;
        committed.record(&self.stream)?;
        self.open(shared)?;
        pointed.record(&self.stream)?;
        self.msm(shared, &self.buffers.q)?;
        opened.record(&self.stream)?;
        self.ticket(shared, request)?;
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
            self.stream
                .memcpy_dtoh(&self.buffers.records.slice.slice(..records.len()), &mut records)
                .during(READ)?;
            self.stream.synchronize().during(READ)?;
        }
        Ok((Stages::from_array(stages), records))
    }

    /// One of a, b and c, of all attempts of the batch under way.
    fn vector(&self, shared: &Shared, which: Vector) -> Pointer {
        self.buffers.abc.at(which as usize * self.count as usize * shared.n * FR_BYTES)
    }

    /// The seeds, and the values of a, b and c.
    fn expand(&self, shared: &Shared, request: &Request) -> Result<(), DriverError> {
        let (seeds, batch, n) = (self.buffers.seeds.start(), self.count, shared.n as u32);
        let (statement, first_nonce) = (self.statement.start(), request.first_nonce);
        self.launch(
            shared,
            blocks::<Seeds>(batch),
            1,
            Seeds { statement, first_nonce, seeds, batch },
        )?;
        let [a, b, c] = [Vector::A, Vector::B, Vector::C].map(|which| self.vector(shared, which));
        self.launch(shared, blocks::<Expand>(n), batch, Expand { seeds, a, b, c, n })
    }

    /// h from the values of a, b and c.
    fn quotient(&self, shared: &Shared) -> Result<(), DriverError> {
        let (n, batch) = (shared.n as u32, self.count);
        let count = batch * n;
        let [a, b, c] = [Vector::A, Vector::B, Vector::C].map(|which| self.vector(shared, which));
        self.to_coefficients(shared, 3 * batch)?;
        let twist = Twist { data: a, factors: shared.twist.start(), n, count: 2 * count };
        self.launch(shared, blocks::<Twist>(2 * count), 1, twist)?;
        self.to_values(shared, 2 * batch)?;
        self.launch(shared, blocks::<Product>(count), 1, Product { a, b, count })?;
        self.to_coefficients(shared, batch)?;
        let (scale, untwist, h) =
            (shared.scale.start(), shared.untwist.start(), self.buffers.h.start());
        let quotient = Quotient { c, u: a, scale, untwist, h, log_n: shared.log_n, count };
        self.launch(shared, blocks::<Quotient>(count), 1, quotient)
    }

    /// The first `count` transforms of a, b, c, in place, from values to coefficients in
    /// bit-reversed order.
    fn to_coefficients(&self, shared: &Shared, count: u32) -> Result<(), DriverError> {
        let (data, roots, log_n) =
            (self.vector(shared, Vector::A), shared.inverse_roots.start(), shared.log_n);
        passes(log_n).into_iter().try_for_each(|(first, stages)| {
            self.launch(
                shared,
                tiles(shared),
                count,
                NttInverse { data, roots, log_n, first, stages },
            )
        })
    }

    /// The way back.
    fn to_values(&self, shared: &Shared, count: u32) -> Result<(), DriverError> {
        let (data, roots, log_n) =
            (self.vector(shared, Vector::A), shared.roots.start(), shared.log_n);
        passes(log_n).into_iter().rev().try_for_each(|(first, stages)| {
            self.launch(
                shared,
                tiles(shared),
                count,
                NttForward { data, roots, log_n, first, stages },
            )
        })
    }

    /// The MSM of each vector; the sums are in the third fold.
    fn msm(&self, shared: &Shared, scalars: &Buffer) -> Result<(), DriverError> {
        let (n, batch, buffers) = (shared.n as u32, self.count, &self.buffers);
        let (entries, starts, order) =
            (buffers.entries.start(), buffers.starts.start(), buffers.order.start());
        self.launch(
            shared,
            batch,
            1,
            Sort { scalars: scalars.start(), n, entries, starts, order },
        )?;
        let (table, buckets) = (shared.table.start(), buffers.buckets.start());
        let accumulate = Accumulate { table, n, entries, starts, order, buckets };
        self.launch(shared, MSM_BUCKETS as u32 / Accumulate::BLOCK_THREADS, batch, accumulate)?;
        let count = batch * MSM_RUNS as u32;
        let (first, second) = (buffers.first_folds.start(), buffers.second_folds.start());
        self.launch(
            shared,
            blocks::<FoldFirst>(count),
            1,
            FoldFirst { buckets, folds: first, count },
        )?;
        let count = batch * MSM_SECOND_FOLDS as u32;
        let width = (MSM_RUNS / MSM_SECOND_FOLDS) as u32;
        let fold = FoldNext { from: first, to: second, width, unit_log: MSM_RUN_LOG, count };
        self.launch(shared, blocks::<FoldNext>(count), 1, fold)?;
        let unit_log = MSM_RUN_LOG + width.ilog2();
        let (to, width) = (buffers.third_fold.start(), MSM_SECOND_FOLDS as u32);
        self.launch(
            shared,
            blocks::<FoldNext>(batch),
            1,
            FoldNext { from: second, to, width, unit_log, count: batch },
        )
    }

    /// The commitments out of the third fold, their points and values, and the division by X - z.
    fn open(&self, shared: &Shared) -> Result<(), DriverError> {
        let (buffers, batch) = (&self.buffers, self.count);
        let z_montgomery = buffers.z_montgomery.start();
        let point = Point {
            folds: buffers.third_fold.start(),
            seeds: buffers.seeds.start(),
            commitments: buffers.commitments.start(),
            z_montgomery,
            z: buffers.points.start(),
            state: buffers.state.start(),
            log_n: shared.log_n,
            batch,
        };
        self.launch(shared, blocks::<Point>(batch), 1, point)?;
        let (h, q, values) = (buffers.h.start(), buffers.q.start(), buffers.values.start());
        self.launch(shared, batch, 1, Opening { h, z_montgomery, q, values, n: shared.n as u32 })
    }

    /// The openings out of the third fold, the tickets, and the records of those that meet a
    /// target.
    fn ticket(&self, shared: &Shared, request: &Request) -> Result<(), DriverError> {
        let (buffers, batch) = (&self.buffers, self.count);
        let (commitments, openings) = (buffers.commitments.start(), buffers.openings.start());
        let (tickets, state) = (buffers.tickets.start(), buffers.state.start());
        let (folds, seeds) = (buffers.third_fold.start(), buffers.seeds.start());
        let ticket = TicketKernel { folds, seeds, commitments, openings, tickets, state, batch };
        self.launch(shared, blocks::<TicketKernel>(batch), 1, ticket)?;
        let (block_low, block_high) = halves(request.block_target.get());
        let (share_low, share_high) = halves(request.share_target.get());
        let filter = Filter {
            commitments,
            points: buffers.points.start(),
            values: buffers.values.start(),
            openings,
            tickets,
            state,
            block_low,
            block_high,
            share_low,
            share_high,
            records: buffers.records.start(),
            winners: self.winners.start(),
            batch,
        };
        self.launch(shared, blocks::<Filter>(batch), 1, filter)
    }

    /// Launches a kernel on `x` by `y` blocks.
    fn launch<K: Kernel<Module = crate::kernels::AttemptKernels>>(
        &self,
        shared: &Shared,
        x: u32,
        y: u32,
        kernel: K,
    ) -> Result<(), DriverError> {
        launch(&self.stream, &shared.kernels, (x, y), kernel)
    }
}

/// First stage and number of stages of each pass of a transform to coefficients.
fn passes(log_n: u32) -> Vec<(u32, u32)> {
    let (upper, lower) = (log_n.div_ceil(2), log_n / 2);
    if log_n <= NTT_TILE_LOG { vec![(0, log_n)] } else { vec![(0, upper), (upper, lower)] }
}

/// Tiles of a transform.
fn tiles(shared: &Shared) -> u32 {
    (shared.n as u32 >> NTT_TILE_LOG).max(1)
}

/// The low and the high half of a 128-bit number.
fn halves(value: u128) -> (u64, u64) {
    (value as u64, (value >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_takes_what_the_book_says() {
        // docs/src/cuda.md: 2.84 MB.
        assert_eq!(attempt_bytes(1 << 13), 2_841_584);
    }

    #[test]
    fn passes_cover_all_stages_once() {
        for log_n in 2..=15 {
            let mut next = 0;
            for (first, stages) in passes(log_n) {
                assert_eq!(first, next);
                assert!((1..=NTT_TILE_LOG).contains(&stages), "2^{log_n}: {stages} stages");
                next += stages;
            }
            assert_eq!(next, log_n);
        }
    }
}
