//! Accounts on disk: one encrypted file per private key.
//!
//! Purpose: keep Aleo private keys so that only their passphrase opens them. An account is the file
//! `<address>.json` in the keystore's folder, `~/.local/share/lode/keystore` unless told otherwise,
//! in the form that `keystore/sealed.rs` gives. A file `<address>.password` beside it holds the
//! passphrase of an account that must open without a person, as a devnet's.
//!
//! By hand: the form of `eth-keystore` authenticates neither address nor name, and `keyring` needs
//! a service of the desktop, which a server lacks. Ciphers and the key derivation are crates'.
//! Writing a file whole stands here once more, beside the network crate's `files::replace`, because
//! of the command line only the devnet may use that crate, and because an account's file must
//! replace nothing.
//!
//! Threads and queues: none, but for the one that a prompt waits for Ctrl-C with. Several processes
//! may use one folder.
//!
//! What must not be broken: an account's file is either whole or not there, whenever the machine
//! stops, and is never written over; files are 0600 in a folder 0700 from their first byte on; a
//! secret is wiped from memory when it is dropped, and appears in no log, no `Debug` and no
//! argument list.

mod error;
mod name;
mod passphrase;
mod sealed;

use std::{
    fmt,
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

use lode_consensus::{
    Address, Hash, SignedTransaction, Transaction, address::AddressError,
    transaction::SignatureError,
};
use rand::{
    SeedableRng,
    rngs::{StdRng, SysRng},
};
use snarkvm::console::{account::PrivateKey, network::MainnetV0};
use zeroize::{Zeroize, Zeroizing};

pub use error::KeystoreError;
pub use name::{AccountName, MAX_NAME_BYTES, NameError};
pub use passphrase::{
    INTERRUPTED_EXIT_CODE, MAX_SECRET_BYTES, Passphrase, SecretError, prompt_private_key,
    read_private_key, readable_by_others,
};
pub use sealed::{KdfCost, SealError};
use sealed::{MAX_FILE_BYTES, SealedKey, address_of};

/// What a keystore tells about an account without its passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    pub address: Address,
    /// Its label, if it has one.
    pub name: Option<AccountName>,
    /// The file that holds its key.
    pub path: PathBuf,
}

/// Everything in a keystore's folder: one bad file does not hide the others.
#[derive(Debug, Default)]
pub struct Listing {
    /// The accounts, sorted by name (those without one last) and address.
    pub accounts: Vec<AccountInfo>,
    /// What is wrong with each file that ends in `.json` and is no account.
    pub unreadable: Vec<KeystoreError>,
}

/// An account whose private key is in memory until it is dropped.
pub struct UnlockedAccount {
    address: Address,
    key: Zeroizing<PrivateKey<MainnetV0>>,
}

impl UnlockedAccount {
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction for the network with this genesis hash.
    ///
    /// # Errors
    /// [`SignatureError::Signing`] where the system gives no random bytes or snarkVM cannot sign.
    pub fn sign(
        &self,
        transaction: Transaction,
        genesis_hash: &Hash,
    ) -> Result<SignedTransaction, SignatureError> {
        let mut rng = StdRng::try_from_rng(&mut SysRng)
            .map_err(|error| SignatureError::Signing(error.to_string()))?;
        transaction.sign(&self.key, genesis_hash, &mut rng)
    }

    /// The private key as text, `APrivateKey1…`. It gives full control of the account.
    pub fn private_key_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.to_string())
    }
}

impl fmt::Debug for UnlockedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnlockedAccount").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A folder of accounts. Opening one touches nothing; the folder is made with the first account.
#[derive(Clone, Debug)]
pub struct Keystore {
    dir: PathBuf,
    cost: KdfCost,
}

