//! Panics: mistakes of the program, told in one line, and never a program that goes on without one
//! of its parts.
//!
//! A thread or task that panics unwinds. Its owner sees that it has ended, stops the others in
//! order, and exits with [`crate::output::BROKEN`]. [`install`] only sets how the panic itself is
//! reported.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    thread,
};

use crate::output;

/// From here on, panics are told in one line on standard error, and in no other way;
/// `RUST_BACKTRACE` adds its lines.
pub fn install(program: &'static str) {
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        let place = info
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let name = thread.name().unwrap_or("without a name");
        output::complain(&format!(
            "{program}: thread {name} panicked{place}: {}",
            text(info.payload())
        ));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            output::complain(&backtrace.to_string());
        }
    }));
}

/// What a panic says, in one line.
pub fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(
        || "for no reason given".to_owned(),
        |text| text.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

/// Runs a part of the program whose owner is told when it panics.
///
/// # Errors
/// What the panic says.
pub fn guard<T>(part: impl FnOnce() -> T) -> Result<T, String> {
    // The caller gives the part up: what it left half done is not looked at again.
    panic::catch_unwind(AssertUnwindSafe(part)).map_err(|payload| text(&*payload))
}

/// Runs a whole program.
pub fn run(program: &'static str, main: impl FnOnce() -> ExitCode) -> ExitCode {
    install(program);
    guard(main).unwrap_or_else(|_| ExitCode::from(output::BROKEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_part_tells_why_it_panicked() {
        assert_eq!(guard(|| 7), Ok(7));
        assert_eq!(guard(|| panic!("two\nlines")), Err::<(), _>("two lines".to_owned()));
        assert_eq!(guard(|| panic!("number {}", 3)), Err::<(), _>("number 3".to_owned()));
        assert_eq!(guard(|| panic::panic_any(1)), Err::<(), _>("for no reason given".to_owned()));
    }
}
