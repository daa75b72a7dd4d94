//! (f): a call of a loaded method, which gets a process of its own, compared with a call of a linked one.
//!
//! `testkit/benches/calls.rs` makes the calls: the program that calls a loaded method is started again to
//! serve the call, so it must know how to do that.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use super::Bench;
use crate::results::{CaseResult, Measured, Sample};

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let Some(file) = &bench.places.calls else { return Ok(Vec::new()) };
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let times: BTreeMap<String, Vec<u64>> = serde_json::from_str(&text)?;
    let programs = ["loaded", "linked"].into_iter().map(|name| {
        let times =
            times.get(name).with_context(|| format!("{} has no {name} calls", file.display()))?;
        Ok(Measured::new(name, samples(times), None))
    });
    let programs = programs.collect::<Result<_>>()?;
    Ok(vec![CaseResult::new("f", "a call of a method".into(), None, programs)])
}

/// Only the wall time of a call is known.
fn samples(times: &[u64]) -> Vec<Sample> {
    times.iter().map(|&wall_us| Sample { wall_us, cpu_us: 0, peak_kib: 0 }).collect()
}
