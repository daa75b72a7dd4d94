//! `cargo xtask dist`: makes what people install.
//!
//! `xtask/dist`, a separate program, does the work: it needs the definitions of the command lines, and
//! nobody should wait for those before another task.

use anyhow::Result;
use xtask_base::workspace;

/// Builds the program that makes everything, and starts it; its help text explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let dist = ["run", "--quiet", "--locked", "-p", "dsnap-dist", "--"];
    workspace::cargo().args(dist).args(args).run()
}
