//! From what was typed to what is done.

use std::io::Write;

use crate::{
    cli::{Command, NodeArgs},
    commands::{CommandError, account, balance, block, devnet, epoch, status, transfer, warn},
};

/// Carries out a command.
///
/// # Errors
/// [`CommandError`]; what was written to `out` by then is no answer.
pub fn run(command: Command, out: &mut dyn Write) -> Result<(), CommandError> {
    match command {
        Command::Devnet(args) => devnet::run(&args, out),
        Command::Account(command) => account::run(command, out),
        Command::Balance(args) => {
            balance::run(&args, out).and_then(|()| warn_if_unready(&args.node, out))
        }
        Command::Transfer(args) => transfer::run(&args, out),
        Command::Block(args) => {
            block::run(&args, out).and_then(|()| warn_if_unready(&args.node, out))
        }
        Command::Epoch(args) => {
            epoch::run(&args, out).and_then(|()| warn_if_unready(&args.node, out))
        }
        Command::Status(args) => {
            status::run(&args, out).and_then(|()| warn_if_unready(&args.node, out))
        }
    }
}

/// After an answer: says in one line if it may be out of date. An answer that cannot be written is
/// worth no warning, and a node that cannot tell has failed to answer already.
fn warn_if_unready(node: &NodeArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    out.flush()?;
    if let Ok(sync) = node.client().sync()
        && !sync.ready
    {
        let reason = sync.reason.unwrap_or_else(|| "it does not say why".to_owned());
        warn(&format!("the node is not in sync: {reason}; its answer may be out of date"));
    }
    Ok(())
}
