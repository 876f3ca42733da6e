//! Addresses of peers: what an operator writes, how far an address reaches, and which network it
//! belongs to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// A text that is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address of a peer: expected HOST:PORT or a multiaddress such as \
     /ip4/192.0.2.1/tcp/4130/p2p/12D3KooW…"
)]
pub struct AddressError {
    text: String,
}

/// Reads an address that an operator wrote: `192.0.2.1:4130`, `[2001:db8::1]:4130`,
/// `node.example.org:4130`, or a multiaddress over TCP or QUIC, with or without the peer id.
///
/// # Errors
/// [`AddressError`] if it is none of these.
pub fn parse(text: &str) -> Result<Multiaddr, AddressError> {
    let refused = || AddressError { text: text.chars().take(80).collect() };
    if text.starts_with('/') {
        let address: Multiaddr = text.parse().map_err(|_| refused())?;
        return if is_dialable(&address) { Ok(address) } else { Err(refused()) };
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(tcp(socket));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
    let port: u16 = port.parse().map_err(|_| refused())?;
    let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if host.is_empty() || host.len() > 253 || !host.chars().all(named) {
        return Err(refused());
    }
    Ok(Multiaddr::empty().with(Protocol::Dns(host.into())).with(Protocol::Tcp(port)))
}

/// The multiaddress of a TCP socket.
pub fn tcp(socket: SocketAddr) -> Multiaddr {
    Multiaddr::from(socket.ip()).with(Protocol::Tcp(socket.port()))
}

/// Whether an address has the form of those that we dial: an IP address or a name, TCP or QUIC, at
/// most a peer id.
pub fn is_dialable(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().take(5).collect();
    let (transport, rest) = match parts.as_slice() {
        [
            Protocol::Ip4(_)
            | Protocol::Ip6(_)
            | Protocol::Dns(_)
            | Protocol::Dns4(_)
            | Protocol::Dns6(_),
            rest @ ..,
        ] => match rest {
            [Protocol::Tcp(_), rest @ ..] => (true, rest),
            [Protocol::Udp(_), Protocol::QuicV1, rest @ ..] => (cfg!(feature = "quic"), rest),
            _ => (false, rest),
        },
        _ => (false, parts.as_slice()),
    };
    transport && matches!(rest, [] | [Protocol::P2p(_)])
}

/// Splits the peer id off the end of an address.
pub fn split_peer(mut address: Multiaddr) -> (Multiaddr, Option<PeerId>) {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => {
            address.pop();
            (address, Some(peer))
        }
        _ => (address, None),
    }
}

/// The IP address in a multiaddress, an IPv4 address mapped into IPv6 as IPv4.
pub fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip).to_canonical()),
        _ => None,
    })
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// This machine.
    Loopback,
    /// A private network or a single link.
    Private,
    /// Any peer.
    Global,
}

impl Scope {
    /// The scope of an IP address; nothing if no single host has it.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            ip if ip.is_unspecified() || ip.is_multicast() => None,
            ip if ip.is_loopback() => Some(Self::Loopback),
            IpAddr::V4(ip) if ip.is_broadcast() => None,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Some(Self::Private),
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => {
                Some(Self::Private)
            }
            _ => Some(Self::Global),
        }
    }
}

/// A part of the Internet that one operator is likely to hold all of. Outbound connections go to
/// different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subnet {
    /// The first 16 bits of an IPv4 address.
    V4([u8; 2]),
    /// The first 32 bits of an IPv6 address.
    V6([u8; 4]),
}

impl Subnet {
    /// The subnet of an address; none on loopback, where there is nothing to tell apart.
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => {
                let [a, b, ..] = ip.octets();
                Some(Self::V4([a, b]))
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.octets();
                Some(Self::V6([a, b, c, d]))
            }
        }
    }
}

/// The first 64 bits of an IPv6 address with zeros behind, since a host has all addresses behind
/// them; an IPv4 address as it is.
pub(crate) fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_write_addresses_in_several_ways() {
        for (text, expected) in [
            ("192.0.2.1:4130", "/ip4/192.0.2.1/tcp/4130"),
            ("[2001:db8::1]:4130", "/ip6/2001:db8::1/tcp/4130"),
            ("node.example.org:4130", "/dns/node.example.org/tcp/4130"),
            ("/ip4/192.0.2.1/tcp/4130", "/ip4/192.0.2.1/tcp/4130"),
            ("/dns4/node.example.org/tcp/1", "/dns4/node.example.org/tcp/1"),
        ] {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(expected.to_owned()));
        }
        let peer = PeerId::random();
        let with_peer = parse(&format!("/ip4/192.0.2.1/tcp/4130/p2p/{peer}")).unwrap();
        assert_eq!(split_peer(with_peer), (parse("192.0.2.1:4130").unwrap(), Some(peer)));
        for text in [
            "",
            ":",
            "192.0.2.1",
            "host:",
            ":1",
            "host:65536",
            "a b:1",
            "http://host:1",
            "/ip4/1.2.3.4",
            "/tcp/1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let circuit = format!("/ip4/192.0.2.1/tcp/1/p2p/{peer}/p2p-circuit");
        assert!(parse(&circuit).is_err());
        assert_eq!(parse("192.0.2.1:1/ws").is_err(), parse("/ip4/192.0.2.1/tcp/1/ws").is_err());
    }

    #[test]
    fn scopes_and_subnets_see_through_mapped_addresses() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (text, scope) in [
            ("127.0.0.1", Some(Scope::Loopback)),
            ("::1", Some(Scope::Loopback)),
            ("::ffff:127.0.0.1", Some(Scope::Loopback)),
            ("10.1.2.3", Some(Scope::Private)),
            ("::ffff:192.168.1.1", Some(Scope::Private)),
            ("169.254.1.1", Some(Scope::Private)),
            ("fe80::1", Some(Scope::Private)),
            ("fd00::1", Some(Scope::Private)),
            ("8.8.8.8", Some(Scope::Global)),
            ("2001:db8::1", Some(Scope::Global)),
            ("0.0.0.0", None),
            ("::", None),
            ("224.0.0.1", None),
            ("255.255.255.255", None),
        ] {
            assert_eq!(Scope::of(ip(text)), scope, "{text}");
        }
        assert_eq!(Subnet::of(ip("203.0.113.7")), Some(Subnet::V4([203, 0])));
        assert_eq!(Subnet::of(ip("::ffff:203.0.113.7")), Subnet::of(ip("203.0.200.1")));
        assert_eq!(Subnet::of(ip("2001:db8:1::1")), Subnet::of(ip("2001:db8:ffff::2")));
        assert_ne!(Subnet::of(ip("2001:db8::1")), Subnet::of(ip("2001:db9::1")));
        assert_eq!(Subnet::of(ip("127.0.0.1")), None);
    }
}
