//! How scalars are cut into digits: Eisenstein integers of a hexagon.
//!
//! BLS12-377 has the endomorphism ζ(x, y) = (βx, −y), β a cube root of one, and ζP = x²·P on the
//! subgroup of order r, x the curve's parameter. It is a sixth root of unity: ζ² = ζ − 1. A scalar
//! k = k₀ + k₁·x² thus is the Eisenstein integer κ = k₀ + k₁ζ, and multiplying a point by one of
//! the six units ±1, ±ζ, ±ζ² costs nothing.
//!
//! κ is written in base 2^c with digits from the lattice's Voronoi cell of 2^c·Z\[ζ\], the hexagon
//! that the units map onto itself: each digit is a unit times one of a sixth of the hexagon, x + yζ
//! with x ≥ 1, y ≥ 0, 2x + y ≤ 2^c, x + 2y ≤ 2^c. That makes 4^c/6 buckets for 2c bits of the
//! scalar, where signed integer digits have 4^c/2. (Endomorphism: Gallant, Lambert and Vanstone,
//! CRYPTO 2001; buckets: Brickell, Gordon, McCurley and Wilson, EUROCRYPT 1992, and Pippenger,
//! 1976.)

use crate::curve::ZETA;

/// Digits in base `2^bits`, `positions` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// c: each digit covers c bits of k₀ and of k₁. From 2 to 8.
    pub(crate) bits: u32,
    /// How many digits a scalar below r has.
    pub(crate) positions: usize,
}

impl Window {
    const MIN_BITS: u32 = 2;
    /// Beyond these, the buckets cost more than the digits save, for all numbers of bases that
    /// there are.
    const MAX_BITS: u32 = 8;
    /// The fewest digits of any window.
    pub(crate) const MIN_POSITIONS: usize = Self::new(Self::MAX_BITS).positions;

    /// The window of the fewest additions for sums over `n` bases, of those with at most
    /// `max_positions` digits; `None` if there is none.
    pub(crate) fn for_bases(n: usize, max_positions: usize) -> Option<Self> {
        // One addition per digit, two per bucket.
        let cost = |window: &Self| n * window.positions + (1 << (2 * window.bits)) / 3;
        let windows = (Self::MIN_BITS..=Self::MAX_BITS).map(Self::new);
        windows.filter(|window| window.positions <= max_positions).min_by_key(cost)
    }

    /// The window of c bits.
    pub(crate) const fn new(bits: u32) -> Self {
        // The top digit has to stay in the hexagon, for there is none above it: k₀ and k₁ are below
        // x², and the carry is 1 at most.
        let mut positions = 1;
        while let Some(top) = ZETA.checked_shr(bits * (positions - 1))
            && 3 * (top + 1) > 1 << bits
        {
            positions += 1;
        }
        Self { bits, positions: positions as usize }
    }

    /// Bucket numbers are below this; not all occur.
    pub(crate) const fn bucket_slots(&self) -> usize {
        1 << (2 * (self.bits - 1))
    }

    /// The number of the bucket of x + yζ.
    pub(crate) const fn bucket(&self, x: u32, y: u32) -> u32 {
        y << (self.bits - 1) | (x - 1)
    }

    /// The digit (x, y) of a bucket's number.
    pub(crate) const fn digit(&self, bucket: u32) -> (u32, u32) {
        ((bucket & ((1 << (self.bits - 1)) - 1)) + 1, bucket >> (self.bits - 1))
    }
}
