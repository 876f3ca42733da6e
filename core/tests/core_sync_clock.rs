//! A clock that is wrong, in either direction: the status says so, no peer is charged for it, and
//! the node does not retry in a busy loop.

use std::sync::atomic::Ordering;

use lode_core::sync::{ClockFault, SyncState};
use lode_network::{Request, Response};
use lode_testkit::{
    fabric::{FUTURE_LIMIT_MS, World},
    keys::peer_id,
    recorder::Call,
};

const WRONG_MS: i64 = 90_000;

fn set_clock(world: &World, node: usize, skew_ms: i64) {
    world.nodes[node].skew_ms.store(skew_ms, Ordering::Relaxed);
}

fn fault(world: &World, node: usize) -> Option<ClockFault> {
    world.nodes[node].status().clock
}

fn headers_asked(world: &World, node: usize) -> usize {
    let sent = world.nodes[node].sent.iter();
    sent.filter(|call| matches!(call, Call::Request(_, _, Request::Headers { .. }))).count()
}

#[test]
fn a_clock_that_is_behind_is_named_and_the_node_catches_up_when_it_is_set_right() {
    let mut world = World::new(2);
    set_clock(&world, 1, -WRONG_MS);
    for _ in 0..5 {
        world.mine(0);
    }
    world.link(1, 0);
    for _ in 0..20 {
        world.mine(0);
    }
    let status = world.nodes[1].status();
    let named = status.clock.expect("its one peer contradicts it");
    assert!((WRONG_MS - 100..=WRONG_MS).contains(&named.offset_ms), "{named:?}");
    assert!(named.is_certain, "blocks are left out for its sake: what it mines is worth nothing");
    assert_eq!(status.mining_obstacle(), Some(named.to_string()));
    assert_eq!((status.ready, status.reason), (false, Some(named.to_string())));
    assert!(named.to_string().contains("clock seems 89 s behind"), "{named}");
    assert_eq!(world.nodes[1].height(), 0);
    assert_eq!(world.nodes[1].penalties, [], "the peer has done nothing wrong");
    let asked = headers_asked(&world, 1);
    assert!(asked <= 4, "{asked} questions in 20 s for headers that lie in the future");
    // One peer that dialled it says nothing to a node.
    assert_eq!(fault(&world, 0), None);
    assert!(world.nodes[0].status().ready);

    set_clock(&world, 1, 0);
    world.converge(20_000);
    world.run_ms(6_000);
    let status = world.nodes[1].status();
    assert_eq!(
        (status.state, status.ready, status.clock),
        (SyncState::Synced, true, None),
        "{status:?}"
    );
    world.check();
}

#[test]
fn a_clock_that_is_ahead_is_named_only_by_the_node_that_has_it() {
    let mut world = World::new(4);
    set_clock(&world, 3, WRONG_MS);
    for node in 0..3 {
        world.link(3, node);
        world.link(node, (node + 1) % 3);
    }
    world.mine(0);
    world.run_ms(6_000);
    let named = fault(&world, 3).expect("three peers contradict it");
    assert!(
        (-WRONG_MS..=-WRONG_MS + 100).contains(&named.offset_ms) && named.is_certain,
        "{named:?}"
    );
    let status = world.nodes[3].status();
    assert_eq!((status.ready, status.reason), (false, Some(named.to_string())));
    assert!(named.to_string().contains("ahead of"), "{named}");
    for node in 0..3 {
        assert_eq!(fault(&world, node), None, "node {node} has one wrong peer and two right ones");
    }
    assert_eq!(world.nodes[3].height(), 1, "it follows the chain all the same");
    world.check();
}

