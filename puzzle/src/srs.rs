//! The structured reference string: `[τ^0] … [τ^(n−1)]` in G1, `[τ]` in G2.

use crate::{LogSize, bytes::blake2b_512, pairing::pairing_product_is_one, point};
use snarkvm::{
    algorithms::msm::VariableBase,
    curves::{
        AffineCurve, PairingCurve, ProjectiveCurve,
        bls12_377::{Fr, G1Affine, G2Affine},
    },
    fields::{One, PrimeField, Zero},
};

/// A setup for one size of the puzzle. Its constructor catches damage and mixed-up files; that the
/// setup is Aleo's, and not one with a known τ, only the published checksums can show
/// (`lode-genesis` compares them).
#[derive(Clone, Debug)]
pub struct Srs {
    powers: Vec<G1Affine>,
    tau_g2: G2Affine,
    log_n: LogSize,
}

/// Why points are no setup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrsError {
    /// The number of powers is not `2^log_n` for a supported `log_n`.
    #[error("expected a power of two between 4 and 32768 powers, got {got}")]
    Length {
        /// Powers given.
        got: usize,
    },
    /// A power is infinity or not on the curve.
    #[error("power {index} is not a point of the curve")]
    NotOnCurve {
        /// Exponent of τ.
        index: usize,
    },
    /// The first power is not the generator of G1.
    #[error("the first power is not the generator of G1")]
    Generator,
    /// `[τ]` in G2 is infinity, not on the curve or not in the prime-order subgroup.
    #[error("the power of G2 is not a point of the prime-order subgroup")]
    TauG2,
    /// Some power is not τ times its predecessor.
    #[error("the powers are not consecutive powers of the scalar in G2")]
    NotConsecutive,
}

impl Srs {
    /// Checks the points and takes them as a setup. Costs two multi-scalar multiplications and two
    /// pairings.
    ///
    /// All powers are checked at once: with weights `ρ^i` that a hash of the points fixes,
    /// `e(Σ ρ^i·P_{i+1}, G2) = e(Σ ρ^i·P_i, τ·G2)`.
    pub fn new(powers: Vec<G1Affine>, tau_g2: G2Affine) -> Result<Self, SrsError> {
        let log_n = u8::try_from(powers.len().trailing_zeros())
            .ok()
            .and_then(|log_n| LogSize::new(log_n).ok())
            .filter(|log_n| log_n.n() == powers.len())
            .ok_or(SrsError::Length { got: powers.len() })?;
        if let Some(index) = powers.iter().position(|power| power.is_zero() || !power.is_on_curve())
        {
            return Err(SrsError::NotOnCurve { index });
        }
        if powers.first() != Some(&G1Affine::prime_subgroup_generator()) {
            return Err(SrsError::Generator);
        }
        if tau_g2.is_zero()
            || !tau_g2.is_on_curve()
            || !tau_g2.is_in_correct_subgroup_assuming_on_curve()
        {
            return Err(SrsError::TauG2);
        }
        if !are_consecutive(&powers, &tau_g2) {
            return Err(SrsError::NotConsecutive);
        }
        Ok(Self { powers, tau_g2, log_n })
    }

    /// The size of the puzzle that this setup serves.
    pub fn log_n(&self) -> LogSize {
        self.log_n
    }

    /// `[τ^0] … [τ^(n−1)]`.
    pub fn powers(&self) -> &[G1Affine] {
        &self.powers
    }

    /// `[τ]` in G2.
    pub fn tau_g2(&self) -> &G2Affine {
        &self.tau_g2
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "arithmetic of fields and curves neither overflows nor panics"
)]
fn are_consecutive(powers: &[G1Affine], tau_g2: &G2Affine) -> bool {
    let encoded: Vec<u8> = powers.iter().filter_map(point::encode).flatten().collect();
    let rho = Fr::from_bytes_le_mod_order(&blake2b_512(&[b"lode/srs/check/v1", &encoded]));
    let weights: Vec<_> = std::iter::successors(Some(Fr::one()), |weight| Some(*weight * rho))
        .take(powers.len().saturating_sub(1))
        .map(|weight| weight.to_bigint())
        .collect();
    let (Some((_, shifted)), Some((_, unshifted))) = (powers.split_first(), powers.split_last())
    else {
        return false;
    };
    let left = VariableBase::msm(shifted, &weights).to_affine();
    let right = VariableBase::msm(unshifted, &weights).to_affine();
    // A pairing is blind to parts outside of the prime-order subgroup, so they are looked for
    // apart.
    left.is_in_correct_subgroup_assuming_on_curve()
        && right.is_in_correct_subgroup_assuming_on_curve()
        && pairing_product_is_one(
            &left,
            &G2Affine::prime_subgroup_generator().prepare(),
            &-right,
            &tau_g2.prepare(),
        )
}
