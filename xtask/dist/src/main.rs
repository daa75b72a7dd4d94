//! Makes what people install; `cargo xtask dist` builds and starts it.
//!
//! A *part* is one kind of result, and has one file or room here. Each part writes below `target/dist`, and
//! keeps its working files below `target/dist-work`. The parts are made in the order of [`PARTS`]: a later one
//! may use the files of an earlier one.
#![forbid(unsafe_code)]

mod book;
mod commit;
mod container;
mod crates;
mod manual;
mod screenshots;
mod tools;
mod wheel;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use xtask_base::{output, workspace};

use commit::Commit;

/// A kind of result: its name on the command line, what it is, and how it is made.
type Part = (&'static str, &'static str, fn(&Dist) -> Result<()>);

/// All parts, in the order in which they are made.
const PARTS: &[Part] = &[
    ("manual", "manual pages, and completions for bash, zsh and fish", manual::make),
    ("book", "the pages of docs in HTML", book::make),
    ("screenshots", "pictures of the book in a browser, wide and narrow", screenshots::make),
    ("wheel", "the testkit for Python, with a pytest plugin", wheel::make),
    ("container", "container images: recipe, programs, and a rehearsal", container::make),
    ("crates", "the packages for crates.io, each built from its archive", crates::make),
];

/// The version of all results.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The folders of a distribution.
struct Dist {
    /// The results, which people get.
    out: PathBuf,
    /// Working files.
    work: PathBuf,
    /// What it is made from.
    commit: Commit,
}

impl Dist {
    fn open() -> Result<Self> {
        let target = workspace::target()?;
        let dist = Self {
            out: target.join("dist"),
            work: target.join("dist-work"),
            commit: Commit::head()?,
        };
        for folder in [&dist.out, &dist.work] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(dist)
    }
}

/// Makes what people install, in target/dist.
#[derive(Parser)]
#[command(name = "cargo xtask dist", after_help = parts())]
struct Options {
    /// Only these parts
    #[arg(value_name = "PART", value_parser = PARTS.iter().map(|(name, ..)| *name).collect::<Vec<_>>())]
    parts: Vec<String>,
}

fn parts() -> String {
    let lines = PARTS.iter().map(|(name, what, _)| format!("  {name:12} {what}\n"));
    format!("Parts:\n{}", lines.collect::<String>())
}

fn main() -> ExitCode {
    make(&Options::parse()).map_or_else(
        |e| {
            output::error(format_args!("error: {e:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn make(options: &Options) -> Result<()> {
    let dist = Dist::open()?;
    let wanted = |name: &str| options.parts.is_empty() || options.parts.iter().any(|it| it == name);
    for (name, what, part) in PARTS.iter().filter(|(name, ..)| wanted(name)) {
        output::line(format_args!("\n== {name}: {what}"));
        let start = Instant::now();
        part(&dist).with_context(|| format!("dist: {name} failed"))?;
        output::line(format_args!("== {name}: made in {:.1} s", start.elapsed().as_secs_f64()));
    }
    Ok(())
}
