//! The command line's layer: a flag for each key, made from the list of keys.

use std::{
    marker::PhantomData,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind,
    parser::ValueSource,
};

use crate::{Key, Kind, Settings, redact::redacted};

/// The id of `--config`.
const CONFIG: &str = "config";

/// Which of a program's keys a command has flags for.
pub trait FlagSet: 'static {
    /// The program's settings.
    type Settings: Settings;

    /// Whether there is a flag for this key: for all, unless told otherwise.
    fn has(_: &Key) -> bool {
        true
    }
}

/// The flags that were given. To be flattened into a command of clap.
#[derive(Debug, Clone)]
pub struct Flags<F> {
    given: Vec<(&'static Key, Vec<String>)>,
    file: Option<PathBuf>,
    set: PhantomData<fn() -> F>,
}

impl<F: FlagSet> Flags<F> {
    fn keys() -> impl Iterator<Item = &'static Key> {
        F::Settings::KEYS.iter().filter(|key| F::has(key))
    }

    /// The flags, with their values in order.
    pub fn given(&self) -> &[(&'static Key, Vec<String>)] {
        &self.given
    }

    /// The file of `--config`.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    fn argument(key: &'static Key) -> Arg {
        let program = F::Settings::PROGRAM;
        let argument =
            Arg::new(key.flag).long(key.flag).value_name(key.value_name).help_heading(key.heading);
        let default = match (key.kind, key.default_value::<F::Settings>(), key.unset) {
            (Kind::Switch(_), ..) => None,
            (_, _, Some(unset)) => Some(unset.to_owned()),
            (_, Some(value), None) => Some(plain(&value)).filter(|text| !text.is_empty()),
            (_, None, None) => None,
        };
        let default = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
        let variables =
            [key.also, Some(&key.variable(&program))].map(|name| name.map(str::to_owned));
        let variables = variables.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let argument = argument.help(format!("{}{default} [env: {variables}]", key.help));
        match key.kind {
            Kind::Switch(_) => argument
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .value_name("true|false")
                .action(ArgAction::Set),
            Kind::List => argument.action(ArgAction::Append),
            Kind::Text | Kind::Number => argument.action(ArgAction::Set),
        }
    }
}

impl<F: FlagSet> Args for Flags<F> {
    fn augment_args(command: Command) -> Command {
        let file = F::Settings::PROGRAM.file;
        let help = format!(
            "The configuration file [default: lode/{file} in the user's XDG configuration folder, \
             if there]"
        );
        let config = Arg::new(CONFIG).long(CONFIG).value_name("FILE").help(help);
        let config = config.value_parser(clap::value_parser!(PathBuf));
        Self::keys().fold(command.arg(config), |command, key| command.arg(Self::argument(key)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<F: FlagSet> FromArgMatches for Flags<F> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_given = |key: &Key| matches.value_source(key.flag) == Some(ValueSource::CommandLine);
        let values = |key: &Key| {
            matches.get_many::<String>(key.flag).into_iter().flatten().cloned().collect()
        };
        let given =
            Self::keys().filter(|key| is_given(key)).map(|key| (key, values(key))).collect();
        Ok(Self { given, file: matches.get_one::<PathBuf>(CONFIG).cloned(), set: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A value as one types it.
fn plain(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(elements) => elements.iter().map(plain).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}

/// What is wrong, out of clap's several lines; `None` if the user asked for help or the version.
pub fn usage_line(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Some("expected a command".to_owned());
        }
        _ => {}
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let what = what.collect::<Vec<_>>().join(" ");
    Some(redacted(&what.trim_start_matches("error: ").replace(" tip: ", "; tip: ")))
}
