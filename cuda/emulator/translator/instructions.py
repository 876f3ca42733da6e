"""What each PTX instruction does, as C. An instruction or modifier that is not in the table at the
end is an error.
"""

from module import ModuleTranslator
from syntax import (
    COMPARE,
    SINK,
    SPACES,
    UNSIGNED_COMPARE,
    WIDTH,
    Args,
    Name,
    Pair,
    PtxError,
    Vec,
    c_name,
    c_type,
    c_utype,
)

# Second argument of the runtime's memory check (see ACCESS_* in runtime.h).
READ, WRITE, ATOMIC = 0, 1, 2


class Translator(ModuleTranslator):
    """Translates a module with every instruction of the table below."""

    def dispatch(self, ins):
        handler, allowed = INSTRUCTIONS.get(ins.name, (None, ""))
        if handler is None:
            return None
        if ins.type in ("f16", "f32", "f64") and ins.name not in ("mov", "ld", "st"):
            return None
        if allowed != ANY:
            for mod in ins.mods:
                if mod not in WIDTH and mod.split("::")[0] not in allowed:
                    return None
        return handler(self, ins, *ins.ops)

    def carry_op(self, ins, function, dst, a, b, carry_in):
        """Add or subtract with CC.CF: function is x_add or x_sub."""
        return (
            f"{{{c_utype(ins.type)} _r; cc={function}{ins.bits}(&_r,{a},{b},"
            f"{'cc' if carry_in else '0'},cc,{int(ins.has('cc'))});{self.write(dst, '_r')}}}"
        )

    def op_mov(self, ins, dst, src):
        t = ins.type
        if isinstance(dst, Vec):
            width = ins.bits // len(dst.items)
            parts = [
                self.write(d, f"_t>>{width * i}") for i, d in enumerate(dst.items) if d != SINK
            ]
            return f"{{{c_utype(t)} _t={self.read(src, t)};{''.join(parts)}}}"
        if isinstance(src, Vec):
            width = ins.bits // len(src.items)
            parts = [
                f"(({c_utype(t)})(uint{width}_t){self.read(s, f'b{width}')}<<{width * i})"
                for i, s in enumerate(src.items)
            ]
            return self.write(dst, "|".join(parts))
        return self.write(dst, self.read(src, t))

    def op_ld(self, ins, value, mem, cache_policy=None):
        lanes = int((ins.pick("v2", "v4", "v8") or "v1")[1])
        items = value.items if isinstance(value, Vec) else (value,)
        size, ct = ins.bytes, c_type(ins.type)
        code = f"uint8_t*_p={self.pointer(mem, ins.space, size * lanes, READ, ins.line)};"
        for i in range(len(items)):
            code += f"{ct} _v{i}=*({ct}*)(_p+{size * i});"
        for i, item in enumerate(items):
            code += self.write(item, f"_v{i}")
        return f"{{{code}}}"

    def op_st(self, ins, mem, value, cache_policy=None):
        lanes = int((ins.pick("v2", "v4", "v8") or "v1")[1])
        items = value.items if isinstance(value, Vec) else (value,)
        size, ct = ins.bytes, c_utype(ins.type)
        code = f"uint8_t*_p={self.pointer(mem, ins.space, size * lanes, WRITE, ins.line)};"
        for i, item in enumerate(items):
            code += f"*({ct}*)(_p+{size * i})={self.read(item, ins.type)};"
        return f"{{{code}}}"

    def op_add_sub(self, ins, dst, a, b):
        t, kind = ins.type, ins.name[:3]
        carry_in = ins.name in ("addc", "subc")
        if carry_in or ins.has("cc"):
            x, y = self.read(a, t), self.read(b, t)
            return self.carry_op(ins, f"x_{kind}", dst, x, y, carry_in)
        if ins.has("sat"):
            if t != "s32":
                return None
            x, y = self.read_signed(a, t), self.read_signed(b, t)
            return self.write(dst, f"x_{kind}sat({x},{y})")
        sign = "+" if kind == "add" else "-"
        return self.write(dst, f"({c_utype(t)})({self.read(a, t)}{sign}{self.read(b, t)})")

    def op_mul(self, ins, dst, a, b, addend=None):
        """mul, mad and madc, each .lo, .hi or .wide."""
        t, width = ins.type, ins.bits
        double = {16: "32", 32: "64", 64: "128"}[width]
        if double == "128":
            big = "__int128" if ins.signed else "unsigned __int128"
        else:
            big = ("int" if ins.signed else "uint") + double + "_t"
        product = f"(({big}){self.read_as(a, t)}*({big}){self.read_as(b, t)})"
        if ins.has("wide"):
            wide = ("s" if ins.signed else "u") + double
            expr = f"({c_utype(wide)}){product}"
            if ins.name == "mad":
                expr = f"{expr}+{self.read(addend, wide)}"
            return self.write(dst, expr)
        shift = f">>{width}" if ins.has("hi") else ""
        expr = f"({c_utype(t)})({product}{shift})"
        if ins.name == "mul":
            return self.write(dst, expr)
        carry_in = ins.name == "madc"
        if carry_in or ins.has("cc"):
            return self.carry_op(ins, "x_add", dst, expr, self.read(addend, t), carry_in)
        return self.write(dst, f"({c_utype(t)})({expr}+{self.read(addend, t)})")

    def op_mul24(self, ins, dst, a, b, addend=None):
        def low24(op):
            value = self.read(op, "u32")
            return f"((int32_t)({value}<<8)>>8)" if ins.signed else f"({value}&0xffffffu)"

        expr = f"(uint32_t)({low24(a)}*{low24(b)})"
        if ins.name == "mad24":
            expr = f"{expr}+{self.read(addend, 'u32')}"
        return self.write(dst, expr)

    def op_div_rem(self, ins, dst, a, b):
        t, is_div = ins.type, ins.name == "div"
        expr = f"{self.read_as(a, t)}{'/' if is_div else '%'}_b"
        if ins.signed:  # the smallest integer divided by -1 would trap on the host
            minus = f"({c_type(t)})(0-{self.read(a, t)})" if is_div else "0"
            expr = f"_b==-1?{minus}:{expr}"
        return (
            f"{{{c_type(t)} _b={self.read_as(b, t)}; "
            f'if(!_b) cuemu_die(c,{ins.line},"division by zero"); {self.write(dst, expr)}}}'
        )

    def op_neg(self, ins, dst, a):
        return self.write(dst, f"({c_utype(ins.type)})(0-{self.read(a, ins.type)})")

    def op_abs(self, ins, dst, a):
        t = ins.type
        value = self.read(a, t)
        return self.write(dst, f"{self.read_signed(a, t)}<0?({c_utype(t)})(0-{value}):{value}")

    def op_min_max(self, ins, dst, a, b):
        x, y = self.read_as(a, ins.type), self.read_as(b, ins.type)
        return self.write(dst, f"{x}{'<' if ins.name == 'min' else '>'}{y}?{x}:{y}")

    def op_logic(self, ins, dst, a, b):
        sign = {"and": "&", "or": "|", "xor": "^"}[ins.name]
        return self.write(dst, f"{self.read(a, ins.type)}{sign}{self.read(b, ins.type)}")

    def op_not(self, ins, dst, a):
        value = self.read(a, ins.type)
        if ins.type == "pred":
            return self.write(dst, f"!{value}")
        return self.write(dst, f"({c_utype(ins.type)})~{value}")

    def op_cnot(self, ins, dst, a):
        return self.write(dst, f"{self.read(a, ins.type)}==0")

    def op_shift(self, ins, dst, a, amount):
        t, width, n = ins.type, ins.bits, self.read(amount, "u32")
        if ins.name == "shl":
            return self.write(dst, f"{n}>={width}?0:({c_utype(t)})({self.read(a, t)}<<{n})")
        if ins.signed:
            return self.write(dst, f"{self.read_signed(a, t)}>>({n}>={width}?{width - 1}:{n})")
        return self.write(dst, f"{n}>={width}?0:{self.read(a, t)}>>{n}")

    def op_shf(self, ins, dst, low, high, amount):
        n = self.read(amount, "u32")
        n = f"({n}&31)" if ins.has("wrap") else f"({n}>32?32:{n})"
        both = f"(((uint64_t){self.read(high, 'u32')}<<32)|{self.read(low, 'u32')})"
        if ins.has("l"):
            return self.write(dst, f"(uint32_t)(({both}<<{n})>>32)")
        return self.write(dst, f"(uint32_t)({both}>>{n})")

    def op_lop3(self, ins, dst, a, b, c, table):
        if ins.type != "b32":
            return None
        x, y, z = (self.read(op, "b32") for op in (a, b, c))
        return self.write(dst, f"x_lop3({x},{y},{z},{table.value})")

    def op_bfe(self, ins, dst, a, start, length):
        args = f"{self.read(a, ins.type)},{self.read(start, 'u32')},{self.read(length, 'u32')}"
        return self.write(dst, f"x_bfe_{ins.type}({args})")

    def op_bfi(self, ins, dst, a, b, start, length):
        t = ins.type
        return self.write(
            dst,
            f"x_bfi{ins.bits}({self.read(a, t)},{self.read(b, t)},"
            f"{self.read(start, 'u32')},{self.read(length, 'u32')})",
        )

    def op_bfind(self, ins, dst, a):
        if ins.signed:
            return None
        value, ll = self.read(a, ins.type), "ll" if ins.bits == 64 else ""
        clz = f"__builtin_clz{ll}({value})"
        bit = clz if ins.has("shiftamt") else f"{ins.bits - 1}-{clz}"
        return self.write(dst, f"(uint32_t)({value}?{bit}:-1)")

    def op_brev(self, ins, dst, a):
        return self.write(dst, f"x_brev{ins.bits}({self.read(a, ins.type)})")

    def op_clz(self, ins, dst, a):
        value, ll = self.read(a, ins.type), "ll" if ins.bits == 64 else ""
        return self.write(dst, f"{value}?__builtin_clz{ll}({value}):{ins.bits}")

    def op_popc(self, ins, dst, a):
        ll = "ll" if ins.bits == 64 else ""
        return self.write(dst, f"__builtin_popcount{ll}({self.read(a, ins.type)})")

    def op_prmt(self, ins, dst, a, b, selector):
        x, y, z = (self.read(op, "u32") for op in (a, b, selector))
        return self.write(dst, f"x_prmt({x},{y},{z})")

    def op_setp(self, ins, dst, a, b, pred=None):
        """setp.cmp[.boolop].type p[|q], a, b[, c] and set.cmp.u32.type d, a, b."""
        t, cmp = ins.type, ins.mods[0]
        signed = ins.signed and cmp not in UNSIGNED_COMPARE
        read = self.read_signed if signed else self.read
        test = f"({read(a, t)}{COMPARE[cmp]}{read(b, t)})"
        combine = ins.pick("and", "or", "xor")
        if (combine is None) != (pred is None):
            return None

        def combined(value):
            if not combine:
                return value
            sign = {"and": "&&", "or": "||", "xor": "^"}[combine]
            return f"({value}{sign}{self.read(pred, 'pred')})"

        if ins.name == "set":
            if ins.mods[-2] not in ("u32", "s32"):
                return None
            return self.write(dst, f"{combined(test)}?0xffffffffu:0")
        if isinstance(dst, Pair):
            return (
                f"{{uint8_t _e={test},_p={combined('_e')},_q={combined('(!_e)')};"
                f"{self.write(dst.first, '_p')}{self.write(dst.second, '_q')}}}"
            )
        return self.write(dst, combined(test))

    def op_selp(self, ins, dst, a, b, pred):
        x, y = self.read(a, ins.type), self.read(b, ins.type)
        return self.write(dst, f"{self.read(pred, 'pred')}?{x}:{y}")

    def op_slct(self, ins, dst, a, b, c):
        if ins.type != "s32":
            return None
        x, y = self.read(a, ins.mods[-2]), self.read(b, ins.mods[-2])
        return self.write(dst, f"{self.read_signed(c, 's32')}>=0?{x}:{y}")

    def op_cvt(self, ins, dst, a):
        to, source = ins.mods[-2], ins.mods[-1]
        if to[0] == "f":
            return None
        return self.write(dst, f"({c_type(to)}){self.read_as(a, source)}")

    def op_cvta(self, ins, dst, a):
        if ins.space == "shared":
            value = self.read(a, "u64")
            if ins.has("to"):
                return self.write(dst, f"{value}-(uint64_t)(uintptr_t)c->smem")
            return self.write(dst, f"(uint64_t)(uintptr_t)c->smem+{value}")
        return self.write(dst, self.read(a, ins.type))  # other spaces are flat

    def op_isspacep(self, ins, dst, a):
        value = self.read(a, "u64")
        shared, glob = f"cuemu_isshared(c,{value})", f"cuemu_isglobal(c,{value})"
        tests = {"shared": shared, "global": glob, "local": f"(!{shared}&&!{glob})"}
        return self.write(dst, tests[ins.space])

    # ---- control flow ----

    def op_bra(self, ins, label):
        return f"cuemu_tick(c);goto {c_name(label.name)};"

    def op_brx(self, ins, index, table):
        return (
            f"switch({self.read(index, 'u32')}){{@JUMP:{table.name}@ default: "
            f'cuemu_die(c,{ins.line},"brx.idx out of range");}}'
        )

    def op_ret(self, ins):
        return "return;"

    def op_exit(self, ins):
        return "cuemu_exit(c);"

    def op_trap(self, ins):
        return f'cuemu_die(c,{ins.line},"trap");'

    def op_fence(self, ins, *_):
        return "__sync_synchronize();"

    def op_nothing(self, ins, *_):
        return ";"

    def op_call(self, ins, *ops):
        name = next(op.name for op in ops if isinstance(op, Name))
        if name == "__assertfail":
            return f'cuemu_die(c,{ins.line},"device assert failed");'
        if name not in self.funcs:
            raise PtxError("indirect or unknown call of " + name)
        self.called.setdefault(name, ins.line)
        args = []
        for op in ops:
            for arg in op.items if isinstance(op, Args) else ():
                scope = next((s for s in reversed(self.scope_vars) if arg.name in s), None)
                if scope is None:
                    raise PtxError("call argument " + arg.name)
                args.append(scope[arg.name])
        return f"{self.funcs[name].c_name}(c,{','.join(args) or '0'});"

    # ---- barriers and warp operations ----

    def op_bar(self, ins, *ops):
        line = ins.line
        if ins.has("warp"):
            return f"cuemu_warp(c,WOP_SYNC,{self.read(ops[0], 'u32')},0,0,0,{line});"
        # bar.* and barrier.*.aligned: a warp must arrive at one and the same instruction.
        unaligned = "|BAR_UNALIGNED" if ins.name == "barrier" and not ins.has("aligned") else ""
        if ins.has("sync"):
            count = self.read(ops[1], "u32") if len(ops) > 1 else "0"
            return f"cuemu_bar(c,{self.read(ops[0], 'u32')},{count},BAR_SYNC{unaligned},0,{line});"
        if ins.has("red"):
            kind = {"popc": "BAR_POPC", "and": "BAR_AND", "or": "BAR_OR"}[
                ins.pick("popc", "and", "or")
            ]
            count = self.read(ops[2], "u32") if len(ops) > 3 else "0"
            return self.write(
                ops[0],
                f"cuemu_bar(c,{self.read(ops[1], 'u32')},{count},{kind}{unaligned},"
                f"{self.read(ops[-1], 'pred')},{line})",
            )
        return None

    def warp(self, ins, op, mask, value="0", b="0", c="0"):
        return f"cuemu_warp(c,{op},{mask},{value},{b},{c},{ins.line})"

    def op_shfl(self, ins, dst, a, b, clamp, mask):
        if not ins.has("sync"):
            return None
        mode = {"up": 0, "down": 1, "bfly": 2, "idx": 3}[ins.mods[1]]
        pred = dst.second if isinstance(dst, Pair) else None
        target = dst.first if isinstance(dst, Pair) else dst
        m, v, x, y = (self.read(op, "u32") for op in (mask, a, b, clamp))
        call = self.warp(ins, f"WOP_SHFL+{mode}", m, v, x, y)
        code = f"uint64_t _r={call};{self.write(target, '(uint32_t)_r')}"
        if pred:
            code += self.write(pred, "_r>>32")
        return f"{{{code}}}"

    def op_vote(self, ins, dst, pred, mask):
        if not ins.has("sync"):
            return None
        mode = {"all": 0, "any": 1, "uni": 2, "ballot": 3}[ins.mods[1]]
        m, p = self.read(mask, "u32"), self.read(pred, "pred")
        return self.write(dst, self.warp(ins, f"WOP_VOTE+{mode}", m, p))

    def op_match(self, ins, dst, a, mask):
        if not ins.has("any"):
            return None
        m, v = self.read(mask, "u32"), self.read(a, ins.type)
        return self.write(dst, self.warp(ins, "WOP_MATCH", m, v))

    def op_redux(self, ins, dst, a, mask):
        mode = ["add", "min", "max", "and", "or", "xor"].index(ins.mods[1])
        if ins.signed and ins.mods[1] in ("min", "max"):
            mode += 8
        m, v = self.read(mask, "u32"), self.read(a, ins.type)
        return self.write(dst, self.warp(ins, f"WOP_REDUX+{mode}", m, v))

    def op_elect(self, ins, dst, mask):
        pred = dst.second if isinstance(dst, Pair) else None
        target = dst.first if isinstance(dst, Pair) else dst
        code = f"uint64_t _r={self.warp(ins, 'WOP_ELECT', self.read(mask, 'u32'))};"
        code += self.write(target, "(uint32_t)_r")
        if pred:
            code += self.write(pred, "_r>>32")
        return f"{{{code}}}"

    def op_activemask(self, ins, dst):
        return self.write(dst, "cuemu_activemask(c)")

    # ---- atomics and asynchronous copies ----

    def op_atom(self, ins, *ops):
        """atom dst, [mem], value[, value2] and red [mem], value."""
        if ins.bits not in (16, 32, 64):
            return None
        dst, mem, values = (None, ops[0], ops[1:])
        if ins.name == "atom":
            dst, mem, values = (ops[0], ops[1], ops[2:])
        kind = ins.pick(*ATOMIC_OPS)
        ptr = self.pointer(mem, ins.space, ins.bytes, ATOMIC, ins.line)
        suffix = ("s" if ins.signed else "u") + str(ins.bits)
        args = [ptr, self.read(values[0], ins.type)]
        if kind == "cas":
            args.append(self.read(values[1], ins.type))
        expr = f"x_atom_{kind}_{suffix}({','.join(args)})"
        return f"{expr};" if dst is None else self.write(dst, expr)

    def op_cp(self, ins, *ops):
        """cp.async: done at once, so a missing wait is not noticed."""
        if ins.mods[0] != "async":
            return None
        if ins.mods[1] in ("commit_group", "wait_group", "wait_all"):
            return ";"
        dst, src, size = ops  # the form with a source size is unsupported
        to = self.pointer(dst, "shared", size.value, WRITE, ins.line)
        source = self.pointer(src, "global", size.value, READ, ins.line)
        return f"memcpy({to},{source},{size.value});"


