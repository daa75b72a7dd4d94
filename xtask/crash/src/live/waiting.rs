//! Waiting for a condition, with a limit.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The longest that anything may take. A run in a crowd waits for ten minutes, and the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);
/// How long something is tried again that fails because of a process which is about to end.
const SHORT_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits until `condition` holds, or fails and names `what`.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > LIMIT {
            bail!("waited {} s in vain for {what}", LIMIT.as_secs());
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Tries until it works, for a short time; then returns the last error.
pub(crate) fn try_for_a_moment<T, E>(
    mut attempt: impl FnMut() -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(_) if began.elapsed() < SHORT_LIMIT => std::thread::sleep(POLL_INTERVAL),
            result => return result,
        }
    }
}
