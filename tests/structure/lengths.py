"""No function over 75 lines, no file over 500 without its tests.

A function counts from the line of its `fn`, `def` or name in C to its closing line. Of a Rust file counts what stands before its
tests (`#[cfg(test)] mod …` with a body). Files in a folder `tests`, `benches` or `vectors` are tests, and may be longer; their
functions may not.
"""

import ast
import re

import circles

FUNCTION_LINES = 75
FILE_LINES = 500

C_LIKE = (".c", ".cu", ".cuh", ".h", ".mjs")
RUST_FUNCTION = re.compile(r"\bfn\s+(\w+)")
RUST_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{", re.M)
C_FUNCTION = re.compile(
    r"\b(?!(?:if|for|while|switch|catch)\b)(\w+)\s*\((?:[^(){};]|\([^()]*\))*\)\s*\{"
)
C_OPAQUE = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.S)
SHELL_FUNCTION = re.compile(r"^(\w+)\(\) \{.*?^\}", re.M | re.S)


def functions(name, source):
    """The functions of a file, each with its number of lines."""
    if name.endswith(".py"):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [
            (node.name, node.end_lineno - node.lineno + 1)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, kinds)
        ]
    if name.endswith(".rs"):
        text = circles.OPAQUE.sub(circles.blank, source)
        return [
            (at[1], lines(text, at.start(), circles.item_end(text, at.end())))
            for at in RUST_FUNCTION.finditer(text)
        ]
    if name.endswith(C_LIKE):
        text = C_OPAQUE.sub(circles.blank, source)
        return [
            (at[1], lines(text, at.start(), circles.item_end(text, at.end() - 1)))
            for at in C_FUNCTION.finditer(text)
        ]
    return [(at[1], lines(source, *at.span())) for at in SHELL_FUNCTION.finditer(source)]


def lines(text, start, end):
    return text.count("\n", start, end) + 1


def file_lines(name, source):
    tests = RUST_TESTS.search(source) if name.endswith(".rs") else None
    return source.count("\n", 0, tests.start() if tests else len(source))


def broken(sources):
    """Findings about files, by name and text."""
    found = []
    for name, source in sources.items():
        for function, count in functions(name, source):
            if count > FUNCTION_LINES:
                found.append(
                    f"{name}: {function} has {count} lines, expected at most {FUNCTION_LINES}"
                )
        is_test = any(part in ("tests", "benches", "vectors") for part in name.split("/")[1:-1])
        if not is_test and (count := file_lines(name, source)) > FILE_LINES:
            found.append(f"{name}: {count} lines without tests, expected at most {FILE_LINES}")
    return found


def try_out():
    rust = 'fn short() -> [u8; 2] {\n "}" // }\n}\nfn long() {\n let a = \'{\';\n\n}\n#[cfg(test)]\nmod tests {\n}\n'
    assert functions("a.rs", rust) == [("short", 3), ("long", 4)], functions("a.rs", rust)
    assert file_lines("a.rs", rust) == 7
    assert functions("a.py", "def one(\n):\n  pass\n\n") == [("one", 3)]
    assert functions("a.cu", "static int two(int a, int (*b)(int))\n{\n if (a) {\n }\n}\n") == [
        ("two", 5)
    ]
    assert functions("x", "three() { # WORDS\n  :\n}\n") == [("three", 3)]
