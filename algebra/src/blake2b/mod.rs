//! BLAKE2b-512 of many short messages that differ in a counter: `B512(head ‖ u32le(i))` for i = 0,
//! 1, 2 … (RFC 7693, no key), each a single block. With lanes, eight states stand side by side.
//!
//! No threads, nothing allocated. What must not be broken: all back ends give the same bytes.

mod block;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod scalar;

pub use block::MAX_HEAD_BYTES;

use crate::{Backend, Fr};
use block::Template;

/// `out[i] ← B512(head ‖ u32le(i))`.
///
/// # Panics
/// If the head is longer than [`MAX_HEAD_BYTES`], or the processor lacks the back end's
/// instructions.
pub fn digests(backend: Backend, head: &[u8], out: &mut [[u8; 64]]) {
    let template = Template::new(head);
    let mut first = 0;
    #[cfg(target_arch = "x86_64")]
    if matches!(backend, Backend::Ifma | Backend::Avx512) {
        assert!(backend.is_available(), "the processor lacks AVX-512");
        let eights = out.as_chunks_mut::<8>().0;
        // SAFETY: the back end was checked.
        unsafe { lanes::digests(&template, eights) };
        first = 8 * eights.len();
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = backend;
    for (counter, digest) in (0..).zip(out.iter_mut()).skip(first) {
        for (bytes, word) in
            digest.as_chunks_mut::<8>().0.iter_mut().zip(scalar::digest(&template, counter))
        {
            *bytes = word.to_le_bytes();
        }
    }
}

/// Two elements of 252 bits from each digest: with `d = B512(head ‖ u32le(i))`,
/// `low[i] ← le(d[0..32]) mod 2^252` and `high[i] ← le(d[32..64]) mod 2^252`.
///
/// # Panics
/// As [`digests`], and if the slices differ in length.
pub fn expand(backend: Backend, head: &[u8], low: &mut [Fr], high: &mut [Fr]) {
    assert_eq!(low.len(), high.len(), "each digest gives an element to both slices");
    let template = Template::new(head);
    let mut first = 0;
    #[cfg(target_arch = "x86_64")]
    if backend == Backend::Ifma {
        assert!(backend.is_available(), "the processor lacks AVX-512");
        let (low, high) = (low.as_chunks_mut::<8>().0, high.as_chunks_mut::<8>().0);
        // SAFETY: the back end was checked.
        unsafe { lanes::expand(&template, low, high) };
        first = 8 * low.len();
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = backend;
    // Below 2^252, and so below r.
    let element = |words: [u64; 4]| {
        let [w0, w1, w2, w3] = words;
        Fr::from_canonical([w0, w1, w2, w3 & (u64::MAX >> 4)]).unwrap_or_default()
    };
    #[cfg(target_arch = "x86_64")]
    if backend == Backend::Avx512 {
        assert!(backend.is_available(), "the processor lacks AVX-512");
        let (low, high) = (low.as_chunks_mut::<8>().0, high.as_chunks_mut::<8>().0);
        for (group, (low, high)) in (0..).zip(low.iter_mut().zip(high.iter_mut())) {
            // SAFETY: the back end was checked.
            let digests = unsafe { lanes::digests_of_group(&template, group) };
            for ((low, high), [l0, l1, l2, l3, h0, h1, h2, h3]) in
                low.iter_mut().zip(high).zip(digests)
            {
                (*low, *high) = (element([l0, l1, l2, l3]), element([h0, h1, h2, h3]));
            }
        }
        first = 8 * low.len();
    }
    for (counter, (low, high)) in (0..).zip(low.iter_mut().zip(high)).skip(first) {
        let [l0, l1, l2, l3, h0, h1, h2, h3] = scalar::digest(&template, counter);
        (*low, *high) = (element([l0, l1, l2, l3]), element([h0, h1, h2, h3]));
    }
}
