//! The events of a run and their times, for `--report` and `--metrics`.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use dsnap_engine::run::event::Event;

/// Takes notes during a run.
#[derive(Debug)]
pub(crate) struct Chronicle(RefCell<Notes>);

/// The notes of a run.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    /// When the program began.
    pub(crate) began: SystemTime,
    began_at: Instant,
    command_began_at: Option<Instant>,
    command_ended_at: Option<Instant>,
    /// What happened to each storage, in the order of the command line.
    storages: Vec<StorageNotes>,
}

/// The notes about one storage.
#[derive(Debug, Clone, Default)]
pub(crate) struct StorageNotes {
    /// How messages name the storage, if the run has several.
    pub(crate) name: Option<String>,
    /// The label of the line that entered the snapshot in which COMMAND ran.
    pub(crate) method: Option<String>,
    /// The snapshot does not contain everything that was committed before the run, or may not.
    is_old: bool,
    /// The code, and the last transaction in `A/`.
    pub(crate) snapshot: Option<(String, Option<[u8; 8]>)>,
    /// The codes of the snapshots of earlier runs that were left.
    pub(crate) left_behind: Vec<String>,
    entered_at: Option<Instant>,
    left_at: Option<Instant>,
}

impl Chronicle {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Notes {
            began: SystemTime::now(),
            began_at: Instant::now(),
            command_began_at: None,
            command_ended_at: None,
            storages: Vec::new(),
        }))
    }

    /// Notes an event.
    pub(crate) fn note(&self, event: &Event) {
        let mut notes = self.0.borrow_mut();
        let storage = match event {
            Event::OfStorage { number, name, .. } => {
                let storage = notes.storage_mut(*number);
                storage.name = Some(name.clone());
                storage
            }
            _ => notes.storage_mut(0),
        };
        storage.note(event.without_storage());
    }

    /// Notes that another try follows: the snapshots of the last one were left.
    pub(crate) fn tries_again(&self) {
        for storage in &mut self.0.borrow_mut().storages {
            storage.snapshot = None;
        }
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

    /// Returns what happened to the storage with that place on the command line.
    pub(crate) fn storage(&self, number: usize) -> StorageNotes {
        self.storages.get(number).cloned().unwrap_or_default()
    }

    /// Returns what happened to each storage.
    pub(crate) fn storages(&self) -> &[StorageNotes] {
        &self.storages
    }

    fn storage_mut(&mut self, number: usize) -> &mut StorageNotes {
        if self.storages.len() <= number {
            self.storages.resize_with(number + 1, StorageNotes::default);
        }
        &mut self.storages[number]
    }

    /// Says whether every snapshot contained everything that was committed before the run.
    pub(crate) fn are_fresh(&self) -> bool {
        !self.storages.iter().any(|storage| storage.is_old)
    }
}

impl StorageNotes {
    fn note(&mut self, event: &Event) {
        match event {
            // A snapshot that turns out not to be fresh is left, and another line entered.
            Event::Entered(label) => {
                (self.method, self.entered_at) = (Some(label.clone()), Some(Instant::now()));
                self.left_at = None;
            }
            Event::Accepted(..) => (self.method, self.is_old) = (None, true),
            Event::Locked(code, tid) => self.snapshot = Some((code.to_string(), *tid)),
            Event::Inherited { code, tid, fresh, .. } => {
                self.is_old = !fresh;
                self.snapshot = code.as_ref().map(|code| (code.to_string(), *tid));
            }
            Event::LeftBehind(code) => self.left_behind.push(format!("user/{code}")),
            // Where no server holds the snapshot, it ends here.
            Event::Unlocked | Event::Left | Event::ServerEnded => {
                self.left_at = Some(Instant::now());
            }
            Event::Leaving { .. } => self.left_at = None,
            _ => {}
        }
    }

    /// Says whether the storage is known to be in the snapshot of this run no longer.
    pub(crate) fn is_left(&self) -> bool {
        self.left_at.is_some()
    }

    /// Returns how long the storage was in the snapshot of this run; until now if it still is.
    pub(crate) fn frozen(&self) -> Option<Duration> {
        let end = self.left_at.unwrap_or_else(Instant::now);
        Some(end.duration_since(self.entered_at?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_ends_when_it_is_unlocked_unless_a_server_must_leave_it() {
        let mut storage = StorageNotes::default();
        let leaving = Event::Leaving { label: "zope".into(), tries: 1, limit: Duration::ZERO };
        let entered = Event::Entered("zope".into());
        let events = [
            (&entered, false),
            (&Event::Unlocked, true),
            (&leaving, false),
            (&Event::Left, true),
            (&entered, false),
            (&Event::Unlocked, true),
            (&leaving, false),
            (&Event::ServerEnded, true),
        ];
        for (event, is_left) in events {
            storage.note(event);
            assert_eq!(storage.is_left(), is_left, "{event}");
        }
        let frozen = storage.frozen();
        std::thread::yield_now();
        assert!(frozen.is_some() && frozen == storage.frozen(), "the time goes on");
    }
}
