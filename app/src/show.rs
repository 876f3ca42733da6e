//! Printing the effective configuration.

use std::fmt::Write;

use crate::{Loaded, Settings, redact::redacted};

/// The settings as a TOML file that gives the same settings again, each with where it comes from.
/// Passwords are redacted.
pub fn show<S: Settings>(loaded: &Loaded<S>) -> String {
    let mut text =
        format!("# What {} runs with, and where each value comes from.\n", S::PROGRAM.name);
    let mut section = "";
    for key in S::KEYS {
        if key.section != section {
            section = key.section;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[{section}]");
        }
        let source = loaded.source(key.section, key.name);
        let _ = match key.value_in(&loaded.settings) {
            Some(value) => {
                writeln!(text, "{} = {} # {source}", key.name, redacted(&value.to_string()))
            }
            None => writeln!(text, "# {} is not set: {}", key.name, key.unset.unwrap_or("nothing")),
        };
    }
    text
}
