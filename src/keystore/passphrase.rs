//! Passphrases and typed-in secrets: from a file, from a prompt that does not echo, or drawn at
//! random.
//!
//! Threads: the first prompt starts the one that waits for signals, so that Ctrl-C at a prompt
//! gives the terminal back as it was; a program that has set its own handler keeps it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rand::{TryRng, rngs::SysRng};
use zeroize::Zeroizing;

/// Longest passphrase or private key that is read, in bytes.
pub const MAX_SECRET_BYTES: usize = 1024;

/// Random bytes of a generated passphrase: 256 bits, so that its strength never depends on argon2's
/// cost.
const GENERATED_BYTES: usize = 32;

/// How long the prompt has to restore the terminal after Ctrl-C, before the process ends.
const RESTORE_TERMINAL: Duration = Duration::from_millis(200);

/// The exit code of a program that Ctrl-C ended: 128 + SIGINT.
pub const INTERRUPTED_EXIT_CODE: u8 = 130;

/// Why no secret could be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file or standard input could not be read.
    #[error("cannot read {what} from {from}: {error}", from = from.display())]
    Read {
        /// What was asked for.
        what: &'static str,
        /// Where it was expected.
        from: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// More than [`MAX_SECRET_BYTES`].
    #[error(
        "{what} in {from}: expected at most {MAX_SECRET_BYTES} bytes, got more",
        from = from.display()
    )]
    TooLong {
        /// What was asked for.
        what: &'static str,
        /// Where it was read.
        from: PathBuf,
    },
    /// Nothing, where a passphrase must protect a key.
    #[error("the passphrase is empty")]
    Empty,
    /// The second entry differs from the first.
    #[error("the two passphrases differ; nothing was written")]
    Differ,
    /// Ctrl-C at the prompt.
    #[error("interrupted")]
    Interrupted,
    /// There is no terminal to ask at, or the prompt was left.
    #[error(
        "cannot ask for {what} on a terminal: {error} ({instead} names a file to read it from)"
    )]
    NoTerminal {
        /// What was asked for.
        what: &'static str,
        /// The flag that takes a file.
        instead: &'static str,
        /// The system's reason.
        error: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Entropy(String),
}

/// A passphrase, wiped from memory when dropped, and never printed.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes a passphrase that is already in memory.
    ///
    /// # Errors
    /// [`SecretError::Empty`] for an empty one.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(Self(bytes)) }
    }

    /// Reads a passphrase from a file: all of it, less one newline at the end.
    ///
    /// A file that others may read is used all the same, for secrets that a container mounts are
    /// often like that; [`readable_by_others`] tells a caller when to warn.
    ///
    /// # Errors
    /// [`SecretError::Read`], [`SecretError::TooLong`] or [`SecretError::Empty`].
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let what = "the passphrase";
        let read = |error| SecretError::Read { what, from: path.to_owned(), error };
        Self::new(read_secret(File::open(path).map_err(read)?, what, path)?.to_vec())
    }

    /// Asks for the passphrase of an existing account.
    ///
    /// # Errors
    /// [`SecretError::NoTerminal`] without a terminal, [`SecretError::Empty`].
    pub fn prompt(account: &str) -> Result<Self, SecretError> {
        Self::ask(&format!("Passphrase of {account}: "), console())
    }

    /// Asks for the passphrase of a new account, twice.
    ///
    /// # Errors
    /// As [`Passphrase::prompt`], and [`SecretError::Differ`].
    pub fn prompt_new() -> Result<Self, SecretError> {
        Self::ask_twice(console)
    }

    /// Draws a random passphrase, 64 hexadecimal digits, for a key that is unlocked without a
    /// person.
    ///
    /// # Errors
    /// [`SecretError::Entropy`].
    pub fn generate() -> Result<Self, SecretError> {
        let mut random = Zeroizing::new([0; GENERATED_BYTES]);
        SysRng
            .try_fill_bytes(&mut random[..])
            .map_err(|error| SecretError::Entropy(error.to_string()))?;
        Self::new(hex::encode(&random[..]))
    }

    /// The passphrase itself.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn ask(prompt: &str, console: rpassword::Config) -> Result<Self, SecretError> {
        Self::new(prompt_hidden(prompt, console, "the passphrase", "--password-file")?.as_bytes())
    }

    fn ask_twice(console: impl Fn() -> rpassword::Config) -> Result<Self, SecretError> {
        let first = Self::ask("New passphrase: ", console())?;
        let second = Self::ask("The same again: ", console())?;
        if first.bytes() == second.bytes() { Ok(first) } else { Err(SecretError::Differ) }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Whether the group or others may read the file. False for pipes and terminals, which others
/// cannot open.
pub fn readable_by_others(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o044 != 0)
}

/// Asks for a private key on the terminal, without echo.
///
/// # Errors
/// [`SecretError::NoTerminal`].
pub fn prompt_private_key() -> Result<Zeroizing<String>, SecretError> {
    prompt_hidden("Private key (APrivateKey1…): ", console(), "the private key", "--key-file")
}

