//! Peers that claim what they do not show: they neither take honest peers' turns nor make the node
//! think itself behind.

use lode_consensus::{ChainWork, Hash};
use lode_core::sync::{SyncBounds, SyncConfig};
use lode_network::{
    Gossip, InboundId, NetworkEvent, PeerId, Penalty, Request, RequestId, Response, Status,
};
use lode_testkit::{
    fabric::{Options, World, block_on_tip},
    recorder::Call,
};

/// How long a liar takes for an answer: a little less than its time is up.
const DAWDLE_MS: u64 = 4_700;
const STEP_MS: u64 = 100;
/// More work than any chain here has.
const HUGE: &str = "1000000000000000000000000000000";

/// Peers that claim a tip each, and answer questions for headers late, as busy.
struct Liars {
    peers: Vec<PeerId>,
    victim: usize,
    /// Questions that wait for their answer.
    asked: Vec<(PeerId, RequestId, u64)>,
    looked_at: usize,
    answered: usize,
}

impl Liars {
    fn connect(
        world: &mut World,
        victim: usize,
        count: usize,
        tip_height: u64,
        work: &str,
    ) -> Self {
        let own = world.status_of(victim);
        let work: ChainWork = work.parse().unwrap();
        let mut peers = Vec::new();
        for number in 0..count {
            let liar = world.puppet(50 + number, victim);
            let tip_hash = Hash([u8::try_from(number).unwrap(); 32]);
            let status = Status {
                tip_height: tip_height.try_into().unwrap(),
                tip_hash,
                work,
                ..own.clone()
            };
            world.answer(liar, move |request| match request {
                Request::Status(_) => Some(Response::Status(status.clone())),
                _ => None,
            });
            peers.push(liar);
        }
        Self { peers, victim, asked: Vec::new(), looked_at: 0, answered: 0 }
    }

    fn run_until(
        &mut self,
        world: &mut World,
        limit_ms: u64,
        is_so: impl Fn(&World) -> bool,
    ) -> u64 {
        let end_ms = world.now_ms() + limit_ms;
        let begun_ms = world.now_ms();
        while !is_so(world) && world.now_ms() < end_ms {
            world.run_ms(STEP_MS);
            let sent = &world.nodes[self.victim].sent;
            for call in &sent[self.looked_at..] {
                if let Call::Request(peer, id, Request::Headers { .. }) = call
                    && self.peers.contains(peer)
                {
                    self.asked.push((*peer, *id, world.now_ms() + DAWDLE_MS));
                }
            }
            self.looked_at = sent.len();
            let now_ms = world.now_ms();
            for (peer, id, _) in
                self.asked.extract_if(.., |(_, _, due_ms)| *due_ms <= now_ms).collect::<Vec<_>>()
            {
                self.answered += 1;
                world.inject(
                    self.victim,
                    NetworkEvent::Response { peer, id, result: Ok(Response::Busy) },
                );
            }
        }
        world.now_ms() - begun_ms
    }
}

#[test]
fn a_peer_that_puts_off_questions_takes_no_other_peers_turn() {
    let (honest, victim) = (0, 1);
    let mut world = World::new(2);
    world.mine_quietly(honest, 5);
    let mut liars = Liars::connect(&mut world, victim, 6, 1_000, HUGE);
    liars.run_until(&mut world, 2_000, |_| false);
    world.link(honest, victim);
    let ms = liars.run_until(&mut world, 60_000, |world| world.nodes[victim].height() == 5);
    println!("{ms} simulated ms, {} questions put off", liars.answered);
    // Two of the six at a time, and then it is the honest one's turn.
    assert!(ms <= 15_000, "{ms} ms");
    // What they claim counts no longer, and they are asked ever less often.
    liars.run_until(&mut world, 60_000, |_| false);
    let before = liars.answered;
    liars.run_until(&mut world, 60_000, |_| false);
    assert!((1..=24).contains(&(liars.answered - before)), "{} questions", liars.answered - before);
    assert_eq!(world.nodes[victim].status().peers_height, 5);
    assert_eq!(world.nodes[victim].penalties_of(world.nodes[honest].peer), []);
    world.check();
}

