//! Exponential clocks, compared in integers.
//!
//! −log2 of a uniform number, over a weight, rings first with a probability of W_i / ΣW; and the
//! first of many small clocks is distributed like one large clock. Logarithms are computed bit by
//! bit in integers, so that every implementation compares alike.

use std::cmp::Ordering;

use crate::Address;

/// A prover's clock: it rings at `numerator / weight`.
pub(crate) struct Clock {
    pub(crate) numerator: u64,
    pub(crate) weight: u64,
    pub(crate) prover: Address,
}

impl Clock {
    /// Earlier first, ties by address bytes. Cross-multiplied in 128 bits: both factors are below
    /// 2^64.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let product =
            |numerator: u64, weight: u64| u128::from(numerator).saturating_mul(weight.into());
        product(self.numerator, other.weight)
            .cmp(&product(other.numerator, self.weight))
            .then_with(|| self.prover.cmp(&other.prover))
    }
}

/// `L_i = 64·2^32 − lg(x)`: `−log2(x / 2^64)` with 32 fractional bits.
pub(crate) fn exponential(x: u128) -> u64 {
    (64_u64 << 32).saturating_sub(lg(x))
}

/// `log2(x)` with 32 fractional bits, rounded down bit by bit, for x from 1 to 2^64.
///
/// The mantissa m stands for a number from 1 to 2, with 63 fractional bits; squaring it doubles the
/// logarithm, and each time it reaches 2 the next bit is one.
pub fn lg(x: u128) -> u64 {
    if x >= 1 << 64 {
        return 64 << 32;
    }
    let Some(k) = x.checked_ilog2() else {
        return 0;
    };
    let mut mantissa = x << 63_u32.saturating_sub(k);
    let mut bits = 0_u64;
    for _ in 0..32 {
        // m < 2^64, so m² fits 128 bits.
        mantissa = mantissa.saturating_mul(mantissa) >> 63;
        let bit = mantissa >> 64;
        mantissa >>= u32::from(bit > 0);
        bits = bits << 1 | u64::from(bit > 0);
    }
    u64::from(k) << 32 | bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prover(number: u8) -> Address {
        Address([number; 32])
    }

    #[test]
    fn lg_vectors() {
        assert_eq!(lg(16_481_359_804_300_044_275), 274_179_841_960);
        assert_eq!(lg(1), 0);
        assert_eq!(lg(2), 1 << 32);
        assert_eq!(lg(1 << 63), 63 << 32);
        assert_eq!(lg(1 << 64), 64 << 32);
        // log2(3) = 1.58496250072…, and 0.58496250072·2^32 = 2512394809.98…, rounded down bit by
        // bit.
        assert_eq!(lg(3), (1 << 32) + 2_512_394_809);
    }

    #[test]
    fn ties_go_by_address() {
        let clock = |number| Clock { numerator: 5, weight: 7, prover: prover(number) };
        assert_eq!(clock(1).compare(&clock(2)), Ordering::Less);
        let doubled = Clock { numerator: 10, weight: 14, prover: prover(0) };
        assert_eq!(doubled.compare(&clock(1)), Ordering::Less);
        let early = Clock { numerator: 4, weight: 7, prover: prover(9) };
        assert_eq!(early.compare(&clock(1)), Ordering::Less);
    }

    proptest! {
        #[test]
        fn lg_grows_with_x(a: u64, b: u64) {
            let (low, high) = (u128::from(a.min(b)) + 1, u128::from(a.max(b)) + 1);
            prop_assert!(lg(low) <= lg(high));
        }

        #[test]
        fn lg_of_a_double_is_one_more(x in 1_u128..1 << 63) {
            prop_assert_eq!(lg(2 * x), lg(x) + (1 << 32));
        }
    }
}
