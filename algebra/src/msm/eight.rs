//! Eight elements at a time, in AVX-512 lanes.

use super::{
    digits::recode_each,
    digits_eight::recode_eight,
    lanes::{Indices, Lanes},
    window::Window,
};
use crate::{
    avx512::{
        fq::{Fq8, Multiple, Row, multiple_of_q},
        lanes,
    },
    field::{Fq, Fr},
};
use core::arch::x86_64::{_mm256_loadu_ps, _mm256_movemask_ps};

impl<const IFMA: bool> Lanes for Fq8<IFMA> {
    const WIDTH: usize = 8;
    type Cell = Row;
    type Multiple = Multiple;

    #[inline(always)]
    fn multiple_of_q(k: u32) -> Multiple {
        multiple_of_q(k)
    }

    #[inline(always)]
    fn cell(x: &Fq) -> Row {
        Row::new(x)
    }

    #[inline(always)]
    fn element(cell: &Row) -> Fq {
        cell.get()
    }

    #[inline(always)]
    fn zero() -> Self {
        lanes!(Fq8::zero())
    }

    #[inline(always)]
    fn one() -> Self {
        lanes!(Fq8::one())
    }

    #[inline(always)]
    fn gather(cells: &[Row], at: impl Fn(usize) -> usize) -> Self {
        let cell = |lane: usize| &cells[at(lane)];
        lanes!(Fq8::from_rows([
            cell(0),
            cell(1),
            cell(2),
            cell(3),
            cell(4),
            cell(5),
            cell(6),
            cell(7)
        ]))
    }

    #[inline(always)]
    fn scatter<const STRIDE: usize>(&self, cells: &mut [Row]) {
        let rows = lanes!(self.to_rows());
        for (cell, row) in cells.iter_mut().step_by(STRIDE).zip(&rows) {
            *cell = *row;
        }
    }

    #[inline(always)]
    fn signs(entries: &Indices) -> u8 {
        // SAFETY: eight entries are 32 bytes, and AVX-512 F implies AVX.
        unsafe { _mm256_movemask_ps(_mm256_loadu_ps(entries.as_ptr().cast())) as u8 }
    }

    #[inline(always)]
    fn select(mask: u8, a: &Self, b: &Self) -> Self {
        lanes!(Fq8::select(mask, a, b))
    }

    #[inline(always)]
    fn signed(out: &mut Self, a: &Self, negative: u8, raise: &Multiple) {
        *out = lanes!(a.limbs_negate(negative).limbs_raise(raise).to_value());
    }

    #[inline(always)]
    fn sub(out: &mut Self, a: &Self, b: &Self, raise: &Multiple) {
        *out = lanes!(a.limbs_sub(b).limbs_raise(raise).to_value());
    }

    #[inline(always)]
    fn sub_factor(out: &mut Self, a: &Self, b: &Self, raise: &Multiple) {
        *out = lanes!(a.limbs_sub(b).limbs_raise(raise).to_factor());
    }

    #[inline(always)]
    fn signed_sub_factor(out: &mut Self, a: &Self, negative: u8, b: &Self, raise: &Multiple) {
        *out = lanes!(a.limbs_negate(negative).limbs_sub(b).limbs_raise(raise).to_factor());
    }

    #[inline(always)]
    fn double(out: &mut Self, a: &Self) {
        *out = lanes!(a.limbs_add(a).to_value());
    }

    #[inline(always)]
    fn mul(out: &mut Self, a: &Self, b: &Self) {
        lanes!(Fq8::mul_to(out, a, b));
    }

    #[inline(always)]
    fn triple_square(out: &mut Self, a: &Self) {
        lanes!({
            let mut square = *a;
            Fq8::square_add_to(&mut square, a, &Fq8::zero());
            *out = square.limbs_add(&square).limbs_add(&square).to_factor();
        });
    }

    #[inline(always)]
    fn mul_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, raise: &Multiple) {
        lanes!(Fq8::mul_add_to(out, a, b, &Fq8::zero().limbs_sub(c).limbs_raise(raise)));
    }

    #[inline(always)]
    fn square_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, raise: &Multiple) {
        lanes!(Fq8::square_add_to(
            out,
            a,
            &Fq8::zero().limbs_sub(b).limbs_sub(b).limbs_sub(c).limbs_raise(raise)
        ));
    }

    #[inline(always)]
    fn canonical(&self) -> Self {
        lanes!(Fq8::canonical(self))
    }

    #[inline(always)]
    fn zero_lanes(&self) -> u8 {
        lanes!(Fq8::zero_lanes(self))
    }

    #[inline(always)]
    fn inverse(a: &Self) -> Option<Self> {
        lanes!(Fq8::inverse(a))
    }

    #[inline(always)]
    fn recode(window: &Window, first: usize, scalars: &[Fr], mut push: impl FnMut(u32, u32)) {
        if !IFMA {
            return recode_each(window, first, scalars, push);
        }
        let (eights, rest) = scalars.as_chunks::<8>();
        for (group, scalars) in eights.iter().enumerate() {
            lanes!(recode_eight(window, first + 8 * group, scalars, &mut push));
        }
        recode_each(window, first + 8 * eights.len(), rest, push);
    }
}
