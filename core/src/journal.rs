//! A file of waiting transactions or shares beside the database, so that a restart, or a crash,
//! does not forget them.
//!
//! After [`FORMAT`] the file holds records, `u32le(length) ‖ canonical bytes` each, appended when
//! something begins to wait. Nothing in the file is trusted: whatever is read goes through every
//! check again. What a crash cut short at the end is left out. A record that does not decode is
//! skipped: its length says where the next one begins. A length above the limit says nothing any
//! more, so there the reading ends, with all that was read before it. In each case the file is cut
//! back to what can be read, so that what is appended later is found again. A file of another
//! format is set aside, as `NAME.damaged`, and a new one begun.
//!
//! Appending is not synced: it survives the process, not a power cut, after which wallets and
//! miners send again. A file that is written anew is synced before it takes the other's place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use lode_consensus::{Decode, Encode};
use lode_network::files;
use tracing::warn;

/// The beginning of every journal. Another format has another one.
const FORMAT: &[u8; 16] = b"lode/journal/v2\n";
/// Bytes appended after which the file is written anew with those that still wait.
const REWRITE_AFTER_BYTES: u64 = 4 << 20;

/// How much is read of a journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalLimits {
    /// Most bytes of one record.
    pub record_bytes: usize,
    /// Most bytes of all that waits. What was appended since the file was written anew is read on
    /// top of it.
    pub waiting_bytes: usize,
}

/// An append-only file of values.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    appended_bytes: u64,
    record: PhantomData<T>,
}

/// What is in a file.
#[derive(Debug)]
struct Contents<T> {
    records: Vec<T>,
    /// The file's bytes up to the end of the last whole record; none of another format.
    whole_bytes: u64,
    /// Whole records that do not decode.
    skipped: usize,
    /// Whether the file has another format, so that nothing of it is read.
    is_foreign: bool,
    /// What made the reading end before the end of the file, apart from a torn record.
    ended: Option<String>,
}

impl<T: Encode + Decode> Journal<T> {
    /// Opens the file, and reads the records that are whole and decode, as far as the limits go.
    pub fn open(path: &Path, limits: JournalLimits) -> io::Result<(Self, Vec<T>)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut contents = read(&mut BufReader::new(&file), limits)?;
        if contents.is_foreign {
            let aside = path.with_extension("damaged");
            warn!(
                "{}: a journal of another format: set aside as {}, and begun anew",
                path.display(),
                aside.display()
            );
            fs::rename(path, &aside)?;
            file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            contents = read(&mut BufReader::new(&file), limits)?;
        }
        if let Some(why) = contents.ended {
            warn!("{}: {why}; what waits behind it is left out", path.display());
        }
        if contents.skipped > 0 {
            warn!(
                "{}: {} records do not decode and are left out",
                path.display(),
                contents.skipped
            );
        }
        file.set_len(contents.whole_bytes)?;
        if contents.whole_bytes == 0 {
            file.write_all(FORMAT)?;
        }
        file.seek(SeekFrom::End(0))?;
        let appended_bytes = contents.whole_bytes;
        Ok((
            Self { path: path.to_owned(), file, appended_bytes, record: PhantomData },
            contents.records,
        ))
    }

    /// Adds a record.
    pub fn append(&mut self, record: &T) -> io::Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes, record)?;
        self.appended_bytes = self.appended_bytes.saturating_add(bytes.len() as u64);
        self.file.write_all(&bytes)
    }

    /// Whether so much was appended that the file should be written anew.
    pub fn is_long(&self) -> bool {
        self.appended_bytes >= REWRITE_AFTER_BYTES
    }

    /// Replaces the file by one with just these records. Either file is there whole, whatever
    /// happens meanwhile.
    pub fn rewrite<'a>(&mut self, records: impl Iterator<Item = &'a T>) -> io::Result<()>
    where
        T: 'a,
    {
        let mut bytes = FORMAT.to_vec();
        for record in records {
            write(&mut bytes, record)?;
        }
        files::replace(&self.path, &bytes)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.appended_bytes = 0;
        Ok(())
    }
}

