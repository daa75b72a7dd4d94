//! Waiting, with a limit: a scenario that waits for something that never happens fails, and says
//! for what it waited.

use std::time::{Duration, Instant};

/// The longest that a scenario waits for one thing. The program itself may take a minute to
/// leave, and the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// Between two looks at something that is about to change.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Waits until `condition` holds, or fails and names `what`.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "waited {} s in vain for: {what}", LIMIT.as_secs());
        std::thread::sleep(POLL_INTERVAL);
    }
}
