//! What a node does with the market's transactions before they are in a block: the cheapest checks
//! first, one proof for each sender and nonce, nothing that is void, and promises first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use lode_consensus::{
    Action, Hash, Height, Share, SignedTransaction, StateKey, Transaction,
    market::{
        JobLeaf,
        event::{Outcome, Void},
        job::{Assigned, Status},
        proofs::{ProofSystems, SoldProof},
    },
    transaction::{Ask, Deliver, Request, Transfer},
    transition::TransactionError,
};
use lode_core::{
    Backend, ChainService, Clock, Environment, Fault, Handle, MempoolError, MempoolLimits,
    SubmitError, VerdictCache, query::Moment,
};
use lode_ledger::{Ledger, LedgerOptions, MemoryDisk};
use lode_puzzle::{Seed, Ticket};
use lode_testkit::{
    maker::{Maker, Plan, network},
    market::{self, Market, OPERATOR, REQUESTER, ask, deliver, request},
    oracle::{Told, Trusting, Weights, proof},
};
use parking_lot::{Condvar, Mutex};
use rand::{RngExt, SeedableRng, rngs::StdRng};

#[derive(Debug, Clone, Copy)]
struct Later;

impl Clock for Later {
    fn now_ms(&self) -> u64 {
        lode_testkit::networks::START_MS + 1_000_000
    }
}

/// [`Told`], and how often it was asked for a verdict.
#[derive(Debug, Default, Clone)]
struct Counted(Arc<AtomicU64>, Arc<Meeting>);

/// Has those that verify at the same time wait for each other, if it is on.
#[derive(Debug, Default)]
struct Meeting {
    is_on: AtomicBool,
    /// How many verify now, and how many did at most.
    there: Mutex<(usize, usize)>,
    more: Condvar,
}

impl Meeting {
    fn attend(&self) {
        if !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        let mut there = self.there.lock();
        there.0 += 1;
        there.1 = there.1.max(there.0);
        self.more.notify_all();
        let alone = |there: &mut (usize, usize)| there.1 < 2;
        self.more.wait_while_for(&mut there, alone, Duration::from_secs(20));
        there.0 -= 1;
    }
}

impl ProofSystems for Counted {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        Told.values(system, key)
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        Told.cost(system, instances, values)
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1.attend();
        Told.holds(proof)
    }
}

struct Rig {
    maker: Maker,
    market: Market,
    handle: Handle<Later>,
    asked: Counted,
}

impl Rig {
    /// A node at the block that assigned three jobs to [`OPERATOR`], by block 8.
    fn new() -> Self {
        let mut maker = Maker::new(network("smallnet"), 91);
        let genesis = maker.genesis();
        let market = Market::open(&mut maker, &genesis);
        let asked = Counted::default();
        let proofs = Arc::new(VerdictCache::new(asked.clone()));
        let options = LedgerOptions { proofs, ..LedgerOptions::default() };
        let disk = MemoryDisk::new().unwrap();
        let ledger = Ledger::open_in_memory(&disk, maker.network().clone(), options).unwrap();
        let effects =
            Environment { clock: Later, checker: Arc::new(Trusting), entropy: Arc::new(Weights) };
        let service =
            ChainService::new(Arc::new(ledger), effects, MempoolLimits::default(), None).unwrap();
        let rig = Self { maker, market, handle: Handle::alone(Arc::new(service)), asked };
        rig.take(&rig.market.blocks);
        rig
    }

    fn take(&self, blocks: &[Hash]) {
        for hash in blocks {
            self.handle.service().take_block(self.maker.block(hash).clone()).unwrap();
        }
    }

    fn verified(&self) -> u64 {
        self.asked.0.load(Ordering::Relaxed)
    }

    /// A signed transaction, so many after the sender's next one.
    fn signed(&mut self, from: usize, after: u64, fee: u64, action: Action) -> SignedTransaction {
        let address = self.maker.address(from);
        let nonce = self.handle.ledger().read().account(&address).unwrap().unwrap().nonce + after;
        let transaction = Transaction { from: address, fee, nonce, expiry: 1_000, action };
        self.maker.sign(from, transaction)
    }

    fn submit(&self, signed: &SignedTransaction) -> Result<Hash, SubmitError> {
        self.handle.service().take_transaction(signed.clone())
    }

