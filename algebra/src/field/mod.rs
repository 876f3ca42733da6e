//! The prime fields of BLS12-377 in Montgomery form, one element at a time.
//!
//! [`Fq`] (377 bits, six 64-bit limbs, R = 2^384) holds the coordinates of points, [`Fr`] (253
//! bits, four limbs, R = 2^256) the scalars. This is the portable code: it serves single elements,
//! tables and tests. The kernels in bulk have lanes of their own and take and give these types.
//!
//! What must not be broken: the limbs are always below the modulus, so that equality of limbs is
//! equality of elements.

#[cfg(target_arch = "x86_64")]
pub(crate) mod adx;
pub(crate) mod inverse;
pub(crate) mod montgomery;
mod params;
mod prime;

pub use params::{FqParams, FrParams};
pub(crate) use prime::Params;

use core::{
    fmt,
    marker::PhantomData,
    ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign},
};
use montgomery::{add_mod, from_le_bytes, less_than, mul_mod, sub_mod};

/// The base field of BLS12-377, q of 377 bits.
pub type Fq = Fp<FqParams, 6>;

/// The scalar field of BLS12-377, r of 253 bits.
pub type Fr = Fp<FrParams, 4>;

/// An element `x` of a prime field, held as `x·2^(64·N) mod p`, always reduced.
pub struct Fp<P, const N: usize> {
    limbs: [u64; N],
    params: PhantomData<P>,
}

impl<P: Params<N>, const N: usize> Fp<P, N> {
    /// The additive identity.
    pub const ZERO: Self = Self { limbs: [0; N], params: PhantomData };

    /// The multiplicative identity.
    pub const ONE: Self = Self { limbs: P::R, params: PhantomData };

    /// The length of [`Self::to_bytes`].
    pub const BYTES: usize = 8 * N;

    /// The element whose Montgomery form is `limbs`; the caller vouches that they are below the
    /// modulus.
    #[inline(always)]
    pub(crate) const fn from_montgomery(limbs: [u64; N]) -> Self {
        Self { limbs, params: PhantomData }
    }

    /// The Montgomery form, below the modulus.
    #[inline(always)]
    pub(crate) const fn montgomery(&self) -> [u64; N] {
        self.limbs
    }

    /// The element `value`, or `None` if it is not below the modulus.
    pub fn from_canonical(value: [u64; N]) -> Option<Self> {
        less_than(&value, &P::MODULUS)
            .then(|| Self::from_montgomery(mul_mod::<P, N>(&value, &P::R2)))
    }

    /// The element as an integer below the modulus, least significant limb first.
    pub fn to_canonical(self) -> [u64; N] {
        let mut one = [0; N];
        one[0] = 1;
        mul_mod::<P, N>(&self.limbs, &one)
    }

