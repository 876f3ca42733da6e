//! Bounds that hold however many peers there are, and what happens at each.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{Body, Encode, Hash, SealedHeader};
use lode_core::{
    MAX_ACCEPTED,
    sync::{SyncBounds, SyncConfig},
};
use lode_network::{
    Gossip, InboundId, NetworkEvent, PeerId, Penalty, Request, Response, Status, Verdict,
};
use lode_testkit::{
    fabric::{Options, World, block_on_tip, share_of},
    keys::peer_id,
    oracle::proof,
    recorder::Call,
};

/// Requests of a node that are under way: asked, and neither answered nor given up.
fn asked(world: &World, node: usize, matches: impl Fn(&Request) -> bool) -> Vec<PeerId> {
    let sent = world.nodes[node].sent.iter();
    sent.filter_map(|call| match call {
        Call::Request(peer, _, request) if matches(request) => Some(*peer),
        _ => None,
    })
    .collect()
}

fn bodies_asked(world: &World, node: usize) -> Vec<(PeerId, usize)> {
    let sent = world.nodes[node].sent.iter();
    sent.filter_map(|call| match call {
        Call::Request(peer, _, Request::Bodies { hashes }) => Some((*peer, hashes.len())),
        _ => None,
    })
    .collect()
}

/// The bodies that a node asked for, each as often as it did.
fn bodies_wanted(world: &World, node: usize) -> Vec<Hash> {
    let sent = world.nodes[node].sent.iter();
    let wanted = sent.filter_map(|call| match call {
        Call::Request(_, _, Request::Bodies { hashes }) => Some(hashes.clone()),
        _ => None,
    });
    wanted.flatten().collect()
}

/// A chain of sealed headers of a node, from height 1.
fn headers_of(world: &World, node: usize) -> Vec<SealedHeader> {
    let reader = world.nodes[node].service.ledger().read();
    let hashes = (1..=world.nodes[node].height())
        .map(|height| reader.block_hash_at(height).unwrap().unwrap());
    hashes.map(|hash| reader.sealed_header(&hash).unwrap().unwrap()).collect()
}

/// Puppets that claim different tips with much work.
fn claimants(world: &mut World, victim: usize, count: usize, outbound: bool) -> Vec<PeerId> {
    let status = world.status_of(victim);
    (0..count)
        .map(|number| {
            let puppet = peer_id(60 + number + if outbound { 60 } else { 0 });
            let label = u8::try_from(number).unwrap();
            let status = Status {
                tip_hash: Hash([label; 32]),
                work: status.work.after(lode_puzzle::Target::MIN),
                tip_height: 1_000,
                ..status.clone()
            };
            world.answer(puppet, move |request| match request {
                Request::Status(_) => Some(Response::Status(status.clone())),
                _ => None,
            });
            world.connect_puppet(puppet, victim, outbound);
            puppet
        })
        .collect()
}

#[test]
fn few_chains_are_judged_at_a_time_and_half_of_them_by_own_choice() {
    let mut world = World::new(1);
    let inbound = claimants(&mut world, 0, 8, false);
    world.run_ms(200);
    let is_headers = |request: &Request| matches!(request, Request::Headers { .. });
    assert_eq!(asked(&world, 0, is_headers).len(), 2, "of peers that dialled us");
    let outbound = claimants(&mut world, 0, 8, true);
    world.run_ms(200);
    let asked = asked(&world, 0, is_headers);
    assert_eq!(asked.len(), 4);
    assert_eq!(asked.iter().filter(|peer| outbound.contains(peer)).count(), 2);
    assert_eq!(asked.iter().filter(|peer| inbound.contains(peer)).count(), 2);
}

#[test]
fn peers_with_the_same_tip_are_not_read_twice() {
    let mut world = World::new(4);
    world.mine_quietly(0, 100);
    world.link(0, 1);
    world.link(0, 2);
    world.converge_of(&[0, 1, 2], 10_000);
    for peer in [0, 1, 2] {
        world.link(3, peer);
    }
    world.converge(10_000);
    assert_eq!(asked(&world, 3, |request| matches!(request, Request::Headers { .. })).len(), 1);
}

#[test]
fn no_peer_is_asked_for_more_bodies_than_it_may_owe_nor_all_together() {
    let mut world = World::new(7);
    world.mine_quietly(0, 150);
    for peer in 1..6 {
        world.link(0, peer);
    }
    world.converge_of(&[0, 1, 2, 3, 4, 5], 20_000);
    for peer in 0..6 {
        world.tamper(peer, |call| {
            (!matches!(call, Call::Respond(_, Response::Bodies(_)))).then_some(call)
        });
        world.link(6, peer);
    }
    // No peer delivers.
    world.run_ms(6_000);
    let asked = bodies_asked(&world, 6);
    // 64 bodies, and the very next one of each other peer as well.
    let all: usize = asked.iter().map(|(_, count)| count).sum();
    assert!((64..=64 + 5).contains(&all), "{all}");
    assert!(asked.iter().all(|(_, count)| *count <= 8));
    for peer in 0..6 {
        let owed: usize = asked
            .iter()
            .filter(|(id, _)| *id == world.nodes[peer].peer)
            .map(|(_, count)| count)
            .sum();
        assert!((8..=16).contains(&owed), "{owed} at one peer");
    }
}

