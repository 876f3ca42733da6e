//! Peers, progress of the sync, and whether to rely on this node: `/peers`, `/sync`, `/ready`.
//!
//! None of these asks the database, so that they are answered however busy it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use lode_api::{
    network::{Ban, Peer, Peers, Ready, Sync, SyncPhase},
    text::Text,
};
use lode_core::{
    Backend, NetworkInfo, PeerView,
    sync::{SyncState, SyncStatus},
};

use crate::{
    error::Failure,
    request::{NoParams, Params},
    state::Api,
};

/// `GET /{network}/peers`
pub(crate) async fn peers<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Json<Peers> {
    let NetworkInfo { peer_id, addresses, peers, known_peers, bans } =
        api.backend.network().unwrap_or_default();
    Json(Peers {
        peer_id,
        addresses,
        peers: peers.into_iter().map(peer_of).collect(),
        known_peers: known_peers as u64,
        bans: bans.into_iter().map(|(source, until_ms)| Ban { source, until_ms }).collect(),
    })
}

fn peer_of(peer: PeerView) -> Peer {
    let PeerView { peer_id, address, outbound, agent, connected_at_ms, ping_ms, penalty_points } =
        peer;
    let (peer_id, address) = (peer_id.to_string(), address.to_string());
    Peer { peer_id, address, outbound, agent, connected_at_ms, ping_ms, penalty_points }
}

/// `GET /{network}/sync`
pub(crate) async fn sync<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Json<Sync> {
    Json(sync_of(api.backend.sync()))
}

fn sync_of(status: SyncStatus) -> Sync {
    Sync {
        state: match status.state {
            SyncState::Headers => SyncPhase::Headers,
            SyncState::Bodies => SyncPhase::Bodies,
            SyncState::Synced => SyncPhase::Synced,
            SyncState::Halted => SyncPhase::Halted,
        },
        height: status.tip.0,
        tip_hash: Text(status.tip.1),
        tip_timestamp_ms: status.tip_timestamp_ms,
        header_height: status.best_header_height,
        proven_header_height: status.proven_header_height,
        peers_height: status.peers_height,
        peers: status.peers as u64,
        ready: status.ready,
        reason: status.reason,
    }
}

/// `GET /{network}/ready`
pub(crate) async fn ready<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<Ready>, Failure> {
    let sync = api.backend.sync();
    match sync.reason {
        None => Ok(Json(Ready { ready: true, height: sync.tip.0 })),
        Some(reason) => Err(Failure::Busy(format!("not ready: {reason}"))),
    }
}
