//! What a network of nodes must show, measured. This prints each figure against its bound:
//!
//! ```sh
//! LODE_TEST_LONG=1 cargo test --release --workspace --test e2e_network_figures -- \
//!     --nocapture --test-threads=1
//! ```
//!
//! The default run makes small versions of the same, and asserts nothing about time.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use lode_core::{Entropy, SystemEntropy};
use lode_genesis::srs;
use lode_puzzle::{Item, LogSize, Verifier};
use lode_tests::{
    Node,
    cluster::{Cluster, Seat, listen, wait_for_one_tip, wait_for_peers},
    hostile::{Forge, Hostile},
    inject::{Injector, choosy_network, submit, willing_network},
    link::Link,
    long,
    netns::World,
    wait_for,
};

/// The puzzle's size where the figures are about proofs, and in the default run.
const REAL_LOG_N: u8 = 13;
const SMALL_LOG_N: u8 = 6;
/// Proofs in a batch of the verifier alone: what a job of the sync has at most.
const BATCH: usize = 64;

/// For how long a node gives out the same work, at the block interval of these networks.
const TEMPLATE_AGE: Duration = Duration::from_millis(250);

fn log_n() -> u8 {
    if long() { REAL_LOG_N } else { SMALL_LOG_N }
}

/// Prints a figure of the long run. Timing is measured here, not asserted: the machine may be busy.
fn report(what: &str, measured: &str, bound: &str, holds: bool) {
    if long() {
        println!(
            "{what}: measured {measured}, bound {bound}: {}",
            if holds { "holds" } else { "DOES NOT HOLD" }
        );
    }
}

fn verifier() -> Verifier {
    Verifier::new(&srs::load(LogSize::new(log_n()).unwrap()).unwrap())
}

#[test]
fn a_network_parted_two_to_three_ends_on_one_tip() {
    let blocks = if long() { 100 } else { 15 };
    let network = willing_network(SMALL_LOG_N);
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let seats = cluster.seats(5);
    let (two, three) = seats.split_at(2);
    let mut nodes = vec![two[0].start_among(&[]), two[1].start_among(&[two[0].peer_address()])];
    let mut links = Vec::new();
    for (number, seat) in three.iter().enumerate() {
        let across: Vec<Link> =
            two.iter().map(|seat| Link::new(seat.peer_address().parse().unwrap(), true)).collect();
        let mut seeds: Vec<String> = across.iter().map(Link::address).collect();
        seeds.extend(three[..number].iter().map(Seat::peer_address));
        nodes.push(seat.start_among(&seeds));
        links.extend(across);
    }
    nodes.iter().for_each(|node| wait_for_peers(node, 4));
    injector.blocks(&nodes[0], 3);
    wait_for_one_tip(&nodes.iter().collect::<Vec<_>>());

    links.iter().for_each(Link::cut);
    wait_for("the partition", || nodes[0].peer_count() == 1 && nodes[2].peer_count() == 2);
    // Three have more power than two.
    injector.blocks(&nodes[0], blocks * 2 / 3);
    injector.blocks(&nodes[4], blocks);
    wait_for_one_tip(&[&nodes[0], &nodes[1]]);
    let heavier = wait_for_one_tip(&[&nodes[2], &nodes[3], &nodes[4]]);
    assert_ne!(nodes[0].tip(), heavier);

    links.iter().for_each(Link::mend);
    assert_eq!(wait_for_one_tip(&nodes.iter().collect::<Vec<_>>()), heavier);
    let agreed = Instant::now();
    let first = links.iter().filter_map(Link::first_connection).min().expect("they are connected");
    let took = agreed.duration_since(first);
    report(
        &format!("partition 2/3 for {blocks} blocks, healed: one tip after the first reconnection"),
        &format!("{:.2} s", took.as_secs_f64()),
        "10 s",
        took <= Duration::from_secs(10),
    );
    nodes.into_iter().for_each(Node::stop);
    seats.iter().for_each(Seat::assert_sound);
}

/// How many proofs the batch verifier checks in a second on all cores, with nothing around it.
fn batch_rate_per_s(items: &[Item]) -> f64 {
    let verifier = verifier();
    let batches = Mutex::new(items.chunks(BATCH));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let Some(batch) = batches.lock().unwrap().next() else { return };
                    let weights = SystemEntropy.weights(batch.len()).unwrap();
                    assert!(verifier.verify_batch(batch, &weights).iter().all(Result::is_ok));
                }
            });
        }
    });
    items.len() as f64 / begun.elapsed().as_secs_f64()
}

