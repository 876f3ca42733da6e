// Warp operations: shuffles, votes, matches, reductions. They complete when every lane of the mask
// has arrived at the same instruction.
#include "emulator.h"

#define FOR_LANES(i, mask) \
  for (int i = 0; i < 32; i++) \
    if ((mask) >> i & 1)

static uint64_t shuffle(Fiber **lanes, int lane) {
  Fiber *f = lanes[lane];
  uint32_t mask = f->warp_mask;
  int b = f->warp_b & 31, clamp = f->warp_c & 31, segment = (f->warp_c >> 8) & 31;
  int max = (lane & segment) | (clamp & ~segment & 31), min = lane & segment;
  int source = 0, in_range = 0;
  switch (f->warp_op - WOP_SHFL) {
  case 0: // up
    source = lane - b;
    in_range = source >= max;
    break;
  case 1: // down
    source = lane + b;
    in_range = source <= max;
    break;
  case 2: // butterfly
    source = lane ^ b;
    in_range = source <= max;
    break;
  case 3: // index
    source = min | (b & ~segment);
    in_range = source <= max;
    break;
  }
  if (!in_range) source = lane;
  if (!(mask >> source & 1)) die(&f->c, f->line, "shfl reads a lane outside the member mask");
  return (uint32_t)lanes[source]->warp_value | ((uint64_t)in_range << 32);
}

static uint64_t vote(Fiber **lanes, int lane) {
  uint32_t mask = lanes[lane]->warp_mask, ballot = 0;
  FOR_LANES(j, mask) if (lanes[j]->warp_value & 1) ballot |= 1u << j;
  switch (lanes[lane]->warp_op - WOP_VOTE) {
  case 0:
    return ballot == mask;
  case 1:
    return ballot != 0;
  case 2:
    return ballot == mask || !ballot;
  default:
    return ballot;
  }
}

static uint64_t match(Fiber **lanes, int lane) {
  uint32_t same = 0;
  FOR_LANES(j, lanes[lane]->warp_mask)
  if (lanes[j]->warp_value == lanes[lane]->warp_value) same |= 1u << j;
  return same;
}

static uint64_t reduce(Fiber **lanes, int lane) {
  uint32_t r = 0;
  int first = 1;
  FOR_LANES(j, lanes[lane]->warp_mask) {
    uint32_t v = (uint32_t)lanes[j]->warp_value;
    if (first) {
      r = v;
      first = 0;
      continue;
    }
    switch (lanes[lane]->warp_op - WOP_REDUX) {
    case 0:
      r += v;
      break;
    case 1:
      r = v < r ? v : r;
      break;
    case 2:
      r = v > r ? v : r;
      break;
    case 3:
      r &= v;
      break;
    case 4:
      r |= v;
      break;
    case 5:
      r ^= v;
      break;
    case 9:
      r = (int)v < (int)r ? v : r;
      break;
    case 10:
      r = (int)v > (int)r ? v : r;
      break;
    }
  }
  return r;
}

static uint64_t elect(Fiber **lanes, int lane) {
  int leader = __builtin_ctz(lanes[lane]->warp_mask);
  return (uint32_t)leader | ((uint64_t)(leader == lane) << 32);
}

// All lanes of the mask have arrived at the same operation.
static void finish_warp_op(Fiber **lanes, int lane) {
  Fiber *first = lanes[lane];
  int op = first->warp_op;
  uint32_t mask = first->warp_mask;
  uint64_t result[32];
  FOR_LANES(i, mask) {
    if (op == WOP_SYNC)
      result[i] = 0;
    else if (op >= WOP_SHFL && op < WOP_SHFL + 4)
      result[i] = shuffle(lanes, i);
    else if (op >= WOP_VOTE && op < WOP_VOTE + 4)
      result[i] = vote(lanes, i);
    else if (op == WOP_MATCH)
      result[i] = match(lanes, i);
    else if (op == WOP_ELECT)
      result[i] = elect(lanes, i);
    else if (op >= WOP_REDUX)
      result[i] = reduce(lanes, i);
    else
      die(&first->c, first->line, "warp op");
  }
  FOR_LANES(i, mask) {
    lanes[i]->result = result[i];
    lanes[i]->state = RUNNABLE;
    lanes[i]->warp_epoch++;
  }
}

// True if every lane of the mask of lanes[lane] waits at the same warp operation.
static int warp_op_complete(Fiber **lanes, int lane) {
  Fiber *f = lanes[lane];
  FOR_LANES(j, f->warp_mask) {
    Fiber *g = lanes[j];
    if (!g || g->state == DONE)
      die(&f->c, f->line, "warp op waits for an exited or absent lane");
    if (g->state != AT_WARP_OP || g->warp_mask != f->warp_mask || g->warp_op != f->warp_op ||
        g->line != f->line)
      return 0;
  }
  return 1;
}

int finish_warp_ops(Engine *e) {
  int progress = 0;
  for (uint32_t base = 0; base < e->thread_count; base += 32) {
    Fiber *lanes[32];
    for (uint32_t i = 0; i < 32; i++)
      lanes[i] = base + i < e->thread_count ? &e->fibers[base + i] : NULL;
    for (int i = 0; i < 32; i++)
      if (lanes[i] && lanes[i]->state == AT_WARP_OP && warp_op_complete(lanes, i)) {
        finish_warp_op(lanes, i);
        progress = 1;
      }
  }
  return progress;
}
