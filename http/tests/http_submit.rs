//! What comes in: `POST /transaction`, `/mempool`, `POST /mining/submit`, and everything that is
//! refused.

mod common;

use std::io::{Read, Write};

use common::Server;
use lode_consensus::{Action, Encode, Hash, Share, SignedTransaction, Transaction};
use lode_core::{AttemptOutcome, SubmitError};
use lode_puzzle::{Part, VerifyError};
use lode_testkit::{
    backend::TestNode,
    mined::{Chain, actors},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::FromBytes,
};

fn request(signed: &SignedTransaction) -> Value {
    let Transaction { from, fee, nonce, expiry, action } = &signed.transaction;
    let Action::Transfer(transfer) = action else { panic!("{action:?}") };
    json!({
        "type": action.name(),
        "from": from.to_string(),
        "to": transfer.to.to_string(),
        "amount": transfer.amount,
        "fee": fee,
        "nonce": nonce.to_string(),
        "expiry": expiry,
        "signature": Signature::<MainnetV0>::read_le(&signed.signature[..]).unwrap().to_string(),
    })
}

fn attempt(share: &Share) -> Value {
    json!({
        "anchor_hash": share.anchor_hash.to_string(),
        "content_hash": share.content_hash.to_string(),
        "prover": share.prover.to_string(),
        "nonce": share.nonce.to_string(),
        "commitment": hex::encode(share.proof.commitment),
        "opening": hex::encode(share.proof.opening),
    })
}

/// The object with one field replaced, or removed for `None`.
fn with(object: &Value, field: &str, value: Option<Value>) -> Value {
    let mut object = object.clone();
    let fields = object.as_object_mut().unwrap();
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
    object
}

fn start() -> Server {
    Server::start(TestNode::new(Chain::new()))
}

#[test]
fn a_signed_transaction_waits_in_the_mempool() {
    let server = start();
    let chain = &server.node.chain;
    let [alice, bob, _] = actors();
    assert_eq!(server.get("/mempool").ok(), json!({"bytes": 0, "transactions": [], "shares": 0}));
    let first = chain.transfer(&alice, &bob, 1_500_000, 0);
    let id = first.id(&chain.genesis_hash());
    assert_eq!(server.post("/transaction", &request(&first)).ok(), json!({"id": id.to_string()}));
    // What arrived is what was signed, byte for byte.
    assert_eq!(server.node.mempool.lock().unwrap().transactions[0].1.encode(), first.encode());

    // Numbers may be numbers or decimal strings.
    let mut second = request(&chain.transfer(&alice, &bob, u64::MAX, 1));
    for (field, value) in
        [("amount", json!(u64::MAX.to_string())), ("fee", json!("0500")), ("nonce", json!(1))]
    {
        second = with(&second, field, Some(value));
    }
    server.post("/transaction", &second).ok();

    let mut listed = with(&request(&first), "signature", None);
    listed["id"] = json!(id.to_string());
    let mempool = server.get("/mempool").ok();
    assert_eq!(mempool["transactions"][0], listed);
    assert_eq!(mempool["transactions"][1]["amount"], u64::MAX);
    assert_eq!(
        (&mempool["bytes"], mempool.as_object().unwrap().len()),
        (&json!(2 * first.encoded_len()), 3)
    );

    // A client that has lost the answer asks again, and learns that the node has it; also with
    // query parameters that snarkOS's clients append.
    for path in ["/transaction", "/transaction?check_transaction=true&x=1"] {
        assert_eq!(server.post(path, &request(&first)).ok(), json!({"id": id.to_string()}));
    }
    // The kind may be left out, as long as there is one.
    assert_eq!(
        server.post("/transaction", &with(&request(&first), "type", None)).ok(),
        json!({"id": id.to_string()})
    );
    // The node's verdicts keep their kinds.
    let forged = with(&request(&first), "amount", Some(json!(1_500_001)));
    assert!(server.post("/transaction", &forged).error(422).contains("signature"));
}

