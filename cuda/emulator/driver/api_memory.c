// The driver API: streams, events and memory. All work is finished when a call returns.
#include "emulator.h"

// Handles 0, 1 and 2 are the default streams of the current context.
Device *stream_device(Stream *s, Device *current) {
  return (uintptr_t)s <= 2 ? current : s->dev;
}

API Result cuStreamCreate(Stream **stream, unsigned flags) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  *stream = malloc(sizeof **stream);
  (*stream)->dev = dev;
  return SUCCESS;
}

API Result cuStreamCreateWithPriority(Stream **stream, unsigned flags, int priority) {
  return cuStreamCreate(stream, flags);
}

API Result cuStreamDestroy_v2(Stream *stream) {
  if ((uintptr_t)stream <= 2) return INVALID_HANDLE;
  Result r = __atomic_load_n(&stream->dev->sticky, __ATOMIC_RELAXED);
  free(stream);
  return r;
}

static Result stream_state(Stream *s) {
  Device *dev;
  Result r = enter(&dev);
  return r ? r : __atomic_load_n(&stream_device(s, dev)->sticky, __ATOMIC_RELAXED);
}

API Result cuStreamSynchronize(Stream *stream) { return stream_state(stream); }
API Result cuStreamQuery(Stream *stream) { return stream_state(stream); }
API Result cuStreamWaitEvent(Stream *stream, Event *event, unsigned flags) {
  return stream_state(stream);
}

API Result cuStreamIsCapturing(Stream *stream, int *status) {
  *status = 0;
  return stream_state(stream);
}

API Result cuLaunchHostFunc(Stream *stream, void (*fn)(void *), void *data) {
  Result r = stream_state(stream);
  if (!r) fn(data);
  return r;
}

#define EVENT_DISABLE_TIMING 2u

API Result cuEventCreate(Event **event, unsigned flags) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  *event = calloc(1, sizeof **event);
  (*event)->dev = dev;
  (*event)->flags = flags;
  return SUCCESS;
}

API Result cuEventDestroy_v2(Event *event) {
  Result r = __atomic_load_n(&event->dev->sticky, __ATOMIC_RELAXED);
  free(event);
  return r;
}

API Result cuEventRecord(Event *event, Stream *stream) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  if (stream_device(stream, dev) != event->dev) return INVALID_HANDLE;
  event->recorded = 1;
  clock_gettime(CLOCK_MONOTONIC, &event->time);
  return SUCCESS;
}

API Result cuEventSynchronize(Event *event) {
  return __atomic_load_n(&event->dev->sticky, __ATOMIC_RELAXED);
}

API Result cuEventQuery(Event *event) { return cuEventSynchronize(event); }

API Result cuEventElapsedTime(float *ms, Event *start, Event *end) {
  if (!start->recorded || !end->recorded) return INVALID_HANDLE;
  if ((start->flags | end->flags) & EVENT_DISABLE_TIMING) return INVALID_HANDLE;
  *ms = (end->time.tv_sec - start->time.tv_sec) * 1e3f +
        (end->time.tv_nsec - start->time.tv_nsec) * 1e-6f;
  return SUCCESS;
}

API Result cuEventElapsedTime_v2(float *ms, Event *start, Event *end) {
  return cuEventElapsedTime(ms, start, end);
}

API Result cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  lock(dev);
  *total = device_memory;
  *free_bytes = device_memory - dev->used;
  unlock(dev);
  return SUCCESS;
}

API Result cuMemAlloc_v2(DevPtr *ptr, size_t size) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  lock(dev);
  r = allocate(dev, ptr, size);
  unlock(dev);
  return r;
}

API Result cuMemAllocAsync(DevPtr *ptr, size_t size, Stream *s) { return cuMemAlloc_v2(ptr, size); }

API Result cuMemFree_v2(DevPtr ptr) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  Device *owner = lock_owner(dev, ptr, 1);
  if (!owner) return INVALID_VALUE;
  int i = index_of(owner, ptr);
  if (i >= 0 && owner->allocs[i].mapping)
    remove_at(owner, i);
  else
    r = INVALID_VALUE;
  unlock(owner);
  return r;
}

API Result cuMemFreeAsync(DevPtr ptr, Stream *s) { return cuMemFree_v2(ptr); }

