//! Number-theoretic transforms over Fr, of n = 2^log_n elements.
//!
//! The domain is H = {ω^0 … ω^(n−1)}, ω = 22^((r−1)/n); its coset is ψH with ψ = 22^((r−1)/2n), so
//! that ψ² = ω and ψ^n = −1. Nothing is allocated after [`Domain::new`] and [`Domain::workspace`].
//!
//! Inside, one kernel goes from natural to bit-reversed order and the other one back, so that a
//! transform and the next one back need no permutation. Both multiply first and add then: sums grow
//! by little in each layer, and are reduced at the end only.
//!
//! No threads. What must not be broken: all back ends give the same elements, reduced.

#[cfg(target_arch = "x86_64")]
pub(crate) mod constants;
#[cfg(target_arch = "x86_64")]
pub(crate) mod lanes;
mod roots;
pub(crate) mod scalar;

use crate::{Backend, BackendError, Fr};
use roots::{powers, reverse_bits, root_of_unity};
#[cfg(target_arch = "x86_64")]
use {
    crate::avx512::fr::Fr8,
    constants::{Constants, interpolate},
    scalar::Adx,
};

/// A domain of evaluation: its tables for one back end. Shared by threads.
pub struct Domain {
    pub(crate) log_n: u32,
    pub(crate) omega: Fr,
    /// 1/n.
    pub(crate) size_inv: Fr,
    /// `ψ^(−i)/n`.
    pub(crate) inverse_coset: Vec<Fr>,
    pub(crate) kernels: Kernels,
}

#[allow(clippy::large_enum_variant, reason = "a domain has one, and never moves it")]
pub(crate) enum Kernels {
    #[cfg(target_arch = "x86_64")]
    Ifma(lanes::Twiddles, Constants),
    #[cfg(target_arch = "x86_64")]
    Scalar(scalar::Twiddles),
    Portable(scalar::Twiddles),
}

/// The memory that transforms work in: one for each thread.
pub struct Workspace(pub(crate) Memory);

pub(crate) enum Memory {
    #[cfg(target_arch = "x86_64")]
    Lanes([Vec<Fr8>; 3]),
    Elements([Vec<Fr>; 3]),
}

