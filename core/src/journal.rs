//! A file of waiting transactions or shares beside the database, so that a restart, or a crash, does not forget them.
//!
//! Records have a fixed size and are appended when something begins to wait. Nothing in the file is trusted: whatever
//! is read goes through every check again, and a record cut short by a crash is left out. What is appended
//! waits for no disk: it survives the process, not a power cut, after which wallets and miners send again. A file that is
//! written anew replaces the old one whole.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use lode_consensus::{Decode, Encode};
use lode_network::files;

/// Records after which the file is written anew with those that still wait.
const REWRITE_AFTER: usize = 10_000;

/// An append-only file of values of `record_bytes` bytes each.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    appended: usize,
    record: PhantomData<T>,
}

impl<T: Encode + Decode> Journal<T> {
    /// Opens the file, and reads at most `limit` of the records that are whole and decode.
    pub fn open(path: &Path, record_bytes: usize, limit: usize) -> io::Result<(Self, Vec<T>)> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(file) => {
                let most = record_bytes.saturating_mul(limit) as u64;
                file.take(most).read_to_end(&mut bytes)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let records = bytes.chunks_exact(record_bytes).filter_map(|record| T::decode(record).ok()).collect();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok((Self { path: path.to_owned(), file, appended: 0, record: PhantomData }, records))
    }

    /// Adds a record.
    pub fn append(&mut self, record: &T) -> io::Result<()> {
        self.appended += 1;
        self.file.write_all(&record.encode())
    }

    /// Whether so much was appended that the file should be written anew.
    pub fn is_long(&self) -> bool {
        self.appended >= REWRITE_AFTER
    }

    /// Replaces the file by one with just these records.
    pub fn rewrite<'a>(&mut self, records: impl Iterator<Item = &'a T>) -> io::Result<()>
    where
        T: 'a,
    {
        let mut bytes = Vec::new();
        records.for_each(|record| record.encode_into(&mut bytes));
        files::replace(&self.path, &bytes)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.appended = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::Address;

    #[test]
    fn records_come_back_without_the_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let open = || Journal::<Address>::open(&path, Address::BYTES, 100).unwrap();

        let (mut journal, records) = open();
        assert!(records.is_empty());
        for number in 1..=3 {
            journal.append(&Address([number; 32])).unwrap();
        }
        journal.file.write_all(&[4; 20]).unwrap();
        let (mut journal, records) = open();
        assert_eq!(records, [Address([1; 32]), Address([2; 32]), Address([3; 32])]);

        journal.rewrite(records[1..].iter()).unwrap();
        journal.append(&Address([5; 32])).unwrap();
        let (_, records) = open();
        assert_eq!(records, [Address([2; 32]), Address([3; 32]), Address([5; 32])]);
        let (_, records) = Journal::<Address>::open(&path, Address::BYTES, 2).unwrap();
        assert_eq!(records.len(), 2);
    }
}
