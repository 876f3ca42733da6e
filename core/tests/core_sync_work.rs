//! What counts as work, and what is stored for it: minimum work, chains read twice, assumed
//! validity, the future, and chains that leave too far below.

use lode_consensus::{ChainWork, Hash, Height};
use lode_core::sync::{SyncBounds, SyncConfig, SyncState};
use lode_network::{Gossip, Penalty, Request, Response, Verdict};
use lode_testkit::{
    fabric::{FUTURE_LIMIT_MS, Options, World, block_on_tip, transfer},
    recorder::Call,
};

/// Memory for little: chains of a hundred headers are long.
const SMALL: SyncBounds = SyncBounds {
    unproven: 64,
    held: 24,
    checkpoint_interval: 8,
    checkpoints: 1_000,
    tree: 48,
    body_bytes: 48 << 20,
};

fn work_at(world: &World, node: usize, height: Height) -> (Hash, ChainWork) {
    let reader = world.nodes[node].service.ledger().read();
    let hash = reader.block_hash_at(height).unwrap().unwrap();
    (hash, reader.entry(&hash).unwrap().unwrap().work)
}

fn options(sync: SyncConfig) -> Options {
    Options { sync, ..Options::default() }
}

/// The heights that a node's answers of headers covered, and how often.
fn headers_served(world: &World, node: usize) -> usize {
    let served = world.nodes[node].sent.iter().filter_map(|call| match call {
        Call::Respond(_, Response::Headers(headers)) => Some(headers.len()),
        _ => None,
    });
    served.sum()
}

#[test]
fn below_the_minimum_work_nothing_is_stored() {
    let mut world = World::new(1);
    world.mine_quietly(0, 150);
    let (_, minimum_work) = work_at(&world, 0, 150);
    let mut short = World::new(1);
    short.mine_quietly(0, 120);
    for bounds in [SyncBounds::default(), SMALL] {
        let node = short.add(options(SyncConfig { minimum_work, assume_valid: None, bounds }));
        let before = headers_served(&short, 0);
        short.link(node, 0);
        short.run_ms(5_000);
        assert!(headers_served(&short, 0) - before >= 120, "its headers were read");
        // An announced block is neither stored nor passed on.
        short.mine(0);
        short.run_ms(4_000);
        assert_eq!(
            short.nodes[node].verdict_on(&Gossip::Block(short.sealed_tip(0))),
            Some(Verdict::Ignore)
        );
        assert_eq!((short.nodes[node].height(), asked_bodies(&short, node)), (0, 0));
        assert_eq!(short.nodes[node].status().best_header_height, 0);
        // Waiting for more costs nothing: the chain is not judged again and again.
        assert!(short.nodes[node].proofs <= 130, "{} proofs", short.nodes[node].proofs);
        // The peer told no lie: it stays.
        assert_eq!(short.nodes[node].penalties, []);
    }
    // Nor is one that hangs on what is stored.
    let node = short.add(options(SyncConfig { minimum_work, assume_valid: None, bounds: SMALL }));
    let puppet = short.puppet(50, node);
    let first = short.sealed_at(0, 1);
    short.gossip(puppet, node, Gossip::Block(first.clone()));
    short.run_ms(1_000);
    assert_eq!(short.nodes[node].verdict_on(&Gossip::Block(first)), Some(Verdict::Ignore));
    assert_eq!((short.nodes[node].status().best_header_height, short.nodes[node].proofs), (0, 0));
    short.link(node, 0);
    for _ in short.nodes[0].height()..155 {
        short.mine(0);
    }
    short.converge(20_000);

    for bounds in [SyncBounds::default(), SMALL] {
        let node = world.add(options(SyncConfig { minimum_work, assume_valid: None, bounds }));
        let before = headers_served(&world, 0);
        world.link(node, 0);
        world.run_until(30_000, |world| world.nodes[node].height() == 150);
        let served = headers_served(&world, 0) - before;
        if bounds == SMALL {
            assert!(
                served > 250,
                "a chain that is too long to be kept is read twice: {served} headers"
            );
        } else {
            assert_eq!(served, 150);
        }
        assert_eq!(header_proofs(&world, node), 150, "but each proof is checked once");
        assert_eq!(world.nodes[node].penalties, []);
    }
    world.check();
}

