//! What can be configured: one entry for each key.

use serde::{Serialize, de::DeserializeOwned};

/// A program that is configured.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// As it is called: `lode-node`.
    pub name: &'static str,
    /// What its variables start with, without the underscore: `LODE_NODE`.
    pub prefix: &'static str,
    /// Its file in `lode/` of the user's XDG configuration folder.
    pub file: &'static str,
}

/// A program's sections, with their defaults. Every field is a section, every field of a section a
/// key.
///
/// The fields of different keys must not depend on each other when they are deserialised: each is
/// checked by itself.
pub trait Settings: Default + Serialize + DeserializeOwned {
    const PROGRAM: Program;
    /// Every key.
    const KEYS: &'static [Key];
}

/// How a key's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A TOML string.
    Text,
    /// A TOML integer.
    Number,
    /// A TOML array of strings. Several flags, or commas in a variable, make several elements.
    List,
    /// A TOML boolean. The flag without a value means this one.
    Switch(bool),
}

#[derive(Debug)]
pub struct Key {
    /// The section's name in the file.
    pub section: &'static str,
    /// The key's name in the section.
    pub name: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What the flag's help calls the value.
    pub value_name: &'static str,
    /// What a value, or an element of a list, has to be: it follows "expected".
    pub expected: &'static str,
    /// What the flag's help says.
    pub help: &'static str,
    /// What holds where a key without a default is not set.
    pub unset: Option<&'static str>,
    /// A variable that other programs read too; the program's own overrules it.
    pub also: Option<&'static str>,
    /// The heading of the help that the flag stands under.
    pub heading: Option<&'static str>,
}

impl Key {
    /// A key with a flag; `expected` describes its values.
    pub const fn new(
        place: (&'static str, &'static str),
        kind: Kind,
        flag: &'static str,
        value_name: &'static str,
        expected: &'static str,
        help: &'static str,
    ) -> Self {
        let (section, name) = place;
        Self {
            section,
            name,
            kind,
            flag,
            value_name,
            expected,
            help,
            unset: None,
            also: None,
            heading: None,
        }
    }

    /// The same key, without a default: what holds then.
    #[must_use]
    pub const fn unset(mut self, unset: &'static str) -> Self {
        self.unset = Some(unset);
        self
    }

    /// The same key, which a variable of other programs sets too.
    #[must_use]
    pub const fn also(mut self, variable: &'static str) -> Self {
        self.also = Some(variable);
        self
    }

    /// The same key under a heading of the help.
    #[must_use]
    pub const fn under(mut self, heading: &'static str) -> Self {
        self.heading = Some(heading);
        self
    }

    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The program's own variable: `LODE_NODE_API_LISTEN`.
    pub fn variable(&self, program: &Program) -> String {
        format!("{}_{}_{}", program.prefix, self.section, self.name).to_uppercase()
    }

    /// The key's default, as TOML.
    pub fn default_value<S: Settings>(&self) -> Option<toml::Value> {
        self.value_in(&S::default())
    }

    /// The key's value in some settings.
    pub(crate) fn value_in<S: Settings>(&self, settings: &S) -> Option<toml::Value> {
        // Settings are plain sections: what does not serialise is seen by every test that shows
        // them.
        let table = toml::Table::try_from(settings).ok()?;
        table.get(self.section)?.as_table()?.get(self.name).cloned()
    }

    /// A flag's text or a variable's as TOML. What does not fit the kind stays text, for the check
    /// to refuse.
    pub(crate) fn value_of(&self, text: &str) -> toml::Value {
        match self.kind {
            Kind::Number => text.parse().map_or_else(|_| text.into(), toml::Value::Integer),
            Kind::Switch(_) => text.parse().map_or_else(|_| text.into(), toml::Value::Boolean),
            Kind::Text | Kind::List => text.into(),
        }
    }
}
