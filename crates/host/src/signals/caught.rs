//! Signals that this process catches. A handler notes the sender of each, and wakes the thread that waits.
//!
//! `signal-hook` does the same, but each of its registrations copies all earlier ones. For the 46 signals
//! that a run catches, that took a twelfth of the time of a short run.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{self, c_int, c_void, siginfo_t};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, poll};

/// Signals have numbers below this one.
const NUMBERS: usize = 65;
/// How many senders of one signal are noted between two looks. More are dropped.
const NOTES: usize = 4;

/// The senders of what arrived and was not taken yet, for each signal. Handlers write, one thread reads.
static ARRIVED: [[AtomicU64; NOTES]; NUMBERS] =
    [const { [const { AtomicU64::new(NOTHING) }; NOTES] }; NUMBERS];
/// Becomes readable when a signal arrives.
static WAKER: OnceLock<File> = OnceLock::new();
/// Whether something may have arrived. While it is not set, a look costs no system call.
static HAS_ARRIVED: AtomicBool = AtomicBool::new(false);

/// What a note says. A process's note also has its id, in the lower half.
const NOTHING: u64 = 0;
const BY_KERNEL: u64 = 1 << 32;
const BY_UNKNOWN: u64 = 2 << 32;
const BY_PROCESS: u64 = 3 << 32;

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The number of the signal.
    pub signal: c_int,
    /// Its sender.
    pub sender: Sender,
}

/// The sender of a signal, as the system reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A key of the terminal, or the hangup of its line.
    Kernel,
    /// The process with this id.
    Process(i32),
    /// Not reported: a timer, a child that ended, or a sender that supplied other data instead.
    Unknown,
}

/// The signals that this process catches, until it ends.
#[derive(Debug)]
pub struct Caught {
    /// In ascending order.
    signals: Vec<c_int>,
    waker: &'static File,
}

