//! A node among its peers: `GET /{network}/peers`, `/sync` and `/ready`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text::HashText;

/// `GET /{network}/peers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peers {
    /// The node's own id; null for a node without peers by choice.
    pub peer_id: Option<String>,
    /// Where others reach it: what they pass to `--seed-peer`.
    pub addresses: Vec<String>,
    /// Who is connected.
    pub peers: Vec<Peer>,
    /// Further peers that the node knows of.
    pub known_peers: u64,
    /// Who is banned.
    pub bans: Vec<Ban>,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    pub peer_id: String,
    /// Its address as the node sees it.
    pub address: String,
    /// Whether the node dialled it.
    pub outbound: bool,
    /// What it calls itself.
    pub agent: String,
    /// When it connected, in ms since the Unix epoch.
    pub connected_at_ms: u64,
    /// The last round trip, in ms.
    pub ping_ms: Option<u64>,
    /// Penalty points of its address: at 100 it is banned.
    pub penalty_points: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ban {
    /// The address or the peer.
    pub source: String,
    /// When the ban ends, in ms since the Unix epoch.
    pub until_ms: u64,
}

/// What a node is doing to reach its peers' chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SyncPhase {
    /// It reads and proves headers.
    Headers,
    /// It fetches blocks for them.
    Bodies,
    /// There is nothing better to be had.
    Synced,
    /// It needs an operator.
    Halted,
}

/// `GET /{network}/sync`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// What the node is doing.
    pub state: SyncPhase,
    /// Height of its tip.
    pub height: u32,
    pub tip_hash: HashText,
    /// The tip's timestamp, in ms since the Unix epoch.
    pub tip_timestamp_ms: u64,
    /// The end of the best chain of proven headers.
    pub header_height: u32,
    /// How far any chain's headers are proven.
    pub proven_header_height: u32,
    /// The median of what the peers claim.
    pub peers_height: u32,
    /// Peers that have said where they stand.
    pub peers: u64,
    /// Whether clients may rely on the tip.
    pub ready: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// `GET /{network}/ready`, where clients may rely on the tip. Otherwise the answer is a failure
/// that says why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// True.
    pub ready: bool,
    /// Height of the tip.
    pub height: u32,
}
