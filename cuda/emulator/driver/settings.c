// Settings, read from the environment when the library is loaded, and the faults that they ask for.
//
// The settings do not change afterwards. Counting and drawing faults is guarded by fault_lock.
#include "emulator.h"

Device devices[MAX_DEVICES];
int device_count = 1;
uint64_t device_memory = DEFAULT_MEMORY;
Fault faults[MAX_FAULTS];
int fault_count;
static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t fault_rng;
char home[PATH_MAX]; // the folder of this library, with translator/ and runtime.h

static void bad_setting(const char *name, const char *value) {
  fprintf(stderr, "cuemu: FATAL cannot understand %s=%s\n", name, value);
  abort();
}

// A number of bytes with an optional suffix k, M or G. Returns 0 if it is not one.
static int parse_size(const char *s, char **end, uint64_t *size) {
  if (*s < '0' || *s > '9') return 0;
  *size = strtoull(s, end, 0);
  int shift = **end == 'k' ? 10 : **end == 'M' ? 20 : **end == 'G' ? 30 : 0;
  *size <<= shift;
  *end += shift != 0;
  return 1;
}

// bitflip:RATE[:BYTES], launch:N[:sticky|:hang] or oom:BYTES, each with an optional @DEVICE
static int parse_fault(char *s, Fault *f) {
  char *end = s;
  *f = (Fault){.device = -1};
  if (!strncmp(s, "bitflip:", 8)) {
    f->kind = FAULT_BITFLIP;
    f->rate = strtod(s + 8, &end);
    if (end == s + 8 || f->rate < 0 || f->rate > 1) return 0;
    if (*end == ':' && !parse_size(end + 1, &end, &f->n)) return 0;
  } else if (!strncmp(s, "launch:", 7)) {
    f->kind = FAULT_LAUNCH;
    f->n = strtoull(s + 7, &end, 10);
    if (!f->n) return 0;
    if (!strncmp(end, ":sticky", 7)) {
      f->sticky = 1;
      end += 7;
    } else if (!strncmp(end, ":hang", 5)) {
      f->hang = 1;
      end += 5;
    }
  } else if (!strncmp(s, "oom:", 4)) {
    f->kind = FAULT_OOM;
    if (!parse_size(s + 4, &end, &f->n)) return 0;
  } else {
    return 0;
  }
  if (*end == '@' && end[1] >= '0' && end[1] <= '9') f->device = strtol(end + 1, &end, 10);
  return *end == 0;
}

__attribute__((constructor)) static void read_settings(void) {
  Dl_info info;
  if (dladdr(devices, &info) && info.dli_fname && realpath(info.dli_fname, home))
    *strrchr(home, '/') = 0;

  const char *value = getenv("CUEMU_DEVICES");
  if (value) {
    char *end;
    device_count = strtol(value, &end, 10);
    if (end == value || *end || device_count < 0 || device_count > MAX_DEVICES)
      bad_setting("CUEMU_DEVICES", value);
  }
  for (int i = 0; i < MAX_DEVICES; i++) {
    devices[i].ordinal = i;
    devices[i].engine.dev = &devices[i];
    devices[i].primary.dev = &devices[i];
    pthread_mutex_init(&devices[i].lock, NULL);
  }
  value = getenv("CUEMU_MEM");
  if (value) {
    char *end;
    if (!parse_size(value, &end, &device_memory) || *end) bad_setting("CUEMU_MEM", value);
  }
  value = getenv("CUEMU_SEED");
  fault_rng = (value ? strtoull(value, NULL, 10) : 0) * 0x9E3779B97F4A7C15ull + 0x2545F4914F6CDD1D;
  value = getenv("CUEMU_FAULT");
  if (value) {
    char *copy = strdup(value), *rest = NULL;
    for (char *s = strtok_r(copy, ",", &rest); s; s = strtok_r(NULL, ",", &rest))
      if (fault_count == MAX_FAULTS || !parse_fault(s, &faults[fault_count++]))
        bad_setting("CUEMU_FAULT", value);
    free(copy);
  }
}

static uint64_t fault_random(void) {
  fault_rng ^= fault_rng >> 12;
  fault_rng ^= fault_rng << 25;
  fault_rng ^= fault_rng >> 27;
  return fault_rng * 0x2545F4914F6CDD1Dull;
}

// Corrupt a device-to-host copy.
void fault_on_copy(Device *d, uint8_t *data, size_t size) {
  static int reports;
  pthread_mutex_lock(&fault_lock);
  for (int i = 0; i < fault_count; i++) {
    Fault *f = &faults[i];
    if (f->kind != FAULT_BITFLIP || (f->device >= 0 && f->device != d->ordinal)) continue;
    if (size < f->n) continue;
    if ((double)(fault_random() >> 11) / (double)(1ull << 53) >= f->rate) continue;
    uint64_t byte = fault_random() % size;
    int bit = fault_random() >> 61;
    data[byte] ^= 1u << bit;
    if (reports++ < MAX_FLIP_REPORTS)
      fprintf(stderr,
              "cuemu: FAULT bit %d of byte %llu flipped in a copy of %zu bytes from device %d\n",
              bit, (unsigned long long)byte, size, d->ordinal);
  }
  pthread_mutex_unlock(&fault_lock);
}

// True if this launch must not run; *result is then what cuLaunchKernel returns.
int fault_on_launch(Device *d, Result *result) {
  int hit = 0, hang = 0;
  pthread_mutex_lock(&fault_lock);
  for (int i = 0; i < fault_count; i++) {
    Fault *f = &faults[i];
    if (f->kind != FAULT_LAUNCH || (f->device >= 0 && f->device != d->ordinal)) continue;
    if (++f->count != f->n) continue;
    hit = 1;
    hang |= f->hang;
    fprintf(stderr, "cuemu: FAULT launch %llu %s on device %d%s\n", (unsigned long long)f->n,
            f->hang ? "hangs" : "fails", d->ordinal, f->sticky ? ", and every later call" : "");
    *result = f->sticky ? SUCCESS : ILLEGAL_ADDRESS; // sticky: asynchronous, as on a GPU
    if (f->sticky) __atomic_store_n(&d->sticky, ILLEGAL_ADDRESS, __ATOMIC_RELAXED);
  }
  pthread_mutex_unlock(&fault_lock);
  while (hang) pause();
  return hit;
}
