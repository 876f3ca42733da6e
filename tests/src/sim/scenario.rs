//! What a run is made of: all of it follows from a seed.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    fabric::Weather,
    schedule::{HOUR, MINUTE, Micros, SECOND},
};

/// Attempts a second of all miners together: 300 in a block interval, which is what the genesis
/// target of the simulated network expects.
pub const TOTAL_RATE: f64 = 20.0;
/// Mined-out time at the end: everything heals, nothing is found.
pub const SETTLING: Micros = 10 * MINUTE;
/// A partition ends before the smaller side has made as many blocks as an anchor is deep. What
/// either side counted then still counts for the other, so that nobody's shares are lost: that is
/// what the rule is for.
const PARTITION: (Micros, Micros) = (MINUTE, 4 * MINUTE);

/// How a node with a whole core behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// By the rules.
    Honest,
    /// Keeps its blocks back and publishes them when it pays (Eyal and Sirer, "Majority is not
    /// enough", 2014, section 4).
    Selfish,
    /// Keeps its shares back and publishes them in bursts.
    Withholder,
}

/// Something that happens to the network.
#[derive(Debug, Clone, PartialEq)]
pub enum Incident {
    /// A node loses everything but its disk.
    Crash(usize),
    /// It starts again.
    Restart(usize),
    /// The network falls in two: those on either side.
    Partition(Vec<bool>),
    /// It is whole again.
    Heal,
    /// All that one node is connected to are attackers.
    Eclipse(usize),
    /// It is free again.
    EndEclipse,
    /// Another spammer appears.
    SpammerJoins(usize),
}

/// A whole run, before it starts.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What everything random is drawn from.
    pub seed: u64,
    /// How long miners mine. Settling comes on top.
    pub duration: Micros,
    /// What the network is like.
    pub weather: Weather,
    /// One for each node.
    pub roles: Vec<Role>,
    /// Attempts a second of the miner at each node; 0 without one.
    pub rates: Vec<f64>,
    /// How far each node's clock is ahead, in ms.
    pub skews_ms: Vec<i64>,
    /// Pairs of nodes that keep up a connection.
    pub links: Vec<(usize, usize)>,
    /// What happens when.
    pub plan: Vec<(Micros, Incident)>,
    /// How many spammers the plan may let in.
    pub spammers: usize,
    /// How many attackers surround an eclipsed node.
    pub eclipsers: usize,
    /// Time between two transfers on average; 0 for none.
    pub transfer_interval: Micros,
    /// Whether proofs are bought and sold.
    pub has_market: bool,
}

impl Scenario {
    /// All troubles at once. `selfish` and the withholder are nodes 1 and 2.
    pub fn random(seed: u64, nodes: usize, duration: Micros) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut roles = vec![Role::Honest; nodes];
        if nodes >= 6 {
            roles[1] = Role::Selfish;
            roles[2] = Role::Withholder;
        }
        let spammers = 3;
        Self {
            seed,
            duration,
            weather: Weather {
                loss: rng.random_range(0.0..0.03),
                duplication: rng.random_range(0.0..0.03),
                ..Weather::ROUGH
            },
            rates: rates(&mut rng, &roles),
            skews_ms: skews(&mut rng, nodes),
            links: links(&mut rng, nodes),
            plan: plan(&mut rng, nodes, spammers, duration),
            roles,
            spammers,
            eclipsers: 4,
            transfer_interval: 2 * MINUTE,
            has_market: false,
        }
    }

    /// The same with a market.
    #[must_use]
    pub fn with_market(self) -> Self {
        Self { has_market: true, ..self }
    }

    /// One selfish miner with a part `alpha` of all attempts among honest miners of equal power,
    /// and no other trouble.
    pub fn selfish(seed: u64, nodes: usize, alpha: f64, duration: Micros) -> Self {
        let mut roles = vec![Role::Honest; nodes];
        roles[0] = Role::Selfish;
        let honest = (1.0 - alpha) * TOTAL_RATE / (nodes - 1) as f64;
        let mut rates = vec![honest; nodes];
        rates[0] = alpha * TOTAL_RATE;
        Self {
            seed,
            duration,
            weather: Weather::CALM,
            roles,
            rates,
            skews_ms: vec![0; nodes],
            links: (0..nodes).flat_map(|a| (0..a).map(move |b| (b, a))).collect(),
            plan: Vec::new(),
            spammers: 0,
            eclipsers: 0,
            transfer_interval: 0,
            has_market: false,
        }
    }
}

