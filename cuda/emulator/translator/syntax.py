"""PTX as text: tokens, types, operands and single instructions."""

import re
from dataclasses import dataclass
from typing import Any

# Width in bits of every PTX type that may be named in a declaration.
WIDTH = {"pred": 1, "b128": 128}
for _bits in (8, 16, 32, 64):
    for _kind in "bus":
        WIDTH[f"{_kind}{_bits}"] = _bits
WIDTH.update(f16=16, f32=32, f64=64)

TOKEN = re.compile(
    r"""
      \s+ | //[^\n]* | /\*.*?\*/
    | (?P<str>"[^"]*")
    | (?P<num>0[xX][0-9a-fA-F]+U? | 0[fFdD][0-9a-fA-F]+ | \d+U?)
    | (?P<id>[%$_.A-Za-z][%$_.A-Za-z0-9]*(?:::[A-Za-z0-9_.]+)*)
    | (?P<punct>.)
    """,
    re.S | re.X,
)

SPECIAL_REGISTERS = {
    "%tid.x": "c->tid[0]",
    "%tid.y": "c->tid[1]",
    "%tid.z": "c->tid[2]",
    "%ntid.x": "c->ntid[0]",
    "%ntid.y": "c->ntid[1]",
    "%ntid.z": "c->ntid[2]",
    "%ctaid.x": "c->ctaid[0]",
    "%ctaid.y": "c->ctaid[1]",
    "%ctaid.z": "c->ctaid[2]",
    "%nctaid.x": "c->nctaid[0]",
    "%nctaid.y": "c->nctaid[1]",
    "%nctaid.z": "c->nctaid[2]",
    "%laneid": "c->lane",
    "%warpid": "c->warp",
    "%nwarpid": "((c->nthreads+31)/32)",
    "%lanemask_eq": "(1u<<c->lane)",
    "%lanemask_lt": "((1u<<c->lane)-1)",
    "%lanemask_le": "(((2u<<c->lane)-1))",
    "%lanemask_gt": "(~((2u<<c->lane)-1))",
    "%lanemask_ge": "(~((1u<<c->lane)-1))",
    "%smid": "0u",
    "%nsmid": "1u",
    "%clock": "cuemu_clock()",
    "%clock64": "cuemu_clock()",
    "%globaltimer": "cuemu_clock()",
    "%dynamic_smem_size": "c->dynsmem",
    "%total_smem_size": "c->smem_size",
    "WARP_SZ": "32u",
}

COMPARE = dict(eq="==", ne="!=", lt="<", le="<=", gt=">", ge=">=", lo="<", ls="<=", hi=">", hs=">=")
UNSIGNED_COMPARE = ("lo", "ls", "hi", "hs")

SPACES = ("global", "shared", "local", "param", "const")


class PtxError(Exception):
    """The PTX uses something that this translator does not know."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


# ---- operands ------------------------------------------------------------------


@dataclass(frozen=True)
class Imm:
    value: int


@dataclass(frozen=True)
class Name:  # a register, a special register, a variable or a label
    name: str


@dataclass(frozen=True)
class Offset:  # variable+number
    name: str
    offset: int


@dataclass(frozen=True)
class Not:  # !predicate
    operand: Any


@dataclass(frozen=True)
class Vec:  # {a, b, ...}
    items: tuple


@dataclass(frozen=True)
class Args:  # (a, b, ...)
    items: tuple


@dataclass(frozen=True)
class Mem:  # [base+offset]
    base: Any
    offset: int


@dataclass(frozen=True)
class Pair:  # a|b
    first: Any
    second: Any


SINK = Name("_")


@dataclass
class Variable:
    name: str
    type: str
    align: int
    size: int  # in bytes; 0 for an array of unknown size
    count: Any  # n of a register family %r<n>, or None
    init: Any  # list of ints, or None


@dataclass
class Function:
    c_name: str
    arity: int
    defined: bool


@dataclass
class Kernel:
    name: str
    c_name: str
    param_size: int
    params: list  # (offset, size) of each parameter
    smem: int  # bytes of shared memory declared inside the kernel
    max_threads: int  # .maxntid, or 0


class Instr:
    """One instruction: `name.mod1.mod2.type operands`."""

    def __init__(self, opcode, ops, line):
        self.opcode = opcode
        self.ops = ops
        self.line = line
        self.parts = opcode.split(".")
        self.name = self.parts[0]
        self.mods = self.parts[1:]
        self.type = self.parts[-1]
        spaces = [m.split("::")[0] for m in self.mods]
        self.space = next((s for s in spaces if s in SPACES), "")

    def has(self, modifier):
        return modifier in self.mods

    def pick(self, *choices):
        """The first modifier that is one of the choices, or None."""
        return next((m for m in self.mods if m in choices), None)

    @property
    def bits(self):
        return WIDTH[self.type]

    @property
    def bytes(self):
        return WIDTH[self.type] // 8

    @property
    def signed(self):
        return self.type[0] == "s"


def tokenize(text):
    tokens, line, pos = [], 1, 0
    while pos < len(text):
        match = TOKEN.match(text, pos)
        if match.lastgroup:
            tokens.append(Token(match.lastgroup, match.group(), line))
        line += match.group().count("\n")
        pos = match.end()
    return tokens


def c_type(ptx_type):
    """C type with the signedness of the PTX type."""
    if ptx_type == "pred":
        return "uint8_t"
    if ptx_type == "b128":
        return "unsigned __int128"
    return ("int" if ptx_type[0] == "s" else "uint") + f"{WIDTH[ptx_type]}_t"


def c_utype(ptx_type):
    """Unsigned C type of the same width."""
    if ptx_type == "pred":
        return "uint8_t"
    if ptx_type == "b128":
        return "unsigned __int128"
    return f"uint{WIDTH[ptx_type]}_t"


def c_name(name):
    special = {"%": "p_", "$": "d_", ".": "_"}
    return "v_" + re.sub(r"[^A-Za-z0-9_]", lambda m: special.get(m.group(), "_"), name)


def number(text):
    if text[:2].lower() in ("0f", "0d"):  # the bits of a float
        return int(text[2:], 16)
    return int(text.rstrip("U"), 0)


def align_up(value, align):
    return (value + align - 1) // align * align
