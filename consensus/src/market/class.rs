//! A class: a circuit with its policy, and how much of it is under way.

use super::Policy;
use crate::{
    Address, Height,
    codec::{Decode, DecodeError, Encode, Reader, layout},
};

/// The leaf of [`StateKey::Class`](crate::StateKey::Class).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Who registered it, and receives its royalties.
    pub creator: Address,
    pub system: u8,
    pub policy: Policy,
    pub royalty_bps: u16,
    /// Public values of a job.
    pub values: u16,
    /// Jobs that have not ended.
    pub live: u16,
    /// Jobs that are assigned.
    pub assigned: u16,
    /// Jobs that were delivered, ever.
    pub delivered: u64,
    /// The price of the last match, and its height; 0, 0: there was none.
    pub last_price: u64,
    pub last_height: Height,
}

layout!(Class {
    creator,
    system,
    policy,
    royalty_bps,
    values,
    live,
    assigned,
    delivered,
    last_price,
    last_height
});

/// The leaf of [`StateKey::Key`](crate::StateKey::Key): the verifying key, all of the leaf's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassKey(pub Vec<u8>);

impl Encode for ClassKey {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Decode for ClassKey {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.rest()))
    }
}
