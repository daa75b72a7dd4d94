//! Signals: TERM, INT, HUP and QUIT end a run in order, in every phase; CHLD tells that COMMAND
//! ended.
//!
//! One thread hears them and passes them on as events, so that all decisions are made in the
//! main thread. A signal that is ignored when the program starts stays ignored.

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

const ENDING: [i32; 4] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];

/// Hears the signals of this process.
#[derive(Debug)]
pub(crate) struct Signals {
    first: Arc<AtomicI32>,
    events: Receiver<Heard>,
}

/// A signal that was heard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Heard {
    /// A child ended.
    Child,
    /// One that ends the run.
    End {
        /// Its number.
        signal: i32,
        /// Who sent it.
        sender: Sender,
    },
}

/// Who sent a signal, as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A terminal, or its hangup.
    Kernel,
    /// The process of that number.
    Process(i32),
    /// Not told: a timer, or a sender that wrote something else in its place.
    Unknown,
}

impl Signals {
    /// Begins to hear. From here on no signal is blocked.
    pub(crate) fn hear() -> io::Result<Self> {
        let ignored = ignored_signals();
        let heard = ENDING.into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        if ignored & (1 << (SIGXFSZ - 1)) == 0 {
            // A file that may not grow is an error like a full disk; COMMAND gets the default.
            signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        }
        let mut signals = SignalsInfo::<WithOrigin>::new(heard.chain([SIGCHLD]))?;
        // COMMAND inherits the mask of this thread.
        SigSet::all().thread_unblock()?;
        let first = Arc::new(AtomicI32::new(0));
        let (sender, events) = mpsc::channel();
        let noted = Arc::clone(&first);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for origin in signals.forever() {
                let heard = Heard::from(&origin);
                if let Heard::End { signal, .. } = heard {
                    let _ = noted.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
                }
                if sender.send(heard).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { first, events })
    }

    /// The first signal that asked the run to end, if one did.
    pub(crate) fn first(&self) -> Option<i32> {
        Some(self.first.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
    }

    /// Waits for a signal, until `deadline` if there is one.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Heard> {
        match deadline {
            None => self.events.recv().ok(),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left).ok()
            }
        }
    }

    /// Waits for `pause`, or until a signal asks the run to end.
    pub(crate) fn sleep(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        while self.first().is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => return thread::sleep(left),
                Ok(_) => {}
            }
        }
    }
}

impl From<&Origin> for Heard {
    fn from(origin: &Origin) -> Self {
        let sender = match (origin.cause, &origin.process) {
            (Cause::Kernel, _) => Sender::Kernel,
            (_, Some(process)) => Sender::Process(process.pid),
            (_, None) => Sender::Unknown,
        };
        match origin.signal {
            SIGCHLD => Self::Child,
            signal => Self::End { signal, sender },
        }
    }
}

/// Which signals are ignored, as a bit mask: the system's own account of this process.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
