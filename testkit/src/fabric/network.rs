//! The network that the machines are on, and its accounts.

use lode_consensus::{Address, SignedTransaction};
use lode_genesis::Network;
use snarkvm::console::{account::PrivateKey, network::MainnetV0};

use crate::{keys::Actor, networks::tiny_with};

pub const FUTURE_LIMIT_MS: u64 = 2_000;

/// Blocks come every second at one attempt in four; one in two is a share. [`key`] 0 has a balance.
pub fn network() -> Network {
    let target = ("genesis_target", "\"0x3fffffffffffffffffffffffffffffff\"");
    let file = tiny_with(&[target], &[(address(0), 1_000_000_000)]);
    Network::parse(&file, "test").unwrap()
}

/// Keys that are the same in every run.
pub fn key(number: u64) -> PrivateKey<MainnetV0> {
    Actor::new(number).key
}

pub fn address(number: u64) -> Address {
    Actor::new(number).address
}

/// A signed transfer from [`key`] 0.
pub fn transfer(nonce: u64, amount: u64) -> SignedTransaction {
    let genesis = network().genesis_hash;
    Actor::new(0).transfer(&genesis, address(1), amount, 1_000, nonce, 1_000_000)
}
