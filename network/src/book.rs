//! The address book: where peers may be found, which to try next, and what is kept of it over a
//! restart.
//!
//! By hand: libp2p's Kademlia table and peer store keep addresses in memory, and know neither
//! limits by subnet nor pauses after failures nor a file; Bitcoin's tables of peers, which do, are
//! no crate.
//!
//! Threads: none, and neither a clock nor randomness: time and dice are arguments.
//!
//! Bounds: [`MAX_KNOWN`] peers, and [`MAX_PER_SUBNET`] in one subnet, so that an attacker cannot
//! fill the book with its own addresses. A peer that we were connected to is only displaced by one
//! that we were connected to later.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};

use crate::{
    address::{Subnet, ip_of, is_dialable},
    files,
};

/// Most peers in the book.
pub const MAX_KNOWN: usize = 1_024;
/// Most peers of one subnet in the book; on loopback there is no subnet.
pub const MAX_PER_SUBNET: usize = 16;
/// The pause after a first failed dial, in ms; it doubles with each further one.
pub const RETRY_MS: u64 = 10_000;
/// The longest pause between two dials, in ms.
pub const MAX_RETRY_MS: u64 = 60 * 60 * 1_000;
/// Failures in a row after which a peer is forgotten.
pub const MAX_FAILURES: u32 = 10;
/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    address: Multiaddr,
    /// When we were last connected to it there; 0 for never.
    seen_ms: u64,
    failures: u32,
    retry_at_ms: u64,
}

/// Peers and where they may be found.
#[derive(Debug, Default)]
pub struct AddressBook {
    entries: BTreeMap<PeerId, Entry>,
}

/// A peer in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPeer {
    peer: String,
    address: String,
    seen_ms: u64,
}

impl AddressBook {
    /// Notes an address that another peer gives for a peer. An address at which we were connected
    /// to it is kept until it fails.
    pub fn add(&mut self, peer: PeerId, address: Multiaddr) {
        if !is_dialable(&address) || ip_of(&address).is_none() {
            return;
        }
        match self.entries.get_mut(&peer) {
            Some(known) if known.seen_ms > 0 && known.failures == 0 => {}
            Some(known) => known.address = address,
            None => self.insert(peer, Entry { address, seen_ms: 0, failures: 0, retry_at_ms: 0 }),
        }
    }

    /// Notes that we are connected to a peer at an address that can be dialled.
    pub fn connected(&mut self, peer: PeerId, address: Multiaddr, now_ms: u64) {
        if is_dialable(&address) && ip_of(&address).is_some() {
            self.entries.remove(&peer);
            self.insert(peer, Entry { address, seen_ms: now_ms, failures: 0, retry_at_ms: 0 });
        }
    }

    /// Notes that a dial failed, or that the peer is of no use for now. Pauses grow with each
    /// failure in a row.
    pub fn failed(&mut self, peer: &PeerId, now_ms: u64) {
        let Some(entry) = self.entries.get_mut(peer) else {
            return;
        };
        let pause_ms =
            RETRY_MS.checked_shl(entry.failures).unwrap_or(MAX_RETRY_MS).min(MAX_RETRY_MS);
        entry.retry_at_ms = now_ms.saturating_add(pause_ms);
        entry.failures = entry.failures.saturating_add(1);
        if entry.failures >= MAX_FAILURES {
            self.entries.remove(peer);
        }
    }

    pub fn forget(&mut self, peer: &PeerId) {
        self.entries.remove(peer);
    }

    /// A peer to dial now: none that `is_taken`, none in a subnet in `subnets`. Half of the dice
    /// fall to those that we have been connected to, so that new addresses, however many, do not
    /// crowd out what has proven itself.
    pub fn pick(
        &self,
        now_ms: u64,
        dice: u64,
        subnets: &BTreeSet<Subnet>,
        is_taken: impl Fn(&PeerId) -> bool,
    ) -> Option<(PeerId, Multiaddr)> {
        let free = |(peer, entry): &(&PeerId, &Entry)| {
            entry.retry_at_ms <= now_ms
                && !is_taken(peer)
                && subnet_of(&entry.address).is_none_or(|subnet| !subnets.contains(&subnet))
        };
        let (proven, new): (Vec<_>, Vec<_>) =
            self.entries.iter().filter(free).partition(|(_, entry)| entry.seen_ms > 0);
        let (first, second) = if dice & 1 == 0 { (proven, new) } else { (new, proven) };
        let chosen = if first.is_empty() { second } else { first };
        let index = usize::try_from((dice >> 1) % chosen.len().max(1) as u64).unwrap_or(0);
        chosen.get(index).map(|(peer, entry)| (**peer, entry.address.clone()))
    }

    /// How many peers the book holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the book is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts a new entry in; of a full subnet or a full book the least worth goes, be it the new
    /// one.
    fn insert(&mut self, peer: PeerId, entry: Entry) {
        let subnet = subnet_of(&entry.address);
        self.entries.insert(peer, entry);
        let in_subnet = |entry: &Entry| subnet.is_some() && subnet_of(&entry.address) == subnet;
        if self.entries.values().filter(|entry| in_subnet(entry)).count() > MAX_PER_SUBNET {
            self.remove_least(in_subnet);
        }
        if self.entries.len() > MAX_KNOWN {
            self.remove_least(|_| true);
        }
    }

    /// The least worth: seen longest ago, or never; then the most failures.
    fn remove_least(&mut self, among: impl Fn(&Entry) -> bool) {
        let candidates = self.entries.iter().filter(|(_, entry)| among(entry));
        let least = candidates.min_by_key(|(_, entry)| (entry.seen_ms, u32::MAX - entry.failures));
        if let Some(peer) = least.map(|(peer, _)| *peer) {
            self.entries.remove(&peer);
        }
    }

    /// Reads the book of an earlier run. No file is an empty book.
    ///
    /// # Errors
    /// The file cannot be read, or is not one that [`AddressBook::save`] wrote.
    pub fn load(path: &Path) -> io::Result<Self> {
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut book = Self::default();
        let Some(bytes) = files::read(path, MAX_FILE_BYTES)? else {
            return Ok(book);
        };
        for saved in serde_json::from_slice::<Vec<SavedPeer>>(&bytes)? {
            let peer = saved
                .peer
                .parse()
                .map_err(|error| invalid(format!("peer {:?}: {error}", saved.peer)))?;
            let address: Multiaddr = saved
                .address
                .parse()
                .map_err(|error| invalid(format!("address {:?}: {error}", saved.address)))?;
            if is_dialable(&address) && ip_of(&address).is_some() {
                book.insert(
                    peer,
                    Entry { address, seen_ms: saved.seen_ms, failures: 0, retry_at_ms: 0 },
                );
            }
        }
        Ok(book)
    }

    /// What [`AddressBook::load`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let peers = self.entries.iter().map(|(peer, entry)| SavedPeer {
            peer: peer.to_string(),
            address: entry.address.to_string(),
            seen_ms: entry.seen_ms,
        });
        // Strings and numbers always have a JSON form.
        serde_json::to_vec_pretty(&peers.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// Writes the book: the file is replaced at once, and only its owner can read it.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &self.to_json())
    }
}

/// The subnet of an address, if it has one.
pub fn subnet_of(address: &Multiaddr) -> Option<Subnet> {
    ip_of(address).and_then(Subnet::of)
}
