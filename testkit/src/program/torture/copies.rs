//! Finds the copies that a script has made below its target, and judges each.
//!
//! A copy is a folder that contains `A/`, a copied `A/` itself, or a tar file with one of them. It is whole
//! if it contains every transaction committed before the run, and no partial ones.
#![allow(clippy::disallowed_methods, reason = "it starts tar, which knows every compression")]

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Ledger, MomentVerdict};

/// How many folders deep copies are looked for.
const MAX_DEPTH: usize = 8;
/// The file of `A/` that names the last transaction, in every format.
const LAST_TRANSACTION_FILES: [&str; 2] = ["x/serial", "x.serial"];
/// The folders of a storage that change during a snapshot.
const CHANGING_FOLDERS: [&str; 2] = ["B", "journal"];

/// What was found below a target. Only the best copy counts: the others may be of earlier runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Copies {
    /// No copy.
    None,
    /// A copy of `B/` without `A/`.
    OnlyB,
    /// A copy of `A/` that is not whole, and why.
    Flawed(Flaw),
    /// A whole copy, but with files of this folder of the storage, which changes during a snapshot.
    WithChanging(&'static str),
    /// A whole copy, without folders that change.
    Whole,
}

/// Why a copy is not whole, the worst flaw first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    /// It cannot be read.
    Unreadable(String),
    /// It has no last transaction, or files of different moments.
    Torn,
    /// It lacks the last transactions that were committed before the run.
    Old(usize),
}

/// What a good copy contains: the first `required` of these transactions at least.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) ledger: Ledger,
    pub(super) required: usize,
}

impl Expected {
    /// Looks for copies below a folder.
    pub(super) fn look_in(&self, folder: &Path) -> io::Result<Copies> {
        self.best_below(folder, MAX_DEPTH)
    }

    fn best_below(&self, folder: &Path, depth: usize) -> io::Result<Copies> {
        if let Some(found) = self.judge(folder)? {
            return Ok(found);
        }
        let mut best = Copies::None;
        for entry in fs::read_dir(folder)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            let found = match depth {
                0 => Copies::None,
                // A link leads to a copy that is found elsewhere.
                _ if kind.is_dir() => self.best_below(&path, depth - 1)?,
                _ if kind.is_file() && is_archive(&path) => self.unpack(&path, depth - 1)?,
                _ => Copies::None,
            };
            best = best.max(found);
        }
        Ok(best)
    }

    /// Judges a folder; `None` if it is no copy.
    fn judge(&self, folder: &Path) -> io::Result<Option<Copies>> {
        let within = folder.join("A");
        if is_folder(&within) {
            return Ok(Some(match self.flaw(&within) {
                Some(flaw) => Copies::Flawed(flaw),
                None => changing_in(folder)?.map_or(Copies::Whole, Copies::WithChanging),
            }));
        }
        if LAST_TRANSACTION_FILES.iter().any(|last| folder.join(last).is_file()) {
            return Ok(Some(self.flaw(folder).map_or(Copies::Whole, Copies::Flawed)));
        }
        Ok(is_folder(&folder.join("B")).then_some(Copies::OnlyB))
    }

    /// Returns why a copied `A/` is not whole; `None` if it is.
    fn flaw(&self, a: &Path) -> Option<Flaw> {
        match self.ledger.verify_moment(a) {
            Err(error) => Some(Flaw::Unreadable(error.to_string())),
            Ok(MomentVerdict::Whole(count)) if count >= self.required => None,
            Ok(MomentVerdict::Whole(count)) => Some(Flaw::Old(self.required - count)),
            Ok(MomentVerdict::Torn { .. } | MomentVerdict::NoMoment) => Some(Flaw::Torn),
        }
    }

    /// Judges what an archive contains.
    fn unpack(&self, archive: &Path, depth: usize) -> io::Result<Copies> {
        let folder = tempfile::tempdir()?;
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(folder.path()).arg("-xf").arg(archive);
        let output = tar.stdin(Stdio::null()).output()?;
        if output.status.success() {
            return self.best_below(folder.path(), depth);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("tar cannot unpack it")
            .to_owned();
        Ok(Copies::Flawed(Flaw::Unreadable(said)))
    }
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Tells whether a file has the name of a tar file: `.tar`, `.tar.gz`, `.tgz` and so on.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = ["tar", "tgz", "tbz", "tbz2", "txz", "tzst"];
    let compressions = ["gz", "bz2", "xz", "zst", "lzma", "lz4", "Z"];
    let Some((rest, ending)) = name.rsplit_once('.') else { return false };
    endings.contains(&ending) || (compressions.contains(&ending) && rest.ends_with(".tar"))
}

