//! Sums of lists of points, pairwise: every level halves the lists, in one batch of additions.

use super::{
    affine::{Batch, Work},
    lanes::{Indices, Lanes, MAX_WIDTH, prefetch},
};
use crate::curve::Affine;

/// No point: the point at infinity.
pub(crate) const NONE: u32 = u32::MAX;

/// Points in rows: cell 2i is the x, cell 2i+1 the y of point i.
pub(crate) struct Points<L: Lanes> {
    pub(crate) cells: Vec<L::Cell>,
    /// What the coordinates are below, in multiples of q.
    pub(crate) bound: u32,
}

impl<L: Lanes> Points<L> {
    pub(crate) fn len(&self) -> usize {
        self.cells.len() / 2
    }
}

/// Lists of points, by index; list l ends where the next begins.
#[derive(Default)]
pub(crate) struct Lists {
    items: Vec<u32>,
    ends: Vec<u32>,
}

impl Lists {
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.ends.clear();
    }

    /// Appends a point to the list that is being made, if there is one.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: u32) {
        if item != NONE {
            self.items.push(item);
        }
    }

    /// Ends the list that is being made.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.items.len() as u32);
    }

    /// The only point of list l once the lists are summed, [`NONE`] if the sum is at infinity.
    pub(crate) fn sum(&self, list: usize) -> u32 {
        let (start, end) = (if list == 0 { 0 } else { self.ends[list - 1] }, self.ends[list]);
        if start == end { NONE } else { self.items[start as usize] }
    }
}

/// How many vectors of additions share an inversion: what they work on stays in the second cache.
const CHUNK: usize = 256;

/// How many vectors ahead the points are asked for.
const AHEAD: usize = 4;

/// Scratch of [`Tree::sum_lists`].
pub(crate) struct Tree<L> {
    /// The pairs to be added, by the cells of their x-coordinates.
    pairs: Vec<Pairs>,
    /// How many, of which the last vector may lack some.
    count: usize,
    batch: Batch<L>,
    work: [Work<L>; 2],
}

#[derive(Clone, Copy, Default)]
struct Pairs {
    left: Indices,
    right: Indices,
}

impl<L: Lanes> Tree<L> {
    pub(crate) fn new(pairs: usize) -> Self {
        Self {
            pairs: Vec::with_capacity(pairs.div_ceil(L::WIDTH)),
            count: 0,
            batch: Batch::new(CHUNK),
            work: [Work::new(), Work::new()],
        }
    }

    /// Sums every list: afterwards it holds one point, or none for the point at infinity. New
    /// points are appended.
    #[inline(always)]
    pub(crate) fn sum_lists(&mut self, points: &mut Points<L>, lists: &mut Lists) {
        while self.pair_up(points, lists) {
            let first_sum = points.len();
            let vectors = self.pairs.len();
            points.cells.resize(points.cells.len() + 2 * L::WIDTH * vectors, L::Cell::default());
            let mut infinity = false;
            for start in (0..vectors).step_by(CHUNK) {
                infinity |= self.add_pairs(points, first_sum, start, vectors.min(start + CHUNK));
            }
            points.cells.truncate(2 * (first_sum + self.count));
            points.bound = 2 * points.bound + 3;
            if infinity {
                drop_infinities::<L>(points, lists);
            }
        }
    }

    /// Replaces the pairs of every list by the points that their sums will be; whether there are
    /// any.
    #[inline(always)]
    fn pair_up(&mut self, points: &Points<L>, lists: &mut Lists) -> bool {
        let first_sum = points.len();
        self.pairs.clear();
        self.count = 0;
        let (mut read, mut write) = (0, 0);
        for end in &mut lists.ends {
            while read + 1 < *end as usize {
                if self.count.is_multiple_of(L::WIDTH) {
                    self.pairs.push(Pairs::default());
                }
                if let Some(pairs) = self.pairs.last_mut() {
                    let lane = self.count % L::WIDTH;
                    pairs.left[lane] = 2 * lists.items[read];
                    pairs.right[lane] = 2 * lists.items[read + 1];
                }
                lists.items[write] = (first_sum + self.count) as u32;
                self.count += 1;
                (read, write) = (read + 2, write + 1);
            }
            if read < *end as usize {
                lists.items[write] = lists.items[read];
                (read, write) = (read + 1, write + 1);
            }
            *end = write as u32;
        }
        lists.items.truncate(write);
        self.count > 0
    }

