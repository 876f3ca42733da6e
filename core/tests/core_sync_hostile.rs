//! Peers that lie, flood and fall silent: each is found out, pays for what it could have known, and
//! harms no honest one.

use lode_consensus::{Address, Body, Hash, SealedHeader};
use lode_network::{
    Gossip, InboundId, NetworkEvent, PeerId, Penalty, Request, RequestId, Response, Status, Verdict,
};
use lode_testkit::{
    fabric::{FUTURE_LIMIT_MS, World, block_on_tip, forged_on_tip, network, share_of},
    networks::INTERVAL_MS,
    oracle,
    recorder::Call,
};

fn verdicts(world: &World, node: usize, from: PeerId, verdict: Verdict) -> usize {
    let given = world.nodes[node].verdicts.iter();
    given.filter(|(_, source, other)| *source == from && *other == verdict).count()
}

#[test]
fn ten_peers_with_forged_proofs_are_gone_and_an_honest_block_does_not_wait() {
    let mut world = World::new(2);
    world.mine_quietly(0, 3);
    world.link(0, 1);
    world.converge(5_000);
    world.run_ms(200);
    let checked = world.nodes[1].proofs;
    let puppets: Vec<PeerId> = (0..10).map(|number| world.puppet(50 + number, 1)).collect();
    for (number, puppet) in puppets.iter().enumerate() {
        for label in 0..40 {
            let label = 1 + label + 40 * number as u64;
            world.gossip(*puppet, 1, Gossip::Block(forged_on_tip(&world, 0, label)));
            world.gossip(
                *puppet,
                1,
                Gossip::Share(share_of(&world, 0, 1_000 * label, true, oracle::forged)),
            );
        }
    }
    world.mine_now(0);
    let ms = world.converge(2_000);
    println!(
        "honest block after {ms} simulated ms beside 10 peers with 400 forged blocks and shares \
         each"
    );
    world.run_ms(1_000);
    for puppet in &puppets {
        assert!(world.nodes[1].banned.contains(puppet));
        let penalties = world.nodes[1].penalties_of(*puppet);
        assert!(
            penalties.iter().filter(|penalty| **penalty == Penalty::InvalidProof).count() <= 5,
            "{penalties:?}"
        );
        assert_eq!(verdicts(&world, 1, *puppet, Verdict::Accept), 0);
    }
    // At most five proofs each, and what the honest block needed.
    assert!(
        world.nodes[1].proofs - checked <= 10 * 5 + 5,
        "{} proofs",
        world.nodes[1].proofs - checked
    );
    assert_eq!(world.nodes[1].penalties_of(world.nodes[0].peer), []);
    world.check();
}

#[test]
fn a_block_whose_body_is_withheld_delays_no_other_block() {
    let mut world = World::new(3);
    world.mine_quietly(0, 3);
    world.link_all();
    world.converge(5_000);
    world.run_ms(200);
    let puppet = world.puppet(50, 0);
    let (withheld, _) = block_on_tip(&world, 0, |header| header.transactions_root = Hash([7; 32]));
    world.gossip(puppet, 0, Gossip::Block(withheld));
    world.run_ms(500);
    for node in &world.nodes {
        assert_eq!(
            (node.height(), node.status().best_header_height),
            (3, 4),
            "its header is good, and passed on"
        );
    }
    // Others mine on what they have, and a block of the same work counts if its body is to be had.
    world.mine_now(1);
    let ms = world.converge(8_000);
    println!("one tip after {ms} simulated ms beside a withheld block");
    assert_eq!(world.nodes[2].height(), 4);
    world.mine(2);
    world.converge(2_000);
    assert_eq!(world.nodes[0].height(), 5);
    world.check();
}

