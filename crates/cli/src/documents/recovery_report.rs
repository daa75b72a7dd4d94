//! The result of `--recover`, as `--json` prints it.

use std::path::Path;

use dsnap_core::text;
use dsnap_engine::run::recover::{NotRecovered, Remains};
use serde::Serialize;

/// The version of the JSON document. It changes when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The result of a recovery.
// wide: one field for each value of the JSON document.
#[derive(Debug, Serialize)]
pub(crate) struct RecoveryReport {
    schema_version: u32,
    storage: String,
    /// Nothing is left that an earlier run entered.
    recovered: bool,
    exit_status: u8,
    /// What was found, or why the recovery failed, as people are told.
    text: String,
    /// What to do next.
    next: Vec<String>,
    /// The snapshots that were left: `user/CODE`.
    left: Vec<String>,
    /// What `misc/snapshot` contains afterwards.
    snapshot: Option<String>,
    /// The snapshots of which a record remains.
    unsettled: Option<Vec<String>>,
}

impl RecoveryReport {
    pub(crate) fn new(
        storage: &Path,
        result: &Result<String, NotRecovered>,
        left: Vec<String>,
        remains: Remains,
    ) -> Self {
        let (exit_status, said, next) = match result {
            Ok(words) => (0, words.clone(), Vec::new()),
            Err(NotRecovered { reason, status }) => {
                (*status, reason.text().to_owned(), reason.hints().to_vec())
            }
        };
        let Remains { snapshot, unsettled } = remains;
        Self {
            schema_version: SCHEMA_VERSION,
            storage: text::path(storage),
            recovered: result.is_ok(),
            exit_status,
            text: said,
            next,
            left,
            snapshot: snapshot.map(text::harmless),
            unsettled,
        }
    }
}
