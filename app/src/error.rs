//! What can be wrong with a configuration. Each prints as one line.

use std::{io, path::PathBuf};

use crate::{FolderError, MAX_FILE_BYTES, Source};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file was named, or is there, and cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file of this size was not written by a person.
    #[error("{}: expected at most {MAX_FILE_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The file is no TOML.
    #[error("{}:{line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says, in one line.
        reason: String,
    },
    /// There is no such key.
    #[error("{place}: unknown {what}{}", hint(suggestion))]
    Unknown {
        /// File and line, or nothing more than the variable.
        place: String,
        /// What is unknown, with its name.
        what: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// A value is not what it has to be.
    #[error("{source_of_value}: expected {expected}, got {got}")]
    Value {
        /// Where it was given.
        source_of_value: Source,
        /// What it has to be.
        expected: String,
        /// What was given, without passwords, and not longer than a line.
        got: String,
    },
    /// Values that are right by themselves do not go together.
    #[error("{source_of_value}: {reason}")]
    Together {
        /// Where the one that cannot hold was given.
        source_of_value: Source,
        /// Why it cannot.
        reason: String,
    },
    /// The user's folders cannot be told.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The keys do not make up the settings: a mistake in the program.
    #[error("the configuration's parts do not fit together: {0}")]
    Internal(String),
}

impl ConfigError {
    /// Whether a flag is to blame, so that the help is worth reading.
    pub fn is_about_a_flag(&self) -> bool {
        let (Self::Value { source_of_value, .. } | Self::Together { source_of_value, .. }) = self
        else {
            return false;
        };
        matches!(source_of_value, Source::Flag(_))
    }
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?"))
}
