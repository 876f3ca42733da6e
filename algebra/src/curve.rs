//! BLS12-377's G1, y² = x³ + 1 over Fq, one point at a time: for tables, the ends of sums, and
//! checks.
//!
//! [`Affine`] has no point at infinity; where a sum may be at infinity, an `Option` says so.
//! [`Projective`] is complete: every operation gives the right sum for equal points, for opposite
//! points, and at infinity.

use crate::field::{Fq, Fr, montgomery::from_le_bytes};
use core::ops::{Add, AddAssign, Neg};

/// A point other than infinity. Nothing says that it lies on the curve: ask
/// [`Affine::is_on_curve`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    /// The x-coordinate.
    pub x: Fq,
    /// The y-coordinate.
    pub y: Fq,
}

/// A point in coordinates (X, Y, ZZ, ZZZ): x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²; infinity has ZZ = 0
/// (Explicit-Formulas Database, "XYZZ coordinates").
#[derive(Clone, Copy, Debug)]
pub struct Projective {
    x: Fq,
    y: Fq,
    zz: Fq,
    zzz: Fq,
}

/// The curve's parameter x.
pub(crate) const X: u64 = 0x8508_c000_0000_0001;

/// x²: ζ acts on the subgroup of order r as multiplication by this number.
pub const ZETA: u128 = X as u128 * X as u128;

/// The cube root of one with ζ(x, y) = (βx, −y), in Montgomery form.
pub(crate) const BETA: Fq = Fq::from_montgomery([
    0x2c766f925a7b8727,
    0x03d7f6b0253d58b5,
    0x838ec0deec122131,
    0xbd5eb3e9f658bb10,
    0x6942bd126ed3e52e,
    0x01673786dd04ed6a,
]);

impl Affine {
    /// The length of [`Self::to_bytes`].
    pub const BYTES: usize = 96;

    /// x ‖ y, each 48 bytes, little-endian, below q.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        let (x, y) = out.split_at_mut(Fq::BYTES);
        self.x.write_bytes(x);
        self.y.write_bytes(y);
        out
    }

    /// The point whose [`Self::to_bytes`] these are; `None` if a coordinate is not below q, or the
    /// point is not on the curve. Says nothing about the subgroup.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (x, y) = bytes.split_at(Fq::BYTES);
        let coordinate = |bytes| Fq::from_canonical(from_le_bytes(bytes));
        let point = Self { x: coordinate(x)?, y: coordinate(y)? };
        point.is_on_curve().then_some(point)
    }

    /// Whether y² = x³ + 1.
    pub fn is_on_curve(&self) -> bool {
        self.y.square() == self.x.square() * self.x + Fq::ONE
    }

    /// Whether a point of the curve lies in the subgroup of order r.
    ///
    /// ζ satisfies ζ² − ζ + 1 = 0 on the whole curve. Where ζP = x²·P, that gives (x⁴ − x² + 1)·P =
    /// r·P = 0; and on the subgroup ζ is multiplication by x² (Scott, A note on group membership
    /// tests, 2021).
    pub fn is_in_subgroup(&self) -> bool {
        let multiple = self.to_projective().mul_integer(ZETA);
        multiple.equals(&self.zeta())
    }

    /// ζP = (βx, −y).
    pub fn zeta(&self) -> Self {
        Self { x: self.x * BETA, y: -self.y }
    }

    /// The same point, ready to be added to.
    pub fn to_projective(&self) -> Projective {
        Projective { x: self.x, y: self.y, zz: Fq::ONE, zzz: Fq::ONE }
    }
}

