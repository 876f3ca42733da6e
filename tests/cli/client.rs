//! The commands that ask a node, against a node that says what each test wants.

mod binary;
mod mock;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use binary::{fail, lode, run_with_input, succeed};
use lode::keystore::Keystore;
use lode_consensus::{Action, Address, Hash, SignedTransaction, Transaction, transaction::Transfer};
use mock::{Answer, MockNode, Request};
use serde_json::{Value, json};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::ToBytes,
};
use tempfile::TempDir;

const ALICE: &str = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";
const GENESIS_HASH: Hash = Hash([0x5a; 32]);
/// A network that does not come with the software, so that its genesis hash is the node's word.
const NETWORK: &str = "mocknet";

fn json(value: &Value) -> Answer {
    Answer::Json(200, value.to_string())
}

fn refusal(status: u16, error: &str) -> Answer {
    Answer::Json(status, json!({ "error": error }).to_string())
}

fn status(height: u32) -> Value {
    json!({
        "network": NETWORK, "version": "0.1.0", "genesis_hash": GENESIS_HASH.to_string(), "height": height,
        "tip_hash": "ab".repeat(32), "tip_timestamp_ms": 1_795_370_709_123_u64, "epoch": height / 20, "epoch_length": 20,
        "epoch_first_height": height / 20 * 20, "block_interval_ms": 2000, "log_n": 13, "target": "1234", "share_target": "4936",
        "difficulty": "275", "work": "123456789012345678901234567890", "next_target": "1235", "subsidy": 60_000_000,
        "supply": {
            "genesis": 600_000_000, "emitted": 1_500_000, "burned": 0, "balances": 1, "pending": 2, "share_fund": 601_499_996,
            "proving_pools": 1,
        },
        "mempool": { "transactions": 3, "bytes": 687, "shares": 2 },
        "mining": { "jobs": 1, "submissions": 2, "blocks": 1, "shares": 1, "refused": 0 },
    })
}

/// How far the node has come; with a reason, it is not ready.
fn sync(reason: Option<&str>) -> Value {
    json!({
        "state": "synced", "height": 41, "tip_hash": "ab".repeat(32), "tip_timestamp_ms": 1_795_370_709_123_u64, "header_height": 41,
        "proven_header_height": 41, "peers_height": 41, "peers": 3, "ready": reason.is_none(), "reason": reason,
    })
}

/// The node among its peers, of which it has some or none by choice.
fn peers(peer_id: Option<&str>) -> Value {
    json!({ "peer_id": peer_id, "addresses": [], "peers": [], "known_peers": 0, "bans": [] })
}

/// A transaction as the API pins it; waiting, or in the block at a height.
fn place(height: Option<u32>) -> Value {
    let mut place: Value = parse(include_str!("../../api/tests/golden/transaction_pending.json"));
    if let Some(height) = height {
        (place["status"], place["height"], place["index"]) = (json!("confirmed"), json!(height), json!(0));
    }
    place
}

fn account(balance: u64, nonce: u64) -> Value {
    json!({
        "address": ALICE, "exists": true, "balance": balance, "nonce": nonce.to_string(), "immature": 18_000_000, "height": 41,
        "block_hash": "ab".repeat(32), "state_root": "cd".repeat(32),
        "proof": { "key": "00".repeat(32), "value": null, "leaf": null, "siblings": [] },
    })
}

fn mempool(pending: &[(&str, u64)]) -> Value {
    let transactions: Vec<Value> = pending
        .iter()
        .map(|(from, nonce)| {
            json!({
                "id": "00".repeat(32), "type": "transfer", "from": from, "to": ALICE, "amount": 1, "fee": 1, "nonce": nonce.to_string(),
                "expiry": 9,
            })
        })
        .collect();
    json!({ "bytes": 229 * pending.len(), "transactions": transactions, "shares": 0 })
}

