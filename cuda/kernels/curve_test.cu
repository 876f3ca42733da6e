// Single point operations over arrays: what the tests compare with affine arithmetic, and what the
// gates count.
#include "curve.cuh"

// Affine Weierstrass points (x ‖ y, Montgomery form, 96 bytes) to extended Edwards coordinates.
extern "C" __global__ void point_from_weierstrass(const u8 *points, u8 *out, u32 n) {
    u32 i = INDEX;
    if (i < n)
        from_weierstrass(Fq::load(points + AFFINE_BYTES * i),
                         Fq::load(points + AFFINE_BYTES * i + FQ_BYTES))
            .store(out + POINT_BYTES * i);
}

// Extended coordinates to affine Weierstrass points (integers, 96 bytes; zeros for infinity) and
// flags (1: finite).
extern "C" __global__ void point_to_weierstrass(const u8 *points, u8 *out, u32 *finite, u32 n) {
    u32 i = INDEX;
    if (i >= n) return;
    Fq x, y;
    finite[i] = to_weierstrass(Point::load(points + POINT_BYTES * i), x, y);
    x.store(out + AFFINE_BYTES * i);
    y.store(out + AFFINE_BYTES * i + FQ_BYTES);
}

// p + sign·entry.
extern "C" __global__ void point_add_entry(const u8 *p, const u8 *entries, const u32 *negative,
                                           u8 *out, u32 n) {
    u32 i = INDEX;
    if (i < n)
        add_entry(Point::load(p + POINT_BYTES * i),
                  Entry::load(entries + ENTRY_BYTES * i, negative[i]))
            .store(out + POINT_BYTES * i);
}

// p + 2·sign·entry: what it has over the kernel above is one addition, without any load.
extern "C" __global__ void point_add_entry_twice(const u8 *p, const u8 *entries,
                                                 const u32 *negative, u8 *out, u32 n) {
    u32 i = INDEX;
    if (i >= n) return;
    Entry entry = Entry::load(entries + ENTRY_BYTES * i, negative[i]);
    add_entry(add_entry(Point::load(p + POINT_BYTES * i), entry), entry)
        .store(out + POINT_BYTES * i);
}

extern "C" __global__ void point_from_entry(const u8 *entries, const u32 *negative, u8 *out,
                                            u32 n) {
    u32 i = INDEX;
    if (i < n)
        from_entry(Entry::load(entries + ENTRY_BYTES * i, negative[i]))
            .store(out + POINT_BYTES * i);
}

extern "C" __global__ void point_add(const u8 *p, const u8 *q, u8 *out, u32 n) {
    u32 i = INDEX;
    if (i < n)
        add(Point::load(p + POINT_BYTES * i), Point::load(q + POINT_BYTES * i))
            .store(out + POINT_BYTES * i);
}

extern "C" __global__ void point_twice(const u8 *p, u8 *out, u32 n) {
    u32 i = INDEX;
    if (i < n) twice(Point::load(p + POINT_BYTES * i)).store(out + POINT_BYTES * i);
}
