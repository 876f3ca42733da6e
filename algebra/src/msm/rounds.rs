//! The buckets' sums: in each round, every bucket that has a point left adds it to its sum.
//!
//! Lanes run over buckets, ordered by falling number of points, so that the buckets of a round are the first ones and no two
//! lanes meet in a bucket. Sums stay in lanes from the first round to the last; only the points come from the table by rows.
//!
//! The buckets go through all their rounds a chunk at a time: what a round works on then stays in the second cache. A point of the
//! table is used once, from the third cache or from memory: each is asked for while the round before it multiplies.

use super::{
    affine::{Batch, Work},
    lanes::{Indices, Lanes, MAX_WIDTH},
    schedule::Schedule,
};
use core::sync::atomic::{AtomicBool, Ordering};

/// The sign of a table entry: whether its y is to be negated.
pub(crate) const NEGATIVE: u32 = 1 << 31;

/// How many vectors go through their rounds together: sums, differences and prefixes take 2 KiB each with eight lanes. More would fall
/// out of the second cache, fewer would mean more inversions.
const CHUNK: usize = 128;

/// How many vectors ahead the y-coordinates are asked for.
const AHEAD: usize = 6;

/// The sums of the buckets, in the order of the schedule, `WIDTH` in a vector.
pub(crate) struct Sums<L> {
    pub(crate) x: Vec<L>,
    pub(crate) y: Vec<L>,
    entries: Vec<Entries>,
    next_entries: Vec<Entries>,
    batch: Batch<L>,
    work: [Work<L>; 2],
}

/// The points that a vector of buckets takes in a round.
#[derive(Clone, Copy)]
struct Entries {
    /// The cells of the x-coordinates. Lanes without a point look at the first of the table.
    x: Indices,
    /// The cells of the y-coordinates.
    y: Indices,
    /// Which y-coordinates are to be negated.
    negative: u8,
    /// Which lanes have a point.
    mask: u8,
}

/// Points that met their own double or negative: they are for complete formulas.
pub(crate) type Leftovers = Vec<(u16, u32)>;

impl<L: Lanes> Sums<L> {
    pub(crate) fn new(buckets: usize) -> Self {
        let vectors = buckets.div_ceil(L::WIDTH);
        Self {
            x: Vec::with_capacity(vectors),
            y: Vec::with_capacity(vectors),
            entries: Vec::with_capacity(CHUNK),
            next_entries: Vec::with_capacity(CHUNK),
            batch: Batch::new(CHUNK),
            work: [Work::new(), Work::new()],
        }
    }

    /// Sums the schedule's points, from a table of four cells for each: x, βx, β²x and y. Returns the bound of the coordinates
    /// in multiples of q, or `None` if it was told to stop. Entries that cannot be added here go to `leftovers`.
    #[inline(always)]
    pub(crate) fn accumulate(
        &mut self,
        table: &[L::Cell],
        schedule: &Schedule,
        leftovers: &mut Leftovers,
        stop: &AtomicBool,
    ) -> Option<u32> {
        self.x.clear();
        self.y.clear();
        let mut bound = 1;
        for start in (0..schedule.order().len()).step_by(CHUNK * L::WIDTH) {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            bound = bound.max(self.accumulate_chunk(table, schedule, start, leftovers));
        }
        Some(bound)
    }

    /// Sums the points of a chunk of buckets, those from `start` on in the schedule's order.
    #[inline(always)]
    fn accumulate_chunk(
        &mut self,
        table: &[L::Cell],
        schedule: &Schedule,
        start: usize,
        leftovers: &mut Leftovers,
    ) -> u32 {
        let mut bound = 1;
        let chunks = schedule.rounds().map(|entries| entries.get(start..).unwrap_or_default());
        let mut chunks = chunks.map(|entries| &entries[..entries.len().min(CHUNK * L::WIDTH)]);
        look_up::<L>(&mut self.next_entries, chunks.next());
        for round in 0.. {
            core::mem::swap(&mut self.entries, &mut self.next_entries);
            if self.entries.is_empty() {
                break;
            }
            look_up::<L>(&mut self.next_entries, chunks.next());
            if round == 0 {
                self.first_round(table);
            } else {
                bound = self.round(table, &schedule.order()[start..], start / L::WIDTH, bound, leftovers);
            }
        }
        bound
    }

    /// Every bucket takes its first point: coordinates up to q.
    #[inline(always)]
    fn first_round(&mut self, table: &[L::Cell]) {
        let raise = L::multiple_of_q(1);
        for (vector, entries) in self.entries.iter().enumerate() {
            if let Some(ahead) = self.entries.get(vector + AHEAD) {
                L::prefetch(table, &ahead.x);
                L::prefetch(table, &ahead.y);
            }
            if let Some(next) = self.next_entries.get(vector) {
                L::prefetch(table, &next.x);
            }
            self.x.push(L::gather(table, &entries.x, 0));
            let y = L::gather(table, &entries.y, 0);
            let mut negated = y;
            L::signed(&mut negated, &y, L::ALL, &raise);
            self.y.push(L::select(entries.negative, &negated, &y));
        }
    }

