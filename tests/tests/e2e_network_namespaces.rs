//! Rules that go by address, with an address for every node: each lives in a network namespace of
//! its own.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    thread,
    time::{Duration, Instant},
};

use lode_tests::{
    Node,
    cluster::{Cluster, Seat, wait_for_one_tip, wait_for_peers},
    hostile::{Forge, Hostile},
    inject::{Injector, willing_network},
    netns::World,
    skipped, wait_for,
};
use serde_json::Value;

/// Connections with one address that a node takes.
const MAX_PER_IP: usize = 4;

/// Seats with these addresses, each in its namespace; or nothing, said visibly, where there can be
/// no namespaces.
fn seats(test: &str, cluster: &Cluster, addresses: &[[u8; 4]]) -> Option<(World, Vec<Seat>)> {
    let mut world = World::new().map_err(|error| skipped(test, &error)).ok()?;
    let seat = |address: &[u8; 4]| {
        let address = Ipv4Addr::from(*address);
        let namespace = world.host(address);
        cluster.seat_at(address.into(), Some(namespace))
    };
    let seats = addresses.iter().map(seat).collect();
    Some((world, seats))
}

fn ip_of(peer: &Value) -> Ipv4Addr {
    let address = peer["address"].as_str().expect("a text");
    address.split('/').nth(2).and_then(|ip| ip.parse().ok()).unwrap_or_else(|| panic!("{address}"))
}

#[test]
fn a_liar_is_banned_by_its_address_and_a_restart_does_not_forget() {
    let network = willing_network(6);
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let addresses = [[100, 65, 0, 1], [100, 66, 0, 1], [100, 67, 0, 1]];
    let Some((world, seats)) = seats("a_liar_is_banned_by_its_address", &cluster, &addresses)
    else {
        return;
    };
    let [victim, liar, honest] = &seats[..] else { panic!("three seats") };
    world.run(|| {
        let mut node = victim.start_among(&[]);
        let forge = Forge::new(&node, injector.next_block(&node).proof);
        let address = victim.peer_address().parse().unwrap();
        let hostile = Hostile::start(&forge, address, liar.namespace.clone());
        wait_for("the ban", || node.bans() == [liar.ip.to_string()]);
        let lies =
            node.process.rest().iter().filter(|line| line.contains("InvalidProof: ")).count();
        assert!((1..=5).contains(&lies), "{lies}");
        drop(hostile);

        // Not even a new key gets in from there, before a restart and after it; from elsewhere
        // every peer does.
        let peers_of = |node: &Node| node.peers().iter().map(ip_of).collect::<Vec<_>>();
        let in_vain = Hostile::start(&forge, address, liar.namespace.clone());
        node.stop();
        let node = victim.start_among(&[]);
        wait_for("the ban of before", || node.bans() == [liar.ip.to_string()]);
        let friend = honest.start_among(&[victim.peer_address()]);
        wait_for_peers(&node, 1);
        // Long enough for the liar's second dial.
        thread::sleep(Duration::from_secs(2));
        assert_eq!(peers_of(&node), [Ipv4Addr::new(100, 67, 0, 1)]);
        assert_eq!(in_vain.offered(), 0);
        injector.blocks(&friend, 3);
        wait_for_one_tip(&[&node, &friend]);
    });
}

