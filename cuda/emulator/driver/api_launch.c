// The driver API: modules and launches.
#include "emulator.h"

API Result cuModuleLoadData(void **module, const void *image) { return load_image(module, image); }
API Result cuModuleLoadFatBinary(void **module, const void *image) {
  return load_image(module, image);
}
API Result cuModuleLoadDataEx(void **module, const void *image, unsigned n, void *options,
                              void **values) {
  return load_image(module, image);
}

API Result cuModuleLoad(void **module, const char *path) {
  char *image = read_file(path);
  if (!image) return FILE_NOT_FOUND;
  Result r = load_image(module, image);
  free(image);
  return r;
}

API Result cuModuleUnload(Module *m) {
  Result r = enter_only();
  if (!m) return INVALID_HANDLE;
  lock(m->dev);
  for (const CuGlobal *g = m->globals; g->name; g++) {
    int i = index_of(m->dev, (uint64_t)(uintptr_t)g->addr);
    if (i >= 0) remove_at(m->dev, i);
  }
  unlock(m->dev);
  dlclose(m->so);
  free(m->functions);
  free(m);
  return r;
}

API Result cuModuleGetFunction(Function **fn, Module *m, const char *name) {
  for (Function *f = m->functions; f->kernel; f++)
    if (!strcmp(f->kernel->name, name)) {
      *fn = f;
      return SUCCESS;
    }
  return NOT_FOUND;
}

API Result cuModuleGetGlobal_v2(DevPtr *ptr, size_t *size, Module *m, const char *name) {
  for (const CuGlobal *g = m->globals; g->name; g++)
    if (!strcmp(g->name, name)) {
      if (ptr) *ptr = (DevPtr)(uintptr_t)g->addr;
      if (size) *size = g->size;
      return SUCCESS;
    }
  return NOT_FOUND;
}

enum { FUNC_MAX_THREADS = 0, FUNC_SHARED_SIZE = 1, FUNC_NUM_REGS = 4, FUNC_MAX_DYNAMIC = 8 };

API Result cuFuncGetAttribute(int *value, int attribute, Function *fn) {
  const CuKernel *k = fn->kernel;
  switch (attribute) {
  case FUNC_MAX_THREADS:
    *value = k->max_threads ? (int)k->max_threads : MAX_THREADS;
    break;
  case FUNC_SHARED_SIZE:
    *value = k->smem;
    break;
  case FUNC_NUM_REGS:
    *value = 64;
    break;
  case FUNC_MAX_DYNAMIC:
    *value = fn->max_dynamic ? fn->max_dynamic : SMEM_DEFAULT - (int)k->smem;
    break;
  default:
    *value = 0;
  }
  return SUCCESS;
}

API Result cuFuncSetAttribute(Function *fn, int attribute, int value) {
  if (attribute != FUNC_MAX_DYNAMIC) return SUCCESS;
  if (value < 0 || value + (int)fn->kernel->smem > SMEM_OPTIN) return INVALID_VALUE;
  fn->max_dynamic = value;
  return SUCCESS;
}

API Result cuFuncSetCacheConfig(Function *fn, int config) { return SUCCESS; }

API Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function *fn, int block_size,
                                                       size_t dynamic) {
  *blocks = 1;
  return SUCCESS;
}

API Result cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, Function *fn,
                                                                int block_size, size_t dynamic,
                                                                unsigned flags) {
  *blocks = 1;
  return SUCCESS;
}

API Result cuOccupancyMaxPotentialBlockSize(int *grid, int *block, Function *fn, void *callback,
                                            size_t dynamic, int limit) {
  *grid = 4;
  *block = 256;
  return SUCCESS;
}

API Result cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block, Function *fn,
                                                     void *callback, size_t dynamic, int limit,
                                                     unsigned flags) {
  return cuOccupancyMaxPotentialBlockSize(grid, block, fn, callback, dynamic, limit);
}

// Synchronous: the kernel has run when this returns.
API Result cuLaunchKernel(Function *fn, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                          unsigned by, unsigned bz, unsigned dynamic, Stream *stream, void **args,
                          void **extra) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  if (fn->module->dev != dev || stream_device(stream, dev) != dev) return INVALID_HANDLE;
  if (extra) return NOT_SUPPORTED;
  if (fault_on_launch(dev, &r)) return r;
  unsigned grid[3] = {gx, gy, gz}, dim[3] = {bx, by, bz};
  lock(dev);
  r = run_kernel(fn, grid, dim, dynamic, args);
  unlock(dev);
  return r;
}
