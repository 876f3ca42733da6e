// The kernels of a whole attempt, in the order in which they run. Every buffer holds a batch:
// attempt after attempt.
//
//   seeds → expand → inverse NTT of a, b, c → twist → forward NTT of a, b → product →
//   inverse NTT → quotient
//     → MSM (sort, accumulate, fold ×3) → point → opening → MSM → ticket → filter
//
// The quotient h = (a·b - c)/(X^n - 1) takes six transforms instead of seven: with X^n = -1 on the
// coset g·H, g^n = -1, the interpolated product is u = a·b mod (X^n + 1). As a·b = c + h·(X^n - 1),
// u = c - 2·h, so h = (c - u)/2 on coefficients.
//
// Scalars are plain integers < 2·r that stand for themselves; where `mul` brings in 1/R and the
// transforms bring in n, the quotient takes them out in one product. Only tables and z are in
// Montgomery form.
#include "blake2b.cuh"
#include "msm.cuh"
#include "ntt.cuh"

// seed = B256("lode/puzzle/seed/v1" ‖ statement ‖ nonce), nonces counting up from the first one.
extern "C" __global__ void attempt_seeds(const u64 *statement, u64 first_nonce, u64 *seeds,
                                         u32 batch) {
    u32 i = INDEX;
    if (i >= batch) return;
    constexpr int at = length(SEED_DOMAIN);
    auto m = Message<at + HASH_BYTES + 8>::start(SEED_DOMAIN);
    m.put_words<HASH_WORDS>(at, statement);
    m.put(at + HASH_BYTES, first_nonce + i);
    u64 h[8];
    m.digest(h, HASH_BYTES);
    for (int k = 0; k < HASH_WORDS; k++) seeds[HASH_WORDS * i + k] = h[k];
}

// A = a's and B = b's values on H, and c's: A·B/R. Grid: (⌈n/256⌉, batch).
extern "C" __global__ void __launch_bounds__(THREADS)
    attempt_expand(const u64 *seeds, Fr *a, Fr *b, Fr *c, u32 n) {
    u32 i = INDEX;
    if (i >= n) return;
    constexpr int part = length(EXPAND_DOMAIN);
    auto m = Message<part + HASH_BYTES + 4>::start(EXPAND_DOMAIN);
    m.put_words<HASH_WORDS>(part, seeds + HASH_WORDS * blockIdx.y);
    m.put(part + HASH_BYTES, i);
    u64 h[8];
    m.digest(h, 64);
    h[3] &= (1ull << 60) - 1; // mod 2^252
    h[7] &= (1ull << 60) - 1;
    Fr x, y;
#pragma unroll
    for (int k = 0; k < FR_LIMBS; k++) {
        x.limb[k] = (u32)(h[k / 2] >> 32 * (k % 2));
        y.limb[k] = (u32)(h[FR_WORDS + k / 2] >> 32 * (k % 2));
    }
    u64 at = (u64)blockIdx.y * n + i;
    x.store(a + at);
    y.store(b + at);
    mul(x, y).store(c + at);
}

extern "C" __global__ void __launch_bounds__(NTT_THREADS, 2)
    ntt_inverse_pass(Fr *data, const Fr *roots, u32 log_n, u32 first, u32 stages) {
    ntt_pass<true>(data, roots, log_n, first, stages);
}

extern "C" __global__ void __launch_bounds__(NTT_THREADS, 2)
    ntt_forward_pass(Fr *data, const Fr *roots, u32 log_n, u32 first, u32 stages) {
    ntt_pass<false>(data, roots, log_n, first, stages);
}

// data[k] *= factors[k mod n], over `count` elements.
extern "C" __global__ void __launch_bounds__(THREADS)
    attempt_twist(Fr *data, const Fr *factors, u32 n, u32 count) {
    u32 k = INDEX;
    if (k < count) mul(Fr::load(data + k), Fr::load_constant(factors + k % n)).store(data + k);
}

// a[k] *= b[k], over `count` elements.
extern "C" __global__ void __launch_bounds__(THREADS)
    attempt_product(Fr *a, const Fr *b, u32 count) {
    u32 k = INDEX;
    if (k < count) mul(Fr::load(a + k), Fr::load(b + k)).store(a + k);
}