    fn send(&mut self, from: usize, fee: u64, action: Action) -> Result<Hash, SubmitError> {
        let signed = self.signed(from, 0, fee, action);
        self.submit(&signed)
    }

    fn delivery(&self, from: usize, jobs: std::ops::Range<usize>, holds: bool) -> Action {
        deliver(&self.maker, from, &self.market.jobs[jobs], holds)
    }

    /// Makes a block of what waits, by a producer without jobs.
    fn mine(&self) -> (u32, Vec<Hash>, Vec<Outcome>) {
        let service = self.handle.service();
        let job = service.mining_job(self.maker.address(4)).unwrap();
        let meets = |nonce: &u64| {
            let ticket = Ticket::new(&Seed::new(&job.statement, *nonce), &proof(*nonce));
            job.header.target.is_met_by(ticket.block_value())
        };
        let nonce = (0..).find(meets).unwrap();
        let attempt = Share {
            anchor_hash: job.header.anchor_hash,
            content_hash: job.content_hash,
            prover: job.header.producer,
            nonce,
            proof: proof(nonce),
        };
        let outcome = service.take_attempt(&attempt).unwrap();
        assert!(outcome.block.is_some(), "{outcome:?}");
        let reader = self.handle.ledger().read();
        let (height, _) = reader.tip().unwrap();
        let block = reader.block_at(height).unwrap().unwrap().1;
        let genesis = self.maker.genesis();
        let ids = block.body.transactions.iter().map(|signed| signed.id(&genesis)).collect();
        (height, ids, reader.outcomes(height).unwrap())
    }
}

#[test]
fn a_proof_is_verified_once_from_its_submission_to_its_block() {
    let mut rig = Rig::new();
    let delivery = rig.delivery(OPERATOR, 0..2, true);
    let id = rig.send(OPERATOR, 10_000, delivery).unwrap();
    assert_eq!(rig.verified(), 1);
    let (_, ids, outcomes) = rig.mine();
    assert_eq!((ids, outcomes), (vec![id], vec![Outcome::Applied]));
    assert_eq!(rig.verified(), 1, "template and ledger ask the memory");
}

#[test]
fn a_block_that_comes_has_each_proof_verified_once() {
    let mut rig = Rig::new();
    let tip = rig.market.tip();
    let given = [
        (OPERATOR, rig.delivery(OPERATOR, 0..1, true)),
        (OPERATOR, rig.delivery(OPERATOR, 1..2, false)),
        (OPERATOR, rig.delivery(OPERATOR, 2..3, true)),
    ];
    let block = rig.maker.make_with(&tip, Plan::EMPTY, &given);
    rig.take(&[block]);
    assert_eq!(rig.verified(), 3);
    let outcomes = rig.handle.ledger().read().outcomes(6).unwrap();
    assert_eq!(outcomes, [Outcome::Applied, Outcome::FalseProof, Outcome::Applied]);
}

/// Several verify at the same time, before the block is applied, which one thread does.
#[test]
fn the_proofs_of_a_block_are_verified_side_by_side() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("one processor: there is nothing beside it");
        return;
    }
    let mut rig = Rig::new();
    let tip = rig.market.tip();
    let given = [0..1, 1..2].map(|jobs| (OPERATOR, rig.delivery(OPERATOR, jobs, true)));
    let block = rig.maker.make_with(&tip, Plan::EMPTY, &given);
    rig.asked.1.is_on.store(true, Ordering::Relaxed);
    rig.take(&[block]);
    assert_eq!(rig.asked.1.there.lock().1, 2);
    assert_eq!(rig.verified(), 2);
}

