//! The chain service over a real ledger, with the real puzzle at four points.

use std::{sync::Arc, time::Duration};

use lode_consensus::{
    Action, Address, Block, Hash, Obligation, Share, SignedTransaction, Transaction,
    obligation::{ProofChecker, Verdict},
    rules::BlockError,
    transaction::Transfer,
};
use lode_core::{
    AttemptOutcome, Backend, ChainService, Clock, Environment, Handle, MempoolError, MempoolLimits,
    MiningJob, SubmitError, SystemEntropy,
};
use lode_genesis::srs;
use lode_ledger::{Ledger, LedgerOptions};
use lode_puzzle::{Claim, Engine, Proof, ReferenceEngine, Srs, Target, Verifier};
use lode_testkit::{keys::address_of, networks::tiny};
use parking_lot::Mutex;
use snarkvm::console::{account::PrivateKey, network::MainnetV0};

/// A clock that stands still at the real time of its making, so that blocks are never in the
/// future.
#[derive(Debug, Clone, Copy)]
struct Noon;

impl Clock for Noon {
    fn now_ms(&self) -> u64 {
        1_793_361_600_000
    }
}

/// The real verifier, and what it was asked.
struct Noted {
    verifier: Verifier,
    asked: Mutex<Vec<Obligation>>,
}

impl ProofChecker for Noted {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        self.asked.lock().extend_from_slice(obligations);
        self.verifier.check(obligations, weights)
    }
}

struct Rig {
    handle: Handle<Noon>,
    checker: Arc<Noted>,
    folder: tempfile::TempDir,
    engine: ReferenceEngine,
    key: PrivateKey<MainnetV0>,
}

fn network_srs() -> Arc<Srs> {
    Arc::new(srs::load(tiny().params.log_n).unwrap())
}

fn service(folder: &std::path::Path) -> (Handle<Noon>, Arc<Noted>) {
    let network = tiny();
    let ledger =
        Arc::new(Ledger::open(&folder.join("chain"), network, LedgerOptions::default()).unwrap());
    let checker =
        Arc::new(Noted { verifier: Verifier::new(&network_srs()), asked: Mutex::default() });
    let environment =
        Environment { clock: Noon, checker: checker.clone(), entropy: Arc::new(SystemEntropy) };
    let service =
        ChainService::new(ledger, environment, MempoolLimits::default(), Some(folder)).unwrap();
    (Handle::alone(Arc::new(service)), checker)
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::new(&mut rand::rng()).unwrap();
        let (handle, checker) = service(folder.path());
        Self { handle, checker, folder, engine: ReferenceEngine::new(network_srs()), key }
    }

    fn address(&self) -> Address {
        address_of(&self.key)
    }

    async fn job(&self) -> MiningJob {
        self.handle.job(self.address(), None, Duration::ZERO).await.unwrap()
    }

    /// The first attempt for a job of which a condition holds: that it meets the block target, and
    /// the share target.
    fn attempt(&self, job: &MiningJob, block: bool, share: bool) -> Share {
        (0..)
            .find_map(|nonce| {
                let attempt = self.engine.attempt(&job.statement, nonce).ok()?;
                let is_block = job.header.target.is_met_by(attempt.ticket.block_value());
                let is_share = job.share_target.is_met_by(attempt.ticket.share_value());
                (is_block == block && is_share == share)
                    .then(|| as_share(job, nonce, attempt.proof))
            })
            .unwrap()
    }

    async fn mine_block(&self) -> AttemptOutcome {
        let job = self.job().await;
        self.handle.submit_attempt(self.attempt(&job, true, true)).await.unwrap()
    }

    fn height(&self) -> u32 {
        self.handle.ledger().read().tip_height().unwrap()
    }

    fn transfer(&self, nonce: u64, amount: u64, fee: u64) -> SignedTransaction {
        let to = address_of(&PrivateKey::new(&mut rand::rng()).unwrap());
        let transfer = Transaction {
            from: self.address(),
            fee,
            nonce,
            expiry: 1_000,
            action: Action::Transfer(Transfer { to, amount }),
        };
        let genesis = self.handle.ledger().network().genesis_hash;
        transfer.sign(&self.key, &genesis, &mut rand::rng()).unwrap()
    }
}

