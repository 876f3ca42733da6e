//! What requesters and assignees do with a job that is there, and its delivery.

use super::{StaticError, error::range};
use crate::{
    Address, Hash,
    codec::{
        Decode, DecodeError, Encode, Reader, encode_bytes16, encode_list8, encoded_bytes16_len,
        encoded_list8_len, layout,
    },
};

/// Raises the value of the sender's job, or by nothing to have it matched again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    pub job: Hash,
    /// The new price, not below the old one.
    pub price: u64,
    /// The new late price, not below the old one and not above the new price.
    pub late_price: u64,
}

/// Takes the sender's job back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    pub job: Hash,
}

/// Gives back a job that was assigned to the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    pub job: Hash,
}

/// Delivers one proof for one or more jobs of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// 1 to 16 jobs, strictly ascending: the proof's instances in this order.
    pub jobs: Vec<Hash>,
    /// Any bytes are a proof; what the system does not accept does not hold.
    pub proof: Vec<u8>,
}

layout!(Raise { job, price, late_price });
layout!(Cancel { job });
layout!(Decline { job });

impl Raise {
    pub(super) const TAG: u8 = 7;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        range("late_price", self.late_price, 0, self.price)
    }
}

impl Cancel {
    pub(super) const TAG: u8 = 8;
}

impl Decline {
    pub(super) const TAG: u8 = 9;
}

impl Deliver {
    pub(super) const TAG: u8 = 10;
    pub const MAX_JOBS: usize = 16;
    pub const MAX_PROOF_BYTES: usize = 32 << 10;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        let count = u64::try_from(self.jobs.len()).unwrap_or(u64::MAX);
        range("jobs", count, 1, 16)?;
        if !self.jobs.is_sorted_by(|a, b| a < b) {
            return Err(StaticError::NotAscending("jobs"));
        }
        Ok(())
    }

    /// What the proof must be bound to, so that it is worth nothing to another operator, for other
    /// jobs or on another network: `B256("lode/delivery/v1" ‖ genesis_hash ‖ u8(count) ‖ job ids ‖
    /// operator)`.
    pub fn binding(&self, genesis_hash: &Hash, operator: &Address) -> Hash {
        let mut jobs = Vec::with_capacity(encoded_list8_len(&self.jobs));
        encode_list8(&self.jobs, &mut jobs);
        Hash::of("lode/delivery/v1", &[&genesis_hash.0, &jobs, &operator.0])
    }
}

impl Encode for Deliver {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list8(&self.jobs, out);
        encode_bytes16(&self.proof, out);
    }

    fn encoded_len(&self) -> usize {
        encoded_list8_len(&self.jobs).saturating_add(encoded_bytes16_len(&self.proof))
    }
}

impl Decode for Deliver {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            jobs: reader.list8("jobs", Self::MAX_JOBS, 32)?,
            proof: reader.bytes16("proof bytes", Self::MAX_PROOF_BYTES)?,
        })
    }
}
