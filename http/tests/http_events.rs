//! `/events`: which events are sent to which listener, and how one that reconnects goes on.

mod common;

use std::{
    io::Read,
    thread,
    time::{Duration, Instant},
};

use common::{Listener, Server};
use lode_consensus::{Address, Hash};
use lode_core::events::{CAPACITY, Event};
use lode_testkit::{
    backend::{RUN, TestNode},
    mined::{Chain, actors},
};
use serde_json::{Value, json};

fn start() -> Server {
    Server::start(TestNode::new(Chain::standard()))
}

fn block_event(height: u32, hash: u8, producer: Address) -> Event {
    Event::Block {
        height,
        hash: Hash([hash; 32]),
        epoch: height / 4,
        producer,
        shares: 2,
        transactions: 1,
    }
}

/// A transaction's event that is told from all others.
fn numbered(number: u64) -> Event {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Event::Transaction { id: Hash(id) }
}

fn publish(server: &Server, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| server.node.events.publish(numbered(number)));
}

/// The message of [`numbered`].
fn message(number: u64) -> (String, Value) {
    ("transaction".to_owned(), json!({"id": format!("{number:016x}{}", "00".repeat(24))}))
}

fn lagged(missed: Option<u64>) -> (String, Value) {
    ("lagged".to_owned(), json!({ "missed": missed }))
}

#[test]
fn events_arrive_in_order_and_a_reorg_is_told_once() {
    let server = start();
    let [alice, ..] = actors();
    let mut listeners = [Listener::start(&server), Listener::start(&server)];
    let hex = |byte: u8| hex::encode([byte; 32]);
    let send = |event| server.node.events.publish(event);
    send(Event::Transaction { id: Hash([1; 32]) });
    send(Event::Share { prover: alice.address, height: 11 });
    send(block_event(11, 0xa1, alice.address));
    send(Event::Reorg { from: Hash([0xa1; 32]), to: Hash([0xb0; 32]), height: 10 });
    send(block_event(10, 0xb0, alice.address));
    send(block_event(11, 0xb1, alice.address));
    let block = |height: u32, hash: u8| {
        let producer = alice.address.to_string();
        let data = json!({
            "height": height, "hash": hex(hash), "epoch": 2, "producer": producer, "shares": 2,
            "transactions": 1,
        });
        ("block".to_owned(), data)
    };
    for listener in &mut listeners {
        assert_eq!(listener.next(), ("transaction".to_owned(), json!({"id": hex(1)})));
        let share = json!({"prover": alice.address.to_string(), "height": 11});
        assert_eq!(listener.next(), ("share".to_owned(), share));
        assert_eq!(listener.next(), block(11, 0xa1));
        let reorg = json!({"from": hex(0xa1), "to": hex(0xb0), "height": 10});
        assert_eq!(listener.next(), ("reorg".to_owned(), reorg));
        assert_eq!(listener.next(), block(10, 0xb0));
        assert_eq!(listener.next(), block(11, 0xb1));
        assert!(listener.last_id.ends_with("-6"), "{}", listener.last_id);
    }
}

#[test]
fn a_ledgers_reorg_is_one_event_before_the_blocks_of_the_other_branch() {
    let [alice, bob, _] = actors();
    let (ours, theirs) = (Chain::standard(), Chain::standard());
    ours.grow(&alice, 1, vec![], vec![]);
    let left = ours.tip().1;
    theirs.grow(&bob, 0, vec![], vec![]);
    theirs.grow(&bob, 0, vec![], vec![]);
    ours.store(theirs.block(11).1);
    let outcome = ours.store(theirs.block(12).1);

    let server = Server::start(TestNode::new(ours));
    let mut listener = Listener::start(&server);
    server.node.events.publish_chain(&outcome.events, |height| height / 4);
    let (name, data) = listener.next();
    let first = theirs.block(11).0.to_string();
    assert_eq!(
        (name.as_str(), data),
        ("reorg", json!({"from": left.to_string(), "to": first, "height": 11}))
    );
    for height in [11, 12] {
        let (name, data) = listener.next();
        assert_eq!((name.as_str(), &data["height"]), ("block", &json!(height)));
        assert_eq!(data["hash"], theirs.block(height).0.to_string());
    }
}

