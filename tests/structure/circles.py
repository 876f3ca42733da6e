"""No ring of files that need each other: such files can only be read together.

For every library, program, bench and example, the module tree is read from its `mod x;`, and each
path in the code (`use …`, `crate::a::b`, `super::c`, `child::d`, an imported name) is followed,
through re-exports, to the file that defines what it names: that is an edge. A `pub use` is one only
for names that its own file uses, a `mod x;` is none; tests are left out. Names are followed, types
are not: calling a method on a value needs no path. For C and CUDA an edge is an `#include "…"`, for
Python an `import` of a neighbour. Rings are the strongly connected components of more than one
file.
"""

import pathlib
import re
import tempfile

# Rings that stay: their files, and why they cannot be parted.
ALLOWED = {}

OPAQUE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:\\.|[^"\\])*"|'(?:\\[^\n]+?|[^\\'\n])'""", re.S
)
TEST_ONLY = re.compile(r"#\s*\[cfg\((?:all\()?test\b[^\]]*\]")
DEFINITION = re.compile(
    r"\b(?:fn|struct|enum|union|trait|type|const|static|macro_rules!)\s+(?:mut\s+)?(\w+)"
)
MODULE = re.compile(
    r"""(?:#\s*\[path = "([^"]+)"\]\s*)?(?:\bpub(?:\([^)]*\))?\s+)?\bmod\s+(\w+)\s*([;{])"""
)
USE = re.compile(r"(\bpub(?:\s*\([^)]*\))?\s+)?\buse\s+([^;]+);")
PATH = re.compile(r"(?<![\w.:$])(?:\$?crate|[A-Za-z_]\w*)(?:\s*::\s*[A-Za-z_]\w*)*")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
IMPORT = re.compile(r"^\s*(?:from|import)\s+\.?(\w+)", re.M)


def blank(match):
    """Spaces, so that lines and columns stay. The text of `#[path = "…"]` is kept."""
    if match.string[: match.start()].endswith("[path = "):
        return match[0]
    return re.sub(r"[^\n]", " ", match[0])


def item_end(text, start):
    """Where the item that starts there ends: behind its `;`, or its closing brace."""
    depth = 0
    for match in re.compile(r"[][(){};]").finditer(text, start):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if depth == 0 and match[0] in "};":
            return match.end()
    return len(text)


def code_of(source):
    """The source without comments, texts and tests, at the same lines and columns."""
    text = OPAQUE.sub(blank, source)
    while match := TEST_ONLY.search(text):
        end = item_end(text, match.end())
        text = text[: match.start()] + re.sub(r"[^\n]", " ", text[match.start() : end]) + text[end:]
    return text


def leaves(tree, prefix=()):
    """`a::{b, c::{self, d as e}}` as pairs of a name and a path: (b, a::b), (c, a::c), (e,
    a::c::d).
    """
    head, brace, rest = tree.partition("{")
    path, _, alias = head.partition(" as ")
    path = [*prefix, *(part.strip() for part in path.split("::") if part.strip())]
    if not brace:
        path = path[:-1] if len(path) > 1 and path[-1] == "self" else path
        return [(alias.strip() or path[-1], path)]
    found, depth, start, inner = [], 0, 0, rest[: rest.rindex("}")] + ","
    for at, sign in enumerate(inner):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            found += leaves(inner[start:at], path) if inner[start:at].strip() else []
            start = at + 1
    return found


class Module:
    """Its file, its children by name, what it defines, its imports (public?, name, path), and every
    path in its code.
    """

    def __init__(self, file, parent, text, folder):
        self.file, self.parent, self.children = file, parent, {}
        own, at = "", 0
        while match := MODULE.search(text, at):
            end, name = item_end(text, match.end() - 1), match[2]
            if match[3] == "{":
                self.children[name] = Module(file, self, text[match.end() : end - 1], folder / name)
            else:
                places = (
                    [file.parent / match[1]]
                    if match[1]
                    else [folder / f"{name}.rs", folder / name / "mod.rs"]
                )
                path = next(path for path in places if path.exists())
                self.children[name] = Module(path, self, code_of(path.read_text()), folder / name)
            own, at = own + text[at : match.start()], end
        text = own + text[at:]
        self.uses = [
            (bool(use[1]), name, path)
            for use in USE.finditer(text)
            for name, path in leaves(use[2])
        ]
        text = USE.sub(" ", text)
        self.definitions = set(DEFINITION.findall(text))
        self.paths = {tuple(re.split(r"\s*::\s*", path)) for path in PATH.findall(text)}

    def root(self):
        return self.parent.root() if self.parent else self

    def walk(self):
        yield self
        for child in self.children.values():
            yield from child.walk()


