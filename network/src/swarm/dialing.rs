//! When to dial: seeds always, after growing pauses, and further peers while outbound slots are
//! free.
//!
//! Pauses double here and in [`crate::book`] by themselves: `lode_api::Backoff` belongs to a crate
//! that this one must not use, and two lines are not worth a crate below both
//! (`docs/src/decisions/0017-one-wire.md`).
//!
//! Threads and queues: one task for each name that is looked up, at most one for each seed. The
//! event loop waits for them; a panic in one is the event loop's.

use std::{
    net::SocketAddr,
    panic::resume_unwind,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::options::NetworkOptions;
use crate::address::{Scope, ip_of, split_peer};

/// Pauses between two attempts to reach a seed.
const SEED_RETRY: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);
/// Pauses between two queries for peers: short while slots are free, long otherwise.
const LOOK_AROUND: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(300);
/// Most seeds.
pub const MAX_SEEDS: usize = 64;

/// Why we dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dial {
    /// The seed with this index.
    Seed(usize),
    /// A peer out of the address book, for a slot.
    Book(PeerId),
}

/// A peer that the operator named.
#[derive(Debug)]
struct Seed {
    address: Multiaddr,
    /// The id that the operator gave, or that we found there.
    peer: Option<PeerId>,
    retry_at: Instant,
    failures: u32,
    under_way: bool,
}

/// The state of dialling.
#[derive(Debug)]
pub(super) struct Dialing {
    seeds: Vec<Seed>,
    /// The least scope of addresses that others may tell us. A node on the Internet does not dial
    /// into its own network on a stranger's word.
    scope: Scope,
    look_around_at: Instant,
    look_around_pause: Duration,
    /// One for each seed whose name is looked up.
    lookups: JoinSet<Found>,
}

/// The IP address behind a seed's name.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seed: usize,
    pub(super) address: Option<Multiaddr>,
}

/// The least scope of the addresses that the operator named.
pub(super) fn scope_of(options: &NetworkOptions) -> Scope {
    let named = options.listen.iter().chain(&options.seeds);
    named.filter_map(|address| ip_of(address).and_then(Scope::of)).min().unwrap_or(Scope::Global)
}

