//! A job: what was asked for, and where it stands.

use super::value::Terms;
use crate::{
    Address, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list16, encoded_list16_len, layout},
};

/// Most public values of a job: what its class's proof system allows.
pub const MAX_VALUES: usize = 64;
/// Misses and declines together after which a job is not assigned again.
pub const MAX_RETURNS: usize = 8;
/// Most deliveries of a contest's job.
pub const MAX_DELIVERIES: usize = 16;
/// Blocks from the hard limit on for which an ended job keeps a leaf, so that a batch that lists it
/// is still judged.
pub const ENDED_BLOCKS: Height = 65;

/// A public value: an element of BLS12-377's scalar field, 32 canonical bytes, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(pub [u8; 32]);

impl Value {
    pub const BYTES: usize = 32;
    /// The field's order, little-endian.
    const ORDER: [u8; 32] = [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x80, 0x11, 0x0a, 0x01, 0x00, 0x00, 0xd0, 0xfe, 0x76, 0xaa,
        0x59, 0x01, 0xb0, 0x37, 0x5c, 0x1e, 0x4d, 0xb4, 0x60, 0x56, 0xa5, 0x2c, 0x9a, 0x5e, 0x65,
        0xab, 0x12,
    ];
}

impl Encode for Value {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for Value {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes: [u8; 32] = reader.array()?;
        if !bytes.iter().rev().lt(Self::ORDER.iter().rev()) {
            let high = bytes.last_chunk::<16>().copied().unwrap_or_default();
            return Err(DecodeError::Invalid { what: "value", got: u128::from_le_bytes(high) });
        }
        Ok(Self(bytes))
    }
}

/// The flags of a Request and of its job: immediate or cancel, and direct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) immediate: bool,
    pub(crate) direct: bool,
}

impl Flags {
    const IMMEDIATE: u8 = 1;
    const DIRECT: u8 = 2;
}

impl Encode for Flags {
    fn encode_into(&self, out: &mut Vec<u8>) {
        let immediate = if self.immediate { Self::IMMEDIATE } else { 0 };
        let direct = if self.direct { Self::DIRECT } else { 0 };
        out.push(immediate | direct);
    }

    fn encoded_len(&self) -> usize {
        1
    }
}

impl Decode for Flags {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        if flags & !(Self::IMMEDIATE | Self::DIRECT) != 0 {
            return Err(DecodeError::Invalid { what: "flags", got: flags.into() });
        }
        let has = |flag| flags & flag != 0;
        Ok(Self { immediate: has(Self::IMMEDIATE), direct: has(Self::DIRECT) })
    }
}

/// The leaf of [`StateKey::Job`](crate::StateKey::Job).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobLeaf {
    Live(Box<Job>),
    Ended(EndedJob),
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Delivered,
    Failed,
    Cancelled,
}

/// What stays of a job for [`ENDED_BLOCKS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedJob {
    pub end: End,
    pub class: Hash,
    pub values: Vec<Value>,
    pub hard: Height,
}

/// A job that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub class: Hash,
    pub terms: Terms,
    pub damage: u64,
    pub min_reputation: u16,
    /// Cancelled, and not left open, if no ask fits at once.
    pub immediate: bool,
    /// The only operator that may be assigned.
    pub operator: Option<Address>,
    pub values: Vec<Value>,
    pub requester: Address,
    pub created: Height,
    /// The place of its Request among the block's transactions.
    pub place: u16,
    pub escrow: u64,
    /// The requester's.
    pub bond: u64,
    pub status: Status,
    /// The height of a Cancel that has not taken effect.
    pub cancelled: Option<Height>,
    /// The height at which it became open, while it is.
    pub opened: Option<Height>,
    /// What a delivery is paid at most after eight operators gave the job back.
    pub open_price: Option<u64>,
    pub misses: Vec<Miss>,
    pub declines: Vec<Decline>,
    /// Of a contest.
    pub deliveries: Vec<Delivery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Its event is still to be matched.
    Waiting,
    /// No ask fitted; who has a proof may deliver it.
    Open,
    Assigned(Assigned),
}

