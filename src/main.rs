//! The `lode` binary: reads the flags, runs the command, turns its result into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use lode::{
    cli,
    commands::{self, devnet::DevnetError},
    keystore::{INTERRUPTED_EXIT_CODE, KeystoreError, SecretError},
    text,
};
use lode_app::{output, panics};

fn main() -> ExitCode {
    panics::run("lode", answer)
}

fn answer() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(cli::Stop::Help(text)) => return output::print(&text, complain),
        Err(cli::Stop::Usage(line)) => return fail(&line, output::UNUSABLE),
    };
    let mut out = io::stdout().lock();
    match commands::run(cli.command, &mut out).and_then(|()| out.flush().map_err(Into::into)) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has closed it, as `head` does.
        Err(commands::CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        // After Ctrl-C no message is needed.
        Err(commands::CommandError::Keystore(KeystoreError::Secret(SecretError::Interrupted))) => {
            ExitCode::from(INTERRUPTED_EXIT_CODE)
        }
        Err(error @ commands::CommandError::Devnet(DevnetError::Died(_))) => {
            fail(&error.to_string(), output::BROKEN)
        }
        Err(error) => fail(&error.to_string(), output::FAILED),
    }
}

fn fail(line: &str, code: u8) -> ExitCode {
    complain(line);
    ExitCode::from(code)
}

fn complain(line: &str) {
    output::complain(&format!("error: {}", text::one_line(line)));
}
