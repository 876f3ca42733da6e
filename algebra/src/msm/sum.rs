//! One multi-scalar multiplication, from scalars to a point.

use super::{
    lanes::{Lanes, MAX_WIDTH},
    rounds::{Leftovers, Sums},
    schedule::Schedule,
    table::Table,
    tree::{Lists, NONE, Points, Tree, read_point},
    window::Window,
};
use crate::{
    curve::{Affine, Projective},
    field::Fr,
};
use core::{ops::Range, sync::atomic::AtomicBool};

/// What a multiplication works in: nothing is allocated from the second one on, unless many scalars
/// are equal.
pub(crate) struct Scratch<L: Lanes> {
    schedule: Schedule,
    sums: Sums<L>,
    leftovers: Leftovers,
    points: Points<L>,
    lists: Lists,
    /// The points of [`combine`]'s first lists.
    axes: Vec<u32>,
    tree: Tree<L>,
}

impl<L: Lanes> Scratch<L> {
    pub(crate) fn new(window: &Window, bases: usize) -> Self {
        let slots = window.bucket_slots();
        let buckets = (1 << (2 * window.bits)) / 6;
        // Every bucket's sum stands in two lists, and each level of the tree adds half of what the
        // level before did.
        let points = slots + 2 * buckets + 64;
        Self {
            schedule: Schedule::new(slots, buckets, bases * window.positions),
            sums: Sums::new(slots),
            leftovers: Vec::new(),
            points: Points { cells: Vec::with_capacity(2 * points), bound: 1 },
            lists: Lists::default(),
            axes: Vec::new(),
            tree: Tree::new(buckets + MAX_WIDTH),
        }
    }
}

/// `Σ scalars[i]·bases[i]`, or `None` if it was told to stop.
#[inline(always)]
pub(crate) fn multiply<L: Lanes>(
    table: &Table<L>,
    scratch: &mut Scratch<L>,
    scalars: &[Fr],
    stop: &AtomicBool,
) -> Option<Projective> {
    let window = &table.window;
    scratch.schedule.clear();
    scratch.leftovers.clear();
    L::recode(window, 0, scalars, |bucket, entry| scratch.schedule.push(bucket as u16, entry));
    scratch.schedule.sort();
    let spilled = sum_spilled(table, scratch);
    scratch.points.cells.clear();
    scratch.points.bound =
        scratch.sums.accumulate(&table.cells, &scratch.schedule, &mut scratch.leftovers, stop)?;
    collect(window, scratch, &spilled);
    Some(combine(window, scratch, &spilled) + complete(table, &scratch.leftovers))
}

/// The sums of the points that found their buckets full, one for each bucket.
#[inline(always)]
fn sum_spilled<L: Lanes>(table: &Table<L>, scratch: &mut Scratch<L>) -> Vec<(u16, Affine)> {
    let Scratch { schedule, points, lists, tree, .. } = scratch;
    points.cells.clear();
    points.bound = 1;
    lists.clear();
    schedule.spilled.sort_unstable();
    let mut buckets = Vec::new();
    for group in schedule.spilled.chunk_by(|(left, _), (right, _)| left == right) {
        for (bucket, entry) in group {
            lists.push(points.len() as u32);
            let point = table.point(*entry);
            points.cells.extend([L::cell(&point.x), L::cell(&point.y)]);
            buckets.push(*bucket);
        }
        buckets.dedup();
        lists.end();
    }
    tree.sum_lists(points, lists);
    let sum = |(list, bucket): (usize, u16)| match lists.sum(list) {
        NONE => None,
        point => Some((bucket, read_point(points, point as usize))),
    };
    buckets.into_iter().enumerate().filter_map(sum).collect()
}

/// Moves the buckets' sums from lanes to rows, point b for bucket b, and those of the spilled
/// points behind them.
#[inline(always)]
fn collect<L: Lanes>(window: &Window, scratch: &mut Scratch<L>, spilled: &[(u16, Affine)]) {
    let cells = &mut scratch.points.cells;
    cells.resize(2 * window.bucket_slots(), L::Cell::default());
    let buckets = scratch.schedule.order();
    for ((x, y), buckets) in
        scratch.sums.x.iter().zip(&scratch.sums.y).zip(buckets.chunks(L::WIDTH))
    {
        let mut rows = [L::Cell::default(); 2 * MAX_WIDTH];
        x.scatter::<2>(&mut rows);
        y.scatter::<2>(&mut rows[1..]);
        for (bucket, row) in buckets.iter().zip(rows.chunks_exact(2)) {
            cells[2 * usize::from(*bucket)..][..2].copy_from_slice(row);
        }
    }
    cells.extend(spilled.iter().flat_map(|(_, point)| [L::cell(&point.x), L::cell(&point.y)]));
}

