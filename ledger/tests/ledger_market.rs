//! The market's records: what readers say, what a reorg takes back, and what fsck notices.

use lode_consensus::{
    Action, Hash, StateKey,
    market::{
        ProvingPool,
        event::{JobChange, Outcome, Void},
        job::End,
    },
};
use lode_ledger::{ChainEvent, JobStatus, Ledger, Prices, Reader, fsck::Depth};
use lode_testkit::{
    maker::{Maker, Plan, network},
    market::{self, Market, OPERATOR, REQUESTER, deliver, id_of},
    raw::{chain_columns, dump},
    store::{folder, fsck, open, replay, store, store_all},
};
use rand::RngExt;
use tempfile::TempDir;

const NEWEST: (u32, u32) = (u32::MAX, 0);

fn market() -> (Maker, Market) {
    let mut maker = Maker::new(network("smallnet"), 77);
    let genesis = maker.genesis();
    let market = Market::open(&mut maker, &genesis);
    (maker, market)
}

fn stored(maker: &Maker, blocks: &[Hash]) -> (TempDir, Ledger) {
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    store_all(&ledger, maker, blocks);
    (folder, ledger)
}

fn with_status(reader: &Reader<'_>, status: JobStatus) -> Vec<Hash> {
    let jobs = reader.status_jobs(status, NEWEST).unwrap();
    jobs.map(|job| job.unwrap().1).collect()
}

fn changes(reader: &Reader<'_>, job: &Hash) -> Vec<JobChange> {
    reader.job_events(job, (0, 0)).unwrap().map(|event| event.unwrap().1.what).collect()
}

#[test]
fn readers_say_how_the_market_stands() {
    let (maker, market) = market();
    let (_folder, ledger) = stored(&maker, &market.blocks);
    let jobs = market.jobs.clone();
    let (requester, operator) = (maker.address(REQUESTER), maker.address(OPERATOR));
    let newest_first: Vec<Hash> = jobs.iter().rev().copied().collect();
    let reader = ledger.read();
    assert_eq!(with_status(&reader, JobStatus::Assigned), newest_first);
    assert_eq!(reader.witness(&jobs[1]).unwrap(), Some(vec![1; 24]));
    assert_eq!(reader.class_source(&market.class).unwrap(), Some(vec![1; 16]));
    assert_eq!(reader.class_key(&market.class).unwrap(), Some(vec![1, 1]));
    assert_eq!(reader.class(&market.class).unwrap().unwrap().assigned, 3);
    assert_eq!(reader.book(&market.class).unwrap().0[0].open, 3);
    assert_eq!(reader.book_at(&market.class, 4).unwrap().0[0].open, 0);
    assert!(reader.waiting(&market.class).unwrap().0.is_empty());
    assert_eq!(reader.operator(&operator).unwrap().unwrap().held, 3);
    assert_eq!(reader.operator(&requester).unwrap(), None);
    let pool: ProvingPool = reader.leaf(&StateKey::ProvingPool(0)).unwrap().unwrap();
    assert_eq!(pool.left, reader.proving_pool(0).unwrap());
}

/// The same market after all its jobs have ended.
fn settled() -> (Maker, Market, TempDir, Ledger) {
    let (mut maker, mut market) = market();
    market.settle(&mut maker);
    let (folder, ledger) = stored(&maker, &market.blocks);
    (maker, market, folder, ledger)
}

#[test]
fn readers_list_the_newest_first() {
    let (maker, market, _folder, ledger) = settled();
    let (requester, operator) = (maker.address(REQUESTER), maker.address(OPERATOR));
    let (jobs, reader) = (&market.jobs, ledger.read());

    let listed = |list: Vec<Result<((u32, u32), Hash), _>>| -> Vec<_> {
        list.into_iter()
            .map(|record: Result<_, lode_ledger::LedgerError>| record.unwrap())
            .collect()
    };
    let places = [((4, 2), jobs[2]), ((4, 1), jobs[1]), ((4, 0), jobs[0])];
    assert_eq!(listed(reader.class_jobs(&market.class, NEWEST).unwrap().collect()), places);
    assert_eq!(listed(reader.requester_jobs(&requester, NEWEST).unwrap().collect()), places);
    // A page goes on below the place where the last one ended.
    let rest = listed(reader.class_jobs(&market.class, (4, 1)).unwrap().collect());
    assert_eq!(rest, places[2..]);
    let classes = listed(reader.classes(NEWEST).unwrap().collect());
    assert_eq!(classes, [((1, 0), market.class)]);
    let proved: Vec<Hash> =
        reader.operator_jobs(&operator, NEWEST).unwrap().map(|job| job.unwrap().1).collect();
    assert_eq!(proved.len(), 3, "each job once, though one was assigned and delivered");
    let prices: Vec<_> =
        reader.prices(&market.class, u32::MAX).unwrap().map(|p| p.unwrap()).collect();
    assert_eq!(prices, [(5, Prices { last: 1_000, low: 1_000, high: 1_000, count: 3 })]);
}