/// Asks without echo. `instead` is the flag that spares the question.
fn prompt_hidden(
    prompt: &str,
    console: rpassword::Config,
    what: &'static str,
    instead: &'static str,
) -> Result<Zeroizing<String>, SecretError> {
    // The prompt turns Ctrl-C into a signal to ourselves before it restores the terminal: without a
    // handler, the process would end there and leave a terminal that does not echo. If one is set
    // already, that is as good.
    let _ = ctrlc::set_handler(|| {
        thread::sleep(RESTORE_TERMINAL);
        std::process::exit(INTERRUPTED_EXIT_CODE.into());
    });
    match rpassword::prompt_password_with_config(prompt, console) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(SecretError::Interrupted),
        Err(error) => Err(SecretError::NoTerminal { what, instead, error }),
    }
}

/// Reads a private key's text from a file, or from standard input where the path is `-`.
///
/// # Errors
/// [`SecretError::Read`] (also for text that is not UTF-8) or [`SecretError::TooLong`].
pub fn read_private_key(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let what = "the private key";
    let failed = |error| SecretError::Read { what, from: path.to_owned(), error };
    let bytes = if path == Path::new("-") {
        read_secret(io::stdin().lock(), what, Path::new("standard input"))?
    } else {
        read_secret(File::open(path).map_err(failed)?, what, path)?
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|_| failed(io::Error::other("not UTF-8 text")))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads at most [`MAX_SECRET_BYTES`] and takes one newline off the end. The buffer never grows, so
/// that no copy stays behind.
fn read_secret(
    source: impl Read,
    what: &'static str,
    from: &Path,
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    // Room for the newline, and for one byte that proves there is too much.
    let limit = MAX_SECRET_BYTES + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    let mut chunk = Zeroizing::new([0; 256]);
    let mut source = source.take(limit as u64);
    loop {
        match source.read(&mut chunk[..]) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SecretError::Read { what, from: from.to_owned(), error }),
        }
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.len() > MAX_SECRET_BYTES {
        return Err(SecretError::TooLong { what, from: from.to_owned() });
    }
    Ok(bytes)
}

/// The terminal that the process belongs to, whatever its standard streams are.
fn console() -> rpassword::Config {
    rpassword::ConfigBuilder::new().build()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn typed(text: &'static str) -> rpassword::Config {
        rpassword::ConfigBuilder::new().input_data(text).output_discard().build()
    }

    fn from_file(contents: &[u8]) -> Result<Vec<u8>, SecretError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        fs::write(&path, contents).unwrap();
        Passphrase::from_file(&path).map(|passphrase| passphrase.bytes().to_vec())
    }

    #[test]
    fn one_newline_at_the_end_is_not_part_of_it() {
        for (contents, expected) in [
            (&b"correct horse"[..], &b"correct horse"[..]),
            (b"correct horse\n", b"correct horse"),
            (b"correct horse\r\n", b"correct horse"),
            (b"two\n\n", b"two\n"),
            (b" spaces count \n", b" spaces count "),
            (b"\xff\x00binary", b"\xff\x00binary"),
        ] {
            assert_eq!(from_file(contents).unwrap(), expected);
        }
    }

    #[test]
    fn an_empty_or_endless_file_is_refused() {
        assert!(matches!(from_file(b""), Err(SecretError::Empty)));
        assert!(matches!(from_file(b"\n"), Err(SecretError::Empty)));
        assert_eq!(from_file(&[b'x'; MAX_SECRET_BYTES]).unwrap().len(), MAX_SECRET_BYTES);
        assert!(matches!(
            from_file(&[b'x'; MAX_SECRET_BYTES + 1]),
            Err(SecretError::TooLong { .. })
        ));
        assert!(matches!(
            Passphrase::from_file(Path::new("/dev/zero")),
            Err(SecretError::TooLong { .. })
        ));
        assert!(matches!(
            Passphrase::from_file(Path::new("/nowhere/at/all")),
            Err(SecretError::Read { .. })
        ));
    }

    #[test]
    fn a_new_passphrase_must_be_typed_twice_alike() {
        assert_eq!(Passphrase::ask_twice(|| typed("swordfish\n")).unwrap().bytes(), b"swordfish");
        let entries = std::cell::Cell::new(0);
        let differing = || {
            entries.set(entries.get() + 1);
            typed(if entries.get() == 1 { "swordfish\n" } else { "sw0rdfish\n" })
        };
        assert!(matches!(Passphrase::ask_twice(differing), Err(SecretError::Differ)));
        assert!(matches!(Passphrase::ask_twice(|| typed("\n")), Err(SecretError::Empty)));
    }

    #[test]
    fn a_generated_passphrase_is_new_each_time() {
        let (first, second) = (Passphrase::generate().unwrap(), Passphrase::generate().unwrap());
        assert_eq!(first.bytes().len(), 64);
        assert_ne!(first.bytes(), second.bytes());
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Passphrase::new("swordfish").unwrap()), "Passphrase(…)");
    }

    #[test]
    fn only_files_open_to_others_are_reported() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set =
            |mode| fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        for (mode, open) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o644, true)]
        {
            set(mode);
            assert_eq!(readable_by_others(file.path()), open, "{mode:o}");
        }
        assert!(!readable_by_others(Path::new("/dev/null")));
    }
}