// Pinned host memory is plain host memory: kernels cannot reach it.
API Result cuMemHostAlloc(void **ptr, size_t size, unsigned flags) {
  Result r = enter_only();
  if (r) return r;
  *ptr = aligned_alloc(PAGE, pages(size));
  return *ptr ? SUCCESS : OUT_OF_MEMORY;
}

API Result cuMemAllocHost_v2(void **ptr, size_t size) { return cuMemHostAlloc(ptr, size, 0); }
API Result cuMemHostRegister_v2(void *ptr, size_t size, unsigned flags) { return enter_only(); }
API Result cuMemHostUnregister(void *ptr) { return enter_only(); }

API Result cuMemFreeHost(void *ptr) {
  free(ptr);
  return SUCCESS;
}

API Result cuMemcpyHtoD_v2(DevPtr dst, const void *src, size_t size) {
  Device *dev;
  Result r = enter(&dev);
  if (r || !size) return r;
  Device *owner = lock_owner(dev, dst, size);
  if (!owner) return INVALID_VALUE;
  memcpy((void *)dst, src, size);
  unlock(owner);
  return SUCCESS;
}

API Result cuMemcpyHtoDAsync_v2(DevPtr dst, const void *src, size_t size, Stream *s) {
  return cuMemcpyHtoD_v2(dst, src, size);
}

API Result cuMemcpyDtoH_v2(void *dst, DevPtr src, size_t size) {
  Device *dev;
  Result r = enter(&dev);
  if (r || !size) return r;
  Device *owner = lock_owner(dev, src, size);
  if (!owner) return INVALID_VALUE;
  memcpy(dst, (void *)src, size);
  unlock(owner);
  fault_on_copy(owner, dst, size);
  return SUCCESS;
}

API Result cuMemcpyDtoHAsync_v2(void *dst, DevPtr src, size_t size, Stream *s) {
  return cuMemcpyDtoH_v2(dst, src, size);
}

// Also between devices. Locks are taken in the order of the ordinals.
API Result cuMemcpyDtoD_v2(DevPtr dst, DevPtr src, size_t size) {
  Device *dev;
  Result r = enter(&dev);
  if (r || !size) return r;
  Device *to = lock_owner(dev, dst, size);
  if (!to) return INVALID_VALUE;
  unlock(to);
  Device *from = lock_owner(dev, src, size);
  if (!from) return INVALID_VALUE;
  unlock(from);
  Device *first = to < from ? to : from, *second = to < from ? from : to;
  lock(first);
  if (second != first) lock(second);
  if (holds(to, dst, size) && holds(from, src, size))
    memmove((void *)dst, (void *)src, size);
  else
    r = INVALID_VALUE;
  if (second != first) unlock(second);
  unlock(first);
  return r;
}

API Result cuMemcpyDtoDAsync_v2(DevPtr dst, DevPtr src, size_t size, Stream *s) {
  return cuMemcpyDtoD_v2(dst, src, size);
}

API Result cuMemcpyPeer(DevPtr dst, Context *to, DevPtr src, Context *from, size_t size) {
  return cuMemcpyDtoD_v2(dst, src, size);
}

API Result cuMemcpyPeerAsync(DevPtr dst, Context *to, DevPtr src, Context *from, size_t size,
                             Stream *s) {
  return cuMemcpyDtoD_v2(dst, src, size);
}

API Result cuMemsetD8_v2(DevPtr dst, uint8_t value, size_t count) {
  Device *dev;
  Result r = enter(&dev);
  if (r || !count) return r;
  Device *owner = lock_owner(dev, dst, count);
  if (!owner) return INVALID_VALUE;
  memset((void *)dst, value, count);
  unlock(owner);
  return SUCCESS;
}

API Result cuMemsetD8Async(DevPtr dst, uint8_t value, size_t count, Stream *s) {
  return cuMemsetD8_v2(dst, value, count);
}

API Result cuMemsetD32_v2(DevPtr dst, uint32_t value, size_t count) {
  Device *dev;
  Result r = enter(&dev);
  if (r || !count) return r;
  Device *owner = count > SIZE_MAX / 4 || dst % 4 ? NULL : lock_owner(dev, dst, 4 * count);
  if (!owner) return INVALID_VALUE;
  for (size_t i = 0; i < count; i++) ((uint32_t *)dst)[i] = value;
  unlock(owner);
  return SUCCESS;
}

API Result cuMemsetD32Async(DevPtr dst, uint32_t value, size_t count, Stream *s) {
  return cuMemsetD32_v2(dst, value, count);
}
