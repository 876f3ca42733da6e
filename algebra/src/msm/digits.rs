//! From scalars to digits, one scalar at a time (see [`super::window`]).

use super::{
    entry::{NEGATIVE, cell_index},
    window::Window,
};
use crate::{curve::ZETA, field::Fr};

/// `±ζ^unit` times the bucket's x + yζ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    /// [`Window::bucket`].
    pub(crate) bucket: u32,
    /// 0, 1 or 2: the exponent of ζ, the point's x-coordinate is multiplied by β^unit.
    pub(crate) unit: u32,
    /// Whether the point's y-coordinate is negated: by the sign, and by ζ, which negates it as
    /// well.
    pub(crate) negative: bool,
}

/// `(k₀, k₁)` with k = k₀ + k₁·x², both below x². k must be below r.
pub(crate) fn split(k: &[u64; 4]) -> (u128, u128) {
    // Barrett: with μ = floor(2^254/x²), the quotient comes out at most 2 too small.
    const MU: u128 = {
        // Long division, bit by bit.
        let (mut quotient, mut remainder, mut bit) = (0u128, 1u128, 0);
        while bit < 254 {
            remainder <<= 1;
            quotient <<= 1;
            if remainder >= ZETA {
                remainder -= ZETA;
                quotient |= 1;
            }
            bit += 1;
        }
        quotient
    };
    let low = u128::from(k[0]) | u128::from(k[1]) << 64;
    let high = u128::from(k[2]) | u128::from(k[3]) << 64;
    let mut k1 = mul_high(high << 2 | low >> 126, MU);
    let mut k0 = low.wrapping_sub(k1.wrapping_mul(ZETA));
    while k0 >= ZETA {
        k0 -= ZETA;
        k1 += 1;
    }
    (k0, k1)
}

/// The upper half of a product.
fn mul_high(a: u128, b: u128) -> u128 {
    let split = |x: u128| (x as u64 as u128, x >> 64);
    let ((a0, a1), (b0, b1)) = (split(a), split(b));
    let (low, left, right) = (a0 * b0, a1 * b0, a0 * b1);
    let middle = (low >> 64) + (left as u64 as u128) + (right as u64 as u128);
    a1 * b1 + (left >> 64) + (right >> 64) + (middle >> 64)
}

/// Calls `push(bucket, entry)` for the digits other than zero of scalars, the first of which
/// belongs to base `first`.
#[inline(always)]
pub(crate) fn recode_each(
    window: &Window,
    first: usize,
    scalars: &[Fr],
    mut push: impl FnMut(u32, u32),
) {
    for (base, scalar) in (first..).zip(scalars) {
        recode(window, &scalar.to_canonical(), |position, digit| {
            let sign = if digit.negative { NEGATIVE } else { 0 };
            push(digit.bucket, (cell_index(window, base, position) + digit.unit) | sign);
        });
    }
}

/// Calls `digit(position, digit)` for every digit of k other than zero, lowest position first.
#[inline(always)]
pub(crate) fn recode(window: &Window, k: &[u64; 4], mut digit: impl FnMut(usize, Digit)) {
    let (mut k0, mut k1) = split(k);
    let base = 1i32 << window.bits;
    let mask = (base - 1) as u128;
    let (mut carry0, mut carry1) = (0, 0);
    for position in 0..window.positions {
        let a = (k0 & mask) as i32 + carry0;
        let b = (k1 & mask) as i32 + carry1;
        k0 >>= window.bits;
        k1 >>= window.bits;
        // The nearest corner of the lattice's cell (0, 0), (base, 0), (0, base), (base, base).
        let near_zero = (2 * a + b <= base) & (a + 2 * b <= base);
        let near_both = (2 * a + b >= 2 * base) & (a + 2 * b >= 2 * base);
        carry0 = i32::from(near_both | (!near_zero & (a >= b)));
        carry1 = i32::from(near_both | (!near_zero & (a < b)));
        let (a, b) = (a - carry0 * base, b - carry1 * base);
        if (a | b) != 0 {
            digit(position, fold(window, a, b));
        }
    }
    debug_assert!((k0, k1, carry0, carry1) == (0, 0, 0, 0), "the top digit lies in the hexagon");
}

/// `a + bζ` other than zero as a unit times a digit x + yζ with x ≥ 1, y ≥ 0.
#[inline(always)]
fn fold(window: &Window, a: i32, b: i32) -> Digit {
    // Without branches: the digits are as good as random.
    let select = |condition: bool, a: i32, b: i32| {
        let mask = -i32::from(condition);
        (a & mask) | (b & !mask)
    };
    let lower = (b < 0) | ((b == 0) & (a < 0));
    let (a, b) = (select(lower, -a, a), select(lower, -b, b));
    // Now the angle is in [0°, 180°): turn by 0°, −60° or −120°.
    let turned = a <= 0;
    let twice = turned & (a + b <= 0);
    let once = turned & !twice;
    let x = select(twice, b, select(once, a + b, a));
    let y = select(twice, -a - b, select(once, -a, b));
    let unit = u32::from(turned) + u32::from(twice);
    Digit { bucket: window.bucket(x as u32, y as u32), unit, negative: lower ^ once }
}
