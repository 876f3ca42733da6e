//! Shares, transactions and announcements: their verdicts, and how they get from node to node.

use lode_consensus::{
    Action, Address, Hash, SealedHeader, Share, SignedTransaction, Transaction,
    rules::statement_of,
    transaction::{Bond, Deliver, Transfer, Unbond},
};
use lode_core::{Backend, Handle};
use lode_network::{
    Gossip, MempoolPage, NetworkEvent, PeerId, Penalty, Request, Response, Verdict,
};
use lode_puzzle::{Seed, Ticket};
use lode_testkit::{
    fabric::{World, address, block_on_tip, key, network, share_of, transfer},
    oracle,
    recorder::Effect,
};
use rand::{SeedableRng, rngs::StdRng};

/// Nodes 0 and 1 with the same chain of a few blocks, linked, and a puppet at node 1.
fn world() -> (World, PeerId) {
    let mut world = World::new(2);
    world.link(0, 1);
    world.mine_quietly(0, 4);
    world.converge(5_000);
    world.run_ms(500);
    let puppet = world.puppet(50, 1);
    let status = world.status_of(0);
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Mempool { .. } => Some(Response::Mempool(MempoolPage::default())),
        _ => None,
    });
    world.run_ms(200);
    (world, puppet)
}

fn verdict(world: &mut World, puppet: PeerId, message: Gossip) -> Verdict {
    world.gossip(puppet, 1, message.clone());
    world.run_ms(100);
    world.nodes[1].verdict_on(&message).unwrap()
}

fn waiting(world: &World, node: usize) -> (usize, usize) {
    let view = Handle::alone(world.nodes[node].service.clone()).mempool();
    (view.shares, view.transactions.len())
}

#[test]
fn shares_are_judged_by_what_their_sender_could_see() {
    let (mut world, puppet) = world();
    let good = world.attempt(0, false);
    let checked = world.nodes[1].proofs;

    let elsewhere = Share { anchor_hash: Hash([1; 32]), ..good.clone() };
    assert_eq!(
        verdict(&mut world, puppet, Gossip::Share(elsewhere)),
        Verdict::Ignore,
        "an anchor of another tip"
    );
    assert_eq!(world.nodes[1].penalties, []);
    let nobody = Share { prover: Address([0xFF; 32]), ..good.clone() };
    assert_eq!(verdict(&mut world, puppet, Gossip::Share(nobody)), Verdict::Reject);
    assert_eq!(world.nodes[1].penalties, [(puppet, Penalty::InvalidHeader)]);
    assert_eq!(world.nodes[1].proofs, checked, "none of these costs a proof");

    let before = waiting(&world, 1).0;
    assert_eq!(verdict(&mut world, puppet, Gossip::Share(good.clone())), Verdict::Accept);
    assert_eq!(waiting(&world, 1).0, before + 1);
    // The same attempt once more, on another way.
    world.nodes[1].forget_gossip();
    world.nodes[1].verdicts.clear();
    assert_eq!(verdict(&mut world, puppet, Gossip::Share(good.clone())), Verdict::Ignore);

    let forged = Share { proof: oracle::forged(good.nonce), ..good };
    world.nodes[1].verdicts.clear();
    assert_eq!(
        verdict(&mut world, puppet, Gossip::Share(forged)),
        Verdict::Ignore,
        "its attempt is known, and no proof is checked for it"
    );
    let forged = share_of(&world, 1, 500, true, oracle::forged);
    assert_eq!(verdict(&mut world, puppet, Gossip::Share(forged)), Verdict::Reject);
    assert_eq!(world.nodes[1].penalties.last(), Some(&(puppet, Penalty::InvalidProof)));
    world.check();
}

#[test]
fn a_share_that_misses_its_target_is_rejected() {
    let (mut world, puppet) = world();
    let share = share_of(&world, 1, 0, false, oracle::proof);
    assert_eq!(verdict(&mut world, puppet, Gossip::Share(share)), Verdict::Reject);
    assert_eq!(world.nodes[1].penalties, [(puppet, Penalty::InvalidHeader)]);
}