impl Dialing {
    pub(super) fn new(options: &NetworkOptions) -> Self {
        let now = Instant::now();
        let seed = |address: &Multiaddr| {
            let (address, peer) = split_peer(address.clone());
            Seed { address, peer, retry_at: now, failures: 0, under_way: false }
        };
        let seeds: Vec<Seed> = options.seeds.iter().map(seed).collect();
        let scope = scope_of(options);
        let look_around_pause = *LOOK_AROUND.start();
        Self { seeds, scope, look_around_at: now, look_around_pause, lookups: JoinSet::new() }
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// The next name that was looked up.
    pub(super) async fn resolved(&mut self) -> Option<Found> {
        match self.lookups.join_next().await? {
            Ok(found) => Some(found),
            // Only the end of the event loop cancels a task, and then nothing waits here.
            Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
        }
    }

    /// This peer is where the seed should be.
    pub(super) fn seed_found(&mut self, index: usize, peer: PeerId) {
        if let Some(seed) = self.seeds.get_mut(index) {
            (seed.peer, seed.under_way) = (Some(peer), false);
        }
    }

    /// A peer is one of ours: if it is a seed, its failures are forgiven.
    pub(super) fn seed_reached(&mut self, peer: &PeerId) {
        self.seeds
            .iter_mut()
            .filter(|seed| seed.peer == Some(*peer))
            .for_each(|seed| seed.failures = 0);
    }

    /// A peer is gone: if it is a seed, it is dialled again after a pause.
    pub(super) fn seed_lost(&mut self, peer: &PeerId, now: Instant) {
        self.seeds
            .iter_mut()
            .filter(|seed| seed.peer == Some(*peer))
            .for_each(|seed| seed.fail(now));
    }

    /// A seed cannot be reached. The first time in a row the operator is told.
    pub(super) fn seed_failed(&mut self, index: usize, now: Instant, why: &dyn std::fmt::Display) {
        if let Some(seed) = self.seeds.get_mut(index) {
            if seed.failures == 0 {
                warn!("cannot reach seed peer {}: {why}; trying again", seed.address);
            }
            seed.fail(now);
        }
    }

    /// The seeds that are due and not connected, the first of them, each from now on under way.
    pub(super) fn due(
        &mut self,
        now: Instant,
        most: usize,
        is_connected: impl Fn(&PeerId) -> bool,
    ) -> Vec<(usize, Multiaddr)> {
        let is_due = |seed: &Seed| {
            !seed.under_way
                && seed.retry_at <= now
                && !seed.peer.is_some_and(|peer| is_connected(&peer))
        };
        let due = self.seeds.iter_mut().enumerate().filter(|(_, seed)| is_due(seed)).take(most);
        due.map(|(index, seed)| {
            seed.under_way = true;
            (index, seed.address.clone())
        })
        .collect()
    }

    /// Looks a seed's name up, as the system does it.
    pub(super) fn look_up(&mut self, seed: usize, host: String, port: u16) {
        self.lookups.spawn(async move {
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            // Another one each time, if there are several: one of them may be down.
            let sockets: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
            let index = usize::from(rand::random::<u16>()) % sockets.len().max(1);
            let address = sockets.get(index).map(|socket| crate::address::tcp(*socket));
            debug!("{host} is at {address:?}");
            Found { seed, address }
        });
    }

    /// Whether the network is to be asked for peers now. Then the next time is put off.
    pub(super) fn looks_around(&mut self, now: Instant, has_free_slot: bool) -> bool {
        if self.look_around_at > now {
            return false;
        }
        let longest = *LOOK_AROUND.end();
        let pause = if has_free_slot { self.look_around_pause.saturating_mul(2) } else { longest };
        self.look_around_pause = pause.min(longest);
        self.look_around_at = now + self.look_around_pause;
        true
    }

    /// A new peer can be asked for addresses: searches for peers soon.
    pub(super) fn look_around_soon(&mut self) {
        self.look_around_pause = *LOOK_AROUND.start();
        self.look_around_at = Instant::now() + self.look_around_pause;
    }
}

impl Seed {
    fn fail(&mut self, now: Instant) {
        let pause =
            SEED_RETRY.start().saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.retry_at = now + pause.min(*SEED_RETRY.end());
        self.failures = (self.failures + 1).min(16);
        self.under_way = false;
    }
}

/// The name and port of an address that has no IP address yet.
pub(super) fn name_of(address: &Multiaddr) -> Option<(String, u16)> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (
            Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name),
            Protocol::Tcp(port),
        ) => Some((name.into_owned(), port)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &[&str], seeds: &[&str]) -> NetworkOptions {
        let parse = |texts: &[&str]| {
            texts.iter().map(|text| crate::address::parse(text).unwrap()).collect()
        };
        NetworkOptions {
            listen: parse(listen),
            seeds: parse(seeds),
            ..NetworkOptions::new(lode_consensus::Hash::ZERO, "/nowhere".into())
        }
    }

    #[test]
    fn strangers_are_believed_only_as_far_as_the_node_itself_reaches() {
        let scope = |listen: &[&str], seeds: &[&str]| Dialing::new(&options(listen, seeds)).scope();
        assert_eq!(scope(&["0.0.0.0:1"], &["seed.example.org:1", "8.8.8.8:1"]), Scope::Global);
        assert_eq!(scope(&["0.0.0.0:1"], &["10.0.0.1:1", "8.8.8.8:1"]), Scope::Private);
        assert_eq!(scope(&["127.0.0.1:1"], &["8.8.8.8:1"]), Scope::Loopback);
        assert_eq!(scope(&[], &[]), Scope::Global);
    }

    #[tokio::test]
    async fn a_panic_of_a_lookup_ends_the_event_loop() {
        let mut dialing = Dialing::new(&options(&[], &["seed.example.org:1"]));
        dialing.lookups.spawn(async { panic!("it was told to panic") });
        let event_loop = tokio::spawn(async move { dialing.resolved().await.is_some() });
        assert!(event_loop.await.unwrap_err().is_panic());
    }

    #[test]
    fn a_seed_that_fails_is_tried_again_after_growing_pauses() {
        let mut dialing = Dialing::new(&options(&[], &["8.8.8.8:1"]));
        let now = Instant::now();
        let pauses: Vec<u64> = (0..8)
            .map(|_| {
                dialing.seed_failed(0, now, &"no answer");
                dialing.seeds[0].retry_at.duration_since(now).as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        // An open port is not enough: it has to be a peer of this network.
        let peer = PeerId::random();
        dialing.seed_found(0, peer);
        dialing.seed_lost(&peer, now);
        assert_eq!(dialing.seeds[0].retry_at.duration_since(now).as_secs(), 60);
        dialing.seed_reached(&peer);
        dialing.seed_lost(&peer, now);
        assert_eq!(dialing.seeds[0].retry_at.duration_since(now).as_secs(), 1);
    }

    #[test]
    fn names_are_told_from_addresses() {
        let name = |text: &str| name_of(&crate::address::parse(text).unwrap());
        assert_eq!(name("node.example.org:4130"), Some(("node.example.org".to_owned(), 4130)));
        assert_eq!(name("192.0.2.1:4130"), None);
    }
}
