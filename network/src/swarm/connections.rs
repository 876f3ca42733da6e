//! Connections that open and close, the peers behind them, and the addresses those peers know.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId, identify, kad, ping,
    swarm::{ConnectionId, DialError, SwarmEvent},
};
use tracing::{debug, info, trace};

use super::{
    behaviour::BehaviourEvent,
    dialing::Dial,
    event_loop::EventLoop,
    gate::now_ms,
    peers::{Origin, Peer},
};
use crate::{
    address::{Scope, ip_of, is_dialable, split_peer},
    events::{NetworkEvent, RequestError},
    message::RequestKind,
    penalty::Penalty,
};

/// How long a peer may take to say who it is.
const IDENTIFY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection stays that a query of Kademlia has made.
const TRANSIENT_TIME: Duration = Duration::from_secs(10);
/// Addresses that are taken from one peer about itself.
const MAX_OWN_ADDRESSES: usize = 4;
/// Addresses that are taken from one answer about one other peer.
const MAX_TOLD_ADDRESSES: usize = 2;

impl EventLoop {
    pub(super) fn connection_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let dial = self.dials.remove(&connection_id);
                let origin = match dial {
                    _ if endpoint.is_listener() => Origin::Inbound,
                    Some(Dial::Seed(index)) => {
                        self.dialing.seed_found(index, peer_id);
                        Origin::Seed
                    }
                    Some(Dial::Book(_)) => Origin::Slot,
                    None => Origin::Transient,
                };
                let (address, _) = split_peer(endpoint.get_remote_address().clone());
                self.connected(peer_id, address, origin);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                trace!("{peer_id} is gone: {cause:?}");
                self.gone(peer_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.dial_failed(connection_id, peer_id, &error);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                trace!("no connection from {send_back_addr}: {error}");
            }
            _ => {}
        }
    }

    fn connected(&mut self, peer: PeerId, address: Multiaddr, origin: Origin) {
        let deadline = Instant::now() + IDENTIFY_TIMEOUT;
        match self.peers.get_mut(&peer) {
            None => {
                self.peers.insert(peer, Peer::new(peer, address, origin, deadline, now_ms()));
            }
            // What the operator wants stands above all, and a query's connection below all.
            Some(known) if origin == Origin::Seed || known.origin == Origin::Transient => {
                known.origin = origin;
                known.deadline = deadline;
            }
            Some(_) => {}
        }
    }

    fn gone(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.remove(&peer) else {
            return;
        };
        self.remember(peer, entry.source);
        // Not again at once: it may be full, or have no use for us.
        match entry.origin {
            Origin::Seed => self.dialing.seed_lost(&peer, Instant::now()),
            Origin::Slot => self.book.failed(&peer, now_ms()),
            Origin::Inbound | Origin::Transient => {}
        }
        self.serving.end_all(&peer);
        for id in self.asking.end_all(&peer) {
            self.emit(NetworkEvent::Response { peer, id, result: Err(RequestError::Disconnected) });
        }
        if entry.announced {
            self.emit(NetworkEvent::Disconnected { peer });
        }
    }

    fn dial_failed(&mut self, connection: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        debug!("cannot connect to {peer:?}: {error}");
        match self.dials.remove(&connection) {
            Some(Dial::Seed(index)) => {
                self.dialing.seed_failed(index, Instant::now(), &reason_of(error))
            }
            Some(Dial::Book(peer)) => self.book.failed(&peer, now_ms()),
            None => {}
        }
    }

    pub(super) fn discovery_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, info)
            }
            BehaviourEvent::Ping(ping::Event { peer, connection, result }) => match result {
                Ok(round_trip) => {
                    if let Some(entry) = self.peers.get_mut(&peer) {
                        entry.ping_ms = u64::try_from(round_trip.as_millis()).ok();
                    }
                }
                // A peer need not answer pings, as long as the connection is there.
                Err(ping::Failure::Unsupported) => {}
                Err(error) => {
                    debug!("{peer} does not answer pings: {error}");
                    self.swarm.close_connection(connection);
                }
            },
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetClosestPeers(result),
                ..
            }) => {
                let found = match result {
                    Ok(found) => found.peers,
                    Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                self.told(found);
            }
            _ => {}
        }
    }

    /// A peer says who it is. One that does not speak this network's protocols is of another one.
    fn identified(&mut self, peer: PeerId, info: identify::Info) {
        let status = self.names.request(RequestKind::Status);
        if !info.protocols.contains(&status) {
            debug!("{peer} is no node of this network");
            self.book.forget(&peer);
            self.penalize(peer, Penalty::WrongGenesis);
            return;
        }
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        entry.set_agent(&info.agent_version);
        let (address, origin, announced) = (entry.address.clone(), entry.origin, entry.announced);
        if origin != Origin::Inbound {
            self.book.connected(peer, address.clone(), now_ms());
        }
        // What a peer says of itself is believed as far as we see it: the address that it comes
        // from.
        let ip = ip_of(&address);
        let own = info.listen_addrs.into_iter().map(|address| split_peer(address).0);
        let own: Vec<_> = own
            .filter(|own| is_dialable(own) && ip_of(own) == ip && ip.is_some())
            .take(MAX_OWN_ADDRESSES)
            .collect();
        if !self.options.connect_only {
            if let (Origin::Inbound, Some(first)) = (origin, own.first()) {
                self.book.add(peer, first.clone());
            }
            self.swarm.behaviour_mut().add_route(&peer, own);
        }
        if !announced {
            self.announce(peer);
        }
    }

    /// Tells the core of a peer, unless it is only here for a query of Kademlia.
    fn announce(&mut self, peer: PeerId) {
        let is_wanted = match self.peers.get(&peer) {
            Some(entry) if entry.origin == Origin::Transient => self.has_slot_for(&entry.address),
            Some(_) => true,
            None => false,
        };
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if !is_wanted {
            entry.deadline = Instant::now() + TRANSIENT_TIME;
            return;
        }
        if entry.origin == Origin::Transient {
            entry.origin = Origin::Slot;
        }
        entry.announced = true;
        let early = std::mem::take(&mut entry.early);
        let (address, outbound) = (entry.address.clone(), entry.origin != Origin::Inbound);
        self.dialing.seed_reached(&peer);
        if outbound {
            info!("connected to {peer} at {address}");
        } else {
            debug!("connected to by {peer} at {address}");
        }
        self.emit(NetworkEvent::Connected { peer, address, outbound });
        early.into_iter().for_each(|event| self.emit(event));
        self.dialing.look_around_soon();
    }

    /// Takes what a query has found into the address book.
    fn told(&mut self, found: Vec<kad::PeerInfo>) {
        let local = *self.swarm.local_peer_id();
        for info in found.into_iter().filter(|info| info.peer_id != local) {
            let reachable = |address: &Multiaddr| {
                ip_of(address)
                    .and_then(Scope::of)
                    .is_some_and(|scope| scope >= self.dialing.scope())
                    && is_dialable(address)
            };
            let addresses = info.addrs.into_iter().map(|address| split_peer(address).0);
            for address in addresses.filter(reachable).take(MAX_TOLD_ADDRESSES) {
                self.book.add(info.peer_id, address);
            }
        }
    }
}

/// Why a dial failed, in one line.
fn reason_of(error: &DialError) -> String {
    let text = match error {
        // Own addresses are left out before a dial.
        DialError::LocalPeerId { .. } | DialError::NoAddresses => {
            "it is this node itself".to_owned()
        }
        // One address was tried. The layers of the transport wrap what the system said, and say it
        // again.
        DialError::Transport(tried) if let [(_, error)] = &**tried => {
            let mut deepest: &dyn Error = error;
            while let Some(source) = deepest.source() {
                deepest = source;
            }
            deepest.to_string()
        }
        error => error.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use libp2p::TransportError;

    use super::*;

    #[test]
    fn a_failed_dial_is_explained_by_what_the_system_said() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let wrapped = io::Error::other(io::Error::other(refused));
        let error =
            DialError::Transport(vec![(Multiaddr::empty(), TransportError::Other(wrapped))]);
        assert_eq!(reason_of(&error), "connection refused");
        let two_lines = TransportError::Other(io::Error::other("one\n  two"));
        assert_eq!(
            reason_of(&DialError::Transport(vec![(Multiaddr::empty(), two_lines)])),
            "one two"
        );
        assert_eq!(reason_of(&DialError::NoAddresses), "it is this node itself");
    }
}
