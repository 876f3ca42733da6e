//! RocksDB behind the typed columns.
//!
//! What must not be broken: every write of the ledger is a [`Batch`], and on the disk before it is
//! announced; every scan of a part of a column has an upper bound, since RocksDB's own prefix
//! iterator runs past its prefix.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use lode_consensus::Hash;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    Direction, Env, ErrorKind, IteratorMode, Options, ReadOptions, Snapshot, WriteBatch,
    WriteOptions,
};

use crate::{
    LedgerError,
    columns::{self, Chain, Column, Fact, Facts, Key, Value},
};

/// Memory for blocks of table files that are read often, shared by all columns.
const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// Memory in which a column gathers writes before they become a file.
const WRITE_BUFFER_BYTES: usize = 8 << 20;
/// The same for a database in memory, of which a process may hold many.
const MEMORY_WRITE_BUFFER_BYTES: usize = 512 << 10;
/// Write-ahead logs beyond this size make RocksDB flush the oldest column: bounds disk use and the
/// next start's replay.
const MAX_LOG_BYTES: u64 = 64 << 20;
/// RocksDB's own log files that are kept.
const KEPT_INFO_LOGS: usize = 2;

/// Files in memory, for tests and simulations. They outlive the ledger that was opened on them, as
/// a disk outlives a process: opening again shows what a restart would find. Clones are the same
/// disk.
#[derive(Clone)]
pub struct MemoryDisk(Env);

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Result<Self, LedgerError> {
        Ok(Self(Env::mem_env()?))
    }
}

impl std::fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryDisk").finish_non_exhaustive()
    }
}

/// Where a database's files are, and so what a write waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Storage<'a> {
    /// A folder on disk. Every write waits for the disk.
    Disk(&'a Path),
    /// A folder whose database is thrown away after use. A write waits for nothing.
    Scratch(&'a Path),
    Memory(&'a MemoryDisk),
}

impl Storage<'_> {
    /// The folder, as errors name it.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Disk(path) | Self::Scratch(path) => path.to_path_buf(),
            // RocksDB's binding makes the folder on the real disk as well, so that it is one that
            // is there.
            Self::Memory(_) => std::env::temp_dir(),
        }
    }
}

/// Whether there is a database whose columns are not those of this layout: of another one, or not
/// all made yet.
fn has_other_columns(options: &Options, path: &Path) -> bool {
    // An error shows again, in more detail, when the database is opened.
    DB::list_cf(options, path).is_ok_and(|there| {
        there.len() != columns::ALL.len().saturating_add(1)
            || columns::ALL.iter().any(|name| there.iter().all(|column| column != name))
    })
}

/// How often a database that another process has open is read until it is given up, and the pause
/// in between.
const FACTS_READS: u32 = 20;
const FACTS_PAUSE: Duration = Duration::from_millis(100);

/// What a folder's database says of itself, whatever layout the rest of it has. Read without
/// opening it for writing: nothing is changed, and a process that has it open does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFacts {
    /// The layout of its columns.
    pub layout: u32,
    /// The name of the network, which layout 1 did not record.
    pub network: Option<String>,
    /// The hash of the block at height 0.
    pub genesis_hash: Option<Hash>,
}

impl LedgerFacts {
    /// `None`: there is no ledger, or one that was never begun or that cannot be read.
    pub fn of(path: &Path) -> Option<Self> {
        // RocksDB's file CURRENT names the newest manifest. A process that has the database open
        // may just be replacing its files: a moment later they can be read.
        let is_there =
            fs::read(path.join("CURRENT")).is_ok_and(|current| current.starts_with(b"MANIFEST-"));
        (0..if is_there { FACTS_READS } else { 0 }).find_map(|read| {
            if read > 0 {
                thread::sleep(FACTS_PAUSE);
            }
            Self::read(&Options::default(), path)
        })
    }

