//! What the nodes of these tests answer, and how they are asked.

use std::{path::Path, process::Command};

use lode::keystore::Keystore;
use lode_consensus::{Address, Hash};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binary::lode,
    mock::{Answer, MockNode, Request},
};

pub(crate) const ALICE: &str = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";
pub(crate) const GENESIS_HASH: Hash = Hash([0x5a; 32]);
/// A network that does not come with the software, so that its genesis hash is the node's word.
const NETWORK: &str = "mocknet";

pub(crate) fn json(value: &Value) -> Answer {
    Answer::Json(200, value.to_string())
}

pub(crate) fn refusal(status: u16, error: &str) -> Answer {
    Answer::Json(status, json!({ "error": error }).to_string())
}

pub(crate) fn status(height: u32) -> Value {
    json!({
        "network": NETWORK, "version": "0.1.0", "genesis_hash": GENESIS_HASH.to_string(),
        "height": height,
        "tip_hash": "ab".repeat(32), "tip_timestamp_ms": 1_795_370_709_123_u64,
        "epoch": height / 20, "epoch_length": 20,
        "epoch_first_height": height / 20 * 20, "block_interval_ms": 2000, "log_n": 13,
        "target": "1234", "share_target": "4936",
        "difficulty": "275", "work": "123456789012345678901234567890", "next_target": "1235",
        "subsidy": 60_000_000,
        "supply": {
            "genesis": 600_000_000, "emitted": 1_500_000, "burned": 0, "balances": 1, "pending": 2,
            "share_fund": 601_499_996,
            "proving_pools": 1, "bonds": 0, "escrows": 0,
        },
        "mempool": { "transactions": 3, "bytes": 687, "shares": 2 },
        "mining": { "jobs": 1, "submissions": 2, "blocks": 1, "shares": 1, "refused": 0 },
    })
}

/// How far the node has come; with a reason, it is not ready.
pub(crate) fn sync(reason: Option<&str>) -> Value {
    json!({
        "state": "synced", "height": 41, "tip_hash": "ab".repeat(32),
        "tip_timestamp_ms": 1_795_370_709_123_u64, "header_height": 41,
        "proven_header_height": 41, "peers_height": 41, "peers": 3, "ready": reason.is_none(),
        "reason": reason,
    })
}

/// The node among its peers, of which it has some or none by choice.
pub(crate) fn peers(peer_id: Option<&str>) -> Value {
    json!({ "peer_id": peer_id, "addresses": [], "peers": [], "known_peers": 0, "bans": [] })
}

pub(crate) fn account(balance: u64, nonce: u64) -> Value {
    json!({
        "address": ALICE, "exists": true, "balance": balance, "nonce": nonce.to_string(),
        "immature": 18_000_000, "height": 41,
        "block_hash": "ab".repeat(32), "state_root": "cd".repeat(32),
        "proof": { "key": "00".repeat(32), "value": null, "leaf": null, "siblings": [] },
    })
}

pub(crate) fn mempool(pending: &[(&str, u64)]) -> Value {
    let transactions: Vec<Value> = pending
        .iter()
        .map(|(from, nonce)| {
            json!({
                "id": "00".repeat(32), "type": "transfer", "from": from, "to": ALICE, "amount": 1,
                "fee": 1, "nonce": nonce.to_string(),
                "expiry": 9,
            })
        })
        .collect();
    json!({ "bytes": 229 * pending.len(), "transactions": transactions, "shares": 0 })
}

/// A keystore with one account that opens without a person.
pub(crate) fn keystore() -> (TempDir, Keystore, Address) {
    let home = tempfile::tempdir().unwrap();
    let keystore = Keystore::at(home.path());
    let address = keystore.create_unattended(Some("miner".parse().unwrap())).unwrap().address;
    (home, keystore, address)
}

pub(crate) fn ask(node: &MockNode, keystore: &Path, arguments: &[&str]) -> Command {
    let mut command = lode(keystore);
    command.args(arguments).args(["--network", NETWORK]).env("LODE_NODE", &node.url);
    command
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A chain at height 41 where `from` has a balance of 10 credits and the nonce 5; other routes are
/// the test's.
pub(crate) fn chain(other: impl Fn(&Request) -> Answer + Send + 'static) -> MockNode {
    MockNode::start(move |request| {
        match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
            "status" => json(&status(41)),
            "sync" => json(&sync(None)),
            "mempool" => json(&mempool(&[])),
            path if path.starts_with("account/") => json(&account(10_000_000, 5)),
            _ => other(request),
        }
    })
}
