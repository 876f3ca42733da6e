//! Why a key is refused, or a proof does not hold.

/// Why bytes are no key of a class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another length than every key of the system has.
    #[error("key: expected {expected} bytes, got {got}")]
    Length {
        /// Bytes of a key.
        expected: usize,
        /// Bytes at hand.
        got: usize,
    },
    /// A number that the key states is outside its range.
    #[error("key: expected {min} to {max} {what}, got {got}")]
    Range {
        /// What is counted.
        what: &'static str,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
        /// What the key states.
        got: u64,
    },
    /// A point that does not decode, is not on the curve or not in the subgroup.
    #[error("key: expected points of the subgroup: {0}")]
    Malformed(String),
    /// It decodes, but encodes to other bytes.
    #[error("key: expected the canonical encoding, got another one of the same key")]
    NotCanonical,
    /// The library panicked.
    #[error("key: expected a key that can be parsed, but the library panicked: {0}")]
    Panicked(String),
}

/// Why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No instance, or too many.
    #[error("proof: expected 1 to {max} instances, got {got}")]
    Instances {
        /// The most allowed.
        max: usize,
        /// Instances at hand.
        got: usize,
    },
    /// An instance with another number of public values than the key asks for.
    #[error("proof: expected {expected} public values in instance {instance}, got {got}")]
    Values {
        /// Which one, from 0.
        instance: usize,
        /// The key's number.
        expected: usize,
        /// Values at hand.
        got: usize,
    },
    /// A public value that is no canonical field element.
    #[error(
        "proof: expected value {value} of instance {instance} below the field's modulus, got {}",
        hex::encode(.got)
    )]
    Value {
        /// Which instance, from 0.
        instance: usize,
        /// Which of its values, from 0.
        value: usize,
        /// The bytes, little-endian.
        got: [u8; 32],
    },
    /// Another length than every proof of so many instances has.
    #[error("proof: expected {expected} bytes, got {got}")]
    Length {
        /// Bytes of a proof of so many instances.
        expected: usize,
        /// Bytes at hand.
        got: usize,
    },
    /// A number that the proof states differs from what the statement fixes.
    #[error("proof: expected {expected} {what}, got {got}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// What the statement fixes.
        expected: u64,
        /// What the proof states.
        got: u64,
    },
    /// A point or field element that does not decode.
    #[error("proof: expected points of the subgroup and canonical field elements: {0}")]
    Malformed(String),
    /// It decodes, but encodes to other bytes.
    #[error("proof: expected the canonical encoding, got another one of the same proof")]
    NotCanonical,
    /// It decodes, and the equations of the system do not hold.
    #[error("proof: expected one that the verifier accepts: {0}")]
    Refused(String),
    /// The library panicked.
    #[error("proof: expected one that can be verified, but the library panicked: {0}")]
    Panicked(String),
}
