//! Random histories of the market, made and computed by a second implementation in Python
//! (`tests/lode_market_history.py`), applied here block by block: every leaf that changes, the
//! supply and what became of every transaction are the same.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
};

use lode_consensus::{
    Address, ChainSpec, Decode, Encode, Hash, Height, ShareId, StateKey, Transaction,
    market::{
        event::Outcome,
        matching::Limits,
        proofs::{ProofSystems, SoldProof},
    },
    params::MarketSpec,
    rules::ChainContext,
    state::Supply,
    transition::{Executor, StateView, TransactionError},
};
use lode_puzzle::{LogSize, Target};
use serde_json::Value;

/// Proof systems that answer what the history says of the transaction at hand.
#[derive(Debug, Default)]
struct Script(Mutex<Answer>);

#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    values: Option<u16>,
    verdict: bool,
}

impl ProofSystems for Script {
    fn values(&self, _: u8, _: &[u8]) -> Option<u16> {
        self.0.lock().unwrap().values
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        lode_consensus::market::proofs::Systems.cost(system, instances, values)
    }

    fn holds(&self, _: &SoldProof) -> bool {
        self.0.lock().unwrap().verdict
    }
}

/// A state whose leaves go by their places in the tree, as the history has them.
#[derive(Debug, Default)]
struct State {
    leaves: BTreeMap<Hash, Vec<u8>>,
    supply: Supply,
    hashes: Vec<Hash>,
}

impl StateView for State {
    type Error = Infallible;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(&key.hash()).cloned())
    }

    fn supply(&self) -> Result<Supply, Infallible> {
        Ok(self.supply)
    }

    fn block_hash(&self, height: Height) -> Result<Hash, Infallible> {
        Ok(self.hashes[height as usize])
    }

    fn has_share(&self, _: &ShareId) -> Result<bool, Infallible> {
        Ok(false)
    }
}

fn hash(value: &Value) -> Hash {
    value.as_str().unwrap().parse().unwrap()
}

fn address(value: &Value) -> Address {
    Address(hash(value).0)
}

fn int<T: TryFrom<u64>>(value: &Value) -> T {
    T::try_from(value.as_u64().unwrap()).ok().unwrap()
}

fn target(value: &Value) -> Target {
    Target::new(value.as_str().unwrap().parse().unwrap()).unwrap()
}

fn supply(value: &Value) -> Supply {
    let of = |name: &str| int(&value[name]);
    Supply {
        genesis: of("genesis"),
        emitted: of("emitted"),
        burned: of("burned"),
        balances: of("balances"),
        pending: of("pending"),
        share_fund: of("share_fund"),
        proving_pools: of("proving_pools"),
        bonds: of("bonds"),
        escrows: of("escrows"),
    }
}

fn leaves(value: &Value) -> BTreeMap<Hash, Option<Vec<u8>>> {
    let bytes = |leaf: &Value| leaf.as_str().map(|text| hex::decode(text).unwrap());
    let leaves = value.as_object().unwrap().iter();
    leaves.map(|(key, leaf)| (key.parse().unwrap(), bytes(leaf))).collect()
}

fn digest(leaves: &BTreeMap<Hash, Option<Vec<u8>>>) -> Hash {
    let mut parts = Vec::new();
    for (key, leaf) in leaves {
        parts.extend_from_slice(&key.0);
        match leaf {
            None => parts.push(0),
            Some(leaf) => {
                parts.push(1);
                parts.extend_from_slice(&(leaf.len() as u32).to_le_bytes());
                parts.extend_from_slice(leaf);
            }
        }
    }
    Hash::of("lode market leaves", &[&parts])
}

fn params(first: &Value) -> ChainSpec {
    let params = &first["params"];
    let of = |name: &str| int::<u64>(&params[name]);
    ChainSpec {
        name: "history".to_owned(),
        log_n: LogSize::MIN,
        block_interval_ms: 1_000,
        asert_tau_ms: 60_000,
        future_limit_ms: 1_000,
        epoch_length: int(&params["epoch_length"]),
        shares_per_block: int(&params["shares_per_block"]),
        share_window: 8,
        anchor_depth: 2,
        maturity: int(&params["maturity"]),
        market: MarketSpec {
            deposit: of("deposit"),
            min_request_bond: of("min_request_bond"),
            min_bond: of("min_bond"),
            false_proof: of("false_proof"),
            reputation_unit: of("reputation_unit"),
            proof_budget: of("proof_budget"),
        },
        genesis_timestamp_ms: 0,
        genesis_target: Target::new(1 << 100).unwrap(),
        allocations: Vec::new(),
        srs_checksum: [0; 64],
    }
}

fn limits(first: &Value) -> Limits {
    let of = |name: &str, default: usize| {
        first["limits"][name].as_u64().map_or(default, |limit| limit as usize)
    };
    let chain = Limits::CHAIN;
    Limits {
        assignments: of("assignments", chain.assignments),
        of_ask: of("taking", chain.of_ask),
        agenda: of("agenda", chain.agenda),
        classes: of("classes", chain.classes),
    }
}

/// One history being replayed.
struct Replay {
    params: ChainSpec,
    limits: Limits,
    state: State,
    script: Script,
    /// Outcomes, counted.
    seen: BTreeMap<String, u64>,
}

impl Replay {
    fn new(first: &Value) -> Self {
        let mut state = State { supply: supply(&first["supply"]), ..State::default() };
        state.hashes.push(hash(&first["genesis_hash"]));
        for (key, leaf) in leaves(&first["leaves"]) {
            state.leaves.insert(key, leaf.unwrap());
        }
        let (params, limits) = (params(first), limits(first));
        Self { params, limits, state, script: Script::default(), seen: BTreeMap::new() }
    }

