//! What leads to matching, and what falls due when: pages of events and of jobs.

use crate::{
    Address, Hash, Height,
    codec::{Decode, DecodeError, Encode, Reader, encode_list16, encoded_list16_len, layout},
};

/// Entries of a full page.
pub const PAGE: usize = 128;

/// Something that matching is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The first block whose matching takes it.
    pub due: Height,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A job that is new, was raised or came back.
    Job(Hash),
    /// An ask that was posted, or that has room again.
    Ask { class: Hash, operator: Address },
}

/// The leaf of [`StateKey::Queue`](crate::StateKey::Queue): one page of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueuePage(pub Vec<Event>);

/// The leaf of [`StateKey::Agenda`](crate::StateKey::Agenda): one page of the jobs that something
/// of is due at a height.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgendaPage(pub Vec<Hash>);

/// The leaf of [`StateKey::AgendaLast`](crate::StateKey::AgendaLast): the number of a height's last
/// page, there while that is not 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AgendaLast {
    pub page: u32,
}

/// The leaf of [`StateKey::AgendaOldest`](crate::StateKey::AgendaOldest): the first page that is
/// left of the heights up to the last block's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgendaOldest {
    pub height: Height,
    pub page: u32,
}

layout!(AgendaLast { page });
layout!(AgendaOldest { height, page });

impl Encode for Event {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match &self.what {
            What::Job(job) => {
                out.push(0);
                self.due.encode_into(out);
                job.encode_into(out);
            }
            What::Ask { class, operator } => {
                out.push(1);
                self.due.encode_into(out);
                class.encode_into(out);
                operator.encode_into(out);
            }
        }
    }
}

impl Decode for Event {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = reader.u8()?;
        let due = reader.u32()?;
        let what = match tag {
            0 => What::Job(reader.hash()?),
            1 => What::Ask { class: reader.hash()?, operator: Address::decode_from(reader)? },
            tag => return Err(DecodeError::UnknownTag { what: "event", tag }),
        };
        Ok(Self { due, what })
    }
}

impl Encode for QueuePage {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list16(&self.0, out);
    }
}

impl Decode for QueuePage {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.filled16("events", PAGE, 1 + 4 + 32)?))
    }
}

impl Encode for AgendaPage {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list16(&self.0, out);
    }

    fn encoded_len(&self) -> usize {
        encoded_list16_len(&self.0)
    }
}

impl Decode for AgendaPage {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.filled16("jobs", PAGE, 32)?))
    }
}
