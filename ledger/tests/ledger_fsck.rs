//! fsck: passes on every clean ledger, and names the column of any record that was changed behind
//! the ledger's back.

use lode_consensus::{Block, Hash, rules::ContextualBlock};
use lode_ledger::{
    Ledger, LedgerError,
    fsck::{Depth, FsckError, Report},
};
use lode_testkit::{
    maker::{Fault, Maker, Plan, network},
    market::Market,
    oracle::{FORGED, Trusting},
    raw::{CHAIN_COLUMNS, dump, edit},
    store::{self, folder, fsck, open, prove, store, store_all},
};
use rocksdb::{ColumnFamily, DB};
use tempfile::TempDir;

/// Two epochs with a side branch of two blocks.
fn ledger() -> (Maker, TempDir, Vec<Hash>, Vec<Hash>) {
    let mut maker = Maker::new(network("smallnet"), 51);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), 14, Plan::FULL);
    let side = maker.extend(&chain[8], 2, Plan::FULL);
    store_all(&ledger, &maker, &chain);
    store_all(&ledger, &maker, &side);
    drop(ledger);
    (maker, folder, chain, side)
}

/// A short one with records in every column.
fn market() -> (Maker, TempDir) {
    let mut maker = Maker::new(network("smallnet"), 54);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let genesis = maker.genesis();
    let mut market = Market::open(&mut maker, &genesis);
    market.settle(&mut maker);
    store_all(&ledger, &maker, &market.blocks);
    drop(ledger);
    (maker, folder)
}

fn check(maker: &Maker, folder: &TempDir) -> Result<Report, FsckError> {
    fsck(&open(folder.path(), maker.network())?, Depth::Replay)
}

/// Applies a change, checks that fsck's complaint contains `named`, and takes the change back.
fn expect(
    maker: &Maker,
    folder: &TempDir,
    column: &str,
    named: &str,
    change: impl Fn(&DB, &ColumnFamily),
) {
    let before = dump(folder.path());
    edit(folder.path(), column, change);
    assert_ne!(dump(folder.path())[column], before[column], "{column}: the change changes nothing");
    let error = check(maker, folder).expect_err(column).to_string();
    assert!(error.contains(named), "{column}: {error}");
    restore(folder, column, &before[column]);
}

fn restore(folder: &TempDir, column: &str, records: &[(Vec<u8>, Vec<u8>)]) {
    edit(folder.path(), column, |db, family| {
        let present: Vec<_> =
            db.iterator_cf(family, rocksdb::IteratorMode::Start).map(|r| r.unwrap().0).collect();
        for key in present {
            db.delete_cf(family, key).unwrap();
        }
        for (key, value) in records {
            db.put_cf(family, key, value).unwrap();
        }
    });
}

#[test]
fn a_clean_ledger_passes() {
    let (maker, folder, chain, _) = ledger();
    let columns = dump(folder.path());
    let ledger = open(folder.path(), maker.network()).unwrap();
    let records: usize = CHAIN_COLUMNS.iter().map(|column| columns[*column].len()).sum();
    for depth in [Depth::Replay, Depth::Proofs] {
        let mut heights = Vec::new();
        let scratch = store::folder();
        let entropy = |count| vec![1; count];
        let report = ledger
            .fsck(depth, &Trusting, entropy, scratch.path(), |at, of| heights.push((at, of)))
            .unwrap();
        assert_eq!(report, Report { blocks: 15, records: records as u64 });
        assert_eq!(heights, (1..=14).map(|height| (height, 14)).collect::<Vec<_>>());
    }
    // fsck reads one moment and writes nothing.
    assert_eq!(ledger.read().tip().unwrap().1, chain[13]);
    drop(ledger);
    assert!(dump(folder.path()) == columns);
}

#[test]
fn a_new_ledger_passes() {
    let maker = Maker::new(network("smallnet"), 52);
    let folder = folder();
    assert_eq!(check(&maker, &folder).unwrap().blocks, 1);
}

#[test]
fn one_changed_record_in_a_column_of_the_chain_is_found() {
    let (maker, folder) = market();
    let columns = dump(folder.path());
    for column in CHAIN_COLUMNS {
        let records = &columns[column];
        // Neither the first nor the last: those of genesis and of the tip stand in the way of
        // opening already.
        let (key, value) = &records[records.len() / 2];
        let named = format!("column {column}: ");
        expect(&maker, &folder, column, &named, |db, family| db.delete_cf(family, key).unwrap());
        let mut flipped = value.clone();
        match flipped.last_mut() {
            Some(last) => *last ^= 1,
            None => flipped.push(1),
        }
        expect(&maker, &folder, column, &named, |db, family| {
            db.put_cf(family, key, &flipped).unwrap()
        });
        let mut other = records.last().unwrap().0.clone();
        *other.last_mut().unwrap() ^= 0x80;
        expect(&maker, &folder, column, &named, |db, family| {
            db.put_cf(family, &other, value).unwrap()
        });
    }
    check(&maker, &folder).unwrap();
}

