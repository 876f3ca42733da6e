//! Opening: what can be in the way gets a clear error, never a panic, and loses nothing.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lode_consensus::{Hash, Height};
use lode_ledger::{Ledger, LedgerError, LedgerFacts, fsck::Depth};
use lode_testkit::{
    maker::{Maker, Plan, network},
    raw::{change_columns, dump, edit},
    store::{folder, fsck, open, store_all},
};
use tempfile::TempDir;

const FOLDER: &str = "LODE_LOCK_FOLDER";

fn chain(count: usize) -> (Maker, TempDir, Vec<Hash>) {
    let mut maker = Maker::new(network("smallnet"), 81);
    let folder = folder();
    let ledger = open(folder.path(), maker.network()).unwrap();
    let chain = maker.extend(&maker.genesis(), count, Plan::FULL);
    store_all(&ledger, &maker, &chain);
    (maker, folder, chain)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_ledger_is_opened_by_one_at_a_time() {
    if let Some(folder) = env::var_os(FOLDER) {
        let _ledger = open(Path::new(&folder), &network("smallnet")).unwrap();
        println!("\nopen");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let (maker, folder, chain) = chain(2);
    let locked = |opened: Result<Ledger, LedgerError>| {
        let error = opened.unwrap_err();
        assert!(matches!(&error, LedgerError::Locked { path } if path == folder.path()), "{error}");
    };
    // By this process.
    let first = open(folder.path(), maker.network()).unwrap();
    locked(open(folder.path(), maker.network()));
    assert_eq!(first.read().tip().unwrap(), (2, chain[1]));
    drop(first);
    // By another one.
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_ledger_is_opened_by_one_at_a_time", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "open"));
    locked(open(folder.path(), maker.network()));
    drop(other.stdin.take());
    lines.for_each(drop);
    assert!(other.wait().unwrap().success());
    assert_eq!(open(folder.path(), maker.network()).unwrap().read().tip().unwrap(), (2, chain[1]));
}

#[test]
fn another_networks_folder_is_refused_and_left_alone() {
    let (maker, folder, _) = chain(3);
    let before = dump(folder.path());
    let other = network("othernet");
    let error = open(folder.path(), &other).unwrap_err();
    match &error {
        LedgerError::OtherNetwork { path, network, expected, got } => {
            assert_eq!((path.as_path(), network.as_str()), (folder.path(), "othernet"));
            assert_eq!((*expected, *got), (other.genesis_hash, maker.genesis()));
        }
        _ => panic!("{error}"),
    }
    says_what_to_do(&error, folder.path());
    assert!(dump(folder.path()) == before);
    open(folder.path(), maker.network()).unwrap();
}

/// One line: where, what was expected and found, and the ways out.
fn says_what_to_do(error: &LedgerError, folder: &Path) {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1);
    for part in [
        folder.to_str().unwrap(),
        "expected",
        "found",
        "delete it",
        "--data-dir",
        "lode devnet --reset",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn another_layout_is_refused_and_left_alone() {
    let (maker, folder, _) = chain(3);
    edit(folder.path(), "facts", |db, family| {
        db.put_cf(family, "layout", 4_u32.to_le_bytes()).unwrap()
    });
    let before = dump(folder.path());
    let error = open(folder.path(), maker.network()).unwrap_err();
    assert!(matches!(error, LedgerError::Layout { expected: 3, got: 4, .. }), "{error}");
    says_what_to_do(&error, folder.path());
    assert!(dump(folder.path()) == before);
}

/// Columns that this layout does not know, and none of those that it has added: RocksDB would
/// stumble over the former, and make the latter.
#[test]
fn a_layout_with_other_columns_is_refused_and_left_alone() {
    let (maker, folder, _) = chain(3);
    edit(folder.path(), "facts", |db, family| {
        db.put_cf(family, "layout", 1_u32.to_le_bytes()).unwrap();
        db.delete_cf(family, "network").unwrap();
    });
    change_columns(folder.path(), &["epoch-shares"], &["undos"]);
    let before = dump(folder.path());
    assert!(before.contains_key("epoch-shares") && !before.contains_key("undos"));
    let facts = LedgerFacts::of(folder.path()).unwrap();
    assert_eq!(
        facts,
        LedgerFacts { layout: 1, network: None, genesis_hash: Some(maker.genesis()) }
    );
    let error = open(folder.path(), maker.network()).unwrap_err();
    assert!(matches!(error, LedgerError::Layout { expected: 3, got: 1, .. }), "{error}");
    says_what_to_do(&error, folder.path());
    assert!(dump(folder.path()) == before);
}

#[test]
fn a_ledger_says_whose_it_is_while_it_is_open_or_not() {
    let (maker, folder, _) = chain(3);
    let expected = LedgerFacts {
        layout: 3,
        network: Some("smallnet".to_owned()),
        genesis_hash: Some(maker.genesis()),
    };
    assert_eq!(LedgerFacts::of(folder.path()), Some(expected.clone()));
    let _ledger = open(folder.path(), maker.network()).unwrap();
    assert_eq!(LedgerFacts::of(folder.path()), Some(expected));
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(LedgerFacts::of(nothing.path()), None);
    assert_eq!(LedgerFacts::of(&nothing.path().join("nowhere")), None);
    assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0, "asking leaves nothing behind");
}

#[test]
fn a_chain_is_destroyed_alone_and_not_while_it_is_open() {
    let (maker, folder, _) = chain(3);
    let ledger = open(folder.path(), maker.network()).unwrap();
    let error = Ledger::destroy(folder.path()).unwrap_err();
    assert!(matches!(&error, LedgerError::Locked { path } if path == folder.path()), "{error}");
    assert_eq!(ledger.read().tip_height().unwrap(), 3);
    drop(ledger);
    fs::write(folder.path().join("note.txt"), "mine").unwrap();
    Ledger::destroy(folder.path()).unwrap();
    assert_eq!(files(folder.path()), [folder.path().join("note.txt")]);
    // Another network may begin there.
    let other = network("othernet");
    assert_eq!(open(folder.path(), &other).unwrap().read().tip().unwrap(), (0, other.genesis_hash));
}

#[test]
fn a_lost_beginning_is_not_begun_anew() {
    for (column, key) in [("facts", b"layout".as_slice()), ("chain", &[0; 4])] {
        let (maker, folder, _) = chain(3);
        edit(folder.path(), column, |db, family| db.delete_cf(family, key).unwrap());
        let before = dump(folder.path());
        let error = open(folder.path(), maker.network()).unwrap_err();
        assert!(
            matches!(&error, LedgerError::Missing { column: named, .. } if *named == column),
            "{error}"
        );
        assert!(dump(folder.path()) == before);
    }
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let place = folder();
    let file = place.path().join("file");
    fs::write(&file, "no folder").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = open(&path, &network("smallnet")).unwrap_err();
        assert!(
            matches!(&error, LedgerError::Folder { path: named, .. } if *named == path),
            "{error}"
        );
        assert_eq!(error.to_string().lines().count(), 1);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "no folder");
}

#[test]
fn garbage_in_any_file_is_an_error_or_does_no_harm() {
    let (maker, whole, chain) = chain(12);
    // Table files too, beside the log.
    let ledger = open(whole.path(), maker.network()).unwrap();
    ledger.flush().unwrap();
    drop(ledger);
    let (mut errors, mut harmless) = (0, 0);
    for file in files(whole.path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let contents = fs::read(&file).unwrap();
        let mut flipped = contents.clone();
        if let Some(byte) = flipped.get_mut(contents.len() / 2) {
            *byte ^= 0x10;
        }
        for garbage in [vec![], b"garbage\n".repeat(100), flipped] {
            // The name must not make a broken file look like one in use.
            let place = folder();
            let broken = place.path().join("lock");
            copy(whole.path(), &broken);
            fs::write(broken.join(name), &garbage).unwrap();
            let opened = open(&broken, maker.network());
            match opened.map_err(Into::into).and_then(|ledger| {
                let tip = ledger.read().tip()?;
                fsck(&ledger, Depth::Replay).map(|_| tip)
            }) {
                // A log that ends early is a crash: the chain is whole, only shorter.
                Ok((height, hash)) => {
                    let expected =
                        [maker.genesis()].iter().chain(&chain).nth(height as usize).copied();
                    assert_eq!(Some(hash), expected, "{name}");
                    harmless += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        !text.contains("in use") && text.lines().count() == 1,
                        "{name}: {text}"
                    );
                    errors += 1;
                }
            }
        }
    }
    assert!(errors >= 6 && harmless >= 6, "{errors} errors, {harmless} harmless");
}

