//! A ledger in memory is the same ledger: what it holds outlives it on its disk, and short
//! histories show their end.

use lode_consensus::{SealedHeader, rules::Ancestry};
use lode_ledger::{Ledger, LedgerError, LedgerOptions, MemoryDisk, fsck::Depth};
use lode_testkit::{
    maker::{Maker, Plan, network},
    store::{fsck, prove, store, store_all},
};

fn open(disk: &MemoryDisk, maker: &Maker, history: u32) -> Ledger {
    Ledger::open_in_memory(
        disk,
        maker.network().clone(),
        LedgerOptions { history, ..LedgerOptions::default() },
    )
    .unwrap()
}

#[test]
fn a_disk_in_memory_outlives_its_ledger() {
    let mut maker = Maker::new(network("smallnet"), 91);
    let chain = maker.extend(&maker.genesis(), 8, Plan::FULL);
    let disk = MemoryDisk::new().unwrap();
    let ledger = open(&disk, &maker, 100);
    store_all(&ledger, &maker, &chain[..5]);
    let locked = Ledger::open_in_memory(&disk, maker.network().clone(), LedgerOptions::default());
    let error = locked.unwrap_err();
    assert!(matches!(error, LedgerError::Locked { .. }), "one at a time, as on a disk: {error}");
    drop(ledger);

    let ledger = open(&disk, &maker, 100);
    assert_eq!(ledger.read().tip().unwrap(), (5, chain[4]));
    store_all(&ledger, &maker, &chain[5..]);
    fsck(&ledger, Depth::Proofs).unwrap();
    // Another disk knows nothing of it.
    assert_eq!(open(&MemoryDisk::new().unwrap(), &maker, 100).read().tip().unwrap().0, 0);
}

#[test]
fn a_short_history_ends_where_it_says() {
    let mut maker = Maker::new(network("smallnet"), 92);
    let stem = maker.extend(&maker.genesis(), 3, Plan::EMPTY);
    let chain = maker.extend(&stem[2], 9, Plan::EMPTY);
    let late = maker.make(&stem[2], Plan::EMPTY);
    let disk = MemoryDisk::new().unwrap();
    let ledger = open(&disk, &maker, 5);
    store_all(&ledger, &maker, &stem);
    store_all(&ledger, &maker, &chain);
    assert_eq!(ledger.read().state_floor().unwrap(), 7);
    let error = store(&ledger, maker.block(&late)).unwrap_err();
    assert!(matches!(error, LedgerError::ReorgTooDeep { fork: 3, floor: 7 }), "{error}");
}

#[test]
fn headers_and_branches_are_read_without_bodies() {
    let mut maker = Maker::new(network("smallnet"), 93);
    let stem = maker.extend(&maker.genesis(), 4, Plan::FULL);
    let main = maker.extend(&stem[3], 3, Plan::FULL);
    let side = maker.extend(&stem[3], 2, Plan::FULL);
    let ledger = open(&MemoryDisk::new().unwrap(), &maker, 100);
    for blocks in [&stem, &main, &side] {
        store_all(&ledger, &maker, blocks);
    }
    let reader = ledger.read();
    for hash in stem.iter().chain(&main).chain(&side) {
        let sealed = reader.sealed_header(hash).unwrap().unwrap();
        assert_eq!(sealed, SealedHeader::from(maker.block(hash)));
        assert_eq!(sealed.hash(), *hash);
    }
    assert_eq!(reader.sealed_header(&lode_consensus::Hash::ZERO).unwrap(), None);

    let branch = reader.branch(&side[1]).unwrap();
    assert_eq!((branch.fork(), branch.tip()), (4, 6));
    assert_eq!(branch.block_hash(6).unwrap(), side[1]);
    assert_eq!(branch.header(5).unwrap(), maker.block(&side[0]).header);
    assert_eq!(branch.block_hash(4).unwrap(), stem[3]);
    let chain = reader.branch(&main[2]).unwrap();
    assert_eq!((chain.fork(), chain.tip()), (7, 7));
    assert!(prove(&ledger, maker.block(&side[1])).is_ok());
}
