//! The part of Aleo's universal setup that verification needs: a few points, the sponge's
//! constants.
//!
//! The files are compiled in by `snarkvm-parameters`; nothing is ever downloaded or read from the
//! home folder. Their SHA-256 sums are pinned here, so that another version of that crate cannot
//! bring another setup. The powers in G1, which only provers need, are not loaded: the first of
//! them is the generator.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use snarkvm::{
    algorithms::{
        AlgebraicSponge,
        crypto_hash::{PoseidonSponge, sha256},
        polycommit::kzg10::VerifierKey,
        srs::UniversalVerifier,
    },
    curves::{
        AffineCurve, PairingCurve,
        bls12_377::{Bls12_377, Fq, G1Affine, G2Affine},
    },
    fields::PoseidonParameters,
    parameters::mainnet::{BetaH, Gamma, NegBeta},
    utilities::CanonicalDeserialize,
};

/// SHA-256 of `beta-h.usrs`: `[β]` in G2.
const BETA_H: &str = "fd0a8538d4ad4f60694b5e81dec6687d8672480ea6b878205eef0c1bd51dc3bc";
/// SHA-256 of `powers-of-beta-gamma.usrs`: `[γ β^i]` in G1, for hiding commitments.
const GAMMA: &str = "03fd7fc81234b014e1e260c797e9b716b5587429871026f17a455cd0938d8be1";
/// SHA-256 of `neg-powers-of-beta.usrs`: `[β^(d − i)]` in G2 for the bounds `i = 2^k − 2` that
/// proofs enforce on degrees.
const NEG_POWERS: &str = "ded57ae81c510f8fd50c8f3ec3387e8397ffdde71acfcc639ff1a2728a0848cd";

/// Constants of all verifications.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) verifier: UniversalVerifier<Bls12_377>,
    pub(crate) poseidon: Arc<PoseidonParameters<Fq, 2, 1>>,
}

/// Why the setup could not be loaded. All of these mean that the program was built wrongly.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error("{file}: {reason}")]
    Embedded { file: &'static str, reason: String },
    #[error("{file}: expected the SHA-256 sum {expected}, got {}", hex::encode(.got))]
    Checksum { file: &'static str, expected: &'static str, got: [u8; 32] },
    #[error("{file}: expected {expected}")]
    Format { file: &'static str, expected: &'static str },
}

/// The constants, computed at the first call in some 20 ms.
///
/// It must be called outside of the wall around the library: a program that was built wrongly has
/// to stop, instead of finding that no proof holds.
#[allow(
    clippy::expect_used,
    reason = "files that are compiled in, whose checksums a test compares"
)]
pub(crate) fn setup() -> &'static Setup {
    static SETUP: LazyLock<Setup> =
        LazyLock::new(|| load().expect("the setup that is compiled in is Aleo's"));
    &SETUP
}

fn load() -> Result<Setup, SetupError> {
    let file = "powers-of-beta-gamma.usrs";
    let bytes = checked(file, Gamma::load_bytes(), GAMMA)?;
    let gamma_g = BTreeMap::<usize, G1Affine>::deserialize_uncompressed_unchecked(&*bytes)
        .ok()
        .and_then(|powers| powers.get(&0).copied())
        .ok_or(SetupError::Format {
            file,
            expected: "points of G1 by their power, of which one has power 0",
        })?;

    let file = "beta-h.usrs";
    let bytes = checked(file, BetaH::load_bytes(), BETA_H)?;
    let beta_h = G2Affine::deserialize_uncompressed_unchecked(&*bytes)
        .map_err(|_| SetupError::Format { file, expected: "one point of G2" })?;

    let file = "neg-powers-of-beta.usrs";
    let bytes = checked(file, NegBeta::load_bytes(), NEG_POWERS)?;
    let negative_powers =
        BTreeMap::<usize, G2Affine>::deserialize_uncompressed_unchecked(&*bytes).map_err(|_| {
            SetupError::Format { file, expected: "points of G2 by the bound that they enforce" }
        })?;

    let h = G2Affine::prime_subgroup_generator();
    Ok(Setup {
        verifier: UniversalVerifier {
            vk: VerifierKey {
                g: G1Affine::prime_subgroup_generator(),
                gamma_g,
                h,
                beta_h,
                prepared_h: h.prepare(),
                prepared_beta_h: beta_h.prepare(),
            },
            prepared_negative_powers_of_beta_h: Arc::new(
                negative_powers.iter().map(|(bound, point)| (*bound, point.prepare())).collect(),
            ),
        },
        poseidon: PoseidonSponge::<Fq, 2, 1>::sample_parameters(),
    })
}

fn checked(
    file: &'static str,
    bytes: Result<Vec<u8>, impl ToString>,
    expected: &'static str,
) -> Result<Vec<u8>, SetupError> {
    let bytes = bytes.map_err(|error| SetupError::Embedded { file, reason: error.to_string() })?;
    let got = sha256(&bytes);
    if hex::encode(got) == expected {
        Ok(bytes)
    } else {
        Err(SetupError::Checksum { file, expected, got })
    }
}

#[cfg(test)]
mod tests {
    use snarkvm::algorithms::polycommit::kzg10::UniversalParams;

    use super::*;

    #[test]
    fn the_verifiers_constants_are_those_of_the_whole_setup() {
        let whole = UniversalParams::<Bls12_377>::load().unwrap().to_universal_verifier().unwrap();
        assert_eq!(setup().verifier, whole);
    }

    #[test]
    fn the_pinned_checksums_are_the_published_ones() {
        for (metadata, checksum) in
            [(BetaH::METADATA, BETA_H), (Gamma::METADATA, GAMMA), (NegBeta::METADATA, NEG_POWERS)]
        {
            assert!(metadata.contains(checksum));
        }
    }

    #[test]
    fn another_file_is_refused_by_its_checksum() {
        let mut bytes = BetaH::load_bytes().unwrap();
        bytes[0] ^= 1;
        let error = checked("beta-h.usrs", Ok::<_, String>(bytes), BETA_H).unwrap_err();
        assert!(matches!(error, SetupError::Checksum { expected: BETA_H, .. }), "{error}");
        let error = checked("beta-h.usrs", Err("no such file"), BETA_H).unwrap_err();
        assert_eq!(error.to_string(), "beta-h.usrs: no such file");
    }
}