impl Caught {
    /// Begins to catch these signals. One that is ignored stays ignored, but for CHLD: while that is ignored, the
    /// system forgets how a child ended. A process uses one value at a time: what one has taken, another does not
    /// find any more.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left, or one of the numbers is no signal that can be caught. Those before it
    /// are caught then.
    pub fn catch(signals: impl IntoIterator<Item = c_int>) -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let made = rustix::event::eventfd(0, flags)?;
        let waker = WAKER.get_or_init(|| made.into());
        let mut caught = Vec::new();
        for signal in signals {
            if handle(signal)? {
                caught.push(signal);
            }
        }
        caught.sort_unstable();
        Ok(Self { signals: caught, waker })
    }

    /// Waits until a signal arrives that is still to be taken, or the time is over. May end early.
    ///
    /// # Errors
    ///
    /// The system cannot wait now.
    pub fn wait(&self, pause: Duration) -> io::Result<()> {
        let mut waker = [PollFd::new(self.waker, PollFlags::IN)];
        match poll(&mut waker, Timespec::try_from(pause).ok().as_ref()) {
            // A child that was forked and has not executed its program yet shares the waker, but not the variables.
            Ok(1..) => HAS_ARRIVED.store(true, Ordering::SeqCst),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Takes what has arrived, in the order of the signals' numbers: when each one came is not known. Several
    /// signals of one number and sender count as one, as those of one number do while they are blocked.
    pub fn take(&self) -> Vec<Arrival> {
        if !HAS_ARRIVED.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        // First this, so that a signal that arrives while the notes are read ends the next wait.
        let _ = rustix::io::read(self.waker, &mut [0_u8; 8]);
        let signals = self.signals.iter();
        signals.flat_map(|signal| arrivals(*signal)).collect()
    }
}

impl Sender {
    fn of(note: u64) -> Option<Self> {
        let [.., a, b, c, d] = note.to_be_bytes();
        match note & !u64::from(u32::MAX) {
            BY_KERNEL => Some(Self::Kernel),
            BY_PROCESS => Some(Self::Process(i32::from_be_bytes([a, b, c, d]))),
            BY_UNKNOWN => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// The notes about a signal; none if no signal has this number.
fn notes(signal: c_int) -> &'static [AtomicU64] {
    let notes = usize::try_from(signal).ok().and_then(|number| ARRIVED.get(number));
    notes.map_or(&[], |notes| notes)
}

/// Takes what has arrived of one signal.
fn arrivals(signal: c_int) -> impl Iterator<Item = Arrival> {
    notes(signal).iter().filter_map(move |note| {
        let sender = Sender::of(note.swap(NOTHING, Ordering::SeqCst))?;
        Some(Arrival { signal, sender })
    })
}

/// Installs the handler for a signal, unless it is to stay ignored. A system call that the handler interrupts goes
/// on afterwards, where the system can do that.
fn handle(signal: c_int) -> io::Result<bool> {
    // SAFETY: the structure consists of integers and of a pointer to a function as an option, for
    // all of which zero is a valid value: no signal is blocked meanwhile.
    let (mut action, mut before): (libc::sigaction, libc::sigaction) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    action.sa_sigaction = note as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: both are valid for the time of the call. The handler has the type that SA_SIGINFO demands, and does
    // only what a handler may do, as its comment says.
    let result = unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    Errno::result(result)?;
    let stays_ignored = before.sa_sigaction == libc::SIG_IGN && signal != libc::SIGCHLD;
    if stays_ignored {
        // SAFETY: `before` came from the system, and is valid for the time of the call. Ignoring runs no code.
        Errno::result(unsafe { libc::sigaction(signal, &raw const before, ptr::null_mut()) })?;
    }
    Ok(!stays_ignored)
}

/// The handler. It may interrupt any code of this process, itself included, so it only uses atomic variables and
/// system calls, and puts back the error number of the code that it interrupted.
extern "C" fn note(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    let error = Errno::last_raw();
    // SAFETY: the system passes a valid description of the signal, and nobody else has a reference to it.
    let sender = sender(unsafe { &*info });
    for note in notes(signal) {
        match note.compare_exchange(NOTHING, sender, Ordering::SeqCst, Ordering::SeqCst) {
            // Somebody who sends a signal again and again must not hide others who send it.
            Err(noted) if noted != sender => {}
            _ => break,
        }
    }
    if let Some(waker) = WAKER.get() {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the call reads eight bytes from `one`, and the waker is never closed. If the call fails, the
        // note is found at the next look.
        unsafe { libc::write(waker.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }
    // After the write: otherwise a look between the two would not find the waker written.
    HAS_ARRIVED.store(true, Ordering::SeqCst);
    Errno::set_raw(error);
}

/// Returns the note about the sender of a signal.
fn sender(info: &siginfo_t) -> u64 {
    match info.si_code {
        libc::SI_KERNEL => BY_KERNEL,
        libc::SI_USER | libc::SI_TKILL | libc::SI_QUEUE | libc::SI_MESGQ => {
            // SAFETY: with these codes, the description contains the id of the sender.
            let process = unsafe { info.si_pid() };
            BY_PROCESS | u64::from(process.cast_unsigned())
        }
        _ => BY_UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::send;
    use nix::sys::signal::{Signal, raise};
    use nix::unistd::getpid;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// What arrives for one test must not be taken by another.
    fn alone() -> MutexGuard<'static, ()> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has arrived.
    fn arrived(caught: &Caught) -> Vec<Arrival> {
        loop {
            let arrived = caught.take();
            if !arrived.is_empty() {
                return arrived;
            }
            caught.wait(Duration::from_secs(60)).unwrap();
        }
    }

    fn is_woken(caught: &Caught) -> bool {
        poll(&mut [PollFd::new(caught.waker, PollFlags::IN)], Some(&Timespec::default())) == Ok(1)
    }

    #[test]
    fn a_signal_wakes_once_and_has_its_sender() {
        let _alone = alone();
        for signal in [libc::SIGUSR1, libc::SIGRTMIN(), libc::SIGRTMAX()] {
            let caught = Caught::catch([signal]).unwrap();
            assert!(caught.take().is_empty() && !is_woken(&caught));
            send(getpid(), signal).unwrap();
            let sender = Sender::Process(getpid().as_raw());
            assert_eq!(arrived(&caught), [Arrival { signal, sender }]);
            while is_woken(&caught) {
                assert!(caught.take().is_empty());
            }
        }
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the test needs another sender")]
    fn a_signal_that_is_sent_often_hides_no_other_one_and_no_other_sender() {
        let _alone = alone();
        let caught = Caught::catch([libc::SIGUSR2, libc::SIGUSR1]).unwrap();
        for _ in 0..100 {
            raise(Signal::SIGUSR1).unwrap();
        }
        raise(Signal::SIGUSR2).unwrap();
        let other = std::process::Command::new("sh")
            .args(["-c", "kill -USR1 $1", "sh", &getpid().to_string()])
            .status();
        assert!(other.unwrap().success());
        // The signal of the other process is the last of three to arrive, perhaps in another thread.
        let mut all = Vec::new();
        while all.len() < 3 {
            all.extend(arrived(&caught));
        }
        let own = Sender::Process(getpid().as_raw());
        let of_this = |signal| Arrival { signal, sender: own };
        all.sort_by_key(|arrival| (arrival.sender != own, arrival.signal));
        assert_eq!(all[..2], [of_this(libc::SIGUSR1), of_this(libc::SIGUSR2)]);
        assert_eq!(all[2].signal, libc::SIGUSR1);
    }

    #[test]
    fn a_waker_that_only_a_forked_child_has_written_does_not_stay_readable() {
        let _alone = alone();
        let caught = Caught::catch([libc::SIGUSR1]).unwrap();
        caught.take();
        rustix::io::write(caught.waker, &1_u64.to_ne_bytes()).unwrap();
        caught.wait(Duration::from_secs(60)).unwrap();
        assert!(caught.take().is_empty() && !is_woken(&caught));
    }

    #[test]
    fn the_interrupted_code_keeps_its_error_number() {
        let _alone = alone();
        let caught = Caught::catch([libc::SIGUSR1]).unwrap();
        // As full as it can be, so that the handler's call fails.
        rustix::io::write(caught.waker, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        Errno::set_raw(libc::EXDEV);
        raise(Signal::SIGUSR1).unwrap();
        assert_eq!(Errno::last_raw(), libc::EXDEV);
        assert_eq!(caught.take().len(), 1, "a signal is noted even if nobody can be woken");
    }

    #[test]
    fn an_ignored_signal_stays_ignored() {
        let _alone = alone();
        let (ignored, other) = (libc::SIGRTMIN() + 1, libc::SIGRTMIN() + 2);
        // SAFETY: no handler of this process is replaced, and ignoring a signal runs no code.
        unsafe { libc::signal(ignored, libc::SIG_IGN) };
        let caught = Caught::catch([ignored, other]).unwrap();
        for signal in [ignored, other] {
            send(getpid(), signal).unwrap();
        }
        let signals: Vec<_> = arrived(&caught).iter().map(|arrival| arrival.signal).collect();
        assert_eq!(signals, [other]);
    }

    #[test]
    fn what_cannot_be_caught_is_refused() {
        for signal in [-1, 0, 65, 1000, libc::SIGKILL, libc::SIGSTOP] {
            assert!(Caught::catch([signal]).is_err(), "{signal}");
        }
    }
}