/// Why there is no such domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Too small or too large.
    #[error("expected a domain of 2^1 to 2^{max} elements, got 2^{0}", max = Domain::MAX_LOG_N)]
    Size(u32),
    /// The processor lacks the instructions.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl Domain {
    /// The largest domain is of `2^MAX_LOG_N` elements.
    pub const MAX_LOG_N: u32 = 15;

    /// The domain of `2^log_n` elements. Domains below 2^6 are computed one element at a time on
    /// every back end.
    pub fn new(backend: Backend, log_n: u32) -> Result<Self, DomainError> {
        let backend = backend.checked()?;
        if !(1..=Self::MAX_LOG_N).contains(&log_n) {
            return Err(DomainError::Size(log_n));
        }
        let (omega, psi) = (root_of_unity(log_n), root_of_unity(log_n + 1));
        // Neither is zero; n is a power of two below r.
        let size_inv = Fr::from(1 << log_n).inverse().unwrap_or_default();
        let psi_inv = psi.inverse().unwrap_or_default();
        let mut inverse_coset = powers(psi_inv, 1 << log_n);
        inverse_coset.iter_mut().for_each(|power| *power *= size_inv);
        let scalar = || scalar::Twiddles::new(log_n, omega, psi);
        let kernels = match backend {
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma if log_n >= lanes::MIN_LOG_N => {
                // SAFETY: the back end was checked.
                unsafe {
                    Kernels::Ifma(
                        lanes::Twiddles::new(log_n, omega, psi),
                        Constants::new(log_n, size_inv, psi_inv),
                    )
                }
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Ifma | Backend::Avx512 | Backend::Scalar if Backend::Scalar.is_available() => {
                Kernels::Scalar(scalar())
            }
            _ => Kernels::Portable(scalar()),
        };
        Ok(Self { log_n, omega, size_inv, inverse_coset, kernels })
    }

    /// n.
    pub fn size(&self) -> usize {
        1 << self.log_n
    }

    /// ω, the generator of the domain.
    pub fn generator(&self) -> Fr {
        self.omega
    }

    /// Memory for transforms over this domain.
    pub fn workspace(&self) -> Workspace {
        Workspace(match &self.kernels {
            #[cfg(target_arch = "x86_64")]
            Kernels::Ifma(twiddles, _) => Memory::Lanes(core::array::from_fn(|_| {
                // SAFETY: these kernels exist only where the back end was checked.
                unsafe { lanes::zeros(twiddles) }
            })),
            _ => Memory::Elements(core::array::from_fn(|_| vec![Fr::ZERO; self.size()])),
        })
    }

    /// Coefficients to values: `elements[i] ← f(ω^i)`.
    ///
    /// # Panics
    /// Like every transform, if there are not n elements, or the workspace is another domain's.
    pub fn forward(&self, workspace: &mut Workspace, elements: &mut [Fr]) {
        self.evaluate_all(workspace, elements, 0);
    }

    /// Coefficients to values on the coset: `elements[i] ← f(ψω^i)`.
    pub fn forward_coset(&self, workspace: &mut Workspace, elements: &mut [Fr]) {
        self.evaluate_all(workspace, elements, 1);
    }

    /// Values to coefficients: undoes [`Self::forward`].
    pub fn inverse(&self, workspace: &mut Workspace, elements: &mut [Fr]) {
        self.interpolate(workspace, elements, 0);
    }

    /// Values on the coset to coefficients: undoes [`Self::forward_coset`].
    pub fn inverse_coset(&self, workspace: &mut Workspace, elements: &mut [Fr]) {
        self.interpolate(workspace, elements, 1);
    }

    fn evaluate_all(&self, workspace: &mut Workspace, elements: &mut [Fr], coset: usize) {
        assert_eq!(elements.len(), self.size(), "a transform takes n elements");
        match (&self.kernels, &mut workspace.0) {
            #[cfg(target_arch = "x86_64")]
            (Kernels::Ifma(twiddles, _), Memory::Lanes([data, ..])) => {
                // SAFETY: these kernels exist only where the back end was checked.
                unsafe { lanes::evaluate_all(twiddles, coset, data, elements) }
            }
            #[cfg(target_arch = "x86_64")]
            (Kernels::Scalar(twiddles), _) => evaluate_each::<Adx>(twiddles, coset, elements),
            (Kernels::Portable(twiddles), _) => {
                evaluate_each::<scalar::Portable>(twiddles, coset, elements)
            }
            #[cfg(target_arch = "x86_64")]
            _ => wrong_workspace(),
        }
    }

    fn interpolate(&self, workspace: &mut Workspace, elements: &mut [Fr], coset: usize) {
        assert_eq!(elements.len(), self.size(), "a transform takes n elements");
        let factor = |i: usize| if coset == 0 { &self.size_inv } else { &self.inverse_coset[i] };
        match (&self.kernels, &mut workspace.0) {
            #[cfg(target_arch = "x86_64")]
            (Kernels::Ifma(twiddles, constants), Memory::Lanes([data, ..])) => {
                // SAFETY: these kernels exist only where the back end was checked.
                unsafe { interpolate(twiddles, constants, coset, data, elements) };
            }
            #[cfg(target_arch = "x86_64")]
            (Kernels::Scalar(twiddles), _) => interpolate_each::<Adx>(twiddles, elements, factor),
            (Kernels::Portable(twiddles), _) => {
                interpolate_each::<scalar::Portable>(twiddles, elements, factor)
            }
            #[cfg(target_arch = "x86_64")]
            _ => wrong_workspace(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn wrong_workspace() -> ! {
    panic!("the workspace is that of a domain for another back end")
}

#[inline(never)]
fn evaluate_each<M: scalar::Multiply>(
    twiddles: &scalar::Twiddles,
    coset: usize,
    elements: &mut [Fr],
) {
    permute(elements);
    scalar::from_reversed::<M>(twiddles, coset, elements);
    elements.iter_mut().for_each(|element| *element = scalar::reduced(element));
}

#[inline(never)]
fn interpolate_each<'a, M: scalar::Multiply>(
    twiddles: &scalar::Twiddles,
    elements: &mut [Fr],
    factor: impl Fn(usize) -> &'a Fr,
) {
    scalar::to_reversed::<M>(twiddles, elements);
    permute(elements);
    elements
        .iter_mut()
        .enumerate()
        .for_each(|(i, element)| *element = scalar::scaled::<M>(element, factor(i)));
}

/// To bit-reversed order, or back.
pub(crate) fn permute(elements: &mut [Fr]) {
    let bits = elements.len().ilog2();
    for i in 0..elements.len() {
        let j = reverse_bits(i, bits);
        if i < j {
            elements.swap(i, j);
        }
    }
}
