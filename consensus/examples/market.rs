//! How much processor time the market takes at the start of a block, at the bounds of what a block
//! can leave to do. Everything lies in memory; the state is written leaf by leaf, not reached by a
//! chain.
//!
//! ```text
//! cargo run --release --example market --package lode-consensus
//! ```

use std::{collections::BTreeMap, convert::Infallible, fs, time::Duration};

use lode_consensus::{
    Address, ChainSpec, Encode, Hash, Height, ShareId, StateKey,
    market::{
        Book, BookAsk, Class, ClassKey, Job, JobLeaf, Operator, Policy, Selection, Waiting,
        WaitingJob,
        job::{Assigned, Status},
        proofs::Systems,
        queue::{AgendaLast, AgendaPage, Event, PAGE, QueuePage, What},
        value::Terms,
    },
    params::MarketSpec,
    rules::ChainContext,
    selection::Weight,
    state::{Amount, Supply},
    transition::{Executor, StateView},
};
use lode_puzzle::{LogSize, Target};

const HEIGHT: Height = 1_000;
const CLASSES: usize = 256;
const OPERATORS: usize = 64;
const PRICE: u64 = 1_000_000;
const BOND: u64 = 1_000_000_000;

#[derive(Default)]
struct State {
    leaves: BTreeMap<StateKey, Vec<u8>>,
    supply: Supply,
}

impl StateView for State {
    type Error = Infallible;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(key).cloned())
    }

    fn supply(&self) -> Result<Supply, Infallible> {
        Ok(self.supply)
    }

    fn block_hash(&self, _: Height) -> Result<Hash, Infallible> {
        Ok(Hash::ZERO)
    }

    fn has_share(&self, _: &ShareId) -> Result<bool, Infallible> {
        Ok(false)
    }
}

fn id(kind: &str, class: usize, number: usize) -> Hash {
    Hash::of(kind, &[&class.to_le_bytes(), &number.to_le_bytes()])
}

fn operator(class: usize, number: usize) -> Address {
    Address(id("operator", class, number).0)
}

fn class_leaf(live: u16, assigned: u16) -> Class {
    Class {
        creator: Address([0; 32]),
        system: 1,
        policy: Policy {
            selection: Selection::Rights,
            winners: 1,
            window: 1,
            randomised: false,
            band_bps: 1_000,
            bond_bps: 1_000,
            min_bond: 0,
            min_reputation: 0,
            tier_unit: 0,
            min_weight: 0,
            share_cap_bps: 10_000,
            max_operators: OPERATORS as u16,
            claim_blocks: 4,
            open_at: 0,
            permitted: Vec::new(),
        },
        royalty_bps: 100,
        values: 4,
        live,
        assigned,
        delivered: 0,
        last_price: 0,
        last_height: 0,
    }
}

fn job(class: usize, number: usize, status: Status, damage: u64) -> Job {
    Job {
        class: id("class", class, 0),
        terms: Terms { price: PRICE, late_price: 0, soft: HEIGHT + 50, hard: HEIGHT + 100 },
        damage,
        min_reputation: 0,
        immediate: false,
        operator: None,
        values: Vec::new(),
        requester: Address([9; 32]),
        created: HEIGHT - 1,
        place: number as u16,
        escrow: PRICE,
        bond: PRICE / 10,
        status,
        cancelled: None,
        opened: (status == Status::Open).then_some(HEIGHT - 1),
        open_price: None,
        misses: Vec::new(),
        declines: Vec::new(),
        deliveries: Vec::new(),
    }
}

impl State {
    fn put(&mut self, key: StateKey, leaf: &impl Encode) {
        self.leaves.insert(key, leaf.encode());
    }

    /// Classes with full books, of which `open` jobs are assigned under the first asks.
    fn with_books(live: u16, assigned: u16) -> Self {
        let mut state = Self::default();
        for class in 0..CLASSES {
            let class_id = id("class", class, 0);
            state.put(StateKey::Class(class_id), &class_leaf(live, assigned));
            state.put(StateKey::Key(class_id), &ClassKey(vec![1]));
            let mut asks = Vec::new();
            for number in 0..OPERATORS {
                let address = operator(class, number);
                asks.push(BookAsk {
                    operator: address,
                    price: PRICE / 2 + number as u64,
                    blocks: 10,
                    capacity: 1_000,
                    max_bond: BOND / 4,
                    until: HEIGHT + 1_000,
                    since: HEIGHT - 10,
                    open: assigned / OPERATORS as u16,
                });
                let held = u64::from(assigned) / OPERATORS as u64;
                let leaf = Operator {
                    bond: BOND,
                    locked: held * PRICE / 10,
                    epoch_bond: BOND,
                    held: held as u32,
                    epoch: HEIGHT / 240,
                    ..Operator::default()
                };
                state.put(StateKey::Operator(address), &leaf);
                let weight = Weight { epoch: HEIGHT / 240 - 1, carried: 1 << 20, shares: 3 };
                state.put(StateKey::Weight(address), &weight);
                state.supply.bonds += BOND;
            }
            asks.sort_by_key(|ask| ask.operator);
            state.put(StateKey::Book(class_id), &Book(asks));
        }
        state.put(StateKey::ShareFund, &Amount(1 << 40));
        state.supply.share_fund = 1 << 40;
        state
    }