#[test]
fn what_is_void_is_refused_before_its_proof_is_looked_at() {
    let mut rig = Rig::new();
    let by_other = rig.delivery(REQUESTER, 0..1, true);
    let refused = rig.send(REQUESTER, 10_000, by_other);
    let Err(error @ SubmitError::Void(Void::FreeBond { .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(error.fault(), Fault::State, "no peer is charged for what depends on the tip");
    let unknown = Action::Deliver(Deliver { jobs: vec![Hash([5; 32])], proof: vec![1] });
    let refused = rig.send(OPERATOR, 10_000, unknown);
    assert!(matches!(refused, Err(SubmitError::Void(Void::MixedJobs))), "{refused:?}");
    let nowhere = ask(Hash([6; 32]));
    let refused = rig.send(OPERATOR, 10_000, nowhere);
    assert!(matches!(refused, Err(SubmitError::Void(Void::NoClass))), "{refused:?}");
    assert_eq!(rig.verified(), 0);
    assert!(rig.handle.mempool().transactions.is_empty());
}

#[test]
fn what_no_block_could_hold_is_refused() {
    let mut rig = Rig::new();
    let refused = rig.send(REQUESTER, 10_000, request(Hash([6; 32]), 1));
    assert!(
        matches!(&refused, Err(error @ SubmitError::Refused(TransactionError::NoClass(_)))
            if error.fault() == Fault::State),
        "{refused:?}"
    );
    let Action::RegisterClass(mut class) = market::class(9) else { panic!("a class") };
    class.key = vec![0];
    let refused = rig.send(REQUESTER, 10_000, Action::RegisterClass(class));
    assert!(
        matches!(&refused, Err(error @ SubmitError::Refused(TransactionError::Key { .. }))
            if error.fault() == Fault::Sender),
        "{refused:?}"
    );
}

#[test]
fn a_wrong_signature_nonce_or_fee_is_found_before_the_proof() {
    let mut rig = Rig::new();
    let delivery = rig.delivery(OPERATOR, 0..1, true);
    let good = rig.signed(OPERATOR, 0, 10_000, delivery.clone());
    let mut unsigned = good.clone();
    unsigned.signature[5] ^= 1;
    assert!(matches!(rig.submit(&unsigned), Err(SubmitError::Signature(_))));
    let gap = rig.signed(OPERATOR, 3, 10_000, delivery.clone());
    assert!(matches!(rig.submit(&gap), Err(SubmitError::Mempool(MempoolError::NonceGap { .. }))));
    let cheap = rig.signed(OPERATOR, 0, 1, delivery);
    assert!(matches!(rig.submit(&cheap), Err(SubmitError::Mempool(MempoolError::MinFee { .. }))));
    assert_eq!(rig.verified(), 0);
    rig.submit(&good).unwrap();
    assert_eq!(rig.verified(), 1);
}

#[test]
fn the_first_false_proof_is_kept_and_no_other_is_verified_for_its_nonce() {
    let mut rig = Rig::new();
    let wrong = rig.delivery(OPERATOR, 0..1, false);
    let id = rig.send(OPERATOR, 10_000, wrong).unwrap();
    assert_eq!(rig.verified(), 1);
    // Neither another proof nor anything else takes its place, whatever it pays.
    let right = rig.delivery(OPERATOR, 0..1, true);
    let refused = rig.send(OPERATOR, 90_000_000, right);
    assert!(
        matches!(
            refused,
            Err(SubmitError::OtherProof | SubmitError::Mempool(MempoolError::Forfeit))
        ),
        "{refused:?}"
    );
    let transfer = Action::Transfer(Transfer { to: rig.maker.address(0), amount: 1 });
    let refused = rig.send(OPERATOR, 90_000_000, transfer);
    assert!(matches!(refused, Err(SubmitError::Mempool(MempoolError::Forfeit))), "{refused:?}");
    assert_eq!(rig.verified(), 1);
    let (_, ids, outcomes) = rig.mine();
    assert_eq!((ids, outcomes), (vec![id], vec![Outcome::FalseProof]));
}

#[test]
fn a_delivery_signed_again_for_another_fee_is_not_verified_again_and_another_one_is_refused() {
    let mut rig = Rig::new();
    let first = rig.delivery(OPERATOR, 0..1, true);
    rig.send(OPERATOR, 10_000, first.clone()).unwrap();
    let again = rig.send(OPERATOR, 20_000, first).unwrap();
    assert_eq!(rig.verified(), 1);
    let other = rig.delivery(OPERATOR, 1..2, true);
    let refused = rig.send(OPERATOR, 900_000, other);
    assert!(matches!(refused, Err(SubmitError::OtherProof)), "{refused:?}");
    assert_eq!(rig.verified(), 1);
    let waiting = rig.handle.mempool().transactions;
    assert_eq!(waiting.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [again]);
}

#[test]
fn what_waits_before_it_counts() {
    let mut rig = Rig::new();
    let class = rig.market.class;
    // Without a bond the ask is void; behind a Bond it is not.
    let asked = rig.signed(2, 1, 10_000, ask(class));
    let bonded = rig.signed(2, 0, 10_000, market::bond(50_000_000));
    rig.submit(&bonded).unwrap();
    rig.submit(&asked).unwrap();
    let refused = rig.send(3, 10_000, ask(class));
    assert!(matches!(refused, Err(SubmitError::Void(Void::FreeBond { .. }))), "{refused:?}");
    let (_, _, outcomes) = rig.mine();
    assert_eq!(outcomes, [Outcome::Applied; 2]);
}

#[test]
fn what_keeps_a_promise_goes_before_what_pays_more() {
    let mut rig = Rig::new();
    let rich = Action::Transfer(Transfer { to: rig.maker.address(1), amount: 1 });
    let rich = rig.send(REQUESTER, 5_000_000, rich).unwrap();
    let delivery = rig.delivery(OPERATOR, 0..3, true);
    let kept = rig.send(OPERATOR, 10_000, delivery).unwrap();
    let (_, ids, _) = rig.mine();
    assert_eq!(ids, [kept, rich]);
}

#[test]
fn what_becomes_void_waits_on_and_is_not_given_to_peers() {
    let mut rig = Rig::new();
    let delivery = rig.delivery(OPERATOR, 0..1, true);
    let id = rig.send(OPERATOR, 10_000, delivery).unwrap();
    let page = |rig: &Rig| rig.handle.service().mempool_page(0).transactions.len();
    let tip = rig.market.tip();
    // The job fails one block after its last one, 16.
    let blocks = rig.maker.extend(&tip, 12, Plan::EMPTY);
    rig.take(&blocks[..11]);
    assert_eq!(page(&rig), 1);
    rig.take(&blocks[11..]);
    assert_eq!(page(&rig), 0);
    assert_eq!(rig.handle.mempool().transactions.len(), 1);
    let (_, ids, outcomes) = rig.mine();
    assert_eq!(ids, [id]);
    assert_eq!(outcomes, [Outcome::Void(Void::NothingToDeliver)]);
}

#[test]
fn a_delivery_that_comes_off_the_chain_goes_first_again() {
    let mut rig = Rig::new();
    let tip = rig.market.tip();
    let delivery = rig.delivery(OPERATOR, 0..3, true);
    let block = rig.maker.make_with(&tip, Plan::EMPTY, &[(OPERATOR, delivery)]);
    rig.take(&[block]);
    let id = market::id_of(&rig.maker, &block, 0);
    // Another branch without it.
    let quick = Plan { solve_ms: 200, ..Plan::EMPTY };
    let others = rig.maker.extend(&tip, 2, quick);
    rig.take(&others);
    let rich = Action::Transfer(Transfer { to: rig.maker.address(1), amount: 1 });
    let rich = rig.send(REQUESTER, 5_000_000, rich).unwrap();
    let order: Vec<Hash> = rig.handle.mempool().transactions.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [id, rich]);
    assert_eq!(rig.verified(), 1);
}

/// Of deliveries with so much to verify a block holds 31.
#[test]
fn more_deliveries_may_wait_than_a_block_holds() {
    let mut rig = Rig::new();
    let delivery = |rig: &Rig, proof: u8| {
        let Action::Deliver(mut deliver) = rig.delivery(OPERATOR, 2..3, false) else {
            panic!("a delivery")
        };
        deliver.proof = vec![proof; 40];
        Action::Deliver(deliver)
    };
    for nonce in 0..40 {
        let wrong = delivery(&rig, nonce);
        let signed = rig.signed(OPERATOR, nonce.into(), 10_000, wrong);
        rig.submit(&signed).unwrap();
    }
    let (_, ids, outcomes) = rig.mine();
    assert_eq!(ids.len(), 31);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::FalseProof));
}

