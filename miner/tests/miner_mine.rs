//! The miner against a node that checks everything, lies, restarts and refuses.

mod fake_node;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use fake_node::{Canned, FakeNode, LOG_N, Lie, NETWORK, SRS, VERIFIER, address, header};
use lode_miner::{MineOptions, Miner, MinerError, MinerEvent, Priority};
use lode_puzzle::{
    Attempt, AttemptError, Engine, EngineError, Job, Output as Report, ReferenceEngine, Statement,
};

/// 256 attempts for a block, 64 for a share: some 20 shares per second and thread.
const SHIFT: u32 = 8;

/// The reference engine, watched, or broken.
struct TestEngine {
    inner: ReferenceEngine,
    won: Mutex<Vec<u64>>,
    /// Whether every proof that it reports is wrong.
    is_broken: bool,
    /// Whether it does not work at all.
    fails: AtomicBool,
}

impl TestEngine {
    fn new() -> Self {
        let inner = ReferenceEngine::new(SRS.clone());
        Self { inner, won: Mutex::default(), is_broken: false, fails: AtomicBool::new(false) }
    }

    fn won(&self) -> BTreeSet<u64> {
        self.won.lock().unwrap().iter().copied().collect()
    }
}

impl Engine for TestEngine {
    fn name(&self) -> &'static str {
        "test"
    }

    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError> {
        self.inner.attempt(statement, nonce)
    }

    fn run(
        &self,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Report),
    ) -> Result<(), EngineError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(EngineError { engine: "test", reason: "out of order".to_owned() });
        }
        self.inner.run(job, cancel, &mut |report| {
            let Report::Won(mut attempt) = report else { return out(report) };
            self.won.lock().unwrap().push(attempt.nonce);
            if self.is_broken {
                attempt.nonce ^= 1;
            }
            out(Report::Won(attempt));
        })
    }
}

/// At normal priority: a busy machine would starve the tests.
fn options(node: &FakeNode, threads: usize) -> MineOptions {
    MineOptions { threads, priority: Priority::Normal, ..MineOptions::new(node.url(), address()) }
}

fn start(node: &FakeNode, threads: usize) -> (Miner, Arc<TestEngine>) {
    start_with(node, threads, TestEngine::new())
}

fn start_with(node: &FakeNode, threads: usize, engine: TestEngine) -> (Miner, Arc<TestEngine>) {
    let engine = Arc::new(engine);
    (Miner::start(options(node, threads), engine.clone(), VERIFIER.clone()).unwrap(), engine)
}

/// Reads events until one fits.
fn wait_for_event(
    miner: &Miner,
    what: &str,
    mut fits: impl FnMut(&MinerEvent) -> bool,
) -> MinerEvent {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        match miner.next_event(Duration::from_millis(100)) {
            Some(event) if fits(&event) => return event,
            event => seen.extend(event),
        }
    }
    panic!("no {what}; only {seen:?}");
}

fn stop_in_time(miner: &Miner) {
    let begun = Instant::now();
    miner.stop();
    assert!(begun.elapsed() < Duration::from_secs(2), "stopping took {:?}", begun.elapsed());
}

#[test]
fn blocks_and_shares_arrive_and_hold() {
    let node = FakeNode::start(header(7, SHIFT));
    let (miner, engine) = start(&node, 2);
    assert_eq!(
        wait_for_event(&miner, "connection", |_| true),
        MinerEvent::Connected { network: NETWORK.to_owned() }
    );
    node.wait_until("a block and ten submissions", |state| {
        state.received.iter().any(|received| received.is_block) && state.received.len() >= 10
    });
    let running = miner.stats();
    assert!(running.is_connected);
    assert_eq!(running.job_height, Some(7));
    assert!(running.job_age.unwrap() <= running.uptime);
    stop_in_time(&miner);

    let stats = miner.stats();
    let state = node.state();
    let count = |what: fn(&fake_node::Received) -> bool| {
        state.received.iter().filter(|r| what(r)).count() as u64
    };
    assert_eq!(state.faults, [""; 0]);
    assert_eq!(stats.shares_accepted, count(|received| received.is_share));
    assert_eq!(stats.blocks_found, count(|received| received.is_block));
    assert_eq!((stats.stale, stats.refused, stats.invalid, stats.lost), (0, 0, 0, 0));
    assert!(stats.attempts > running.attempts / 2 && running.attempts > 100, "{running:?}");
    assert!(
        stats.rates.over_10_s > 0.0 && stats.rates.over_60_s > 0.0 && stats.rates.overall > 0.0
    );
    assert_eq!(stats.job_height, None);
    let nonces: BTreeSet<u64> = state.submitted_nonces.iter().copied().collect();
    assert_eq!(nonces.len(), state.submitted_nonces.len(), "nothing is handed in twice");
    assert_eq!(nonces, engine.won(), "everything that was won is handed in");

    let events: Vec<_> = std::iter::from_fn(|| miner.next_event(Duration::ZERO)).collect();
    let found = "08".repeat(32);
    let blocks = events.iter().filter(
        |event| matches!(event, MinerEvent::BlockFound { height: 7, hash } if *hash == found),
    );
    assert_eq!(blocks.count() as u64, stats.blocks_found);
    let shares =
        events.iter().filter(|event| matches!(event, MinerEvent::ShareAccepted { height: 7 }));
    assert_eq!(shares.count() as u64, stats.shares_accepted);
}

