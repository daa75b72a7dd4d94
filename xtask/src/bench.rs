//! `cargo xtask bench`: compares dsnap with the original, other programs and floors.
//!
//! This builds the programs, and installs the original if Python 2.7 is there. `xtask/bench`, a separate
//! program, measures them. The bench is not part of `ci`: times on a busy machine mean little.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::interop::install;
use xtask_base::process::Program;
use xtask_base::workspace;

/// The program that measures.
const BENCH: &str = "dsnap-bench";

/// Builds everything, and measures; the help text of the program explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let asks = |wanted: &[&str]| args.iter().any(|arg| wanted.contains(&arg.as_str()));
    let program = workspace::build_release(BENCH)?;
    if asks(&["--help", "-h", "--from"]) {
        return Program::new(program)
            .args(args)
            .args(["--root".as_ref(), workspace::root().as_os_str()])
            .run();
    }
    // One after the other: built together, dsnap would get features that only the bench asks for.
    workspace::build_release("dsnap")?;
    let work = workspace::target()?.join("bench");
    fs::create_dir_all(&work)?;
    let mut bench = Program::new(&program).arg("--work").arg(&work);
    bench = bench.arg("--root").arg(workspace::root());
    if let Some(folder) = program.parent() {
        bench = bench.arg("--programs").arg(folder);
    }
    if let Some(original) = install::original()? {
        bench = bench.arg("--original").arg(original);
    }
    if measures_calls(args) {
        bench = bench.arg("--calls").arg(calls(&work)?);
    }
    bench.args(args).run()
}

/// Whether case f is among the cases that were asked for.
fn measures_calls(args: &[String]) -> bool {
    let is_case = |arg: &&String| arg.len() == 1 && arg.starts_with(|c| ('a'..='h').contains(&c));
    let mut cases = args.iter().filter(is_case).peekable();
    cases.peek().is_none() || cases.any(|case| case == "f")
}

/// Measures loaded and linked methods; fails if a loaded one takes too long. Returns the file with the
/// times.
fn calls(work: &Path) -> Result<PathBuf> {
    let file = work.join("calls.json");
    let library =
        workspace::cargo().args(["build", "--release", "--locked", "-p", "dsnap-testkit"]);
    library.args(["--example", "nothing"]).run()?;
    let bench =
        workspace::cargo().args(["bench", "--locked", "-p", "dsnap-testkit", "--bench", "calls"]);
    bench.args(["--", "--json"]).arg(&file).run()?;
    Ok(file)
}