#[test]
fn transactions_are_judged_by_what_their_sender_could_see() {
    let (mut world, puppet) = world();
    let resign = |transaction: Transaction| {
        let mut rng = StdRng::seed_from_u64(9);
        transaction.sign(&key(0), &network().genesis_hash, &mut rng).unwrap()
    };
    let change = |nonce: u64, change: fn(&mut Transaction)| -> SignedTransaction {
        let mut transaction = transfer(nonce, 5).transaction;
        change(&mut transaction);
        resign(transaction)
    };
    let pay = |to, amount| -> SignedTransaction {
        let mut transaction = transfer(1, 5).transaction;
        transaction.action = Action::Transfer(Transfer { to, amount });
        resign(transaction)
    };
    let bob = address(1);
    let cases = [
        (transfer(0, 5), Verdict::Accept, None),
        (transfer(2, 5), Verdict::Ignore, None),
        (change(1, |transaction| transaction.fee = 1), Verdict::Ignore, None),
        (change(1, |transaction| transaction.expiry = 4), Verdict::Ignore, None),
        (pay(bob, 2_000_000_000), Verdict::Ignore, None),
        (pay(bob, 0), Verdict::Reject, Some(Penalty::InvalidTransaction)),
        (pay(bob, u64::MAX), Verdict::Reject, Some(Penalty::InvalidTransaction)),
        (pay(Address([0xFF; 32]), 5), Verdict::Reject, Some(Penalty::InvalidTransaction)),
        (
            SignedTransaction { signature: [7; 128], ..transfer(1, 5) },
            Verdict::Reject,
            Some(Penalty::InvalidTransaction),
        ),
    ];
    for (number, (signed, expected, penalty)) in cases.into_iter().enumerate() {
        let before = world.nodes[1].penalties.len();
        assert_eq!(
            verdict(&mut world, puppet, Gossip::Transaction(signed)),
            expected,
            "case {number}"
        );
        let added = world.nodes[1].penalties[before..].to_vec();
        assert_eq!(
            added,
            Vec::from_iter(penalty.map(|penalty| (puppet, penalty))),
            "case {number}"
        );
    }
    assert_eq!(waiting(&world, 1).1, 1);
    assert_eq!(waiting(&world, 0).1, 1, "what is accepted is passed on");
    // Once it is in a block it is old news.
    world.mine(0);
    world.converge(2_000);
    world.nodes[1].forget_gossip();
    world.nodes[1].verdicts.clear();
    assert_eq!(verdict(&mut world, puppet, Gossip::Transaction(transfer(0, 5))), Verdict::Ignore);
    world.check();
}

#[test]
fn a_senders_transactions_may_follow_each_other_closely() {
    let (mut world, puppet) = world();
    let sent: Vec<SignedTransaction> = (0..20).map(|nonce| transfer(nonce, 1)).collect();
    for signed in &sent {
        world.gossip(puppet, 1, Gossip::Transaction(signed.clone()));
    }
    world.run_ms(500);
    assert!(sent.iter().all(|signed| {
        world.nodes[1].verdict_on(&Gossip::Transaction(signed.clone())) == Some(Verdict::Accept)
    }));
    assert_eq!((waiting(&world, 0).1, waiting(&world, 1).1), (20, 20));
    world.check();
}

#[test]
fn what_a_nodes_own_api_takes_goes_to_everybody() {
    let (mut world, _) = world();
    let share = world.find_share(0);
    world.nodes[0].service.take_transaction(transfer(0, 5)).unwrap();
    world.run_ms(300);
    assert_eq!(world.nodes[1].verdict_on(&Gossip::Share(share.clone())), Some(Verdict::Accept));
    assert_eq!(waiting(&world, 1).1, 1);
    assert!(world.nodes[0].published.contains(&Gossip::Share(share)));
    world.mine(0);
    world.converge(1_000);
    assert_eq!(
        world.nodes[1].verdict_on(&Gossip::Block(world.sealed_tip(0))),
        Some(Verdict::Accept)
    );
    assert_eq!(waiting(&world, 1).1, 0);
    assert_eq!(world.nodes[1].published, [], "what came from peers is passed on by gossip itself");
    world.check();
}

/// Whether a block's own attempt, on a node's tip, is one of the half that make a share too.
fn is_share(world: &World, number: usize, sealed: &SealedHeader) -> bool {
    let service = &world.nodes[number].service;
    let context = service.ledger().read().context(&service.tip().1).unwrap();
    let seed = Seed::new(&statement_of(&sealed.header, &context), sealed.nonce);
    context.share_target.is_met_by(Ticket::new(&seed, &sealed.proof).share_value())
}

#[test]
fn a_blocks_attempt_waits_as_a_share_wherever_its_header_came_by() {
    let (mut world, puppet) = world();
    let before = waiting(&world, 1).0;
    // A block that loses: its body breaks a rule, but its proof is work all the same.
    let losing = |label: u64| {
        let (sealed, _) = block_on_tip(&world, 0, |header| {
            header.state_root = Hash([9; 32]);
            header.timestamp_ms += label;
        });
        sealed
    };
    let sealed = (0..).map(losing).find(|sealed| is_share(&world, 0, sealed)).unwrap();
    assert_eq!(verdict(&mut world, puppet, Gossip::Block(sealed.clone())), Verdict::Accept);
    assert_eq!(waiting(&world, 1).0, before + 1);
    world.mine(1);
    world.run_ms(500);
    world.mine(1);
    let reader = world.nodes[1].service.ledger().read();
    let counted = (5..=6).any(|height| {
        reader.block_at(height).unwrap().unwrap().1.body.shares.contains(&sealed.as_share())
    });
    assert!(counted);
}

