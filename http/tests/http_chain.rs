//! `/`, `/status`, `/block`, `/transaction`.

mod common;

use common::Server;
use lode_consensus::{Action, Block, Encode, Hash, Share, SignedTransaction, Transaction, epoch};
use lode_puzzle::{Claim, Seed, Target, Ticket, Verifier};
use lode_testkit::{
    backend::TestNode,
    mined::{Chain, actors},
    networks,
};
use serde_json::{Value, json};

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn challenge(chain: &Chain, height: u32) -> Hash {
    match (height / 4 * 4).checked_sub(1) {
        Some(last) => epoch::challenge(&chain.block(last).0),
        None => epoch::challenge(&chain.genesis_hash()),
    }
}

fn expected_share(share: &Share, genesis_hash: &Hash, challenge: &Hash) -> Value {
    let statement = share.statement(genesis_hash, challenge);
    let ticket = Ticket::new(&Seed::new(&statement, share.nonce), &share.proof);
    json!({
        "anchor_hash": text(share.anchor_hash),
        "content_hash": text(share.content_hash),
        "prover": text(share.prover),
        "nonce": text(share.nonce),
        "commitment": hex::encode(share.proof.commitment),
        "opening": hex::encode(share.proof.opening),
        "statement": text(statement),
        "ticket": text(ticket),
    })
}

fn expected_transaction(signed: &SignedTransaction, genesis_hash: &Hash, outcome: &Value) -> Value {
    use snarkvm::{
        console::{account::Signature, network::MainnetV0},
        utilities::FromBytes,
    };
    let Transaction { from, fee, nonce, expiry, action } = &signed.transaction;
    let Action::Transfer(transfer) = action else { panic!("{action:?}") };
    let signature = Signature::<MainnetV0>::read_le(&signed.signature[..]).unwrap();
    json!({
        "id": text(signed.id(genesis_hash)),
        "type": "transfer",
        "from": text(from),
        "to": text(transfer.to),
        "amount": transfer.amount,
        "fee": fee,
        "nonce": text(nonce),
        "expiry": expiry,
        "outcome": outcome,
        "reason": null,
        "proof_holds": null,
        "signature": text(signature),
        "bytes": hex::encode(signed.encode()),
    })
}

/// The whole answer, put together from the block alone.
fn expected_block(block: &Block, chain: &Chain, on_chain: bool, confirmations: u32) -> Value {
    let genesis_hash = chain.genesis_hash();
    let header = &block.header;
    let challenge = challenge(chain, header.height);
    let own = expected_share(&block.as_share(), &genesis_hash, &challenge);
    let proof = json!({
        "nonce": own["nonce"], "commitment": own["commitment"], "opening": own["opening"],
        "ticket": own["ticket"],
    });
    let shares =
        block.body.shares.iter().map(|share| expected_share(share, &genesis_hash, &challenge));
    let outcome = if on_chain { json!("applied") } else { json!(null) };
    let transactions = block
        .body
        .transactions
        .iter()
        .map(|signed| expected_transaction(signed, &genesis_hash, &outcome));
    json!({
        "hash": text(block.hash()),
        "height": header.height,
        "epoch": header.height / 4,
        "genesis_hash": text(genesis_hash),
        "epoch_challenge": text(challenge),
        "header": {
            "version": 1,
            "height": header.height,
            "parent_hash": text(header.parent_hash),
            "anchor_hash": text(header.anchor_hash),
            "timestamp_ms": header.timestamp_ms,
            "transactions_root": text(header.transactions_root),
            "shares_root": text(header.shares_root),
            "state_root": text(header.state_root),
            "producer": text(header.producer),
            "target": text(header.target),
        },
        "header_bytes": hex::encode(header.encode()),
        "content_hash": text(header.content_hash()),
        "statement": own["statement"],
        "proof": proof,
        "shares": shares.collect::<Vec<_>>(),
        "transactions": transactions.collect::<Vec<_>>(),
        "on_chain": on_chain,
        "confirmations": confirmations,
        // Every block of this network has the easiest target, and so the least work.
        "work": text(u128::from(header.height) << 64),
        "size_bytes": block.encode().len(),
        "subsidy": if header.height == 0 { 0 } else { 60_000_000 },
        "fees": 500 * block.body.transactions.len(),
    })
}

