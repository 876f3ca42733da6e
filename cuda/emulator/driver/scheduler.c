// Runs kernels: one fiber per GPU thread, one block after another.
//
// A round runs each thread to its next barrier or warp operation, in order or shuffled; then those
// that are complete are released. All on the host thread that launched, with the lock of the device
// held.
#include "emulator.h"

static __thread Engine *running; // the engine that this host thread drives

void cuemu_switch(void **save_sp, void *to_sp);
__asm__(
    ".text\n"
    ".globl cuemu_switch\n"
    ".hidden cuemu_switch\n"
    "cuemu_switch:\n"
    "  push %rbp\n"
    "  push %rbx\n"
    "  push %r12\n"
    "  push %r13\n"
    "  push %r14\n"
    "  push %r15\n"
    "  mov %rsp,(%rdi)\n"
    "  mov %rsi,%rsp\n"
    "  pop %r15\n"
    "  pop %r14\n"
    "  pop %r13\n"
    "  pop %r12\n"
    "  pop %rbx\n"
    "  pop %rbp\n"
    "  ret\n");
#define SWITCH_SAVED 6 // registers that cuemu_switch pops

Fiber *fiber_of(Ctx *c) { return &((Engine *)c->engine)->fibers[c->index]; }

static void back_to_scheduler(Engine *e) {
  cuemu_switch(&e->fibers[e->current].sp, e->scheduler_sp);
}

static void fiber_main(void) {
  Engine *e = running;
  Fiber *f = &e->fibers[e->current];
  e->kernel->fn(&f->c, e->params);
  f->state = DONE;
  back_to_scheduler(e);
  abort(); // a finished fiber is never resumed
}

void die(Ctx *c, int line, const char *message) {
  Engine *e = c->engine;
  fprintf(stderr, "cuemu: FATAL %s in kernel %s, PTX line %d, block (%u,%u,%u) thread (%u,%u,%u)",
          message, e->kernel->name, line, c->ctaid[0], c->ctaid[1], c->ctaid[2], c->tid[0],
          c->tid[1], c->tid[2]);
  if (device_count > 1) fprintf(stderr, " device %d", e->dev->ordinal);
  fputc('\n', stderr);
  abort();
}

void exit_thread(Ctx *c) {
  fiber_of(c)->state = DONE;
  back_to_scheduler(c->engine);
}

uint32_t barrier(Ctx *c, uint32_t id, uint32_t count, int kind, uint32_t pred, int line) {
  Fiber *f = fiber_of(c);
  f->state = AT_BARRIER;
  f->bar_id = id & 15;
  f->bar_count = count;
  f->bar_kind = kind;
  f->bar_pred = pred;
  f->line = line;
  back_to_scheduler(c->engine);
  return (uint32_t)f->result;
}

uint64_t warp(Ctx *c, int op, uint32_t mask, uint64_t value, uint32_t b, uint32_t cc,
                     int line) {
  Fiber *f = fiber_of(c);
  if (!(mask >> c->lane & 1)) die(c, line, "warp op: executing lane not in its own member mask");
  f->state = AT_WARP_OP;
  f->warp_op = op;
  f->warp_mask = mask;
  f->warp_value = value;
  f->warp_b = b;
  f->warp_c = cc;
  f->line = line;
  back_to_scheduler(c->engine);
  return f->result;
}

// Legal under independent thread scheduling, which promises no convergence.
uint32_t active_mask(Ctx *c) { return 1u << c->lane; }

// bar.sync is .aligned: the lanes of a warp must arrive at one and the same instruction.
static void check_aligned(Engine *e, uint32_t id) {
  Fiber *first = NULL; // of the current warp
  for (uint32_t t = 0; t < e->thread_count; t++) {
    Fiber *f = &e->fibers[t];
    if (t % 32 == 0) first = NULL;
    if (f->state != AT_BARRIER || f->bar_id != id || f->bar_kind & BAR_UNALIGNED) continue;
    if (!first) first = f;
    if (f->line == first->line) continue;
    fprintf(stderr, "cuemu: lanes of one warp wait at PTX line %d and at line %d\n", first->line,
            f->line);
    die(&f->c, f->line, "divergent barrier");
  }
}