#[test]
fn a_changed_record_of_the_tree_of_blocks_is_found() {
    let (maker, folder, chain, side) = ledger();
    let columns = dump(folder.path());
    let value = |column: &str, key: &[u8]| {
        columns[column].iter().find(|record| record.0 == key).unwrap().1.clone()
    };
    let other = Hash([5; 32]);
    for hash in [chain[4], side[0], side[1]] {
        for column in ["entries", "blocks"] {
            let named = format!("column {column}: ");
            let value = value(column, &hash.0);
            expect(&maker, &folder, column, &named, |db, family| {
                db.delete_cf(family, hash.0).unwrap()
            });
            let cut = &value[..value.len() - 1];
            expect(&maker, &folder, column, &named, |db, family| {
                db.put_cf(family, hash.0, cut).unwrap()
            });
            // In neither column a record is missing that the other one has.
            expect(&maker, &folder, column, "column ", |db, family| {
                db.put_cf(family, other.0, &value).unwrap()
            });
        }
        let block = value("blocks", &hash.0);
        let flip = |place: usize| {
            let mut flipped = block.clone();
            flipped[place] ^= 1;
            move |db: &DB, family: &ColumnFamily| db.put_cf(family, hash.0, &flipped).unwrap()
        };
        expect(&maker, &folder, "blocks", "but its hash is", flip(0));
        expect(&maker, &folder, "blocks", "does not match", flip(block.len() - 1));
        // Work, arrival and standing close the entry.
        let entry = value("entries", &hash.0);
        for (back, named) in [(10, "column entries: "), (2, "column "), (1, "column ")] {
            let mut flipped = entry.clone();
            let place = flipped.len() - back;
            flipped[place] ^= 1;
            expect(&maker, &folder, "entries", named, |db, family| {
                db.put_cf(family, hash.0, &flipped).unwrap()
            });
        }
    }
    let leaf = columns["tips"].iter().find(|record| record.1 == side[1].0).unwrap();
    let named = "column tips: ";
    expect(&maker, &folder, "tips", named, |db, family| db.delete_cf(family, &leaf.0).unwrap());
    expect(&maker, &folder, "tips", named, |db, family| {
        db.put_cf(family, &leaf.0, side[0].0).unwrap()
    });
    let mut earlier = leaf.0.clone();
    *earlier.last_mut().unwrap() ^= 1;
    expect(&maker, &folder, "tips", named, |db, family| {
        db.put_cf(family, &earlier, side[1].0).unwrap()
    });
    let few = 3_u64.to_le_bytes();
    expect(&maker, &folder, "facts", "column facts: ", |db, family| {
        db.put_cf(family, "arrivals", few).unwrap()
    });
    let low = 13_u32.to_le_bytes();
    let named = "contradicts itself";
    expect(&maker, &folder, "facts", named, |db, family| db.put_cf(family, "tip", low).unwrap());
    check(&maker, &folder).unwrap();
}

/// Stores a block as if its proofs had been checked.
fn store_unproven(ledger: &Ledger, block: &Block) {
    let context = ledger.read().context(&block.header.parent_hash).unwrap();
    let contextual = ContextualBlock::new(block.clone(), context, ledger.params()).unwrap();
    assert!(ledger.store(contextual.assume_verified()).unwrap().refused.is_none());
}

#[test]
fn only_the_deep_check_looks_at_proofs_and_signatures() {
    let forge = |change: fn(&mut Block), rule: &str| {
        let mut maker = Maker::new(network("smallnet"), 53);
        let folder = folder();
        let ledger = open(folder.path(), maker.network()).unwrap();
        let chain = maker.extend(&maker.genesis(), 8, Plan::FULL);
        store_all(&ledger, &maker, &chain[..7]);
        let mut block = maker.block(&chain[7]).clone();
        change(&mut block);
        block.header.transactions_root = block.body.transactions_root();
        block.header.shares_root = block.body.shares_root();
        assert!(matches!(prove(&ledger, &block), Err(LedgerError::Block(_))));
        store_unproven(&ledger, &block);
        assert_eq!(ledger.read().tip().unwrap(), (8, block.hash()));
        fsck(&ledger, Depth::Replay).unwrap();
        let error = fsck(&ledger, Depth::Proofs).unwrap_err();
        assert!(matches!(&error, FsckError::Block { height: 8, .. }), "{error}");
        assert!(error.to_string().contains(rule), "{error}");
    };
    forge(|block| block.proof.commitment[0] = FORGED, ": proof: ");
    forge(|block| block.body.shares[1].proof.commitment[0] = FORGED, "share 1: proof: ");
    forge(|block| block.body.transactions[0].signature[0] ^= 1, "transaction 0: the signature");
}

#[test]
fn invalid_and_side_blocks_are_part_of_a_clean_ledger() {
    let (mut maker, folder, chain, _) = ledger();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let bad = maker.make(&chain[13], Plan::broken(Fault::StateRoot));
    assert!(store(&ledger, maker.block(&bad)).unwrap().refused.is_some());
    fsck(&ledger, Depth::Proofs).unwrap();
    drop(ledger);
    // An invalid block that claims to be none, and a block of the chain that claims to be invalid.
    let columns = dump(folder.path());
    for hash in [bad, chain[5]] {
        let mut entry =
            columns["entries"].iter().find(|record| record.0 == hash.0).unwrap().1.clone();
        *entry.last_mut().unwrap() ^= 1;
        expect(&maker, &folder, "entries", "column ", |db, family| {
            db.put_cf(family, hash.0, &entry).unwrap()
        });
    }
}
