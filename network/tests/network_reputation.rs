//! Penalties, bans and the sources that they apply to.

use std::os::unix::fs::PermissionsExt;

use lode_network::{
    Multiaddr, PeerId, Penalty, Reputation,
    penalty::{BAN_MS, BAN_POINTS, FORGIVE_MS},
    reputation::{Consequence, MAX_BANS, MAX_SCORES, Source},
};

const NOW_MS: u64 = 1_800_000_000_000;

fn source(text: &str) -> Source {
    let address: Multiaddr = text.parse().unwrap();
    Source::of(&address, PeerId::random())
}

fn numbered(number: u32) -> Source {
    source(&format!("/ip4/{}/tcp/1", std::net::Ipv4Addr::from(0x0a00_0000 + number)))
}

#[test]
fn an_address_is_one_source_however_it_is_written() {
    assert_eq!(source("/ip4/203.0.113.7/tcp/4130"), source("/ip6/::ffff:203.0.113.7/tcp/9"));
    assert_ne!(source("/ip4/203.0.113.7/tcp/4130"), source("/ip4/203.0.113.8/tcp/4130"));
    // A host has all 2^64 addresses behind its prefix.
    assert_eq!(
        source("/ip6/2001:db8:1:2::1/tcp/1"),
        source("/ip6/2001:db8:1:2:3:4:5:6/udp/1/quic-v1")
    );
    assert_ne!(source("/ip6/2001:db8:1:2::1/tcp/1"), source("/ip6/2001:db8:1:3::1/tcp/1"));
}

#[test]
fn on_loopback_peers_are_told_apart_by_their_ids() {
    let (a, b) = (PeerId::random(), PeerId::random());
    for address in [
        "/ip4/127.0.0.1/tcp/1",
        "/ip4/127.9.9.9/tcp/1",
        "/ip6/::1/tcp/1",
        "/ip6/::ffff:127.0.0.1/tcp/1",
    ] {
        let address: Multiaddr = address.parse().unwrap();
        assert_eq!(Source::of(&address, a), Source::Peer(a));
        assert_ne!(Source::of(&address, a), Source::of(&address, b));
    }
}

#[test]
fn invalid_proofs_end_after_five_at_most_however_slowly_they_come() {
    for pause_ms in [0, FORGIVE_MS, 5 * FORGIVE_MS] {
        let mut reputation = Reputation::default();
        let mut sent = 0;
        while !reputation.is_banned(&numbered(1), NOW_MS + sent * pause_ms) {
            reputation.penalize(numbered(1), Penalty::InvalidProof, NOW_MS + sent * pause_ms);
            sent += 1;
            assert!(sent <= 5, "{sent} with a pause of {pause_ms} ms");
        }
    }
}

#[test]
fn points_add_up_are_forgiven_and_stay_with_their_source() {
    let mut reputation = Reputation::default();
    let minute = FORGIVE_MS;
    assert_eq!(reputation.penalize(numbered(1), Penalty::InvalidProof, NOW_MS), Consequence::None);
    assert_eq!(reputation.points(&numbered(1), NOW_MS + minute - 1), 25);
    assert_eq!(reputation.points(&numbered(1), NOW_MS + minute), 24);
    assert_eq!(reputation.points(&numbered(1), NOW_MS + 100 * minute), 0);
    // The rest of a minute counts: two penalties half a minute apart do not reset it.
    reputation.penalize(numbered(1), Penalty::InvalidProof, NOW_MS + minute / 2);
    assert_eq!(reputation.points(&numbered(1), NOW_MS + minute), 49);
    assert_eq!(reputation.points(&numbered(2), NOW_MS), 0);
    // A clock that goes back forgives nothing and adds nothing.
    assert_eq!(reputation.points(&numbered(1), NOW_MS - 10 * minute), 50);
}

