//! The OpenAPI schema of all types.
//!
//! What must not be broken: an unsigned integer has no `format` and an explicit `maximum`. With
//! `format: int64` tools send values that a node refuses, or take valid ones for wrong; with
//! `uint64` they send what no node can read.

use lode_consensus::params;
use serde_json::{Value, json};
use utoipa::{Modify, OpenApi, openapi::OpenApi as Document};

use crate::{
    ApiError, account, block, epoch, events, job, job_event, lists, market, matching, mining,
    network, status, transaction, weight,
};

/// The largest integer that every JSON reader holds exactly. Larger ones are decimal strings; that
/// no amount is larger is a rule for networks.
pub const MAX_EXACT: u64 = params::MAX_SUPPLY;

#[derive(OpenApi)]
#[openapi(
    info(title = "Lode", description = "A node's HTTP API"),
    components(schemas(
        ApiError,
        account::Account,
        account::AccountTransactions,
        block::Block,
        epoch::Epoch,
        epoch::ProverShares,
        events::BlockEvent,
        events::LaggedEvent,
        events::ReorgEvent,
        events::ShareEvent,
        events::TransactionEvent,
        job::Job,
        job_event::JobEvent,
        job_event::JobEvents,
        lists::Classes,
        lists::Deliveries,
        lists::Jobs,
        lists::PriceHistory,
        market::Agenda,
        market::AgendaOldest,
        market::Appointed,
        market::Book,
        market::Class,
        market::ClassKey,
        market::Operator,
        market::Pool,
        market::Queue,
        market::SupplyAt,
        market::Waiting,
        matching::Estimate,
        matching::Why,
        mining::Attempt,
        mining::AttemptOutcome,
        mining::MiningJob,
        network::Peers,
        network::Ready,
        network::Sync,
        status::Root,
        status::Status,
        transaction::Mempool,
        transaction::TransactionAccepted,
        transaction::TransactionPlace,
        transaction::TransactionRequest,
        weight::Weight,
    )),
    modifiers(&ExactIntegers)
)]
struct Types;

/// The document with the schemas of all types. Routes are not in it yet: `docs/src/api.md` names
/// them.
pub fn document() -> Document {
    Types::openapi()
}

/// Takes the formats off integers, and bounds them by their types.
struct ExactIntegers;

impl Modify for ExactIntegers {
    fn modify(&self, document: &mut Document) {
        let Ok(mut json) = serde_json::to_value(&*document) else { return };
        bound_integers(&mut json);
        if let Ok(bounded) = serde_json::from_value(json) {
            *document = bounded;
        }
    }
}

fn bound_integers(value: &mut Value) {
    if let Some(maximum) = value.get("format").and_then(Value::as_str).and_then(maximum_of)
        && let Some(schema) = value.as_object_mut()
    {
        schema.remove("format");
        schema.insert("minimum".to_owned(), json!(0));
        schema.insert("maximum".to_owned(), json!(maximum));
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        Value::Object(fields) => fields.values_mut().for_each(bound_integers),
        _ => {}
    }
}

fn maximum_of(format: &str) -> Option<u64> {
    // utoipa writes `u-int64` where OpenAPI's registry has `uint64`.
    match format.replace('-', "").as_str() {
        "uint8" => Some(u8::MAX.into()),
        "uint16" => Some(u16::MAX.into()),
        "uint32" => Some(u32::MAX.into()),
        "uint64" => Some(MAX_EXACT),
        _ => None,
    }
}
