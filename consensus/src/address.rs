//! Aleo addresses: the x-coordinate of a point on the Edwards curve over BLS12-377's scalar field,
//! 32 bytes.

use std::{fmt, str::FromStr};

use snarkvm::{
    console::{account::Address as AleoAddress, network::MainnetV0},
    utilities::{FromBytes, ToBytes},
};

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// An account's address, as its 32 canonical bytes.
///
/// Decoding takes any 32 bytes, so that reading one's own database costs no square root;
/// [`Address::check`] is the rule, and every address of a header, share or transaction passes it
/// before the block is accepted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 32]);

/// Why 32 bytes or a text are no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// snarkVM's `Address::read_le` refuses the bytes, or encodes the point differently.
    #[error("{0} is not the canonical encoding of an Aleo address")]
    NotCanonical(String),
    /// The text is not bech32m with the prefix `aleo1`.
    #[error("{0:?} is not an Aleo address (aleo1…, 63 characters)")]
    NotText(String),
    /// Bech32m is written in one case: JavaScript's SDK takes what mixes them, and snarkVM calls
    /// its prefix invalid.
    #[error("{0:?} mixes upper and lower case: an address is written in one of them")]
    MixedCase(String),
}

impl Address {
    pub const BYTES: usize = 32;
    /// Letters and digits of an address as text: `aleo1`, 52 for the bytes, 6 for the checksum.
    pub const TEXT_BYTES: usize = 63;

    /// The rule of specification section 3: snarkVM reads these bytes and writes the same bytes
    /// again.
    pub fn check(&self) -> Result<(), AddressError> {
        self.to_aleo().map(|_| ())
    }

    /// The address as snarkVM's type, for verifying signatures and for printing.
    pub fn to_aleo(&self) -> Result<AleoAddress<MainnetV0>, AddressError> {
        let refused = || AddressError::NotCanonical(hex::encode(self.0));
        let address = AleoAddress::<MainnetV0>::read_le(&self.0[..]).map_err(|_| refused())?;
        match address.to_bytes_le() {
            Ok(bytes) if bytes == self.0 => Ok(address),
            _ => Err(refused()),
        }
    }
}

impl TryFrom<&AleoAddress<MainnetV0>> for Address {
    type Error = AddressError;

    fn try_from(address: &AleoAddress<MainnetV0>) -> Result<Self, Self::Error> {
        let refused = || AddressError::NotText(address.to_string());
        let bytes = address.to_bytes_le().map_err(|_| refused())?;
        Ok(Self(bytes.try_into().map_err(|_| refused())?))
    }
}

/// Takes lower case, and all upper case, which QR codes hold in less space;
/// [`Display`](fmt::Display) writes lower case.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(80).collect();
        if text.len() != Self::TEXT_BYTES {
            return Err(AddressError::NotText(shown()));
        }
        let lower = text.to_ascii_lowercase();
        let address = AleoAddress::<MainnetV0>::from_str(&lower)
            .map_err(|_| AddressError::NotText(shown()))?;
        if text != lower && text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(AddressError::MixedCase(shown()));
        }
        Self::try_from(&address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_aleo() {
            Ok(address) => address.fmt(f),
            Err(_) => write!(f, "invalid:{}", hex::encode(self.0)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encode for Address {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for Address {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "aleo1f2dlkdtldhxkxlse5cm6zjha4yk5ghqyelf6p94nfjrhlq5p3yxsrxufr0";

    #[test]
    fn upper_case_is_the_same_address_and_is_written_in_lower_case() {
        let address: Address = TEXT.parse().unwrap();
        assert_eq!(TEXT.to_ascii_uppercase().parse(), Ok(address));
        assert_eq!(address.to_string(), TEXT);
    }

    #[test]
    fn mixed_case_is_refused_with_the_reason() {
        for at in [0, 5, 61] {
            let mut mixed = TEXT.to_owned().into_bytes();
            mixed[at].make_ascii_uppercase();
            let mixed = String::from_utf8(mixed).unwrap();
            assert_ne!(mixed, TEXT);
            assert_eq!(mixed.parse::<Address>(), Err(AddressError::MixedCase(mixed)));
        }
        let upper_prefix = format!("ALEO1{}", &TEXT[5..]);
        assert_eq!(
            upper_prefix.parse::<Address>(),
            Err(AddressError::MixedCase(upper_prefix.clone()))
        );
    }

    #[test]
    fn other_texts_are_no_address() {
        let (upper, long) = (TEXT.to_ascii_uppercase(), "q".repeat(100_000));
        let wrong_sum = format!("{}{}", &upper[..62], if upper.ends_with('Q') { 'P' } else { 'Q' });
        for text in [
            "",
            "aleo1",
            &TEXT[..62],
            &format!("{TEXT}q"),
            &wrong_sum,
            &format!(" {}", &TEXT[1..]),
            &long,
        ] {
            let shown = text.chars().take(80).collect();
            assert_eq!(text.parse::<Address>(), Err(AddressError::NotText(shown)));
        }
        // As long in bytes, and no ASCII.
        assert!(format!("{}é", &TEXT[..61]).parse::<Address>().is_err());
    }
}
