//! Byte for byte what the independent implementation computed.

mod common;

use common::{MAINNET, vectors};
use lode_algebra::Backend;
use lode_puzzle::{Claim, CpuEngine, Engine, Seed, Tables};

fn assert_equals_the_vectors(engine: &dyn Engine) {
    for vector in vectors() {
        let attempt = engine.attempt(&vector.statement(), vector.nonce).unwrap();
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
fn the_reference_engine_equals_the_vectors() {
    assert_equals_the_vectors(&MAINNET.engine);
}

#[test]
fn the_cpu_engine_equals_the_vectors_on_every_back_end() {
    for backend in Backend::available() {
        let tables = Tables::new(&MAINNET.srs, backend, 64 << 20).unwrap();
        assert!((1..=64 << 20).contains(&tables.table_bytes()));
        assert_equals_the_vectors(&CpuEngine::new(tables.into()));
    }
}

#[test]
fn the_verifier_accepts_the_vectors() {
    for vector in vectors() {
        let ticket = MAINNET
            .verdict(&vector.statement(), vector.nonce, &vector.proof(), Claim::None)
            .unwrap();
        assert_eq!(ticket.to_string(), vector.ticket);
        assert_eq!(Seed::new(&vector.statement(), vector.nonce).to_string(), vector.seed);
    }
}