#[test]
fn rigs_of_one_address_do_not_make_the_same_attempts() {
    let node = FakeNode::start(header(1, SHIFT));
    let (one, first) = start(&node, 1);
    let (two, second) = start(&node, 1);
    node.wait_until("work of both", |_| first.won().len() >= 3 && second.won().len() >= 3);
    one.stop();
    two.stop();
    assert!(first.won().is_disjoint(&second.won()));
    assert_eq!(node.state().faults, [""; 0]);
}

#[test]
fn other_work_replaces_the_old_at_once() {
    let (old, new) = (header(1, SHIFT), header(2, SHIFT));
    let node = FakeNode::start(old.clone());
    let (miner, _) = start(&node, 2);
    node.wait_until("old work", |state| !state.received.is_empty());
    // The miner waits in a long poll, which names the work that it has.
    let long_poll = format!("after={}&wait_ms=20000", old.content_hash());
    node.wait_until("a long poll", |state| {
        state.requests.iter().any(|request| request.ends_with(&long_poll))
    });
    let changed = Instant::now();
    node.set_job(new.clone());
    node.wait_until("new work", |state| {
        state.received.iter().filter(|received| received.content_hash == new.content_hash()).count()
            >= 10
    });
    assert_eq!(miner.stats().job_height, Some(2));
    miner.stop();
    let state = node.state();
    assert_eq!(state.faults, [""; 0]);
    let last_old = state
        .received
        .iter()
        .rfind(|received| received.content_hash == old.content_hash())
        .unwrap()
        .at;
    assert!(
        last_old < changed + Duration::from_secs(1),
        "old work {:?} after the change",
        last_old - changed
    );
    assert!(
        state.requests.iter().filter(|request| request.contains("/mining/job")).count() <= 4,
        "{:?}",
        state.requests
    );
}