impl Neg for Affine {
    type Output = Self;
    fn neg(self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

impl Projective {
    /// The point at infinity.
    pub const INFINITY: Self = Self { x: Fq::ONE, y: Fq::ONE, zz: Fq::ZERO, zzz: Fq::ZERO };

    /// Whether this is the point at infinity.
    pub fn is_infinity(&self) -> bool {
        self.zz.is_zero()
    }

    /// Affine coordinates, or `None` at infinity. One inversion.
    pub fn to_affine(&self) -> Option<Affine> {
        // 1/ZZZ = z^(−3), times ZZ = z^2 gives 1/z, whose square is 1/ZZ.
        let inv_zzz = self.zzz.inverse()?;
        let inv_zz = (inv_zzz * self.zz).square();
        Some(Affine { x: self.x * inv_zz, y: self.y * inv_zzz })
    }

    /// [`Self::to_affine`] of many points with one inversion in all.
    pub fn batch_to_affine(points: &[Self]) -> Vec<Option<Affine>> {
        let mut inverses: Vec<Fq> = points.iter().map(|point| point.zzz).collect();
        Fq::batch_inverse(&mut inverses, &mut vec![Fq::ZERO; points.len()]);
        let affine = |(point, inv_zzz): (&Self, Fq)| {
            let inv_zz = (inv_zzz * point.zz).square();
            (!point.is_infinity()).then(|| Affine { x: point.x * inv_zz, y: point.y * inv_zzz })
        };
        points.iter().zip(inverses).map(affine).collect()
    }

    /// Whether this is the affine point; no inversion.
    pub fn equals(&self, other: &Affine) -> bool {
        !self.is_infinity() && self.x == other.x * self.zz && self.y == other.y * self.zzz
    }

    /// 2P: 6 multiplications and 4 squarings ("dbl-2008-s-1").
    pub fn double(&self) -> Self {
        let u = self.y.double();
        let v = u.square();
        let w = u * v;
        let s = self.x * v;
        let xx = self.x.square();
        let m = xx.double() + xx;
        let x = m.square() - s.double();
        Self { x, y: m * (s - x) - w * self.y, zz: v * self.zz, zzz: w * self.zzz }
    }

    /// P + Q for an affine Q: 8 multiplications and 2 squarings ("madd-2008-s").
    pub fn add_affine(&self, other: &Affine) -> Self {
        if self.is_infinity() {
            return other.to_projective();
        }
        let p = other.x * self.zz - self.x;
        let r = other.y * self.zzz - self.y;
        self.add_differences(self.x, self.y, p, r, self.zz, self.zzz)
    }

    /// k·P, by doubling and adding. Variable time.
    pub fn mul_integer(&self, k: u128) -> Self {
        (0..128).rev().fold(Self::INFINITY, |sum, bit| {
            let sum = sum.double();
            if k >> bit & 1 == 1 { sum + *self } else { sum }
        })
    }

    /// k·P, by doubling and adding. Variable time.
    pub fn mul(&self, k: &Fr) -> Self {
        k.to_canonical().iter().rev().fold(Self::INFINITY, |sum, limb| {
            let sum = (0..64).fold(sum, |sum, _| sum.double());
            sum + self.mul_integer(u128::from(*limb))
        })
    }

    /// ζP.
    pub fn zeta(&self) -> Self {
        Self { x: self.x * BETA, y: -self.y, ..*self }
    }

    /// The sum of two points whose coordinates over a common denominator are (u, s) and (u + p, s +
    /// r), the denominators' product being (zz, zzz).
    fn add_differences(&self, u: Fq, s: Fq, p: Fq, r: Fq, zz: Fq, zzz: Fq) -> Self {
        if p.is_zero() {
            return if r.is_zero() { self.double() } else { Self::INFINITY };
        }
        let pp = p.square();
        let ppp = p * pp;
        let q = u * pp;
        let x = r.square() - ppp - q.double();
        Self { x, y: r * (q - x) - s * ppp, zz: zz * pp, zzz: zzz * ppp }
    }
}

impl Add for Projective {
    type Output = Self;
    /// 12 multiplications and 2 squarings ("add-2008-s").
    fn add(self, other: Self) -> Self {
        if self.is_infinity() {
            return other;
        }
        if other.is_infinity() {
            return self;
        }
        let (u, s) = (self.x * other.zz, self.y * other.zzz);
        let p = other.x * self.zz - u;
        let r = other.y * self.zzz - s;
        self.add_differences(u, s, p, r, self.zz * other.zz, self.zzz * other.zzz)
    }
}

impl AddAssign for Projective {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Projective {
    type Output = Self;
    fn neg(self) -> Self {
        Self { y: -self.y, ..self }
    }
}

impl PartialEq for Projective {
    fn eq(&self, other: &Self) -> bool {
        match (self.is_infinity(), other.is_infinity()) {
            (false, false) => {
                self.x * other.zz == other.x * self.zz && self.y * other.zzz == other.y * self.zzz
            }
            (left, right) => left == right,
        }
    }
}

impl Eq for Projective {}
