//! Why the snapshot that a storage is already in, if any, cannot be used, and how to end it.
//!
//! This is what a run says when no method worked: who holds it, since when, what to do next.

use dsnap_core::text;

use crate::durations;
use crate::failure::Failure;
use crate::storage::main_lock::Openness;
use crate::storage::snapshot_file::{Content, SnapshotFile};
use crate::storage::{Leftovers, Storage};
use crate::system::lock_holders;

const ROLL_FORWARD: &str =
    "let dsnap roll it forward (a line `direct`, or --method direct), or start the server once";

/// Says why COMMAND cannot run in what `misc/snapshot` shows.
pub(crate) fn why_not_usable(
    storage: &Storage,
    file: &SnapshotFile,
    openness: Openness,
) -> Failure {
    let open = openness == Openness::Open;
    let root = text::path(storage.root());
    let since = since(file);
    match &file.content {
        Content::Absent if open => {
            Failure::permanent(format!("{root} is open in {} and not in a snapshot", server(storage)))
                .hint("a line in snapshot.conf must lead to that server; see the reasons above")
        }
        Content::Absent => {
            let failure = Failure::unavailable(format!("{root} is not a snapshot (no misc/snapshot)"));
            if openness == Openness::Closed { failure.hint(ROLL_FORWARD) } else { failure }
        }
        Content::User(_) if open || lock_holders::is_held(&storage.sublock()) => {
            Failure::in_use(format!("{root} is in the snapshot {}, entered{since}; {}", file.content, user(storage)))
                .hint("wait for it with -t, or run in it with --accept-existing AGE (its data is as old as it is)")
        }
        Content::User(_) => {
            Failure::permanent(format!("{root} was left in the snapshot {}{since}; later transactions are not in it", file.content))
                .hint(ROLL_FORWARD)
        }
        Content::Packing if open => Failure::in_use(format!("{root} is being packed (begun{since})")),
        Content::Packing => {
            Failure::permanent(format!("{root} was being packed when its server crashed{since}")).hint(ROLL_FORWARD)
        }
        Content::Shutdown => shut_down(storage, &root, &since, open),
        Content::Empty | Content::NotAFile | Content::Other(_) => {
            let failure = Failure::permanent(format!("misc/snapshot in {root} is {}: the storage is in no snapshot that can be used", file.content));
            failure.hint(if open { "restart the server that has it open" } else { ROLL_FORWARD })
        }
    }
}

fn shut_down(storage: &Storage, root: &str, since: &str, open: bool) -> Failure {
    if open {
        let server = server(storage);
        return Failure::permanent(format!("{root} was opened by {server} while a snapshot of it was in use: misc/snapshot still is `shutdown`{since}"))
            .hint("restart that server while no tool uses a snapshot");
    }
    if storage.leftovers().is_ok_and(Leftovers::is_none) {
        return Failure::permanent(format!(
            "{root} was closed cleanly{since}, but that its files stay as they are cannot be made sure of; see the reasons above"
        ));
    }
    Failure::permanent(format!(
        "{root} was closed{since}, but transactions were committed that are not in A/"
    ))
    .hint(ROLL_FORWARD)
}

fn server(storage: &Storage) -> String {
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

fn since(file: &SnapshotFile) -> String {
    file.age().map_or_else(String::new, |age| format!(" {} ago", durations::in_words(age)))
}