fn as_share(job: &MiningJob, nonce: u64, proof: Proof) -> Share {
    Share {
        anchor_hash: job.header.anchor_hash,
        content_hash: job.content_hash,
        prover: job.header.producer,
        nonce,
        proof,
    }
}

#[tokio::test]
async fn an_attempt_becomes_a_block_and_the_next_block_counts_it_as_a_share() {
    let rig = Rig::new();
    let outcome = rig.mine_block().await;
    assert!(outcome.block.is_some() && outcome.share, "{outcome:?}");
    assert_eq!(rig.height(), 1);
    rig.mine_block().await;
    let (_, block) = rig.handle.ledger().read().block_at(2).unwrap().unwrap();
    assert_eq!(block.body.shares.len(), 1);
    assert_eq!(block.body.shares[0].prover, rig.address());
    // Counted once: the third block carries the second's attempt alone.
    rig.mine_block().await;
    let (_, third) = rig.handle.ledger().read().block_at(3).unwrap().unwrap();
    assert_eq!(third.body.shares.len(), 1);
    assert_ne!(third.body.shares, block.body.shares);
}

#[tokio::test]
async fn a_share_waits_and_is_taken_once() {
    let rig = Rig::new();
    let job = rig.job().await;
    let share = rig.attempt(&job, false, true);
    let outcome = rig.handle.submit_attempt(share.clone()).await.unwrap();
    assert_eq!(outcome, AttemptOutcome { block: None, share: true, reason: None });
    assert_eq!(rig.handle.mempool().shares, 1);
    assert!(matches!(
        rig.handle.submit_attempt(share.clone()).await,
        Err(SubmitError::KnownAttempt)
    ));
    rig.mine_block().await;
    let (_, block) = rig.handle.ledger().read().block_at(1).unwrap().unwrap();
    // The template was built before the share came, or after: either way the share is in the chain
    // by block 2.
    rig.mine_block().await;
    let (_, second) = rig.handle.ledger().read().block_at(2).unwrap().unwrap();
    let counted = block
        .body
        .shares
        .iter()
        .chain(&second.body.shares)
        .filter(|counted| **counted == share)
        .count();
    assert_eq!(counted, 1);
    assert!(matches!(rig.handle.submit_attempt(share).await, Err(SubmitError::KnownAttempt)));
}

#[tokio::test]
async fn bad_attempts_are_refused_for_what_is_wrong_with_them() {
    let rig = Rig::new();
    let job = rig.job().await;
    let good = rig.attempt(&job, false, true);
    let refusal = async |attempt: Share| match rig.handle.submit_attempt(attempt).await {
        Err(error) => error.to_string(),
        Ok(outcome) => panic!("{outcome:?}"),
    };

    let blank = rig.attempt(&job, false, false);
    assert!(refusal(blank).await.contains("ticket"), "meets neither target");
    let elsewhere = Share { anchor_hash: Hash([1; 32]), ..good.clone() };
    assert!(refusal(elsewhere).await.contains("anchor"));
    let nobody = Share { prover: Address([0xFF; 32]), ..good.clone() };
    assert!(refusal(nobody).await.contains("prover"));
    // Another prover's claim to the same proof changes the statement: ticket or proof fails, or, if
    // the new ticket is good for a block by chance, the job's producer is another.
    let thief =
        Share { prover: address_of(&PrivateKey::new(&mut rand::rng()).unwrap()), ..good.clone() };
    let error = refusal(thief).await;
    assert!(["ticket", "proof", "producer"].iter().any(|why| error.contains(why)), "{error}");
    // A proof that hashes well is still no proof: its commitment is flipped until the ticket meets
    // the target.
    let forged = (0_u8..=255)
        .map(|bits| {
            let mut forged = good.clone();
            forged.proof.commitment[0] ^= bits;
            forged
        })
        .filter(|forged| *forged != good)
        .find(|forged| {
            let seed = lode_puzzle::Seed::new(&job.statement, forged.nonce);
            job.share_target.is_met_by(lode_puzzle::Ticket::new(&seed, &forged.proof).share_value())
        })
        .unwrap();
    assert!(refusal(forged).await.contains("proof"));
    assert_eq!(rig.height(), 0);
    assert_eq!(rig.handle.mempool().shares, 0);
    assert_eq!(rig.handle.mining().refused, 5);
}

