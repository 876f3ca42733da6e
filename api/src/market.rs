//! The proof market's leaves but for jobs: classes, books, waiting lists, operators, appointments,
//! the queue and the agenda. Amounts are in microcredits; those that somebody only names, and that
//! may be more than there are, are decimal strings.

use lode_consensus::{
    Height,
    market::{self, queue},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    account::{AsOf, LeafProof},
    job::JobStatus,
    parameter::u32_parameter,
    status::Supply,
    text::{AddressText, BytesHex, HashText, Text, U64Text},
    transaction::Policy,
};

/// `GET /{network}/class/{id}`: a class as of a height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Class {
    /// The id of its RegisterClass, in which key and source stand.
    pub id: HashText,
    /// Who registered it, and receives its royalties.
    pub creator: AddressText,
    pub system: u8,
    pub policy: Policy,
    /// What the creator receives of each pay.
    pub royalty_bps: u16,
    /// Public values of a job.
    pub values: u16,
    /// Jobs that have not ended.
    pub live: u16,
    /// Jobs that are assigned.
    pub assigned: u16,
    /// Jobs that were delivered, ever.
    pub delivered: u64,
    /// The price of the last match; 0 before the first.
    pub last_price: U64Text,
    /// The height of the last match; 0 before the first.
    pub last_height: u32,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

impl Class {
    pub fn of(id: HashText, class: &market::Class, as_of: AsOf, proof: LeafProof) -> Self {
        Self {
            id,
            creator: AddressText(class.creator),
            system: class.system,
            policy: Policy::from(&class.policy),
            royalty_bps: class.royalty_bps,
            values: class.values,
            live: class.live,
            assigned: class.assigned,
            delivered: class.delivered,
            last_price: Text(class.last_price),
            last_height: class.last_height,
            as_of,
            proof,
        }
    }
}

/// `GET /{network}/class/{id}/key`: the verifying key of a class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassKey {
    pub class: HashText,
    pub key: BytesHex,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// `GET /{network}/class/{id}/book`: what operators ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Book {
    pub class: HashText,
    /// By the operators' bytes.
    pub asks: Vec<BookAsk>,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// An operator's ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookAsk {
    pub operator: AddressText,
    pub price: U64Text,
    /// Blocks within which the operator promises to deliver.
    pub blocks: u32,
    /// Jobs that may be assigned at once.
    pub capacity: u16,
    /// The largest bond that the operator accepts for one job.
    pub max_bond: U64Text,
    /// The last height at which it may be matched.
    pub until: u32,
    /// The height at which it was posted, or was full for the last time.
    pub since: u32,
    /// Jobs that are assigned under it.
    pub open: u16,
}

impl From<&market::BookAsk> for BookAsk {
    fn from(ask: &market::BookAsk) -> Self {
        Self {
            operator: AddressText(ask.operator),
            price: Text(ask.price),
            blocks: ask.blocks,
            capacity: ask.capacity,
            max_bond: Text(ask.max_bond),
            until: ask.until,
            since: ask.since,
            open: ask.open,
        }
    }
}

/// `GET /{network}/class/{id}/waiting`: the jobs that wait for an operator, in the order in which
/// they are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    pub class: HashText,
    pub jobs: Vec<WaitingJob>,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// A job that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingJob {
    pub id: HashText,
    pub price: U64Text,
    pub late_price: U64Text,
    /// The last height at which a proof is worth the price.
    pub soft: u32,
    /// The last height at which it is worth anything.
    pub hard: u32,
    pub created: u32,
    /// The place of its Request among the block's transactions.
    pub place: u16,
    pub min_reputation: u16,
    /// `waiting` or `open`.
    pub status: JobStatus,
    /// Whether it is under Cancel.
    pub cancelled: bool,
}

impl From<&market::WaitingJob> for WaitingJob {
    fn from(entry: &market::WaitingJob) -> Self {
        Self {
            id: Text(entry.job),
            price: Text(entry.terms.price),
            late_price: Text(entry.terms.late_price),
            soft: entry.terms.soft,
            hard: entry.terms.hard,
            created: entry.created,
            place: entry.place,
            min_reputation: entry.min_reputation,
            status: if entry.is_open { JobStatus::Open } else { JobStatus::Waiting },
            cancelled: entry.is_cancelled,
        }
    }
}