#[test]
fn the_table_of_penalties_is_what_the_module_says() {
    for penalty in Penalty::ALL {
        let mut reputation = Reputation::default();
        let expected = match (penalty.points() >= BAN_POINTS, penalty.disconnects()) {
            (true, _) => Consequence::Ban,
            (false, true) => Consequence::Disconnect,
            (false, false) => Consequence::None,
        };
        assert_eq!(reputation.penalize(numbered(1), penalty, NOW_MS), expected, "{penalty:?}");
        assert_eq!(reputation.is_banned(&numbered(1), NOW_MS), expected == Consequence::Ban);
    }
    let points = Penalty::ALL.map(Penalty::points);
    assert_eq!(points, [25, 100, 50, 10, 50, 50, 25, 10, 10, 10, 2, 0, 0]);
}

#[test]
fn a_ban_ends_after_a_day_and_starts_from_zero() {
    let mut reputation = Reputation::default();
    assert_eq!(reputation.penalize(numbered(1), Penalty::InvalidBlock, NOW_MS), Consequence::Ban);
    assert!(reputation.is_banned(&numbered(1), NOW_MS + BAN_MS - 1));
    assert!(!reputation.is_banned(&numbered(1), NOW_MS + BAN_MS));
    assert!(!reputation.is_banned(&numbered(2), NOW_MS));
    assert_eq!(reputation.points(&numbered(1), NOW_MS), 0);
}

#[test]
fn bans_outlive_a_restart_in_a_file_that_only_its_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bans.json");
    assert_eq!(Reputation::load(&path, NOW_MS).unwrap().bans().count(), 0);

    let peer = Source::Peer(PeerId::random());
    let mut reputation = Reputation::default();
    reputation.penalize(numbered(1), Penalty::InvalidBlock, NOW_MS);
    reputation.penalize(peer, Penalty::InvalidBlock, NOW_MS + 5);
    reputation.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let loaded = Reputation::load(&path, NOW_MS + 10).unwrap();
    assert!(loaded.bans().eq(reputation.bans()));
    let later = Reputation::load(&path, NOW_MS + BAN_MS).unwrap();
    assert!(
        !later.is_banned(&numbered(1), NOW_MS + BAN_MS) && later.is_banned(&peer, NOW_MS + BAN_MS)
    );
    // A ban from a clock that was years ahead lasts a day.
    reputation.ban(numbered(3), u64::MAX, NOW_MS);
    reputation.save(&path).unwrap();
    assert!(!Reputation::load(&path, NOW_MS).unwrap().is_banned(&numbered(3), NOW_MS + BAN_MS));

    std::fs::write(&path, b"[{\"source\": \"nobody\", \"until_ms\": 18446744073709551615}]")
        .unwrap();
    assert!(Reputation::load(&path, NOW_MS).is_err());
    std::fs::write(&path, vec![b' '; 5 << 20]).unwrap();
    assert!(Reputation::load(&path, NOW_MS).is_err());
}

#[test]
fn scores_and_bans_are_bounded() {
    let mut reputation = Reputation::default();
    reputation.penalize(numbered(0), Penalty::InvalidHeader, NOW_MS);
    for number in 1..=MAX_SCORES as u32 + 100 {
        reputation.penalize(numbered(number), Penalty::TooManyRequests, NOW_MS);
    }
    assert_eq!(reputation.points(&numbered(0), NOW_MS), 50, "the worst is remembered");
    let known = (0..=MAX_SCORES as u32 + 100)
        .filter(|number| reputation.points(&numbered(*number), NOW_MS) > 0);
    assert_eq!(known.count(), MAX_SCORES);

    for number in 0..MAX_BANS as u32 + 100 {
        reputation.ban(numbered(number), NOW_MS + 1_000 + u64::from(number), NOW_MS);
    }
    assert_eq!(reputation.bans().count(), MAX_BANS);
    assert!(!reputation.is_banned(&numbered(99), NOW_MS), "those that end first made room");
    assert!(reputation.is_banned(&numbered(100), NOW_MS));
}