#[test]
fn a_block_is_told_whole_by_height_by_hash_and_as_the_latest() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let chain = &server.node.chain;
    for height in 0..=10 {
        let (hash, block) = chain.block(height);
        let expected = expected_block(&block, chain, true, 11 - height);
        assert_eq!(server.get(&format!("/block/{height}")).ok(), expected);
        assert_eq!(server.get(&format!("/block/{hash}")).ok(), expected);
    }
    assert_eq!(server.get("/block/latest"), server.get("/block/10"));
    // The fixture holds what the test is about.
    let five = server.get("/block/5").ok();
    assert_eq!(
        (five["transactions"].as_array().unwrap().len(), five["shares"].as_array().unwrap().len()),
        (3, 1)
    );
    assert_eq!(server.get("/block/4").ok()["shares"].as_array().unwrap().len(), 2);
}

#[test]
fn the_proofs_of_a_block_hold_as_told() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let srs = lode_genesis::srs::load(lode_puzzle::LogSize::MIN).unwrap();
    let verifier = Verifier::new(&srs);
    let block = server.get("/block/4").ok();
    let check = |statement: &Value, proof: &Value| {
        let bytes = |field: &str| hex::decode(proof[field].as_str().unwrap()).unwrap();
        let proof_bytes = [bytes("commitment"), bytes("opening")].concat();
        let proof_parts = lode_puzzle::Proof::from_bytes(&proof_bytes).unwrap();
        let statement = statement.as_str().unwrap().parse().unwrap();
        let nonce = proof["nonce"].as_str().unwrap().parse().unwrap();
        let ticket =
            verifier.verify(&statement, nonce, &proof_parts, Claim::Block(Target::MAX)).unwrap();
        assert_eq!(text(ticket), proof["ticket"]);
    };
    check(&block["statement"], &block["proof"]);
    let shares = block["shares"].as_array().unwrap();
    assert_eq!(shares.len(), 2);
    shares.iter().for_each(|share| check(&share["statement"], share));
}

#[test]
fn unknown_blocks_are_404_and_unreadable_names_400() {
    let server = Server::start(TestNode::new(Chain::new()));
    assert_eq!(server.get("/block/1").error(404), "no block at height 1: the tip is at 0");
    assert!(server.get("/block/4294967295").error(404).contains("4294967295"));
    assert!(server.get(&format!("/block/{}", "ab".repeat(32))).error(404).contains("abab"));
    for bad in [
        "-1",
        "4294967296",
        "1e3",
        "0x10",
        "latest%20",
        "%2B1",
        "newest",
        "%F0%9F%A6%80",
        "%FF",
        "99999999999999999999",
    ] {
        server.get(&format!("/block/{bad}")).error(400);
    }
    assert!(server.get(&format!("/block/{}", "zz".repeat(32))).error(400).contains("hexadecimal"));
}

#[test]
fn every_route_refuses_parameters_that_it_does_not_know() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let address = actors()[0].address;
    let unknown = [
        "/status".to_owned(),
        "/block/latest".to_owned(),
        format!("/transaction/{}", "ab".repeat(32)),
        format!("/account/{address}"),
        format!("/account/{address}/transactions"),
        "/epoch/current".to_owned(),
        format!("/weight/{address}"),
        "/roster/1".to_owned(),
        format!("/shares/{address}"),
        "/mempool".to_owned(),
        "/mining/job".to_owned(),
        "/events".to_owned(),
        "/peers".to_owned(),
        "/sync".to_owned(),
        "/ready".to_owned(),
        "/classes".to_owned(),
        format!("/class/{}", "ab".repeat(32)),
        format!("/class/{}/estimate", "ab".repeat(32)),
        format!("/job/{}", "ab".repeat(32)),
        format!("/job/{}/why", "ab".repeat(32)),
        format!("/operator/{address}"),
        "/supply".to_owned(),
        "/queue".to_owned(),
        "/agenda".to_owned(),
    ];
    let assert_refused = |line: String| {
        assert!(line.starts_with("the query: unknown parameter `foo`, "), "{line}");
    };
    for path in unknown {
        assert_refused(server.get(&format!("{path}?foo=1")).error(400));
    }
    assert_refused(server.get_absolute("/?foo=1").error(400));
    assert_refused(server.post("/mining/submit?foo=1", &serde_json::json!({})).error(400));
    server.get("/status?").ok();
}