/// Returns a folder with files that was copied beside `A/` and changes during a snapshot.
fn changing_in(copy: &Path) -> io::Result<Option<&'static str>> {
    for name in CHANGING_FOLDERS {
        if is_folder(&copy.join(name)) && has_files(&copy.join(name))? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn has_files(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || has_files(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes a cell of the table.
impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no copy"),
            Self::OnlyB => f.write_str("only B/"),
            Self::Flawed(flaw) => write!(f, "{flaw}"),
            Self::WithChanging(folder) => write!(f, "whole, with {folder}/"),
            Self::Whole => f.write_str("whole"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(_) => f.write_str("damaged"),
            Self::Torn => f.write_str("incomplete"),
            Self::Old(count) => write!(f, "old, {count} missing"),
        }
    }
}

/// Returns the folder to restore to, below a folder for temporary files.
pub(super) fn restore_folder(folder: &Path) -> PathBuf {
    folder.join("restored")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fixture, State};

    /// Changes a whole copy, and returns what is found then.
    fn found(change: impl FnOnce(&Path)) -> Copies {
        let fixture = Fixture::builder().state(State::Clean).transactions(9).build().unwrap();
        let target = tempfile::tempdir().unwrap();
        let day = target.path().join("backups/monday");
        fs::create_dir_all(&day).unwrap();
        run("cp", &["-a".as_ref(), fixture.storage().a().as_ref(), day.as_ref()]);
        change(&day);
        let expected = Expected { ledger: fixture.ledger().clone(), required: 9 };
        expected.look_in(target.path()).unwrap()
    }

    fn run(program: &str, words: &[&std::ffi::OsStr]) {
        assert!(Command::new(program).args(words).status().unwrap().success());
    }

    /// Packs the copy into an archive beside it, and removes the copy.
    fn pack(day: &Path, name: &str) -> PathBuf {
        let archive = day.with_file_name(name);
        run("tar", &["-caf".as_ref(), archive.as_ref(), "-C".as_ref(), day.as_ref(), "A".as_ref()]);
        fs::remove_dir_all(day).unwrap();
        archive
    }

    #[test]
    fn a_copy_is_found_in_a_folder_as_a_bare_a_and_in_an_archive() {
        assert_eq!(found(|_| ()), Copies::Whole);
        assert_eq!(
            found(|day| fs::rename(day.join("A"), day.join("copy")).unwrap()),
            Copies::Whole
        );
        for name in ["day.tar", "day.tgz", "day.tar.gz"] {
            assert_eq!(found(|day| drop(pack(day, name))), Copies::Whole, "{name}");
        }
        assert_eq!(found(|day| drop(pack(day, "day.tar.part"))), Copies::None);
        assert_eq!(found(|day| fs::remove_dir_all(day).unwrap()), Copies::None);
    }

    #[test]
    fn an_archive_that_ends_too_soon_is_damaged() {
        let cut = |day: &Path, name: &str| {
            let archive = pack(day, name);
            let content = fs::read(&archive).unwrap();
            fs::write(archive, &content[..content.len() / 2]).unwrap();
        };
        let damaged = found(|day| cut(day, "day.tgz"));
        assert!(matches!(damaged, Copies::Flawed(Flaw::Unreadable(_))), "{damaged}");
        // tar takes the end of a file for the end of an archive that is not compressed.
        assert_eq!(found(|day| cut(day, "day.tar")), Copies::Flawed(Flaw::Torn));
    }

    #[test]
    fn a_copy_that_lacks_a_file_is_torn_and_a_whole_one_beside_it_counts() {
        let tear = |day: &Path| fs::remove_file(day.join("A/x/oid")).unwrap();
        assert_eq!(found(tear), Copies::Flawed(Flaw::Torn));
        let both = |day: &Path| {
            let second = day.with_file_name("tuesday");
            run("cp", &["-a".as_ref(), day.as_ref(), second.as_ref()]);
            tear(day);
        };
        assert_eq!(found(both), Copies::Whole);
    }

    #[test]
    fn a_whole_copy_of_an_earlier_state_is_old() {
        let fixture = Fixture::builder().state(State::InSnapshot).build().unwrap();
        let required = fixture.ledger().transactions().len();
        let expected = Expected { ledger: fixture.ledger().clone(), required };
        let old = Copies::Flawed(Flaw::Old(required - fixture.in_a()));
        // The storage itself looks like a copy with everything in it.
        assert_eq!(expected.look_in(fixture.path()).unwrap(), old);
        let expected = Expected { required: fixture.in_a(), ..expected };
        assert_eq!(expected.look_in(fixture.path()).unwrap(), Copies::WithChanging("B"));
    }

    #[test]
    fn a_copy_of_b_is_no_copy_of_a() {
        let rename = |day: &Path| fs::rename(day.join("A"), day.join("B")).unwrap();
        assert_eq!(found(rename), Copies::OnlyB);
    }
}
