//! Processes of one network, each node with an address of its own.
//!
//! Addresses stay a node's over restarts, so that others find it again. On loopback they are of
//! 127.0.0.0/8, where a port that was free stays free: nothing else on the machine takes ports
//! there.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::{Command, Output},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::Sender,
    },
    thread,
    time::Instant,
};

use lode_consensus::{ChainWork, Hash};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Node, Process, binary, inject, wait_for};

/// Where every node's API listens, on its own address.
const API_PORT: u16 = 3030;
/// Where every node listens for peers, on its own address.
const PEER_PORT: u16 = 4130;

/// A network's file, and the folder where its nodes keep their data.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    name: String,
}

/// The place of one node: its address and its data, whether it runs or not.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Where it listens.
    pub ip: IpAddr,
    /// The network namespace that it lives in, if not the test's own.
    pub namespace: Option<String>,
    data: PathBuf,
    network_file: PathBuf,
    network: String,
}

/// What a node says of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Blocks above genesis.
    pub height: u64,
    /// The last one's hash.
    pub hash: Hash,
    pub work: ChainWork,
}

impl Cluster {
    /// A network, as the text of its file.
    pub fn new(network: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::write(folder.path().join("network.toml"), network).expect("a network file");
        let line =
            network.lines().find(|line| line.starts_with("name")).expect("the network has a name");
        let name = line.split('"').nth(1).expect("names stand in quotes").to_owned();
        Self { folder, name }
    }

    /// A place on loopback, with an address that no other test uses.
    pub fn seat(&self) -> Seat {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // The low bytes of the process's id, clear of 127.0.0.1, tell test binaries apart that run
        // at the same time.
        let [_, _, second, third] = std::process::id().to_be_bytes();
        let [.., last] = (NEXT.fetch_add(1, Ordering::Relaxed) % 254 + 1).to_be_bytes();
        self.seat_at(Ipv4Addr::new(127, second | 0x80, third, last).into(), None)
    }

    /// Several of them.
    pub fn seats(&self, count: usize) -> Vec<Seat> {
        (0..count).map(|_| self.seat()).collect()
    }

    /// A place in a network namespace.
    pub fn seat_at(&self, ip: IpAddr, namespace: Option<String>) -> Seat {
        Seat {
            ip,
            namespace,
            data: self.folder.path().join(ip.to_string()),
            network_file: self.folder.path().join("network.toml"),
            network: self.name.clone(),
        }
    }
}

impl Seat {
    /// The node's address for peers, as `--seed-peer` takes it.
    pub fn peer_address(&self) -> String {
        format!("{}:{PEER_PORT}", self.ip)
    }

    /// The file of a node's data folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    fn command(&self, program: &str) -> Command {
        match &self.namespace {
            None => Command::new(binary(program)),
            // It replaces itself with the program, so that a signal reaches that.
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(binary(program));
                command
            }
        }
    }

    /// `lode-node` on this network and these data.
    pub fn node_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("lode-node");
        command
            .args(arguments)
            .arg("--network")
            .arg(&self.network_file)
            .arg("--data-dir")
            .arg(&self.data);
        command
    }

    /// Starts the node and waits until its API answers.
    pub fn start(&self, arguments: &[&str]) -> Node {
        let mut command = self.node_command(arguments);
        command
            .arg("--api")
            .arg(format!("{}:{API_PORT}", self.ip))
            .arg("--listen")
            .arg(self.peer_address());
        command.env("RUST_LOG", "info");
        let mut process = Process::start(command);
        process.wait_for_line("API on ");
        Node { process, url: format!("http://{}:{API_PORT}/{}", self.ip, self.network) }
    }

    /// Starts the node with these seeds only.
    pub fn start_among(&self, seeds: &[String]) -> Node {
        let mut arguments: Vec<&str> =
            seeds.iter().flat_map(|seed| ["--seed-peer", seed]).collect();
        if !seeds.is_empty() {
            arguments.push("--connect-only");
        }
        self.start(&arguments)
    }

    /// Starts a miner of one thread for the node, be it up or not.
    pub fn start_miner(&self) -> Process {
        let mut command = self.command("lode-miner");
        command.arg("mine").arg("--node").arg(format!("http://{}:{API_PORT}", self.ip));
        command.arg("--address").arg(inject::prover().to_string()).args(["--threads", "1"]);
        command.args(["--network", &self.network]);
        Process::start(command)
    }

    /// Replays the chain of a node that is down, and compares every record.
    pub fn fsck(&self) -> Output {
        self.node_command(&["fsck"]).output().expect("lode-node runs")
    }

    /// Fails unless the replay finds every record equal.
    pub fn assert_sound(&self) {
        let output = self.fsck();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("all equal"), "{}: {output:?}", self.ip);
    }
}

