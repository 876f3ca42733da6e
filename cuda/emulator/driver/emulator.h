// emulator.h: types and functions that the files of the emulated driver share. See README.md for
// what it does.
//
// Lock order: devices by ordinal; fault_lock is never held together with a device's.
#pragma once
#define _GNU_SOURCE
#include "runtime.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))
#define MAX_DEVICES 16
#define MAX_FAULTS 16
#define MAX_CONTEXT_DEPTH 16
#define PAGE 4096ull
#define FIBER_STACK (1ull << 20) // local memory of a thread; a guard page lies below it
#define DEFAULT_MEMORY (8ull << 30)
#define DEFAULT_CFLAGS "-O1 -ftrivial-auto-var-init=pattern" // poison what is not initialised
#define POISON_DEVICE 0xA5
#define POISON_SHARED 0x5A
#define MAX_THREADS 1024
#define MAX_BLOCK_Z 64
#define MAX_GRID_YZ 65535
#define SMEM_DEFAULT 49152 // shared memory of a block without opt-in
#define SMEM_OPTIN 101376  // with CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
#define SMEM_ALIGN 128     // the dynamic part starts at a multiple of this
#define MAX_RACE_REPORTS 10
#define MAX_FLIP_REPORTS 20
#define MAX_WAIT_REPORTS 16

typedef int Result;      // CUresult
typedef uint64_t DevPtr; // CUdeviceptr: here, a host address

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_CONTEXT = 201,
  PEER_ACCESS_UNSUPPORTED = 217,
  INVALID_PTX = 218,
  FILE_NOT_FOUND = 301,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  ILLEGAL_ADDRESS = 700,
  CONTEXT_IS_DESTROYED = 709,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801
};

typedef struct Device Device;
typedef struct Engine Engine;

typedef struct {
  Device *dev; // NULL once destroyed
  unsigned flags;
} Context;

// One device allocation or one module variable (then mapping is NULL).
typedef struct {
  uint64_t addr, size;
  void *mapping;
  Context *owner;
} Alloc;

typedef enum { RUNNABLE, AT_BARRIER, AT_WARP_OP, DONE } FiberState;

// One thread of the running block, with its own stack.
typedef struct {
  Ctx c;
  void *sp;
  uint8_t *stack;
  FiberState state;
  int line; // PTX line of the operation that it waits at
  uint32_t bar_id, bar_count, bar_kind, bar_pred;
  int warp_op;
  uint32_t warp_mask, warp_b, warp_c;
  uint64_t warp_value;
  uint64_t result; // of the barrier or warp operation
  uint32_t block_epoch, warp_epoch; // barriers and warp operations passed so far
} Fiber;

// Race detector: the last write to a word of shared memory and the last read of it.
typedef struct {
  int thread; // -1 if none
  uint32_t block_epoch, warp_epoch;
  int line;
} Access;
typedef struct {
  Access write, read;
  int write_is_atomic;
} Shadow;

// What a device needs to run one kernel.
struct Engine {
  Device *dev;
  Fiber *fibers;
  int fiber_capacity;
  int current; // index of the running fiber
  void *scheduler_sp;
  uint32_t thread_count;
  const CuKernel *kernel;
  uint8_t *params;
  int race;
  Shadow *shadow;
  uint64_t race_count;
  int shuffle; // CUEMU_SEED is set
  unsigned rng;
};

struct Device {
  int ordinal;
  pthread_mutex_t lock; // guards what follows; held for the whole of a launch
  Alloc *allocs;        // sorted by address
  int alloc_count, alloc_capacity;
  Alloc hit; // the allocation found last
  uint64_t used;
  Engine engine;
  Context primary;
  int primary_refs; // also read without the lock
  Result sticky; // atomic: what every call returns after an injected sticky error
};

typedef struct {
  Device *dev;
} Stream;

typedef struct {
  Device *dev;
  unsigned flags;
  int recorded;
  struct timespec time;
} Event;

typedef struct Module Module;
typedef struct {
  const CuKernel *kernel;
  Module *module;
  int max_dynamic; // opted-in dynamic shared memory
} Function;
struct Module {
  Device *dev;
  void *so;
  const CuGlobal *globals;
  Function *functions; // ends with kernel == NULL
};

typedef enum { FAULT_BITFLIP, FAULT_LAUNCH, FAULT_OOM } FaultKind;
typedef struct {
  FaultKind kind;
  int device; // -1: every device
  double rate;
  uint64_t n, count;
  int sticky, hang;
} Fault;

// settings.c
void fault_on_copy(Device *d, uint8_t *data, size_t size);
int fault_on_launch(Device *d, Result *result);
extern Device devices[MAX_DEVICES];
extern int device_count;
extern uint64_t device_memory;
extern Fault faults[MAX_FAULTS];
extern int fault_count;
extern char home[PATH_MAX];

// memory.c
Context *current_context(void);
Result enter(Device **dev);
Result enter_only(void);
void lock(Device *d);
void unlock(Device *d);
const Alloc *find(Device *d, uint64_t addr);
int holds(Device *d, uint64_t addr, uint64_t size);
void insert(Device *d, Alloc a);
uint64_t pages(uint64_t size);
void remove_at(Device *d, int i);
int index_of(Device *d, uint64_t addr);
Result allocate(Device *d, DevPtr *out, uint64_t size);
void free_all_of(Context *owner);
Device *lock_owner(Device *current, uint64_t addr, uint64_t size);
extern __thread Context *context_stack[MAX_CONTEXT_DEPTH];
extern __thread int context_depth;

// scheduler.c
Fiber *fiber_of(Ctx *c);
void die(Ctx *c, int line, const char *message);
void exit_thread(Ctx *c);
uint32_t barrier(Ctx *c, uint32_t id, uint32_t count, int kind, uint32_t pred, int line);
uint64_t warp(Ctx *c, int op, uint32_t mask, uint64_t value, uint32_t b, uint32_t cc, int line);
uint32_t active_mask(Ctx *c);
Result run_kernel(Function *fn, const unsigned grid[3], const unsigned dim[3], uint32_t dynamic,
                  void **args);

// checks.c
extern const Runtime RUNTIME;

// warp.c
int finish_warp_ops(Engine *e);

// module.c
char *read_file(const char *path);
Result load_image(void **out, const void *image);

// api_memory.c
Device *stream_device(Stream *s, Device *current);
