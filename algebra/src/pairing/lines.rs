//! The lines of Miller's loop for points of G2 that are known beforehand.
//!
//! G2 is the curve y² = x³ + 1/u over Fq², and (x, y) stands for (x·w², y·w³) on the curve over
//! Fq¹². A line through T with slope λ is, at a point (x, y) of G1, `y − λ·x·w + (λ·x_T − y_T)·w³`.
//! Divided by y, which no power of an element of Fq survives, that is `1 + a·(x/y)·w + b·(1/y)·w³`
//! with constants a = −λ and b = λ·x_T − y_T.
//!
//! The loop f ← f²·(line of bit i) over the 64 bits of the curve's parameter is cut in as many
//! parts as there are lanes. Each begins with 1, all run side by side, and f is the product of the
//! parts' results, raised to powers of two.

use super::{
    element::{Element, Single},
    tower::{Fq2, Fq12, Tower},
};
use crate::{Affine, Fq, curve::X, msm::Portable};

/// A point of G2 other than infinity, on y² = x³ + 1/u over Fq² = Fq\[u\]/(u² + 5): coordinates
/// c₀ + c₁u.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct G2 {
    /// The x-coordinate.
    pub x: [Fq; 2],
    /// The y-coordinate.
    pub y: [Fq; 2],
}

/// The constants a and b of a line in each lane. Zeros make the line 1.
#[derive(Clone, Copy)]
struct Line<E> {
    a: Fq2<E>,
    b: Fq2<E>,
}

/// A step of the loop, for all parts: whether it begins with a square, and a line for each of two
/// points.
pub(super) struct Step<E> {
    squares: bool,
    lines: [Line<E>; 2],
}

/// How many bits the loop has, the first of which only says f = 1.
const BITS: usize = 64;

/// How many bits a part has, with so many lanes.
pub(super) const fn bits_of_part(width: usize) -> usize {
    BITS / width
}

/// The lines for the bits from the highest down, twice each: that of the doubling, and that of the
/// addition where there is one.
type Constants = [[Option<Line<Single<Portable>>>; 2]; BITS];

/// `None` for a point that does not have order r.
fn constants(point: &G2) -> Option<Constants> {
    let load = |[c0, c1]: [Fq; 2]| Fq2(Single::from_lanes(|_| c0), Single::from_lanes(|_| c1));
    let (x, y) = (load(point.x), load(point.y));
    let (mut x_t, mut y_t) = (x, y);
    let mut lines: Constants = [[None; 2]; BITS];
    // The line of that slope through T, after which T becomes the third point on it, mirrored.
    let step = |slope: Fq2<_>, x_t: &mut Fq2<_>, y_t: &mut Fq2<_>, other: Fq2<_>| {
        let line = Line { a: slope.negate(), b: slope.mul(x_t).sub(y_t) };
        let x = slope.square().sub(x_t).sub(&other);
        (*x_t, *y_t) = (x, slope.mul(&x_t.sub(&x)).sub(y_t));
        line
    };
    for (place, lines) in lines.iter_mut().enumerate().skip(1) {
        let square = x_t.square();
        let slope = square.add(&square).add(&square).mul(&y_t.add(&y_t).inverse()?);
        let other = x_t;
        lines[0] = Some(step(slope, &mut x_t, &mut y_t, other));
        if X >> (BITS - 1 - place) & 1 == 1 {
            let slope = y_t.sub(&y).mul(&x_t.sub(&x).inverse()?);
            lines[1] = Some(step(slope, &mut x_t, &mut y_t, x));
        }
    }
    Some(lines)
}

/// The steps for two points of G2; `None` if one does not have order r.
#[inline(always)]
pub(super) fn steps<E: Tower>(points: &[G2; 2]) -> Option<Vec<Step<E>>> {
    let constants = [constants(&points[0])?, constants(&points[1])?];
    let bits = bits_of_part(E::WIDTH);
    let mut steps = Vec::new();
    for place in 0..bits {
        for is_addition in [false, true] {
            let constants = |point: usize, lane: usize| {
                let [doubling, addition] = &constants[point][lane * bits + place];
                if is_addition { addition } else { doubling }
            };
            if is_addition && (0..E::WIDTH).all(|lane| constants(0, lane).is_none()) {
                continue;
            }
            let lines = [0, 1].map(|point: usize| {
                let element = |of: fn(&Line<Single<Portable>>) -> &Single<Portable>| {
                    E::from_lanes(|lane| {
                        constants(point, lane).as_ref().map_or(Fq::ZERO, |line| of(line).get())
                    })
                };
                Line {
                    a: Fq2(element(|line| &line.a.0), element(|line| &line.a.1)),
                    b: Fq2(element(|line| &line.b.0), element(|line| &line.b.1)),
                }
            });
            // The first square would be that of one.
            steps.push(Step { squares: !is_addition && place > 0, lines });
        }
    }
    Some(steps)
}

/// The results of the parts, one in each lane, for points of the subgroup of order r, `None` being
/// infinity: its lines are 1.
#[inline(always)]
pub(super) fn miller_loop<E: Tower>(steps: &[Step<E>], points: [Option<Affine>; 2]) -> Fq12<E> {
    // No point of odd order has y = 0.
    let mut inverses = points.map(|point| point.map_or(Fq::ZERO, |point| point.y));
    Fq::batch_inverse(&mut inverses, &mut [Fq::ZERO; 2]);
    let factors = [0, 1].map(|i: usize| {
        let x = points[i].map_or(Fq::ZERO, |point| point.x);
        (E::splat(&(x * inverses[i])), E::splat(&inverses[i]))
    });
    let mut f = Fq12::one();
    let one = Fq2::one();
    for step in steps {
        if step.squares {
            f = f.square();
        }
        // (1 + a·w + b·w³)·(1 + c·w + d·w³)
        let [[a, b], [c, d]] = [0, 1].map(|i: usize| {
            [step.lines[i].a.scale(&factors[i].0), step.lines[i].b.scale(&factors[i].1)]
        });
        let (ac, bd) = (a.mul(&c), b.mul(&d));
        let cross = a.add(&b).mul(&c.add(&d)).sub(&ac).sub(&bd);
        f = f.mul_short(&[one.add(&bd.times_u()), a.add(&c), ac, b.add(&d), cross]);
    }
    f
}
