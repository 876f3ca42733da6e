//! A part of the node that panics is told of, with the reason, and nothing waits for it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lode_core::{
    ChainService, Clock, Environment, MempoolLimits, P2p, P2pFailure, SystemEntropy,
    sync::SyncConfig,
};
use lode_genesis::srs;
use lode_ledger::{Ledger, LedgerOptions};
use lode_network::NetworkOptions;
use lode_puzzle::Verifier;
use lode_testkit::networks::tiny;

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that panics once it is broken: the panic that the tests bring into what asks for the
/// time.
#[derive(Debug, Clone, Default)]
struct Fragile(Arc<AtomicBool>);

impl Fragile {
    fn break_it(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Clock for Fragile {
    fn now_ms(&self) -> u64 {
        assert!(!self.0.load(Ordering::SeqCst), "the clock\nis broken");
        1_793_361_600_000
    }
}

fn service(folder: &Path) -> (Arc<ChainService<Fragile>>, Fragile) {
    let network = tiny();
    let checker = Arc::new(Verifier::new(&Arc::new(srs::load(network.params.log_n).unwrap())));
    let ledger =
        Arc::new(Ledger::open(&folder.join("chain"), network, LedgerOptions::default()).unwrap());
    let clock = Fragile::default();
    let environment =
        Environment { clock: clock.clone(), checker, entropy: Arc::new(SystemEntropy) };
    (
        Arc::new(
            ChainService::new(ledger, environment, MempoolLimits::default(), Some(folder)).unwrap(),
        ),
        clock,
    )
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it is told in time")
}

async fn start(service: &Arc<ChainService<Fragile>>, folder: &Path) -> P2p {
    let options = NetworkOptions::new(service.ledger().network().genesis_hash, folder.to_owned());
    P2p::start(service.clone(), SyncConfig::default(), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_sync_is_told_and_does_not_keep_it_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let (service, clock) = service(folder.path());
    let mut p2p = start(&service, folder.path()).await;
    clock.break_it();
    let failure = in_time(p2p.failed()).await;
    assert_eq!(failure, P2pFailure::Sync("it panicked: the clock is broken".to_owned()));
    in_time(p2p.stop()).await;
    service.save().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_sync_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (service, _) = service(folder.path());
    let mut p2p = start(&service, folder.path()).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), p2p.failed()).await.is_err());
    in_time(p2p.stop()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_a_submission_is_answered_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (service, clock) = service(folder.path());
    // Any block will do: the time is asked for before anything else.
    let block = service.ledger().network().genesis.clone();
    clock.break_it();
    let (answer, reason) =
        in_time(async { tokio::join!(service.submit_block(block), service.failed()) }).await;
    assert!(answer.is_err());
    assert!(reason.contains("panicked"), "{reason}");
}
