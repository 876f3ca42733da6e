//! Nodes on loopback: they find each other, exchange every message, and keep what they must over a
//! restart.

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, time::Duration};

use common::{body, sealed_header, share, status, transaction};
use lode_consensus::Hash;
use lode_network::{
    Gossip, GossipId, MempoolPage, Network, NetworkEvent, NetworkOptions, PeerId, Penalty, Request,
    RequestError, RequestId, Response, Verdict,
};
use nodes::{Node, options, options_with_seed};
use tempfile::tempdir;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_exchange_every_message() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let mut b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    let (id_a, id_b) = (a.id(), b.id());
    let connected = a.next().await;
    assert!(
        matches!(connected, NetworkEvent::Connected { peer, outbound: false, .. } if peer == id_b),
        "{connected:?}"
    );
    let connected = b.next().await;
    assert!(
        matches!(connected, NetworkEvent::Connected { peer, outbound: true, .. } if peer == id_a),
        "{connected:?}"
    );

    let large = body(4, 2_000, 1_000);
    let full = MempoolPage {
        shares: (0..1_024).map(share).collect(),
        transactions: Vec::new(),
        more: true,
    };
    let page =
        MempoolPage { shares: vec![share(5)], transactions: vec![transaction(6)], more: true };
    let exchanges = [
        (Request::Status(status(1)), Response::Status(status(2))),
        (
            Request::Headers { locator: vec![Hash::ZERO; 64], limit: 512 },
            Response::Headers((0..512).map(sealed_header).collect()),
        ),
        (
            Request::Bodies { hashes: vec![Hash::ZERO; 5] },
            Response::Bodies(vec![Some(large.clone()), None, Some(large.clone()), Some(large)]),
        ),
        (Request::Mempool { skip: 7 }, Response::Mempool(page)),
        (Request::Mempool { skip: 0 }, Response::Mempool(full)),
        (Request::Mempool { skip: 0 }, Response::Busy),
    ];
    // Both ways: who dialled makes no difference.
    exchange(&mut a, &mut b, &exchanges).await;
    exchange(&mut b, &mut a, &exchanges).await;

    let messages = [
        Gossip::Block(sealed_header(7)),
        Gossip::Share(share(8)),
        Gossip::Transaction(transaction(9)),
    ];
    for sent in messages {
        a.client.publish(sent.clone());
        let (id, source, message) = b
            .wait(|event| match event {
                NetworkEvent::Gossip { id, source, message } => Some((id, source, message)),
                _ => None,
            })
            .await;
        assert_eq!((source, id), (id_a, GossipId::of(sent.topic(), &sent.encode())));
        assert_eq!(message, sent);
        b.client.verdict(id, source, Verdict::Accept);
    }

    a.wait_view(|view| view.peers.len() == 1).await;
    let view = a.client.view();
    assert_eq!(view.peers[0].peer_id, id_b);
    assert!(view.peers[0].agent.starts_with("lode/") && !view.peers[0].outbound);
    b.stop().await;
    a.wait_disconnected(id_b).await;
    a.stop().await;
}

