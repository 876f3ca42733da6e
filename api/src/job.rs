//! Jobs: what the state holds of them.

use lode_consensus::{
    Height,
    market::{JobLeaf, Value, job},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    account::{AsOf, LeafProof},
    text::{AddressText, HashText, Hex, Text, U64Text, WordHex},
};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Its event is still to be matched.
    Waiting,
    /// No ask fitted; an operator that has a proof may deliver it.
    Open,
    Assigned,
    Delivered,
    Failed,
    Cancelled,
    /// The state does not hold it at this height: not yet, or not any more.
    Absent,
}

/// `GET /{network}/job/{id}`: a job as of a height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The id of its Request.
    pub id: HashText,
    pub status: JobStatus,
    /// Null if the state does not hold the job.
    pub class: Option<HashText>,
    pub values: Option<Vec<WordHex>>,
    /// The last height at which a proof is worth anything. An ended job stays in the state until 65
    /// blocks later.
    pub hard: Option<u32>,
    /// Null for a job that has ended.
    pub live: Option<LiveJob>,
    /// The Request's block; null if it is on no block of the chain.
    pub request_height: Option<u32>,
    /// The Request's place in that block.
    pub request_index: Option<u32>,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// What the state holds of a job that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveJob {
    pub requester: AddressText,
    pub price: U64Text,
    pub late_price: U64Text,
    /// The last height at which a proof is worth the price.
    pub soft: u32,
    pub damage: U64Text,
    pub min_reputation: u16,
    /// Cancelled, and not left open, if no ask fits at once.
    pub immediate: bool,
    /// The only operator that may be assigned, in hexadecimal; null unless the job is direct.
    pub operator: Option<WordHex>,
    pub created: u32,
    /// The place of its Request among the block's transactions.
    pub place: u16,
    pub escrow: u64,
    /// The requester's.
    pub bond: u64,
    pub assignment: Option<Assignment>,
    /// The height of a Cancel that has not taken effect.
    pub cancelled: Option<u32>,
    /// The height at which it became open, while it is.
    pub opened: Option<u32>,
    /// What a delivery is paid at most after eight operators gave the job back.
    pub open_price: Option<U64Text>,
    pub misses: Vec<Miss>,
    pub declines: Vec<Decline>,
    /// Of a contest.
    pub deliveries: Vec<Delivery>,
}

/// An assignment that is neither kept nor broken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Assignment {
    pub operator: AddressText,
    /// What the operator is paid.
    pub ask_price: u64,
    /// The last height at which a delivery keeps the promise.
    pub promise: u32,
    /// What of the operator's bond is locked.
    pub bond: u64,
    /// The height of the assignment.
    pub assigned: u32,
}

impl From<&job::Assigned> for Assignment {
    fn from(assigned: &job::Assigned) -> Self {
        Self {
            operator: AddressText(assigned.operator),
            ask_price: assigned.ask_price,
            promise: assigned.promise,
            bond: assigned.bond,
            assigned: assigned.assigned,
        }
    }
}

/// A promise that was broken. Its bond stays locked until the job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Miss {
    pub operator: AddressText,
    pub promise: u32,
    pub bond: u64,
    pub ask_price: u64,
}

/// An assignment that was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decline {
    pub operator: AddressText,
    pub ask_price: u64,
    pub burned: u64,
}

/// A proof of a contest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    pub operator: AddressText,
    pub height: u32,
}

impl From<&job::Status> for JobStatus {
    fn from(status: &job::Status) -> Self {
        match status {
            job::Status::Waiting => Self::Waiting,
            job::Status::Open => Self::Open,
            job::Status::Assigned(_) => Self::Assigned,
        }
    }
}

impl JobStatus {
    pub fn of(leaf: Option<&JobLeaf>) -> Self {
        match leaf {
            None => Self::Absent,
            Some(JobLeaf::Live(live)) => Self::from(&live.status),
            Some(JobLeaf::Ended(ended)) => match ended.end {
                job::End::Delivered => Self::Delivered,
                job::End::Failed => Self::Failed,
                job::End::Cancelled => Self::Cancelled,
            },
        }
    }
}

impl Job {
    /// A job as it is shown; `request` is where its Request stands.
    pub fn of(
        id: HashText,
        leaf: Option<&JobLeaf>,
        request: Option<(Height, u32)>,
        as_of: AsOf,
        proof: LeafProof,
    ) -> Self {
        let values =
            |leaf: &JobLeaf| leaf.values().iter().map(|Value(value)| Hex(*value)).collect();
        let hard = |leaf: &JobLeaf| match leaf {
            JobLeaf::Live(live) => live.terms.hard,
            JobLeaf::Ended(ended) => ended.hard,
        };
        Self {
            id,
            status: JobStatus::of(leaf),
            class: leaf.map(|leaf| Text(*leaf.class())),
            values: leaf.map(values),
            hard: leaf.map(hard),
            live: leaf.and_then(JobLeaf::live).map(LiveJob::from),
            request_height: request.map(|(height, _)| height),
            request_index: request.map(|(_, index)| index),
            as_of,
            proof,
        }
    }
}

impl From<&job::Job> for LiveJob {
    fn from(job: &job::Job) -> Self {
        let assignment = match &job.status {
            job::Status::Assigned(assigned) => Some(Assignment::from(assigned)),
            job::Status::Waiting | job::Status::Open => None,
        };
        let miss = |miss: &job::Miss| Miss {
            operator: AddressText(miss.operator),
            promise: miss.promise,
            bond: miss.bond,
            ask_price: miss.ask_price,
        };
        let decline = |decline: &job::Decline| Decline {
            operator: AddressText(decline.operator),
            ask_price: decline.ask_price,
            burned: decline.burned,
        };
        let delivery = |delivery: &job::Delivery| Delivery {
            operator: AddressText(delivery.operator),
            height: delivery.height,
        };
        Self {
            requester: AddressText(job.requester),
            price: Text(job.terms.price),
            late_price: Text(job.terms.late_price),
            soft: job.terms.soft,
            damage: Text(job.damage),
            min_reputation: job.min_reputation,
            immediate: job.immediate,
            operator: job.operator.map(|operator| Hex(operator.0)),
            created: job.created,
            place: job.place,
            escrow: job.escrow,
            bond: job.bond,
            assignment,
            cancelled: job.cancelled,
            opened: job.opened,
            open_price: job.open_price.map(Text),
            misses: job.misses.iter().map(miss).collect(),
            declines: job.declines.iter().map(decline).collect(),
            deliveries: job.deliveries.iter().map(delivery).collect(),
        }
    }
}