    fn context(&self, line: &Value) -> ChainContext {
        let first_target = target(&line["first_target"]);
        ChainContext {
            genesis_hash: self.state.hashes[0],
            height: int(&line["height"]),
            parent_hash: hash(&line["previous_hash"]),
            median_time_ms: 0,
            target: target(&line["target"]),
            epoch_challenge: Hash::ZERO,
            first_target,
            share_target: first_target,
            anchors: Vec::new(),
        }
    }

    fn block(&mut self, line: &Value) {
        let context = self.context(line);
        if context.height > 1 {
            self.state.hashes.push(context.parent_hash);
        }
        let at = |place: usize| format!("block {}, transaction {place}", context.height);
        let mut executor =
            Executor::with_limits(&self.params, &context, &self.state, &self.script, self.limits)
                .unwrap();
        for (place, told) in line["transactions"].as_array().unwrap().iter().enumerate() {
            *self.script.0.lock().unwrap() = Answer {
                values: told["values"].as_u64().map(|values| values as u16),
                verdict: told["verdict"].as_bool().unwrap_or(true),
            };
            let bytes = hex::decode(told["bytes"].as_str().unwrap()).unwrap();
            let got = match Transaction::decode(&bytes) {
                Err(_) => "invalid",
                Ok(transaction) => {
                    assert_eq!(transaction.encode(), bytes, "{}", at(place));
                    let id = transaction.id(&context.genesis_hash);
                    assert_eq!(id, hash(&told["id"]), "{}", at(place));
                    word(&executor.transaction(&transaction, id).unwrap())
                }
            };
            let expected = told["outcome"].as_str().unwrap();
            assert_eq!(got, expected, "{}: {told}", at(place));
            let reason = told["reason"].as_str().unwrap();
            *self.seen.entry(format!("{expected} {reason}")).or_default() += 1;
        }
        let provers: Vec<Address> =
            line["provers"].as_array().unwrap().iter().map(address).collect();
        let applied = executor.finish(address(&line["producer"]), &provers).unwrap();
        let changes: BTreeMap<Hash, Option<Vec<u8>>> =
            applied.changes.iter().map(|(key, leaf)| (key.hash(), leaf.clone())).collect();
        if let Some(expected) = line.get("leaves") {
            compare(context.height, &applied.changes, &leaves(expected));
        } else {
            assert_eq!(digest(&changes), hash(&line["leaves_digest"]), "block {}", context.height);
        }
        assert_eq!(applied.supply, supply(&line["supply"]), "block {}", context.height);
        assert_eq!(applied.fees, int::<u64>(&line["fees"]), "block {}", context.height);
        self.state.supply = applied.supply;
        for (key, leaf) in changes {
            match leaf {
                Some(leaf) => self.state.leaves.insert(key, leaf),
                None => self.state.leaves.remove(&key),
            };
        }
    }
}

fn word(result: &Result<Outcome, TransactionError>) -> &'static str {
    match result {
        Ok(Outcome::Applied | Outcome::FalseProof) => "applied",
        Ok(Outcome::Void(_)) => "void",
        Err(_) => "invalid",
    }
}

/// Holds the leaves that a block changes against those of the history, one by one.
fn compare(
    height: Height,
    changes: &lode_consensus::tree::Changes,
    expected: &BTreeMap<Hash, Option<Vec<u8>>>,
) {
    let mut rest = expected.clone();
    for (key, leaf) in changes {
        let other = rest.remove(&key.hash());
        assert!(other.is_some(), "block {height}: {key:?} changes here alone: {leaf:02x?}");
        assert_eq!(
            leaf.as_ref().map(hex::encode),
            other.flatten().as_ref().map(hex::encode),
            "block {height}: {key:?}"
        );
    }
    let rest: BTreeMap<_, _> =
        rest.iter().map(|(key, leaf)| (key, leaf.as_ref().map(hex::encode))).collect();
    assert!(rest.is_empty(), "block {height}: these change in the history alone: {rest:#?}");
}

/// Makes a history and replays it.
fn replay(seed: u64, blocks: u32, more: &[&str]) -> BTreeMap<String, u64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lode_market_history.py");
    let mut history = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(["--seed", &seed.to_string(), "--blocks", &blocks.to_string()])
        .args(["--json", "/dev/stdout"])
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut replay: Option<Replay> = None;
    let mut done = 0;
    for line in BufReader::new(history.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
        match &mut replay {
            None => replay = Some(Replay::new(&line)),
            Some(replay) => {
                replay.block(&line);
                done += 1;
            }
        }
    }
    assert!(history.wait().unwrap().success());
    assert_eq!(done, blocks);
    replay.unwrap().seen
}

/// Seeds and blocks: more with `LODE_TEST_LONG`.
fn sizes() -> (u64, u32) {
    if std::env::var_os("LODE_TEST_LONG").is_some() { (20, 10_000) } else { (3, 250) }
}

#[test]
fn random_histories() {
    let (seeds, blocks) = sizes();
    for seed in 1..=seeds {
        let seen = replay(seed, blocks, &["--digest"]);
        assert!(seen.keys().any(|outcome| outcome.starts_with("void")), "{seen:?}");
        assert!(seen.contains_key("applied false"), "{seen:?}");
    }
}

/// Leaf by leaf, so that a difference shows where it is.
#[test]
fn histories_whose_blocks_reach_their_bounds() {
    let (seeds, blocks) = sizes();
    for seed in 1..=seeds {
        replay(seed, blocks.min(1_000), &["--tight"]);
    }
}

#[test]
fn what_the_bounds_of_the_rules_cut_short() {
    replay(1, 230, &["--bounds", "--digest"]);
}
