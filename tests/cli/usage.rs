//! The binary without a node: accounts from the command line, and what it says to bad input.

mod binary;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use binary::{fail, lode, run_with_input, succeed};
use serde_json::Value;
use tempfile::TempDir;

const PRIVATE_KEY: &str = "APrivateKey1zkp8cC4jgHEBnbtu3xxs1Ndja2EMizcvTRDq5Nikdkukg1p";
const ADDRESS: &str = "aleo1wvgwnqvy46qq0zemj0k6sfp3zv0mp77rw97khvwuhac05yuwscxqmfyhwf";

/// A folder with a file `password` that only its owner can read.
fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let password = home.path().join("password");
    fs::write(&password, "swordfish\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    (home, password)
}

fn import(keystore: &Path, password: &Path) -> Command {
    let mut command = lode(keystore);
    command
        .args(["account", "import", "--key-file", "-", "--name", "alice", "--password-file"])
        .arg(password);
    command
}

#[test]
fn an_account_is_made_listed_and_exported() {
    let (home, password) = home();
    let keystore = home.path().join("keystore");
    let made = succeed(
        lode(&keystore)
            .args(["account", "new", "--name", "bob", "--json", "--password-file"])
            .arg(&password),
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    let address = made["address"].as_str().unwrap();
    assert!(address.starts_with("aleo1") && address.len() == 63, "{address}");
    assert_eq!(made["name"], "bob");
    assert!(Path::new(made["path"].as_str().unwrap()).is_file());

    assert_eq!(succeed(lode(&keystore).args(["account", "list"])), format!("{address}  bob\n"));
    let listed: Value =
        serde_json::from_str(&succeed(lode(&keystore).args(["account", "list", "--json"])))
            .unwrap();
    assert_eq!(listed, serde_json::json!([made]));

    // The exported key makes the same account elsewhere.
    let export = succeed(
        lode(&keystore).args(["account", "export", "bob", "--password-file"]).arg(&password),
    );
    let elsewhere = home.path().join("elsewhere");
    let output = run_with_input(&mut import(&elsewhere, &password), export.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(address));
    assert!(
        !fs::read_to_string(elsewhere.join(format!("{address}.json")))
            .unwrap()
            .contains(export.trim())
    );
}

#[test]
fn an_export_warns_and_needs_the_passphrase() {
    let (home, password) = home();
    assert!(
        run_with_input(&mut import(home.path(), &password), PRIVATE_KEY.as_bytes())
            .status
            .success()
    );

    let export = run_with_input(
        lode(home.path()).args(["account", "export", "--password-file"]).arg(&password),
        b"",
    );
    assert_eq!(String::from_utf8(export.stdout).unwrap(), format!("{PRIVATE_KEY}\n"));
    let warning = String::from_utf8(export.stderr).unwrap();
    assert!(
        warning.starts_with("warning: ")
            && warning.contains(ADDRESS)
            && warning.contains("private key"),
        "{warning}"
    );
    assert!(!warning.contains(PRIVATE_KEY));

    let wrong = home.path().join("wrong");
    fs::write(&wrong, "sailfish").unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    let error = fail(
        lode(home.path()).args(["account", "export", "alice", "--password-file"]).arg(&wrong),
        1,
    );
    assert!(error.contains("wrong passphrase"), "{error}");
}

#[test]
fn a_passphrase_that_others_can_read_is_reported() {
    let (home, password) = home();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    let output = run_with_input(&mut import(home.path(), &password), PRIVATE_KEY.as_bytes());
    assert!(output.status.success());
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(
        warning.starts_with("warning: others can read") && warning.lines().count() == 1,
        "{warning}"
    );
}

#[test]
fn without_a_terminal_the_error_names_the_flag_that_helps() {
    let (home, _) = home();
    // A session of its own has no terminal, even where the tests run on one.
    let detached = |arguments: &[&str]| {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_lode")).args(arguments);
        command.env("LODE_KEYSTORE", home.path());
        command
    };
    let error = fail(&mut detached(&["account", "new"]), 1);
    assert!(error.contains("--password-file"), "{error}");
    let error = fail(&mut detached(&["account", "import"]), 1);
    assert!(error.contains("--key-file"), "{error}");
}

#[test]
fn wrong_usage_exits_2_and_failures_exit_1() {
    let (home, password) = home();
    let keystore = home.path().join("keystore");
    let password = password.to_str().unwrap();
    let long = "9".repeat(100_000);
    for (code, arguments) in [
        (2, &[][..]),
        (2, &["fly"]),
        (2, &["--fly"]),
        (2, &["account"]),
        (2, &["account", "import", PRIVATE_KEY]),
        (2, &["account", "new", "--name", ""]),
        (2, &["account", "new", "--name", "../../x"]),
        (2, &["transfer", "--amount", "1"]),
        (2, &["transfer", "--to", ADDRESS]),
        (2, &["transfer", "--to", ADDRESS, "--amount", ""]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "-1"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "1e3"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", ".5"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "0.0000001"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "18446744073709.551616"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", &long]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "1", "--expiry", "4294967296"]),
        (2, &["transfer", "--to", ADDRESS, "--amount", "1", "--nonce", "18446744073709551616"]),
        (2, &["block"]),
        (2, &["block", "0x10"]),
        (2, &["block", "../status"]),
        (2, &["block", &long]),
        (2, &["epoch", "-1"]),
        (2, &["status", "--node", "not a url"]),
        (2, &["status", "--network", "Dev Net"]),
        (1, &["account", "export"]),
        (1, &["account", "export", "nobody"]),
        (1, &["account", "new", "--password-file", "/nowhere/at/all"]),
        (1, &["account", "new", "--password-file", "/"]),
        (1, &["account", "new", "--password-file", "/dev/null"]),
        (1, &["account", "new", "--password-file", "/dev/zero"]),
        (1, &["account", "new", "--password-file", password, "--keystore", "/dev/null/x"]),
        (1, &["account", "import", "--key-file", "/dev/null", "--password-file", password]),
        (1, &["account", "import", "--key-file", "/dev/zero", "--password-file", password]),
        (1, &["account", "list", "--keystore", "/dev/null"]),
        (1, &["balance"]),
        (1, &["balance", "nobody"]),
        (1, &["balance", "aleo1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"]),
        (1, &["balance", &long]),
        (1, &["transfer", "--to", ADDRESS, "--amount", "1"]),
        (1, &["transfer", "--from", ADDRESS, "--to", ADDRESS, "--amount", "1"]),
        (1, &["epoch", "--address", "\u{1b}[2J"]),
    ] {
        let error = fail(lode(&keystore).args(arguments), code);
        assert!(error.len() < 2_000 && !error.contains('\u{1b}'), "{arguments:?}: {error}");
    }
    assert!(!keystore.exists(), "no failure writes anything");
}