#[test]
fn a_listener_that_comes_back_misses_nothing() {
    let server = start();
    let mut listener = Listener::start(&server);
    publish(&server, 0..3);
    assert_eq!([listener.next(), listener.next()], [message(0), message(1)]);
    let last_id = listener.last_id.clone();
    drop(listener);
    publish(&server, 3..5);
    let mut listener = Listener::resume(&server, &last_id);
    assert_eq!(
        [listener.next(), listener.next(), listener.next()],
        [message(2), message(3), message(4)]
    );

    // Also one that had got no event yet when it left.
    let quiet = Listener::start(&server).last_id;
    publish(&server, 5..6);
    assert_eq!(Listener::resume(&server, &quiet).next(), message(5));
}

#[test]
fn what_the_log_holds_no_more_is_told_as_a_number() {
    let server = start();
    let mut listener = Listener::start(&server);
    publish(&server, 0..1);
    assert_eq!(listener.next(), message(0));
    let last_id = listener.last_id.clone();
    drop(listener);
    let kept = CAPACITY as u64;
    publish(&server, 1..kept + 8);
    let mut listener = Listener::resume(&server, &last_id);
    assert_eq!([listener.next(), listener.next()], [lagged(Some(7)), message(8)]);
    // A listener that leaves right after an event does not get it again.
    let mut listener = Listener::resume(&server, &last_id);
    listener.next();
    let told = listener.last_id.clone();
    assert_eq!(Listener::resume(&server, &told).next(), message(8));
}

#[test]
fn an_id_of_another_run_of_the_node_is_told_as_such() {
    let server = start();
    publish(&server, 0..2);
    let ahead = format!("{}-3", RUN);
    for last_id in
        ["1795372799999-1", &ahead, "0-0", "7", "x", "-", "\u{fffd}", "1795372800000-1-1"]
    {
        let mut listener = Listener::resume(&server, last_id);
        let heard = [listener.next(), listener.next(), listener.next()];
        assert_eq!(heard, [lagged(None), message(0), message(1)], "{last_id:?}");
    }
    // An empty one is none.
    let mut listener = Listener::resume(&server, "");
    publish(&server, 2..3);
    assert_eq!(listener.next(), message(2));
}

#[test]
fn a_listener_that_lags_is_told_how_much_it_missed() {
    let server = start();
    let mut listener = Listener::start(&server);
    // Nothing is read until far more was sent than queue, log and socket buffers hold.
    const SENT: u64 = 200_000;
    publish(&server, 0..SENT);
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < SENT {
        match listener.next() {
            (name, data) if name == "lagged" => missed += data["missed"].as_u64().unwrap(),
            // In order, and exactly those that were not missed.
            told => {
                assert_eq!(told, message(heard + missed));
                heard += 1;
            }
        }
    }
    assert!(missed > 0);
}

/// A browser gives up for good on any status but 200, so a full house is told in an empty stream.
#[test]
fn one_listener_too_many_is_asked_to_come_back_until_another_goes() {
    let server = start();
    let mut listeners: Vec<Listener> = (0..64).map(|_| Listener::start(&server)).collect();
    let request = "GET /tiny/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (head, body) = server.raw_answer(request);
    assert!(head.starts_with("http/1.1 200") && head.contains("text/event-stream"), "{head}");
    assert!(body.contains("retry: 15000") && body.contains("64 listen already"), "{body}");
    assert!(body.ends_with("0\r\n\r\n"), "a clean end: {body}");
    listeners.pop();
    let begun = Instant::now();
    // The place is free once the server has noticed: then the stream stays open.
    loop {
        let mut stream = server.raw(request);
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut answer = Vec::new();
        if stream.read_to_end(&mut answer).is_err() {
            assert!(String::from_utf8_lossy(&answer).contains("retry: 3000"));
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(20));
    }
}
