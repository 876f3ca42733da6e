//! The address book: which peers it offers, its bounds and what it keeps.

use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

use lode_network::{
    Multiaddr, PeerId,
    address::Subnet,
    book::{
        AddressBook, MAX_FAILURES, MAX_KNOWN, MAX_PER_SUBNET, MAX_RETRY_MS, RETRY_MS, subnet_of,
    },
};
use proptest::prelude::*;

const NOW_MS: u64 = 1_800_000_000_000;

fn at(ip: &str) -> Multiaddr {
    format!("/ip4/{ip}/tcp/4130").parse().unwrap()
}

fn nth(number: u32) -> Multiaddr {
    // Each in a subnet of its own.
    at(&std::net::Ipv4Addr::from(0x0a00_0001 + (number << 16)).to_string())
}

fn pick(book: &AddressBook, now_ms: u64, dice: u64) -> Option<(PeerId, Multiaddr)> {
    book.pick(now_ms, dice, &BTreeSet::new(), |_| false)
}

#[test]
fn no_two_outbound_peers_are_in_one_subnet() {
    let mut book = AddressBook::default();
    let (a, b, c) = (PeerId::random(), PeerId::random(), PeerId::random());
    book.add(a, at("203.0.113.7"));
    book.add(b, at("203.0.200.1"));
    book.add(c, at("198.51.100.1"));
    let taken = BTreeSet::from([Subnet::V4([203, 0])]);
    for dice in 0..100 {
        assert_eq!(book.pick(NOW_MS, dice, &taken, |_| false), Some((c, at("198.51.100.1"))));
    }
    let taken = BTreeSet::from([Subnet::V4([203, 0]), Subnet::V4([198, 51])]);
    assert_eq!(book.pick(NOW_MS, 1, &taken, |_| false), None);
    // On loopback there is nothing to tell apart.
    book.add(a, at("127.0.0.1"));
    book.add(b, at("127.0.0.1"));
    assert_eq!(subnet_of(&at("127.0.0.1")), None);
    assert!(book.pick(NOW_MS, 1, &taken, |peer| *peer == a).is_some_and(|(peer, _)| peer == b));
}

#[test]
fn a_peer_that_fails_is_left_alone_for_longer_and_longer_and_then_forgotten() {
    let mut book = AddressBook::default();
    let peer = PeerId::random();
    book.add(peer, at("203.0.113.7"));
    let mut now_ms = NOW_MS;
    for failure in 0..MAX_FAILURES {
        assert!(pick(&book, now_ms, 0).is_some(), "failure {failure}");
        book.failed(&peer, now_ms);
        let pause_ms = (RETRY_MS << failure).min(MAX_RETRY_MS);
        assert_eq!(pick(&book, now_ms + pause_ms - 1, 0), None);
        now_ms += pause_ms;
    }
    assert!(book.is_empty());
}

#[test]
fn what_has_proven_itself_is_not_crowded_out() {
    let mut book = AddressBook::default();
    let proven = PeerId::random();
    book.connected(proven, nth(0), NOW_MS);
    for number in 1..=MAX_KNOWN as u32 + 500 {
        book.add(PeerId::random(), nth(number));
    }
    assert_eq!(book.len(), MAX_KNOWN);
    // Half of the dice fall to the one that we have been connected to.
    let chosen = (0..1_000)
        .filter(|dice| pick(&book, NOW_MS, *dice).is_some_and(|(peer, _)| peer == proven))
        .count();
    assert_eq!(chosen, 500);
    // A false address from another peer does not replace it while it works.
    book.add(proven, at("198.51.100.1"));
    assert_eq!(pick(&book, NOW_MS, 0), Some((proven, nth(0))));
    book.failed(&proven, NOW_MS);
    book.add(proven, at("198.51.100.1"));
    assert_eq!(pick(&book, NOW_MS + RETRY_MS, 0), Some((proven, at("198.51.100.1"))));
}

#[test]
fn one_subnet_fills_only_its_part_of_the_book() {
    let mut book = AddressBook::default();
    for host in 0..200 {
        book.add(PeerId::random(), at(&format!("203.0.113.{host}")));
    }
    assert_eq!(book.len(), MAX_PER_SUBNET);
    let proven = PeerId::random();
    book.connected(proven, at("203.0.5.5"), NOW_MS);
    assert_eq!(book.len(), MAX_PER_SUBNET);
    assert_eq!(pick(&book, NOW_MS, 0), Some((proven, at("203.0.5.5"))));
}

#[test]
fn only_addresses_that_can_be_dialled_are_kept() {
    let mut book = AddressBook::default();
    for address in
        ["/ip4/203.0.113.7", "/dns/example.org/tcp/1", "/ip4/203.0.113.7/tcp/1/ws", "/memory/7"]
    {
        book.add(PeerId::random(), address.parse().unwrap());
        book.connected(PeerId::random(), address.parse().unwrap(), NOW_MS);
    }
    assert!(book.is_empty());
}

#[test]
fn the_book_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.json");
    assert!(AddressBook::load(&path).unwrap().is_empty());
    let mut book = AddressBook::default();
    let (proven, told) = (PeerId::random(), PeerId::random());
    book.connected(proven, at("203.0.113.7"), NOW_MS);
    book.add(told, at("198.51.100.1"));
    book.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let loaded = AddressBook::load(&path).unwrap();
    assert_eq!(pick(&loaded, NOW_MS, 0), Some((proven, at("203.0.113.7"))));
    assert_eq!(pick(&loaded, NOW_MS, 1), Some((told, at("198.51.100.1"))));
    for damaged in
        [&b"[{}]"[..], b"no json", br#"[{"peer":"x","address":"/ip4/1.2.3.4/tcp/1","seen_ms":1}]"#]
    {
        std::fs::write(&path, damaged).unwrap();
        assert!(AddressBook::load(&path).is_err());
    }
}

proptest! {
    #[test]
    fn bounds_hold_and_taken_peers_are_never_offered(
        events in proptest::collection::vec((0_u8..4, any::<u16>(), any::<u64>()), 0..200)
    ) {
        let peers: Vec<PeerId> = (0..64).map(|_| PeerId::random()).collect();
        let mut book = AddressBook::default();
        for (kind, number, dice) in events {
            let peer = peers[usize::from(number) % peers.len()];
            let address = nth(u32::from(number % 50));
            match kind {
                0 => book.add(peer, address),
                1 => book.connected(peer, address, NOW_MS + dice % 1_000),
                2 => book.failed(&peer, NOW_MS),
                _ => book.forget(&peer),
            }
            let picked = book
                .pick(NOW_MS + dice % MAX_RETRY_MS, dice, &BTreeSet::new(), |other| *other == peer);
            prop_assert!(picked.is_none_or(|(other, _)| other != peer));
            prop_assert!(book.len() <= peers.len());
        }
    }
}
