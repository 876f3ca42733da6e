//! `/mining/job` and the server: waiting, overload and stopping.

mod common;

use std::{
    io::Read,
    net::TcpStream,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use common::{Listener, Server};
use lode_consensus::Encode;
use lode_testkit::{
    backend::TestNode,
    mined::{Chain, actors},
};
use serde_json::{Value, json};

fn start() -> Server {
    Server::start(TestNode::new(Chain::standard()))
}

fn job_path(after: Option<&Value>, wait_ms: u64) -> String {
    let after = after
        .map_or(String::new(), |id| format!("&after={}&wait_ms={wait_ms}", id.as_str().unwrap()));
    format!("/mining/job?address={}{after}", actors()[0].address)
}

#[test]
fn a_job_is_told_whole() {
    let server = start();
    let [alice, ..] = actors();
    let job = server.node.work(alice.address, 5_000_000);
    let text = |value: &dyn std::fmt::Display| Value::String(value.to_string());
    assert_eq!(
        server.get(&job_path(None, 0)).ok(),
        json!({
            "job_id": text(&job.content_hash),
            "height": 11,
            "log_n": 2,
            "header_bytes": hex::encode(job.header.encode()),
            "statement": text(&job.statement),
            "genesis_hash": text(&job.genesis_hash),
            "epoch_challenge": text(&job.epoch_challenge),
            "anchor_hash": text(&job.header.anchor_hash),
            "content_hash": text(&job.content_hash),
            "prover": text(&alice.address),
            "block_target": text(&u128::MAX),
            "share_target": text(&u128::MAX),
            "parent_hash": text(&job.header.parent_hash),
            "timestamp_ms": 5_000_000,
        })
    );
}

#[test]
fn a_long_poll_answers_when_the_work_changes() {
    let server = start();
    let first = server.get(&job_path(None, 0)).ok();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let begun = Instant::now();
            (server.get(&job_path(Some(&first["job_id"]), 30_000)).ok(), begun.elapsed())
        });
        thread::sleep(Duration::from_millis(500));
        assert!(!waiting.is_finished());
        server.node.work_ms.send_replace(6_000_000);
        let (second, waited) = waiting.join().unwrap();
        assert_eq!(second["timestamp_ms"], 6_000_000);
        assert_ne!(second["job_id"], first["job_id"]);
        assert!(waited < Duration::from_secs(20), "{waited:?}");
    });
    // Another job than the one named is there already.
    let begun = Instant::now();
    assert_eq!(
        server.get(&job_path(Some(&first["job_id"]), 30_000)).ok()["timestamp_ms"],
        6_000_000
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_long_poll_ends_with_the_same_work() {
    let server = start();
    let first = server.get(&job_path(None, 0)).ok();
    let begun = Instant::now();
    assert_eq!(server.get(&job_path(Some(&first["job_id"]), 700)).ok(), first);
    assert!(begun.elapsed() >= Duration::from_millis(700));
}

#[test]
fn unreadable_requests_for_work_are_400() {
    let server = start();
    let good = job_path(None, 0);
    for bad in [
        "&wait_ms=30001",
        "&wait_ms=-1",
        "&wait_ms=",
        "&after=00",
        "&after=",
        "&threads=4",
        "&address=x",
    ] {
        server.get(&format!("{good}{bad}")).error(400);
    }
    assert!(server.get("/mining/job").error(400).contains("address"));
}

#[test]
fn a_panic_in_the_node_is_a_500_and_no_more() {
    let server = start();
    server.node.panics.store(true, Ordering::SeqCst);
    assert!(server.get(&job_path(None, 0)).error(500).contains("panicked"));
    server.node.panics.store(false, Ordering::SeqCst);
    server.get(&job_path(None, 0)).ok();
}

fn request(path: &str) -> String {
    format!("GET /tiny{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn one_waiting_miner_too_many_is_sent_away() {
    let server = start();
    let first = server.get(&job_path(None, 0)).ok();
    let path = job_path(Some(&first["job_id"]), 20_000);
    let mut waiting: Vec<TcpStream> = (0..257).map(|_| server.raw(&request(&path))).collect();
    let begun = Instant::now();
    // They take their places as the server comes to read them; whichever is the last is told so.
    let refused = loop {
        if let Some(answered) = waiting.iter().position(has_answer) {
            break waiting.swap_remove(answered);
        }
        assert!(begun.elapsed() < Duration::from_secs(15));
        thread::sleep(Duration::from_millis(20));
    };
    let rest = |mut stream: TcpStream| {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(rest(refused).starts_with("HTTP/1.1 503"));
    // All others are still served, and waiting clients get their work.
    server.get("/status").ok();
    server.node.work_ms.send_replace(6_000_000);
    for answer in waiting.into_iter().map(rest) {
        assert!(answer.contains("\"timestamp_ms\":6000000"), "{answer}");
    }
}

/// Whether the server has begun to answer.
fn has_answer(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let has_answer = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).unwrap();
    has_answer
}

#[test]
fn questions_beyond_the_bound_wait_and_are_then_refused() {
    let server = start();
    server.node.hold(true);
    let held: Vec<TcpStream> = (0..8).map(|_| server.raw(&request("/mempool"))).collect();
    thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    assert!(server.get("/block/latest").error(503).contains("try again"));
    assert!(begun.elapsed() >= Duration::from_secs(4));
    server.node.hold(false);
    for mut stream in held {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    server.get("/block/latest").ok();
}

#[test]
fn the_server_stops_at_once_despite_listeners_and_waiting_miners() {
    let mut server = start();
    let first = server.get(&job_path(None, 0)).ok();
    let mut listener = Listener::start(&server);
    let mut poll = server.raw(&request(&job_path(Some(&first["job_id"]), 30_000)));
    let idle = server.raw("");
    let mut half = server.raw("GET /tiny/status HTTP/1.1\r\nHo");
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let mut rest = String::new();
    poll.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 503") && rest.contains("stops"), "{rest}");
    // A browser comes back after a clean end, and after nothing else.
    let mut rest = Vec::new();
    listener.stream.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    // Whether these end or break off does not matter; they do not stay.
    let _ = half.read_to_end(&mut rest);
    drop(idle);
    assert!(TcpStream::connect(server.address).is_err());
    // Nothing of the server holds the ledger any more: it could be opened again.
    assert_eq!(std::sync::Arc::strong_count(&server.node), 1);
}

#[test]
fn a_request_that_does_not_end_holds_up_the_stop_for_seconds_only() {
    let mut server = start();
    server.node.hold(false);
    let _slow = server.raw(
        "POST /tiny/transaction HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
         application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    server.stop();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_body_that_does_not_come_is_a_400() {
    let server = start();
    let begun = Instant::now();
    let head = "POST /tiny/transaction HTTP/1.1\r\nHost: localhost\r\n\
                Content-Type: application/json\r\n\
                Connection: close\r\nContent-Length: 100\r\n\r\n{";
    let (head, body) = server.raw_answer(head);
    assert!(head.starts_with("http/1.1 400") && body.contains("did not arrive"), "{head}\n{body}");
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

/// Takes as long as a connection may be silent, so only in a long run.
#[test]
fn a_silent_connection_is_closed() {
    if std::env::var_os("LODE_TEST_LONG").is_none() {
        println!("skipped: it takes 10 s, and runs with LODE_TEST_LONG=1");
        return;
    }
    let server = start();
    let mut silent = [server.raw(""), server.raw("GET /tiny/status HTTP/1.1\r\n")];
    for stream in &mut silent {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }
    server.get("/status").ok();
}

#[test]
fn a_hammered_server_answers_all_clients_from_whole_moments() {
    let server = start();
    let [alice, bob, _] = actors();
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (server, done, address) = (&server, &done, alice.address);
                scope.spawn(move || {
                    let mut answers = 0;
                    while !done.load(Ordering::SeqCst) || answers < 20 {
                        let path = match (client + answers) % 6 {
                            0 => "/block/latest".to_owned(),
                            1 => format!("/account/{address}"),
                            2 => "/epoch/current".to_owned(),
                            3 => format!("/shares/{address}?limit=200"),
                            4 => "/status".to_owned(),
                            _ => format!("/block/{}", answers % 40),
                        };
                        let answer = server.get(&path);
                        assert!(matches!(answer.status, 200 | 404), "{path}: {answer:?}");
                        if path == "/status" {
                            let of = |field: &str| answer.json["supply"][field].as_u64().unwrap();
                            let held = of("balances")
                                + of("pending")
                                + of("share_fund")
                                + of("proving_pools");
                            assert_eq!(of("genesis") + of("emitted") - of("burned"), held);
                            // Each block emits 60 credits: the supply is that of the height beside
                            // it.
                            assert_eq!(
                                of("emitted"),
                                60_000_000 * answer.json["height"].as_u64().unwrap()
                            );
                        }
                        answers += 1;
                    }
                })
            })
            .collect();
        // Meanwhile the chain grows, and each second block is replaced by a branch of two.
        let (ours, theirs) = (&server.node.chain, Chain::standard());
        for _ in 0..8 {
            let share = theirs.share(&bob, 3);
            theirs.grow(&bob, 0, vec![], vec![share]);
            theirs.grow(&alice, 0, vec![], vec![]);
            ours.grow(&alice, 1, vec![], vec![]);
            let tip = theirs.tip().0;
            ours.store(theirs.block(tip - 1).1);
            let outcome = ours.store(theirs.block(tip).1);
            assert_eq!(outcome.events.len(), 3, "one block comes off and two go on");
        }
        done.store(true, Ordering::SeqCst);
        for client in clients {
            client.join().unwrap();
        }
    });
}
