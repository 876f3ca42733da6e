// runtime.h: what translated PTX (translator/) and the emulated driver (driver/) share.
#pragma once
#include <stdint.h>
#include <string.h>

typedef struct Ctx Ctx;

// Access kinds and state spaces of Runtime.check. The translator emits the access kind as a number.
enum { ACCESS_READ = 0, ACCESS_WRITE = 1, ACCESS_ATOMIC = 2, ACCESS_PROBE = 4 };
enum { SPACE_GLOBAL = 0, SPACE_SHARED = 1, SPACE_GENERIC = 2 };

// Warp operations. The low bits select the variant (WOP_SHFL+2 is shfl.bfly).
enum {
  WOP_SYNC = 0,
  WOP_SHFL = 16,   // +0 up, +1 down, +2 bfly, +3 idx
  WOP_VOTE = 32,   // +0 all, +1 any, +2 uni, +3 ballot
  WOP_MATCH = 48,
  WOP_REDUX = 64,  // +0 add, +1 min, +2 max, +3 and, +4 or, +5 xor, +9 signed min, +10 signed max
  WOP_ELECT = 96
};

// Kinds of barrier, and a flag: lanes of one warp may arrive at different instructions.
enum { BAR_SYNC = 0, BAR_POPC = 1, BAR_AND = 2, BAR_OR = 3, BAR_UNALIGNED = 16 };

// Services of the driver for a running thread. `line` is always a line of the PTX.
typedef struct {
  void (*die)(Ctx *, int line, const char *message);
  uint64_t (*warp)(Ctx *, int op, uint32_t mask, uint64_t value, uint32_t b, uint32_t c, int line);
  uint32_t (*barrier)(Ctx *, uint32_t id, uint32_t count, int kind, uint32_t pred, int line);
  void (*exit_thread)(Ctx *);
  uint8_t *(*check)(Ctx *, uint64_t addr, uint32_t size, int access, int line, int space);
  uint32_t (*active_mask)(Ctx *);
} Runtime;

// One thread of a running kernel.
struct Ctx {
  uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
  uint32_t lane, warp;      // position in the warp, index of the warp
  uint32_t index, nthreads; // position in the block, size of the block
  uint8_t *smem;
  uint32_t smem_size, dynoff, dynsmem; // whole window, start and size of its dynamic part
  const Runtime *rt;
  uint64_t ticks; // branches taken: stands in for %clock
  void *engine;
};

// Tables that each translated module exports: cuemu_kernels and cuemu_globals.
typedef void (*KernelFn)(Ctx *, uint8_t *params);
typedef struct {
  int offset, size;
} CuParam;
typedef struct {
  const char *name;
  KernelFn fn;
  uint32_t smem, param_size; // bytes of static shared memory and of parameters
  uint32_t max_threads;      // __launch_bounds__, or 0
  int param_count;
  const CuParam *params;
} CuKernel;
typedef struct {
  const char *name;
  void *addr;
  uint64_t size;
} CuGlobal;

#define cuemu_die(ctx, line, message) (ctx)->rt->die(ctx, line, message)
#define cuemu_warp(ctx, op, mask, v, b, c_, line) (ctx)->rt->warp(ctx, op, mask, v, b, c_, line)
#define cuemu_bar(ctx, id, n, kind, p, line) (ctx)->rt->barrier(ctx, id, n, kind, p, line)
#define cuemu_exit(ctx) (ctx)->rt->exit_thread(ctx)
#define cuemu_activemask(ctx) (ctx)->rt->active_mask(ctx)
#define cuemu_clock() ((uint64_t)c->ticks)
#define cuemu_tick(ctx) (ctx)->ticks++

// Checked host pointers: shared, global, generic. Local and parameter space are not checked.
#define SH(ctx, addr, n, access, line) (ctx)->rt->check(ctx, addr, n, access, line, SPACE_SHARED)
#define GL(ctx, addr, n, access, line) (ctx)->rt->check(ctx, addr, n, access, line, SPACE_GLOBAL)
#define GEN(ctx, addr, n, access, line) (ctx)->rt->check(ctx, addr, n, access, line, SPACE_GENERIC)
#define LOC(ctx, addr, n, access, line) ((uint8_t *)(uintptr_t)(addr))
#define cuemu_isshared(ctx, addr) \
  ((uint64_t)(addr) - (uint64_t)(uintptr_t)(ctx)->smem < (ctx)->smem_size)
#define cuemu_isglobal(ctx, addr) \
  ((ctx)->rt->check(ctx, addr, 1, ACCESS_PROBE, 0, SPACE_GLOBAL) != 0)

