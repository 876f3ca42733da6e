//! Sums of multiples of a few points that are not known beforehand (Straus, 1964), over the
//! endomorphism ζ.

use crate::{Affine, Fr, Projective, msm::split};

/// Digits are odd, from −15 to 15: one in six bits is not zero.
const WIDTH: u32 = 5;
/// Odd multiples of a point: 1, 3 … 15.
const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Numbers below x² have 127 bits, and a digit may carry into the next.
const DIGITS: usize = 128;

/// `Σ scalar·point` for points of the subgroup of order r. Variable time.
///
/// Every scalar is taken as k₀ + k₁·x² with halves of 127 bits, and x²·P as ζP, so that all terms
/// share 127 doublings. For many points, or the same ones again and again, see
/// [`crate::FixedBase`].
pub fn sum_of_multiples(terms: &[(Affine, Fr)]) -> Projective {
    let odd_multiples = |(point, _): &(Affine, Fr)| {
        let first = point.to_projective();
        let double = first.double();
        core::iter::successors(Some(first), move |multiple| Some(*multiple + double))
            .take(MULTIPLES)
    };
    let multiples: Vec<Projective> = terms.iter().flat_map(odd_multiples).collect();
    let multiples = Projective::batch_to_affine(&multiples);
    let digits: Vec<_> = terms
        .iter()
        .map(|(_, scalar)| {
            let (low, high) = split(&scalar.to_canonical());
            [non_adjacent_form(low), non_adjacent_form(high)]
        })
        .collect();

    let mut sum = Projective::INFINITY;
    for place in (0..DIGITS).rev() {
        if !sum.is_infinity() {
            sum = sum.double();
        }
        for (multiples, [low, high]) in multiples.chunks_exact(MULTIPLES).zip(&digits) {
            let multiple = |digit: i8| multiples[usize::from(digit.unsigned_abs() / 2)];
            let signed = |digit: i8, point: Affine| if digit < 0 { -point } else { point };
            if let (true, Some(point)) = (low[place] != 0, multiple(low[place])) {
                sum = sum.add_affine(&signed(low[place], point));
            }
            if let (true, Some(point)) = (high[place] != 0, multiple(high[place])) {
                sum = sum.add_affine(&signed(high[place], point.zeta()));
            }
        }
    }
    sum
}

/// Digits of a number below 2^127, least significant first.
fn non_adjacent_form(mut k: u128) -> [i8; DIGITS] {
    let mut digits = [0; DIGITS];
    let mut place = 0;
    while k != 0 {
        let zeros = k.trailing_zeros();
        (k, place) = (k >> zeros, place + zeros as usize);
        let low = (k & ((1 << WIDTH) - 1)) as i8;
        let digit = if low < 1 << (WIDTH - 1) { low } else { low - (1 << WIDTH) };
        digits[place] = digit;
        k = k.wrapping_sub(digit as u128);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ZETA;

    #[test]
    fn the_digits_sum_to_the_number() {
        let edges =
            [0, 1, 2, 15, 16, 17, 31, 32, ZETA - 1, ZETA / 2, (1 << 127) - 1, (1 << 126) + 1];
        let random =
            (1..200u128).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 1);
        for k in edges.into_iter().chain(random) {
            let digits = non_adjacent_form(k);
            let sum = digits
                .iter()
                .rev()
                .fold(0u128, |sum, digit| (sum << 1).wrapping_add(*digit as u128));
            assert_eq!(sum, k);
            assert!(
                digits
                    .iter()
                    .all(|digit| *digit == 0 || (digit % 2 != 0 && digit.unsigned_abs() <= 15))
            );
        }
    }
}
