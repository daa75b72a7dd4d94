//! Makes what people install; `cargo xtask dist` builds and starts it.
//!
//! A *part* is one kind of result, and has one file or room here. Each part writes below `target/dist`, and
//! keeps its working files below `target/dist-work`. The parts are made in the order of [`PARTS`]: a later one
//! may use the files of an earlier one.
#![forbid(unsafe_code)]

mod book;
mod check;
mod commit;
mod container;
mod crates;
mod manual;
mod packages;
mod programs;
mod reproducible;
mod sbom;
mod screenshots;
mod summary;
mod sums;
mod tarball;
mod tools;
mod tree;
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
    ("programs", "dsnap and dsnap-testkit, for glibc 2.17 and static", programs::make),
    ("sbom", "what is in the programs (CycloneDX), and the licenses of that", sbom::make),
    ("tarball", "the programs and everything around them, to unpack", tarball::make),
    ("packages", "the Debian package and the rpm", packages::make),
    ("check", "tries the results in root folders of their own; needs root", check::make),
    ("wheel", "the testkit for Python, with a pytest plugin", wheel::make),
    ("container", "container images: recipe, programs, and a rehearsal", container::make),
    ("crates", "the packages for crates.io, each built from its archive", crates::make),
    ("sums", "SHA256SUMS", sums::make),
    (ONLY_IF_NAMED, "makes all this twice, and compares (only if it is named)", reproducible::make),
];

/// The part that is not made with all others.
const ONLY_IF_NAMED: &str = "reproducible";

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
    let (dist, start) = (Dist::open()?, Instant::now());
    for (name, what, part) in PARTS.iter().filter(|(name, ..)| is_wanted(name, &options.parts)) {
        output::line(format_args!("\n== {name}: {what}"));
        let start = Instant::now();
        part(&dist).with_context(|| format!("dist: {name} failed"))?;
        output::line(format_args!("== {name}: made in {:.1} s", start.elapsed().as_secs_f64()));
    }
    summary::print(&dist.out, start.elapsed())
}

fn is_wanted(name: &str, named: &[String]) -> bool {
    if named.is_empty() { name != ONLY_IF_NAMED } else { named.iter().any(|it| it == name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_takes_hours_is_made_only_if_it_is_named() {
        assert!(is_wanted("programs", &[]) && !is_wanted(ONLY_IF_NAMED, &[]));
        let named = [ONLY_IF_NAMED.to_owned()];
        assert!(is_wanted(ONLY_IF_NAMED, &named) && !is_wanted("programs", &named));
    }
}
