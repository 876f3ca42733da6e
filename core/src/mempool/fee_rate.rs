//! Fees per byte, compared exactly.

use std::cmp::Ordering;

/// A fee in relation to the bytes that it pays for. Two rates are compared as fractions, in 128
/// bits: no division, nothing is rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct FeeRate {
    fee: u64,
    bytes: u64,
}

impl FeeRate {
    /// The rate of a transaction with this fee, in microcredits, and this many bytes.
    pub(super) fn new(fee: u64, bytes: usize) -> Self {
        Self { fee, bytes: (bytes as u64).max(1) }
    }

    /// What so many bytes cost at this rate, rounded down: a transaction of this size has a higher
    /// rate exactly if its fee is above.
    pub(super) fn fee_of(self, bytes: usize) -> u64 {
        let fee = u128::from(self.fee) * bytes as u128 / u128::from(self.bytes);
        u64::try_from(fee).unwrap_or(u64::MAX)
    }

    /// The least fee with which a transaction of so many bytes may replace one of this rate: fee
    /// and rate must both be 10 % higher, rounded up, and the fee at least 1 microcredit.
    pub(super) fn replacement_fee(self, bytes: usize) -> u64 {
        let fee = self.fee.saturating_add(self.fee.div_ceil(10).max(1));
        let by_rate =
            (u128::from(self.fee) * 11 * bytes as u128).div_ceil(u128::from(self.bytes) * 10);
        fee.max(u64::try_from(by_rate).unwrap_or(u64::MAX))
    }
}

impl Ord for FeeRate {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |fee: u64, bytes: u64| u128::from(fee) * u128::from(bytes);
        cross(self.fee, other.bytes).cmp(&cross(other.fee, self.bytes))
    }
}

impl PartialOrd for FeeRate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FeeRate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FeeRate {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 60 << 10;

    proptest! {
        #[test]
        fn rates_are_ordered_like_fractions(
            a: u64,
            b: u64,
            c: u64,
            [x, y, z] in [1..=MAX, 1..=MAX, 1..=MAX],
        ) {
            let [p, q, r] = [FeeRate::new(a, x), FeeRate::new(b, y), FeeRate::new(c, z)];
            prop_assert_eq!(p.cmp(&q), q.cmp(&p).reverse());
            if p <= q && q <= r {
                prop_assert!(p <= r);
            }
            // Common factors are no difference.
            prop_assert_eq!(FeeRate::new(a / 8 * 7, x * 7), FeeRate::new(a / 8, x));
        }

        #[test]
        fn a_fee_above_that_of_a_rate_is_a_higher_rate(
            fee in 0..u64::MAX >> 20, [x, y] in [1..=MAX, 1..=MAX],
        ) {
            let rate = FeeRate::new(fee, x);
            prop_assert!(FeeRate::new(rate.fee_of(y), y) <= rate);
            prop_assert!(FeeRate::new(rate.fee_of(y) + 1, y) > rate);
            prop_assert_eq!(rate.fee_of(x), fee);
        }

        #[test]
        fn a_replacement_has_a_tenth_more_of_fee_and_rate_and_no_less_would_do(
            fee in 1..u64::MAX >> 20, [x, y] in [1..=MAX, 1..=MAX],
        ) {
            let needed = FeeRate::new(fee, x).replacement_fee(y);
            let is_enough = |new: u64| {
                let (old, new, x, y) = (u128::from(fee), u128::from(new), x as u128, y as u128);
                new * 10 >= old * 11 && new * x * 10 >= old * y * 11
            };
            prop_assert!(is_enough(needed));
            prop_assert!(!is_enough(needed - 1));
        }
    }

    #[test]
    fn the_least_and_the_largest_fees() {
        assert_eq!(FeeRate::new(0, 221).replacement_fee(221), 1);
        assert_eq!(FeeRate::new(u64::MAX, 221).replacement_fee(221), u64::MAX);
        assert_eq!(FeeRate::new(u64::MAX, 1).fee_of(MAX), u64::MAX);
        assert!(FeeRate::new(u64::MAX, 1) > FeeRate::new(u64::MAX, 2));
        assert!(FeeRate::new(1, usize::MAX) > FeeRate::new(0, 1));
    }
}
