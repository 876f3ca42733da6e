//! A node for miners, on one socket: it hands out jobs, checks what comes back with the real
//! verifier, and lies when told to.
//!
//! Threads: one that accepts, one per connection. [`FakeNode::stop`] breaks all connections, as a
//! crash does.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use lode_consensus::{Address, Encode, Hash, block::Header};
use lode_puzzle::{Claim, LogSize, Proof, Srs, Statement, Target, Verifier};
use serde_json::{Value, json};

/// Attempts take half a millisecond.
pub(crate) const LOG_N: u8 = 2;
pub(crate) const NETWORK: &str = "testchain";
pub(crate) const GENESIS: Hash = Hash([1; 32]);
pub(crate) const CHALLENGE: Hash = Hash([2; 32]);

pub(crate) static SRS: LazyLock<Arc<Srs>> =
    LazyLock::new(|| Arc::new(lode_genesis::srs::load(LogSize::new(LOG_N).unwrap()).unwrap()));
pub(crate) static VERIFIER: LazyLock<Arc<Verifier>> =
    LazyLock::new(|| Arc::new(Verifier::new(&SRS)));
/// snarkVM would start a pool for every check otherwise.
static POOL: LazyLock<rayon::ThreadPool> =
    LazyLock::new(|| rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap());

pub(crate) fn address() -> Address {
    "aleo14ckh499wn8qudynl6ngy0yup3p3e4m08c7j27gwma9yy8tw22qqql05ad4".parse().unwrap()
}

fn other_address() -> Address {
    "aleo1gan0k7855g7587dlgg2cu8fplgtq9fplf3mt09v2hykw865njuxsqfyn0k".parse().unwrap()
}

/// What is wrong with the answers to `mining/job`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// The truth.
    None,
    /// The header pays another address, and all hashes fit.
    Producer,
    /// Only the field `prover` names another address.
    Prover,
    ContentHash,
    JobId,
    AnchorHash,
    ParentHash,
    Timestamp,
    Statement,
    LogN,
    BlockTarget,
    Height,
    /// A share target that is no target.
    ShareTarget,
    /// A header that ends early.
    HeaderBytes,
    NotJson,
    /// A job in a megabyte of blanks.
    Huge,
    /// An error with control characters.
    Error,
    /// No answer at all.
    Silent,
}

/// How to answer a submission instead of judging it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canned(pub(crate) u16, pub(crate) &'static str);

/// A submission that was judged and found right.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) content_hash: Hash,
    pub(crate) nonce: u64,
    pub(crate) is_block: bool,
    pub(crate) is_share: bool,
    pub(crate) at: Instant,
}

/// What outlives a restart, and what a test looks at.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) job: Header,
    pub(crate) share_target: Target,
    pub(crate) lie: Lie,
    pub(crate) canned: VecDeque<Canned>,
    /// Submissions that were judged right.
    pub(crate) received: Vec<Received>,
    /// What no honest miner hands in.
    pub(crate) faults: Vec<String>,
    /// Nonces, in order, also of submissions that got a canned answer.
    pub(crate) submitted_nonces: Vec<u64>,
    /// Targets and addresses of requests.
    pub(crate) requests: Vec<String>,
    known_targets: HashMap<Hash, (Target, Target)>,
    is_stopping: bool,
    connections: Vec<TcpStream>,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    shared: Shared,
    accepting: Option<JoinHandle<()>>,
}

/// A header for the test's address, the easier the smaller the shift: 2^shift attempts for a block,
/// 2^shift / 4 for a share.
pub(crate) fn header(height: u32, shift: u32) -> Header {
    Header {
        height,
        parent_hash: Hash([3; 32]),
        anchor_hash: Hash([4; 32]),
        timestamp_ms: 1_800_000_000_000,
        transactions_root: Hash([5; 32]),
        shares_root: Hash([6; 32]),
        state_root: Hash([7; 32]),
        producer: address(),
        target: Target::new(u128::MAX >> shift).unwrap(),
    }
}

