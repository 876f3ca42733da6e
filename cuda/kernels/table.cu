// The table of the fixed bases, built once per setup.
#include "msm.cuh"

// MSM_WINDOWS entries a base. `bases` are affine Weierstrass points in Montgomery form,
// AFFINE_BYTES each.
extern "C" __global__ void __launch_bounds__(TABLE_THREADS)
    msm_build_table(const u8 *bases, u8 *table, u32 n) {
    u32 i = INDEX;
    if (i < n) msm_table_row(bases + AFFINE_BYTES * i, table + (u64)i * MSM_WINDOWS * ENTRY_BYTES);
}
