//! (e): the start alone.

use anyhow::Result;

use super::{Bench, QUICK_ROUNDS, subjects};
use crate::process::Invocation;
use crate::results::CaseResult;
use crate::subject::{Case, Steps};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let dsnap = Invocation::new(bench.program("dsnap")).arg("--version");
    let empty = Invocation::new(bench.program("bench-empty"));
    let case = Case {
        letter: "e",
        name: "the start alone (`--version`)".into(),
        files: None,
        rounds: 2 * QUICK_ROUNDS,
        counts_calls: true,
        subjects: subjects(dsnap, [("floor", Some(empty))]),
        steps: Steps::none(),
    };
    Ok(vec![bench.measure(case)?])
}
