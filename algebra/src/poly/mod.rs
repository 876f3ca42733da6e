//! Polynomials over a domain: the quotient of a row check, division by a linear factor, values
//! outside the domain.
//!
//! Each costs as few transforms as the algebra allows; see the functions. No threads, and nothing
//! allocated per call.

#[cfg(target_arch = "x86_64")]
pub(crate) mod lanes;
mod scalar;

use crate::{
    Domain, Fr, Workspace,
    ntt::{Kernels, Memory, scalar as ntt_scalar, wrong_workspace},
};

/// The values at a point z outside the domain of the polynomials a, b and c of degree below n with
/// a(ω^i) = A_i, b(ω^i) = B_i and c(ω^i) = A_i·B_i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainValues {
    /// a(z).
    pub a: Fr,
    /// b(z).
    pub b: Fr,
    /// c(z).
    pub c: Fr,
    /// z^n − 1, which is not zero.
    pub vanishing: Fr,
}

impl DomainValues {
    /// h(z) for h = (a·b − c)/(X^n − 1). One inversion.
    pub fn quotient(&self) -> Fr {
        // The vanishing polynomial is not zero at z.
        (self.a * self.b - self.c) * self.vanishing.inverse().unwrap_or_default()
    }
}

impl Domain {
    /// The coefficients of h = (a·b − c)/(X^n − 1), where a, b and c have degree below n and values
    /// a(ω^i) = A_i, b(ω^i) = B_i, c(ω^i) = A_i·B_i. The last one is zero.
    ///
    /// Six transforms. Write a·b = l + X^n·h. On H, where X^n = 1, this is l + h, which is c: the
    /// degrees match. On ψH, where X^n = −1, it is l − h. So with d the interpolation of a·b on ψH,
    /// h = (c − d)/2; a and b go from H to ψH by two transforms each, and c and d are interpolated
    /// by one each.
    ///
    /// # Panics
    /// If the slices do not have n elements, or the workspace is another domain's.
    pub fn quotient(&self, workspace: &mut Workspace, a: &[Fr], b: &[Fr], h: &mut [Fr]) {
        for slice in [a, b, h] {
            assert_eq!(
                slice.len(),
                self.size(),
                "polynomials over a domain have n values and coefficients"
            );
        }
        match (&self.kernels, &mut workspace.0) {
            #[cfg(target_arch = "x86_64")]
            (Kernels::Ifma(twiddles, constants), Memory::Lanes(data)) => {
                // SAFETY: these kernels exist only where the back end was checked.
                unsafe { lanes::quotient(twiddles, constants, data, a, b, h) }
            }
            #[cfg(target_arch = "x86_64")]
            (Kernels::Scalar(twiddles), Memory::Elements(data)) => {
                scalar::quotient::<ntt_scalar::Adx>(
                    twiddles,
                    self.size_inv,
                    &self.inverse_coset,
                    data,
                    a,
                    b,
                    h,
                )
            }
            (Kernels::Portable(twiddles), Memory::Elements(data)) => {
                scalar::quotient::<ntt_scalar::Portable>(
                    twiddles,
                    self.size_inv,
                    &self.inverse_coset,
                    data,
                    a,
                    b,
                    h,
                )
            }
            #[cfg(target_arch = "x86_64")]
            _ => wrong_workspace(),
        }
    }

    /// The value v = f(z) of the polynomial with coefficients `f`, and the coefficients of (f −
    /// v)/(X − z) in `quotient`, whose last one is zero.
    ///
    /// # Panics
    /// If the slices do not have n elements.
    pub fn divide_by_linear(&self, f: &[Fr], z: &Fr, quotient: &mut [Fr]) -> Fr {
        assert!(
            f.len() == self.size() && quotient.len() == self.size(),
            "a polynomial over a domain has n coefficients"
        );
        match &self.kernels {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: these kernels exist only where the back end was checked.
            Kernels::Ifma(..) => unsafe { lanes::divide_by_linear(f, z, quotient) },
            #[cfg(target_arch = "x86_64")]
            Kernels::Scalar(_) => scalar::divide_by_linear::<ntt_scalar::Adx>(f, z, quotient),
            Kernels::Portable(_) => {
                scalar::divide_by_linear::<ntt_scalar::Portable>(f, z, quotient)
            }
        }
    }

    /// z^n − 1: zero exactly on the domain.
    pub fn vanishing_at(&self, z: &Fr) -> Fr {
        (0..self.log_n).fold(*z, |power, _| power.square()) - Fr::ONE
    }

    /// The values at z of a, b and c, from a(ω^i) = A_i, b(ω^i) = B_i, c(ω^i) = A_i·B_i; `None` if
    /// z lies in the domain.
    ///
    /// The barycentric formula f(z) = (z^n − 1)/n · Σ f(ω^i)·ω^i/(z − ω^i) (Berrut and Trefethen,
    /// Barycentric Lagrange interpolation, SIAM Review 2004), with ω^i/(z − ω^i) = z/(z − ω^i) − 1,
    /// in O(n) with one inversion.
    ///
    /// # Panics
    /// If the slices do not have n elements, or the workspace is another domain's.
    pub fn values_at(
        &self,
        workspace: &mut Workspace,
        a: &[Fr],
        b: &[Fr],
        z: &Fr,
    ) -> Option<DomainValues> {
        assert!(
            a.len() == self.size() && b.len() == self.size(),
            "polynomials over a domain have n values"
        );
        let vanishing = self.vanishing_at(z);
        if vanishing.is_zero() {
            return None;
        }
        let sums = match (&self.kernels, &mut workspace.0) {
            #[cfg(target_arch = "x86_64")]
            (Kernels::Ifma(twiddles, _), Memory::Lanes(data)) => {
                // SAFETY: these kernels exist only where the back end was checked.
                unsafe { lanes::barycentric_sums(twiddles, data, a, b, z) }
            }
            #[cfg(target_arch = "x86_64")]
            (Kernels::Scalar(twiddles), Memory::Elements(data)) => {
                scalar::barycentric_sums::<ntt_scalar::Adx>(twiddles, data, a, b, z)
            }
            (Kernels::Portable(twiddles), Memory::Elements(data)) => {
                scalar::barycentric_sums::<ntt_scalar::Portable>(twiddles, data, a, b, z)
            }
            #[cfg(target_arch = "x86_64")]
            _ => wrong_workspace(),
        };
        let factor = vanishing * self.size_inv;
        let [a, b, c] = sums.map(|sum| sum * factor);
        Some(DomainValues { a, b, c, vanishing })
    }
}
