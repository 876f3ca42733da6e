//! What the multiplier allows: an attempt's `vpmadd52` at the rate that the processor starts them.

/// The size of the puzzle that the limit is worked out for.
pub const LOG_N: u32 = 13;
/// Products in Fq that an attempt of this size is taken to need. A given number, not a count of
/// what our kernels do: the distance to the limit thus shows what better algorithms gain, too.
pub const PRODUCTS: u64 = 2_100_000;
/// `vpmadd52` for each product, of eight lanes: 264 instructions make eight products.
pub const PER_PRODUCT: u64 = 33;

/// Executes as many `vpmadd52` of 512 bits as an attempt counts, and nothing else worth the name.
///
/// Returns whether the processor has the instruction.
pub(crate) fn spend() -> bool {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma") {
        #[allow(unsafe_code, reason = "calls into code that needs instructions, which were found")]
        // SAFETY: the processor has AVX-512 F and IFMA.
        unsafe {
            ifma::spend(PRODUCTS * PER_PRODUCT);
        }
        return true;
    }
    false
}

#[cfg(target_arch = "x86_64")]
mod ifma {
    use std::{arch::x86_64::*, hint::black_box};

    /// Independent sums. Two instructions start in a cycle and take four, so that eight would do.
    const CHAINS: usize = 16;

    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline(never)]
    pub(super) fn spend(count: u64) {
        let factors = [3, 5].map(|factor| _mm512_set1_epi64(black_box(factor)));
        let mut sums = [_mm512_setzero_si512(); CHAINS];
        for _ in 0..count / (2 * CHAINS as u64) {
            for sum in &mut sums {
                *sum = _mm512_madd52lo_epu64(*sum, factors[0], factors[1]);
            }
            for sum in &mut sums {
                *sum = _mm512_madd52hi_epu64(*sum, factors[0], factors[1]);
            }
        }
        black_box(sums);
    }
}