#[test]
fn silent_peers_hold_up_no_block_whatever_they_claim() {
    const LIARS: usize = 4;
    let (honest, victim) = (LIARS, LIARS + 1);
    let mut world = World::new(victim + 1);
    world.mine_quietly(honest, 3);
    // They claim more work than anybody, and say nothing else.
    for liar in 0..LIARS {
        world.tamper(liar, |call| match call {
            Call::Respond(id, Response::Status(status)) => {
                let work = "1000000000000000000000000000000".parse().unwrap();
                let lie = Status {
                    tip_height: 1_000_000,
                    tip_hash: Hash::of("lie", &[]),
                    work,
                    ..status
                };
                Some(Call::Respond(id, Response::Status(lie)))
            }
            Call::Respond(..) => None,
            call => Some(call),
        });
        world.link(liar, victim);
    }
    world.link(honest, victim);
    world.run_ms(1_000);
    world.converge_of(&[honest, victim], 5_000);
    // Each block has a share in it, so that there is a body to ask for.
    for round in 0..20 {
        world.find_share(honest);
        world.mine_now(honest);
        let ms = world.converge_of(&[honest, victim], 1_000);
        assert!(ms <= 100, "round {round}: {ms} ms: whoever announced it was asked");
        world.run_ms(INTERVAL_MS);
    }
    // Now a peer passes on an honest header while its maker is slow to, and keeps silent about the
    // body.
    let puppet = world.puppet(50, victim);
    let status = world.status_of(victim);
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        _ => None,
    });
    world.run_ms(100);
    world.tamper(honest, |call| (!matches!(call, Call::Publish(Gossip::Block(_)))).then_some(call));
    world.find_share(honest);
    world.mine_now(honest);
    let header = Gossip::Block(world.sealed_tip(honest));
    world.gossip(puppet, victim, header);
    let ms = world.converge_of(&[honest, victim], 2_000);
    assert!((500..=700).contains(&ms), "{ms} ms: it was asked, and then another one");
    // It has shown what to expect of it.
    world.tamper(honest, Some);
    world.find_share(honest);
    world.mine_now(honest);
    let ms = world.converge_of(&[honest, victim], 2_000);
    assert!(ms <= 100, "{ms} ms");
    assert_eq!(world.nodes[victim].penalties_of(world.nodes[honest].peer), []);
    world.check();
}

#[test]
fn what_a_peer_brought_before_its_ban_is_not_looked_at_after_it() {
    let mut world = World::new(1);
    world.mine_quietly(0, 2);
    let puppet = world.puppet(50, 0);
    // The network is slow to throw it out.
    world.tamper(0, |call| {
        (!matches!(call, Call::Penalize(..) | Call::Disconnect(_))).then_some(call)
    });
    let checked = world.nodes[0].proofs;
    for label in 0..40 {
        world.gossip(puppet, 0, Gossip::Block(forged_on_tip(&world, 0, 1 + label)));
    }
    world.run_ms(1_000);
    assert_eq!(world.nodes[0].proofs - checked, 4, "four make a ban");
    world.gossip(puppet, 0, Gossip::Block(forged_on_tip(&world, 0, 100)));
    world.run_ms(1_000);
    assert_eq!(world.nodes[0].proofs - checked, 4);
    assert_eq!(verdicts(&world, 0, puppet, Verdict::Reject), 4);
    assert_eq!(verdicts(&world, 0, puppet, Verdict::Ignore), 37);
    world.check();
}

#[test]
fn bytes_that_were_found_wrong_are_not_checked_again() {
    let mut world = World::new(1);
    world.mine_quietly(0, 2);
    let forged = forged_on_tip(&world, 0, 1);
    let (first, second) = (world.puppet(50, 0), world.puppet(51, 0));
    world.gossip(first, 0, Gossip::Block(forged.clone()));
    world.run_ms(100);
    assert_eq!(world.nodes[0].penalties_of(first), [Penalty::InvalidProof]);
    let checked = world.nodes[0].proofs;
    // The same message from another peer would not even get here: gossip knows it. Another route
    // does.
    world.nodes[0].forget_gossip();
    world.gossip(second, 0, Gossip::Block(forged));
    world.run_ms(100);
    assert_eq!(world.nodes[0].penalties_of(second), [Penalty::InvalidHeader]);
    assert_eq!(verdicts(&world, 0, second, Verdict::Reject), 1);
    assert_eq!(world.nodes[0].proofs, checked);
    world.check();
}