#[test]
fn a_side_branch_has_its_own_epoch_challenge_and_no_confirmations() {
    let [alice, bob, _] = actors();
    let (ours, theirs) = (Chain::new(), Chain::new());
    for height in 1..=2 {
        assert_eq!(
            ours.grow(&alice, 0, vec![], vec![]),
            theirs.grow(&alice, 0, vec![], vec![]),
            "{height}"
        );
    }
    // From height 3, the last of its epoch, the branches have different hashes, and epoch 1 has two
    // challenges.
    for _ in 3..=5 {
        ours.grow(&alice, 0, vec![], vec![]);
        theirs.grow(&bob, 0, vec![], vec![theirs.share(&bob, 1)]);
    }
    for height in 3..=5 {
        ours.store(theirs.block(height).1);
    }
    ours.grow(&alice, 0, vec![], vec![]);
    let server = Server::start(TestNode::new(ours));
    for height in 3..=5 {
        let (hash, block) = theirs.block(height);
        assert_eq!(
            server.get(&format!("/block/{hash}")).ok(),
            expected_block(&block, &theirs, false, 0)
        );
        let (hash, block) = server.node.chain.block(height);
        let expected = expected_block(&block, &server.node.chain, true, 7 - height);
        assert_eq!(server.get(&format!("/block/{hash}")).ok(), expected);
    }

    // Two more blocks make the branch the chain.
    theirs.grow(&bob, 0, vec![], vec![]);
    theirs.grow(&bob, 0, vec![], vec![]);
    server.node.chain.store(theirs.block(6).1);
    server.node.chain.store(theirs.block(7).1);
    let (hash, block) = theirs.block(5);
    assert_eq!(
        server.get(&format!("/block/{hash}")).ok(),
        expected_block(&block, &theirs, true, 3)
    );
    assert_eq!(server.get("/block/5").ok()["hash"], text(hash));
}

#[test]
fn status_adds_up() {
    let server = Server::start(TestNode::new(Chain::standard()));
    let chain = &server.node.chain;
    let [alice, _, carol] = actors();
    let waiting = chain.transfer(&alice, &carol, 5, 6);
    server
        .node
        .mempool
        .lock()
        .unwrap()
        .transactions
        .push((waiting.id(&chain.genesis_hash()), waiting));
    server.node.mempool.lock().unwrap().bytes = 221;
    server.node.mempool.lock().unwrap().shares = 3;
    let (tip_hash, tip) = chain.block(10);
    let supply = chain.ledger.read().supply().unwrap();
    let status = server.get("/status").ok();
    assert_eq!(
        status,
        json!({
            "network": "tiny",
            "version": env!("CARGO_PKG_VERSION"),
            "genesis_hash": text(chain.genesis_hash()),
            "height": 10,
            "tip_hash": text(tip_hash),
            "tip_timestamp_ms": tip.header.timestamp_ms,
            "epoch": 2,
            "epoch_length": 4,
            "epoch_first_height": 8,
            "block_interval_ms": 1_000,
            "log_n": 2,
            "target": text(u128::MAX),
            "share_target": text(u128::MAX),
            "difficulty": "1",
            "work": text(10_u128 << 64),
            "next_target": text(u128::MAX),
            "subsidy": 60_000_000,
            "supply": {
                "genesis": 3_120_000_000_u64,
                "emitted": 600_000_000,
                "burned": 0,
                "balances": supply.balances,
                "pending": supply.pending,
                "share_fund": supply.share_fund,
                // Of the 120 of ten blocks, half of the first epoch's 36 went to the share fund.
                "proving_pools": 102_000_000,
                "bonds": 0,
                "escrows": 0,
            },
            "mempool": {"transactions": 1, "bytes": 221, "shares": 3},
            "mining": {"jobs": 11, "submissions": 7, "blocks": 2, "shares": 4, "refused": 1},
        })
    );
    let amount = |field: &str| status["supply"][field].as_u64().unwrap();
    let held =
        amount("balances") + amount("pending") + amount("share_fund") + amount("proving_pools");
    assert_eq!(amount("genesis") + amount("emitted") - amount("burned"), held);
}