/// An assignment that is neither kept nor broken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assigned {
    pub operator: Address,
    /// What the operator is paid.
    pub ask_price: u64,
    /// The last height at which a delivery keeps the promise.
    pub promise: Height,
    /// What of the operator's bond is locked.
    pub bond: u64,
    pub assigned: Height,
}

/// A promise that was broken. Its bond stays locked until the job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miss {
    pub operator: Address,
    pub promise: Height,
    pub bond: u64,
    pub ask_price: u64,
}

/// An assignment that was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decline {
    pub operator: Address,
    pub ask_price: u64,
    pub burned: u64,
}

/// A proof of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    pub operator: Address,
    pub height: Height,
}

layout!(Assigned { operator, ask_price, promise, bond, assigned });
layout!(Miss { operator, promise, bond, ask_price });
layout!(Decline { operator, ask_price, burned });
layout!(Delivery { operator, height });

impl JobLeaf {
    pub fn class(&self) -> &Hash {
        match self {
            Self::Live(job) => &job.class,
            Self::Ended(job) => &job.class,
        }
    }

    pub fn values(&self) -> &[Value] {
        match self {
            Self::Live(job) => &job.values,
            Self::Ended(job) => &job.values,
        }
    }

    pub fn live(&self) -> Option<&Job> {
        match self {
            Self::Live(job) => Some(job),
            Self::Ended(_) => None,
        }
    }

    /// What the leaf holds of credits: the escrow and the requester's bond.
    pub fn held(&self) -> u64 {
        self.live().map_or(0, |job| job.escrow.saturating_add(job.bond))
    }
}

impl Job {
    /// What stays of the job when it ends.
    pub fn ended(&self, end: End) -> EndedJob {
        EndedJob { end, class: self.class, values: self.values.clone(), hard: self.terms.hard }
    }

    /// Operators that gave the job back, by missing or by declining.
    pub fn returns(&self) -> usize {
        self.misses.len().saturating_add(self.declines.len())
    }

    /// Whether as many operators gave the job back as may.
    pub fn is_spent(&self) -> bool {
        self.returns() >= MAX_RETURNS
    }

    /// Whether an operator gave the job back, and may not have it again.
    pub fn was_returned_by(&self, operator: &Address) -> bool {
        self.misses.iter().any(|miss| miss.operator == *operator)
            || self.declines.iter().any(|decline| decline.operator == *operator)
    }

    /// The price for which the operator had the job and gave it back: it gets no more for it.
    pub fn returned_price(&self, operator: &Address) -> Option<u64> {
        let misses = self.misses.iter().map(|miss| (miss.operator, miss.ask_price));
        let declines = self.declines.iter().map(|decline| (decline.operator, decline.ask_price));
        misses.chain(declines).filter(|(who, _)| who == operator).map(|(_, price)| price).min()
    }

    /// The last height at which a contest takes deliveries, once it has one.
    pub fn window_end(&self, window: u16) -> Option<Height> {
        let first = self.deliveries.first()?.height;
        Some(first.saturating_add(window.into()).min(self.terms.hard))
    }

    fn flags(&self) -> Flags {
        Flags { immediate: self.immediate, direct: self.operator.is_some() }
    }
}

impl Encode for Status {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Waiting => out.push(0),
            Self::Open => out.push(1),
            Self::Assigned(assigned) => {
                out.push(2);
                assigned.encode_into(out);
            }
        }
    }

    fn encoded_len(&self) -> usize {
        match self {
            Self::Waiting | Self::Open => 1,
            Self::Assigned(assigned) => assigned.encoded_len().saturating_add(1),
        }
    }
}

impl Decode for Status {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::Waiting),
            1 => Ok(Self::Open),
            2 => Assigned::decode_from(reader).map(Self::Assigned),
            tag => Err(DecodeError::UnknownTag { what: "job status", tag }),
        }
    }
}

