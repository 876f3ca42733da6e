//! The binary's flags: help that teaches, and one exit code for wrong usage.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
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
    for word in [
        "--config",
        "--network",
        "--data-dir",
        "--api",
        "--history",
        "--listen",
        "--seed-peer",
        "--no-p2p",
        "fsck",
        "Examples",
    ] {
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
    let output =
        node(&["fsck", "--network", "devnet", "--data-dir", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no chain"));
}

#[test]
fn a_folder_that_is_a_database_is_no_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("CURRENT"), "MANIFEST-000005\n").unwrap();
    let data_dir = ["--network", "devnet", "--data-dir", folder.path().to_str().unwrap()];
    for arguments in [&["--no-p2p", "--api", "127.0.0.1:0"][..], &["fsck"]] {
        let output = node(&[arguments, &data_dir].concat());
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(line.contains("it holds a database itself"), "{line}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is begun in it");
    }
}

#[test]
fn a_wrong_lode_cpu_is_an_error() {
    for cpu in ["sse9", ""] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lode-node"));
        command
            .args(["--network", "devnet", "--no-p2p", "--api", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path());
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

/// Runs the node with a configuration folder of its own, and variables.
fn configured(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-node"));
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LODE_NODE_"))
    {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env("XDG_CONFIG_HOME", folder).env("XDG_DATA_HOME", folder);
    command.envs(variables.iter().copied()).args(arguments).output().unwrap()
}

/// The one line on standard error of a configuration that is refused.
#[track_caller]
fn refused(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = configured(folder, variables, arguments);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(
        output.stdout.is_empty() && line.starts_with("lode-node: ") && line.lines().count() == 1,
        "{line}"
    );
    line
}

#[test]
fn the_configuration_is_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let ok = configured(folder.path(), &[], &["config", "check"]);
    assert_eq!((ok.status.code(), ok.stdout.as_slice()), (Some(0), &b"ok: no file\n"[..]));

    let file = folder.path().join("lode/node.toml");
    std::fs::create_dir(folder.path().join("lode")).unwrap();
    std::fs::write(&file, "[api]\nlisten = \"127.0.0.1:4040\"\n[peers]\nmax_peers = 9\n").unwrap();
    let ok = configured(folder.path(), &[], &["config", "check"]);
    assert_eq!(String::from_utf8(ok.stdout).unwrap(), format!("ok: {}\n", file.display()));
    let shown = configured(
        folder.path(),
        &[("LODE_NODE_MEMPOOL_MIN_FEE", "7")],
        &["config", "show", "--max-peers", "8"],
    );
    let shown = String::from_utf8(shown.stdout).unwrap();
    for line in [
        format!("listen = \"127.0.0.1:4040\" # {}:2: api.listen", file.display()),
        "min_fee = 7 # LODE_NODE_MEMPOOL_MIN_FEE".to_owned(),
        "max_peers = 8 # --max-peers".to_owned(),
        "name = \"devnet\" # default".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line} in {shown}");
    }

    std::fs::write(&file, "[api]\nlisten = \"nowhere\"\n").unwrap();
    let line = refused(folder.path(), &[], &["config", "check"]);
    let expected =
        format!("lode-node: {}:2: api.listen: expected IP:PORT, got \"nowhere\"\n", file.display());
    assert_eq!(line, expected);
    // Nor does a node start with it, or a fsck.
    assert_eq!(refused(folder.path(), &[], &["--no-p2p"]), expected);
    assert_eq!(refused(folder.path(), &[], &["fsck"]), expected);
    // Unless another file is named.
    let other = folder.path().join("other.toml");
    assert!(
        refused(folder.path(), &[], &["--config", other.to_str().unwrap()]).contains("other.toml")
    );
    std::fs::write(&other, "").unwrap();
    assert!(
        configured(folder.path(), &[], &["config", "check", "--config", other.to_str().unwrap()])
            .status
            .success()
    );
}

#[test]
fn what_does_not_go_together_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.toml");
    let text = file.to_str().unwrap();
    let check = |content: &str, more: &[&str]| {
        std::fs::write(&file, content).unwrap();
        configured(folder.path(), &[], &[&["config", "check", "--config", text], more].concat())
    };
    let alone = check("[peers]\nconnect_only = true\n", &[]);
    assert!(
        String::from_utf8(alone.stderr)
            .unwrap()
            .contains("node.toml:2: peers.connect_only: needs at least one seed")
    );
    // What a file says of peers waits while the node is to be alone.
    assert!(check("[peers]\nseeds = [\"a.example:1\"]\n", &["--no-p2p"]).status.success());
    assert!(check("[peers]\nenabled = false\nseeds = [\"a.example:1\"]\n", &[]).status.success());
    let in_vain = check("[peers]\nenabled = false\n", &["--seed-peer", "a.example:1"]);
    assert!(
        String::from_utf8(in_vain.stderr)
            .unwrap()
            .contains("--seed-peer: cannot be used where there are no peers")
    );
    let no_network = check("[network]\nname = \"nonet\"\n", &[]);
    assert!(
        String::from_utf8(no_network.stderr)
            .unwrap()
            .contains("node.toml:2: network.name: no network \"nonet\"")
    );
}

