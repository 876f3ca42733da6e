//! BLAKE2b-256 with domain separation: the only hash of the chain.

use std::{fmt, str::FromStr};

use blake2::{Blake2b, Digest, digest::consts::U32, digest::consts::U64};

/// A 32-byte BLAKE2b digest. It prints as lower-case hex.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// 32 zero bytes: genesis has no anchor, and an empty Merkle tree has no top.
    pub const ZERO: Self = Self([0; 32]);

    /// `B256(domain ‖ parts…)`: plain BLAKE2b with 32 bytes of output, no key and no salt.
    pub fn of(domain: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = Blake2b::<U32>::new();
        hasher.update(domain.as_bytes());
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The digest's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `B512(domain ‖ parts…)`: plain BLAKE2b with 64 bytes of output.
pub fn blake2b_512(domain: &str, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Blake2b::<U64>::new();
    hasher.update(domain.as_bytes());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hexadecimal digits, got {got:?}")]
pub struct HashParseError {
    got: String,
}

impl FromStr for Hash {
    type Err = HashParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            // A caller may print this: never more than a line's worth of what it was given.
            Err(_) => Err(HashParseError { got: text.chars().take(80).collect() }),
        }
    }
}
