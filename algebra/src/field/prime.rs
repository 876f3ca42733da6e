//! What the arithmetic knows about a prime.

/// A prime field of `N` 64-bit limbs whose top limb has its highest bit clear.
pub trait Params<const N: usize>: Copy + Send + Sync + 'static {
    /// The prime, least significant limb first.
    const MODULUS: [u64; N];
    /// `−MODULUS^(−1) mod 2^64`.
    const NEG_INV: u64;
    /// `2^(64·N) mod MODULUS`: one, in Montgomery form.
    const R: [u64; N];
    /// `2^(128·N) mod MODULUS`.
    const R2: [u64; N];
}
