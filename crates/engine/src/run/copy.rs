//! A file-by-file copy of a storage, made while a run held the original: its `journal/` and `B/` may
//! be torn.
//!
//! Such a copy is known by its records, which stand in a file with another inode.

use std::ffi::OsStr;
use std::path::Path;

use dsnap_core::{Reason, text};

use crate::quoting::quoted;
use crate::record::run_lock::RunLock;
use crate::run::job::Job;
use crate::storage::Storage;
use crate::system::access;

/// Says why the files of this storage must not be rolled forward, if it is a copy that may be torn.
pub(crate) fn torn_copy(storage: &Storage, run_lock: &RunLock, job: &Job) -> Option<Reason> {
    (run_lock.is_copy() && !is_complete(storage)).then(|| may_be_torn(storage, job))
}

/// Says that the storage is a copy that may be torn, and what to do.
pub(crate) fn may_be_torn(storage: &Storage, job: &Job) -> Reason {
    let root = text::path(storage.root());
    let what = format!(
        "{root} is a copy made while a snapshot of the original was in use: its journal/ and B/ may be torn"
    );
    let command = format!("{} --whole-copy", job.recover);
    Reason::new(what)
        .hint(set_aside(storage))
        .hint(format!("if the copy is of one moment (a frozen disk): {command}"))
}

/// Says whether `A/` is all there is, so that nothing can be torn.
pub(crate) fn is_complete(storage: &Storage) -> bool {
    let empty = storage.folders().journal.entries().is_ok_and(|mut found| found.next().is_none());
    empty && storage.leftovers().is_ok_and(|left| left.is_none())
}

/// Returns the command that keeps `A/` alone, which is a backup by itself. With `-T` a folder is not
/// moved into one that somebody has put there.
fn set_aside(storage: &Storage) -> String {
    let (journal, b) = (storage.journal(), storage.b());
    let aside = |path: &Path| quoted([path.as_os_str(), OsStr::new(".torn")].join(OsStr::new("")));
    let command = format!(
        "mv -T {j} {aside_j} && mv -T {b} {aside_b} && mkdir {j} {b} && chown -h --reference={a} {j} {b}",
        j = quoted(&journal),
        b = quoted(&b),
        aside_j = aside(&journal),
        aside_b = aside(&b),
        a = quoted(storage.a()),
    );
    format!("A/ alone is the backup: {}", access::as_owner(&command))
}