// h = c·scale - u·untwist, < r, from bit-reversed to natural order. `count` = batch·2^log_n.
extern "C" __global__ void __launch_bounds__(THREADS)
    attempt_quotient(const Fr *c, const Fr *u, const Fr *scale, const Fr *untwist, Fr *h, u32 log_n,
                     u32 count) {
    u32 k = INDEX;
    if (k >= count) return;
    u32 i = k & ((1u << log_n) - 1), natural = __brev(i) >> (32 - log_n);
    Fr x = mul(Fr::load(c + k), Fr::load_constant(scale)),
       y = mul(Fr::load(u + k), Fr::load_constant(untwist + i));
    canonical(subtract_once<2>(sub<2>(x, y))).store(h + (k - i + natural));
}

// One block per vector.
extern "C" __global__ void __launch_bounds__(MSM_SORT_THREADS)
    msm_sort_digits(const Fr *scalars, u32 n, u32 *entries, u32 *starts, u32 *order) {
    u64 v = blockIdx.x;
    msm_sort(scalars + v * n, n, entries + v * n * MSM_WINDOWS, starts + v * (MSM_BUCKETS + 1),
             order + v * MSM_BUCKETS);
}

// Grid: (MSM_BUCKETS / POINT_THREADS, batch).
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    msm_accumulate(const u8 *table, u32 n, const u32 *entries, const u32 *starts, const u32 *order,
                   u8 *buckets) {
    u64 v = blockIdx.y;
    u32 bucket = order[v * MSM_BUCKETS + INDEX];
    const u32 *range = starts + v * (MSM_BUCKETS + 1) + bucket;
    msm_bucket(table, entries + v * n * MSM_WINDOWS, range[0], range[1])
        .store(buckets + (v * MSM_BUCKETS + bucket) * POINT_BYTES);
}

// `count` folds of MSM_RUN buckets each.
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    msm_fold_first(const u8 *buckets, u8 *folds, u32 count) {
    u32 k = INDEX;
    if (k < count)
        msm_fold_buckets(buckets + (u64)k * MSM_RUN * POINT_BYTES)
            .store(folds + (u64)k * FOLD_BYTES);
}

// `count` folds out of `width` folds each.
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    msm_fold_next(const u8 *folds, u8 *out, u32 width, u32 unit_log, u32 count) {
    u32 k = INDEX;
    if (k < count)
        msm_fold(folds + (u64)k * width * FOLD_BYTES, width, unit_log)
            .store(out + (u64)k * FOLD_BYTES);
}

// The result of an MSM, T of the last fold, as AFFINE_BYTES.
INLINE u32 encode_point(const u8 *fold, u64 *encoded) {
    Fq x, y;
    bool finite = to_weierstrass(Point::load(fold + POINT_BYTES), x, y);
    x.store(encoded);
    y.store(encoded + FQ_WORDS);
    return finite ? 0 : VOID_INFINITY;
}

// C, and z = le(B512("lode/puzzle/point/v1" ‖ seed ‖ C)) mod r: in Montgomery form < 2·r, and as an
// integer < r.
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    attempt_point(const u8 *folds, const u64 *seeds, u64 *commitments, Fr *z_montgomery,
                  Fr *z_integer, u32 *state, u32 log_n, u32 batch) {
    u32 i = INDEX;
    if (i >= batch) return;
    u64 *c = commitments + AFFINE_WORDS * i;
    u32 bits = encode_point(folds + (u64)i * FOLD_BYTES, c);
    constexpr int at = length(POINT_DOMAIN);
    auto m = Message<at + HASH_BYTES + AFFINE_BYTES>::start(POINT_DOMAIN);
    m.put_words<HASH_WORDS>(at, seeds + HASH_WORDS * i);
    m.put_words<AFFINE_WORDS>(at + HASH_BYTES, c);
    u64 h[8];
    m.digest(h, 64);
    Fr low, high;
#pragma unroll
    for (int k = 0; k < FR_LIMBS; k++) {
        low.limb[k] = (u32)(h[k / 2] >> 32 * (k % 2));
        high.limb[k] = (u32)(h[FR_WORDS + k / 2] >> 32 * (k % 2));
    }
    // low + 2^256·high in Montgomery form: the second operand of `mul` may be any 256-bit integer.
    Fr shifted = mul(Fr::r_squared(), high);
    Fr z =
        subtract_once<2>(add(mul(Fr::r_squared(), low), mul(Fr::r_squared(), canonical(shifted))));
    z.store(z_montgomery + i);
    canonical(mul(z, Fr::integer_one())).store(z_integer + i);
    if (is_in_domain(z, log_n)) bits |= VOID_POINT;
    state[i] = bits;
}

