//! Prevents core dumps of this process, because its memory has contained passwords.
//!
//! COMMAND gets the limit that the program was started with.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that the program was started with.
static ORIGINAL_LIMIT: OnceLock<Rlimit> = OnceLock::new();

/// Disables core dumps from now on.
///
/// The limit is one byte, not zero. With zero, the system still passes a dump to a program that
/// the administrator has set up to collect them.
pub(crate) fn disable() {
    let limit = getrlimit(Resource::Core);
    ORIGINAL_LIMIT.get_or_init(|| limit);
    let current = limit.maximum.map_or(Some(1), |maximum| Some(maximum.min(1)));
    // If the system refuses, the limit stays as it is.
    let _ = setrlimit(Resource::Core, Rlimit { current, ..limit });
}

/// Calls `start` with the limit that the program was started with.
pub(crate) fn with_original_limit<T>(start: impl FnOnce() -> T) -> T {
    let Some(original) = ORIGINAL_LIMIT.get() else { return start() };
    let _ = setrlimit(Resource::Core, *original);
    let started = start();
    disable();
    started
}
