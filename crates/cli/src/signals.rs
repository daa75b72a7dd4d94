//! Catches signals. Every signal that would end the program stops a run in order, in every phase:
//! the snapshot is still left. CHLD tells that COMMAND has ended.
//!
//! Not caught are the signals of a broken program, such as SEGV: the next run cleans up after it.
//! Handlers store them as events. The main thread takes the events over when it looks or waits, because
//! only it decides what to do. A separate thread would delay the end of COMMAND by two thread switches.
//! A signal that is ignored when the program starts stays ignored. [`spawn`](crate::spawn) sends signals
//! to COMMAND.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::process;
use std::time::{Duration, Instant};

pub(crate) use dsnap_host::signals::caught::Sender;
use dsnap_host::signals::caught::{Arrival, Caught};
use nix::libc::{self, SIGCHLD, SIGXFSZ};
use nix::sys::signal::SigSet;

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

/// The pause between two looks for signals while the system cannot wait for them.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The longest wait without a look for signals. The handler stores a signal, and then wakes this thread. Should
/// that fail, the thread must find the signal without being woken.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The signals that this process receives.
#[derive(Debug)]
pub(crate) struct Signals {
    received: RefCell<Received>,
}

/// What has come so far.
#[derive(Debug)]
struct Received {
    caught: Caught,
    /// The events that have not been handled yet, oldest first.
    events: VecDeque<SignalEvent>,
    /// The number of the first signal that asked the run to stop.
    first_stop: Option<i32>,
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

impl Signals {
    /// Starts to catch signals, and unblocks all of them.
    pub(crate) fn catch() -> io::Result<Self> {
        let stops = STOP_SIGNALS.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX());
        let caught = Caught::catch(stops.chain([SIGCHLD]))?;
        // COMMAND inherits the signal mask of this thread.
        SigSet::all().thread_unblock()?;
        let received = Received { caught, events: VecDeque::new(), first_stop: None };
        Ok(Self { received: RefCell::new(received) })
    }

    /// Returns the first signal that asked the run to stop, if there was one.
    pub(crate) fn first_stop(&self) -> Option<i32> {
        let mut received = self.received.borrow_mut();
        received.take_over();
        received.first_stop
    }

    /// Takes the request to stop that was received last and that nobody has acted on. Its sender
    /// counts as unknown: no process that is started from now on got the signal as well.
    pub(crate) fn take_stop(&self) -> Option<SignalEvent> {
        let mut received = self.received.borrow_mut();
        received.take_over();
        let mut stops = received.events.drain(..).filter_map(|event| match event {
            SignalEvent::ChildEnded => None,
            SignalEvent::Stop { signal, .. } => {
                Some(SignalEvent::Stop { signal, sender: Sender::Unknown })
            }
        });
        stops.next_back()
    }

    /// Waits for a signal, but not longer than until `deadline`.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<SignalEvent> {
        let mut received = self.received.borrow_mut();
        loop {
            // Events that wait already come first: a COMMAND that sends signals without end must not
            // make this list grow.
            if received.events.is_empty() {
                received.take_over();
            }
            if let Some(event) = received.events.pop_front() {
                return Some(event);
            }
            if !received.wait(deadline) {
                return None;
            }
        }
    }

    /// Waits for `pause`, or until a signal asks the run to stop.
    pub(crate) fn sleep(&self, pause: Duration) {
        let deadline = Instant::now() + pause;
        let mut received = self.received.borrow_mut();
        loop {
            received.take_over();
            // Only COMMAND's end matters, and COMMAND does not run now.
            received.events.retain(|event| !matches!(event, SignalEvent::ChildEnded));
            if received.first_stop.is_some() || !received.wait(Some(deadline)) {
                return;
            }
        }
    }
}

impl Received {
    /// Takes over the events that the handler has stored.
    fn take_over(&mut self) {
        let mut came: Vec<_> = self.caught.take().into_iter().filter_map(SignalEvent::of).collect();
        // The order of signals that came since the last look is not known. systemd sends TERM before
        // HUP.
        came.sort_by_key(|event| !event.is_term());
        let first = came.iter().find_map(SignalEvent::stop);
        self.first_stop = self.first_stop.or(first);
        self.events.extend(came);
    }

    /// Waits until the handler may have stored an event. Returns false when `deadline` has come; an event may
    /// have come, too, and the next look finds it.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
        let pause = left.map_or(LONGEST_WAIT, |left| left.min(LONGEST_WAIT));
        if self.caught.wait(pause).is_err() {
            // The system has no memory for this now. Looking again after a pause is a way to wait.
            std::thread::sleep(LOOK_INTERVAL);
        }
        // Also if it was woken: signals without end must not make a wait longer.
        deadline.is_none_or(|it| Instant::now() < it)
    }
}

impl SignalEvent {
    fn is_term(&self) -> bool {
        self.stop() == Some(libc::SIGTERM)
    }

    /// Returns the number of a signal that asks the run to stop.
    fn stop(&self) -> Option<i32> {
        match self {
            Self::ChildEnded => None,
            Self::Stop { signal, .. } => Some(*signal),
        }
    }

    /// Returns what a signal means, or `None` if it is only the system's answer to a write of this
    /// program over the limit on the size of a file. The write then fails as on a full disk.
    fn of(Arrival { signal, sender }: Arrival) -> Option<Self> {
        let own = Sender::Process(process::id().cast_signed());
        match signal {
            SIGCHLD => Some(Self::ChildEnded),
            // The system names the writer as sender.
            SIGXFSZ if sender == Sender::Kernel || sender == own => None,
            signal => Some(Self::Stop { signal, sender }),
        }
    }
}
