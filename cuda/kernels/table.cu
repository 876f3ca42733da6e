// The table of the fixed bases, built once per setup.
#include "msm.cuh"

#define TABLE_THREADS 128

// 20 entries a base. `bases` are affine Weierstrass points in Montgomery form, 96 bytes.
extern "C" __global__ void __launch_bounds__(TABLE_THREADS) msm_build_table(const u8 *bases, u8 *table, u32 n) {
    u32 i = INDEX;
    if (i < n) msm_table_row(bases + 96 * i, table + (u64)i * MSM_WINDOWS * ENTRY_BYTES);
}