#[test]
fn readers_say_how_jobs_ended() {
    let (_maker, market, _folder, ledger) = settled();
    let (jobs, reader) = (&market.jobs, ledger.read());
    assert_eq!(with_status(&reader, JobStatus::Delivered), [jobs[0]]);
    assert_eq!(with_status(&reader, JobStatus::Failed), [jobs[2], jobs[1]]);
    for status in [JobStatus::Waiting, JobStatus::Open, JobStatus::Assigned] {
        assert!(with_status(&reader, status).is_empty(), "{status:?}");
    }
    for (job, status) in
        jobs.iter().zip([JobStatus::Delivered, JobStatus::Failed, JobStatus::Failed])
    {
        assert_eq!(reader.job_status(job).unwrap(), Some(status));
        assert_eq!(reader.witness(job).unwrap(), None, "the job has ended");
        assert!(reader.request(job).unwrap().is_some());
    }
    assert_eq!(reader.job_status(&market.class).unwrap(), None);
    assert!(matches!(
        changes(&reader, &jobs[0])[..],
        [JobChange::Requested, JobChange::Assigned(_), JobChange::Delivered(_)]
    ));
    let lapsed = changes(&reader, &jobs[2]);
    assert!(
        matches!(
            lapsed[..],
            [
                JobChange::Requested,
                JobChange::Assigned(_),
                JobChange::Missed { .. },
                JobChange::Opened { .. },
                JobChange::Undelivered { end: End::Failed, .. },
                JobChange::Slashed { .. }
            ]
        ),
        "{lapsed:?}"
    );
}

#[test]
fn readers_say_what_became_of_deliveries() {
    let (maker, market, _folder, ledger) = settled();
    let (jobs, reader) = (&market.jobs, ledger.read());
    let operator = maker.address(OPERATOR);
    let outcomes: Vec<_> = reader.outcomes(6).unwrap();
    let deliveries: Vec<_> =
        reader.deliveries(&operator, NEWEST).unwrap().map(|place| place.unwrap()).collect();
    let nothing = Outcome::Void(Void::NothingToDeliver);
    let expected = [Outcome::Applied, Outcome::FalseProof, nothing];
    assert_eq!(outcomes[outcomes.len() - 3..], expected);
    for ((height, index), expected) in deliveries.into_iter().rev().zip(expected) {
        let place = lode_ledger::TransactionPlace { height, index };
        assert_eq!(reader.outcome(&place).unwrap(), Some(expected));
    }
    // Three proofs, and the witness of the job that ended.
    let spent: Vec<Hash> = reader.spent(6).unwrap().map(|id| id.unwrap()).collect();
    assert_eq!(spent.len(), 4);
    assert!(spent.contains(&jobs[0]) && !spent.contains(&jobs[1]));
}

#[test]
fn how_a_job_ended_is_known_after_its_leaf_has_gone() {
    let (mut maker, mut market) = market();
    market.settle(&mut maker);
    // Leaves go 65 blocks after the last one at which the job was worth anything, 16.
    let rest = maker.extend(&market.tip(), 16 + 65 - 18, Plan::EMPTY);
    let (_folder, ledger) = stored(&maker, &market.blocks);
    store_all(&ledger, &maker, &rest[..rest.len() - 1]);
    let ended = [JobStatus::Delivered, JobStatus::Failed, JobStatus::Failed];
    for (has_leaf, next) in [(true, &[][..]), (false, &rest[rest.len() - 1..])] {
        store_all(&ledger, &maker, next);
        let reader = ledger.read();
        for (job, status) in market.jobs.iter().zip(ended) {
            assert_eq!(reader.job(job).unwrap().is_some(), has_leaf);
            assert_eq!(reader.job_status(job).unwrap(), Some(status));
        }
        assert_eq!(with_status(&reader, JobStatus::Delivered), [market.jobs[0]]);
    }
}

