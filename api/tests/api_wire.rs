//! Every type of the wire against bytes that are pinned: what it writes, what it reads, and what
//! its schema says of both.

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path};

use lode_api::{
    ApiError, account, block, epoch, events, job, job_event, lists, market, matching, mining,
    network,
    schema::{self, MAX_EXACT},
    status, transaction, weight,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use utoipa::{IntoParams, openapi::path::ParameterIn};

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
        .with_extension("json");
    serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap()
}

/// Reads the pinned JSON, writes it again, and reads that: nothing is lost or renamed on the way.
fn pinned<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str) -> T {
    let expected = golden(name);
    let value: T =
        serde_json::from_value(expected.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_value(&value).unwrap(), expected, "{name}");
    let text = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), value, "{name}");
    // A newer node may say more, and each field that is missing is noticed, but for those that may
    // be null.
    if let Some(fields) = expected.as_object() {
        for (field, content) in fields {
            let mut less = expected.clone();
            less.as_object_mut().unwrap().remove(field);
            let read = serde_json::from_value::<T>(less);
            assert!(
                read.is_err() || content.is_null() || is_optional(name, field),
                "{name}: without {field}"
            );
        }
    }
    value
}

fn is_optional(name: &str, field: &str) -> bool {
    let nullable = [
        "immature", "next", "reason", "peer_id", "height", "index", "block", "value", "leaf",
        "missed", "outcome",
    ];
    let own: &[&str] = match name {
        "job" => &["class", "values", "hard", "live", "request_height", "request_index"],
        "job_absent" => &["request_height", "request_index"],
        "queue" => &["events"],
        "agenda" => &["jobs"],
        "agenda_oldest" => &["oldest_height", "oldest_page"],
        "why" => &["raise"],
        "estimate" => &["lowest", "promise_from", "promise_to", "wait_blocks"],
        "transaction_request_request" => &["type", "operator"],
        name if name.starts_with("transaction_request") => &["type"],
        _ => &[],
    };
    nullable.contains(&field) || own.contains(&field)
}

#[test]
fn every_answer_is_the_pinned_json() {
    pinned::<status::Root>("root");
    pinned::<ApiError>("error");
    pinned::<status::Status>("status");
    pinned::<block::Block>("block");
    pinned::<transaction::TransactionPlace>("transaction_confirmed");
    pinned::<transaction::TransactionPlace>("transaction_pending");
    pinned::<transaction::TransactionAccepted>("transaction_accepted");
    pinned::<transaction::Mempool>("mempool");
    pinned::<account::Account>("account");
    pinned::<account::Account>("account_absent");
    pinned::<account::AccountTransactions>("account_transactions");
    pinned::<weight::Weight>("weight");
    pinned::<epoch::Epoch>("epoch");
    pinned::<epoch::Roster>("roster");
    pinned::<epoch::ProverShares>("shares");
    pinned::<market::Class>("class");
    pinned::<market::ClassKey>("class_key");
    pinned::<market::Book>("book");
    pinned::<market::Waiting>("waiting");
    pinned::<market::Operator>("operator");
    pinned::<market::Appointed>("appointed");
    pinned::<market::Pool>("pool");
    pinned::<market::Queue>("queue");
    pinned::<market::AgendaOldest>("agenda_oldest");
    pinned::<market::Agenda>("agenda");
    pinned::<market::SupplyAt>("supply");
    pinned::<job::Job>("job");
    pinned::<job::Job>("job_absent");
    pinned::<job_event::JobEvents>("job_events");
    pinned::<matching::Why>("why");
    pinned::<matching::Estimate>("estimate");
    pinned::<lists::Classes>("classes");
    pinned::<lists::Jobs>("jobs");
    pinned::<lists::Deliveries>("deliveries");
    pinned::<lists::PriceHistory>("prices");
    pinned::<mining::MiningJob>("mining_job");
    pinned::<mining::AttemptOutcome>("attempt_outcome");
    pinned::<mining::AttemptOutcome>("attempt_outcome_unused");
    pinned::<network::Peers>("peers");
    pinned::<network::Peers>("peers_none");
    pinned::<network::Sync>("sync");
    pinned::<network::Ready>("ready");
}

#[test]
fn an_answer_may_say_more_and_a_request_may_not() {
    let more = |name: &str| {
        let mut value = golden(name);
        value["memo"] = json!("hello");
        value
    };
    for name in ["status", "sync", "mining_job"] {
        assert!(match name {
            "status" => serde_json::from_value::<status::Status>(more(name)).is_ok(),
            "sync" => serde_json::from_value::<network::Sync>(more(name)).is_ok(),
            _ => serde_json::from_value::<mining::MiningJob>(more(name)).is_ok(),
        });
    }
    assert!(
        serde_json::from_value::<transaction::TransactionRequest>(more("transaction_request"))
            .is_err()
    );
    assert!(serde_json::from_value::<mining::Attempt>(more("attempt")).is_err());
}

