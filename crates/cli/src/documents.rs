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
