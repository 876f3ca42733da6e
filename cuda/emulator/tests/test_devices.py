"""Host threads, contexts, devices, modules."""

import ctypes
import os
import random
import tempfile
import threading

import ops
from harness import (
    CONTEXT_IS_DESTROYED,
    INVALID_CONTEXT,
    INVALID_HANDLE,
    Cuda,
    case,
    check,
    check_equal,
    error_of,
    in_threads,
    words,
)


def work(cuda, fn, seed, rounds=20):
    """Allocate, fill, launch, copy back, free: in a loop, with checks."""
    rng = random.Random(seed)
    for _ in range(rounds):
        n, add, iters = 32 * rng.randrange(1, 9), rng.getrandbits(32), rng.randrange(1, 40)
        values = [rng.getrandbits(32) for _ in range(n)]
        data = cuda.upload(words(values))
        cuda.launch(fn, [n // 32], [32], data, add, iters)
        want = [(v + add * iters) & ops.M32 for v in values]
        if cuda.download_words(data, n) != want:
            raise AssertionError(f"wrong result in thread {seed}")
        cuda.free(data)


@case()
def host_threads():
    """Eight threads on one device, with one module and with a module each."""
    main = Cuda()
    shared_fn = main.function(main.load("features"), "accumulate")

    def one_module(i):
        work(Cuda(), shared_fn, i)

    def own_module(i):
        cuda = Cuda()
        work(cuda, cuda.function(cuda.load("features"), "accumulate"), i, rounds=5)

    check_equal("threads share a module", error_of(in_threads, 8, one_module), 0)
    check_equal("threads load modules", error_of(in_threads, 4, own_module), 0)
    check_equal("all memory is free again", main.memory_info()[0], main.memory_info()[1])


@case()
def contexts():
    cuda = Cuda()
    second = ctypes.c_void_p()
    cuda.call("cuCtxCreate_v2", ctypes.byref(second), 0, 0)
    work(cuda, cuda.function(cuda.load("features"), "accumulate"), 1)
    cuda.alloc(1000)
    free, total = cuda.memory_info()
    check_equal("allocation counts", total - free, 1000)
    cuda.call("cuCtxDestroy_v2", second)
    free, total = cuda.memory_info()
    check_equal("destroying a context frees its memory", total - free, 0)
    work(cuda, cuda.function(cuda.load("features"), "accumulate"), 2)
    check("two contexts", True)

    errors = []

    def without_context():
        ptr = ctypes.c_uint64()
        errors.append(cuda.error("cuMemAlloc_v2", ctypes.byref(ptr), ctypes.c_size_t(64)))

    thread = threading.Thread(target=without_context)
    thread.start()
    thread.join()
    check_equal("thread without a context", errors, [INVALID_CONTEXT])
    cuda.release()
    check_equal("context after its last release", error_of(cuda.alloc, 64), CONTEXT_IS_DESTROYED)


@case(CUEMU_DEVICES="3")
def several_devices():
    gpus = [Cuda(i) for i in range(3)]
    count = ctypes.c_int()
    gpus[0].call("cuDeviceGetCount", ctypes.byref(count))
    check_equal("device count", count.value, 3)
    check_equal("device out of range", error_of(Cuda, 3), 101)
    uuids = set()
    for i in range(3):
        uuid = ctypes.create_string_buffer(16)
        gpus[0].call("cuDeviceGetUuid_v2", uuid, i)
        uuids.add(uuid.raw)
    check_equal("distinct UUIDs", len(uuids), 3)

    gpus[1].bind()
    data = gpus[1].upload(words([7] * 64))
    used = []
    for gpu in gpus:
        gpu.bind()
        free, total = gpu.memory_info()
        used.append(total - free)
    check_equal("memory is counted by device", used, [0, 256, 0])

    gpus[0].bind()
    fn = gpus[0].function(gpus[0].load("features"), "accumulate")
    gpus[1].bind()
    code = gpus[1].launch_error(fn, [1], [64], data, 1, 1)
    check_equal("kernel of another device", code, INVALID_HANDLE)
    gpus[2].bind()
    copy = gpus[2].alloc(256)
    gpus[2].call("cuMemcpyDtoD_v2", copy, data, ctypes.c_size_t(256))
    check_equal("copy between devices", gpus[2].download_words(copy, 64), [7] * 64)

    def worker(i):
        cuda = Cuda(i % 3)
        work(cuda, cuda.function(cuda.load("features"), "accumulate"), i)

    check_equal("six threads on three devices", error_of(in_threads, 6, worker), 0)


@case(CUEMU_DEVICES="0")
def no_devices():
    check_equal("cuInit", error_of(Cuda), 100)


@case()
def separate_modules():
    """Two loads of one PTX have separate variables; an unloaded one is gone."""
    cuda = Cuda()
    pointers = []
    for _ in range(2):
        module, ptr = cuda.load("features"), ctypes.c_uint64()
        cuda.call("cuModuleGetGlobal_v2", ctypes.byref(ptr), None, module, b"counter")
        pointers.append(ptr)
    cuda.call("cuMemcpyHtoD_v2", pointers[0], words([1]), ctypes.c_size_t(4))
    check_equal("separate variables", cuda.download_words(pointers[1], 1), [10])
    cuda.call("cuModuleUnload", module)
    check_equal("unloaded variable", error_of(cuda.download, pointers[1], 4), 1)
    check_equal("the other module's variable", cuda.download_words(pointers[0], 1), [1])


@case()
def cache():
    folder = tempfile.mkdtemp()
    os.environ["CUEMU_CACHE"] = folder
    cuda = Cuda()
    for _ in range(3):
        cuda.load("bugs")
    check_equal("one object for one PTX", len(os.listdir(folder)), 1)
    os.environ["CUEMU_CFLAGS"] = "-O0"
    cuda.load("bugs")
    check_equal("another one for other flags", len(os.listdir(folder)), 2)