/// A keystore with one account that opens without a person.
fn keystore() -> (TempDir, Keystore, Address) {
    let home = tempfile::tempdir().unwrap();
    let keystore = Keystore::at(home.path());
    let address = keystore.create_unattended(Some("miner".parse().unwrap())).unwrap().address;
    (home, keystore, address)
}

fn ask(node: &MockNode, keystore: &Path, arguments: &[&str]) -> Command {
    let mut command = lode(keystore);
    command.args(arguments).args(["--network", NETWORK]).env("LODE_NODE", &node.url);
    command
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The transfer in the body of a request, with its signature checked.
fn posted(request: &Request) -> Transaction {
    let body = parse(&request.body);
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    assert_eq!(text("type"), "transfer");
    let transfer = Transaction {
        from: text("from").parse().unwrap(),
        fee: body["fee"].as_u64().unwrap(),
        nonce: text("nonce").parse().unwrap(),
        expiry: body["expiry"].as_u64().unwrap().try_into().unwrap(),
        action: Action::Transfer(Transfer {
            to: text("to").parse().unwrap(),
            amount: body["amount"].as_u64().unwrap(),
        }),
    };
    let signature: Signature<MainnetV0> = text("signature").parse().unwrap();
    let signature = signature.to_bytes_le().unwrap().try_into().unwrap();
    let signed = SignedTransaction { transaction: transfer.clone(), signature };
    signed.verify(&GENESIS_HASH).unwrap();
    transfer
}

fn id(transfer: &Transaction) -> Hash {
    transfer.id(&GENESIS_HASH)
}

/// A chain at height 41 where `from` has a balance of 10 credits and the nonce 5; other routes are the test's.
fn chain(other: impl Fn(&Request) -> Answer + Send + 'static) -> MockNode {
    MockNode::start(move |request| match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
        "status" => json(&status(41)),
        "sync" => json(&sync(None)),
        "mempool" => json(&mempool(&[])),
        path if path.starts_with("account/") => json(&account(10_000_000, 5)),
        _ => other(request),
    })
}

/// Takes any transaction, as a node does.
fn accept(request: &Request) -> Answer {
    json(&json!({ "id": id(&posted(request)).to_string() }))
}

fn posts(node: &MockNode) -> Vec<Request> {
    node.requests().into_iter().filter(|request| request.method == "POST").collect()
}

#[test]
fn a_balance_is_shown_for_the_only_account_a_name_and_an_address() {
    let (home, _, address) = keystore();
    let node = chain(|_| Answer::Nothing);
    for who in [None, Some("miner"), Some(&*address.to_string())] {
        let mut command = ask(&node, home.path(), &["balance"]);
        let shown = succeed(command.args(who));
        assert_eq!(shown, "10 credits at height 41\n18 credits mined and not mature yet\n");
    }
    let account = format!("/mocknet/account/{address}");
    let asked: Vec<String> = node.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked, [account.as_str(), "/mocknet/sync"].repeat(3));

    let shown = parse(&succeed(&mut ask(&node, home.path(), &["balance", ALICE, "--json"])));
    let expected = json!({
        "address": ALICE, "exists": true, "balance": 10_000_000, "immature": 18_000_000, "nonce": "5", "height": 41,
    });
    assert_eq!(shown, expected);
}

