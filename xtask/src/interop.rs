//! `cargo xtask interop`: compares dsnap with the real DirectoryStorage 1.1.21, under Python 2.7, also
//! behind real ZEO servers, and the simulated Zope with a real Zope 5, under Python 3.
//!
//! The real code makes, fills and crashes storages; `interop/make_storages.py` lists the states.
//! Each storage goes through `rehearsal`, some also through `kill`. In the end the real code opens
//! every result and compares every object with what was committed. Everything is in
//! `target/interop`; after a success only the installation stays there. Tests without the real
//! code are the task of `test`.

pub(crate) mod install;
mod kill;
mod rehearsal;
mod zeo;
mod zope;
mod zope5;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{iter, panic, thread};

use anyhow::{Context, Result, bail, ensure};

use rehearsal::{Crashed, Tools};
use xtask_base::process::Program;
use xtask_base::python::remove;
use xtask_base::{output, workspace};

/// How long making all storages, or opening all results, may take; each takes seconds.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(300);

/// One storage in so many goes through `kill`. No format or class is left out, because the number
/// has no common factor with how many of them there are.
const KILL_EVERY: usize = 7;

/// How many failures are shown in full.
const MAX_FAILURES_SHOWN: usize = 10;

/// Installs what the task needs without arguments.
pub(crate) fn prepare() -> Result<()> {
    let folder = folder()?;
    install::directory_storage(&folder)?;
    install::zope5(&folder).map(drop)
}

