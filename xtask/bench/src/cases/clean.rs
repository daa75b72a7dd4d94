//! (a): a run on a storage that was closed cleanly, without a server.

use anyhow::Result;

use super::{Bench, QUICK_ROUNDS, subjects};
use crate::process::Invocation;
use crate::results::CaseResult;
use crate::subject::{Case, Steps};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let storage = bench.clean_storage("clean")?;
    let lock = bench.scratch.join("lock");
    let flock = Invocation::new("flock").arg(&lock).arg("true");
    let original = bench.original(&storage).map(|it| it.arg("true"));
    let case = Case {
        letter: "a",
        name: "a run on a clean storage".into(),
        files: None,
        rounds: QUICK_ROUNDS,
        counts_calls: true,
        subjects: subjects(
            bench.dsnap(&storage).arg("true"),
            [("original", original), ("flock", Some(flock))],
        ),
        steps: Steps::none(),
    };
    Ok(vec![bench.measure(case)?])
}
