//! One wrecked storage, and all that is done to copies of it.
//!
//! The original and dsnap repair one copy each, which must then be the same; on a third one
//! dsnap runs the administrator's programs in one snapshot, and what they copied is restored.
//! Making wrecks and opening the results is the work of the real code, in `interop/*.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::tree::{Times, difference};
use crate::process::{Finished, Program};

/// How long any one program may take; the slowest takes a second.
const LIMIT: Duration = Duration::from_secs(120);

/// What must be the same after either tool. `misc/snapshot` is written now, at two times.
const COMPARED: &[(&str, Times)] = &[
    ("A", Times::Compared),
    ("B", Times::Compared),
    ("journal", Times::Compared),
    ("misc/snapshot", Times::Ignored),
    ("misc/replica.previous", Times::Compared),
];

/// The programs, and where the Python and shell parts lie.
pub(crate) struct Tools {
    pub(crate) dsnap: PathBuf,
    /// The real DirectoryStorage's programs.
    pub(crate) real: PathBuf,
    pub(crate) scripts: PathBuf,
}

/// A storage as its crash left it, `STATE-FORMAT-CLASS`.
pub(crate) struct Wreck {
    pub(crate) name: String,
    pub(crate) storage: PathBuf,
    pub(crate) ledger: PathBuf,
}

impl Tools {
    pub(crate) fn original(&self) -> PathBuf {
        self.real.join("dirstorage_snapshot")
    }
}

impl Wreck {
    fn class(&self) -> &str {
        self.name.rsplit('-').next().unwrap_or_default()
    }
}

/// What is left of a rehearsal.
pub(crate) struct Rehearsed {
    /// Storages that the real code must be able to open, with everything committed in them.
    pub(crate) storages: Vec<PathBuf>,
    /// What the original alone made of the wreck.
    pub(crate) original: PathBuf,
}

/// Runs everything in `folder`, which is made.
pub(crate) fn run(tools: &Tools, wreck: &Wreck, folder: &Path) -> Result<Rehearsed> {
    fs::create_dir(folder)?;
    let original = copy(wreck, &folder.join("original"))?;
    let repaired = copy(wreck, &folder.join("dsnap"))?;
    snapshot(&tools.original(), &original)?;
    snapshot(&tools.dsnap, &repaired)?;
    same(&original, &repaired)?;
    let worked = copy(wreck, &folder.join("worked"))?;
    work(tools, wreck, &worked, folder).context("programs in one snapshot of dsnap")?;
    let mut storages = restored(wreck, &worked, folder)?;
    storages.extend([repaired, worked]);
    Ok(Rehearsed { storages, original })
}

/// The wreck, once more.
pub(crate) fn copy(wreck: &Wreck, to: &Path) -> Result<PathBuf> {
    Program::within(LIMIT, "cp").arg("-a").arg(&wreck.storage).arg(to).quiet()?;
    Ok(to.to_owned())
}

/// A snapshot of a storage by either tool, with nothing done in it.
pub(crate) fn snapshot(tool: &Path, storage: &Path) -> Result<()> {
    Program::within(LIMIT, tool).arg("--storage").arg(storage).arg("true").quiet()?;
    Ok(())
}

/// That dsnap left a storage as the original did.
pub(crate) fn same(original: &Path, ours: &Path) -> Result<()> {
    for (part, times) in COMPARED {
        if let Some(difference) = difference(original, ours, part, *times)? {
            bail!("by the original alone (left) and with dsnap (right): {difference}");
        }
    }
    Ok(())
}

/// dsnap, and in its snapshot all of `in_snapshot.sh`.
fn work(tools: &Tools, wreck: &Wreck, storage: &Path, copies: &Path) -> Result<()> {
    fs::create_dir(storage.join("backups"))?;
    let dsnap =
        Program::within(LIMIT, &tools.dsnap).path_first(&tools.real)?.arg("--storage").arg(storage);
    let command =
        dsnap.arg("sh").arg(tools.scripts.join("in_snapshot.sh")).arg(storage).arg(copies);
    let finished = command.arg(wreck.class()).quiet()?;
    said(&finished)?;
    last_transaction(wreck, copies)
}

/// The lines that scripts know.
fn said(finished: &Finished) -> Result<()> {
    for line in
        ["Entered snapshot using direct access", "Locked snapshot mode", "Unlocked snapshot mode"]
    {
        if !finished.stderr.lines().any(|said| said == line) {
            return Err(finished.failure().context(format!("not said: {line}")));
        }
    }
    Ok(())
}

/// SNAPSHOT_TID as COMMAND saw it is the last committed transaction.
fn last_transaction(wreck: &Wreck, copies: &Path) -> Result<()> {
    let ledger = fs::read_to_string(&wreck.ledger)?;
    let committed = ledger.lines().filter_map(|line| line.strip_prefix("tid ")).next_back();
    let seen = fs::read_to_string(copies.join("tid"))?;
    let committed = committed.context("a ledger without transactions")?;
    ensure!(
        seen.trim().eq_ignore_ascii_case(committed),
        "SNAPSHOT_TID is {}, committed was {committed}",
        seen.trim()
    );
    Ok(())
}

/// Storages made of everything that was copied in the snapshot.
fn restored(wreck: &Wreck, worked: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut storages = Vec::new();
    for way in ["rsync", "tar", "cp"] {
        let storage = folder.join(way);
        storages.push(restore(&storage).with_context(|| format!("restored after {way}"))?);
    }
    if wreck.class() == "Full" {
        let storage = folder.join("backup");
        storages.push(unpack(worked, &storage).context("restored from dirstorage_backup")?);
    }
    Ok(storages)
}

/// Makes a storage of a copied `A` and `config`, as the README says.
fn restore(storage: &Path) -> Result<PathBuf> {
    for folder in ["B", "journal", "misc"] {
        fs::create_dir(storage.join(folder))?;
    }
    Ok(storage.to_owned())
}

/// The archive of dirstorage_backup, which brings its own empty folders.
fn unpack(worked: &Path, to: &Path) -> Result<PathBuf> {
    fs::create_dir(to)?;
    let archive = worked.join("backups/backup-1.tgz");
    Program::within(LIMIT, "tar").arg("-C").arg(to).arg("-xzpf").arg(archive).quiet()?;
    Ok(to.to_owned())
}
