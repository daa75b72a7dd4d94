//! (h): how long the storage is frozen beyond COMMAND's own time and the server's.
//!
//! A proxy between dsnap and the Zope notes when the answer to the enter passes, and when the request to
//! leave does. COMMAND notes its own first and last instant. The rest is the time that dsnap adds
//! while the storage is frozen. It includes the start and the end of COMMAND's process.

mod proxy;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dsnap_testkit::Site;

use super::http::{original, wait_until_recombined};
use super::{Bench, QUICK_ROUNDS};
use crate::output;
use crate::process::Invocation;
use crate::results::{CaseResult, Measured, Sample};
use proxy::Proxy;

/// How long COMMAND runs.
const MILLIS: &str = "20";

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let (storage, instants) = (bench.scratch.join("frozen"), bench.scratch.join("instants"));
    let site = Site::builder().storage(&storage).start()?;
    let url = site.urls().into_iter().next().context("the site has no Zope")?;
    let proxy = Proxy::start(&url)?;
    let conf = format!("http {} access\n", proxy.url());
    fs::write(storage.join("config/snapshot.conf"), conf)?;
    let with_command =
        |tool: Invocation| tool.arg(bench.program("bench-command")).arg(&instants).arg(MILLIS);
    let tools = [("dsnap", Some(bench.dsnap(&storage))), ("original", original(bench, &storage))];
    let tools = tools.into_iter().filter_map(|(name, tool)| Some((name, with_command(tool?))));
    let tools: Vec<_> = tools.collect();
    output::error("measuring (h) the time frozen beyond COMMAND's own");
    let mut programs: Vec<_> =
        tools.iter().map(|(name, _)| Measured::new(name, Vec::new(), None)).collect();
    for _ in 0..bench.rounds.unwrap_or(QUICK_ROUNDS) {
        for ((_, tool), program) in tools.iter().zip(&mut programs) {
            wait_until_recombined(&site)?;
            program.samples.push(run(tool, &proxy, &instants)?);
        }
    }
    site.stop_server()?;
    let name = "the time frozen beyond COMMAND's own".into();
    Ok(vec![CaseResult::new("h", name, None, programs)])
}

/// Runs a tool, and measures what it adds to the time of COMMAND.
fn run(tool: &Invocation, proxy: &Proxy, instants: &Path) -> Result<Sample> {
    proxy.forget();
    tool.finish()?;
    let frozen = proxy.frozen().context("the proxy saw no snapshot")?;
    let command = own_time(instants)?;
    ensure!(frozen >= command, "COMMAND ran longer than the storage was frozen");
    let wall_us = u64::try_from((frozen - command).as_micros())?;
    Ok(Sample { wall_us, cpu_us: 0, peak_kib: 0 })
}

/// Reads the instants that COMMAND wrote.
fn own_time(instants: &Path) -> Result<Duration> {
    let text = fs::read_to_string(instants).context("COMMAND wrote no instants")?;
    let (first, last) =
        text.trim().split_once(' ').context("COMMAND did not write two instants")?;
    Ok(Duration::from_micros(last.parse::<u64>()? - first.parse::<u64>()?))
}