#[test]
fn a_cold_sync_is_as_fast_as_its_proofs() {
    let (blocks, shares) = if long() { (300, 15) } else { (20, 3) };
    let network = willing_network(log_n());
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let seats = cluster.seats(3);
    let source = seats[0].start_among(&[]);
    for _ in 0..blocks {
        injector.shares(&source, shares);
        injector.block(&source);
    }
    let tip = source.tip();
    let sync = |seat: &Seat, arguments: &[&str]| {
        let seed = seats[0].peer_address();
        let node = seat.start(&[&["--seed-peer", &seed, "--connect-only"], arguments].concat());
        // From here on it is up, and begins to connect.
        let begun = Instant::now();
        while node.tip() != tip {
            assert!(begun.elapsed() < Duration::from_secs(600), "{:?}", node.get("sync"));
            thread::sleep(Duration::from_millis(10));
        }
        let took = begun.elapsed();
        node.stop();
        seat.assert_sound();
        took
    };
    let full = sync(&seats[1], &[]);
    let assumed = sync(&seats[2], &["--assume-valid", &format!("{}:{}", tip.height, tip.hash)]);
    let made = injector.made();
    assert_eq!(made.len(), blocks * (shares + 1));
    let (alone, rate) = (batch_rate_per_s(&made), made.len() as f64 / full.as_secs_f64());
    report(
        &format!("cold sync of {} proofs, fully verified", made.len()),
        &format!(
            "{rate:.0} proofs/s, {:.0} % of the batch verifier's {alone:.0}",
            100.0 * rate / alone
        ),
        "60 %",
        rate >= 0.6 * alone,
    );
    let times = full.as_secs_f64() / assumed.as_secs_f64();
    let blocks_per_s = blocks as f64 / assumed.as_secs_f64();
    report(
        "cold sync below the assumed block, against fully verified",
        &format!("{times:.1} times as fast, {blocks_per_s:.0} blocks/s"),
        "3 times",
        times >= 3.0,
    );
    source.stop();
}

#[test]
fn an_announced_block_is_accepted_by_all() {
    let (blocks, shares) = (if long() { 100 } else { 3 }, 2);
    let network = choosy_network(log_n());
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let seats = cluster.seats(if long() { 7 } else { 4 });
    let mut nodes: Vec<Node> = Vec::new();
    for (number, seat) in seats.iter().enumerate() {
        let seeds: Vec<String> = seats[..number].iter().map(Seat::peer_address).collect();
        nodes.push(seat.start_among(&seeds));
    }
    nodes.iter().for_each(|node| wait_for_peers(node, seats.len() - 1));
    let (send_arrivals, arrivals) = mpsc::channel();
    nodes.iter().enumerate().for_each(|(number, node)| listen(node, number, send_arrivals.clone()));

    let mut delays: Vec<Duration> = Vec::new();
    // The first ones let gossip build its mesh.
    let settling = if long() { 10 } else { 1 };
    for round in 0..settling + blocks {
        injector.shares(&nodes[0], shares);
        wait_for("the shares at every node", || {
            nodes.iter().all(|node| node.waiting_shares() == shares as u64)
        });
        // Until then a node may give out work from before the shares.
        thread::sleep(TEMPLATE_AGE);
        let attempt = injector.next_block(&nodes[0]);
        submit(&nodes[0], &attempt);
        let mut seen: BTreeMap<usize, Instant> = BTreeMap::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        while seen.len() < nodes.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            let arrival = arrivals
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("round {round}: only {seen:?}"));
            seen.insert(arrival.node, arrival.at);
        }
        if round >= settling {
            let announced = seen[&0];
            delays.extend(
                (1..nodes.len()).map(|node| seen[&node].saturating_duration_since(announced)),
            );
        }
    }
    let tip = wait_for_one_tip(&nodes.iter().collect::<Vec<_>>());
    assert_eq!(tip.height, (settling + blocks) as u64);
    let last = nodes[0].get("block/latest");
    assert_eq!(last["shares"].as_array().map(Vec::len), Some(shares), "{last}");

    let verifier = verifier();
    let mut single: Vec<Duration> = injector
        .made()
        .iter()
        .map(|item| {
            let begun = Instant::now();
            verifier.verify(&item.statement, item.nonce, &item.proof, item.claim).unwrap();
            begun.elapsed()
        })
        .collect();
    single.sort_unstable();
    delays.sort_unstable();
    let at = |sorted: &[Duration], part: usize| sorted[(sorted.len() - 1) * part / 100];
    let (one, p99) = (at(&single, 50), at(&delays, 99));
    report(
        &format!("announced to accepted, {} nodes, {} deliveries, p99", nodes.len(), delays.len()),
        &format!(
            "{:.1} ms (median {:.1} ms), {:.1} single verifications of {:.2} ms",
            p99.as_secs_f64() * 1e3,
            at(&delays, 50).as_secs_f64() * 1e3,
            p99.as_secs_f64() / one.as_secs_f64(),
            one.as_secs_f64() * 1e3
        ),
        "15",
        p99 <= 15 * one,
    );
    nodes.into_iter().for_each(Node::stop);
}

