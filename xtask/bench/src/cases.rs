//! The cases, one file for each letter, and what they share.

mod calls;
mod clean;
mod conf;
mod frozen;
mod http;
mod recovery;
mod start;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dsnap_testkit::{Fixture, State};

use crate::options::{Options, Places, Sizes};
use crate::output;
use crate::process::Invocation;
use crate::results::CaseResult;
use crate::rounds::Setup;
use crate::subject::{Case, Subject};
use crate::wreck::remove;

/// How often a program that takes milliseconds is measured.
const QUICK_ROUNDS: usize = 40;

const STOPWATCH: &str = "bench-stopwatch";
/// What `cargo xtask bench` builds.
const BUILT: [&str; 5] = ["dsnap", STOPWATCH, "bench-command", "bench-empty", "bench-floor"];

type Kind = (&'static str, fn(&Bench<'_>) -> Result<Vec<CaseResult>>);

const KINDS: [Kind; 8] = [
    ("a", clean::measure),
    ("b", http::measure),
    ("c", recovery::of_journals),
    ("d", recovery::of_b),
    ("e", start::measure),
    ("f", calls::measure),
    ("g", conf::measure),
    ("h", frozen::measure),
];

/// The programs to be measured, and the folder for their storages.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    places: &'a Places,
    sizes: &'a Sizes,
    rounds: Option<usize>,
    /// The folder of this run, which is removed at its end.
    scratch: PathBuf,
    stopwatch: PathBuf,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(options: &'a Options) -> Result<Self> {
        let places = &options.places;
        let scratch = places.work.join("run");
        remove(&scratch)?;
        std::fs::create_dir(&scratch)?;
        let scratch = scratch.canonicalize()?;
        let stopwatch = install(&places.programs, &scratch)?;
        Ok(Self { places, sizes: &options.sizes, rounds: options.rounds, scratch, stopwatch })
    }

    /// Measures the cases with these letters, or all.
    pub(crate) fn run(&self, letters: &[String]) -> Result<Vec<CaseResult>> {
        let chosen = |letter: &str| letters.is_empty() || letters.iter().any(|it| it == letter);
        let mut results = Vec::new();
        for (letter, measure) in KINDS.iter().filter(|(letter, _)| chosen(letter)) {
            results.extend(measure(self).with_context(|| format!("case {letter} failed"))?);
        }
        Ok(results)
    }

    pub(crate) fn clean_up(&self) -> Result<()> {
        Ok(remove(&self.scratch)?)
    }

    fn measure(&self, case: Case<'_>) -> Result<CaseResult> {
        output::error(format_args!("measuring ({}) {}", case.letter, case.name));
        let setup =
            Setup { stopwatch: &self.stopwatch, scratch: &self.scratch, rounds: self.rounds };
        setup.measure(case)
    }

    /// Returns the path of a program that was built for the bench.
    fn program(&self, name: &str) -> PathBuf {
        self.stopwatch.with_file_name(name)
    }

    /// Starts dsnap on a storage.
    fn dsnap(&self, storage: &Path) -> Invocation {
        Invocation::new(self.program("dsnap")).arg("--storage").arg(storage)
    }

    /// Starts a program of the original on a storage, if the original is installed.
    fn original(&self, storage: &Path) -> Option<Invocation> {
        let tool = self.places.original.as_ref()?.join("dirstorage_snapshot");
        Some(Invocation::new(tool).arg("--storage").arg(storage))
    }

    /// Makes a storage that was closed cleanly.
    fn clean_storage(&self, name: &str) -> Result<PathBuf> {
        let dir = self.scratch.join(name);
        Fixture::builder().state(State::Clean).build_in(&dir)?;
        Ok(dir)
    }
}

/// Copies what was built, as an installation does, and returns the copy of the stopwatch. A program that a linker has
/// just written starts more slowly, because it lies in memory in small pieces.
fn install(built: &Path, scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("programs");
    std::fs::create_dir(&folder)?;
    for name in BUILT {
        let (from, to) = (built.join(name), folder.join(name));
        std::fs::copy(&from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(folder.join(STOPWATCH))
}

/// Returns dsnap, and the other programs that are installed.
fn subjects<const N: usize>(
    dsnap: Invocation,
    others: [(&'static str, Option<Invocation>); N],
) -> Vec<Subject> {
    let others = others.into_iter().filter_map(|(name, it)| Some(Subject::new(name, it?)));
    [Subject::new("dsnap", dsnap)].into_iter().chain(others).collect()
}