/// The folder of everything.
fn folder() -> Result<PathBuf> {
    let folder = workspace::target()?.join("interop");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Compares the two; the help text explains `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    let folder = folder()?;
    let scratch = folder.join("run");
    remove(&scratch)?;
    fs::create_dir(&scratch)?;
    let summary = run_parts(&options, &folder, &scratch).inspect_err(|_| {
        output::line(format_args!("interop: the storages are left in {}", scratch.display()))
    })?;
    if !options.keep {
        remove(&scratch)?;
    }
    output::line(summary);
    Ok(())
}

/// Installs what the parts need, and runs them; returns a line that sums them up.
fn run_parts(options: &Options, folder: &Path, scratch: &Path) -> Result<String> {
    check_programs(&["rsync", "cpio", "tar", "gzip", "find", "cp", "timeout"])?;
    let scripts = workspace::root().join("xtask/interop");
    let (dsnap, testkit) = (options.dsnap()?, workspace::build()?.join("dsnap-testkit"));
    let place = zeo::Place { dsnap: &dsnap, testkit: &testkit, scripts: &scripts, folder, scratch };
    if options.only_zeo {
        let count = zeo::run(place, options.all)?;
        return Ok(format!("interop: dsnap entered and left with {count} real ZEO servers"));
    }
    let real = if options.only_zope5 { None } else { Some(install::directory_storage(folder)?) };
    let modules = install::zope5(folder)?;
    let zope5 = || zope5::compare(&dsnap, &testkit, &scripts, &modules, scratch);
    let Some(real) = real else {
        return Ok(format!("interop: {} answers of Zope 5 compared", zope5()?));
    };
    let tools = Tools { dsnap: dsnap.clone(), real, scripts: scripts.clone() };
    let (answers, summary) = together(
        || zeo::run(place, options.all).and_then(|_| zope5()),
        || compare(&tools, &testkit, scratch),
    );
    Ok(format!("{}; {} answers of Zope 5 compared", summary?, answers?))
}

/// Runs work that mostly waits for servers in parallel with work that mostly computes.
fn together<T: Send, U>(
    waiting: impl FnOnce() -> T + Send,
    computing: impl FnOnce() -> U,
) -> (T, U) {
    thread::scope(|scope| {
        let waiting = scope.spawn(waiting);
        let computed = computing();
        (waiting.join().unwrap_or_else(|e| panic::resume_unwind(e)), computed)
    })
}

#[derive(Default)]
struct Options {
    dsnap: Option<PathBuf>,
    only_zope5: bool,
    only_zeo: bool,
    /// Also with the generations of ZEO that take two minutes to install, and talk the same.
    all: bool,
    keep: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--keep" => options.keep = true,
                "--zope5" => options.only_zope5 = true,
                "--zeo" => options.only_zeo = true,
                "--all" => options.all = true,
                "--dsnap" => {
                    options.dsnap =
                        Some(args.next().context("--dsnap needs the path of a program")?.into())
                }
                _ => bail!("interop has no option {arg:?}"),
            }
        }
        Ok(options)
    }
}

impl Options {
    /// Returns the program to test, built if none was named.
    fn dsnap(&self) -> Result<PathBuf> {
        self.dsnap.clone().map_or_else(|| Ok(workspace::build()?.join("dsnap")), Ok)
    }
}

/// Checks that these programs are installed.
fn check_programs(programs: &[&str]) -> Result<()> {
    let missing = |program: &&&str| Program::new(program).arg("--version").output().is_err();
    let missing: Vec<&str> = programs.iter().filter(missing).copied().collect();
    ensure!(
        missing.is_empty(),
        "interop needs programs that are not installed: {}",
        missing.join(", ")
    );
    Ok(())
}

/// Makes the storages and does all comparisons; returns a line that sums them up.
fn compare(tools: &Tools, testkit: &Path, scratch: &Path) -> Result<String> {
    output::line("interop: making storages");
    let storages = make_storages(tools, &scratch.join("storages"))?;
    let can_kill = kill::is_possible();
    if !can_kill {
        output::line(
            "interop: skipped: killing dsnap half-way; strace is not installed or may not trace",
        );
    }
    let count = storages.len();
    output::line(format_args!("interop: running both tools on {count} storages"));
    let done = in_parallel(&storages, |at, storage| {
        rehearse(tools, storage, scratch, can_kill && at % KILL_EVERY == 3)
    })?;
    let results: Vec<_> =
        done.iter().flat_map(|(storage, outcome)| storage.results(outcome)).collect();
    output::line(format_args!(
        "interop: opening {} recovered and restored storages",
        results.len()
    ));
    let counts = read_back(tools, scratch, &results)?;
    check_wrong_ledger(tools, scratch, &results)?;
    let kills: usize = done.iter().map(|(_, outcome)| outcome.kills).sum();
    ensure!(kills > 0 || !can_kill, "strace never killed dsnap");
    output::line(
        "interop: calling the simulated site with the original tool and with Python's client",
    );
    let calls = zope::call_site(tools, testkit, scratch)?;
    Ok(format!(
        "interop: {count} storages; {counts} compared; dsnap killed {kills} times; {calls} calls to the simulated site"
    ))
}

/// What one storage led to.
struct Outcome {
    /// The storages that the real code must be able to open.
    results: Vec<PathBuf>,
    kills: usize,
}

/// Runs both tools on copies of a storage; with `kill`, also kills dsnap on further copies.
fn rehearse(tools: &Tools, storage: &Crashed, scratch: &Path, kill: bool) -> Result<Outcome> {
    let folder = scratch.join(&storage.name);
    let rehearsed = rehearsal::run(tools, storage, &folder)?;
    let kills =
        if kill { kill::at_every_change(tools, storage, &rehearsed.original, &folder)? } else { 0 };
    Ok(Outcome { results: rehearsed.storages, kills })
}

fn python(tools: &Tools, script: &str) -> Program {
    Program::within(SCRIPT_TIMEOUT, tools.real.join("python"))
        .arg("-B")
        .arg(tools.scripts.join(script))
}

fn make_storages(tools: &Tools, folder: &Path) -> Result<Vec<Crashed>> {
    fs::create_dir(folder)?;
    let made = python(tools, "make_storages.py").arg(folder).quiet()?;
    let crashed = |name: &str| Crashed {
        name: name.to_owned(),
        storage: folder.join(name),
        ledger: folder.join(format!("{name}.ledger")),
    };
    Ok(made.stdout.lines().map(crashed).collect())
}

/// A storage to be opened, and the ledger of what was committed to it.
type Opened<'a> = (&'a Path, &'a Path);

impl Crashed {
    fn results<'a>(&'a self, outcome: &'a Outcome) -> impl Iterator<Item = Opened<'a>> {
        outcome.results.iter().map(|storage| (storage.as_path(), self.ledger.as_path()))
    }
}

/// Calls `work` for every storage, on as many threads as there are processors.
fn in_parallel<T: Send>(
    storages: &[Crashed],
    work: impl Fn(usize, &Crashed) -> Result<T> + Sync,
) -> Result<Vec<(&Crashed, T)>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let storages = iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            Some((at, storages.get(at)?))
        });
        storages.map(|(at, storage)| (storage, work(at, storage))).collect::<Vec<_>>()
    };
    let all = thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.flat_map(|done| done.unwrap_or_else(|e| panic::resume_unwind(e))).collect()
    });
    all_succeeded(all)
}

/// Returns the results if there was no failure; otherwise prints the first failures.
fn all_succeeded<T>(all: Vec<(&Crashed, Result<T>)>) -> Result<Vec<(&Crashed, T)>> {
    let (count, mut done, mut failed) = (all.len(), Vec::new(), Vec::new());
    for (storage, result) in all {
        match result {
            Ok(result) => done.push((storage, result)),
            Err(e) => failed.push(format!("{}: {e:#}", storage.name)),
        }
    }
    failed.sort();
    for failure in failed.iter().take(MAX_FAILURES_SHOWN) {
        output::line(failure.trim_end());
    }
    let number = failed.len();
    ensure!(
        number == 0,
        "{number} of {count} storages failed; at most {MAX_FAILURES_SHOWN} are shown"
    );
    Ok(done)
}

/// Opens every result with the real code, and returns how much it compared.
fn read_back(tools: &Tools, scratch: &Path, results: &[Opened<'_>]) -> Result<String> {
    let list = list(&scratch.join("list"), results)?;
    let compared = python(tools, "read_back.py").arg(list).quiet()?;
    let counts: Vec<&str> = compared.stdout.split_whitespace().skip(1).collect();
    let [storages, transactions, objects] = counts[..] else {
        bail!("read_back.py printed an unexpected line: {}", compared.stdout)
    };
    Ok(format!("{storages} results with {transactions} transactions and {objects} objects"))
}

/// Writes the list of storages for read_back.py.
fn list(file: &Path, results: &[Opened<'_>]) -> Result<PathBuf> {
    let lines = results
        .iter()
        .map(|(storage, ledger)| format!("{}\t{}\n", storage.display(), ledger.display()));
    fs::write(file, lines.collect::<String>())?;
    Ok(file.to_owned())
}

/// Checks that the comparison fails if a storage is compared with the ledger of another one.
fn check_wrong_ledger(tools: &Tools, scratch: &Path, results: &[Opened<'_>]) -> Result<()> {
    let first = results.first().context("no storage was made")?;
    let other = results
        .iter()
        .find(|(_, ledger)| *ledger != first.1)
        .context("only one storage was made")?;
    let list = list(&scratch.join("list-with-a-wrong-ledger"), &[(first.0, other.1)])?;
    let compared = python(tools, "read_back.py").arg(list).output()?;
    ensure!(!compared.success(), "read_back.py accepts a wrong ledger");
    Ok(())
}