#[test]
fn status_at_genesis() {
    let server = Server::start(TestNode::new(Chain::new()));
    let status = server.get("/status").ok();
    assert_eq!(
        (&status["height"], &status["work"], &status["subsidy"]),
        (&json!(0), &json!("0"), &json!(60_000_000))
    );
    assert_eq!(server.get("/epoch/current").ok()["epoch"], 0);
}

#[test]
fn a_transaction_is_pending_then_confirmed() {
    let [alice, bob, carol] = actors();
    let server = Server::start(TestNode::new(Chain::new()));
    let chain = &server.node.chain;
    let signed = [0, 1].map(|nonce| chain.transfer(&alice, &carol, 7, nonce));
    let ids = [0, 1].map(|i: usize| signed[i].id(&chain.genesis_hash()));
    for (id, signed) in ids.iter().zip(&signed) {
        assert!(server.get(&format!("/transaction/{id}")).error(404).contains(&id.to_string()));
        server.node.mempool.lock().unwrap().transactions.push((*id, signed.clone()));
    }
    let expected = |i: usize, status: &str, height: Option<u32>, index: Option<usize>| {
        let outcome = if height.is_some() { json!("applied") } else { json!(null) };
        let mut expected = expected_transaction(&signed[i], &chain.genesis_hash(), &outcome);
        let fields = expected.as_object_mut().unwrap();
        fields.remove("bytes");
        fields.insert("status".to_owned(), json!(status));
        fields.insert("height".to_owned(), json!(height));
        fields.insert("index".to_owned(), json!(index));
        expected
    };
    let told = |i: usize| server.get(&format!("/transaction/{}", ids[i])).ok();
    assert_eq!(told(1), expected(1, "pending", None, None));
    // Confirmed, even while the mempool has not dropped it yet.
    chain.grow(&bob, 0, signed.to_vec(), vec![]);
    assert_eq!(told(0), expected(0, "confirmed", Some(1), Some(0)));
    assert_eq!(told(1), expected(1, "confirmed", Some(1), Some(1)));
    server.node.mempool.lock().unwrap().transactions.clear();
    assert_eq!(told(1), expected(1, "confirmed", Some(1), Some(1)));

    for bad in ["1", "latest", "abc", &"g".repeat(64), &"ab".repeat(33)] {
        server.get(&format!("/transaction/{bad}")).error(400);
    }
}

