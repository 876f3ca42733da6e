//! Varuna over BLS12-377, as snarkVM 4.11 proves and verifies it, with a sponge that is bound to 32
//! bytes.
//!
//! ```text
//! key:   u64 public inputs ‖ u64 variables ‖ u64 constraints ‖ u64 non-zeros of A ‖ of B ‖ of C
//!        ‖ u64 12 ‖ 12 points, 48 bytes each ‖ 32 bytes id             664 bytes
//! proof: u64 1 ‖ u64 k ‖ points and field elements        956 + 144·(k − 1) bytes
//! ```
//!
//! Integers are little-endian. The public inputs count the leading 1, which is no public value: a
//! key has one value less. Circuits are padded to a power of two of public inputs, so that keys of
//! honest circuits have 1, 3, 7, 15, 31 or 63 values, of which those behind the circuit's own are
//! 0.
//!
//! snarkVM looks at a key's numbers only as powers of two, and not at its id at all. So two keys
//! can accept the same proofs: what stands for a class is the hash of the key's bytes, never the id
//! in it.

mod key;
mod setup;
mod sponge;

use std::sync::Arc;

pub use key::{KEY_BYTES, MAX_PUBLIC_INPUTS, proof_bytes};
pub use sponge::{Binding, BoundSponge, BoundVaruna, DOMAIN, VERSION};

use crate::{Key, KeyError, ProofSystem};

/// What names Varuna on the wire.
pub const ID: u8 = 1;

/// Proof system 1.
#[derive(Clone, Copy, Debug)]
pub struct Varuna;

impl ProofSystem for Varuna {
    fn parse_key(&self, bytes: &[u8]) -> Result<Arc<dyn Key>, KeyError> {
        Ok(Arc::new(key::VarunaKey::parse(bytes)?))
    }

    /// 12,000 + 600·k + 40·values·k. The leading 1 of the public inputs is not among the values.
    fn cost(&self, instances: usize, values: usize) -> u64 {
        let instances = u64::try_from(instances).unwrap_or(u64::MAX);
        let values = u64::try_from(values).unwrap_or(u64::MAX);
        let of_values = instances.saturating_mul(values).saturating_mul(40);
        instances.saturating_mul(600).saturating_add(of_values).saturating_add(12_000)
    }
}
