"""A PTX module to C: declarations, functions, operands. What single instructions do is in
instructions.py.

Each PTX function becomes one C function; each PTX register becomes an unsigned C variable of the
same width; the carry flag CC.CF becomes the local variable `cc`.
"""

import re

from syntax import (
    SINK,
    SPECIAL_REGISTERS,
    WIDTH,
    Args,
    Function,
    Imm,
    Instr,
    Kernel,
    Mem,
    Name,
    Not,
    Offset,
    Pair,
    PtxError,
    Variable,
    Vec,
    align_up,
    c_name,
    c_type,
    c_utype,
    number,
    tokenize,
)


class ModuleTranslator:
    def __init__(self, text):
        self.tokens = tokenize(text)
        self.pos = 0
        self.decls = []  # C text of the module's variables
        self.globals = {}  # .global and .const variables
        self.kernels = []
        self.funcs = {}  # .func name -> Function
        self.called = {}  # .func name -> line of its first call
        self.shared = {}  # name -> (section, offset); section: common, kernel or dyn
        self.smem_common = 0  # shared memory declared outside kernels
        self.smem_kernel = None  # shared memory declared in the current kernel

    # ---- token stream ----------------------------------------------------------

    def peek(self, ahead=0):
        i = self.pos + ahead
        return self.tokens[i].text if i < len(self.tokens) else None

    def next(self):
        if self.pos >= len(self.tokens):
            raise PtxError("unexpected end of file")
        self.pos += 1
        return self.tokens[self.pos - 1].text

    def accept(self, text):
        if self.peek() == text:
            self.pos += 1
            return True
        return False

    def expect(self, text):
        got = self.next()
        if got != text:
            line = self.tokens[self.pos - 1].line
            raise PtxError(f"line {line}: expected {text!r} got {got!r}")

    def line(self):
        return self.tokens[min(self.pos, len(self.tokens) - 1)].line

    def skip_line(self, line):
        while self.pos < len(self.tokens) and self.tokens[self.pos].line == line:
            self.pos += 1

    # ---- declarations ----------------------------------------------------------

    def variable(self):
        """What follows a state space: [.align n] [.vN] .type name [dims] [= init]."""
        align, ptx_type, vector = 1, None, 1
        while self.peek().startswith("."):
            directive = self.next()
            if directive == ".align":
                align = number(self.next())
            elif directive in (".v2", ".v4"):
                vector = int(directive[2])
            elif directive == ".ptr":  # only a hint about what a parameter points to
                while self.peek() in (".global", ".shared", ".const", ".local", ".align"):
                    if self.next() == ".align":
                        self.next()
            elif directive[1:] in WIDTH:
                ptx_type = directive[1:]
            else:
                raise PtxError(f"line {self.line()}: directive {directive} unsupported")
        if ptx_type is None:
            raise PtxError(f"line {self.line()}: variable without a known type")
        name, dims, count = self.next(), 1, None
        if self.accept("<"):
            count = number(self.next())
            self.expect(">")
        while self.accept("["):
            if self.peek() == "]":
                dims = 0
            else:
                dims *= number(self.next())
            self.expect("]")
        init = self.initialiser() if self.accept("=") else None
        element = max(WIDTH[ptx_type] // 8, 1)
        return Variable(name, ptx_type, max(align, element), element * vector * dims, count, init)

    def initialiser(self):
        values, depth = [], 0
        while True:
            text = self.peek()
            if text == ";" or text == "," and depth == 0:
                return values
            self.next()
            if text == "{":
                depth += 1
            elif text == "}":
                depth -= 1
            elif text == "-":
                values.append(-number(self.next()))
            elif re.match(r"\d", text):
                values.append(number(text))
            elif text != ",":
                raise PtxError(f"line {self.line()}: initialiser {text!r} unsupported")

    def add_shared(self, var):
        if var.size == 0:  # extern __shared__ x[]
            self.shared[var.name] = ("dyn", 0)
        elif self.smem_kernel is None:
            offset = align_up(self.smem_common, var.align)
            self.shared[var.name] = ("common", offset)
            self.smem_common = offset + var.size
        else:
            offset = align_up(self.smem_kernel, var.align)
            self.shared[var.name] = ("kernel", offset)
            self.smem_kernel = offset + var.size

    def add_global(self, var):
        width = max(WIDTH[var.type] // 8, 1)
        mask = (1 << (8 * width)) - 1
        data = b"".join((x & mask).to_bytes(width, "little") for x in var.init or [])
        init = " = {" + ",".join(map(str, data)) + "}" if data else ""
        self.globals[var.name] = var
        self.decls.append(
            f"static uint8_t {c_name(var.name)}[{max(var.size, 1)}]"
            f" __attribute__((aligned({max(var.align, 16)}))){init};"
        )

    # ---- top level -------------------------------------------------------------

    def translate(self):
        bodies = []
        while self.pos < len(self.tokens):
            line = self.line()
            word = self.next()
            if word in (".version", ".target", ".address_size", ".file"):
                self.skip_line(line)
            elif word in (".visible", ".extern", ".weak", ".common", ";"):
                continue
            elif word in (".global", ".const"):
                self.add_global(self.variable())
                self.expect(";")
            elif word == ".shared":
                self.add_shared(self.variable())
                self.expect(";")
            elif word in (".entry", ".func"):
                body = self.function(word == ".entry")
                if body:
                    bodies.append(body)
            elif word == ".section":  # debug information
                while self.next() != "}":
                    pass
            else:
                raise PtxError(f"line {line}: top-level {word!r}")
        for name, line in self.called.items():
            if not self.funcs[name].defined:
                raise PtxError(
                    f"PTX line {line}: call of {name}, which is not defined in this PTX"
                    " (printf, malloc and other device library calls are unsupported)"
                )
        return "\n".join(self.prologue() + bodies + self.tables()) + "\n"

    def prologue(self):
        lines = ['#include "runtime.h"']
        lines.append(f"#define SMEM_COMMON {align_up(self.smem_common, 128)}")
        lines += self.decls
        for func in self.funcs.values():
            if func.defined:
                lines.append(f"static void {func.c_name}({c_params(func.arity)});")
        return lines

    def tables(self):
        lines = ["const CuKernel cuemu_kernels[]={"]
        for k in self.kernels:
            params = ",".join("{%d,%d}" % p for p in k.params) or "{0,0}"
            lines.append(
                f'{{"{k.name}",{k.c_name},SMEM_COMMON+{k.smem},{k.param_size},'
                f"{k.max_threads},{len(k.params)},(const CuParam[]){{{params}}}}},"
            )
        lines += ["{0}};", "const CuGlobal cuemu_globals[]={"]
        for name, var in self.globals.items():
            lines.append(f'{{"{name}",{c_name(name)},{var.size}}},')
        lines.append("{0}};")
        return lines

    # ---- functions -------------------------------------------------------------

    def parameters(self):
        params = []
        self.expect("(")
        while not self.accept(")"):
            word = self.next()
            if word == ",":
                continue
            if word != ".param":
                raise PtxError(f"line {self.line()}: {word} parameters unsupported")
            params.append(self.variable())
        return params

    def performance_directives(self):
        """Skip to the body; return the product of .maxntid / .reqntid, or 0."""
        limit = 0
        while self.peek() not in ("{", ";", None):
            if self.next() in (".maxntid", ".reqntid"):
                limit = number(self.next())
                while self.accept(","):
                    limit *= number(self.next())
        return limit

    def function(self, is_entry):
        returns = [] if is_entry or self.peek() != "(" else self.parameters()
        name = self.next()
        params = returns + (self.parameters() if self.peek() == "(" else [])
        max_threads = self.performance_directives()
        c_function = ("k_" if is_entry else "f_") + c_name(name)
        defined = self.peek() != ";"
        if not is_entry:
            known = self.funcs.get(name)
            defined = defined or bool(known and known.defined)
            self.funcs[name] = Function(c_function, len(params), defined)
        if self.accept(";"):
            return None

        self.reg_types = [{}]  # one dictionary per open scope
        self.scope_vars = [{}]  # name -> C expression of its address
        self.jump_tables = {}
        self.smem_kernel = 0 if is_entry else None
        out, offsets, size = [], [], 0
        if is_entry:
            for p in params:
                size = align_up(size, p.align)
                self.scope_vars[0][p.name] = f"(P+{size})"
                offsets.append((size, p.size))
                size += p.size
            out.append(f"static void {c_function}(Ctx*c,uint8_t*P){{uint32_t cc=0;")
        else:
            for i, p in enumerate(params):
                self.scope_vars[0][p.name] = f"p{i}"
            out.append(f"static void {c_function}({c_params(len(params))}){{uint32_t cc=0;")
        self.body(out)
        text = re.sub(r"@JUMP:([^@]+)@", self.jump_cases, "\n".join(out))
        if is_entry:
            self.kernels.append(
                Kernel(name, c_function, size, offsets, self.smem_kernel, max_threads)
            )
        self.smem_kernel = None
        return text

    def jump_cases(self, match):
        targets = self.jump_tables[match.group(1)]
        return " ".join(f"case {i}: goto {c_name(t)};" for i, t in enumerate(targets))

    def body(self, out):
        """Translate `{ ... }`, appending lines of C to out."""
        self.expect("{")
        depth = 1
        while depth:
            word = self.peek()
            if word is None:
                raise PtxError("unexpected end of file")
            if word == "{":
                self.next()
                depth += 1
                out.append("{")
                self.reg_types.append({})
                self.scope_vars.append({})
            elif word == "}":
                self.next()
                depth -= 1
                out.append(";}")
                self.reg_types.pop()
                self.scope_vars.pop()
            elif word == ";":
                self.next()
            elif word == ".reg":
                self.next()
                out.append(self.registers())
            elif word in (".local", ".param"):
                self.next()
                var = self.variable()
                self.expect(";")
                self.scope_vars[-1][var.name] = c_name(var.name)
                out.append(
                    f"uint8_t {c_name(var.name)}[{max(var.size, 1)}]"
                    f" __attribute__((aligned({max(var.align, 16)})));"
                )
            elif word == ".shared":
                self.next()
                self.add_shared(self.variable())
                self.expect(";")
            elif word in (".loc", ".file"):
                self.skip_line(self.line())
            elif word == ".pragma":
                while self.next() != ";":
                    pass
            elif self.peek(1) == ":":
                label = self.next()
                self.next()
                if self.accept(".branchtargets"):
                    targets = []
                    while not self.accept(";"):
                        target = self.next()
                        if target != ",":
                            targets.append(target)
                    self.jump_tables[label] = targets
                else:
                    out.append(f"{c_name(label)}:;")
            else:
                out.append(self.instruction())

    def registers(self):
        """`.reg .b32 %r<10>;` or `.reg .b32 a, b;`"""
        var = self.variable()
        families = [(var.name, var.count)]
        while self.accept(","):
            name, count = self.next(), None
            if self.accept("<"):
                count = number(self.next())
                self.expect(">")
            families.append((name, count))
        self.expect(";")
        names = []
        for name, count in families:
            names += [name] if count is None else [f"{name}{i}" for i in range(count)]
        for name in names:
            self.reg_types[-1][name] = var.type
        return f"{c_utype(var.type)} {','.join(c_name(n) for n in names)};"

    # ---- operands --------------------------------------------------------------

    def reg_type(self, name):
        for scope in reversed(self.reg_types):
            if name in scope:
                return scope[name]
        return None

    def operand_list(self, close):
        items = []
        while not self.accept(close):
            if not self.accept(","):
                items.append(self.operand())
        return tuple(items)

    def operand(self):
        text = self.next()
        if text == "{":
            return Vec(self.operand_list("}"))
        if text == "(":
            return Args(self.operand_list(")"))
        if text == "[":
            base, offset = self.operand(), 0
            while self.peek() in ("+", "-"):
                sign = 1 if self.next() == "+" else -1
                if self.accept("-"):
                    sign = -sign
                offset += sign * number(self.next())
            self.expect("]")
            return Mem(base, offset)
        if text == "-":
            return Imm(-number(self.next()))
        if text == "~":
            return Imm(~number(self.next()))
        if text == "!":
            return Not(self.operand())
        if re.match(r"\d", text):
            return Imm(number(text))
        if self.accept("|"):
            return Pair(Name(text), self.operand())
        if self.peek() == "+" and not self.reg_type(text):
            self.next()
            return Offset(text, number(self.next()))
        return Name(text)

    def symbol_address(self, name, offset=0):
        for scope in reversed(self.scope_vars):
            if name in scope:
                return f"((uint64_t)(uintptr_t){scope[name]}+{offset})"
        if name in self.shared:
            section, start = self.shared[name]
            base = {"common": "", "kernel": "SMEM_COMMON+", "dyn": "c->dynoff+"}[section]
            return f"((uint64_t){base}{start}+{offset})"
        if name in self.globals:
            return f"((uint64_t)(uintptr_t){c_name(name)}+{offset})"
        raise PtxError(f"unknown symbol {name}")

    def read(self, op, ptx_type):
        """C expression for an operand, as the unsigned type of that width."""
        cast = c_utype(ptx_type)
        if isinstance(op, Imm):
            return f"(({cast})0x{op.value & (2**64 - 1):x}ULL)"
        if isinstance(op, Not):
            return f"(!{self.read(op.operand, 'pred')})"
        if isinstance(op, Offset):
            return f"(({cast}){self.symbol_address(op.name, op.offset)})"
        if isinstance(op, Name):
            if self.reg_type(op.name):
                return f"(({cast}){c_name(op.name)})"
            if op.name in SPECIAL_REGISTERS:
                return f"(({cast}){SPECIAL_REGISTERS[op.name]})"
            return f"(({cast}){self.symbol_address(op.name)})"
        raise PtxError(f"operand {op!r}")

    def read_signed(self, op, ptx_type):
        return f"(({c_type(ptx_type)}){self.read(op, ptx_type)})"

    def read_as(self, op, ptx_type):
        """C expression with the signedness of the type."""
        return self.read_signed(op, ptx_type) if ptx_type[0] == "s" else self.read(op, ptx_type)

    def write(self, op, expr):
        """Assign to a register. A signed expression is sign-extended to its width."""
        if op == SINK:
            return f"(void)({expr});"
        if not isinstance(op, Name) or not self.reg_type(op.name):
            raise PtxError(f"bad destination {op!r}")
        return f"{c_name(op.name)}=({c_utype(self.reg_type(op.name))})({expr});"

    def address(self, mem, space):
        base = mem.base
        is_reg = isinstance(base, Name) and self.reg_type(base.name)
        if isinstance(base, Imm):
            addr = f"(uint64_t){base.value}"
        elif is_reg:
            addr = f"(uint64_t){c_name(base.name)}"
        elif isinstance(base, Offset):
            addr = self.symbol_address(base.name, base.offset)
        else:
            addr = self.symbol_address(base.name)
        if mem.offset:
            addr = f"({addr}+(int64_t){mem.offset})"
            if space == "shared" and is_reg and self.reg_type(base.name) == "b32":
                addr = "(uint64_t)(uint32_t)" + addr  # 32-bit addresses wrap
        return addr

    def pointer(self, mem, space, size, access, line):
        """C expression: checked host pointer for a PTX memory operand."""
        check = {"shared": "SH", "global": "GL", "const": "GL", "": "GEN"}.get(space, "LOC")
        direct = isinstance(mem.base, (Name, Offset)) and mem.base.name in self.globals
        if direct and space in ("global", "const"):
            check = "LOC"  # a fixed address inside a module variable
        return f"{check}(c,{self.address(mem, space)},{size},{access},{line})"

    def instruction(self):
        line, guard = self.line(), None
        if self.accept("@"):
            negate = "!" if self.accept("!") else ""
            guard = negate + c_name(self.next())
        opcode = self.next()
        ins = Instr(opcode, self.operand_list(";"), line)
        try:
            code = self.dispatch(ins)
        except (PtxError, KeyError, IndexError, ValueError, AttributeError) as e:
            raise PtxError(f"PTX line {line}: {opcode} {ins.ops!r}: {type(e).__name__} {e}") from e
        if code is None:
            raise PtxError(f"PTX line {line}: unsupported instruction {opcode}")
        return f"if({guard}){{{code}}}" if guard else code

    def dispatch(self, ins):
        """C code of one instruction, or None if it is unknown."""
        raise NotImplementedError


def c_params(arity):
    """Parameter list of a device function: return slots first, then arguments."""
    return "Ctx*c," + ",".join(f"uint8_t*p{i}" for i in range(max(arity, 1)))
