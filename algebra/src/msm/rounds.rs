//! The buckets' sums: in each round, every bucket that has a point left adds it to its sum.
//!
//! Lanes run over buckets, ordered by falling number of points, so that the buckets of a round are
//! the first ones and no two lanes meet in a bucket. Sums stay in lanes from the first round to the
//! last; only the points come from the table by rows.
//!
//! The buckets go through all their rounds a chunk at a time: what a round works on then stays in
//! the second cache. A point of the table is used once, from the third cache or from memory: each
//! is asked for while the round before it multiplies.

use super::{
    affine::{Batch, Work},
    entry::NEGATIVE,
    lanes::{Indices, Lanes, prefetch},
    schedule::{PADDING, Schedule},
};
use core::sync::atomic::{AtomicBool, Ordering};

/// How many buckets go through their rounds together: sums, differences and products take 256 bytes
/// of each. More would fall out of the second cache, fewer would mean more inversions.
const CHUNK: usize = 1024;

/// How many vectors ahead the y-coordinates are asked for.
const AHEAD: usize = 6;

/// The sums of the buckets, in the order of the schedule, `WIDTH` in a vector.
pub(crate) struct Sums<L> {
    pub(crate) x: Vec<L>,
    pub(crate) y: Vec<L>,
    batch: Batch<L>,
    work: [Work<L>; 2],
}

/// The points that the buckets of a chunk take in a round, by table entries.
#[derive(Clone, Copy)]
struct Points<'a> {
    /// [`Schedule::round`]: more entries than there are points.
    entries: &'a [u32],
    points: usize,
    /// The entries of the round after it.
    next: &'a [u32],
}

impl<'a> Points<'a> {
    fn new(entries: &'a [u32], next: &'a [u32]) -> Self {
        Self { entries, points: entries.len().saturating_sub(PADDING), next }
    }

    /// How many vectors of lanes they make up.
    #[inline(always)]
    fn vectors<L: Lanes>(&self) -> usize {
        self.points.div_ceil(L::WIDTH)
    }

    /// The entries of a vector's lanes. Those of lanes without a point are of any point.
    #[inline(always)]
    fn entries<L: Lanes>(&self, vector: usize) -> Option<&'a Indices> {
        self.entries.get(vector * L::WIDTH..)?.first_chunk()
    }

    /// [`Self::entries`] of the round after this one.
    #[inline(always)]
    fn next<L: Lanes>(&self, vector: usize) -> Option<&'a Indices> {
        self.next.get(vector * L::WIDTH..)?.first_chunk()
    }

    /// Which lanes of a vector have a point.
    #[inline(always)]
    fn mask<L: Lanes>(&self, vector: usize) -> u8 {
        L::ALL >> ((vector + 1) * L::WIDTH).saturating_sub(self.points)
    }
}

/// The cell of an entry's x-coordinate.
#[inline(always)]
fn x_cell(entry: u32) -> usize {
    (entry & !NEGATIVE) as usize
}

/// The cell of an entry's y-coordinate.
#[inline(always)]
fn y_cell(entry: u32) -> usize {
    (entry & !NEGATIVE | 3) as usize
}

/// Asks for the cells of a vector's lanes to be brought near.
#[inline(always)]
fn prefetch_all<L: Lanes>(table: &[L::Cell], entries: &Indices, cell: impl Fn(u32) -> usize) {
    for entry in &entries[..L::WIDTH] {
        prefetch(table, cell(*entry));
    }
}

/// Points that met their own double or negative: they are for complete formulas.
pub(crate) type Leftovers = Vec<(u16, u32)>;

impl<L: Lanes> Sums<L> {
    pub(crate) fn new(buckets: usize) -> Self {
        let vectors = buckets.div_ceil(L::WIDTH);
        Self {
            x: Vec::with_capacity(vectors),
            y: Vec::with_capacity(vectors),
            batch: Batch::new(CHUNK / L::WIDTH),
            work: [Work::new(), Work::new()],
        }
    }

    /// Sums the schedule's points, from a table of four cells for each: x, βx, β²x and y. Returns
    /// the bound of the coordinates in multiples of q, or `None` if it was told to stop. Entries
    /// that cannot be added here go to `leftovers`.
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
        for start in (0..schedule.order().len()).step_by(CHUNK) {
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
        let entries = |round| schedule.round(round, start..start + CHUNK);
        let mut points = Points::new(entries(0), entries(1));
        self.first_round(table, points);
        let mut bound = 1;
        for round in 1.. {
            points = Points::new(points.next, entries(round + 1));
            if points.points == 0 {
                break;
            }
            bound = self.round(
                table,
                points,
                &schedule.order()[start..],
                start / L::WIDTH,
                bound,
                leftovers,
            );
        }
        bound
    }

