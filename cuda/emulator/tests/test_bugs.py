"""Planted bugs: each must be reported, and must end the process (a race: the launch)."""

from harness import LAUNCH_FAILED, Cuda, case, check_equal

DEATHS = {
    "out_of_bounds": r"FATAL global memory access out of bounds.* thread \(63,0,0\)",
    "shared_out_of_bounds": r"FATAL shared memory access out of bounds",
    "divergent_barrier": r"FATAL deadlock / divergent barrier",
    "divergent_lanes": r"FATAL divergent barrier",
    "shuffle_from_exited_lanes": r"FATAL warp op waits for an exited or absent lane",
    "misaligned": r"FATAL misaligned access",
    "division_by_zero": r"FATAL division by zero",
}


def run_bug(kernel, size=256):
    cuda = Cuda()
    fn = cuda.function(cuda.load("bugs"), kernel)
    return cuda.launch_error(fn, [1], [64], cuda.upload(b"\1" + bytes(size - 1)))


for _kernel, _report in DEATHS.items():
    case(f"bug_{_kernel}", dies=_report, CUEMU_RACE="1")(lambda kernel=_kernel: run_bug(kernel))


@case(stderr=r"RACE on shared word", CUEMU_RACE="1")
def bug_missing_syncthreads():
    check_equal("the launch fails", run_bug("missing_syncthreads"), LAUNCH_FAILED)


@case(CUEMU_RACE="1")
def no_bug():
    check_equal("enough memory: no report", run_bug("out_of_bounds", 4 * 65), 0)


@case(dies=r"FATAL .*memory of another device", CUEMU_DEVICES="2")
def memory_of_another_device():
    a, b = Cuda(0), Cuda(1)
    foreign = b.upload(bytes(256))
    a.bind()
    fn = a.function(a.load("bugs"), "read_other")
    own = a.upload(bytes(256))
    check_equal("its own memory", a.launch_error(fn, [1], [64], own, own), 0)
    a.launch_error(fn, [1], [64], own, foreign)


@case(dies=r"FATAL cannot understand CUEMU_FAULT=bitflop:1", CUEMU_FAULT="bitflop:1")
def bad_fault():
    Cuda()
