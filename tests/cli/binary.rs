//! Runs the `lode` binary as a person would, in an environment of its own.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

/// `lode` with a keystore, and without anything of the machine's own settings.
pub(crate) fn lode(keystore: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lode"));
    command.env_clear().env("LODE_KEYSTORE", keystore).stdin(Stdio::null());
    command
}

/// Runs a command with `input` on standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses early need not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// What a command that must succeed prints.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run_with_input(command, b"");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of a command that must fail with an exit code, and print nothing else.
#[track_caller]
pub(crate) fn fail(command: &mut Command, code: i32) -> String {
    let output = run_with_input(command, b"");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {error}");
    assert!(output.stdout.is_empty(), "{command:?}: {}", String::from_utf8_lossy(&output.stdout));
    assert!(
        error.starts_with("error: ") && error.ends_with('\n') && error.lines().count() == 1,
        "{command:?}: {error:?}"
    );
    assert!(!error.contains("panicked"), "{command:?}: {error}");
    error
}
