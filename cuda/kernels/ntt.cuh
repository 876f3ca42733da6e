// Number-theoretic transforms of length n = 2^log_n over Fr, in place, in passes of up to 7 stages.
//
// Inverse transforms take natural order to bit-reversed order (decimation in frequency,
// Gentleman-Sande), forward ones take it back (decimation in time, Cooley-Tukey), so no transform
// ever permutes. Values are < 2·r between stages.
//
// A pass loads tiles of 2^stages rows by `columns` neighbours into shared memory, does its stages
// there with two radix-2 butterflies of two consecutive stages in registers (radix 4) at a time,
// and writes back. Two passes do n = 2^13: one of rows 64 elements apart and one of 64 consecutive
// ones.
//
// Twiddles: `roots[j]` = w^j for j < n/2, Montgomery form, < r; of ω for the forward and of 1/ω for
// the inverse transform.
#pragma once
#include "fr.cuh"

// Elements of a tile: 32 KB of shared memory.
#define NTT_TILE (1 << NTT_TILE_LOG)

// (a, b) = (a + b, (a - b)·w)
INLINE void butterfly_frequency(Fr &a, Fr &b, const Fr &w) {
    Fr sum = subtract_once<2>(add(a, b));
    b = mul(sub<2>(a, b), w);
    a = sum;
}

// (a, b) = (a + b·w, a - b·w)
INLINE void butterfly_time(Fr &a, Fr &b, const Fr &w) {
    Fr t = mul(b, w), sum = subtract_once<2>(add(a, t));
    b = subtract_once<2>(sub<2>(a, t));
    a = sum;
}

// The stages [first, first + stages) of one transform on a tile in shared memory. Stage s pairs
// elements n/2^(s+1) apart: index = (group of first bits | row of `stages` bits | column). A tile
// holds all rows of a group for 2^columns_log neighbouring columns, row by row, and where a group
// is smaller than a tile, several groups one after another: their number only adds bits above the
// row's. `column` is the first column.
template <bool INVERSE>
INLINE void ntt_tile(Fr *tile, const Fr *roots, int log_n, int first, int stages, int columns_log,
                     u32 column, int tile_log) {
    const int column_bits = log_n - first - stages;
    for (int done = 0; done < stages;) {
        const int radix_log = stages - done >= 2 ? 2 : 1;
        // Rows that one thread takes: they differ in radix_log bits of the row, from bit `low` up.
        const int low = INVERSE ? stages - done - radix_log : done;
        const int work = 1 << (tile_log - radix_log);
        for (int k = threadIdx.x; k < work; k += NTT_THREADS) {
            u32 c = k & ((1 << columns_log) - 1), rest = k >> columns_log;
            u32 row = rest & ((1 << low) - 1), base = rest >> low << (low + radix_log) | row;
            // The position of the first element within the block that a stage splits; its step
            // gives the exponent.
            u32 j = row << column_bits | (column + c);
            Fr *at = tile + (base << columns_log) + c;
            const u32 step = 1u << (low + columns_log);
            if (radix_log == 1) {
                // One stage, of half-length 2^(low + column_bits).
                Fr w = Fr::load_constant(roots + ((u64)j << (log_n - 1 - low - column_bits)));
                Fr a = Fr::load(at), b = Fr::load(at + step);
                INVERSE ? butterfly_frequency(a, b, w) : butterfly_time(a, b, w);
                a.store(at);
                b.store(at + step);
            } else {
                const int inner = low + column_bits,
                          outer = inner + 1;  // log2 of the two half-lengths
                Fr v[4];
#pragma unroll
                for (int i = 0; i < 4; i++) v[i] = Fr::load(at + i * step);
                Fr w0 = Fr::load_constant(roots + ((u64)j << (log_n - 1 - outer)));
                Fr w1 =
                    Fr::load_constant(roots + ((u64)(j + (1u << inner)) << (log_n - 1 - outer)));
                Fr w = Fr::load_constant(roots + ((u64)j << (log_n - 1 - inner)));
                if (INVERSE) {
                    butterfly_frequency(v[0], v[2], w0);
                    butterfly_frequency(v[1], v[3], w1);
                    butterfly_frequency(v[0], v[1], w);
                    butterfly_frequency(v[2], v[3], w);
                } else {
                    butterfly_time(v[0], v[1], w);
                    butterfly_time(v[2], v[3], w);
                    butterfly_time(v[0], v[2], w0);
                    butterfly_time(v[1], v[3], w1);
                }
#pragma unroll
                for (int i = 0; i < 4; i++) v[i].store(at + i * step);
            }
        }
        done += radix_log;
        __syncthreads();
    }
}

// One pass over the transforms at `data`, one after another. Grid: (n / tile, transforms); a tile
// is 2^min(log_n, 10) elements. A pass does at most 10 stages: all of a transform up to n = 2^10,
// otherwise two passes share them.
template <bool INVERSE>
INLINE void ntt_pass(Fr *data, const Fr *roots, int log_n, int first, int stages) {
    __shared__ Fr tile[NTT_TILE];
    const int column_bits = log_n - first - stages;
    const int tile_log = log_n < NTT_TILE_LOG ? log_n : NTT_TILE_LOG;
    const int columns_log = column_bits < tile_log - stages ? column_bits : tile_log - stages;
    const int groups_log = tile_log - stages - columns_log,
              tiles_per_group_log = column_bits - columns_log;
    const u32 first_group = blockIdx.x >> tiles_per_group_log << groups_log;
    const u32 column = (blockIdx.x & ((1u << tiles_per_group_log) - 1)) << columns_log;
    const u32 column_mask = (1u << columns_log) - 1, row_mask = (1u << stages) - 1;
    data += (u64)blockIdx.y << log_n;
    // Where element k of the tile lies in the transform.
    auto place = [&](u32 k) {
        u32 group = first_group + (k >> (stages + columns_log)), row = k >> columns_log & row_mask;
        return group << (log_n - first) | row << column_bits | (column + (k & column_mask));
    };
    for (u32 k = threadIdx.x; k < 1u << tile_log; k += NTT_THREADS)
        Fr::load(data + place(k)).store(tile + k);
    __syncthreads();
    ntt_tile<INVERSE>(tile, roots, log_n, first, stages, columns_log, column, tile_log);
    for (u32 k = threadIdx.x; k < 1u << tile_log; k += NTT_THREADS)
        Fr::load(tile + k).store(data + place(k));
}
