//! Results for other programs, each with its schema in `docs/schema`, and the same results for people.
//!
//! A document only presents: the engine finds out what it says. The files of `--report` and `--metrics` are
//! written in [`result_files`]; everything else goes to stdout.

pub(crate) mod listing;
mod metrics;
pub(crate) mod recovery_report;
pub(crate) mod result_files;
pub(crate) mod run_report;
pub(crate) mod status;

use serde::Serialize;

/// Writes a document as JSON.
pub(crate) fn json(document: &impl Serialize) -> String {
    // Serializing the documents cannot fail.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// Writes the id of a transaction as people and the storage do: 16 hexadecimal digits.
fn transaction_id(id: [u8; 8]) -> String {
    format!("{:016X}", u64::from_be_bytes(id))
}
