//! Products of many elements, element by element: the multiplication kernels by themselves, for
//! checks and for measurements.

use crate::{
    Backend, Fq, Fr,
    field::{FqParams, FrParams, Params, montgomery},
};

/// `x[i] ← x[i]·y[i]^times`: one multiplication after the other, each by the back end's kernel.
///
/// # Panics
/// If the slices differ in length, or the processor lacks the back end's instructions.
pub fn multiply_fq(backend: Backend, x: &mut [Fq], y: &[Fq], times: usize) {
    check(backend, x.len(), y.len());
    match backend {
        // SAFETY: the back end was checked.
        #[cfg(target_arch = "x86_64")]
        Backend::Ifma => unsafe { lanes::multiply_fq::<true>(x, y, times) },
        // SAFETY: the back end was checked.
        #[cfg(target_arch = "x86_64")]
        Backend::Avx512 => unsafe { lanes::multiply_fq::<false>(x, y, times) },
        #[cfg(target_arch = "x86_64")]
        Backend::Scalar => each(x, y, times, |a, b| {
            // SAFETY: the back end was checked.
            let product = unsafe { crate::field::adx::mul_fq(&a.montgomery(), &b.montgomery()) };
            Fq::from_montgomery(montgomery::reduce_once(&product, &FqParams::MODULUS))
        }),
        _ => each(x, y, times, |a, b| *a * *b),
    }
}

/// [`multiply_fq`] for Fr.
///
/// # Panics
/// As [`multiply_fq`].
pub fn multiply_fr(backend: Backend, x: &mut [Fr], y: &[Fr], times: usize) {
    check(backend, x.len(), y.len());
    match backend {
        // SAFETY: the back end was checked.
        #[cfg(target_arch = "x86_64")]
        Backend::Ifma => unsafe { lanes::multiply_fr(x, y, times) },
        #[cfg(target_arch = "x86_64")]
        Backend::Avx512 | Backend::Scalar if Backend::Scalar.is_available() => {
            each(x, y, times, |a, b| {
                // SAFETY: the processor has the instructions.
                let product =
                    unsafe { crate::field::adx::mul_fr(&a.montgomery(), &b.montgomery()) };
                Fr::from_montgomery(montgomery::reduce_once(&product, &FrParams::MODULUS))
            })
        }
        _ => each(x, y, times, |a, b| *a * *b),
    }
}

fn check(backend: Backend, x: usize, y: usize) {
    assert!(
        backend.is_available(),
        "the processor lacks the instructions of the back end {backend}"
    );
    assert_eq!(x, y, "products are of one element of each slice");
}

/// In groups of eight as lanes do it, so that products that do not wait for each other stand side
/// by side.
fn each<T>(x: &mut [T], y: &[T], times: usize, multiply: impl Fn(&T, &T) -> T) {
    for (x, y) in x.chunks_mut(8).zip(y.chunks(8)) {
        for _ in 0..times {
            x.iter_mut().zip(y).for_each(|(x, y)| *x = multiply(x, y));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod lanes {
    use crate::{
        Fq, Fr,
        avx512::{
            fq::{Fq8, Row},
            fr::{Fr8, constant},
        },
    };

    /// Lanes of the groups, two at a time, so that one need not wait for the other.
    const GROUPS: usize = 4;

    #[target_feature(enable = "avx512f")]
    pub(super) fn multiply_fq<const IFMA: bool>(x: &mut [Fq], y: &[Fq], times: usize) {
        for (x, y) in x.chunks_mut(8 * GROUPS).zip(y.chunks(8 * GROUPS)) {
            let load = |elements: &[Fq], group: usize| {
                let mut rows = [Row::default(); 8];
                for (row, element) in rows.iter_mut().zip(elements.iter().skip(8 * group)) {
                    *row = Row::new(element);
                }
                Fq8::from_rows(rows.each_ref())
            };
            let mut left = [Fq8::<IFMA>::zero(); GROUPS];
            let mut right = left;
            for group in 0..GROUPS {
                (left[group], right[group]) = (load(x, group), load(y, group));
            }
            for _ in 0..times {
                for (left, right) in left.iter_mut().zip(&right) {
                    let factor = *left;
                    Fq8::mul_to(left, &factor, right);
                }
            }
            for (group, left) in left.iter().enumerate() {
                for (element, row) in x.iter_mut().skip(8 * group).zip(left.canonical().to_rows()) {
                    *element = row.get();
                }
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn multiply_fr(x: &mut [Fr], y: &[Fr], times: usize) {
        for (x, y) in x.chunks_mut(8 * GROUPS).zip(y.chunks(8 * GROUPS)) {
            let mut left = [Fr8::splat(&[0; 5]); GROUPS];
            let mut right = left;
            for group in 0..GROUPS {
                let (mut a, mut b) = ([Fr::ZERO; 8], [Fr::ZERO; 8]);
                a.iter_mut().zip(x.iter().skip(8 * group)).for_each(|(a, x)| *a = *x);
                b.iter_mut().zip(y.iter().skip(8 * group)).for_each(|(b, y)| *b = *y);
                (left[group], right[group]) = (Fr8::load(&a), Fr8::constants(&b));
            }
            for _ in 0..times {
                for (left, right) in left.iter_mut().zip(&right) {
                    *left = left.mul(right);
                }
            }
            let one = Fr8::splat(&constant(&Fr::ONE));
            for (group, left) in left.iter().enumerate() {
                let mut out = [Fr::ZERO; 8];
                left.product(&one).to_value().reduce_once().store(&mut out);
                x.iter_mut().skip(8 * group).zip(out).for_each(|(x, out)| *x = out);
            }
        }
    }
}
