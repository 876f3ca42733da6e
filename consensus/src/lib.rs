//! The rules of the Lode chain, as pure functions over plain data.
//!
//! Purpose: everything that two nodes must agree on, bit for bit: the canonical encoding of blocks,
//! shares and transactions, header and body rules, difficulty, epochs and proving rights, rewards,
//! the state transition and the fork choice. Specification: `docs/src/protocol`.
//!
//! Threads and queues: none. There is no clock, no database, no socket and no randomness in this
//! crate: time, state and entropy are arguments.
//!
//! What must not be broken: encodings are canonical (`encode(decode(b)) == b`, or the decoder
//! refuses), no integer ever wraps, no float is ever used, and a block goes through the types in
//! one direction only: [`Block`] (decoded) → [`rules::ContextualBlock`] (fits its parent) →
//! [`rules::VerifiedBlock`] (its proofs hold) → [`transition::AppliedBlock`] (applied to the state
//! of its parent). [`headers`] has the same for headers alone.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod address;
pub mod block;
pub mod codec;
pub mod difficulty;
pub mod epoch;
pub mod fork;
pub mod hash;
pub mod headers;
pub mod leaf;
pub mod market;
pub mod merkle;
pub mod obligation;
pub mod params;
mod placed;
mod proving;
pub mod reward;
pub mod rules;
pub mod selection;
mod signature;
pub mod state;
pub mod transaction;
pub mod transition;
pub mod tree;

pub use address::Address;
pub use block::{Block, Body, Header, SealedHeader, Share, ShareId};
pub use codec::{Decode, DecodeError, Encode};
pub use fork::ChainWork;
pub use hash::Hash;
pub use obligation::Obligation;
pub use params::ChainSpec;
pub use state::{Account, StateKey};
pub use transaction::{Action, SignedTransaction, Transaction};

/// A block's distance from genesis, which has height 0.
pub type Height = u32;

/// The number of an epoch: epoch `e` holds the heights `e·L` to `e·L + L − 1`.
pub type Epoch = u32;
