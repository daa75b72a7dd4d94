//! Runs one target under libFuzzer. Afterwards, keeps the inputs that reach new code, if asked to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use dsnap_fuzz::corpus;
use dsnap_fuzz::target::Target;
use dsnap_fuzz::targets::VARIABLE;
use tempfile::TempDir;
use xtask_base::output;
use xtask_base::process::{Finished, Program};

use crate::options::Options;
use crate::statistics::{self, Campaign};

/// The most inputs that a corpus in the repository contains.
const MAX_INPUTS: usize = 60;

/// What a target may use for one input: seconds, megabytes in all, and megabytes at a time. A leak shows in
/// the megabytes in all; to look for one after each input would take most of the time.
const LIMITS: [&str; 4] =
    ["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-detect_leaks=0"];

/// The folders of one target.
struct Folders {
    /// What libFuzzer found worth keeping, in this run and in earlier ones.
    found: PathBuf,
    /// The inputs of the repository.
    known: PathBuf,
    /// Inputs that failed.
    failed: PathBuf,
    /// What remains after the corpus was made smaller.
    merged: PathBuf,
    /// Files that targets write while they run. In memory, that is quick and wears out no disk.
    files: TempDir,
}

impl Folders {
    fn make(work: &Path, target: &Target) -> Result<Self> {
        let folder = work.join(target.name);
        let make = |name: &str| {
            let path = folder.join(name);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
            anyhow::Ok(path)
        };
        let memory = Path::new("/dev/shm");
        // Only what was found, and what failed, is of use later.
        for old in ["known", "merged"] {
            let _ = fs::remove_dir_all(folder.join(old));
        }
        let (found, failed) = (make("found")?, make("failed")?);
        // Inputs that failed earlier are tried again. Those that are mended count no more.
        for entry in fs::read_dir(&failed)? {
            let entry = entry?;
            fs::rename(entry.path(), found.join(entry.file_name()))?;
        }
        Ok(Self {
            found,
            known: make("known")?,
            failed,
            merged: make("merged")?,
            files: TempDir::new_in(if memory.is_dir() { memory } else { work })?,
        })
    }
}

/// Runs a target for its time.
///
/// # Errors
///
/// libFuzzer cannot be started, or files cannot be written.
pub(crate) fn run(target: &Target, options: &Options) -> Result<Campaign> {
    let folders = Folders::make(&options.work, target)?;
    for (number, input) in corpus::read(target.name)?.iter().enumerate() {
        fs::write(folders.known.join(number.to_string()), input)?;
    }
    let start = Instant::now();
    let finished = fuzz(target, options, &folders)?;
    let took = start.elapsed();
    if options.keep {
        keep(target, options, &folders)?;
    }
    let (executions, coverage) = statistics::of_log(&finished.stderr);
    let corpus = corpus::read(target.name)?.len();
    let findings = report(target, &folders)?;
    // It may also fail without an input: it cannot start, or the system kills it.
    ensure!(
        finished.success() || findings > 0,
        "{}: libFuzzer failed: {:#}",
        target.name,
        finished.failure()
    );
    ensure!(executions > 0, "{}: libFuzzer checked no input", target.name);
    Ok(Campaign { executions, coverage, corpus, findings, took })
}

fn fuzzer(target: &Target, options: &Options, folders: &Folders) -> Program {
    let longest = format!("-max_len={}", target.longest);
    let program = Program::new(&options.fuzzer).env(VARIABLE, target.name).arg(longest);
    program.args(LIMITS).env("TMPDIR", folders.files.path())
}

/// Runs libFuzzer, and returns what it wrote.
fn fuzz(target: &Target, options: &Options, folders: &Folders) -> Result<Finished> {
    let artifacts = format!("-artifact_prefix={}/", folders.failed.display());
    let time = format!("-max_total_time={}", options.seconds);
    let program = fuzzer(target, options, folders).args([&artifacts, &time]);
    let program = program.arg("-print_final_stats=1").args([&folders.found, &folders.known]);
    let finished = program.output()?;
    if !finished.success() {
        output::error(&finished.stderr);
    }
    Ok(finished)
}

/// Writes a small corpus that reaches what all inputs together reach.
fn keep(target: &Target, options: &Options, folders: &Folders) -> Result<()> {
    let program = fuzzer(target, options, folders).arg("-set_cover_merge=1");
    program.args([&folders.merged, &folders.known, &folders.found]).quiet()?;
    let mut inputs = corpus::read(target.name)?;
    let mut new = read_all(&folders.merged)?;
    // The inputs of the repository stay: they are also examples for readers.
    new.retain(|input| !inputs.contains(input));
    new.sort_by_key(Vec::len);
    // Short inputs and long ones reach different code, so some of each are taken.
    let room = MAX_INPUTS.saturating_sub(inputs.len());
    let step = new.len().div_ceil(room.max(1)).max(1);
    inputs.extend(new.into_iter().step_by(step).take(room));
    corpus::write(target.name, inputs)?;
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(fs::read(entry?.path())?)).collect()
}

/// Prints the inputs that failed, as a corpus file writes them.
fn report(target: &Target, folders: &Folders) -> Result<usize> {
    let inputs = read_all(&folders.failed)?;
    for input in &inputs {
        output::line(format_args!("{}: this input fails: {}", target.name, input.escape_ascii()));
    }
    Ok(inputs.len())
}