// --- Why a job does not match --------------------------------------------------------------------

/// The jobs that are assigned after a block.
fn assigned_at(maker: &Maker, block: &Hash) -> Vec<(Hash, Assigned)> {
    let leaves = &maker.state(block).leaves;
    let jobs = leaves.keys().filter_map(|key| match key {
        StateKey::Job(id) => Some(*id),
        _ => None,
    });
    jobs.filter_map(|id| match market::job_at(maker, block, &id)? {
        JobLeaf::Live(job) => match job.status {
            Status::Assigned(assigned) => Some((id, assigned)),
            Status::Waiting | Status::Open => None,
        },
        JobLeaf::Ended(_) => None,
    })
    .collect()
}

/// A delivery for each job that is assigned: no promise lapses.
fn kept(maker: &Maker, block: &Hash) -> Vec<(usize, Action)> {
    let held = assigned_at(maker, block).into_iter();
    held.map(|(id, assigned)| {
        let from = (0..4).find(|actor| maker.address(*actor) == assigned.operator).unwrap();
        (from, deliver(maker, from, &[id], true))
    })
    .collect()
}

fn random_ask(rng: &mut StdRng, class: Hash, height: Height) -> Action {
    Action::Ask(Ask {
        class,
        price: rng.random_range(4_000..12_000),
        blocks: rng.random_range(2..7),
        capacity: rng.random_range(0..4),
        max_bond: rng.random_range(10_000..20_000),
        until: height + rng.random_range(2..20),
    })
}

