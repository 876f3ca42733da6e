//! Nodes and miners as their operators start them, on one machine: one that joins late, one that
//! comes back, one that was cut off, and one that listened to a liar first.

use lode_tests::{
    FAST_NETWORK, Node,
    cluster::{Cluster, wait_for_one_tip, wait_for_peers},
    hostile::{Forge, Hostile},
    inject::{Injector, willing_network},
    link::Link,
    wait_for,
};

#[test]
fn three_miners_one_cut_off_and_one_late_end_on_one_tip() {
    let cluster = Cluster::new(FAST_NETWORK);
    let seats = cluster.seats(4);
    let [a, b, c, late] = &seats[..] else { panic!("four seats") };
    let link = Link::new(a.peer_address().parse().unwrap(), true);
    let node_a = a.start_among(&[]);
    let node_b = b.start_among(&[a.peer_address()]);
    let node_c = c.start_among(&[link.address()]);
    let miners = [a.start_miner(), b.start_miner(), c.start_miner()];
    wait_for_peers(&node_a, 2);
    for node in [&node_a, &node_b, &node_c] {
        node.wait_for_height(5);
    }

    // One goes on alone, on less work: the other two have twice its power.
    link.cut();
    wait_for("the cut", || node_c.peer_count() == 0);
    let fork = node_c.height();
    node_c.wait_for_height(fork + 6);
    let [first, second, third] = miners;
    assert!(third.interrupt().success());
    let alone = node_c.tip();
    wait_for("the better chain", || node_a.tip().work > alone.work && node_a.height() >= fork + 12);
    link.mend();
    wait_for("the reorg", || node_c.tip().work > alone.work);
    assert_ne!(
        node_c.get(&format!("block/{}", alone.height))["hash"],
        alone.hash.to_string(),
        "it left its own chain"
    );

    // Two that find a block at the same moment leave a tie: the last blocks are one miner's.
    let node_late = late.start_among(&[c.peer_address()]);
    assert!(second.interrupt().success());
    wait_for_one_tip(&[&node_a, &node_b]);
    assert!(first.interrupt().success());
    let tip = wait_for_one_tip(&[&node_a, &node_b, &node_c, &node_late]);
    assert!(tip.work > alone.work);
    wait_for("the end of the sync", || node_late.get("sync")["state"] == "synced");
    [node_a, node_b, node_c, node_late].into_iter().for_each(Node::stop);
    seats.iter().for_each(|seat| seat.assert_sound());
}

#[test]
fn a_node_comes_back_by_what_it_remembers_though_most_of_it_is_stale() {
    let network = willing_network(6);
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let seats = cluster.seats(3);
    let [stays, moves, returns] = &seats[..] else { panic!("three seats") };
    let node = stays.start(&[]);
    let gone = moves.start(&[]);
    let (first, second) = (stays.peer_address(), moves.peer_address());
    let back = returns.start(&["--seed-peer", &first, "--seed-peer", &second]);
    wait_for_peers(&back, 2);
    injector.blocks(&node, 3);
    wait_for_one_tip(&[&node, &back]);
    back.stop();
    let book = std::fs::read_to_string(returns.file("peers.json")).unwrap();
    assert_eq!(book.matches("/tcp/4130").count(), 2, "{book}");
    // Of the two that it knows one is no more, and a third one never was.
    gone.stop();
    let stale = cluster.seat();
    std::fs::write(
        returns.file("peers.json"),
        book.replace(&moves.ip.to_string(), &stale.ip.to_string()),
    )
    .unwrap();

    injector.blocks(&node, 20);
    let back = returns.start(&[]);
    assert_eq!(wait_for_one_tip(&[&node, &back]).height, 23);
    [node, back].into_iter().for_each(Node::stop);
    // With nothing but what is stale it runs alone, and says so.
    let alone = returns.start(&[]);
    assert_eq!((alone.height(), alone.peer_count()), (23, 0));
    alone.stop();
    returns.assert_sound();
}

#[test]
fn a_node_that_heard_only_a_liar_takes_the_honest_chain_when_it_comes() {
    let network = willing_network(6);
    let (cluster, injector) = (Cluster::new(&network), Injector::new(&network));
    let (honest, fed) = (cluster.seat(), cluster.seat());
    let link = Link::new(honest.peer_address().parse().unwrap(), false);
    let honest = honest.start_among(&[]);
    let proof = injector.next_block(&honest).proof;
    let mut node = fed.start_among(&[link.address()]);
    let forge = Forge::new(&node, proof);
    let liar = Hostile::start(&forge, fed.peer_address().parse().unwrap(), None);
    wait_for("the ban", || node.bans() == [liar.id.to_string()]);
    let lies = node.process.rest().iter().filter(|line| line.contains("InvalidProof: ")).count();
    assert!((1..=5).contains(&lies), "{lies} proofs were checked, of {} offered", liar.offered());
    assert_eq!(node.height(), 0);

    injector.blocks(&honest, 30);
    link.mend();
    assert_eq!(wait_for_one_tip(&[&honest, &node]).height, 30);
    assert_eq!(node.bans(), [liar.id.to_string()], "nobody else is banned");
}