#[test]
fn a_tip_that_came_by_a_sync_is_announced_and_nothing_below_it() {
    let mut world = World::new(3);
    world.link(1, 2);
    world.mine_quietly(0, 30);
    world.run_ms(200);
    world.nodes[0].published.clear();
    // The chain's finder is silent: only its answers show what it has.
    world.link(1, 0);
    world.converge(10_000);
    let tip = Gossip::Block(world.sealed_tip(0));
    assert_eq!(world.nodes[1].published, [tip]);
    world.check();
}

#[test]
fn what_waits_at_a_peer_is_read_when_it_connects() {
    let mut world = World::new(2);
    world.mine_quietly(0, 4);
    for nonce in 0..3 {
        world.nodes[0].service.take_transaction(transfer(nonce, 5)).unwrap();
    }
    world.find_share(0);
    world.run_ms(100);
    world.link(1, 0);
    world.converge(5_000);
    world.run_ms(2_000);
    assert_eq!(waiting(&world, 1), waiting(&world, 0));
    assert_eq!(waiting(&world, 1).1, 3);
    world.check();
}

#[test]
fn no_more_than_some_pages_are_read() {
    let (mut world, puppet) = world();
    world.cut(0, 1);
    let status = world.status_of(1);
    let shares: Vec<Share> =
        (0..2).map(|node| share_of(&world, node, 0, true, oracle::proof)).collect();
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Mempool { .. } => Some(Response::Mempool(MempoolPage {
            shares: shares.clone(),
            more: true,
            ..MempoolPage::default()
        })),
        _ => None,
    });
    let victim = world.nodes[1].peer;
    let puppet_again = {
        world.inject(1, NetworkEvent::Disconnected { peer: puppet });
        world.inject(
            1,
            NetworkEvent::Connected {
                peer: puppet,
                address: "/memory/1".parse().unwrap(),
                outbound: false,
            },
        );
        puppet
    };
    assert!(world.is_linked(puppet_again, victim));
    world.nodes[1].sent.clear();
    world.run_ms(20_000);
    let skips: Vec<u32> = world.nodes[1]
        .sent
        .iter()
        .filter_map(|effect| match effect {
            Effect::Request(_, _, Request::Mempool { skip }) => Some(*skip),
            _ => None,
        })
        .collect();
    assert_eq!(skips, (0..16).map(|page| page * 2).collect::<Vec<_>>());
}

#[test]
fn a_body_is_given_out_as_soon_as_it_is_here() {
    let mut world = World::new(2);
    world.mine_quietly(0, 4);
    world.link(0, 1);
    world.converge(5_000);
    world.run_ms(500);
    let puppet = world.puppet(50, 1);
    world.run_ms(100);
    // Node 1 hears of a block and gets its body late.
    let mut held = Vec::new();
    world.tamper(0, move |effect| match effect {
        Effect::Respond(_, Response::Bodies(_)) if held.is_empty() => {
            held.push(effect);
            None
        }
        effect => Some(effect),
    });
    world.mine(0);
    world.run_ms(50);
    let hash = world.sealed_tip(0).hash();
    assert_ne!(world.nodes[1].service.tip().1, hash);
    let id = lode_network::InboundId(1_000_000);
    world.inject(
        1,
        NetworkEvent::Request { peer: puppet, id, request: Request::Bodies { hashes: vec![hash] } },
    );
    let answer = |world: &World| {
        let sent = world.nodes[1].sent.iter();
        sent.filter_map(|effect| match effect {
            Effect::Respond(to, Response::Bodies(bodies)) if *to == id => Some(bodies.clone()),
            _ => None,
        })
        .next()
    };
    world.run_ms(1_000);
    assert_eq!(answer(&world), None, "it waits");
    world.run_ms(1_500);
    assert_eq!(answer(&world), Some(vec![None]), "but not for ever");
    world.converge(20_000);
    let other = lode_network::InboundId(1_000_001);
    world.inject(
        1,
        NetworkEvent::Request {
            peer: puppet,
            id: other,
            request: Request::Bodies { hashes: vec![hash] },
        },
    );
    let given = world.nodes[1].sent.iter().any(|effect| {
        matches!(
            effect,
            Effect::Respond(to, Response::Bodies(bodies)) if *to == other && bodies[0].is_some()
        )
    });
    assert!(given);
    world.check();
}