// Add and subtract with the carry flag: the new flag is returned, `old` unless `set`.
// PTX defines CC.CF after a subtraction as the borrow.
#define DEFINE_CARRY(bits, Wide)                                                       \
  static inline uint32_t x_add##bits(uint##bits##_t *r, uint##bits##_t a,              \
                                     uint##bits##_t b, uint32_t in, uint32_t old,      \
                                     int set) {                                        \
    Wide sum = (Wide)a + b + in;                                                       \
    *r = (uint##bits##_t)sum;                                                          \
    return set ? (uint32_t)((sum >> bits) & 1) : old;                                  \
  }                                                                                    \
  static inline uint32_t x_sub##bits(uint##bits##_t *r, uint##bits##_t a,              \
                                     uint##bits##_t b, uint32_t in, uint32_t old,      \
                                     int set) {                                        \
    *r = (uint##bits##_t)(a - b - in);                                                 \
    return set ? ((Wide)a < (Wide)b + in) : old;                                       \
  }
DEFINE_CARRY(32, uint64_t)
DEFINE_CARRY(64, unsigned __int128)

static inline uint32_t x_clamp(int64_t x) {
  return (uint32_t)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}
static inline uint32_t x_addsat(int32_t a, int32_t b) { return x_clamp((int64_t)a + b); }
static inline uint32_t x_subsat(int32_t a, int32_t b) { return x_clamp((int64_t)a - b); }

// Bit k of `table` is the result for the input bits (a, b, c) = k.
static inline uint32_t x_lop3(uint32_t a, uint32_t b, uint32_t c, int table) {
  uint32_t r = 0;
  if (table & 1) r |= ~a & ~b & ~c;
  if (table & 2) r |= ~a & ~b & c;
  if (table & 4) r |= ~a & b & ~c;
  if (table & 8) r |= ~a & b & c;
  if (table & 16) r |= a & ~b & ~c;
  if (table & 32) r |= a & ~b & c;
  if (table & 64) r |= a & b & ~c;
  if (table & 128) r |= a & b & c;
  return r;
}

// Bit field extract: past the top of the value comes its sign bit, or zero.
static inline uint64_t bit_extract(uint64_t a, uint32_t start, uint32_t length, int width,
                                   int is_signed) {
  start &= 255;
  length &= 255;
  uint32_t msb = width - 1, last = start + length - 1;
  int sign = !is_signed || length == 0 ? 0 : (a >> (last < msb ? last : msb)) & 1;
  uint64_t r = 0;
  for (uint32_t i = 0; i <= msb; i++) {
    int bit = i < length && start + i <= msb ? (int)((a >> (start + i)) & 1) : sign;
    r |= (uint64_t)bit << i;
  }
  return r;
}
#define x_bfe_u32(a, start, length) ((uint32_t)bit_extract(a, start, length, 32, 0))
#define x_bfe_s32(a, start, length) ((uint32_t)bit_extract(a, start, length, 32, 1))
#define x_bfe_u64(a, start, length) bit_extract(a, start, length, 64, 0)
#define x_bfe_s64(a, start, length) bit_extract(a, start, length, 64, 1)

// Bit field insert: the low bits of a replace a field of b.
static inline uint64_t bit_insert(uint64_t a, uint64_t b, uint32_t start, uint32_t length,
                                  uint32_t width) {
  start &= 255;
  length &= 255;
  for (uint32_t i = 0; i < length && start + i < width; i++) {
    b &= ~(1ull << (start + i));
    b |= ((a >> i) & 1) << (start + i);
  }
  return b;
}
#define x_bfi32(a, b, start, length) ((uint32_t)bit_insert(a, b, start, length, 32))
#define x_bfi64(a, b, start, length) bit_insert(a, b, start, length, 64)

static inline uint32_t x_brev32(uint32_t x) {
  uint32_t r = 0;
  for (int i = 0; i < 32; i++) r |= ((x >> i) & 1) << (31 - i);
  return r;
}
static inline uint64_t x_brev64(uint64_t x) {
  uint64_t r = 0;
  for (int i = 0; i < 64; i++) r |= ((x >> i) & 1) << (63 - i);
  return r;
}

// Byte permute. Bit 3 of a selector asks for the replicated sign of the byte.
static inline uint32_t x_prmt(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = ((uint64_t)b << 32) | a;
  uint32_t r = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t k = (selector >> (4 * i)) & 15;
    uint8_t v = (uint8_t)(bytes >> (8 * (k & 7)));
    if (k & 8) v = (v & 0x80) ? 0xff : 0;
    r |= (uint32_t)v << (8 * i);
  }
  return r;
}

// Atomics. A block runs on one host thread, so plain loads and stores are atomic here.
#define DEFINE_ATOMIC(name, Type, expr)                     \
  static inline Type x_atom_##name(uint8_t *addr, Type v) { \
    Type *p = (Type *)addr;                                 \
    Type old = *p;                                          \
    *p = (Type)(expr);                                      \
    return old;                                             \
  }
#define DEFINE_ATOMICS(suffix, Type)                                                   \
  DEFINE_ATOMIC(add_##suffix, Type, old + v)                                           \
  DEFINE_ATOMIC(and_##suffix, Type, old & v)                                           \
  DEFINE_ATOMIC(or_##suffix, Type, old | v)                                            \
  DEFINE_ATOMIC(xor_##suffix, Type, old ^ v)                                           \
  DEFINE_ATOMIC(exch_##suffix, Type, v)                                                \
  DEFINE_ATOMIC(min_##suffix, Type, old < v ? old : v)                                 \
  DEFINE_ATOMIC(max_##suffix, Type, old > v ? old : v)                                 \
  DEFINE_ATOMIC(inc_##suffix, Type, old >= v ? 0 : old + 1)                            \
  DEFINE_ATOMIC(dec_##suffix, Type, (old == 0 || old > v) ? v : old - 1)               \
  static inline Type x_atom_cas_##suffix(uint8_t *addr, Type compare, Type v) {        \
    Type *p = (Type *)addr;                                                            \
    Type old = *p;                                                                     \
    if (old == compare) *p = v;                                                        \
    return old;                                                                        \
  }
DEFINE_ATOMICS(u16, uint16_t)
DEFINE_ATOMICS(u32, uint32_t)
DEFINE_ATOMICS(s32, int32_t)
DEFINE_ATOMICS(u64, uint64_t)
DEFINE_ATOMICS(s64, int64_t)