/// About half of the nodes mine, the strongest up to ten times as fast as the weakest. A selfish
/// miner has 15 to 30 % of all attempts.
fn rates(rng: &mut StdRng, roles: &[Role]) -> Vec<f64> {
    let mut rates: Vec<f64> = (0..roles.len())
        .map(|node| if node % 2 == 1 && node > 2 { 0.0 } else { rng.random_range(1.0..10.0) })
        .collect();
    let selfish = roles.iter().position(|role| *role == Role::Selfish);
    let alpha = if selfish.is_some() { rng.random_range(0.15..0.3) } else { 0.0 };
    if let Some(selfish) = selfish {
        rates[selfish] = 0.0;
    }
    let sum: f64 = rates.iter().sum();
    rates.iter_mut().for_each(|rate| *rate *= (1.0 - alpha) * TOTAL_RATE / sum);
    if let Some(selfish) = selfish {
        rates[selfish] = alpha * TOTAL_RATE;
    }
    rates
}

/// Most clocks are nearly right. One is ahead and one behind by more than the future limit of 15 s.
fn skews(rng: &mut StdRng, nodes: usize) -> Vec<i64> {
    let mut skews: Vec<i64> = (0..nodes).map(|_| rng.random_range(-2_000..=2_000)).collect();
    if nodes >= 6 {
        skews[nodes - 1] = rng.random_range(16_000..60_000);
        skews[nodes - 2] = -rng.random_range(16_000..60_000);
    }
    skews
}

/// A ring, so that the graph is connected, and two more for each node.
fn links(rng: &mut StdRng, nodes: usize) -> Vec<(usize, usize)> {
    let mut links = std::collections::BTreeSet::new();
    for node in 0..nodes {
        links.insert((node, (node + 1) % nodes));
        for _ in 0..2 {
            links.insert((node, rng.random_range(0..nodes)));
        }
    }
    let ordered = links.into_iter().filter(|(a, b)| a != b).map(|(a, b)| (a.min(b), a.max(b)));
    ordered.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// Three crashes an hour, a partition, an eclipse, spammers.
fn plan(
    rng: &mut StdRng,
    nodes: usize,
    spammers: usize,
    duration: Micros,
) -> Vec<(Micros, Incident)> {
    let mut plan = Vec::new();
    let hours = duration.div_ceil(HOUR).max(1);
    for hour in 0..hours {
        let start = hour * HOUR;
        for _ in 0..3 {
            let (at, node) = (start + rng.random_range(0..HOUR), rng.random_range(0..nodes));
            plan.push((at, Incident::Crash(node)));
            plan.push((at + rng.random_range(SECOND..5 * MINUTE), Incident::Restart(node)));
        }
        // Partition and eclipse in different halves of the hour.
        let at = start + rng.random_range(0..20 * MINUTE);
        let mut sides: Vec<bool> = (0..nodes).map(|node| node < nodes / 3).collect();
        sides.shuffle(rng);
        plan.push((at, Incident::Partition(sides)));
        plan.push((at + rng.random_range(PARTITION.0..PARTITION.1), Incident::Heal));
        let at = start + 30 * MINUTE + rng.random_range(0..20 * MINUTE);
        plan.push((at, Incident::Eclipse(rng.random_range(0..nodes))));
        plan.push((at + rng.random_range(MINUTE..8 * MINUTE), Incident::EndEclipse));
    }
    for spammer in 0..spammers {
        plan.push((rng.random_range(0..duration), Incident::SpammerJoins(spammer)));
    }
    plan.retain(|(at, _)| *at < duration);
    plan.sort_by_key(|(at, _)| *at);
    plan
}