impl Node {
    /// Ends it as Ctrl-C does.
    pub fn stop(self) {
        assert!(self.process.interrupt().success(), "{}", self.url);
    }

    /// Where its chain ends.
    pub fn tip(&self) -> Tip {
        self.try_tip().unwrap_or_else(|error| panic!("{}: {error}", self.url))
    }

    /// Where its chain ends, if it answers.
    pub fn try_tip(&self) -> Result<Tip, String> {
        let status = self.try_get("status")?;
        let text = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
        Ok(Tip {
            height: status["height"].as_u64().ok_or("no height")?,
            hash: text("tip_hash").parse().map_err(|error| format!("tip_hash: {error}"))?,
            work: text("work").parse().map_err(|error| format!("work: {error}"))?,
        })
    }

    /// How many peers it has.
    pub fn peer_count(&self) -> usize {
        self.peers().len()
    }

    /// Its peers, as the API shows them.
    pub fn peers(&self) -> Vec<Value> {
        self.get("peers")["peers"].as_array().expect("a list").clone()
    }

    /// The sources that it has banned.
    pub fn bans(&self) -> Vec<String> {
        let network = self.get("peers");
        let bans = network["bans"].as_array().expect("a list");
        bans.iter().map(|ban| ban["source"].as_str().expect("a text").to_owned()).collect()
    }
}

/// A block that a node took in: which one, and when its event stream said so.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The node's number, as the test counts.
    pub node: usize,
    /// The block.
    pub hash: Hash,
    /// When the test heard of it.
    pub at: Instant,
}

/// Sends every block that a node takes in from now on to a channel. The thread that does so ends
/// with the node.
pub fn listen(node: &Node, number: usize, arrivals: Sender<Arrival>) {
    let response = ureq::get(format!("{}/events", node.url)).call().expect("an event stream");
    let lines = BufReader::new(response.into_body().into_reader()).lines();
    thread::spawn(move || {
        let mut is_block = false;
        for line in lines.map_while(Result::ok) {
            let at = Instant::now();
            if let Some(event) = line.strip_prefix("event:") {
                is_block = event.trim() == "block";
            } else if let Some(data) = line.strip_prefix("data:").filter(|_| is_block) {
                let data: Value = serde_json::from_str(data).expect("JSON");
                let hash =
                    data["hash"].as_str().and_then(|hash| hash.parse().ok()).expect("a hash");
                // The test may have ended.
                let _ = arrivals.send(Arrival { node: number, hash, at });
            }
        }
    });
}

/// Waits until all nodes have one tip, and gives it.
pub fn wait_for_one_tip(nodes: &[&Node]) -> Tip {
    let mut agreed = None;
    wait_for("one tip", || {
        let tips: Vec<Tip> = nodes.iter().map(|node| node.tip()).collect();
        agreed = tips.first().copied().filter(|first| tips.iter().all(|tip| tip == first));
        agreed.is_some()
    });
    agreed.expect("it was waited for")
}

/// Waits until a node has at least so many peers.
pub fn wait_for_peers(node: &Node, count: usize) {
    wait_for(&format!("{count} peers of {}", node.url), || node.peer_count() >= count);
}