impl Keystore {
    /// The keystore in a folder.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cost: KdfCost::default() }
    }

    /// The user's own keystore: `lode/keystore` in the XDG data folder.
    ///
    /// # Errors
    /// [`KeystoreError::NoHome`].
    pub fn of_user() -> Result<Self, KeystoreError> {
        Ok(Self::at(lode_app::data_folder()?.join("lode").join("keystore")))
    }

    /// The same keystore with another cost for the files that it will write.
    pub fn with_cost(self, cost: KdfCost) -> Self {
        Self { cost, ..self }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes a new account.
    ///
    /// # Errors
    /// [`KeystoreError::NameTaken`], [`KeystoreError::Generate`], or [`KeystoreError::Io`].
    pub fn create(
        &self,
        name: Option<AccountName>,
        passphrase: &Passphrase,
    ) -> Result<AccountInfo, KeystoreError> {
        self.store(&*generate_key()?, name, passphrase)
    }

    /// Makes a new account that opens without a person: its passphrase is drawn at random and kept
    /// beside it.
    ///
    /// The passphrase is written first: a crash in between leaves a passphrase without a key, never
    /// the opposite.
    ///
    /// # Errors
    /// As [`Keystore::create`], and [`KeystoreError::Secret`] without random bytes.
    pub fn create_unattended(
        &self,
        name: Option<AccountName>,
    ) -> Result<AccountInfo, KeystoreError> {
        let passphrase = Passphrase::generate()?;
        let key = generate_key()?;
        let address =
            address_of(&key).map_err(|error| KeystoreError::Generate(error.to_string()))?;
        self.check_name(name.as_ref())?;
        self.make_dir()?;
        let password_file = self.password_file(address);
        self.write_new(&password_file, passphrase.bytes()).map_err(|error| KeystoreError::Io {
            action: "write",
            path: password_file,
            error,
        })?;
        self.store(&key, name, &passphrase)
    }

    /// Takes in a private key from elsewhere, as text; blanks around it are ignored.
    ///
    /// # Errors
    /// [`KeystoreError::NotAPrivateKey`] (which does not repeat the text),
    /// [`KeystoreError::Exists`], [`KeystoreError::NameTaken`] or [`KeystoreError::Io`].
    pub fn import(
        &self,
        key: &str,
        name: Option<AccountName>,
        passphrase: &Passphrase,
    ) -> Result<AccountInfo, KeystoreError> {
        self.store(&*parse_private_key(key)?, name, passphrase)
    }

    /// Every account, and what is wrong with every file that is none. A folder that is not there is
    /// empty.
    ///
    /// # Errors
    /// [`KeystoreError::Io`] if the folder cannot be read.
    pub fn list(&self) -> Result<Listing, KeystoreError> {
        let failed = |error| KeystoreError::Io { action: "read", path: self.dir.clone(), error };
        let mut listing = Listing::default();
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read_account(&path) {
                Ok(sealed) => {
                    listing.accounts.push(AccountInfo {
                        address: sealed.address,
                        name: sealed.name,
                        path,
                    });
                }
                Err(error) => listing.unreadable.push(error),
            }
        }
        listing.accounts.sort_by(|a, b| {
            (a.name.is_none(), &a.name, a.address).cmp(&(b.name.is_none(), &b.name, b.address))
        });
        Ok(listing)
    }

    /// The address that a user means: an address (with or without a key here), or the name of an
    /// account.
    ///
    /// # Errors
    /// [`KeystoreError::Unknown`], [`KeystoreError::Address`], [`KeystoreError::Ambiguous`] or
    /// [`KeystoreError::Io`].
    pub fn resolve(&self, text: &str) -> Result<Address, KeystoreError> {
        match text.parse::<Address>() {
            Ok(address) => return Ok(address),
            // No name looks like that either.
            Err(error @ AddressError::MixedCase(_)) => return Err(error.into()),
            Err(_) => {}
        }
        let unknown = || KeystoreError::Unknown {
            text: text.chars().take(80).collect(),
            dir: self.dir.clone(),
        };
        let name: AccountName = text.parse().map_err(|_| unknown())?;
        let mut named = self.list()?.accounts;
        named.retain(|account| account.name.as_ref() == Some(&name));
        match named.as_slice() {
            [] => Err(unknown()),
            [account] => Ok(account.address),
            accounts => Err(KeystoreError::Ambiguous { name, count: accounts.len() }),
        }
    }

    /// The only account, for commands that name none. A file that cannot be read counts: it may be
    /// the one that is meant.
    ///
    /// # Errors
    /// [`KeystoreError::Empty`], [`KeystoreError::SayWhich`] or [`KeystoreError::Io`].
    pub fn only_account(&self) -> Result<AccountInfo, KeystoreError> {
        let listing = self.list()?;
        let count = listing.accounts.len().saturating_add(listing.unreadable.len());
        match listing.accounts.into_iter().next() {
            Some(account) if count == 1 => Ok(account),
            None if count == 0 => Err(KeystoreError::Empty { dir: self.dir.clone() }),
            _ => Err(KeystoreError::SayWhich { dir: self.dir.clone(), count }),
        }
    }

    /// What the keystore tells about one account.
    ///
    /// # Errors
    /// [`KeystoreError::NoKey`], or what is wrong with the file.
    pub fn info(&self, address: Address) -> Result<AccountInfo, KeystoreError> {
        let path = self.account_file(address);
        let sealed = self.read(address)?;
        Ok(AccountInfo { address, name: sealed.name, path })
    }

    /// Opens an account.
    ///
    /// # Errors
    /// [`KeystoreError::NoKey`], or [`KeystoreError::Sealed`] with [`SealError::Refused`] for a
    /// wrong passphrase.
    pub fn unlock(
        &self,
        address: Address,
        passphrase: &Passphrase,
    ) -> Result<UnlockedAccount, KeystoreError> {
        let sealed = self.read(address)?;
        let key = sealed
            .open(passphrase)
            .map_err(|error| KeystoreError::Sealed { path: self.account_file(address), error })?;
        Ok(UnlockedAccount { address, key: Zeroizing::new(key) })
    }

    /// Finds an account's passphrase: in the file given, else in the file beside the key, else by
    /// asking.
    ///
    /// # Errors
    /// [`KeystoreError::NoKey`], before the passphrase is asked for, or
    /// [`KeystoreError::Secret`].
    pub fn find_passphrase(
        &self,
        address: Address,
        password_file: Option<&Path>,
    ) -> Result<Passphrase, KeystoreError> {
        let account = self.info(address)?;
        let beside = self.password_file(address);
        Ok(match password_file {
            Some(file) => Passphrase::from_file(file)?,
            None if beside.exists() => Passphrase::from_file(&beside)?,
            None => match account.name {
                Some(name) => Passphrase::prompt(name.as_str())?,
                None => Passphrase::prompt(&address.to_string())?,
            },
        })
    }

    /// Where the passphrase of an account is that opens without a person.
    pub fn password_file(&self, address: Address) -> PathBuf {
        self.dir.join(format!("{address}.password"))
    }

    fn account_file(&self, address: Address) -> PathBuf {
        self.dir.join(format!("{address}.json"))
    }

    fn read(&self, address: Address) -> Result<SealedKey, KeystoreError> {
        match read_account(&self.account_file(address)) {
            Err(KeystoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Err(KeystoreError::NoKey { address, dir: self.dir.clone() })
            }
            read => read,
        }
    }

    fn store(
        &self,
        key: &PrivateKey<MainnetV0>,
        name: Option<AccountName>,
        passphrase: &Passphrase,
    ) -> Result<AccountInfo, KeystoreError> {
        self.check_name(name.as_ref())?;
        let sealed = SealedKey::seal(key, name, passphrase, self.cost);
        let failed = |error| KeystoreError::Sealed { path: self.dir.clone(), error };
        let sealed = sealed.map_err(failed)?;
        let text = sealed.to_json().map_err(failed)?;
        self.make_dir()?;
        let path = self.account_file(sealed.address);
        match self.write_new(&path, text.as_bytes()) {
            Ok(()) => Ok(AccountInfo { address: sealed.address, name: sealed.name, path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeystoreError::Exists(sealed.address))
            }
            Err(error) => Err(KeystoreError::Io { action: "write", path, error }),
        }
    }

    /// Two processes at the same moment can both pass; [`Keystore::resolve`] then refuses the name.
    fn check_name(&self, name: Option<&AccountName>) -> Result<(), KeystoreError> {
        let Some(name) = name else { return Ok(()) };
        match self.list()?.accounts.into_iter().find(|account| account.name.as_ref() == Some(name))
        {
            Some(account) => {
                Err(KeystoreError::NameTaken { name: name.clone(), address: account.address })
            }
            None => Ok(()),
        }
    }

    fn make_dir(&self) -> Result<(), KeystoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(|error| {
            KeystoreError::Io { action: "make the folder", path: self.dir.clone(), error }
        })
    }

    /// Writes a file that was not there, all of it or nothing: under another name first, synced,
    /// then moved without replacing, and the move synced too.
    fn write_new(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .suffix(".tmp")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.dir)?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        File::open(&self.dir)?.sync_all()
    }
}