#[test]
fn who_lacks_a_body_is_asked_again_after_a_while() {
    let mut world = World::new(2);
    world.mine_quietly(0, 3);
    let mut refused = 0;
    world.tamper(0, move |call| match call {
        Call::Respond(id, Response::Bodies(bodies)) if refused < 3 => {
            refused += 1;
            Some(Call::Respond(id, Response::Bodies(vec![None; bodies.len()])))
        }
        call => Some(call),
    });
    world.link(1, 0);
    let ms = world.converge(5_000);
    assert!((700..1_500).contains(&ms), "three pauses of a quarter of a second: {ms} ms");
    assert_eq!(world.nodes[1].penalties, []);
    assert_eq!(bodies_asked(&world, 1).len(), 4);
}

#[test]
fn a_short_answer_is_as_good_as_a_long_one_and_busy_means_later() {
    let mut world = World::new(2);
    world.mine_quietly(0, 30);
    let mut answers = 0;
    world.tamper(0, move |call| match call {
        Call::Respond(id, Response::Bodies(mut bodies)) => {
            answers += 1;
            bodies.truncate(1);
            let response = if answers == 2 { Response::Busy } else { Response::Bodies(bodies) };
            Some(Call::Respond(id, response))
        }
        call => Some(call),
    });
    world.link(1, 0);
    let ms = world.converge(20_000);
    assert!(ms >= 1_000, "it was left alone for a second: {ms} ms");
    assert_eq!(world.nodes[1].penalties, []);
}

#[test]
fn orphans_of_all_peers_together_are_bounded() {
    let mut world = World::new(1);
    world.mine_quietly(0, 2);
    let puppets: Vec<PeerId> = (0..12).map(|number| world.puppet(60 + number, 0)).collect();
    let (sealed, _) = block_on_tip(&world, 0, |_| {});
    for label in 0..96_u8 {
        let mut orphan = sealed.clone();
        orphan.header.parent_hash = Hash([label; 32]);
        world.gossip(puppets[usize::from(label) % 12], 0, Gossip::Block(orphan));
    }
    world.run_ms(20);
    let ignored =
        world.nodes[0].verdicts.iter().filter(|(.., verdict)| *verdict == Verdict::Ignore).count();
    assert_eq!(ignored, 96 - 64);
    // When a peer leaves, its orphans are dropped and get their verdicts.
    let victim = world.nodes[0].peer;
    for puppet in puppets {
        world.disconnect(puppet, victim);
    }
    world.run_ms(10);
    assert_eq!(world.nodes[0].verdicts.len(), 96);
    world.check();
}

#[test]
fn a_chain_too_long_to_keep_track_of_is_let_go() {
    let mut world = World::new(1);
    world.mine_quietly(0, 120);
    let bounds = SyncBounds {
        unproven: 16,
        held: 8,
        checkpoint_interval: 8,
        checkpoints: 5,
        tree: 48,
        ..SyncBounds::default()
    };
    let minimum_work = world.status_of(0).work;
    let node = world.add(Options {
        sync: SyncConfig { minimum_work, bounds, ..SyncConfig::default() },
        ..Options::default()
    });
    world.link(node, 0);
    world.run_ms(3_000);
    assert_eq!(world.nodes[node].height(), 0);
    assert!(world.nodes[node].penalties_of(world.nodes[0].peer).contains(&Penalty::LowWork));
    assert!(
        world.nodes[node].proofs < 100,
        "it ended before the chain did: {}",
        world.nodes[node].proofs
    );
}

#[test]
fn a_chain_that_no_peer_has_any_more_is_given_up() {
    let mut world = World::new(2);
    world.mine_quietly(0, 100);
    let bounds = SyncBounds {
        unproven: 64,
        held: 16,
        checkpoint_interval: 8,
        checkpoints: 1_000,
        tree: 48,
        ..SyncBounds::default()
    };
    let minimum_work = world.status_of(0).work;
    let node = world.add(Options {
        sync: SyncConfig { minimum_work, bounds, ..SyncConfig::default() },
        ..Options::default()
    });
    // It shows all its headers once, and leaves.
    let mut shown = 0;
    world.tamper(0, move |call| match call {
        Call::Respond(id, Response::Headers(headers)) if shown < 100 => {
            shown += headers.len();
            Some(Call::Respond(id, Response::Headers(headers)))
        }
        Call::Respond(_, Response::Headers(_)) => None,
        call => Some(call),
    });
    world.link(node, 0);
    world.run_ms(1_000);
    world.cut(node, 0);
    // Another chain with as much work, and then more.
    world.mine_quietly(1, 101);
    world.link(node, 1);
    world.run_ms(30_000);
    assert_eq!(world.nodes[node].height(), 0, "it waits for the first one");
    world.converge_of(&[node, 1], 120_000);
}

