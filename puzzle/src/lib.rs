//! The puzzle: from a statement and a nonce to a KZG proof and its ticket (section 2 of the
//! protocol).
//!
//! ```text
//! Statement, nonce -> Seed -> Expansion (A, B) -> quotient h -> C = [h] -> point z
//!                  -> W = [(h − v)/(X − z)] -> Ticket of the Proof (C, W)
//! prove:   Engine  <- CpuEngine (Prover over Tables) | ReferenceEngine | lode-cuda's
//! verify:  Verifier | ReferenceVerifier: Item (statement, nonce, Proof, Claim)
//!                  -> Ticket or VerifyError
//! ```
//!
//! An attempt expands its seed into two vectors, takes the quotient of a rowcheck over a domain of
//! `n` points, commits to it, opens the commitment at a point that the commitment fixes, and hashes
//! the proof into a ticket. [`CpuEngine`] makes attempts, [`Verifier`] checks them alone or in
//! batches, [`Engine`] is what another back end implements. [`ReferenceEngine`] is the
//! specification line by line, which all others must equal.
//!
//! Threads and queues: none of its own. The reference engine's kernels run on the rayon pool that
//! the caller has installed; without one, they start a pool per transform, which is correct and
//! slow. Time and entropy are arguments.
//!
//! Must not be broken: every byte that enters a hash, and the order of the verifier's checks. A
//! proof is only ever decoded by [`point::decode`], which accepts exactly one encoding of each
//! group element.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod bytes;
mod claim;
mod cpu;
mod engine;
mod expansion;
mod pairing;
pub mod point;
mod pool;
mod proof;
mod prover;
mod quotient;
mod reference;
mod reference_verifier;
mod size;
mod srs;
mod statement;
mod target;
mod verdict;
mod verifier;

pub use bytes::HexError;
pub use claim::{Claim, Item};
pub use cpu::CpuEngine;
pub use engine::{AttemptError, Engine, EngineError, Job, Output, VoidAttempt};
pub use expansion::Expansion;
pub use proof::{Attempt, Proof, Ticket};
pub use prover::{Prover, Tables, TablesError, Unfinished};
pub use quotient::QuotientDomain;
pub use reference::ReferenceEngine;
pub use reference_verifier::ReferenceVerifier;
pub use size::{LogSize, LogSizeError};
pub use srs::{Srs, SrsError};
pub use statement::{Seed, Statement};
pub use target::{Target, TargetError};
pub use verdict::{Half, Part, VerifyError};
pub use verifier::Verifier;
