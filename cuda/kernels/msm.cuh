// Fixed-base multi-scalar multiplication for many scalar vectors over the same bases.
//
// A scalar below r is replaced by ±s with s <= (r - 1)/2 < 2^252 and cut into 20 signed digits:
// twelve windows of 13 bits, seven of 12 and, from bit 240 up, what is left, at most 2,390. The
// table holds 2^(bit of the window)·P for every base and window, so that all digits of all windows
// go to one set of 4,096 buckets: n·20 additions of table entries and 2·4,096 of points, against 26
// sets of buckets without a table. 2^13 bases take 23.6 MB, which fits in the L2 cache of large
// cards.
//
// Per vector: count and place the digits by bucket (sort), add up each bucket, one thread a bucket,
// the fullest buckets first, so that the lanes of a warp have equal work (accumulate), then sum up
// bucket·number (fold, three times). Entries of a bucket lie in ascending order of their bases, up
// to the order of threads within a step: all vectors of a launch walk through the table together,
// and read its rows from L2.
//
// Atomics occur in the sort alone, on counters in shared memory: two per digit, against 2,559
// instructions of its addition.
#pragma once
#include "curve.cuh"
#include "fr.cuh"

// The first bit of window w, and for w = MSM_WINDOWS the end.
INLINE constexpr int window_bit(int w) {
    return w <= MSM_WIDE_WINDOWS ? MSM_WIDE_BITS * w
           : w < MSM_WINDOWS
               ? MSM_WIDE_BITS * MSM_WIDE_WINDOWS + MSM_NARROW_BITS * (w - MSM_WIDE_WINDOWS)
               : FR_BITS;
}

// The digits of a scalar < r, each handed to `use` as (window, bucket 0 ... 4095, negative); zeros
// are left out.
template <class Use> INLINE void for_each_digit(const Fr &scalar, Use use) {
    // (r - 1)/2, the largest scalar that stays as it is.
    constexpr u32 half[FR_LIMBS] = {FR_HALF};
    Fr s, flipped;
    sub_cc(half[0], scalar.limb[0]);
#pragma unroll
    for (int i = 1; i < FR_LIMBS; i++) subc_cc(half[i], scalar.limb[i]);
    bool flip = subc(0, 0);
    flipped.limb[0] = sub_cc(FrParams::modulus(0), scalar.limb[0]);
#pragma unroll
    for (int i = 1; i < FR_LIMBS; i++)
        flipped.limb[i] = subc_cc(FrParams::modulus(i), scalar.limb[i]);
    s = select(flip, flipped, scalar);
    u32 carry = 0;
#pragma unroll
    for (int w = 0; w < MSM_WINDOWS; w++) {
        const int bit = window_bit(w), bits = window_bit(w + 1) - bit, limb = bit / 32;
        u32 word = s.limb[limb] >> bit % 32;
        if (bit % 32 + bits > 32) word |= s.limb[limb + 1] << (32 - bit % 32);
        u32 digit = (word & ((1u << bits) - 1)) + carry;
        carry = digit > 1u << (bits - 1);
        if (carry) digit = (1u << bits) - digit;
        if (digit) use(w, digit - 1, flip != (bool)carry);
    }
}

// The row of a table: for one base, 2^(bit of w)·P for each window. Entries are < q.
INLINE void msm_table_row(const u8 *base, u8 *row) {
    Point p = from_weierstrass(Fq::load(base), Fq::load(base + FQ_BYTES));
    Fq prefix[MSM_WINDOWS]; // products of the first Z's, to invert them all at once
#pragma unroll 1
    for (int w = 0; w < MSM_WINDOWS; w++) {
        p.x.store(row + ENTRY_BYTES * w);
        p.y.store(row + ENTRY_BYTES * w + FQ_BYTES);
        p.z.store(row + ENTRY_BYTES * w + 2 * FQ_BYTES);
        if (w)
            mul_call(prefix[w], prefix[w - 1], p.z);
        else
            prefix[0] = p.z;
        if (w + 1 < MSM_WINDOWS)
#pragma unroll 1
            for (int k = window_bit(w); k < window_bit(w + 1); k++) twice_call(p);
    }
    Fq inverse;
    invert(inverse, prefix[MSM_WINDOWS - 1]);
#pragma unroll 1
    for (int w = MSM_WINDOWS - 1; w >= 0; w--) {
        u8 *entry = row + ENTRY_BYTES * w;
        Fq x = Fq::load(entry), y = Fq::load(entry + FQ_BYTES), z = Fq::load(entry + 2 * FQ_BYTES),
           one_z = inverse, t;
        if (w) {
            mul_call(one_z, inverse, prefix[w - 1]);
            mul_call(inverse, inverse, z);
        }
        mul_call(x, x, one_z);
        mul_call(y, y, one_z);
        mul_call(t, x, y);
        mul_call(t, t, edwards_2d());
        canonical(subtract_once<2>(sub<2>(y, x))).store(entry);
        canonical(subtract_once<2>(add(y, x))).store(entry + FQ_BYTES);
        canonical(t).store(entry + 2 * FQ_BYTES);
    }
}

