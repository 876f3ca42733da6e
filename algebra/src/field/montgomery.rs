//! Arithmetic modulo a prime on arrays of 64-bit limbs, least significant first, portable and
//! branch-free.

use super::prime::Params;

/// `a + b·c + carry`, as (low, high) words. Never overflows: (2^64 − 1)² + 2·(2^64 − 1) = 2^128
/// − 1.
#[inline(always)]
pub(crate) const fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let wide = a as u128 + (b as u128) * (c as u128) + carry as u128;
    (wide as u64, (wide >> 64) as u64)
}

/// `a + b`, and whether it overflowed.
#[inline(always)]
pub(crate) const fn add<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let mut sum = [0; N];
    let mut carry = false;
    let mut i = 0;
    while i < N {
        let (partial, first) = a[i].overflowing_add(b[i]);
        let (total, second) = partial.overflowing_add(carry as u64);
        (sum[i], carry) = (total, first | second);
        i += 1;
    }
    (sum, carry)
}

/// `a − b`, and whether it borrowed.
#[inline(always)]
pub(crate) const fn sub<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let mut difference = [0; N];
    let mut borrow = false;
    let mut i = 0;
    while i < N {
        let (partial, first) = a[i].overflowing_sub(b[i]);
        let (total, second) = partial.overflowing_sub(borrow as u64);
        (difference[i], borrow) = (total, first | second);
        i += 1;
    }
    (difference, borrow)
}

/// Whether `a < b`.
#[inline]
pub(crate) const fn less_than<const N: usize>(a: &[u64; N], b: &[u64; N]) -> bool {
    sub(a, b).1
}

/// `condition ? a : b` without a branch: the limbs are as good as random, a branch would be
/// mispredicted half the time.
#[inline(always)]
pub(crate) const fn select<const N: usize>(
    condition: bool,
    a: &[u64; N],
    b: &[u64; N],
) -> [u64; N] {
    let mask = (condition as u64).wrapping_neg();
    let mut out = [0; N];
    let mut i = 0;
    while i < N {
        out[i] = (a[i] & mask) | (b[i] & !mask);
        i += 1;
    }
    out
}

/// `a mod p` for `a < 2p`.
#[inline(always)]
pub(crate) const fn reduce_once<const N: usize>(a: &[u64; N], p: &[u64; N]) -> [u64; N] {
    let (difference, borrow) = sub(a, p);
    select(borrow, a, &difference)
}

/// `a + b mod p` for `a, b < p`. The sum fits, since p leaves the top bit free.
#[inline(always)]
pub(crate) const fn add_mod<P: Params<N>, const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    let (sum, _) = add(a, b);
    reduce_once(&sum, &P::MODULUS)
}

/// `a − b mod p` for `a, b < p`.
#[inline(always)]
pub(crate) const fn sub_mod<P: Params<N>, const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    let (difference, borrow) = sub(a, b);
    let (corrected, _) = add(&difference, &select(borrow, &P::MODULUS, &[0; N]));
    corrected
}

/// `a·b / 2^(64·N) mod p` for `a·b < 2^(64·N)·p`, in particular for `b < p` and any `a` whose top
/// bit is clear.
#[inline(always)]
pub(crate) const fn mul_mod<P: Params<N>, const N: usize>(a: &[u64; N], b: &[u64; N]) -> [u64; N] {
    reduce_once(&mul_loose::<P, N>(a, b), &P::MODULUS)
}

/// `a·b / 2^(64·N)` modulo p, but only below `p + a·b/2^(64·N)`; for a and b whose top bits are
/// clear.
///
/// Montgomery's multiplication, operand scanning with the two inner loops merged. The top limb of p
/// leaves a bit free, so that the two carries of a row sum into one limb (Gautam Botrel, Gus
/// Gutoski, Thomas Piellard: Faster big-integer modular multiplication for most moduli, 2020).
#[inline(always)]
pub(crate) const fn mul_loose<P: Params<N>, const N: usize>(
    a: &[u64; N],
    b: &[u64; N],
) -> [u64; N] {
    let p = &P::MODULUS;
    let mut t = [0u64; N];
    let mut i = 0;
    while i < N {
        let (low, mut product_carry) = mac(t[0], a[0], b[i], 0);
        let m = low.wrapping_mul(P::NEG_INV);
        let (_, mut reduction_carry) = mac(low, m, p[0], 0);
        let mut j = 1;
        while j < N {
            let (column, carry) = mac(t[j], a[j], b[i], product_carry);
            product_carry = carry;
            (t[j - 1], reduction_carry) = mac(column, m, p[j], reduction_carry);
            j += 1;
        }
        t[N - 1] = product_carry + reduction_carry;
        i += 1;
    }
    t
}

/// `−p^(−1) mod 2^64` for odd `p`, by Newton's iteration: each step doubles the number of correct
/// low bits.
pub(crate) const fn neg_inv(p: u64) -> u64 {
    let mut inverse = 1u64;
    let mut bits = 1;
    while bits < 64 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse.wrapping_neg()
}

/// `2^exponent mod p`, for constants.
pub(crate) const fn power_of_two<const N: usize>(exponent: usize, p: &[u64; N]) -> [u64; N] {
    let mut power = [0; N];
    power[0] = 1;
    let mut i = 0;
    while i < exponent {
        let (double, _) = add(&power, &power);
        power = reduce_once(&double, p);
        i += 1;
    }
    power
}

/// The integer in at most `8·N` little-endian bytes.
pub(crate) fn from_le_bytes<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let mut limbs = [0; N];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks(8)) {
        *limb = chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    }
    limbs
}
