//! Several processes on one machine, end to end: what the tests in this crate share. And [`sim`],
//! where whole networks run in one thread.
//!
//! - Here: [`Sandbox`], a folder with a network's file, accounts, and processes of `lode-node` and
//!   `lode-miner` ([`Node`], [`Process`]).
//! - [`cluster`]: several nodes that keep their addresses; [`netns`]: each in a network namespace;
//!   [`link`]: a connection that the test can cut.
//! - [`inject`] and [`hostile`]: blocks that no miner would make, and peers that break the rules.
//! - [`sim`]: the simulator, which `lode-sim` runs too.
//!
//! The tests are in `tests/tests`: `e2e_…` start processes, `sim_…` none, `docs_true` compares the
//! book with the programs. The scripts beside them are in Python, so that they share no code with
//! what they check; `tests/structure` holds the tree to its shape.
//!
//! The binaries are the ones that `cargo test --workspace` builds beside the tests.
//!
//! Threads: a test's own, and one for each process's output. What must not be broken: no test
//! leaves a process or a folder behind, and none waits longer than [`PATIENCE`].

pub mod cluster;
pub mod hostile;
pub mod inject;
pub mod link;
pub mod netns;
pub mod sim;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A small network: the puzzle at 64 points, up to five blocks a second, ten blocks to an epoch.
pub const FAST_NETWORK: &str = r#"
name = "fastnet"
log_n = 6
block_interval_ms = 200
asert_tau_ms = 4_000
future_limit_ms = 2_000
epoch_length = 10
shares_per_block = 4
share_window = 8
anchor_depth = 2
maturity = 5
deposit = 10
min_request_bond = 10_000
min_bond = 10_000
false_proof = 1_000_000
reputation_unit = 1_000_000
proof_budget = 400_000
genesis_timestamp_ms = 1_793_318_400_000
genesis_target = "0x0fffffffffffffffffffffffffffffff"
"#;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the long tests are asked for: `./x test --long`.
pub fn long() -> bool {
    std::env::var_os("LODE_TEST_LONG").is_some()
}

/// Says that a test cannot run here, and why: past the test harness's capture, in a line that
/// `.ci/run` counts.
pub fn skipped(test: &str, why: &str) {
    // If standard error is closed, skipped tests are not counted.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED {test}: {why}");
}

/// A binary of this workspace.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it runs");
    let folder = test.parent().and_then(Path::parent).expect("tests run in target/release/deps");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built: run the tests with ./x test", path.display());
    path
}

/// A folder with a network's file, where processes keep their data.
pub struct Sandbox {
    /// Removed at the end.
    pub folder: TempDir,
}

impl Sandbox {
    /// A fresh one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::write(folder.path().join("fastnet.toml"), FAST_NETWORK).expect("a network file");
        Self { folder }
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `lode-node` on the fast network, with these arguments besides.
    pub fn node_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("lode-node"));
        command.args(arguments).arg("--network").arg(self.path("fastnet.toml"));
        command.arg("--data-dir").arg(self.path("data"));
        command
    }

    /// Starts the node and waits until its API answers.
    pub fn start_node(&self) -> Node {
        let mut command = self.node_command(&[]);
        command.args(["--api", "127.0.0.1:0", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "info");
        let mut process = Process::start(command);
        let line = process.wait_for_line("API on ");
        let url =
            line.split("API on ").nth(1).expect("the line was matched by it").trim().to_owned();
        Node { process, url }
    }

    /// Starts a miner for an address. Two threads: the machines that run this have two cores.
    pub fn start_miner(&self, node: &Node, address: &str) -> Process {
        let mut command = Command::new(binary("lode-miner"));
        let url = node.url.trim_end_matches("/fastnet");
        command.args(["mine", "--node", url, "--address", address, "--threads", "2"]);
        Process::start(command)
    }

    /// Runs `lode` with this sandbox's keystore.
    pub fn lode(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("lode"));
        command.args(arguments).env("LODE_KEYSTORE", self.path("keystore"));
        command.stdin(Stdio::null()).output().expect("lode runs")
    }

    /// Makes an account, and gives its address.
    pub fn account(&self, name: &str) -> String {
        let password = self.path("password");
        fs::write(&password, "correct horse").expect("a password file");
        let made = self.lode(&[
            "account",
            "new",
            "--name",
            name,
            "--password-file",
            password.to_str().expect("a UTF-8 path"),
            "--json",
        ]);
        assert!(made.status.success(), "{made:?}");
        let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
        made["address"].as_str().expect("an address").to_owned()
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

/// A running `lode-node`.
pub struct Node {
    pub process: Process,
    /// Where its API answers, network included.
    pub url: String,
}

impl Node {
    /// A JSON answer; fails on anything but 200.
    pub fn get(&self, path: &str) -> Value {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {}/{path}: {error}", self.url))
    }

    /// A JSON answer, or why there is none.
    pub fn try_get(&self, path: &str) -> Result<Value, String> {
        let url = format!("{}/{path}", self.url);
        let mut response = ureq::get(&url).call().map_err(|error| error.to_string())?;
        response.body_mut().read_json().map_err(|error| error.to_string())
    }

    /// How many shares wait for its next block.
    pub fn waiting_shares(&self) -> u64 {
        self.get("status")["mempool"]["shares"].as_u64().expect("a number")
    }

    /// The height of the tip.
    pub fn height(&self) -> u64 {
        self.get("status")["height"].as_u64().expect("a height")
    }

    /// Waits until the tip has reached a height.
    pub fn wait_for_height(&self, height: u64) {
        wait_for(&format!("height {height}"), || self.height() >= height);
    }
}

/// Waits until something holds.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A child process whose output is read all the time, and which is killed when the test ends.
pub struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (send, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("piped")),
            Box::new(child.stderr.take().expect("piped")),
        ];
        for output in outputs {
            let send = send.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if send.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self { child, lines, seen: Vec::new() }
    }

    /// The first line from here on that contains a text.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => {
                    panic!("no line with {text:?} ({error}); there were: {:#?}", self.seen)
                }
            }
        }
    }

    /// What it wrote up to the line that was waited for last.
    pub fn seen(&self) -> &[String] {
        &self.seen
    }

    /// Memory that it occupies now, in bytes (`VmRSS`).
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the child runs");
        let line =
            status.lines().find(|line| line.starts_with("VmRSS:")).expect("every process has it");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number of KiB");
        kib * 1024
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        #[expect(unsafe_code, reason = "libc's kill is the only way to send SIGINT")]
        // SAFETY: kill takes two integers and touches no memory of ours; the child is not reaped
        // yet, so that its id is its.
        let sent = unsafe { libc::kill(id, signal) };
        assert_eq!(sent, 0);
    }

    /// Ctrl-C, and the exit status that follows.
    pub fn interrupt(mut self) -> ExitStatus {
        self.signal(libc::SIGINT);
        self.wait()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("the child runs");
        let _ = self.child.wait();
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; it wrote: {:#?}", self.seen);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that it wrote and that was not read yet.
    pub fn rest(&mut self) -> Vec<String> {
        // The readers end with the process; a moment lets them deliver.
        thread::sleep(Duration::from_millis(50));
        self.lines.try_iter().collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line of what a command wrote, and whether it was one line: an error's form.
pub fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).trim().to_owned();
    assert_eq!(text.lines().count(), 1, "expected one line, got: {text}");
    text
}
