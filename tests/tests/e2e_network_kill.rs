//! kill -9 of any node at random moments while all of them mine.
//!
//! `LODE_TEST_SEED` chooses the moments; the default run makes a few cycles, `LODE_TEST_LONG` a
//! thousand (`LODE_TEST_CYCLES` as many as it says).

use std::{
    thread,
    time::{Duration, Instant},
};

use lode_tests::{
    FAST_NETWORK, Node,
    cluster::{Cluster, Seat, Tip, wait_for_one_tip, wait_for_peers},
    long, wait_for,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const NODES: usize = 3;
/// Longest time that a node lives before it is killed, in ms.
const MAX_LIFE_MS: u64 = 400;
/// How long after a block was seen elsewhere a kill still meets the moment in which the victim
/// stores it, in ms.
const MAX_AIM_MS: u64 = 30;
/// Longest wait for a block to aim at: reorganisations may leave one node without for a while.
const AIM_PATIENCE: Duration = Duration::from_secs(2);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What has been committed, as far as a node's API said.
fn last_word(node: &Node, until: Instant) -> Tip {
    loop {
        let tip = node.tip();
        if Instant::now() >= until {
            return tip;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn start(seats: &[Seat], number: usize) -> Node {
    let others = seats.iter().enumerate().filter(|(other, _)| *other != number);
    let seeds: Vec<String> = others.map(|(_, seat)| seat.peer_address()).collect();
    seats[number].start_among(&seeds)
}

/// Starts a node that was killed. The others run, so that it has nothing to complain about.
fn restart(seats: &[Seat], number: usize) -> Node {
    let node = start(seats, number);
    let complaint =
        node.process.seen().iter().find(|line| line.contains(" WARN ") || line.contains("ERROR "));
    assert_eq!(complaint, None, "the restart is clean");
    node
}

#[test]
fn kill_any_node_at_any_moment_and_no_committed_block_is_lost() {
    let (seed, cycles) =
        (number("LODE_TEST_SEED", 20), number("LODE_TEST_CYCLES", if long() { 1_000 } else { 8 }));
    let mut rng = StdRng::seed_from_u64(seed);
    let cluster = Cluster::new(FAST_NETWORK);
    let seats = cluster.seats(NODES);
    let mut nodes: Vec<Node> = (0..NODES).map(|number| start(&seats, number)).collect();
    let miners: Vec<_> = seats.iter().map(Seat::start_miner).collect();
    for node in &nodes {
        wait_for_peers(node, 1);
        node.wait_for_height(2);
    }

    let mut restarts: Vec<Duration> = Vec::new();
    for cycle in 0..cycles {
        let victim = rng.random_range(0..NODES);
        // Half of the kills come at any moment, half when a block has just been found.
        if rng.random() {
            let other = &nodes[(victim + 1) % NODES];
            let (begun, before) = (Instant::now(), other.tip());
            while other.tip() == before && begun.elapsed() < AIM_PATIENCE {
                thread::sleep(Duration::from_millis(1));
            }
        }
        let most_ms = if rng.random() { MAX_AIM_MS } else { MAX_LIFE_MS };
        let word = last_word(
            &nodes[victim],
            Instant::now() + Duration::from_millis(rng.random_range(0..most_ms)),
        );
        nodes.remove(victim).process.kill();

        let begun = Instant::now();
        nodes.insert(victim, restart(&seats, victim));
        restarts.push(begun.elapsed());
        let node = &nodes[victim];
        // It may have gone on to a better chain already, never to a worse one, and what was stored
        // stays stored.
        assert!(node.tip().work >= word.work, "cycle {cycle}: {word:?} is lost");
        let stored = node.get(&format!("block/{}", word.hash));
        assert_eq!(stored["height"], word.height, "cycle {cycle}");
        if (cycle + 1) % 50 == 0 {
            println!("{} of {cycles} cycles, tip {}", cycle + 1, node.height());
        }
    }
    restarts.sort_unstable();
    let at = |part: usize| restarts[(restarts.len() - 1) * part / 100];
    println!(
        "{cycles} kills with seed {seed}: restart until the API answers {:?} in the median, {:?} \
         in 99 of 100, {:?} at most",
        at(50),
        at(99),
        at(100)
    );

    // The last blocks are one miner's, so that no tie is left.
    let mut miners = miners.into_iter();
    let last = miners.next().expect("one for each node");
    miners.for_each(|miner| assert!(miner.interrupt().success()));
    let all: Vec<&Node> = nodes.iter().collect();
    let before = nodes[0].height();
    wait_for("a block of the last miner", || nodes[0].height() > before);
    wait_for_one_tip(&all);
    assert!(last.interrupt().success());
    let tip = wait_for_one_tip(&all);
    println!("one tip: height {}", tip.height);
    nodes.into_iter().for_each(Node::stop);
    seats.iter().for_each(Seat::assert_sound);
}