/// Reads an account's file and checks that it belongs under its name.
fn read_account(path: &Path) -> Result<SealedKey, KeystoreError> {
    let failed = |error| KeystoreError::Io { action: "read", path: path.to_owned(), error };
    let not_an_account = || KeystoreError::NotAnAccount { path: path.to_owned() };
    // Asked before opening: to open a pipe would wait for its other end.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(not_an_account());
    }
    let mut text = Vec::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_FILE_BYTES.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(not_an_account());
    }
    let sealed = SealedKey::from_json(&text)
        .map_err(|error| KeystoreError::Sealed { path: path.to_owned(), error })?;
    if path.file_stem().is_none_or(|stem| stem.to_str() != Some(&sealed.address.to_string())) {
        return Err(KeystoreError::Misnamed { path: path.to_owned(), got: sealed.address });
    }
    Ok(sealed)
}

fn generate_key() -> Result<Zeroizing<PrivateKey<MainnetV0>>, KeystoreError> {
    let failed = |error: &dyn fmt::Display| KeystoreError::Generate(error.to_string());
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|error| failed(&error))?;
    PrivateKey::new(&mut rng).map(Zeroizing::new).map_err(|error| failed(&error))
}

fn parse_private_key(text: &str) -> Result<Zeroizing<PrivateKey<MainnetV0>>, KeystoreError> {
    let text = text.trim();
    // base58 takes time quadratic in the length of its input.
    if text.len() > MAX_SECRET_BYTES {
        return Err(KeystoreError::NotAPrivateKey);
    }
    let mut key = PrivateKey::from_str(text).map_err(|_| KeystoreError::NotAPrivateKey)?;
    let parsed = Zeroizing::new(key);
    key.zeroize();
    Ok(parsed)
}
