"""Build the emulated driver, libcuda.so.1, into Lode's cache folder; nothing happens if that is up
to date.

usage: build.py        prints the folder with libcuda.so.1

The folder is named after a hash of all sources, so that two working trees do not disturb each
other. It holds the translator as well: that is all a program needs at run time, besides python3 and
a C compiler.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = sorted((HERE / "driver").glob("*.[ch]")) + sorted((HERE / "translator").glob("*.py"))
FLAGS = [
    "-O2",
    "-flto",
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
]


def build():
    """Return the folder with the library; raises CalledProcessError if it does not compile."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in SOURCES:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base) / "lode" / "cuemu" / digest.hexdigest()[:16]
    if (folder / "libcuda.so").exists():
        return folder
    (folder / "translator").mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        if source.suffix == ".py":
            shutil.copy(source, folder / "translator")
    shutil.copy(HERE / "driver" / "runtime.h", folder)
    # Replaced by a rename, so that a running program never sees half a library.
    fresh = folder / f"libcuda.so.1.{os.getpid()}"
    units = [str(source) for source in SOURCES if source.suffix == ".c"]
    subprocess.run(
        [os.environ.get("CC", "cc"), *FLAGS, *units, "-o", str(fresh), "-ldl", "-lpthread"],
        check=True,
    )
    fresh.rename(folder / "libcuda.so.1")
    # cudarc looks for this name first, and a real driver may provide it elsewhere.
    link = folder / f"libcuda.so.{os.getpid()}"
    link.symlink_to("libcuda.so.1")
    link.rename(folder / "libcuda.so")
    return folder


if __name__ == "__main__":
    try:
        print(build())
    except subprocess.CalledProcessError as e:
        sys.exit(f"build: {e}")
