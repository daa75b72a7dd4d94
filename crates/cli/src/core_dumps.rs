//! No core of this process: passwords have been in its memory. COMMAND's limit is its own.
//!
//! A limit of one byte, not of none: with none the system still hands a core to a program that
//! the administrator has set up to take them.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that the program was started with.
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// From now on this process leaves no core.
pub(crate) fn forbid() {
    let given = getrlimit(Resource::Core);
    GIVEN.get_or_init(|| given);
    let current = given.maximum.map_or(Some(1), |most| Some(most.min(1)));
    // What the system refuses stays as it is.
    let _ = setrlimit(Resource::Core, Rlimit { current, ..given });
}

/// Starts something that is to have the limit that the program was started with.
pub(crate) fn as_given<T>(start: impl FnOnce() -> T) -> T {
    let Some(given) = GIVEN.get() else { return start() };
    let _ = setrlimit(Resource::Core, *given);
    let started = start();
    forbid();
    started
}
