//! The signals that are sent.

use nix::libc;

/// A signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signal {
    /// Its name without `SIG`.
    pub(super) name: String,
    /// Its number.
    pub(super) number: i32,
    /// It ends a run in order. The others end the program at once.
    pub(super) is_orderly: bool,
}

/// The signals that end a run in order, without the real-time ones.
const ORDERLY: [(&str, i32); 14] = [
    ("TERM", libc::SIGTERM),
    ("INT", libc::SIGINT),
    ("HUP", libc::SIGHUP),
    ("QUIT", libc::SIGQUIT),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("ALRM", libc::SIGALRM),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("PWR", libc::SIGPWR),
    ("IO", libc::SIGIO),
    ("STKFLT", libc::SIGSTKFLT),
];

/// KILL, and the signals of a broken program.
const DEADLY: [(&str, i32); 8] = [
    ("KILL", libc::SIGKILL),
    ("SEGV", libc::SIGSEGV),
    ("BUS", libc::SIGBUS),
    ("ILL", libc::SIGILL),
    ("FPE", libc::SIGFPE),
    ("TRAP", libc::SIGTRAP),
    ("SYS", libc::SIGSYS),
    ("ABRT", libc::SIGABRT),
];

impl Signal {
    /// All signals, with the first and the last of the real-time ones.
    pub(super) fn all() -> Vec<Self> {
        let real_time = [("RTMIN", libc::SIGRTMIN()), ("RTMAX", libc::SIGRTMAX())];
        let orderly = ORDERLY.into_iter().chain(real_time).map(|it| (it, true));
        let all = orderly.chain(DEADLY.map(|it| (it, false)));
        let signal =
            |((name, number), is_orderly)| Self { name: String::from(name), number, is_orderly };
        all.map(signal).collect()
    }

    /// Says whether the runtime of Rust takes the first of these signals: it looks for an overflow of the
    /// stack, and lets the program go on if there was none.
    pub(super) fn is_taken_once(&self) -> bool {
        [libc::SIGSEGV, libc::SIGBUS].contains(&self.number)
    }
}
