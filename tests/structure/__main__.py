#!/usr/bin/env python3
"""Holds the tree to its shape: `./x check` runs it.

    python3 tests/structure

It says which crate depends on what it must not (arrows.py, where the plan of the house stands),
which files need each other in a ring (circles.py), which take in another crate's code as text
(includes.py), and what is too long (lengths.py). Each check is first tried on a few lines that it
must object to. It exits with 0, or with 1 and a line for each finding. Python 3.9 or later,
standard library only.
"""

import json
import pathlib
import subprocess
import sys

import arrows
import circles
import includes
import lengths

ROOT = pathlib.Path(__file__).resolve().parents[2]
LANGUAGES = (".rs", ".py", *lengths.C_LIKE)
SCRIPTS = ("x", ".ci/run")


def output(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, cwd=ROOT).stdout


def main():
    for check in (arrows, circles, includes, lengths):
        check.try_out()
    host = next(
        line.split()[1] for line in output("rustc", "-vV").splitlines() if line.startswith("host:")
    )
    metadata = json.loads(
        output("cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", host)
    )
    members = [
        package
        for package in metadata["packages"]
        if package["id"] in metadata["workspace_members"]
    ]
    listed = output("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z").split(
        "\0"
    )
    names = [
        name
        for name in listed
        if (name.endswith(LANGUAGES) or name in SCRIPTS) and (ROOT / name).is_file()
    ]
    sources = {name: (ROOT / name).read_text() for name in names}
    targets = [
        target for package in members for target in package["targets"] if target["kind"] != ["test"]
    ]
    roots = [pathlib.Path(target["src_path"]) for target in targets]
    crates = {
        pathlib.Path(package["manifest_path"]).parent.relative_to(ROOT).as_posix().strip(".")
        for package in members
    }
    found = [
        *arrows.broken(members, metadata["resolve"]["nodes"]),
        *arrows.embedded(sources),
        *circles.broken(ROOT, roots, [ROOT / name for name in names]),
        *includes.broken(sources, crates),
        *lengths.broken(sources),
    ]
    for finding in found:
        print(f"structure: {finding}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