#[test]
fn what_a_header_shows_without_its_proof_costs_more() {
    let mut world = World::new(1);
    world.mine_quietly(0, 2);
    let puppet = world.puppet(50, 0);
    let (mut sealed, _) = block_on_tip(&world, 0, |_| {});
    // A ticket that misses: the nonce before was no winner.
    let target = sealed.header.target;
    let context =
        world.nodes[0].service.ledger().read().context(&sealed.header.parent_hash).unwrap();
    let statement = lode_consensus::rules::statement_of(&sealed.header, &context);
    let misses = |nonce: &u64| {
        let seed = lode_puzzle::Seed::new(&statement, *nonce);
        !target.is_met_by(lode_puzzle::Ticket::new(&seed, &oracle::proof(*nonce)).block_value())
    };
    sealed.nonce = (0..).find(misses).unwrap();
    sealed.proof = oracle::proof(sealed.nonce);
    let (wrong, _) = block_on_tip(&world, 0, |header| header.height += 1);
    let checked = world.nodes[0].proofs;
    for bad in [sealed, wrong] {
        world.gossip(puppet, 0, Gossip::Block(bad.clone()));
        world.run_ms(50);
        assert_eq!(world.nodes[0].verdict_on(&Gossip::Block(bad)), Some(Verdict::Reject));
    }
    assert_eq!(world.nodes[0].penalties_of(puppet), [Penalty::InvalidHeader; 2]);
    assert!(world.nodes[0].banned.contains(&puppet));
    assert_eq!(world.nodes[0].proofs, checked, "no proof was looked at");
    world.check();
}

/// Lets a node lie in the headers that it serves.
fn lie_in_headers(
    world: &mut World,
    node: usize,
    mut lie: impl FnMut(&mut Vec<SealedHeader>) + 'static,
) {
    world.tamper(node, move |call| match call {
        Call::Respond(id, Response::Headers(mut headers)) => {
            lie(&mut headers);
            Some(Call::Respond(id, Response::Headers(headers)))
        }
        call => Some(call),
    });
}

#[test]
fn forged_headers_in_a_sync_end_it_and_another_peer_takes_over() {
    let mut world = World::new(3);
    world.mine_quietly(0, 100);
    world.link(0, 1);
    world.converge_of(&[0, 1], 10_000);
    let forged = forged_on_tip(&world, 0, 1);
    let claim = world.status_of(0).work.after(lode_puzzle::Target::MIN);
    world.tamper(0, move |call| {
        Some(match call {
            Call::Respond(id, Response::Headers(mut headers)) => {
                headers.push(forged.clone());
                Call::Respond(id, Response::Headers(headers))
            }
            Call::Respond(id, Response::Status(status)) => {
                Call::Respond(id, Response::Status(Status { work: claim, ..status }))
            }
            call => call,
        })
    });
    world.link(2, 0);
    world.run_ms(1_000);
    let liar = world.nodes[0].peer;
    let penalties = world.nodes[2].penalties_of(liar);
    assert!(penalties.iter().all(|penalty| *penalty == Penalty::InvalidProof), "{penalties:?}");
    assert!(
        (1..=5).contains(&penalties.len()) && world.nodes[2].banned.contains(&liar),
        "{penalties:?}"
    );
    world.link(2, 1);
    world.converge_of(&[1, 2], 10_000);
    world.check();
}

#[test]
fn headers_that_break_a_rule_or_hang_in_the_air_are_charged() {
    for (lie, expected) in [
        (0, Penalty::InvalidHeader),
        (1, Penalty::UnconnectedHeaders),
        (2, Penalty::UnrequestedResponse),
    ] {
        let mut world = World::new(2);
        world.mine_quietly(0, 20);
        lie_in_headers(&mut world, 0, move |headers| match (lie, headers.len()) {
            (0, 1..) => headers[0].header.timestamp_ms -= 10_000_000,
            (1, 2..) => {
                headers.remove(0);
                headers[0].header.parent_hash = Hash([7; 32]);
            }
            (2, 1..) => *headers = vec![headers[0].clone(); 513],
            _ => {}
        });
        world.link(1, 0);
        world.run_ms(3_000);
        let penalties = world.nodes[1].penalties_of(world.nodes[0].peer);
        assert_eq!(penalties.first(), Some(&expected), "{penalties:?}");
        assert_eq!(world.nodes[1].height(), 0);
    }
}

#[test]
fn a_claim_of_work_without_headers_is_found_out() {
    for headers in [0, 20] {
        let mut world = World::new(2);
        world.mine_quietly(0, 20);
        let claim = world.status_of(0).work.after(lode_puzzle::Target::MIN);
        world.tamper(0, move |call| {
            Some(match call {
                Call::Respond(id, Response::Status(status)) => Call::Respond(
                    id,
                    Response::Status(Status { work: claim, tip_height: 1_000_000, ..status }),
                ),
                Call::Respond(id, Response::Headers(mut sent)) => {
                    sent.truncate(headers);
                    Call::Respond(id, Response::Headers(sent))
                }
                call => call,
            })
        });
        world.link(1, 0);
        world.run_ms(2_000);
        assert!(world.nodes[1].penalties_of(world.nodes[0].peer).contains(&Penalty::LowWork));
        // What it did show counts all the same, though its bodies were not had before it was gone.
        assert!(world.nodes[1].status().best_header_height <= headers as u32);
        assert!(!world.is_linked(world.nodes[0].peer, world.nodes[1].peer));
    }
}

