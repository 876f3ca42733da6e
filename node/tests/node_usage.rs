//! The binary's flags: help that teaches, and one exit code for wrong usage.

use std::{
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

fn node(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lode-node")).args(arguments).output().unwrap()
}

#[test]
fn help_names_every_flag_and_gives_examples() {
    let help = node(&["--help"]);
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for word in
        ["--network", "--data-dir", "--api", "--history", "--listen", "--seed-peer", "--no-p2p", "fsck", "Examples"]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn wrong_flags_exit_with_2() {
    for arguments in [
        &["--api", "nowhere"][..],
        &["--history", "999"],
        &["--mempool-mib", "0"],
        &["--min-fee", "-1"],
        &["--unknown"],
        &["--listen", "example.org:1"],
        &["--listen", "/ip4/127.0.0.1/tcp/0/ws"],
        &["--seed-peer", "nowhere"],
        &["--connect-only"],
        &["--max-peers", "1"],
        &["--no-p2p", "--seed-peer", "127.0.0.1:1"],
        &["--no-p2p", "--listen", "127.0.0.1:1"],
        &["--minimum-work", "-1"],
        &["--assume-valid", "5"],
        &["--assume-valid", "5:00"],
        &["fsck", "--api", "127.0.0.1:0"],
        &["--network", "devnet", "extra"],
    ] {
        let output = node(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(line.trim().lines().count(), 1, "{line}");
        assert!(line.starts_with("lode-node: ") && line.contains("--help"), "{line}");
    }
}

#[test]
fn fsck_of_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = node(&["fsck", "--network", "devnet", "--data-dir", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no chain"));
}

#[test]
fn a_wrong_lode_cpu_is_an_error() {
    for cpu in ["sse9", ""] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lode-node"));
        command.args(["--network", "devnet", "--no-p2p", "--api", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
        let mut child = command.env("LODE_CPU", cpu).stderr(Stdio::piped()).spawn().unwrap();
        // A node that starts all the same would run on.
        let deadline = Instant::now() + Duration::from_secs(60);
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let expected = format!("LODE_CPU: expected ifma, avx512, scalar or portable, got {cpu:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(&expected));
    }
}
