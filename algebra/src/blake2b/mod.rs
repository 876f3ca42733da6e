//! BLAKE2b-512 of many short messages that differ in a counter: `B512(head ‖ u32le(i))` for i = 0, 1, 2 … (RFC 7693, no key), each a
//! single block. With lanes, eight states stand side by side.
//!
//! No threads, nothing allocated. What must not be broken: all back ends give the same bytes.

#[cfg(target_arch = "x86_64")]
mod lanes;
mod scalar;

use crate::{Backend, Fr};

/// A head takes at most this many bytes: a block has 128, and the counter takes 4.
pub const MAX_HEAD_BYTES: usize = 124;

/// Initial values (RFC 7693, section 2.6).
const IV: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

/// Message schedule of the first ten rounds; two more repeat the first two (RFC 7693, section 2.7).
const SIGMA: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// The first word of the parameter block: 64 bytes of output, no key, fanout and depth 1 (RFC 7693, section 2.5).
const PARAMETERS: u64 = 0x0101_0040;

/// The only block of the messages, their counter left zero.
struct Template {
    words: [u64; 16],
    /// Where the counter begins, in bytes.
    counter: usize,
}

impl Template {
    fn new(head: &[u8]) -> Self {
        assert!(head.len() <= MAX_HEAD_BYTES, "a head of {} bytes does not fit a block", head.len());
        let mut block = [0; 128];
        block[..head.len()].copy_from_slice(head);
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { words, counter: head.len() }
    }

    /// The message's length in bytes.
    fn length(&self) -> u64 {
        self.counter as u64 + 4
    }

    /// The word in which the counter begins, and the counter's place in it in bits.
    fn place(&self) -> (usize, u32) {
        (self.counter / 8, 8 * (self.counter % 8) as u32)
    }
}

/// `out[i] ← B512(head ‖ u32le(i))`.
///
/// # Panics
/// If the head is longer than [`MAX_HEAD_BYTES`], or the processor lacks the back end's instructions.
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
        for (bytes, word) in digest.as_chunks_mut::<8>().0.iter_mut().zip(scalar::digest(&template, counter)) {
            *bytes = word.to_le_bytes();
        }
    }
}

/// Two elements of 252 bits from each digest: with `d = B512(head ‖ u32le(i))`, `low[i] ← le(d[0..32]) mod 2^252` and
/// `high[i] ← le(d[32..64]) mod 2^252`.
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
            for ((low, high), [l0, l1, l2, l3, h0, h1, h2, h3]) in low.iter_mut().zip(high).zip(digests) {
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
