//! `cargo xtask TASK`: the workspace's own commands, so that nobody needs more than cargo.
//!
//! A table of contents: each task is one file with one `run`. `process` starts programs, `say`
//! prints, `workspace` knows where things are. The program itself is in `crates/cli`.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod demo;
mod examples;
mod header;
mod interop;
mod process;
mod roundtrip;
mod say;
mod test;
mod tidy;
mod workspace;

use std::env::args;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::test::WithoutRoot;

const HELP: &str = "\
Usage: cargo xtask TASK

  demo      shows what dsnap does, on a storage that crashed
  test      runs all tests; needs nothing but Rust. Arguments go to `cargo test`
  examples  rehearses a backup in bash, from Rust and with pytest; needs Python 3
  tidy      checks the rules of the house that no compiler checks
  header    writes crates/core/include/dsnap.h from the definitions in Rust
              --check           only says whether it is up to date
  roundtrip calls libraries in C and Rust from C, under sanitizers; needs a C compiler
  interop   compares dsnap with the real DirectoryStorage 1.1.21; needs Python 2.7
              --dsnap PROGRAM   this program instead of the one built here
              --keep            leave the storages in target/interop, also on success
  bench     measures what calls of methods cost, against the floors that are promised
  ci        fmt, tidy, header, clippy, doc, deny, test, roundtrip, demo, examples, interop;
            stops at the first failure
";

fn main() -> ExitCode {
    let args: Vec<String> = args().skip(1).collect();
    run(&args).unwrap_or_else(|e| {
        say::error(format_args!("error: {e:#}"));
        ExitCode::FAILURE
    })
}

fn run(args: &[String]) -> Result<ExitCode> {
    let (task, rest) = args.split_first().map_or(("help", args), |(task, rest)| (task, rest));
    if !matches!(task, "test" | "interop" | "header") && !rest.is_empty() {
        bail!("{task} takes no argument\n\n{HELP}");
    }
    match task {
        "demo" => return demo::run(),
        "test" => test::run(rest, WithoutRoot::Skip)?,
        "examples" => examples::run()?,
        "bench" => bench::run()?,
        "tidy" => tidy::run()?,
        "header" => header::run(rest)?,
        "roundtrip" => roundtrip::run()?,
        "interop" => interop::run(rest)?,
        "ci" => ci::run()?,
        "help" | "-h" | "--help" => say::line(HELP),
        _ => bail!("no task {task:?}\n\n{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}
