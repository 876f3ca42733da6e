//! The jobs of a class that wait for an operator, in the order in which they are looked at.

use std::cmp::Reverse;

use super::{
    job::{Job, Status},
    value::Terms,
};
use crate::{
    Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list16, encoded_list16_len},
};

/// A job in the list, with what a first look needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingJob {
    pub job: Hash,
    pub terms: Terms,
    pub created: Height,
    pub place: u16,
    pub min_reputation: u16,
    /// Open, and not waiting for its event to be matched.
    pub is_open: bool,
    /// Under Cancel.
    pub is_cancelled: bool,
}

type Rank = (Reverse<u64>, Height, u16);

impl WaitingJob {
    /// Bytes of an encoded entry.
    pub const BYTES: usize = 32 + 8 + 8 + 4 + 4 + 4 + 2 + 2 + 1 + 1;

    pub fn of(id: Hash, job: &Job) -> Self {
        Self {
            job: id,
            terms: job.terms,
            created: job.created,
            place: job.place,
            min_reputation: job.min_reputation,
            is_open: job.status == Status::Open,
            is_cancelled: job.cancelled.is_some(),
        }
    }

    /// The dearest first, then the oldest. No two jobs of a chain share height and place.
    fn rank(&self) -> Rank {
        (Reverse(self.terms.price), self.created, self.place)
    }
}

/// The leaf of [`StateKey::Waiting`](crate::StateKey::Waiting), in the order of the jobs' ranks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting(pub Vec<WaitingJob>);

impl Waiting {
    /// Most jobs in a list.
    pub const MAX: usize = 2_048;

    pub fn insert(&mut self, entry: WaitingJob) {
        match self.place(&entry) {
            Ok(place) => {
                if let Some(own) = self.0.get_mut(place) {
                    *own = entry;
                }
            }
            Err(place) => self.0.insert(place, entry),
        }
    }

    /// Takes out the entry of the same rank.
    pub fn remove(&mut self, entry: &WaitingJob) {
        if let Ok(place) = self.place(entry) {
            self.0.remove(place);
        }
    }

    fn place(&self, entry: &WaitingJob) -> Result<usize, usize> {
        let rank = entry.rank();
        self.0.binary_search_by(|other| other.rank().cmp(&rank))
    }

    /// Jobs that are not under Cancel.
    pub fn standing(&self) -> usize {
        self.0.iter().filter(|entry| !entry.is_cancelled).count()
    }
}

impl Encode for WaitingJob {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.job.encode_into(out);
        self.terms.price.encode_into(out);
        self.terms.late_price.encode_into(out);
        self.terms.soft.encode_into(out);
        self.terms.hard.encode_into(out);
        self.created.encode_into(out);
        self.place.encode_into(out);
        self.min_reputation.encode_into(out);
        self.is_open.encode_into(out);
        self.is_cancelled.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for WaitingJob {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            job: reader.hash()?,
            terms: Terms {
                price: reader.u64()?,
                late_price: reader.u64()?,
                soft: reader.u32()?,
                hard: reader.u32()?,
            },
            created: reader.u32()?,
            place: reader.u16()?,
            min_reputation: reader.u16()?,
            is_open: bool::decode_from(reader)?,
            is_cancelled: bool::decode_from(reader)?,
        })
    }
}

impl Encode for Waiting {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list16(&self.0, out);
    }

    fn encoded_len(&self) -> usize {
        encoded_list16_len(&self.0)
    }
}

impl Decode for Waiting {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.filled16("waiting jobs", Self::MAX, WaitingJob::BYTES)?))
    }
}