#[test]
fn a_bad_private_key_is_not_repeated() {
    let (home, password) = home();
    let mistyped = PRIVATE_KEY.replace("kukg", "kuk0");
    for bad in [mistyped.as_bytes(), b"", b"\xff\xfe", &PRIVATE_KEY.as_bytes()[..58]] {
        let output = run_with_input(&mut import(&home.path().join("keystore"), &password), bad);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.starts_with("error: ")
                && error.lines().count() == 1
                && !error.contains("zkp8cC4"),
            "{error}"
        );
    }
}

#[test]
fn arguments_that_are_no_text_are_refused() {
    let (home, _) = home();
    for arguments in [&["block"][..], &["balance"]] {
        let mut command = lode(home.path());
        command.args(arguments).arg(OsStr::from_bytes(b"\xff\xfe"));
        fail(&mut command, 2);
    }
}

#[test]
fn help_and_version_exit_0_and_teach() {
    let (home, _) = home();
    for arguments in [
        &["--help"][..],
        &["account", "new", "--help"],
        &["account", "import", "--help"],
        &["account", "list", "--help"],
        &["account", "export", "--help"],
        &["balance", "--help"],
        &["transfer", "--help"],
        &["block", "--help"],
        &["epoch", "--help"],
        &["status", "--help"],
    ] {
        let help = succeed(lode(home.path()).args(arguments));
        assert!(help.contains("Usage: lode") && help.contains("Example"), "{arguments:?}: {help}");
    }
    assert!(succeed(lode(home.path()).arg("--version")).starts_with("lode "));
}

#[test]
fn a_closed_reader_is_no_panic() {
    let (home, password) = home();
    assert!(
        run_with_input(&mut import(home.path(), &password), PRIVATE_KEY.as_bytes())
            .status
            .success()
    );

    // A full disk is a failure.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = lode(home.path())
        .args(["account", "list"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr).unwrap().starts_with("error: cannot write the answer")
    );

    // A reader that has seen enough is not.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = lode(home.path())
        .args(["account", "list"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty());
}

#[test]
fn help_to_a_closed_reader_is_no_panic() {
    let (home, _) = home();
    for arguments in [&["--help"][..], &["transfer", "--help"], &["--version"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output =
            lode(home.path()).args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.starts_with("error: cannot write to standard output")
                && error.lines().count() == 1,
            "{error}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = lode(home.path())
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    }
    // Nor is an error.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = lode(home.path()).arg("fly").stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn variables_that_are_wrong_are_not_taken_in_silence() {
    let (home, _) = home();
    for (variable, value, code, part) in [
        ("LODE_NODE", "", 2, "--node"),
        ("LODE_NODE", "nowhere", 2, "expected a URL"),
        ("LODE_KEYSTORE", "", 2, "--keystore"),
        ("XDG_DATA_HOME", "data", 1, "XDG_DATA_HOME: expected an absolute path, got \"data\""),
        ("HOME", "", 1, "HOME: expected an absolute path"),
    ] {
        let mut command = lode(home.path());
        command
            .env_remove("LODE_KEYSTORE")
            .env("HOME", home.path())
            .env(variable, value)
            .args(["balance", "alice"]);
        let error = fail(&mut command, code);
        assert!(error.contains(part), "{variable}: {error}");
    }
}

#[test]
fn the_default_keystore_is_in_the_users_data_folder() {
    let (home, password) = home();
    let made = succeed(
        lode(home.path())
            .env_remove("LODE_KEYSTORE")
            .env("HOME", home.path())
            .args(["account", "new", "--password-file"])
            .arg(&password),
    );
    let address = made.lines().next().unwrap();
    assert!(
        home.path().join(format!(".local/share/lode/keystore/{address}.json")).is_file(),
        "{made}"
    );
}