#[test]
fn readiness_follows_the_tip_and_the_peers() {
    let (mut world, _) = world();
    let status = world.nodes[1].status();
    assert!(status.ready, "{status:?}");
    // An hour without a block.
    world.run_ms(61_000);
    let status = world.nodes[1].status();
    assert!(!status.ready && status.reason.as_ref().unwrap().contains("s old"), "{status:?}");
    world.mine(0);
    world.converge(2_000);
    assert!(world.nodes[1].status().ready);
    world.check();
}

#[test]
fn a_flood_of_shares_fills_its_own_queue_only() {
    let (mut world, puppet) = world();
    let mut flood = Vec::new();
    let mut nonce = 0;
    while flood.len() < 3_000 {
        let share = share_of(&world, 1, nonce + 1, true, oracle::proof);
        nonce = share.nonce;
        flood.push(Gossip::Share(share));
    }
    for message in &flood {
        world.gossip(puppet, 1, message.clone());
    }
    let start_ms = world.now_ms();
    world.mine_now(0);
    world.converge(2_000);
    println!("a block beside 3,000 shares: {} ms", world.now_ms() - start_ms);
    assert!(world.now_ms() - start_ms < 500);
    world.run_ms(5_000);
    let accepted = flood
        .iter()
        .filter(|message| world.nodes[1].verdict_on(message) == Some(Verdict::Accept))
        .count();
    assert!((100..=1_100).contains(&accepted), "{accepted}: the rate of one peer and its queue");
    assert_eq!(world.nodes[1].penalties, [], "good shares, only too many");
    world.check();
}

#[test]
fn old_blocks_are_not_looked_at_and_known_ones_not_again() {
    let (mut world, puppet) = world();
    // A sibling of what will be an old block.
    let (sibling, _) = block_on_tip(&world, 0, |header| header.timestamp_ms += 1);
    let known = world.sealed_tip(0);
    for _ in 0..7 {
        world.mine(0);
    }
    world.converge(2_000);
    world.run_ms(200);
    let checked = world.nodes[1].proofs;
    assert_eq!(
        verdict(&mut world, puppet, Gossip::Block(sibling)),
        Verdict::Ignore,
        "six below the tip"
    );
    world.nodes[1].forget_gossip();
    world.nodes[1].verdicts.clear();
    assert_eq!(verdict(&mut world, puppet, Gossip::Block(known)), Verdict::Ignore);
    let tip = Gossip::Block(world.sealed_tip(0));
    assert_eq!(
        verdict(&mut world, puppet, tip),
        Verdict::Accept,
        "the tip is news to somebody yet"
    );
    assert_eq!(world.nodes[1].proofs, checked);
    assert_eq!(world.nodes[1].penalties, []);
    world.check();
}

#[test]
fn what_is_void_at_the_tip_is_not_passed_on_and_charges_nobody() {
    let (mut world, puppet) = world();
    let deliver = Deliver { jobs: vec![Hash([9; 32])], proof: vec![1; 64] };
    let transaction = Transaction {
        from: address(0),
        fee: 10_000,
        nonce: 0,
        expiry: 1_000,
        action: Action::Deliver(deliver),
    };
    let mut rng = StdRng::seed_from_u64(1);
    let signed = transaction.sign(&key(0), &network().genesis_hash, &mut rng).unwrap();
    let got = verdict(&mut world, puppet, Gossip::Transaction(signed));
    assert_eq!(got, Verdict::Ignore);
    assert_eq!(world.nodes[1].penalties, []);
    assert_eq!(waiting(&world, 1).1, 0);
    assert_eq!(waiting(&world, 0).1, 0);
}

/// The second one is judged on top of the first, though both are checked before either waits.
#[test]
fn a_senders_market_transactions_may_come_together() {
    let (mut world, puppet) = world();
    let mut rng = StdRng::seed_from_u64(1);
    let mut signed = |nonce: u64, action: Action| {
        let transaction =
            Transaction { from: address(0), fee: 10_000, nonce, expiry: 1_000, action };
        transaction.sign(&key(0), &network().genesis_hash, &mut rng).unwrap()
    };
    let bond = signed(0, Action::Bond(Bond { amount: 5_000_000 }));
    let unbond = signed(1, Action::Unbond(Unbond { amount: 5_000_000 }));
    for message in [&bond, &unbond] {
        world.gossip(puppet, 1, Gossip::Transaction(message.clone()));
    }
    world.run_ms(200);
    assert_eq!(waiting(&world, 1).1, 2);
    assert_eq!(waiting(&world, 0).1, 2);
}