#[test]
fn what_is_void_is_recorded_with_its_reason() {
    let (mut maker, market) = market();
    let tip = market.tip();
    // More than the bond holds.
    let unbond = Action::Unbond(lode_consensus::transaction::Unbond { amount: u64::MAX });
    let block = maker.make_with(&tip, Plan::EMPTY, &[(OPERATOR, unbond)]);
    let (_folder, ledger) = stored(&maker, &[market.blocks.clone(), vec![block]].concat());
    let reader = ledger.read();
    assert!(matches!(reader.outcomes(6).unwrap()[..], [Outcome::Void(Void::FreeBond { .. })]));
    assert_eq!(reader.request(&id_of(&maker, &block, 0)).unwrap(), None);
}

/// Branches that part before the assignment, before the delivery and before the settlement.
#[test]
fn a_reorg_across_assignment_delivery_and_settlement_leaves_what_a_replay_leaves() {
    let (mut maker, mut market) = market();
    market.settle(&mut maker);
    for fork in 2..market.blocks.len() - 1 {
        let (folder, ledger) = stored(&maker, &market.blocks);
        let stem = &market.blocks[..=fork];
        // The other branch wins, and delivers what it can on its way.
        let mut other = Vec::new();
        let mut tip = stem[fork];
        for _ in 0..market.blocks.len() - fork {
            let quick = Plan { solve_ms: 200, ..Plan::EMPTY };
            let jobs = &market.jobs[..maker.rng().random_range(1..3)];
            let actions = [(OPERATOR, deliver(&maker, OPERATOR, jobs, true))];
            let known = market::job_at(&maker, &tip, &market.jobs[0]).is_some();
            tip = maker.make_with(&tip, quick, if known { &actions } else { &[] });
            other.push(tip);
        }
        let mut undone = 0;
        for hash in &other {
            let events = store(&ledger, maker.block(hash)).unwrap().events;
            undone += events
                .iter()
                .filter(|event| matches!(event, ChainEvent::Disconnected { .. }))
                .count();
        }
        assert_eq!(undone, market.blocks.len() - fork - 1, "fork {fork}");
        assert_eq!(ledger.read().tip().unwrap().1, tip);
        drop(ledger);
        let fresh = replay(&maker, &[stem, &other].concat());
        let got = chain_columns(dump(folder.path()));
        for (column, records) in &fresh {
            assert!(got[column] == *records, "fork {fork}, column {column}");
        }
    }
}

#[test]
fn fsck_verifies_deliveries_and_notices_a_wrong_verdict() {
    let (mut maker, mut market) = market();
    market.settle(&mut maker);
    let (folder, ledger) = stored(&maker, &market.blocks);
    for depth in [Depth::Replay, Depth::Proofs] {
        fsck(&ledger, depth).unwrap();
    }
    drop(ledger);
    // The same chain, by systems to which no proof holds: what was recorded is right for itself,
    // and the proofs are not.
    let ledger = lode_testkit::store::open_with(folder.path(), maker.network(), Refusing).unwrap();
    fsck(&ledger, Depth::Replay).unwrap();
    let error = fsck(&ledger, Depth::Proofs).unwrap_err().to_string();
    let delivery = id_of(
        &maker,
        &market.blocks[5],
        maker.block(&market.blocks[5]).body.transactions.len() - 3,
    );
    assert!(error.contains(&delivery.to_string()) && error.contains("block 6"), "{error}");
}

/// Keys as in tests, and no proof that holds.
#[derive(Debug)]
struct Refusing;

impl lode_consensus::market::proofs::ProofSystems for Refusing {
    fn values(&self, system: u8, key: &[u8]) -> Option<u16> {
        lode_testkit::oracle::Told.values(system, key)
    }

    fn cost(&self, system: u8, instances: usize, values: usize) -> u64 {
        lode_testkit::oracle::Told.cost(system, instances, values)
    }

    fn holds(&self, _: &lode_consensus::market::proofs::SoldProof) -> bool {
        false
    }
}