#[test]
fn the_root_lists_routes_that_exist() {
    let server = Server::start(TestNode::new(Chain::new()));
    let root = server.get_absolute("/").ok();
    assert_eq!((&root["name"], &root["networks"]), (&json!("lode"), &json!(["tiny"])));
    assert_eq!(root["version"], env!("CARGO_PKG_VERSION"));
    let routes = root["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 40);
    for route in routes {
        let (method, path) = route.as_str().unwrap().split_once(' ').unwrap();
        let path = path.split('?').next().unwrap().replace("{network}", "tiny");
        // A route that exists refuses the method; anything else would not be found.
        let request =
            format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let (head, body) = server.raw_answer(&request.replace(['{', '}', '|'], "x"));
        assert!(head.starts_with("http/1.1 405"), "{method} {path}: {head}");
        assert!(head.contains("application/json") && body.contains("DELETE"), "{head}\n{body}");
    }
}

#[test]
fn other_networks_and_unknown_routes_are_404() {
    let server = Server::start(TestNode::new(Chain::new()));
    for path in [
        "/mainnet/status",
        "/devnet/block/1",
        "/TINY/status",
        "/tiny2",
        "/%F0%9F%A6%80/status",
        "//status",
    ] {
        assert!(
            server.get_absolute(path).error(404).contains("this node serves \"tiny\""),
            "{path}"
        );
    }
    for path in [
        "/tiny",
        "/tiny/",
        "/tiny/statuses",
        "/tiny/status/",
        "/tiny/block",
        "/tiny/block/1/2",
        "/tiny/..%2f",
    ] {
        assert!(server.get_absolute(path).error(404).contains("no route"), "{path}");
    }
}

#[test]
fn any_page_may_read_the_chain_but_not_the_node() {
    let server = Server::start(TestNode::new(Chain::new()));
    let [alice, ..] = actors();
    let open = |path: &str| {
        let request = format!(
            "GET /tiny{path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a.b\r\nConnection: \
             close\r\n\r\n"
        );
        server.raw_answer(&request).0.contains("access-control-allow-origin: *")
    };
    let account = format!("/account/{}", alice.address);
    for path in ["/status", "/block/0", "/block/9", "/epoch/0", "/roster/0", &account] {
        assert!(open(path), "{path}");
    }
    for path in ["/mempool", &format!("/mining/job?address={}", alice.address), "/transaction/00"] {
        assert!(!open(path), "{path}");
    }
    // A page's request for leave to post JSON is refused.
    let preflight = "OPTIONS /tiny/transaction HTTP/1.1\r\nHost: localhost\r\n\
                     Origin: http://a.b\r\n\
                     Access-Control-Request-Method: POST\r\nConnection: close\r\n\r\n";
    let (head, _) = server.raw_answer(preflight);
    assert!(head.starts_with("http/1.1 405") && !head.contains("access-control"), "{head}");
    // One that wants to read the chain with headers of its own is not.
    let preflight = preflight
        .replace("/tiny/transaction", "/tiny/status")
        .replace("Method: POST", "Method: GET");
    let (head, _) = server.raw_answer(&preflight);
    assert!(
        head.starts_with("http/1.1 200") && head.contains("access-control-allow-methods: get,head"),
        "{head}"
    );
}

/// A page can have its own name point to this machine; then its requests come to loopback under
/// that name, and as of one origin.
#[test]
fn on_loopback_a_foreign_host_is_refused_everywhere() {
    let server = Server::start(TestNode::new(Chain::new()));
    let ask = |method: &str, path: &str, host: &str| {
        let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
        server.raw_answer(&format!(
            "{method} {path} HTTP/1.1\r\n{host}{body}Connection: close\r\n\r\n{{}}"
        ))
    };
    let routes = [
        ("GET", "/"),
        ("GET", "/tiny/status"),
        ("GET", "/tiny/mempool"),
        ("GET", "/tiny/events"),
        ("GET", "/tiny/nowhere"),
        ("POST", "/tiny/transaction"),
        ("POST", "/tiny/mining/submit"),
        ("OPTIONS", "/tiny/status"),
    ];
    for (method, path) in routes {
        for host in ["rebind.attacker.example", "rebind.attacker.example:3030", "10.0.0.1", ""] {
            let (head, body) = ask(method, path, &format!("Host: {host}\r\n"));
            assert!(head.starts_with("http/1.1 421"), "{method} {path} {host}: {head}");
            assert!(
                !head.contains("access-control") && body.contains("--api-host"),
                "{head}\n{body}"
            );
            assert_eq!(body.lines().count(), 1, "{body}");
        }
        let two = "Host: localhost\r\nHost: attacker.example\r\n";
        let absolute = format!("http://attacker.example{path}");
        for (head, _) in [ask(method, path, two), ask(method, &absolute, "Host: localhost\r\n")] {
            assert!(
                head.starts_with("http/1.1 421") || head.starts_with("http/1.1 400"),
                "{method} {path}: {head}"
            );
        }
    }
    for own in ["localhost", "127.0.0.1:3030", "[::1]:3030", "LODE.test:8080"] {
        let (head, _) = ask("GET", "/tiny/status", &format!("Host: {own}\r\n"));
        assert!(head.starts_with("http/1.1 200"), "{own}: {head}");
    }
    // A program may speak HTTP/1.0, which needs no name; browsers do not.
    let (head, _) = server.raw_answer("GET /tiny/status HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("http/1.0 200"), "{head}");
}

/// `tests/recompute.py` knows the rules and nothing of this workspace: it asks for everything and
/// compares.
#[test]
fn an_outside_program_recomputes_the_chain_from_the_api_alone() {
    let [alice, bob, carol] = actors();
    let chain = Chain::standard();
    let sibling = chain.build(&alice, 1, vec![], vec![]);
    chain.grow(&bob, 0, vec![chain.transfer(&carol, &alice, 42, 0)], vec![]);
    chain.store(sibling);
    let server = Server::start(TestNode::new(chain));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.toml");
    std::fs::write(&file, networks::file(server.node.chain.params())).unwrap();
    let done = std::process::Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/recompute.py"))
        .arg(format!("http://{}/tiny", server.address))
        .arg("--network")
        .arg(&file)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(done.status.success(), "{said}");
    assert!(
        said.contains("recomputed 12 blocks, 12 shares, 7 transactions")
            && said.contains("all equal"),
        "{said}"
    );
}
