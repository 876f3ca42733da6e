//! How long a block takes. `cargo build --release --workspace --example connect` puts it into the
//! target folder, as `release/examples/connect [FOLDER]`.
//!
//! Builds empty blocks, then blocks of 100 transfers among 1,000 accounts, the way a node does, and
//! prints the median time of each step. Proofs and signatures are left out: what remains is the
//! rules, the state tree and the disk. FOLDER is where the ledger is made and removed again; the
//! system's temporary folder by default.

use std::time::{Duration, Instant};

use lode_consensus::{
    Action, Address, Block, Body, ChainSpec, Header, SignedTransaction, Transaction,
    params::MarketSpec, rules::ContextualBlock, transaction::Transfer, transition::Executor,
};
use lode_genesis::Network;
use lode_ledger::{Ledger, LedgerOptions};
use lode_puzzle::{Proof, Target};
use lode_testkit::networks;

const ACCOUNTS: usize = 1_000;
const BLOCKS: usize = 100;

/// The first addresses, counting up: any point of the curve is one.
fn addresses() -> Vec<Address> {
    let candidate = |number: u64| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        Address(bytes)
    };
    (1..).map(candidate).filter(|address| address.check().is_ok()).take(ACCOUNTS).collect()
}

fn network(accounts: &[Address]) -> Network {
    let allocations = accounts.iter().map(|account| (*account, 1_000_000_000)).collect();
    networks::of(ChainSpec {
        epoch_length: 20,
        shares_per_block: 4,
        share_window: 8,
        anchor_depth: 2,
        maturity: 10,
        market: MarketSpec::MAINNET,
        genesis_timestamp_ms: 0,
        genesis_target: Target::MAX,
        ..networks::small("connect", allocations)
    })
}

/// The times of one block's steps, in this order.
const STEPS: [&str; 4] = ["context", "template", "fit", "store"];

/// Builds and stores the next block; `transfers` pay from one account to the next, `nonce` their
/// senders' count.
fn block(
    ledger: &Ledger,
    accounts: &[Address],
    transfers: usize,
    nonces: &mut [u64],
) -> anyhow::Result<[Duration; STEPS.len()]> {
    let mut laps = Vec::new();
    let mut start = Instant::now();
    let mut lap = |start: &mut Instant| {
        laps.push(start.elapsed());
        *start = Instant::now();
    };
    let reader = ledger.read();
    let (tip, tip_hash) = reader.tip()?;
    let context = reader.context(&tip_hash)?;
    lap(&mut start);

    let state = reader.state()?;
    let mut executor = Executor::new(ledger.params(), &context, &state, ledger.proofs())?;
    let mut transactions = Vec::new();
    for index in 0..transfers {
        let from = (tip as usize * 7 + index * 9) % ACCOUNTS;
        let to = (from + 501) % ACCOUNTS;
        let transaction = Transaction {
            from: accounts[from],
            fee: 1,
            nonce: nonces[from],
            expiry: u32::MAX,
            action: Action::Transfer(Transfer { to: accounts[to], amount: 1 }),
        };
        executor.transaction(&transaction, transaction.id(&context.genesis_hash))??;
        nonces[from] += 1;
        transactions.push(SignedTransaction {
            transaction,
            signature: [0; SignedTransaction::SIGNATURE_BYTES],
        });
    }
    let applied = executor.finish(accounts[0], &[])?;
    let body = Body { transactions, shares: Vec::new() };
    let anchor_height = ledger.params().mining_anchor_height(tip);
    let anchor = context.anchors.iter().find(|(height, _)| *height == anchor_height);
    let header = Header {
        height: context.height,
        parent_hash: tip_hash,
        anchor_hash: anchor.map(|(_, hash)| *hash).unwrap_or_default(),
        timestamp_ms: context.median_time_ms + 1_000,
        transactions_root: body.transactions_root(),
        shares_root: body.shares_root(),
        state_root: reader.state_root_after(&applied.changes)?,
        producer: accounts[0],
        target: context.target,
    };
    let block = Block { header, nonce: 0, proof: Proof::ZERO, body };
    lap(&mut start);

    let proven = ContextualBlock::new(block, context, ledger.params())?.assume_verified();
    lap(&mut start);

    let outcome = ledger.store(proven)?;
    lap(&mut start);
    anyhow::ensure!(outcome.refused.is_none(), "the block was refused: {:?}", outcome.refused);
    laps.try_into().map_err(|_| anyhow::anyhow!("as many laps as steps"))
}

fn main() -> anyhow::Result<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let accounts = addresses();
    let ledger = Ledger::open(folder.path(), network(&accounts), LedgerOptions::default())?;
    let mut nonces = vec![0; ACCOUNTS];
    for transfers in [0, 100] {
        let mut times: [Vec<Duration>; STEPS.len()] = Default::default();
        for _ in 0..BLOCKS {
            let laps = block(&ledger, &accounts, transfers, &mut nonces)?;
            times.iter_mut().zip(laps).for_each(|(times, lap)| times.push(lap));
        }
        print!("{transfers:>4} transfers:");
        for (step, times) in STEPS.iter().zip(&mut times) {
            times.sort_unstable();
            print!("  {step} {:>6} µs", times[BLOCKS / 2].as_micros());
        }
        println!();
    }
    Ok(())
}
