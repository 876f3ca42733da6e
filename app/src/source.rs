//! Where a value comes from.

use std::{fmt, path::PathBuf};

/// Longest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where a value was given. The later ones overrule the earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nowhere.
    Default,
    File {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// `section.name`.
        key: String,
    },
    /// In the environment.
    Variable(String),
    /// On the command line.
    Flag(String),
}

impl Source {
    /// The layer: 0 for the default, 3 for a flag.
    pub fn layer(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, key } => write!(f, "{}:{line}: {key}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}
