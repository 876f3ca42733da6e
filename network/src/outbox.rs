//! The queue of calls between the node's core, which never waits, and the event loop.
//!
//! [`MAX_CALLS`] wait at most. Beyond that, an answer, a message or a verdict is dropped: the
//! peer sees a timeout, and the message is not passed on. A request fails at once, and is reported
//! as [`RequestError::Overloaded`]. Penalties and disconnections have a reserve of [`RESERVE`] of
//! their own.

use std::collections::VecDeque;

use libp2p::PeerId;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{
    events::{InboundId, NetworkEvent, RequestError, RequestId, Verdict},
    message::{Gossip, GossipId, Request, Response},
    penalty::Penalty,
};

/// Most calls that wait for the event loop.
pub(crate) const MAX_CALLS: usize = 4_096;
/// Further penalties and disconnections that may wait.
pub(crate) const RESERVE: usize = 1_024;

/// What the core wants done.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "half a kilobyte, in a queue of a few")]
pub(crate) enum Call {
    Request { peer: PeerId, id: RequestId, request: Request },
    Respond { id: InboundId, response: Response },
    Publish(Gossip),
    Verdict { id: GossipId, source: PeerId, verdict: Verdict },
    Penalize { peer: PeerId, penalty: Penalty },
    Disconnect(PeerId),
}

#[derive(Debug, Default)]
struct Queues {
    calls: VecDeque<Call>,
    /// Requests that found no room: as many as were made since the core last looked.
    refused: VecDeque<NetworkEvent>,
    closed: bool,
}

/// The queue. Both ends hold it in an `Arc`.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queues: Mutex<Queues>,
    /// Wakes the event loop.
    filled: Notify,
    /// Wakes the core when a request was refused.
    refused: Notify,
}

impl Outbox {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock()
    }

    /// Puts a call in, or drops it as the module says.
    pub(crate) fn push(&self, call: Call) {
        let mut queues = self.queues();
        let urgent = matches!(call, Call::Penalize { .. } | Call::Disconnect(_));
        let room = if urgent { MAX_CALLS + RESERVE } else { MAX_CALLS };
        if queues.calls.len() < room && !queues.closed {
            queues.calls.push_back(call);
            self.filled.notify_one();
        } else if let Call::Request { peer, id, .. } = call {
            let result = Err(if queues.closed {
                RequestError::Disconnected
            } else {
                RequestError::Overloaded
            });
            queues.refused.push_back(NetworkEvent::Response { peer, id, result });
            self.refused.notify_one();
        }
    }

    /// All that waits, in order. Waits until there is something.
    pub(crate) async fn take(&self) -> VecDeque<Call> {
        loop {
            let calls = std::mem::take(&mut self.queues().calls);
            if !calls.is_empty() {
                return calls;
            }
            self.filled.notified().await;
        }
    }

    /// The end of a request that found no room.
    pub(crate) fn take_refused(&self) -> Option<NetworkEvent> {
        self.queues().refused.pop_front()
    }

    /// Waits until a request may have been refused.
    pub(crate) async fn wait_refused(&self) {
        self.refused.notified().await;
    }

    /// From now on nothing is taken: the event loop has ended.
    pub(crate) fn close(&self) {
        let mut queues = self.queues();
        queues.closed = true;
        queues.calls.clear();
        self.refused.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_refused_or_has_a_reserve() {
        let outbox = Outbox::default();
        let peer = PeerId::random();
        let penalty = || Call::Penalize { peer, penalty: Penalty::Stall };
        for id in 0..MAX_CALLS as u64 {
            outbox.push(Call::Respond { id: InboundId(id), response: Response::Busy });
        }
        outbox.push(Call::Respond { id: InboundId(1), response: Response::Busy });
        assert_eq!(outbox.take_refused(), None);
        outbox.push(Call::Request {
            peer,
            id: RequestId(7),
            request: Request::Mempool { skip: 0 },
        });
        let refused = NetworkEvent::Response {
            peer,
            id: RequestId(7),
            result: Err(RequestError::Overloaded),
        };
        assert_eq!(outbox.take_refused(), Some(refused));
        (0..RESERVE + 1).for_each(|_| outbox.push(penalty()));
        assert_eq!(outbox.take().await.len(), MAX_CALLS + RESERVE);

        outbox.push(penalty());
        assert_eq!(outbox.take().await.len(), 1);
        outbox.close();
        outbox.push(Call::Request {
            peer,
            id: RequestId(8),
            request: Request::Mempool { skip: 0 },
        });
        let refused = NetworkEvent::Response {
            peer,
            id: RequestId(8),
            result: Err(RequestError::Disconnected),
        };
        assert_eq!(outbox.take_refused(), Some(refused));
    }
}
