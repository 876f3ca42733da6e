//! A job for sale: a statement of a class, and what its proof is worth when.

use super::{StaticError, error::range};
use crate::{
    Address, Hash,
    codec::{
        Decode, DecodeError, Encode, Reader, encode_bytes16, encode_list16, encoded_bytes16_len,
        encoded_list16_len,
    },
    market::{MAX_REPUTATION_GATE, MAX_VALUES, Value, job::Flags},
};

/// Posts a job, whose id is the transaction's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub class: Hash,
    /// What a proof is worth up to `soft_blocks`, in microcredits, at least 1. Escrowed.
    pub price: u64,
    /// What it is worth at `hard_blocks`.
    pub late_price: u64,
    /// Blocks from the Request's on after which the value begins to fall.
    pub soft_blocks: u32,
    /// Blocks from the Request's on after which a proof is worth nothing.
    pub hard_blocks: u32,
    /// The least bond of the operator, besides the class's rules.
    pub damage: u64,
    pub min_reputation: u16,
    /// Cancelled, and not left open, if no ask fits at once.
    pub immediate: bool,
    /// The only operator that may be assigned, for a direct job.
    pub operator: Option<Address>,
    /// The statement's public values.
    pub values: Vec<Value>,
    /// What the prover needs besides. Opaque to the chain, and no part of its state.
    pub witness: Vec<u8>,
}

impl Request {
    pub(super) const TAG: u8 = 6;
    pub const MAX_BLOCKS: u32 = 100_000;
    pub const MAX_WITNESS_BYTES: usize = 16 << 10;

    pub(super) fn check_static(&self) -> Result<(), StaticError> {
        range("price", self.price, 1, u64::MAX)?;
        range("late_price", self.late_price, 0, self.price)?;
        range("hard_blocks", self.hard_blocks.into(), 1, Self::MAX_BLOCKS.into())?;
        range("soft_blocks", self.soft_blocks.into(), 1, self.hard_blocks.into())?;
        range("min_reputation", self.min_reputation.into(), 0, MAX_REPUTATION_GATE.into())
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags { immediate: self.immediate, direct: self.operator.is_some() }
    }
}

impl Encode for Request {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.class.encode_into(out);
        self.price.encode_into(out);
        self.late_price.encode_into(out);
        self.soft_blocks.encode_into(out);
        self.hard_blocks.encode_into(out);
        self.damage.encode_into(out);
        self.min_reputation.encode_into(out);
        self.flags().encode_into(out);
        if let Some(operator) = &self.operator {
            operator.encode_into(out);
        }
        encode_list16(&self.values, out);
        encode_bytes16(&self.witness, out);
    }

    fn encoded_len(&self) -> usize {
        const FIXED: usize = 32 + 8 + 8 + 4 + 4 + 8 + 2 + 1;
        let operator = if self.operator.is_some() { Address::BYTES } else { 0 };
        FIXED
            .saturating_add(operator)
            .saturating_add(encoded_list16_len(&self.values))
            .saturating_add(encoded_bytes16_len(&self.witness))
    }
}

impl Decode for Request {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let class = reader.hash()?;
        let price = reader.u64()?;
        let late_price = reader.u64()?;
        let soft_blocks = reader.u32()?;
        let hard_blocks = reader.u32()?;
        let damage = reader.u64()?;
        let min_reputation = reader.u16()?;
        let Flags { immediate, direct } = Flags::decode_from(reader)?;
        let operator = if direct { Some(Address::decode_from(reader)?) } else { None };
        let values = reader.list16("values", MAX_VALUES, Value::BYTES)?;
        let witness = reader.bytes16("witness bytes", Self::MAX_WITNESS_BYTES)?;
        Ok(Self {
            class,
            price,
            late_price,
            soft_blocks,
            hard_blocks,
            damage,
            min_reputation,
            immediate,
            operator,
            values,
            witness,
        })
    }
}
