//! Flags and arguments: what may be typed, checked before anything is done.

mod devnet;
mod keystore;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::ValueParser, error::ErrorKind};
use lode_api::client::{
    Client, DEFAULT_NETWORK, DEFAULT_NODE, Limits, NetworkName, NodeClient, NodeUrl,
};
use lode_consensus::{Hash, Height};

pub use self::{devnet::DevnetArgs, keystore::KeystoreArgs};
use crate::{amount::Credits, keystore::AccountName};

/// Blocks for which a transfer stays valid unless told otherwise: an hour at 15 s.
pub const DEFAULT_EXPIRY_BLOCKS: Height = 240;

/// Why the flags lead to no command.
#[derive(Debug)]
pub enum Stop {
    /// `--help`, `--version` or `help`: the text to print.
    Help(String),
    /// Wrong usage, in one line.
    Usage(String),
}

/// Reads the command line.
///
/// # Errors
/// [`Stop`], also for a request for help.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    Cli::try_parse_from(arguments).map_err(|error| {
        let text = error.render().to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Stop::Help(format!("{}\n", text.trim_end()))
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Stop::Usage("expected a command (see --help)".to_owned())
            }
            _ => Stop::Usage(format!("{} (see --help)", usage_line(&text))),
        }
    })
}

/// What is wrong, out of clap's several lines; the usage and the hint that follow stand better in
/// --help.
fn usage_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let what = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let what = what.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    without_keys(&what.trim_start_matches("error: ").replace(" tip: ", "; tip: "))
}

/// A private key that was typed where none belongs is not repeated: terminals and logs keep what is
/// printed.
fn without_keys(line: &str) -> String {
    const PREFIX: &str = "APrivateKey1";
    let mut parts = line.split(PREFIX);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        clean.push_str(PREFIX);
        clean.push('…');
        clean.push_str(rest);
    }
    clean
}

/// Lode: a proof-of-work chain whose work is real KZG proofs.
#[derive(Debug, Parser)]
#[command(name = "lode", version, max_term_width = 110)]
#[command(after_help = "Examples:
  lode devnet                        run a chain of your own
  lode account new --name alice      make an account
  lode transfer --to alice --amount 1.5 --wait
  lode balance alice
Every command explains itself: lode transfer --help")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `lode` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a chain on this machine: a node and a miner in one process.
    Devnet(DevnetArgs),
    /// Make, take in, list and hand out accounts.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Show what an account can spend, and what it has mined that is not mature yet.
    Balance(BalanceArgs),
    /// Pay credits from an account of the keystore.
    Transfer(TransferArgs),
    /// Show a block.
    Block(BlockArgs),
    /// Show an epoch, one's weight in it, and one's next duty.
    Epoch(EpochArgs),
    /// Show the node's chain, supply and mempool.
    Status(StatusArgs),
}

/// Which node to ask, about which network.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The node's URL.
    #[arg(long, value_name = "URL", env = "LODE_NODE", default_value = DEFAULT_NODE)]
    pub node: NodeUrl,
    /// The network's name.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NETWORK)]
    pub network: NetworkName,
}

impl NodeArgs {
    /// A client of that node.
    pub fn client(&self) -> Client {
        NodeClient::new(self.node.clone(), Limits::COMMAND).network(self.network.clone())
    }
}

/// How to print.
#[derive(Debug, Args)]
pub struct FormatArgs {
    /// Print one JSON value, for machines: bytes in hex, amounts in microcredits, 64-bit nonces as
    /// strings.
    #[arg(long)]
    pub json: bool,
}

