//! Writing to standard output and standard error, also when they are closed, and the exit codes of
//! all programs.

use std::{
    io::{self, Write},
    process::ExitCode,
};

/// It did not work: what the line on standard error says.
pub const FAILED: u8 = 1;
/// Flags, environment or configuration make no sense: starting again changes nothing.
pub const UNUSABLE: u8 = 2;
/// A part of the program died of a mistake in it (`EX_SOFTWARE` of sysexits.h): starting again
/// helps.
pub const BROKEN: u8 = 70;

/// Prints a text, which ends with a line break, to standard output, and gives the exit code: a
/// reader that has seen enough, as `head` does, is none of our failures; a full disk is one.
pub fn print(text: &str, complain: impl FnOnce(&str)) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Writes one line to standard error. If that is closed, only the exit code tells of the failure.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether colour is wanted: never where `NO_COLOR` is set to anything but nothing (no-color.org).
pub fn is_colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