    fn read(options: &Options, path: &Path) -> Option<Self> {
        let names = [Facts::NAME, Chain::NAME];
        let there = DB::list_cf(options, path).ok()?;
        if !names.iter().all(|name| there.iter().any(|column| column == name)) {
            return None;
        }
        let db = DB::open_cf_for_read_only(options, path, names, false).ok()?;
        let get = |name: &str, key: Vec<u8>| db.get_cf(db.cf_handle(name)?, key).ok()?;
        let fact = |fact: Fact| get(Facts::NAME, fact.to_bytes());
        Some(Self {
            layout: Value::from_bytes(&fact(Fact::Layout)?).ok()?,
            network: fact(Fact::Network).and_then(|name| String::from_utf8(name).ok()),
            genesis_hash: get(Chain::NAME, Key::to_bytes(&0_u32))
                .and_then(|hash| Value::from_bytes(&hash).ok()),
        })
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Database {
    db: DB,
    synced: bool,
}

impl Database {
    pub(crate) fn open(storage: Storage<'_>) -> Result<Self, LedgerError> {
        let mut options = Options::default();
        let path = storage.path();
        let write_buffer_bytes = match storage {
            Storage::Disk(_) | Storage::Scratch(_) => WRITE_BUFFER_BYTES,
            Storage::Memory(MemoryDisk(env)) => {
                options.set_env(env);
                MEMORY_WRITE_BUFFER_BYTES
            }
        };
        if has_other_columns(&options, &path)
            && let Some(LedgerFacts { layout: got, .. }) = LedgerFacts::read(&options, &path)
            && got != columns::LAYOUT
        {
            // Before RocksDB adds columns of ours, or stumbles over those that we do not know.
            return Err(LedgerError::Layout { path, expected: columns::LAYOUT, got });
        }
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_max_total_wal_size(MAX_LOG_BYTES);
        options.set_keep_log_file_num(KEPT_INFO_LOGS);
        // Tests count the waits for the disk.
        #[cfg(test)]
        options.enable_statistics();
        options.set_max_open_files(256);
        let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
        let families = columns::ALL.iter().map(|name| {
            let mut table = BlockBasedOptions::default();
            table.set_block_cache(&cache);
            table.set_bloom_filter(10.0, false);
            let mut options = Options::default();
            options.set_compression_type(DBCompressionType::Lz4);
            options.set_write_buffer_size(write_buffer_bytes);
            options.set_block_based_table_factory(&table);
            ColumnFamilyDescriptor::new(*name, options)
        });
        match DB::open_cf_descriptors(&options, &path, families) {
            Ok(db) => Ok(Self { db, synced: !matches!(storage, Storage::Scratch(_)) }),
            Err(error) if is_locked(&error) => Err(LedgerError::Locked { path }),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the database's files, and the folder if nothing else is in it.
    pub(crate) fn destroy(path: &Path) -> Result<(), LedgerError> {
        match DB::destroy(&Options::default(), path) {
            Err(error) if is_locked(&error) => Err(LedgerError::Locked { path: path.to_owned() }),
            destroyed => Ok(destroyed?),
        }
    }

    pub(crate) fn view(&self) -> View<'_> {
        View { database: self, snapshot: self.db.snapshot() }
    }

    pub(crate) fn flush(&self) -> Result<(), LedgerError> {
        for name in columns::ALL {
            self.db.flush_cf(self.family(name)?)?;
        }
        Ok(())
    }

    /// How often a write has waited for the disk.
    #[cfg(test)]
    pub(crate) fn syncs(&self) -> u64 {
        let statistics = self.db.property_value("rocksdb.options-statistics").unwrap().unwrap();
        let line = statistics
            .lines()
            .find_map(|line| line.strip_prefix("rocksdb.wal.synced COUNT : "))
            .unwrap();
        line.trim().parse().unwrap()
    }

    fn family(&self, name: &'static str) -> Result<&ColumnFamily, LedgerError> {
        // All columns are opened together, so that one is missing only if the database was closed
        // by force.
        self.db
            .cf_handle(name)
            .ok_or_else(|| LedgerError::Missing { column: name, key: "the column".to_owned() })
    }
}

/// Whether RocksDB could not take its lock file. It has no error code of its own for that; the
/// texts are those of another process' lock, of this one's, and of one in memory.
fn is_locked(error: &rocksdb::Error) -> bool {
    let text = error.to_string();
    let texts = ["While lock file: ", "lock hold by current process", "lock is already held"];
    error.kind() == ErrorKind::IOError && texts.iter().any(|refusal| text.contains(refusal))
}

/// A key and its value.
pub(crate) type Record<C> = (<C as Column>::Key, <C as Column>::Value);

/// A key and its value, as they stand on disk.
pub(crate) type RawRecord = (Box<[u8]>, Box<[u8]>);

/// The database at one moment.
pub(crate) struct View<'a> {
    database: &'a Database,
    snapshot: Snapshot<'a>,
}

impl std::fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl View<'_> {
    /// The record at a key, or `None`.
    pub(crate) fn get<C: Column>(&self, key: &C::Key) -> Result<Option<C::Value>, LedgerError> {
        let family = self.database.family(C::NAME)?;
        let bytes = self.snapshot.get_pinned_cf(family, key.to_bytes())?;
        bytes.map(|bytes| C::Value::from_bytes(&bytes)).transpose().map_err(record_error::<C>)
    }

    /// What `read` makes of the first bytes of a record, or `None` without one: for values of which
    /// a part is enough.
    pub(crate) fn get_part<C: Column, T>(
        &self,
        key: &C::Key,
        read: impl FnOnce(&[u8]) -> Result<T, lode_consensus::DecodeError>,
    ) -> Result<Option<T>, LedgerError> {
        let bytes = self.snapshot.get_pinned_cf(self.database.family(C::NAME)?, key.to_bytes())?;
        bytes.map(|bytes| read(&bytes)).transpose().map_err(record_error::<C>)
    }

    /// Records whose key's bytes lie in `from..to`, in order.
    pub(crate) fn range<C: Column>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> Result<impl Iterator<Item = Result<Record<C>, LedgerError>> + '_, LedgerError> {
        self.scan::<C>(from, to, Direction::Forward)
    }

