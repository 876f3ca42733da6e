//! The multiples of the bases that the digits of every position refer to.

use super::{
    affine::{Batch, Work},
    entry::{CELLS, NEGATIVE, cell_index},
    lanes::{Lanes, MAX_WIDTH},
    window::Window,
};
use crate::{
    curve::{Affine, BETA},
    memory::on_huge_pages,
};

/// `2^(bits·position)·base` for every base and position: cells [`cell_index`] and the three behind
/// it, all below q.
pub(crate) struct Table<L: Lanes> {
    pub(crate) cells: Vec<L::Cell>,
    pub(crate) window: Window,
    pub(crate) bases: usize,
}

impl<L: Lanes> Table<L> {
    /// The bytes of one digit's multiples of all bases.
    pub(crate) const fn position_bytes(bases: usize) -> usize {
        CELLS * size_of::<L::Cell>() * bases
    }

    /// The table of bases in the subgroup of order r, at least one.
    #[inline(always)]
    pub(crate) fn new(bases: &[Affine], window: Window) -> Self {
        let mut table = Self {
            cells: on_huge_pages(CELLS * bases.len() * window.positions),
            window,
            bases: bases.len(),
        };
        let vectors = bases.len().div_ceil(L::WIDTH);
        let (mut x, mut y): (Vec<L>, Vec<L>) = bases.chunks(L::WIDTH).map(load_points::<L>).unzip();
        let beta = load(&[L::cell(&BETA)]);
        let mut batch = Batch::new(vectors);
        for position in 0..window.positions {
            if position > 0 {
                for _ in 0..window.bits {
                    double_all(&mut batch, &mut x, &mut y);
                }
            }
            for vector in 0..vectors {
                let mut columns = [x[vector], L::one(), L::one(), y[vector]];
                for power in 1..3 {
                    let (lower, higher) = columns.split_at_mut(power);
                    L::mul(&mut higher[0], &lower[power - 1], &beta);
                    higher[0] = higher[0].canonical();
                }
                for (offset, column) in columns.iter().enumerate() {
                    let mut cells = [L::Cell::default(); MAX_WIDTH];
                    column.scatter::<1>(&mut cells);
                    for (base, cell) in (vector * L::WIDTH..bases.len()).zip(&cells[..L::WIDTH]) {
                        table.cells[cell_index(&window, base, position) as usize + offset] = *cell;
                    }
                }
            }
        }
        table
    }

    /// The point of an entry: a multiple of a base times a unit.
    pub(crate) fn point(&self, entry: u32) -> Affine {
        let element = |cell: u32| L::element(&self.cells[cell as usize]);
        let cell = entry & !NEGATIVE;
        let point = Affine { x: element(cell), y: element(cell | 3) };
        if entry & NEGATIVE == 0 { point } else { -point }
    }
}

/// Lane l from cell l; the last cell again where there are fewer.
#[inline(always)]
fn load<L: Lanes>(cells: &[L::Cell]) -> L {
    L::gather(cells, |lane| lane.min(cells.len() - 1))
}

/// The coordinates of points, one in each lane; the last point again where there are fewer.
#[inline(always)]
pub(crate) fn load_points<L: Lanes>(points: &[Affine]) -> (L, L) {
    let (mut x, mut y) = ([L::Cell::default(); MAX_WIDTH], [L::Cell::default(); MAX_WIDTH]);
    for ((x, y), point) in x.iter_mut().zip(&mut y).zip(points) {
        (*x, *y) = (L::cell(&point.x), L::cell(&point.y));
    }
    (load(&x[..points.len()]), load(&y[..points.len()]))
}

/// Doubles points with coordinates below q, which stay so. In a group of odd order no y is zero.
#[inline(always)]
fn double_all<L: Lanes>(batch: &mut Batch<L>, x: &mut [L], y: &mut [L]) {
    for (vector, y) in y.iter().enumerate() {
        L::double(&mut batch.dx[vector], y);
        batch.push(vector, L::ALL);
    }
    batch.invert(x.len(), |_, _| {});
    let [one, two, four] = [1, 2, 4].map(L::multiple_of_q);
    let zero = L::zero();
    let mut work = Work::new();
    for vector in (0..x.len()).rev() {
        let (x, y) = (&mut x[vector], &mut y[vector]);
        batch.inverse(&mut work.inverse, vector);
        L::triple_square(&mut work.numerator, x);
        L::mul(&mut work.slope, &work.numerator, &work.inverse);
        L::square_sub(&mut work.x, &work.slope, x, &zero, &two);
        L::sub_factor(&mut work.difference, x, &work.x, &four);
        L::mul_sub(&mut work.y, &work.slope, &work.difference, y, &one);
        (*x, *y) = (work.x.canonical(), work.y.canonical());
    }
}
