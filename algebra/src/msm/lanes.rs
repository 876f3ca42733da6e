//! What the sums over points need of a back end: elements of Fq, one or eight side by side.
//!
//! The algorithms above are written once, over this trait. Values stay below a small multiple of q,
//! which the caller tracks: a difference is raised by a [`Lanes::Multiple`] of q, so that lanes
//! without reduction never go below zero. Lanes that reduce ignore it. A *factor* may only be
//! multiplied; a *value* may be added and subtracted as well.
//!
//! Eight elements take 512 bytes and live in memory. Results therefore go where the caller wants
//! them, through `out`: returned by value they would be copied, and the copies would take as long
//! as the multiplications.

use super::{digits::recode_each, window::Window};
use crate::field::{Fq, Fr};

/// How many elements the widest back end takes side by side.
pub(crate) const MAX_WIDTH: usize = 8;

/// A cell for each lane, by index. Narrow back ends use the first entries.
pub(crate) type Indices = [u32; MAX_WIDTH];

/// `WIDTH` elements of Fq.
///
/// Every method is inlined into callers that were compiled for the back end's instructions.
pub(crate) trait Lanes: Copy + Send + Sync + 'static {
    /// How many elements.
    const WIDTH: usize;
    /// One element as tables hold it.
    type Cell: Copy + Default + Send + Sync;
    /// A multiple of q.
    type Multiple: Copy;

    /// The mask that selects every lane.
    const ALL: u8 = (((1u16) << Self::WIDTH) - 1) as u8;

    /// `k·q`.
    fn multiple_of_q(k: u32) -> Self::Multiple;
    /// A cell that holds an element.
    fn cell(x: &Fq) -> Self::Cell;
    /// The element in a cell below q.
    fn element(cell: &Self::Cell) -> Fq;

    /// Zero in every lane.
    fn zero() -> Self;
    /// One in every lane.
    fn one() -> Self;
    /// Lane l from cell `at(l)`: a value.
    fn gather(cells: &[Self::Cell], at: impl Fn(usize) -> usize) -> Self;
    /// Lane l of a value to cell `STRIDE·l`, for the first lanes: as many as there are cells.
    fn scatter<const STRIDE: usize>(&self, cells: &mut [Self::Cell]);
    /// Which lanes' entries have the bit [`NEGATIVE`](super::entry::NEGATIVE).
    #[inline(always)]
    fn signs(entries: &Indices) -> u8 {
        (0..Self::WIDTH).fold(0, |signs, lane| signs | ((entries[lane] >> 31) as u8) << lane)
    }
    /// Lane by lane: `a` where the mask's bit is set, `b` elsewhere.
    fn select(mask: u8, a: &Self, b: &Self) -> Self;

    /// `±a + raise`, minus where the mask's bit is set: a value.
    fn signed(out: &mut Self, a: &Self, negative: u8, raise: &Self::Multiple);
    /// `a − b + raise`: a value.
    fn sub(out: &mut Self, a: &Self, b: &Self, raise: &Self::Multiple);
    /// `a − b + raise`: a factor.
    fn sub_factor(out: &mut Self, a: &Self, b: &Self, raise: &Self::Multiple);
    /// `±a − b + raise`: a factor.
    fn signed_sub_factor(out: &mut Self, a: &Self, negative: u8, b: &Self, raise: &Self::Multiple);
    /// `2·a`: a value.
    fn double(out: &mut Self, a: &Self);
    /// `a·b`: a factor below 1.6·q, for factors whose product is below 2^34·q².
    fn mul(out: &mut Self, a: &Self, b: &Self);
    /// `3·a²`: a factor.
    fn triple_square(out: &mut Self, a: &Self);
    /// `a·b − c + raise`: a value.
    fn mul_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, raise: &Self::Multiple);
    /// `a² − 2·b − c + raise`: a value.
    fn square_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, raise: &Self::Multiple);
    /// The same elements as values below q, of a value or a factor.
    fn canonical(&self) -> Self;
    /// Which lanes are zero modulo q.
    fn zero_lanes(&self) -> u8;
    /// `1/a` as a factor, or `None` if any lane is zero modulo q.
    fn inverse(a: &Self) -> Option<Self>;

    /// Calls `push(bucket, entry)` for the digits other than zero of scalars, the first of which
    /// belongs to base `first`.
    #[inline(always)]
    fn recode(window: &Window, first: usize, scalars: &[Fr], push: impl FnMut(u32, u32)) {
        recode_each(window, first, scalars, push);
    }
}

/// The size of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE_BYTES: usize = 64;

/// Asks for an element of a slice, all of its cache lines, to be brought near; any index will do.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let element: *const i8 = slice.as_ptr().wrapping_add(index).cast();
        // SAFETY: SSE is part of x86-64, and a prefetch of any address has no effect on the
        // program.
        let prefetch =
            |offset: usize| unsafe { _mm_prefetch::<_MM_HINT_T0>(element.wrapping_add(offset)) };
        let mut offset = 0;
        while offset < size_of::<T>() {
            prefetch(offset);
            offset += LINE_BYTES;
        }
        // Elements that are not aligned to lines may end in one more.
        if align_of::<T>() < LINE_BYTES {
            prefetch(size_of::<T>() - 1);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, index);
}