/// `GET /{network}/operator/{address}`: an operator as its leaf reads in the epoch of a height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Operator {
    pub address: AddressText,
    /// Whether there is such a leaf.
    pub exists: bool,
    /// All that is at stake.
    pub bond: u64,
    /// What of it stands for jobs.
    pub locked: u64,
    /// What of it stands for nothing.
    pub free: u64,
    /// The bond when the epoch began.
    pub epoch_bond: u64,
    /// What transactions bonded or unlocked in the block at `fresh_height`: it counts for matching
    /// from the second block after that one on.
    pub fresh: u64,
    pub fresh_height: u32,
    /// 0 to 10,000.
    pub reputation: u16,
    /// What deliveries as assignee by the promise burned in the epoch.
    pub burned: u64,
    /// What the proving pool paid for them.
    pub subsidy: u64,
    /// Assignments, misses and contest deliveries that are not settled.
    pub held: u32,
    /// The epoch in which all this is read.
    pub epoch: u32,
    /// The mined weight, frozen at the end of the epoch before.
    pub weight: U64Text,
    #[serde(flatten)]
    pub as_of: AsOf,
    /// Of the leaf as it was written last: it may be of an earlier epoch.
    pub proof: LeafProof,
}

/// `GET /{network}/appoint/{address}`: for whom an address's shares count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appointed {
    pub address: AddressText,
    /// For whom they count before the epoch `from`.
    pub now: AddressText,
    /// For whom they count from then on.
    pub next: AddressText,
    pub from: u32,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// `GET /{network}/pool/{epoch}`: the proving pool of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    pub epoch: u32,
    /// All that was ever put in.
    pub granted: u64,
    pub left: u64,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// `GET /{network}/queue`: a page of the events that matching is to look at, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    pub page: u32,
    /// Null if there is no such page; no later one is there then.
    pub events: Option<Vec<QueueEvent>>,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// Something that matching is to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum QueueEvent {
    /// A job that is new, was raised or came back.
    Job {
        /// The first block whose matching takes it.
        due: u32,
        job: HashText,
    },
    /// An ask that was posted, or that has room again.
    Ask {
        /// The first block whose matching takes it.
        due: u32,
        class: HashText,
        operator: AddressText,
    },
}

impl From<&queue::Event> for QueueEvent {
    fn from(queue::Event { due, what }: &queue::Event) -> Self {
        match what {
            queue::What::Job(job) => Self::Job { due: *due, job: Text(*job) },
            queue::What::Ask { class, operator } => {
                Self::Ask { due: *due, class: Text(*class), operator: AddressText(*operator) }
            }
        }
    }
}

/// `GET /{network}/agenda`: how far the agenda has been worked off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgendaOldest {
    /// The oldest height with entries left; null if none up to the block's own has any.
    pub oldest_height: Option<u32>,
    /// The first page that is left of it.
    pub oldest_page: Option<u32>,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
}

/// `GET /{network}/agenda/{due}`: a page of the jobs of which something is due at a height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Agenda {
    pub due: u32,
    pub page: u32,
    /// In order of insertion; null if there is no such page.
    pub jobs: Option<Vec<HashText>>,
    /// The number of the height's last page.
    pub last_page: u32,
    #[serde(flatten)]
    pub as_of: AsOf,
    pub proof: LeafProof,
    /// The proof of `last_page`, which has a leaf unless it is 0.
    pub last_page_proof: LeafProof,
}

/// `GET /{network}/supply`: where every microcredit was after a block of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupplyAt {
    pub height: u32,
    pub block_hash: HashText,
    pub supply: Supply,
}

/// The query of a page of the queue or the agenda.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LeafPageQuery {
    /// The page; without it, page 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub page: Option<Text<u32>>,
    /// As it was after the block at this height; without it, after the tip.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub height: Option<Text<Height>>,
}
