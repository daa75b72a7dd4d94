//! Why the snapshot that a storage is in, if any, cannot be used, and how to end that.
//!
//! Said where no method worked: who, since when, what to do next.

use crate::durations;
use crate::storage::snapshot_file::{Content, Mark};
use crate::storage::{Leftovers, Storage};
use crate::system::lock_holders;
use dsnap_core::{Refusal, text};

const ROLL_FORWARD: &str =
    "let dsnap roll it forward (a line `direct`, or --method direct), or start the server once";

/// The reason. `open`: a process is known to have the storage open; `closed`: nobody is known to.
pub(crate) fn explain(storage: &Storage, mark: &Mark, open: bool, closed: bool) -> Refusal {
    let root = text::path(storage.root());
    let since = since(mark);
    match &mark.content {
        Content::Absent if open => {
            Refusal::new(format!("{root} is open in {} and not in a snapshot", owner(storage)))
                .hint("a line in snapshot.conf must lead to that server; see the reasons above")
        }
        Content::Absent => {
            let refusal = Refusal::not_to_be_had(format!("{root} is not a snapshot (no misc/snapshot)"));
            if closed { refusal.hint(ROLL_FORWARD) } else { refusal }
        }
        Content::User(_) if open || lock_holders::is_held(&storage.sublock()) => {
            Refusal::in_use(format!("{root} is in the snapshot {}, entered{since}; {}", mark.content, user(storage)))
                .hint("wait for it with -t, or run in it with --accept-existing AGE (its data is as old as it is)")
        }
        Content::User(_) => {
            Refusal::new(format!("{root} was left in the snapshot {}{since}; later transactions are not in it", mark.content))
                .hint(ROLL_FORWARD)
        }
        Content::Packing if open => Refusal::in_use(format!("{root} is being packed (begun{since})")),
        Content::Packing => {
            Refusal::new(format!("{root} was being packed when its server crashed{since}")).hint(ROLL_FORWARD)
        }
        Content::Shutdown => shut_down(storage, &root, &since, open),
        Content::Empty | Content::NotAFile | Content::Other(_) => {
            let refusal = Refusal::new(format!("misc/snapshot in {root} is {}: the storage is in no snapshot that can be used", mark.content));
            refusal.hint(if open { "restart the server that has it open" } else { ROLL_FORWARD })
        }
    }
}

fn shut_down(storage: &Storage, root: &str, since: &str, open: bool) -> Refusal {
    if open {
        let owner = owner(storage);
        return Refusal::new(format!("{root} was opened by {owner} while a snapshot of it was in use: misc/snapshot still is `shutdown`{since}"))
            .hint("restart that server while no tool uses a snapshot");
    }
    if storage.leftovers().is_ok_and(Leftovers::is_none) {
        return Refusal::new(format!(
            "{root} was closed cleanly{since}, but that its files stay as they are cannot be made sure of; see the reasons above"
        ));
    }
    Refusal::new(format!(
        "{root} was closed{since}, but transactions were committed that are not in A/"
    ))
    .hint(ROLL_FORWARD)
}

fn owner(storage: &Storage) -> String {
    lock_holders::holder(&storage.lock()).to_string()
}

fn user(storage: &Storage) -> String {
    let sublock = storage.sublock();
    if lock_holders::is_held(&sublock) {
        format!("misc/sublock is held by {}", lock_holders::holder(&sublock))
    } else {
        "no process is seen to use it".to_owned()
    }
}

fn since(mark: &Mark) -> String {
    mark.age().map_or_else(String::new, |age| format!(" {} ago", durations::in_words(age)))
}