/// Where an account's passphrase comes from.
#[derive(Debug, Args)]
pub struct PassphraseArgs {
    /// Read the passphrase from a file instead of asking; one newline at its end is ignored.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// `lode account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make a new account, protected by a passphrase.
    ///
    /// There is no way to open an account without its passphrase, and no copy of its key but the
    /// file that is printed: keep both.
    #[command(after_help = "Example:
  lode account new --name alice
  lode account new --name rig --password-file rig.password --json")]
    New(NewArgs),
    /// Take in an Aleo private key, APrivateKey1…, from a prompt, a file or standard input, never
    /// from the arguments.
    #[command(after_help = "Example:
  lode account import --name alice                     asks for the key
  pass show aleo | lode account import --key-file -    reads it from standard input")]
    Import(ImportArgs),
    /// List the keystore's accounts. No passphrase is needed.
    #[command(after_help = "Example:
  lode account list")]
    List(ListArgs),
    /// Print an account's private key, after its passphrase. It gives full control of the account.
    #[command(after_help = "Example:
  lode account export alice > alice.key")]
    Export(ExportArgs),
}

/// `lode account new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// A label to call the account by: letters, digits, '-' and '_'.
    #[arg(long)]
    pub name: Option<AccountName>,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode account import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Read the private key from a file instead of asking; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// A label to call the account by: letters, digits, '-' and '_'.
    #[arg(long)]
    pub name: Option<AccountName>,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode account list`
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode account export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Name or address [default: the keystore's only account]
    #[arg(value_name = "NAME|ADDRESS")]
    pub account: Option<String>,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode balance`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode balance alice
  lode balance aleo1… --node http://10.0.0.7:3030 --json")]