    /// Puts the sums of some vectors of pairs into the points from `first_sum` on. Whether some are
    /// at infinity: these are left with both coordinates zero.
    #[inline(always)]
    fn add_pairs(
        &mut self,
        points: &mut Points<L>,
        first_sum: usize,
        start: usize,
        end: usize,
    ) -> bool {
        let bound = points.bound;
        let raise = L::multiple_of_q(bound);
        for vector in start..end {
            if let Some(ahead) = self.pairs[..end].get(vector + AHEAD) {
                for (left, right) in ahead.left.iter().zip(&ahead.right) {
                    prefetch(points.cells.as_chunks::<2>().0, *left as usize / 2);
                    prefetch(points.cells.as_chunks::<2>().0, *right as usize / 2);
                }
            }
            let pairs = &self.pairs[vector];
            let x1 = L::gather(&points.cells, |lane| pairs.left[lane] as usize);
            let x2 = L::gather(&points.cells, |lane| pairs.right[lane] as usize);
            L::sub(&mut self.batch.dx[vector - start], &x2, &x1, &raise);
            let missing = ((vector + 1) * L::WIDTH).saturating_sub(self.count);
            self.batch.push(vector - start, L::ALL >> missing);
        }

        let mut excluded = Vec::new();
        self.batch.invert(end - start, |vector, lanes| excluded.push((start + vector, lanes)));

        // 2·x₁ + dx = x₁ + x₂ + bound·q lies between bound·q and 3·bound·q, and λ² is below 2·q.
        let raises = [3 * bound + 1, 2 * bound + 3].map(L::multiple_of_q);
        let [raise_x, raise_difference] = &raises;
        let mut last = end;
        while last > start {
            let vectors = last.saturating_sub(2).max(start)..last;
            last = vectors.start;
            for (vector, work) in vectors.clone().rev().zip(&mut self.work) {
                self.batch.inverse(&mut work.inverse, vector - start);
            }
            for (vector, work) in vectors.clone().rev().zip(&mut self.work) {
                let Pairs { left, right } = &self.pairs[vector];
                work.x = L::gather(&points.cells, |lane| left[lane] as usize);
                work.y = L::gather(&points.cells, |lane| left[lane] as usize + 1);
                let y2 = L::gather(&points.cells, |lane| right[lane] as usize + 1);
                L::sub_factor(&mut work.numerator, &y2, &work.y, &raise);
                L::mul(&mut work.slope, &work.numerator, &work.inverse);
            }
            for (vector, work) in vectors.rev().zip(&mut self.work) {
                let (mut x, mut y) = (work.x, work.y);
                L::square_sub(
                    &mut x,
                    &work.slope,
                    &work.x,
                    &self.batch.dx[vector - start],
                    raise_x,
                );
                L::sub_factor(&mut work.difference, &work.x, &x, raise_difference);
                L::mul_sub(&mut y, &work.slope, &work.difference, &work.y, &raise);
                let out = &mut points.cells[2 * (first_sum + vector * L::WIDTH)..][..2 * L::WIDTH];
                x.scatter::<2>(out);
                y.scatter::<2>(&mut out[1..]);
            }
        }
        let mut infinity = false;
        for (vector, lanes) in excluded {
            for lane in (0..L::WIDTH).filter(|lane| lanes >> lane & 1 == 1) {
                let pair = [self.pairs[vector].left[lane] / 2, self.pairs[vector].right[lane] / 2];
                infinity |= add_completely(points, first_sum + vector * L::WIDTH + lane, pair);
            }
        }
        infinity
    }
}

