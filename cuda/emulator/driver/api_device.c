// The driver API: devices, contexts, errors.
#include "emulator.h"

static const struct {
  Result code;
  const char *name, *text;
} ERRORS[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {PEER_ACCESS_UNSUPPORTED, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED",
     "peer access is not supported between these two devices"},
    {INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {FILE_NOT_FOUND, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {CONTEXT_IS_DESTROYED, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
};

API Result cuInit(unsigned flags) { return device_count ? SUCCESS : NO_DEVICE; }

API Result cuDriverGetVersion(int *version) {
  *version = 12080;
  return SUCCESS;
}

// NVRTC asks for this when it finds a libcuda.so.1; it copes with the error.
API Result cuGetExportTable(const void **table, const void *id) {
  *table = NULL;
  return NOT_FOUND;
}

API Result cuDeviceGetCount(int *count) {
  *count = device_count;
  return SUCCESS;
}

static int valid(int device) { return device >= 0 && device < device_count; }

API Result cuDeviceGet(int *device, int ordinal) {
  if (!valid(ordinal)) return INVALID_DEVICE;
  *device = ordinal;
  return SUCCESS;
}

API Result cuDeviceGetName(char *name, int size, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  snprintf(name, size, "cuemu (CPU, PTX translated)");
  return SUCCESS;
}

API Result cuDeviceGetUuid(uint8_t *uuid, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  memset(uuid, 1, 16);
  uuid[15] = device;
  return SUCCESS;
}

API Result cuDeviceGetUuid_v2(uint8_t *uuid, int device) { return cuDeviceGetUuid(uuid, device); }

API Result cuDeviceGetPCIBusId(char *id, int size, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  snprintf(id, size, "0000:%02x:00.0", device + 1);
  return SUCCESS;
}

API Result cuDeviceTotalMem_v2(size_t *bytes, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  *bytes = device_memory;
  return SUCCESS;
}

API Result cuDeviceCanAccessPeer(int *can, int device, int peer) {
  *can = 0;
  return valid(device) && valid(peer) ? SUCCESS : INVALID_DEVICE;
}

API Result cuDeviceGetAttribute(int *value, int attribute, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  switch (attribute) {
  case 1: // max threads per block
  case 2: // max block dimension x
  case 3: // max block dimension y
    *value = MAX_THREADS;
    break;
  case 4: // max block dimension z
    *value = MAX_BLOCK_Z;
    break;
  case 5: // max grid dimension x
    *value = INT_MAX;
    break;
  case 6: // max grid dimension y
  case 7: // max grid dimension z
    *value = MAX_GRID_YZ;
    break;
  case 8: // max shared memory per block
    *value = SMEM_DEFAULT;
    break;
  case 9:  // constant memory
  case 12: // max registers per block
  case 82: // max registers per multiprocessor
    *value = 65536;
    break;
  case 10: // warp size
    *value = 32;
    break;
  case 13: // clock rate, kHz
    *value = 1500000;
    break;
  case 16: // multiprocessors
    *value = 2;
    break;
  case 33: // PCI bus
    *value = device + 1;
    break;
  case 39: // max threads per multiprocessor
    *value = 2048;
    break;
  case 41: // unified addressing
    *value = 1;
    break;
  case 75: // compute capability, major
    *value = 8;
    break;
  case 81: // max shared memory per multiprocessor
    *value = 102400;
    break;
  case 97: // max shared memory per block, opt-in
    *value = SMEM_OPTIN;
    break;
  default: // among them 76, compute capability minor, and 115, memory pools
    *value = 0;
    break;
  }
  return SUCCESS;
}

API Result cuDevicePrimaryCtxRetain(Context **ctx, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  Device *d = &devices[device];
  lock(d);
  __atomic_add_fetch(&d->primary_refs, 1, __ATOMIC_RELAXED);
  unlock(d);
  *ctx = &d->primary;
  return SUCCESS;
}

// The last release frees the memory of the context.
API Result cuDevicePrimaryCtxRelease_v2(int device) {
  if (!valid(device)) return INVALID_DEVICE;
  Device *d = &devices[device];
  lock(d);
  Result r = d->primary_refs ? SUCCESS : INVALID_CONTEXT;
  if (!r && !__atomic_sub_fetch(&d->primary_refs, 1, __ATOMIC_RELAXED)) free_all_of(&d->primary);
  unlock(d);
  return r;
}

API Result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
  if (!valid(device)) return INVALID_DEVICE;
  *flags = devices[device].primary.flags;
  *active = devices[device].primary_refs > 0;
  return SUCCESS;
}

API Result cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) {
  if (!valid(device)) return INVALID_DEVICE;
  devices[device].primary.flags = flags;
  return SUCCESS;
}

API Result cuCtxPushCurrent_v2(Context *ctx) {
  if (!ctx) return INVALID_CONTEXT;
  if (context_depth == MAX_CONTEXT_DEPTH) return INVALID_VALUE;
  context_stack[context_depth++] = ctx;
  return SUCCESS;
}

API Result cuCtxPopCurrent_v2(Context **ctx) {
  if (!context_depth) return INVALID_CONTEXT;
  context_depth--;
  if (ctx) *ctx = context_stack[context_depth];
  return SUCCESS;
}

API Result cuCtxSetCurrent(Context *ctx) {
  if (context_depth) context_depth--;
  return ctx ? cuCtxPushCurrent_v2(ctx) : SUCCESS;
}

API Result cuCtxGetCurrent(Context **ctx) {
  *ctx = current_context();
  return SUCCESS;
}

API Result cuCtxCreate_v2(Context **ctx, unsigned flags, int device) {
  if (!valid(device)) return INVALID_DEVICE;
  Context *c = calloc(1, sizeof *c);
  *c = (Context){&devices[device], flags};
  *ctx = c;
  return cuCtxPushCurrent_v2(c);
}

API Result cuCtxCreate_v3(Context **ctx, void *params, int n, unsigned flags, int device) {
  return cuCtxCreate_v2(ctx, flags, device);
}

API Result cuCtxCreate_v4(Context **ctx, void *params, unsigned flags, int device) {
  return cuCtxCreate_v2(ctx, flags, device);
}

// The object itself stays, since other threads may still refer to it.
API Result cuCtxDestroy_v2(Context *ctx) {
  if (!ctx || !ctx->dev || ctx == &ctx->dev->primary) return INVALID_CONTEXT;
  Device *d = ctx->dev;
  lock(d);
  free_all_of(ctx);
  ctx->dev = NULL;
  unlock(d);
  if (current_context() == ctx) context_depth--;
  return SUCCESS;
}

API Result cuCtxGetDevice(int *device) {
  Context *c = current_context();
  if (!c || !c->dev) return INVALID_CONTEXT;
  *device = c->dev->ordinal;
  return SUCCESS;
}

API Result cuCtxGetFlags(unsigned *flags) {
  Context *c = current_context();
  *flags = c ? c->flags : 0;
  return c ? SUCCESS : INVALID_CONTEXT;
}

API Result cuCtxSetFlags(unsigned flags) {
  Context *c = current_context();
  if (c) c->flags = flags;
  return c ? SUCCESS : INVALID_CONTEXT;
}

API Result cuCtxGetApiVersion(Context *ctx, unsigned *version) {
  *version = 3020;
  return SUCCESS;
}

API Result cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  if (least) *least = 0;
  if (greatest) *greatest = 0;
  return enter_only();
}