#[test]
fn a_lying_node_gets_no_work_and_no_rush() {
    let lies = [
        (Lie::Producer, "the node's job is refused: producer in header_bytes: expected aleo14ckh"),
        (Lie::Prover, "the node's job is refused: prover: expected aleo14ckh"),
        (Lie::ContentHash, "the node's job is refused: content_hash: expected "),
        (Lie::JobId, "the node's job is refused: job_id: expected "),
        (Lie::AnchorHash, "the node's job is refused: anchor_hash: expected "),
        (Lie::ParentHash, "the node's job is refused: parent_hash: expected "),
        (
            Lie::Timestamp,
            "the node's job is refused: timestamp_ms: expected 1800000000000, got 1799999999999",
        ),
        (Lie::Statement, "the node's job is refused: statement: expected "),
        (Lie::LogN, "the node's job is refused: log_n: expected 2, got 13"),
        (Lie::BlockTarget, "the node's job is refused: block_target: expected "),
        (Lie::Height, "the node's job is refused: height: expected 1, got 2"),
        (Lie::ShareTarget, "not a Lode node's answer: expected a whole number from 1"),
        (Lie::HeaderBytes, "the node's job is refused: header_bytes: "),
        (Lie::NotJson, "not a Lode node's answer: expected value at line 1 column 1"),
        (Lie::Huge, "not a Lode node's answer: more than 65536 bytes"),
        (Lie::Error, "the node answers 503: busy\u{fffd}[2J with other things"),
    ];
    let rigs: Vec<_> = lies
        .iter()
        .map(|(lie, expected)| {
            let node = FakeNode::start(header(1, SHIFT));
            node.state().lie = *lie;
            let (miner, _) = start(&node, 1);
            (lie, expected, node, miner)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(2500));
    for (lie, expected, node, miner) in rigs {
        let MinerEvent::Disconnected { reason } = wait_for_event(&miner, "refusal", |_| true)
        else {
            panic!("{lie:?} was believed");
        };
        assert!(reason.contains(expected), "{lie:?}: {reason}");
        assert!(!reason.contains(char::is_control), "{lie:?}: {reason:?}");
        let again = miner.next_event(Duration::ZERO);
        assert_eq!(again, None, "{lie:?}: the same reason is told once");
        let stats = miner.stats();
        assert_eq!(
            (stats.attempts, stats.job_height, stats.is_connected),
            (0, None, false),
            "{lie:?}"
        );
        let asked =
            node.state().requests.iter().filter(|request| request.contains("/mining/job")).count();
        assert!((1..=3).contains(&asked), "{lie:?}: asked {asked} times in 2.5 s");
        stop_in_time(&miner);
    }
}

#[test]
fn an_honest_answer_ends_the_quarrel() {
    let node = FakeNode::start(header(1, SHIFT));
    node.state().lie = Lie::Statement;
    let (miner, _) = start(&node, 1);
    wait_for_event(&miner, "refusal", |event| matches!(event, MinerEvent::Disconnected { .. }));
    node.state().lie = Lie::None;
    wait_for_event(&miner, "connection", |event| matches!(event, MinerEvent::Connected { .. }));
    node.wait_until("work", |state| !state.received.is_empty());
}

#[test]
fn a_lie_about_new_work_leaves_the_old() {
    let node = FakeNode::start(header(1, SHIFT));
    let (miner, _) = start(&node, 1);
    node.wait_until("work", |state| !state.received.is_empty());
    node.state().lie = Lie::Producer;
    node.set_job(header(2, SHIFT));
    wait_for_event(&miner, "refusal", |event| matches!(event, MinerEvent::Disconnected { .. }));
    let before = node.state().received.len();
    node.wait_until("more of the old work", |state| state.received.len() > before + 3);
    assert_eq!(miner.stats().job_height, Some(1));
    miner.stop();
    assert_eq!(node.state().faults, [""; 0]);
}

#[test]
fn a_restart_of_the_node_loses_nothing() {
    let mut node = FakeNode::start(header(1, SHIFT));
    let (miner, engine) = start(&node, 2);
    node.wait_until("work", |state| state.received.len() >= 3);
    node.stop();
    wait_for_event(&miner, "disconnection", |event| {
        matches!(event, MinerEvent::Disconnected { .. })
    });
    let before = engine.won().len();
    node.wait_until("finds while the node is away", |_| engine.won().len() >= before + 5);
    let while_away = engine.won();
    node.restart(header(2, SHIFT));
    wait_for_event(&miner, "connection", |event| matches!(event, MinerEvent::Connected { .. }));
    node.wait_until("what was found meanwhile", |state| {
        while_away
            .iter()
            .all(|nonce| state.received.iter().any(|received| received.nonce == *nonce))
    });
    node.wait_until("new work", |state| {
        state
            .received
            .iter()
            .any(|received| received.content_hash == header(2, SHIFT).content_hash())
    });
    stop_in_time(&miner);
    let state = node.state();
    assert_eq!(state.faults, [""; 0]);
    assert_eq!(miner.stats().lost, 0);
    let received: BTreeSet<u64> = state.received.iter().map(|received| received.nonce).collect();
    assert_eq!(received, engine.won());
}

#[test]
fn what_stays_in_the_queue_at_the_end_is_counted() {
    let mut node = FakeNode::start(header(1, SHIFT));
    let (miner, engine) = start(&node, 1);
    node.wait_until("work", |state| !state.received.is_empty());
    node.stop();
    let before = engine.won().len();
    node.wait_until("finds while the node is away", |_| engine.won().len() >= before + 5);
    stop_in_time(&miner);
    let stats = miner.stats();
    assert!(stats.lost >= 5, "{stats:?}");
    // The node may have had an attempt whose answer never came: it counts as lost here.
    let arrived = node.state().received.len() as u64;
    let known = engine.won().len() as u64 - stats.lost;
    assert!(known == arrived || known + 1 == arrived, "{stats:?}, {arrived} arrived");
}

#[test]
fn verdicts_are_counted_apart_and_a_busy_node_is_asked_again() {
    let node = FakeNode::start(header(1, SHIFT));
    node.state().canned.extend([
        Canned(409, r#"{"error": "another block was found first"}"#),
        Canned(422, r#"{"error": "proof: the pairing equation does not hold"}"#),
        Canned(200, r#"{"block": null, "share": false, "reason": "no room for it"}"#),
        Canned(400, "no json"),
        Canned(200, "no json either"),
        Canned(503, r#"{"error": "busy"}"#),
    ]);
    let (miner, _) = start(&node, 1);
    node.wait_until("an accepted submission", |state| !state.received.is_empty());
    stop_in_time(&miner);
    let stats = miner.stats();
    assert_eq!((stats.stale, stats.refused, stats.invalid, stats.lost), (2, 3, 0, 0), "{stats:?}");
    let state = node.state();
    assert_eq!(
        state.submitted_nonces[5], state.submitted_nonces[6],
        "the busy node gets the same attempt again"
    );
    assert_eq!(state.received[0].nonce, state.submitted_nonces[6]);
    let events: Vec<_> = std::iter::from_fn(|| miner.next_event(Duration::ZERO)).collect();
    for expected in [
        MinerEvent::Stale { reason: "another block was found first".to_owned() },
        MinerEvent::Stale { reason: "no room for it".to_owned() },
        MinerEvent::Refused {
            reason: "the node answers 422: proof: the pairing equation does not hold".to_owned(),
        },
    ] {
        assert!(events.contains(&expected), "{expected:?} in {events:?}");
    }
    let told = |part: &str| {
        events
            .iter()
            .any(|event| matches!(event, MinerEvent::Refused { reason } if reason.contains(part)))
    };
    assert!(
        told("HTTP status 400, no reason given") && told("not a Lode node's answer: expected"),
        "{events:?}"
    );
}

#[test]
fn a_broken_engine_hands_nothing_in() {
    let node = FakeNode::start(header(1, SHIFT));
    let (miner, _) = start_with(&node, 1, TestEngine { is_broken: true, ..TestEngine::new() });
    let event =
        wait_for_event(&miner, "complaint", |event| matches!(event, MinerEvent::Invalid { .. }));
    let MinerEvent::Invalid { reason } = event else { unreachable!() };
    assert!(reason.contains("the pairing equation does not hold"), "{reason}");
    miner.stop();
    assert!(miner.stats().invalid > 0);
    assert_eq!(node.state().submitted_nonces, [0; 0]);
}

#[test]
fn an_engine_that_fails_is_tried_again() {
    let node = FakeNode::start(header(1, SHIFT));
    let engine = TestEngine::new();
    engine.fails.store(true, Ordering::Relaxed);
    let (miner, engine) = start_with(&node, 1, engine);
    let event =
        wait_for_event(&miner, "failure", |event| matches!(event, MinerEvent::EngineFailed { .. }));
    assert_eq!(
        event,
        MinerEvent::EngineFailed { reason: "the test engine failed: out of order".to_owned() }
    );
    engine.fails.store(false, Ordering::Relaxed);
    node.wait_until("work", |state| !state.received.is_empty());
}

/// An engine with a mistake in it.
struct Mistaken;

impl Engine for Mistaken {
    fn name(&self) -> &'static str {
        "mistaken"
    }

    fn attempt(&self, _: &Statement, _: u64) -> Result<Attempt, AttemptError> {
        panic!("no attempt")
    }

    fn run(&self, _: &Job, _: &AtomicBool, _: &mut dyn FnMut(Report)) -> Result<(), EngineError> {
        panic!("index 7\nof 6")
    }
}

#[test]
fn a_panic_of_one_thread_ends_the_miner_and_is_told() {
    let node = FakeNode::start(header(1, SHIFT));
    let miner = Miner::start(options(&node, 2), Arc::new(Mistaken), VERIFIER.clone()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let failure = loop {
        match miner.failure() {
            Some(failure) => break failure,
            None => assert!(Instant::now() < deadline, "nothing is told"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(failure.starts_with("thread lode-prove-"), "{failure}");
    assert!(failure.ends_with(" panicked: index 7 of 6"), "{failure}");
    stop_in_time(&miner);
}

#[test]
fn a_silent_node_does_not_keep_the_miner_from_stopping() {
    let node = FakeNode::start(header(1, SHIFT));
    node.state().lie = Lie::Silent;
    let (miner, _) = start(&node, 1);
    node.wait_until("a request", |state| {
        state.requests.iter().any(|request| request.contains("/mining/job"))
    });
    stop_in_time(&miner);
    // A second stop, and the one when it is dropped, do nothing.
    stop_in_time(&miner);
}

#[test]
fn options_that_make_no_sense_start_nothing() {
    let node = FakeNode::start(header(1, SHIFT));
    let refused = |change: fn(&mut MineOptions)| {
        let mut options = options(&node, 1);
        change(&mut options);
        Miner::start(options, Arc::new(TestEngine::new()), VERIFIER.clone()).unwrap_err()
    };
    assert!(matches!(refused(|options| options.threads = 0), MinerError::Threads { got: 0 }));
    assert!(matches!(refused(|options| options.threads = 1025), MinerError::Threads { got: 1025 }));
    assert!(matches!(
        refused(|options| options.node = "127.0.0.1:3030".to_owned()),
        MinerError::Node { .. }
    ));
    assert!(matches!(
        refused(|options| options.network = Some("../x".to_owned())),
        MinerError::Network { .. }
    ));
    assert!(matches!(refused(|options| options.address.0 = [0xff; 32]), MinerError::Address(_)));
    assert_eq!(node.state().requests, [""; 0]);
}

#[test]
fn another_network_than_the_one_served_is_told() {
    let node = FakeNode::start(header(1, SHIFT));
    let options = MineOptions { network: Some("mainnet".to_owned()), ..options(&node, 1) };
    let miner = Miner::start(options, Arc::new(TestEngine::new()), VERIFIER.clone()).unwrap();
    let event = wait_for_event(&miner, "refusal", |_| true);
    let reason = format!("the node answers 404: this node serves {NETWORK}");
    assert_eq!(event, MinerEvent::Disconnected { reason });
}

// --- The binary ----------------------------------------------------------------------------------

fn lode_miner(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-miner"));
    // No user's configuration file is read.
    command.env("XDG_CONFIG_HOME", "/nowhere");
    command
        .args(arguments)
        .env_remove("LODE_NODE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn mine(node: &FakeNode, more: &[&str]) -> Child {
    let (log_n, address) = (LOG_N.to_string(), address().to_string());
    let flags =
        ["mine", "--node", &node.url(), "--address", &address, "--threads", "1", "--log-n", &log_n];
    lode_miner(&[&flags, more].concat()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits for the end, but not for ever.
fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the miner does not end");
}

#[test]
fn a_signal_ends_mining_with_a_summary() {
    for name in ["INT", "TERM"] {
        let node = FakeNode::start(header(5, SHIFT));
        let mut child = mine(&node, &["--priority", "normal"]);
        node.wait_until("shares", |state| {
            state.received.iter().filter(|received| received.is_share).count() >= 2
        });
        signal(&child, name);
        let status = wait(&mut child);
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(status.code(), Some(0), "{name}: {text}");
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with(&format!("mining for {} at {}", address(), node.url())),
            "{text}"
        );
        assert_eq!(lines[1], format!("connected: mining {NETWORK}"));
        let shares = node.state().received.iter().filter(|received| received.is_share).count();
        assert_eq!(
            lines.iter().filter(|line| **line == "share accepted at height 5").count(),
            shares,
            "{text}"
        );
        let summary = lines.last().unwrap();
        assert!(summary.starts_with("stopped after 0 h 00 min "), "{text}");
        assert!(summary.contains(&format!(" · {shares} shares, ")), "{text}");
        assert!(
            summary.contains(", 0 stale, 0 refused · ") && summary.ends_with(" attempts"),
            "{text}"
        );
    }
}

/// The scheduling policy and the niceness of the process's threads that prove; 5 is `SCHED_IDLE`.
#[cfg(target_os = "linux")]
fn proving_threads(child: &Child) -> Vec<(String, String)> {
    let mut threads = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap() {
        // A thread may end between the listing and the reading.
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else {
            continue;
        };
        let (name, fields) = stat.rsplit_once(") ").unwrap();
        // The third field of proc_pid_stat(5) is the first here.
        let field = |number: usize| fields.split(' ').nth(number - 3).unwrap().to_owned();
        if name.contains("(lode-prove-") {
            threads.push((field(41), field(19)));
        }
    }
    threads
}

#[test]
#[cfg(target_os = "linux")]
fn rigs_prove_at_the_lowest_priority_unless_told_otherwise() {
    let node = FakeNode::start(header(1, SHIFT));
    for (flags, is_lowest) in [(&[][..], true), (&["--priority", "normal"], false)] {
        let mut child = mine(&node, flags);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == format!("connected: mining {NETWORK}")));
        let threads = proving_threads(&child);
        assert_eq!(threads.len(), 1);
        let (policy, nice) = &threads[0];
        assert_eq!(policy == "5" || nice == "19", is_lowest, "{threads:?}");
        signal(&child, "KILL");
        wait(&mut child);
    }
}

#[test]
fn a_reader_that_goes_away_ends_mining_in_peace() {
    let node = FakeNode::start(header(1, SHIFT));
    let mut child = mine(&node, &["--priority", "normal"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("mining for"), "{line}");
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn unusable_flags_get_one_line_and_exit_code_2() {
    let address = address().to_string();
    let nobody = format!("{}q", &address[..62]);
    for (flags, expected) in [
        (vec!["mine"], "--address"),
        (vec!["mine", "--address", &nobody], "expected an Aleo address"),
        (vec!["mine", "--address", &address, "--node", "127.0.0.1:3030"], "expected a URL like"),
        (
            vec!["mine", "--address", &address, "--node", "http://me:secret@host"],
            "expected a URL like",
        ),
        (vec!["mine", "--address", &address, "--threads", "0"], "expected 1 to 1024 threads"),
        (vec!["mine", "--address", &address, "--threads", "many"], "expected 1 to 1024 threads"),
        (
            vec!["mine", "--address", &address, "--engine", "abacus"],
            "expected cpu, reference or cuda",
        ),
        (
            vec!["mine", "--address", &address, "--engine", "reference", "--table-mib", "64"],
            "--table-mib: is for the cpu engine",
        ),
        (
            vec!["mine", "--address", &address, "--table-mib", "1", "--log-n", "13"],
            "--table-mib: expected at least ",
        ),
        (vec!["mine", "--address", &address, "--network", "a/b"], "expected a letter"),
        (vec!["mine", "--address", &address, "--priority", "high"], "expected lowest or normal"),
        (vec!["mine", "--address", &address, "--log-n", "16"], "between 2 and 15"),
        (
            vec!["mine", "--address", &address, "--devices", "0"],
            "--devices: is for the cuda engine",
        ),
        (
            vec!["mine", "--address", &address, "--devices", "0,0", "--engine", "cuda"],
            "expected all, or different",
        ),
        (
            vec!["mine", "--address", &address, "--threads", "1", "--engine", "cuda"],
            "--threads: is for engines on",
        ),
        (vec!["mine", "--address", &address, "--config", "/nowhere"], "/nowhere"),
        (vec![], "expected a command"),
        (vec!["bench", "--threads", "0"], "expected 1 to 1024 threads"),
        (vec!["bench", "--seconds", "0"], "1..=3600"),
        (vec!["bench", "--log-n", "1"], "between 2 and 15"),
    ] {
        let Output { status, stdout, stderr } = lode_miner(&flags).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{flags:?}: {stderr}");
        assert!(stdout.is_empty(), "{flags:?}");
        assert_eq!(stderr.lines().count(), 1, "{flags:?}: {stderr}");
        assert!(stderr.contains(expected), "{flags:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{flags:?}: {stderr}");
    }
}

#[test]
fn the_configuration_is_checked_shown_and_mined_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rig.toml");
    let (path, address) = (file.to_str().unwrap(), address().to_string());
    let node = FakeNode::start(header(1, SHIFT));
    let text = format!(
        "[node]\nurl = \"{}\"\n[mining]\naddress = \"{address}\"\nthreads = 1\n[engine]\nlog_n = \
         {LOG_N}\n",
        node.url()
    );
    std::fs::write(&file, text).unwrap();
    let check = lode_miner(&["config", "check", "--config", path]).output().unwrap();
    assert_eq!(String::from_utf8(check.stdout).unwrap(), format!("ok: {path}\n"));
    let mut show = lode_miner(&["config", "show", "--config", path, "--priority", "normal"]);
    let show =
        String::from_utf8(show.env("LODE_NODE", "http://other.example").output().unwrap().stdout)
            .unwrap();
    for line in [
        "url = \"http://other.example\" # LODE_NODE".to_owned(),
        format!("threads = 1 # {path}:5: mining.threads"),
        "priority = \"normal\" # --priority".to_owned(),
        "name = \"cpu\" # default".to_owned(),
        "# devices is not set: all".to_owned(),
    ] {
        assert!(show.contains(&line), "{line} in {show}");
    }
    let mut child =
        lode_miner(&["mine", "--config", path, "--priority", "normal"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with(&format!("mining for {address} at {}", node.url())), "{first}");
    signal(&child, "KILL");
    wait(&mut child);

    // What the file says of an engine waits while another one is chosen for once.
    std::fs::write(
        &file,
        format!("[mining]\naddress = \"{address}\"\n[engine]\nname = \"cuda\"\ndevices = \"0\"\n"),
    )
    .unwrap();
    assert!(
        lode_miner(&["config", "check", "--config", path, "--engine", "cpu"])
            .output()
            .unwrap()
            .status
            .success()
    );
    std::fs::write(
        &file,
        format!("[mining]\naddress = \"{address}\"\n[engine]\ndevices = \"0\"\n"),
    )
    .unwrap();
    let wrong = lode_miner(&["config", "check", "--config", path]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let expected = format!("lode-miner: {path}:4: engine.devices: is for the cuda engine alone\n");
    assert_eq!(String::from_utf8(wrong.stderr).unwrap(), expected);
}

#[test]
fn wrong_variables_are_not_taken_in_silence() {
    let address = address().to_string();
    for (variable, value, part) in [
        ("LODE_NODE", "", "LODE_NODE: expected a URL like"),
        ("LODE_NODE", "http://me:secret@host", "LODE_NODE: expected a URL like"),
        (
            "LODE_MINER_MINING_THREADS",
            "all",
            "LODE_MINER_MINING_THREADS: expected 1 to 1024 threads, got \"all\"",
        ),
        ("LODE_MINER_MINING_THREAD", "1", "did you mean LODE_MINER_MINING_THREADS?"),
        ("XDG_CONFIG_HOME", "x", "XDG_CONFIG_HOME: expected an absolute path"),
    ] {
        let output = lode_miner(&["config", "check", "--address", &address])
            .env(variable, value)
            .output()
            .unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(
            line.contains(part) && line.lines().count() == 1 && !line.contains("secret"),
            "{line}"
        );
    }
}

#[test]
fn a_closed_reader_is_no_panic() {
    for arguments in [&["--help"][..], &["mine", "--help"], &["config", "show"], &["--version"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = lode_miner(arguments).stdout(full).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(
            line.contains("cannot write to standard output") && line.lines().count() == 1,
            "{line}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = lode_miner(arguments).stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

#[test]
fn bench_prints_what_it_measured() {
    let output =
        lode_miner(&["bench", "--threads", "2", "--seconds", "1", "--log-n", "2", "--json"])
            .output()
            .unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["engine"], "cpu");
    assert_eq!(report["threads"], 2);
    let mut keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["attempts", "attempts_per_s", "cpu", "engine", "seconds", "threads"]);
    assert!(!report["cpu"].as_str().unwrap().is_empty());
    let (attempts, seconds) =
        (report["attempts"].as_u64().unwrap(), report["seconds"].as_f64().unwrap());
    assert!(attempts > 0 && seconds >= 1.0, "{report}");
    let expected = attempts as f64 / seconds;
    assert!((report["attempts_per_s"].as_f64().unwrap() / expected - 1.0).abs() < 1e-9, "{report}");

    let text = |engine: &str, cpu: &str| {
        let flags =
            ["bench", "--engine", engine, "--threads", "1", "--seconds", "1", "--log-n", "2"];
        let output = lode_miner(&flags).env("LODE_CPU", cpu).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let reference = text("reference", "portable");
    assert!(
        reference.contains(" attempts/s: ")
            && reference.contains("\nreference engine, log_n 2, 1 thread, "),
        "{reference}"
    );
    let portable = text("cpu", "portable");
    assert!(portable.contains("\ncpu engine (portable, table of 1 MiB built in "), "{portable}");
    assert!(portable.contains(" s), log_n 2, 1 thread, "), "{portable}");
}
