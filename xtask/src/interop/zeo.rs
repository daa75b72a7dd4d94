//! Runs dsnap with real ZEO servers, while a real client commits, and real clients with the simulated
//! ZEO server.
//!
//! `interop/zeo/through_zeo.py` and `interop/zeo/simulated.py` have the cases: on a port and on a socket,
//! with and without a password. COMMAND is the real checkds.

use std::path::Path;
use std::time::Duration;
use std::{fs, panic, thread};

use anyhow::{Context, Result};

use super::install::{self, MAIN_ZEO, OTHER_ZEOS, ZeoServer};
use xtask_base::output;
use xtask_base::process::Program;

/// How long one case may take; it takes some seconds.
const CASE_TIMEOUT: Duration = Duration::from_secs(240);
/// The cases of one server.
const CASES: [&str; 4] = ["tcp", "tcp digest", "unix", "unix digest"];
/// A few cases, with each kind of address and each kind of login once.
const FEW_CASES: [&str; 2] = ["tcp", "unix digest"];

/// Which programs are tested, where the scripts and the installations are, and where the storages go.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) dsnap: &'a Path,
    pub(crate) testkit: &'a Path,
    pub(crate) scripts: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) scratch: &'a Path,
}

/// Runs a few cases with the server that is installed anyway, or all cases with `all` generations.
/// Prints a line for each server, and returns how many there were.
pub(crate) fn run(place: Place<'_>, all: bool) -> Result<usize> {
    output::line("interop: running dsnap with real ZEO servers while a real client commits");
    let (others, cases): (&[ZeoServer], &[&str]) =
        if all { (&OTHER_ZEOS, &CASES) } else { (&[], &FEW_CASES) };
    let servers: Vec<_> = others.iter().chain([&MAIN_ZEO]).collect();
    for (at, server) in servers.iter().enumerate() {
        let scratch = place.scratch.join(format!("zeo-{at}"));
        let done = run_cases(place, server, &scratch, cases);
        let Done { version, answers } = done.with_context(|| server.name)?;
        let cases = cases.join(", ");
        output::line(format_args!(
            "interop: {:<12}  {version:<5}  passed: {cases}; {answers} answers of the simulated server are the same",
            server.name
        ));
    }
    Ok(servers.len())
}

/// What the cases of a server found.
struct Done {
    /// The version that the server announces.
    version: String,
    /// How many answers of the simulated server were compared with the real one's.
    answers: usize,
}

/// Runs cases with a server, side by side.
fn run_cases(place: Place<'_>, server: &ZeoServer, scratch: &Path, cases: &[&str]) -> Result<Done> {
    let programs = install::zeo(server, place.folder)?;
    fs::create_dir(scratch)?;
    let done: Vec<_> = thread::scope(|scope| {
        let programs = programs.as_path();
        let start = |&case| scope.spawn(move || run_case(place, programs, scratch, case));
        let started: Vec<_> = cases.iter().map(start).collect();
        let joined = started.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|ended| ended.unwrap_or_else(|e| panic::resume_unwind(e))).collect()
    });
    let done = done.into_iter().collect::<Result<Vec<_>>>()?;
    let answers = done.iter().map(|done| done.answers).sum();
    let version = done.into_iter().next().context("there are no cases")?.version;
    Ok(Done { version, answers })
}

fn run_case(place: Place<'_>, programs: &Path, scratch: &Path, case: &str) -> Result<Done> {
    let run = |name: &str, words: &[&str], program: &Path| {
        let python = Program::within(CASE_TIMEOUT, programs.join("python")).arg("-B");
        let script = python.arg(place.scripts.join("zeo").join(name)).args(words).arg(program);
        let folder = scratch.join(format!("{}-{name}", case.replace(' ', "-")));
        script.arg(folder).args(case.split(' ')).quiet()
    };
    let version = line_after("announced ", &run("through_zeo.py", &["run"], place.dsnap)?.stdout)?;
    let answers =
        line_after("compared ", &run("simulated.py", &[], place.testkit)?.stdout)?.parse()?;
    Ok(Done { version, answers })
}

/// Returns the rest of the line that begins with these words.
fn line_after(words: &str, output: &str) -> Result<String> {
    let line = output.lines().find_map(|line| line.strip_prefix(words));
    line.map(str::to_owned).with_context(|| format!("no line begins with `{words}`: {output}"))
}
