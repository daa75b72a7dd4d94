//! (g): a run on a clean storage whose `snapshot.conf` has ten thousand lines.
//!
//! All lines are read; the first one works. The file stays below the size that dsnap accepts.

use std::fs;

use anyhow::Result;

use super::{Bench, QUICK_ROUNDS, subjects};
use crate::results::CaseResult;
use crate::subject::{Case, Steps};

const LINES: usize = 10_000;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let storage = bench.clean_storage("conf")?;
    let others =
        (1..LINES).map(|number| format!("http http://zope{number}:8080/DSToolkit access\n"));
    let conf = ["direct\n".to_owned()].into_iter().chain(others).collect::<String>();
    fs::write(storage.join("config/snapshot.conf"), conf)?;
    let short = bench.clean_storage("short-conf")?;
    let original = bench.original(&storage).map(|it| it.arg("true"));
    let case = Case {
        letter: "g",
        name: "a run with a conf of 10 000 lines".into(),
        files: None,
        rounds: QUICK_ROUNDS,
        counts_calls: true,
        subjects: subjects(
            bench.dsnap(&storage).arg("true"),
            [("original", original), ("no conf", Some(bench.dsnap(&short).arg("true")))],
        ),
        steps: Steps::none(),
    };
    Ok(vec![bench.measure(case)?])
}
