"""The constants of cuda/src/constants.rs are the kernels', are typed nowhere else, and what follows
from them does follow.
"""

import pathlib
import re
import tempfile

import constants
import toolchain
from bls12_377 import FQ, FR, C, D, S
from constants import TABLE, Q, R
from harness import Cuda, case, check, check_equal

# Everything but the strings, each as words of 32 bits.
PROGRAM = """#include "word.cuh"
extern "C" __global__ void constants_of_c(u32 *out) {{
    const u32 values[] = {{{}}};
    for (u32 k = 0; k < sizeof values / 4; k++) out[k] = values[k];
}}
"""


def values_in_c(names):
    """What the kernels' compiler takes these macros for."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "constants_of_c.cu"
        source.write_text(PROGRAM.format(", ".join(names)), encoding="utf-8")
        ptx = toolchain.Nvrtc().ptx(source)
    cuda, count = Cuda(), sum(len(words_of(name)) for name in names)
    out = cuda.alloc(4 * count)
    cuda.launch(cuda.function(cuda.load_text(ptx), "constants_of_c"), [1], [1], out)
    return cuda.download_words(out, count)


def words_of(name):
    """What the table has, in the same words."""
    value = getattr(TABLE, name)
    if not name.endswith("_MODULUS"):
        return [value]
    return [
        value >> 32 * k & 0xFFFFFFFF
        for k in range(getattr(TABLE, name.replace("_MODULUS", "_LIMBS")))
    ]


@case()
def the_compiler_sees_the_table():
    names = [name for name, value in vars(TABLE).items() if isinstance(value, int)]
    check("there are constants", len(names) > 30)
    check_equal(
        "values in C", values_in_c(names), [word for name in names for word in words_of(name)]
    )
    for name, value in vars(TABLE).items():
        if isinstance(value, bytes):
            check(f"{name} in C", f'#define {name} "{value.decode()}"\n' in constants.header())


@case()
def what_is_derived_follows():
    def number(name):
        text = dict(constants.derived())[name]
        return sum(int(word, 16) << 32 * k for k, word in enumerate(text.split(", ")))

    for name, field in (("FR", FR), ("FQ", FQ)):
        p, radix = field.modulus, 1 << 8 * field.size
        check_equal(f"{name}: 1", number(f"{name}_ONE"), field.to_montgomery(1))
        check_equal(f"{name}: R²", number(f"{name}_R_SQUARED"), radix * radix % p)
        slack = int(dict(constants.derived())[f"{name}_SLACK"])
        check(f"{name}: slack", slack * p <= radix < (slack + 1) * p)
        # The reduction of a row needs -1/p = -1 mod 2^32.
        check(f"{name}: the low limb of p is 1", p & 0xFFFFFFFF == 1)
    check("half of r", 2 * number("FR_HALF") + 1 == R)
    check("exponent of the inversion", number("FQ_INVERSION_EXPONENT") + 2 == Q)
    check("the Montgomery form has B = s and A = -3s", 3 * S * S % Q == 1)
    check("c² = -a", C * C * S % Q == (3 * S - 2) % Q)
    for name, value in {"EDWARDS_2D": 2 * D, "MAP_S": S, "MAP_C": C}.items():
        check_equal(name, number(name), FQ.to_montgomery(value % Q))
    for name, factor, product in (
        ("EDWARDS_INVERSE_D", D, 1),
        ("MAP_INVERSE_S", S, 1),
        ("MAP_C_OVER_S", S, C),
    ):
        check_equal(name, FQ.from_montgomery(number(name)) * factor % Q, product)


@case()
def no_constant_is_typed_again():
    """Neither as a macro in a kernel, nor as a constant of the same name, nor a modulus or a domain
    anywhere.
    """
    cuda = toolchain.CUDA
    for path in sorted((cuda / "kernels").glob("*.cu*")):
        macros = re.findall(r"^#define \w+ +\(?[\d\"].*", path.read_text(encoding="utf-8"), re.M)
        check(path.name, all("NTT_TILE_LOG" in macro for macro in macros), str(macros))
    typed = re.compile(
        "lode/puzzle/|0x0*(?:"
        + "|".join(f"{p & (1 << 64) - 1:x}" for p in (R, Q))
        + ")|"
        + "|".join(rf"\b{name}: (?:u32|usize) =|^{name} = " for name in vars(TABLE)),
        re.M | re.I,
    )
    files = [
        p for folder in ("kernels", "src", "tests", "tools") for p in (cuda / folder).glob("*.*")
    ]
    for path in sorted(files):
        if (
            path != constants.SOURCE
            and path.suffix in (".rs", ".py", ".cu", ".cuh")
            and path.name != "test_constants.py"
        ):
            code = "\n".join(
                re.sub(r"(//|#(?!define|include)).*", "", line)
                for line in path.read_text("utf-8").splitlines()
            )
            found = typed.findall(code)
            check(path.name, not found, str(found))


@case()
def a_table_of_another_form_is_refused():
    for text in (
        "\npub(crate) const A: u32 = B;",
        "\npub(crate) const A: u32 = f(1);",
        "\npub(crate) static A: u32 = 1;",
        "\npub const A: u32 = 1;",
    ):
        try:
            constants.read(text)
            check(text, False, "it was read")
        except constants.ConstantsError:
            check(text, True)
    check_equal(
        "expressions",
        constants.read(
            "\npub(crate) const A: u32 = 7;\npub(crate) const B: u32 = (A - 1) / 4 << 3;"
        ),
        {"A": 7, "B": 8},
    )
