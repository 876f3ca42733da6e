//! A whole network in one thread: participants, links, miners and users, moved by one schedule.

use std::{collections::BTreeSet, sync::Arc};

use lode_consensus::Share;
use lode_core::{AttemptOutcome, Fault};
use lode_testkit::oracle::Registry;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    actors::{self, Actors},
    core::{Machine, SimClock},
    event::Event,
    fabric::Fabric,
    links::{Cuts, Links},
    market::Market,
    mask::{Mask, Selfish},
    miner::{Miner, REFRESH},
    node::{Node, Output},
    payment::{self, Payment},
    scenario::{Incident, Role, SETTLING, Scenario},
    schedule::{MINUTE, Micros, SECOND, Schedule},
    script::{Kind, Script},
    traffic::Wire,
};

/// How often nodes look for peers that they should be connected to.
const DIAL_INTERVAL: Micros = 5 * SECOND;
/// How often a node's machine is told the time.
const TICK_INTERVAL: Micros = SECOND / 2;
/// How often a spammer sends something.
const SPAM_INTERVAL: Micros = 200_000;
/// How often a withholder publishes what it kept back.
const RELEASE_INTERVAL: Micros = 2 * MINUTE;

/// A running network.
#[derive(Debug)]
pub struct World {
    /// What the run is made of.
    pub scenario: Scenario,
    /// What happens next.
    pub schedule: Schedule<Event>,
    /// Who was honest.
    pub oracle: Arc<Registry>,
    /// Nodes with a whole core: participants `0..nodes.len()`.
    pub nodes: Vec<Node>,
    /// One for each node.
    pub miners: Vec<Miner>,
    /// Attempts that qualified as shares, by node.
    pub found: Vec<u64>,
    /// What users sent.
    pub payments: Vec<Payment>,
    /// Who buys and sells proofs.
    pub market: Market,
    /// Everybody.
    pub actors: &'static Actors,
    /// What went wrong on the way.
    pub violations: Vec<String>,
    fabric: Fabric,
    scripts: Vec<Script>,
    active: BTreeSet<usize>,
    links: Links,
    cuts: Cuts,
    mining: bool,
    rng: StdRng,
}

impl World {
    /// A network that has not started.
    pub fn new(scenario: Scenario) -> Self {
        let actors = actors::actors(scenario.has_market);
        let mut rng = StdRng::seed_from_u64(scenario.seed ^ 0x5EED);
        let oracle = Arc::new(Registry::default());
        let count = scenario.roles.len();
        let mut nodes = Vec::with_capacity(count);
        let mut miners = Vec::with_capacity(count);
        for (index, role) in scenario.roles.iter().enumerate() {
            let mask = match role {
                Role::Honest => Mask::None,
                Role::Selfish => Mask::Selfish(Selfish::default()),
                Role::Withholder => Mask::Withholder(Vec::new()),
            };
            let clock = SimClock::new(actors::START_MS, scenario.skews_ms[index]);
            let machine =
                Machine::new(actors.network.clone(), clock, Arc::clone(&oracle), rng.random());
            nodes.push(Node::new(index, machine, mask));
            miners.push(Miner::new(actors.miner(index), scenario.rates[index], rng.random()));
        }
        let kinds = std::iter::repeat_n(Kind::Spammer, scenario.spammers)
            .chain(std::iter::repeat_n(Kind::Eclipser, scenario.eclipsers));
        let scripts = kinds
            .map(|kind| {
                let network = &actors.network;
                Script::new(
                    kind,
                    network.params.clone(),
                    network.genesis_hash,
                    actors.attacker(),
                    rng.random(),
                )
            })
            .collect::<Vec<_>>();
        let fabric = Fabric::new(
            count + scripts.len(),
            scenario.weather,
            StdRng::seed_from_u64(rng.random()),
        );
        Self {
            schedule: Schedule::default(),
            oracle,
            found: vec![0; count],
            payments: Vec::new(),
            market: Market::new(actors, &scenario),
            violations: Vec::new(),
            fabric,
            actors,
            active: BTreeSet::new(),
            links: Links::default(),
            cuts: Cuts { eclipsers: count + scenario.spammers, ..Cuts::default() },
            mining: true,
            nodes,
            miners,
            scripts,
            scenario,
            rng,
        }
    }