pub struct BalanceArgs {
    /// Name or address [default: the keystore's only account, or the one named like the network]
    #[arg(value_name = "NAME|ADDRESS")]
    pub account: Option<String>,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode transfer`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode transfer --from alice --to aleo1… --amount 1.5 --wait

The passphrase comes from --password-file, else from the file ADDRESS.password beside the key \
(as a devnet's own account has), else from a prompt.

To repeat a transfer whose answer was lost, give the same --nonce: at most one \
transaction of a nonce is ever included.")]
pub struct TransferArgs {
    /// Who pays: name or address
    /// [default: the keystore's only account, or the one named like the network]
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub from: Option<String>,
    /// Who receives: address, or the name of an account of the keystore.
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub to: String,
    /// Credits for the receiver, with up to 6 decimals.
    #[arg(long, value_name = "CREDITS", allow_negative_numbers = true)]
    #[arg(value_parser = ValueParser::new(positive_credits))]
    pub amount: Credits,
    /// Credits for the block's producer. Higher fees per byte are included first.
    #[arg(long, value_name = "CREDITS", allow_negative_numbers = true, default_value = "0.001")]
    pub fee: Credits,
    /// Place in the sender's order, from 0 [default: after everything confirmed or waiting]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub nonce: Option<u64>,
    /// Last height at which the transfer may be included [default: 240 above the tip]
    #[arg(long, value_name = "HEIGHT", allow_negative_numbers = true)]
    pub expiry: Option<Height>,
    /// Wait until a block includes it, or none can any more.
    #[arg(long)]
    pub wait: bool,
    /// Sign even if the node is not in sync with its peers, and may not know the account's balance
    /// and nonce.
    #[arg(long)]
    pub force: bool,
    /// Seconds to wait with --wait.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, requires = "wait")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode block`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode block latest
  lode block 40 --json")]
pub struct BlockArgs {
    /// Height, hash (64 hexadecimal digits), or latest.
    #[arg(value_name = "HEIGHT|HASH|latest", allow_negative_numbers = true)]
    #[arg(value_parser = ValueParser::new(block_id))]
    pub block: String,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode epoch`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode epoch                    the current epoch, for the keystore's only account
  lode epoch 7 --address alice

The shares of epoch e decide who holds the proving rights of epoch e+1. Each height has a \
roster: provers in the order of their right and duty to it, drawn by weight from the hash of the \
block before. It is therefore known one block ahead, and no further: the next duty shown is that \
of the next height.")]
pub struct EpochArgs {
    /// The epoch's number [default: the current one]
    #[arg(value_name = "EPOCH", allow_negative_numbers = true)]
    pub epoch: Option<u32>,
    /// Whose weight, rank and duty: name or address
    /// [default: the keystore's only account, or the one named like the network]
    #[arg(long, value_name = "NAME|ADDRESS")]
    pub address: Option<String>,
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub keystore: KeystoreArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `lode status`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  lode status
  lode status --json | python3 -m json.tool")]
pub struct StatusArgs {
    #[command(flatten)]
    pub node: NodeArgs,
    #[command(flatten)]
    pub format: FormatArgs,
}

fn positive_credits(text: &str) -> Result<Credits, String> {
    let amount: Credits = text.parse().map_err(|error| format!("{error}"))?;
    if amount == Credits::default() {
        Err("expected more than 0 credits".to_owned())
    } else {
        Ok(amount)
    }
}

/// A block as the API's route names it.
fn block_id(text: &str) -> Result<String, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if text == "latest" {
        Ok(text.to_owned())
    } else if let (true, Ok(height)) = (digits, text.parse::<Height>()) {
        Ok(height.to_string())
    } else if let Ok(hash) = text.parse::<Hash>() {
        Ok(hash.to_string())
    } else {
        Err("expected a height, a hash of 64 hexadecimal digits, or latest".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn usage(arguments: &[&str]) -> String {
        match parse(arguments.iter().map(OsString::from)) {
            Err(Stop::Usage(line)) => line,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_with_an_example() {
        fn check(command: &clap::Command) {
            if command.get_name() != "help" && !command.has_subcommands() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{} has no example", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn wrong_usage_is_one_line() {
        for (arguments, part) in [
            (&["lode"][..], "expected a command"),
            (&["lode", "account"], "expected a command"),
            (&["lode", "stats"], "; tip: "),
            (&["lode", "fly"], "unrecognized subcommand 'fly'"),
            (&["lode", "transfer"], "--to"),
            (&["lode", "transfer", "--to", "x", "--amount", "-1"], "expected credits"),
            (&["lode", "transfer", "--to", "x", "--amount", "1e3"], "expected credits"),
            (&["lode", "transfer", "--to", "x", "--amount", "0"], "more than 0"),
            (&["lode", "transfer", "--to", "x", "--amount", "1", "--nonce", "-1"], "--nonce"),
            (&["lode", "transfer", "--to", "x", "--amount", "1", "--timeout", "5"], "--wait"),
            (&["lode", "block", "-1"], "expected a height"),
            (&["lode", "block", "4294967296"], "expected a height"),
            (&["lode", "block", "+1"], "expected a height"),
            (&["lode", "block", "../status"], "expected a height"),
            (&["lode", "epoch", "x"], "x"),
            (&["lode", "status", "--node", "ftp://x"], "expected a URL"),
            (&["lode", "status", "--network", "../x"], "expected a network's name"),
            (&["lode", "account", "new", "--name", "a b"], "expected a name"),
        ] {
            let line = usage(arguments);
            assert!(line.contains(part) && !line.contains('\n'), "{arguments:?}: {line}");
        }
    }

    #[test]
    fn a_block_is_named_as_the_route_names_it() {
        let hash = "ab".repeat(32);
        assert_eq!(block_id("007"), Ok("7".to_owned()));
        assert_eq!(block_id(&hash.to_uppercase()), Ok(hash));
        assert_eq!(block_id("latest"), Ok("latest".to_owned()));
    }

    #[test]
    fn a_private_key_in_the_wrong_place_is_not_repeated() {
        let key = "APrivateKey1zkp8CZNn3yeCseEtxuVPbDCwSyhGW6yZKUYKfgXmcpoGPWH";
        for arguments in [
            &["lode", "account", "import", key][..],
            &["lode", key],
            &["lode", "balance", "--network", key],
        ] {
            let line = usage(arguments);
            assert!(line.contains("APrivateKey1…") && !line.contains("zkp8"), "{line}");
        }
    }
}
