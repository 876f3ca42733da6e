//! Eight field elements side by side in AVX-512 registers, in limbs of 52 bits.
//!
//! `vpmadd52luq` and `vpmadd52huq` add the low or high 52 bits of a product of two 52-bit numbers
//! to a 64-bit accumulator: twelve bits of room above each limb delay carries to the end of a
//! multiplication. An element takes one limb of eight registers each ("struct of arrays"): lane `l`
//! of the registers is the l-th element.
//!
//! The instructions read the low 52 bits of their factors only. A *factor* therefore may carry
//! rubbish above bit 52 of its limbs, as long as that was added to the limb above; a *value* has it
//! masked off, and can be added and subtracted. Functions say which they return.
//!
//! Values are not reduced: each function says how large its result may be, in multiples of the
//! modulus. Montgomery's R is so much larger than the modulus that no product of what occurs here
//! comes out above twice the modulus.
//!
//! Processors with AVX-512 but without these instructions multiply the limbs of Fq in double
//! precision.
//!
//! What must not be broken: every function here runs only where the processor has AVX-512 F, and
//! IFMA where it says so. They are declared with `target_feature`, so that calling one from code
//! without these features takes an `unsafe` block that says why it may.

/// Runs an expression of lane functions, in methods that are inlined.
macro_rules! lanes {
    ($expression:expr) => {
        // SAFETY: these lanes are used only where the processor was found to have AVX-512 F, and
        // IFMA if they are to multiply with that (`Backend::Ifma`, `Backend::Avx512`). The methods
        // here are inlined into functions compiled for these features.
        unsafe { $expression }
    };
}

pub(crate) use lanes;

mod double;
pub(crate) mod fq;
pub(crate) mod fr;
mod ifma;
mod limbs;
pub(crate) mod transpose;

/// The low 52 bits.
pub(crate) const MASK52: u64 = (1 << 52) - 1;

/// Cuts an integer in 64-bit words into limbs of 52 bits.
pub(crate) const fn to_limbs52<const W: usize, const L: usize>(words: &[u64; W]) -> [u64; L] {
    let mut limbs = [0; L];
    let mut i = 0;
    while i < L {
        let (word, shift) = (i * 52 / 64, i * 52 % 64);
        if word < W {
            limbs[i] = words[word] >> shift;
            if shift > 12 && word + 1 < W {
                limbs[i] |= words[word + 1] << (64 - shift);
            }
            limbs[i] &= MASK52;
        }
        i += 1;
    }
    limbs
}

/// The integer in limbs of 52 bits, each below 2^52, as 64-bit words; the caller knows that it
/// fits.
pub(crate) const fn from_limbs52<const L: usize, const W: usize>(limbs: &[u64; L]) -> [u64; W] {
    let mut words = [0; W];
    let mut i = 0;
    while i < L {
        let (word, shift) = (i * 52 / 64, i * 52 % 64);
        if word < W {
            words[word] |= limbs[i] << shift;
        }
        if shift > 12 && word + 1 < W {
            words[word + 1] |= limbs[i] >> (64 - shift);
        }
        i += 1;
    }
    words
}
