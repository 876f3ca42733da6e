//! BLAKE2b of every back end against the blake2 crate.

use blake2::{Blake2b512, Digest};
use lode_algebra::{Backend, Fr, blake2b};

fn expected(head: &[u8], counter: u32) -> [u8; 64] {
    let mut hasher = Blake2b512::new();
    hasher.update(head);
    hasher.update(counter.to_le_bytes());
    hasher.finalize().into()
}

/// Heads of every length: the counter then stands at every place of a word, across words, and in
/// either half of the block.
#[test]
fn digests_agree_with_the_blake2_crate() {
    let head: Vec<u8> = (0..blake2b::MAX_HEAD_BYTES).map(|i| (i * 37 + 11) as u8).collect();
    for backend in Backend::available() {
        for length in 0..=head.len() {
            let mut digests = [[0; 64]; 19];
            blake2b::digests(backend, &head[..length], &mut digests);
            for (counter, digest) in (0..).zip(digests) {
                assert_eq!(
                    digest,
                    expected(&head[..length], counter),
                    "{backend}, {length} bytes, counter {counter}"
                );
            }
        }
    }
}

#[test]
fn counters_of_several_bytes_agree_with_the_blake2_crate() {
    for head in
        [&b"lode/puzzle/expand/v1 and a seed of thirty-two bytes."[..], b"0123456", b"01234567"]
    {
        for backend in Backend::available() {
            let mut digests = vec![[0; 64]; 70_000];
            blake2b::digests(backend, head, &mut digests);
            for counter in (0..70_000).step_by(251).chain([255, 256, 257, 65_535, 65_536, 69_999]) {
                assert_eq!(
                    digests[counter],
                    expected(head, counter as u32),
                    "{backend}, counter {counter}"
                );
            }
        }
    }
}

#[test]
fn elements_are_the_halves_of_digests_below_2_to_the_252() {
    let head = b"lode/puzzle/expand/v1 and a seed of thirty-two bytes.";
    for backend in Backend::available() {
        for length in [0, 1, 7, 8, 9, 64, 1003] {
            let (mut low, mut high) = (vec![Fr::ONE; length], vec![Fr::ONE; length]);
            blake2b::expand(backend, head, &mut low, &mut high);
            for (counter, elements) in (0..).zip(low.iter().zip(&high)) {
                let mut digest = expected(head, counter);
                digest[31] &= 0x0f;
                digest[63] &= 0x0f;
                let halves = (
                    Fr::from_bytes(&digest[..32]).unwrap(),
                    Fr::from_bytes(&digest[32..]).unwrap(),
                );
                assert_eq!(elements, (&halves.0, &halves.1), "{backend}, counter {counter}");
            }
        }
    }
}
