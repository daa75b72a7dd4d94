//! The events of a run and their times, for `--report` and `--metrics`.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use dsnap_engine::run::event::Event;

/// Takes notes during a run.
#[derive(Debug)]
pub(crate) struct Chronicle(RefCell<Notes>);

/// The notes of a run.
// wide: one field for each moment and each fact that is noted.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    /// When the program began.
    pub(crate) began: SystemTime,
    began_at: Instant,
    /// The label of the line that entered the snapshot in which COMMAND ran.
    pub(crate) method: Option<String>,
    /// The snapshot contained everything that was committed before the run.
    pub(crate) fresh: bool,
    /// The last try has locked a snapshot.
    pub(crate) locked: bool,
    /// The code, and the last transaction in `A/`.
    pub(crate) snapshot: Option<(String, Option<[u8; 8]>)>,
    entered_at: Option<Instant>,
    left_at: Option<Instant>,
    command_began_at: Option<Instant>,
    command_ended_at: Option<Instant>,
}

impl Chronicle {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Notes {
            began: SystemTime::now(),
            began_at: Instant::now(),
            method: None,
            fresh: true,
            locked: false,
            snapshot: None,
            entered_at: None,
            left_at: None,
            command_began_at: None,
            command_ended_at: None,
        }))
    }

    /// Notes an event.
    pub(crate) fn note(&self, event: &Event) {
        let mut notes = self.0.borrow_mut();
        match event {
            // A snapshot that turns out not to be fresh is left, and another line entered.
            Event::Entered(label) => {
                (notes.method, notes.entered_at) = (Some(label.clone()), Some(Instant::now()));
                notes.left_at = None;
            }
            Event::Accepted(..) => (notes.method, notes.fresh) = (None, false),
            Event::Locked(code, tid) => {
                (notes.locked, notes.snapshot) = (true, Some((code.to_string(), *tid)));
            }
            Event::Inherited { code, tid, fresh, .. } => {
                notes.fresh = *fresh;
                notes.snapshot = code.as_ref().map(|code| (code.to_string(), *tid));
            }
            Event::Left => notes.left_at = Some(Instant::now()),
            _ => {}
        }
    }

    /// Notes that another try follows: the snapshot of the last one was left.
    pub(crate) fn tries_again(&self) {
        let mut notes = self.0.borrow_mut();
        (notes.locked, notes.snapshot) = (false, None);
    }

    /// Notes that COMMAND is about to begin.
    pub(crate) fn command_begins(&self) {
        self.0.borrow_mut().command_began_at = Some(Instant::now());
    }

    /// Notes that COMMAND has ended.
    pub(crate) fn command_ended(&self) {
        self.0.borrow_mut().command_ended_at = Some(Instant::now());
    }

    /// Returns the notes so far.
    pub(crate) fn notes(&self) -> Notes {
        self.0.borrow().clone()
    }
}

impl Notes {
    /// Returns how long the run has taken until now.
    pub(crate) fn duration(&self) -> Duration {
        self.began_at.elapsed()
    }

    /// Returns how long it took until COMMAND began.
    pub(crate) fn until_command(&self) -> Option<Duration> {
        Some(self.command_began_at?.duration_since(self.began_at))
    }

    /// Returns how long COMMAND took.
    pub(crate) fn command(&self) -> Option<Duration> {
        Some(self.command_ended_at?.duration_since(self.command_began_at?))
    }

    /// Returns how long the storage was in the snapshot of this run; until now if it still is.
    pub(crate) fn frozen(&self) -> Option<Duration> {
        let end = self.left_at.unwrap_or_else(Instant::now);
        Some(end.duration_since(self.entered_at?))
    }
}