#[test]
fn a_kind_that_is_not_known_is_refused_by_its_name() {
    let server = start();
    let [alice, bob, _] = actors();
    let good = request(&server.node.chain.transfer(&alice, &bob, 1, 0));
    for kind in ["stake", "Transfer", ""] {
        // Whatever else the kind may have, and wherever it stands.
        let unknown = with(&good, "type", Some(json!(kind)));
        for body in [
            unknown.clone(),
            with(&unknown, "class", Some(json!("00"))),
            json!({"amount": 1, "type": kind}),
        ] {
            let refused = server.post("/transaction", &body).error(422);
            assert!(
                refused.contains(&format!("got {kind:?}")) && refused.contains("\"transfer\""),
                "{refused}"
            );
        }
    }
    for kind in [json!(1), json!(null), json!(["transfer"])] {
        server.post("/transaction", &with(&good, "type", Some(kind))).error(400);
    }
    assert!(server.node.mempool.lock().unwrap().transactions.is_empty());
    // Without a kind it is a transfer.
    server.post("/transaction", &with(&good, "type", None)).ok();
}

#[test]
fn a_body_is_an_object_and_the_line_says_so() {
    let server = start();
    let values =
        |object: Value| Value::Array(object.as_object().unwrap().values().cloned().collect());
    let [alice, bob, _] = actors();
    let transfer = request(&server.node.chain.transfer(&alice, &bob, 1, 0));
    for (body, got) in [
        ("[]".to_owned(), "an array"),
        (values(transfer).to_string(), "an array"),
        // An attempt's fields in their order, as serde takes a struct.
        (
            json!(["00".repeat(32), "00".repeat(32), alice.address.to_string(), 1]).to_string(),
            "an array",
        ),
        (" \n\"x\"".to_owned(), "a string"),
        ("-1".to_owned(), "a number"),
        ("null".to_owned(), "a bare word"),
        ("x".to_owned(), "no JSON"),
        (" ".to_owned(), "nothing"),
    ] {
        for path in ["/transaction", "/mining/submit"] {
            let line = server.post_bytes(path, "application/json", body.as_bytes()).error(400);
            assert_eq!(line, format!("the body: expected a JSON object, got {got}"));
        }
    }
}

#[test]
fn unreadable_transactions_are_400() {
    let server = start();
    let [alice, bob, _] = actors();
    let good = request(&server.node.chain.transfer(&alice, &bob, 1, 0));
    let signature = good["signature"].as_str().unwrap();
    let cases = [
        ("amount", json!(-1)),
        ("amount", json!(1.0)),
        ("amount", json!("1.0")),
        ("amount", json!("-1")),
        ("amount", json!("+1")),
        ("amount", json!(" 1")),
        ("amount", json!("1e3")),
        ("amount", json!("")),
        ("amount", json!("18446744073709551616")),
        ("amount", json!(null)),
        ("amount", json!([1])),
        ("amount", json!({"credits": 1})),
        ("amount", json!(true)),
        ("fee", json!("٣")),
        ("nonce", json!("0x1")),
        ("expiry", json!(-1)),
        ("expiry", json!(4_294_967_296_u64)),
        ("expiry", json!("7")),
        ("expiry", json!(0.5)),
        ("from", json!("")),
        ("from", json!(1)),
        ("from", json!("aleo1\u{202e}x\n\u{0}")),
        ("to", json!(good["to"].as_str().unwrap().to_uppercase() + "X")),
        ("to", json!("sign1")),
        ("signature", json!("")),
        ("signature", json!("sign1")),
        ("signature", json!(&signature[..signature.len() - 1])),
        ("signature", json!(format!("{signature}q"))),
        ("signature", json!(alice.address.to_string())),
        ("signature", json!("🦀".repeat(300))),
        ("memo", json!("hello")),
        ("type", json!(1)),
    ];
    for (field, value) in cases {
        server.post("/transaction", &with(&good, field, Some(value.clone()))).error(400);
    }
    for field in good.as_object().unwrap().keys().filter(|field| *field != "type") {
        assert!(
            server
                .post("/transaction", &with(&good, field, None))
                .error(400)
                .contains(field.as_str())
        );
    }
    let text = good.to_string();
    let twice = text.replacen('{', "{\"amount\":1,", 1);
    let huge_number = text.replacen("\"amount\":1", &format!("\"amount\":1{}", "0".repeat(400)), 1);
    let nested = "[".repeat(4_000);
    let trailing = format!("{text}{text}");
    let cut = &text[..text.len() - 1];
    for body in ["", "null", "[]", "\"x\"", "{", cut, &twice, &huge_number, &nested, &trailing] {
        server.post_bytes("/transaction", "application/json", body.as_bytes()).error(400);
    }
    for body in [&b"\xff\xfe"[..], b"{\"from\":\"\xc3\x28\"}", &[0; 100]] {
        server.post_bytes("/transaction", "application/json", body).error(400);
    }
    assert!(server.node.mempool.lock().unwrap().transactions.is_empty());
}