// Release the barriers at which all expected threads have arrived.
static int finish_barriers(Engine *e) {
  struct {
    uint32_t arrived, expected, sum, all;
  } bar[16] = {0};
  uint32_t live = 0;
  int progress = 0;
  for (uint32_t t = 0; t < e->thread_count; t++) {
    Fiber *f = &e->fibers[t];
    live += f->state != DONE;
    if (f->state != AT_BARRIER) continue;
    uint32_t id = f->bar_id;
    bar[id].all = f->bar_pred & (bar[id].arrived ? bar[id].all : 1);
    bar[id].arrived++;
    bar[id].expected = f->bar_count;
    bar[id].sum += f->bar_pred;
  }
  for (uint32_t id = 0; id < 16; id++) {
    uint32_t expected = bar[id].expected ? bar[id].expected : live;
    if (!bar[id].arrived || bar[id].arrived != expected) continue;
    check_aligned(e, id);
    for (uint32_t t = 0; t < e->thread_count; t++) {
      Fiber *f = &e->fibers[t];
      if (f->state != AT_BARRIER || f->bar_id != id) continue;
      int kind = f->bar_kind & ~BAR_UNALIGNED;
      f->result = kind == BAR_POPC ? bar[id].sum : kind == BAR_AND ? bar[id].all : bar[id].sum != 0;
      f->state = RUNNABLE;
      f->block_epoch++;
    }
    progress = 1;
  }
  return progress;
}

static void report_deadlock(Engine *e) {
  int reports = 0;
  for (uint32_t t = 0; t < e->thread_count; t++) {
    Fiber *f = &e->fibers[t];
    if (f->state != AT_BARRIER && f->state != AT_WARP_OP) continue;
    if (reports++ < MAX_WAIT_REPORTS)
      fprintf(stderr, "cuemu: thread %u waits at PTX line %d (%s)\n", t, f->line,
              f->state == AT_BARRIER ? "bar" : "warp op");
  }
  if (reports > MAX_WAIT_REPORTS)
    fprintf(stderr, "cuemu: and %d more threads wait\n", reports - MAX_WAIT_REPORTS);
  die(&e->fibers[0].c, 0, "deadlock / divergent barrier");
}

static unsigned random_order(Engine *e) {
  e->rng = e->rng * 1664525u + 1013904223u;
  return e->rng >> 8;
}

static void start_fiber(Engine *e, uint32_t t, const Ctx *block) {
  Fiber *f = &e->fibers[t];
  uint8_t *stack = f->stack;
  *f = (Fiber){.c = *block, .stack = stack};
  f->c.tid[0] = t % block->ntid[0];
  f->c.tid[1] = t / block->ntid[0] % block->ntid[1];
  f->c.tid[2] = t / block->ntid[0] / block->ntid[1];
  f->c.lane = t & 31;
  f->c.warp = t >> 5;
  f->c.index = t;
  uint64_t *sp = (uint64_t *)(stack + FIBER_STACK - 64);
  *--sp = 0; // keeps the stack aligned at the entry of fiber_main
  *--sp = (uint64_t)(uintptr_t)fiber_main;
  for (int i = 0; i < SWITCH_SAVED; i++) *--sp = 0;
  f->sp = sp;
}

static void run_block(Engine *e, const Ctx *block, int *order) {
  uint32_t count = e->thread_count;
  memset(block->smem, POISON_SHARED, block->smem_size);
  if (e->race)
    for (uint32_t i = 0; i < block->smem_size / 4 + 4; i++)
      e->shadow[i].write.thread = e->shadow[i].read.thread = -1;
  for (uint32_t t = 0; t < count; t++) {
    start_fiber(e, t, block);
    order[t] = t;
  }
  for (;;) { // one round: run each thread to its next synchronisation
    if (e->shuffle)
      for (int i = count - 1; i > 0; i--) {
        int j = random_order(e) % (i + 1), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
      }
    int progress = 0;
    for (uint32_t i = 0; i < count; i++) {
      Fiber *f = &e->fibers[order[i]];
      if (f->state != RUNNABLE) continue;
      e->current = order[i];
      cuemu_switch(&e->scheduler_sp, f->sp);
      progress = 1;
    }
    progress |= finish_warp_ops(e);
    progress |= finish_barriers(e);
    uint32_t done = 0;
    for (uint32_t t = 0; t < count; t++) done += e->fibers[t].state == DONE;
    if (done == count) return;
    if (!progress) report_deadlock(e);
  }
}

