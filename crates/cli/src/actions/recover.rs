//! `--recover`: ends the snapshots that earlier runs left behind.

use std::path::Path;

use dsnap_engine::run::recover::{self, NotRecovered, RecoverOptions, Remains};

use super::opening::{registry, with_storage};
use crate::chronicle::Chronicle;
use crate::documents::json;
use crate::documents::recovery_report::RecoveryReport;
use crate::report;
use crate::resolve::Invocation;
use crate::terminal::output;

/// Cleans up after earlier runs, and says what was left. Returns the exit status.
pub(super) fn recover(invocation: &Invocation, options: &RecoverOptions, as_json: bool) -> u8 {
    let (dir, chronicle) = (invocation.dir.as_deref(), Chronicle::new());
    let recovery = with_storage(invocation, dir, &chronicle, |storage, privileges, program| {
        let (job, methods) = (&invocation.job, registry(invocation));
        let result = recover::recover(job, options, storage, privileges, &methods, program);
        (result, Remains::of(storage))
    });
    let (result, remains) =
        recovery.unwrap_or_else(|reason| (Err(NotRecovered::misused(reason)), Remains::default()));
    if as_json {
        let left = chronicle.notes().storage(0).left_behind;
        let dir = dir.unwrap_or(Path::new(""));
        output::print_result(&json(&RecoveryReport::new(dir, &result, left, remains)));
    }
    report::print_recovery(result, as_json)
}