/// The write-ahead log that was written last.
fn log(folder: &Path) -> PathBuf {
    let is_log = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "log");
    files(folder).into_iter().filter(is_log).max().unwrap()
}

#[test]
fn a_torn_write_costs_what_was_not_acknowledged_and_no_more() {
    let (maker, whole, chain) = chain(12);
    let length = fs::metadata(log(whole.path())).unwrap().len();
    let mut heights: Vec<Height> = Vec::new();
    for cut in [0, 1, 2, 10, 100, 500, 1_000, 3_000, 10_000, 30_000] {
        let torn = folder();
        copy(whole.path(), torn.path());
        let file = fs::OpenOptions::new().write(true).open(log(torn.path())).unwrap();
        file.set_len(length.saturating_sub(cut)).unwrap();
        drop(file);
        let ledger = open(torn.path(), maker.network()).unwrap();
        let (height, hash) = ledger.read().tip().unwrap();
        let all: Vec<Hash> = [maker.genesis()].into_iter().chain(chain.iter().copied()).collect();
        assert_eq!(hash, all[height as usize], "cut by {cut}");
        fsck(&ledger, Depth::Replay).unwrap();
        heights.push(height);
        // It goes on from there.
        store_all(&ledger, &maker, &chain[height as usize..]);
        assert_eq!(ledger.read().tip().unwrap(), (12, chain[11]));
        fsck(&ledger, Depth::Replay).unwrap();
    }
    assert_eq!(heights[0], 12);
    // A byte costs the last batch only, which is the connection of a block that is stored already.
    assert_eq!(heights[1], 12);
    assert!(heights.is_sorted_by(|a, b| a >= b) && heights[9] < 12, "{heights:?}");
}
