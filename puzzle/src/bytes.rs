//! 32-byte identifiers: lower-case hex outside, plain bytes inside, and the two BLAKE2b widths of
//! the protocol.

use blake2::{Blake2b256, Blake2b512, Digest};

/// Text that is not the hex form of a 32-byte value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// The text has the wrong number of characters.
    #[error("expected 64 hex digits, got {got} characters")]
    Length {
        /// Characters given.
        got: usize,
    },
    /// A character is no hex digit.
    #[error("expected hex digits only")]
    Digit,
}

pub(crate) fn parse_hex_32(text: &str) -> Result<[u8; 32], HexError> {
    let mut bytes = [0; 32];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(hex::FromHexError::InvalidHexCharacter { .. }) => Err(HexError::Digit),
        Err(_) => Err(HexError::Length { got: text.chars().count() }),
    }
}

/// `B256`: BLAKE2b with 32 bytes of output over the concatenated parts.
pub(crate) fn blake2b_256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Blake2b256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// `B512`: BLAKE2b with 64 bytes of output over the concatenated parts.
pub(crate) fn blake2b_512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Blake2b512::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Gives a 32-byte newtype its text form: lower-case hex for `Display` and `Debug`, hex of either
/// case for `FromStr`.
macro_rules! impl_hex_32 {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::HexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::bytes::parse_hex_32(text).map(Self)
            }
        }
    };
}
pub(crate) use impl_hex_32;
