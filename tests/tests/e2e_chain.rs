//! A node and a miner as an operator starts them: mining, paying, stopping, killing, starting
//! again.

use std::{
    process::Command,
    thread,
    time::{Duration, SystemTime},
};

use lode_tests::{Sandbox, binary, long, one_line, wait_for};

#[test]
fn mine_pay_and_recompute() {
    let sandbox = Sandbox::new();
    let (alice, bob) = (sandbox.account("alice"), sandbox.account("bob"));
    let node = sandbox.start_node();
    let miner = sandbox.start_miner(&node, &alice);

    // Two epochs of ten blocks.
    node.wait_for_height(21);
    let balance =
        |address: &str| node.get(&format!("account/{address}"))["balance"].as_u64().unwrap();
    wait_for("a spendable balance", || balance(&alice) > 2_000_000);

    let base = node.url.trim_end_matches("/fastnet").to_owned();
    let password = sandbox.path("password");
    let transfer = |arguments: &[&str]| {
        let mut all = vec!["transfer", "--node", &base, "--network", "fastnet", "--from", "alice"];
        all.extend(["--password-file", password.to_str().unwrap()]);
        all.extend(arguments);
        sandbox.lode(&all)
    };
    let paid = transfer(&["--to", "bob", "--amount", "1.5", "--fee", "0.001", "--wait"]);
    assert!(paid.status.success(), "{paid:?}");
    assert_eq!(balance(&bob), 1_500_000);
    // Bad input moves nothing.
    for arguments in [
        ["--to", "nobody", "--amount", "1"],
        ["--to", "bob", "--amount", "18446744073709551616"],
        ["--to", "bob", "--amount", "0.0000001"],
        ["--to", "bob", "--amount", "99999999"],
    ] {
        let refused = transfer(&arguments);
        assert!(!refused.status.success(), "{arguments:?}");
        one_line(&refused.stderr);
    }
    assert_eq!(balance(&bob), 1_500_000);

    assert!(miner.interrupt().success());
    let recomputed = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/recompute.py"))
        .arg("--network")
        .arg(sandbox.path("fastnet.toml"))
        .arg(&node.url)
        .output()
        .unwrap();
    assert!(recomputed.status.success(), "{recomputed:?}");
    assert!(String::from_utf8_lossy(&recomputed.stdout).contains("all equal"));

    let (height, hash) = (node.height(), node.get("status")["tip_hash"].clone());
    assert!(node.process.interrupt().success());
    let node = sandbox.start_node();
    assert_eq!((node.height(), &node.get("status")["tip_hash"]), (height, &hash));
    assert!(node.process.interrupt().success());

    let fsck = sandbox.node_command(&["fsck", "--proofs"]).output().unwrap();
    assert!(fsck.status.success(), "{fsck:?}");
    assert!(String::from_utf8_lossy(&fsck.stdout).contains("all equal"));
}

#[test]
fn kill_at_any_moment_loses_nothing() {
    let sandbox = Sandbox::new();
    let alice = sandbox.account("alice");
    let rounds = if long() { 100 } else { 6 };
    let mut acknowledged = (0, String::new());
    // No generator is needed for unplanned moments: the clock's nanoseconds do.
    let moment = || u64::from(SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos()) % 1_500;
    for round in 0..rounds {
        let node = sandbox.start_node();
        let (height, hash) = &acknowledged;
        if *height > 0 {
            assert!(node.height() >= *height, "round {round}");
            assert_eq!(node.get(&format!("block/{height}"))["hash"], **hash, "round {round}");
        }
        let miner = sandbox.start_miner(&node, &alice);
        node.wait_for_height(height + 2);
        thread::sleep(Duration::from_millis(moment()));
        let tip = node.get("block/latest");
        // Killed while the miner goes on submitting.
        node.process.kill();
        miner.kill();
        acknowledged = (tip["height"].as_u64().unwrap(), tip["hash"].as_str().unwrap().to_owned());
    }
    let fsck = sandbox.node_command(&["fsck"]).output().unwrap();
    assert!(fsck.status.success(), "{fsck:?}");
}

