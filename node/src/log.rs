//! The log: lines on standard error, above the bar where there is one.

use std::io::IsTerminal;

use crate::{Screen, config::LogFilter};

/// Starts the log, once in a process. Colour is for terminals whose user wants it.
pub fn start_log(filter: &LogFilter, screen: &Screen) {
    let log = screen.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter.filter())
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && lode_app::output::is_colour_wanted())
        .with_writer(move || log.clone())
        .init();
}
