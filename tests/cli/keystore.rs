//! The keystore on a real disk: what is kept, with which permissions, and what is refused.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lode::keystore::{AccountInfo, KdfCost, Keystore, KeystoreError, Passphrase, SealError};
use lode_consensus::{Action, Hash, Transaction, transaction::Transfer};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// An account of snarkVM's own tests.
const PRIVATE_KEY: &str = "APrivateKey1zkp8cC4jgHEBnbtu3xxs1Ndja2EMizcvTRDq5Nikdkukg1p";
const ADDRESS: &str = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";

/// As cheap as argon2 gets, for tests that open a file thousands of times.
const CHEAP: KdfCost = KdfCost { memory_kib: 8, iterations: 1, parallelism: 1 };

fn keystore() -> (TempDir, Keystore) {
    let home = tempfile::tempdir().unwrap();
    let keystore = Keystore::at(home.path().join("a/keystore")).with_cost(CHEAP);
    (home, keystore)
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

fn imported(keystore: &Keystore) -> AccountInfo {
    keystore.import(PRIVATE_KEY, Some("alice".parse().unwrap()), &passphrase("swordfish")).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Changes one place of an account's file.
fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut file);
    fs::write(path, file.to_string()).unwrap();
}

#[test]
fn an_imported_key_comes_back_and_signs() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    assert_eq!(account.address.to_string(), ADDRESS);
    assert_eq!(account.path, keystore.dir().join(format!("{ADDRESS}.json")));

    let unlocked = keystore.unlock(account.address, &passphrase("swordfish")).unwrap();
    assert_eq!(unlocked.private_key_text().as_str(), PRIVATE_KEY);

    let genesis_hash = Hash([7; 32]);
    let (from, to) = (account.address, account.address);
    let transfer = Transaction {
        from,
        fee: 2,
        nonce: 3,
        expiry: 4,
        action: Action::Transfer(Transfer { to, amount: 1 }),
    };
    let signed = unlocked.sign(transfer, &genesis_hash).unwrap();
    signed.verify(&genesis_hash).unwrap();
    assert!(signed.verify(&Hash([8; 32])).is_err());
}

#[test]
fn a_new_account_has_the_recommended_cost_and_opens() {
    let home = tempfile::tempdir().unwrap();
    let keystore = Keystore::at(home.path());
    let account = keystore.create(None, &passphrase("swordfish")).unwrap();
    let file: Value = serde_json::from_slice(&fs::read(&account.path).unwrap()).unwrap();
    assert_eq!(file["version"], 1);
    assert_eq!(file["kdf"]["memory_kib"], 65536);
    assert_eq!(file["kdf"]["iterations"], 3);
    assert_eq!(file["kdf"]["parallelism"], 1);
    assert!(file["name"].is_null());
    keystore.unlock(account.address, &passphrase("swordfish")).unwrap();
}

#[test]
fn the_cost_is_the_files_own() {
    let (_home, cheap) = keystore();
    let account = imported(&cheap);
    // A changed default still opens existing keys.
    let raised = Keystore::at(cheap.dir()).with_cost(KdfCost {
        memory_kib: 64,
        iterations: 2,
        parallelism: 4,
    });
    raised.unlock(account.address, &passphrase("swordfish")).unwrap();
    let second = raised.create(None, &passphrase("sailfish")).unwrap();
    cheap.unlock(second.address, &passphrase("sailfish")).unwrap();
}

#[test]
fn two_files_of_one_key_have_nothing_in_common() {
    let ((_home, first), (_other, second)) = (keystore(), keystore());
    let [a, b]: [Value; 2] = [first, second].map(|keystore| {
        serde_json::from_slice(&fs::read(imported(&keystore).path).unwrap()).unwrap()
    });
    assert_ne!(a["kdf"]["salt"], b["kdf"]["salt"]);
    assert_ne!(a["cipher"]["nonce"], b["cipher"]["nonce"]);
    assert_ne!(a["cipher"]["ciphertext"], b["cipher"]["ciphertext"]);
}