// Places the digits of one vector by bucket. `entries` receives 2·(base·20 + window) + sign, bucket
// after bucket; bucket k is [starts[k], starts[k + 1]); `order` the buckets, the fullest first. One
// block of MSM_SORT_THREADS.
INLINE void msm_sort(const Fr *scalars, u32 n, u32 *entries, u32 *starts, u32 *order) {
    const u32 PER_THREAD = MSM_BUCKETS / MSM_SORT_THREADS, t = threadIdx.x;
    __shared__ u32 cursor[MSM_BUCKETS];
    __shared__ u32 scan[MSM_SORT_THREADS];
    __shared__ u32 lengths[MSM_LENGTHS];
    for (u32 k = t; k < MSM_BUCKETS; k += MSM_SORT_THREADS) cursor[k] = 0;
    for (u32 k = t; k < MSM_LENGTHS; k += MSM_SORT_THREADS) lengths[k] = 0;
    __syncthreads();
    for (u32 i = t; i < n; i += MSM_SORT_THREADS)
        for_each_digit(Fr::load(scalars + i),
                       [&](int, u32 bucket, bool) { atomicAdd(&cursor[bucket], 1u); });
    __syncthreads();

    u32 length[PER_THREAD], sum = 0;
#pragma unroll
    for (u32 k = 0; k < PER_THREAD; k++) {
        length[k] = cursor[t * PER_THREAD + k];
        sum += length[k];
        // Position 0 is that of the longest.
        atomicAdd(&lengths[MSM_LENGTHS - 1 - min(length[k], MSM_LENGTHS - 1u)], 1u);
    }
    scan[t] = sum;
    for (u32 step = 1; step < MSM_SORT_THREADS; step *= 2) { // inclusive sums
        __syncthreads();
        u32 before = t >= step ? scan[t - step] : 0;
        __syncthreads();
        scan[t] += before;
    }
    __syncthreads();
    u32 at = scan[t] - sum;
    if (t == MSM_SORT_THREADS - 1) starts[MSM_BUCKETS] = scan[t];
#pragma unroll
    for (u32 k = 0; k < PER_THREAD; k++) {
        cursor[t * PER_THREAD + k] = starts[t * PER_THREAD + k] = at;
        at += length[k];
    }
    if (t == 0) { // MSM_LENGTHS additions by one thread: too few to share
        u32 total = 0;
        for (u32 k = 0; k < MSM_LENGTHS; k++) {
            u32 count = lengths[k];
            lengths[k] = total;
            total += count;
        }
    }
    __syncthreads();
#pragma unroll
    for (u32 k = 0; k < PER_THREAD; k++) {
        u32 position = atomicAdd(&lengths[MSM_LENGTHS - 1 - min(length[k], MSM_LENGTHS - 1u)], 1u);
        order[position] = t * PER_THREAD + k;
    }
    for (u32 i = t; i < n; i += MSM_SORT_THREADS)
        for_each_digit(Fr::load(scalars + i), [&](int window, u32 bucket, bool negative) {
            entries[atomicAdd(&cursor[bucket], 1u)] = 2 * (i * MSM_WINDOWS + window) + negative;
        });
}

// The sum of one bucket.
INLINE Point msm_bucket(const u8 *table, const u32 *entries, u32 from, u32 to) {
    if (from == to) return Point::identity();
    auto entry = [&](u32 i) {
        u32 e = entries[i];
        return Entry::load(table + (u64)(e >> 1) * ENTRY_BYTES, e & 1);
    };
    Point sum = from_entry(entry(from));
    for (u32 i = from + 1; i < to; i++) sum = add_entry(sum, entry(i));
    return sum;
}

// A partial sum of buckets k < K: their sum S, and the sum T of number·bucket, numbers counted from
// 1 in the first fold.
struct Fold {
    Point s, t;
    INLINE static Fold load(const u8 *from) {
        return {Point::load(from), Point::load(from + POINT_BYTES)};
    }
    INLINE void store(u8 *to) const {
        s.store(to);
        t.store(to + POINT_BYTES);
    }
};

// MSM_RUN consecutive buckets: S = ΣB_k, T = Σ(k + 1)·B_k as the sum of the partial sums from the
// top.
INLINE Fold msm_fold_buckets(const u8 *buckets) {
    Fold f;
    f.s = f.t = Point::load(buckets + (MSM_RUN - 1) * POINT_BYTES);
#pragma unroll 1
    for (int k = MSM_RUN - 2; k >= 0; k--) {
        f.s = add(f.s, Point::load(buckets + k * POINT_BYTES));
        f.t = add(f.t, f.s);
    }
    return f;
}

// `count` >= 2 consecutive folds of 2^unit_log buckets each: S = ΣS_k, T = ΣT_k +
// 2^unit_log·Σk·S_k.
INLINE Fold msm_fold(const u8 *folds, u32 count, u32 unit_log) {
    Fold f = Fold::load(folds + (count - 1) * FOLD_BYTES);
    Point weighted = f.s;
    for (u32 k = count - 2; k > 0; k--) {
        add_call(f.s, Point::load(folds + k * FOLD_BYTES));
        add_call(f.t, Point::load(folds + k * FOLD_BYTES + POINT_BYTES));
        add_call(weighted, f.s);
    }
    add_call(f.s, Point::load(folds));
    add_call(f.t, Point::load(folds + POINT_BYTES));
    for (u32 k = 0; k < unit_log; k++) twice_call(weighted);
    add_call(f.t, weighted);
    return f;
}
