//! Aleo's universal setup, cut to the size of a network's puzzle.
//!
//! Both files are compiled in by `snarkvm-parameters`; nothing is ever downloaded. Their SHA-256
//! sums are pinned here, so that another version of that crate cannot bring another setup, and are
//! part of every genesis hash.

use lode_puzzle::{LogSize, Srs, SrsError, point};
use snarkvm::{
    algorithms::crypto_hash::sha256,
    curves::bls12_377::{G1Affine, G2Affine},
    parameters::mainnet::{BetaH, Degree15},
    utilities::CanonicalDeserialize,
};

/// SHA-256 of `powers-of-beta-15.usrs`: `[τ^0] … [τ^32767]` in G1.
pub const POWERS_CHECKSUM: [u8; 32] = [
    0xeb, 0x70, 0x40, 0xc2, 0x5c, 0xe1, 0xa1, 0x9a, 0x5a, 0x9a, 0x1d, 0x12, 0x04, 0x6c, 0x58, 0x20,
    0xba, 0x9c, 0x27, 0x68, 0xc6, 0x06, 0x29, 0x0f, 0x8a, 0x80, 0xfa, 0x2b, 0xd0, 0xe1, 0xe5, 0xed,
];

/// SHA-256 of `beta-h.usrs`: `[τ]` in G2.
pub const BETA_H_CHECKSUM: [u8; 32] = [
    0xfd, 0x0a, 0x85, 0x38, 0xd4, 0xad, 0x4f, 0x60, 0x69, 0x4b, 0x5e, 0x81, 0xde, 0xc6, 0x68, 0x7d,
    0x86, 0x72, 0x48, 0x0e, 0xa6, 0xb8, 0x78, 0x20, 0x5e, 0xef, 0x0c, 0x1b, 0xd5, 0x1d, 0xc3, 0xbc,
];

/// Bytes before the points: their number, `u64le`.
const COUNT_BYTES: usize = 8;
/// Bytes of a point of G1: x ‖ y, 48 bytes little-endian each. The flags in the spare bits of y are
/// zero except at infinity.
const G1_BYTES: usize = 96;
/// Bytes of a point of G2.
const G2_BYTES: usize = 192;
/// Points in the embedded file: as many as the largest puzzle takes. snarkVM's own loader asks
/// hosts on the net for more, writes them to the home folder and prints; nothing here calls it.
const EMBEDDED_POWERS: u64 = 1 << 15;
const _: () = assert!(LogSize::MAX.n() as u64 == EMBEDDED_POWERS);