static int reserve_fibers(Engine *e, int count) {
  if (count <= e->fiber_capacity) return 1;
  e->fibers = realloc(e->fibers, count * sizeof(Fiber));
  for (int i = e->fiber_capacity; i < count; i++) {
    uint8_t *p = mmap(NULL, FIBER_STACK + PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return 0;
    mprotect(p, PAGE, PROT_NONE);
    e->fibers[i].stack = p + PAGE;
    e->fiber_capacity = i + 1;
  }
  return 1;
}

// With the lock of the device held.
Result run_kernel(Function *fn, const unsigned grid[3], const unsigned dim[3],
                         uint32_t dynamic, void **args) {
  const CuKernel *k = fn->kernel;
  Engine *e = &fn->module->dev->engine;
  uint64_t threads = (uint64_t)dim[0] * dim[1] * dim[2];
  if (!threads || threads > MAX_THREADS || dim[2] > MAX_BLOCK_Z) return INVALID_VALUE;
  if (k->max_threads && threads > k->max_threads) return INVALID_VALUE;
  if (!grid[0] || !grid[1] || !grid[2]) return INVALID_VALUE;
  if (grid[0] > INT_MAX || grid[1] > MAX_GRID_YZ || grid[2] > MAX_GRID_YZ) return INVALID_VALUE;
  if (k->param_count && !args) return INVALID_VALUE;
  uint32_t fixed = (k->smem + SMEM_ALIGN - 1) / SMEM_ALIGN * SMEM_ALIGN;
  if ((uint64_t)k->smem + dynamic > SMEM_DEFAULT && (int64_t)dynamic > fn->max_dynamic)
    return INVALID_VALUE;
  if ((uint64_t)fixed + dynamic > SMEM_OPTIN) return INVALID_VALUE;
  if (!reserve_fibers(e, threads)) return OUT_OF_MEMORY;

  e->kernel = k;
  e->thread_count = threads;
  e->race = getenv("CUEMU_RACE") != NULL;
  e->race_count = 0;
  const char *seed = getenv("CUEMU_SEED");
  e->shuffle = seed != NULL;
  e->rng = seed ? (unsigned)atoi(seed) * 2654435761u + 1 : 0;
  e->params = malloc(k->param_size + 16);
  for (int i = 0; i < k->param_count; i++)
    memcpy(e->params + k->params[i].offset, args[i], k->params[i].size);

  uint32_t smem_size = fixed + dynamic;
  Ctx block = {.ntid = {dim[0], dim[1], dim[2]},
               .nctaid = {grid[0], grid[1], grid[2]},
               .nthreads = threads,
               .smem = aligned_alloc(256, (smem_size + 511) / 256 * 256),
               .smem_size = smem_size,
               .dynoff = fixed,
               .dynsmem = dynamic,
               .rt = &RUNTIME,
               .engine = e};
  e->shadow = e->race ? malloc((smem_size / 4 + 4) * sizeof(Shadow)) : NULL;
  int *order = malloc(threads * sizeof *order);
  running = e;
  for (unsigned z = 0; z < grid[2]; z++)
    for (unsigned y = 0; y < grid[1]; y++)
      for (unsigned x = 0; x < grid[0]; x++) {
        block.ctaid[0] = x;
        block.ctaid[1] = y;
        block.ctaid[2] = z;
        run_block(e, &block, order);
      }
  running = NULL;
  free(e->params);
  free(block.smem);
  free(e->shadow);
  free(order);
  if (!e->race_count) return SUCCESS;
  fprintf(stderr, "cuemu: %llu races in %s\n", (unsigned long long)e->race_count, k->name);
  return LAUNCH_FAILED;
}
