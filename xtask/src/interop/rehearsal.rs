//! What is done with copies of one crashed storage.
//!
//! The original tool and dsnap recover one copy each; the results must be the same. On a third
//! copy dsnap runs an administrator's backup programs in one snapshot, and their backups are
//! restored. The real code, in `interop/*.py`, makes the storages and opens the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use xtask_base::process::{Finished, Program};
use xtask_base::tree::{Times, difference};

/// How long one program may take; the slowest takes a second.
const STEP_TIMEOUT: Duration = Duration::from_secs(120);

/// What must be the same after either tool. Each writes `misc/snapshot` at its own time.
const COMPARED: &[(&str, Times)] = &[
    ("A", Times::Compared),
    ("B", Times::Compared),
    ("journal", Times::Compared),
    ("misc/snapshot", Times::Ignored),
    ("misc/replica.previous", Times::Compared),
];

/// The programs to compare, and the folder of the scripts.
pub(crate) struct Tools {
    pub(crate) dsnap: PathBuf,
    /// The folder of the real DirectoryStorage's programs.
    pub(crate) real: PathBuf,
    pub(crate) scripts: PathBuf,
}

/// A storage as its crash left it.
pub(crate) struct Crashed {
    /// `STATE-FORMAT-CLASS`.
    pub(crate) name: String,
    pub(crate) storage: PathBuf,
    pub(crate) ledger: PathBuf,
}

impl Tools {
    pub(crate) fn original(&self) -> PathBuf {
        self.real.join("dirstorage_snapshot")
    }
}

impl Crashed {
    fn class(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }
}

/// The results of a rehearsal.
pub(crate) struct Rehearsed {
    /// Storages that the real code must be able to open, with everything that was committed.
    pub(crate) storages: Vec<PathBuf>,
    /// The copy that the original tool recovered.
    pub(crate) original: PathBuf,
}

/// Does everything in `folder`, which must not exist yet.
pub(crate) fn run(tools: &Tools, crashed: &Crashed, folder: &Path) -> Result<Rehearsed> {
    fs::create_dir(folder)?;
    let original = copy(crashed, &folder.join("original"))?;
    let recovered = copy(crashed, &folder.join("dsnap"))?;
    snapshot(&tools.original(), &original)?;
    snapshot(&tools.dsnap, &recovered)?;
    check_same(&original, &recovered)?;
    let backed_up = copy(crashed, &folder.join("worked"))?;
    back_up(tools, crashed, &backed_up, folder)
        .context("backup programs in a snapshot by dsnap")?;
    let mut storages = restore_all(crashed, &backed_up, folder)?;
    storages.extend([recovered, backed_up]);
    Ok(Rehearsed { storages, original })
}

/// Copies a crashed storage.
pub(crate) fn copy(crashed: &Crashed, to: &Path) -> Result<PathBuf> {
    Program::within(STEP_TIMEOUT, "cp").arg("-a").arg(&crashed.storage).arg(to).quiet()?;
    Ok(to.to_owned())
}

/// Enters and leaves a snapshot of a storage, with either tool.
pub(crate) fn snapshot(tool: &Path, storage: &Path) -> Result<()> {
    Program::within(STEP_TIMEOUT, tool).arg("--storage").arg(storage).arg("true").quiet()?;
    Ok(())
}

/// Checks that dsnap left a storage as the original tool did.
pub(crate) fn check_same(original: &Path, ours: &Path) -> Result<()> {
    for (part, times) in COMPARED {
        if let Some(difference) = difference(original, ours, part, *times)? {
            bail!("the original tool (left) and dsnap (right) differ: {difference}");
        }
    }
    Ok(())
}

/// Runs `in_snapshot.sh` in a snapshot by dsnap.
fn back_up(tools: &Tools, crashed: &Crashed, storage: &Path, copies: &Path) -> Result<()> {
    fs::create_dir(storage.join("backups"))?;
    let dsnap = Program::within(STEP_TIMEOUT, &tools.dsnap)
        .path_first(&tools.real)?
        .arg("--storage")
        .arg(storage);
    let command =
        dsnap.arg("sh").arg(tools.scripts.join("in_snapshot.sh")).arg(storage).arg(copies);
    let finished = command.arg(crashed.class()).quiet()?;
    check_messages(&finished)?;
    check_last_transaction(crashed, copies)
}

/// Checks that dsnap wrote the lines that scripts know.
fn check_messages(finished: &Finished) -> Result<()> {
    for line in
        ["Entered snapshot using direct access", "Locked snapshot mode", "Unlocked snapshot mode"]
    {
        if !finished.stderr.lines().any(|written| written == line) {
            return Err(finished.failure().context(format!("this line is missing: {line}")));
        }
    }
    Ok(())
}

/// Checks that SNAPSHOT_TID, as COMMAND saw it, is the last committed transaction.
fn check_last_transaction(crashed: &Crashed, copies: &Path) -> Result<()> {
    let ledger = fs::read_to_string(&crashed.ledger)?;
    let committed = ledger.lines().filter_map(|line| line.strip_prefix("tid ")).next_back();
    let seen = fs::read_to_string(copies.join("tid"))?;
    let committed = committed.context("the ledger has no transaction")?;
    ensure!(
        seen.trim().eq_ignore_ascii_case(committed),
        "SNAPSHOT_TID is {}, but the last committed transaction is {committed}",
        seen.trim()
    );
    Ok(())
}

/// Restores every copy that was made in the snapshot.
fn restore_all(crashed: &Crashed, backed_up: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut storages = Vec::new();
    for program in ["rsync", "tar", "cp"] {
        let storage = folder.join(program);
        storages
            .push(restore(&storage).with_context(|| format!("restoring the copy by {program}"))?);
    }
    if crashed.class() == "Full" {
        let storage = folder.join("backup");
        storages.push(
            unpack(backed_up, &storage).context("restoring the archive of dirstorage_backup")?,
        );
    }
    Ok(storages)
}

/// Makes a storage of a copy of `A` and `config`, as docs/restore.md says.
fn restore(storage: &Path) -> Result<PathBuf> {
    for folder in ["B", "journal", "misc"] {
        fs::create_dir(storage.join(folder))?;
    }
    Ok(storage.to_owned())
}

/// Unpacks the archive of dirstorage_backup, which contains the empty folders, too.
fn unpack(backed_up: &Path, to: &Path) -> Result<PathBuf> {
    fs::create_dir(to)?;
    let archive = backed_up.join("backups/backup-1.tgz");
    Program::within(STEP_TIMEOUT, "tar").arg("-C").arg(to).arg("-xzpf").arg(archive).quiet()?;
    Ok(to.to_owned())
}
