//! The input: the embedded setup, and scalars that a hash makes, so that every run has the same.

use blake2::{Blake2b512, Digest};
use lode_algebra::Affine;
use lode_genesis::srs;
use lode_puzzle::{LogSize, Srs, Statement, point};
use std::sync::Arc;

/// What the miner allows its table by default.
pub(crate) const TABLE_BYTES: usize = 256 << 20;

/// What attempts are about.
pub(crate) const STATEMENT: Statement = Statement([7; 32]);

/// The setup of a size, and the points in our kernels' form.
pub struct Setup {
    pub(crate) srs: Arc<Srs>,
    pub(crate) bases: Vec<Affine>,
}

impl Setup {
    /// Loads the first `2^log_n` powers.
    ///
    /// # Panics
    /// If there is no such size.
    pub fn new(log_n: u8) -> Self {
        let log_n = LogSize::new(log_n).expect("a size of the puzzle");
        let srs = srs::load(log_n).expect("the embedded setup loads");
        let base = |power| Affine::from_bytes(&point::encode(power)?);
        let bases =
            srs.powers().iter().map(base).collect::<Option<_>>().expect("powers lie on the curve");
        Self { srs: Arc::new(srs), bases }
    }

    /// The base-2 logarithm of n.
    pub fn log_n(&self) -> u32 {
        self.srs.log_n().log_n().into()
    }

    pub(crate) fn n(&self) -> usize {
        self.srs.log_n().n()
    }
}

/// `count` strings of 64 bytes: far more than a field's order, so that they are uniform in it.
pub(crate) fn strings(label: &str, count: usize) -> Vec<[u8; 64]> {
    let string = |i: usize| {
        Blake2b512::new().chain_update(label).chain_update(i.to_le_bytes()).finalize().into()
    };
    (0..count).map(string).collect()
}
