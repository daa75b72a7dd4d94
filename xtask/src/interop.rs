//! `cargo xtask interop`: dsnap against the real DirectoryStorage 1.1.21, under Python 2.7.
//!
//! Storages are made, filled and crashed by the real code (`interop/make_storages.py` lists the
//! states); each goes through `rehearsal`, some through `killed`; in the end the real code opens
//! every result and compares every object with what was committed. Everything lies in
//! `target/interop` and is removed after a success, but for the installation. Tests without the
//! original are `test`'s.

mod install;
mod killed;
mod rehearsal;
mod tree;
mod zope;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{iter, panic, thread};

use anyhow::{Context, Result, bail, ensure};

use crate::process::Program;
use crate::{say, workspace};
use install::remove;
use rehearsal::{Tools, Wreck};

/// For making all storages, and for opening all results; each takes seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// One storage in so many goes through `killed`; prime to the number of formats and classes, so
/// that all of these have their turn.
const KILL_EVERY: usize = 7;

/// How many disagreements are shown in full.
const SHOWN: usize = 10;

/// Compares; `args` are the options of the help text.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    need(&["rsync", "cpio", "tar", "gzip", "find", "cp", "timeout"])?;
    let folder = workspace::target()?.join("interop");
    fs::create_dir_all(&folder)?;
    let real = install::directory_storage(&folder)?;
    let dsnap = options.dsnap.map_or_else(|| workspace::build(&["dsnap"]), Ok)?;
    let tools = Tools { dsnap, real, scripts: workspace::root().join("xtask/interop") };

    let scratch = folder.join("run");
    remove(&scratch)?;
    fs::create_dir(&scratch)?;
    let summary = compare(&tools, &scratch).inspect_err(|_| {
        say::line(format_args!("interop: everything is left in {}", scratch.display()))
    })?;
    if !options.keep {
        remove(&scratch)?;
    }
    say::line(summary);
    Ok(())
}

#[derive(Default)]
struct Options {
    dsnap: Option<PathBuf>,
    keep: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--keep" => options.keep = true,
                "--dsnap" => {
                    options.dsnap = Some(args.next().context("--dsnap needs a program")?.into())
                }
                _ => bail!("interop knows no {arg:?}"),
            }
        }
        Ok(options)
    }
}

fn need(programs: &[&str]) -> Result<()> {
    let missing = |program: &&&str| Program::new(program).arg("--version").output().is_err();
    let missing: Vec<&str> = programs.iter().filter(missing).copied().collect();
    ensure!(
        missing.is_empty(),
        "interop needs programs that are not installed: {}",
        missing.join(", ")
    );
    Ok(())
}

/// Everything between the installation and the tidying up; the line that sums it up.
fn compare(tools: &Tools, scratch: &Path) -> Result<String> {
    say::line("interop: making storages");
    let wrecks = make(tools, &scratch.join("storages"))?;
    let kill = killed::possible();
    if !kill {
        say::line(
            "interop: skipped: dsnap is not killed half-way, strace is absent or may not trace",
        );
    }
    let count = wrecks.len();
    say::line(format_args!("interop: {count} storages made, each now goes through both tools"));
    let done =
        rehearse(&wrecks, |at, wreck| one(tools, wreck, scratch, kill && at % KILL_EVERY == 3))?;
    let opened: Vec<_> = done.iter().flat_map(|(wreck, done)| wreck.opened(done)).collect();
    say::line(format_args!("interop: opening {} repaired and restored storages", opened.len()));
    let counts = read_back(tools, scratch, &opened)?;
    notices_a_disagreement(tools, scratch, &opened)?;
    let kills: usize = done.iter().map(|(_, done)| done.kills).sum();
    ensure!(kills > 0 || !kill, "strace killed dsnap at none of its changes");
    say::line("interop: the simulated site, asked by the original and by Python's client");
    let asked = zope::ask(tools, scratch)?;
    Ok(format!(
        "interop: {count} storages, {counts} compared, dsnap killed {kills} times; {asked} calls to the simulated site"
    ))
}

/// What became of one wreck.
struct Done {
    storages: Vec<PathBuf>,
    kills: usize,
}