#[test]
fn a_request_becomes_what_was_signed_or_proven_and_back() {
    let request: transaction::TransactionRequest = pinned("transaction_request");
    let again = |request: &transaction::TransactionRequest| {
        transaction::TransactionRequest::of(&request.clone().into_signed().unwrap())
    };
    assert_eq!(again(&request), request);
    for kind in transaction::Action::KINDS.iter().filter(|kind| **kind != "transfer") {
        let name = format!("transaction_request_{kind}");
        let of_kind: transaction::TransactionRequest = pinned(&name);
        assert_eq!((of_kind.action.name(), again(&of_kind)), (*kind, of_kind.clone()));
        // What is unknown is refused, in a policy too.
        for path in ["/memo", "/policy/memo"] {
            let mut more = golden(&name);
            let (parent, field) = path.rsplit_once('/').unwrap();
            let Some(object) = more.pointer_mut(parent).and_then(Value::as_object_mut) else {
                continue;
            };
            object.insert(field.to_owned(), json!(1));
            let read = serde_json::from_value::<transaction::TransactionRequest>(more);
            assert!(read.unwrap_err().to_string().contains("unknown field \"memo\""), "{name}");
        }
    }
    // A value that is no element of the field, which no block can hold.
    let mut no_value = golden("transaction_request_request");
    no_value["values"][0] = json!("ff".repeat(32));
    let no_value: transaction::TransactionRequest = serde_json::from_value(no_value).unwrap();
    no_value.into_signed().unwrap_err();
    let attempt: mining::Attempt = pinned("attempt");
    assert_eq!(mining::Attempt::from(&lode_consensus::Share::from(attempt.clone())), attempt);

    // Numbers or decimal strings, and the kind may be left out.
    let mut loose = golden("transaction_request");
    loose["amount"] = json!("1500000");
    loose["fee"] = json!("001000");
    loose["nonce"] = json!(9_007_199_254_740_993_u64);
    loose.as_object_mut().unwrap().remove("type");
    assert_eq!(serde_json::from_value::<transaction::TransactionRequest>(loose).unwrap(), request);
    let mut unknown = golden("transaction_request");
    unknown["type"] = json!("teleport");
    let error =
        serde_json::from_value::<transaction::TransactionRequest>(unknown).unwrap_err().to_string();
    assert!(error.contains("teleport") && error.contains("transfer"), "{error}");
}

#[test]
fn an_event_is_its_name_and_the_pinned_data() {
    for name in ["block", "reorg", "jobs", "transaction", "share", "lagged"] {
        let data = golden(&format!("event_{name}"));
        let event = events::Event::parse(name, &data.to_string()).unwrap().unwrap();
        assert_eq!(event.name(), name);
        let written = event.data().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), data);
        assert!(!written.contains('\n'));
        assert_eq!(events::Event::parse(name, &written).unwrap().unwrap(), event);
    }
}

/// Visits every schema in a document: the path to it, and itself.
fn schemas<'a>(path: String, value: &'a Value, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(&path, value);
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| schemas(format!("{path}/{key}"), value, visit))
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| schemas(format!("{path}/{index}"), value, visit));
        }
        _ => {}
    }
}

/// With a format, tools send numbers that no node can read, or call right ones wrong (utoipa 5 with
/// schemathesis).
#[test]
fn an_integer_has_no_format_and_explicit_bounds() {
    let document = serde_json::to_value(schema::document()).unwrap();
    let query = || Some(ParameterIn::Query);
    let parameters =
        [account::AccountQuery::into_params(query), account::PageQuery::into_params(query)];
    let market = [
        market::LeafPageQuery::into_params(query),
        matching::EstimateQuery::into_params(query),
        job_event::JobEventsQuery::into_params(query),
        lists::JobsQuery::into_params(query),
    ];
    let parameters = [
        serde_json::to_value(parameters).unwrap(),
        serde_json::to_value(market).unwrap(),
        serde_json::to_value(mining::JobQuery::into_params(query)).unwrap(),
    ];
    let mut integers = 0;
    for (name, document) in [("schemas", &document), ("parameters", &json!(parameters))] {
        schemas(name.to_owned(), document, &mut |path, schema| {
            let kind = schema.get("type");
            let is_integer = match kind {
                Some(Value::String(kind)) => kind == "integer",
                Some(Value::Array(kinds)) => kinds.contains(&json!("integer")),
                _ => false,
            };
            assert_ne!(kind, Some(&json!("number")), "{path}: there is never a float");
            if is_integer {
                integers += 1;
                assert_eq!(schema.get("format"), None, "{path}");
                let bound = |name: &str| {
                    schema[name].as_u64().unwrap_or_else(|| panic!("{path}: {name}: {schema}"))
                };
                assert!(bound("minimum") <= 1, "{path}");
                let maxima = [200, 255, 30_000, 65_535, u32::MAX.into(), MAX_EXACT, u64::MAX];
                assert!(maxima.contains(&bound("maximum")), "{path}: {schema}");
            }
        });
    }
    assert!(integers > 60, "{integers}");
}