async fn exchange(asker: &mut Node, answerer: &mut Node, exchanges: &[(Request, Response)]) {
    for (request, response) in exchanges {
        let id = asker.ask(answerer.id(), request.clone());
        let (peer, inbound, received) = answerer.wait_request().await;
        assert_eq!((peer, &received), (asker.id(), request));
        answerer.client.respond(inbound, response.clone());
        // A second answer does nothing.
        answerer.client.respond(inbound, Response::Busy);
        assert_eq!(asker.wait_response(id).await.as_ref(), Ok(response));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_find_each_other_through_one_and_pass_messages_on() {
    let folders: Vec<_> = (0..5).map(|_| tempdir().unwrap()).collect();
    let mut all = vec![Node::start(options(folders[0].path())).await];
    for folder in &folders[1..] {
        all.push(Node::start(options_with_seed(folder.path(), &all[0])).await);
    }
    for node in &all {
        node.wait_view(|view| view.peers.len() == 4).await;
    }
    let ids: BTreeSet<PeerId> = all.iter().map(Node::id).collect();
    for node in &all {
        let seen: BTreeSet<PeerId> =
            node.client.view().peers.iter().map(|peer| peer.peer_id).collect();
        assert_eq!(&seen | &BTreeSet::from([node.id()]), ids);
    }

    // Each accepts and so passes on; each hears each message once.
    let sent: Vec<Gossip> = (0..20).map(|seed| Gossip::Share(share(seed))).collect();
    sent.iter().for_each(|message| all[4].client.publish(message.clone()));
    for node in &mut all[..4] {
        let mut heard = Vec::new();
        while heard.len() < sent.len() {
            if let NetworkEvent::Gossip { id, source, message } = node.next().await {
                node.client.verdict(id, source, Verdict::Accept);
                assert!(!heard.contains(&message), "twice: {message:?}");
                assert!(sent.contains(&message));
                heard.push(message);
            }
        }
    }
    let is_gossip = |event: &NetworkEvent| matches!(event, NetworkEvent::Gossip { .. });
    all[2].expect_silence(Duration::from_millis(500), is_gossip).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_accepted_is_not_passed_on() {
    // A line: only b stands between a and c.
    let folders: Vec<_> = (0..3).map(|_| tempdir().unwrap()).collect();
    let alone = |options: NetworkOptions| NetworkOptions { connect_only: true, ..options };
    let mut a = Node::start(alone(options(folders[0].path()))).await;
    let mut b = Node::start(alone(options_with_seed(folders[1].path(), &a))).await;
    let mut c = Node::start(alone(options_with_seed(folders[2].path(), &b))).await;
    b.wait_connected(a.id()).await;
    c.wait_connected(b.id()).await;
    b.wait_view(|view| view.peers.len() == 2).await;
    // Gossip to those whose subscriptions are not known yet goes nowhere.
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let verdicts = [(1, Verdict::Reject), (2, Verdict::Ignore), (3, Verdict::Accept)];
    for (seed, verdict) in verdicts {
        a.client.publish(Gossip::Share(share(seed)));
        let (id, source) = b
            .wait(|event| match event {
                NetworkEvent::Gossip { id, source, .. } => Some((id, source)),
                _ => None,
            })
            .await;
        b.client.verdict(id, source, verdict);
    }
    let (heard, source) = c
        .wait(|event| match event {
            NetworkEvent::Gossip { message, source, .. } => Some((message, source)),
            _ => None,
        })
        .await;
    assert_eq!((heard, source), (Gossip::Share(share(3)), b.id()));
    // A node that dials only its seeds has no other peers.
    assert_eq!(c.client.view().peers.len(), 1);
    assert_eq!(a.client.view().peers.len(), 1);
    a.expect_silence(Duration::from_millis(200), |event| {
        matches!(event, NetworkEvent::Gossip { .. })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_is_never_connected_to() {
    let (folder_a, folder_b, folder_c) =
        (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let foreign =
        NetworkOptions { genesis_hash: Hash([0xcd; 32]), ..options_with_seed(folder_b.path(), &a) };
    let mut b = Node::start(foreign).await;
    let connected = |event: &NetworkEvent| matches!(event, NetworkEvent::Connected { .. });
    b.expect_silence(Duration::from_secs(3), connected).await;
    a.expect_silence(Duration::from_millis(100), connected).await;
    assert!(a.client.view().bans.is_empty(), "a mistake is no crime");
    let mut c = Node::start(options_with_seed(folder_c.path(), &a)).await;
    c.wait_connected(a.id()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_is_the_same_and_finds_its_peers_without_seeds() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let mut b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    let id_b = b.id();
    b.wait_connected(a.id()).await;
    // Each side tells of the other once that one has said who it is; of a peer that left before
    // nothing is told.
    a.wait_connected(id_b).await;
    b.stop().await;
    a.wait_disconnected(id_b).await;
    for file in ["peer.key", "peers.json", "bans.json"] {
        let metadata = std::fs::metadata(folder_b.path().join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let mut b = Node::start(options(folder_b.path())).await;
    assert_eq!(b.id(), id_b);
    b.wait_connected(a.id()).await;
    a.wait_connected(id_b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_set_aside_but_a_damaged_key_is_an_error() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("peers.json"), "{").unwrap();
    std::fs::write(folder.path().join("bans.json"), "{").unwrap();
    Node::start(options(folder.path())).await.stop().await;
    assert_eq!(std::fs::read_to_string(folder.path().join("peers.damaged")).unwrap(), "{");
    assert_eq!(std::fs::read_to_string(folder.path().join("bans.damaged")).unwrap(), "{");

    std::fs::write(folder.path().join("peer.key"), "x").unwrap();
    let error = lode_network::swarm::start(options(folder.path())).await.unwrap_err().to_string();
    assert!(error.contains("peer.key") && error.contains("remove it"), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("peer.key")).unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_an_error() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let a = Node::start(options(folder_a.path())).await;
    let taken = a.client.view().listening[0].clone();
    let error = lode_network::swarm::start(NetworkOptions {
        listen: vec![taken],
        ..options(folder_b.path())
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("--listen"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_end_once_whatever_happens() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let mut b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    let id_a = a.id();
    let request = || Request::Mempool { skip: 0 };

    let nobody = b.ask(PeerId::random(), request());
    assert_eq!(b.wait_response(nobody).await, Err(RequestError::Disconnected));

    b.wait_connected(id_a).await;
    a.wait_connected(b.id()).await;
    // The core of `a` answers nothing; two of a kind and a peer are let through, and the third is
    // turned away at once.
    let ids: Vec<RequestId> = (0..3).map(|_| b.ask(id_a, request())).collect();
    let busy = b
        .wait(|event| match event {
            NetworkEvent::Response { id, result, .. } => {
                assert_eq!(result, Ok(Response::Busy));
                Some(id)
            }
            _ => None,
        })
        .await;
    assert!(ids.contains(&busy));
    b.client.disconnect(id_a);
    let mut ended = BTreeSet::from([busy]);
    while ended.len() < 3 {
        match b.next().await {
            NetworkEvent::Response { id, result, .. } => {
                assert_eq!(result, Err(RequestError::Disconnected));
                assert!(ended.insert(id), "{id:?} ends twice");
            }
            other => panic!("{other:?} before the requests have ended"),
        }
    }
    assert_eq!(b.next().await, NetworkEvent::Disconnected { peer: id_a });
    a.wait_disconnected(b.id()).await;
    // It is a seed: it comes back.
    b.wait_connected(id_a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_ends_the_connection_and_outlives_restarts() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let mut b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    let id_b = b.id();
    a.wait_connected(id_b).await;
    b.wait_connected(a.id()).await;
    for _ in 0..4 {
        a.client.penalize(id_b, Penalty::InvalidProof);
    }
    a.wait_disconnected(id_b).await;
    let is_banned = |view: &lode_network::NetworkView| {
        view.bans.iter().any(|(source, _)| *source == id_b.to_string())
    };
    a.wait_view(is_banned).await;
    let connected = |event: &NetworkEvent| matches!(event, NetworkEvent::Connected { .. });
    a.expect_silence(Duration::from_secs(3), connected).await;

    let port = a.client.view().listening[0].clone();
    a.stop().await;
    let mut a =
        Node::start(NetworkOptions { listen: vec![port], ..options(folder_a.path()) }).await;
    a.wait_view(is_banned).await;
    a.expect_silence(Duration::from_secs(3), connected).await;
    // On loopback the ban is the peer's, not the machine's.
    let folder_c = tempdir().unwrap();
    let c = Node::start(options_with_seed(folder_c.path(), &a)).await;
    a.wait_connected(c.id()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offence_counts_also_when_the_peer_has_left() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let mut a = Node::start(options(folder_a.path())).await;
    let b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    let id_b = b.id();
    a.wait_connected(id_b).await;
    b.stop().await;
    a.wait_disconnected(id_b).await;
    a.client.penalize(id_b, Penalty::InvalidBlock);
    a.wait_view(|view| view.bans.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inbound_connections_are_limited() {
    let folders: Vec<_> = (0..4).map(|_| tempdir().unwrap()).collect();
    let full = NetworkOptions { max_inbound: 2, ..options(folders[0].path()) };
    let mut a = Node::start(full).await;
    let mut others = Vec::new();
    for folder in &folders[1..] {
        let only = NetworkOptions { connect_only: true, ..options_with_seed(folder.path(), &a) };
        others.push(Node::start(only).await);
    }
    a.wait_view(|view| view.peers.len() == 2).await;
    a.expect_silence(Duration::from_secs(2), |_| false).await;
    assert_eq!(a.client.view().peers.len(), 2);
    assert_eq!(others.iter().filter(|node| node.client.view().peers.len() == 1).count(), 2);
}

#[cfg(feature = "quic")]
#[tokio::test(flavor = "multi_thread")]
async fn with_the_feature_nodes_meet_over_quic_too() {
    let (folder_a, folder_b) = (tempdir().unwrap(), tempdir().unwrap());
    let over_quic = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    let mut a = Node::start(NetworkOptions { listen: over_quic, ..options(folder_a.path()) }).await;
    let mut b = Node::start(options_with_seed(folder_b.path(), &a)).await;
    a.wait_connected(b.id()).await;
    b.wait_connected(a.id()).await;
    let id = b.ask(a.id(), Request::Mempool { skip: 0 });
    let (_, inbound, _) = a.wait_request().await;
    a.client.respond(inbound, Response::Busy);
    assert_eq!(b.wait_response(id).await, Ok(Response::Busy));
}
