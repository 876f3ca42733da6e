//! The core's two ends of the network, and the view of it for people.

use std::sync::Arc;

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{mpsc, watch};

use crate::{
    events::{InboundId, Network, NetworkEvent, RequestId, Verdict},
    message::{Gossip, GossipId, Request, Response},
    outbox::{Call, Outbox},
    penalty::Penalty,
};

/// Acts on the network and shows it. Cheap to clone; nothing in it waits.
#[derive(Debug, Clone)]
pub struct Client {
    outbox: Arc<Outbox>,
    view: watch::Receiver<Arc<NetworkView>>,
}

/// The network at one moment, at most half a second old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Our own id.
    pub local_peer: PeerId,
    /// Where we listen.
    pub listening: Vec<Multiaddr>,
    /// The peers that the core knows of.
    pub peers: Vec<PeerView>,
    /// Addresses of further peers that we know.
    pub known_peers: usize,
    /// Banned sources, each with the end of its ban in ms since the Unix epoch.
    pub bans: Vec<(String, u64)>,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    pub peer_id: PeerId,
    /// Its address as we see it.
    pub address: Multiaddr,
    /// Whether we dialled it.
    pub outbound: bool,
    /// The name and version of its software, as it says; printable.
    pub agent: String,
    /// When it connected, in ms since the Unix epoch.
    pub connected_at_ms: u64,
    /// The last round trip, in ms.
    pub ping_ms: Option<u64>,
    /// Penalty points of its source; at [`BAN_POINTS`](crate::penalty::BAN_POINTS) it is banned.
    pub penalty_points: u32,
}

impl NetworkView {
    pub(super) fn new(local_peer: PeerId, listening: Vec<Multiaddr>) -> Self {
        Self { local_peer, listening, peers: Vec::new(), known_peers: 0, bans: Vec::new() }
    }

    /// Addresses to give to other nodes, with our id.
    pub fn addresses(&self) -> impl Iterator<Item = Multiaddr> + '_ {
        self.listening.iter().filter_map(|address| address.clone().with_p2p(self.local_peer).ok())
    }
}

impl Client {
    pub(super) fn new(outbox: Arc<Outbox>, view: watch::Receiver<Arc<NetworkView>>) -> Self {
        Self { outbox, view }
    }

    /// The network now.
    pub fn view(&self) -> Arc<NetworkView> {
        self.view.borrow().clone()
    }
}

impl Network for Client {
    fn request(&mut self, peer: PeerId, id: RequestId, request: Request) {
        self.outbox.push(Call::Request { peer, id, request });
    }

    fn respond(&mut self, id: InboundId, response: Response) {
        self.outbox.push(Call::Respond { id, response });
    }

    fn publish(&mut self, message: Gossip) {
        self.outbox.push(Call::Publish(message));
    }

    fn verdict(&mut self, id: GossipId, source: PeerId, verdict: Verdict) {
        self.outbox.push(Call::Verdict { id, source, verdict });
    }

    fn penalize(&mut self, peer: PeerId, penalty: Penalty) {
        self.outbox.push(Call::Penalize { peer, penalty });
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.outbox.push(Call::Disconnect(peer));
    }
}

/// What happens on the network, in order.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<NetworkEvent>,
    outbox: Arc<Outbox>,
}

impl Events {
    pub(super) fn new(events: mpsc::Receiver<NetworkEvent>, outbox: Arc<Outbox>) -> Self {
        Self { events, outbox }
    }

    /// The next event; nothing once the network has ended. Can be dropped while it waits.
    pub async fn next(&mut self) -> Option<NetworkEvent> {
        loop {
            if let Some(refused) = self.outbox.take_refused() {
                return Some(refused);
            }
            tokio::select! {
                event = self.events.recv() => return event,
                () = self.outbox.wait_refused() => {}
            }
        }
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<NetworkEvent> {
        self.outbox.take_refused().or_else(|| self.events.try_recv().ok())
    }
}
