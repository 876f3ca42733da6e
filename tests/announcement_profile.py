#!/usr/bin/env python3
"""What the processor does between a block's announcement and the last acceptance, in the test
`an_announced_block_is_accepted_by_all`.

    tests/announcement_profile.py

builds nodes and test, runs it long, samples all cores meanwhile, and prints how their time divides.
It takes root, `perf` and binutils: a uprobe on the return of `ChainService::connect`, which stores
a block, tells when each node has it. The sampling slows the nodes by some tenths; the parts are
what counts.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter

FOLLOWERS = 6
SAMPLES_PER_S = 8_000
# A block is stored by all within this time, and the next one comes later.
ROUND_S = 0.2
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CARGO = ["cargo", "test", "--release", "--workspace", "--test", "e2e_network_figures"]


def run(*command, **options):
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, cwd=ROOT, **options
    ).stdout


def build():
    """The paths of the test and of the node that it starts."""
    run("cargo", "build", "--release", "--workspace", "--bins")
    lines = [
        json.loads(line) for line in run(*CARGO, "--no-run", "--message-format=json").splitlines()
    ]
    [test] = [
        line["executable"]
        for line in lines
        if line.get("target", {}).get("name") == "e2e_network_figures" and line.get("executable")
    ]
    return test, os.path.join(os.path.dirname(os.path.dirname(test)), "lode-node")


def change_uprobes(command):
    # Python's own mode for appending seeks, which this file refuses.
    uprobes = os.open("/sys/kernel/tracing/uprobe_events", os.O_WRONLY | os.O_APPEND)
    os.write(uprobes, f"{command}\n".encode())
    os.close(uprobes)


def probe(node):
    """Sets the uprobes, one for each copy of the function. They go by place in the file, symbols by
    place in memory.
    """
    segments = re.findall(
        r"LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) 0x\w+ R E", run("readelf", "-lW", node)
    )
    symbols = [
        line.split()
        for line in run("nm", node).splitlines()
        if re.search(r" t _.*ChainService.*7connect", line)
    ]
    if not symbols:
        sys.exit(f"{node}: no symbol of ChainService::connect")
    for number, (address, *_) in enumerate(symbols):
        [place] = [
            int(address, 16) - int(memory, 16) + int(file, 16)
            for file, memory, size in segments
            if 0 <= int(address, 16) - int(memory, 16) < int(size, 16)
        ]
        change_uprobes(f"r:lode/stored{number} {node}:{place:#x}")
    return len(symbols)


def part(command, symbol):
    """Whose time a sample is."""
    if command == "swapper":
        return "nothing"
    if re.search(r"lode_algebra|lode_puzzle", symbol):
        return "verifier: the header's proof, once a node"
    kernel = ", the kernel under them" if "kernel" in symbol else ""
    if command == "tokio-rt-worker":
        return "tokio's threads: libp2p, the body's other checks" + kernel
    if command == "lode-sync":
        return "the sync's thread: sync, pools, ledger" + kernel
    return "other: the test, timers, the system"


def main():
    test, node = build()
    probes = probe(node)
    try:
        with tempfile.TemporaryDirectory() as folder:
            data = os.path.join(folder, "perf.data")
            record = [
                "perf",
                "record",
                "-q",
                "-a",
                "-F",
                str(SAMPLES_PER_S),
                "-e",
                "cpu-clock",
                "-e",
                "lode:stored*",
                "-o",
                data,
            ]
            environment = {**os.environ, "LODE_TEST_LONG": "1"}
            test_run = [test, "--nocapture", "an_announced_block_is_accepted_by_all"]
            print(run(*record, *test_run, env=environment))
            script = run(
                "perf",
                "script",
                "-i",
                data,
                "-F",
                "comm,pid,time,event,ip,sym,dso",
                stderr=subprocess.DEVNULL,
            )
    finally:
        for number in range(probes):
            change_uprobes(f"-:lode/stored{number}")

    samples, windows, stored = [], [], []
    for line in script.splitlines():
        fields = re.match(r"\s*(.+?)\s+\d+\s+([\d.]+):\s+(\S+):\s+\S+\s+(.*)$", line)
        if not fields:
            continue
        command, at, event, symbol = fields[1], float(fields[2]), fields[3], fields[4]
        if event.startswith("lode:"):
            stored = [at] if not stored or at - stored[0] > ROUND_S else [*stored, at]
            if len(stored) == 1 + FOLLOWERS:
                windows.append((stored[0], at))
        else:
            samples.append((at, command, symbol))
    if not windows:
        sys.exit("no announcement was seen: did the test pass?")
    parts, window = Counter(), iter(windows)
    begin, end = next(window)
    for at, command, symbol in sorted(samples):
        while at > end:
            begin, end = next(window, (float("inf"), float("inf")))
        if begin <= at:
            parts[part(command, symbol)] += 1
    total = sum(parts.values())
    print(
        f"{len(windows)} announcements, {total / SAMPLES_PER_S / len(windows) * 1e3:.1f} ms of the "
        "cores' time each:"
    )
    for name, count in parts.most_common():
        print(f"{100 * count / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