// (h - h(z))/(X - z) and v = h(z): q_i = h_(i+1) + z·q_(i+1), as a scan over runs of n/256
// coefficients. One block each.
extern "C" __global__ void __launch_bounds__(OPENING_THREADS)
    attempt_opening(const Fr *h, const Fr *z_montgomery, Fr *q, Fr *values, u32 n) {
    __shared__ Fr sums[OPENING_THREADS];
    u32 t = threadIdx.x, run = n > OPENING_THREADS ? n / OPENING_THREADS : 1;
    h += (u64)blockIdx.x * n;
    q += (u64)blockIdx.x * n;
    Fr z = Fr::load(z_montgomery + blockIdx.x), power = z, sum = Fr::zero();
    auto next = [&](const Fr &above, const Fr &coefficient) {
        return subtract_once<2>(add(mul(above, z), coefficient));
    };
    if (t * run < n)
        for (u32 k = run; k-- > 0;) sum = next(sum, Fr::load(h + t * run + k));
    for (u32 k = 1; k < run; k *= 2) power = mul(power, power); // z^run
    sum.store(sums + t);
    for (u32 step = 1; step < OPENING_THREADS; step *= 2) { // sums over this run and all above it
        __syncthreads();
        if (t + step < OPENING_THREADS)
            sum = subtract_once<2>(add(sum, mul(Fr::load(sums + t + step), power)));
        power = mul(power, power);
        __syncthreads();
        sum.store(sums + t);
    }
    __syncthreads();
    if (t == 0) canonical(sum).store(values + blockIdx.x);
    if (t * run >= n) return;
    sum = t + 1 < OPENING_THREADS ? Fr::load(sums + t + 1) : Fr::zero();
    for (u32 k = run; k-- > 0;) {
        canonical(sum).store(q + t * run + k);
        sum = next(sum, Fr::load(h + t * run + k));
    }
}

// W, and ticket = B256("lode/puzzle/ticket/v1" ‖ seed ‖ C ‖ W).
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    attempt_ticket(const u8 *folds, const u64 *seeds, const u64 *commitments, u64 *openings,
                   u64 *tickets, u32 *state, u32 batch) {
    u32 i = INDEX;
    if (i >= batch) return;
    u64 *w = openings + AFFINE_WORDS * i;
    state[i] |= encode_point(folds + (u64)i * FOLD_BYTES, w);
    constexpr int at = length(TICKET_DOMAIN);
    auto m = Message<at + HASH_BYTES + 2 * AFFINE_BYTES>::start(TICKET_DOMAIN);
    m.put_words<HASH_WORDS>(at, seeds + HASH_WORDS * i);
    m.put_words<AFFINE_WORDS>(at + HASH_BYTES, commitments + AFFINE_WORDS * i);
    m.put_words<AFFINE_WORDS>(at + HASH_BYTES + AFFINE_BYTES, w);
    u64 h[8];
    m.digest(h, HASH_BYTES);
    for (int k = 0; k < HASH_WORDS; k++) tickets[HASH_WORDS * i + k] = h[k];
}

// value <= target, 128 bits each.
INLINE bool meets(const u64 *value, u64 target_low, u64 target_high) {
    return value[1] != target_high ? value[1] < target_high : value[0] <= target_low;
}

// Records of the attempts that meet the block target or the share target, in any order, and their
// number, which starts at zero. A void attempt is recorded too: none has ever been seen.
extern "C" __global__ void __launch_bounds__(POINT_THREADS)
    attempt_filter(const u64 *commitments, const u64 *points, const u64 *values,
                   const u64 *openings, const u64 *tickets, const u32 *state, u64 block_low,
                   u64 block_high, u64 share_low, u64 share_high, u64 *records, u32 *count,
                   u32 batch) {
    u32 i = INDEX;
    if (i >= batch) return;
    const u64 *ticket = tickets + HASH_WORDS * i;
    if (!state[i] && !meets(ticket, block_low, block_high) &&
        !meets(ticket + HASH_WORDS / 2, share_low, share_high))
        return;
    u64 *record = records + (u64)RECORD_WORDS * atomicAdd(count, 1u);
    record[0] = (u64)state[i] << 32 | i;
    for (int k = 0; k < AFFINE_WORDS; k++) {
        record[RECORD_COMMITMENT + k] = commitments[AFFINE_WORDS * i + k];
        record[RECORD_OPENING + k] = openings[AFFINE_WORDS * i + k];
    }
    for (int k = 0; k < FR_WORDS; k++) {
        record[RECORD_POINT + k] = points[FR_WORDS * i + k];
        record[RECORD_VALUE + k] = values[FR_WORDS * i + k];
    }
}