    /// The element in `8·N` little-endian bytes, or `None` if the length is another or the value is
    /// not below the modulus.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == Self::BYTES).then(|| Self::from_canonical(from_le_bytes(bytes))).flatten()
    }

    /// Writes the canonical `8·N` little-endian bytes.
    ///
    /// # Panics
    /// If `out` is not [`Self::BYTES`] long.
    pub fn write_bytes(&self, out: &mut [u8]) {
        assert_eq!(out.len(), Self::BYTES, "an element of this field takes {} bytes", Self::BYTES);
        for (chunk, limb) in out.chunks_exact_mut(8).zip(self.to_canonical()) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
    }

    /// The integer in any number of little-endian bytes, reduced modulo the prime.
    pub fn from_bytes_mod_order(bytes: &[u8]) -> Self {
        // Horner over digits of 32 bits: 2^32 < p, so that a digit is an element.
        let shift = Self::from(1u64 << 32);
        bytes.chunks(4).rev().fold(Self::ZERO, |sum, chunk| {
            let digit =
                chunk.iter().rev().fold(0u64, |digit, byte| (digit << 8) | u64::from(*byte));
            sum * shift + Self::from(digit)
        })
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.limbs == [0; N]
    }

    /// `2·self`.
    #[inline]
    pub fn double(&self) -> Self {
        *self + *self
    }

    /// `self²`.
    #[inline]
    pub fn square(&self) -> Self {
        *self * *self
    }

    /// `self^exponent`, the exponent least significant limb first. Variable time.
    pub fn pow(&self, exponent: &[u64]) -> Self {
        let mut result = Self::ONE;
        for limb in exponent.iter().rev() {
            for bit in (0..64).rev() {
                result = result.square();
                if (limb >> bit) & 1 == 1 {
                    result *= *self;
                }
            }
        }
        result
    }

    /// `1/self`, or `None` for zero. Variable time.
    pub fn inverse(&self) -> Option<Self> {
        // The limbs hold x·R: their inverse is x^(−1)·R^(−1), and R³/R brings it back into
        // Montgomery form.
        let inverse = inverse::inverse::<P, N>(&self.limbs)?;
        let r3 = mul_mod::<P, N>(&P::R2, &P::R2);
        Some(Self::from_montgomery(mul_mod::<P, N>(&inverse, &r3)))
    }

    /// Replaces every element by its inverse with one inversion in all, and leaves zeros as they
    /// are (Montgomery, Speeding the Pollard and elliptic curve methods of factorization, 1987,
    /// section 10.3.1).
    ///
    /// # Panics
    /// If `scratch` is shorter than `elements`.
    pub fn batch_inverse(elements: &mut [Self], scratch: &mut [Self]) {
        let scratch = &mut scratch[..elements.len()];
        let mut product = Self::ONE;
        for (element, prefix) in elements.iter().zip(scratch.iter_mut()) {
            *prefix = product;
            if !element.is_zero() {
                product *= *element;
            }
        }
        // A product of elements other than zero is not zero.
        let mut suffix = product.inverse().unwrap_or(Self::ZERO);
        for (element, prefix) in elements.iter_mut().zip(scratch.iter()).rev() {
            if !element.is_zero() {
                (*element, suffix) = (suffix * *prefix, suffix * *element);
            }
        }
    }
}

impl<P: Params<N>, const N: usize> Clone for Fp<P, N> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Params<N>, const N: usize> Copy for Fp<P, N> {}

impl<P: Params<N>, const N: usize> PartialEq for Fp<P, N> {
    fn eq(&self, other: &Self) -> bool {
        self.limbs == other.limbs
    }
}

impl<P: Params<N>, const N: usize> Eq for Fp<P, N> {}

impl<P: Params<N>, const N: usize> Default for Fp<P, N> {
    fn default() -> Self {
        Self::ZERO
    }
}

impl<P: Params<N>, const N: usize> fmt::Debug for Fp<P, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.to_canonical().iter().rev().try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl<P: Params<N>, const N: usize> From<u64> for Fp<P, N> {
    fn from(value: u64) -> Self {
        let mut limbs = [0; N];
        limbs[0] = value;
        Self::from_montgomery(mul_mod::<P, N>(&limbs, &P::R2))
    }
}

impl<P: Params<N>, const N: usize> Add for Fp<P, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::from_montgomery(add_mod::<P, N>(&self.limbs, &other.limbs))
    }
}

impl<P: Params<N>, const N: usize> Sub for Fp<P, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::from_montgomery(sub_mod::<P, N>(&self.limbs, &other.limbs))
    }
}

impl<P: Params<N>, const N: usize> Neg for Fp<P, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl<P: Params<N>, const N: usize> Mul for Fp<P, N> {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        Self::from_montgomery(mul_mod::<P, N>(&self.limbs, &other.limbs))
    }
}

impl<P: Params<N>, const N: usize> AddAssign for Fp<P, N> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<P: Params<N>, const N: usize> SubAssign for Fp<P, N> {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<P: Params<N>, const N: usize> MulAssign for Fp<P, N> {
    #[inline(always)]
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}
