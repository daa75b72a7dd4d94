//! Catches signals. Every signal that would end the program stops a run in order, in every phase:
//! the snapshot is still left. CHLD tells that COMMAND has ended.
//!
//! Not caught are the signals of a broken program, such as SEGV: the next run cleans up after it.
//! One thread receives them and passes them on as events, because only the main thread decides
//! what to do. A signal that is ignored when the program starts stays ignored. Signals are sent
//! to COMMAND in [`spawn`](crate::spawn).

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use dsnap_host::signals;
use nix::libc::{self, SIGCHLD, SIGXFSZ};
use nix::sys::signal::SigSet;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::origin::{Origin, WithOrigin};
use signal_hook::low_level::siginfo::Cause;

/// The signals with a name that stop a run. The real-time ones do, too.
const STOP_SIGNALS: [i32; 14] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGXCPU,
    SIGXFSZ,
    libc::SIGPWR,
    libc::SIGIO,
    libc::SIGSTKFLT,
];

/// The signals that this process receives.
#[derive(Debug)]
pub(crate) struct Signals {
    /// The number of the first signal that asked the run to stop; 0 if there was none.
    first_stop: Arc<AtomicI32>,
    /// The number of the latest signal that asked the run to stop. The handler writes it, so it is
    /// there before the thread that receives the signals has had its turn.
    latest_stop: Arc<AtomicUsize>,
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
        let caught: Vec<_> = stop_signals()?.collect();
        let latest_stop = Arc::new(AtomicUsize::new(0));
        // Whether XFSZ is a request to stop, only its origin tells.
        for signal in caught.iter().filter(|signal| **signal != SIGXFSZ) {
            let number = usize::try_from(*signal).unwrap_or_default();
            signal_hook::flag::register_usize(*signal, Arc::clone(&latest_stop), number)?;
        }
        let mut signals = SignalsInfo::<WithOrigin>::new(caught.into_iter().chain([SIGCHLD]))?;
        // COMMAND inherits the signal mask of this thread.
        SigSet::all().thread_unblock()?;
        let first_stop = Arc::new(AtomicI32::new(0));
        let (sender, events) = mpsc::channel();
        let stored = Arc::clone(&first_stop);
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for event in signals.forever().filter_map(|origin| SignalEvent::of(&origin)) {
                if let SignalEvent::Stop { signal, .. } = event {
                    let _ = stored.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
                }
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { first_stop, latest_stop, events })
    }

    /// Returns the first signal that asked the run to stop, if there was one.
    pub(crate) fn first_stop(&self) -> Option<i32> {
        let first = self.first_stop.load(Ordering::SeqCst);
        let latest = || i32::try_from(self.latest_stop.load(Ordering::SeqCst)).unwrap_or_default();
        Some(if first == 0 { latest() } else { first }).filter(|signal| *signal != 0)
    }

    /// Takes the request to stop that was received last and that nobody has acted on. Its sender
    /// counts as unknown: no process that is started from now on got the signal as well.
    pub(crate) fn take_stop(&self) -> Option<SignalEvent> {
        let events = std::iter::from_fn(|| self.events.try_recv().ok());
        let stops = events.filter_map(|event| match event {
            SignalEvent::ChildEnded => None,
            SignalEvent::Stop { signal, .. } => {
                Some(SignalEvent::Stop { signal, sender: Sender::Unknown })
            }
        });
        stops.last()
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

impl SignalEvent {
    /// Returns what a signal means, or `None` if it is only the system's answer to a write of this
    /// program over the limit on the size of a file. The write then fails as on a full disk.
    fn of(origin: &Origin) -> Option<Self> {
        let sender = match (origin.cause, &origin.process) {
            (Cause::Kernel, _) => Sender::Kernel,
            (_, Some(process)) => Sender::Process(process.pid),
            (_, None) => Sender::Unknown,
        };
        match origin.signal {
            SIGCHLD => Some(Self::ChildEnded),
            // The system names the writer as sender.
            SIGXFSZ if matches!(sender, Sender::Kernel) || sender == Sender::own() => None,
            signal => Some(Self::Stop { signal, sender }),
        }
    }
}

impl Sender {
    /// This program itself.
    fn own() -> Self {
        Self::Process(process::id().cast_signed())
    }
}

/// Lists the signals that stop a run: those that would end the program. A signal that is ignored
/// when the program starts is not among them.
fn stop_signals() -> io::Result<impl Iterator<Item = i32>> {
    let mut caught = Vec::new();
    for signal in STOP_SIGNALS.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
        if !signals::is_ignored(signal)? {
            caught.push(signal);
        }
    }
    Ok(caught.into_iter())
}
