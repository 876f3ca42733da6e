//! Blocks and shares on demand: attempts that the test makes itself and hands in through a node's
//! API, with no miner that would decide when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use lode_algebra::Backend;
use lode_api::mining::{self, MiningJob};
use lode_consensus::{Address, Decode, Hash, Header, Share};
use lode_genesis::{Network, srs};
use lode_puzzle::{
    Attempt, Claim, CpuEngine, Engine, Item, Proof, Statement, Tables, Target, Ticket,
};
use parking_lot::Mutex;
use serde_json::Value;

use crate::Node;

/// Most memory for the prover's tables, in bytes: small and quick to make.
const TABLE_BYTES: usize = 128 << 20;

/// A network where every attempt is a block and a share, so that a block comes when it is wanted.
pub fn willing_network(log_n: u8) -> String {
    network(log_n, 16, "0xffffffffffffffffffffffffffffffff")
}

/// A network where one attempt in two is a block, and one in two a share. A block can have two
/// shares, and its own attempt can be none, as on a real network.
pub fn choosy_network(log_n: u8) -> String {
    network(log_n, 1, "0x7fffffffffffffffffffffffffffffff")
}

fn network(log_n: u8, shares_per_block: u32, genesis_target: &str) -> String {
    format!(
        r#"
name = "willing"
log_n = {log_n}
block_interval_ms = 1_000
asert_tau_ms = 1_000_000_000
future_limit_ms = 10_000
epoch_length = 1_000
shares_per_block = {shares_per_block}
share_window = 64
anchor_depth = 16
maturity = 100
deposit = 10
min_request_bond = 10_000
min_bond = 10_000
false_proof = 1_000_000
reputation_unit = 1_000_000
proof_budget = 400_000
genesis_timestamp_ms = 1_793_318_400_000
genesis_target = "{genesis_target}"
"#
    )
}

/// The first valid address: without a known key, and good for mining.
pub fn prover() -> Address {
    let candidate = |number: u8| {
        let mut bytes = [0; 32];
        bytes[0] = number;
        Address(bytes)
    };
    (1..=u8::MAX)
        .map(candidate)
        .find(|address| address.check().is_ok())
        .expect("one in two is an address")
}

/// What a node gives out to be worked on.
#[derive(Debug, Clone)]
pub struct Work {
    /// The header that lacks its attempt.
    pub header: Header,
    /// The network.
    pub genesis_hash: Hash,
    /// The challenge of the header's epoch.
    pub epoch_challenge: Hash,
    /// What an attempt's share half is held to.
    pub share_target: Target,
}

impl Work {
    /// Asks a node for it.
    pub fn of(node: &Node) -> Self {
        let job = node.get(&format!("mining/job?address={}", prover()));
        let job: MiningJob = serde_json::from_value(job).expect("a job");
        Self {
            header: Header::decode(&job.header_bytes.0).expect("a header"),
            genesis_hash: job.genesis_hash.0,
            epoch_challenge: job.epoch_challenge.0,
            share_target: job.share_target.0,
        }
    }

    /// What an attempt at the header proves.
    pub fn statement(&self) -> Statement {
        self.share(self.header.content_hash()).statement(&self.genesis_hash, &self.epoch_challenge)
    }

    /// A share without its attempt.
    fn share(&self, content_hash: Hash) -> Share {
        let (nonce, proof) = (0, Proof::ZERO);
        Share {
            anchor_hash: self.header.anchor_hash,
            content_hash,
            prover: self.header.producer,
            nonce,
            proof,
        }
    }
}

/// Makes attempts.
pub struct Injector {
    engine: CpuEngine,
    next: AtomicU64,
    made: Mutex<Vec<Item>>,
}

impl Injector {
    /// For a network, as the text of its file.
    pub fn new(network: &str) -> Self {
        let log_n = Network::parse(network, "test").expect("a network").params.log_n;
        let srs = srs::load(log_n).expect("the setup");
        let tables = Tables::new(&srs, Backend::best(), TABLE_BYTES).expect("tables");
        Self {
            engine: CpuEngine::new(Arc::new(tables)),
            next: AtomicU64::new(1),
            made: Mutex::default(),
        }
    }

    /// The first attempt at a statement whose ticket is a good one. It is noted.
    fn attempt(&self, statement: Statement, is_good: impl Fn(&Ticket) -> bool) -> (u64, Proof) {
        let made = |nonce| Some((nonce, self.engine.attempt(&statement, nonce).ok()?));
        let (nonce, Attempt { proof, .. }) = (0..)
            .filter_map(made)
            .find(|(_, attempt)| is_good(&attempt.ticket))
            .expect("some attempt is good");
        let item = Item { statement, nonce, proof, claim: Claim::None };
        self.made.lock().push(item);
        (nonce, proof)
    }

    /// The proofs of all blocks and shares so far, as a verifier takes them.
    pub fn made(&self) -> Vec<Item> {
        self.made.lock().clone()
    }

    /// An attempt at a node's next block, ready to be handed in. It is a share as well only where
    /// every attempt is.
    pub fn next_block(&self, node: &Node) -> Share {
        let work = Work::of(node);
        let is_block = |ticket: &Ticket| work.header.target.is_met_by(ticket.block_value());
        let is_share = |ticket: &Ticket| work.share_target.is_met_by(ticket.share_value());
        let all_are_shares = work.share_target == Target::MAX;
        let (nonce, proof) = self.attempt(work.statement(), |ticket| {
            is_block(ticket) && (all_are_shares || !is_share(ticket))
        });
        Share { nonce, proof, ..work.share(work.header.content_hash()) }
    }

    /// Extends a node's chain by one block, and gives its hash.
    pub fn block(&self, node: &Node) -> Hash {
        let answer = submit(node, &self.next_block(node));
        answer["block"]
            .as_str()
            .unwrap_or_else(|| panic!("no block: {answer}"))
            .parse()
            .expect("a hash")
    }

    /// Extends a node's chain by so many blocks.
    pub fn blocks(&self, node: &Node, count: usize) {
        (0..count).for_each(|_| {
            self.block(node);
        });
    }

    /// Gives a node shares that wait for its next block: of provers who work on headers that it
    /// does not know.
    pub fn shares(&self, node: &Node, count: usize) {
        let work = Work::of(node);
        for _ in 0..count {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let content_hash = Hash::of(
                "lode/test/share",
                &[&work.header.content_hash().0, &number.to_le_bytes()],
            );
            let share = work.share(content_hash);
            let statement = share.statement(&work.genesis_hash, &work.epoch_challenge);
            let (nonce, proof) =
                self.attempt(statement, |ticket| work.share_target.is_met_by(ticket.share_value()));
            let answer = submit(node, &Share { nonce, proof, ..share });
            assert_eq!(answer["share"], true, "{answer}");
        }
    }
}

/// Hands an attempt in.
pub fn submit(node: &Node, attempt: &Share) -> Value {
    let request = ureq::post(format!("{}/mining/submit", node.url)).config();
    let request =
        request.timeout_global(Some(Duration::from_secs(60))).http_status_as_error(false).build();
    let mut response = request
        .send_json(mining::Attempt::from(attempt))
        .unwrap_or_else(|error| panic!("{}: {error}", node.url));
    response.body_mut().read_json().expect("JSON")
}
