//! What must hold after every run, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use lode_consensus::{Address, Hash, Height, reward};
use lode_core::sync::SyncState;
use lode_ledger::{Reader, fsck::Depth};
use lode_network::Penalty;
use lode_puzzle::Statement;

use super::{
    audit,
    scenario::Role,
    schedule::{Micros, SECOND},
    tally::{self, Tally},
    world::World,
};

/// A chain shorter than this part of what the time allows for has stood still somewhere.
const LEAST_HEIGHT: f64 = 0.6;
/// Beyond so many standard deviations one miner's count is no chance: once in two million counts.
pub const MAX_SIGMA: f64 = 5.0;
/// Invalid proofs after which a peer must be gone.
const MAX_INVALID_PROOFS: u32 = 5;

/// What a miner did and what the chain counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fairness {
    /// The miner's node.
    pub node: usize,
    /// Expected attempts of all its time at work.
    pub attempts: f64,
    /// Attempts that its node took in as shares.
    pub found: u64,
    /// Shares that the chain counts.
    pub counted: u64,
    /// Its part of the attempts of all honest miners, times all their counted shares.
    pub expected: f64,
    /// How far the count lies from that, in standard deviations.
    pub sigma: f64,
}

/// Clocks that nobody may call wrong: their errors and those of their peers do not add up to the
/// future limit.
const RIGHT_CLOCK_MS: u64 = 2_000;
/// Clocks that have to be called wrong: beyond the future limit even if the peers' own errors are
/// taken off.
const WRONG_CLOCK_MS: u64 = 20_000;
/// Connections of a node that are enough for a majority of right clocks among them: one other clock
/// is wrong.
const WITNESSES: usize = 4;

/// What one address has of everything that the chain has paid.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Part {
    /// Part of the blocks.
    pub blocks: f64,
    /// Part of the counted shares.
    pub shares: f64,
    /// Part of all rewards, in microcredits.
    pub rewards: f64,
}

/// The outcome of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run's seed.
    pub seed: u64,
    /// The hash of all events.
    pub trace: Hash,
    /// How many they were.
    pub events: u64,
    /// The height that all nodes ended on.
    pub height: Height,
    /// Transfers that were taken in.
    pub payments: usize,
    /// Honest miners.
    pub fairness: Vec<Fairness>,
    /// The first node's miner.
    pub first: Part,
    /// What happened in the market.
    pub market: Tally,
    /// Participants banned, over all nodes.
    pub bans: usize,
    /// What does not hold. Empty if all is well.
    pub violations: Vec<String>,
}

/// Judges a run that has ended.
pub fn judge(world: &mut World) -> Report {
    let mut violations = std::mem::take(&mut world.violations);
    let tips: BTreeSet<(Height, Hash)> =
        world.nodes.iter().filter_map(|node| Some(node.core.as_ref()?.service.tip())).collect();
    for (index, core) in world
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((index, node.core.as_ref()?)))
    {
        let status = core.status();
        if status.state != SyncState::Synced {
            violations.push(format!(
                "node {index} ends as {:?}: {}",
                status.state,
                status.reason.unwrap_or_default()
            ));
        }
    }
    let up = world.nodes.iter().filter(|node| node.core.is_some()).count();
    if up != world.nodes.len() {
        violations.push(format!("{up} of {} nodes are up", world.nodes.len()));
    }
    if tips.len() != 1 {
        let each =
            world.nodes.iter().map(|node| node.core.as_ref().map(|core| core.service.tip().0));
        violations.push(format!("{} tips; heights: {:?}", tips.len(), each.collect::<Vec<_>>()));
    }
    judge_clocks(world, &mut violations);
    judge_states(world, &mut violations);
    judge_memory(world, &mut violations);
    judge_behaviour(world, &mut violations);

    let mut report = Report {
        seed: world.scenario.seed,
        trace: world.schedule.trace(),
        events: world.schedule.events(),
        height: tips.last().map_or(0, |(height, _)| *height),
        payments: world.payments.len(),
        fairness: Vec::new(),
        first: Part::default(),
        market: Tally::default(),
        bans: world.nodes.iter().map(|node| node.record.banned.len()).sum(),
        violations: Vec::new(),
    };
    let least = LEAST_HEIGHT * intervals(world, world.scenario.duration);
    if f64::from(report.height) < least {
        violations.push(format!("height {}: expected at least {least:.0}", report.height));
    }
    if let Some(core) = world.nodes.first().and_then(|node| node.core.as_ref()) {
        let reader = core.service.ledger().read();
        let chain = Chain::walk(world, &reader, &mut violations);
        report.first = chain.part(&world.miners[0].address);
        report.fairness = chain.fairness(world);
        judge_payments(world, &reader, &mut violations);
        if world.scenario.has_market {
            report.market =
                tally::follow(&reader, &world.actors.network.params.market, &mut violations);
            judge_market(world, &reader, &mut violations);
        }
    }
    for fair in report.fairness.iter().filter(|fair| fair.sigma.abs() > MAX_SIGMA) {
        violations.push(format!("unfair: {fair:?}"));
    }
    report.violations = violations;
    report
}