#[test]
fn ten_liars_are_thrown_out_and_delay_no_other_peer() {
    const LIARS: u8 = 10;
    let network = willing_network(log_n());
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    // Each with an address of its own where that can be; else bans go by peer, as they do on
    // loopback.
    let mut world = World::new().ok();
    let mut seat = |subnet: u8| match &mut world {
        Some(world) => {
            let ip = Ipv4Addr::new(100, 64 + subnet, 0, 1);
            let namespace = world.host(ip);
            cluster.seat_at(ip.into(), Some(namespace))
        }
        None => cluster.seat(),
    };
    let (victim, honest) = (seat(0), seat(1));
    let liars: Vec<Seat> = (0..LIARS).map(|number| seat(2 + number)).collect();
    let measure = || under_attack(&victim, &honest, &liars, &injector);
    let Attack { lies, offered, slowest, growth } = match &world {
        Some(world) => world.run(measure),
        None => measure(),
    };
    assert_eq!(lies.len(), usize::from(LIARS), "all were caught");
    let most = lies.values().copied().max().unwrap_or(0);
    assert!(most <= 5, "{lies:?}");
    report(
        &format!(
            "{LIARS} peers offering invalid proofs ({offered} of them): checked of each before its \
             ban, at most"
        ),
        &most.to_string(),
        "5",
        most <= 5,
    );
    report(
        "an honest block meanwhile, at most",
        &format!("{:.0} ms", slowest.as_secs_f64() * 1e3),
        "2 s",
        slowest <= Duration::from_secs(2),
    );
    let mib = growth as f64 / f64::from(1 << 20);
    report("memory growth of the node", &format!("{mib:.1} MiB"), "64 MiB", mib <= 64.0);
}

/// What an attack came to.
struct Attack {
    /// Invalid proofs that the victim checked, by peer.
    lies: BTreeMap<String, usize>,
    offered: u64,
    slowest: Duration,
    /// Of the victim's resident memory, in bytes.
    growth: u64,
}

fn under_attack(victim: &Seat, honest: &Seat, liars: &[Seat], injector: &Injector) -> Attack {
    let mut node = victim.start_among(&[]);
    let friend = honest.start_among(&[victim.peer_address()]);
    wait_for_peers(&node, 1);
    let forge = Forge::new(&node, injector.next_block(&node).proof);
    injector.blocks(&friend, 5);
    wait_for_one_tip(&[&node, &friend]);
    let before = node.process.resident_bytes();

    let address = victim.peer_address().parse().unwrap();
    let attackers: Vec<Hostile> =
        liars.iter().map(|seat| Hostile::start(&forge, address, seat.namespace.clone())).collect();
    let (mut slowest, mut most) = (Duration::ZERO, before);
    // While they come in, and for a while behind: they dial again and again.
    let longest = Duration::from_secs(if long() { 20 } else { 0 });
    let begun = Instant::now();
    while node.bans().len() < liars.len() || begun.elapsed() < longest {
        assert!(begun.elapsed() < Duration::from_secs(60), "bans: {:?}", node.bans());
        let attempt = injector.next_block(&friend);
        let announced = Instant::now();
        submit(&friend, &attempt);
        let tip = friend.tip();
        wait_for("the honest block", || node.tip() == tip);
        slowest = slowest.max(announced.elapsed());
        most = most.max(node.process.resident_bytes());
        forge.follow(&node);
    }
    let offered = attackers.iter().map(Hostile::offered).sum();
    let ids: Vec<String> = attackers.iter().map(|attacker| attacker.id.to_string()).collect();
    drop(attackers);
    let mut lies = BTreeMap::new();
    for line in node.process.rest().iter().filter(|line| line.contains("InvalidProof: ")) {
        let id = ids.iter().find(|id| line.contains(*id)).expect("only liars are charged");
        *lies.entry(id.clone()).or_default() += 1;
    }
    assert_eq!(node.peer_count(), 1, "the honest peer is there all the time");
    [node, friend].into_iter().for_each(Node::stop);
    Attack { lies, offered, slowest, growth: most.saturating_sub(before) }
}
