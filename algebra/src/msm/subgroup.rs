//! Which points of the curve lie in the subgroup of order r, many points at a time.

use super::{
    lanes::Lanes,
    scalar::{One, Portable},
    table::load_points,
};
use crate::{
    Backend,
    curve::{Affine, BETA, X},
};
#[cfg(target_arch = "x86_64")]
use {super::scalar::Adx, crate::avx512::fq::Fq8};

/// Points in coordinates X, Y, ZZ and ZZZ, as [`crate::Projective`]: X and Y are values below 8·q,
/// ZZ and ZZZ factors.
#[derive(Clone, Copy)]
struct Lifted<L> {
    x: L,
    y: L,
    zz: L,
    zzz: L,
}

/// [`Affine::is_in_subgroup`] for many points of the curve, with lanes eight for the time of one.
///
/// # Panics
/// If the processor lacks the back end's instructions.
pub fn are_in_subgroup(backend: Backend, points: &[Affine]) -> Vec<bool> {
    assert!(
        backend.is_available(),
        "the processor lacks the instructions of the back end {backend}"
    );
    match backend {
        // SAFETY: the back end was checked.
        #[cfg(target_arch = "x86_64")]
        Backend::Ifma => unsafe { are_members_ifma(points) },
        // SAFETY: the back end was checked.
        #[cfg(target_arch = "x86_64")]
        Backend::Avx512 => unsafe { are_members_avx512(points) },
        #[cfg(target_arch = "x86_64")]
        Backend::Scalar => are_members::<One<Adx>>(points),
        _ => are_members::<One<Portable>>(points),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512ifma")]
fn are_members_ifma(points: &[Affine]) -> Vec<bool> {
    are_members::<Fq8<true>>(points)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn are_members_avx512(points: &[Affine]) -> Vec<bool> {
    are_members::<Fq8<false>>(points)
}

/// For each point of the curve, whether ζP = x²·P (see [`Affine::is_in_subgroup`]).
///
/// The formulas are those for different points, none of them at infinity. Points of the subgroup
/// never break that: what is added on the way to x²·P are multiples of P by numbers between 1 and r
/// that differ, and whose sum is not r. Where other points break it, ZZ becomes zero, stays so, and
/// is no coordinate of ζP.
#[inline(always)]
pub(crate) fn are_members<L: Lanes>(points: &[Affine]) -> Vec<bool> {
    let mut members = Vec::with_capacity(points.len());
    for points in points.chunks(L::WIDTH) {
        let inside = members_of_vector::<L>(points);
        members.extend((0..points.len()).map(|lane| inside >> lane & 1 == 1));
    }
    members
}

#[inline(always)]
fn members_of_vector<L: Lanes>(points: &[Affine]) -> u8 {
    let (x, y) = load_points::<L>(points);
    let (zero, one) = (L::zero(), L::one());
    let mut multiple = Lifted { x, y, zz: one, zzz: one };
    for _ in 0..2 {
        // x·(x·P), each time from the highest bit down.
        let base = multiple;
        for bit in (0..63).rev() {
            double(&mut multiple, &zero);
            if X >> bit & 1 == 1 {
                add(&mut multiple, &base, &zero);
            }
        }
    }
    // ζP = (βx, −y): X − βx·ZZ and Y + y·ZZZ are to be zero, ZZ is not. Either coordinate alone
    // would do: x²P = −ζP holds for (0, ±1) alone, since gcd(x⁴ + x² + 1, h·r) = 3, and x²P = −P or
    // ζ⁻¹P for points of order 2 alone, and of both ZZ is zero. Comparing both costs little and
    // needs no such argument.
    let [none, two, eight] = [0, 2, 8].map(L::multiple_of_q);
    let (mut product, mut zeta_x, mut difference) = (zero, zero, zero);
    L::mul(&mut zeta_x, &x, &L::gather(&[L::cell(&BETA)], |_| 0));
    L::mul_sub(&mut product, &zeta_x, &multiple.zz, &zero, &none);
    L::sub_factor(&mut difference, &multiple.x, &product, &two);
    let same_x = difference.zero_lanes();
    let mut negated = zero;
    L::sub(&mut negated, &zero, &multiple.y, &eight);
    L::mul_sub(&mut product, &y, &multiple.zzz, &zero, &none);
    L::sub_factor(&mut difference, &negated, &product, &two);
    let same_y = difference.zero_lanes();
    same_x & same_y & !multiple.zz.zero_lanes()
}

/// 2P ("dbl-2008-s-1").
#[inline(always)]
fn double<L: Lanes>(p: &mut Lifted<L>, zero: &L) {
    let [none, two, four, six] = [0, 2, 4, 6].map(L::multiple_of_q);
    let (mut u, mut v, mut w, mut s, mut m) = (*zero, *zero, *zero, *zero, *zero);
    L::double(&mut u, &p.y);
    L::mul(&mut v, &u, &u);
    L::mul(&mut w, &u, &v);
    L::mul_sub(&mut s, &p.x, &v, zero, &none);
    L::triple_square(&mut m, &p.x);
    // s is below 2·q, and x below 6·q then.
    let mut x = *zero;
    L::square_sub(&mut x, &m, &s, zero, &four);
    let (mut difference, mut wy, mut product) = (*zero, *zero, *zero);
    L::sub_factor(&mut difference, &s, &x, &six);
    L::mul_sub(&mut wy, &w, &p.y, zero, &none);
    L::mul_sub(&mut p.y, &m, &difference, &wy, &two);
    p.x = x;
    L::mul(&mut product, &p.zz, &v);
    p.zz = product;
    L::mul(&mut product, &p.zzz, &w);
    p.zzz = product;
}

/// P + Q ("add-2008-s").
#[inline(always)]
fn add<L: Lanes>(p: &mut Lifted<L>, other: &Lifted<L>, zero: &L) {
    let [none, two, six, eight] = [0, 2, 6, 8].map(L::multiple_of_q);
    let (mut u1, mut s1, mut u2, mut s2) = (*zero, *zero, *zero, *zero);
    L::mul_sub(&mut u1, &p.x, &other.zz, zero, &none);
    L::mul_sub(&mut s1, &p.y, &other.zzz, zero, &none);
    L::mul_sub(&mut u2, &other.x, &p.zz, zero, &none);
    L::mul_sub(&mut s2, &other.y, &p.zzz, zero, &none);
    let (mut dx, mut dy) = (*zero, *zero);
    L::sub_factor(&mut dx, &u2, &u1, &two);
    L::sub_factor(&mut dy, &s2, &s1, &two);
    let (mut pp, mut ppp, mut q) = (*zero, *zero, *zero);
    L::mul(&mut pp, &dx, &dx);
    L::mul_sub(&mut ppp, &dx, &pp, zero, &none);
    L::mul_sub(&mut q, &u1, &pp, zero, &none);
    // Three products are below 6·q, and x below 8·q then.
    L::square_sub(&mut p.x, &dy, &q, &ppp, &six);
    let (mut difference, mut product) = (*zero, *zero);
    L::sub_factor(&mut difference, &q, &p.x, &eight);
    L::mul_sub(&mut product, &s1, &ppp, zero, &none);
    L::mul_sub(&mut p.y, &dy, &difference, &product, &two);
    for (coordinate, factor, other) in [(&mut p.zz, &pp, &other.zz), (&mut p.zzz, &ppp, &other.zzz)]
    {
        L::mul(&mut product, coordinate, other);
        L::mul(coordinate, &product, factor);
    }
}
