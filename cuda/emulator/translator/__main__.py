"""Translate integer PTX (as NVRTC, nvcc or clang emit it) to C.

usage: python3 translator IN.ptx OUT.c

The C text includes runtime.h, and driver/module.c loads it. An instruction, modifier or directive
that is not known here is a hard error: nothing is ever skipped silently. Python 3.9 or newer,
standard library only.
"""

import sys

from instructions import Translator
from syntax import PtxError


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as f:
        text = f.read().rstrip("\0")
    try:
        code = Translator(text).translate()
    except PtxError as e:
        sys.exit(f"translator: {e}")
    with open(sys.argv[2], "w") as f:
        f.write(code)


if __name__ == "__main__":
    main()
