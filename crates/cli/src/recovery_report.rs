//! The result of `--recover`, as `--json` prints it. Its schema is `docs/schema/recover.schema.json`.

use std::path::Path;

use dsnap_core::text;
use dsnap_engine::run::recover::NotRecovered;
use serde::Serialize;

/// The version of the JSON document. It changes when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The result of a recovery.
#[derive(Debug, Serialize)]
pub(crate) struct RecoveryReport {
    schema_version: u32,
    storage: String,
    /// Nothing is left that an earlier run entered.
    recovered: bool,
    /// The exit status of the program.
    exit_status: u8,
    /// What was found, or why it failed.
    text: String,
    /// What to do next.
    next: Vec<String>,
}

impl RecoveryReport {
    pub(crate) fn new(storage: &Path, result: &Result<String, NotRecovered>) -> Self {
        let (exit_status, said, next) = match result {
            Ok(said) => (0, said.as_str(), &[][..]),
            Err(failed) => (failed.status, failed.reason.text(), failed.reason.hints()),
        };
        Self {
            schema_version: SCHEMA_VERSION,
            storage: text::path(storage),
            recovered: result.is_ok(),
            exit_status,
            text: said.to_owned(),
            next: next.to_vec(),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        // Serializing this type cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