/// Only what a request may bring as a string as well goes beyond what a float holds.
#[test]
fn an_integer_that_a_float_cannot_hold_is_a_string() {
    let document = serde_json::to_value(schema::document()).unwrap();
    schemas(String::new(), &document, &mut |path, schema| {
        if schema.get("maximum") == Some(&json!(u64::MAX)) {
            assert!(path.contains("/oneOf/"), "{path}: {schema}");
        }
    });
    for name in ["U64", "U128", "Work", "Target"] {
        assert_eq!(document["components"]["schemas"][name]["type"], "string", "{name}");
    }
}

/// Types of the schema, and the pinned answer that each is in: a file, and the path in it.
const SCHEMAS: &[(&str, &str)] = &[
    ("Root", "root"),
    ("ApiError", "error"),
    ("Status", "status"),
    ("Supply", "status/supply"),
    ("Block", "block"),
    ("Header", "block/header"),
    ("Share", "block/shares/0"),
    ("TransactionPlace", "transaction_confirmed"),
    ("TransactionRequest", "transaction_request"),
    ("Mempool", "mempool"),
    ("Account", "account"),
    ("LeafProof", "account/proof"),
    ("AccountTransactions", "account_transactions"),
    ("Epoch", "epoch"),
    ("ProverShares", "shares"),
    ("Class", "class"),
    ("Policy", "class/policy"),
    ("ClassKey", "class_key"),
    ("Book", "book"),
    ("BookAsk", "book/asks/0"),
    ("Waiting", "waiting"),
    ("WaitingJob", "waiting/jobs/0"),
    ("Job", "job"),
    ("LiveJob", "job/live"),
    ("Assignment", "job/live/assignment"),
    ("Miss", "job/live/misses/0"),
    ("Decline", "job/live/declines/0"),
    ("Delivery", "job/live/deliveries/0"),
    ("Operator", "operator"),
    ("Appointed", "appointed"),
    ("Pool", "pool"),
    ("Queue", "queue"),
    ("Agenda", "agenda"),
    ("AgendaOldest", "agenda_oldest"),
    ("SupplyAt", "supply"),
    ("JobEvents", "job_events"),
    ("Why", "why"),
    ("AskFit", "why/asks/0"),
    ("Misfit", "why/asks/0/misfit"),
    ("Estimate", "estimate"),
    ("ListedClass", "classes/classes/0"),
    ("ListedJob", "jobs/jobs/0"),
    ("ListedDelivery", "deliveries/deliveries/0"),
    ("Prices", "prices/prices/0"),
    ("MiningJob", "mining_job"),
    ("Attempt", "attempt"),
    ("AttemptOutcome", "attempt_outcome"),
    ("Peers", "peers"),
    ("Peer", "peers/peers/0"),
    ("Sync", "sync"),
    ("Ready", "ready"),
    ("BlockEvent", "event_block"),
    ("ReorgEvent", "event_reorg"),
    ("LaggedEvent", "event_lagged"),
];

#[test]
fn the_schema_has_every_field_of_every_pinned_answer() {
    let document = serde_json::to_value(schema::document()).unwrap();
    let types = &document["components"]["schemas"];
    let names: BTreeSet<&String> = types.as_object().unwrap().keys().collect();
    for &(name, file) in SCHEMAS {
        let schema = types.get(name).unwrap_or_else(|| panic!("{name} is not among {names:?}"));
        let (file, pointer) = file
            .split_once('/')
            .map_or((file, String::new()), |(file, rest)| (file, format!("/{rest}")));
        let answer = golden(file);
        let answer = answer.pointer(&pointer).unwrap().as_object().unwrap();
        let mut fields = BTreeSet::new();
        fields_of(types, schema, &mut fields);
        let expected: BTreeSet<String> = answer.keys().cloned().collect();
        if ["TransactionPlace", "TransactionRequest"].contains(&name) {
            // The schema has the fields of all kinds.
            assert!(fields.is_superset(&expected), "{name}: {fields:?}");
        } else {
            assert_eq!(fields, expected, "{name}");
        }
    }
}

/// The fields of a schema, those of flattened types included.
fn fields_of(types: &Value, schema: &Value, fields: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return fields_of(types, &types[reference.rsplit('/').next().unwrap()], fields);
    }
    fields.extend(
        schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field.clone()),
    );
    for parts in ["allOf", "oneOf"] {
        schema[parts]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|part| fields_of(types, part, fields));
    }
}
