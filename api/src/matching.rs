//! Why a job does not match, and what a would-be Request would find.

use lode_consensus::market::matching::Misfit as Rule;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::schema::Schema};

use crate::{
    job::JobStatus,
    market::BookAsk,
    parameter::{parameter, u32_parameter},
    text::{AddressText, HashText, Text, U64Text, U128Text},
};

/// `GET /{network}/job/{id}/why`: the book of a job's class, held against it as the block to come
/// would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    pub job: HashText,
    pub class: HashText,
    pub status: JobStatus,
    /// The block whose matching is meant: the next one.
    pub height: u32,
    /// The bond that the job asks for.
    pub bond: U64Text,
    /// The block whose matching will look at the job, if an event of it is queued already.
    pub event: Option<u32>,
    /// The operator that would be assigned if the job were matched then.
    pub chosen: Option<AddressText>,
    /// By the operators' bytes.
    pub asks: Vec<AskFit>,
    /// The least values that make an ask fit which does not now: the cheapest of `raise`.
    pub raise: Option<Raise>,
    /// What stands in the way and what would help, in one line.
    pub summary: String,
}

/// An ask, held against a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AskFit {
    pub ask: BookAsk,
    /// The last height at which a delivery would keep the promise.
    pub promise: u32,
    /// What the proof is worth then.
    pub value: U64Text,
    /// What the job would cost its requester, delay included.
    pub effective: U128Text,
    pub fits: bool,
    /// The first rule that fails; null if the ask fits.
    pub misfit: Option<Misfit>,
    /// The least values with which the ask would fit; null if higher ones do not make it fit.
    pub raise: Option<Raise>,
}

/// Values of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Raise {
    pub price: U64Text,
    pub late_price: U64Text,
}

/// The rule by which an ask does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MisfitRule {
    /// The ask's last height has passed.
    Until,
    /// It was posted, or was full, less than two blocks ago.
    Since,
    /// As many jobs are assigned under it as may be.
    Capacity,
    /// The job is direct, for another operator.
    Named,
    /// The operator missed or declined the job before.
    Returned,
    /// The promise is after the hard limit, or after the soft one that others promise.
    Time,
    /// The job is worth less than the ask's price when it is promised.
    Price,
    /// The job asks for a larger bond than the operator accepts.
    MaxBond,
    /// The operator's free bond is too small, not counting what was bonded in the last block.
    Bond,
    Reputation,
    /// The price is more than an operator of this reputation may ask for.
    Tier,
    /// The mined weight.
    Weight,
    /// The operator is not on the class's list.
    Permission,
    /// The operator holds its part of the class's jobs.
    Cap,
}

/// Why an ask does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Misfit {
    pub rule: MisfitRule,
    /// What the rule asks for, if it is a number: a height, an amount, a reputation, a weight.
    pub needed: Option<U128Text>,
    /// What there is.
    pub got: Option<U128Text>,
    /// The same in one line.
    pub reason: String,
}

impl From<&Rule> for Misfit {
    fn from(misfit: &Rule) -> Self {
        let none: (Option<u128>, Option<u128>) = (None, None);
        let pair = |needed: u128, got: u128| (Some(needed), Some(got));
        let (rule, (needed, got)) = match *misfit {
            Rule::Over { until } => (MisfitRule::Until, (None, Some(until.into()))),
            Rule::Fresh { from } => (MisfitRule::Since, (Some(from.into()), None)),
            Rule::Full { capacity } => (MisfitRule::Capacity, (None, Some(capacity.into()))),
            Rule::NotNamed => (MisfitRule::Named, none),
            Rule::Returned => (MisfitRule::Returned, none),
            Rule::Late { promise, hard } => (MisfitRule::Time, pair(promise.into(), hard.into())),
            Rule::Slower { promise } => (MisfitRule::Time, (Some(promise.into()), None)),
            Rule::Price { price, value } => (MisfitRule::Price, pair(price.into(), value.into())),
            Rule::MaxBond { needed, accepted } => {
                (MisfitRule::MaxBond, pair(needed.into(), accepted.into()))
            }
            Rule::FreeBond { needed, free } => (MisfitRule::Bond, pair(needed, free.into())),
            Rule::Reputation { needed, got } => {
                (MisfitRule::Reputation, pair(needed.into(), got.into()))
            }
            Rule::Tier { limit, price } => (MisfitRule::Tier, pair(price.into(), limit)),
            Rule::Weight { needed, got } => (MisfitRule::Weight, pair(needed.into(), got.into())),
            Rule::NotPermitted { open_at } => {
                (MisfitRule::Permission, (Some(open_at.into()), None))
            }
            Rule::ShareCap { cap } => (MisfitRule::Cap, (None, Some(cap.into()))),
        };
        Self { rule, needed: needed.map(Text), got: got.map(Text), reason: misfit.to_string() }
    }
}

/// The query of `GET /{network}/class/{id}/estimate`: a Request that somebody thinks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EstimateQuery {
    /// What a proof is worth up to `soft_blocks`.
    #[param(schema_with = amount_parameter)]
    pub price: U64Text,
    /// What it is worth at `hard_blocks`; without it, the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = amount_parameter)]
    pub late_price: Option<U64Text>,
    #[param(schema_with = u32_parameter)]
    pub soft_blocks: Text<u32>,
    /// Without it, `soft_blocks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub hard_blocks: Option<Text<u32>>,
    /// The least bond of the operator; without it, what the class's rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = amount_parameter)]
    pub damage: Option<U64Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub min_reputation: Option<Text<u32>>,
    /// The only operator that may be assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = String)]
    pub operator: Option<AddressText>,
}

fn amount_parameter() -> Schema {
    parameter(0, u64::MAX)
}

/// `GET /{network}/class/{id}/estimate`: what a Request would find that the next block includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Estimate {
    pub class: HashText,
    /// The block whose matching would look at the job: the one after the next.
    pub height: u32,
    /// The bond that the job would ask of its operator.
    pub bond: U64Text,
    /// What the requester would put up besides the price.
    pub requester_bond: U64Text,
    /// How many asks fit.
    pub fitting: u32,
    /// The lowest effective price among them.
    pub lowest: Option<U128Text>,
    /// The last height to which the assignee would promise to deliver: the earliest and the latest
    /// of the asks within the band.
    pub promise_from: Option<u32>,
    pub promise_to: Option<u32>,
    /// The same counted from the Request's block; null if no ask fits, as nobody can know then.
    pub wait_blocks: Option<u32>,
    /// Jobs that wait in the class and are worth as much or more.
    pub ahead: u32,
    /// The price of the class's last match, and its height; 0 before the first.
    pub last_price: U64Text,
    pub last_height: u32,
    /// By the operators' bytes.
    pub asks: Vec<AskFit>,
    /// The least values that make an ask fit which does not now.
    pub raise: Option<Raise>,
    /// In one line.
    pub summary: String,
}
