//! Proof systems whose proofs are sold on the chain: keys, public values, binding and verdict.
//!
//! ```text
//! key bytes   -> ProofSystem::parse_key -> Key, parsed once for each class and kept by the caller
//! Key, binding, public values of 1 to 16 instances, proof bytes
//!             -> Key::verify -> it holds, or the ProofError
//! number of instances and of values -> ProofSystem::cost, before anything is verified
//! ```
//!
//! [`system`] gives the system that a byte on the wire names. Rules are written against the two
//! traits, so that a second system is a second implementation and an arm of that function. System 1
//! is Varuna: [`varuna`].
//!
//! Threads and queues: none of its own; there is no clock and no randomness. snarkVM's multi-scalar
//! multiplications and point checks run on the rayon pool in which the caller runs, and the verdict
//! is the same in any pool. The constants of a system are computed at first use, once in a process,
//! under a lock of the standard library.
//!
//! Must not be broken: a verdict is a pure function of its arguments, bit for bit the same on every
//! node. Every limit is checked before what it bounds is parsed or allocated. Any bytes are
//! acceptable as a key or a proof: what a library answers to them, a panic included, ends in an
//! error.
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

mod error;
mod proof_system;
#[cfg(feature = "testing")]
pub mod testing;
pub mod varuna;
mod wall;

pub use error::{KeyError, ProofError};
pub use proof_system::{Key, MAX_INSTANCES, ProofSystem, Value};

/// The proof system that a byte names on the wire.
pub fn system(id: u8) -> Option<&'static dyn ProofSystem> {
    match id {
        varuna::ID => Some(&varuna::Varuna),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_names_a_system_and_no_other_does() {
        let known: Vec<u8> = (0..=255).filter(|id| system(*id).is_some()).collect();
        assert_eq!(known, [1]);
    }
}