    /// Runs the whole scenario: mining, then settling.
    pub fn run(&mut self) {
        for index in 0..self.nodes.len() {
            self.start(index);
        }
        self.schedule.at(0, Event::Dial);
        self.schedule.at(RELEASE_INTERVAL, Event::Release);
        if self.scenario.transfer_interval > 0 {
            self.schedule.at(self.scenario.transfer_interval, Event::Transfer);
        }
        for trader in 0..self.market.traders() {
            self.trade(trader);
        }
        for (index, (at, _)) in self.scenario.plan.iter().enumerate() {
            self.schedule.at(*at, Event::Incident(index));
        }
        self.run_until(self.scenario.duration);
        self.settle();
        self.run_until(self.scenario.duration + SETTLING / 2);
        self.break_tie();
        self.run_until(self.scenario.duration + SETTLING);
    }

    fn run_until(&mut self, end: Micros) {
        while let Some(event) = self.schedule.next_until(end) {
            self.happen(event);
        }
    }

    /// Everything heals, and nothing is found any more.
    fn settle(&mut self) {
        self.mining = false;
        let now = self.now();
        for miner in &mut self.miners {
            miner.turn_to(None, now);
        }
        self.active.clear();
        self.cuts.sides = None;
        self.cuts.eclipsed = None;
        for index in 0..self.nodes.len() {
            if self.nodes[index].core.is_none() {
                self.start(index);
            }
            self.nodes[index].release(now);
            self.pump(index);
        }
        self.dial();
    }

    /// One more block. Two tips of equal work are no fault: only the next block decides between
    /// them.
    fn break_tie(&mut self) {
        let now = self.now();
        let Some(job) = self.nodes[0].job(now, self.miners[0].address) else {
            return;
        };
        let share = self.miners[0].grind(&job);
        self.oracle.register(job.statement, share.nonce, share.proof);
        if !matches!(
            self.nodes[0].submit(now, &share),
            Some(Ok(AttemptOutcome { block: Some(_), .. }))
        ) {
            self.violations.push("node 0 refuses the last block".to_owned());
        }
        self.nodes[0].release(now);
        self.pump(0);
    }

    fn now(&self) -> Micros {
        self.schedule.now()
    }

    fn is_node(&self, participant: usize) -> bool {
        participant < self.nodes.len()
    }

