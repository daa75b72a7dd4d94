//! Recovers what a killed run or a power cut left of a wreck, and checks the result.
//!
//! - If `misc/snapshot` exists, `A/` is in the state that the file names.
//! - The next run brings the storage to the end state of an undisturbed run, with every committed transaction.
//! - The original tool does the same with a copy.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask_base::tree::{self, Times};

use crate::options::Options;
use crate::original;
use crate::point::{Broken, Kept, check, check_same, judge};
use crate::scratch::Scratch;
use crate::verdict::Verdict;
use crate::wreck::{self, PreparedWreck};

/// A copy of what was left, for the original, and the verdict on what dsnap made of it.
#[derive(Debug)]
pub(crate) struct Remains<'a> {
    ready: &'a PreparedWreck,
    point: String,
    verdict: Verdict,
    copy: PathBuf,
}

impl<'a> Remains<'a> {
    /// Makes the next run of a storage that was left, and judges it. `reached` is what the disturbance
    /// itself showed.
    pub(crate) fn of(
        ready: &'a PreparedWreck,
        point: String,
        storage: &Path,
        reached: Kept,
        options: &Options,
        scratch: &Scratch,
    ) -> Result<Self> {
        let copy = scratch.new_path("copies")?;
        if options.original.is_some() {
            tree::copy(storage, &copy)?;
        }
        let shown = match reached.and(snapshot_is_true(ready, storage)?) {
            Ok(()) => next_run(options, ready, storage)?,
            broken => broken,
        };
        let verdict = judge(shown, &point, storage, scratch)?;
        Ok(Self { ready, point, verdict, copy })
    }
}

/// Checks that `A/` is in the state that `misc/snapshot` names: as it was, or with everything.
pub(crate) fn snapshot_is_true(ready: &PreparedWreck, storage: &Path) -> Result<Kept> {
    let Ok(content) = fs::read(storage.join("misc/snapshot")) else { return Ok(Ok(())) };
    let before = fs::read(ready.template.join("misc/snapshot")).ok();
    let like = |other: &Path| tree::difference(other, storage, "A", Times::Compared);
    let as_before = before.as_ref() == Some(&content) && like(&ready.template)?.is_none();
    let is_true = as_before || content == b"shutdown" && like(&ready.expected)?.is_none();
    Ok(check(is_true, Verdict::Stale, || {
        format!(
            "misc/snapshot contains {:?}, but A/ is in another state",
            content.escape_ascii().to_string()
        )
    }))
}

/// Makes the next run, which must reach the end state of an undisturbed one.
pub(crate) fn next_run(options: &Options, ready: &PreparedWreck, storage: &Path) -> Result<Kept> {
    if let Err(error) = wreck::run(options, storage) {
        return Ok(Err(Broken::of(Verdict::Frozen, format!("the next run failed: {error:#}"))));
    }
    Ok(check_same(ready.difference(storage)?))
}

/// Lets the original recover the copies, and returns the verdicts on both tools.
pub(crate) fn with_original(
    options: &Options,
    scratch: &Scratch,
    all: &[Remains<'_>],
) -> Result<Vec<Verdict>> {
    let Some(bin) = &options.original else { return Ok(all.iter().map(|it| it.verdict).collect()) };
    let copies: Vec<_> = all.iter().map(|it| it.copy.clone()).collect();
    let errors = original::recover(bin, &copies)?;
    let judged = all.iter().zip(errors).map(|(remains, error)| {
        let shown = match error {
            Some(error) => Err(Broken::of(Verdict::Lost, error)),
            None => check_same(remains.ready.difference(&remains.copy)?),
        };
        let point = format!("{}, then the original", remains.point);
        let verdict = judge(shown, &point, &remains.copy, scratch)?;
        Ok(if remains.verdict == Verdict::Kept { verdict } else { remains.verdict })
    });
    judged.collect()
}
