//! Decides which connections are accepted: none from a banned source, not too many from one
//! address; before the handshake where it can.
//!
//! By hand: of libp2p's own behaviours `allow_block_list` knows peer ids alone, and only after the
//! handshake, and `connection_limits` counts by peer and in all, not by address.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
    time::{SystemTime, UNIX_EPOCH},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::{
    address::{host_of, ip_of},
    reputation::{Reputation, Source},
};

/// Handshakes under way with one address at a time, loopback excepted.
pub const MAX_PENDING_PER_IP: usize = 4;

/// Why a connection is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0} is banned")]
    Banned(Source),
    #[error("{limit} connections with {ip} are open already")]
    TooMany { ip: IpAddr, limit: usize },
}

/// A behaviour that does nothing but refuse connections.
#[derive(Debug)]
pub(super) struct Gate {
    /// Scores and bans. The event loop charges penalties here.
    pub(super) reputation: Reputation,
    max_per_ip: usize,
    pending: HashMap<ConnectionId, IpAddr>,
    established: HashMap<ConnectionId, IpAddr>,
}

impl Gate {
    pub(super) fn new(reputation: Reputation, max_per_ip: usize) -> Self {
        Self { reputation, max_per_ip, pending: HashMap::new(), established: HashMap::new() }
    }

    fn check_ban(&self, source: Source) -> Result<(), ConnectionDenied> {
        if self.reputation.is_banned(&source, now_ms()) {
            return Err(ConnectionDenied::new(Refusal::Banned(source)));
        }
        Ok(())
    }
}

/// The host behind an address, if its connections are counted: loopback is shared by all.
fn counted(address: &Multiaddr) -> Option<IpAddr> {
    ip_of(address).filter(|ip| !ip.is_loopback()).map(host_of)
}