fn random_request(rng: &mut StdRng, maker: &Maker, class: Hash, witness: u8) -> Action {
    let Action::Request(request) = request(class, witness) else { panic!("a Request") };
    let (price, soft_blocks) = (rng.random_range(8_000..14_000), rng.random_range(1..7));
    let direct = rng.random_range(0..6) == 0;
    Action::Request(Request {
        price,
        late_price: rng.random_range(0..8_000),
        soft_blocks,
        hard_blocks: soft_blocks + rng.random_range(1..4),
        damage: if rng.random_range(0..3) == 0 { 14_000 } else { 0 },
        min_reputation: u16::from(rng.random_range(0..12) == 0),
        operator: direct.then(|| maker.address(rng.random_range(0..4))),
        ..request
    })
}

/// An answer that says that an ask fits is kept by the next block, and one that says that none does
/// as well; and whom it names is assigned the job.
#[test]
fn why_says_that_an_ask_fits_exactly_if_the_next_block_assigns_the_job() {
    let mut rig = Rig::new();
    let mut rng = StdRng::seed_from_u64(17);
    let class = rig.market.class;
    let mut tip = rig.market.tip();
    // Bonds for two jobs, and for less than two.
    let bonds = [(2, market::bond(1_030_000)), (3, market::bond(1_014_000))];
    let mut more = bonds.to_vec();
    let (mut fitted, mut refused, mut reasons) = (0, 0, std::collections::BTreeSet::new());
    for round in 0..150_u8 {
        let height = rig.maker.block(&tip).header.height + 1;
        let mut actions = kept(&rig.maker, &tip);
        actions.append(&mut more);
        for operator in 1..4 {
            if rng.random_range(0..5) == 0 {
                actions.push((operator, random_ask(&mut rng, class, height)));
            }
        }
        actions.push((REQUESTER, random_request(&mut rng, &rig.maker, class, round)));
        let plan = Plan { shares: 2, ..Plan::EMPTY };
        let posted = rig.maker.make_with(&tip, plan, &actions);
        rig.take(&[posted]);
        let id = market::id_of(&rig.maker, &posted, actions.len() - 1);
        let why = Moment::of(rig.handle.ledger()).why(&id).unwrap();
        assert_eq!((why.event, why.fit.height), (Some(height + 1), height + 1));

        let deliveries = kept(&rig.maker, &posted);
        tip = rig.maker.make_with(&posted, plan, &deliveries);
        rig.take(&[tip]);
        let matched: Vec<(Hash, Assigned)> = assigned_at(&rig.maker, &tip)
            .into_iter()
            .filter(|(_, assigned)| assigned.assigned == height + 1)
            .collect();
        // What another job took before, no answer can know.
        if matched.iter().any(|(job, _)| *job != id) {
            continue;
        }
        let operator = matched.first().map(|(_, assigned)| assigned.operator);
        assert_eq!(why.fit.chosen, operator, "round {round}: {why:?}");
        assert_eq!(why.fit.fitting().next().is_some(), operator.is_some(), "round {round}");
        *(if operator.is_some() { &mut fitted } else { &mut refused }) += 1;
        let misfits = why.fit.asks.iter().filter_map(|ask| ask.misfit);
        reasons.extend(
            misfits.map(|misfit| format!("{misfit:?}").split(' ').next().unwrap().to_owned()),
        );
    }
    println!("{fitted} fitted, {refused} did not: {reasons:?}");
    assert!(fitted >= 20 && refused >= 20 && reasons.len() >= 8);
}
