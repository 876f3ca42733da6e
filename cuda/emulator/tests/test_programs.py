"""What a block can do: operators, shared memory, warp operations, atomics, memory spaces; and what
a driver refuses.
"""

import ctypes
import random

import features
import ops
from harness import INVALID_PTX, Cuda, case, check, check_equal, error_of, words


def compare_table(cuda, fn, reference, outputs):
    """Run an operator kernel; return, for each output, how many cases differ."""
    values = ops.inputs()
    source = cuda.upload(words(values, "Q"))
    result = cuda.alloc(ops.CASES * outputs * 8)
    cuda.launch(fn, [(ops.CASES + 127) // 128], [128], source, result, ops.CASES)
    got = cuda.download_words(result, ops.CASES * outputs, "Q")
    wrong = [0] * outputs
    for i in range(ops.CASES):
        want = reference(values[6 * i : 6 * i + 6])
        for j in range(outputs):
            wrong[j] += got[i * outputs + j] != want[j]
    return wrong


@case()
def operator_table():
    cuda = Cuda()
    module = cuda.load("ops")
    tables = [
        ("ops", ops.ops, ops.GROUPS),
        ("lop3", ops.lop3, 1),
        ("more_ops", ops.more_ops, ops.MORE),
    ]
    for kernel, reference, outputs in tables:
        wrong = compare_table(cuda, cuda.function(module, kernel), reference, outputs)
        for j, count in enumerate(wrong):
            check(f"{kernel} {j}", count == 0, f"{count} of {ops.CASES} cases differ")


def run_features(orders=""):
    cuda = Cuda()
    module = cuda.load("features")
    rng = random.Random(9)
    values = [rng.getrandbits(32) for _ in range(1000)]
    hist, total, blocks = features.features(values)
    count = len(blocks) // 2
    source = cuda.upload(words(values))
    d_hist, d_total = cuda.upload(bytes(64)), cuda.upload(bytes(8))
    d_blocks = cuda.alloc(8 * count)
    fn = cuda.function(module, "features")
    cuda.launch(fn, [count], [256], source, d_hist, d_total, d_blocks, len(values))
    check_equal("histogram" + orders, cuda.download_words(d_hist, 16), hist)
    check_equal("total" + orders, cuda.download_words(d_total, 1, "Q"), [total])
    check_equal("block sums" + orders, cuda.download_words(d_blocks, 2 * count), blocks)

    small = [rng.choice([0, 1, 5, 2**31, 2**32 - 1, rng.getrandbits(32)]) for _ in range(64)]
    out = cuda.alloc(64 * features.WARP_OUT * 4)
    cuda.launch(cuda.function(module, "warps"), [1], [64], cuda.upload(words(small)), out)
    got = cuda.download_words(out, 64 * features.WARP_OUT)
    want = features.warps(small)
    step = features.WARP_OUT
    for j in range(step):
        check_equal(f"warp operation {j}{orders}", got[j::step], want[j::step])

    out = cuda.alloc(512)
    cuda.launch(cuda.function(module, "named_barriers"), [1], [128], out)
    want = [(t // 64 * 64 + 63 - t % 64) * 5 for t in range(128)]
    check_equal("named barriers" + orders, cuda.download_words(out, 128), want)

    cuda.launch(cuda.function(module, "dynamic_shared"), [1], [64], out, shared=512)
    want = [(63 - t) * 7 for t in range(64)]
    check_equal("dynamic shared memory" + orders, cuda.download_words(out, 64), want)


case("shared_memory_and_warps")(run_features)
for _seed in "123":
    case(f"thread_order_{_seed}", CUEMU_SEED=_seed)(lambda: run_features(" in shuffled order"))
case("race_detector_is_quiet", CUEMU_RACE="1", CUEMU_SEED="4")(
    lambda: run_features(" with the race detector")
)


@case()
def atomics():
    cuda = Cuda()
    rng = random.Random(11)
    values = [rng.getrandbits(32) for _ in range(96)]
    start32 = [rng.getrandbits(32) for _ in range(17)]
    start32[9], start32[10] = 500, 100  # both past the limit of 20
    start64 = [rng.getrandbits(64) for _ in range(4)] + [0]
    acc32, acc64 = cuda.upload(words(start32)), cuda.upload(words(start64, "Q"))
    old = cuda.alloc(4 * 96)
    fn = cuda.function(cuda.load("features"), "atomics")
    cuda.launch(fn, [1], [96], cuda.upload(words(values)), acc32, acc64, old)
    want32, want64 = features.atomics(values, start32, start64)
    want64[4] = 96  # compare-and-swap, one step a thread, in thread order
    got32, got64 = cuda.download_words(acc32, 17), cuda.download_words(acc64, 5, "Q")
    for i in range(17):
        check_equal(f"32-bit accumulator {i}", got32[i], want32[i])
    for i in range(5):
        check_equal(f"64-bit accumulator {i}", got64[i], want64[i])
    check_equal("old values", sorted(cuda.download_words(old, 96)), list(range(96)))


@case()
def memory_spaces():
    cuda = Cuda()
    module = cuda.load("features")
    rng = random.Random(13)
    values = [rng.getrandbits(32) for _ in range(256)]
    data = rng.randbytes(64)
    grid, count = [2, 3, 2], 12
    out = cuda.upload(bytes(count * 64 * features.MEM_OUT * 4))
    fn = cuda.function(module, "memory")
    cuda.launch(fn, grid, [4, 8, 2], cuda.upload(words(values)), out, cuda.upload(data))
    got = cuda.download_words(out, count * 64 * features.MEM_OUT)
    want = features.memory(values, data, grid)
    step = features.MEM_OUT
    for j in range(step):
        check_equal(f"memory access {j}", got[j::step], want[j::step])
    ptr, size = ctypes.c_uint64(), ctypes.c_size_t()
    cuda.call("cuModuleGetGlobal_v2", ctypes.byref(ptr), ctypes.byref(size), module, b"counter")
    check_equal("module variable", cuda.download_words(ptr, 4), [10, 20, 30, 40 + count])
    out = cuda.alloc(256)
    for k in (1, 2):
        cuda.launch(cuda.function(module, f"big_shared_{k}"), [1], [64], out)
        want = [k * (10239 - t) for t in range(64)]
        check_equal(f"kernel {k} with 40 KB of shared memory", cuda.download_words(out, 64), want)


PTX_HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n"
UNKNOWN_PTX = [
    "mma.sync.m16n8k8;",
    ".reg .b32 %r<3>; add.unheard.u32 %r1, %r2, %r2;",
    ".reg .f32 %f<3>; add.f32 %f1, %f2, %f2;",
    ".surprise 3;",
]


@case()
def refused():
    """Launches and modules that a driver refuses."""
    cuda = Cuda()
    module = cuda.load("features")
    out = cuda.alloc(4096)
    bounded, dynamic = cuda.function(module, "bounded"), cuda.function(module, "dynamic_shared")

    def launch(fn, grid, block, shared=0):
        return cuda.launch_error(fn, [grid], [block], out, shared=shared)

    check_equal("within __launch_bounds__", launch(bounded, 1, 64), 0)
    check_equal("past __launch_bounds__", launch(bounded, 1, 128), 1)
    check_equal("too many threads", launch(dynamic, 1, 1025), 1)
    check_equal("empty grid", launch(dynamic, 0, 1), 1)
    check_equal("shared memory not opted in", launch(dynamic, 1, 1, shared=60000), 1)
    cuda.call("cuFuncSetAttribute", dynamic, 8, 60000)
    check_equal("shared memory opted in", launch(dynamic, 1, 1, shared=60000), 0)
    check_equal("no such kernel", error_of(cuda.function, module, "absent"), 500)
    for line in UNKNOWN_PTX:
        text = PTX_HEAD + line + "\nret;\n}\n"
        check_equal(f"PTX: {line!r}", error_of(cuda.load_text, text.encode()), INVALID_PTX)
    check_equal("cubin without CUEMU_PTX", error_of(cuda.load_text, b"\x7fELF"), 200)
    check_equal("copy past the end", error_of(cuda.download, out, 4097), 1)
    cuda.free(out)
    check_equal("double free", error_of(cuda.free, out), 1)
    check_equal("use after free", error_of(cuda.download, out, 4), 1)
