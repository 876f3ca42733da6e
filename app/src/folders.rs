//! The user's folders, by the XDG Base Directory Specification.
//!
//! It says that a variable with a relative path is to be ignored. A program that then keeps its
//! data elsewhere, in silence, has lost them in its user's eyes: here such a variable is an error.
//! An empty one is as if unset, as the specification says.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy, base_strategy::Xdg};

/// Why the user's folders cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    /// Neither the environment nor the system names a home folder.
    #[error("no home folder was found")]
    NoHome,
    /// A variable holds no absolute path.
    #[error("{variable}: expected an absolute path, got {got:?}")]
    Relative {
        variable: &'static str,
        /// Its value.
        got: String,
    },
}

/// The user's folder for data: `XDG_DATA_HOME`, or `~/.local/share`.
///
/// # Errors
/// [`FolderError`]
pub fn data_folder() -> Result<PathBuf, FolderError> {
    Ok(folders("XDG_DATA_HOME")?.data_dir())
}

/// The user's folder for configuration: `XDG_CONFIG_HOME`, or `~/.config`.
///
/// # Errors
/// [`FolderError`]
pub fn config_folder() -> Result<PathBuf, FolderError> {
    Ok(folders("XDG_CONFIG_HOME")?.config_dir())
}

fn folders(variable: &'static str) -> Result<Xdg, FolderError> {
    check(variable, env::var_os(variable).filter(|value| !value.is_empty()))?;
    // Set and empty is a mistake here: the specification has no word for it, and the system's own
    // answer differs.
    check("HOME", env::var_os("HOME"))?;
    Xdg::new().map_err(|_| FolderError::NoHome)
}

fn check(variable: &'static str, value: Option<OsString>) -> Result<(), FolderError> {
    match value {
        Some(value) if !Path::new(&value).is_absolute() => {
            Err(FolderError::Relative { variable, got: value.to_string_lossy().into_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_absolute_or_not_named() {
        assert_eq!(check("HOME", None), Ok(()));
        assert_eq!(check("HOME", Some("/home/x".into())), Ok(()));
        for got in ["", "x", "./x", "~/x"] {
            let error = check("HOME", Some(got.into())).unwrap_err();
            assert_eq!(error.to_string(), format!("HOME: expected an absolute path, got {got:?}"));
        }
    }
}