fn intervals(world: &World, time: Micros) -> f64 {
    let interval_ms = world.actors.network.params.block_interval_ms;
    time as f64 / (interval_ms as f64 * SECOND as f64 / 1_000.0)
}

/// Supply on every node, equal roots, and one node's whole ledger against a fresh replay.
fn judge_states(world: &World, violations: &mut Vec<String>) {
    let mut roots = BTreeSet::new();
    for node in &world.nodes {
        let Some(core) = &node.core else {
            continue;
        };
        let reader = core.service.ledger().read();
        let (height, hash) = reader.tip().expect("the ledger reads");
        // The root in the tree itself, not the one that the header claims.
        let proof = reader
            .account_proof(&world.miners[0].address, height)
            .expect("the tip's state is retained");
        let claimed = reader
            .entry(&hash)
            .expect("the ledger reads")
            .expect("the tip is stored")
            .header
            .state_root;
        if proof.state_root != claimed {
            violations.push(format!(
                "node {}: state root {}, the tip claims {claimed}",
                node.index, proof.state_root
            ));
        }
        roots.insert(proof.state_root);
        if let Err(error) = reader.supply().expect("the ledger reads").check() {
            violations.push(format!("node {}: {error}", node.index));
        }
    }
    if roots.len() != 1 {
        violations.push(format!("{} state roots", roots.len()));
    }
    // Another node for each seed: all would cost as much as the run itself.
    let index = usize::try_from(world.scenario.seed).unwrap_or(0) % world.nodes.len();
    if let Some(core) = &world.nodes[index].core {
        let scratch = scratch_folder();
        let ledger = core.service.ledger();
        let weights = |count| vec![1; count];
        if let Err(error) =
            ledger.fsck(Depth::Replay, &*world.oracle, weights, scratch.path(), |_, _| {})
        {
            violations
                .push(format!("node {index}: its ledger is not what a replay makes: {error}"));
        }
    }
}

fn scratch_folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a scratch folder")
}

/// A clock that is far off is named by its own node, and no other one is.
fn judge_clocks(world: &World, violations: &mut Vec<String>) {
    for (node, core) in world.nodes.iter().filter_map(|node| Some((node, node.core.as_ref()?))) {
        let (skew_ms, named) = (world.scenario.skews_ms[node.index], core.status().clock);
        if skew_ms.unsigned_abs() <= RIGHT_CLOCK_MS && named.is_some() {
            violations
                .push(format!("node {}: its clock is right, and named: {named:?}", node.index));
        }
        if skew_ms.unsigned_abs() > WRONG_CLOCK_MS
            && node.links.len() >= WITNESSES
            && named.is_none()
        {
            violations.push(format!(
                "node {}: its clock is off by {skew_ms} ms, and nobody says so",
                node.index
            ));
        }
    }
}

fn judge_memory(world: &World, violations: &mut Vec<String>) {
    for node in &world.nodes {
        for (name, (size, bound)) in &node.record.over {
            violations.push(format!("node {}: {name}: {size}, more than {bound}", node.index));
        }
    }
}

/// Honest peers are never blamed, liars go quickly, and every message gets one verdict.
fn judge_behaviour(world: &World, violations: &mut Vec<String>) {
    let is_node = |participant: &usize| *participant < world.nodes.len();
    for node in &world.nodes {
        let Some(_) = node.core else {
            continue;
        };
        let index = node.index;
        for ((other, penalty), count) in &node.record.penalties {
            // A slow line looks like a stall, and nobody can tell the difference. It must not end
            // in a ban.
            if is_node(other) && *penalty != Penalty::Stall {
                violations.push(format!(
                    "node {index} blames honest node {other}: {penalty:?}, {count} times"
                ));
            }
            if *penalty == Penalty::InvalidProof && *count > MAX_INVALID_PROOFS {
                violations.push(format!("node {index} takes {count} invalid proofs from {other}"));
            }
        }
        for other in node.record.banned.iter().filter(|other| is_node(other)) {
            violations.push(format!("node {index} bans honest node {other}"));
        }
        for (other, count) in node.record.rejected.iter().filter(|(other, _)| is_node(other)) {
            violations
                .push(format!("node {index} rejects {count} messages of honest node {other}"));
        }
        if node.record.stray_verdicts > 0 {
            violations
                .push(format!("node {index}: {} verdicts too many", node.record.stray_verdicts));
        }
        if node.unjudged() > 0 {
            violations
                .push(format!("node {index}: {} messages without a verdict", node.unjudged()));
        }
    }
}

