//! What a bucket holds: a cell of the table, and a sign.

use super::window::Window;

/// Cells for each multiple: x, βx, β²x and y.
pub(crate) const CELLS: usize = 4;

/// The sign of a table entry: whether its y is to be negated.
pub(crate) const NEGATIVE: u32 = 1 << 31;

/// The first cell of a multiple.
#[inline(always)]
pub(crate) fn cell_index(window: &Window, base: usize, position: usize) -> u32 {
    (CELLS * (base * window.positions + position)) as u32
}