#[test]
fn a_body_of_another_block_speaks_against_who_sent_it_alone() {
    let mut world = World::new(3);
    world.mine_quietly(0, 40);
    world.link(0, 1);
    world.converge_of(&[0, 1], 10_000);
    world.tamper(0, |call| match call {
        Call::Respond(id, Response::Bodies(mut bodies)) => {
            bodies.reverse();
            Some(Call::Respond(id, Response::Bodies(bodies)))
        }
        call => Some(call),
    });
    world.link(2, 0);
    world.run_ms(1_000);
    let liar = world.nodes[0].peer;
    assert!(
        world.nodes[2].penalties_of(liar).iter().all(|penalty| *penalty == Penalty::BodyMismatch)
    );
    assert!(!world.nodes[2].penalties_of(liar).is_empty());
    let height = world.nodes[2].height();
    assert!(height < 40);
    // The headers stay good.
    assert_eq!(world.nodes[2].status().best_header_height, 40);
    world.link(2, 1);
    world.converge_of(&[1, 2], 10_000);
    world.check();
}

#[test]
fn a_block_that_breaks_a_rule_is_out_with_all_that_build_on_it() {
    let mut world = World::new(2);
    world.mine_quietly(0, 5);
    world.link(0, 1);
    world.converge(5_000);
    world.run_ms(500);
    let tip = world.nodes[0].service.tip();
    // Both nodes hear of it, and pass it on: its header is good.
    let (bad, _) = block_on_tip(&world, 0, |header| header.state_root = Hash([9; 32]));
    let puppet = world.puppet(50, 0);
    world.gossip(puppet, 0, Gossip::Block(bad.clone()));
    world.run_ms(1_000);
    for node in 0..2 {
        assert_eq!(
            world.nodes[node].verdict_on(&Gossip::Block(bad.clone())),
            Some(Verdict::Accept)
        );
        assert_eq!(world.nodes[node].service.tip(), tip);
        assert_eq!(world.nodes[node].status().best_header_height, 5, "its header is out");
        assert_eq!(world.nodes[node].penalties, [], "nobody could have known");
    }
    // A block on top of it is not looked at.
    let mut child = bad.clone();
    child.header.parent_hash = bad.hash();
    child.header.height += 1;
    let checked = world.nodes[0].proofs;
    world.gossip(puppet, 0, Gossip::Block(child.clone()));
    world.run_ms(100);
    assert_eq!(world.nodes[0].verdict_on(&Gossip::Block(child)), Some(Verdict::Ignore));
    assert_eq!(world.nodes[0].proofs, checked);
    // The chain goes on without it.
    world.mine(1);
    world.converge(2_000);
    assert_eq!(world.nodes[0].height(), 6);
    world.check();
}

#[test]
fn a_producer_that_is_no_address_is_refused_each_time() {
    let mut world = World::new(1);
    let puppet = world.puppet(50, 0);
    for label in 1..=2 {
        let (bad, _) = block_on_tip(&world, 0, |header| {
            header.producer = Address([0xFF; 32]);
            header.timestamp_ms += label;
        });
        world.gossip(puppet, 0, Gossip::Block(bad.clone()));
        world.run_ms(100);
        assert_eq!(world.nodes[0].verdict_on(&Gossip::Block(bad)), Some(Verdict::Reject));
    }
    assert_eq!(world.nodes[0].penalties_of(puppet), [Penalty::InvalidHeader; 2]);
    world.check();
}