// Limits and cache preferences are accepted and have no effect.
API Result cuCtxSetLimit(int limit, size_t value) { return enter_only(); }
API Result cuCtxSetCacheConfig(int config) { return enter_only(); }

API Result cuCtxGetLimit(size_t *value, int limit) {
  *value = limit == 0 ? FIBER_STACK : 0; // CU_LIMIT_STACK_SIZE
  return enter_only();
}

API Result cuCtxGetCacheConfig(int *config) {
  *config = 0;
  return enter_only();
}

API Result cuCtxSynchronize(void) { return enter_only(); }
API Result cuCtxEnablePeerAccess(Context *peer, unsigned flags) { return PEER_ACCESS_UNSUPPORTED; }
API Result cuProfilerStart(void) { return SUCCESS; }
API Result cuProfilerStop(void) { return SUCCESS; }

API Result cuGetErrorName(Result error, const char **text) {
  *text = NULL;
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
    if (ERRORS[i].code == error) *text = ERRORS[i].name;
  return *text ? SUCCESS : INVALID_VALUE;
}

API Result cuGetErrorString(Result error, const char **text) {
  *text = NULL;
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++)
    if (ERRORS[i].code == error) *text = ERRORS[i].text;
  return *text ? SUCCESS : INVALID_VALUE;
}
