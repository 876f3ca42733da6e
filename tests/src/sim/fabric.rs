//! The network between nodes: how long bytes take, and whether they arrive.
//!
//! Every pair has a base latency; a packet adds an exponential delay of its own, so that packets
//! overtake each other. It first waits for its sender's upload.
//!
//! Connections are TCP's: a lost packet is sent again, and comes late. Gossip is dropped where a
//! queue is full, which happens to as many packets; and now and then a connection breaks, with all
//! that was on its way.

use std::collections::BTreeMap;

use rand::{RngExt, rngs::StdRng};

use super::schedule::{Micros, SECOND};

/// After so long a lost packet is sent again: the usual minimum of TCP, and a little more.
const RETRANSMISSION: Micros = 300_000;
/// A packet that would wait longer than this for its sender's upload is dropped if it is gossip:
/// the bound of a node's send queue.
pub const MAX_UPLOAD_WAIT: Micros = 10 * SECOND;

/// What a network is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Base latencies of pairs, one way, are drawn from these.
    pub latency: (Micros, Micros),
    /// The mean of what a packet takes longer.
    pub jitter: Micros,
    /// Packets lost: gossip for good, others until they are sent again.
    pub loss: f64,
    /// Packets at which the connection breaks.
    pub resets: f64,
    /// Packets that come twice.
    pub duplication: f64,
    /// Upload of each node is drawn from these, in bytes a second.
    pub upload_bytes_per_s: (u64, u64),
}

impl Weather {
    /// The public internet on a bad day.
    pub const ROUGH: Self = Self {
        latency: (5_000, 150_000),
        jitter: 30_000,
        loss: 0.01,
        resets: 2e-5,
        duplication: 0.01,
        upload_bytes_per_s: (64 << 10, 4 << 20),
    };

    /// Data centres: for questions about the chain's rules, to which the network's troubles are
    /// noise.
    pub const CALM: Self = Self {
        latency: (5_000, 50_000),
        jitter: 5_000,
        loss: 0.0,
        resets: 0.0,
        duplication: 0.0,
        upload_bytes_per_s: (4 << 20, 4 << 20),
    };
}

#[derive(Debug, Clone, Copy)]
struct Upload {
    bytes_per_s: u64,
    free_at: Micros,
}

/// The network's state.
#[derive(Debug)]
pub struct Fabric {
    weather: Weather,
    /// By pair, the lower one first.
    latency: BTreeMap<(usize, usize), Micros>,
    uploads: Vec<Upload>,
    rng: StdRng,
}

impl Fabric {
    /// A network of so many participants.
    pub fn new(participants: usize, weather: Weather, mut rng: StdRng) -> Self {
        let pairs = (0..participants).flat_map(|b| (0..b).map(move |a| (a, b)));
        let latency = pairs
            .map(|pair| (pair, rng.random_range(weather.latency.0..=weather.latency.1)))
            .collect();
        let (low, high) = weather.upload_bytes_per_s;
        let upload =
            |rng: &mut StdRng| Upload { bytes_per_s: rng.random_range(low..=high), free_at: 0 };
        let uploads = (0..participants).map(|_| upload(&mut rng)).collect();
        Self { weather, latency, uploads, rng }
    }

    /// When a packet that is sent now arrives, once or twice. None if it is `droppable` and
    /// dropped.
    pub fn send(
        &mut self,
        now: Micros,
        from: usize,
        to: usize,
        bytes: usize,
        droppable: bool,
    ) -> [Option<Micros>; 2] {
        let upload = &mut self.uploads[from];
        let start = upload.free_at.max(now);
        let is_full = start - now > MAX_UPLOAD_WAIT;
        if droppable && (is_full || self.rng.random_bool(self.weather.loss)) {
            return [None; 2];
        }
        let sent = start + bytes as u64 * SECOND / upload.bytes_per_s;
        upload.free_at = sent;
        let mut arrival = sent + self.latency(from, to);
        while !droppable && self.rng.random_bool(self.weather.loss) {
            arrival += RETRANSMISSION;
        }
        let mut once =
            || arrival + exponential(&mut self.rng, self.weather.jitter as f64) as Micros;
        let (first, second) = (once(), once());
        [Some(first), self.rng.random_bool(self.weather.duplication).then_some(second)]
    }

    /// Whether the connection breaks at this packet.
    pub fn resets(&mut self) -> bool {
        self.rng.random_bool(self.weather.resets)
    }

    /// One way between two, without anything else in between.
    pub fn latency(&self, from: usize, to: usize) -> Micros {
        self.latency.get(&(from.min(to), from.max(to))).copied().unwrap_or(0)
    }
}

/// An exponentially distributed number.
pub fn exponential(rng: &mut StdRng, mean: f64) -> f64 {
    // 1 − [0, 1) is never 0.
    -mean * (1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn fabric(weather: Weather) -> Fabric {
        Fabric::new(3, weather, StdRng::seed_from_u64(1))
    }

    #[test]
    fn loss_and_duplication_are_as_frequent_as_asked() {
        let mut fabric = fabric(Weather { loss: 0.2, duplication: 0.1, ..Weather::ROUGH });
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            counts[fabric.send(0, 0, 1, 0, true).iter().flatten().count()] += 1;
        }
        assert!(counts[0].abs_diff(2_000) < 150 && counts[2].abs_diff(800) < 100, "{counts:?}");
    }

    #[test]
    fn what_may_not_be_dropped_comes_late() {
        let mut fabric =
            fabric(Weather { loss: 0.2, jitter: 0, duplication: 0.0, ..Weather::ROUGH });
        let base = fabric.latency(0, 1);
        let late =
            (0..10_000).filter(|_| fabric.send(0, 0, 1, 0, false)[0].unwrap() > base).count();
        assert!(late.abs_diff(2_000) < 150, "{late}");
    }

    #[test]
    fn packets_queue_for_the_upload_and_gossip_is_dropped_then() {
        let mut fabric =
            fabric(Weather { upload_bytes_per_s: (1_000, 1_000), jitter: 0, ..Weather::CALM });
        let base = fabric.latency(0, 1);
        for second in 1..=11 {
            assert_eq!(fabric.send(0, 0, 1, 1_000, true)[0], Some(second * SECOND + base));
        }
        assert_eq!(fabric.send(0, 0, 1, 1_000, true), [None; 2]);
        assert_eq!(fabric.send(0, 0, 1, 1_000, false)[0], Some(12 * SECOND + base));
        // Another's upload is free.
        assert_eq!(fabric.send(0, 1, 0, 1_000, true)[0], Some(SECOND + base));
    }

    #[test]
    fn packets_overtake_each_other() {
        let mut fabric = fabric(Weather::ROUGH);
        let arrivals: Vec<_> =
            (0..100).filter_map(|_| fabric.send(0, 0, 1, 100, false)[0]).collect();
        assert!(!arrivals.is_sorted());
    }
}
