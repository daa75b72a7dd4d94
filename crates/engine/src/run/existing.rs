//! Why the snapshot that a storage is already in, if any, cannot be used, and how to end it.
//!
//! This is what a run says when no method worked: who holds it, since when, what to do next.

use std::time::Duration;

use dsnap_core::{Code, Reason, text};

use crate::durations;
use crate::failure::Failure;
use crate::quoting::quoted;
use crate::record::run_lock::RunLock;
use crate::run::advice;
use crate::run::session::Session;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{Leftovers, Storage, snapshot_lock};
use crate::system::lock_holders;

const WAIT_OR_ACCEPT: &str = "wait for its end with -t, or run in it with --accept-existing AGE (its data is as old as it is)";

const UNKNOWN_TIME: &str =
    " at an unknown time (misc/snapshot may be dated ahead of the clock of its file system)";

/// Says why COMMAND cannot run in what `misc/snapshot` shows.
pub(crate) fn why_not_usable(
    session: &Session<'_>,
    run_lock: &RunLock,
    file: &SnapshotFile,
) -> Failure {
    let existing = Existing::new(session, run_lock, file);
    match &file.content {
        Content::Absent => existing.absent(),
        Content::User(_) => existing.user(),
        Content::Packing => existing.packing(),
        Content::Shutdown => existing.shut_down(),
        Content::Empty | Content::NotAFile | Content::Other(_) => existing.broken(),
    }
}

/// Checks that nobody is seen to use the storage, except this run under its code. Asks no server.
///
/// # Errors
///
/// The storage is in a snapshot of somebody else that the user does not accept, or in a pack, or a
/// process uses its files.
pub(crate) fn check_unused(
    session: &Session<'_>,
    run_lock: &RunLock,
    ours: &Code,
) -> Result<(), Failure> {
    let file = snapshot_lock::read_snapshot_file(session.storage)?;
    if file.is_held_by(ours) || accepted_age(session, run_lock, &file).is_some() {
        return Ok(());
    }
    let existing = Existing::new(session, run_lock, &file);
    // A server that has the storage open locks `misc/sublock` itself.
    if existing.is_locked && existing.openness == Openness::Closed {
        return Err(snapshot_lock::in_use(session.storage));
    }
    match why_not_usable(session, run_lock, &file) {
        Failure::InUse(reason) => Err(Failure::InUse(reason)),
        _ => Ok(()),
    }
}

/// Returns the age of an existing snapshot if the user accepts it.
pub(crate) fn accepted_age(
    session: &Session<'_>,
    run_lock: &RunLock,
    file: &SnapshotFile,
) -> Option<Duration> {
    let max_age = session.job.accept_existing?;
    let acceptable = matches!(file.content, Content::User(_) | Content::Shutdown);
    let age = file.age(run_lock.now()).filter(|_| acceptable)?;
    (age <= max_age).then_some(age)
}

/// Says which snapshot of somebody else the storage is in, since when, and who uses it. If nobody is
/// seen to use it, says how to end it.
pub(crate) fn snapshot_of_somebody_else(
    session: &Session<'_>,
    run_lock: &RunLock,
    file: &SnapshotFile,
) -> Reason {
    let existing = Existing::new(session, run_lock, file);
    existing.with_cure(existing.in_use())
}

/// What is known of the storage.
struct Existing<'a> {
    session: &'a Session<'a>,
    run_lock: &'a RunLock,
    file: &'a SnapshotFile,
    /// How old `misc/snapshot` is, if that is known.
    age: Option<Duration>,
    openness: Openness,
    /// A process is seen to hold `misc/sublock`.
    is_locked: bool,
}

impl<'a> Existing<'a> {
    fn new(session: &'a Session<'a>, run_lock: &'a RunLock, file: &'a SnapshotFile) -> Self {
        let is_locked = lock_holders::is_held(&session.storage.sublock());
        let (age, openness) = (file.age(run_lock.now()), session.openness());
        Self { session, run_lock, file, age, openness, is_locked }
    }

    fn absent(&self) -> Failure {
        let root = self.root();
        if self.is_open() {
            let server = lock_holders::holder(&self.storage().lock());
            let what = format!("{root} is open in {server} and not in a snapshot");
            let hint =
                "a line in snapshot.conf must lead to that server, for example http URL ACCESS";
            return Failure::permanent(what).hint(hint);
        }
        Failure::unavailable(format!("{root} is not a snapshot (no misc/snapshot)"))
            .hint(self.recover())
    }

