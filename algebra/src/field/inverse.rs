//! Inversion modulo a prime by divsteps (Bernstein and Yang, Fast constant-time gcd computation and
//! modular inversion, 2019), 62 at a time on signed 62-bit limbs, as libsecp256k1's `modinv64_var`
//! does it. Variable time: nothing here is secret.

use super::prime::Params;

/// Signed limbs of 62 bits, least significant first, the last one holding the sign. Seven for Fq,
/// five used for Fr.
type Signed62 = [i64; 7];

const MASK: u64 = u64::MAX >> 2;

/// The 2×2 matrix of 62 divsteps, times 2^62: `[f, g] ← [u·f + v·g, q·f + r·g] / 2^62`.
struct Transition {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// How many signed limbs hold the numbers modulo a prime of `n` words.
const fn signed_limbs(n: usize) -> usize {
    64 * n / 62 + 1
}

/// `value^(−1) mod p` as plain integers, or `None` for zero. `value` must be below p.
pub(crate) fn inverse<P: Params<N>, const N: usize>(value: &[u64; N]) -> Option<[u64; N]> {
    if *value == [0; N] {
        return None;
    }
    let limbs = signed_limbs(N);
    let modulus = to_signed(&P::MODULUS);
    // −NEG_INV is p^(−1) mod 2^64, and so mod 2^62.
    let modulus_inv = P::NEG_INV.wrapping_neg() & MASK;
    let (mut f, mut g) = (modulus, to_signed(value));
    let (mut d, mut e) = ([0; 7], [0; 7]);
    e[0] = 1;
    let mut eta = -1;
    // The invariant: f ≡ d·value and g ≡ e·value mod p. At g = 0, f is ±gcd(value, p) = ±1.
    let mut used = limbs;
    while g[..used].iter().any(|limb| *limb != 0) {
        let t = divsteps(&mut eta, f[0] as u64, g[0] as u64);
        update_de(&mut d, &mut e, &t, &modulus, modulus_inv, limbs);
        update_fg(&mut f, &mut g, &t, used);
        used = shrink(&mut f, &mut g, used);
    }
    Some(from_signed(&d, f[used - 1] < 0, &modulus, limbs))
}

/// 62 divsteps on the low words of f (odd) and g; `eta` is −δ of the paper.
fn divsteps(eta: &mut i64, mut f: u64, mut g: u64) -> Transition {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let mut left = 62u32;
    loop {
        // A run of even g: each such step halves g, and doubles the row of f relative to it.
        let zeros = (g | (u64::MAX << left)).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        *eta -= i64::from(zeros);
        left -= zeros;
        if left == 0 {
            break;
        }
        // Cancel as many low bits of g as the steps until the next swap allow: w = −g/f mod 2^k, k
        // ≤ 6 or 4.
        let w = if *eta < 0 {
            *eta = -*eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
            let limit = (*eta + 1).min(i64::from(left)) as u32;
            let mask = (u64::MAX >> (64 - limit)) & 63;
            f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask
        } else {
            let limit = (*eta + 1).min(i64::from(left)) as u32;
            let mask = (u64::MAX >> (64 - limit)) & 15;
            let inverse = f.wrapping_add((f.wrapping_add(1) & 4) << 1);
            inverse.wrapping_neg().wrapping_mul(g) & mask
        };
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    Transition { u: u as i64, v: v as i64, q: q as i64, r: r as i64 }
}

/// `[d, e] ← t·[d, e] / 2^62 mod p`, both kept in (−2p, p).
#[inline(always)]
fn update_de(
    d: &mut Signed62,
    e: &mut Signed62,
    t: &Transition,
    modulus: &Signed62,
    modulus_inv: u64,
    limbs: usize,
) {
    let (d_sign, e_sign) = (d[limbs - 1] >> 63, e[limbs - 1] >> 63);
    // Multiples of p that make up for negative d and e, and then clear the low 62 bits.
    let mut p_d = (t.u & d_sign) + (t.v & e_sign);
    let mut p_e = (t.q & d_sign) + (t.r & e_sign);
    let mut carry_d = wide(t.u, d[0]) + wide(t.v, e[0]);
    let mut carry_e = wide(t.q, d[0]) + wide(t.r, e[0]);
    p_d -= (modulus_inv.wrapping_mul(carry_d as u64).wrapping_add(p_d as u64) & MASK) as i64;
    p_e -= (modulus_inv.wrapping_mul(carry_e as u64).wrapping_add(p_e as u64) & MASK) as i64;
    carry_d = (carry_d + wide(modulus[0], p_d)) >> 62;
    carry_e = (carry_e + wide(modulus[0], p_e)) >> 62;
    for i in 1..limbs {
        carry_d += wide(t.u, d[i]) + wide(t.v, e[i]) + wide(modulus[i], p_d);
        carry_e += wide(t.q, d[i]) + wide(t.r, e[i]) + wide(modulus[i], p_e);
        d[i - 1] = (carry_d as u64 & MASK) as i64;
        e[i - 1] = (carry_e as u64 & MASK) as i64;
        carry_d >>= 62;
        carry_e >>= 62;
    }
    d[limbs - 1] = carry_d as i64;
    e[limbs - 1] = carry_e as i64;
}

/// `[f, g] ← t·[f, g] / 2^62`, exact, on the lowest `used` limbs.
#[inline(always)]
fn update_fg(f: &mut Signed62, g: &mut Signed62, t: &Transition, used: usize) {
    let mut carry_f = (wide(t.u, f[0]) + wide(t.v, g[0])) >> 62;
    let mut carry_g = (wide(t.q, f[0]) + wide(t.r, g[0])) >> 62;
    for i in 1..used {
        carry_f += wide(t.u, f[i]) + wide(t.v, g[i]);
        carry_g += wide(t.q, f[i]) + wide(t.r, g[i]);
        f[i - 1] = (carry_f as u64 & MASK) as i64;
        g[i - 1] = (carry_g as u64 & MASK) as i64;
        carry_f >>= 62;
        carry_g >>= 62;
    }
    f[used - 1] = carry_f as i64;
    g[used - 1] = carry_g as i64;
}

/// Folds the top limb of f and g into the one below while it holds nothing but the sign, and
/// returns how many limbs stay.
#[inline(always)]
fn shrink(f: &mut Signed62, g: &mut Signed62, used: usize) -> usize {
    let sign_only = |x: i64| x == 0 || x == -1;
    if used > 1 && sign_only(f[used - 1]) && sign_only(g[used - 1]) {
        f[used - 2] |= f[used - 1] << 62;
        g[used - 2] |= g[used - 1] << 62;
        return used - 1;
    }
    used
}

#[inline(always)]
fn wide(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(b)
}

fn to_signed<const N: usize>(value: &[u64; N]) -> Signed62 {
    let mut out = [0; 7];
    for (i, limb) in out.iter_mut().enumerate().take(signed_limbs(N)) {
        let (word, shift) = (i * 62 / 64, i * 62 % 64);
        let low = value.get(word).copied().unwrap_or(0) >> shift;
        // A shift of 0 would take all of the next word; it happens for i = 0 only, whose 62 bits
        // lie in one word.
        let high =
            if shift == 0 { 0 } else { value.get(word + 1).copied().unwrap_or(0) << (64 - shift) };
        *limb = ((low | high) & MASK) as i64;
    }
    out
}

/// `±value mod p` in [0, p), for a value in (−2p, p).
fn from_signed<const N: usize>(
    value: &Signed62,
    negate: bool,
    modulus: &Signed62,
    limbs: usize,
) -> [u64; N] {
    let mut value = *value;
    add_if_negative(&mut value, modulus, limbs);
    if negate {
        value[..limbs].iter_mut().for_each(|limb| *limb = -*limb);
        carry(&mut value, limbs);
    }
    add_if_negative(&mut value, modulus, limbs);
    let mut out = [0; N];
    for (i, limb) in value[..limbs].iter().enumerate() {
        let (word, shift) = (i * 62 / 64, i * 62 % 64);
        if word < N {
            out[word] |= (*limb as u64) << shift;
        }
        if shift > 2 && word + 1 < N {
            out[word + 1] |= (*limb as u64) >> (64 - shift);
        }
    }
    out
}

fn add_if_negative(value: &mut Signed62, modulus: &Signed62, limbs: usize) {
    if value[limbs - 1] < 0 {
        value.iter_mut().zip(modulus).for_each(|(limb, p)| *limb += p);
        carry(value, limbs);
    }
}

fn carry(value: &mut Signed62, limbs: usize) {
    for i in 0..limbs - 1 {
        value[i + 1] += value[i] >> 62;
        value[i] &= MASK as i64;
    }
}
