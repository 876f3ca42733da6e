//! Byte for byte what the independent implementation computed.

mod common;

use common::{MAINNET, vectors};
use lode_puzzle::{Claim, Engine, Seed};

#[test]
fn the_reference_engine_equals_the_vectors() {
    for vector in vectors() {
        let attempt = MAINNET.engine.attempt(&vector.statement(), vector.nonce).unwrap();
        assert_eq!(attempt.nonce, vector.nonce);
        assert_eq!(attempt.seed.to_string(), vector.seed);
        assert_eq!(hex::encode(attempt.proof.commitment), vector.commitment);
        assert_eq!(hex::encode(attempt.point), vector.point);
        assert_eq!(hex::encode(attempt.value), vector.value);
        assert_eq!(hex::encode(attempt.proof.opening), vector.opening);
        assert_eq!(attempt.ticket.to_string(), vector.ticket);
        assert_eq!(attempt.ticket.block_value().to_string(), vector.block_value);
        assert_eq!(attempt.ticket.share_value().to_string(), vector.share_value);
    }
}

#[test]
fn the_verifier_accepts_the_vectors() {
    for vector in vectors() {
        let ticket = MAINNET.verifier.verify(&vector.statement(), vector.nonce, &vector.proof(), Claim::None).unwrap();
        assert_eq!(ticket.to_string(), vector.ticket);
        assert_eq!(Seed::new(&vector.statement(), vector.nonce).to_string(), vector.seed);
    }
}
