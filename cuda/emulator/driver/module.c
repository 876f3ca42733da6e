// Modules: PTX is translated to C, compiled, and loaded as a shared object.
#include "emulator.h"

extern char **environ;

// $1 folder of translator/ and runtime.h, $2 work folder, $3 compiler flags, $4 cache file or
// empty. Each load gets its own copy of the object, so that module variables are not shared. Jump
// threading, in gcc, takes time quadratic in the size of a kernel.
static const char BUILD_SCRIPT[] =
    "set -e\n"
    "if [ -n \"$4\" ] && cp \"$4\" \"$2/k.so\" 2>/dev/null; then exit 0; fi\n"
    "python3 \"$1/translator\" \"$2/k.ptx\" \"$2/k.c\"\n"
    "flags=\"$3 -w -fno-strict-aliasing -fwrapv -fPIC -shared\"\n"
    "cc --version | grep -q clang || flags=\"$flags -fno-thread-jumps\"\n"
    "cc $flags -I\"$1\" \"$2/k.c\" -o \"$2/k.so\"\n"
    "if [ -n \"$4\" ]; then\n"
    "  mkdir -p \"${4%/*}\"\n"
    "  cp \"$2/k.so\" \"$4.$$\"\n"
    "  mv \"$4.$$\" \"$4\"\n"
    "fi\n";

static int run_shell(const char *script, char *a1, char *a2, char *a3, char *a4) {
  char *argv[] = {"sh", "-c", (char *)script, "cuemu", a1, a2, a3, a4, NULL};
  pid_t pid;
  int status;
  if (posix_spawnp(&pid, "sh", NULL, NULL, argv, environ)) return -1;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return status;
}

char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  long size = ftell(f);
  rewind(f);
  char *text = malloc(size + 1);
  size_t got = fread(text, 1, size, f);
  text[got] = 0;
  fclose(f);
  return text;
}

static unsigned __int128 fnv1a(unsigned __int128 hash, const char *text) {
  const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13b;
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * prime;
  return hash * prime; // separates this text from the next one
}

// Name of the cached object for this PTX, translator and flags.
static int cache_path(char *path, size_t size, const char *folder, const char *ptx,
                      const char *flags) {
  const char *cache = getenv("CUEMU_CACHE");
  path[0] = 0;
  if (!cache || !*cache) return 1;
  unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142 << 64) + 0x62b821756295c58d;
  hash = fnv1a(fnv1a(hash, ptx), flags);
  static const char *const SOURCES[] = {"translator/__main__.py", "translator/syntax.py",
                                        "translator/module.py", "translator/instructions.py",
                                        "runtime.h"};
  for (size_t i = 0; i < sizeof SOURCES / sizeof *SOURCES; i++) {
    char name[PATH_MAX + 32];
    snprintf(name, sizeof name, "%s/%s", folder, SOURCES[i]);
    char *text = read_file(name);
    if (!text) return 0;
    hash = fnv1a(hash, text);
    free(text);
  }
  return snprintf(path, size, "%s/%016llx%016llx.so", cache, (unsigned long long)(hash >> 64),
                  (unsigned long long)hash) < (int)size;
}

// PTX text to a loaded shared object.
static Result build(const char *ptx, void **so) {
  char folder[PATH_MAX], work[PATH_MAX], cached[PATH_MAX], path[PATH_MAX + 16];
  const char *dir = getenv("CUEMU_DIR"), *tmp = getenv("TMPDIR"), *flags = getenv("CUEMU_CFLAGS");
  snprintf(folder, sizeof folder, "%s", dir && *dir ? dir : home);
  snprintf(work, sizeof work, "%s/cuemuXXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!flags) flags = DEFAULT_CFLAGS;
  snprintf(path, sizeof path, "%s/runtime.h", folder);
  if (access(path, R_OK) || !cache_path(cached, sizeof cached, folder, ptx, flags)) {
    fprintf(stderr, "cuemu: no translator in %s: set CUEMU_DIR\n", folder);
    return NOT_INITIALIZED;
  }
  if (!mkdtemp(work)) {
    perror("cuemu: temporary folder");
    return OUT_OF_MEMORY;
  }
  Result r = SUCCESS;
  snprintf(path, sizeof path, "%s/k.ptx", work);
  FILE *f = fopen(path, "w");
  if (!f || fputs(ptx, f) < 0 || fclose(f)) r = OUT_OF_MEMORY;
  if (!r && run_shell(BUILD_SCRIPT, folder, work, (char *)flags, cached)) {
    fprintf(stderr, "cuemu: this PTX cannot be loaded (see above)\n");
    r = INVALID_PTX;
  }
  snprintf(path, sizeof path, "%s/k.so", work);
  if (!r && !(*so = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
    fprintf(stderr, "cuemu: %s\n", dlerror());
    r = INVALID_IMAGE;
  }
  if (getenv("CUEMU_KEEP"))
    fprintf(stderr, "cuemu: kept %s\n", work);
  else
    run_shell("rm -rf \"$1\"", work, "", "", "");
  return r;
}

static Result load_module(Device *dev, Module **out, const char *ptx) {
  void *so;
  Result r = build(ptx, &so);
  if (r) return r;
  Module *m = calloc(1, sizeof *m);
  m->dev = dev;
  m->so = so;
  m->globals = dlsym(so, "cuemu_globals");
  const CuKernel *kernels = dlsym(so, "cuemu_kernels");
  int count = 0;
  while (kernels[count].name) count++;
  m->functions = calloc(count + 1, sizeof *m->functions);
  for (int i = 0; i < count; i++) m->functions[i] = (Function){&kernels[i], m, 0};
  lock(dev);
  for (const CuGlobal *g = m->globals; g->name; g++)
    insert(dev, (Alloc){(uint64_t)(uintptr_t)g->addr, g->size, NULL, NULL});
  unlock(dev);
  *out = m;
  return SUCCESS;
}

#define MAGIC_FATBIN 0xBA55ED50u
#define MAGIC_FATBIN_WRAPPER 0x466243B1u
#define MAGIC_ELF 0x464C457Fu

Result load_image(void **out, const void *image) {
  Device *dev;
  Result r = enter(&dev);
  if (r) return r;
  if (!image) return INVALID_VALUE;
  uint32_t magic = 0;
  memcpy(&magic, image, strnlen(image, 4));
  char *text = NULL;
  if (magic == MAGIC_FATBIN || magic == MAGIC_FATBIN_WRAPPER || magic == MAGIC_ELF) {
    const char *path = getenv("CUEMU_PTX");
    if (!path) {
      fprintf(stderr, "cuemu: cannot run a cubin or fatbin: set CUEMU_PTX to its PTX\n");
      return INVALID_IMAGE;
    }
    if (!(image = text = read_file(path))) return FILE_NOT_FOUND;
  }
  r = load_module(dev, (Module **)out, image);
  free(text);
  return r;
}
