//! The TOML file: read within a bound, its keys with their lines.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use crate::{ConfigError, MAX_FILE_BYTES};

/// A value of the file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) section: String,
    pub(crate) name: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) value: toml::Value,
}

/// What stands at the top of the file and is no section.
#[derive(Debug)]
pub(crate) struct Stray {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// The file's text, or nothing if there is no such file.
///
/// # Errors
/// [`ConfigError::Read`], [`ConfigError::TooLong`].
pub(crate) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let failed = |error| ConfigError::Read { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    // One byte more than allowed tells a file that is too long, also one without an end.
    match file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text) {
        Ok(length) if length as u64 > MAX_FILE_BYTES => {
            Err(ConfigError::TooLong { path: path.to_owned() })
        }
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(failed(error)),
    }
}

/// The file's values in their order, and what is no section.
///
/// # Errors
/// [`ConfigError::Syntax`].
pub(crate) fn parse(path: &Path, text: &str) -> Result<(Vec<Entry>, Vec<Stray>), ConfigError> {
    let failed = |error: &toml::de::Error| ConfigError::Syntax {
        path: PathBuf::from(path),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        reason: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let lines = DeTable::parse(text).map_err(|error| failed(&error))?;
    let mut values: toml::Table = toml::from_str(text).map_err(|error| failed(&error))?;
    let (mut entries, mut strays) = (Vec::new(), Vec::new());
    for (section, content) in lines.get_ref() {
        let (DeValue::Table(keys), Some(toml::Value::Table(values))) =
            (content.get_ref(), values.get_mut(section.get_ref().as_ref()))
        else {
            strays.push(Stray {
                name: section.get_ref().to_string(),
                line: line_of(text, section.span().start),
            });
            continue;
        };
        for key in keys.keys() {
            if let Some(value) = values.remove(key.get_ref().as_ref()) {
                let (section, name) = (section.get_ref().to_string(), key.get_ref().to_string());
                entries.push(Entry { section, name, line: line_of(text, key.span().start), value });
            }
        }
        if keys.is_empty() {
            // An empty section may be misspelt as well.
            let (section, line) =
                (section.get_ref().to_string(), line_of(text, section.span().start));
            entries.push(Entry {
                section,
                name: String::new(),
                line,
                value: toml::Value::Boolean(false),
            });
        }
    }
    Ok((entries, strays))
}

/// The line of a byte, counted from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
}