#[test]
fn one_address_gets_few_places_and_leaves_the_others_theirs() {
    let network = willing_network(6);
    let cluster = Cluster::new(&network);
    let addresses = [[100, 65, 0, 1], [100, 66, 0, 1], [100, 67, 0, 1]];
    let Some((world, seats)) = seats("one_address_gets_few_places", &cluster, &addresses) else {
        return;
    };
    let [victim, crowd, single] = &seats[..] else { panic!("three seats") };
    world.run(|| {
        let node = victim.start_among(&[]);
        // They lie about what they have, so that the node hears of them; they are not asked for
        // long.
        let injector = Injector::new(&network);
        let forge = Forge::new(&node, injector.next_block(&node).proof);
        let quiet = |namespace: &Option<String>| {
            Hostile::start_quiet(&forge, victim.peer_address().parse().unwrap(), namespace.clone())
        };
        let crowd_peers: Vec<Hostile> =
            (0..MAX_PER_IP + 3).map(|_| quiet(&crowd.namespace)).collect();
        let of_crowd = || node.peers().iter().filter(|peer| ip_of(peer) == crowd.ip).count();
        wait_for("a full house", || of_crowd() == MAX_PER_IP);
        let late = quiet(&single.namespace);
        wait_for("room for another address", || {
            node.peers().iter().any(|peer| ip_of(peer) == single.ip)
        });
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            assert!(of_crowd() <= MAX_PER_IP);
            thread::sleep(Duration::from_millis(50));
        }
        // A peer that leaves makes room for the next.
        let ids: BTreeSet<String> =
            node.peers().iter().map(|peer| peer["peer_id"].as_str().unwrap().to_owned()).collect();
        let (inside, outside): (Vec<Hostile>, Vec<Hostile>) =
            crowd_peers.into_iter().partition(|peer| ids.contains(&peer.id.to_string()));
        assert_eq!((inside.len(), outside.len()), (MAX_PER_IP, 3));
        drop(inside);
        wait_for("the others", || of_crowd() == 3);
        assert_eq!(node.bans(), Vec::<String>::new());
        drop((late, outside));
    });
}

#[test]
fn what_a_node_chooses_by_itself_is_spread_over_subnets() {
    let network = willing_network(6);
    let cluster = Cluster::new(&network);
    // A seed, and two nodes in each of three subnets of 16 bits.
    let addresses = [
        [100, 64, 0, 1],
        [100, 65, 0, 1],
        [100, 65, 9, 2],
        [100, 66, 0, 1],
        [100, 66, 9, 2],
        [100, 67, 0, 1],
        [100, 67, 9, 2],
    ];
    let Some((world, seats)) = seats("what_a_node_chooses_by_itself", &cluster, &addresses) else {
        return;
    };
    let seed = &seats[0];
    world.run(|| {
        let mut nodes = vec![seed.start(&[])];
        nodes.extend(
            seats[1..].iter().map(|seat| seat.start(&["--seed-peer", &seed.peer_address()])),
        );
        let chosen = |node: &Node| -> Vec<[u8; 2]> {
            let outbound = node
                .peers()
                .into_iter()
                .filter(|peer| peer["outbound"] == true)
                .map(|peer| ip_of(&peer));
            let own = outbound.filter(|ip| *ip != seed.ip);
            own.map(|ip| [ip.octets()[0], ip.octets()[1]]).collect()
        };
        let mut most = 0;
        let holds = |most: &mut usize| {
            for node in &nodes[1..] {
                let subnets = chosen(node);
                let distinct: BTreeSet<_> = subnets.iter().collect();
                assert_eq!(distinct.len(), subnets.len(), "{}: {subnets:?}", node.url);
                *most = subnets.len().max(*most);
            }
        };
        // Some node finds peers in two subnets, and no node ever has two in one.
        wait_for("outbound peers in two subnets", || {
            holds(&mut most);
            most >= 2
        });
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            holds(&mut most);
            thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn a_pulled_cable_splits_the_chain_and_plugging_it_in_heals_it() {
    let network = willing_network(6);
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let addresses = [[100, 65, 0, 1], [100, 66, 0, 1], [100, 67, 0, 1]];
    let Some((world, seats)) = seats("a_pulled_cable_splits_the_chain", &cluster, &addresses)
    else {
        return;
    };
    let [a, b, c] = &seats[..] else { panic!("three seats") };
    world.run(|| {
        let node_a = a.start_among(&[]);
        let node_b = b.start_among(&[a.peer_address()]);
        let node_c = c.start_among(&[a.peer_address(), b.peer_address()]);
        wait_for_peers(&node_c, 2);
        injector.blocks(&node_c, 3);
        wait_for_one_tip(&[&node_a, &node_b, &node_c]);
        world.plug(c.namespace.as_deref().unwrap(), false);
        injector.blocks(&node_a, 25);
        assert_eq!(wait_for_one_tip(&[&node_a, &node_b]).height, 28);
        // The bridge is the API's way too: the node that is cut off still has its chain when it
        // comes back.
        world.plug(c.namespace.as_deref().unwrap(), true);
        assert_eq!(wait_for_one_tip(&[&node_a, &node_b, &node_c]).height, 28);
    });
}