# Instruction table: name -> (handler, modifiers that are understood)

ANY = {"*"}
ATOMIC_OPS = ("add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec")
SCOPES = "cta cluster gpu sys volatile relaxed acquire release acq_rel weak sc"
MEMORY = f"{' '.join(SPACES)} v2 v4 v8 nc ca cg cs lu cv wb wt unified L1 L2 {SCOPES}"
COMPARISONS = " ".join(COMPARE)
T = Translator


def _table(*rows):
    table = {}
    for names, handler, mods in rows:
        for name in names.split():
            table[name] = (handler, ANY if mods == "*" else set(mods.split()))
    return table


INSTRUCTIONS = _table(
    ("mov", T.op_mov, ""),
    ("ld ldu", T.op_ld, MEMORY),
    ("st", T.op_st, MEMORY),
    ("add sub", T.op_add_sub, "cc sat"),
    ("addc subc", T.op_add_sub, "cc"),
    ("mul", T.op_mul, "lo hi wide"),
    ("mad", T.op_mul, "lo hi wide cc"),
    ("madc", T.op_mul, "lo hi cc"),
    ("mul24 mad24", T.op_mul24, "lo"),
    ("div rem", T.op_div_rem, ""),
    ("neg", T.op_neg, ""),
    ("abs", T.op_abs, ""),
    ("min max", T.op_min_max, ""),
    ("and or xor", T.op_logic, ""),
    ("not", T.op_not, ""),
    ("cnot", T.op_cnot, ""),
    ("shl shr", T.op_shift, ""),
    ("shf", T.op_shf, "l r wrap clamp"),
    ("lop3", T.op_lop3, ""),
    ("bfe", T.op_bfe, ""),
    ("bfi", T.op_bfi, ""),
    ("bfind", T.op_bfind, "shiftamt"),
    ("brev", T.op_brev, ""),
    ("clz", T.op_clz, ""),
    ("popc", T.op_popc, ""),
    ("prmt", T.op_prmt, ""),
    ("setp set", T.op_setp, f"{COMPARISONS} and or xor"),
    ("selp", T.op_selp, ""),
    ("slct", T.op_slct, ""),
    ("cvt", T.op_cvt, ""),
    ("cvta", T.op_cvta, "to global shared local const param"),
    ("isspacep", T.op_isspacep, "global shared local"),
    ("bra", T.op_bra, "uni"),
    ("brx", T.op_brx, "idx uni"),
    ("ret", T.op_ret, "uni"),
    ("exit", T.op_exit, ""),
    ("trap", T.op_trap, ""),
    ("membar fence", T.op_fence, f"gl {SCOPES}"),
    ("prefetch prefetchu nanosleep", T.op_nothing, "*"),
    ("discard griddepcontrol applypriority", T.op_nothing, "*"),
    ("call", T.op_call, "uni"),
    ("bar barrier", T.op_bar, "cta sync warp red popc and or aligned"),
    ("shfl", T.op_shfl, "sync up down bfly idx"),
    ("vote", T.op_vote, "sync all any uni ballot"),
    ("match", T.op_match, "sync any"),
    ("redux", T.op_redux, "sync add min max and or xor"),
    ("elect", T.op_elect, "sync"),
    ("activemask", T.op_activemask, ""),
    ("atom red", T.op_atom, f"global shared {' '.join(ATOMIC_OPS)} {SCOPES}"),
    ("cp", T.op_cp, "async commit_group wait_group wait_all ca cg shared global L2"),
)