#[tokio::test]
async fn a_long_poll_ends_with_the_tip_or_with_its_time() {
    let rig = Rig::new();
    let job = rig.job().await;
    // The clock stands still, so that the template never gets old.
    let same = rig
        .handle
        .job(rig.address(), Some(job.content_hash), Duration::from_millis(50))
        .await
        .unwrap();
    assert_eq!(same.content_hash, job.content_hash);
    let poll = rig.handle.job(rig.address(), Some(job.content_hash), Duration::from_secs(30));
    let (next, _) = tokio::join!(poll, rig.mine_block());
    assert_eq!(next.unwrap().header.height, 2);
}

#[tokio::test]
async fn an_attempt_for_an_old_tip_is_a_share_and_no_block() {
    let rig = Rig::new();
    let job = rig.job().await;
    rig.mine_block().await;
    let outcome = rig.handle.submit_attempt(rig.attempt_after(&job)).await.unwrap();
    assert!(outcome.share && outcome.block.is_none());
    assert!(outcome.reason.unwrap().contains("first"));
    assert_eq!(rig.height(), 1);
}

impl Rig {
    /// A second block attempt for a job whose first one was submitted.
    fn attempt_after(&self, job: &MiningJob) -> Share {
        let first = self.attempt(job, true, true);
        (first.nonce + 1..)
            .find_map(|nonce| {
                let attempt = self.engine.attempt(&job.statement, nonce).ok()?;
                let both = job.header.target.is_met_by(attempt.ticket.block_value())
                    && job.share_target.is_met_by(attempt.ticket.share_value());
                both.then(|| as_share(job, nonce, attempt.proof))
            })
            .unwrap()
    }
}

#[tokio::test]
async fn transactions_wait_are_included_and_come_back_after_a_restart() {
    let rig = Rig::new();
    for _ in 0..4 {
        rig.mine_block().await;
    }
    let balance = rig.handle.ledger().read().account(&rig.address()).unwrap().unwrap().balance;
    assert!(balance > 0);
    let first = rig.transfer(0, 1, 1_000);
    let id = rig.handle.submit_transaction(first.clone()).await.unwrap();
    let again = rig.handle.submit_transaction(first.clone()).await;
    assert!(matches!(again, Err(SubmitError::Mempool(MempoolError::Known(known))) if known == id));
    let mut forged = rig.transfer(1, 1, 1_000);
    forged.signature = first.signature;
    assert!(matches!(rig.handle.submit_transaction(forged).await, Err(SubmitError::Signature(_))));
    let too_much = rig.transfer(1, balance, 1_000);
    let refused = rig.handle.submit_transaction(too_much).await;
    assert!(matches!(refused, Err(SubmitError::Mempool(MempoolError::Balance { .. }))));
    rig.handle.submit_transaction(rig.transfer(1, 2, 1_000)).await.unwrap();

    // Nothing was saved: the journal alone brings them back, as after a kill.
    let Rig { handle, folder, engine, key, .. } = rig;
    drop(handle);
    let (handle, checker) = service(folder.path());
    let rig = Rig { handle, checker, folder, engine, key };
    assert_eq!(rig.handle.mempool().transactions.len(), 2);
    assert!(rig.handle.mempool().shares > 0, "the last block's attempt waits as a share");
    rig.mine_block().await;
    let (_, block) = rig.handle.ledger().read().block_at(rig.height()).unwrap().unwrap();
    assert_eq!(block.body.transactions.len(), 2);
    assert!(rig.handle.mempool().transactions.is_empty());
    assert!(rig.handle.ledger().read().transaction_place(&id).unwrap().is_some());
}