#[test]
fn a_height_without_work_makes_no_node_behind() {
    let (honest, victim) = (0, 1);
    let mut world = World::new(2);
    world.mine_quietly(honest, 5);
    world.link(honest, victim);
    world.converge(5_000);
    let mut liars = Liars::connect(&mut world, victim, 5, 4_000_000_000, "1");
    liars.run_until(&mut world, 6_000, |_| false);
    let status = world.nodes[victim].status();
    assert_eq!((status.peers, status.peers_height), (6, 5));
    assert!(status.ready, "{status:?}");
    assert_eq!(liars.answered, 0, "nothing better is to be had there");
    // Shares are heard as ever.
    let share = Gossip::Share(world.find_share(honest));
    world.run_ms(1_000);
    assert_eq!(world.nodes[victim].verdict_on(&share), Some(lode_network::Verdict::Accept));
    world.check();
}

#[test]
fn a_claim_that_overtakes_an_answer_is_not_held_against_it() {
    let (honest, victim) = (0, 1);
    let mut world = World::new(2);
    world.mine_quietly(honest, 5);
    // A peer speaks for the honest node: it is asked for headers, finds a block, says so, and then
    // answers.
    let puppet = world.puppet(50, victim);
    let status = world.status_of(honest);
    world.answer(puppet, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        _ => None,
    });
    world.run_ms(1_000);
    let asked = world.nodes[victim].sent.iter().find_map(|call| match call {
        Call::Request(peer, id, Request::Headers { .. }) if *peer == puppet => Some(*id),
        _ => None,
    });
    let headers = (1..=5).map(|height| world.sealed_at(honest, height)).collect();
    world.mine_quietly(honest, 1);
    let request = Request::Status(world.status_of(honest));
    world.inject(victim, NetworkEvent::Request { peer: puppet, id: InboundId(1_000_000), request });
    let result = Ok(Response::Headers(headers));
    world.inject(
        victim,
        NetworkEvent::Response { peer: puppet, id: asked.expect("it is asked"), result },
    );
    world.run_ms(2_000);
    assert_eq!(world.nodes[victim].status().best_header_height, 5);
    assert_eq!(world.nodes[victim].penalties, []);
    // It is asked for the rest.
    let questions = |call: &&Call| matches!(call, Call::Request(_, _, Request::Headers { .. }));
    assert_eq!(world.nodes[victim].sent.iter().filter(questions).count(), 2);
    world.check();
}

/// A chain that one peer began to show goes on with the next peer, which may be on the node's own
/// chain: then it has nothing to add to either, and has claimed nothing that the node does not
/// have.
#[test]
fn headers_that_another_peer_began_are_not_held_against_the_next() {
    let (honest, other) = (0, 1);
    let mut world = World::new(2);
    let bounds = SyncBounds { unproven: 3, ..SyncBounds::default() };
    let victim = world.add(Options {
        sync: SyncConfig { bounds, ..SyncConfig::default() },
        ..Options::default()
    });
    world.mine_quietly(honest, 5);
    world.link(honest, victim);
    world.converge_of(&[honest, victim], 10_000);
    // Three headers of a fork, of which it says that there are more; and it is gone.
    world.mine_quietly(other, 3);
    let fork: Vec<_> = (1..=3).map(|height| world.sealed_at(other, height)).collect();
    let leaving = world.puppet(50, victim);
    let status = Status { work: HUGE.parse().unwrap(), ..world.status_of(other) };
    let mut answers = vec![fork];
    world.answer(leaving, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Headers { .. } => answers.pop().map(Response::Headers),
        _ => None,
    });
    let headers_asked = |world: &World, peer: PeerId| {
        let of_peer = |call: &&Call| {
            matches!(
                call,
                Call::Request(to, _, Request::Headers { .. }) if *to == peer
            )
        };
        world.nodes[victim].sent.iter().filter(of_peer).count()
    };
    world.run_until(5_000, |world| headers_asked(world, leaving) == 2);
    world.disconnect(leaving, world.nodes[victim].peer);
    // The next one passes on a block that hangs in the air, and is asked what leads there.
    let next = world.puppet(51, victim);
    let status = world.status_of(honest);
    world.answer(next, move |request| match request {
        Request::Status(_) => Some(Response::Status(status.clone())),
        Request::Headers { .. } => Some(Response::Headers(Vec::new())),
        _ => None,
    });
    world.run_ms(1_000);
    let (mut orphan, _) = block_on_tip(&world, honest, |_| {});
    orphan.header.parent_hash = Hash([7; 32]);
    world.gossip(next, victim, Gossip::Block(orphan));
    world.run_ms(1_000);
    assert_eq!(headers_asked(&world, next), 1);
    assert_eq!(world.nodes[victim].penalties, []);
    world.check();
}

