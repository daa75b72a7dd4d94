//! The fence against panics: none crosses into the program.
//!
//! Unwinding through a C function is undefined behaviour, so each exported function calls its
//! method through here. What a panic means for the result is `table`'s part.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Does some work, and turns a panic into a message.
///
/// A method keeps nothing between two calls, so no later call sees what a panic left incomplete.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    match text {
        Some(text) => format!("the method panicked: {}", text.lines().next().unwrap_or_default()),
        None => "the method panicked, without words".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        let said = |work: fn()| catch_panic(work).unwrap_err();
        assert_eq!(said(|| panic!("no disk\nat all")), "the method panicked: no disk");
        assert_eq!(said(|| panic!("{}", 1 + 1)), "the method panicked: 2");
        assert_eq!(said(|| panic::panic_any(7)), "the method panicked, without words");
    }
}