impl FakeNode {
    pub(crate) fn start(job: Header) -> Self {
        let share_target = Target::new(job.target.get().saturating_mul(4)).unwrap();
        let state = State {
            job,
            share_target,
            lie: Lie::None,
            canned: VecDeque::new(),
            received: Vec::new(),
            faults: Vec::new(),
            submitted_nonces: Vec::new(),
            requests: Vec::new(),
            known_targets: HashMap::new(),
            is_stopping: false,
            connections: Vec::new(),
        };
        Self::resume(Arc::new((Mutex::new(state), Condvar::new())), "127.0.0.1:0".parse().unwrap())
    }

    fn resume(shared: Shared, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut state = serving.0.lock().unwrap();
                if state.is_stopping {
                    break;
                }
                state.connections.push(stream.try_clone().unwrap());
                drop(state);
                let shared = serving.clone();
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap()
    }

    /// Other work, which answers waiting requests at once.
    pub(crate) fn set_job(&self, job: Header) {
        self.state().job = job;
        self.shared.1.notify_all();
    }

    /// Waits until `done` holds. Panics with `what` if that takes longer than a test should.
    pub(crate) fn wait_until(&self, what: &str, mut done: impl FnMut(&State) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done(&self.state()) {
            assert!(
                Instant::now() < deadline,
                "waited too long: {what}: {:?}",
                self.state().faults
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Breaks all connections, and listens no more.
    pub(crate) fn stop(&mut self) {
        let mut state = self.state();
        state.is_stopping = true;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.1.notify_all();
        // The listener looks at the flag once more connections come.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }

    /// Listens again, at the same address and with everything that it knew.
    pub(crate) fn restart(&mut self, job: Header) {
        self.state().is_stopping = false;
        self.state().job = job;
        *self = Self::resume(self.shared.clone(), self.address);
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        if self.accepting.is_some() && !std::thread::panicking() {
            self.stop();
        }
    }
}

/// Answers the requests of one connection, one after the other.
fn serve(shared: &Shared, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let is_post = line.starts_with("POST ");
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            if header == "\r\n" {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let Some((status, answer)) = answer(shared, &target, is_post, &body) else { return };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
    }
}

/// Status and body, or nothing if the node has gone.
fn answer(shared: &Shared, target: &str, is_post: bool, body: &[u8]) -> Option<(u16, String)> {
    shared.0.lock().unwrap().requests.push(target.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match path.strip_prefix(&format!("/{NETWORK}")).unwrap_or(path) {
        "/" => Some((
            200,
            json!({"name": "lode", "version": "0.0.0", "networks": [NETWORK], "routes": []})
                .to_string(),
        )),
        "/mining/job" if !is_post => job(shared, query),
        "/mining/submit" if is_post => Some(submit(&mut shared.0.lock().unwrap(), body)),
        _ => Some((404, json!({"error": format!("this node serves {NETWORK}")}).to_string())),
    }
}

fn job(shared: &Shared, query: &str) -> Option<(u16, String)> {
    let field = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).map(str::to_owned)
    };
    assert_eq!(field("address"), Some(address().to_string()));
    let wait = Duration::from_millis(field("wait_ms").map_or(0, |wait| wait.parse().unwrap()));
    let after: Option<Hash> = field("after").map(|hash| hash.parse().unwrap());

    let unchanged = |state: &mut State| {
        !state.is_stopping
            && (state.lie == Lie::Silent
                || (state.lie == Lie::None && after == Some(state.job.content_hash())))
    };
    let state = shared.0.lock().unwrap();
    let wait = if state.lie == Lie::Silent { Duration::from_secs(60) } else { wait };
    let (mut state, _) = shared.1.wait_timeout_while(state, wait, unchanged).unwrap();
    if state.is_stopping {
        return None;
    }
    let (content_hash, targets) =
        (state.job.content_hash(), (state.job.target, state.share_target));
    state.known_targets.insert(content_hash, targets);
    Some(match state.lie {
        Lie::NotJson => (200, "<html>hello</html>".to_owned()),
        Lie::Error => (503, json!({"error": "busy\u{1b}[2J\nwith other things"}).to_string()),
        Lie::Huge => (200, format!("{}{}", " ".repeat(1 << 20), job_json(&state))),
        _ => (200, job_json(&state).to_string()),
    })
}

fn job_json(state: &State) -> Value {
    let mut header = state.job.clone();
    if state.lie == Lie::Producer {
        header.producer = other_address();
    }
    let content_hash = header.content_hash();
    let statement = Statement::new(
        &GENESIS.0,
        &CHALLENGE.0,
        &header.anchor_hash.0,
        &content_hash.0,
        &header.producer.0,
    );
    let mut job = json!({
        "job_id": content_hash.to_string(),
        "height": header.height,
        "log_n": LOG_N,
        "header_bytes": hex::encode(header.encode()),
        "statement": statement.to_string(),
        "genesis_hash": GENESIS.to_string(),
        "epoch_challenge": CHALLENGE.to_string(),
        "anchor_hash": header.anchor_hash.to_string(),
        "content_hash": content_hash.to_string(),
        "prover": address().to_string(),
        "block_target": header.target.to_string(),
        "share_target": state.share_target.to_string(),
        "parent_hash": header.parent_hash.to_string(),
        "timestamp_ms": header.timestamp_ms,
    });
    let (field, value) = match state.lie {
        Lie::Prover => ("prover", json!(other_address().to_string())),
        Lie::ContentHash => ("content_hash", json!(Hash([9; 32]).to_string())),
        Lie::JobId => ("job_id", json!(Hash([9; 32]).to_string())),
        Lie::AnchorHash => ("anchor_hash", json!(Hash([9; 32]).to_string())),
        Lie::ParentHash => ("parent_hash", json!(Hash([9; 32]).to_string())),
        Lie::Timestamp => ("timestamp_ms", json!(header.timestamp_ms - 1)),
        Lie::Statement => ("statement", json!(Hash([9; 32]).to_string())),
        Lie::LogN => ("log_n", json!(13)),
        Lie::BlockTarget => ("block_target", json!("12345")),
        Lie::Height => ("height", json!(header.height + 1)),
        Lie::ShareTarget => ("share_target", json!("0")),
        Lie::HeaderBytes => ("header_bytes", json!("0100")),
        _ => return job,
    };
    job[field] = value;
    job
}

/// Judges as a node does: known job, target, proof; each attempt once.
fn submit(state: &mut State, body: &[u8]) -> (u16, String) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let text = |name: &str| {
        body[name].as_str().unwrap_or_else(|| panic!("{name} is no string in {body}")).to_owned()
    };
    let hash = |name: &str| text(name).parse::<Hash>().unwrap();
    let point = |name: &str| <[u8; 96]>::try_from(hex::decode(text(name)).unwrap()).unwrap();
    let nonce: u64 = text("nonce").parse().unwrap();
    state.submitted_nonces.push(nonce);
    if let Some(Canned(status, answer)) = state.canned.pop_front() {
        return (status, answer.to_owned());
    }

    let content_hash = hash("content_hash");
    let prover: Address = text("prover").parse().unwrap();
    let Some((block_target, share_target)) = state.known_targets.get(&content_hash).copied() else {
        state.faults.push(format!("unknown job {content_hash}"));
        return (409, json!({"error": "unknown job"}).to_string());
    };
    if state.received.iter().any(|known| known.nonce == nonce && known.content_hash == content_hash)
    {
        return (409, json!({"error": "submitted before"}).to_string());
    }
    let statement = Statement::new(
        &GENESIS.0,
        &CHALLENGE.0,
        &hash("anchor_hash").0,
        &content_hash.0,
        &prover.0,
    );
    let proof = Proof { commitment: point("commitment"), opening: point("opening") };
    let ticket = match POOL.install(|| VERIFIER.verify(&statement, nonce, &proof, Claim::None)) {
        Ok(ticket) => ticket,
        Err(error) => {
            state.faults.push(error.to_string());
            return (422, json!({"error": error.to_string()}).to_string());
        }
    };
    let is_block = block_target.is_met_by(ticket.block_value());
    let is_share = share_target.is_met_by(ticket.share_value());
    if !is_block && !is_share {
        state.faults.push("it meets neither target".to_owned());
        return (422, json!({"error": "it meets neither target"}).to_string());
    }
    state.received.push(Received { content_hash, nonce, is_block, is_share, at: Instant::now() });
    let block = is_block.then(|| Hash([8; 32]).to_string());
    (200, json!({"block": block, "share": is_share, "reason": null}).to_string())
}