/// A peer that has a node's chain, and whose line carries one body at a time.
struct SlowLine {
    honest: usize,
    victim: usize,
    puppet: PeerId,
    body_ms: u64,
    /// How long the line is busy yet.
    free_ms: u64,
    looked_at: usize,
    coming: Vec<(RequestId, Vec<Hash>, u64)>,
}

impl SlowLine {
    fn connect(world: &mut World, honest: usize, victim: usize, body_ms: u64) -> Self {
        let puppet = world.puppet(50, victim);
        let tip = world.nodes[honest].height();
        let (status, headers): (_, Vec<_>) = (
            world.status_of(honest),
            (1..=tip).map(|height| world.sealed_at(honest, height)).collect(),
        );
        world.answer(puppet, move |request| match request {
            Request::Status(_) => Some(Response::Status(status.clone())),
            Request::Headers { .. } => Some(Response::Headers(headers.clone())),
            _ => None,
        });
        Self { honest, victim, puppet, body_ms, free_ms: 0, looked_at: 0, coming: Vec::new() }
    }

    /// Returns for how long it took.
    fn run_until(
        &mut self,
        world: &mut World,
        limit_ms: u64,
        is_so: impl Fn(&World) -> bool,
    ) -> u64 {
        let begun_ms = world.now_ms();
        while !is_so(world) && world.now_ms() - begun_ms < limit_ms {
            world.run_ms(STEP_MS);
            for call in &world.nodes[self.victim].sent[self.looked_at..] {
                if let Call::Request(peer, id, Request::Bodies { hashes }) = call
                    && *peer == self.puppet
                {
                    self.free_ms = world
                        .now_ms()
                        .max(self.free_ms)
                        .saturating_add(self.body_ms * hashes.len() as u64);
                    self.coming.push((*id, hashes.clone(), self.free_ms));
                }
            }
            self.looked_at = world.nodes[self.victim].sent.len();
            let now_ms = world.now_ms();
            for (id, hashes, _) in
                self.coming.extract_if(.., |(_, _, due_ms)| *due_ms <= now_ms).collect::<Vec<_>>()
            {
                let reader = world.nodes[self.honest].service.ledger().read();
                let body = |hash: &Hash| reader.block(hash).unwrap().map(|block| block.body);
                let result = Ok(Response::Bodies(hashes.iter().map(body).collect()));
                drop(reader);
                world.inject(self.victim, NetworkEvent::Response { peer: self.puppet, id, result });
            }
        }
        world.now_ms() - begun_ms
    }
}

/// How many requests for bodies a node has sent.
fn bodies_asked(world: &World, node: usize) -> usize {
    let is_bodies = |call: &&Call| matches!(call, Call::Request(_, _, Request::Bodies { .. }));
    world.nodes[node].sent.iter().filter(is_bodies).count()
}

/// A world of two nodes: a chain of blocks with a share each, so that there are bodies to ask for,
/// and the indices of the node that has it and the one that is to get it.
fn chain_with_bodies(blocks: u32) -> (World, usize, usize) {
    let mut world = World::new(2);
    for _ in 0..blocks {
        world.find_share(0);
        world.mine_quietly(0, 1);
    }
    (world, 0, 1)
}

#[test]
fn a_slow_line_gets_no_peer_banned() {
    const BLOCKS: u32 = 60;
    let (mut world, honest, victim) = chain_with_bodies(BLOCKS);
    let mut line = SlowLine::connect(&mut world, honest, victim, 2_000);
    let ms = line.run_until(&mut world, 300_000, |world| world.nodes[victim].height() == BLOCKS);
    println!("{BLOCKS} blocks in {ms} simulated ms, penalties {:?}", world.nodes[victim].penalties);
    assert_eq!(world.nodes[victim].height(), BLOCKS);
    // The line alone takes 120 s, and hardly anything is carried in vain.
    assert!(ms <= 150_000, "{ms} ms");
    assert_eq!(
        world.nodes[victim].penalties,
        [(line.puppet, Penalty::Stall)],
        "it looks silent at first"
    );
    world.check();
}

