"""Injected faults: flipped bits, failed launches, memory that runs out."""

import random
import threading

from harness import ILLEGAL_ADDRESS, OUT_OF_MEMORY, Cuda, case, check, check_equal, error_of

MB = 1 << 20


def flipped_bits(a, b):
    return bin(int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).count("1")


def flips(copies):
    cuda = Cuda()
    source = random.Random(1).randbytes(512)
    data = cuda.upload(source)
    return [flipped_bits(source, cuda.download(data, 512)) for _ in range(copies)]


@case(CUEMU_FAULT="bitflip:1")
def fault_bitflip_always():
    check_equal("one bit in every copy", flips(200), [1] * 200)


@case(CUEMU_FAULT="bitflip:0.25")
def fault_bitflip_sometimes():
    counts = flips(400)
    check_equal("never more than one bit", max(counts), 1)
    check("about a quarter of the copies", 60 <= sum(counts) <= 140, f"{sum(counts)} of 400")


@case(CUEMU_FAULT="bitflip:0")
def fault_bitflip_never():
    check_equal("no flips", sum(flips(200)), 0)


@case(CUEMU_FAULT="bitflip:1:512")
def fault_bitflip_in_large_copies():
    cuda = Cuda()
    data = cuda.upload(bytes(512))
    for size, want in ((511, 0), (512, 1), (4, 0)):
        check_equal(
            f"copy of {size} bytes", flipped_bits(cuda.download(data, size), bytes(size)), want
        )


@case(CUEMU_FAULT="bitflip:1@1", CUEMU_DEVICES="2")
def fault_bitflip_on_one_device():
    for ordinal in (0, 1):
        cuda = Cuda(ordinal)
        data = cuda.upload(bytes(64))
        check_equal(f"device {ordinal}", flipped_bits(cuda.download(data, 64), bytes(64)), ordinal)


def launches(cuda, count):
    """Error codes of launches that each add 1, and what is then in memory."""
    fn = cuda.function(cuda.load("features"), "accumulate")
    data = cuda.upload(bytes(128))
    codes = [cuda.launch_error(fn, [1], [32], data, 1, 1) for _ in range(count)]
    return codes, data


@case(CUEMU_FAULT="launch:3")
def fault_launch():
    cuda = Cuda()
    codes, data = launches(cuda, 5)
    check_equal("the third launch fails", codes, [0, 0, ILLEGAL_ADDRESS, 0, 0])
    check_equal("and does not run", cuda.download_words(data, 32), [4] * 32)


@case(CUEMU_FAULT="launch:2@1,launch:4@0", CUEMU_DEVICES="2")
def fault_launch_by_device():
    first, _ = launches(Cuda(0), 4)
    second, _ = launches(Cuda(1), 4)
    check_equal("device 0", first, [0, 0, 0, ILLEGAL_ADDRESS])
    check_equal("device 1", second, [0, ILLEGAL_ADDRESS, 0, 0])


@case(CUEMU_FAULT="launch:2:sticky@0", CUEMU_DEVICES="2")
def fault_launch_sticky():
    cuda = Cuda(0)
    codes, data = launches(cuda, 4)
    check_equal("success, then errors", codes, [0, 0, ILLEGAL_ADDRESS, ILLEGAL_ADDRESS])
    check_equal("synchronise", cuda.error("cuCtxSynchronize"), ILLEGAL_ADDRESS)
    check_equal("copy", error_of(cuda.download, data, 4), ILLEGAL_ADDRESS)
    check_equal("allocate", error_of(cuda.alloc, 4), ILLEGAL_ADDRESS)
    check_equal("the other device works", launches(Cuda(1), 2)[0], [0, 0])


@case(
    CUEMU_FAULT="launch:2:hang@0",
    CUEMU_DEVICES="2",
    stderr="cuemu: FAULT launch 2 hangs on device 0",
)
def fault_launch_hangs():
    thread = threading.Thread(target=lambda: launches(Cuda(0), 2), daemon=True)
    thread.start()
    check_equal("the other device works", launches(Cuda(1), 2)[0], [0, 0])
    thread.join(1)
    check("the launch does not return", thread.is_alive())


@case(CUEMU_FAULT="oom:1M")
def fault_out_of_memory():
    cuda = Cuda()
    first = cuda.alloc(MB // 2)
    check_equal("past the limit", error_of(cuda.alloc, MB // 2 + 1), OUT_OF_MEMORY)
    check_equal("up to the limit", error_of(cuda.alloc, MB // 2), 0)
    check_equal("one byte more", error_of(cuda.alloc, 1), OUT_OF_MEMORY)
    cuda.free(first)
    check_equal("after a free", error_of(cuda.alloc, MB // 2), 0)
    check_equal("the limit is not announced", cuda.memory_info()[1], 8 << 30)


@case(CUEMU_MEM="2M", CUEMU_DEVICES="2")
def small_memory():
    cuda = Cuda()
    check_equal("announced", cuda.memory_info(), (2 * MB, 2 * MB))
    check_equal("too much", error_of(cuda.alloc, 2 * MB + 1), OUT_OF_MEMORY)
    cuda.alloc(2 * MB)
    check_equal("none left", error_of(cuda.alloc, 1), OUT_OF_MEMORY)
    check_equal("the other device has its own", error_of(Cuda(1).alloc, 2 * MB), 0)
