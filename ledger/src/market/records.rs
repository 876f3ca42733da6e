//! The values of the market's columns: a tag of one byte for each variant, then its fields in the
//! order in which they are declared, integers little-endian.

use lode_consensus::{
    Address, Decode, DecodeError, Encode,
    codec::Reader,
    market::{
        JobLeaf,
        event::{Delivered, JobChange, JobEvent, Outcome, Void},
        job::{Assigned, End, MAX_DELIVERIES, Status},
        settlement::Slash,
    },
};

/// Where a job stands, also after its leaf has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStatus {
    /// Its event is still to be matched.
    Waiting,
    Open,
    Assigned,
    Delivered,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Open, Self::Assigned, Self::Delivered, Self::Failed, Self::Cancelled];

    /// What a job's leaf says.
    pub fn of(leaf: &JobLeaf) -> Self {
        match leaf {
            JobLeaf::Live(job) => match job.status {
                Status::Waiting => Self::Waiting,
                Status::Open => Self::Open,
                Status::Assigned(_) => Self::Assigned,
            },
            JobLeaf::Ended(job) => job.end.into(),
        }
    }

    /// What an event says of a job that has ended by it.
    pub(crate) fn of_end(change: &JobChange) -> Option<Self> {
        match change {
            JobChange::Delivered(_) => Some(Self::Delivered),
            JobChange::Undelivered { end, .. } => Some((*end).into()),
            _ => None,
        }
    }

    /// Whether nothing can happen to the job any more.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Cancelled)
    }

    /// Its byte in keys.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Open => 1,
            Self::Assigned => 2,
            Self::Delivered => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
        }
    }
}

impl From<End> for JobStatus {
    fn from(end: End) -> Self {
        match end {
            End::Delivered => Self::Delivered,
            End::Failed => Self::Failed,
            End::Cancelled => Self::Cancelled,
        }
    }
}

/// For which prices jobs of a class were assigned in one block, in microcredits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Of the last assignment.
    pub last: u64,
    pub low: u64,
    pub high: u64,
    /// Assignments.
    pub count: u32,
}

impl Prices {
    /// Adds the price of one more assignment.
    pub(crate) fn with(before: Option<Self>, price: u64) -> Self {
        let before = before.unwrap_or(Self { last: price, low: price, high: price, count: 0 });
        Self {
            last: price,
            low: before.low.min(price),
            high: before.high.max(price),
            count: before.count.saturating_add(1),
        }
    }
}

/// What became of each transaction of a block, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcomes(pub Vec<Outcome>);

/// A record or a part of one, as bytes.
pub(crate) trait Field: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

macro_rules! canonical_fields {
    ($($field:ty),*) => {$(
        impl Field for $field {
            fn write(&self, out: &mut Vec<u8>) {
                self.encode_into(out);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Self::decode_from(reader)
            }
        }
    )*};
}

canonical_fields! { u32, u64, Address, Option<u64>, Assigned }

impl Field for u128 {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u128()
    }
}

/// What each was paid: `u8(count)`, then address and amount.
impl Field for Vec<(Address, u64)> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.len()).unwrap_or(u8::MAX));
        for (address, amount) in self {
            address.encode_into(out);
            amount.encode_into(out);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u8()?;
        if usize::from(count) > MAX_DELIVERIES {
            return Err(DecodeError::Invalid { what: "paid operators", got: count.into() });
        }
        (0..count).map(|_| Ok((Address::decode_from(reader)?, reader.u64()?))).collect()
    }
}

macro_rules! records {
    ($($record:ident { $($field:ident),* })*) => {$(
        impl Field for $record {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: Field::read(reader)?),* })
            }
        }
    )*};
}

records! {
    Slash { to_requester, to_deliverer, burned, unlocked }
    Delivered { paid, burned, royalty, subsidy, refund }
    Prices { last, low, high, count }
}

macro_rules! tagged {
    ($kind:ident, $what:literal: $(
        $tag:literal $variant:ident $(($inner:ident))? $({ $($field:ident),* })?
    )*) => {
        impl Field for $kind {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),* })? => {
                        out.push($tag);
                        $($inner.write(out);)?
                        $($($field.write(out);)*)?
                    })*
                }
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match reader.u8()? {
                    $($tag => {
                        $(let $inner = Field::read(reader)?;)?
                        $($(let $field = Field::read(reader)?;)*)?
                        Ok(Self::$variant $(($inner))? $({ $($field),* })?)
                    })*
                    tag => Err(DecodeError::UnknownTag { what: $what, tag }),
                }
            }
        }
    };
}

tagged! { Outcome, "outcome":
    0 Applied
    1 FalseProof
    2 Void(reason)
}

tagged! { Void, "void reason":
    0 FreeBond { needed, free }
    1 NoAsk
    2 NoClass
    3 ContestAsk
    4 MaxBond { needed, got }
    5 Gate
    6 Until { low, high, got }
    7 BookFull
    8 ClassFull
    9 PriceTooLow
    10 NoJob
    11 NotRequester
    12 JobAssigned
    13 JobBound
    14 Lowered
    15 NotAssignee
    16 DeclineLate { last }
    17 MixedJobs
    18 NothingToDeliver
}

tagged! { End, "end":
    1 Delivered
    2 Failed
    3 Cancelled
}

