// BLAKE2b (RFC 7693) without a key, for messages of at most two blocks whose layout is known when
// compiling.
//
// A message is 16 or 32 words in registers; `put` places bytes at constant offsets, so that
// everything unrolls.
#pragma once
#include "word.cuh"

INLINE u64 rotate_right(u64 x, int n) { return x >> n | x << (64 - n); }

// The initial value i.
INLINE u64 blake2b_iv(int i) {
    constexpr u64 iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                           0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                           0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
    return iv[i];
}

// Which message word step i of round r takes.
INLINE int blake2b_sigma(int r, int i) {
    constexpr u8 sigma[10][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
                                  {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
                                  {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
                                  {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
                                  {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
                                  {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
                                  {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
                                  {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
                                  {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
                                  {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
    return sigma[r % 10][i];
}

INLINE void blake2b_mix(u64 &a, u64 &b, u64 &c, u64 &d, u64 x, u64 y) {
    a += b + x;
    d = rotate_right(d ^ a, 32);
    c += d;
    b = rotate_right(b ^ c, 24);
    a += b + y;
    d = rotate_right(d ^ a, 16);
    c += d;
    b = rotate_right(b ^ c, 63);
}

// The compression function: `bytes` counts the message up to the end of this block.
INLINE void blake2b_compress(u64 *h, const u64 *m, u32 bytes, bool last) {
    u64 v[16];
#pragma unroll
    for (int i = 0; i < 8; i++) {
        v[i] = h[i];
        v[8 + i] = blake2b_iv(i);
    }
    v[12] ^= bytes;
    if (last) v[14] = ~v[14];
#pragma unroll
    for (int r = 0; r < 12; r++) {
#pragma unroll
        for (int i = 0; i < 4; i++)
            blake2b_mix(v[i], v[4 + i], v[8 + i], v[12 + i], m[blake2b_sigma(r, 2 * i)],
                        m[blake2b_sigma(r, 2 * i + 1)]);
#pragma unroll
        for (int i = 0; i < 4; i++)
            blake2b_mix(v[i], v[4 + (i + 1) % 4], v[8 + (i + 2) % 4], v[12 + (i + 3) % 4],
                        m[blake2b_sigma(r, 8 + 2 * i)], m[blake2b_sigma(r, 9 + 2 * i)]);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) h[i] ^= v[i] ^ v[8 + i];
}

// The digest of the first BYTES bytes of `m`, `digest_bytes` (32 or 64) of it in h. Words past the
// message are zero.
template <int BYTES> INLINE void blake2b(u64 *h, const u64 *m, int digest_bytes) {
    static_assert(BYTES > 0 && BYTES <= 256, "one or two blocks");
#pragma unroll
    for (int i = 0; i < 8; i++) h[i] = blake2b_iv(i);
    h[0] ^= 0x01010000 ^ (u64)digest_bytes;
    if (BYTES > 128) blake2b_compress(h, m, 128, false);
    blake2b_compress(h, m + (BYTES > 128 ? 16 : 0), BYTES, true);
}

// Bytes of a domain string.
template <int N> INLINE constexpr int length(const char (&)[N]) { return N - 1; }

// Words of a message of BYTES bytes.
template <int BYTES> struct Message {
    static constexpr int WORDS = BYTES > 128 ? 32 : 16;
    u64 word[WORDS];

    // A message that begins with a domain string.
    template <int N> INLINE static Message start(const char (&domain)[N]) {
        Message m;
#pragma unroll
        for (int i = 0; i < WORDS; i++) m.word[i] = 0;
#pragma unroll
        for (int i = 0; i < N - 1; i++) m.word[i / 8] |= (u64)(u8)domain[i] << (8 * (i % 8));
        return m;
    }
    // Places `value`, eight bytes little-endian, at a constant offset.
    INLINE void put(int offset, u64 value) {
        int shift = 8 * (offset % 8);
        word[offset / 8] |= value << shift;
        if (shift && offset / 8 + 1 < WORDS) word[offset / 8 + 1] |= value >> (64 - shift);
    }
    template <int COUNT> INLINE void put_words(int offset, const u64 *values) {
#pragma unroll
        for (int i = 0; i < COUNT; i++) put(offset + 8 * i, values[i]);
    }
    INLINE void digest(u64 *h, int digest_bytes) const { blake2b<BYTES>(h, word, digest_bytes); }
};
