//! Networks as data, their genesis blocks, and the setup that every proof is made over.
//!
//! Purpose: `mainnet`, `testnet` and `devnet` are files in this folder, compiled in; any other file of that form is
//! a network too. The structured reference string is Aleo's universal setup, as the crate `snarkvm-parameters`
//! embeds it, held to its published checksums.
//!
//! Threads and queues: none.
//!
//! What must not be broken: every byte of a network's file that has a meaning is part of its genesis hash.

mod network;
pub mod srs;

pub use network::{Network, NetworkError, SyncDefaults};