#[test]
fn an_attempt_reaches_the_node_and_its_outcome_the_miner() {
    let server = start();
    let [alice, ..] = actors();
    let share = server.node.chain.share(&alice, 1);
    let answer = server.post("/mining/submit", &attempt(&share)).ok();
    assert_eq!(
        answer,
        json!({"block": null, "share": true, "reason": "the block half misses the target"})
    );
    assert_eq!(server.node.attempts.lock().unwrap()[0], share);

    let set = |verdict| *server.node.verdict.lock().unwrap() = verdict;
    set(Ok(AttemptOutcome { block: Some(Hash([0xab; 32])), share: false, reason: None }));
    let answer =
        server.post("/mining/submit", &with(&attempt(&share), "nonce", Some(json!(u64::MAX)))).ok();
    assert_eq!(answer, json!({"block": "ab".repeat(32), "share": false, "reason": null}));
    assert_eq!(server.node.attempts.lock().unwrap()[1].nonce, u64::MAX);

    for (error, status, expected) in [
        (
            SubmitError::Proof(VerifyError::NotInSubgroup { which: Part::Opening }),
            422,
            "proof: opening: not in the prime-order subgroup",
        ),
        (SubmitError::KnownAttempt, 409, "this attempt was submitted before"),
        (SubmitError::Busy, 503, "too many submissions are being checked, try again later"),
        (
            SubmitError::Task("a line\nand more".to_owned()),
            500,
            "the node failed: the check failed: a line and more",
        ),
    ] {
        set(Err(error));
        assert_eq!(server.post("/mining/submit", &attempt(&share)).error(status), expected);
    }
}

#[test]
fn unreadable_attempts_are_400() {
    let server = start();
    let [alice, ..] = actors();
    let good = attempt(&server.node.chain.share(&alice, 1));
    let point = good["commitment"].as_str().unwrap();
    let cases = [
        ("anchor_hash", json!("ab")),
        ("anchor_hash", json!("zz".repeat(32))),
        ("anchor_hash", json!("🦀".repeat(16))),
        ("content_hash", json!(7)),
        ("content_hash", json!(format!("0x{}", "ab".repeat(31)))),
        ("prover", json!("aleo1")),
        ("nonce", json!("18446744073709551616")),
        ("nonce", json!(-1)),
        ("nonce", json!(1e19)),
        ("commitment", json!("")),
        ("commitment", json!(&point[2..])),
        ("commitment", json!(format!("{point}00"))),
        ("opening", json!(format!("{}g", &point[1..]))),
        ("opening", json!(null)),
        ("ticket", json!("00".repeat(32))),
    ];
    for (field, value) in cases {
        server.post("/mining/submit", &with(&good, field, Some(value))).error(400);
    }
    assert!(server.node.attempts.lock().unwrap().is_empty());
}

