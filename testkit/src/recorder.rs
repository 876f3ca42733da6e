//! What a sync machine asks of the network, taken down instead of done.

use lode_network::{
    Gossip, GossipId, InboundId, Network, PeerId, Penalty, Request, RequestId, Response, Verdict,
};

/// A call of [`Network`], by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a few live at a time, and not for long")]
pub enum Call {
    Request(PeerId, RequestId, Request),
    Respond(InboundId, Response),
    Publish(Gossip),
    Verdict(GossipId, PeerId, Verdict),
    Penalize(PeerId, Penalty),
    Disconnect(PeerId),
}

/// Takes down what a machine does, in order.
#[derive(Debug, Default)]
pub struct Recorder(pub Vec<Call>);

impl Network for Recorder {
    fn request(&mut self, peer: PeerId, id: RequestId, request: Request) {
        self.0.push(Call::Request(peer, id, request));
    }

    fn respond(&mut self, id: InboundId, response: Response) {
        self.0.push(Call::Respond(id, response));
    }

    fn publish(&mut self, message: Gossip) {
        self.0.push(Call::Publish(message));
    }

    fn verdict(&mut self, id: GossipId, source: PeerId, verdict: Verdict) {
        self.0.push(Call::Verdict(id, source, verdict));
    }

    fn penalize(&mut self, peer: PeerId, penalty: Penalty) {
        self.0.push(Call::Penalize(peer, penalty));
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.0.push(Call::Disconnect(peer));
    }
}
