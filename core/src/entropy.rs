//! Random numbers, behind a trait, so that a simulation can bring its own.

use rand::{TryRng, rngs::SysRng};

/// The generator failed: nothing that needs random numbers can be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers: {0}")]
pub struct EntropyError(pub String);

/// Gives random numbers that the maker of a batch of proofs cannot predict.
pub trait Entropy: Send + Sync {
    /// Weights for folding a batch, one for each proof, none of them zero.
    fn weights(&self, count: usize) -> Result<Vec<u128>, EntropyError>;
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn weights(&self, count: usize) -> Result<Vec<u128>, EntropyError> {
        let mut weights = Vec::with_capacity(count);
        while weights.len() < count {
            let mut bytes = [0; 16];
            SysRng.try_fill_bytes(&mut bytes).map_err(|error| EntropyError(error.to_string()))?;
            // Zero would let a proof pass unchecked; it is drawn once in 2^128.
            weights.push(u128::from_le_bytes(bytes).max(1));
        }
        Ok(weights)
    }
}
