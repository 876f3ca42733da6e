//! The second wall: a panic of a library over bytes from outside becomes a value. The first is that
//! nothing reaches the library that is known to make it panic.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What `call` returns, or the text of its panic. The panic hook runs all the same, so that a panic
/// can be seen in a log.
///
/// `call` may only read what it captures: then there is nothing that a panic could leave half done.
pub(crate) fn walled<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(text)
}

fn text(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().map_or("no text", |text| text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(walled(|| 7), Ok(7));
        assert_eq!(walled(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert_eq!(walled(|| panic!("number {}", 3)), Err::<(), _>("number 3".to_owned()));
        assert_eq!(walled(|| std::panic::panic_any(1)), Err::<(), _>("no text".to_owned()));
    }
}
