//! `lode transfer`: what is signed and sent, and what is not.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use lode_consensus::{Action, Hash, SignedTransaction, Transaction, transaction::Transfer};
use serde_json::{Value, json};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::ToBytes,
};

use crate::{
    answers::{
        ALICE, GENESIS_HASH, account, ask, chain, json, keystore, mempool, parse, peers, refusal,
        status, sync,
    },
    binary::{fail, lode, run_with_input, succeed},
    mock::{Answer, MockNode, Request},
};

/// A transaction as the API pins it; waiting, or in the block at a height.
fn place(height: Option<u32>) -> Value {
    let mut place: Value = parse(include_str!("../../api/tests/golden/transaction_pending.json"));
    if let Some(height) = height {
        (place["status"], place["height"], place["index"]) =
            (json!("confirmed"), json!(height), json!(0));
    }
    place
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

/// Takes any transaction, as a node does.
fn accept(request: &Request) -> Answer {
    json(&json!({ "id": id(&posted(request)).to_string() }))
}

fn posts(node: &MockNode) -> Vec<Request> {
    node.requests().into_iter().filter(|request| request.method == "POST").collect()
}

#[test]
fn a_transfer_is_signed_and_sent() {
    let (home, _, address) = keystore();
    let node = chain(accept);
    let shown =
        succeed(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1.5"]));

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
        "transfer", "--from", "bob", "--to", "miner", "--amount", "9.75", "--fee", "0.25",
        "--nonce", "8", "--expiry", "42", "--json",
    ];
    let shown =
        parse(&succeed(ask(&node, home.path(), &arguments).arg("--password-file").arg(&password)));

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
        "id": id(&transfer).to_string(), "status": "pending", "height": null, "type": "transfer",
        "from": bob.to_string(), "to": miner.to_string(),
        "amount": 9_750_000, "fee": 250_000, "nonce": "8", "expiry": 42,
    });
    assert_eq!(shown, expected);
}

#[test]
fn the_nonce_follows_what_waits_already() {
    let (home, _, address) = keystore();
    let address = address.to_string();
    let node = MockNode::start(move |request| match request.path.as_str() {
        // 6 and 5 follow the chain's 5; 4 is confirmed already, 9 leaves a gap, the other 7 is of
        // another account.
        "/mocknet/mempool" => json(&mempool(&[
            (&address, 6),
            (ALICE, 7),
            (&address, 5),
            (&address, 4),
            (&address, 9),
        ])),
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
    let shown = succeed(&mut ask(
        &node,
        home.path(),
        &["transfer", "--to", ALICE, "--amount", "1", "--wait", "--json"],
    ));
    let shown = parse(&shown);
    assert_eq!((&shown["status"], &shown["height"]), (&json!("confirmed"), &json!(43)));
    let path = format!("/mocknet/transaction/{}", shown["id"].as_str().unwrap());
    assert_eq!(node.requests().iter().filter(|request| request.path == path).count(), 5);
}

#[test]
fn a_transfer_that_is_never_included_is_reported() {
    let (home, _, _) = keystore();
    let node = chain(|request| {
        if request.method == "POST" { accept(request) } else { refusal(404, "no such transaction") }
    });
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--timeout", "1"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(
        error.contains("in no block after 1 s, and the node does not hold it any more"),
        "{error}"
    );
    assert!(error.contains("until height 281"), "{error}");

    let node = chain(
        |request| if request.method == "POST" { accept(request) } else { json(&place(None)) },
    );
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
    let arguments =
        ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--expiry", "61", "--timeout", "10"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("expired at height 61"), "{error}");
}

/// The transfer with nonce 5, of an account whose nonce is `nonce()`, that is in no block; another
/// one took its place in block 43.
fn replaced(nonce: impl Fn() -> u64 + Send + 'static) -> MockNode {
    MockNode::start(move |request| {
        match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
            "status" => json(&status(41)),
            "sync" => json(&sync(None)),
            "mempool" => json(&mempool(&[])),
            "transaction" => accept(request),
            path if path.ends_with("/transactions") => {
                let from = path.split('/').nth(1).unwrap();
                let mut list: Value =
                    parse(include_str!("../../api/tests/golden/account_transactions.json"));
                let other = &mut list["transactions"][0];
                (other["from"], other["nonce"], other["height"]) =
                    (json!(from), json!("5"), json!(43));
                json(&list)
            }
            path if path.starts_with("account/") => json(&account(10_000_000, nonce())),
            _ => refusal(404, "no such transaction"),
        }
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
    assert!(
        error.contains(&format!("replaced: nonce 5 is used by transaction {rival} in block 43")),
        "{error}"
    );
    assert!(error.contains("nothing was paid by this one"), "{error}");
}

#[test]
fn a_nonce_that_only_a_reorg_showed_as_used_is_not_believed() {
    let (home, _, _) = keystore();
    let asked = AtomicU32::new(0);
    let node = replaced(
        move || if asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) { 5 } else { 6 },
    );
    let arguments = ["transfer", "--to", ALICE, "--amount", "1", "--wait", "--timeout", "2"];
    let error = fail(&mut ask(&node, home.path(), &arguments), 1);
    assert!(error.contains("in no block after 2 s"), "{error}");
}

#[test]
fn a_transfer_is_not_signed_by_what_a_node_out_of_sync_tells() {
    let (home, _, _) = keystore();
    let node = |peer_id: Option<&'static str>| {
        MockNode::start(move |request| {
            match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
                "status" => json(&status(41)),
                "sync" => json(&sync(Some("the tip is 86400 s old"))),
                "peers" => json(&peers(peer_id)),
                "mempool" => json(&mempool(&[])),
                "transaction" => accept(request),
                _ => json(&account(10_000_000, 5)),
            }
        })
    };
    let behind = node(Some("12D3KooWa"));
    let transfer = ["transfer", "--to", ALICE, "--amount", "1"];
    let error = fail(&mut ask(&behind, home.path(), &transfer), 1);
    assert!(
        error.contains("not in sync: the tip is 86400 s old") && error.contains("--force"),
        "{error}"
    );
    assert!(posts(&behind).is_empty());
    let forced = run_with_input(ask(&behind, home.path(), &transfer).arg("--force"), b"");
    assert!(forced.status.success(), "{forced:?}");
    assert!(
        String::from_utf8_lossy(&forced.stderr)
            .contains("warning: the node is not in sync: the tip is 86400 s old")
    );
    assert_eq!(posts(&behind).len(), 1);
    // A node without a network cannot be behind its peers: an own chain, before its first miner.
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
        (
            &["--amount", "10"][..],
            "can spend 10 credits, 10.001 are needed (18 more are mined and not mature yet)",
        ),
        (
            &["--amount", "1", "--expiry", "41"],
            "expected an expiry above the tip's height 41, got 41",
        ),
        (&["--amount", "18446744073709.551615"], "more than can exist"),
    ] {
        let mut command = ask(&node, home.path(), &["transfer", "--to", ALICE]);
        let error = fail(command.args(arguments), 1);
        assert!(error.contains(part), "{error}");
    }
    // Another person's account: there is no key to sign with, and the node is not even asked.
    let before = node.requests().len();
    let error = fail(
        &mut ask(
            &node,
            home.path(),
            &["transfer", "--from", ALICE, "--to", ALICE, "--amount", "1"],
        ),
        1,
    );
    assert!(error.contains("has no key for"), "{error}");
    assert_eq!(node.requests().len(), before);
    assert!(posts(&node).is_empty(), "{address}");
}