#[test]
fn bodies_that_wait_for_the_first_one_take_so_many_bytes() {
    const BLOCKS: u32 = 100;
    let mut world = World::new(1);
    for _ in 0..BLOCKS {
        world.find_share(0);
        world.mine_quietly(0, 1);
    }
    let headers = headers_of(&world, 0);
    let reader = world.nodes[0].service.ledger().read();
    let bodies: BTreeMap<Hash, Body> = headers
        .iter()
        .map(|header| (header.hash(), reader.block(&header.hash()).unwrap().unwrap().body))
        .collect();
    drop(reader);
    let (first, size) = (headers[0].hash(), bodies[&headers[1].hash()].encoded_len());
    let bounds = SyncBounds { body_bytes: 20 * size, ..SyncBounds::default() };
    let victim = world.add(Options {
        sync: SyncConfig { bounds, ..SyncConfig::default() },
        ..Options::default()
    });
    // It has all bodies, and says that it lacks the first one.
    let puppet = world.puppet(50, victim);
    let status = world.status_of(0);
    let answers = move |has_first: bool| {
        let (status, headers, bodies) = (status.clone(), headers.clone(), bodies.clone());
        let body =
            move |hash: &Hash| bodies.get(hash).filter(|_| has_first || *hash != first).cloned();
        move |request: Request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            Request::Headers { .. } => Some(Response::Headers(headers.clone())),
            Request::Bodies { hashes } => {
                Some(Response::Bodies(hashes.iter().map(&body).collect()))
            }
            Request::Mempool { .. } => None,
        }
    };
    world.answer(puppet, answers(false));
    world.run_ms(4_000);
    let asked: Vec<Hash> = bodies_wanted(&world, victim);
    let others: BTreeSet<&Hash> = asked.iter().filter(|hash| **hash != first).collect();
    println!(
        "asked for {} others, {} times for the first",
        others.len(),
        asked.len() - others.len()
    );
    // Twenty are room; what is under way when they fill it comes on top.
    assert!((20..20 + 16).contains(&others.len()), "{}", others.len());
    assert!(asked.len() - others.len() > 5, "the first is asked for again and again");
    world.answer(puppet, answers(true));
    world.run_until(20_000, |world| world.nodes[victim].height() == BLOCKS);
    assert_eq!(world.nodes[victim].penalties, []);
    world.check();
}

#[test]
fn held_requests_are_few() {
    let mut world = World::new(2);
    world.mine_quietly(0, 3);
    world.link(0, 1);
    world.converge(5_000);
    world.run_ms(500);
    world
        .tamper(0, |call| (!matches!(call, Call::Respond(_, Response::Bodies(_)))).then_some(call));
    world.mine(0);
    world.run_ms(50);
    let hash = world.sealed_tip(0).hash();
    let puppet = world.puppet(50, 1);
    world.run_ms(50);
    for number in 0..6 {
        let request = Request::Bodies { hashes: vec![hash] };
        world.inject(
            1,
            NetworkEvent::Request { peer: puppet, id: InboundId(1_000_000 + number), request },
        );
    }
    let answered = |world: &World| {
        let sent = world.nodes[1].sent.iter();
        sent.filter(
            |call| matches!(call, Call::Respond(id, Response::Bodies(_)) if id.0 >= 1_000_000),
        )
        .count()
    };
    assert_eq!(answered(&world), 2, "four wait");
    world.run_ms(2_100);
    assert_eq!(answered(&world), 6);
}

#[test]
fn what_waits_to_be_published_is_bounded_and_the_oldest_gives_way() {
    let mut world = World::new(1);
    let mut nonce = 0;
    let mut last = None;
    for _ in 0..MAX_ACCEPTED + 50 {
        let share = share_of(&world, 0, nonce, true, proof);
        nonce = share.nonce + 1;
        // Some would make a block, and are refused as such: their job is known.
        if world.nodes[0].service.take_attempt(&share).is_ok_and(|outcome| outcome.share) {
            last = Some(share);
        }
        if world.nodes[0].height() > 0 {
            break;
        }
    }
    world.run_ms(100);
    assert!(world.nodes[0].published.len() <= MAX_ACCEPTED);
    assert!(world.nodes[0].published.contains(&Gossip::Share(last.unwrap())));
}

#[test]
fn headers_that_were_announced_out_of_order_need_no_second_question() {
    let mut world = World::new(2);
    world.mine_quietly(0, 3);
    world.link(0, 1);
    world.converge(5_000);
    world.run_ms(500);
    let first = block_on_tip(&world, 0, |_| {});
    let puppet = world.puppet(50, 1);
    world.run_ms(50);
    world.cut(0, 1);
    world.mine_quietly(0, 2);
    let headers = headers_of(&world, 0);
    // The later one comes first.
    world.gossip(puppet, 1, Gossip::Block(headers[4].clone()));
    world.run_ms(20);
    world.gossip(puppet, 1, Gossip::Block(headers[3].clone()));
    world.run_ms(100);
    for header in &headers[3..] {
        assert_eq!(
            world.nodes[1].verdict_on(&Gossip::Block(header.clone())),
            Some(Verdict::Accept)
        );
    }
    assert_eq!(world.nodes[1].status().best_header_height, 5);
    assert_ne!(first.0.hash(), headers[3].hash());
}
