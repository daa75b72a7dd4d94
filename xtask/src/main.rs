//! `cargo xtask TASK`: the workspace's own commands, so that nobody needs more than cargo.
//!
//! Each task is one file with one `run`. `xtask-base` starts programs, prints, and knows where things
//! are. The program dsnap is in `crates/cli`.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod coverage;
mod crash;
mod demo;
mod dist;
mod examples;
mod fuzz;
mod header;
mod interop;
mod roundtrip;
mod test;
mod tidy;
mod tools;

use std::env::args;
use std::process::ExitCode;

use anyhow::{Result, bail};

use xtask_base::output;

use crate::test::WithoutRoot;

const HELP: &str = "\
Usage: cargo xtask TASK

Tasks:
  demo       Show what dsnap does, on simulated sites with Zope 2 and Zope 5
  test       Run all tests; needs nothing but Rust. Arguments are passed to `cargo test`.
             Scenarios that need root are skipped without it
  examples   Run the examples of the testkit and of docs/examples, and the Python wheel of the testkit;
             needs what `tools` checks
  tools      Check that the programs are there that examples and other checks need
  tidy       Check the rules of the project that no compiler checks
  header     Write crates/core/include/dsnap.h from the Rust definitions
               --check           Only check that it is up to date
  roundtrip  Call libraries in C and Rust from C, under sanitizers; needs a C compiler
  interop    Compare dsnap with the real DirectoryStorage 1.1.21, a real ZEO server and a real
             Zope 5; needs Python 2.7, and Python 3.10 or later
               --dsnap PROGRAM   Use this program instead of the one built here
               --zope5           Only compare with Zope 5; needs no Python 2.7
               --zeo             Only run with a real ZEO server
               --all             Run with four generations of ZEO servers
               --keep            Leave the storages in target/interop, even after a success
  crash      Kill dsnap at every point, fail its system calls, and check what remains; needs strace, and
             compares with the original if Python 2.7 is there
               PART...           Only these parts; `crash --help` lists them
               --quick           Only some points of each part, as `ci` does
               --seed N          Repeat the random kills of the run that printed this seed
  bench      Measure dsnap, and compare it with the original, flock, curl and programs that do only what
             cannot be avoided. Needs an idle machine; fails if calls of loaded methods take too long
               CASE...           Only these cases; `bench --help` lists them, and all options
               --full            Also with up to a million files; this takes hours
               --files N         Recover only journals of N files; `bench --help` lists the numbers
               --rounds N        Measure each program N times
               --json FILE       Write the results to FILE
               --write-docs      Write the figures and plots of docs/performance.md
               --from FILE       Measure nothing, but show results that were kept; repeatable
  fuzz       Feed arbitrary bytes to everything that dsnap reads; needs cargo-fuzz, a nightly toolchain and
             a C++ compiler
               TARGET...         Only these targets; `fuzz --help` lists them
               --seconds N       How many seconds each target runs (default: 60)
               --keep            Add inputs that reach new code to xtask/fuzz/corpus
  coverage   Run all tests, and show the lines of core, engine and direct that none of them runs; needs `cov`
             of the crate llvm_profparser
  dist       Make what people install, in target/dist: packages, programs, manual pages, the book
               PART...           Only these parts; `dist --help` lists them
  ci         Run tools, fmt, tidy, header, clippy, doc, alone (dsnap compiles without what tests
             add), deny, test, roundtrip, demo, examples, interop and the quick form of crash; stop at
             the first failure. Fails without root
";

fn main() -> ExitCode {
    let args: Vec<String> = args().skip(1).collect();
    run(&args).unwrap_or_else(|e| {
        output::error(format_args!("error: {e:#}"));
        ExitCode::FAILURE
    })
}

fn run(args: &[String]) -> Result<ExitCode> {
    let (task, rest) = args.split_first().map_or(("help", args), |(task, rest)| (task, rest));
    if !matches!(task, "bench" | "crash" | "dist" | "fuzz" | "test" | "interop" | "header")
        && !rest.is_empty()
    {
        bail!("{task} takes no arguments\n\n{HELP}");
    }
    match task {
        "demo" => return demo::run(),
        "test" => test::run(rest, WithoutRoot::Skip)?,
        "examples" => examples::run()?,
        "bench" => bench::run(rest)?,
        "crash" => crash::run(rest)?,
        "dist" => dist::run(rest)?,
        "fuzz" => fuzz::run(rest)?,
        "coverage" => coverage::run()?,
        "tidy" => tidy::run()?,
        "tools" => tools::run()?,
        "header" => header::run(rest)?,
        "roundtrip" => roundtrip::run()?,
        "interop" => interop::run(rest)?,
        "ci" => ci::run()?,
        "help" | "-h" | "--help" => output::line(HELP),
        _ => bail!("there is no task {task:?}\n\n{HELP}"),
    }
    Ok(ExitCode::SUCCESS)
}