#[test]
fn a_wrong_passphrase_is_refused_in_one_line() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    for wrong in ["Swordfish", "swordfish ", "swordfis", "x"] {
        let error = keystore.unlock(account.address, &passphrase(wrong)).unwrap_err();
        assert!(
            matches!(error, KeystoreError::Sealed { error: SealError::Refused, .. }),
            "{error}"
        );
        assert!(
            error.to_string().ends_with("wrong passphrase, or the file was altered"),
            "{error}"
        );
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();
    for index in 0..file.len() {
        for bit in 0..8 {
            let mut altered = file.clone();
            altered[index] ^= 1 << bit;
            fs::write(&account.path, &altered).unwrap();
            assert!(
                keystore.unlock(account.address, &passphrase("swordfish")).is_err(),
                "bit {bit} of byte {index}: {}",
                String::from_utf8_lossy(&altered)
            );
        }
    }
    fs::write(&account.path, &file).unwrap();
    keystore.unlock(account.address, &passphrase("swordfish")).unwrap();
}

#[test]
fn a_missing_or_additional_byte_is_refused() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();
    let end = file.len() - 1;
    for length in 0..end {
        fs::write(&account.path, &file[..length]).unwrap();
        assert!(
            keystore.unlock(account.address, &passphrase("swordfish")).is_err(),
            "{length} bytes"
        );
    }
    fs::write(&account.path, [&file[..], b"x"].concat()).unwrap();
    assert!(keystore.unlock(account.address, &passphrase("swordfish")).is_err());
}

#[test]
fn what_is_not_secret_is_still_bound_to_the_passphrase() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();
    let other = keystore.create(None, &passphrase("swordfish")).unwrap();

    type Change<'a> = &'a dyn Fn(&mut Value);
    let changes: [(&str, Change); 6] = [
        ("another name", &|file| file["name"] = json!("bob")),
        ("no name", &|file| file["name"] = Value::Null),
        ("more memory", &|file| file["kdf"]["memory_kib"] = json!(16)),
        ("more passes", &|file| file["kdf"]["iterations"] = json!(2)),
        ("another salt", &|file| file["kdf"]["salt"] = json!("00".repeat(16))),
        ("another nonce", &|file| file["cipher"]["nonce"] = json!("00".repeat(24))),
    ];
    for (what, change) in changes {
        fs::write(&account.path, &file).unwrap();
        edit(&account.path, change);
        let error = keystore.unlock(account.address, &passphrase("swordfish")).unwrap_err();
        assert!(
            matches!(error, KeystoreError::Sealed { error: SealError::Refused, .. }),
            "{what}: {error}"
        );
    }

    // The key of one account under the name and address of another.
    fs::write(&other.path, &file).unwrap();
    assert!(matches!(
        keystore.unlock(other.address, &passphrase("swordfish")),
        Err(KeystoreError::Misnamed { .. })
    ));
    edit(&other.path, |file| file["address"] = json!(other.address.to_string()));
    let error = keystore.unlock(other.address, &passphrase("swordfish")).unwrap_err();
    assert!(matches!(error, KeystoreError::Sealed { error: SealError::Refused, .. }), "{error}");
}

