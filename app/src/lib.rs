//! What Lode's programs have in common as programs: their configuration, what they print, and how
//! they end.
//!
//! Configuration has four layers, each over the ones before it:
//!
//! ```text
//! the section's Default  <  TOML file  <  environment  <  flags
//! ```
//!
//! A program lists its [`Key`]s once. From that list come its flags and their help ([`Flags`]), the
//! names of its environment variables, and the keys of its file. [`load`] checks each value by
//! itself, says of a wrong one where it stands and what was expected, and merges the layers once.
//! What comes out is complete: nothing is filled in later.
//!
//! Threads and queues: none.
//!
//! What must not be broken: no value of any layer is dropped in silence; nothing here panics, also
//! where standard output or standard error has no reader any more.

mod error;
mod file;
mod flags;
mod folders;
mod keys;
mod layers;
pub mod output;
pub mod panics;
mod redact;
mod show;
mod source;
pub mod terminal;
pub mod text;

pub use error::ConfigError;
pub use flags::{FlagSet, Flags, usage_line};
pub use folders::{FolderError, config_folder, data_folder};
pub use keys::{Key, Kind, Program, Settings};
pub use layers::{Inputs, Loaded, load};
pub use show::show;
pub use source::{MAX_FILE_BYTES, Source};
