//! Peers, progress of the sync, and whether to rely on this node: `/peers`, `/sync`, `/ready`.
//!
//! None of these asks the database, so that they are answered however busy it is.

use std::sync::Arc;

use axum::{Json, extract::State};
use lode_api::{
    network::{Ban, Peer, Peers, Ready, Sync, SyncPhase},
    text::Text,
};
use lode_core::{Backend, NetworkInfo, PeerInfo, SyncInfo};

use crate::{error::Failure, state::Api};

/// `GET /{network}/peers`
pub(crate) async fn peers<B: Backend>(State(api): State<Arc<Api<B>>>) -> Json<Peers> {
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

fn peer_of(peer: PeerInfo) -> Peer {
    let PeerInfo { peer_id, address, outbound, agent, connected_at_ms, ping_ms, penalty_points } =
        peer;
    Peer { peer_id, address, outbound, agent, connected_at_ms, ping_ms, penalty_points }
}

/// `GET /{network}/sync`
pub(crate) async fn sync<B: Backend>(State(api): State<Arc<Api<B>>>) -> Json<Sync> {
    Json(sync_of(api.backend.sync()))
}

fn sync_of(info: SyncInfo) -> Sync {
    Sync {
        state: match info.phase {
            lode_core::SyncPhase::Headers => SyncPhase::Headers,
            lode_core::SyncPhase::Bodies => SyncPhase::Bodies,
            lode_core::SyncPhase::Synced => SyncPhase::Synced,
            lode_core::SyncPhase::Halted => SyncPhase::Halted,
        },
        height: info.tip.0,
        tip_hash: Text(info.tip.1),
        tip_timestamp_ms: info.tip_timestamp_ms,
        header_height: info.header_height,
        proven_header_height: info.proven_header_height,
        peers_height: info.peers_height,
        peers: info.peers as u64,
        ready: info.unready.is_none(),
        reason: info.unready,
    }
}

/// `GET /{network}/ready`
pub(crate) async fn ready<B: Backend>(
    State(api): State<Arc<Api<B>>>,
) -> Result<Json<Ready>, Failure> {
    let sync = api.backend.sync();
    match sync.unready {
        None => Ok(Json(Ready { ready: true, height: sync.tip.0 })),
        Some(reason) => Err(Failure::Busy(format!("not ready: {reason}"))),
    }
}
