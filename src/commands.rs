//! What the commands do. Each takes checked arguments and writes its answer to `out`, nothing else
//! to standard output.

pub mod account;
pub mod balance;
pub mod block;
pub mod devnet;
pub mod epoch;
pub mod status;
pub mod transfer;

use std::{
    io::{self, Write},
    path::Path,
};

use lode_api::client::{ClientError, NetworkName};
use lode_consensus::{Address, Hash, Height, transaction::SignatureError};
use serde::Serialize;

pub use crate::run::run;
use crate::{
    amount::Credits,
    cli::NodeArgs,
    keystore::{Keystore, KeystoreError, Passphrase, SecretError, readable_by_others},
    text::one_line,
};

/// Why a command did not do what it was asked. Each prints as one line.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The keystore, or a passphrase.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The node.
    #[error("{0}{hint}", hint = hint(.0))]
    Client(#[from] ClientError),
    /// The node's answers may be out of date, and a signature must not depend on them.
    #[error(
        "the node is not in sync: {reason}; balance and nonce may be out of date (--force signs \
         all the same)"
    )]
    NotInSync {
        /// What the node says.
        reason: String,
    },
    #[error(transparent)]
    Devnet(#[from] devnet::DevnetError),
    /// The transaction could not be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Standard output is closed or full.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// Asked to print a transfer, and it is none: a bug.
    #[error("expected a transfer, got a transaction of kind {0}")]
    NotTransfer(&'static str),
    /// Amount and fee are more than there can be.
    #[error("{amount} credits and a fee of {fee} are more than can exist")]
    Overflow {
        /// Credits for the receiver.
        amount: Credits,
        /// Credits for the producer.
        fee: Credits,
    },
    /// The account has too little to spend.
    #[error(
        "{address} can spend {balance} credits, {needed} are needed ({immature} more are mined and \
         not mature yet)"
    )]
    TooPoor {
        address: Address,
        /// What it can spend.
        balance: Credits,
        /// Amount and fee.
        needed: Credits,
        /// What will follow.
        immature: Credits,
    },
    /// The transfer could never be included.
    #[error("expected an expiry above the tip's height {height}, got {expiry}")]
    Expired {
        /// The tip's height.
        height: Height,
        /// Last height at which the transfer is valid.
        expiry: Height,
    },
    /// The node serves another network.
    #[error("expected a node of {expected}, this one serves {got}")]
    WrongNetwork {
        /// The network that was asked for.
        expected: NetworkName,
        /// What the node says.
        got: String,
    },
    /// The node has the network's name on another chain.
    #[error("the node's genesis block {got} is not {network}'s, {expected}; nothing was signed")]
    WrongGenesis {
        /// The network that was asked for.
        network: NetworkName,
        /// Its genesis hash.
        expected: Hash,
        /// What the node says.
        got: Hash,
    },
    /// The node took another transaction than the one sent.
    #[error("the node calls the transaction {got}, its id is {expected}; do not trust this node")]
    WrongId {
        /// The id as computed here.
        expected: Hash,
        /// What the node says.
        got: Hash,
    },
    /// The answer to a signed transfer was lost.
    #[error(
        "{error}; the node may have taken transaction {id} all the same: only a repeat with \
         --nonce {nonce} cannot pay twice"
    )]
    Unanswered {
        /// What happened.
        error: ClientError,
        id: Hash,
        nonce: u64,
    },
    /// The node stopped answering while the transfer waited for a block.
    #[error("{error}; transaction {id} was sent and can be included until height {expiry}")]
    Unwatched {
        /// What happened.
        error: ClientError,
        id: Hash,
        /// Last height at which it is valid.
        expiry: Height,
    },
    /// No block included the transfer in the time given.
    #[error(
        "transaction {id} is in no block after {waited_s} s{}; it can still be included until \
         height {expiry}",
        if *waits {
            ", and waits in the mempool"
        } else {
            ", and the node does not hold it any more"
        }
    )]
    NotYet {
        id: Hash,
        /// How long it was watched, in seconds.
        waited_s: u64,
        /// Whether the node still has it in its mempool.
        waits: bool,
        /// Last height at which it is valid.
        expiry: Height,
    },
    /// Another transaction has taken the transfer's place.
    #[error(
        "transaction {id} was replaced: nonce {nonce} is used by {by}; nothing was paid by this one"
    )]
    Replaced {
        id: Hash,
        nonce: u64,
        /// Which one took the place, as far as the node tells.
        by: String,
    },
    /// No block can include the transfer any more.
    #[error("transaction {id} expired at height {expiry} without being included; nothing was paid")]
    Lapsed {
        id: Hash,
        /// Last height at which it was valid.
        expiry: Height,
    },
}

/// What a user can do about a node that is not there.
fn hint(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unreachable { .. } => " (is it running? `lode devnet` starts one)",
        _ => "",
    }
}

impl From<SecretError> for CommandError {
    fn from(error: SecretError) -> Self {
        Self::Keystore(error.into())
    }
}

/// The account that a user names, or the keystore's only one.
fn account_or_only(keystore: &Keystore, named: Option<&str>) -> Result<Address, KeystoreError> {
    match named {
        Some(text) => keystore.resolve(text),
        None => keystore.only_account().map(|account| account.address),
    }
}

/// As [`account_or_only`]; of several accounts it is the one that bears the network's name, as a
/// devnet's own does.
fn account_or_own(
    keystore: &Keystore,
    named: Option<&str>,
    node: &NodeArgs,
) -> Result<Address, KeystoreError> {
    account_or_only(keystore, named).or_else(|error| match named {
        Some(_) => Err(error),
        None => keystore.resolve(node.network.as_str()).map_err(|_| error),
    })
}

/// The passphrase of a new account: from a file, or typed twice.
fn new_passphrase(file: Option<&Path>) -> Result<Passphrase, SecretError> {
    match file {
        Some(file) => {
            warn_if_open(file);
            Passphrase::from_file(file)
        }
        None => Passphrase::prompt_new(),
    }
}

/// The passphrase of an account that exists.
fn passphrase(
    keystore: &Keystore,
    address: Address,
    file: Option<&Path>,
) -> Result<Passphrase, KeystoreError> {
    warn_if_open(file.unwrap_or(&keystore.password_file(address)));
    keystore.find_passphrase(address, file)
}

fn warn_if_open(file: &Path) {
    if readable_by_others(file) {
        warn(&format!("others can read {}; chmod 600 makes it yours alone", file.display()));
    }
}

/// One line on standard error.
pub(crate) fn warn(line: &str) {
    // If standard error is closed, the warning is dropped.
    let _ = writeln!(io::stderr(), "warning: {}", one_line(line));
}

/// One JSON value, indented.
fn print_json(out: &mut dyn Write, value: &impl Serialize) -> Result<(), CommandError> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}
