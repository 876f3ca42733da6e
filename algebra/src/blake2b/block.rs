//! The messages' only block, and BLAKE2b's constants: what one state and eight side by side share.

/// A head takes at most this many bytes: a block has 128, and the counter takes 4.
pub const MAX_HEAD_BYTES: usize = 124;

/// Initial values (RFC 7693, section 2.6).
pub(super) const IV: [u64; 8] = [
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
pub(super) const SIGMA: [[usize; 16]; 10] = [
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

/// The first word of the parameter block: 64 bytes of output, no key, fanout and depth 1 (RFC 7693,
/// section 2.5).
pub(super) const PARAMETERS: u64 = 0x0101_0040;

/// The only block of the messages, their counter left zero.
pub(super) struct Template {
    pub(super) words: [u64; 16],
    /// Where the counter begins, in bytes.
    counter: usize,
}

impl Template {
    pub(super) fn new(head: &[u8]) -> Self {
        assert!(
            head.len() <= MAX_HEAD_BYTES,
            "a head of {} bytes does not fit a block",
            head.len()
        );
        let mut block = [0; 128];
        block[..head.len()].copy_from_slice(head);
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self { words, counter: head.len() }
    }

    /// The message's length in bytes.
    pub(super) fn length(&self) -> u64 {
        self.counter as u64 + 4
    }

    /// The word in which the counter begins, and the counter's place in it in bits.
    pub(super) fn place(&self) -> (usize, u32) {
        (self.counter / 8, 8 * (self.counter % 8) as u32)
    }
}
