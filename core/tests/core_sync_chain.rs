//! Nodes that find each other's chain: cold sync, partitions, restarts, and the same run twice.

use std::collections::BTreeMap;

use lode_consensus::Hash;
use lode_core::sync::SyncState;
use lode_network::{PeerId, Request};
use lode_testkit::{
    fabric::{World, network, transfer},
    recorder::Call,
};

/// How many bodies a node asked of each peer.
fn asked_bodies(world: &World, node: usize) -> BTreeMap<PeerId, usize> {
    let mut asked = BTreeMap::new();
    for call in &world.nodes[node].sent {
        if let Call::Request(peer, _, Request::Bodies { hashes }) = call {
            *asked.entry(*peer).or_default() += hashes.len();
        }
    }
    asked
}

#[test]
fn a_fresh_node_catches_up_from_several_peers_at_once() {
    let mut world = World::new(4);
    world.mine_quietly(0, 300);
    world.link(0, 1);
    world.link(0, 2);
    world.converge_of(&[0, 1, 2], 20_000);
    for node in 0..3 {
        world.link(3, node);
    }
    world.converge(20_000);
    let asked = asked_bodies(&world, 3);
    assert!(asked.len() == 3 && asked.values().all(|count| *count >= 30), "{asked:?}");
    assert!(asked.values().sum::<usize>() <= 310, "hardly a body is asked for twice: {asked:?}");
    // Every header's proof was checked once, and every share's.
    let reader = world.nodes[3].service.ledger().read();
    let shares = (1..=300)
        .map(|height| reader.block_at(height).unwrap().unwrap().1.body.shares.len())
        .sum::<usize>();
    drop(reader);
    assert_eq!(world.nodes[3].proofs, 300 + shares);
    let status = world.nodes[3].status();
    assert_eq!(
        (status.state, status.best_header_height, status.peers),
        (SyncState::Synced, 300, 3)
    );
    world.check();
}

#[test]
fn news_travel_over_several_hops() {
    let mut world = World::new(4);
    for node in 0..3 {
        world.link(node, node + 1);
    }
    world.run_ms(100);
    for turn in 0..12 {
        world.mine(turn % 4);
        let ms = world.converge(1_000);
        // Three hops of announcement, request and answer, 5 ms a message, and the checks: no
        // polling in between.
        assert!(ms <= 70, "block {turn} took {ms} ms");
    }
    assert!(world.nodes.iter().all(|node| node.penalties.is_empty()));
    world.check();
}

#[test]
fn blocks_in_quick_succession_all_arrive() {
    let mut world = World::new(3);
    world.link(0, 1);
    world.link(1, 2);
    world.run_ms(100);
    for _ in 0..5 {
        world.mine_now(0);
        // The next announcement overtakes the check of this one.
        world.run_ms(1);
    }
    world.converge(1_000);
    assert_eq!(world.nodes[2].height(), 5);
    world.check();
}

#[test]
fn a_partition_heals_into_the_heavier_chain() {
    let mut world = World::new(4);
    world.link_all();
    for _ in 0..5 {
        world.mine(0);
    }
    world.converge(1_000);
    for (a, b) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        world.cut(a, b);
    }
    // A transaction that only the lighter side includes.
    let signed = transfer(0, 7);
    world.nodes[2].service.take_transaction(signed.clone()).unwrap();
    world.mine_quietly(2, 60);
    world.mine_quietly(0, 100);
    world.converge_of(&[0, 1], 5_000);
    world.converge_of(&[2, 3], 5_000);
    assert_eq!((world.nodes[1].height(), world.nodes[3].height()), (105, 65));
    let heavier = world.nodes[0].service.tip();

    world.link(1, 3);
    let ms = world.converge(10_000);
    assert_eq!(world.nodes[2].service.tip(), heavier);
    println!("100 blocks against 60, over one link: one tip after {ms} simulated ms");
    let id = signed.id(&network().genesis_hash);
    world.mine(2);
    world.converge(1_000);
    let place = world.nodes[0].service.ledger().read().transaction_place(&id).unwrap().unwrap();
    assert_eq!(
        place.height, 106,
        "what came off the chain waits again, and goes into the next block"
    );
    world.check();
}

#[test]
fn equal_work_moves_no_node_and_the_next_block_decides() {
    let mut world = World::new(2);
    world.mine_quietly(0, 3);
    world.mine_quietly(1, 3);
    world.link(0, 1);
    world.run_ms(3_000);
    assert_eq!(world.tips().len(), 2);
    let asked = |world: &World| asked_bodies(world, 0).len() + asked_bodies(world, 1).len();
    assert_eq!(asked(&world), 0, "bodies of a chain that is no better are not fetched");
    world.mine(1);
    world.converge(2_000);
    assert_eq!(world.nodes[0].height(), 4);
    world.check();
}

#[test]
fn a_node_that_stops_in_the_middle_goes_on_where_it_was() {
    let mut world = World::new(3);
    world.mine_quietly(0, 400);
    world.link(0, 1);
    world.link(2, 0);
    world.run_until(20_000, |world| world.nodes[2].height() >= 150);
    let height = world.nodes[2].height();
    assert!(height < 400);
    world.restart(2);
    assert_eq!(world.nodes[2].height(), height);
    world.nodes[2].sent.clear();
    world.link(2, 1);
    world.converge(20_000);
    let asked: usize = asked_bodies(&world, 2).values().sum();
    assert!(asked <= 400 - height as usize, "{asked} bodies from height {height} on");
    world.check();
}

#[test]
fn the_same_events_have_the_same_effects() {
    let run = || {
        let mut world = World::new(3);
        world.link_all();
        for turn in 0..6 {
            world.mine(turn % 3);
        }
        world.cut(0, 1);
        world.cut(0, 2);
        world.mine_quietly(0, 4);
        world.mine_quietly(1, 7);
        world.link(0, 2);
        world.converge(10_000);
        world.check();
        let sent: Vec<Vec<Call>> = world.nodes.iter().map(|node| node.sent.clone()).collect();
        let tips: Vec<(u32, Hash)> = world.nodes.iter().map(|node| node.service.tip()).collect();
        (sent, tips, world.now_ms())
    };
    let (first, second) = (run(), run());
    assert!(first == second);
    assert!(first.0.iter().map(Vec::len).sum::<usize>() > 100);
}
