//! What a user who waits for the end of COMMAND is told: which signals COMMAND got, and when it is killed.
//!
//! [`report`](crate::report) decides who is told, and how.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Instant;

use dsnap_engine::durations;
use dsnap_host::signals;

/// Tells of the signals to one COMMAND.
pub(crate) struct Announcements<'a> {
    tell: &'a dyn Fn(&str),
    pid: i32,
    /// What was told. Another process can send signals without end, so each is told once.
    told: RefCell<HashSet<String>>,
}

impl<'a> Announcements<'a> {
    /// Tells of signals to the COMMAND with this process id.
    pub(crate) fn new(pid: i32, tell: &'a dyn Fn(&str)) -> Self {
        Self { tell, pid, told: RefCell::default() }
    }

    /// Tells that the signal was passed on. `kill` is when COMMAND will be killed.
    pub(crate) fn passed_on(&self, signal: i32, kill: Option<Instant>) {
        self.tell(format!("{} passed on", signals::name(signal)), kill);
    }

    /// Tells that the system sent the signal to COMMAND, too.
    pub(crate) fn reached(&self, signal: i32, kill: Option<Instant>) {
        self.tell(format!("{} reached COMMAND, too", signals::name(signal)), kill);
    }

    /// Tells that COMMAND was asked to end because of `--max-hold`.
    pub(crate) fn overdue(&self, kill: Option<Instant>) {
        self.tell("--max-hold is over: TERM sent".to_owned(), kill);
    }

    /// Tells that COMMAND was killed.
    pub(crate) fn killed(&self) {
        self.tell("KILL sent".to_owned(), None);
    }

    fn tell(&self, what: String, kill: Option<Instant>) {
        let kill = kill.map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            format!(" (KILL in {})", durations::in_words_with_tenths(left))
        });
        let words = format!("{what}; waiting for pid {}{}", self.pid, kill.unwrap_or_default());
        if self.told.borrow_mut().insert(what) {
            (self.tell)(&words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_is_told_once_with_the_process_that_is_waited_for() {
        let told = RefCell::new(Vec::new());
        let tell = |words: &str| told.borrow_mut().push(words.to_owned());
        let announcements = Announcements::new(4711, &tell);
        for _ in 0..1000 {
            announcements.passed_on(15, None);
            announcements.reached(2, None);
            announcements.killed();
        }
        announcements.overdue(Some(Instant::now()));
        assert_eq!(
            told.into_inner(),
            [
                "TERM passed on; waiting for pid 4711",
                "INT reached COMMAND, too; waiting for pid 4711",
                "KILL sent; waiting for pid 4711",
                "--max-hold is over: TERM sent; waiting for pid 4711 (KILL in 0.0 s)",
            ]
        );
    }
}
