//! The simulated network's parameters, and the keys and addresses of all who take part. They are
//! the same in every run, so that a process makes them once.

use std::sync::LazyLock;

use lode_consensus::{
    Action, Address, ChainSpec, Height, SignedTransaction, Transaction, params::MarketSpec,
    transaction::Transfer,
};
use lode_genesis::Network;
use lode_ledger::Reader;
use lode_puzzle::Target;
use lode_testkit::{
    keys::{self, Actor},
    networks,
};
use rand::{RngExt, rngs::StdRng};

/// Accounts that pay each other.
pub const USERS: usize = 5;
/// Accounts that buy and sell proofs, in runs with a market.
pub const TRADERS: usize = 18;
/// Most miners.
pub const MAX_NODES: usize = 64;
/// When every run starts, in ms since the Unix epoch: an interval after genesis.
pub const START_MS: u64 = GENESIS_MS + 15_000;

const GENESIS_MS: u64 = networks::START_MS;
/// Microcredits of each user at genesis.
const ALLOCATION: u64 = 1_000_000_000_000;

/// Blocks for which a transfer stays valid.
const EXPIRY_BLOCKS: Height = 100_000;

/// Everybody.
#[derive(Debug)]
pub struct Actors {
    /// The network that all runs are on.
    pub network: Network,
    /// Who pays.
    pub users: Vec<Actor>,
    /// Who buys and sells proofs. Nobody in runs without a market.
    pub traders: Vec<Actor>,
    miners: Vec<Actor>,
}

impl Actors {
    /// The address of a node's miner.
    pub fn miner(&self, node: usize) -> Address {
        self.miners[node].address
    }

    /// The key of a node's miner.
    pub fn miner_key(&self, node: usize) -> &Actor {
        &self.miners[node]
    }

    /// All addresses that can have an account.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.users.iter().chain(&self.traders).chain(&self.miners).map(|actor| actor.address)
    }

    /// The address in whose name attackers forge.
    pub fn attacker(&self) -> Address {
        self.miners[MAX_NODES].address
    }

    /// A user's next transfer to another one, as an honest wallet makes it from what a node has.
    pub fn transfer(
        &self,
        reader: &Reader<'_>,
        from: usize,
        to: usize,
        rng: &mut StdRng,
    ) -> SignedTransaction {
        let (from, to) = (&self.users[from], &self.users[to]);
        let account = reader.account(&from.address).expect("the ledger reads").unwrap_or_default();
        let tip = reader.tip_height().expect("the ledger reads");
        let (amount, fee) = (rng.random_range(1..1_000_000), rng.random_range(1_000..10_000));
        let transfer = Transaction {
            from: from.address,
            fee,
            nonce: account.nonce,
            expiry: tip + EXPIRY_BLOCKS,
            action: Action::Transfer(Transfer { to: to.address, amount }),
        };
        transfer.sign(&from.key, &self.network.genesis_hash, rng).expect("a key signs")
    }
}

/// Everybody, the same in every run. A market needs accounts with credits at genesis, and so is a
/// network of its own.
pub fn actors(has_market: bool) -> &'static Actors {
    static PLAIN: LazyLock<Actors> = LazyLock::new(|| make("simnet", 0));
    static MARKET: LazyLock<Actors> = LazyLock::new(|| make("simmarket", TRADERS));
    if has_market { &MARKET } else { &PLAIN }
}

fn make(name: &str, traders: usize) -> Actors {
    let mut users = keys::actors(1, USERS + MAX_NODES + 1);
    let miners = users.split_off(USERS);
    let traders = keys::actors(2, traders);
    let allocations = users.iter().chain(&traders).map(|user| (user.address, ALLOCATION)).collect();
    let params = ChainSpec {
        // Mainnet's figures, but for epochs and maturity, so that an hour sees several of them.
        block_interval_ms: 15_000,
        asert_tau_ms: 3_600_000,
        future_limit_ms: 15_000,
        epoch_length: 80,
        shares_per_block: 16,
        share_window: 64,
        anchor_depth: 16,
        maturity: 20,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: GENESIS_MS,
        // 300 attempts.
        genesis_target: Target::new(u128::MAX / 300).expect("not zero"),
        ..networks::small(name, allocations)
    };
    Actors { network: networks::of(params), users, traders, miners }
}
