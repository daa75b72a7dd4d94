//! `cargo xtask test`: every test that needs nothing but a Rust toolchain.
//!
//! All packages, their documentation's examples too; all of them run even if one fails, and
//! cargo's own lines stay the last ones. Comparing with the original is `interop`'s part.

use anyhow::Result;

use crate::workspace;

/// Runs the tests; `more` goes to `cargo test` as it is.
pub(crate) fn run(more: &[String]) -> Result<()> {
    workspace::cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]).args(more).run()
}
