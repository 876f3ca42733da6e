//! What a block did to jobs, and what became of its transactions.

use super::job::{Assigned, End};
use crate::{Address, Hash};

/// What became of a transaction that a block includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    /// A Deliver whose proof was judged and does not hold: it delivered nothing and cost its
    /// sender.
    FalseProof,
    /// It paid its fee and did nothing.
    Void(Void),
}

/// Why a transaction did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    #[error("the free bond is too small: {needed} microcredits needed, {free} free")]
    FreeBond { needed: u128, free: u64 },
    #[error("no own ask in the class's book to take back")]
    NoAsk,
    #[error("there is no such class")]
    NoClass,
    #[error("a contest takes no asks")]
    ContestAsk,
    #[error("max_bond is below the bond of a job of this price: {needed} needed, {got} accepted")]
    MaxBond { needed: u64, got: u64 },
    #[error("the class's policy does not let the operator prove for this price")]
    Gate,
    #[error("until: expected {low} to {high}, got {got}")]
    Until { low: u32, high: u32, got: u32 },
    #[error("the class's book is full")]
    BookFull,
    #[error("the class has as many jobs as it may")]
    ClassFull,
    #[error("the class's waiting list is full, and no job in it gives way to this price")]
    PriceTooLow,
    #[error("there is no such job, or it has ended")]
    NoJob,
    #[error("the job is another requester's")]
    NotRequester,
    #[error("the job is assigned")]
    JobAssigned,
    #[error("the job has a miss, a delivery or a Cancel")]
    JobBound,
    #[error("the job's value would fall")]
    Lowered,
    #[error("the job is not assigned to the sender")]
    NotAssignee,
    #[error("the time to decline is over since height {last}")]
    DeclineLate { last: u32 },
    #[error("the jobs are not all of one class, or not all known")]
    MixedJobs,
    #[error("none of the jobs is the sender's to deliver now")]
    NothingToDeliver,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    pub job: Hash,
    pub class: Hash,
    pub what: JobChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobChange {
    /// Posted.
    Requested,
    /// Its values are these from now on.
    Raised {
        price: u64,
        late_price: u64,
    },
    Assigned(Assigned),
    /// No ask fitted. The price is set if eight operators gave the job back.
    Opened {
        open_price: Option<u64>,
    },
    /// The assignee broke its promise; the bond stays locked.
    Missed {
        operator: Address,
        bond: u64,
    },
    /// The assignee gave the job back.
    Declined {
        operator: Address,
        burned: u64,
    },
    /// It will be cancelled; `burned` of the requester's bond. 0: another job took its place.
    CancelBegun {
        burned: u64,
    },
    /// A contest's proof came in.
    Proved {
        operator: Address,
    },
    /// A missed promise was settled.
    Slashed {
        operator: Address,
        slash: super::settlement::Slash,
    },
    /// Delivered, and paid.
    Delivered(Delivered),
    /// It ended undelivered: what the requester got back, and what of its bond was burned.
    Undelivered {
        end: End,
        refund: u64,
        burned: u64,
    },
}

/// What a delivery paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Operators and what each received, the subsidy not included; one, but for contests.
    pub paid: Vec<(Address, u64)>,
    pub burned: u64,
    /// To the class's creator.
    pub royalty: u64,
    /// From the proving pool to the operator.
    pub subsidy: u64,
    /// Back to the requester, its bond included.
    pub refund: u64,
}