#[test]
fn a_peer_that_serves_an_invalid_block_is_banned() {
    let mut world = World::new(1);
    world.mine_quietly(0, 5);
    // A body with a share that nobody proved.
    let forged = share_of(&world, 0, 0, true, oracle::forged);
    let body = Body { shares: vec![forged], ..Body::default() };
    let (roots, served) = ((body.transactions_root(), body.shares_root()), body.clone());
    let (bad, _) =
        block_on_tip(&world, 0, |header| (header.transactions_root, header.shares_root) = roots);
    let puppet = world.puppet(50, 0);
    let status = Status { tip_height: 6, tip_hash: bad.hash(), ..world.status_of(0) };
    let status = Status { work: status.work.after(bad.header.target), ..status };
    let header = bad.clone();
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Headers { .. } => Some(Response::Headers(vec![header.clone()])),
        Request::Bodies { .. } => Some(Response::Bodies(vec![Some(served.clone())])),
        Request::Mempool { .. } => None,
    });
    world.run_ms(6_000);
    assert_eq!(world.nodes[0].penalties_of(puppet), [Penalty::InvalidBlock]);
    assert!(world.nodes[0].banned.contains(&puppet));
    assert_eq!(world.nodes[0].height(), 5);
    // Another peer with the same chain goes the same way, without the block being looked at again.
    let other = world.puppet(51, 0);
    let status =
        Status { work: world.status_of(0).work.after(bad.header.target), ..world.status_of(0) };
    world.answer(other, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Headers { .. } => Some(Response::Headers(vec![bad.clone()])),
        _ => None,
    });
    let checked = world.nodes[0].proofs;
    world.run_ms(6_000);
    assert_eq!(world.nodes[0].penalties_of(other), [Penalty::InvalidBlock]);
    assert_eq!(world.nodes[0].proofs, checked);
}

#[test]
fn who_does_not_deliver_bodies_is_charged_and_others_are_asked() {
    let mut world = World::new(4);
    world.mine_quietly(0, 100);
    world.link(0, 1);
    world.link(0, 2);
    world.converge_of(&[0, 1, 2], 10_000);
    world
        .tamper(1, |call| (!matches!(call, Call::Respond(_, Response::Bodies(_)))).then_some(call));
    for peer in [1, 0, 2] {
        world.link(3, peer);
    }
    let ms = world.converge(60_000);
    // Others were asked long before its deadlines passed.
    world.run_ms(10_000);
    let silent = world.nodes[1].peer;
    assert!(world.nodes[3].penalties_of(silent).iter().all(|penalty| *penalty == Penalty::Stall));
    assert!(!world.nodes[3].penalties_of(silent).is_empty());
    // Less than one deadline passes.
    assert!(ms <= 5_000, "{ms} ms");
    world.check();
}

#[test]
fn who_does_not_answer_with_headers_is_left_for_another() {
    let mut world = World::new(3);
    world.mine_quietly(0, 50);
    world.link(0, 1);
    world.converge_of(&[0, 1], 10_000);
    world.tamper(0, |call| {
        (!matches!(call, Call::Respond(_, Response::Headers(_)))).then_some(call)
    });
    world.link(2, 0);
    world.run_ms(1_000);
    world.link(2, 1);
    // They have the same tip, so that the second one is not asked before the first one's time is
    // up.
    let ms = world.converge_of(&[1, 2], 20_000);
    assert!(ms <= 6_000, "{ms} ms");
    assert_eq!(world.nodes[2].penalties_of(world.nodes[0].peer), [Penalty::Stall]);
    world.check();
}

#[test]
fn answers_to_no_question_are_charged() {
    let mut world = World::new(2);
    world.mine_quietly(0, 30);
    world.link(1, 0);
    let puppet = world.puppet(50, 1);
    world.run_ms(20);
    // To nothing at all, and to what was asked of another peer.
    let asked = world.nodes[1].sent.iter().find_map(|call| match call {
        Call::Request(peer, id, Request::Status(_)) if *peer == world.nodes[0].peer => Some(*id),
        _ => None,
    });
    for id in [RequestId(77_777), asked.unwrap(), RequestId(77_777), RequestId(0)] {
        let result = Ok(Response::Headers(vec![]));
        world.inject(1, NetworkEvent::Response { peer: puppet, id, result });
    }
    assert_eq!(world.nodes[1].penalties_of(puppet), [Penalty::UnrequestedResponse; 4]);
    assert!(world.nodes[1].banned.contains(&puppet));
    world.converge(10_000);
    world.check();
}

