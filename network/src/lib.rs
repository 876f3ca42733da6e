//! Everything between nodes.
//!
//! Purpose: messages and their bytes, penalties, bans and known peers as pure data, and the swarm
//! on libp2p that carries them. The core of a node sees [`NetworkEvent`]s and acts through
//! [`Network`]; a simulated network is another implementation of the same two.
//!
//! ```text
//!         the core of a node
//!     calls |          ^ NetworkEvent
//!  Network  v          |
//!        outbox      events (bounded)
//!           |          ^
//!   +-------v----------+------------------------------------------------+
//!   | swarm: the event loop, alone with libp2p                          |
//!   |   connections, gate (bans, limits)   dialing, outbound: whom next |
//!   |   wire (requests), serving           discovery (Kademlia)         |
//!   +-------------------------------------------------------------------+
//!   message, codec: bytes   reputation, penalty: points and bans   book: addresses   bucket: rates
//! ```
//!
//! A new message is a variant and its bytes in [`message`] and [`codec`]; where it is a request,
//! its limits stand in `swarm/serving.rs`. A new offence is a row of [`penalty`].
//!
//! Threads and queues: none in [`message`], [`codec`], [`penalty`], [`reputation`], [`book`] and
//! [`events`], which know no swarm and no clock. Those of [`swarm`] are listed there.
//!
//! What must not be broken: messages are bounded before they are decoded, every verdict on a
//! message is reported, and a peer is blamed only for what it could have checked by itself.

pub mod address;
pub mod book;
pub mod bucket;
pub mod codec;
pub mod events;
pub mod files;
pub mod message;
mod outbox;
pub mod penalty;
pub mod reputation;
pub mod swarm;

pub use bucket::Bucket;
pub use events::{InboundId, Network, NetworkEvent, RequestError, RequestId, Verdict};
pub use libp2p::{Multiaddr, PeerId};
pub use message::{Gossip, GossipId, MempoolPage, Request, RequestKind, Response, Status, Topic};
pub use penalty::Penalty;
pub use reputation::Reputation;
pub use swarm::{Client, Events, NetworkError, NetworkOptions, NetworkView, PeerView, Service};