/// The sum of a pair by complete formulas; whether it is at infinity.
#[cold]
#[inline(never)]
fn add_completely<L: Lanes>(points: &mut Points<L>, sum: usize, pair: [u32; 2]) -> bool {
    let [a, b] = pair.map(|point| read_point(points, point as usize));
    let point = (a.to_projective() + b.to_projective()).to_affine();
    let cells =
        point.map_or([L::Cell::default(); 2], |point| [L::cell(&point.x), L::cell(&point.y)]);
    points.cells[2 * sum..2 * sum + 2].copy_from_slice(&cells);
    point.is_none()
}

/// Point i, whatever multiple of q its coordinates may hold.
pub(crate) fn read_point<L: Lanes>(points: &Points<L>, point: usize) -> Affine {
    let mut cell = [L::Cell::default(); MAX_WIDTH];
    let mut coordinate = |index: usize| {
        L::gather(&points.cells, |_| index).canonical().scatter::<1>(&mut cell);
        L::element(&cell[0])
    };
    Affine { x: coordinate(2 * point), y: coordinate(2 * point + 1) }
}

/// Takes the points at infinity out of the lists.
#[cold]
#[inline(never)]
fn drop_infinities<L: Lanes>(points: &Points<L>, lists: &mut Lists) {
    let is_infinity = |item: u32| {
        let point = read_point(points, item as usize);
        point.x.is_zero() && point.y.is_zero()
    };
    let (mut read, mut write) = (0, 0);
    for end in &mut lists.ends {
        for item in read..*end as usize {
            if !is_infinity(lists.items[item]) {
                lists.items[write] = lists.items[item];
                write += 1;
            }
        }
        read = *end as usize;
        *end = write as u32;
    }
    lists.items.truncate(write);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::{
        Backend, Fq,
        avx512::fq::{Fq8, Row, multiple_of_q},
    };

    /// The cell of x + k·q.
    fn raised(x: &Fq, k: u32) -> Row {
        let mut carry = 0;
        let limbs = Row::new(x).limbs();
        Row::from_limbs(core::array::from_fn(|i| {
            let sum = limbs[i] + multiple_of_q(k)[i] + carry;
            carry = if i < 7 { sum >> 52 } else { 0 };
            if i < 7 { sum & ((1 << 52) - 1) } else { sum }
        }))
    }

    /// (2, 3) and twice itself, (0, 1), with coordinates as large as the bound allows, and as
    /// small.
    fn check<const IFMA: bool>(bound: u32) {
        let p = Affine { x: Fq::from(2), y: Fq::from(3) };
        let q = Affine { x: Fq::ZERO, y: Fq::ONE };
        let sum = (p.to_projective() + q.to_projective()).to_affine().unwrap();
        for raises in 0..16u32 {
            let raise = |place: u32| if raises >> place & 1 == 1 { bound - 1 } else { 0 };
            let cells = vec![
                raised(&p.x, raise(0)),
                raised(&p.y, raise(1)),
                raised(&q.x, raise(2)),
                raised(&q.y, raise(3)),
            ];
            let mut points = Points::<Fq8<IFMA>> { cells, bound };
            let mut lists = Lists::default();
            (0..2).for_each(|point| lists.push(point));
            lists.end();
            Tree::new(8).sum_lists(&mut points, &mut lists);
            assert_eq!(
                read_point(&points, lists.sum(0) as usize),
                sum,
                "bound {bound}, raises {raises:04b}"
            );
        }
    }

    #[test]
    fn coordinates_up_to_the_bound_are_summed() {
        for bound in [1, 2, 3, 10, 80, 1000, 1 << 17] {
            if Backend::Ifma.is_available() {
                check::<true>(bound);
            }
            if Backend::Avx512.is_available() {
                check::<false>(bound);
            }
        }
    }
}
