//! Requests under way, inbound and outbound.
//!
//! What peers ask is bounded for each kind and each peer from the moment that it is read until its
//! answer is sent, which also bounds the memory of answers to slow readers. Beyond the bounds the
//! answer is [`Response::Busy`].

use std::collections::{BTreeMap, HashMap};

use libp2p::{
    PeerId,
    request_response::{InboundRequestId, OutboundRequestId, ResponseChannel},
};

use crate::{
    events::{InboundId, RequestId},
    message::{Request, RequestKind, Response},
};

/// Most requests of ours under way.
pub(super) const MAX_ASKED: usize = 1_024;

/// Most requests of a kind that are served at once: of all peers, and of one.
const fn limits(kind: RequestKind) -> (usize, usize) {
    match kind {
        RequestKind::Status => (128, 4),
        RequestKind::Headers => (48, 4),
        // 4 MiB each at most.
        RequestKind::Bodies => (24, 4),
        RequestKind::Mempool => (16, 2),
    }
}

/// A request of a peer.
#[derive(Debug)]
struct Inbound {
    peer: PeerId,
    kind: RequestKind,
    theirs: InboundRequestId,
    /// Until it is answered.
    channel: Option<ResponseChannel<Response>>,
}

/// Requests of peers, until their answers are sent.
#[derive(Debug, Default)]
pub(super) struct Serving {
    next: u64,
    requests: BTreeMap<InboundId, Inbound>,
}

impl Serving {
    /// Takes a request on, or gives the channel back for a busy answer.
    pub(super) fn begin(
        &mut self,
        peer: PeerId,
        kind: RequestKind,
        theirs: InboundRequestId,
        channel: ResponseChannel<Response>,
    ) -> Result<InboundId, ResponseChannel<Response>> {
        let (of_all, of_one) = limits(kind);
        let (mut all, mut one) = (0, 0);
        for request in self.requests.values().filter(|request| request.kind == kind) {
            all += 1;
            one += usize::from(request.peer == peer);
        }
        if all >= of_all || one >= of_one {
            return Err(channel);
        }
        let id = InboundId(self.next);
        self.next += 1;
        self.requests.insert(id, Inbound { peer, kind, theirs, channel: Some(channel) });
        Ok(id)
    }

    /// The way to answer a request, once.
    pub(super) fn answer(
        &mut self,
        id: InboundId,
    ) -> Option<(RequestKind, ResponseChannel<Response>)> {
        let request = self.requests.get_mut(&id)?;
        Some((request.kind, request.channel.take()?))
    }

    /// The answer is sent, or the request has failed.
    pub(super) fn end(&mut self, peer: PeerId, kind: RequestKind, theirs: InboundRequestId) {
        self.requests.retain(|_, other| {
            !(other.peer == peer && other.kind == kind && other.theirs == theirs)
        });
    }

    /// The peer is gone, and its requests with it.
    pub(super) fn end_all(&mut self, peer: &PeerId) {
        self.requests.retain(|_, request| request.peer != *peer);
    }
}

/// A request of ours.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) peer: PeerId,
    pub(super) id: RequestId,
    pub(super) request: Request,
}

/// Requests of ours that have not ended.
#[derive(Debug, Default)]
pub(super) struct Asking {
    requests: HashMap<(RequestKind, OutboundRequestId), Asked>,
}

impl Asking {
    pub(super) fn is_full(&self) -> bool {
        self.requests.len() >= MAX_ASKED
    }

    pub(super) fn begin(&mut self, libp2ps: OutboundRequestId, asked: Asked) {
        self.requests.insert((asked.request.kind(), libp2ps), asked);
    }

    pub(super) fn end(&mut self, kind: RequestKind, libp2ps: OutboundRequestId) -> Option<Asked> {
        self.requests.remove(&(kind, libp2ps))
    }

    /// The peer is gone: its requests, in the order in which they were made.
    pub(super) fn end_all(&mut self, peer: &PeerId) -> Vec<RequestId> {
        let mut ended = Vec::new();
        self.requests.retain(|_, asked| {
            if asked.peer == *peer {
                ended.push(asked.id);
            }
            asked.peer != *peer
        });
        ended.sort_unstable();
        ended
    }
}
