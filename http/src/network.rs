//! Peers, progress of the sync, and whether to rely on this node: `/peers`, `/sync`, `/ready`.
//!
//! None of these asks the database, so that they are answered however busy it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use lode_consensus::{Hash, Height};
use serde::Serialize;

use crate::{api::Api, error::ApiError, json::Text};
use lode_core::{Backend, PeerInfo, SyncInfo, SyncPhase};

#[derive(Serialize)]
pub(crate) struct PeersPage {
    peer_id: Option<String>,
    addresses: Vec<String>,
    peers: Vec<PeerView>,
    known_peers: usize,
    bans: Vec<BanView>,
}

#[derive(Serialize)]
struct PeerView {
    peer_id: String,
    address: String,
    outbound: bool,
    agent: String,
    connected_at_ms: u64,
    ping_ms: Option<u64>,
    penalty_points: u32,
}

#[derive(Serialize)]
struct BanView {
    source: String,
    until_ms: u64,
}

/// `GET /{network}/peers`
pub(crate) async fn peers<B: Backend>(State(api): State<Arc<Api<B>>>) -> Json<PeersPage> {
    let network = api.backend.network().unwrap_or_default();
    let view = |peer: PeerInfo| PeerView {
        peer_id: peer.peer_id,
        address: peer.address,
        outbound: peer.outbound,
        agent: peer.agent,
        connected_at_ms: peer.connected_at_ms,
        ping_ms: peer.ping_ms,
        penalty_points: peer.penalty_points,
    };
    Json(PeersPage {
        peer_id: network.peer_id,
        addresses: network.addresses,
        peers: network.peers.into_iter().map(view).collect(),
        known_peers: network.known_peers,
        bans: network.bans.into_iter().map(|(source, until_ms)| BanView { source, until_ms }).collect(),
    })
}

#[derive(Serialize)]
pub(crate) struct SyncView {
    state: &'static str,
    height: Height,
    tip_hash: Text<Hash>,
    tip_timestamp_ms: u64,
    header_height: Height,
    proven_header_height: Height,
    peers_height: Height,
    peers: usize,
    ready: bool,
    reason: Option<String>,
}

impl From<SyncInfo> for SyncView {
    fn from(info: SyncInfo) -> Self {
        Self {
            state: match info.phase {
                SyncPhase::Headers => "headers",
                SyncPhase::Bodies => "bodies",
                SyncPhase::Synced => "synced",
                SyncPhase::Halted => "halted",
            },
            height: info.tip.0,
            tip_hash: Text(info.tip.1),
            tip_timestamp_ms: info.tip_timestamp_ms,
            header_height: info.header_height,
            proven_header_height: info.proven_header_height,
            peers_height: info.peers_height,
            peers: info.peers,
            ready: info.unready.is_none(),
            reason: info.unready,
        }
    }
}

/// `GET /{network}/sync`
pub(crate) async fn sync<B: Backend>(State(api): State<Arc<Api<B>>>) -> Json<SyncView> {
    Json(api.backend.sync().into())
}

#[derive(Serialize)]
pub(crate) struct Ready {
    ready: bool,
    height: Height,
}

/// `GET /{network}/ready`
pub(crate) async fn ready<B: Backend>(State(api): State<Arc<Api<B>>>) -> Result<Json<Ready>, ApiError> {
    let sync = api.backend.sync();
    match sync.unready {
        None => Ok(Json(Ready { ready: true, height: sync.tip.0 })),
        Some(reason) => Err(ApiError::Busy(format!("not ready: {reason}"))),
    }
}
