//! What an attempt is about ([`Statement`]), and where its randomness starts ([`Seed`]).

use crate::bytes::{blake2b_256, impl_hex_32};

/// The hash of everything that an attempt commits to, except its nonce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement(pub [u8; 32]);
impl_hex_32!(Statement);

impl Statement {
    /// `B256("lode/puzzle/statement/v1" ‖ genesis_hash ‖ epoch_challenge ‖ anchor_hash ‖
    /// content_hash ‖ prover)`.
    pub fn new(
        genesis_hash: &[u8; 32],
        epoch_challenge: &[u8; 32],
        anchor_hash: &[u8; 32],
        content_hash: &[u8; 32],
        prover: &[u8; 32],
    ) -> Self {
        Self(blake2b_256(&[
            b"lode/puzzle/statement/v1",
            genesis_hash,
            epoch_challenge,
            anchor_hash,
            content_hash,
            prover,
        ]))
    }
}

/// The root of all randomness of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seed(pub [u8; 32]);
impl_hex_32!(Seed);

impl Seed {
    /// What stands before the statement in the hash.
    pub const DOMAIN: &[u8] = b"lode/puzzle/seed/v1";

    /// `B256("lode/puzzle/seed/v1" ‖ statement ‖ u64le(nonce))`.
    pub fn new(statement: &Statement, nonce: u64) -> Self {
        Self(blake2b_256(&[Self::DOMAIN, &statement.0, &nonce.to_le_bytes()]))
    }
}