fn asked_bodies(world: &World, node: usize) -> usize {
    let requests = world.nodes[node].sent.iter();
    requests.filter(|call| matches!(call, Call::Request(_, _, Request::Bodies { .. }))).count()
}

/// Proofs that a node checked beside its blocks' shares.
fn header_proofs(world: &World, node: usize) -> usize {
    let reader = world.nodes[node].service.ledger().read();
    let blocks =
        (1..=world.nodes[node].height()).map(|height| reader.block_at(height).unwrap().unwrap().1);
    world.nodes[node].proofs - blocks.map(|block| block.body.shares.len()).sum::<usize>()
}

#[test]
fn bodies_wait_for_no_more_headers_than_the_tree_holds() {
    let mut world = World::new(1);
    world.mine_quietly(0, 300);
    let node = world.add(options(SyncConfig { bounds: SMALL, ..SyncConfig::default() }));
    world.link(node, 0);
    let mut most = 0;
    while world.nodes[node].height() < 300 {
        world.run_ms(10);
        let status = world.nodes[node].status();
        most = most.max(status.best_header_height - status.tip.0);
    }
    assert!((1..=48).contains(&most), "up to {most} headers were ahead of their bodies");
    world.check();
}

#[test]
fn a_peer_that_proves_one_chain_and_sends_another_is_left_for_an_honest_one() {
    let mut world = World::new(3);
    world.mine_quietly(0, 150);
    world.link(1, 0);
    world.converge_of(&[0, 1], 20_000);
    // Another chain of the same network, which the liar sends when it is asked for the second time.
    world.mine_quietly(2, 40);
    let other: Vec<_> = {
        let reader = world.nodes[2].service.ledger().read();
        let hashes = (1..=40).map(|height| reader.block_hash_at(height).unwrap().unwrap());
        hashes.map(|hash| reader.sealed_header(&hash).unwrap().unwrap()).collect()
    };
    let mut shown = 0;
    world.tamper(0, move |call| match call {
        Call::Respond(id, Response::Headers(headers)) if shown < 150 => {
            shown += headers.len();
            Some(Call::Respond(id, Response::Headers(headers)))
        }
        Call::Respond(id, Response::Headers(_)) => {
            Some(Call::Respond(id, Response::Headers(other.clone())))
        }
        call => Some(call),
    });
    let (_, minimum_work) = work_at(&world, 0, 150);
    let node = world.add(options(SyncConfig { minimum_work, assume_valid: None, bounds: SMALL }));
    world.link(node, 0);
    world.run_ms(2_000);
    assert_eq!(world.nodes[node].height(), 0);
    assert_eq!(world.nodes[node].penalties, [], "it may have changed its mind");
    world.link(node, 1);
    world.run_until(30_000, |world| world.nodes[node].height() == 150);
}

#[test]
fn a_candidate_outlives_the_peer_that_began_it() {
    let mut world = World::new(2);
    world.mine_quietly(0, 150);
    world.link(1, 0);
    world.converge(20_000);
    let (_, minimum_work) = work_at(&world, 0, 150);
    // The first peer answers twice, and no more.
    let mut answers = 0;
    world.tamper(0, move |call| match call {
        Call::Respond(_, Response::Headers(_)) => {
            answers += 1;
            (answers <= 2).then_some(call)
        }
        call => Some(call),
    });
    let bounds = SyncBounds { unproven: 32, ..SyncBounds::default() };
    let node = world.add(options(SyncConfig { minimum_work, assume_valid: None, bounds }));
    world.link(node, 0);
    world.run_until(1_000, |world| world.nodes[node].status().proven_header_height >= 64);
    world.cut(node, 0);
    world.run_ms(200);
    world.link(node, 1);
    world.run_until(20_000, |world| world.nodes[node].height() == 150);
    assert_eq!(header_proofs(&world, node), 150, "nothing was checked twice");
}