fn write<T: Encode>(out: &mut impl Write, record: &T) -> io::Result<()> {
    let bytes = record.encode();
    let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&bytes)
}

fn read<T: Decode>(file: &mut impl Read, limits: JournalLimits) -> io::Result<Contents<T>> {
    let mut contents = Contents {
        records: Vec::new(),
        whole_bytes: 0,
        skipped: 0,
        is_foreign: false,
        ended: None,
    };
    let mut format = Vec::new();
    file.take(FORMAT.len() as u64).read_to_end(&mut format)?;
    if format != FORMAT {
        // A crash at the very beginning leaves a part of it, and nothing is lost.
        contents.is_foreign = !FORMAT.starts_with(&format);
        return Ok(contents);
    }
    contents.whole_bytes = FORMAT.len() as u64;
    let mut left = (limits.waiting_bytes as u64).saturating_add(REWRITE_AFTER_BYTES);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        file.take(4).read_to_end(&mut bytes)?;
        let Ok(length) = <[u8; 4]>::try_from(bytes.as_slice()).map(u32::from_le_bytes) else {
            return Ok(contents);
        };
        if length as usize > limits.record_bytes {
            let limit = limits.record_bytes;
            contents.ended =
                Some(format!("a record of at most {limit} bytes expected, got {length}"));
            return Ok(contents);
        }
        let Some(rest) = left.checked_sub(u64::from(length)) else {
            contents.ended =
                Some(format!("at most {} bytes of records expected", limits.waiting_bytes));
            return Ok(contents);
        };
        left = rest;
        bytes.clear();
        if file.take(length.into()).read_to_end(&mut bytes)? < length as usize {
            return Ok(contents);
        }
        contents.whole_bytes = contents.whole_bytes.saturating_add(4).saturating_add(length.into());
        match T::decode(&bytes) {
            Ok(record) => contents.records.push(record),
            Err(_) => contents.skipped += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_consensus::{Address, DecodeError, codec::Reader};
    use proptest::prelude::*;

    /// A record of any length; those that begin with 0xff do not decode.
    #[derive(Debug, Clone, PartialEq)]
    struct Blob(Vec<u8>);

    impl Encode for Blob {
        fn encode_into(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.0);
        }
    }

    impl Decode for Blob {
        fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
            match reader.rest() {
                bytes if bytes.first() == Some(&0xff) => Err(DecodeError::Trailing(0)),
                bytes => Ok(Self(bytes)),
            }
        }
    }

    const LIMITS: JournalLimits = JournalLimits { record_bytes: 100, waiting_bytes: 1_000 };

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            Self { _folder: folder, path }
        }

        fn open<T: Encode + Decode>(&self) -> (Journal<T>, Vec<T>) {
            Journal::open(&self.path, LIMITS).unwrap()
        }

        fn append(&self, bytes: &[u8]) {
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)
                .unwrap()
                .write_all(bytes)
                .unwrap();
        }
    }

    fn blob(byte: u8, length: usize) -> Blob {
        Blob(vec![byte; length])
    }

    #[test]
    fn records_come_back_without_the_torn_one() {
        let file = Fixture::new();
        let (mut journal, records) = file.open();
        assert!(records.is_empty());
        for number in 1..=3 {
            journal.append(&Address([number; 32])).unwrap();
        }
        for torn in [&[32_u8, 0][..], &[32, 0, 0, 0], &[&[32, 0, 0, 0][..], &[4; 20]].concat()] {
            file.append(torn);
            let (_, records) = file.open::<Address>();
            assert_eq!(records, [Address([1; 32]), Address([2; 32]), Address([3; 32])]);
        }
        // What is appended behind a torn record is found again.
        file.append(&[32, 0, 0, 0, 9, 9]);
        let (mut journal, _) = file.open();
        journal.append(&Address([4; 32])).unwrap();
        let (mut journal, records) = file.open::<Address>();
        assert_eq!(records[3], Address([4; 32]));

        journal.rewrite(records[1..3].iter()).unwrap();
        journal.append(&Address([5; 32])).unwrap();
        let (_, records) = file.open::<Address>();
        assert_eq!(records, [Address([2; 32]), Address([3; 32]), Address([5; 32])]);
    }

    #[test]
    fn a_record_that_does_not_decode_is_skipped() {
        let file = Fixture::new();
        let (mut journal, _) = file.open();
        for record in [blob(1, 3), blob(0xff, 9), blob(2, 100), blob(3, 0)] {
            journal.append(&record).unwrap();
        }
        let (_, records) = file.open::<Blob>();
        assert_eq!(records, [blob(1, 3), blob(2, 100), blob(3, 0)]);
    }

    #[test]
    fn a_length_above_the_limit_ends_the_reading_and_later_records_are_found() {
        for length in [101, u32::MAX] {
            let file = Fixture::new();
            file.open().0.append(&blob(1, 3)).unwrap();
            file.append(&[&length.to_le_bytes()[..], &[7; 200]].concat());
            let (mut journal, records) = file.open::<Blob>();
            assert_eq!(records, [blob(1, 3)]);
            journal.append(&blob(2, 4)).unwrap();
            assert_eq!(file.open::<Blob>().1, [blob(1, 3), blob(2, 4)]);
        }
    }

    #[test]
    fn no_more_is_read_than_may_wait_and_was_appended() {
        let file = Fixture::new();
        let (mut journal, _) = file.open();
        let records = (REWRITE_AFTER_BYTES as usize + LIMITS.waiting_bytes) / 100;
        for _ in 0..=records {
            journal.append(&blob(1, 100)).unwrap();
        }
        assert!(journal.is_long());
        let (mut journal, read) = file.open::<Blob>();
        assert_eq!(read.len(), records);
        // What was read counts as appended: the file is written anew with the next record.
        assert!(journal.is_long());
        journal.rewrite(read[..2].iter()).unwrap();
        assert!(!journal.is_long());
        assert_eq!(std::fs::metadata(&file.path).unwrap().len(), 16 + 2 * 104);
    }

    #[test]
    fn a_file_of_another_format_is_set_aside() {
        for old in
            [vec![1; 221 * 3], b"lode/journal/v3\nxx".to_vec(), b"lode/jou".to_vec(), vec![0; 7]]
        {
            let file = Fixture::new();
            file.append(&old);
            let (mut journal, records) = file.open::<Blob>();
            assert!(records.is_empty());
            journal.append(&blob(1, 5)).unwrap();
            assert_eq!(file.open::<Blob>().1, [blob(1, 5)]);
            // Another version of the software may want it back. A torn beginning holds nothing.
            let aside = fs::read(file.path.with_extension("damaged")).ok();
            assert_eq!(aside, Some(old).filter(|old| !FORMAT.starts_with(old)));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_file_it_opens_and_takes_records(
            kept in prop::collection::vec((0_u8..0xff, 0_usize..=100), 0..4),
            noise in prop::collection::vec(any::<u8>(), 0..400),
            has_format: bool,
        ) {
            let file = Fixture::new();
            let kept: Vec<Blob> =
                kept.into_iter().map(|(byte, length)| blob(byte, length)).collect();
            if has_format {
                let (mut journal, _) = file.open();
                kept.iter().for_each(|record| journal.append(record).unwrap());
            }
            file.append(&noise);
            let (mut journal, read) = file.open::<Blob>();
            if has_format {
                prop_assert_eq!(&read[..kept.len()], &kept[..]);
            }
            journal.append(&blob(1, 1)).unwrap();
            let again = file.open::<Blob>().1;
            prop_assert_eq!(&again[..read.len()], &read[..]);
            prop_assert_eq!(&again[read.len()..], &[blob(1, 1)]);
        }
    }
}
