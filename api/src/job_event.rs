//! What happened to jobs: `GET /{network}/job/{id}/events`, and the messages `jobs` of the stream.

use lode_consensus::{
    Address, Height,
    market::{event, job},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::schema::Schema};

use crate::{
    account::PageQuery,
    job::{Assignment, JobStatus},
    parameter::{parameter, u32_parameter},
    text::{AddressText, HashText, Text, U64Text},
};

/// Something that happened to a job in a block of the chain. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    pub job: HashText,
    pub class: HashText,
    /// The block's height.
    pub height: u32,
    /// The event's place among those of its block; null in the stream of events.
    pub index: Option<u32>,
    #[serde(flatten)]
    pub change: JobChange,
}

/// What happened, told apart by `what`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum JobChange {
    /// Posted.
    Requested,
    /// Its values are these from now on.
    Raised {
        price: U64Text,
        late_price: U64Text,
    },
    Assigned(Assignment),
    /// No ask fitted.
    Opened {
        /// What a delivery is paid at most, if eight operators gave the job back.
        open_price: Option<U64Text>,
    },
    /// The assignee broke its promise; the bond stays locked.
    Missed {
        operator: AddressText,
        bond: u64,
    },
    /// The assignee gave the job back.
    Declined {
        operator: AddressText,
        burned: u64,
    },
    /// It will be cancelled.
    CancelBegun {
        /// Of the requester's bond; 0 if another job took its place.
        burned: u64,
    },
    /// A contest's proof came in.
    Proved {
        operator: AddressText,
    },
    /// A missed promise was settled.
    Slashed {
        operator: AddressText,
        to_requester: u64,
        to_deliverer: u64,
        burned: u64,
        /// What is left of the bond.
        unlocked: u64,
    },
    /// Delivered, and paid.
    Delivered {
        /// Operators and what each received, the subsidy not included; one, but for contests.
        paid: Vec<Paid>,
        burned: u64,
        /// To the class's creator.
        royalty: u64,
        /// From the proving pool to the operator.
        subsidy: u64,
        /// Back to the requester, its bond included.
        refund: u64,
    },
    /// It ended undelivered.
    Undelivered {
        /// `failed` or `cancelled`.
        end: JobStatus,
        /// Back to the requester, what is left of its bond included.
        refund: u64,
        /// Of the requester's bond.
        burned: u64,
    },
}

/// What an operator was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paid {
    pub operator: AddressText,
    pub amount: u64,
}

/// `GET /{network}/job/{id}/events`: what happened to a job, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEvents {
    pub job: HashText,
    /// Where it stands at the tip.
    pub status: JobStatus,
    pub events: Vec<JobEvent>,
    /// What to pass as `from_height` and `from_index` for the next page, if there is one.
    pub next: Option<EventPlace>,
}

/// Where an event stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPlace {
    pub height: u32,
    /// Among the events of its block.
    pub index: u32,
}

/// The query of `GET /{network}/job/{id}/events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobEventsQuery {
    /// How many events a page holds at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = limit_parameter)]
    pub limit: Option<Text<u64>>,
    /// The place at which the page begins; without it, at the first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub from_height: Option<Text<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub from_index: Option<Text<u32>>,
}

fn limit_parameter() -> Schema {
    parameter(1, PageQuery::MAX_LIMIT)
}

impl JobEvent {
    /// An event of the block at a height as it is shown.
    pub fn of(event: &event::JobEvent, height: Height, index: Option<u32>) -> Self {
        Self {
            job: Text(event.job),
            class: Text(event.class),
            height,
            index,
            change: JobChange::from(&event.what),
        }
    }
}

impl From<&event::JobChange> for JobChange {
    fn from(change: &event::JobChange) -> Self {
        use event::JobChange as Change;
        match change {
            Change::Requested => Self::Requested,
            Change::Raised { price, late_price } => {
                Self::Raised { price: Text(*price), late_price: Text(*late_price) }
            }
            Change::Assigned(assigned) => Self::Assigned(Assignment::from(assigned)),
            Change::Opened { open_price } => Self::Opened { open_price: open_price.map(Text) },
            Change::Missed { operator, bond } => {
                Self::Missed { operator: AddressText(*operator), bond: *bond }
            }
            Change::Declined { operator, burned } => {
                Self::Declined { operator: AddressText(*operator), burned: *burned }
            }
            Change::CancelBegun { burned } => Self::CancelBegun { burned: *burned },
            Change::Proved { operator } => Self::Proved { operator: AddressText(*operator) },
            Change::Slashed { operator, slash } => Self::Slashed {
                operator: AddressText(*operator),
                to_requester: slash.to_requester,
                to_deliverer: slash.to_deliverer,
                burned: slash.burned,
                unlocked: slash.unlocked,
            },
            Change::Delivered(delivered) => Self::delivered(delivered),
            Change::Undelivered { end, refund, burned } => {
                let end = match end {
                    job::End::Delivered => JobStatus::Delivered,
                    job::End::Failed => JobStatus::Failed,
                    job::End::Cancelled => JobStatus::Cancelled,
                };
                Self::Undelivered { end, refund: *refund, burned: *burned }
            }
        }
    }
}

impl JobChange {
    fn delivered(delivered: &event::Delivered) -> Self {
        let paid = |(operator, amount): &(Address, u64)| Paid {
            operator: AddressText(*operator),
            amount: *amount,
        };
        Self::Delivered {
            paid: delivered.paid.iter().map(paid).collect(),
            burned: delivered.burned,
            royalty: delivered.royalty,
            subsidy: delivered.subsidy,
            refund: delivered.refund,
        }
    }
}