tagged! { JobChange, "job change":
    0 Requested
    1 Raised { price, late_price }
    2 Assigned(assigned)
    3 Opened { open_price }
    4 Missed { operator, bond }
    5 Declined { operator, burned }
    6 CancelBegun { burned }
    7 Proved { operator }
    8 Slashed { operator, slash }
    9 Delivered(delivered)
    10 Undelivered { end, refund, burned }
}

impl Field for Outcomes {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|outcome| outcome.write(out));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut outcomes = Vec::new();
        while !reader.is_empty() {
            outcomes.push(Outcome::read(reader)?);
        }
        Ok(Self(outcomes))
    }
}

/// `job ‖ class ‖ change`.
impl Field for JobEvent {
    fn write(&self, out: &mut Vec<u8>) {
        self.job.encode_into(out);
        self.class.encode_into(out);
        self.what.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { job: reader.hash()?, class: reader.hash()?, what: Field::read(reader)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::Hash;

    fn holds<T: Field + PartialEq + std::fmt::Debug>(value: &T, expected: &str) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        assert_eq!(hex::encode(&bytes), expected, "{value:?}");
        let mut reader = Reader::new(&bytes);
        assert_eq!(T::read(&mut reader).as_ref(), Ok(value));
        reader.finish().unwrap();
        if let Some(cut) = bytes.len().checked_sub(1) {
            assert!(T::read(&mut Reader::new(&bytes[..cut])).is_err(), "{value:?} cut short");
        }
    }

    #[test]
    fn every_reason_has_its_byte() {
        use Void::*;
        let plain = [
            (NoAsk, 1),
            (NoClass, 2),
            (ContestAsk, 3),
            (Gate, 5),
            (BookFull, 7),
            (ClassFull, 8),
            (PriceTooLow, 9),
            (NoJob, 10),
            (NotRequester, 11),
            (JobAssigned, 12),
            (JobBound, 13),
            (Lowered, 14),
            (NotAssignee, 15),
            (MixedJobs, 17),
            (NothingToDeliver, 18),
        ];
        for (reason, tag) in plain {
            holds(&reason, &hex::encode([tag]));
        }
        let (one, two) = ("0100000000000000", "0200000000000000");
        let free = format!("00{one}0000000000000000{two}");
        holds(&FreeBond { needed: 1, free: 2 }, &free);
        holds(&MaxBond { needed: 1, got: 2 }, &format!("04{one}{two}"));
        holds(&Until { low: 1, high: 2, got: 3 }, "06010000000200000003000000");
        holds(&DeclineLate { last: 1 }, "1001000000");
        holds(&Outcome::Applied, "00");
        holds(&Outcome::FalseProof, "01");
        holds(&Outcome::Void(NoJob), "020a");
        assert!(Void::read(&mut Reader::new(&[19])).is_err());
        assert!(Outcome::read(&mut Reader::new(&[3])).is_err());
    }

    #[test]
    fn every_change_has_its_byte() {
        use JobChange::*;
        let operator = Address([0xAA; 32]);
        let address = "aa".repeat(32);
        let [one, two, three, four] =
            [1_u64, 2, 3, 4].map(|number| hex::encode(number.to_le_bytes()));
        holds(&Requested, "00");
        holds(&Raised { price: 1, late_price: 2 }, &format!("01{one}{two}"));
        let assigned = job_assigned(operator);
        holds(&Assigned(assigned), &format!("02{address}{one}05000000{two}06000000"));
        holds(&Opened { open_price: None }, "0300");
        holds(&Opened { open_price: Some(1) }, &format!("0301{one}"));
        holds(&Missed { operator, bond: 1 }, &format!("04{address}{one}"));
        holds(&Declined { operator, burned: 1 }, &format!("05{address}{one}"));
        holds(&CancelBegun { burned: 1 }, &format!("06{one}"));
        holds(&Proved { operator }, &format!("07{address}"));
        let slash = Slash { to_requester: 1, to_deliverer: 2, burned: 3, unlocked: 4 };
        holds(&Slashed { operator, slash }, &format!("08{address}{one}{two}{three}{four}"));
        let delivered = super::Delivered {
            paid: vec![(operator, 1)],
            burned: 1,
            royalty: 2,
            subsidy: 3,
            refund: 4,
        };
        let paid = format!("0901{address}{one}{one}{two}{three}{four}");
        holds(&Delivered(delivered), &paid);
        let ended = Undelivered { end: End::Cancelled, refund: 1, burned: 2 };
        holds(&ended, &format!("0a03{one}{two}"));
        let event = JobEvent { job: Hash([1; 32]), class: Hash([2; 32]), what: Requested };
        holds(&event, &format!("{}{}00", "01".repeat(32), "02".repeat(32)));
    }

    fn job_assigned(operator: Address) -> Assigned {
        Assigned { operator, ask_price: 1, promise: 5, bond: 2, assigned: 6 }
    }

    #[test]
    fn prices_of_a_block_add_up() {
        let first = Prices::with(None, 5);
        assert_eq!(first, Prices { last: 5, low: 5, high: 5, count: 1 });
        let all = Prices::with(Some(Prices::with(Some(first), 9)), 7);
        assert_eq!(all, Prices { last: 7, low: 5, high: 9, count: 3 });
    }
}
