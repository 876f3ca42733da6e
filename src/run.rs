//! From what was typed to what is done.

use std::io::Write;

use crate::{
    cli::Command,
    commands::{CommandError, account, balance, block, devnet, epoch, status, transfer},
};

/// Carries out a command.
///
/// # Errors
/// [`CommandError`]; what was written to `out` by then is no answer.
pub fn run(command: Command, out: &mut dyn Write) -> Result<(), CommandError> {
    match command {
        Command::Devnet(args) => devnet::run(&args, out),
        Command::Account(command) => account::run(command, out),
        Command::Balance(args) => balance::run(&args, out),
        Command::Transfer(args) => transfer::run(&args, out),
        Command::Block(args) => block::run(&args, out),
        Command::Epoch(args) => epoch::run(&args, out),
        Command::Status(args) => status::run(&args, out),
    }
}