    fn add_jobs(&mut self, each: usize, status: impl Fn(usize, usize) -> Status, damage: u64) {
        for class in 0..CLASSES {
            let mut waiting = Waiting::default();
            for number in 0..each {
                let (job_id, job) =
                    (id("job", class, number), job(class, number, status(class, number), damage));
                if !matches!(job.status, Status::Assigned(_)) {
                    waiting.insert(WaitingJob::of(job_id, &job));
                }
                self.supply.escrows += job.escrow + job.bond;
                self.put(StateKey::Job(job_id), &JobLeaf::Live(Box::new(job)));
            }
            if !waiting.0.is_empty() {
                self.put(StateKey::Waiting(id("class", class, 0)), &waiting);
            }
        }
    }

    fn queue(&mut self, events: Vec<Event>) {
        for (page, events) in events.chunks(PAGE).enumerate() {
            self.put(StateKey::Queue(page as u32), &QueuePage(events.to_vec()));
        }
    }
}

fn params() -> ChainSpec {
    ChainSpec {
        name: "bench".to_owned(),
        log_n: LogSize::MIN,
        block_interval_ms: 15_000,
        asert_tau_ms: 3_600_000,
        future_limit_ms: 15_000,
        epoch_length: 240,
        shares_per_block: 16,
        share_window: 64,
        anchor_depth: 16,
        maturity: 100,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: 0,
        genesis_target: Target::MIN,
        allocations: Vec::new(),
        srs_checksum: [0; 64],
    }
}

/// Processor time of this thread, which other programs do not add to. Linux alone tells it.
fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

fn measure(name: &str, mut state: State) {
    state.supply.genesis = state.supply.bonds + state.supply.escrows + state.supply.share_fund;
    let params = params();
    let context = ChainContext {
        genesis_hash: Hash::ZERO,
        height: HEIGHT,
        parent_hash: Hash([3; 32]),
        median_time_ms: 0,
        target: Target::MIN,
        epoch_challenge: Hash::ZERO,
        first_target: Target::MIN,
        share_target: Target::MIN,
        anchors: Vec::new(),
    };
    let mut best = None;
    for _ in 0..5 {
        let start = processor_time();
        let executor = Executor::new(&params, &context, &state, &Systems).unwrap();
        let applied = executor.finish(Address([1; 32]), &[]).unwrap();
        let took = processor_time() - start;
        let bytes: usize = applied.changes.values().flatten().map(Vec::len).sum();
        let line = (took, applied.events.len(), applied.changes.len(), bytes);
        best = Some(best.map_or(line, |best| std::cmp::min(best, line)));
    }
    let (took, events, leaves, bytes) = best.unwrap();
    println!(
        "{name:<52} {took:>10.1?}  {events} job events, {leaves} leaves, {bytes} bytes written"
    );
}

fn main() {
    measure("nothing to do", State::with_books(0, 0));

    let mut state = State::with_books(8, 0);
    state.add_jobs(8, |_, _| Status::Waiting, 0);
    let job_event = |number: usize| Event {
        due: HEIGHT,
        what: What::Job(id("job", number % CLASSES, number / CLASSES)),
    };
    state.queue((0..2_048).map(job_event).collect());
    measure("2,048 new jobs, 256 full books", state);

    let ask_event = |number: usize| Event {
        due: HEIGHT,
        what: What::Ask {
            class: id("class", number % CLASSES, 0),
            operator: operator(number % CLASSES, number / CLASSES),
        },
    };
    for (name, damage) in [
        ("2,048 asks, 256 open jobs each, which fit", 0),
        ("the same, whose damage fits no ask", BOND),
    ] {
        let mut state = State::with_books(256, 0);
        state.add_jobs(256, |_, _| Status::Open, damage);
        state.queue((0..2_048).map(ask_event).collect());
        measure(name, state);
    }

    let mut state = State::with_books(64, 64);
    let assigned = |class, number| {
        Status::Assigned(Assigned {
            operator: operator(class, number),
            ask_price: PRICE / 2,
            promise: if number < 4 { HEIGHT - 1 } else { HEIGHT + 10 },
            bond: PRICE / 10,
            assigned: HEIGHT - 10,
        })
    };
    state.add_jobs(64, assigned, 0);
    let due: Vec<Hash> =
        (0..1_024).map(|number| id("job", number % CLASSES, number / CLASSES)).collect();
    for (page, jobs) in due.chunks(PAGE).enumerate() {
        state.put(StateKey::Agenda(HEIGHT, page as u32), &AgendaPage(jobs.to_vec()));
    }
    state.put(StateKey::AgendaLast(HEIGHT), &AgendaLast { page: 7 });
    measure("1,024 missed promises, matched again", state);
}
