//! Registration of a class: a circuit whose proofs are sold, and who may prove it.

use super::{StaticError, error::range};
use crate::{
    Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_bytes16, encoded_bytes16_len},
    market::Policy,
    params::MarketSpec,
};

/// Makes a class, whose id is the transaction's, and which never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterClass {
    /// The proof system; 1 is Varuna.
    pub system: u8,
    pub policy: Policy,
    /// What the creator receives of each pay, in 1/10,000.
    pub royalty_bps: u16,
    /// The verifying key, as the system writes it.
    pub key: Vec<u8>,
    /// What provers make the circuit of. Opaque to the chain, and no part of its state.
    pub source: Vec<u8>,
}

impl RegisterClass {
    pub(super) const TAG: u8 = 2;
    /// The proof system that this software knows.
    pub const SYSTEM: u8 = 1;
    pub const MAX_ROYALTY_BPS: u16 = 2_000;
    pub const MAX_KEY_BYTES: usize = 8 << 10;
    pub const MAX_SOURCE_BYTES: usize = 32 << 10;
    /// What checking the key costs, in units of the proof budget.
    pub const UNITS: u64 = 3_000;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        range("royalty_bps", self.royalty_bps.into(), 0, Self::MAX_ROYALTY_BPS.into())?;
        self.policy.check()
    }

    /// Checks the ranges that depend on the network and on the height of the block.
    pub(crate) fn check_at(&self, market: &MarketSpec, height: Height) -> Result<(), StaticError> {
        self.policy.check_at(market, height)
    }
}

impl Encode for RegisterClass {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.system.encode_into(out);
        self.policy.encode_into(out);
        self.royalty_bps.encode_into(out);
        encode_bytes16(&self.key, out);
        encode_bytes16(&self.source, out);
    }

    fn encoded_len(&self) -> usize {
        let bytes =
            encoded_bytes16_len(&self.key).saturating_add(encoded_bytes16_len(&self.source));
        bytes.saturating_add(self.policy.encoded_len()).saturating_add(1 + 2)
    }
}

impl Decode for RegisterClass {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let system = reader.u8()?;
        if system != Self::SYSTEM {
            return Err(DecodeError::UnknownTag { what: "proof system", tag: system });
        }
        Ok(Self {
            system,
            policy: Policy::decode_from(reader)?,
            royalty_bps: reader.u16()?,
            key: reader.bytes16("key bytes", Self::MAX_KEY_BYTES)?,
            source: reader.bytes16("source bytes", Self::MAX_SOURCE_BYTES)?,
        })
    }
}