def lookup(module, name, seen):
    """What a name stands for in a module: a module, or the file that defines it, or None."""
    if (module, name) in seen:
        return None
    seen = seen | {(module, name)}
    if name in module.children:
        return module.children[name]
    if name in module.definitions:
        return module.file
    for _, alias, path in module.uses:
        if alias == name and (found := resolve(module, path, seen)):
            return found
    for _, alias, path in module.uses:
        if alias == "*" and isinstance(target := resolve(module, path[:-1], seen), Module):
            if found := lookup(target, name, seen):
                return found
    return None


def resolve(module, path, seen=frozenset()):
    """What a path names: a module, or the file that defines it, or None where it leads out of the
    crate.
    """
    at = module
    for index, part in enumerate(path):
        if part in ("crate", "$crate"):
            at = at.root()
        elif part == "super":
            at = at.parent or at
        elif part != "self":
            found = lookup(at, part, seen)
            if not isinstance(found, Module):
                # What a macro defines counts as its module's.
                return found or (at.file if index else None)
            at = found
    return at


def edges_of(module):
    """The files that a module needs."""
    found, first = [], {path[0] for path in module.paths}
    for public, name, path in module.uses:
        if name == "*" and not public:
            target = resolve(module, path[:-1])
            found.append(target)
            if isinstance(target, Module):
                found += [lookup(target, used, frozenset()) for used in first - module.definitions]
        elif not public or name in first:
            found.append(resolve(module, path))
    found += [resolve(module, path) for path in module.paths if len(path) > 1]
    return {file for file in found if isinstance(file, pathlib.Path)} - {module.file}


def rust_edges(roots):
    edges = {}
    for root in roots:
        for module in Module(root, None, code_of(root.read_text()), root.parent).walk():
            edges.setdefault(module.file, set()).update(edges_of(module))
    return edges


def named_edges(files, pattern, suffix):
    """Between files of one language that name each other by a path from their own folder."""
    return {
        file: {file.parent / f"{name}{suffix}" for name in pattern.findall(file.read_text())}
        & set(files)
        for file in files
    }


def rings(edges):
    reach = {}
    for start in edges:
        reach[start], todo = set(), [start]
        while todo:
            for file in edges.get(todo.pop(), ()):
                if file not in reach[start]:
                    reach[start].add(file)
                    todo.append(file)
    return {
        frozenset(other for other in reach[file] if file in reach[other])
        for file in edges
        if file in reach[file]
    }


def broken(root, roots, files):
    edges = rust_edges(roots)
    edges.update(
        named_edges(
            [file for file in files if file.suffix in (".c", ".cu", ".cuh", ".h")], INCLUDE, ""
        )
    )
    edges.update(named_edges([file for file in files if file.suffix == ".py"], IMPORT, ".py"))
    found, seen = [], set()
    for ring in sorted(rings(edges), key=sorted):
        names = [file.relative_to(root).as_posix() for file in sorted(ring)]
        seen.add(" ".join(names))
        if " ".join(names) not in ALLOWED:
            ways = [
                ", ".join(to.relative_to(root).name for to in sorted(edges[file] & ring))
                for file in sorted(ring)
            ]
            found.append(
                "a ring of files:"
                + "".join(f"\n    {name} needs {way}" for name, way in zip(names, ways))
            )
    return found + [
        f"no ring any more, take it out of ALLOWED in tests/structure/circles.py: {names}"
        for names in ALLOWED.keys() - seen
    ]


def try_out():
    sources = {
        "lib.rs": "mod a; mod b; mod c;\npub use a::A;\n"
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "a/mod.rs": "mod inner; pub use inner::I; pub struct A; // crate::c::C\n"
        "fn f() -> [u8; 2] { crate::b::f() }",
        "a/inner.rs": "use super::{super::c::{self as see}, A as _};\n"
        "pub struct I; const X: &str = \"crate::a\";\nfn f() { see::C }",
        "b.rs": "use crate::{A, c::*};\npub fn f() { C }",
        "c.rs": "pub struct C;\nfn f() { d() } mod in_line { pub fn g() { super::super::a::I } }",
    }
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, source in sources.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(source)
        edges = rust_edges([folder / "lib.rs"])
        got = {
            file.relative_to(folder).as_posix(): {to.relative_to(folder).as_posix() for to in tos}
            for file, tos in edges.items()
        }
        expected = {
            "lib.rs": set(),
            "a/mod.rs": {"b.rs"},
            "a/inner.rs": {"a/mod.rs", "c.rs"},
            "b.rs": {"a/mod.rs", "c.rs"},
            "c.rs": {"a/inner.rs"},
        }
        assert got == expected, got
        assert rings(edges) == {frozenset(folder / name for name in sources if name != "lib.rs")}
    assert rings({1: {2}, 2: {3}, 3: {2}, 4: {4, 1}}) == {frozenset({2, 3}), frozenset({4})}
