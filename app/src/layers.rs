//! Merging the layers, each value checked by itself and its source remembered.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    ConfigError, FlagSet, Flags, FolderError, Key, Kind, Settings, Source, config_folder,
    file::{self, Entry, Stray},
    redact::redacted,
};

/// How many characters may be wrong in a name for it to be taken for another one's misspelling.
const MAX_TYPOS: usize = 2;
/// Longest value that an error repeats, in characters.
const MAX_SHOWN_CHARS: usize = 80;

/// Everything that a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Flags that were given, with their values in order.
    pub flags: Vec<(&'static Key, Vec<String>)>,
    pub environment: Vec<(OsString, OsString)>,
    /// The file that was named: it has to be there.
    pub named_file: Option<PathBuf>,
    /// The file that is read if it is there.
    pub default_file: Option<PathBuf>,
}

impl Inputs {
    /// Flags, and what the process finds around it.
    ///
    /// # Errors
    /// [`ConfigError::Folder`] if the environment names a wrong folder. Without any home folder
    /// there is no default file.
    pub fn of_process<F: FlagSet>(flags: &Flags<F>) -> Result<Self, ConfigError> {
        let named_file = flags.file().map(Path::to_owned);
        let default_file = match (&named_file, config_folder()) {
            (Some(_), _) | (None, Err(FolderError::NoHome)) => None,
            (None, folder) => Some(folder?.join("lode").join(F::Settings::PROGRAM.file)),
        };
        Ok(Self {
            flags: flags.given().to_vec(),
            environment: std::env::vars_os().collect(),
            named_file,
            default_file,
        })
    }
}

/// Settings, and where they come from.
#[derive(Debug)]
pub struct Loaded<S> {
    pub settings: S,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What is odd and may be meant: a line each.
    pub warnings: Vec<String>,
    /// By `section.name`; defaults are missing.
    sources: BTreeMap<String, Source>,
}

impl<S: Settings> Loaded<S> {
    /// Where a key's value comes from.
    pub fn source(&self, section: &str, name: &str) -> Source {
        self.sources.get(&format!("{section}.{name}")).cloned().unwrap_or(Source::Default)
    }

    /// An error of a value that is well-formed, and yet not what it has to be.
    pub fn wrong(&self, section: &str, name: &str, expected: &str, got: &str) -> ConfigError {
        ConfigError::Value {
            source_of_value: self.source(section, name),
            expected: expected.to_owned(),
            got: shown(&got.into()),
        }
    }

    /// An error of a value that does not go with another.
    pub fn together(&self, section: &str, name: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError::Together { source_of_value: self.source(section, name), reason: reason.into() }
    }
}

/// A value of one layer.
struct Given {
    key: &'static Key,
    source: Source,
    value: toml::Value,
}

/// Checks every value of every layer, and merges them. A list replaces the lists below it.
///
/// # Errors
/// [`ConfigError`]: the first wrong value, also if a higher layer overrules it.
pub fn load<S: Settings>(inputs: &Inputs) -> Result<Loaded<S>, ConfigError> {
    let mut warnings = Vec::new();
    let (file, mut given) = from_file::<S>(inputs)?;
    given.extend(from_environment::<S>(&inputs.environment, &mut warnings)?);
    given.extend(inputs.flags.iter().map(|(key, values)| from_flag(key, values)));
    let (mut table, mut sources) = (toml::Table::new(), BTreeMap::new());
    for Given { key, source, value } in given {
        check::<S>(key, &source, &value)?;
        let section = table.entry(key.section).or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            section.insert(key.name.to_owned(), value);
        }
        sources.insert(key.path(), source);
    }
    let settings = table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::Internal(error.message().into()))?;
    Ok(Loaded { settings, file, warnings, sources })
}

fn from_file<S: Settings>(inputs: &Inputs) -> Result<(Option<PathBuf>, Vec<Given>), ConfigError> {
    let path = inputs.named_file.as_ref().or(inputs.default_file.as_ref());
    let Some(path) = path else { return Ok((None, Vec::new())) };
    let text = match file::read(path)? {
        Some(text) => text,
        None if inputs.named_file.is_none() => return Ok((None, Vec::new())),
        None => {
            let error = std::io::ErrorKind::NotFound.into();
            return Err(ConfigError::Read { path: path.clone(), error });
        }
    };
    let (entries, strays) = file::parse(path, &text)?;
    if let Some(stray) = strays.first() {
        return Err(unknown_top::<S>(path, stray));
    }
    let given = entries.into_iter().map(|entry| {
        let key = S::KEYS.iter().find(|key| key.section == entry.section && key.name == entry.name);
        let Some(key) = key else {
            return unknown_in_file::<S>(path, &entry).map_or(Ok(None), Err);
        };
        let source = Source::File { path: path.clone(), line: entry.line, key: key.path() };
        Ok(Some(Given { key, source, value: entry.value }))
    });
    let given = given.collect::<Result<Vec<_>, _>>()?;
    Ok((Some(path.clone()), given.into_iter().flatten().collect()))
}

/// A key above all sections, or a section that is none.
fn unknown_top<S: Settings>(path: &Path, stray: &Stray) -> ConfigError {
    let key = S::KEYS.iter().find(|key| key.name == stray.name || key.section == stray.name);
    ConfigError::Unknown {
        place: format!("{}:{}", path.display(), stray.line),
        what: format!("key {} outside of any section", stray.name),
        suggestion: key.map(|key| format!("[{}]", key.section)),
    }
}