/// The first eight bodies take 48 s, which is nearly as long as the network waits for an answer.
#[test]
fn a_line_that_can_hardly_bring_one_body_in_time_gets_no_peer_banned() {
    const BLOCKS: u32 = 60;
    let (mut world, honest, victim) = chain_with_bodies(BLOCKS);
    let mut line = SlowLine::connect(&mut world, honest, victim, 6_000);
    let ms = line.run_until(&mut world, 1_500_000, |world| world.nodes[victim].height() == BLOCKS);
    println!("{BLOCKS} blocks in {ms} simulated ms, penalties {:?}", world.nodes[victim].penalties);
    assert_eq!(world.nodes[victim].height(), BLOCKS);
    let stalls = world.nodes[victim].penalties_of(line.puppet);
    assert!(stalls.len() <= 5, "half of what a ban takes: {stalls:?}");
    world.check();
}

#[test]
fn nothing_more_is_asked_for_while_some_of_what_is_late_is_on_its_way() {
    let (mut world, honest, victim) = chain_with_bodies(40);
    // Two requests are late at 8 s: one is answered after 12 s, the other after 24 s.
    let mut line = SlowLine::connect(&mut world, honest, victim, 1_500);
    line.run_until(&mut world, 14_000, |world| world.nodes[victim].height() == 8);
    assert_eq!((world.nodes[victim].height(), bodies_asked(&world, victim)), (8, 2));
    line.run_until(&mut world, 3_000, |_| false);
    assert_eq!(bodies_asked(&world, victim), 2);
    line.run_until(&mut world, 60_000, |world| world.nodes[victim].height() == 40);
    assert_eq!(world.nodes[victim].height(), 40);
    world.check();
}

#[test]
fn who_never_brings_a_body_is_told_each_time_and_banned_in_the_end() {
    let (mut world, honest, victim) = chain_with_bodies(5);
    let mut line = SlowLine::connect(&mut world, honest, victim, u64::MAX / 64);
    let puppet = line.puppet;
    let is_banned = |world: &World| world.nodes[victim].banned.contains(&puppet);
    let ms = line.run_until(&mut world, 400_000, is_banned);
    println!("banned after {ms} simulated ms: {:?}", world.nodes[victim].penalties);
    assert!(ms < 400_000);
    assert!(world.nodes[victim].penalties.iter().all(|(_, penalty)| *penalty == Penalty::Stall));
    world.check();
}

/// A peer with two back-offs is left alone for the longer time.
#[test]
fn bodies_that_come_late_end_no_other_pause() {
    const BLOCKS: u32 = 40;
    let (mut world, honest, victim) = chain_with_bodies(BLOCKS);
    // Its first bodies take 9 s; those after them nothing.
    let mut line = SlowLine::connect(&mut world, honest, victim, 0);
    line.free_ms = world.now_ms() + 9_000;
    line.run_until(&mut world, 3_000, |_| false);
    // It claims more, is asked for headers there, and says nothing for five seconds: till the
    // eighth.
    world.answer(line.puppet, |_| None);
    let more =
        Status { tip_hash: Hash([9; 32]), work: HUGE.parse().unwrap(), ..world.status_of(honest) };
    let request = Request::Status(more);
    world.inject(
        victim,
        NetworkEvent::Request { peer: line.puppet, id: InboundId(1_000_000), request },
    );
    let has_first = |world: &World| world.nodes[victim].height() > 0;
    let ms = line.run_until(&mut world, 10_000, has_first);
    assert!(has_first(&world), "{ms} ms");
    let asked = bodies_asked(&world, victim);
    line.run_until(&mut world, 3_000, |_| false);
    assert_eq!(bodies_asked(&world, victim), asked, "the headers' pause lasts");
    line.run_until(&mut world, 10_000, |world| world.nodes[victim].height() == BLOCKS);
    assert_eq!(world.nodes[victim].height(), BLOCKS);
    world.check();
}
