//! Between rows (one element's limbs side by side) and lanes (one limb of eight elements side by
//! side).

use core::arch::x86_64::{
    __m512i, _mm512_shuffle_i64x2, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

/// Transposes an 8×8 matrix of 64-bit words: 24 shuffles. Its own inverse.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose8(rows: [__m512i; 8]) -> [__m512i; 8] {
    // Pairs of rows: even columns in `low`, odd ones in `high`, one 128-bit block for each.
    let (mut low, mut high) = ([rows[0]; 4], [rows[0]; 4]);
    for i in 0..4 {
        low[i] = _mm512_unpacklo_epi64(rows[2 * i], rows[2 * i + 1]);
        high[i] = _mm512_unpackhi_epi64(rows[2 * i], rows[2 * i + 1]);
    }
    let [c0, c4, c2, c6] = columns(low);
    let [c1, c5, c3, c7] = columns(high);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// Transposes a 4×4 matrix of 128-bit blocks; the columns come in the order 0, 2, 1, 3.
#[inline]
#[target_feature(enable = "avx512f")]
fn columns(rows: [__m512i; 4]) -> [__m512i; 4] {
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    let (a, b) = (
        _mm512_shuffle_i64x2::<EVEN>(rows[0], rows[1]),
        _mm512_shuffle_i64x2::<EVEN>(rows[2], rows[3]),
    );
    let (c, d) = (
        _mm512_shuffle_i64x2::<ODD>(rows[0], rows[1]),
        _mm512_shuffle_i64x2::<ODD>(rows[2], rows[3]),
    );
    [
        _mm512_shuffle_i64x2::<EVEN>(a, b),
        _mm512_shuffle_i64x2::<ODD>(a, b),
        _mm512_shuffle_i64x2::<EVEN>(c, d),
        _mm512_shuffle_i64x2::<ODD>(c, d),
    ]
}
