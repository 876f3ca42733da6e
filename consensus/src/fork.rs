//! Fork choice: most cumulative work wins, the first seen wins a tie (specification section 3).

use std::{fmt, str::FromStr};

use ethnum::U256;
use lode_puzzle::Target;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// The work of a chain from genesis, which itself counts nothing, to one of its blocks. 256 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainWork(U256);

impl ChainWork {
    /// The work at genesis.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The work after a block with this target. A block adds less than 2^192, so that no chain of
    /// 2^32 blocks overflows.
    #[must_use]
    pub fn after(self, target: Target) -> Self {
        Self(self.0.saturating_add(target.work()))
    }

    /// Whether a node on a chain with `self` moves to a chain with `candidate`: only for strictly
    /// more work.
    pub fn moves_to(self, candidate: Self) -> bool {
        candidate > self
    }
}

impl fmt::Display for ChainWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no decimal number of at most 256 bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("work: expected a decimal number below 2^256, got {got:?}")]
pub struct WorkParseError {
    got: String,
}

impl FromStr for ChainWork {
    type Err = WorkParseError;

    /// What the display shows.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || WorkParseError { got: text.chars().take(80).collect() };
        if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(refused());
        }
        U256::from_str_radix(text, 10).map(Self).map_err(|_| refused())
    }
}

impl Encode for ChainWork {
    /// 32 bytes, big-endian, so that a database orders by work.
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Decode for ChainWork {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(U256::from_be_bytes(reader.array()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_read_as_it_is_shown() {
        let most = ChainWork(U256::MAX);
        for work in [ChainWork::ZERO, ChainWork(U256::ONE << 192), most] {
            assert_eq!(work.to_string().parse(), Ok(work));
        }
        let too_much = format!("{most}0");
        for text in ["", "-1", "+1", "0x1", " 1", "1e9", &too_much] {
            assert!(text.parse::<ChainWork>().is_err(), "{text}");
        }
    }
}
