//! What kernels, this crate and the Python tools share: the one place where these values are typed.
//!
//! `cuda/tools/constants.py` reads this file, gives the values to tools and tests, and generates
//! `constants.h`, which every kernel includes, from them and from what follows from the moduli. So
//! the declarations are plain: `pub(crate) const NAME: TYPE = VALUE;`, where a value is a byte
//! string, an array of integers, or an expression of integers and earlier constants with
//! `+ - * / <<`. Names are the same in all three languages.
//!
//! What must not be broken: the relations to the puzzle and to snarkVM at the end, which are
//! compiled. That C agrees is what the tests of the PTX say: it is compiled again from this file
//! (`cuda/tests/test_build.py`), and what a launch passes is compared with its signatures
//! (`kernels`).
#![allow(dead_code, reason = "some are for the kernels and the Python tools alone")]

// Fields: words of 32 bits and of 64 bits, little-endian.
pub(crate) const FR_LIMBS: usize = 8;
pub(crate) const FR_BYTES: usize = 4 * FR_LIMBS;
pub(crate) const FR_WORDS: usize = FR_BYTES / 8;
pub(crate) const FR_BITS: usize = 253;
pub(crate) const FR_MODULUS: [u64; FR_WORDS] =
    [0x0a11800000000001, 0x59aa76fed0000001, 0x60b44d1e5c37b001, 0x12ab655e9a2ca556];
pub(crate) const FQ_LIMBS: usize = 12;
pub(crate) const FQ_BYTES: usize = 4 * FQ_LIMBS;
pub(crate) const FQ_WORDS: usize = FQ_BYTES / 8;
pub(crate) const FQ_MODULUS: [u64; FQ_WORDS] = [
    0x8508c00000000001,
    0x170b5d4430000000,
    0x1ef3622fba094800,
    0x1a22d9f300f5138f,
    0xc63b05c06ca1493b,
    0x01ae3a4617c510ea,
];

// Points: affine (x ‖ y), a table's entry (three coordinates), extended coordinates (four), and a
// fold, which is two sums.
pub(crate) const AFFINE_BYTES: usize = 2 * FQ_BYTES;
pub(crate) const AFFINE_WORDS: usize = AFFINE_BYTES / 8;
pub(crate) const ENTRY_BYTES: usize = 3 * FQ_BYTES;
pub(crate) const POINT_BYTES: usize = 4 * FQ_BYTES;
pub(crate) const FOLD_BYTES: usize = 2 * POINT_BYTES;

// Hashes: what stands before each message, and the length of statements, seeds and tickets.
pub(crate) const HASH_BYTES: usize = 32;
pub(crate) const HASH_WORDS: usize = HASH_BYTES / 8;
pub(crate) const SEED_DOMAIN: &[u8] = b"lode/puzzle/seed/v1";
pub(crate) const EXPAND_DOMAIN: &[u8] = b"lode/puzzle/expand/v1";
pub(crate) const POINT_DOMAIN: &[u8] = b"lode/puzzle/point/v1";
pub(crate) const TICKET_DOMAIN: &[u8] = b"lode/puzzle/ticket/v1";

// Threads of a block.
pub(crate) const THREADS: u32 = 256;
pub(crate) const POINT_THREADS: u32 = 128;
pub(crate) const OPENING_THREADS: u32 = 256;
pub(crate) const TABLE_THREADS: u32 = 128;
pub(crate) const NTT_THREADS: u32 = 256;
pub(crate) const MSM_SORT_THREADS: u32 = 512;

// Transforms: log2 of the elements of a tile, which are 32 KB of shared memory.
pub(crate) const NTT_TILE_LOG: u32 = 10;

// MSM: the first windows of a scalar are wide, those above them narrow, and the last one takes what
// is left of its bits.
pub(crate) const MSM_WINDOWS: usize = 20;
pub(crate) const MSM_WIDE_WINDOWS: usize = 12;
pub(crate) const MSM_WIDE_BITS: usize = 13;
pub(crate) const MSM_NARROW_BITS: usize = 12;
// Digits are -MSM_BUCKETS to MSM_BUCKETS.
pub(crate) const MSM_BUCKETS: usize = 1 << (MSM_WIDE_BITS - 1);
// Buckets at least this long count as equally long when they are ordered.
pub(crate) const MSM_LENGTHS: usize = 256;
// Buckets that one thread of the first fold takes, and log2 of them; folds that the second leaves
// of each MSM (the third: one).
pub(crate) const MSM_RUN_LOG: u32 = 5;
pub(crate) const MSM_RUN: usize = 1 << MSM_RUN_LOG;
pub(crate) const MSM_RUNS: usize = MSM_BUCKETS / MSM_RUN;
pub(crate) const MSM_SECOND_FOLDS: usize = 16;

// Bits of an attempt's state. Such attempts are void, and no honest seed ever has one: commitment
// or opening is infinity; z lies in H.
pub(crate) const VOID_INFINITY: u32 = 1;
pub(crate) const VOID_POINT: u32 = 2;

// What comes back of an attempt, in words of 64 bits: its place in the batch with its state from
// bit 32 up, then where each part begins.
pub(crate) const RECORD_COMMITMENT: usize = 1;
pub(crate) const RECORD_POINT: usize = RECORD_COMMITMENT + AFFINE_WORDS;
pub(crate) const RECORD_VALUE: usize = RECORD_POINT + FR_WORDS;
pub(crate) const RECORD_OPENING: usize = RECORD_VALUE + FR_WORDS;
pub(crate) const RECORD_WORDS: usize = RECORD_OPENING + AFFINE_WORDS;

// The same values as others have them.
const _: () = {
    use lode_puzzle::{Expansion, Proof, Seed, Ticket, point};
    use snarkvm::{
        curves::bls12_377::{FqParameters, FrParameters},
        fields::FieldParameters,
    };

    assert!(are_equal(&FR_MODULUS, &FrParameters::MODULUS.0));
    assert!(are_equal(&FQ_MODULUS, &FqParameters::MODULUS.0));
    assert!(FR_BITS == FrParameters::MODULUS_BITS as usize);
    assert!(Proof::BYTES == 2 * AFFINE_BYTES);
    assert!(is_same_text(SEED_DOMAIN, Seed::DOMAIN));
    assert!(is_same_text(EXPAND_DOMAIN, Expansion::DOMAIN));
    assert!(is_same_text(POINT_DOMAIN, point::CHALLENGE_DOMAIN));
    assert!(is_same_text(TICKET_DOMAIN, Ticket::DOMAIN));
};

const fn are_equal<const N: usize>(left: &[u64; N], right: &[u64; N]) -> bool {
    let mut index = 0;
    while index < N {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}

const fn is_same_text(left: &[u8], right: &[u8]) -> bool {
    let mut index = 0;
    while index < left.len() && index < right.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    left.len() == right.len()
}
