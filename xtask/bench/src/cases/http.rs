//! (b): a run over HTTP to the simulated Zope, and a run inside a run.
//!
//! curl makes the same calls to the same Zope, in one process, after the record that dsnap keeps on disk
//! was written and synced once. The original gets a correction, without which it cannot speak HTTP on any
//! Python 2.7.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use dsnap_testkit::Site;

use super::{Bench, QUICK_ROUNDS, subjects};
use crate::process::Invocation;
use crate::results::CaseResult;
use crate::subject::{Case, Steps, Subject};

/// What dsnap asks during a run, in order.
const CALLS: [(&str, bool); 4] = [
    ("currentSnapshotCode", false),
    ("enterSnapshot", true),
    ("currentSnapshotCode", false),
    ("leaveSnapshot", true),
];
/// What the simulated Zope accepts.
const USER: &str = "admin:adminpass";
/// How long the simulated server may take to merge `B/` after a snapshot.
const RECOMBINED_WITHIN: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<CaseResult>> {
    let storage = bench.scratch.join("site");
    let site = Site::builder().storage(&storage).start()?;
    let url = site.urls().into_iter().next().context("the site has no Zope")?;
    let curl = curl(&url, &bench.scratch)?.after_record(&storage.join("misc/record"));
    let original = original(bench, &storage);
    let single = case(
        "a run over HTTP",
        subjects(
            bench.dsnap(&storage).arg("true"),
            [("original", original.clone().map(|it| it.arg("true"))), ("curl", Some(curl))],
        ),
        &site,
    );
    let inner = |outer: Invocation, words: Vec<OsString>| outer.args(words).arg("true");
    let dsnap = bench.dsnap(&storage);
    let nested = case(
        "a run inside a run over HTTP",
        subjects(
            inner(dsnap.clone(), dsnap.words().to_vec()),
            [("original", original.map(|it| inner(it.clone(), it.words().to_vec())))],
        ),
        &site,
    );
    let results = vec![bench.measure(single)?, bench.measure(nested)?];
    site.stop_server()?;
    Ok(results)
}

fn case<'a>(name: &str, subjects: Vec<Subject>, site: &'a Site) -> Case<'a> {
    Case {
        letter: "b",
        name: name.into(),
        files: None,
        rounds: QUICK_ROUNDS,
        counts_calls: true,
        subjects,
        steps: Steps::preparing(|| wait_until_recombined(site)),
    }
}

/// Waits until the server has merged `B/` back after the last snapshot.
pub(super) fn wait_until_recombined(site: &Site) -> Result<()> {
    let began = Instant::now();
    let in_snapshot = || site.server().and_then(|server| server.code()).map(|code| code.is_some());
    while in_snapshot().map_err(|error| anyhow!("the simulated server failed: {error:?}"))? {
        ensure!(began.elapsed() < RECOMBINED_WITHIN, "the simulated server does not recombine");
        sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Makes the same calls with curl, over one connection.
fn curl(url: &str, scratch: &Path) -> Result<Invocation> {
    let mut curl = Invocation::new("curl").arg("--fail-early");
    for (number, (method, has_code)) in CALLS.into_iter().enumerate() {
        let body = scratch.join(format!("call-{number}.xml"));
        fs::write(&body, xml(method, has_code))?;
        let mut data = OsString::from("@");
        data.push(body);
        curl = if number == 0 { curl } else { curl.arg("--next") };
        curl = curl.args(["-sSf", "--user", USER, "-H", "Content-Type: text/xml"]);
        curl = curl.args(["--noproxy", "*", "--data-binary"]).arg(data).arg(url);
    }
    Ok(curl)
}

fn xml(method: &str, has_code: bool) -> String {
    let code = "<param><value><string>bench-1</string></value></param>";
    let params = if has_code { code } else { "" };
    format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>\n"
    )
}

/// Starts the original with the correction.
pub(super) fn original(bench: &Bench<'_>, storage: &Path) -> Option<Invocation> {
    let python = bench.places.original.as_ref()?.join("python");
    let script = bench.places.root.join("xtask/bench/original_over_http.py");
    Some(Invocation::new(python).arg("-B").arg(script).arg("--storage").arg(storage))
}