#[test]
fn a_transfer_is_signed_and_sent() {
    let (home, _, address) = keystore();
    let node = chain(accept);
    let shown = succeed(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1.5"]));

    let [request] = &posts(&node)[..] else { panic!("expected one transaction") };
    assert_eq!(request.path, "/mocknet/transaction");
    let transfer = posted(request);
    let to = ALICE.parse().unwrap();
    assert_eq!(
        transfer,
        Transaction {
            from: address,
            fee: 1_000,
            nonce: 5,
            expiry: 281,
            action: Action::Transfer(Transfer { to, amount: 1_500_000 })
        }
    );
    assert!(shown.starts_with(&format!("{}\n1.5 credits on the way", id(&transfer))), "{shown}");
}

#[test]
fn every_part_of_a_transfer_can_be_given() {
    let (home, keystore, _) = keystore();
    let password = PathBuf::from(home.path()).join("secret");
    fs::write(&password, "swordfish\n").unwrap();
    let passphrase = lode::keystore::Passphrase::from_file(&password).unwrap();
    let bob = keystore.create(Some("bob".parse().unwrap()), &passphrase).unwrap().address;
    let node = chain(accept);
    let arguments = [
        "transfer", "--from", "bob", "--to", "miner", "--amount", "9.75", "--fee", "0.25", "--nonce", "8", "--expiry",
        "42", "--json",
    ];
    let shown = parse(&succeed(ask(&node, home.path(), &arguments).arg("--password-file").arg(&password)));

    let transfer = posted(&posts(&node)[0]);
    let miner = keystore.resolve("miner").unwrap();
    assert_eq!(
        transfer,
        Transaction {
            from: bob,
            fee: 250_000,
            nonce: 8,
            expiry: 42,
            action: Action::Transfer(Transfer { to: miner, amount: 9_750_000 })
        }
    );
    let expected = json!({
        "id": id(&transfer).to_string(), "status": "pending", "height": null, "type": "transfer", "from": bob.to_string(), "to": miner.to_string(),
        "amount": 9_750_000, "fee": 250_000, "nonce": "8", "expiry": 42,
    });
    assert_eq!(shown, expected);
}

#[test]
fn the_nonce_follows_what_waits_already() {
    let (home, _, address) = keystore();
    let address = address.to_string();
    let node = MockNode::start(move |request| match request.path.as_str() {
        // 6 and 5 follow the chain's 5; 4 is confirmed already, 9 leaves a gap, the other 7 is somebody else's.
        "/mocknet/mempool" => json(&mempool(&[(&address, 6), (ALICE, 7), (&address, 5), (&address, 4), (&address, 9)])),
        "/mocknet/status" => json(&status(41)),
        "/mocknet/sync" => json(&sync(None)),
        "/mocknet/transaction" => accept(request),
        _ => json(&account(10_000_000, 5)),
    });
    succeed(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]));
    assert_eq!(posted(&posts(&node)[0]).nonce, 7);
}

#[test]
fn a_transfer_waits_for_its_block() {
    let (home, _, _) = keystore();
    let looks = AtomicU32::new(0);
    let node = chain(move |request| match request.method.as_str() {
        "POST" => accept(request),
        _ => match looks.fetch_add(1, Ordering::SeqCst) {
            0 => json(&place(None)),
            1 => refusal(503, "busy"),
            2 => refusal(404, "no such transaction"),
            3 => Answer::Nothing,
            _ => json(&place(Some(43))),
        },
    });
    let shown =
        succeed(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1", "--wait", "--json"]));
    let shown = parse(&shown);
    assert_eq!((&shown["status"], &shown["height"]), (&json!("confirmed"), &json!(43)));
    let path = format!("/mocknet/transaction/{}", shown["id"].as_str().unwrap());
    assert_eq!(node.requests().iter().filter(|request| request.path == path).count(), 5);
}

#[test]
fn a_transfer_that_is_never_included_is_reported() {
    let (home, _, _) = keystore();
    let node =
        chain(|request| if request.method == "POST" { accept(request) } else { refusal(404, "no such transaction") });
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--timeout", "1"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("in no block after 1 s, and the node does not hold it any more"), "{error}");
    assert!(error.contains("until height 281"), "{error}");

    let node = chain(|request| if request.method == "POST" { accept(request) } else { json(&place(None)) });
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("in no block after 1 s, and waits in the mempool"), "{error}");

    let heights = AtomicU32::new(0);
    let node = MockNode::start(move |request| match request.path.as_str() {
        // Each look at the chain finds it ten blocks further.
        "/mocknet/status" => json(&status(41 + 10 * heights.fetch_add(1, Ordering::SeqCst))),
        "/mocknet/sync" => json(&sync(None)),
        "/mocknet/mempool" => json(&mempool(&[])),
        "/mocknet/transaction" => accept(request),
        path if path.starts_with("/mocknet/account/") => json(&account(10_000_000, 5)),
        _ => refusal(404, "no such transaction"),
    });
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--expiry", "61", "--timeout", "10"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("expired at height 61"), "{error}");
}