#[test]
fn variables_that_are_wrong_are_not_taken_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, part) in [
        (("RUST_LOG", "inof,,="), "RUST_LOG: expected LEVEL or TARGET=LEVEL"),
        (("RUST_LOG", "inof"), "RUST_LOG: expected LEVEL or TARGET=LEVEL"),
        (("LODE_NODE_LOG_FILTER", ""), "LODE_NODE_LOG_FILTER: expected LEVEL"),
        (
            ("LODE_NODE_API_LISTEN", ""),
            "LODE_NODE_API_LISTEN: expected IP:PORT, got an empty value",
        ),
        (("LODE_NODE_API_LISTENS", "127.0.0.1:1"), "did you mean LODE_NODE_API_LISTEN?"),
        (
            ("XDG_CONFIG_HOME", "config"),
            "XDG_CONFIG_HOME: expected an absolute path, got \"config\"",
        ),
        (("XDG_DATA_HOME", "data"), "XDG_DATA_HOME: expected an absolute path, got \"data\""),
        (("HOME", ""), "HOME: expected an absolute path, got \"\""),
    ] {
        let line = refused(folder.path(), &[variable], &["config", "check"]);
        assert!(line.contains(part), "{line}");
    }
    assert!(configured(folder.path(), &[("RUST_LOG", "")], &["config", "check"]).status.success());
    let shown = configured(folder.path(), &[("RUST_LOG", "warn")], &["config", "show"]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("filter = \"warn\" # RUST_LOG"));
    let odd =
        configured(folder.path(), &[("LODE_NODE_SERVICE_HOST", "10.0.0.1")], &["config", "check"]);
    assert!(odd.status.success());
    assert!(
        String::from_utf8(odd.stderr)
            .unwrap()
            .contains("warning: LODE_NODE_SERVICE_HOST is no variable")
    );
}

/// Starts a node alone in a folder; its standard error is piped.
fn start(folder: &Path, variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode-node"));
    command
        .args(["--network", "devnet", "--no-p2p", "--api", "127.0.0.1:0", "--data-dir"])
        .arg(folder);
    command.env("XDG_CONFIG_HOME", folder).env_remove("RUST_LOG").envs(variables.iter().copied());
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn stop(child: &Child) {
    assert!(
        Command::new("kill")
            .args(["-s", "TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status,
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill().unwrap();
                panic!("the node does not end");
            }
        }
    }
}

#[test]
fn an_empty_rust_log_is_as_if_unset_and_a_pipe_gets_no_colour() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[("RUST_LOG", "")]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines
        .find(|line| line.contains("API on http://"))
        .expect("it logs as it does without the variable");
    assert!(!line.contains('\u{1b}'), "{line:?}");
    stop(&child);
    assert!(lines.any(|line| line.contains("everything is on disk")));
    assert_eq!(wait(&mut child).code(), Some(0));
}

#[test]
fn a_terminal_gets_no_colour_where_none_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let on_terminal = |no_colour: &str| {
        let program = env!("CARGO_BIN_EXE_lode-node");
        let data = folder.path().display();
        let line = format!(
            "timeout -s TERM 5 {program} --no-p2p --api 127.0.0.1:0 --network devnet --data-dir \
             {data}"
        );
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null())
            .env("XDG_CONFIG_HOME", folder.path());
        command.env_remove("RUST_LOG").env("TERM", "xterm").env("NO_COLOR", no_colour);
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    };
    let (coloured, plain) = (on_terminal(""), on_terminal("1"));
    assert!(coloured.contains("API on") && coloured.contains("\u{1b}["), "{coloured:?}");
    assert!(plain.contains("API on") && !plain.contains("\u{1b}["), "{plain:?}");
}

#[test]
fn a_node_goes_on_without_the_reader_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("API on http://") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the node has ended");
    }
    drop(log);
    // The node logs a line when it stops, into a closed pipe.
    stop(&child);
    assert_eq!(wait(&mut child).code(), Some(0));
    // Also from its first line on.
    let mut child = start(folder.path(), &[]);
    drop(child.stderr.take());
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    stop(&child);
    wait(&mut child);
}

#[test]
fn a_closed_reader_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["--version"], &["config", "check"], &["config", "show"]] {
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_lode-node"));
            command.args(arguments).env("XDG_CONFIG_HOME", folder.path()).env_remove("RUST_LOG");
            command.stderr(Stdio::piped());
            command
        };
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().stdout(full).output().unwrap();
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(
            line.starts_with("lode-node: cannot write to standard output")
                && line.lines().count() == 1,
            "{line}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command().stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}
