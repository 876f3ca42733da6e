"""The PTX in the repository is what the sources give; the machine code keeps within its gates."""

import subprocess
import sys

import toolchain
from harness import case, check


def tool(name, *args):
    command = [sys.executable, str(toolchain.CUDA / "tools" / name), *args]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    check(
        " ".join([name, *args]),
        result.returncode == 0,
        (result.stdout + result.stderr).strip()[-400:],
    )


@case()
def ptx_is_up_to_date():
    tool("build.py", "--check")


@case()
def gates_hold():
    tool("gate.py")


@case()
def the_page_holds_the_predicted_ceilings():
    tool("ceiling.py", "--check")
