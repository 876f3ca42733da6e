//! The reference verifier: one proof at a time, on snarkVM's primitives. Tests hold
//! [`crate::Verifier`] to it, and benchmarks measure against it.

use crate::{
    Claim, Expansion, Part, Proof, QuotientDomain, Seed, Srs, Statement, Ticket, VerifyError,
    pairing::{G2Prepared, pairing_product_is_one},
    point,
};
use snarkvm::{
    algorithms::msm::VariableBase,
    curves::{
        AffineCurve, PairingCurve, ProjectiveCurve,
        bls12_377::{G1Affine, G2Affine},
    },
    fields::{One, PrimeField},
};

/// Checks proofs of one network, on the rayon pool that the caller has installed.
#[derive(Clone, Debug)]
pub struct ReferenceVerifier {
    domain: QuotientDomain,
    g2: G2Prepared,
    tau_g2: G2Prepared,
}

impl ReferenceVerifier {
    /// A verifier that outlives the setup it was made from.
    pub fn new(srs: &Srs) -> Self {
        Self {
            domain: QuotientDomain::new(srs.log_n()),
            g2: G2Affine::prime_subgroup_generator().prepare(),
            tau_g2: srs.tau_g2().prepare(),
        }
    }

    /// [`crate::Verifier::verify`].
    ///
    /// # Errors
    /// The first rule that the proof breaks, in the same order.
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "arithmetic of fields and curves neither overflows nor panics"
    )]
    pub fn verify(
        &self,
        statement: &Statement,
        nonce: u64,
        proof: &Proof,
        claim: Claim,
    ) -> Result<Ticket, VerifyError> {
        let seed = Seed::new(statement, nonce);
        let ticket = Ticket::new(&seed, proof);
        claim.check(&ticket)?;

        let decode =
            |which, bytes| point::decode(bytes).ok_or(VerifyError::CoordinateRange { which });
        let commitment = decode(Part::Commitment, &proof.commitment)?;
        let opening = decode(Part::Opening, &proof.opening)?;
        let points = [(Part::Commitment, &commitment), (Part::Opening, &opening)];
        if let Some((which, _)) = points.iter().find(|(_, point)| !point.is_on_curve()) {
            return Err(VerifyError::NotOnCurve { which: *which });
        }
        if let Some((which, _)) =
            points.iter().find(|(_, point)| !point.is_in_correct_subgroup_assuming_on_curve())
        {
            return Err(VerifyError::NotInSubgroup { which: *which });
        }

        let point = point::challenge(&seed, &proof.commitment);
        let expansion = Expansion::new(&seed, self.domain.log_n());
        let value = self.domain.quotient_at(&expansion, point).ok_or(VerifyError::PointInDomain)?;

        // e(C − v·[1] + z·W, G2)·e(−W, τ·G2) = 1
        let bases = [commitment, opening, G1Affine::prime_subgroup_generator()];
        let scalars =
            [snarkvm::curves::bls12_377::Fr::one(), point, -value].map(|scalar| scalar.to_bigint());
        let left = VariableBase::msm(&bases, &scalars).to_affine();
        if pairing_product_is_one(&left, &self.g2, &-opening, &self.tau_g2) {
            Ok(ticket)
        } else {
            Err(VerifyError::PairingFailed)
        }
    }
}
