//! Fork choice: most cumulative work wins, the first seen wins a tie (specification section 3).

use std::fmt;

use ethnum::U256;
use lode_puzzle::Target;

use crate::codec::{Decode, DecodeError, Encode, Reader};

/// The work of a chain from genesis, which itself counts nothing, to one of its blocks. 256 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainWork(U256);

impl ChainWork {
    /// The work at genesis.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The work after a block with this target. A block adds less than 2^192, so that no chain of 2^32 blocks
    /// overflows.
    #[must_use]
    pub fn after(self, target: Target) -> Self {
        Self(self.0.saturating_add(target.work()))
    }

    /// Whether a node on a chain with `self` moves to a chain with `candidate`: only for strictly more work.
    pub fn moves_to(self, candidate: Self) -> bool {
        candidate > self
    }
}

impl fmt::Display for ChainWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
