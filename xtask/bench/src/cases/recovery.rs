//! (c) and (d): the recovery of a storage that a crash left full.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use dsnap_testkit::Format;

use super::{Bench, subjects};
use crate::process::Invocation;
use crate::results::CaseResult;
use crate::subject::{Case, Steps};
use crate::wreck::{Wreck, write_plan};

/// How many files, and how often they are recovered by each program.
type Size = (u64, usize);

const SIZES: [Size; 2] = [(2_000, 12), (20_000, 6)];
/// Only with `--full`.
const LARGE: [Size; 2] = [(200_000, 3), (1_000_000, 2)];
/// The files of a full `B/`, and those with `--full`.
const IN_B: Size = (20_000, 6);
const LARGE_IN_B: Size = (200_000, 3);
/// The original takes minutes for more.
const MAX_FOR_ORIGINAL: u64 = 200_000;
/// Tracing makes each call much slower.
const MAX_COUNTED: u64 = 2_000;

/// Measures (c): recoveries of a full `journal/`.
pub(super) fn of_journals(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let usual = SIZES.map(|size| (size, true));
    let large = LARGE.map(|size| (size, bench.sizes.full));
    let chosen = usual.into_iter().chain(large).filter(|((files, _), by_default)| {
        bench.sizes.files.as_ref().map_or(*by_default, |only| *only == files.to_string())
    });
    measure_all(bench, "c", chosen.map(|(size, _)| size), false)
}

/// Measures (d): recoveries of a full `B/`.
pub(super) fn of_b(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let size = if bench.sizes.full { LARGE_IN_B } else { IN_B };
    measure_all(bench, "d", [size], true)
}

fn measure_all(
    bench: &Bench<'_>,
    letter: &'static str,
    sizes: impl IntoIterator<Item = Size>,
    in_b: bool,
) -> Result<Vec<CaseResult>> {
    let mut results = Vec::new();
    for (files, rounds) in sizes {
        for (format, sync) in [
            (Format::Bushy, true),
            (Format::Chunky, true),
            (Format::Bushy, false),
            (Format::Chunky, false),
        ] {
            let wreck = Wreck { format, sync, files, in_b };
            results.push(measure(bench, letter, wreck, rounds)?);
        }
    }
    Ok(results)
}

fn measure(
    bench: &Bench<'_>,
    letter: &'static str,
    wreck: Wreck,
    rounds: usize,
) -> Result<CaseResult> {
    let (storage, plan) = (bench.scratch.join("wreck"), bench.scratch.join("plan"));
    wreck.make(&storage)?;
    write_plan(wreck, &storage, &plan)?;
    let floor = Invocation::new(bench.program("bench-floor")).arg(&plan).arg(&storage);
    let original = bench.original(&storage).filter(|_| wreck.files <= MAX_FOR_ORIGINAL);
    let mut recovered = None;
    let case = Case {
        letter,
        name: name(wreck),
        files: Some(wreck.files),
        rounds,
        counts_calls: wreck.files <= MAX_COUNTED,
        subjects: subjects(
            bench.dsnap(&storage).arg("true"),
            [("original", original.map(|it| it.arg("true"))), ("floor", Some(floor))],
        ),
        steps: Steps {
            prepare: Box::new(|| wreck.make(&storage)),
            check: Box::new(|| check(&storage, &mut recovered)),
        },
    };
    bench.measure(case)
}

/// Checks that nothing is left to recover, and that each program leaves as many files in `A/` as the
/// first one did.
fn check(storage: &Path, recovered: &mut Option<usize>) -> Result<()> {
    for folder in ["B", "journal"] {
        ensure!(
            fs::read_dir(storage.join(folder))?.next().is_none(),
            "{folder}/ is not empty after the recovery"
        );
    }
    let files = files_below(&storage.join("A"))?;
    let expected = *recovered.get_or_insert(files);
    ensure!(files == expected, "A/ contains {files} files instead of {expected}");
    Ok(())
}

fn files_below(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() { files_below(&entry.path())? } else { 1 };
    }
    Ok(files)
}

fn name(wreck: Wreck) -> String {
    let place = if wreck.in_b { "B" } else { "journal" };
    let sync = if wreck.sync { "on" } else { "off" };
    format!("{} files in {place}, {}, sync {sync}", grouped(wreck.files), wreck.format.name())
}

/// Writes a number with a blank between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_stands_between_thousands() {
        assert_eq!([2, 20_000, 1_000_000].map(grouped), ["2", "20 000", "1 000 000"]);
    }
}