/// Why the setup could not be loaded. All of these mean that the program was built wrongly.
#[derive(Debug, thiserror::Error)]
pub enum SrsLoadError {
    /// `snarkvm-parameters` refuses its own file.
    #[error("{file}: {reason}")]
    Embedded {
        file: &'static str,
        /// What it says.
        reason: String,
    },
    /// The file is not the published one.
    #[error(
        "{file}: expected the SHA-256 sum {}, got {}",
        hex::encode(.expected), hex::encode(.got)
    )]
    Checksum {
        file: &'static str,
        /// The published sum.
        expected: [u8; 32],
        /// The sum of the bytes at hand.
        got: [u8; 32],
    },
    /// The file does not hold what its name says.
    #[error("{file}: expected {expected}")]
    Format {
        file: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// The points are no setup.
    #[error(transparent)]
    Srs(#[from] SrsError),
}

/// The setup's place in a genesis block: checksum of the powers ‖ checksum of `[τ]` in G2.
pub fn checksum() -> [u8; 64] {
    let mut checksum = [0; 64];
    let (powers, beta_h) = checksum.split_at_mut(32);
    powers.copy_from_slice(&POWERS_CHECKSUM);
    beta_h.copy_from_slice(&BETA_H_CHECKSUM);
    checksum
}

/// Loads the first `n` powers in G1 and `[τ]` in G2, and checks checksums and points. Takes a
/// fraction of a second.
///
/// # Errors
/// [`SrsLoadError`] if the embedded files are not Aleo's published setup.
pub fn load(log_n: LogSize) -> Result<Srs, SrsLoadError> {
    const POWERS: &str = "powers-of-beta-15.usrs";
    const BETA_H: &str = "beta-h.usrs";
    let powers = Degree15::load_bytes().map_err(|error| embedded(POWERS, error))?;
    let beta_h = BetaH::load_bytes().map_err(|error| embedded(BETA_H, error))?;
    check(POWERS, &powers, POWERS_CHECKSUM)?;
    check(BETA_H, &beta_h, BETA_H_CHECKSUM)?;

    let powers = parse_powers(&powers, log_n.n()).ok_or(SrsLoadError::Format {
        file: POWERS,
        expected: "32768 points of G1, 96 bytes each",
    })?;
    let tau_g2 = parse_g2(&beta_h)
        .ok_or(SrsLoadError::Format { file: BETA_H, expected: "one point of G2, 192 bytes" })?;
    Ok(Srs::new(powers, tau_g2)?)
}

fn embedded(file: &'static str, reason: impl ToString) -> SrsLoadError {
    SrsLoadError::Embedded { file, reason: reason.to_string() }
}

fn check(file: &'static str, bytes: &[u8], expected: [u8; 32]) -> Result<(), SrsLoadError> {
    let got = sha256(bytes);
    if got == expected { Ok(()) } else { Err(SrsLoadError::Checksum { file, expected, got }) }
}

/// The first `n` points of a file of [`EMBEDDED_POWERS`].
fn parse_powers(bytes: &[u8], n: usize) -> Option<Vec<G1Affine>> {
    let (count, points) = bytes.split_first_chunk::<COUNT_BYTES>()?;
    let (points, rest) = points.as_chunks::<G1_BYTES>();
    if u64::from_le_bytes(*count) != EMBEDDED_POWERS
        || points.len() as u64 != EMBEDDED_POWERS
        || !rest.is_empty()
    {
        return None;
    }
    points.get(..n)?.iter().map(point::decode).collect()
}

fn parse_g2(bytes: &[u8]) -> Option<G2Affine> {
    if bytes.len() == G2_BYTES {
        G2Affine::deserialize_uncompressed_unchecked(bytes).ok()
    } else {
        None
    }
}

// With its feature `no-embedded-srs`, snarkvm-parameters would download the powers at run time. The
// types of its remote files are not `Clone`, so that such a build stops here.
const _: fn() = || {
    fn is_embedded<File: Clone>() {}
    is_embedded::<Degree15>();
    is_embedded::<BetaH>();
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_loads_and_is_a_prefix_of_the_largest() {
        let largest = load(LogSize::MAX).unwrap();
        assert_eq!(largest.powers().len(), 32_768);
        for log_n in [2, 4, 13] {
            let srs = load(LogSize::new(log_n).unwrap()).unwrap();
            assert_eq!(srs.powers(), &largest.powers()[..1 << log_n]);
            assert_eq!(srs.tau_g2(), largest.tau_g2());
        }
    }

    #[test]
    fn the_pinned_checksums_are_the_published_ones() {
        assert!(Degree15::METADATA.contains(&hex::encode(POWERS_CHECKSUM)));
        assert!(BetaH::METADATA.contains(&hex::encode(BETA_H_CHECKSUM)));
        assert_eq!(checksum()[..32], POWERS_CHECKSUM);
        assert_eq!(checksum()[32..], BETA_H_CHECKSUM);
    }

    #[test]
    fn another_file_is_refused_by_its_checksum() {
        let mut bytes = BetaH::load_bytes().unwrap();
        bytes[0] ^= 1;
        let error = check("beta-h.usrs", &bytes, BETA_H_CHECKSUM).unwrap_err();
        assert!(
            matches!(error, SrsLoadError::Checksum { expected: BETA_H_CHECKSUM, .. }),
            "{error}"
        );
    }

    #[test]
    fn files_of_another_length_are_refused() {
        let powers = Degree15::load_bytes().unwrap();
        assert!(parse_powers(&powers, 4).is_some());
        assert!(parse_powers(&powers[..powers.len() - 1], 4).is_none());
        assert!(parse_powers(&powers[..8 + 4 * G1_BYTES], 4).is_none());
        assert!(parse_powers(&[&powers[..], &[0; G1_BYTES]].concat(), 4).is_none());
        let mut wrong_count = powers.clone();
        wrong_count[0] ^= 1;
        assert!(parse_powers(&wrong_count, 4).is_none());

        let beta_h = BetaH::load_bytes().unwrap();
        assert!(parse_g2(&beta_h).is_some());
        assert!(parse_g2(&beta_h[1..]).is_none());
        assert!(parse_g2(&[&beta_h[..], &[0]].concat()).is_none());
    }
}
