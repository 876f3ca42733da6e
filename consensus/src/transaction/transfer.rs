//! Payments from one account to another.

use super::StaticError;
use crate::{
    Address,
    codec::{Decode, DecodeError, Encode, Reader},
};

/// A payment from the sender of a transaction to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The receiver.
    pub to: Address,
    /// What `to` receives, in microcredits, at least 1.
    pub amount: u64,
}

impl Transfer {
    /// The kind's tag.
    pub(super) const TAG: u8 = 1;
    /// Bytes of the body, which is all of the transaction that is not its envelope.
    pub const BYTES: usize = Address::BYTES + 8;

    /// Checks the ranges that need no state.
    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        if self.amount == 0 {
            return Err(StaticError::ZeroAmount);
        }
        Ok(())
    }
}

impl Encode for Transfer {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.to.encode_into(out);
        out.extend_from_slice(&self.amount.to_le_bytes());
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for Transfer {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { to: Address::decode_from(reader)?, amount: reader.u64()? })
    }
}
