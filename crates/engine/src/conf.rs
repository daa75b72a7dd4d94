//! `snapshot.conf`: its grammar, where a line comes from and what it may do, and the plan.

mod complaint;
pub mod grammar;
pub(crate) mod label;
mod line_source;
pub mod plan;