fn check_count(
    connections: &HashMap<ConnectionId, IpAddr>,
    ip: IpAddr,
    limit: usize,
) -> Result<(), ConnectionDenied> {
    if connections.values().filter(|other| **other == ip).count() >= limit {
        return Err(ConnectionDenied::new(Refusal::TooMany { ip, limit }));
    }
    Ok(())
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        if let Some(ip) = counted(remote) {
            self.check_ban(Source::Ip(ip))?;
            check_count(&self.established, ip, self.max_per_ip)?;
            check_count(&self.pending, ip, MAX_PENDING_PER_IP)?;
            self.pending.insert(id, ip);
        }
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.remove(&id);
        self.check_ban(Source::of(remote, peer))?;
        if let Some(ip) = counted(remote) {
            check_count(&self.established, ip, self.max_per_ip)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_ban(Source::of(remote, peer))?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                self.pending.remove(&new.connection_id);
                if let Some(ip) = counted(new.endpoint.get_remote_address()) {
                    self.established.insert(new.connection_id, ip);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.established.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failed) => {
                self.pending.remove(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

/// The system's time, in ms since the Unix epoch: bans and the address book outlive the process.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use libp2p::{
        core::ConnectedPoint,
        swarm::{
            ListenError,
            behaviour::{ConnectionClosed, ConnectionEstablished, ListenFailure},
        },
    };

    use super::*;
    use crate::penalty::Penalty;

    fn at(ip: &str) -> Multiaddr {
        let family = if ip.contains(':') { "ip6" } else { "ip4" };
        format!("/{family}/{ip}/tcp/4130").parse().unwrap()
    }

    fn refusal(denied: ConnectionDenied) -> Refusal {
        denied.downcast().unwrap()
    }

    /// A connection comes in from an address as far as it gets.
    fn connect(gate: &mut Gate, number: usize, ip: &str) -> Result<PeerId, Refusal> {
        let (id, peer, local, remote) =
            (ConnectionId::new_unchecked(number), PeerId::random(), at("192.0.2.1"), at(ip));
        gate.handle_pending_inbound_connection(id, &local, &remote).map_err(refusal)?;
        gate.handle_established_inbound_connection(id, peer, &local, &remote).map_err(refusal)?;
        let endpoint = ConnectedPoint::Listener { local_addr: local, send_back_addr: remote };
        gate.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
        Ok(peer)
    }

    fn close(gate: &mut Gate, number: usize, ip: &str) {
        let endpoint =
            ConnectedPoint::Listener { local_addr: at("192.0.2.1"), send_back_addr: at(ip) };
        gate.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: PeerId::random(),
            connection_id: ConnectionId::new_unchecked(number),
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        }));
    }

    #[test]
    fn one_address_has_so_many_connections_however_it_is_written() {
        let mut gate = Gate::new(Reputation::default(), 2);
        connect(&mut gate, 1, "203.0.113.7").unwrap();
        connect(&mut gate, 2, "::ffff:203.0.113.7").unwrap();
        let ip = "203.0.113.7".parse().unwrap();
        assert_eq!(connect(&mut gate, 3, "203.0.113.7"), Err(Refusal::TooMany { ip, limit: 2 }));
        connect(&mut gate, 4, "203.0.113.8").unwrap();
        close(&mut gate, 1, "203.0.113.7");
        connect(&mut gate, 5, "203.0.113.7").unwrap();

        connect(&mut gate, 6, "2001:db8::1").unwrap();
        connect(&mut gate, 7, "2001:db8::2").unwrap();
        assert!(connect(&mut gate, 8, "2001:db8::3").is_err());
        (10..30).for_each(|number| assert!(connect(&mut gate, number, "127.0.0.1").is_ok()));
    }

    #[test]
    fn handshakes_that_dawdle_are_limited_by_address() {
        let mut gate = Gate::new(Reputation::default(), 100);
        let begin = |gate: &mut Gate, number, ip| {
            gate.handle_pending_inbound_connection(
                ConnectionId::new_unchecked(number),
                &at("192.0.2.1"),
                &at(ip),
            )
            .is_ok()
        };
        for number in 0..MAX_PENDING_PER_IP {
            assert!(begin(&mut gate, number, "203.0.113.7"));
        }
        assert!(!begin(&mut gate, 100, "203.0.113.7"));
        assert!(begin(&mut gate, 101, "203.0.113.8"));
        (200..300).for_each(|number| assert!(begin(&mut gate, number, "127.0.0.1")));
        // One that failed makes room for one.
        gate.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &at("192.0.2.1"),
            send_back_addr: &at("203.0.113.7"),
            error: &ListenError::Aborted,
            connection_id: ConnectionId::new_unchecked(0),
            peer_id: None,
        }));
        assert!(begin(&mut gate, 102, "203.0.113.7"));
        assert!(!begin(&mut gate, 103, "203.0.113.7"));
    }

    #[test]
    fn a_banned_address_is_refused_before_the_handshake_and_a_banned_peer_after_it() {
        let mut gate = Gate::new(Reputation::default(), 100);
        let peer = PeerId::random();
        for banned in [Source::of(&at("203.0.113.7"), peer), Source::of(&at("127.0.0.1"), peer)] {
            gate.reputation.penalize(banned, Penalty::InvalidBlock, now_ms());
        }
        let (id, local) = (ConnectionId::new_unchecked(1), at("192.0.2.1"));
        for remote in ["203.0.113.7", "::ffff:203.0.113.7"] {
            let denied =
                gate.handle_pending_inbound_connection(id, &local, &at(remote)).unwrap_err();
            assert!(matches!(refusal(denied), Refusal::Banned(_)));
        }
        let loopback = at("127.0.0.1");
        gate.handle_pending_inbound_connection(id, &local, &loopback).unwrap();
        assert!(gate.handle_established_inbound_connection(id, peer, &local, &loopback).is_err());
        assert!(
            gate.handle_established_inbound_connection(id, PeerId::random(), &local, &loopback)
                .is_ok()
        );
        let dialled = |gate: &mut Gate, remote| {
            gate.handle_established_outbound_connection(
                id,
                PeerId::random(),
                &remote,
                Endpoint::Dialer,
                PortUse::New,
            )
            .is_ok()
        };
        assert!(!dialled(&mut gate, at("203.0.113.7")));
        assert!(dialled(&mut gate, at("203.0.113.8")));
    }
}
