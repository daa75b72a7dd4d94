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
mod part;
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
use part::Part;

/// All parts, in the order in which they are made.
const PARTS: &[Part] = &[
    Part::result("manual", "manual pages, and completions for bash, zsh and fish", manual::make),
    Part::result("book", "the pages of docs in HTML", book::make),
    Part::check(
        "screenshots",
        "pictures of the book in a browser, wide and narrow",
        screenshots::make,
    ),
    Part::result("programs", "dsnap and dsnap-testkit, for glibc 2.17 and static", programs::make),
    Part::result(
        "sbom",
        "what is in the programs (CycloneDX), and the licenses of that",
        sbom::make,
    ),
    Part::result("tarball", "the programs and everything around them, to unpack", tarball::make),
    Part::result("packages", "the Debian package and the rpm", packages::make),
    Part::check("check", "tries the results in root folders of their own; needs root", check::make),
    Part::result("wheel", "the testkit for Python, with a pytest plugin", wheel::make),
    Part::result(
        "container",
        "container images: recipe, programs, and a rehearsal",
        container::make,
    ),
    Part::result("crates", "the packages for crates.io", crates::make),
    Part::check("crate-builds", "builds each of these packages from its archive", crates::build),
    Part::result("sums", "SHA256SUMS", sums::make),
    Part::named(
        "reproducible",
        "makes all results twice, and compares (only if it is named)",
        reproducible::make,
    ),
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
    #[arg(value_name = "PART", value_parser = PARTS.iter().map(|part| part.name).collect::<Vec<_>>())]
    parts: Vec<String>,
}

fn parts() -> String {
    let lines = PARTS.iter().map(|part| format!("  {:12} {}\n", part.name, part.what));
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
    for part in PARTS.iter().filter(|part| part.is_wanted(&options.parts)) {
        let (name, start) = (part.name, Instant::now());
        output::line(format_args!("\n== {name}: {}", part.what));
        (part.make)(&dist).with_context(|| format!("dist: {name} failed"))?;
        output::line(format_args!("== {name}: made in {:.1} s", start.elapsed().as_secs_f64()));
    }
    summary::print(&dist.out, start.elapsed())
}
