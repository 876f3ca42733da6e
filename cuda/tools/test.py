#!/usr/bin/env python3
"""Run the tests of the kernels and of the emulator. The last line is `N passed, N failed`.

usage: test.py [--long] [--jobs N] [FILTER...]     cases whose names contain a FILTER; --long adds
                                                   those of minutes

No GPU is needed: kernels run in the emulator. The PTX check and the gates need the compiler, which
is installed on first use. The exit status is 0 if all passed and, without a FILTER, something ran.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

import harness

TIMEOUT_S = 900
ABORTED = -6


def child_environment(case):
    """Settings of the emulator come from the case alone."""
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("CUEMU_") or key == "CUEMU_CACHE"
    }
    return dict(env, PYTHONDONTWRITEBYTECODE="1", **case.env)


def run(case):
    """Run one case in a child; return (seconds, checks passed, checks failed, lines to show)."""
    start = time.monotonic()
    command = [sys.executable, os.path.abspath(__file__), "--case", case.name]
    try:
        result = subprocess.run(
            command,
            env=child_environment(case),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        code, out, err = result.returncode, result.stdout, result.stderr
    except subprocess.TimeoutExpired:
        code, out, err = "no end", "", ""
    lines = out.splitlines()
    failures = [line for line in lines if line.startswith("FAIL")]
    passed = sum(line.startswith("PASS") for line in lines)
    wanted_code = ABORTED if case.dies else 0
    for report in filter(None, (case.dies, case.stderr)):
        if re.search(report, err):
            passed += 1
        else:
            failures.append(f"FAIL no report {report!r}")
    if code != wanted_code or not passed:
        failures.append(f"FAIL exit status {code}, {passed} checks passed")
    shown = [line for line in lines if line.startswith("INFO")] + failures
    if failures:
        shown += err.splitlines()[-6:]
    return time.monotonic() - start, passed, len(failures), shown


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--long", action="store_true", help="run the long cases too")
    parser.add_argument("--jobs", type=int, default=2, help="cases at once")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("filters", nargs="*", metavar="FILTER")
    args = parser.parse_args()
    harness.import_tests()
    if args.case:
        next(case for case in harness.CASES if case.name == args.case).run()
        return
    names = [case.name for case in harness.CASES]
    if duplicates := {name for name in names if names.count(name) > 1}:
        sys.exit(f"test: two cases are called {duplicates}")
    chosen = [
        case
        for case in harness.CASES
        if (args.long or not case.long)
        and (not args.filters or any(f in case.name for f in args.filters))
    ]
    if chosen:
        harness.library()  # built once, not by every child
    total_passed = total_failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for case, (seconds, passed, failed, shown) in zip(chosen, pool.map(run, chosen)):
            total_passed += passed
            total_failed += failed
            print(
                f"{case.name:38} {'FAILED' if failed else 'ok':6} {passed:3} checks {seconds:6.1f} "
                "s",
                flush=True,
            )
            for line in shown:
                print("    " + line)
    print(f"{total_passed} passed, {total_failed} failed")
    sys.exit(bool(total_failed or not (total_passed or args.filters)))


if __name__ == "__main__":
    main()