    /// One addition for each of some buckets, whose sums are the vectors from `first` on. Coordinates up to `bound·q` become such
    /// up to the returned bound.
    #[inline(always)]
    fn round(
        &mut self,
        table: &[L::Cell],
        buckets: &[u16],
        first: usize,
        bound: u32,
        leftovers: &mut Leftovers,
    ) -> u32 {
        let vectors = self.entries.len();

        // x₂ ≤ q and x₁ ≤ bound·q.
        let raise = L::multiple_of_q(bound);
        for (vector, entries) in self.entries.iter().enumerate() {
            let x2 = L::gather(table, &entries.x, 0);
            L::sub(&mut self.batch.dx[vector], &x2, &self.x[first + vector], &raise);
            self.batch.push(vector, entries.mask);
        }

        let Self { batch, entries, .. } = self;
        batch.invert(vectors, |vector, lanes| {
            for lane in (0..L::WIDTH).filter(|lane| lanes >> lane & 1 == 1) {
                let entries = &entries[vector];
                let sign = if entries.negative >> lane & 1 == 1 { NEGATIVE } else { 0 };
                leftovers.push((buckets[vector * L::WIDTH + lane], entries.x[lane] | sign));
            }
        });

        // 2·x₁ + dx = x₁ + x₂ + bound·q lies between bound·q and (2·bound + 1)·q, and λ² is little more than q: one to spare.
        let next_bound = bound + 3;
        let raises = Raises {
            dy: L::multiple_of_q(bound + 1),
            x: L::multiple_of_q(2 * bound + 2),
            x_difference: L::multiple_of_q(next_bound),
            y: raise,
        };
        let mut vector = vectors;
        while vector >= 2 {
            vector -= 2;
            self.finish([vector + 1, vector], first, table, &raises);
        }
        if vector == 1 {
            self.finish([0], first, table, &raises);
        }
        next_bound
    }

    /// Finishes the additions of some vectors, in step.
    #[inline(always)]
    fn finish<const N: usize>(&mut self, vectors: [usize; N], first: usize, table: &[L::Cell], raises: &Raises<L>) {
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            // The y-coordinates of the vectors that follow, in falling order, and the next round's x-coordinates.
            if let Some(entries) = self.entries.get(vector.wrapping_sub(AHEAD)) {
                L::prefetch(table, &entries.y);
            }
            if let Some(next) = self.next_entries.get(vector) {
                L::prefetch(table, &next.x);
            }
            self.batch.inverse(&mut work.inverse, vector);
        }
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            let entries = &self.entries[vector];
            let y2 = L::gather(table, &entries.y, 0);
            L::signed_sub_factor(&mut work.numerator, &y2, entries.negative, &self.y[first + vector], &raises.dy);
            L::mul(&mut work.slope, &work.numerator, &work.inverse);
        }
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            // x₁ + x₂ = 2·x₁ + dx up to multiples of q: the point's x need not be fetched again.
            L::square_sub(&mut work.x, &work.slope, &self.x[first + vector], &self.batch.dx[vector], &raises.x);
        }
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            let (x, y) = (&mut self.x[first + vector], &mut self.y[first + vector]);
            L::sub_factor(&mut work.difference, x, &work.x, &raises.x_difference);
            let mask = self.batch.masks[vector];
            if mask == L::ALL {
                *x = work.x;
                let subtrahend = *y;
                L::mul_sub(y, &work.slope, &work.difference, &subtrahend, &raises.y);
            } else {
                *x = L::select(mask, &work.x, x);
                L::mul_sub(&mut work.y, &work.slope, &work.difference, y, &raises.y);
                *y = L::select(mask, &work.y, y);
            }
        }
    }
}

/// What keeps the differences of an addition from going below zero.
struct Raises<L: Lanes> {
    dy: L::Multiple,
    x: L::Multiple,
    x_difference: L::Multiple,
    y: L::Multiple,
}

/// Groups the table's entries for a chunk of buckets by vectors.
#[inline(always)]
fn look_up<L: Lanes>(out: &mut Vec<Entries>, entries: Option<&[u32]>) {
    out.clear();
    for entries in entries.unwrap_or_default().chunks(L::WIDTH) {
        let mut vector = Entries { x: [0; MAX_WIDTH], y: [3; MAX_WIDTH], negative: 0, mask: 0 };
        for (lane, entry) in entries.iter().enumerate() {
            vector.x[lane] = entry & !NEGATIVE;
            vector.y[lane] = entry & !NEGATIVE | 3;
            vector.negative |= ((entry >> 31) as u8) << lane;
            vector.mask |= 1 << lane;
        }
        out.push(vector);
    }
}
