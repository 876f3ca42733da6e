//! The seam: what the rules ask of a proof system.

use std::{fmt::Debug, sync::Arc};

use crate::error::{KeyError, ProofError};

/// The most instances that one proof may cover.
pub const MAX_INSTANCES: usize = 16;

/// A public value: a field element of the system, canonical, little-endian.
pub type Value = [u8; 32];

/// What a class names by its `system` byte.
pub trait ProofSystem: Debug + Send + Sync {
    /// Parses a class's verifying key. It costs about a millisecond, so the result is kept, not the
    /// bytes.
    ///
    /// # Errors
    /// [`KeyError`] for bytes that are not the one canonical encoding of a key within the system's
    /// limits.
    fn parse_key(&self, bytes: &[u8]) -> Result<Arc<dyn Key>, KeyError>;

    /// What verifying a proof of so many instances costs at most, in units of about a microsecond
    /// on the reference machine. `values`: public values of one instance. Saturates.
    fn cost(&self, instances: usize, values: usize) -> u64;
}

/// A class's verifying key.
pub trait Key: Debug + Send + Sync {
    /// Public values of each instance.
    fn values(&self) -> usize;

    /// Whether `proof` proves all `instances`, in this order, under this key and for this binding.
    /// An instance is its public values.
    ///
    /// # Errors
    /// [`ProofError`]: the proof does not hold. Which variant is for people: all of them mean the
    /// same to the rules.
    fn verify(
        &self,
        binding: &[u8; 32],
        instances: &[&[Value]],
        proof: &[u8],
    ) -> Result<(), ProofError>;
}