fn one(tools: &Tools, wreck: &Wreck, scratch: &Path, kill: bool) -> Result<Done> {
    let folder = scratch.join(&wreck.name);
    let rehearsed = rehearsal::run(tools, wreck, &folder)?;
    let kills =
        if kill { killed::everywhere(tools, wreck, &rehearsed.original, &folder)? } else { 0 };
    Ok(Done { storages: rehearsed.storages, kills })
}

fn python(tools: &Tools, script: &str) -> Program {
    Program::within(LIMIT, tools.real.join("python")).arg("-B").arg(tools.scripts.join(script))
}

fn make(tools: &Tools, folder: &Path) -> Result<Vec<Wreck>> {
    fs::create_dir(folder)?;
    let made = python(tools, "make_storages.py").arg(folder).quiet()?;
    let wreck = |name: &str| Wreck {
        name: name.to_owned(),
        storage: folder.join(name),
        ledger: folder.join(format!("{name}.ledger")),
    };
    Ok(made.stdout.lines().map(wreck).collect())
}

/// A storage to be opened, and what was committed to it.
type Opened<'a> = (&'a Path, &'a Path);

impl Wreck {
    fn opened<'a>(&'a self, done: &'a Done) -> impl Iterator<Item = Opened<'a>> {
        done.storages.iter().map(|storage| (storage.as_path(), self.ledger.as_path()))
    }
}

/// Does `work` with every wreck, on as many threads as there are processors.
fn rehearse<T: Send>(
    wrecks: &[Wreck],
    work: impl Fn(usize, &Wreck) -> Result<T> + Sync,
) -> Result<Vec<(&Wreck, T)>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let wrecks = iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            Some((at, wrecks.get(at)?))
        });
        wrecks.map(|(at, wreck)| (wreck, work(at, wreck))).collect::<Vec<_>>()
    };
    let all = thread::scope(|scope| {
        let count = thread::available_parallelism().map_or(2, usize::from);
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(worker)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.flat_map(|done| done.unwrap_or_else(|e| panic::resume_unwind(e))).collect()
    });
    succeeded(all)
}

/// What was done, or what failed, line by line.
fn succeeded<T>(all: Vec<(&Wreck, Result<T>)>) -> Result<Vec<(&Wreck, T)>> {
    let (count, mut done, mut failed) = (all.len(), Vec::new(), Vec::new());
    for (wreck, result) in all {
        match result {
            Ok(result) => done.push((wreck, result)),
            Err(e) => failed.push(format!("{}: {e:#}", wreck.name)),
        }
    }
    failed.sort();
    for failure in failed.iter().take(SHOWN) {
        say::line(failure.trim_end());
    }
    let number = failed.len();
    ensure!(number == 0, "{number} of {count} storages failed; at most {SHOWN} are shown");
    Ok(done)
}

/// Opens every result with the real code; how much was compared.
fn read_back(tools: &Tools, scratch: &Path, opened: &[Opened<'_>]) -> Result<String> {
    let list = list(&scratch.join("list"), opened)?;
    let compared = python(tools, "read_back.py").arg(list).quiet()?;
    let counts: Vec<&str> = compared.stdout.split_whitespace().skip(1).collect();
    let [storages, transactions, objects] = counts[..] else {
        bail!("unclear: {}", compared.stdout)
    };
    Ok(format!("with their copies {storages}: {transactions} transactions, {objects} objects"))
}

fn list(file: &Path, opened: &[Opened<'_>]) -> Result<PathBuf> {
    let lines = opened
        .iter()
        .map(|(storage, ledger)| format!("{}\t{}\n", storage.display(), ledger.display()));
    fs::write(file, lines.collect::<String>())?;
    Ok(file.to_owned())
}

/// A comparison that cannot fail proves nothing: against another storage's ledger it must.
fn notices_a_disagreement(tools: &Tools, scratch: &Path, opened: &[Opened<'_>]) -> Result<()> {
    let first = opened.first().context("no storage was made")?;
    let foreign = opened
        .iter()
        .find(|(_, ledger)| *ledger != first.1)
        .context("only one storage was made")?;
    let list = list(&scratch.join("list-of-a-wrong-one"), &[(first.0, foreign.1)])?;
    let compared = python(tools, "read_back.py").arg(list).output()?;
    ensure!(!compared.success(), "read_back.py does not notice a wrong ledger");
    Ok(())
}
