//! Catches signals. TERM, INT, HUP and QUIT stop a run in every phase; the snapshot is still left.
//! CHLD tells that COMMAND has ended.
//!
//! One thread receives them and passes them on as events, because only the main thread decides
//! what to do. A signal that is ignored when the program starts stays ignored. Signals are sent
//! to COMMAND in [`spawn`](crate::spawn).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::SIGXFSZ;
use nix::sys::signal::SigSet;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::{Origin, WithOrigin};
use signal_hook::low_level::siginfo::Cause;

/// The signals that stop a run.
const STOP_SIGNALS: [i32; 4] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];

/// The signals that this process receives.
#[derive(Debug)]
pub(crate) struct Signals {
    /// The number of the first signal that asked the run to stop; 0 if there was none.
    first_stop: Arc<AtomicI32>,
    events: Receiver<SignalEvent>,
}

/// A signal that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SignalEvent {
    /// A child ended.
    ChildEnded,
    /// The run is asked to stop.
    Stop {
        /// The number of the signal.
        signal: i32,
        /// The sender of the signal.
        sender: Sender,
    },
}

/// The sender of a signal, as the system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A key of the terminal, or the hangup of its line.
    Kernel,
    /// The process with this id.
    Process(i32),
    /// Not reported: a timer, or a sender that supplied other data instead.
    Unknown,
}

impl Signals {
    /// Starts to catch signals, and unblocks all of them.
    pub(crate) fn catch() -> io::Result<Self> {
        let ignored = ignored_signals();
        let caught = STOP_SIGNALS.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        if ignored & (1 << (SIGXFSZ - 1)) == 0 {
            // With a handler, a file over the size limit is an error like a full disk. COMMAND
            // gets the default action.
            signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        }
        let mut signals = SignalsInfo::<WithOrigin>::new(caught.chain([SIGCHLD]))?;
        // COMMAND inherits the signal mask of this thread.
        SigSet::all().thread_unblock()?;
        let first_stop = Arc::new(AtomicI32::new(0));
        let (sender, events) = mpsc::channel();
        let stored = Arc::clone(&first_stop);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                let event = SignalEvent::from(&origin);
                if let SignalEvent::Stop { signal, .. } = event {
                    let _ = stored.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
                }
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { first_stop, events })
    }

    /// Returns the first signal that asked the run to stop, if there was one.
    pub(crate) fn first_stop(&self) -> Option<i32> {
        Some(self.first_stop.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Waits for a signal, but not longer than until `deadline`.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<SignalEvent> {
        match deadline {
            None => self.events.recv().ok(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left).ok()
            }
        }
    }

    /// Waits for `pause`, or until a signal asks the run to stop.
    pub(crate) fn sleep(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        while self.first_stop().is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => return thread::sleep(left),
                Ok(_) => {}
            }
        }
    }
}

impl From<&Origin> for SignalEvent {
    fn from(origin: &Origin) -> Self {
        let sender = match (origin.cause, &origin.process) {
            (Cause::Kernel, _) => Sender::Kernel,
            (_, Some(process)) => Sender::Process(process.pid),
            (_, None) => Sender::Unknown,
        };
        match origin.signal {
            SIGCHLD => Self::ChildEnded,
            signal => Self::Stop { signal, sender },
        }
    }
}

/// Reads from the system which signals this process ignores, as a bit mask.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
