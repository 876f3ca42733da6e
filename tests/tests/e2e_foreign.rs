//! A node, and peers of another implementation: js-libp2p, with Lode's protocols written from the
//! book (`tests/foreign`).
//!
//! `./x test` installs Node.js and js-libp2p, and says where they are. Without that the test is
//! skipped, and fails with `CI=true`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lode_tests::{Node, Process, Sandbox, skipped, wait_for};
use serde_json::{Value, json};

/// Blocks before the foreign peer comes: two epochs and a bit.
const BLOCKS: u64 = 25;

/// What becomes of each offence: how often it is done, how often the connection ends over it, and
/// whether the peer is taken back. By the table in `lode_network::penalty`, 100 points are a ban.
const OUTCOMES: [(&str, u64, u64, bool); 15] = [
    // Not worth a point.
    ("unknown protocol", 6, 0, true),
    ("protocol of another network", 6, 0, true),
    ("truncated request", 6, 0, true),
    ("empty stream", 6, 0, true),
    ("silent streams", 6, 0, true),
    // Of no use, and no crime.
    ("status of another network", 6, 6, true),
    // 50 points and the end of the connection.
    ("over-long length", 2, 2, false),
    ("broken frame", 2, 2, false),
    ("no headers asked for", 2, 2, false),
    ("bytes behind a request", 2, 2, false),
    ("broken answer", 2, 2, false),
    ("gossip over its size", 2, 2, false),
    ("gossip that does not decode", 2, 2, false),
    // 50 and 25 points.
    ("block whose ticket misses", 2, 1, false),
    ("block whose proof is wrong", 4, 1, false),
];

/// The scripts in a folder with what they import.
struct Foreign<'a> {
    node_js: PathBuf,
    folder: PathBuf,
    node: &'a Node,
}

impl<'a> Foreign<'a> {
    fn new(installed: &Path, folder: PathBuf, node: &'a Node) -> Self {
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(installed.join("node_modules"), folder.join("node_modules"))
            .unwrap();
        for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/foreign")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
            }
        }
        Self { node_js: installed.join("node"), folder, node }
    }

    fn start(&self, script: &str) -> Process {
        let (status, peers) = (self.node.get("status"), self.node.get("peers"));
        let mut command = Command::new(&self.node_js);
        command.current_dir(&self.folder).arg(script);
        command
            .arg(peers["addresses"][0].as_str().unwrap())
            .arg(status["genesis_hash"].as_str().unwrap());
        command.arg(status["epoch_length"].to_string()).arg(&self.node.url);
        Process::start(command)
    }
}

/// The next line about an event.
fn event(process: &mut Process, name: &str) -> Value {
    serde_json::from_str(&process.wait_for_line(&format!("\"event\":\"{name}\""))).unwrap()
}

/// Hears of some number of new blocks that are on the node's chain.
fn hear_blocks(honest: &mut Process, node: &Node, number: usize) {
    let (height, mut heard) = (node.height(), 0);
    while heard < number {
        let block = event(honest, "block");
        let is_new = block["height"].as_u64().unwrap() > height;
        // Of two blocks of one height one is lost.
        if is_new && node.get(&format!("block/{}", block["height"]))["hash"] == block["hash"] {
            heard += 1;
        }
    }
}

