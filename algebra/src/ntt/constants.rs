//! What lanes multiply the results of transforms and products by, and the interpolation that ends
//! with it.

use super::lanes::{self, Twiddles, natural, to_reversed};
use crate::{
    avx512::fr::{Fr8, Limbs, constant},
    field::Fr,
};

/// Factors that undo what transforms and products leave behind, for a domain of n elements.
pub(crate) struct Constants {
    /// 1/n.
    size_inv: Limbs,
    /// 8/n: half of the coefficients times n of a product that is short of 2^4.
    pub(crate) sum: Limbs,
    /// `−8·ψ^(−i)/n³`, vectors in bit-reversed order: half of the negated coefficients times n of a
    /// product on the coset of values times n, that is short of 2^4.
    pub(crate) difference: Vec<Fr8>,
    /// −n²/8: turns the factors of `difference` into `ψ^(−i)/n`.
    coset: Limbs,
}

impl Constants {
    #[target_feature(enable = "avx512f")]
    pub(crate) fn new(log_n: u32, size_inv: Fr, psi_inv: Fr) -> Self {
        let n = 1usize << log_n;
        let eight = Fr::from(8);
        let difference = -(eight * size_inv * size_inv * size_inv);
        let powers: Vec<Fr> =
            core::iter::successors(Some(difference), |power| Some(*power * psi_inv))
                .take(n)
                .collect();
        Self {
            size_inv: constant(&size_inv),
            sum: constant(&(eight * size_inv)),
            difference: (0..n / 8)
                .map(|place| Fr8::constants(&natural(place, n).map(|i| powers[i])))
                .collect(),
            // 8 is not zero.
            coset: constant(&-(Fr::from(1 << (2 * log_n)) * eight.inverse().unwrap_or_default())),
        }
    }
}

/// Values on the domain (coset 0) or its coset (1) to coefficients, in memory.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn interpolate(
    twiddles: &Twiddles,
    constants: &Constants,
    coset: usize,
    data: &mut [Fr8],
    elements: &mut [Fr],
) {
    let (size_inv, correction) = (Fr8::splat(&constants.size_inv), Fr8::splat(&constants.coset));
    lanes::load(data, elements);
    to_reversed::<true>(twiddles, data);
    for (place, vector) in data.iter().enumerate() {
        let factor =
            if coset == 0 { size_inv } else { constants.difference[place].mul(&correction) };
        let scaled = vector.to_factor().product(&factor).to_value().reduce_once();
        scaled.store_each(elements, &natural(place, elements.len()));
    }
}