#[test]
fn a_file_cannot_ask_for_more_than_the_bounds() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();
    let hostile = [
        ("memory_kib", json!(100 << 20)),
        ("memory_kib", json!(1024 * 1024 + 1)),
        ("memory_kib", json!(u32::MAX)),
        ("memory_kib", json!(7)),
        ("memory_kib", json!(0)),
        ("iterations", json!(11)),
        ("iterations", json!(u32::MAX)),
        ("iterations", json!(0)),
        ("parallelism", json!(17)),
        ("parallelism", json!(u32::MAX)),
        ("parallelism", json!(0)),
    ];
    let start = Instant::now();
    for (what, value) in hostile {
        fs::write(&account.path, &file).unwrap();
        edit(&account.path, |file| file["kdf"][what] = value.clone());
        let error = keystore.unlock(account.address, &passphrase("swordfish")).unwrap_err();
        assert!(
            matches!(error, KeystoreError::Sealed { error: SealError::Cost { .. }, .. }),
            "{what} {value}: {error}"
        );
    }
    for (what, value) in [
        ("memory_kib", json!(-1)),
        ("memory_kib", json!(8.5)),
        ("iterations", json!("3")),
        ("version", json!(2)),
    ] {
        fs::write(&account.path, &file).unwrap();
        edit(&account.path, |file| {
            if what == "version" {
                file[what] = value.clone()
            } else {
                file["kdf"][what] = value.clone()
            }
        });
        assert!(
            keystore.unlock(account.address, &passphrase("swordfish")).is_err(),
            "{what} {value}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(5), "refused before any work");
}

#[test]
fn only_the_owner_can_read_anything() {
    let (home, keystore) = keystore();
    let account = imported(&keystore);
    let unattended = keystore.create_unattended(None).unwrap();
    assert_eq!(mode(keystore.dir()), 0o700);
    assert_eq!(mode(&home.path().join("a")), 0o700);
    for path in [account.path, unattended.path, keystore.password_file(unattended.address)] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn an_account_is_never_written_over() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();
    let again = keystore.import(PRIVATE_KEY, None, &passphrase("sailfish"));
    assert!(matches!(again, Err(KeystoreError::Exists(address)) if address == account.address));
    assert_eq!(fs::read(&account.path).unwrap(), file);
    assert_eq!(fs::read_dir(keystore.dir()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_crash_in_the_middle_of_writing_leaves_no_account() {
    let (home, keystore) = keystore();
    let password_file = home.path().join("password");
    fs::write(&password_file, "swordfish\n").unwrap();
    let lode = || {
        let mut command = Command::new("sh");
        // A file of more than 512 bytes kills the process in its write, as a power cut would.
        command.args([
            "-c",
            "ulimit -f 1; exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_lode"),
            "account",
            "new",
        ]);
        command.arg("--password-file").arg(&password_file).arg("--keystore").arg(keystore.dir());
        command
    };
    let killed = lode().output().unwrap();
    assert_eq!(
        killed.status.code(),
        None,
        "expected a death by signal: {}",
        String::from_utf8_lossy(&killed.stderr)
    );
    let left: Vec<PathBuf> =
        fs::read_dir(keystore.dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::metadata(&left[0]).unwrap().len(), 512, "half a file under another name");

    let listing = keystore.list().unwrap();
    assert!(listing.accounts.is_empty() && listing.unreadable.is_empty(), "{listing:?}");
    imported(&keystore);
    assert_eq!(keystore.only_account().unwrap().address.to_string(), ADDRESS);
}

#[test]
fn a_bad_file_does_not_hide_the_others() {
    let (_home, keystore) = keystore();
    assert!(keystore.list().unwrap().accounts.is_empty());
    assert!(matches!(keystore.only_account(), Err(KeystoreError::Empty { .. })));
    let account = imported(&keystore);
    let file = fs::read(&account.path).unwrap();

    fs::write(keystore.dir().join("empty.json"), "").unwrap();
    fs::write(keystore.dir().join("renamed.json"), &file).unwrap();
    fs::write(keystore.dir().join("huge.json"), " ".repeat(20_000)).unwrap();
    fs::write(keystore.dir().join("nested.json"), "[".repeat(10_000)).unwrap();
    fs::create_dir(keystore.dir().join("folder.json")).unwrap();
    assert!(
        Command::new("mkfifo").arg(keystore.dir().join("pipe.json")).status().unwrap().success()
    );
    fs::write(keystore.dir().join("notes.txt"), "not ours").unwrap();

    let listing = keystore.list().unwrap();
    assert_eq!(listing.accounts, std::slice::from_ref(&account));
    assert_eq!(listing.unreadable.len(), 6, "{:?}", listing.unreadable);
    assert_eq!(keystore.resolve("alice").unwrap(), account.address);
    keystore.unlock(account.address, &passphrase("swordfish")).unwrap();
    // Which one is meant is no longer plain.
    assert!(matches!(keystore.only_account(), Err(KeystoreError::SayWhich { count: 7, .. })));
}

#[test]
fn an_account_goes_by_address_or_name() {
    let (_home, keystore) = keystore();
    let alice = imported(&keystore);
    assert_eq!(keystore.only_account().unwrap(), alice);
    assert_eq!(keystore.resolve("alice").unwrap(), alice.address);
    assert_eq!(keystore.resolve(ADDRESS).unwrap(), alice.address);
    for unknown in [
        "Alice",
        "bob",
        "",
        "aleo1",
        &ADDRESS[..62],
        &ADDRESS.replace("wvg", "wvq"),
        &"x".repeat(10_000),
    ] {
        let error = keystore.resolve(unknown).unwrap_err();
        assert!(
            matches!(error, KeystoreError::Unknown { .. }) && error.to_string().len() < 400,
            "{error}"
        );
    }
    let taken = keystore.create(Some("alice".parse().unwrap()), &passphrase("x"));
    assert!(
        matches!(taken, Err(KeystoreError::NameTaken { address, .. }) if address == alice.address)
    );

    let bob = keystore.create(Some("Bob".parse().unwrap()), &passphrase("x")).unwrap();
    let nameless = keystore.create(None, &passphrase("x")).unwrap();
    assert!(matches!(keystore.only_account(), Err(KeystoreError::SayWhich { count: 3, .. })));
    let listed: Vec<_> =
        keystore.list().unwrap().accounts.into_iter().map(|account| account.address).collect();
    assert_eq!(listed, [bob.address, alice.address, nameless.address]);

    // Another person's address can be paid, but cannot sign.
    fs::remove_file(&bob.path).unwrap();
    assert_eq!(keystore.resolve(&bob.address.to_string()).unwrap(), bob.address);
    assert!(matches!(
        keystore.unlock(bob.address, &passphrase("x")),
        Err(KeystoreError::NoKey { .. })
    ));
}

#[test]
fn an_unattended_account_opens_without_a_person() {
    let (home, keystore) = keystore();
    let account = keystore.create_unattended(Some("devnet".parse().unwrap())).unwrap();
    let found = keystore.find_passphrase(account.address, None).unwrap();
    keystore.unlock(account.address, &found).unwrap();

    // A file that is named comes first, even if it is the wrong one.
    let wrong = home.path().join("wrong");
    fs::write(&wrong, "swordfish").unwrap();
    let found = keystore.find_passphrase(account.address, Some(&wrong)).unwrap();
    assert!(keystore.unlock(account.address, &found).is_err());

    assert!(matches!(
        keystore.create_unattended(Some("devnet".parse().unwrap())),
        Err(KeystoreError::NameTaken { .. })
    ));
    assert_eq!(
        fs::read_dir(keystore.dir()).unwrap().count(),
        2,
        "a refusal leaves no passphrase behind"
    );
}

#[test]
fn what_is_no_private_key_is_refused_without_repeating_it() {
    let (_home, keystore) = keystore();
    let mistyped = PRIVATE_KEY.replace("kukg", "kuk0");
    for bad in [
        "",
        "APrivateKey1",
        ADDRESS,
        &PRIVATE_KEY[..58],
        &format!("{PRIVATE_KEY}x"),
        &mistyped,
        &"1".repeat(100_000),
    ] {
        let error = keystore.import(bad, None, &passphrase("swordfish")).unwrap_err();
        assert!(matches!(error, KeystoreError::NotAPrivateKey), "{error}");
        assert!(bad.is_empty() || bad.len() < 20 || !error.to_string().contains(bad), "{error}");
    }
    assert!(!keystore.dir().exists(), "nothing was written");
    let account =
        keystore.import(&format!("  {PRIVATE_KEY}\r\n"), None, &passphrase("swordfish")).unwrap();
    assert_eq!(account.address.to_string(), ADDRESS);
}

#[test]
fn debug_shows_no_secret() {
    let (_home, keystore) = keystore();
    let account = imported(&keystore);
    let unlocked = keystore.unlock(account.address, &passphrase("swordfish")).unwrap();
    let shown = format!("{unlocked:?} {:?} {account:?} {keystore:?}", passphrase("swordfish"));
    assert!(shown.contains(ADDRESS), "{shown}");
    let numbers: Vec<_> =
        shown.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() > 20).collect();
    assert!(
        numbers.is_empty() && !shown.contains("APrivateKey") && !shown.contains("swordfish"),
        "{shown}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_passphrase_opens_what_it_closed_and_nothing_else(
        right in prop::collection::vec(any::<u8>(), 1..100),
        wrong in prop::collection::vec(any::<u8>(), 1..100),
    ) {
        prop_assume!(right != wrong);
        let (_home, keystore) = keystore();
        let account = keystore.create(None, &Passphrase::new(right.clone()).unwrap()).unwrap();
        prop_assert!(keystore.unlock(account.address, &Passphrase::new(right).unwrap()).is_ok());
        prop_assert!(keystore.unlock(account.address, &Passphrase::new(wrong).unwrap()).is_err());
    }

    #[test]
    fn any_file_is_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..500)) {
        let (_home, keystore) = keystore();
        let account = imported(&keystore);
        fs::write(&account.path, content).unwrap();
        prop_assert_eq!(keystore.list().unwrap().unreadable.len(), 1);
    }
}
