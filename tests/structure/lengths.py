"""No function over 75 lines, no file over 500 without its tests, no line of code over 100 columns.

A function counts from the line of its `fn`, `def` or name in C to its closing line. Of a Rust file
counts what stands before its tests (`#[cfg(test)] mod …` with a body). Files in a folder `tests`,
`benches` or `vectors` are tests, and may be longer; their functions may not.

A column is a character. A line may be longer by one word that no line would hold (a hash, an
address), and by a string of a shell script, where a break would be part of the text.
"""

import ast
import re

import circles

FUNCTION_LINES = 75
FILE_LINES = 500
COLUMNS = 100

C_LIKE = (".c", ".cu", ".cuh", ".h", ".mjs")
RUST_FUNCTION = re.compile(r"\bfn\s+(\w+)")
RUST_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{", re.M)
C_FUNCTION = re.compile(
    r"\b(?!(?:if|for|while|switch|catch)\b)(\w+)\s*\((?:[^(){};]|\([^()]*\))*\)\s*\{"
)
SHELL_STRING = re.compile(r'"[^"]*"')
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


def wide_lines(name, source):
    """Numbers of the lines that are too long and can be broken."""
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        if len(line) <= COLUMNS:
            continue
        indent = len(line) - len(line.lstrip())
        word = max(map(len, line.split()))
        is_shell = not name.endswith((".rs", ".py", *C_LIKE))
        string = max(map(len, SHELL_STRING.findall(line)), default=0) if is_shell else 0
        if indent + word <= COLUMNS and string <= COLUMNS // 2:
            found.append(number)
    return found


def broken(sources):
    """Findings about files, by name and text."""
    found = []
    for name, source in sources.items():
        for function, count in functions(name, source):
            if count > FUNCTION_LINES:
                found.append(
                    f"{name}: {function} has {count} lines, expected at most {FUNCTION_LINES}"
                )
        for number in wide_lines(name, source):
            found.append(f"{name}:{number}: expected at most {COLUMNS} columns")
        is_test = any(part in ("tests", "benches", "vectors") for part in name.split("/")[1:-1])
        if not is_test and (count := file_lines(name, source)) > FILE_LINES:
            found.append(f"{name}: {count} lines without tests, expected at most {FILE_LINES}")
    return found


def try_out():
    rust = 'fn short() -> [u8; 2] {\n "}" // }\n}\n'
    rust += "fn long() {\n let a = '{';\n\n}\n#[cfg(test)]\nmod tests {\n}\n"
    assert functions("a.rs", rust) == [("short", 3), ("long", 4)], functions("a.rs", rust)
    assert file_lines("a.rs", rust) == 7
    assert functions("a.py", "def one(\n):\n  pass\n\n") == [("one", 3)]
    assert functions("a.cu", "static int two(int a, int (*b)(int))\n{\n if (a) {\n }\n}\n") == [
        ("two", 5)
    ]
    assert functions("x", "three() { # WORDS\n  :\n}\n") == [("three", 3)]
    wide = "x " * 50 + "y\n"
    assert wide_lines("a.rs", "é" * 100 + "\n" + wide + f"// {'0' * 101}\n") == [2]
    assert wide_lines("x", f'die "{wide.strip()}"\n{wide}') == [2]
    assert wide_lines("a.rs", f'die("{wide.strip()}");\n') == [1]