/// The transfer with nonce 5, of an account whose nonce is `nonce()`, that is in no block; another one took its place
/// in block 43.
fn replaced(nonce: impl Fn() -> u64 + Send + 'static) -> MockNode {
    MockNode::start(move |request| match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
        "status" => json(&status(41)),
        "sync" => json(&sync(None)),
        "mempool" => json(&mempool(&[])),
        "transaction" => accept(request),
        path if path.ends_with("/transactions") => {
            let from = path.split('/').nth(1).unwrap();
            let mut list: Value = parse(include_str!("../../api/tests/golden/account_transactions.json"));
            let other = &mut list["transactions"][0];
            (other["from"], other["nonce"], other["height"]) = (json!(from), json!("5"), json!(43));
            json(&list)
        }
        path if path.starts_with("account/") => json(&account(10_000_000, nonce())),
        _ => refusal(404, "no such transaction"),
    })
}

#[test]
fn a_wait_ends_when_another_transfer_has_taken_the_nonce() {
    let (home, _, _) = keystore();
    let asked = AtomicU32::new(0);
    // The first question comes before the transfer is signed.
    let node = replaced(move || if asked.fetch_add(1, Ordering::SeqCst) == 0 { 5 } else { 6 });
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--timeout", "60"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    let rival = "3f".repeat(32);
    assert!(error.contains(&format!("replaced: nonce 5 is used by transaction {rival} in block 43")), "{error}");
    assert!(error.contains("nothing was paid by this one"), "{error}");
}

#[test]
fn a_nonce_that_only_a_reorg_showed_as_used_is_not_believed() {
    let (home, _, _) = keystore();
    let asked = AtomicU32::new(0);
    let node = replaced(move || if asked.fetch_add(1, Ordering::SeqCst) % 2 == 0 { 5 } else { 6 });
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--timeout", "2"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("in no block after 2 s"), "{error}");
}

/// A node that is behind its peers: each command says so in one line, and what it prints is the same.
#[test]
fn a_node_that_is_not_in_sync_is_named_by_every_command() {
    let (home, _, _) = keystore();
    let golden = |text: &str| parse(text);
    let node = |reason: Option<&'static str>| {
        MockNode::start(move |request| match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
            "status" => json(&status(41)),
            "sync" => json(&sync(reason)),
            "peers" => json(&peers(Some("12D3KooWa"))),
            "block/latest" => json(&golden(include_str!("../../api/tests/golden/block.json"))),
            "epoch/current" => json(&golden(include_str!("../../api/tests/golden/epoch.json"))),
            "roster/42" => json(&golden(include_str!("../../api/tests/golden/roster.json"))),
            path if path.starts_with("account/") => json(&account(10_000_000, 5)),
            path => refusal(404, &format!("no {path}")),
        })
    };
    let (behind, ready) = (node(Some("11943 blocks behind the peers")), node(None));
    for arguments in [&["balance"][..], &["status"], &["block", "latest"], &["epoch"]] {
        for json in [&[][..], &["--json"]] {
            let run = |node: &MockNode| run_with_input(ask(node, home.path(), arguments).args(json), b"");
            let (warned, quiet) = (run(&behind), run(&ready));
            assert!(warned.status.success() && quiet.status.success(), "{arguments:?}: {warned:?}");
            assert_eq!(warned.stdout, quiet.stdout, "{arguments:?}");
            let line = String::from_utf8(warned.stderr).unwrap();
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.contains("not in sync: 11943 blocks behind the peers"), "{line}");
            assert_eq!(quiet.stderr, b"", "{arguments:?}");
        }
    }
}