#[test]
fn pending_transactions_survive_a_kill() {
    let sandbox = Sandbox::new();
    let (alice, bob) = (sandbox.account("alice"), sandbox.account("bob"));
    let node = sandbox.start_node();
    let miner = sandbox.start_miner(&node, &alice);
    wait_for("a spendable balance", || {
        node.get(&format!("account/{alice}"))["balance"].as_u64().unwrap() > 2_000_000
    });
    assert!(miner.interrupt().success());
    let base = node.url.trim_end_matches("/fastnet").to_owned();
    let paid = sandbox.lode(&[
        "transfer",
        "--node",
        &base,
        "--network",
        "fastnet",
        "--from",
        "alice",
        "--to",
        "bob",
        "--amount",
        "1",
        "--password-file",
        sandbox.path("password").to_str().unwrap(),
    ]);
    assert!(paid.status.success(), "{paid:?}");
    node.process.kill();

    let node = sandbox.start_node();
    assert_eq!(node.get("mempool")["transactions"].as_array().unwrap().len(), 1);
    let _miner = sandbox.start_miner(&node, &alice);
    wait_for("the payment", || {
        node.get(&format!("account/{bob}"))["balance"].as_u64() == Some(1_000_000)
    });
}

#[test]
fn a_devnet_stops_at_its_height_and_goes_on_from_there() {
    let sandbox = Sandbox::new();
    let devnet = |until: &str| {
        let folder = sandbox.path("devnet");
        sandbox.lode(&[
            "devnet",
            "--data-dir",
            folder.to_str().unwrap(),
            "--api",
            "127.0.0.1:0",
            "--until-height",
            until,
        ])
    };
    let first = devnet("2");
    assert!(first.status.success(), "{first:?}");
    // Blocks may have come while it stopped.
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    let stopped =
        text.lines().find_map(|line| line.strip_prefix("stopped at height ")?.split(';').next());
    let height: u32 = stopped.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
    assert!(height >= 2, "{text}");
    let second = devnet(&(height + 1).to_string());
    assert!(second.status.success(), "{second:?}");
    let text = String::from_utf8_lossy(&second.stdout);
    assert!(
        text.contains(&format!("/devnet, height {height}\n")),
        "it starts where the first one ended: {text}"
    );
    let accounts = sandbox.lode(&["account", "list"]);
    assert_eq!(
        String::from_utf8_lossy(&accounts.stdout).matches("devnet").count(),
        1,
        "one account: {accounts:?}"
    );
}

/// What the network was before: another genesis, under the same name.
#[test]
fn a_devnet_of_another_genesis_is_refused_until_it_is_reset() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("devnet");
    let mut params = lode_genesis::Network::load("devnet").unwrap().params;
    params.genesis_timestamp_ms -= 1;
    let before = lode_genesis::Network::from_params(params).unwrap();
    let options = lode_ledger::LedgerOptions::default();
    drop(lode_ledger::Ledger::open(&folder.join("chain"), before, options).unwrap());
    let dir = folder.to_str().unwrap();
    let arguments = [
        "devnet",
        "--nodes",
        "2",
        "--data-dir",
        dir,
        "--api",
        "127.0.0.1:0",
        "--until-height",
        "1",
    ];

    let refused = sandbox.lode(&arguments);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let line = one_line(&refused.stderr);
    for part in [folder.join("chain").to_str().unwrap(), "expected", "found", "lode devnet --reset"]
    {
        assert!(line.contains(part), "{part} in {line}");
    }

    let done = sandbox.lode(&[&arguments[..], &["--reset"]].concat());
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.starts_with(&format!("removed  {}\n", folder.join("chain").display())), "{text}");
    assert!(text.contains("/devnet, height 0\n"), "{text}");
    let files = |folder: &std::path::Path| -> std::collections::BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (second, key) = (folder.join("nodes/2"), std::fs::read(folder.join("peer.key")).unwrap());
    let known = [
        "chain",
        "mempool.journal",
        "shares.journal",
        "peers.json",
        "bans.json",
        "peer.key",
        "nodes",
    ];
    for file in files(&folder).union(&files(&second)) {
        assert!(known.contains(&file.as_str()), "{file} is nothing that a reset knows of");
    }

    // Now with what two nodes leave behind.
    let again = sandbox.lode(&[&arguments[..], &["--reset"]].concat());
    assert!(again.status.success(), "{again:?}");
    let text = String::from_utf8_lossy(&again.stdout);
    for path in
        [folder.join("mempool.journal"), second.join("chain"), second.join("shares.journal")]
    {
        assert!(text.contains(&format!("removed  {}\n", path.display())), "{text}");
    }
    assert!(text.contains("/devnet, height 0\n"), "{text}");
    assert_eq!(std::fs::read(folder.join("peer.key")).unwrap(), key, "a node stays who it is");
    let accounts = sandbox.lode(&["account", "list"]);
    assert_eq!(
        String::from_utf8_lossy(&accounts.stdout).matches("devnet").count(),
        1,
        "one account: {accounts:?}"
    );
}

