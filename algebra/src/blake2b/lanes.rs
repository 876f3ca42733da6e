//! Eight states side by side, in AVX-512 lanes: lane l holds the counter 8k + l.

use super::block::{IV, PARAMETERS, SIGMA, Template};
use crate::{
    avx512::{
        fr::{Fr8, Limbs},
        to_limbs52,
        transpose::transpose8,
    },
    field::{Fr, FrParams, montgomery},
};
use core::arch::x86_64::*;

/// [`super::digests`].
#[target_feature(enable = "avx512f")]
pub(super) fn digests(template: &Template, out: &mut [[[u8; 64]; 8]]) {
    for (group, out) in (0..).zip(out) {
        for (bytes, words) in out.iter_mut().zip(digests_of_group(template, group)) {
            for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
        }
    }
}

/// The digests for the counters of a group of eight, in words.
#[target_feature(enable = "avx512f")]
pub(super) fn digests_of_group(template: &Template, group: u32) -> [[u64; 8]; 8] {
    // SAFETY: this function and the kernel need the same instructions.
    let rows = transpose8(unsafe { kernel(template)(template, group) });
    let mut digests = [[0; 8]; 8];
    for (words, row) in digests.iter_mut().zip(rows) {
        // SAFETY: a digest is 64 bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), row) };
    }
    digests
}

/// [`super::expand`].
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn expand(template: &Template, low: &mut [[Fr; 8]], high: &mut [[Fr; 8]]) {
    /// `2^516 mod r`: takes x to x·2^256 under a product, which divides by 2^260.
    const TO_ELEMENT: Limbs =
        to_limbs52(&montgomery::power_of_two(516, &<FrParams as crate::field::Params<4>>::MODULUS));
    let to_element = Fr8::splat(&TO_ELEMENT);
    let top = _mm512_set1_epi64((u64::MAX >> 4) as i64);
    let digest = kernel(template);
    for (group, (low, high)) in low.iter_mut().zip(high).enumerate() {
        // SAFETY: this function and the kernel need the same instructions.
        let [l0, l1, l2, l3, h0, h1, h2, h3] = unsafe { digest(template, group as u32) };
        for (words, out) in [
            ([l0, l1, l2, _mm512_and_si512(l3, top)], low),
            ([h0, h1, h2, _mm512_and_si512(h3, top)], high),
        ] {
            Fr8::from_words(words).product(&to_element).to_value().reduce_once().store(out);
        }
    }
}

type Kernel = unsafe fn(&Template, u32) -> [__m512i; 8];

/// The kernel for messages of up to 64 bytes leaves out the additions of the block's empty half.
fn kernel(template: &Template) -> Kernel {
    if template.length() <= 64 { digest::<8> } else { digest::<16> }
}

/// The digests for the counters of a group of eight, word k in register k; only the first `WORDS`
/// words of the block are not zero.
#[target_feature(enable = "avx512f")]
fn digest<const WORDS: usize>(template: &Template, group: u32) -> [__m512i; 8] {
    let splat = |word: u64| _mm512_set1_epi64(word as i64);
    let mut m = [splat(0); 16];
    for (m, word) in m.iter_mut().zip(&template.words) {
        *m = splat(*word);
    }
    let counters =
        _mm512_add_epi64(splat(u64::from(group) * 8), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
    let (word, bits) = template.place();
    m[word] = _mm512_or_si512(m[word], _mm512_sll_epi64(counters, _mm_cvtsi32_si128(bits as i32)));
    if bits > 32 {
        m[word + 1] = _mm512_or_si512(
            m[word + 1],
            _mm512_srl_epi64(counters, _mm_cvtsi32_si128(64 - bits as i32)),
        );
    }

    let mut v = [splat(0); 16];
    for i in 0..8 {
        v[i] = splat(IV[i]);
        v[8 + i] = splat(IV[i]);
    }
    v[0] = splat(IV[0] ^ PARAMETERS);
    v[12] = splat(IV[4] ^ template.length());
    v[14] = splat(!IV[6]);

    macro_rules! mix {
        ($s:ident, $i:literal, $a:literal, $b:literal, $c:literal, $d:literal) => {
            v[$a] = _mm512_add_epi64(v[$a], v[$b]);
            if const { $s[2 * $i] < WORDS } {
                v[$a] = _mm512_add_epi64(v[$a], m[$s[2 * $i]]);
            }
            v[$d] = _mm512_ror_epi64::<32>(_mm512_xor_si512(v[$d], v[$a]));
            v[$c] = _mm512_add_epi64(v[$c], v[$d]);
            v[$b] = _mm512_ror_epi64::<24>(_mm512_xor_si512(v[$b], v[$c]));
            v[$a] = _mm512_add_epi64(v[$a], v[$b]);
            if const { $s[2 * $i + 1] < WORDS } {
                v[$a] = _mm512_add_epi64(v[$a], m[$s[2 * $i + 1]]);
            }
            v[$d] = _mm512_ror_epi64::<16>(_mm512_xor_si512(v[$d], v[$a]));
            v[$c] = _mm512_add_epi64(v[$c], v[$d]);
            v[$b] = _mm512_ror_epi64::<63>(_mm512_xor_si512(v[$b], v[$c]));
        };
    }
    macro_rules! rounds {
        ($($round:literal)*) => {
            $({
                const S: [usize; 16] = SIGMA[$round % 10];
                mix!(S, 0, 0, 4, 8, 12);
                mix!(S, 1, 1, 5, 9, 13);
                mix!(S, 2, 2, 6, 10, 14);
                mix!(S, 3, 3, 7, 11, 15);
                mix!(S, 4, 0, 5, 10, 15);
                mix!(S, 5, 1, 6, 11, 12);
                mix!(S, 6, 2, 7, 8, 13);
                mix!(S, 7, 3, 4, 9, 14);
            })*
        };
    }
    rounds!(0 1 2 3 4 5 6 7 8 9 10 11);

    let mut out = [splat(0); 8];
    for i in 0..8 {
        out[i] = _mm512_xor_si512(_mm512_xor_si512(v[i], v[i + 8]), splat(IV[i]));
    }
    out[0] = _mm512_xor_si512(out[0], splat(PARAMETERS));
    out
}
