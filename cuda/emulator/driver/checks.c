// Checks of every memory access, and the race detector for shared memory.
#include "emulator.h"

// Two accesses race unless a barrier of the block, or of their common warp, lies between them.
static int unordered(Fiber *f, const Access *other) {
  int thread = f->c.index;
  if (other->thread < 0 || other->thread == thread) return 0;
  if (other->block_epoch != f->block_epoch) return 0;
  return other->thread / 32 != thread / 32 || other->warp_epoch == f->warp_epoch;
}

static void detect_race(Engine *e, Fiber *f, uint64_t addr, uint32_t size, int access, int line) {
  Access now = {f->c.index, f->block_epoch, f->warp_epoch, line};
  for (uint64_t word = addr / 4; word < (addr + size + 3) / 4; word++) {
    Shadow *s = &e->shadow[word];
    int race = 0, other = 0;
    int both_atomic = access == ACCESS_ATOMIC && s->write_is_atomic;
    if (!both_atomic && unordered(f, &s->write)) {
      race = 1;
      other = s->write.line;
    }
    if (access != ACCESS_READ && unordered(f, &s->read)) {
      race = 1;
      other = s->read.line;
    }
    if (race && e->race_count++ < MAX_RACE_REPORTS)
      fprintf(stderr,
              "cuemu: RACE on shared word +%llu in %s: PTX line %d (thread %d) vs line %d\n",
              (unsigned long long)word * 4, e->kernel->name, line, now.thread, other);
    if (access == ACCESS_READ) {
      s->read = now;
    } else {
      s->write = now;
      s->write_is_atomic = access == ACCESS_ATOMIC;
    }
  }
}

static void die_outside(Ctx *c, int line, uint64_t addr, uint32_t size) {
  Engine *e = c->engine;
  char text[200];
  const char *what = "global memory access out of bounds";
  for (int i = 0; i < device_count; i++) { // try only: the other device may be busy
    Device *d = &devices[i];
    if (d == e->dev || pthread_mutex_trylock(&d->lock)) continue;
    if (find(d, addr)) what = "global memory access out of bounds (memory of another device)";
    unlock(d);
  }
  snprintf(text, sizeof text, "%s: %u bytes at 0x%llx", what, size, (unsigned long long)addr);
  die(c, line, text);
}

static uint8_t *check(Ctx *c, uint64_t addr, uint32_t size, int access, int line, int space) {
  Engine *e = c->engine;
  if (access == ACCESS_PROBE) return holds(e->dev, addr, size) ? (uint8_t *)1 : NULL;
  if (space == SPACE_GENERIC) {
    uint64_t in_shared = addr - (uint64_t)(uintptr_t)c->smem;
    if (in_shared < c->smem_size) {
      addr = in_shared;
      space = SPACE_SHARED;
    } else if (addr - (uint64_t)(uintptr_t)fiber_of(c)->stack < FIBER_STACK) {
      return (uint8_t *)(uintptr_t)addr; // local memory
    } else {
      space = SPACE_GLOBAL;
    }
  }
  if (addr % size) die(c, line, "misaligned access");
  if (space == SPACE_SHARED) {
    if (addr + size > c->smem_size || addr + size < addr)
      die(c, line, "shared memory access out of bounds");
    if (e->race) detect_race(e, fiber_of(c), addr, size, access, line);
    return c->smem + addr;
  }
  if (!holds(e->dev, addr, size)) die_outside(c, line, addr, size);
  return (uint8_t *)(uintptr_t)addr;
}

const Runtime RUNTIME = {die, warp, barrier, exit_thread, check, active_mask};