#[test]
fn the_nodes_own_words_are_shown_when_it_refuses() {
    let (home, _, _) = keystore();
    let node = chain(|_| {
        refusal(409, "a transaction with nonce 5 waits already; pay 10% more to replace it")
    });
    let error =
        fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    assert_eq!(
        error,
        "error: the node answers 409: a transaction with nonce 5 waits already; pay 10% more to \
         replace it\n"
    );

    let node = MockNode::start(|_| refusal(404, "no block\u{1b}[2J\nat height 99\u{202e}"));
    let error = fail(&mut ask(&node, home.path(), &["block", "99"]), 1);
    assert_eq!(error, "error: the node answers 404: no block\u{fffd}[2J at height 99\u{fffd}\n");
}

#[test]
fn a_lost_answer_says_how_not_to_pay_twice() {
    let (home, _, address) = keystore();
    let node = chain(|_| Answer::Nothing);
    let error =
        fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    let sent = posted(&posts(&node)[0]);
    assert_eq!(sent.from, address);
    assert!(error.contains(&id(&sent).to_string()) && error.contains("--nonce 5"), "{error}");
}

#[test]
fn a_node_of_another_network_gets_no_signature() {
    let (home, _, _) = keystore();
    let node =
        MockNode::start(
            |request| if request.method == "POST" { accept(request) } else { json(&status(41)) },
        );
    let mut command = lode(home.path());
    let arguments =
        ["transfer", "--to", ALICE, "--amount", "1", "--network", "testnet", "--node", &node.url];
    let error = fail(command.args(arguments), 1);
    assert!(error.contains("expected a node of testnet, this one serves mocknet"), "{error}");

    // The right name over another genesis block: a signature for it could be used elsewhere.
    let node = MockNode::start(|_| {
        let mut answer = status(41);
        answer["network"] = json!("devnet");
        json(&answer)
    });
    let mut command = lode(home.path());
    let error =
        fail(command.args(["transfer", "--to", ALICE, "--amount", "1", "--node", &node.url]), 1);
    assert!(error.contains("is not devnet's"), "{error}");
    assert!(posts(&node).is_empty());
}

#[test]
fn a_node_that_misnames_a_transaction_is_not_believed() {
    let (home, _, _) = keystore();
    let node = chain(|_| json(&json!({ "id": "00".repeat(32) })));
    let error =
        fail(&mut ask(&node, home.path(), &["transfer", "--to", ALICE, "--amount", "1"]), 1);
    assert!(error.contains("do not trust this node"), "{error}");
}
