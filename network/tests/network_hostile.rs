//! Hostile peers: each is told from an honest one, is charged by the table, and harms no other
//! peer.

mod common;
#[path = "common/hostile.rs"]
mod hostile;
#[path = "common/nodes.rs"]
mod nodes;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{noise, sealed_header, share, status};
use hostile::{Act, Hostile, connect, stranger};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    futures::StreamExt,
    identify, kad, noise as encryption,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use lode_consensus::Hash;
use lode_network::{
    Gossip, Network, NetworkEvent, NetworkOptions, NetworkView, Request, RequestError, RequestKind,
    Response, Topic, Verdict,
};
use nodes::{GENESIS, Node, options, options_with_seed};
use tempfile::tempdir;

/// How long libp2p waits for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// `u32le(length) ‖ bytes`.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

fn is_banned(view: &NetworkView, peer: &Hostile) -> bool {
    view.bans.iter().any(|(source, _)| *source == peer.id.to_string())
}

async fn start() -> (tempfile::TempDir, Node) {
    let folder = tempdir().unwrap();
    let node = Node::start(options(folder.path())).await;
    (folder, node)
}

#[tokio::test(flavor = "multi_thread")]
async fn gossip_that_does_not_decode_is_refused_and_its_sender_banned() {
    let too_long = noise(1, Topic::Shares.max_bytes() + 1);
    // A kind of transactions that no node knows, as long as one may be, and one byte longer.
    let unknown = |bytes: usize| [&[9], noise(4, bytes - 1).as_slice()].concat();
    let cases = [
        ("shares", too_long),
        ("shares", noise(2, 60_000)),
        ("blocks", noise(3, 422)),
        ("transactions", Vec::new()),
        ("transactions", unknown(221)),
        ("transactions", unknown(Topic::Transactions.max_bytes())),
        ("transactions", unknown(Topic::Transactions.max_bytes() + 1)),
    ];
    for (topic, bytes) in cases {
        let (_folder, mut node) = start().await;
        let hostile = connect(node.address(), &GENESIS, "status", Vec::new()).await;
        node.wait_connected(hostile.id).await;
        // The first ends the connection, and the second makes the 100 points.
        hostile.acts.send(Act::Gossip(topic, bytes.clone())).unwrap();
        node.wait_disconnected(hostile.id).await;
        assert!(!is_banned(&node.client.view(), &hostile));
        assert_eq!(node.client.view().peers.len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_garbage_is_banned_and_honest_ones_are_heard() {
    let (_folder, mut node) = start().await;
    let folder = tempdir().unwrap();
    let mut honest = Node::start(options_with_seed(folder.path(), &node)).await;
    node.wait_connected(honest.id()).await;
    let hostile = connect(node.address(), &GENESIS, "status", Vec::new()).await;
    for seed in 0..200 {
        hostile.acts.send(Act::Gossip("shares", noise(seed, 297))).unwrap();
    }
    node.wait_view(|view| is_banned(view, &hostile)).await;
    honest.client.publish(Gossip::Share(share(1)));
    let heard = node
        .wait(|event| match event {
            NetworkEvent::Gossip { id, source, message } => Some((id, source, message)),
            _ => None,
        })
        .await;
    assert_eq!((heard.1, &heard.2), (honest.id(), &Gossip::Share(share(1))));
    node.client.verdict(heard.0, heard.1, Verdict::Accept);
    honest
        .expect_silence(Duration::from_millis(100), |event| {
            matches!(event, NetworkEvent::Disconnected { .. })
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_well_formed_gossip_is_thrown_out() {
    let (_folder, mut node) = start().await;
    let hostile = connect(node.address(), &GENESIS, "status", Vec::new()).await;
    node.wait_connected(hostile.id).await;
    let send = |seeds: std::ops::Range<u64>| {
        for seed in seeds {
            hostile
                .acts
                .send(Act::Gossip("blocks", Gossip::Block(sealed_header(seed)).encode()))
                .unwrap();
        }
    };
    // As many as a network may have in a while are heard, each of them.
    send(0..500);
    for _ in 0..500 {
        let (id, source) = node
            .wait(|event| match event {
                NetworkEvent::Gossip { id, source, .. } => Some((id, source)),
                NetworkEvent::Disconnected { .. } => panic!("thrown out too soon"),
                _ => None,
            })
            .await;
        node.client.verdict(id, source, Verdict::Ignore);
    }
    send(500..3_000);
    let mut heard = 0;
    node.wait(|event| {
        heard += usize::from(matches!(event, NetworkEvent::Gossip { .. }));
        matches!(event, NetworkEvent::Disconnected { .. }).then_some(())
    })
    .await;
    assert!(heard < 1_000, "{heard} after the burst");
    assert!(!is_banned(&node.client.view(), &hostile), "not for the first time");
}

/// A peer whose Kademlia names addresses within the node's own network.
#[derive(NetworkBehaviour)]
struct Guide {
    limits: connection_limits::Behaviour,
    identify: identify::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    requests: request_response::Behaviour<hostile::Raw>,
}

fn guide() -> Swarm<Guide> {
    let protocol = |what| StreamProtocol::try_from_owned(hostile::name(&GENESIS, what)).unwrap();
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), encryption::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let id = key.public().to_peer_id();
            let store = kad::store::MemoryStore::new(id);
            let mut kad = kad::Behaviour::with_config(id, store, kad::Config::new(protocol("kad")));
            kad.set_mode(Some(kad::Mode::Server));
            let requests = request_response::Behaviour::with_codec(
                hostile::Raw,
                [(protocol("status"), ProtocolSupport::Full)],
                request_response::Config::default(),
            );
            let identify =
                identify::Behaviour::new(identify::Config::new("/guide".to_owned(), key.public()));
            Guide {
                limits: connection_limits::Behaviour::new(ConnectionLimits::default()),
                identify,
                kad,
                requests,
            }
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// A node that listens beyond this machine, and where to reach it on this machine.
async fn open_node(folder: &std::path::Path) -> (Node, Multiaddr) {
    let open =
        NetworkOptions { listen: vec!["/ip4/0.0.0.0/tcp/0".parse().unwrap()], ..options(folder) };
    let node = Node::start(open).await;
    let is_local = |address: &&Multiaddr| address.to_string().contains("/127.0.0.1/");
    let address = node.client.view().listening.iter().find(is_local).unwrap().clone();
    (node, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_make_a_node_dial_into_its_own_network() {
    let inner = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Multiaddr =
        format!("/ip4/127.0.0.1/tcp/{}", inner.local_addr().unwrap().port()).parse().unwrap();
    let folder = tempdir().unwrap();
    let (node, address) = open_node(folder.path()).await;
    let mut guide = guide();
    guide.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    guide.dial(address).unwrap();
    while !matches!(guide.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {}
    // From now on it does not dial itself.
    *guide.behaviour_mut().limits.limits_mut() =
        ConnectionLimits::default().with_max_pending_outgoing(Some(0));
    for _ in 0..40 {
        guide.behaviour_mut().kad.add_address(&PeerId::random(), target.clone());
    }
    // It is asked for addresses and gives false ones; a node that trusted them would dial at once.
    let mut questions = 0;
    let asked = async {
        while questions < 3 {
            if let SwarmEvent::Behaviour(GuideEvent::Kad(kad::Event::InboundRequest { .. })) =
                guide.select_next_some().await
            {
                questions += 1;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("the node looks around");
    let dialled = async {
        tokio::select! {
            accepted = inner.accept() => accepted,
            () = async { loop { guide.select_next_some().await; } } => unreachable!(),
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_millis(500), dialled).await.is_err(),
        "it was dialled"
    );
    assert_eq!(
        node.client.view().known_peers,
        1,
        "the guide, which is where it comes from, and nobody else"
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_not_believed_to_be_where_it_does_not_come_from() {
    let folder = tempdir().unwrap();
    let (mut node, address) = open_node(folder.path()).await;
    let mut guide = guide();
    guide.add_external_address("/ip4/203.0.113.9/tcp/4130".parse().unwrap());
    let id = *guide.local_peer_id();
    guide.dial(address).unwrap();
    tokio::select! {
        () = node.wait_connected(id) => {}
        () = async { loop { guide.select_next_some().await; } } => unreachable!(),
    }
    assert_eq!(node.client.view().known_peers, 0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.client.view().known_peers, 0, "the view is up to date by now");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_charged_and_broken_off_ones_are_not() {
    let huge = u32::MAX.to_le_bytes().to_vec();
    let over = framed(&vec![0; RequestKind::Headers.max_request_bytes() + 1]);
    let garbage = framed(&noise(1, 100));
    for bytes in [huge, over, garbage] {
        let (_folder, mut node) = start().await;
        let hostile = connect(node.address(), &GENESIS, "headers", Vec::new()).await;
        node.wait_connected(hostile.id).await;
        hostile.acts.send(Act::Request(bytes)).unwrap();
        node.wait_disconnected(hostile.id).await;
    }
    let request = Request::Headers { locator: vec![Hash::ZERO], limit: 1 }.encode();
    let (_folder, mut node) = start().await;
    let mut hostile = connect(node.address(), &GENESIS, "headers", Vec::new()).await;
    node.wait_connected(hostile.id).await;
    // A length, and fewer bytes than it says: as from a peer that crashes.
    for bytes in [framed(&request)[..20].to_vec(), vec![1, 2], Vec::new()] {
        hostile.acts.send(Act::Request(bytes)).unwrap();
        let heard = hostile.responses.recv().await.expect("its end");
        assert!(heard.is_none_or(|bytes| bytes.is_empty()), "the stream ends without an answer");
    }
    hostile.acts.send(Act::Request(framed(&request))).unwrap();
    let (peer, id, received) = node.wait_request().await;
    assert_eq!((peer, received.encode()), (hostile.id, request));
    let response = Response::Headers(vec![sealed_header(1)]);
    node.client.respond(id, response.clone());
    assert_eq!(hostile.responses.recv().await, Some(Some(framed(&response.encode()))));
    node.wait_view(|view| view.peers.iter().any(|peer| peer.penalty_points == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_held_to_what_was_asked() {
    let headers = |count: usize| Response::Headers(vec![sealed_header(1); count]).encode();
    let cases = [
        // More headers than asked for; garbage; too long; broken off; nothing.
        (framed(&headers(3)), RequestError::Malformed, 25),
        (framed(&noise(1, 500)), RequestError::Malformed, 50),
        (u32::MAX.to_le_bytes().to_vec(), RequestError::Malformed, 50),
        (framed(&headers(2))[..100].to_vec(), RequestError::Interrupted, 0),
        (Vec::new(), RequestError::Interrupted, 0),
    ];
    for (answer, expected, points) in cases {
        let (_folder, mut node) = start().await;
        let hostile = connect(node.address(), &GENESIS, "headers", answer).await;
        node.wait_connected(hostile.id).await;
        let id = node.ask(hostile.id, Request::Headers { locator: vec![Hash::ZERO], limit: 2 });
        assert_eq!(node.wait_response(id).await, Err(expected));
        match points {
            // 50 points end the connection.
            50 => node.wait_disconnected(hostile.id).await,
            points => {
                node.wait_view(|view| view.peers.iter().any(|peer| peer.penalty_points == points))
                    .await
            }
        }
    }
    let (_folder, mut node) = start().await;
    let hostile = connect(node.address(), &GENESIS, "bodies", Vec::new()).await;
    node.wait_connected(hostile.id).await;
    // Once more: the connection stands.
    for _ in 0..2 {
        let id = node.ask(hostile.id, Request::Headers { locator: vec![Hash::ZERO], limit: 2 });
        assert_eq!(node.wait_response(id).await, Err(RequestError::Unsupported));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_before_the_handshake_wait_for_it_and_floods_are_turned_away() {
    let (_folder, mut node) = start().await;
    let mut hostile = connect(node.address(), &GENESIS, "status", Vec::new()).await;
    let request = Request::Status(status(1));
    for _ in 0..40 {
        hostile.acts.send(Act::Request(framed(&request.encode()))).unwrap();
    }
    // The core hears of the peer before it hears of a request, and of no more than four until it
    // answers one.
    let first = node.next().await;
    assert!(
        matches!(first, NetworkEvent::Connected { peer, .. } if peer == hostile.id),
        "{first:?}"
    );
    let mut ids = Vec::new();
    while ids.len() < 4 {
        ids.push(node.wait_request().await.1);
    }
    let is_request = |event: &NetworkEvent| matches!(event, NetworkEvent::Request { .. });
    node.expect_silence(Duration::from_millis(500), is_request).await;
    for id in ids {
        node.client.respond(id, Response::Status(status(2)));
    }
    let (mut busy, mut answered, mut refused) = (0, 0, 0);
    for _ in 0..40 {
        match hostile.responses.recv().await.expect("each request ends") {
            Some(bytes) if bytes == framed(&Response::Busy.encode()) => busy += 1,
            Some(bytes) if bytes == framed(&Response::Status(status(2)).encode()) => answered += 1,
            _ => refused += 1,
        }
    }
    assert_eq!(answered, 4);
    assert_eq!(busy + refused, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_wire_does_no_harm() {
    let (_folder, mut node) = start().await;
    let address: std::net::SocketAddr = {
        let listening = node.client.view().listening[0].to_string();
        format!("127.0.0.1:{}", listening.rsplit('/').next().unwrap()).parse().unwrap()
    };
    let dawdle = move || {
        let mut silent = Vec::new();
        for seed in 0..60 {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            match seed % 3 {
                // Nothing at all; garbage, until the other side has enough; garbage behind the
                // right beginning.
                0 => silent.push(stream),
                1 => {
                    let _ = stream.write_all(&noise(seed, 4_096));
                    let _ = stream.read_to_end(&mut Vec::new());
                }
                _ => {
                    let _ = stream.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n");
                    let _ = stream.write_all(&noise(seed, 70_000));
                }
            }
        }
        silent
    };
    let silent = tokio::task::spawn_blocking(dawdle).await.unwrap();
    let started = Instant::now();
    let folder = tempdir().unwrap();
    let honest = Node::start(options_with_seed(folder.path(), &node)).await;
    node.wait_connected(honest.id()).await;
    assert!(started.elapsed() < HANDSHAKE, "honest peers get through while others dawdle");
    assert_eq!(node.client.view().bans, []);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_that_is_no_node_of_ours_is_left_alone_for_longer_and_longer() {
    let (address, connections) = stranger().await;
    let folder = tempdir().unwrap();
    let mut node =
        Node::start(NetworkOptions { seeds: vec![address], ..options(folder.path()) }).await;
    let connected = |event: &NetworkEvent| matches!(event, NetworkEvent::Connected { .. });
    node.expect_silence(Duration::from_secs(6), connected).await;
    // At once, then after 1, 2 and 4 s, each rounded up to the next tick.
    let connections = connections.load(std::sync::atomic::Ordering::SeqCst);
    assert!((2..=4).contains(&connections), "{connections}");
}
