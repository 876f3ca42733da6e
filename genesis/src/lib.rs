//! Networks as data, their genesis blocks, and the setup that every proof is made over.
//!
//! Purpose: `mainnet`, `testnet` and `devnet` are files in this folder, compiled in; any other file
//! of that form is a network too. The structured reference string is Aleo's universal setup, as the
//! crate `snarkvm-parameters` embeds it, held to its published checksums.
//!
//! ```text
//! mainnet.toml, testnet.toml, devnet.toml, any other file
//!        -> parsed, every field known         (Network::parse)
//!        -> ChainSpec, checked            (lode-consensus)
//!        -> genesis block, its hash           Network { params, genesis_hash, … }
//! snarkvm-parameters' files -> checksums -> cut to n powers -> lode_puzzle::Srs      (srs)
//! ```
//!
//! A network differs from another by its file alone. To try another one, write a file and pass it
//! with `--network`: nothing here, and no rule anywhere, asks for a network's name.
//!
//! Threads and queues: none.
//!
//! What must not be broken: every byte of a network's file that has a meaning is part of its
//! genesis hash.

mod network;
pub mod srs;

pub use network::{Network, NetworkError, SyncDefaults};
