//! The `lode` binary: reads the flags, runs the command, turns its result into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use lode::{
    cli, commands,
    keystore::{INTERRUPTED_EXIT_CODE, KeystoreError, SecretError},
    text,
};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(cli::Stop::Help(text)) => return print(&text),
        Err(cli::Stop::Usage(line)) => return fail(&line, 2),
    };
    let mut out = io::stdout().lock();
    match commands::run(cli.command, &mut out).and_then(|()| out.flush().map_err(Into::into)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough, as `head` does.
        Err(commands::CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // Whoever pressed Ctrl-C knows why it ended.
        Err(commands::CommandError::Keystore(KeystoreError::Secret(SecretError::Interrupted))) => {
            ExitCode::from(INTERRUPTED_EXIT_CODE)
        }
        Err(error) => fail(&error.to_string(), 1),
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(line: &str, code: u8) -> ExitCode {
    // Nothing is left to do where even standard error is closed.
    let _ = writeln!(io::stderr(), "error: {}", text::one_line(line));
    ExitCode::from(code)
}