#[test]
fn a_transfer_is_not_signed_by_what_a_node_out_of_sync_tells() {
    let (home, _, _) = keystore();
    let node = |peer_id: Option<&'static str>| {
        MockNode::start(move |request| match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
            "status" => json(&status(41)),
            "sync" => json(&sync(Some("the tip is 86400 s old"))),
            "peers" => json(&peers(peer_id)),
            "mempool" => json(&mempool(&[])),
            "transaction" => accept(request),
            _ => json(&account(10_000_000, 5)),
        })
    };
    let behind = node(Some("12D3KooWa"));
    let transfer = ["transfer", "--to", ALICE, "--amount", "1"];
    let error = fail(&mut ask(&behind, home.path(), &transfer), 1);
    assert!(error.contains("not in sync: the tip is 86400 s old") && error.contains("--force"), "{error}");
    assert!(posts(&behind).is_empty());
    let forced = run_with_input(ask(&behind, home.path(), &transfer).arg("--force"), b"");
    assert!(forced.status.success(), "{forced:?}");
    assert!(
        String::from_utf8_lossy(&forced.stderr).contains("warning: the node is not in sync: the tip is 86400 s old")
    );
    assert_eq!(posts(&behind).len(), 1);
    // Without peers by choice there is nobody to be behind of: one's own chain, before its first miner.
    let alone = node(None);
    let sent = run_with_input(&mut ask(&alone, home.path(), &transfer), b"");
    assert!(sent.status.success() && posts(&alone).len() == 1, "{sent:?}");
    assert_eq!(String::from_utf8_lossy(&sent.stderr).lines().count(), 1);
}

#[test]
fn what_cannot_be_included_is_not_sent() {
    let (home, _, address) = keystore();
    let node = chain(accept);
    for (arguments, part) in [
        (&["--amount", "10"][..], "can spend 10 credits, 10.001 are needed (18 more are mined and not mature yet)"),
        (&["--amount", "1", "--expiry", "41"], "expected an expiry above the tip's height 41, got 41"),
        (&["--amount", "18446744073709.551615"], "more than can exist"),
    ] {
        let mut command = ask(&node, home.path(), &["transfer", "--to", ALICE]);
        let error = fail(command.args(arguments), 1);
        assert!(error.contains(part), "{error}");
    }
    // Somebody else's account: there is no key to sign with, and the node is not even asked.
    let before = node.requests().len();
    let error = fail(&mut ask(&node, home.path(), &["transfer", "--from", ALICE, "--to", ALICE, "--amount", "1"]), 1);
    assert!(error.contains("has no key for"), "{error}");
    assert_eq!(node.requests().len(), before);
    assert!(posts(&node).is_empty(), "{address}");
}

#[test]
fn the_nodes_own_words_are_shown_when_it_refuses() {
    let (home, _, _) = keystore();
    let node = chain(|_| refusal(409, "a transaction with nonce 5 waits already; pay 10% more to replace it"));
    let error = fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    assert_eq!(
        error,
        "error: the node answers 409: a transaction with nonce 5 waits already; pay 10% more to replace it\n"
    );

    let node = MockNode::start(|_| refusal(404, "no block\u{1b}[2J\nat height 99\u{202e}"));
    let error = fail(&mut ask(&node, home.path(), &["block", "99"]), 1);
    assert_eq!(error, "error: the node answers 404: no block\u{fffd}[2J at height 99\u{fffd}\n");
}

#[test]
fn a_lost_answer_says_how_not_to_pay_twice() {
    let (home, _, address) = keystore();
    let node = chain(|_| Answer::Nothing);
    let error = fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    let sent = posted(&posts(&node)[0]);
    assert_eq!(sent.from, address);
    assert!(error.contains(&id(&sent).to_string()) && error.contains("--nonce 5"), "{error}");
}

