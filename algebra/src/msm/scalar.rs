//! One element at a time: the back ends without lanes.

use super::lanes::Lanes;
use crate::field::{Fq, FqParams, Params, montgomery};
use core::marker::PhantomData;

/// How one element of Fq is multiplied.
pub(crate) trait Multiply: Copy + Send + Sync + 'static {
    /// `a·b/2^384`, below 1.03·q for a and b below 2·q.
    fn mul(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6];
}

/// Portable Rust.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Multiply for Portable {
    #[inline(always)]
    fn mul(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6] {
        montgomery::mul_loose::<FqParams, 6>(a, b)
    }
}

/// Assembly with mulx, adcx and adox; only where the processor has them.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Adx;

#[cfg(target_arch = "x86_64")]
impl Multiply for Adx {
    #[inline(always)]
    fn mul(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6] {
        // SAFETY: this type is used where the processor was found to have BMI2 and ADX
        // (`Backend::Scalar`).
        unsafe { crate::field::adx::mul_fq(a, b) }
    }
}

/// One element. Values are below q, factors below 2·q.
#[derive(Clone, Copy)]
pub(crate) struct One<M> {
    limbs: [u64; 6],
    multiply: PhantomData<M>,
}

impl<M: Multiply> One<M> {
    #[inline(always)]
    fn new(limbs: [u64; 6]) -> Self {
        Self { limbs, multiply: PhantomData }
    }

    /// The product below q.
    #[inline(always)]
    fn reduced(&self, other: &Self) -> [u64; 6] {
        montgomery::reduce_once(&M::mul(&self.limbs, &other.limbs), &FqParams::MODULUS)
    }
}

impl<M: Multiply> Lanes for One<M> {
    const WIDTH: usize = 1;
    type Cell = [u64; 6];
    type Multiple = ();

    #[inline(always)]
    fn multiple_of_q(_: u32) {}

    #[inline(always)]
    fn cell(x: &Fq) -> Self::Cell {
        x.montgomery()
    }

    #[inline(always)]
    fn element(cell: &Self::Cell) -> Fq {
        Fq::from_montgomery(*cell)
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::new([0; 6])
    }

    #[inline(always)]
    fn one() -> Self {
        Self::new(FqParams::R)
    }

    #[inline(always)]
    fn gather(cells: &[Self::Cell], at: impl Fn(usize) -> usize) -> Self {
        Self::new(cells[at(0)])
    }

    #[inline(always)]
    fn scatter<const STRIDE: usize>(&self, cells: &mut [Self::Cell]) {
        cells[0] = self.limbs;
    }

    #[inline(always)]
    fn select(mask: u8, a: &Self, b: &Self) -> Self {
        Self::new(montgomery::select(mask & 1 == 1, &a.limbs, &b.limbs))
    }

    #[inline(always)]
    fn signed(out: &mut Self, a: &Self, negative: u8, (): &()) {
        *out = Self::select(negative, &Self::new((-Fq::from_montgomery(a.limbs)).montgomery()), a);
    }

    #[inline(always)]
    fn sub(out: &mut Self, a: &Self, b: &Self, (): &()) {
        out.limbs = montgomery::sub_mod::<FqParams, 6>(&a.limbs, &b.limbs);
    }

    #[inline(always)]
    fn sub_factor(out: &mut Self, a: &Self, b: &Self, (): &()) {
        // Not reduced: a − b + q, below 2·q. The difference may wrap, and the sum wraps back.
        let (difference, _) = montgomery::sub(&a.limbs, &b.limbs);
        (out.limbs, _) = montgomery::add(&difference, &FqParams::MODULUS);
    }

    #[inline(always)]
    fn signed_sub_factor(out: &mut Self, a: &Self, negative: u8, b: &Self, (): &()) {
        let mut signed = *a;
        Self::signed(&mut signed, a, negative, &());
        Self::sub_factor(out, &signed, b, &());
    }

    #[inline(always)]
    fn double(out: &mut Self, a: &Self) {
        out.limbs = montgomery::add_mod::<FqParams, 6>(&a.limbs, &a.limbs);
    }

    #[inline(always)]
    fn mul(out: &mut Self, a: &Self, b: &Self) {
        out.limbs = M::mul(&a.limbs, &b.limbs);
    }

    #[inline(always)]
    fn triple_square(out: &mut Self, a: &Self) {
        let square = a.reduced(a);
        let double = montgomery::add_mod::<FqParams, 6>(&square, &square);
        out.limbs = montgomery::add_mod::<FqParams, 6>(&double, &square);
    }

    #[inline(always)]
    fn mul_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, (): &()) {
        out.limbs = montgomery::sub_mod::<FqParams, 6>(&a.reduced(b), &c.limbs);
    }

    #[inline(always)]
    fn square_sub(out: &mut Self, a: &Self, b: &Self, c: &Self, (): &()) {
        let subtract = montgomery::sub_mod::<FqParams, 6>;
        out.limbs = subtract(&subtract(&subtract(&a.reduced(a), &b.limbs), &b.limbs), &c.limbs);
    }

    #[inline(always)]
    fn canonical(&self) -> Self {
        Self::new(montgomery::reduce_once(&self.limbs, &FqParams::MODULUS))
    }

    #[inline(always)]
    fn zero_lanes(&self) -> u8 {
        u8::from(self.canonical().limbs == [0; 6])
    }

    fn inverse(a: &Self) -> Option<Self> {
        Fq::from_montgomery(a.canonical().limbs)
            .inverse()
            .map(|inverse| Self::new(inverse.montgomery()))
    }
}
