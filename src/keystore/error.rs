//! What can go wrong with a keystore, each in one line that says what to do.

use std::{io, path::PathBuf};

use lode_consensus::{Address, address::AddressError};

use super::{AccountName, SealError, SecretError, sealed::MAX_FILE_BYTES};

/// Why the keystore did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The system gives no place for the user's data.
    #[error("{0}; --keystore DIR says where the accounts are")]
    NoHome(#[from] lode_app::FolderError),
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {error}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file is no account, or did not open.
    #[error("{path}: {error}", path = path.display())]
    Sealed {
        /// The account's file.
        path: PathBuf,
        /// What is wrong with it.
        error: SealError,
    },
    /// A file is too large to be an account.
    #[error("{path}: expected a file of at most {MAX_FILE_BYTES} bytes", path = path.display())]
    NotAnAccount {
        /// The file.
        path: PathBuf,
    },
    /// The file holds another account than its name says.
    #[error("{path}: expected the account of the file's name, got {got}", path = path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The address in the file.
        got: Address,
    },
    /// The text is no private key.
    #[error("expected an Aleo private key (APrivateKey1…, 59 characters), got something else")]
    NotAPrivateKey,
    /// The key's account is already there. It was left as it is.
    #[error("account {0} is already in the keystore")]
    Exists(Address),
    /// Another account has the name.
    #[error("the name {name} already belongs to {address}")]
    NameTaken {
        name: AccountName,
        /// The account that has it.
        address: Address,
    },
    /// Neither an address nor the name of an account.
    #[error(
        "{text:?} is neither an address (aleo1…) nor the name of an account in {dir}",
        dir = dir.display()
    )]
    Unknown {
        /// What was asked for.
        text: String,
        /// The keystore's folder.
        dir: PathBuf,
    },
    /// A text that would be an address if it were written in one case.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The address is not one of the keystore's.
    #[error("the keystore {dir} has no key for {address}", dir = dir.display())]
    NoKey {
        /// The account.
        address: Address,
        /// The keystore's folder.
        dir: PathBuf,
    },
    /// Several accounts have the name; this cannot come from this program.
    #[error("{count} accounts are named {name}; use the address")]
    Ambiguous {
        name: AccountName,
        /// How many.
        count: usize,
    },
    /// No account was named, and there is not exactly one to take.
    #[error(
        "say which account: the keystore {dir} has {count} (lode account list shows them)",
        dir = dir.display()
    )]
    SayWhich {
        /// The keystore's folder.
        dir: PathBuf,
        /// Accounts and unreadable files.
        count: usize,
    },
    /// No account was named, and there is none.
    #[error(
        "the keystore {dir} has no account yet; lode account new makes one",
        dir = dir.display()
    )]
    Empty {
        /// The keystore's folder.
        dir: PathBuf,
    },
    /// A key could not be made.
    #[error("cannot make a key: {0}")]
    Generate(String),
    /// The passphrase could not be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
}
