//! The fence: no panic crosses into the program.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// Does something, or says why it panicked.
///
/// A method keeps nothing between two calls, so nothing half done of it is seen again.
pub(crate) fn fence<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| words(&*payload))
}

fn words(payload: &(dyn Any + Send)) -> String {
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
    fn a_panic_becomes_words() {
        assert_eq!(fence(|| 7), Ok(7));
        let said = |work: fn()| fence(work).unwrap_err();
        assert_eq!(said(|| panic!("no disk\nat all")), "the method panicked: no disk");
        assert_eq!(said(|| panic!("{}", 1 + 1)), "the method panicked: 2");
        assert_eq!(said(|| panic::panic_any(7)), "the method panicked, without words");
    }
}
