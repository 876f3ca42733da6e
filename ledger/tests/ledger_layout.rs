//! The bytes on disk. A change here is a new layout: existing data folders become unreadable
//! without one. `./x vectors` writes the file anew.

use std::fmt::Write;

use lode_consensus::{Encode, StateKey};
use lode_testkit::{
    maker::{Maker, Plan, network},
    market::{Market, OPERATOR, REQUESTER},
    raw::{CHAIN_COLUMNS, Dump, dump},
    store::{folder, open, store_all},
};

/// Seven blocks, so that an epoch has ended, credits have matured and leaves were deleted.
fn chain() -> (Maker, Vec<lode_consensus::Hash>, Dump) {
    let mut maker = Maker::new(network("layout"), 21);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 7, Plan { transfers: 1, shares: 1, ..Plan::EMPTY });
    store_all(&ledger, &maker, &chain);
    drop(ledger);
    let dump = dump(folder.path());
    (maker, chain, dump)
}

/// Another one, with jobs.
fn market() -> (Maker, Market, Dump) {
    let mut maker = Maker::new(network("layout"), 22);
    let genesis = maker.genesis();
    let mut market = Market::open(&mut maker, &genesis);
    market.settle(&mut maker);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    store_all(&ledger, &maker, &market.blocks);
    drop(ledger);
    let dump = dump(folder.path());
    (maker, market, dump)
}

#[test]
fn one_record_of_every_column_is_pinned() {
    let (_, _, dump) = chain();
    let (_, _, of_market) = market();
    let mut got = String::new();
    for (column, records) in &dump {
        let records = if records.is_empty() { &of_market[column] } else { records };
        let (key, value) = records.last().unwrap_or_else(|| panic!("column {column} is empty"));
        let value = if value.is_empty() { "-".to_owned() } else { hex::encode(value) };
        writeln!(got, "{column}\n  {}\n  {value}", hex::encode(key)).unwrap();
    }
    if std::env::var_os("LODE_WRITE_VECTORS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger_layout.txt"), got)
            .unwrap();
        return;
    }
    let expected = include_str!("ledger_layout.txt");
    for (got, expected) in got.lines().zip(expected.lines()) {
        assert_eq!(got, expected);
    }
    assert_eq!(got.len(), expected.len(), "{got}");
}

#[test]
fn every_column_is_one_that_fsck_knows() {
    let (_, _, dump) = chain();
    let of_blocks = ["blocks", "entries", "facts", "tips"];
    let mut expected: Vec<&str> = of_blocks.into_iter().chain(CHAIN_COLUMNS).collect();
    expected.sort_unstable();
    let columns: Vec<&String> = dump.keys().collect();
    assert_eq!(columns, expected);
}

