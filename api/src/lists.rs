//! Lists of the proof market, newest first: classes, jobs, deliveries, prices.

use lode_consensus::{Height, market};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::schema::Schema};

use crate::{
    account::PageQuery,
    job::JobStatus,
    parameter::{parameter, u32_parameter},
    text::{AddressText, HashText, Text, U64Text},
    transaction::{Fate, SelectionKind},
};

/// `GET /{network}/classes`: all classes, as of the tip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Classes {
    pub classes: Vec<ListedClass>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// A class in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedClass {
    pub id: HashText,
    pub creator: AddressText,
    pub system: u8,
    pub selection: SelectionKind,
    pub royalty_bps: u16,
    /// Public values of a job.
    pub values: u16,
    /// Jobs that have not ended.
    pub live: u16,
    /// Jobs that are assigned.
    pub assigned: u16,
    /// Jobs that were delivered, ever.
    pub delivered: u64,
    /// The price of the last match, and its height; 0 before the first.
    pub last_price: U64Text,
    pub last_height: u32,
    /// The height of its RegisterClass.
    pub height: u32,
    /// The place of that in its block.
    pub index: u32,
}

impl ListedClass {
    /// A class, with where its RegisterClass stands.
    pub fn of(id: HashText, class: &market::Class, (height, index): (Height, u32)) -> Self {
        Self {
            id,
            creator: AddressText(class.creator),
            system: class.system,
            selection: SelectionKind::from(class.policy.selection),
            royalty_bps: class.royalty_bps,
            values: class.values,
            live: class.live,
            assigned: class.assigned,
            delivered: class.delivered,
            last_price: Text(class.last_price),
            last_height: class.last_height,
            height,
            index,
        }
    }
}

/// Jobs of a class, a requester, an operator, or of one status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jobs {
    pub jobs: Vec<ListedJob>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// A job in a list: what its Request says, and where it stands at the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedJob {
    pub id: HashText,
    pub class: HashText,
    pub requester: AddressText,
    pub status: JobStatus,
    /// The price of the Request: a Raise may have raised it.
    pub price: U64Text,
    pub late_price: U64Text,
    /// The last height at which a proof is worth the price.
    pub soft: u32,
    /// The last height at which it is worth anything.
    pub hard: u32,
    /// The height of its Request.
    pub created: u32,
    /// The place of that in its block.
    pub place: u32,
    /// The height by which the list goes: of the Request, or of the operator's assignment or proof.
    pub height: u32,
}

/// `GET /{network}/operator/{address}/deliveries`: the Delivers that an operator sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deliveries {
    pub operator: AddressText,
    pub deliveries: Vec<ListedDelivery>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// A Deliver without its proof, which its transaction holds, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedDelivery {
    /// The transaction's id.
    pub id: HashText,
    /// The jobs that it lists; those that the operator might not deliver were passed over.
    pub jobs: Vec<HashText>,
    pub height: u32,
    pub index: u32,
    #[serde(flatten)]
    pub fate: Fate,
}

/// `GET /{network}/class/{id}/prices`: for which prices jobs of a class were assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceHistory {
    pub class: HashText,
    /// One for each block with assignments.
    pub prices: Vec<Prices>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// The prices of one block's assignments in a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Prices {
    pub height: u32,
    pub last: U64Text,
    pub low: U64Text,
    pub high: U64Text,
    /// Assignments.
    pub count: u32,
}

/// The query of `GET /{network}/jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Which jobs.
    #[param(value_type = JobStatus, inline)]
    pub status: JobStatus,
    /// As of [`PageQuery`].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = limit_parameter)]
    pub limit: Option<Text<u64>>,
    /// As of [`PageQuery`].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub before: Option<Text<Height>>,
}

fn limit_parameter() -> Schema {
    parameter(1, PageQuery::MAX_LIMIT)
}
