//! A proof as bytes, its ticket, and a whole attempt.

use crate::{
    Part, Seed, VerifyError,
    bytes::{blake2b_256, impl_hex_32},
};

/// A commitment and an opening, as they travel: bytes that nothing has checked yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proof {
    /// `C = [h]`: x ‖ y, 48 bytes little-endian each.
    pub commitment: [u8; 96],
    /// `W = [(h − v)/(X − z)]`: x ‖ y, 48 bytes little-endian each.
    pub opening: [u8; 96],
}

impl Proof {
    /// Length of the encoding: commitment ‖ opening.
    pub const BYTES: usize = 192;

    /// The genesis block's proof. It is not valid, and no verifier accepts it.
    pub const ZERO: Self = Self { commitment: [0; 96], opening: [0; 96] };

    /// commitment ‖ opening.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (commitment, opening) = bytes.split_at_mut(96);
        commitment.copy_from_slice(&self.commitment);
        opening.copy_from_slice(&self.opening);
        bytes
    }

    /// Splits commitment ‖ opening.
    ///
    /// # Errors
    /// [`VerifyError::Length`] unless there are exactly [`Proof::BYTES`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VerifyError> {
        match bytes.split_at_checked(96) {
            Some((commitment, opening)) if bytes.len() == Self::BYTES => {
                Self::from_parts(commitment, opening)
            }
            _ => Err(VerifyError::Length {
                part: Part::Proof,
                expected: Self::BYTES,
                got: bytes.len(),
            }),
        }
    }

    /// Takes the two points from separate fields.
    ///
    /// # Errors
    /// [`VerifyError::Length`] unless each has exactly 96 bytes.
    pub fn from_parts(commitment: &[u8], opening: &[u8]) -> Result<Self, VerifyError> {
        let point = |part, bytes: &[u8]| {
            bytes.try_into().map_err(|_| VerifyError::Length {
                part,
                expected: 96,
                got: bytes.len(),
            })
        };
        Ok(Self {
            commitment: point(Part::Commitment, commitment)?,
            opening: point(Part::Opening, opening)?,
        })
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof")
            .field("commitment", &hex::encode(self.commitment))
            .field("opening", &hex::encode(self.opening))
            .finish()
    }
}

/// The lottery number of a proof: two disjoint halves of 128 bits, one for blocks and one for
/// shares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub [u8; 32]);
impl_hex_32!(Ticket);

impl Ticket {
    /// What stands before the seed in the hash.
    pub const DOMAIN: &[u8] = b"lode/puzzle/ticket/v1";

    /// `B256("lode/puzzle/ticket/v1" ‖ seed ‖ C ‖ W)`, over raw bytes: a ticket says nothing about
    /// whether its proof holds.
    pub fn new(seed: &Seed, proof: &Proof) -> Self {
        Self(blake2b_256(&[Self::DOMAIN, &seed.0, &proof.commitment, &proof.opening]))
    }

    /// The half that is held to the block target: `le(ticket[0..16])`.
    pub fn block_value(&self) -> u128 {
        self.0.first_chunk::<16>().copied().map_or(u128::MAX, u128::from_le_bytes)
    }

    /// The half that is held to the share target: `le(ticket[16..32])`.
    pub fn share_value(&self) -> u128 {
        self.0.last_chunk::<16>().copied().map_or(u128::MAX, u128::from_le_bytes)
    }
}

/// One complete attempt, as an engine makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub nonce: u64,
    pub seed: Seed,
    /// Commitment and opening.
    pub proof: Proof,
    /// `z`, little-endian.
    pub point: [u8; 32],
    /// `v = h(z)`, little-endian.
    pub value: [u8; 32],
    /// The proof's ticket.
    pub ticket: Ticket,
}