    /// Every bucket takes its first point: coordinates up to q.
    #[inline(always)]
    fn first_round(&mut self, table: &[L::Cell], points: Points<'_>) {
        let raise = L::multiple_of_q(1);
        for vector in 0..points.vectors::<L>() {
            if let Some(ahead) = points.entries::<L>(vector + AHEAD) {
                prefetch_all::<L>(table, ahead, x_cell);
                prefetch_all::<L>(table, ahead, y_cell);
            }
            if let Some(next) = points.next::<L>(vector) {
                prefetch_all::<L>(table, next, x_cell);
            }
            let Some(entries) = points.entries::<L>(vector) else { break };
            self.x.push(L::gather(table, |lane| x_cell(entries[lane])));
            let y = L::gather(table, |lane| y_cell(entries[lane]));
            let mut negated = y;
            L::signed(&mut negated, &y, L::ALL, &raise);
            self.y.push(L::select(L::signs(entries), &negated, &y));
        }
    }

    /// One addition for each of some buckets, whose sums are the vectors from `first` on.
    /// Coordinates up to `bound·q` become such up to the returned bound.
    #[inline(always)]
    fn round(
        &mut self,
        table: &[L::Cell],
        points: Points<'_>,
        buckets: &[u16],
        first: usize,
        bound: u32,
        leftovers: &mut Leftovers,
    ) -> u32 {
        let vectors = points.vectors::<L>();

        // x₂ ≤ q and x₁ ≤ bound·q.
        let raise = L::multiple_of_q(bound);
        for vector in 0..vectors {
            let Some(entries) = points.entries::<L>(vector) else { break };
            let x2 = L::gather(table, |lane| x_cell(entries[lane]));
            L::sub(&mut self.batch.dx[vector], &x2, &self.x[first + vector], &raise);
            self.batch.push(vector, points.mask::<L>(vector));
        }

        self.batch.invert(vectors, |vector, lanes| {
            for lane in (0..L::WIDTH).filter(|lane| lanes >> lane & 1 == 1) {
                let bucket = vector * L::WIDTH + lane;
                leftovers.push((buckets[bucket], points.entries[bucket]));
            }
        });

        // 2·x₁ + dx = x₁ + x₂ + bound·q lies between bound·q and (2·bound + 1)·q, and λ² below 2·q.
        let next_bound = bound + 4;
        let raises = Raises {
            dy: L::multiple_of_q(bound + 1),
            x: L::multiple_of_q(2 * bound + 2),
            x_difference: L::multiple_of_q(next_bound),
            y: raise,
        };
        let mut vector = vectors;
        while vector >= 2 {
            vector -= 2;
            self.finish([vector + 1, vector], first, table, points, &raises);
        }
        if vector == 1 {
            self.finish([0], first, table, points, &raises);
        }
        next_bound
    }

    /// Finishes the additions of some vectors, in step.
    #[inline(always)]
    fn finish<const N: usize>(
        &mut self,
        vectors: [usize; N],
        first: usize,
        table: &[L::Cell],
        points: Points<'_>,
        raises: &Raises<L>,
    ) {
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            // The y-coordinates of the vectors that follow, in falling order, and the next round's
            // x-coordinates.
            if let Some(ahead) =
                vector.checked_sub(AHEAD).and_then(|ahead| points.entries::<L>(ahead))
            {
                prefetch_all::<L>(table, ahead, y_cell);
            }
            if let Some(next) = points.next::<L>(vector) {
                prefetch_all::<L>(table, next, x_cell);
            }
            self.batch.inverse(&mut work.inverse, vector);
        }
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            let Some(entries) = points.entries::<L>(vector) else { continue };
            let y2 = L::gather(table, |lane| y_cell(entries[lane]));
            let negative = L::signs(entries);
            L::signed_sub_factor(
                &mut work.numerator,
                &y2,
                negative,
                &self.y[first + vector],
                &raises.dy,
            );
            L::mul(&mut work.slope, &work.numerator, &work.inverse);
        }
        for (vector, work) in vectors.into_iter().zip(&mut self.work) {
            // x₁ + x₂ = 2·x₁ + dx up to multiples of q: the point's x need not be fetched again.
            L::square_sub(
                &mut work.x,
                &work.slope,
                &self.x[first + vector],
                &self.batch.dx[vector],
                &raises.x,
            );
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
