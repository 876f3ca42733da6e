//! `/peers`, `/sync` and `/ready`.

mod common;

use common::Server;
use lode_consensus::Hash;
use lode_core::{
    NetworkInfo, PeerView,
    sync::{SyncState, SyncStatus},
};
use lode_testkit::{backend::TestNode, keys::peer_id, mined::Chain};
use serde_json::json;

fn start() -> Server {
    Server::start(TestNode::new(Chain::standard()))
}

#[test]
fn a_node_without_peers_says_so() {
    let server = start();
    assert_eq!(
        server.get("/peers").ok(),
        json!({"peer_id": null, "addresses": [], "peers": [], "known_peers": 0, "bans": []})
    );
}

#[test]
fn peers_are_told_with_their_points_and_bans() {
    let server = start();
    *server.node.network.lock().unwrap() = Some(NetworkInfo {
        peer_id: Some("12D3KooWa".to_owned()),
        addresses: vec!["/ip4/192.0.2.1/tcp/4130/p2p/12D3KooWa".to_owned()],
        peers: vec![PeerView {
            peer_id: peer_id(7),
            address: "/ip4/192.0.2.2/tcp/4130".parse().unwrap(),
            outbound: true,
            agent: "lode/0.1.0".to_owned(),
            connected_at_ms: 1_800_000_000_000,
            ping_ms: Some(12),
            penalty_points: 25,
        }],
        known_peers: 3,
        bans: vec![("198.51.100.7".to_owned(), 1_800_000_086_400_000)],
    });
    assert_eq!(
        server.get("/peers").ok(),
        json!({
            "peer_id": "12D3KooWa",
            "addresses": ["/ip4/192.0.2.1/tcp/4130/p2p/12D3KooWa"],
            "peers": [{
                "peer_id": peer_id(7).to_string(),
                "address": "/ip4/192.0.2.2/tcp/4130",
                "outbound": true,
                "agent": "lode/0.1.0",
                "connected_at_ms": 1_800_000_000_000_u64,
                "ping_ms": 12,
                "penalty_points": 25,
            }],
            "known_peers": 3,
            "bans": [{"source": "198.51.100.7", "until_ms": 1_800_000_086_400_000_u64}],
        })
    );
}

#[test]
fn readiness_is_200_or_503_with_the_reason_and_sync_tells_the_rest() {
    let server = start();
    assert_eq!(server.get("/ready").ok(), json!({"ready": true, "height": 10}));
    for (state, name) in [
        (SyncState::Headers, "headers"),
        (SyncState::Bodies, "bodies"),
        (SyncState::Synced, "synced"),
        (SyncState::Halted, "halted"),
    ] {
        *server.node.sync.lock().unwrap() = SyncStatus {
            state,
            tip: (57, Hash([9; 32])),
            tip_timestamp_ms: 5_000_000,
            best_header_height: 60,
            proven_header_height: 61,
            peers_height: 62,
            peers: 3,
            clock: None,
            ready: false,
            reason: Some("5 blocks behind the peers".to_owned()),
        };
        assert_eq!(server.get("/ready").error(503), "not ready: 5 blocks behind the peers");
        assert_eq!(
            server.get("/sync").ok(),
            json!({
                "state": name,
                "height": 57,
                "tip_hash": "09".repeat(32),
                "tip_timestamp_ms": 5_000_000,
                "header_height": 60,
                "proven_header_height": 61,
                "peers_height": 62,
                "peers": 3,
                "ready": false,
                "reason": "5 blocks behind the peers",
            })
        );
    }
}

#[test]
fn they_are_answered_while_the_database_is_not_and_are_no_web_pages_business() {
    let server = start();
    server.node.hold(true);
    for path in ["/peers", "/sync", "/ready"] {
        let request =
            format!("GET /tiny{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let (head, _) = server.raw_answer(&request);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(!head.contains("access-control-allow-origin"), "{head}");
    }
}
