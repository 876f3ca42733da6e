//! Montgomery multiplication with mulx, adcx and adox: two carry chains run side by side, which
//! compilers do not emit (Ozturk et al., New instructions supporting large integer arithmetic on
//! Intel architecture processors, 2012).
//!
//! What must not be broken: these functions run only where the processor has BMI2 and ADX.

use super::{FqParams, FrParams, Params};
use core::arch::asm;

/// The modulus and `−MODULUS^(−1) mod 2^64`, where the assembly reads them.
static FQ: [u64; 7] = {
    let p = FqParams::MODULUS;
    [p[0], p[1], p[2], p[3], p[4], p[5], FqParams::NEG_INV]
};
static FR: [u64; 5] = {
    let p = FrParams::MODULUS;
    [p[0], p[1], p[2], p[3], FrParams::NEG_INV]
};

/// `t = a·b[0]`, the carry out of the top in `high`.
macro_rules! first_row {
    ($($limb:literal: $t:literal -> $next:literal),+) => {
        concat!(
            "mov rdx, [{b}]\n",
            "xor {low:e}, {low:e}\n",
            "mulx {t1}, {t0}, [{a}]\n",
            $("mulx {", $next, "}, {low}, [{a} + 8*", $limb, "]\n", "adox {", $t, "}, {low}\n",)+
            "mov {low:e}, 0\n",
            "adox {high}, {low}\n",
        )
    };
}

/// `t += a·b[i]`, the carry out of the top in `high`: low halves on the overflow chain, high halves
/// on the carry chain.
macro_rules! next_row {
    ($i:literal; $($limb:literal: $t:literal),+) => {
        concat!(
            "mov rdx, [{b} + 8*", $i, "]\n",
            "xor {low:e}, {low:e}\n",
            "mulx {high}, {low}, [{a}]\n",
            "adox {t0}, {low}\n",
            $(
                "adcx {", $t, "}, {high}\n",
                "mulx {high}, {low}, [{a} + 8*", $limb, "]\n",
                "adox {", $t, "}, {low}\n",
            )+
            "mov {low:e}, 0\n",
            "adcx {high}, {low}\n",
            "adox {high}, {low}\n",
        )
    };
}

/// `t = (t + high·2^(64·N) + m·p) / 2^64` with the m that makes it exact. The result fits N limbs,
/// since p leaves a bit free.
macro_rules! reduce_row {
    ($inverse:literal, $top:literal; $($limb:literal: $t:literal -> $below:literal),+) => {
        concat!(
            "mov rdx, {t0}\n",
            "imul rdx, [rip + {p} + 8*", $inverse, "]\n",
            "xor {low:e}, {low:e}\n",
            "mulx {spare}, {low}, [rip + {p}]\n",
            "adcx {low}, {t0}\n",
            "mov {t0}, {spare}\n",
            $(
                "adcx {", $below, "}, {", $t, "}\n",
                "mulx {", $t, "}, {low}, [rip + {p} + 8*", $limb, "]\n",
                "adox {", $below, "}, {low}\n",
            )+
            "mov {low:e}, 0\n",
            "adcx {", $top, "}, {low}\n",
            "adox {", $top, "}, {high}\n",
        )
    };
}

macro_rules! reduce_fq {
    () => {
        reduce_row!(
            "6", "t5";
            "1": "t1" -> "t0", "2": "t2" -> "t1", "3": "t3" -> "t2", "4": "t4" -> "t3",
            "5": "t5" -> "t4"
        )
    };
}

macro_rules! reduce_fr {
    () => {
        reduce_row!("4", "t3"; "1": "t1" -> "t0", "2": "t2" -> "t1", "3": "t3" -> "t2")
    };
}

macro_rules! row_fq {
    ($i:literal) => {
        next_row!($i; "1": "t1", "2": "t2", "3": "t3", "4": "t4", "5": "t5")
    };
}

macro_rules! row_fr {
    ($i:literal) => {
        next_row!($i; "1": "t1", "2": "t2", "3": "t3")
    };
}

/// `a·b/2^384` modulo q, below `q + a·b/2^384`, for a and b whose top bits are clear.
///
/// # Safety
/// The processor has BMI2 and ADX.
#[inline]
pub(crate) unsafe fn mul_fq(a: &[u64; 6], b: &[u64; 6]) -> [u64; 6] {
    let mut t = [0u64; 6];
    // SAFETY: BMI2 and ADX are the caller's promise. The block reads the six words behind `a` and
    // behind `b` and the seven of FQ, writes registers only, and leaves stack and direction flag
    // alone.
    unsafe {
        asm!(
            first_row!(
                "1": "t1" -> "t2", "2": "t2" -> "t3", "3": "t3" -> "t4", "4": "t4" -> "t5",
                "5": "t5" -> "high"
            ),
            reduce_fq!(),
            row_fq!("1"),
            reduce_fq!(),
            row_fq!("2"),
            reduce_fq!(),
            row_fq!("3"),
            reduce_fq!(),
            row_fq!("4"),
            reduce_fq!(),
            row_fq!("5"),
            reduce_fq!(),
            a = in(reg) a,
            b = in(reg) b,
            p = sym FQ,
            t0 = out(reg) t[0], t1 = out(reg) t[1], t2 = out(reg) t[2],
            t3 = out(reg) t[3], t4 = out(reg) t[4], t5 = out(reg) t[5],
            low = out(reg) _, high = out(reg) _, spare = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    t
}

/// `a·b/2^256` modulo r, below `r + a·b/2^256`, for a and b whose top bits are clear.
///
/// # Safety
/// The processor has BMI2 and ADX.
#[inline]
pub(crate) unsafe fn mul_fr(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut t = [0u64; 4];
    // SAFETY: as in `mul_fq`, with four words behind `a` and `b` and the five of FR.
    unsafe {
        asm!(
            first_row!("1": "t1" -> "t2", "2": "t2" -> "t3", "3": "t3" -> "high"),
            reduce_fr!(),
            row_fr!("1"),
            reduce_fr!(),
            row_fr!("2"),
            reduce_fr!(),
            row_fr!("3"),
            reduce_fr!(),
            a = in(reg) a,
            b = in(reg) b,
            p = sym FR,
            t0 = out(reg) t[0], t1 = out(reg) t[1], t2 = out(reg) t[2], t3 = out(reg) t[3],
            low = out(reg) _, high = out(reg) _, spare = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    t
}
