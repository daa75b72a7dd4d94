//! Waiting, with a limit, and waiting for several things at the same time.
//!
//! A scenario that waits for something that never happens fails, and says for what it waited.

use std::time::{Duration, Instant};

/// The longest that a scenario waits for one thing. The program itself may take a minute to
/// leave, and the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// Between two looks at something that is about to change.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Waits until `condition` holds, or fails and names `what`.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "waited {} s in vain for: {what}", LIMIT.as_secs());
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Plays a scenario with each case, all at the same time: most of the time they wait.
///
/// Fails if one of them fails, once all of them have ended.
pub(crate) fn in_parallel<T: Send>(cases: impl IntoIterator<Item = T>, play: impl Fn(T) + Sync) {
    let (play, name) = (&play, std::thread::current().name().unwrap_or_default().to_owned());
    std::thread::scope(|threads| {
        for case in cases {
            // Under the name of the test, which a panic shows.
            let thread = std::thread::Builder::new().name(name.clone());
            thread.spawn_scoped(threads, move || play(case)).unwrap();
        }
    });
}
