//! A small network, a maker of blocks that follows the rules without a ledger, and ways to look at
//! raw records.
//!
//! The maker keeps the whole state of every block it made in maps of its own and takes state roots
//! from `tree::genesis_root` over all leaves: it shares the rules with the ledger, but neither
//! storage nor undo nor the tree's history.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod maker;
mod raw;

use std::{collections::BTreeSet, path::Path};

use lode_consensus::{
    Address, Block, ChainSpec, Hash, Obligation,
    obligation::{ProofChecker, Verdict, judge},
    params::MarketSpec,
    rules::{ContextualBlock, VerifiedBlock},
};
use lode_genesis::Network;
use lode_ledger::{
    Ledger, LedgerError, LedgerOptions, MIN_HISTORY, StoreOutcome,
    fsck::{Depth, FsckError, Report},
};
use lode_puzzle::{Item, LogSize, Target, Ticket, VerifyError};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use snarkvm::console::{
    account::{Address as AleoAddress, PrivateKey},
    network::MainnetV0,
};
use tempfile::TempDir;

pub(crate) use maker::{Fault, Maker, Plan, account};
pub(crate) use raw::{CHAIN_COLUMNS, Dump, chain_columns, change_columns, dump, edit};

/// Accounts of the small network.
pub(crate) const ACTORS: usize = 5;

/// A key and its address.
pub(crate) struct Actor {
    pub(crate) key: PrivateKey<MainnetV0>,
    pub(crate) address: Address,
}

/// The same accounts in every test and every process.
pub(crate) fn actors() -> Vec<Actor> {
    let mut rng = StdRng::seed_from_u64(20_261_030);
    let actor = |_| {
        let key = PrivateKey::<MainnetV0>::new(&mut rng).unwrap();
        let address = Address::try_from(&AleoAddress::try_from(&key).unwrap()).unwrap();
        Actor { key, address }
    };
    (0..ACTORS).map(actor).collect()
}

/// Epochs of 6 blocks, a window of 4, maturity after 3; all but the last actor have 1,000 credits.
pub(crate) fn network(name: &str) -> Network {
    let mut allocations: Vec<(Address, u64)> =
        actors().iter().take(ACTORS - 1).map(|actor| (actor.address, 1_000_000_000)).collect();
    allocations.sort_unstable();
    let params = ChainSpec {
        name: name.to_owned(),
        log_n: LogSize::MIN,
        block_interval_ms: 1_000,
        asert_tau_ms: 60_000,
        future_limit_ms: 1_000,
        epoch_length: 6,
        shares_per_block: 2,
        share_window: 4,
        anchor_depth: 1,
        maturity: 3,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: 1_000_000,
        genesis_target: Target::new(1 << 120).unwrap(),
        allocations,
        srs_checksum: [0; 64],
    };
    params.check().unwrap();
    Network::from_params(params).unwrap()
}

/// A judge that knows who was honest: a proof fails if its commitment begins with
/// [`Oracle::FORGED`].
pub(crate) struct Oracle;

impl Oracle {
    pub(crate) const FORGED: u8 = 0xBA;
}

impl ProofChecker for Oracle {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| {
            assert_eq!(items.len(), weights.len());
            let verdict = |item: &Item| match item.proof.commitment[0] {
                Self::FORGED => Err(VerifyError::PairingFailed),
                _ => Ok(Ticket([0; 32])),
            };
            items.iter().map(verdict).collect()
        })
    }
}

/// An empty folder, in memory where the system has such a place: tests that kill processes need no
/// disk, only files.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

pub(crate) fn open(path: &Path, network: &Network) -> Result<Ledger, LedgerError> {
    Ledger::open(
        path,
        network.clone(),
        LedgerOptions { history: MIN_HISTORY, ..LedgerOptions::default() },
    )
}

/// Takes a block through the rules against the ledger's own context.
pub(crate) fn prove(ledger: &Ledger, block: &Block) -> Result<VerifiedBlock, LedgerError> {
    let context = ledger.read().context(&block.header.parent_hash)?;
    let contextual = ContextualBlock::new(block.clone(), context, ledger.params())?;
    let weights = vec![1; contextual.weights_needed()];
    Ok(contextual.prove(&Oracle, &weights)?)
}

/// Proves and stores a block.
pub(crate) fn store(ledger: &Ledger, block: &Block) -> Result<StoreOutcome, LedgerError> {
    ledger.store(prove(ledger, block)?)
}

/// Stores blocks that must all be good.
pub(crate) fn store_all(ledger: &Ledger, maker: &Maker, hashes: &[Hash]) {
    for hash in hashes {
        let outcome = store(ledger, maker.block(hash)).unwrap();
        assert!(outcome.refused.is_none(), "{outcome:?}");
    }
}

/// What a new ledger holds that was given these blocks only, in this order.
pub(crate) fn replay(maker: &Maker, hashes: &[Hash]) -> Dump {
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    store_all(&ledger, maker, hashes);
    drop(ledger);
    chain_columns(dump(folder.path()))
}

/// The block that the ledger must be on: valid, with the most work, and the first of those to come.
pub(crate) fn expected_tip(maker: &Maker, arrived: &[Hash]) -> Hash {
    let mut best = maker.genesis();
    for hash in arrived {
        if maker.is_valid(hash) && maker.work(&best).moves_to(maker.work(hash)) {
            best = *hash;
        }
    }
    best
}

/// A random order of blocks in which parents come before children; `before` are there already.
pub(crate) fn order(maker: &mut Maker, blocks: &[Hash], before: &[Hash]) -> Vec<Hash> {
    let mut waiting = blocks.to_vec();
    waiting.shuffle(maker.rng());
    let mut known: BTreeSet<Hash> = before.iter().copied().chain([maker.genesis()]).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = |hash: &Hash| known.contains(&maker.block(hash).header.parent_hash);
        let next = waiting.remove(waiting.iter().position(ready).unwrap());
        known.insert(next);
        order.push(next);
    }
    order
}

/// Checks the whole ledger.
pub(crate) fn fsck(ledger: &Ledger, depth: Depth) -> Result<Report, FsckError> {
    let scratch = folder();
    ledger.fsck(depth, &Oracle, |count| vec![1; count], scratch.path(), |_, _| {})
}
