// Contexts and device memory.
//
// Each host thread has a stack of contexts. What a device has allocated is guarded by its lock,
// which is held for the whole of a launch.
#include "emulator.h"

__thread Context *context_stack[MAX_CONTEXT_DEPTH];
__thread int context_depth;

Context *current_context(void) {
  return context_depth ? context_stack[context_depth - 1] : NULL;
}

// Start of every call that needs a context.
Result enter(Device **dev) {
  Context *c = current_context();
  if (!c) return INVALID_CONTEXT;
  if (!c->dev) return CONTEXT_IS_DESTROYED;
  if (c == &c->dev->primary && !__atomic_load_n(&c->dev->primary_refs, __ATOMIC_RELAXED))
    return CONTEXT_IS_DESTROYED;
  *dev = c->dev;
  return __atomic_load_n(&c->dev->sticky, __ATOMIC_RELAXED);
}

Result enter_only(void) {
  Device *dev;
  return enter(&dev);
}

void lock(Device *d) { pthread_mutex_lock(&d->lock); }
void unlock(Device *d) { pthread_mutex_unlock(&d->lock); }

// The allocation that holds an address, or NULL.
const Alloc *find(Device *d, uint64_t addr) {
  if (addr - d->hit.addr < d->hit.size) return &d->hit;
  int low = 0, high = d->alloc_count;
  while (low < high) {
    int mid = (low + high) / 2;
    if (d->allocs[mid].addr + d->allocs[mid].size <= addr)
      low = mid + 1;
    else
      high = mid;
  }
  if (low == d->alloc_count || d->allocs[low].addr > addr) return NULL;
  d->hit = d->allocs[low];
  return &d->hit;
}

int holds(Device *d, uint64_t addr, uint64_t size) {
  const Alloc *a = find(d, addr);
  return a && size <= a->addr + a->size - addr;
}

void insert(Device *d, Alloc a) {
  if (d->alloc_count == d->alloc_capacity) {
    d->alloc_capacity = d->alloc_capacity * 2 + 64;
    d->allocs = realloc(d->allocs, d->alloc_capacity * sizeof *d->allocs);
  }
  int i = d->alloc_count++;
  for (; i > 0 && d->allocs[i - 1].addr > a.addr; i--) d->allocs[i] = d->allocs[i - 1];
  d->allocs[i] = a;
  d->hit.size = 0;
}

uint64_t pages(uint64_t size) { return (size + PAGE - 1) / PAGE * PAGE; }

void remove_at(Device *d, int i) {
  Alloc *a = &d->allocs[i];
  if (a->mapping) {
    munmap(a->mapping, pages(a->size) + 2 * PAGE);
    d->used -= a->size;
  }
  memmove(a, a + 1, (d->alloc_count - i - 1) * sizeof *a);
  d->alloc_count--;
  d->hit.size = 0;
}

int index_of(Device *d, uint64_t addr) {
  for (int low = 0, high = d->alloc_count; low < high;) {
    int mid = (low + high) / 2;
    if (d->allocs[mid].addr == addr) return mid;
    if (d->allocs[mid].addr < addr)
      low = mid + 1;
    else
      high = mid;
  }
  return -1;
}

static uint64_t memory_limit(Device *d) {
  uint64_t limit = device_memory;
  for (int i = 0; i < fault_count; i++) {
    Fault *f = &faults[i];
    if (f->kind == FAULT_OOM && (f->device < 0 || f->device == d->ordinal) && f->n < limit)
      limit = f->n;
  }
  return limit;
}

// Guard pages lie on both sides, and the contents are poisoned.
Result allocate(Device *d, DevPtr *out, uint64_t size) {
  if (!size) return INVALID_VALUE;
  uint64_t limit = memory_limit(d);
  if (size > limit || d->used > limit - size) return OUT_OF_MEMORY;
  uint64_t body = pages(size);
  uint8_t *p = mmap(NULL, body + 2 * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return OUT_OF_MEMORY;
  mprotect(p, PAGE, PROT_NONE);
  mprotect(p + PAGE + body, PAGE, PROT_NONE);
  memset(p + PAGE, POISON_DEVICE, size);
  *out = (uint64_t)(uintptr_t)p + PAGE;
  insert(d, (Alloc){*out, size, p, current_context()});
  d->used += size;
  return SUCCESS;
}

void free_all_of(Context *owner) {
  Device *d = owner->dev;
  for (int i = d->alloc_count - 1; i >= 0; i--)
    if (d->allocs[i].mapping && d->allocs[i].owner == owner) remove_at(d, i);
}

// The device whose memory holds an address, or NULL. Leaves its lock held. The current
// device comes first, so that one device does not wait for a launch on another one.
Device *lock_owner(Device *current, uint64_t addr, uint64_t size) {
  for (int i = 0; i < device_count; i++) {
    Device *d = &devices[(current->ordinal + i) % device_count];
    lock(d);
    if (holds(d, addr, size)) return d;
    unlock(d);
  }
  return NULL;
}