#[test]
fn orphans_are_few_and_wait_for_a_while() {
    let mut world = World::new(1);
    world.mine_quietly(0, 3);
    let puppets = [world.puppet(50, 0), world.puppet(51, 0)];
    let status = world.status_of(0);
    for puppet in puppets {
        let status = status.clone();
        world.answer(puppet, move |request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            Request::Headers { .. } => Some(Response::Headers(vec![])),
            _ => None,
        });
    }
    world.run_ms(100);
    let (sealed, _) = block_on_tip(&world, 0, |_| {});
    for label in 0..100 {
        let mut orphan = sealed.clone();
        orphan.header.parent_hash = Hash([label; 32]);
        world.gossip(puppets[usize::from(label) % 2], 0, Gossip::Block(orphan));
    }
    world.run_ms(20);
    let ignored = puppets.map(|puppet| verdicts(&world, 0, puppet, Verdict::Ignore));
    assert_eq!(ignored, [42, 42], "eight of each wait");
    let asked = |world: &World| {
        world.nodes[0]
            .sent
            .iter()
            .filter(|call| matches!(call, Call::Request(_, _, Request::Headers { .. })))
            .count()
    };
    assert!(asked(&world) <= 2, "one question to each peer at a time");
    world.run_ms(3_100);
    assert_eq!(puppets.map(|puppet| verdicts(&world, 0, puppet, Verdict::Ignore)), [50, 50]);
    assert!(asked(&world) <= 4);
    assert_eq!(
        world.nodes[0].penalties,
        [],
        "who announces what we cannot place may be ahead of us"
    );
    world.check();
}

#[test]
fn headers_from_the_future_are_kept_in_small_numbers() {
    let mut world = World::new(1);
    world.mine_quietly(0, 3);
    let puppet = world.puppet(50, 0);
    // What no honest clock makes takes no place.
    for label in 0..4 {
        let (sealed, _) =
            block_on_tip(&world, 0, |header| header.timestamp_ms = u64::MAX / 2 + label);
        world.gossip(puppet, 0, Gossip::Block(sealed));
    }
    let ahead_ms = FUTURE_LIMIT_MS + 3_000;
    for label in 0..20 {
        let (sealed, _) = block_on_tip(&world, 0, |header| header.timestamp_ms += ahead_ms + label);
        world.gossip(puppet, 0, Gossip::Block(sealed));
    }
    world.run_ms(100);
    assert_eq!(verdicts(&world, 0, puppet, Verdict::Ignore), 24);
    let checked = world.nodes[0].proofs;
    world.run_ms(4_000);
    assert_eq!(world.nodes[0].proofs - checked, 4, "four are kept of each peer");
    assert_eq!(world.nodes[0].penalties, []);
    world.check();
}

#[test]
fn a_peer_that_asks_too_much_is_refused_and_then_charged() {
    let mut world = World::new(2);
    world.mine_quietly(0, 20);
    let puppet = world.puppet(50, 0);
    world.run_ms(10);
    let locator = vec![network().genesis_hash];
    for number in 0..3_000_u64 {
        let request = Request::Headers { locator: locator.clone(), limit: 512 };
        world.inject(
            0,
            NetworkEvent::Request { peer: puppet, id: InboundId(1_000_000 + number), request },
        );
    }
    let answers = |busy: bool| {
        let sent = world.nodes[0].sent.iter();
        sent.filter(|call| {
            matches!(
                call,
                Call::Respond(_, response) if (*response == Response::Busy) == busy
            )
        })
        .count()
    };
    assert!((1_000..2_000).contains(&answers(false)), "{} answered", answers(false));
    assert_eq!(answers(false) + answers(true), 3_000, "every request has its answer");
    let penalties = world.nodes[0].penalties_of(puppet);
    assert!(
        penalties.len() >= 50
            && penalties.iter().all(|penalty| *penalty == Penalty::TooManyRequests)
    );
    // Another peer is served as ever.
    world.link(1, 0);
    world.converge(5_000);
    assert_eq!(world.nodes[1].penalties, []);
    world.check();
}

#[test]
fn another_network_is_told_apart() {
    let mut world = World::new(1);
    let strangers = [world.puppet(50, 0), world.puppet(51, 0)];
    for (stranger, change) in strangers.into_iter().zip([true, false]) {
        let mut status = world.status_of(0);
        if change {
            status.genesis_hash = Hash([3; 32])
        } else {
            status.version += 1
        }
        world.answer(stranger, move |request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            _ => None,
        });
    }
    world.run_ms(2 * INTERVAL_MS);
    for stranger in strangers {
        assert_eq!(world.nodes[0].penalties_of(stranger), [Penalty::WrongGenesis]);
        assert!(!world.is_linked(stranger, world.nodes[0].peer));
    }
    assert_eq!(world.nodes[0].status().peers, 0);
}