fn assert_has(dump: &Dump, column: &str, key: Vec<u8>, value: Vec<u8>) {
    assert!(dump[column].contains(&(key.clone(), value.clone())), "{column}: {}", hex::encode(key));
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// The records that a reader of the specification can put together, field by field.
#[test]
fn records_are_what_their_documentation_says() {
    let (maker, chain, dump) = chain();
    let tip = chain[6];
    let block = maker.block(&tip);
    let has = |column: &str, key: Vec<u8>, value: Vec<u8>| assert_has(&dump, column, key, value);
    let genesis = maker.genesis();

    has("facts", b"layout".to_vec(), 3_u32.to_le_bytes().to_vec());
    has("facts", b"network".to_vec(), b"layout".to_vec());
    has("facts", b"tip".to_vec(), 7_u32.to_le_bytes().to_vec());
    has("facts", b"floor".to_vec(), 0_u32.to_le_bytes().to_vec());
    has("facts", b"arrivals".to_vec(), 8_u64.to_le_bytes().to_vec());
    has("chain", 7_u32.to_be_bytes().to_vec(), tip.0.to_vec());
    let work = maker.work(&tip).encode();
    let entry = join(&[&block.header.encode(), &work, &7_u64.to_le_bytes(), &[0]]);
    has("entries", tip.0.to_vec(), entry);
    has("blocks", tip.0.to_vec(), block.encode()[lode_consensus::Header::BYTES..].to_vec());
    has("tips", join(&[&work, &(u64::MAX - 7).to_be_bytes()]), tip.0.to_vec());

    let signed = &block.body.transactions[0];
    let place = join(&[&7_u32.to_le_bytes(), &0_u32.to_le_bytes()]);
    has("transactions", signed.id(&genesis).0.to_vec(), place);
    let from = signed.transaction.from;
    has(
        "account-transactions",
        join(&[&from.0, &7_u32.to_be_bytes(), &0_u32.to_be_bytes()]),
        vec![],
    );
    has("producer-blocks", join(&[&block.header.producer.0, &7_u32.to_be_bytes()]), vec![]);

    let share = &block.body.shares[0];
    let id = share.id(&genesis, &maker.context(&chain[5]).epoch_challenge);
    has(
        "share-ids",
        join(&[&id.statement.0, &id.nonce.to_be_bytes()]),
        7_u32.to_le_bytes().to_vec(),
    );
    has(
        "prover-shares",
        join(&[&share.prover.0, &7_u32.to_be_bytes(), &0_u32.to_be_bytes()]),
        vec![],
    );
    // Epoch 1 began with block 6: its record is the leaf, which has what was carried over from
    // epoch 0.
    let count = |blocks: std::ops::Range<usize>| {
        let shares = chain[blocks].iter().flat_map(|hash| &maker.block(hash).body.shares);
        shares.filter(|counted| counted.prover == share.prover).count()
    };
    let carried = u64::try_from(count(0..5)).unwrap() << 16;
    let shares = u16::try_from(count(5..7)).unwrap();
    let leaf = join(&[&1_u32.to_le_bytes(), &carried.to_le_bytes(), &shares.to_le_bytes()]);
    has("epoch-weights", join(&[&1_u32.to_be_bytes(), &share.prover.0]), leaf.clone());
    let weight = StateKey::Weight(share.prover).hash();
    has("tree-values", join(&[&weight.0, &7_u32.to_be_bytes()]), join(&[&[1], &leaf]));
    let sum = join(&[&1_u32.to_le_bytes(), &(5_u64 << 16).to_le_bytes(), &2_u16.to_le_bytes()]);
    let sum_key = StateKey::WeightSum.hash();
    has("tree-values", join(&[&sum_key.0, &7_u32.to_be_bytes()]), join(&[&[1], &sum]));
}

/// The same for the state tree's values and nodes, and for what they leave behind.
#[test]
fn records_of_the_tree_are_what_their_documentation_says() {
    let (maker, chain, dump) = chain();
    let tip = chain[6];
    let has = |column: &str, key: Vec<u8>, value: Vec<u8>| assert_has(&dump, column, key, value);

    let fund = StateKey::ShareFund.hash();
    let amount = maker.state(&tip).leaves[&StateKey::ShareFund].clone();
    has("tree-values", join(&[&fund.0, &7_u32.to_be_bytes()]), join(&[&[1], &amount]));
    has("stale-values", join(&[&7_u32.to_be_bytes(), &fund.0, &6_u32.to_be_bytes()]), vec![]);
    // What block 4 mined matured with block 7: a deletion, which is its own leftover.
    let pending = StateKey::Pending(4).hash();
    has("tree-values", join(&[&pending.0, &7_u32.to_be_bytes()]), vec![0]);
    has("stale-values", join(&[&7_u32.to_be_bytes(), &pending.0, &4_u32.to_be_bytes()]), vec![]);
    has("stale-values", join(&[&7_u32.to_be_bytes(), &pending.0, &7_u32.to_be_bytes()]), vec![]);
    // The root of the tree, and the root that it replaced.
    assert!(dump["tree-nodes"].iter().any(|(key, _)| *key == join(&[&7_u32.to_be_bytes(), &[0]])));
    has("stale-nodes", join(&[&7_u32.to_be_bytes(), &6_u32.to_be_bytes(), &[0]]), vec![]);
}

/// The same for the market's columns.
#[test]
fn records_of_the_market_are_what_their_documentation_says() {
    let (maker, market, dump) = market();
    let has = |column: &str, key: Vec<u8>, value: Vec<u8>| assert_has(&dump, column, key, value);
    let (class, job) = (market.class, market.jobs[0]);
    let (requester, operator) = (maker.address(REQUESTER), maker.address(OPERATOR));
    let at = |height: u32, index: u32| [height.to_be_bytes(), index.to_be_bytes()].concat();

    // Block 1 registers, 4 requests, 5 assigns, 6 delivers; its first transactions are transfers.
    has("classes", at(1, 0), class.0.to_vec());
    has("class-jobs", join(&[&class.0, &at(4, 0)]), job.0.to_vec());
    has("requester-jobs", join(&[&requester.0, &at(4, 0)]), job.0.to_vec());
    has("outcomes", 4_u32.to_be_bytes().to_vec(), vec![0; 3]);
    let (first, prices) = (1_000_u64.to_le_bytes(), [1_000_u64.to_le_bytes(); 3].concat());
    has("class-prices", join(&[&class.0, &5_u32.to_be_bytes()]), join(&[&prices, &[3, 0, 0, 0]]));
    let requested = join(&[&job.0, &class.0, &[0]]);
    has("events", at(4, 0), requested);
    has("job-events", join(&[&job.0, &at(4, 0)]), vec![]);
    let bond = 10_000_u64.to_le_bytes();
    let assigned = join(&[&[2], &operator.0, &first, &[8, 0, 0, 0], &bond, &[5, 0, 0, 0]]);
    let assigned = join(&[&job.0, &class.0, &assigned]);
    assert!(dump["events"].iter().any(|(_, value)| *value == assigned));
    let of_operator = |(key, value): &(Vec<u8>, Vec<u8>)| {
        key.starts_with(&operator.0) && key[32..36] == [0, 0, 0, 5] && *value == job.0
    };
    assert!(dump["operator-jobs"].iter().any(of_operator));

    let block = maker.block(&market.blocks[5]);
    let place = block.body.transactions.len() as u32 - 3;
    let id = |index: u32| block.body.transactions[index as usize].id(&maker.genesis());
    let mut outcomes = vec![0; place as usize + 1];
    outcomes.extend([1, 2, 18]);
    has("outcomes", 6_u32.to_be_bytes().to_vec(), outcomes);
    has("deliveries", join(&[&operator.0, &at(6, place)]), vec![]);
    has("spent", join(&[&6_u32.to_be_bytes(), &id(place).0]), vec![]);
    has("spent", join(&[&6_u32.to_be_bytes(), &job.0]), vec![]);
    has("status-jobs", join(&[&[3], &at(4, 0)]), job.0.to_vec());
    assert!(dump["status-jobs"].iter().all(|(key, _)| key[0] >= 3), "all jobs have ended");
}
