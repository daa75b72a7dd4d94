//! Why the snapshot that a storage is already in, if any, cannot be used, and how to end it.
//!
//! This is what a run says when no method worked: who holds it, since when, what to do next.

use std::time::Duration;

use dsnap_core::text;

use crate::durations;
use crate::failure::Failure;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{Leftovers, Storage};
use crate::system::lock_holders;

const ROLL_FORWARD: &str =
    "let dsnap roll it forward (a line `direct`, or --method direct), or start the server once";
const ROLL_FORWARD_IF_CLOSED: &str = "dsnap cannot tell whether a server has the storage open: if none has, on any machine, let dsnap roll it forward (a line `direct`, or --method direct)";

const UNKNOWN_TIME: &str =
    " at an unknown time (misc/snapshot may be dated ahead of the clock of its file system)";

/// Says why COMMAND cannot run in what `misc/snapshot` shows.
pub(crate) fn why_not_usable(
    storage: &Storage,
    file: &SnapshotFile,
    age: Option<Duration>,
    openness: Openness,
) -> Failure {
    let existing = Existing { storage, file, age, openness };
    match &file.content {
        Content::Absent => existing.absent(),
        Content::User(_) => existing.user(),
        Content::Packing => existing.packing(),
        Content::Shutdown => existing.shut_down(),
        Content::Empty | Content::NotAFile | Content::Other(_) => existing.broken(),
    }
}

/// What is known of the storage.
struct Existing<'a> {
    storage: &'a Storage,
    file: &'a SnapshotFile,
    /// How old `misc/snapshot` is, if that is known.
    age: Option<Duration>,
    openness: Openness,
}

impl Existing<'_> {
    fn absent(&self) -> Failure {
        let root = self.root();
        if self.is_open() {
            let server = lock_holders::holder(&self.storage.lock());
            let what = format!("{root} is open in {server} and not in a snapshot");
            let hint = "a line in snapshot.conf must lead to that server; see the reasons above";
            return Failure::permanent(what).hint(hint);
        }
        Failure::unavailable(format!("{root} is not a snapshot (no misc/snapshot)"))
            .hint(self.roll_forward())
    }

    fn user(&self) -> Failure {
        let (root, content, since) = (self.root(), &self.file.content, self.since());
        if self.is_open() || lock_holders::is_held(&self.storage.sublock()) {
            let user = self.sublock_holder();
            let what = format!("{root} is in the snapshot {content}, entered{since}; {user}");
            let hint = "wait for its end with -t, or run in it with --accept-existing AGE (its data is as old as it is)";
            return Failure::in_use(what).hint(hint);
        }
        Failure::permanent(format!(
            "{root} was left in the snapshot {content}{since}; later transactions are not in it"
        ))
        .hint(self.roll_forward())
    }

    fn packing(&self) -> Failure {
        let (root, since) = (self.root(), self.since());
        if self.is_open() {
            return Failure::in_use(format!("{root} is being packed (begun{since})"));
        }
        Failure::permanent(format!("{root} was being packed when its server crashed{since}"))
            .hint(self.roll_forward())
    }

    fn shut_down(&self) -> Failure {
        let (root, since) = (self.root(), self.since());
        if self.is_open() {
            let server = lock_holders::holder(&self.storage.lock());
            let what = format!(
                "{root} was opened by {server} while a snapshot of it was in use: misc/snapshot still is `shutdown`{since}"
            );
            let hint = "restart that server while no tool uses a snapshot";
            return Failure::permanent(what).hint(hint);
        }
        if self.storage.leftovers().is_ok_and(Leftovers::is_none) {
            let failure = Failure::permanent(format!(
                "{root} was closed cleanly{since}, but its files might change at any moment; see the reasons above"
            ));
            return match self.openness {
                Openness::Unknown => failure.hint(ROLL_FORWARD_IF_CLOSED),
                Openness::Open | Openness::Closed => failure,
            };
        }
        Failure::permanent(format!(
            "{root} was closed{since}, but transactions were committed that are not in A/"
        ))
        .hint(self.roll_forward())
    }

    fn broken(&self) -> Failure {
        let (root, content) = (self.root(), &self.file.content);
        let hint = if self.is_open() {
            "restart the server that has it open"
        } else {
            self.roll_forward()
        };
        Failure::permanent(format!(
            "misc/snapshot in {root} is {content}: the storage is not in a snapshot that can be used"
        ))
        .hint(hint)
    }

    fn roll_forward(&self) -> &'static str {
        match self.openness {
            Openness::Unknown => ROLL_FORWARD_IF_CLOSED,
            Openness::Open | Openness::Closed => ROLL_FORWARD,
        }
    }

    fn is_open(&self) -> bool {
        self.openness == Openness::Open
    }

    fn root(&self) -> String {
        text::path(self.storage.root())
    }

    fn since(&self) -> String {
        let ago = |age| format!(" {} ago", durations::in_words(age));
        self.age.map_or_else(|| UNKNOWN_TIME.to_owned(), ago)
    }

    fn sublock_holder(&self) -> String {
        let sublock = self.storage.sublock();
        if lock_holders::is_held(&sublock) {
            format!("misc/sublock is held by {}", lock_holders::holder(&sublock))
        } else {
            "no process is seen to use it".to_owned()
        }
    }
}