#[test]
fn a_node_of_another_network_gets_no_signature() {
    let (home, _, _) = keystore();
    let node = MockNode::start(|request| if request.method == "POST" { accept(request) } else { json(&status(41)) });
    let mut command = lode(home.path());
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--network", "testnet", "--node", &node.url];
    let error = fail(command.args(arguments), 1);
    assert!(error.contains("expected a node of testnet, this one serves mocknet"), "{error}");

    // The right name over another genesis block: a signature for it could be used elsewhere.
    let node = MockNode::start(|_| {
        let mut answer = status(41);
        answer["network"] = json!("devnet");
        json(&answer)
    });
    let mut command = lode(home.path());
    let error = fail(command.args(["transfer", "--to", ALICE, "--amount", "1", "--node", &node.url]), 1);
    assert!(error.contains("is not devnet's"), "{error}");
    assert!(posts(&node).is_empty());
}

#[test]
fn a_node_that_misnames_a_transaction_is_not_believed() {
    let (home, _, _) = keystore();
    let node = chain(|_| json(&json!({ "id": "00".repeat(32) })));
    let error = fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    assert!(error.contains("do not trust this node"), "{error}");
}

#[test]
fn a_block_is_shown_to_people_and_machines() {
    let (home, _, _) = keystore();
    let mut block: Value = parse(include_str!("../../api/tests/golden/block.json"));
    (block["height"], block["confirmations"]) = (json!(40), json!(2));
    block["header"]["timestamp_ms"] = json!(1_795_370_709_123_u64);
    let producer = block["header"]["producer"].clone();
    block["shares"][0]["prover"] = producer;
    let share = block["shares"][0].clone();
    block["shares"].as_array_mut().unwrap().push(share);
    let expected = block.clone();
    let node = MockNode::start(move |request| match request.path.as_str() {
        "/mocknet/block/40" | "/mocknet/block/latest" => json(&block),
        "/mocknet/sync" => json(&sync(None)),
        path => refusal(404, &format!("no {path}")),
    });
    assert_eq!(parse(&succeed(&mut ask(&node, home.path(), &["block", "latest", "--json"]))), expected);
    let shown = succeed(&mut ask(&node, home.path(), &["block", "40"]));
    for part in [
        "40 of epoch 2",
        "2 confirmations",
        "2026-11-22 18:05:09 UTC",
        "60 credits of subsidy, 0.001 of fees",
        &format!("{ALICE}  2\n"),
        "1.5 credits, fee 0.001",
        "18446744073709551615",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    fail(&mut ask(&node, home.path(), &["block", &"00".repeat(32)]), 1);
}

#[test]
fn an_epoch_shows_weight_rank_and_next_duty() {
    let (home, _, miner) = keystore();
    let miner = miner.to_string();
    let node = MockNode::start({
        let miner = miner.clone();
        move |request| match request.path.as_str() {
            "/mocknet/status" => json(&status(41)),
            "/mocknet/sync" => json(&sync(None)),
            "/mocknet/roster/42" => json(&json!([ALICE, miner])),
            "/mocknet/epoch/2" | "/mocknet/epoch/current" => json(&json!({
                "epoch": 2, "challenge": "12".repeat(32), "first_height": 40, "last_height": 59, "share_target": "4936",
                "weights": { ALICE: "196608", &miner: "65536" }, "shares": { ALICE: 3 }, "complete": false, "proving_pool": 24_000_000,
            })),
            path => refusal(404, &format!("no {path}")),
        }
    });
    let shown = succeed(&mut ask(&node, home.path(), &["epoch"]));
    for part in [
        "epoch         2 (open: weights still grow), heights 40 to 59",
        "3 shares, weight 196608 (75.00%)",
        "weight      65536 of 262144 (25.00%), decides the rosters of epoch 3",
        "next duty   height 42: rank 2 of 2",
        "known one block ahead",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = succeed(&mut ask(&node, home.path(), &["epoch", "2", "--address", ALICE]));
    assert!(shown.contains("next duty   height 42: holds the right, first of 2"), "{shown}");

    let shown = parse(&succeed(&mut ask(&node, home.path(), &["epoch", "--json"])));
    assert_eq!(shown["address"], json!(miner));
    assert_eq!(shown["epoch"]["weights"][ALICE], "196608");
    assert_eq!(shown["next_duty"], json!({ "height": 42, "rank": 2, "provers": 2 }));

    // Somebody who has proved nothing, and nobody at all.
    let elsewhere = tempfile::tempdir().unwrap();
    let shown = succeed(&mut ask(&node, elsewhere.path(), &["epoch"]));
    assert!(shown.contains("--address says whose"), "{shown}");
    fail(&mut ask(&node, home.path(), &["epoch", "7"]), 1);
}

#[test]
fn a_status_is_shown_to_people_and_machines() {
    let (home, _, _) = keystore();
    let node = chain(|_| Answer::Nothing);
    assert_eq!(parse(&succeed(&mut ask(&node, home.path(), &["status", "--json"]))), status(41));
    let shown = succeed(&mut ask(&node, home.path(), &["status"]));
    for part in [
        "mocknet (node 0.1.0)",
        "height 41",
        "2, block 2 of 20",
        "600 at genesis + 1.5 mined",
        "3 transactions (687 bytes), 2 shares",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn what_is_no_nodes_answer_is_one_line() {
    let (home, _, _) = keystore();
    let good = status(41).to_string();
    type Spoiled = fn(&str) -> Answer;
    let answers: [(&str, Spoiled); 9] = [
        ("EOF", |good| Answer::Json(200, good[..good.len() / 2].to_owned())),
        ("expected", |_| Answer::Json(200, "<html>\n<h1>hello</h1>".to_owned())),
        ("EOF", |_| Answer::Json(200, String::new())),
        ("missing field", |_| Answer::Json(200, "{}".to_owned())),
        ("invalid", |good| Answer::Json(200, good.replace("\"height\":41", "\"height\":-1"))),
        ("invalid", |good| Answer::Json(200, good.replace("\"height\":41", "\"height\":4294967296"))),
        ("invalid type", |_| Answer::Json(200, "[".repeat(1_000_000))),
        ("HTTP status 502", |_| Answer::Json(502, "Bad gateway".to_owned())),
        ("HTTP status 302", |_| Answer::Redirect("http://127.0.0.1:9/".to_owned())),
    ];
    for (part, answer) in answers {
        let good = good.clone();
        let node = MockNode::start(move |_| answer(&good));
        let error = fail(&mut ask(&node, home.path(), &["status"]), 1);
        assert!(error.contains("not a Lode node's answer") && error.contains(part), "{part}: {error}");
    }
    let node = MockNode::start(|_| Answer::Json(200, "[".repeat(1_000_000)));
    let error = fail(&mut ask(&node, home.path(), &["status", "--json"]), 1);
    assert!(error.contains("recursion limit exceeded"), "{error}");
}

#[test]
fn an_answer_without_an_end_is_cut() {
    let (home, _, _) = keystore();
    let node = MockNode::start(|_| Answer::Endless);
    let error = fail(&mut ask(&node, home.path(), &["status"]), 1);
    assert!(error.contains("more than 67108864 bytes"), "{error}");
}

#[test]
fn a_node_that_is_not_there_is_one_line() {
    let (home, _, _) = keystore();
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    let error = fail(lode(home.path()).args(["status", "--node", &url]), 1);
    assert!(error.contains("cannot reach the node") && error.contains("lode devnet"), "{error}");
    // A proxy in the environment does not stand between this machine and itself.
    let node = chain(|_| Answer::Nothing);
    succeed(
        ask(&node, home.path(), &["status"]).env("http_proxy", &url).env("HTTP_PROXY", &url).env("ALL_PROXY", &url),
    );

    let node = MockNode::start(|_| Answer::Nothing);
    let output = run_with_input(&mut ask(&node, home.path(), &["status"]), b"");
    assert_eq!(output.status.code(), Some(1));
}