#[test]
fn a_devnet_of_three_nodes_ends_with_one_tip() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("devnet");
    let arguments =
        ["devnet", "--nodes", "3", "--api", "127.0.0.1:0", "--until-height", "12", "--data-dir"];
    let devnet = sandbox.lode(&[&arguments[..], &[folder.to_str().unwrap()]].concat());
    let text = String::from_utf8_lossy(&devnet.stdout);
    assert!(devnet.status.success(), "{devnet:?}");
    assert_eq!(text.matches("http://127.0.0.1:").count(), 3, "{text}");
    let agreed =
        text.lines().find(|line| line.starts_with("3 nodes, one tip: ")).expect("they agree");
    let height: u32 = agreed.split(' ').nth(4).unwrap().parse().unwrap();
    assert!(height >= 12, "{agreed}");
}

#[test]
fn a_damaged_key_is_not_replaced_by_a_new_account() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("keystore")).unwrap();
    std::fs::write(sandbox.path("keystore/damaged.json"), "{").unwrap();
    let folder = sandbox.path("devnet");
    let refused =
        sandbox.lode(&["devnet", "--data-dir", folder.to_str().unwrap(), "--api", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(one_line(&refused.stderr).contains("damaged.json"));
    assert_eq!(std::fs::read_dir(sandbox.path("keystore")).unwrap().count(), 1, "nothing was made");
}

#[test]
fn a_node_explains_what_it_cannot_do() {
    let sandbox = Sandbox::new();
    let run = |arguments: &[&str]| {
        let output = Command::new(binary("lode-node")).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let data = sandbox.path("data");
    let data = data.to_str().unwrap();
    let fastnet = sandbox.path("fastnet.toml");
    let fastnet = fastnet.to_str().unwrap();

    assert!(run(&["--network", "nonet", "--data-dir", data]).contains("nonet"));
    let write = |name: &str, text: String| {
        let path = sandbox.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let broken =
        write("broken.toml", lode_tests::FAST_NETWORK.replace("maturity = 5", "maturity = 0"));
    assert!(run(&["--network", &broken, "--data-dir", data]).contains("maturity"));
    let misspelt =
        write("misspelt.toml", lode_tests::FAST_NETWORK.replace("share_window", "shares_window"));
    assert!(run(&["--network", &misspelt, "--data-dir", data]).contains("shares_window"));
    let no_folder = write("file", "not a folder".to_owned());
    assert!(run(&["--network", fastnet, "--data-dir", &no_folder]).contains(&no_folder));

    let node = sandbox.start_node();
    let api = node.url.trim_start_matches("http://").trim_end_matches("/fastnet").to_owned();
    let elsewhere = sandbox.path("elsewhere");
    let taken =
        run(&["--network", fastnet, "--data-dir", elsewhere.to_str().unwrap(), "--api", &api]);
    assert!(taken.contains(&api), "{taken}");
    let locked = run(&["--network", fastnet, "--data-dir", data, "--api", "127.0.0.1:0"]);
    assert!(locked.contains("in use"), "{locked}");
    assert!(node.process.interrupt().success());

    let other =
        write("other.toml", lode_tests::FAST_NETWORK.replace("maturity = 5", "maturity = 6"));
    let mixed = run(&["--network", &other, "--data-dir", data, "--api", "127.0.0.1:0"]);
    assert!(mixed.contains("genesis"), "{mixed}");
    for line in [&taken, &locked, &mixed] {
        assert!(!line.contains("panicked"), "{line}");
    }
}
