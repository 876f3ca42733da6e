//! Whole nodes over the real network, in one process: what one takes in, the other one has.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use lode_consensus::{Action, Address, Share, Transaction, transaction::Transfer};
use lode_core::{Backend, Handle, MempoolLimits, sync::SyncState};
use lode_genesis::{Network, srs};
use lode_ledger::LedgerOptions;
use lode_network::Multiaddr;
use lode_node::{Node, NodeConfig, PeersConfig};
use lode_puzzle::{Engine, ReferenceEngine};
use lode_testkit::{keys::address_of, networks::tiny_with};
use snarkvm::console::{account::PrivateKey, network::MainnetV0};

/// One attempt in four is a block; anything mined can be spent in the block after the next.
fn network() -> Network {
    let fields = [
        ("future_limit_ms", "60_000"),
        ("maturity", "1"),
        ("genesis_target", "\"0x3fffffffffffffffffffffffffffffff\""),
    ];
    Network::parse(&tiny_with(&fields, &[]), "test").unwrap()
}

const PATIENCE: Duration = Duration::from_secs(60);

fn config(folder: &Path, peers: Option<PeersConfig>) -> NodeConfig {
    NodeConfig {
        network: network(),
        data_dir: folder.to_owned(),
        api: SocketAddr::from(([127, 0, 0, 1], 0)),
        allowed_hosts: Vec::new(),
        mempool: MempoolLimits::default(),
        ledger: LedgerOptions::default(),
        peers,
    }
}

fn peers(seeds: Vec<Multiaddr>) -> Option<PeersConfig> {
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    Some(PeersConfig { listen, seeds, ..PeersConfig::default() })
}

fn address_in(node: &Node) -> Multiaddr {
    node.peers().unwrap().client().view().addresses().next().unwrap()
}

fn tip(node: &Node) -> (u32, lode_consensus::Hash) {
    node.ledger().read().tip().unwrap()
}

async fn wait(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Prover {
    engine: ReferenceEngine,
    key: PrivateKey<MainnetV0>,
}

impl Prover {
    fn new() -> Self {
        let log_n = network().params.log_n;
        let engine = ReferenceEngine::new(Arc::new(srs::load(log_n).unwrap()));
        Self { engine, key: PrivateKey::new(&mut rand::rng()).unwrap() }
    }

    fn address(&self) -> Address {
        address_of(&self.key)
    }

    async fn mine(&self, node: &Node, blocks: u32) {
        let handle = Handle::alone(node.service().clone());
        for _ in 0..blocks {
            let job = handle.job(self.address(), None, Duration::ZERO).await.unwrap();
            let attempt = (0..)
                .find_map(|nonce| {
                    let attempt = self.engine.attempt(&job.statement, nonce).ok()?;
                    job.header.target.is_met_by(attempt.ticket.block_value()).then_some(Share {
                        anchor_hash: job.header.anchor_hash,
                        content_hash: job.content_hash,
                        prover: job.header.producer,
                        nonce,
                        proof: attempt.proof,
                    })
                })
                .unwrap();
            let outcome = handle.submit_attempt(attempt).await.unwrap();
            assert!(outcome.block.is_some(), "{outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_blocks_and_what_waits_for_one_and_go_on_after_a_restart() {
    let (folder_a, folder_b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let prover = Prover::new();
    let a = Node::start(config(folder_a.path(), peers(Vec::new()))).await.unwrap();
    prover.mine(&a, 30).await;

    // Cold sync, then block by block.
    let b = Node::start(config(folder_b.path(), peers(vec![address_in(&a)]))).await.unwrap();
    wait("b has the chain of a", || tip(&b) == tip(&a)).await;
    prover.mine(&a, 3).await;
    wait("b follows a", || tip(&b) == tip(&a)).await;
    prover.mine(&b, 3).await;
    wait("a follows b", || tip(&a) == tip(&b)).await;
    wait("b is synced", || b.peers().unwrap().status().borrow().state == SyncState::Synced).await;

    let action = Action::Transfer(Transfer { to: prover.address(), amount: 1 });
    let transaction =
        Transaction { from: prover.address(), fee: 5_000, nonce: 0, expiry: 500, action };
    let genesis = a.ledger().network().genesis_hash;
    let signed = transaction.sign(&prover.key, &genesis, &mut rand::rng()).unwrap();
    let id = Handle::alone(b.service().clone()).submit_transaction(signed).await.unwrap();
    let at_a = Handle::alone(a.service().clone());
    wait("a hears of the transaction", || at_a.pending_transaction(&id).is_some()).await;
    prover.mine(&a, 1).await;
    wait("b has the block with it", || b.ledger().read().transaction_place(&id).unwrap().is_some())
        .await;

    // Both go on alone, and meet again: one tip, whichever it is. The seed is at another port; b
    // finds a by its book, or a b.
    b.stop().await.unwrap();
    prover.mine(&a, 2).await;
    let b = Node::start(config(folder_b.path(), None)).await.unwrap();
    assert!(b.peers().is_none());
    prover.mine(&b, 5).await;
    b.stop().await.unwrap();
    let b = Node::start(config(folder_b.path(), peers(Vec::new()))).await.unwrap();
    wait("the longer branch wins", || tip(&a) == tip(&b)).await;
    assert_eq!(tip(&a).0, 30 + 3 + 3 + 1 + 5);
    a.stop().await.unwrap();
    b.stop().await.unwrap();
}