#[test]
fn below_an_assumed_block_shares_and_signatures_are_not_checked() {
    let mut world = World::new(1);
    world.mine_quietly(0, 120);
    let signed = transfer(0, 5);
    world.nodes[0].service.take_transaction(signed.clone()).unwrap();
    world.mine_quietly(0, 1);
    let (hash, _) = work_at(&world, 0, 100);
    let assume =
        |hash| options(SyncConfig { assume_valid: Some((100, hash)), ..SyncConfig::default() });
    for (bounds, expected) in
        [(SyncBounds::default(), true), (SMALL, true), (SyncBounds::default(), false)]
    {
        // Another block at that height is no reason to trust this chain.
        let mut options = assume(if expected { hash } else { Hash([7; 32]) });
        options.sync.bounds = bounds;
        let node = world.add(options);
        world.link(node, 0);
        world.run_until(30_000, |world| world.nodes[node].height() == 121);
        let reader = world.nodes[node].service.ledger().read();
        let from = if expected { 101 } else { 1 };
        let blocks = (from..=121).map(|height| reader.block_at(height).unwrap().unwrap().1);
        let shares: usize = blocks.map(|block| block.body.shares.len()).sum();
        assert_eq!(world.nodes[node].proofs, 121 + shares, "headers' proofs and the later shares'");
        assert!(shares > 0);
    }
}

#[test]
fn an_assumed_block_does_not_make_a_wrong_state_right() {
    let mut world = World::new(1);
    world.mine_quietly(0, 10);
    // A block whose state root is wrong, with a proof that holds, which an operator was made to
    // assume.
    let (sealed, body) = block_on_tip(&world, 0, |header| header.state_root = Hash([9; 32]));
    let hash = sealed.hash();
    let sync = SyncConfig { assume_valid: Some((11, hash)), ..SyncConfig::default() };
    let node = world.add(options(sync));
    let liar = world.nodes[0].peer;
    world.tamper(0, move |call| {
        Some(match call {
            Call::Respond(id, Response::Headers(mut headers)) => {
                if headers.last().is_some_and(|last| last.hash() == sealed.header.parent_hash) {
                    headers.push(sealed.clone());
                }
                Call::Respond(id, Response::Headers(headers))
            }
            Call::Respond(id, Response::Bodies(mut bodies)) => {
                bodies
                    .iter_mut()
                    .filter(|body| body.is_none())
                    .for_each(|missing| *missing = Some(body.clone()));
                Call::Respond(id, Response::Bodies(bodies))
            }
            call => call,
        })
    });
    world.link(node, 0);
    world.run_ms(3_000);
    assert_eq!(world.nodes[node].height(), 10);
    assert!(world.nodes[node].penalties_of(liar).contains(&Penalty::InvalidBlock));
    assert!(world.nodes[node].banned.contains(&liar));
}

#[test]
fn a_block_from_the_future_waits_for_its_time() {
    let mut world = World::new(2);
    world.link(0, 1);
    world.mine(0);
    world.converge(1_000);
    // The first node's clock runs ahead by more than the limit.
    let ahead_ms = FUTURE_LIMIT_MS + 3_000;
    world.nodes[0]
        .skew_ms
        .store(i64::try_from(ahead_ms).unwrap(), std::sync::atomic::Ordering::Relaxed);
    world.run_ms(500);
    let start_ms = world.now_ms();
    world.mine_now(0);
    let gossip = Gossip::Block(world.sealed_tip(0));
    world.run_ms(500);
    assert_eq!(world.nodes[1].height(), 1);
    assert_eq!(
        world.nodes[1].verdict_on(&gossip),
        Some(Verdict::Ignore),
        "the sender could not know our clock"
    );
    world.converge(10_000);
    let waited_ms = world.now_ms() - start_ms;
    assert!((3_000..3_300).contains(&waited_ms), "taken after {waited_ms} ms");
    assert_eq!(world.nodes[1].penalties, []);
    // The header was kept, and was not asked for again.
    let asked = world.nodes[1]
        .sent
        .iter()
        .filter(|call| matches!(call, Call::Request(_, _, Request::Bodies { .. })));
    assert!(asked.count() <= 2);
    world.check();
}

