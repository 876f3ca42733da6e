//! Connected peers, as the event loop knows them.

use std::time::Instant;

use libp2p::{Multiaddr, PeerId};

use super::client::PeerView;
use crate::{
    address::Subnet, book::subnet_of, bucket::Bucket, events::NetworkEvent, message::Topic,
    reputation::Source,
};

/// Requests that a peer may make before it has told who it is.
pub(super) const MAX_EARLY_REQUESTS: usize = 8;
/// Longest name of a peer's software, in characters.
const MAX_AGENT_CHARS: usize = 64;

/// Gossip of one peer in the long run, in messages per second, and at once. Gossipsub remembers
/// each for two minutes, whatever becomes of it: some 10 MiB for a peer that keeps to this.
const GOSSIP_PER_S: u64 = 256;
const GOSSIP_BURST: u64 = 4_096;
/// Bytes that count for one message: a longer one counts for several. So the limits hold for bytes
/// too.
const GOSSIP_UNIT_BYTES: usize = 1 << 10;
/// The messages that an announced block counts for: there are few of them.
const BLOCK_COST: u64 = 8;

/// Why there is a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer dialled us.
    Inbound,
    /// The operator named it.
    Seed,
    /// It fills one of our outbound slots.
    Slot,
    /// A query of Kademlia dialled it. It goes soon, unless a slot is free for it.
    Transient,
}

/// A peer with at least one connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: Multiaddr,
    pub(super) origin: Origin,
    pub(super) source: Source,
    /// Whether the core has been told of it.
    pub(super) announced: bool,
    /// When the connection ends, unless the peer is announced before.
    pub(super) deadline: Instant,
    pub(super) agent: String,
    pub(super) connected_at_ms: u64,
    pub(super) ping_ms: Option<u64>,
    /// Requests that came before the peer was announced.
    pub(super) early: Vec<NetworkEvent>,
    gossip: Bucket,
    is_flooding: bool,
}

/// Whether a message is more than its peer may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It is not.
    Fine,
    /// It is the first one that is.
    Flooding,
    /// It is, and the peer was told off for it.
    Flooded,
}

impl Peer {
    pub(super) fn new(
        peer: PeerId,
        address: Multiaddr,
        origin: Origin,
        deadline: Instant,
        now_ms: u64,
    ) -> Self {
        Self {
            source: Source::of(&address, peer),
            address,
            origin,
            announced: false,
            deadline,
            agent: String::new(),
            connected_at_ms: now_ms,
            ping_ms: None,
            early: Vec::new(),
            gossip: Bucket::full(GOSSIP_BURST, GOSSIP_PER_S, now_ms),
            is_flooding: false,
        }
    }

    /// Counts a message of gossip.
    pub(super) fn gossips(&mut self, topic: Topic, bytes: usize, now_ms: u64) -> Flow {
        let units = bytes.div_ceil(GOSSIP_UNIT_BYTES).max(1) as u64;
        let cost = if topic == Topic::Blocks { units.max(BLOCK_COST) } else { units };
        if self.gossip.take(cost, now_ms) {
            Flow::Fine
        } else if std::mem::replace(&mut self.is_flooding, true) {
            Flow::Flooded
        } else {
            Flow::Flooding
        }
    }

    /// Whether it takes up one of the outbound slots.
    pub(super) fn fills_slot(&self) -> bool {
        matches!(self.origin, Origin::Seed | Origin::Slot)
    }

    /// The subnet that no further outbound slot may go to. Seeds are the operator's choice and
    /// count nothing.
    pub(super) fn slot_subnet(&self) -> Option<Subnet> {
        (self.origin == Origin::Slot).then(|| subnet_of(&self.address)).flatten()
    }

    /// Keeps what is printable of what the peer calls itself.
    pub(super) fn set_agent(&mut self, agent: &str) {
        self.agent = agent
            .chars()
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .take(MAX_AGENT_CHARS)
            .collect();
    }

    pub(super) fn view(&self, peer_id: PeerId, penalty_points: u32) -> PeerView {
        PeerView {
            peer_id,
            address: self.address.clone(),
            outbound: self.origin != Origin::Inbound,
            agent: self.agent.clone(),
            connected_at_ms: self.connected_at_ms,
            ping_ms: self.ping_ms,
            penalty_points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages a new peer may bring at once.
    fn burst(topic: Topic, bytes: usize) -> usize {
        let address = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        let mut peer = Peer::new(PeerId::random(), address, Origin::Inbound, Instant::now(), 0);
        let count =
            (0..=GOSSIP_BURST).take_while(|_| peer.gossips(topic, bytes, 0) == Flow::Fine).count();
        assert_eq!(peer.gossips(topic, bytes, 0), Flow::Flooded);
        count
    }

    #[test]
    fn gossip_counts_by_its_bytes() {
        assert_eq!(burst(Topic::Shares, 0), 4_096);
        assert_eq!(burst(Topic::Transactions, 221), 4_096);
        assert_eq!(burst(Topic::Transactions, 1_025), 2_048);
        assert_eq!(burst(Topic::Transactions, Topic::Transactions.max_bytes()), 4_096 / 60);
        assert_eq!(burst(Topic::Blocks, Topic::Blocks.max_bytes()), 512);
    }
}