impl Encode for JobLeaf {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Live(job) => {
                out.push(0);
                job.encode_into(out);
            }
            Self::Ended(job) => {
                out.push(match job.end {
                    End::Delivered => 1,
                    End::Failed => 2,
                    End::Cancelled => 3,
                });
                job.class.encode_into(out);
                encode_list16(&job.values, out);
                job.hard.encode_into(out);
            }
        }
    }
}

impl Decode for JobLeaf {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let end = match reader.u8()? {
            0 => return Job::decode_from(reader).map(|job| Self::Live(Box::new(job))),
            1 => End::Delivered,
            2 => End::Failed,
            3 => End::Cancelled,
            tag => return Err(DecodeError::UnknownTag { what: "job", tag }),
        };
        Ok(Self::Ended(EndedJob {
            end,
            class: reader.hash()?,
            values: reader.list16("values", MAX_VALUES, Value::BYTES)?,
            hard: reader.u32()?,
        }))
    }
}

impl Encode for Job {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.class.encode_into(out);
        self.terms.price.encode_into(out);
        self.terms.late_price.encode_into(out);
        self.terms.soft.encode_into(out);
        self.terms.hard.encode_into(out);
        self.damage.encode_into(out);
        self.min_reputation.encode_into(out);
        self.flags().encode_into(out);
        if let Some(operator) = &self.operator {
            operator.encode_into(out);
        }
        encode_list16(&self.values, out);
        self.requester.encode_into(out);
        self.created.encode_into(out);
        self.place.encode_into(out);
        self.escrow.encode_into(out);
        self.bond.encode_into(out);
        self.status.encode_into(out);
        self.cancelled.encode_into(out);
        self.opened.encode_into(out);
        self.open_price.encode_into(out);
        encode_list16(&self.misses, out);
        encode_list16(&self.declines, out);
        encode_list16(&self.deliveries, out);
    }

    fn encoded_len(&self) -> usize {
        const FIXED: usize = 32 + 8 + 8 + 4 + 4 + 8 + 2 + 1 + 32 + 4 + 2 + 8 + 8;
        [
            if self.operator.is_some() { Address::BYTES } else { 0 },
            encoded_list16_len(&self.values),
            self.status.encoded_len(),
            self.cancelled.encoded_len(),
            self.opened.encoded_len(),
            self.open_price.encoded_len(),
            encoded_list16_len(&self.misses),
            encoded_list16_len(&self.declines),
            encoded_list16_len(&self.deliveries),
        ]
        .into_iter()
        .fold(FIXED, usize::saturating_add)
    }
}

impl Decode for Job {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let class = reader.hash()?;
        let terms = Terms {
            price: reader.u64()?,
            late_price: reader.u64()?,
            soft: reader.u32()?,
            hard: reader.u32()?,
        };
        let (damage, min_reputation) = (reader.u64()?, reader.u16()?);
        let Flags { immediate, direct } = Flags::decode_from(reader)?;
        let operator = if direct { Some(Address::decode_from(reader)?) } else { None };
        Ok(Self {
            class,
            terms,
            damage,
            min_reputation,
            immediate,
            operator,
            values: reader.list16("values", MAX_VALUES, Value::BYTES)?,
            requester: Address::decode_from(reader)?,
            created: reader.u32()?,
            place: reader.u16()?,
            escrow: reader.u64()?,
            bond: reader.u64()?,
            status: Status::decode_from(reader)?,
            cancelled: Option::decode_from(reader)?,
            opened: Option::decode_from(reader)?,
            open_price: Option::decode_from(reader)?,
            misses: reader.list16("misses", MAX_RETURNS, 32)?,
            declines: reader.list16("declines", MAX_RETURNS, 32)?,
            deliveries: reader.list16("deliveries", MAX_DELIVERIES, 32)?,
        })
    }
}