    fn user(&self) -> Failure {
        if self.is_open() || self.is_locked {
            return Failure::InUse(self.with_cure(self.in_use().hint(WAIT_OR_ACCEPT)));
        }
        let (root, content, since) = (self.root(), &self.file.content, self.since());
        let too_old = self.too_old();
        Failure::permanent(format!(
            "{root} was left in the snapshot {content}{since}{too_old}; later transactions are not in it"
        ))
        .hint(self.recover())
    }

    fn in_use(&self) -> Reason {
        let (root, content, since) = (self.root(), &self.file.content, self.since());
        let (too_old, user) = (self.too_old(), self.user_in_words());
        Reason::new(format!("{root} is in the snapshot {content}, entered{since}{too_old}; {user}"))
    }

    /// Adds the command that ends the snapshot, unless a process is seen to use it, or a run of this
    /// program entered it: the next one finds its record.
    fn with_cure(&self, reason: Reason) -> Reason {
        let Content::User(code) = &self.file.content else { return reason };
        match Code::from_bytes(code) {
            Some(code) if !self.is_locked && !self.run_lock.remembers(&code) => {
                reason.hint(format!(
                    "if nobody uses it any more: {} --code {}",
                    self.session.job.recover,
                    quoted(code.as_str())
                ))
            }
            _ => reason,
        }
    }

    fn packing(&self) -> Failure {
        let (root, since) = (self.root(), self.since());
        if self.is_open() {
            return Failure::in_use(format!("{root} is being packed (begun{since})"))
                .hint("wait for its end with -t, for example -t 6h");
        }
        Failure::permanent(format!("{root} was being packed when its server crashed{since}"))
            .hint(self.recover())
    }

    fn shut_down(&self) -> Failure {
        let (root, since) = (self.root(), self.since());
        if self.is_open() {
            let server = lock_holders::holder(&self.storage().lock());
            let what = format!(
                "{root} was opened by {server} while a snapshot of it was in use: misc/snapshot still is `shutdown`{since}"
            );
            let hint = "restart that server while no tool uses a snapshot";
            return Failure::permanent(what).hint(hint);
        }
        if self.storage().leftovers().is_ok_and(Leftovers::is_none) {
            return match self.openness {
                Openness::Unknown => Failure::permanent(format!(
                    "{root} was closed cleanly{since}, but a server that cannot be seen from here may have it open"
                ))
                .hint(self.recover()),
                Openness::Open | Openness::Closed => Failure::permanent(format!(
                    "{root} was closed cleanly{since}, but a method that works on its files refuses them"
                )),
            };
        }
        let too_old = self.too_old();
        Failure::permanent(format!(
            "{root} was closed{since}{too_old}, but transactions were committed that are not in A/"
        ))
        .hint(self.recover())
    }

    fn broken(&self) -> Failure {
        let (root, content) = (self.root(), &self.file.content);
        let hint = if self.is_open() {
            "restart the server that has it open".to_owned()
        } else {
            self.recover()
        };
        Failure::permanent(format!(
            "misc/snapshot in {root} is {content}: the storage is not in a snapshot that can be used"
        ))
        .hint(hint)
    }

    fn recover(&self) -> String {
        advice::recover(self.storage(), self.openness)
    }

    fn is_open(&self) -> bool {
        self.openness == Openness::Open
    }

    fn root(&self) -> String {
        text::path(self.storage().root())
    }

    fn storage(&self) -> &Storage {
        self.session.storage
    }

    fn since(&self) -> String {
        let ago = |age| format!(" {} ago", durations::in_words(age));
        self.age.map_or_else(|| UNKNOWN_TIME.to_owned(), ago)
    }

    /// Says that `--accept-existing` does not accept the age of the snapshot.
    fn too_old(&self) -> String {
        match (self.session.job.accept_existing, self.age) {
            (Some(limit), Some(age)) if age > limit => {
                format!(", too long for --accept-existing ({})", durations::in_words(limit))
            }
            _ => String::new(),
        }
    }

    fn user_in_words(&self) -> String {
        if self.is_locked {
            format!("misc/sublock is held by {}", lock_holders::holder(&self.storage().sublock()))
        } else {
            "no process is seen to use it".to_owned()
        }
    }
}