/// `Σ (x + yζ)·S` over the buckets' sums S: `Σ x·R_x + ζ·Σ y·C_y`, with R_x the sum of the buckets
/// of one x and C_y of one y.
///
/// These in turn are summed by the upper and by the lower half of the bits of x or y, so that a
/// handful of points is left.
#[inline(always)]
fn combine<L: Lanes>(
    window: &Window,
    scratch: &mut Scratch<L>,
    spilled: &[(u16, Affine)],
) -> Projective {
    let Scratch { schedule, points, lists, tree, axes, .. } = scratch;
    let side = 1u32 << (window.bits - 1);
    let extra = || {
        let places = window.bucket_slots() as u32..;
        spilled
            .iter()
            .zip(places)
            .map(|((bucket, _), place)| (window.digit(u32::from(*bucket)), place))
    };

    // R_1 … R_side, then C_1 … C_(side−1).
    lists.clear();
    for x in 1..=side {
        for bucket in
            (0..side).map(|y| window.bucket(x, y)).filter(|bucket| schedule.has_points(*bucket))
        {
            lists.push(bucket);
        }
        extra()
            .filter(|((bucket_x, _), _)| *bucket_x == x)
            .for_each(|(_, place)| lists.push(place));
        lists.end();
    }
    for y in 1..side {
        for bucket in
            (1..=side).map(|x| window.bucket(x, y)).filter(|bucket| schedule.has_points(*bucket))
        {
            lists.push(bucket);
        }
        extra()
            .filter(|((_, bucket_y), _)| *bucket_y == y)
            .for_each(|(_, place)| lists.push(place));
        lists.end();
    }
    tree.sum_lists(points, lists);
    axes.clear();
    axes.extend((0..2 * side - 1).map(|list| lists.sum(list as usize)));

    // By the upper bits of x, by the lower bits of x, by the upper bits of y, by the lower bits of
    // y.
    let low_bits = window.bits / 2;
    let (highs, lows) = (side >> low_bits, (1 << low_bits) - 1);
    lists.clear();
    for axis in axes.chunks(side as usize) {
        let by = |part: &dyn Fn(u32) -> u32, value: u32, lists: &mut Lists| {
            let digits = (1..).zip(axis).filter(|(digit, _)| part(*digit) == value);
            digits.for_each(|(_, point)| lists.push(*point));
            lists.end();
        };
        (1..=highs).for_each(|high| by(&|digit| digit >> low_bits, high, lists));
        (1..=lows).for_each(|low| by(&|digit| digit & lows, low, lists));
    }
    tree.sum_lists(points, lists);

    let weighted = |first, count| sum_weighted(points, lists, first..first + count, highs + lows);
    (0..low_bits).fold(weighted(0, highs), |sum, _| sum.double()) + weighted(highs, lows)
}

/// `Σ k·(R_k + ζC_k)` over lists of rows, k from 1 on, by a running sum from the highest k down.
/// C_k is the list `to_column` further.
#[inline(always)]
fn sum_weighted<L: Lanes>(
    points: &Points<L>,
    lists: &Lists,
    rows: Range<u32>,
    to_column: u32,
) -> Projective {
    let (mut running, mut total) = (Projective::INFINITY, Projective::INFINITY);
    let point = |list: u32| match lists.sum(list as usize) {
        NONE => None,
        point => Some(read_point(points, point as usize)),
    };
    for list in rows.rev() {
        if let Some(row) = point(list) {
            running = running.add_affine(&row);
        }
        if let Some(column) = point(list + to_column) {
            running = running.add_affine(&column.zeta());
        }
        total += running;
    }
    total
}

/// What the batches left over, by complete formulas.
fn complete<L: Lanes>(table: &Table<L>, leftovers: &Leftovers) -> Projective {
    leftovers.iter().fold(Projective::INFINITY, |sum, (bucket, entry)| {
        let (x, y) = table.window.digit(u32::from(*bucket));
        let point = table.point(*entry).to_projective();
        sum + point.mul_integer(x.into()) + point.zeta().mul_integer(y.into())
    })
}
