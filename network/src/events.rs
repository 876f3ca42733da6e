//! What the network tells the node's core, and what the core asks of it.
//!
//! [`Network`] is implemented by the client of the real swarm and by the simulator. Its methods
//! return at once: each puts a call into a bounded queue. What happens when it is full is the
//! implementation's to say, within this: a request gets its one [`NetworkEvent::Response`] whatever
//! happens, and penalties and disconnections outlast everything else.

use libp2p::{Multiaddr, PeerId};

use crate::{
    message::{Gossip, GossipId, Request, Response},
    penalty::Penalty,
};

/// A request of ours. The asker numbers its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A request of a peer. The network numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboundId(pub u64);

/// What happened on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "half a kilobyte, and most events are of the large kind"
)]
pub enum NetworkEvent {
    /// A peer of this network is there: the first connection to it is up, and it speaks our
    /// protocols.
    Connected {
        peer: PeerId,
        /// Its address as we see it.
        address: Multiaddr,
        /// Whether we dialled it.
        outbound: bool,
    },
    /// The last connection to a peer is gone. Requests to it have failed before this.
    Disconnected { peer: PeerId },
    /// A gossip message. It waits for exactly one [`Network::verdict`] before it is passed on.
    Gossip {
        /// The message's id.
        id: GossipId,
        /// The peer that passed it to us; not its author.
        source: PeerId,
        /// The decoded message.
        message: Gossip,
    },
    /// A peer asks. It waits for [`Network::respond`], and takes silence as a stall.
    Request {
        /// The peer that asks.
        peer: PeerId,
        /// To answer it.
        id: InboundId,
        /// What it asks for.
        request: Request,
    },
    /// The end of a request of ours. Every request gets exactly one, whatever happens.
    Response {
        /// The peer that was asked.
        peer: PeerId,
        /// Our number.
        id: RequestId,
        /// The answer.
        result: Result<Response, RequestError>,
    },
}

/// Why a request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No answer in time.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The peer is not connected, or went away.
    #[error("the peer is not connected")]
    Disconnected,
    /// The stream ended before the answer was whole: the peer is overloaded or going down.
    #[error("the answer broke off")]
    Interrupted,
    /// The peer does not speak this protocol.
    #[error("the peer does not speak this protocol")]
    Unsupported,
    /// The answer does not decode or does not fit the request. The network has penalised the peer
    /// for it.
    #[error("the answer is malformed")]
    Malformed,
    /// Too many requests are under way already: our own fault.
    #[error("too many requests are under way")]
    Overloaded,
}

/// What became of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is good: pass it on.
    Accept,
    /// It is bad, and its sender could have seen that by itself: do not pass it on, and lower the
    /// sender's score.
    Reject,
    /// Neither: late, known, or not ours to judge.
    Ignore,
}

/// The calls of the node's core on the network. None of them waits.
pub trait Network {
    /// Asks a peer. Exactly one [`NetworkEvent::Response`] with this id follows.
    fn request(&mut self, peer: PeerId, id: RequestId, request: Request);

    /// Answers a peer's request. An id that is unknown or answered already does nothing.
    fn respond(&mut self, id: InboundId, response: Response);

    /// Publishes a gossip message of our own.
    fn publish(&mut self, message: Gossip);

    /// Says what became of a gossip message that `source` passed to us. Once for each
    /// [`NetworkEvent::Gossip`].
    fn verdict(&mut self, id: GossipId, source: PeerId, verdict: Verdict);

    /// Charges a peer's source with an offence; the network bans and disconnects by itself.
    fn penalize(&mut self, peer: PeerId, penalty: Penalty);

    /// Ends all connections to a peer.
    fn disconnect(&mut self, peer: PeerId);
}