/// What the foreign peer knows after its sync is what the node says over HTTP.
fn check_synced(node: &Node, synced: &Value) {
    let status = node.get("status");
    let names =
        |what: &str| format!("/lode/{}/{what}/1", &status["genesis_hash"].as_str().unwrap()[..16]);
    assert_eq!(synced["agent"], concat!("lode/", env!("CARGO_PKG_VERSION")));
    assert_eq!(synced["protocol_version"], names("identify"));
    let protocols: BTreeSet<String> = serde_json::from_value(synced["protocols"].clone()).unwrap();
    let requests = ["status", "headers", "bodies", "mempool", "kad"].map(names);
    for protocol in requests.iter().map(String::as_str).chain([
        "/ipfs/id/1.0.0",
        "/ipfs/ping/1.0.0",
        "/meshsub/1.1.0",
    ]) {
        assert!(protocols.contains(protocol), "{protocol} is not in {protocols:?}");
    }
    assert_eq!(synced["status"]["version"], 1);
    assert_eq!(synced["status"]["genesisHash"], status["genesis_hash"]);
    assert_eq!(synced["status"]["height"], status["height"]);
    assert_eq!(synced["status"]["hash"], status["tip_hash"]);
    assert_eq!((&synced["status"]["work"], &synced["work"]), (&status["work"], &status["work"]));
    let hashes = synced["hashes"].as_array().unwrap();
    assert_eq!(
        (json!(hashes.len()), &synced["headers"]),
        (status["height"].clone(), &status["height"])
    );
    let mut shares = 0;
    for (height, hash) in (1..).zip(hashes) {
        let block = node.get(&format!("block/{height}"));
        assert_eq!(block["hash"], *hash, "height {height}");
        shares += block["shares"].as_array().unwrap().len();
    }
    assert_eq!(synced["shares"], shares);
    assert_eq!(synced["mempool_shares"], status["mempool"]["shares"]);
}

/// Every offence has the outcome that it should have. Returns the peers that are banned for them.
fn check_offences(garbage: &mut Process) -> BTreeSet<String> {
    let (mut outcomes, mut banned) = (BTreeMap::new(), BTreeSet::new());
    for _ in OUTCOMES {
        let done = event(garbage, "offence");
        let text = |field: &str| done[field].as_str().unwrap().to_owned();
        let served = done["served"].as_bool().unwrap();
        outcomes.insert(
            text("name"),
            (done["done"].as_u64().unwrap(), done["closed"].as_u64().unwrap(), served),
        );
        if !served {
            banned.insert(text("peer"));
        }
    }
    let expected: BTreeMap<_, _> = OUTCOMES
        .into_iter()
        .map(|(name, done, closed, served)| (name.to_owned(), (done, closed, served)))
        .collect();
    assert_eq!(outcomes, expected);
    banned
}

#[test]
fn a_foreign_peer_follows_the_chain_while_others_send_garbage() {
    let Some(installed) = std::env::var_os("LODE_FOREIGN_PEER") else {
        assert!(std::env::var_os("CI").is_none(), "./x test has not installed the foreign peer");
        return skipped(
            "a_foreign_peer_follows_the_chain_while_others_send_garbage",
            "./x test installs Node.js and js-libp2p",
        );
    };
    let sandbox = Sandbox::new();
    let alice = sandbox.account("alice");
    let node = sandbox.start_node();
    let miner = sandbox.start_miner(&node, &alice);
    node.wait_for_height(BLOCKS);
    assert!(miner.interrupt().success());

    // The chain as it stands.
    let foreign = Foreign::new(Path::new(&installed), sandbox.path("foreign"), &node);
    let mut honest = foreign.start("honest.mjs");
    let synced = event(&mut honest, "synced");
    check_synced(&node, &synced);

    // Blocks as they come, and garbage meanwhile.
    let _miner = sandbox.start_miner(&node, &alice);
    hear_blocks(&mut honest, &node, 3);
    let mut garbage = foreign.start("garbage.mjs");
    let banned = check_offences(&mut garbage);
    wait_for("the bans", || BTreeSet::from_iter(node.bans()) == banned);
    event(&mut garbage, "flood");
    hear_blocks(&mut honest, &node, 1);
    event(&mut garbage, "end");
    assert!(garbage.wait().success());

    // What the node knows of the honest one, which it has served all the time.
    let honest_peer = || {
        node.peers()
            .into_iter()
            .find(|peer| peer["peer_id"] == synced["peer"])
            .expect("it is connected")
    };
    wait_for("only the honest peer", || node.peer_count() == 1);
    assert_eq!(
        (&honest_peer()["agent"], &honest_peer()["penalty_points"]),
        (&json!("lode-foreign/1"), &json!(0))
    );
    hear_blocks(&mut honest, &node, 2);
    honest.signal(libc::SIGINT);
    let end = event(&mut honest, "end");
    assert!(end["asked"]["status"].as_u64().unwrap() >= 1, "the node asks as well: {end}");
    assert!(end["shares"].as_u64().unwrap() > 0, "shares are heard: {end}");
    assert!(honest.wait().success());
    node.stop();
}
