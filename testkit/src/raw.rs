//! The records of a closed ledger, past its types.

use std::{collections::BTreeMap, path::Path};

use rocksdb::{ColumnFamily, DB, IteratorMode, Options};

/// All records of a database: column, then key and value in order.
pub type Dump = BTreeMap<String, Vec<(Vec<u8>, Vec<u8>)>>;

/// The columns that follow from the chain alone.
pub const CHAIN_COLUMNS: [&str; 24] = [
    "chain",
    "states",
    "undos",
    "transactions",
    "account-transactions",
    "prover-shares",
    "producer-blocks",
    "share-ids",
    "epoch-weights",
    "outcomes",
    "events",
    "job-events",
    "classes",
    "class-jobs",
    "requester-jobs",
    "status-jobs",
    "operator-jobs",
    "deliveries",
    "class-prices",
    "spent",
    "tree-nodes",
    "tree-values",
    "stale-nodes",
    "stale-values",
];

/// Reads every record of every column, but "default", which nothing uses. Nobody may have the
/// database open: its owner replaces files while this reads.
pub fn dump(path: &Path) -> Dump {
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let db = DB::open_cf_for_read_only(&Options::default(), path, &names, false).unwrap();
    let mut dump = Dump::new();
    for name in names.iter().filter(|name| *name != "default") {
        let records = db.iterator_cf(db.cf_handle(name).unwrap(), IteratorMode::Start);
        let records = records
            .map(|record| record.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap());
        dump.insert(name.clone(), records.collect());
    }
    dump
}

/// Keeps the columns of the chain.
pub fn chain_columns(mut dump: Dump) -> Dump {
    dump.retain(|name, _| CHAIN_COLUMNS.contains(&name.as_str()));
    assert_eq!(dump.len(), CHAIN_COLUMNS.len());
    dump
}

/// Changes records of one column behind the ledger's back.
pub fn edit(path: &Path, column: &str, change: impl FnOnce(&DB, &ColumnFamily)) {
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let db = DB::open_cf(&Options::default(), path, &names).unwrap();
    change(&db, db.cf_handle(column).unwrap());
    db.flush_cf(db.cf_handle(column).unwrap()).unwrap();
}

/// Adds columns, each with a record, and drops others.
pub fn change_columns(path: &Path, added: &[&str], dropped: &[&str]) {
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let mut db = DB::open_cf(&Options::default(), path, &names).unwrap();
    for name in added {
        db.create_cf(name, &Options::default()).unwrap();
        db.put_cf(db.cf_handle(name).unwrap(), "key", "value").unwrap();
    }
    for name in dropped {
        db.drop_cf(name).unwrap();
    }
}
