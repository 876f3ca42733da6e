//! Nodes on loopback, and the other side of them.
#![allow(dead_code)]

use std::{path::Path, time::Duration};

use libp2p::PeerId;
use lode_consensus::Hash;
use lode_network::{
    Client, Events, InboundId, Multiaddr, Network, NetworkEvent, NetworkOptions, NetworkView,
    Request, RequestId, Response, Service, swarm,
};

/// How long anything may take before a test fails: patience, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The network of these tests.
pub(crate) const GENESIS: Hash = Hash([0xab; 32]);

/// A node whose core is the test.
pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) events: Events,
    stopper: swarm::Stopper,
    next_request: u64,
}

/// Options of a node that listens on loopback.
pub(crate) fn options(folder: &Path) -> NetworkOptions {
    NetworkOptions {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        ..NetworkOptions::new(GENESIS, folder.to_owned())
    }
}

/// Options of a node that knows another one.
pub(crate) fn options_with_seed(folder: &Path, seed: &Node) -> NetworkOptions {
    NetworkOptions { seeds: vec![seed.address()], ..options(folder) }
}

impl Node {
    pub(crate) async fn start(options: NetworkOptions) -> Self {
        let Service { client, events, stopper } = swarm::start(options).await.expect("it starts");
        Self { client, events, stopper, next_request: 0 }
    }

    pub(crate) fn id(&self) -> PeerId {
        self.client.view().local_peer
    }

    /// The address with the id.
    pub(crate) fn address(&self) -> Multiaddr {
        self.client.view().addresses().next().expect("it listens")
    }

    pub(crate) async fn stop(self) {
        self.stopper.stop().await;
    }

    pub(crate) async fn next(&mut self) -> NetworkEvent {
        let event = tokio::time::timeout(PATIENCE, self.events.next()).await;
        event.expect("an event in time").expect("the network runs")
    }

    /// The next event that `wanted` makes something of; the others are lost.
    pub(crate) async fn wait<T>(&mut self, mut wanted: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next().await) {
                return found;
            }
        }
    }

    pub(crate) async fn wait_connected(&mut self, to: PeerId) {
        self.wait(|event| {
            matches!(event, NetworkEvent::Connected { peer, .. } if peer == to).then_some(())
        })
        .await;
    }

    pub(crate) async fn wait_disconnected(&mut self, from: PeerId) {
        self.wait(|event| (event == NetworkEvent::Disconnected { peer: from }).then_some(())).await;
    }

    pub(crate) fn ask(&mut self, peer: PeerId, request: Request) -> RequestId {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.client.request(peer, id, request);
        id
    }

    pub(crate) async fn wait_request(&mut self) -> (PeerId, InboundId, Request) {
        self.wait(|event| match event {
            NetworkEvent::Request { peer, id, request } => Some((peer, id, request)),
            _ => None,
        })
        .await
    }

    pub(crate) async fn wait_response(
        &mut self,
        id: RequestId,
    ) -> Result<Response, lode_network::RequestError> {
        self.wait(|event| match event {
            NetworkEvent::Response { id: other, result, .. } if other == id => Some(result),
            _ => None,
        })
        .await
    }

    /// Waits until the view is as wanted.
    pub(crate) async fn wait_view(&self, wanted: impl Fn(&NetworkView) -> bool) {
        let seen = async {
            while !wanted(&self.client.view()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen)
            .await
            .unwrap_or_else(|_| panic!("{:?}", self.client.view()));
    }

    /// Nothing of a kind comes for a while.
    pub(crate) async fn expect_silence(
        &mut self,
        time: Duration,
        wrong: impl Fn(&NetworkEvent) -> bool,
    ) {
        let listening = async {
            while let Some(event) = self.events.next().await {
                assert!(!wrong(&event), "{event:?}");
            }
        };
        let _ = tokio::time::timeout(time, listening).await;
    }
}
