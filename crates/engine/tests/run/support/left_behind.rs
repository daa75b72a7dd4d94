//! What an earlier run left behind: its record, and a storage with a line that can leave it.

use std::fs;

use dsnap_core::method::{Entered, Left};
use dsnap_engine::record::entry::Record;
use dsnap_engine::record::evidence::Evidence;
use dsnap_engine::record::run_lock::RunLock;
use dsnap_engine::storage::Storage;
use dsnap_engine::storage::main_lock::LockStamp;
use dsnap_engine::system::process::{Host, ProcessId};

use super::journal::{Expected, journal};
use super::method::{SideEffect, enter, leave};
use super::scenario::Scenario;

const CODE: &str = "db-1-left";
pub(crate) const LEFT: &str =
    "Left the snapshot user/db-1-left, which an earlier run had left behind";

/// Another machine.
pub(crate) fn elsewhere() -> Host {
    Host { host: "elsewhere".to_owned(), machine: "0".repeat(32), ..Host::here() }
}

/// The record of a run that was killed.
fn record(storage: &Storage, evidence: Evidence) -> Record {
    Record {
        code: dsnap_core::Code::from_bytes(CODE.as_bytes()).unwrap(),
        line: b"zope".to_vec(),
        label: "zope".to_owned(),
        conf: "line 2 in snapshot.conf".to_owned(),
        evidence,
        may_close: true,
        since: 1_767_225_600,
        main_lock: LockStamp::of(storage),
        host: Host::here(),
        user: 0,
        command_name: "rsync".into(),
        command: Some(ProcessId { pid: i32::MAX, start: 1 }),
        storage: storage.resolved(),
        directory: storage.inode(),
        file: 0,
    }
}

/// Leaves a record behind as a run does that was killed, and `misc/snapshot` as it was then.
pub(crate) fn left_behind(
    scenario: &Scenario,
    content: &str,
    change: impl FnOnce(Record) -> Record,
) {
    let lock = RunLock::take(&scenario.storage).unwrap();
    let record = Record { file: lock.inode(), ..record(&scenario.storage, Evidence::Here) };
    lock.record_intent(change(record)).unwrap();
    if !content.is_empty() {
        fs::write(scenario.storage.snapshot(), content).unwrap();
    }
}

/// The records that are kept now.
pub(crate) fn records(scenario: &Scenario) -> Vec<Record> {
    RunLock::take(&scenario.storage).unwrap().records()
}

/// An open storage with a good line `zope`, which may have to leave something before.
pub(crate) fn zope(before: Vec<(SideEffect, Left)>) -> Scenario {
    let leaves = before.into_iter().chain([(leave(), Left::Left)]).collect();
    Scenario::open().server_method("zope", vec![(enter(), Entered::Held)], leaves)
}

/// The journal of a run by `zope` after something else was done.
pub(crate) fn after(before: &[&str]) -> Expected {
    journal().lines(before).ordinary_run("zope")
}