/// No payment is lost: it is on the chain, or another took its nonce, or it waits.
fn judge_payments(world: &World, reader: &Reader<'_>, violations: &mut Vec<String>) {
    let waiting: BTreeSet<Hash> = world
        .nodes
        .iter()
        .filter_map(|node| node.core.as_ref())
        .flat_map(|core| core.waiting().transactions.into_iter().map(|(id, _)| id))
        .collect();
    for payment in &world.payments {
        let is_on_chain =
            reader.transaction_place(&payment.id).expect("the ledger reads").is_some();
        let sender = reader
            .account(&payment.signed.transaction.from)
            .expect("the ledger reads")
            .unwrap_or_default();
        let is_used = payment.signed.transaction.nonce < sender.nonce;
        if !is_on_chain && !is_used && !waiting.contains(&payment.id) {
            violations.push(format!("payment {} is lost", payment.id));
        }
    }
}

/// The market's leaves at every height of a node's chain, and at the tips of all.
fn judge_market(world: &World, reader: &Reader<'_>, violations: &mut Vec<String>) {
    for height in 1..=reader.tip_height().expect("the ledger reads") {
        audit::judge_state(reader, height, world.actors, violations);
    }
    for core in world.nodes.iter().filter_map(|node| node.core.as_ref()) {
        let reader = core.service.ledger().read();
        let height = reader.tip_height().expect("the ledger reads");
        audit::judge_state(&reader, height, world.actors, violations);
    }
}

/// What the chain counts for whom.
#[derive(Debug, Default)]
struct Chain {
    blocks: BTreeMap<Address, u64>,
    shares: BTreeMap<Address, u64>,
    rewards: BTreeMap<Address, u64>,
}

impl Chain {
    /// Walks the chain, and holds every block and share to the oracle.
    fn walk(world: &World, reader: &Reader<'_>, violations: &mut Vec<String>) -> Self {
        let network = &world.actors.network;
        let (params, genesis) = (&network.params, network.genesis_hash);
        let mut chain = Self::default();
        for height in 1..=reader.tip_height().expect("the ledger reads") {
            let (_, block) =
                reader.block_at(height).expect("the ledger reads").expect("the chain has no gap");
            let state = reader
                .block_state(height)
                .expect("the ledger reads")
                .expect("the chain has no gap");
            let challenge =
                reader.epoch_challenge(params.epoch_of(height)).expect("the ledger reads");
            let challenge = challenge.expect("the epoch has begun");
            let producer = block.header.producer;
            let own = block.as_share();
            for share in block.body.shares.iter().chain([&own]) {
                let statement = Statement::new(
                    &genesis.0,
                    &challenge.0,
                    &share.anchor_hash.0,
                    &share.content_hash.0,
                    &share.prover.0,
                );
                if !world.oracle.is_honest(statement, share.nonce, &share.proof) {
                    violations.push(format!("height {height}: an attempt that nobody made"));
                }
            }
            *chain.blocks.entry(producer).or_default() += 1;
            let inclusion = reward::inclusion_fee(state.share_pay);
            for share in &block.body.shares {
                *chain.shares.entry(share.prover).or_default() += 1;
                *chain.rewards.entry(share.prover).or_default() += state.share_pay - inclusion;
                *chain.rewards.entry(producer).or_default() += inclusion;
            }
            *chain.rewards.entry(producer).or_default() +=
                reward::Emission::of(height).producer + state.fees;
        }
        chain
    }

    fn part(&self, address: &Address) -> Part {
        let part = |map: &BTreeMap<Address, u64>| {
            let sum: u64 = map.values().sum();
            *map.get(address).unwrap_or(&0) as f64 / sum.max(1) as f64
        };
        Part {
            blocks: part(&self.blocks),
            shares: part(&self.shares),
            rewards: part(&self.rewards),
        }
    }

    /// Holds each honest miner's counted shares to its part of the attempts. Given the sum, a count
    /// is binomial.
    fn fairness(&self, world: &World) -> Vec<Fairness> {
        let honest: Vec<usize> = (0..world.nodes.len())
            .filter(|node| {
                world.scenario.roles[*node] == Role::Honest && world.scenario.rates[*node] > 0.0
            })
            .collect();
        let counted = |node: usize| *self.shares.get(&world.miners[node].address).unwrap_or(&0);
        let all_attempts: f64 = honest.iter().map(|node| world.miners[*node].attempts()).sum();
        let all_counted: u64 = honest.iter().map(|node| counted(*node)).sum();
        let fairness = |node: usize| {
            let attempts = world.miners[node].attempts();
            let part = attempts / all_attempts;
            let expected = part * all_counted as f64;
            let deviation = (expected * (1.0 - part)).sqrt();
            let sigma =
                if deviation > 0.0 { (counted(node) as f64 - expected) / deviation } else { 0.0 };
            Fairness {
                node,
                attempts,
                found: world.found[node],
                counted: counted(node),
                expected,
                sigma,
            }
        };
        honest.into_iter().map(fairness).collect()
    }
}