#[test]
fn mining_by_a_clock_that_is_ahead_ends_when_the_one_dialled_peer_does_not_take_the_blocks() {
    let mut world = World::new(2);
    world.mine(0);
    set_clock(&world, 1, WRONG_MS);
    world.link(1, 0);
    world.run_ms(6_000);
    let obstacle = |world: &World| world.nodes[1].status().mining_obstacle();
    let named = fault(&world, 1).expect("its one peer contradicts it");
    assert!(named.offset_ms < 0 && !named.is_certain, "{named:?}");
    assert_eq!((world.nodes[1].height(), obstacle(&world)), (1, None));
    // Three blocks may be on their way, as everywhere; the fourth is not taken either.
    for _ in 0..3 {
        world.mine(1);
    }
    world.run_ms(6_000);
    assert_eq!((world.nodes[0].height(), obstacle(&world)), (1, None));
    world.mine(1);
    world.run_ms(6_000);
    let named = fault(&world, 1).expect("its one peer contradicts it");
    assert!(named.is_certain, "{named:?}");
    assert_eq!((world.nodes[0].height(), obstacle(&world)), (1, Some(named.to_string())));
    assert_eq!((fault(&world, 0), world.nodes[0].status().mining_obstacle()), (None, None));
    assert_eq!(world.nodes[1].penalties, [], "the peer has done nothing wrong");
    // Their time comes, and what would follow is as early again.
    world.converge(120_000);
    world.run_ms(6_000);
    assert!(obstacle(&world).is_some(), "it does not come and go");

    set_clock(&world, 1, 0);
    world.run_ms(6_000);
    assert_eq!((fault(&world, 1), obstacle(&world)), (None, None));
    world.mine(1);
    world.converge(20_000);
    world.check();
}

#[test]
fn a_clock_that_is_ahead_by_less_than_the_peers_wait_for_does_not_stop_miners() {
    let mut world = World::new(2);
    let limit_ms = i64::try_from(FUTURE_LIMIT_MS).unwrap();
    set_clock(&world, 1, limit_ms + 100);
    world.link(1, 0);
    for _ in 0..20 {
        world.mine(1);
    }
    let named = fault(&world, 1).expect("its one peer contradicts it");
    assert!(named.offset_ms < 0 && !named.is_certain, "{named:?}: its blocks are taken");
    assert!(world.nodes[0].height() >= 17);
    assert_eq!(world.nodes[1].status().mining_obstacle(), None);
    world.converge(20_000);
    world.check();
}

#[test]
fn a_clock_within_the_limit_is_right() {
    let mut world = World::new(2);
    let limit_ms = i64::try_from(FUTURE_LIMIT_MS).unwrap();
    world.link(1, 0);
    for skew_ms in [-limit_ms, limit_ms] {
        set_clock(&world, 1, skew_ms);
        world.run_ms(12_000);
        assert_eq!(fault(&world, 1), None, "{skew_ms}");
    }
    set_clock(&world, 1, limit_ms + 100);
    world.run_ms(6_000);
    assert!(
        fault(&world, 1).is_some_and(|fault| !fault.is_certain),
        "one peer says so, and nothing was left out"
    );
    assert_eq!(world.nodes[1].status().mining_obstacle(), None);
    // It ends well below where it begins.
    set_clock(&world, 1, limit_ms - 100);
    world.run_ms(6_000);
    assert!(fault(&world, 1).is_some());
    set_clock(&world, 1, limit_ms / 2);
    world.run_ms(6_000);
    assert_eq!(fault(&world, 1), None);
}

#[test]
fn liars_that_dial_a_node_do_not_outvote_those_that_it_dialled() {
    let mut world = World::new(4);
    for node in 1..4 {
        world.link(0, node);
    }
    for number in 0..8 {
        let liar = peer_id(60 + number);
        let status = lode_network::Status { now_ms: 1, ..world.status_of(0) };
        world.answer(liar, move |request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            _ => None,
        });
        world.connect_puppet(liar, 0, false);
    }
    world.run_ms(12_000);
    assert_eq!(fault(&world, 0), None);
    // Those that do not tell their time have no voice.
    let mut world = World::new(1);
    for number in 0..3 {
        let silent = peer_id(60 + number);
        let status = lode_network::Status { now_ms: 0, ..world.status_of(0) };
        world.answer(silent, move |request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            _ => None,
        });
        world.connect_puppet(silent, 0, true);
    }
    world.run_ms(12_000);
    assert_eq!(fault(&world, 0), None);
}
