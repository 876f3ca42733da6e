"""No crate takes in another crate's code as text: neither by `#[path]` nor by `include!`.

What two crates need is a crate (`testkit/` for tests). Data is no code: `include_str!` and
`include_bytes!` may read what pins bytes for several crates where it lies, in a folder `vectors` or
`golden`.
"""

import posixpath
import re

TAKEN = re.compile(
    r'#!?\[path = "(?P<path>[^"]+)"\]|\b(?P<kind>include(?:_str|_bytes)?)!\(\s*"(?P<file>[^"]+)"'
)
DATA = ("golden", "vectors")


def crate_of(name, crates):
    """The innermost crate's folder that a file lies in; "" is the root package's."""
    folder = posixpath.dirname(name)
    while folder not in crates and folder:
        folder = posixpath.dirname(folder)
    return folder


def broken(sources, crates):
    """Findings about files, by name and text, and the folders that hold a `Cargo.toml`."""
    found = []
    for name, source in sources.items():
        if not name.endswith(".rs"):
            continue
        for at in TAKEN.finditer(source):
            taken = at["path"] or at["file"]
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), taken))
            if crate_of(target, crates) == crate_of(name, crates):
                continue
            is_data = at["kind"] not in (None, "include") and not target.endswith(".rs")
            if not (is_data and any(part in DATA for part in target.split("/"))):
                found.append(f"{name} takes in {target}, of another crate: see CONTRIBUTING.md")
    return found


def try_out():
    crates = {"", "api", "miner"}

    def count(text):
        return len(broken({"miner/tests/a.rs": text}, crates))

    assert count('#[path = "common/b.rs"]\nmod b;\ninclude_str!("../../miner/x.json")') == 0
    assert count('#[path = "../../api/tests/b.rs"]\nmod b;') == 1
    assert count('#[path = "../../src/b.rs"]\nmod b;') == 1
    assert count('include!("../../api/tests/golden/b.rs")') == 1
    assert count('include_str!(\n    "../../api/tests/golden/b.json"\n)') == 0
    assert count('include_str!("../../api/src/b.json")') == 1
    assert count('include_str!("../../api/tests/golden/b.rs")') == 1
