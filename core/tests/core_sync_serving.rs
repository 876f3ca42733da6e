//! What a node serves to its peers, and what it ignores while it is behind.

use lode_consensus::Hash;
use lode_network::{
    Gossip, InboundId, MempoolPage, NetworkEvent, PeerId, Request, Response, Status, Verdict,
};
use lode_testkit::{
    fabric::{World, transfer},
    recorder::Call,
};

/// Asks a node, and gives its answer.
fn ask(
    world: &mut World,
    number: u64,
    puppet: PeerId,
    victim: usize,
    request: Request,
) -> Response {
    let id = InboundId(number);
    world.inject(victim, NetworkEvent::Request { peer: puppet, id, request });
    world.run_ms(3_000);
    let mut answers = world.nodes[victim].sent.iter().filter_map(|call| match call {
        Call::Respond(to, response) if *to == id => Some(response.clone()),
        _ => None,
    });
    answers.next().expect("an answer")
}

/// Lets a puppet claim a chain, and offer nothing.
fn claim(world: &mut World, puppet: PeerId, status: Status) {
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Mempool { .. } => Some(Response::Mempool(MempoolPage::default())),
        _ => None,
    });
}

#[test]
fn no_peer_learns_which_branches_a_node_has_seen_lose() {
    let mut world = World::new(2);
    world.mine_quietly(0, 4);
    world.link(0, 1);
    world.converge(5_000);
    world.cut(0, 1);
    world.mine_quietly(1, 1);
    let lost = world.nodes[1].service.tip().1;
    world.mine_quietly(0, 2);
    world.link(0, 1);
    world.converge(5_000);
    let stored = world.nodes[1].service.ledger().read().block(&lost).unwrap();
    assert!(stored.is_some(), "the node keeps the block, and could give it away");

    let puppet = world.puppet(50, 1);
    let status = world.status_of(0);
    claim(&mut world, puppet, status);
    world.run_ms(500);
    let tip = world.nodes[1].service.tip().1;
    let unknown = Hash([7; 32]);
    let bodies = |hash| Request::Bodies { hashes: vec![hash] };
    let headers = |hash| Request::Headers { locator: vec![hash], limit: 3 };
    let mut answers = Vec::new();
    for (number, hash) in [(1_000_000, lost), (1_000_002, unknown)] {
        let given = ask(&mut world, number, puppet, 1, bodies(hash));
        assert_eq!(given, Response::Bodies(vec![None]));
        answers.push(ask(&mut world, number + 1, puppet, 1, headers(hash)));
    }
    assert_eq!(answers[0], answers[1], "a block that lost says no more than one that never was");
    assert!(matches!(
        &answers[0],
        Response::Headers(given) if given.len() == 3 && given[0].header.height == 1
    ));
    let given = ask(&mut world, 1_000_004, puppet, 1, bodies(tip));
    assert!(matches!(given, Response::Bodies(bodies) if bodies[0].is_some()));
    world.check();
}

/// How many transactions wait at node 0.
fn waiting(world: &mut World, number: u64, puppet: PeerId) -> usize {
    match ask(world, number, puppet, 0, Request::Mempool { skip: 0 }) {
        Response::Mempool(page) => page.transactions.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_far_behind_looks_at_no_transactions() {
    let mut world = World::new(2);
    world.mine_quietly(0, 4);
    world.mine_quietly(1, 14);
    let (own, far) = (world.status_of(0), world.status_of(1));
    let message = Gossip::Transaction(transfer(0, 7));
    let cases = [(50, far, Verdict::Ignore, 0), (51, own, Verdict::Accept, 1)];
    for (number, status, verdict, waits) in cases {
        let puppet = world.puppet(number, 0);
        claim(&mut world, puppet, status);
        world.run_ms(500);
        world.nodes[0].forget_gossip();
        world.nodes[0].verdicts.clear();
        world.gossip(puppet, 0, message.clone());
        world.run_ms(200);
        assert_eq!(world.nodes[0].verdict_on(&message), Some(verdict));
        assert_eq!(waiting(&mut world, 1_000_000 + number as u64, puppet), waits);
        let node = world.nodes[0].peer;
        world.disconnect(puppet, node);
    }
}