#[test]
fn only_json_declared_as_such_is_read() {
    let server = start();
    let [alice, bob, _] = actors();
    let body = request(&server.node.chain.transfer(&alice, &bob, 1, 0)).to_string();
    for bad in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json+x",
        ";",
        "é",
    ] {
        assert!(
            server
                .post_bytes("/transaction", bad, body.as_bytes())
                .error(415)
                .contains("application/json")
        );
        server.post_bytes("/mining/submit", bad, b"{}").error(415);
    }
    let bare = format!(
        "POST /tiny/transaction HTTP/1.1\r\nHost: localhost\r\nConnection: \
         close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(server.raw_answer(&bare).0.starts_with("http/1.1 415"));
    assert!(server.node.mempool.lock().unwrap().transactions.is_empty());
    server.post_bytes("/transaction", "Application/JSON; charset=utf-8", body.as_bytes()).ok();
}

#[test]
fn bodies_that_are_too_large_are_413() {
    let server = start();
    // Padding is legal JSON: at the limit the body is read, one byte above it is not.
    let padded = |bytes: usize| format!("{}{{}}", " ".repeat(bytes - 2)).into_bytes();
    for path in ["/transaction", "/mining/submit"] {
        server.post_bytes(path, "application/json", &padded(188_416)).error(400);
        assert!(
            server
                .post_bytes(path, "application/json", &padded(188_417))
                .error(413)
                .contains("188416")
        );
        // The whole of it is sent before the answer is read, and the answer still arrives.
        server.post_bytes(path, "application/json", &padded(10_000_000)).error(413);
    }
    // A client that asks first is told before it sends.
    let ask = "POST /tiny/transaction HTTP/1.1\r\nHost: localhost\r\n\
               Content-Type: application/json\r\n\
               Content-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n";
    assert!(server.raw_answer(ask).0.starts_with("http/1.1 413"));
    // Without a declared length, too.
    let mut stream = server.raw(
        "POST /tiny/transaction HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
         application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for _ in 0..200 {
        stream.write_all(format!("3e8\r\n{}\r\n", " ".repeat(1_000)).as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("\"error\""), "{answer}");
}

#[test]
fn wrong_methods_are_405() {
    let server = start();
    server.post("/status", &json!({})).error(405);
    server.post("/block/1", &json!({})).error(405);
    server.get("/transaction").error(405);
    server.get("/mining/submit").error(405);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_body_and_no_path_is_the_nodes_fault(
        body: Vec<u8>,
        json in any_json(),
        segments in any_path(),
    ) {
        use std::sync::LazyLock;
        static SERVER: LazyLock<Server> = LazyLock::new(start);
        for path in ["/transaction", "/mining/submit"] {
            for body in [&body, &json.to_string().into_bytes()] {
                let answer = SERVER.post_bytes(path, "application/json", body);
                prop_assert!((400..500).contains(&answer.status), "{answer:?}");
            }
        }
        let answer = SERVER.get(&segments);
        prop_assert!(answer.status < 500, "{segments}: {answer:?}");
    }
}

/// Objects with the right fields and anything in them.
fn any_json() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        any::<String>().prop_map(Value::String),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!([{"a": [null]}])),
    ];
    let fields = prop::sample::select(vec![
        "from",
        "to",
        "amount",
        "fee",
        "nonce",
        "expiry",
        "signature",
        "anchor_hash",
        "content_hash",
        "prover",
        "commitment",
        "opening",
    ]);
    prop::collection::btree_map(fields.prop_map(str::to_owned), value, 0..12)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// Paths of known routes with anything in the place of their parameters.
fn any_path() -> impl Strategy<Value = String> {
    let route = prop::sample::select(vec![
        "block",
        "transaction",
        "account",
        "epoch",
        "roster",
        "shares",
        "mining/job?address=",
        "status",
    ]);
    (route, any::<Vec<u8>>(), "[0-9a-z?&=/._%-]{0,40}").prop_map(|(route, bytes, tail)| {
        let escaped: String = bytes.iter().take(40).map(|byte| format!("%{byte:02X}")).collect();
        // A stray percent sign makes no request that a client would send.
        format!("/{route}/{escaped}{}", tail.replace('%', ""))
    })
}
