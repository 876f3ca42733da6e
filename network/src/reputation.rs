//! Scores and bans of the sources of messages.
//!
//! A source is an IP address, because new peer ids cost nothing. An IPv4 address mapped into IPv6
//! is that IPv4 address; of an IPv6 address the first 64 bits count, because a host has all
//! addresses behind them. On loopback, where all peers share one address, and where there is no IP
//! address at all, a source is a peer id.
//!
//! By hand: gossipsub's scores are of peer ids, decay by the clock of its heartbeat, and end with
//! the process; libp2p's block list holds peer ids without an end. No crate charges addresses.
//!
//! Threads: none, and no clock: the time is an argument. Bounds: [`MAX_SCORES`] and [`MAX_BANS`].
//!
//! What must not be broken: a ban outlives a restart ([`Reputation::save`], [`Reputation::load`]).

use std::{collections::BTreeMap, fmt, io, net::IpAddr, path::Path, str::FromStr};

use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};

use crate::{
    address::{host_of, ip_of},
    files,
    penalty::{BAN_MS, BAN_POINTS, FORGIVE_MS, Penalty},
};

/// Most sources with points. When it is full, the one with the fewest points is forgotten.
pub const MAX_SCORES: usize = 4_096;
/// Most banned sources. When it is full, the ban that ends first is lifted.
pub const MAX_BANS: usize = 16_384;
/// The largest file of bans that is read.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// What points are charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An IPv4 address, or the first 64 bits of an IPv6 address with zeros behind.
    Ip(IpAddr),
    /// A peer on this machine, or without an IP address.
    Peer(PeerId),
}

impl Source {
    /// The source behind a connection.
    pub fn of(address: &Multiaddr, peer: PeerId) -> Self {
        match ip_of(address) {
            Some(ip) if !ip.is_loopback() => Self::of_ip(ip),
            _ => Self::Peer(peer),
        }
    }

    fn of_ip(ip: IpAddr) -> Self {
        Self::Ip(host_of(ip))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Peer(peer) => peer.fmt(f),
        }
    }
}

/// A text that is neither an IP address nor a peer id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or a peer id, got {0:?}")]
pub struct SourceParseError(String);

impl FromStr for Source {
    type Err = SourceParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::of_ip(ip));
        }
        text.parse().map(Self::Peer).map_err(|_| SourceParseError(text.chars().take(80).collect()))
    }
}

/// What follows from a penalty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing yet.
    None,
    /// The peer's connections end.
    Disconnect,
    /// All connections of the source end, and no new one is taken for a day.
    Ban,
}

/// Points and when they were counted.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    points: u32,
    counted_ms: u64,
}

impl Score {
    /// No points, at a time.
    pub fn new(now_ms: u64) -> Self {
        Self { points: 0, counted_ms: now_ms }
    }

    /// With an offence's points on top of those that are left at a time.
    #[must_use]
    pub fn charged(self, penalty: Penalty, now_ms: u64) -> Self {
        let left = self.at(now_ms);
        Self { points: left.points.saturating_add(penalty.points()), ..left }
    }

    /// Whether they are enough for a ban.
    pub fn is_ban(self) -> bool {
        self.points >= BAN_POINTS
    }

    /// The points that are left. The rest of a minute is not lost: `counted_ms` moves by whole
    /// ones.
    fn at(self, now_ms: u64) -> Self {
        let forgiven = now_ms.saturating_sub(self.counted_ms) / FORGIVE_MS;
        Self {
            points: self.points.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX)),
            counted_ms: self.counted_ms.saturating_add(forgiven.saturating_mul(FORGIVE_MS)),
        }
    }
}

/// All scores and bans of a node.
#[derive(Debug, Default)]
pub struct Reputation {
    scores: BTreeMap<Source, Score>,
    /// When each ban ends, in ms since the Unix epoch.
    bans: BTreeMap<Source, u64>,
}

/// A ban in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBan {
    source: String,
    until_ms: u64,
}

impl Reputation {
    /// Charges a source with an offence at a time.
    pub fn penalize(&mut self, source: Source, penalty: Penalty, now_ms: u64) -> Consequence {
        let before = self.scores.get(&source).copied().unwrap_or_else(|| Score::new(now_ms));
        let score = before.charged(penalty, now_ms);
        if score.is_ban() {
            self.scores.remove(&source);
            self.ban(source, now_ms.saturating_add(BAN_MS), now_ms);
            return Consequence::Ban;
        }
        if score.points > 0 {
            make_room(&mut self.scores, &source, MAX_SCORES, |score| {
                u64::from(score.at(now_ms).points)
            });
            self.scores.insert(source, score);
        }
        if penalty.disconnects() { Consequence::Disconnect } else { Consequence::None }
    }

    /// Bans a source until a time; a later end that stands already stays.
    pub fn ban(&mut self, source: Source, until_ms: u64, now_ms: u64) {
        self.bans.retain(|_, until| *until > now_ms);
        make_room(&mut self.bans, &source, MAX_BANS, |until| *until);
        let until = self.bans.entry(source).or_insert(until_ms);
        *until = (*until).max(until_ms);
    }

    /// Whether a source is banned at a time.
    pub fn is_banned(&self, source: &Source, now_ms: u64) -> bool {
        self.bans.get(source).is_some_and(|until| *until > now_ms)
    }

    /// The points of a source at a time.
    pub fn points(&self, source: &Source, now_ms: u64) -> u32 {
        self.scores.get(source).map_or(0, |score| score.at(now_ms).points)
    }

    /// The bans, each with its end in ms since the Unix epoch.
    pub fn bans(&self) -> impl Iterator<Item = (&Source, u64)> {
        self.bans.iter().map(|(source, until_ms)| (source, *until_ms))
    }

    /// Reads the bans of an earlier run that still stand. No file is no ban.
    ///
    /// # Errors
    /// The file cannot be read, or is not one that [`Reputation::save`] wrote.
    pub fn load(path: &Path, now_ms: u64) -> io::Result<Self> {
        let mut reputation = Self::default();
        let Some(bytes) = files::read(path, MAX_FILE_BYTES)? else {
            return Ok(reputation);
        };
        let saved: Vec<SavedBan> = serde_json::from_slice(&bytes)?;
        for ban in saved.into_iter().filter(|ban| ban.until_ms > now_ms) {
            let source = ban
                .source
                .parse()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            // A clock that was wrong once must not ban for years.
            reputation.ban(source, ban.until_ms.min(now_ms.saturating_add(BAN_MS)), now_ms);
        }
        Ok(reputation)
    }

    /// What [`Reputation::load`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        let bans =
            self.bans().map(|(source, until_ms)| SavedBan { source: source.to_string(), until_ms });
        // Strings and numbers always have a JSON form.
        serde_json::to_vec_pretty(&bans.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// Writes the bans: the file is replaced at once, and only its owner can read it.
    ///
    /// # Errors
    /// The system's.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &self.to_json())
    }
}

/// Removes the entry of the least value if the map is full and `key` is not in it.
fn make_room<V>(
    map: &mut BTreeMap<Source, V>,
    key: &Source,
    limit: usize,
    value: impl Fn(&V) -> u64,
) {
    if map.len() < limit || map.contains_key(key) {
        return;
    }
    if let Some(least) = map.iter().min_by_key(|(_, entry)| value(entry)).map(|(source, _)| *source)
    {
        map.remove(&least);
    }
}