    fn happen(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Arrive { from, to, link, wire } => self.arrive(from, to, link, wire),
            Event::Timeout { node, life, id } if self.nodes[node].life == life => {
                self.nodes[node].timeout(now, id);
                self.pump(node);
            }
            Event::Work { node, life, worker } if self.nodes[node].life == life => {
                self.nodes[node].finish(now, worker);
                self.pump(node);
            }
            Event::Tick { node, life } if self.nodes[node].life == life => {
                self.nodes[node].tick(now);
                self.pump(node);
                self.schedule.after(TICK_INTERVAL, Event::Tick { node, life });
            }
            Event::Timeout { .. } | Event::Work { .. } | Event::Tick { .. } => {}
            Event::Win { node, round, share } => self.win(node, round, &share),
            Event::Refresh { node, round } if self.miners[node].round == round => self.employ(node),
            Event::Refresh { .. } => {}
            Event::Reset { a, b, link } => {
                if self.links.number(a, b) == Some(link) {
                    self.unlink(a, b);
                }
            }
            Event::Dial => {
                self.dial();
                self.schedule.after(DIAL_INTERVAL, Event::Dial);
            }
            Event::Incident(index) => self.incident(self.scenario.plan[index].1.clone()),
            Event::Spam(script) => self.spam(script),
            Event::Release => {
                for node in 0..self.nodes.len() {
                    if matches!(self.nodes[node].mask, Mask::Withholder(_)) {
                        self.nodes[node].release(now);
                        self.pump(node);
                    }
                }
                self.schedule.after(RELEASE_INTERVAL, Event::Release);
            }
            Event::Transfer => self.transfer(),
            Event::Trade(trader) => self.trade(trader),
        }
    }

    fn arrive(&mut self, from: usize, to: usize, link: u64, wire: Wire) {
        if self.links.number(from, to) != Some(link) {
            return;
        }
        let now = self.now();
        if self.is_node(to) {
            self.nodes[to].receive(now, from, wire);
            self.pump(to);
        } else if let Some((receiver, answer)) =
            self.scripts[to - self.nodes.len()].receive(from, &wire)
        {
            self.send(to, receiver, answer);
        }
    }

    fn send(&mut self, from: usize, to: usize, wire: Wire) {
        let Some(link) = self.links.number(from, to) else {
            return;
        };
        if self.fabric.resets() {
            // Not here: who sends is in the middle of something.
            return self.schedule.after(0, Event::Reset { a: from, b: to, link });
        }
        let droppable = matches!(wire, Wire::Gossip { .. });
        for at in self
            .fabric
            .send(self.now(), from, to, wire.size_bytes(), droppable)
            .into_iter()
            .flatten()
        {
            self.schedule.at(at, Event::Arrive { from, to, link, wire: wire.clone() });
        }
    }

    /// Does what a node wants, and what others then want of it.
    fn pump(&mut self, index: usize) {
        let life = self.nodes[index].life;
        for output in self.nodes[index].take_outputs() {
            match output {
                Output::Send(to, wire) => self.send(index, to, wire),
                Output::Timeout(id, wait) => {
                    self.schedule.after(wait, Event::Timeout { node: index, life, id })
                }
                Output::Work(worker, wait) => {
                    self.schedule.after(wait, Event::Work { node: index, life, worker })
                }
                Output::Close(other) => self.unlink(index, other),
            }
        }
        let tip = self.nodes[index].core.as_ref().map(|core| core.service.tip().1);
        let parent = self.miners[index].job.as_ref().map(|job| job.header.parent_hash);
        if self.mining && self.miners[index].rate > 0.0 && tip != parent {
            self.employ(index);
        }
    }

    /// Gives a miner the newest job of its node.
    fn employ(&mut self, index: usize) {
        let now = self.now();
        if !self.mining || self.miners[index].rate == 0.0 {
            return;
        }
        let address = self.miners[index].address;
        let job = self.nodes[index].job(now, address);
        let is_work = job.is_some();
        let miner = &mut self.miners[index];
        miner.turn_to(job, now);
        if is_work {
            self.schedule.after(REFRESH, Event::Refresh { node: index, round: miner.round });
            self.mine(index);
        }
    }

    fn mine(&mut self, index: usize) {
        if let Some((wait, share)) = self.miners[index].next_win() {
            let round = self.miners[index].round;
            self.schedule.after(wait, Event::Win { node: index, round, share: Box::new(share) });
        }
    }

    fn win(&mut self, index: usize, round: u64, share: &Share) {
        if self.miners[index].round != round {
            return;
        }
        let Some(job) = &self.miners[index].job else {
            return;
        };
        self.oracle.register(job.statement, share.nonce, share.proof);
        let now = self.now();
        match self.nodes[index].submit(now, share) {
            // A block that lies beyond the future limit of its own miner's slow clock.
            None => {}
            Some(Err(error)) if error.fault() == Fault::State => {}
            Some(Ok(outcome)) => self.found[index] += u64::from(outcome.share),
            Some(Err(error)) => self
                .violations
                .push(format!("node {index} refuses its own miner's attempt: {error}")),
        }
        self.pump(index);
        if self.miners[index].round == round {
            self.mine(index);
        }
    }

    fn start(&mut self, index: usize) {
        let now = self.now();
        self.nodes[index].start(now);
        let life = self.nodes[index].life;
        // Not all at the same moment.
        let phase = self.rng.random_range(0..TICK_INTERVAL);
        self.schedule.after(phase, Event::Tick { node: index, life });
        self.employ(index);
        self.pump(index);
    }

    fn incident(&mut self, incident: Incident) {
        match incident {
            Incident::Crash(node) => {
                let others: Vec<usize> = self.nodes[node].links.keys().copied().collect();
                self.nodes[node].crash();
                let now = self.now();
                self.miners[node].turn_to(None, now);
                others.into_iter().for_each(|other| self.unlink(node, other));
            }
            Incident::Restart(node) => {
                if self.nodes[node].core.is_none() {
                    self.start(node);
                }
            }
            Incident::Partition(sides) => self.cuts.sides = Some(sides),
            Incident::Heal => self.cuts.sides = None,
            Incident::Eclipse(victim) => {
                self.cuts.eclipsed = Some(victim);
                let first = self.cuts.eclipsers;
                self.active.extend(first..first + self.scenario.eclipsers);
            }
            Incident::EndEclipse => {
                self.cuts.eclipsed = None;
                self.active.retain(|script| *script < self.cuts.eclipsers);
            }
            Incident::SpammerJoins(spammer) => {
                let script = self.nodes.len() + spammer;
                self.active.insert(script);
                self.schedule.after(SPAM_INTERVAL, Event::Spam(script));
            }
        }
        self.dial();
    }

    fn spam(&mut self, script: usize) {
        let linked: Vec<usize> =
            (0..self.nodes.len()).filter(|n| self.links.number(*n, script).is_some()).collect();
        if !linked.is_empty() {
            let to = linked[self.rng.random_range(0..linked.len())];
            if let Some((to, wire)) = self.scripts[script - self.nodes.len()].spam(to) {
                self.send(script, to, wire);
            }
        }
        if self.active.contains(&script) {
            self.schedule.after(SPAM_INTERVAL, Event::Spam(script));
        }
    }

    /// Makes the links that should be, and ends those that should not.
    fn dial(&mut self) {
        let mut wanted: BTreeSet<(usize, usize)> = self.scenario.links.iter().copied().collect();
        for script in self.active.clone() {
            wanted.extend((0..self.nodes.len()).map(|node| (node, script)));
        }
        wanted.retain(|(a, b)| self.may_link(*a, *b));
        let unwanted: Vec<_> = self.links.pairs().filter(|(a, b)| !self.may_link(*a, *b)).collect();
        for (a, b) in unwanted {
            self.unlink(a, b);
        }
        for (a, b) in wanted {
            if self.links.may_begin(a, b, self.now()) {
                self.link(a, b);
            }
        }
    }

    fn may_link(&self, a: usize, b: usize) -> bool {
        let is_up = |participant: usize| match self.nodes.get(participant) {
            Some(node) => node.core.is_some(),
            None => self.active.contains(&participant),
        };
        let bans =
            |this: usize, other: usize| self.nodes.get(this).is_some_and(|node| node.bans(other));
        is_up(a) && is_up(b) && self.cuts.allow(a, b) && !bans(a, b) && !bans(b, a)
    }

    fn link(&mut self, a: usize, b: usize) {
        let now = self.now();
        let number = self.links.begin(a, b);
        for (this, other, outbound) in [(a, b, true), (b, a, false)] {
            if self.is_node(this) {
                self.nodes[this].connected(now, other, number, outbound);
                self.pump(this);
            }
        }
    }

    fn unlink(&mut self, a: usize, b: usize) {
        let now = self.now();
        if !self.links.end(a, b, now) {
            return;
        }
        for (this, other) in [(a, b), (b, a)] {
            if self.is_node(this) {
                self.nodes[this].disconnected(now, other);
                self.pump(this);
            }
        }
    }

    /// Somebody pays somebody, through a node that is not cut off.
    fn transfer(&mut self) {
        self.schedule.after(self.scenario.transfer_interval, Event::Transfer);
        let now = self.now();
        let node = self.rng.random_range(0..self.nodes.len());
        let (from, to) =
            (self.rng.random_range(0..actors::USERS), self.rng.random_range(0..actors::USERS));
        if !self.mining || self.cuts.eclipsed == Some(node) {
            return;
        }
        match payment::send(&mut self.nodes[node], now, self.actors, (from, to), &mut self.rng) {
            Ok(payment) => self.payments.extend(payment),
            Err(violation) => self.violations.push(violation),
        }
        self.pump(node);
    }

    /// A trader looks at the chain of its node, and acts on it.
    fn trade(&mut self, trader: usize) {
        if !self.mining {
            return;
        }
        let (now, node) = (self.now(), self.market.node_of(trader));
        match self.market.step(trader, now, &mut self.nodes[node]) {
            Ok(wait) => self.schedule.after(wait, Event::Trade(trader)),
            Err(violation) => self.violations.push(violation),
        }
        self.pump(node);
    }
}
