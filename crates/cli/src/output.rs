//! The one writer: lines to stderr, answers to stdout. What cannot be written (closed, full,
//! broken pipe) never changes a run.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::poll::{PollFd, PollFlags};

/// As much as a pipe takes at once when it says that it can take something.
const PIECE: usize = 4096;
/// How long a reader that does not read is waited for, once.
const PATIENCE: u16 = 1000;

/// Nobody reads stderr any more.
static STUCK: AtomicBool = AtomicBool::new(false);

/// Writes lines to stderr. A full pipe that nobody reads must not hold up a run that holds a
/// server: what it does not take is lost.
pub(crate) fn say(lines: &str) {
    for piece in format!("{lines}\n").as_bytes().chunks(PIECE) {
        let patience = if STUCK.load(Ordering::Relaxed) { 0 } else { PATIENCE };
        let takes = takes_something(patience);
        STUCK.store(!takes, Ordering::Relaxed);
        if !takes || io::stderr().lock().write_all(piece).is_err() {
            return;
        }
    }
}

/// Whether writing to stderr returns at once, be it with an error.
fn takes_something(patience: u16) -> bool {
    let stderr = io::stderr();
    let mut asked = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    nix::poll::poll(&mut asked, patience) != Ok(0)
}

/// Writes a text to stdout, and ends its last line.
pub(crate) fn answer(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}