    /// The last record whose key's bytes lie in `from..to`.
    ///
    /// Not the first of [`Self::range_back`]: that looks ahead for the next record already, over
    /// all that was deleted since the last compaction.
    pub(crate) fn last<C: Column>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> Result<Option<Record<C>>, LedgerError> {
        let mut records =
            self.snapshot.raw_iterator_cf_opt(self.database.family(C::NAME)?, between(from, to));
        records.seek_to_last();
        let Some((key, value)) = records.item() else {
            records.status()?;
            return Ok(None);
        };
        decode::<C>(key, value).map(Some)
    }

    /// Records whose key's bytes lie in `from..to`, the last one first.
    pub(crate) fn range_back<C: Column>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
    ) -> Result<impl Iterator<Item = Result<Record<C>, LedgerError>> + '_, LedgerError> {
        self.scan::<C>(from, to, Direction::Reverse)
    }

    /// Records whose key begins with `prefix`, in order.
    pub(crate) fn prefix<C: Column>(
        &self,
        prefix: Vec<u8>,
    ) -> Result<impl Iterator<Item = Result<Record<C>, LedgerError>> + '_, LedgerError> {
        let end = after_prefix(&prefix);
        self.range::<C>(prefix, end)
    }

    fn scan<C: Column>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<Record<C>, LedgerError>> + '_, LedgerError> {
        let family = self.database.family(C::NAME)?;
        let mode = match direction {
            Direction::Forward => IteratorMode::Start,
            Direction::Reverse => IteratorMode::End,
        };
        let records = self.snapshot.iterator_cf_opt(family, between(from, to), mode);
        Ok(records.map(|record| {
            record.map_err(Into::into).and_then(|(key, value)| decode::<C>(&key, &value))
        }))
    }

    /// All records of a column as raw bytes, in order.
    pub(crate) fn raw(
        &self,
        name: &'static str,
    ) -> Result<impl Iterator<Item = Result<RawRecord, LedgerError>> + '_, LedgerError> {
        let family = self.database.family(name)?;
        Ok(self
            .snapshot
            .iterator_cf(family, IteratorMode::Start)
            .map(|record| record.map_err(Into::into)))
    }
}

fn between(from: Vec<u8>, to: Vec<u8>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(from);
    options.set_iterate_upper_bound(to);
    options
}

fn decode<C: Column>(key: &[u8], value: &[u8]) -> Result<Record<C>, LedgerError> {
    let record = C::Key::from_bytes(key).and_then(|key| Ok((key, C::Value::from_bytes(value)?)));
    record.map_err(record_error::<C>)
}

fn record_error<C: Column>(error: lode_consensus::DecodeError) -> LedgerError {
    LedgerError::Record { column: C::NAME, error }
}

/// The least byte string above all that begin with `prefix`.
pub(crate) fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // Nothing but 0xFF: no key of ours is that long.
    vec![0xFF; 256]
}

/// Writes that reach the disk together, or not at all.
pub(crate) struct Batch<'a> {
    database: &'a Database,
    batch: WriteBatch,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(database: &'a Database) -> Self {
        Self { database, batch: WriteBatch::default() }
    }

    pub(crate) fn put<C: Column>(
        &mut self,
        key: &C::Key,
        value: &C::Value,
    ) -> Result<(), LedgerError> {
        self.batch.put_cf(self.database.family(C::NAME)?, key.to_bytes(), value.to_bytes());
        Ok(())
    }

    pub(crate) fn delete<C: Column>(&mut self, key: &C::Key) -> Result<(), LedgerError> {
        self.batch.delete_cf(self.database.family(C::NAME)?, key.to_bytes());
        Ok(())
    }

    /// Writes everything, and waits until the disk has this and all that was written before, unless
    /// the database is scratch.
    pub(crate) fn commit(self) -> Result<(), LedgerError> {
        let synced = self.database.synced;
        self.write(synced)
    }

    /// Writes everything without waiting: for what the next [`Self::commit`] follows on. A crash
    /// before that may lose this batch, but never loses it and keeps a later one, as both stand in
    /// the write-ahead log in their order.
    pub(crate) fn commit_later(self) -> Result<(), LedgerError> {
        self.write(false)
    }

    fn write(self, synced: bool) -> Result<(), LedgerError> {
        let mut options = WriteOptions::default();
        options.set_sync(synced);
        self.database.db.write_opt(self.batch, &options)?;
        Ok(())
    }
}
