//! What goes over the simulated wire, and who is who on it.
//!
//! Messages travel as the bytes of the real codec, so that whatever a node reads has been decoded
//! by it.

use std::sync::Arc;

use lode_network::{GossipId, PeerId, RequestKind, Topic};
use lode_testkit::keys::peer_id;

/// Bytes that several packets share.
pub type Bytes = Arc<[u8]>;

/// One message between two participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// Something for everybody.
    Gossip {
        /// Its id, which every receiver would compute alike.
        id: GossipId,
        /// Where it goes.
        topic: Topic,
        /// The encoded message.
        bytes: Bytes,
    },
    /// A question.
    Request {
        /// The asker's number.
        id: u64,
        /// Its kind, which the real network tells by the protocol.
        kind: RequestKind,
        /// The encoded request.
        bytes: Bytes,
    },
    /// An answer.
    Response {
        /// The asker's number.
        id: u64,
        /// The encoded response.
        bytes: Bytes,
    },
}

impl Wire {
    /// Gossip of these bytes, be they a message or not.
    pub fn gossip(topic: Topic, bytes: Bytes) -> Self {
        Self::Gossip { id: GossipId::of(topic, &bytes), topic, bytes }
    }

    /// Bytes on the wire, with a frame's worth of overhead.
    pub fn size_bytes(&self) -> usize {
        let (Self::Gossip { bytes, .. }
        | Self::Request { bytes, .. }
        | Self::Response { bytes, .. }) = self;
        bytes.len() + 64
    }

    /// What tells the message from others, for the trace.
    pub fn trace(&self, out: &mut Vec<u8>) {
        match self {
            Self::Gossip { id, .. } => out.extend_from_slice(&id.0.0),
            Self::Request { id, bytes, .. } | Self::Response { id, bytes } => {
                out.extend_from_slice(&id.to_le_bytes());
                out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                // The end of an answer is that of its last header, body or page.
                out.extend_from_slice(&bytes[bytes.len().saturating_sub(32)..]);
            }
        }
    }
}

/// The participant behind a peer id.
pub fn participant(peer: PeerId) -> usize {
    match peer.to_bytes()[..] {
        [0, 4, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize,
        _ => panic!("{peer} is none of {}", peer_id(0)),
    }
}

/// The address of a participant: each in a network of its own.
pub fn address(participant: usize) -> lode_network::Multiaddr {
    let text = format!("/ip4/10.{}.{}.1/tcp/4130", participant / 256, participant % 256);
    text.parse().expect("a multiaddress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participants_and_peer_ids_go_together() {
        for index in [0, 1, 255, 256, 70_000] {
            assert_eq!(participant(peer_id(index)), index);
        }
        assert_ne!(address(1), address(256));
    }
}