#[tokio::test]
async fn after_a_reorg_transactions_wait_again_in_their_order() {
    let rig = Rig::new();
    for _ in 0..4 {
        rig.mine_block().await;
    }
    let fork = rig.height();
    // A second node with the same chain goes its own way, with more work.
    let other = Rig::new();
    for height in 1..=fork {
        let (_, block) = rig.handle.ledger().read().block_at(height).unwrap().unwrap();
        other.handle.service().submit_block(block).await.unwrap();
    }
    for _ in 0..2 {
        other.mine_block().await;
    }
    // The first one includes a transaction, and has one that follows it waiting.
    rig.handle.submit_transaction(rig.transfer(0, 1, 1_000)).await.unwrap();
    rig.mine_block().await;
    rig.handle.submit_transaction(rig.transfer(1, 1, 9_000)).await.unwrap();
    for height in fork + 1..=fork + 2 {
        let (_, block) = other.handle.ledger().read().block_at(height).unwrap().unwrap();
        rig.handle.service().submit_block(block).await.unwrap();
    }
    let tip = rig.handle.ledger().read().tip().unwrap();
    assert_eq!(tip, other.handle.ledger().read().tip().unwrap());
    let nonces: Vec<u64> = rig
        .handle
        .mempool()
        .transactions
        .iter()
        .map(|(_, signed)| signed.transaction.nonce)
        .collect();
    assert_eq!(nonces, [0, 1]);
    rig.mine_block().await;
    let (_, block) = rig.handle.ledger().read().block_at(fork + 3).unwrap().unwrap();
    assert_eq!(block.body.transactions.len(), 2);
}

#[tokio::test]
async fn a_block_from_the_future_is_deferred_and_not_condemned() {
    let rig = Rig::new();
    let job = rig.job().await;
    let attempt = rig.attempt(&job, true, true);
    rig.handle.submit_attempt(attempt).await.unwrap();
    let (hash, mut block) = rig.handle.ledger().read().block_at(1).unwrap().unwrap();
    let submit =
        async |block: &Block| rig.handle.service().submit_block(block.clone()).await.unwrap_err();
    assert!(matches!(submit(&block).await, SubmitError::KnownBlock(known) if known == hash));
    block.header.timestamp_ms = Noon.now_ms() + 2_001;
    assert!(matches!(submit(&block).await, SubmitError::Future { wait_ms: 1 }));
    // At the limit it is looked at, and its proof found to be for another header.
    block.header.timestamp_ms = Noon.now_ms() + 2_000;
    assert!(matches!(submit(&block).await, SubmitError::Block(BlockError::Proof(_))));
    block.header.target = Target::MAX;
    assert!(matches!(submit(&block).await, SubmitError::Block(BlockError::Target { .. })));
}

#[tokio::test]
async fn of_a_block_only_what_is_new_is_checked() {
    let (rig, other) = (Rig::new(), Rig::new());
    let pass_on = async |height| {
        let (_, block) = rig.handle.ledger().read().block_at(height).unwrap().unwrap();
        other.checker.asked.lock().clear();
        other.handle.service().submit_block(block.clone()).await.unwrap();
        (block, std::mem::take(&mut *other.checker.asked.lock()))
    };
    for height in 1..=4 {
        rig.mine_block().await;
        pass_on(height).await;
    }
    // A share and a transaction come to both, before the block that includes them.
    let share = rig.attempt(&rig.job().await, false, true);
    let signed = rig.transfer(0, 1, 1_000);
    for node in [&rig, &other] {
        assert!(node.handle.submit_attempt(share.clone()).await.unwrap().share);
        node.handle.submit_transaction(signed.clone()).await.unwrap();
    }
    rig.mine_block().await;
    pass_on(5).await;
    rig.mine_block().await;
    let (block, asked) = pass_on(6).await;
    assert!(
        block.body.shares.contains(&share) && block.body.shares.len() == 2,
        "with the attempt of block 5"
    );
    assert_eq!(block.body.transactions, [signed]);
    assert!(matches!(
        asked[..],
        [Obligation::Puzzle(item)] if item.claim == Claim::Block(block.header.target)
    ));
}
