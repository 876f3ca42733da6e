//! The flags that name the keystore.

use std::path::PathBuf;

use clap::Args;

use crate::keystore::{Keystore, KeystoreError};

/// Where the accounts are.
#[derive(Debug, Args)]
pub struct KeystoreArgs {
    /// Folder of the accounts [default: lode/keystore in your data folder, ~/.local/share]
    #[arg(long, value_name = "DIR", env = "LODE_KEYSTORE")]
    pub keystore: Option<PathBuf>,
}

impl KeystoreArgs {
    /// The keystore that the flags name.
    ///
    /// # Errors
    /// [`KeystoreError::NoHome`].
    pub fn open(&self) -> Result<Keystore, KeystoreError> {
        match &self.keystore {
            Some(dir) => Ok(Keystore::at(dir)),
            None => Keystore::of_user(),
        }
    }
}