#[test]
fn a_sync_stops_before_the_future_and_goes_on_when_it_has_come() {
    let mut world = World::new(2);
    world.mine_quietly(0, 5);
    world.nodes[0].skew_ms.store(4_000, std::sync::atomic::Ordering::Relaxed);
    world.mine_quietly(0, 3);
    // Blocks of the last three seconds and four ahead: the limit is two.
    world.link(1, 0);
    world.run_ms(500);
    let height = world.nodes[1].height();
    assert!((5..8).contains(&height), "{height}");
    world.converge(20_000);
    assert_eq!(world.nodes[1].penalties, [], "a claim that reaches into the future is no lie");
    world.check();
}

#[test]
fn a_chain_that_leaves_below_the_history_halts_the_node() {
    let mut world = World::empty();
    let node = world.add(Options { history: 20, ..Options::default() });
    let other = world.add(Options::default());
    let child = world.add(Options::default());
    world.link(node, other);
    world.mine_quietly(node, 5);
    world.converge_of(&[node, other], 5_000);
    world.cut(node, other);
    world.mine_quietly(node, 40);
    world.mine_quietly(other, 50);
    let tip = world.nodes[node].service.tip();

    world.link(node, other);
    world.run_ms(3_000);
    let status = world.nodes[node].status();
    assert_eq!((status.state, status.tip, status.ready), (SyncState::Halted, tip, false));
    assert!(status.reason.unwrap().contains("forks off at height 5, below 25"));
    assert_eq!(world.nodes[node].penalties, [], "who is right is for the operator to say");
    // It goes on serving, and asks that peer for nothing more.
    let requests = |world: &World| {
        let sent = world.nodes[node].sent.iter();
        sent.filter(|call| matches!(call, Call::Request(_, _, Request::Headers { .. }))).count()
    };
    let before = requests(&world);
    world.cut(node, other);
    world.link(child, node);
    world.converge_of(&[node, child], 10_000);
    assert_eq!(requests(&world), before);
}

#[test]
fn headers_on_a_stale_block_below_the_history_halt_no_node() {
    let mut world = World::empty();
    let node = world.add(Options { history: 20, ..Options::default() });
    let other = world.add(Options::default());
    world.mine_quietly(node, 5);
    world.link(node, other);
    world.converge(5_000);
    world.cut(node, other);
    // A block that the node leaves for a better branch, and keeps.
    world.mine_quietly(node, 1);
    let stale = world.sealed_tip(node);
    let (child, _) = block_on_tip(&world, node, |_| {});
    world.mine_quietly(other, 2);
    world.link(node, other);
    world.converge(5_000);
    assert_ne!(
        world.nodes[node].service.ledger().read().block_hash_at(6).unwrap(),
        Some(stale.hash())
    );
    world.cut(node, other);
    world.mine_quietly(node, 40);

    let puppet = world.puppet(50, node);
    let status = lode_network::Status {
        work: work_at(&world, node, 47).1.after(lode_puzzle::Target::MIN),
        ..world.status_of(node)
    };
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Headers { .. } => Some(Response::Headers(vec![child.clone()])),
        _ => None,
    });
    world.run_ms(3_000);
    assert_eq!(world.nodes[node].status().state, SyncState::Synced);
    assert!(world.nodes[node].penalties_of(puppet).contains(&Penalty::UnconnectedHeaders));
    world.check();
}

#[test]
fn a_chain_from_below_the_history_with_less_work_halts_no_node() {
    let mut world = World::empty();
    let node = world.add(Options { history: 20, ..Options::default() });
    let other = world.add(Options::default());
    world.mine_quietly(node, 45);
    world.mine_quietly(other, 30);
    // It claims more than it has.
    let own = world.nodes[node].service.ledger().read().work().unwrap();
    world.tamper(other, move |call| {
        Some(match call {
            Call::Respond(id, Response::Status(mut status)) => {
                status.work = own.after(lode_puzzle::Target::MIN);
                Call::Respond(id, Response::Status(status))
            }
            call => call,
        })
    });
    world.link(node, other);
    world.run_ms(3_000);
    let status = world.nodes[node].status();
    assert_eq!((status.state, status.tip.0), (SyncState::Synced, 45));
    assert!(world.nodes[node].penalties_of(world.nodes[other].peer).contains(&Penalty::LowWork));
}