/// Nothing is wrong with a section that has no keys.
fn unknown_in_file<S: Settings>(path: &Path, entry: &Entry) -> Option<ConfigError> {
    let place = format!("{}:{}", path.display(), entry.line);
    let Entry { section, name, .. } = entry;
    if !S::KEYS.iter().any(|key| key.section == section) {
        let suggestion =
            nearest(section, S::KEYS.iter().map(|key| key.section)).map(|name| format!("[{name}]"));
        return Some(ConfigError::Unknown {
            place,
            what: format!("section [{section}]"),
            suggestion,
        });
    }
    if name.is_empty() {
        return None;
    }
    // The right name in the wrong section, or nearly the right name in the right one.
    let elsewhere = S::KEYS.iter().find(|key| key.name == name).map(Key::path);
    let here =
        || nearest(name, S::KEYS.iter().filter(|key| key.section == section).map(|key| key.name));
    let suggestion = elsewhere.or_else(|| here().map(|name| format!("{section}.{name}")));
    Some(ConfigError::Unknown { place, what: format!("key {section}.{name}"), suggestion })
}

fn from_environment<S: Settings>(
    environment: &[(OsString, OsString)],
    warnings: &mut Vec<String>,
) -> Result<Vec<Given>, ConfigError> {
    let known: Vec<String> = S::KEYS.iter().map(|key| key.variable(&S::PROGRAM)).collect();
    let prefix = format!("{}_", S::PROGRAM.prefix);
    let names = environment.iter().filter_map(|(name, _)| name.to_str());
    for name in
        names.filter(|name| name.starts_with(&prefix) && !known.iter().any(|known| known == name))
    {
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => {
                let (what, suggestion) = ("variable".to_owned(), Some(near.to_owned()));
                return Err(ConfigError::Unknown { place: name.to_owned(), what, suggestion });
            }
            // Others write such names too: Kubernetes sets LODE_NODE_SERVICE_HOST where a service
            // is called lode-node.
            None => warnings
                .push(format!("{name} is no variable of {}, and is ignored", S::PROGRAM.name)),
        }
    }
    let value_of =
        |name: &str| environment.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let mut given = Vec::new();
    for (key, own) in S::KEYS.iter().zip(&known) {
        for name in key.also.into_iter().chain([own.as_str()]) {
            let Some(value) = value_of(name) else { continue };
            // As compose files leave it; for names that are our own alone it is a mistake, like any
            // other wrong value.
            if value.is_empty() && !name.starts_with("LODE_") {
                continue;
            }
            given.push(from_variable(key, name, value)?);
        }
    }
    Ok(given)
}

fn from_variable(key: &'static Key, name: &str, value: &OsString) -> Result<Given, ConfigError> {
    let source = Source::Variable(name.to_owned());
    let wrong = |got: &str| ConfigError::Value {
        source_of_value: source.clone(),
        expected: expected(key, &source),
        got: got.to_owned(),
    };
    let text = value.to_str().ok_or_else(|| wrong("what is no UTF-8"))?;
    if text.is_empty() {
        return Err(wrong("an empty value (unset it to choose nothing)"));
    }
    let value = match key.kind {
        Kind::List => {
            text.split(',').map(|part| key.value_of(part.trim())).collect::<Vec<_>>().into()
        }
        _ => key.value_of(text),
    };
    Ok(Given { key, source, value })
}

fn from_flag(key: &'static Key, values: &[String]) -> Given {
    let last = || values.last().map_or("", String::as_str);
    let value = match (key.kind, key.value_of(last())) {
        (Kind::List, _) => values.iter().map(|text| key.value_of(text)).collect::<Vec<_>>().into(),
        // `--no-p2p` says what is not to be.
        (Kind::Switch(meaning), toml::Value::Boolean(given)) => {
            toml::Value::Boolean(given == meaning)
        }
        (_, value) => value,
    };
    Given { key, source: Source::Flag(key.flag.to_owned()), value }
}

/// Whether the settings take this value, and this value alone. Of a list, the first wrong element
/// is told.
fn check<S: Settings>(key: &Key, source: &Source, value: &toml::Value) -> Result<(), ConfigError> {
    if is_taken::<S>(key, value) {
        return Ok(());
    }
    let elements = value.as_array().filter(|_| key.kind == Kind::List);
    let wrong = elements
        .into_iter()
        .flatten()
        .find(|element| !is_taken::<S>(key, &vec![(*element).clone()].into()));
    Err(ConfigError::Value {
        source_of_value: source.clone(),
        expected: if wrong.is_some() { key.expected.to_owned() } else { expected(key, source) },
        got: shown(wrong.unwrap_or(value)),
    })
}

fn is_taken<S: Settings>(key: &Key, value: &toml::Value) -> bool {
    let section = toml::Table::from_iter([(key.name.to_owned(), value.clone())]);
    toml::Table::from_iter([(key.section.to_owned(), section.into())]).try_into::<S>().is_ok()
}

/// What a key's value has to be, in the way in which a source writes it.
fn expected(key: &Key, source: &Source) -> String {
    match (key.kind, source) {
        (Kind::List, Source::File { .. }) => format!("a list, each element {}", key.expected),
        (Kind::List, Source::Variable(_)) => {
            format!("{}, or several with commas between", key.expected)
        }
        _ => key.expected.to_owned(),
    }
}

/// A value in an error: short, on one line, and without passwords.
fn shown(value: &toml::Value) -> String {
    let text = match value {
        toml::Value::String(text) => format!("{:?}", redacted(text)),
        value => redacted(&value.to_string()),
    };
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The name that may have been meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A name of a thousand characters is no misspelling.
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let near = known.filter(|known| known.len().abs_diff(name.len()) <= MAX_TYPOS);
    near.map(|known| (distance(known), known))
        .filter(|(distance, _)| *distance <= MAX_TYPOS)
        .min()
        .map(|(_, name)| name)
}
