//! The commands that ask a node, against a node that says what each test wants.

mod answers;
mod binary;
mod mock;
mod transfer;

use answers::{ALICE, account, ask, chain, json, keystore, parse, peers, refusal, status, sync};
use binary::{fail, lode, run_with_input, succeed};
use mock::{Answer, MockNode};
use serde_json::{Value, json};

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
        "address": ALICE, "exists": true, "balance": 10_000_000, "immature": 18_000_000,
        "nonce": "5", "height": 41,
    });
    assert_eq!(shown, expected);
}

/// A node that is behind its peers: each command says so in one line, and what it prints is the
/// same.
#[test]
fn a_node_that_is_not_in_sync_is_named_by_every_command() {
    let (home, _, _) = keystore();
    let golden = |text: &str| parse(text);
    let node = |reason: Option<&'static str>| {
        MockNode::start(move |request| {
            match request.path.strip_prefix("/mocknet/").unwrap_or_default() {
                "status" => json(&status(41)),
                "sync" => json(&sync(reason)),
                "peers" => json(&peers(Some("12D3KooWa"))),
                "block/latest" => json(&golden(include_str!("../../api/tests/golden/block.json"))),
                "epoch/current" => json(&golden(include_str!("../../api/tests/golden/epoch.json"))),
                "roster/42" => json(&golden(include_str!("../../api/tests/golden/roster.json"))),
                path if path.starts_with("account/") => json(&account(10_000_000, 5)),
                path => refusal(404, &format!("no {path}")),
            }
        })
    };
    let (behind, ready) = (node(Some("11943 blocks behind the peers")), node(None));
    for arguments in [&["balance"][..], &["status"], &["block", "latest"], &["epoch"]] {
        for json in [&[][..], &["--json"]] {
            let run =
                |node: &MockNode| run_with_input(ask(node, home.path(), arguments).args(json), b"");
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
    assert_eq!(
        parse(&succeed(&mut ask(&node, home.path(), &["block", "latest", "--json"]))),
        expected
    );
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
                "epoch": 2, "challenge": "12".repeat(32), "first_height": 40, "last_height": 59,
                "share_target": "4936",
                "weights": { ALICE: "196608", &miner: "65536" }, "shares": { ALICE: 3 },
                "complete": false, "proving_pool": 24_000_000,
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

    // An address without shares, and no address at all.
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
        ("invalid", |good| {
            Answer::Json(200, good.replace("\"height\":41", "\"height\":4294967296"))
        }),
        ("invalid type", |_| Answer::Json(200, "[".repeat(1_000_000))),
        ("HTTP status 502", |_| Answer::Json(502, "Bad gateway".to_owned())),
        ("HTTP status 302", |_| Answer::Redirect("http://127.0.0.1:9/".to_owned())),
    ];
    for (part, answer) in answers {
        let good = good.clone();
        let node = MockNode::start(move |_| answer(&good));
        let error = fail(&mut ask(&node, home.path(), &["status"]), 1);
        assert!(
            error.contains("not a Lode node's answer") && error.contains(part),
            "{part}: {error}"
        );
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
        ask(&node, home.path(), &["status"])
            .env("http_proxy", &url)
            .env("HTTP_PROXY", &url)
            .env("ALL_PROXY", &url),
    );

    let node = MockNode::start(|_| Answer::Nothing);
    let output = run_with_input(&mut ask(&node, home.path(), &["status"]), b"");
    assert_eq!(output.status.code(), Some(1));
}
