//! One state at a time.

use super::block::{IV, PARAMETERS, SIGMA, Template};

/// The digest of the message with a counter, in words.
pub(super) fn digest(template: &Template, counter: u32) -> [u64; 8] {
    let mut m = template.words;
    let (word, bits) = template.place();
    m[word] |= u64::from(counter) << bits;
    if bits > 32 {
        m[word + 1] |= u64::from(counter) >> (64 - bits);
    }
    let mut h = IV;
    h[0] ^= PARAMETERS;
    let mut v = [0; 16];
    v[..8].copy_from_slice(&h);
    v[8..].copy_from_slice(&IV);
    v[12] ^= template.length();
    v[14] = !v[14];
    for round in 0..12 {
        let s = &SIGMA[round % 10];
        for i in 0..4 {
            mix(&mut v, [i, 4 + i, 8 + i, 12 + i], m[s[2 * i]], m[s[2 * i + 1]]);
        }
        for i in 0..4 {
            mix(
                &mut v,
                [i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4],
                m[s[8 + 2 * i]],
                m[s[9 + 2 * i]],
            );
        }
    }
    core::array::from_fn(|i| h[i] ^ v[i] ^ v[i + 8])
}

/// G (RFC 7693, section 3.1).
#[inline(always)]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}
